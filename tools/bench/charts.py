"""Draws the charts of a record, in the environment that has matplotlib:  python charts.py FILE.csv DIR [CHART ...]"""
import math
import re
import sys
from dataclasses import dataclass
from pathlib import Path

import matplotlib.pyplot as plt
from matplotlib.axes import Axes

import roofline
import style
from engines import BASELINE, BY_NAME, Engine
from figures import Figures, ratio
from record import read
from style import Theme
from table import GROUPS, number
from tasks import CLASSIFY
from workloads import Shape


@dataclass(frozen=True)
class Chart:
    """What a drawing function gets."""

    figures: Figures
    about: dict[str, str]
    theme: Theme

    @property
    def groups(self) -> list[str]:
        return [name for name in GROUPS if self.figures.engines(name)]

    def said(self, key: str) -> str:
        """What the record says of its run."""
        if key not in self.about:
            raise ValueError(f"the record has no line '# {key}: ...' before its rows")
        return self.about[key]

    def count(self, key: str, pattern: str) -> int:
        """A number that the record says of its run."""
        if found := re.fullmatch(pattern, self.said(key)):
            return int(found[1])
        raise ValueError(f"the record's line '# {key}: {self.said(key)}' is not as this tool writes it")

    def note(self, figure, text: str, family: str = "") -> None:
        """The note of every chart: how it was measured, and what is not in it of all engines or of one family."""
        threads = f"{self.figures.threads} thread{'s' * (self.figures.threads > 1)}"
        how = f"{text}\n{self.said('model')}; {threads} of {self.said('cpu')}, {self.said('date')[:10]}"
        if refused := sorted({name for name, workload in self.figures.refused
                                 if workload != "texts" and name.startswith(family)}):
            how += f"; refused, wholly or in part: {', '.join(refused)}"
        style.note(figure, self.theme, how)


def title(workload: str) -> str:
    """A shape as people write it."""
    return workload if workload in ("mixed", "texts") else workload.replace("x", " × ")


def length(workload: str) -> int | None:
    """Tokens of a single text's workload."""
    return int(workload[2:]) if workload.startswith("1x") else None


def mark(chart: Chart, engine: Engine) -> dict:
    """Colour, marker and weight of an engine in lines and dots."""
    hollow = {"markerfacecolor": "none"} if engine.precision == "f16" else {}
    return {**hollow, "color": style.colour(chart.theme, engine), "marker": style.MARKERS[engine.family],
            "markersize": 5, "linewidth": 2.4 if engine.ours else 1.3, "zorder": 4 if engine.ours else 3,
            "linestyle": (0, (2, 1.5)) if engine.precision == "f16" else "-"}


def labels(chart: Chart, axes: Axes, ends: list[tuple[Engine, int, float]]) -> None:
    """Each line's name and last value at its right end, in its colour."""
    low, high = map(math.log, axes.get_ylim())
    places = style.apart([math.log(value) for _, _, value in ends], (high - low) * 0.055)
    for (engine, x, value), place in zip(ends, places):
        axes.annotate(f"{engine.title}  {number(value)}", (x, value), (1.06, (place - low) / (high - low)),
                      textcoords="axes fraction", fontsize=9, color=style.colour(chart.theme, engine), va="center",
                      fontweight="bold" if engine.ours else "normal", annotation_clip=False,
                      arrowprops={"arrowstyle": "-", "color": style.colour(chart.theme, engine), "linewidth": 0.6,
                                  "relpos": (0, 0.5), "shrinkA": 2, "shrinkB": 3})


def latency(chart: Chart) -> plt.Figure | None:
    """One text: milliseconds by length."""
    names = [name for name in chart.figures.timed() if length(name)]
    if len(names) < 2:
        return None
    figure, all_axes = plt.subplots(1, len(chart.groups), figsize=(10, 4.6), sharey=True, squeeze=False)
    ends = [[] for _ in chart.groups]
    for axes, group, group_ends in zip(all_axes[0], chart.groups, ends):
        for engine in chart.figures.engines(group):
            points = [(length(name), figure_.value) for name in names if (figure_ := chart.figures.get(engine, name))]
            if points:
                axes.plot(*zip(*points), **mark(chart, engine))
                group_ends.append((engine, *points[-1]))
        axes.set(xscale="log", yscale="log", title=GROUPS[group], xlabel="tokens of a text")
        style.logarithmic(axes.xaxis, [length(name) for name in names])
    low, high = all_axes[0][0].get_ylim()
    for axes, group_ends in zip(all_axes[0], ends):
        axes.set_ylim(low, high * 1.6)
        style.logarithmic(axes.yaxis, style.ticks_between(low, high * 1.6))
        labels(chart, axes, group_ends)
    all_axes[0][0].set_ylabel("milliseconds, both axes logarithmic")
    figure.subplots_adjust(left=0.065, right=0.84, top=0.93, bottom=0.21, wspace=0.62)
    chart.note(figure, "whole forwards from token ids to logits, of one text; at the right the time of the longest")
    return figure


def bars(chart: Chart, axes: Axes, heading: str, values: dict[Engine, float | None], best_is_least: bool) -> None:
    """Horizontal bars from best to worst, values beside them, then what was refused."""
    order = sorted((engine for engine, value in values.items() if value is not None), key=values.get,
                   reverse=not best_is_least)
    order += [engine for engine, value in values.items() if value is None]
    widest = max((value for value in values.values() if value is not None), default=1)
    for place, engine in enumerate(order):
        value, bold = values[engine], "bold" if engine.ours else "normal"
        axes.barh(place, value or 0, 0.7, color=style.colour(chart.theme, engine), alpha=1 if engine.ours else 0.75)
        axes.text((value or 0) + widest * 0.02, place, "refused" if value is None else number(value), va="center",
                  fontweight=bold, color=chart.theme.faint if value is None else chart.theme.text)
    axes.set_title(heading)
    names = [f"{engine.title} {engine.precision}".replace("f16 f16", "f16") for engine in order]
    axes.set_yticks(range(len(order)), names)
    for tick, engine in zip(axes.get_yticklabels(), order):
        tick.set(color=chart.theme.text, fontweight="bold" if engine.ours else "normal")
    axes.set(xlim=(0, widest * 1.22), ylim=(max(len(order), 8) - 0.5, -0.5))
    style.bare(axes)


def rates(chart: Chart, workload: str) -> dict[Engine, float | None]:
    """Tokens or texts a second of all that were asked; None where an engine refused."""
    if workload == "texts":
        amount = chart.count("texts", r"(\d+)")
    elif workload == "mixed":
        amount = chart.count("mixed", r"\d+ texts, (\d+) tokens, .*")
    else:
        shape = Shape.parse(workload)
        amount = shape.texts * shape.tokens
    found = {}
    for engine in chart.figures.engines():
        if figure := chart.figures.get(engine, workload):
            found[engine] = amount / figure.value * 1e3
        elif (engine.name, workload) in chart.figures.refused:
            found[engine] = None
    return found


def throughput(chart: Chart) -> plt.Figure | None:
    """Batches: tokens a second, and texts a second from text."""
    titles = {name: f"{title(name)}: tokens/s" for name in chart.figures.timed()
              if name not in ("mixed", "question") and not length(name)}
    titles |= {"mixed": "mixed lengths: tokens/s", "texts": "from text: texts/s"}
    columns = [name for name in titles if name in chart.figures.workloads][-3:]
    if not columns:
        return None
    figure, all_axes = plt.subplots(1, len(columns), figsize=(4 * len(columns), 4.6), squeeze=False)
    for axes, name in zip(all_axes[0], columns):
        bars(chart, axes, titles[name], rates(chart, name), best_is_least=False)
    figure.subplots_adjust(left=0.4 / len(columns), right=0.99, top=0.93, bottom=0.13, wspace=0.62)
    chart.note(figure, f"mixed: {chart.said('mixed')} for the others, which get them sorted; nimbert gets them as "
               "they come, 32 at once; padding does not count")
    return figure


def speedup(chart: Chart) -> plt.Figure | None:
    """How many times faster than PyTorch in f32; the line is the range over the rounds."""
    names = [name for name in chart.figures.timed() if chart.figures.get(BASELINE, name)]
    if not names:
        return None
    height = 1.9 + 0.36 * len(names)
    figure, all_axes = plt.subplots(1, len(chart.groups), figsize=(10, height), sharey=True, squeeze=False)
    for axes, group in zip(all_axes[0], chart.groups):
        # PyTorch's time over each engine's.
        drawn = {(engine, place): found for engine in chart.figures.engines(group) for place, name in enumerate(names)
                 if (found := ratio(chart.figures, BY_NAME[BASELINE], engine.name, name))}
        for (engine, place), found in drawn.items():
            look = {**mark(chart, engine), "linestyle": "none"}
            first = place == min(other for each, other in drawn if each == engine)
            axes.plot([found.low, found.high], [place, place], color=look["color"], linewidth=1.5, zorder=2)
            axes.plot(found.value, place, **look, label=engine.title if first else None)
            if engine.ours and engine.precision != "f16":
                right = max(other.high for (each, row), other in drawn.items() if each.ours and row == place)
                axes.annotate(f"{found.value:.1f}", (right, place), (7, 0), textcoords="offset points", va="center",
                              color=look["color"], fontweight="bold")
        low = min([0.6, *(found.low / 1.1 for found in drawn.values())])
        high = 1.5 * max([1.0, *(found.high for found in drawn.values())])
        axes.axvline(1, color=chart.theme.faint, linewidth=1)
        axes.set(xscale="log", title=GROUPS[group], xlim=(low, high))
        style.logarithmic(axes.xaxis, style.ticks_between(low, high))
        if drawn:
            axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.24 / (height - 1.75)), ncols=4, handletextpad=0.2,
                        columnspacing=1.0, fontsize=9)
    all_axes[0][0].set_yticks(range(len(names)), [title(name) for name in names], color=chart.theme.text)
    all_axes[0][0].invert_yaxis()
    figure.subplots_adjust(left=0.075, right=0.985, top=1 - 0.35 / height, bottom=1.4 / height, wspace=0.08)
    chart.note(figure, "times as fast as PyTorch eager in f32, the line at 1; texts × tokens; bars span the rounds; "
               "numbers are nimbert's in f32 and int8")
    return figure


def memory(chart: Chart) -> plt.Figure | None:
    """Peak memory, and from file to ready."""
    figure, all_axes = plt.subplots(1, 2, figsize=(10, 4.6))
    headings = {"memory": "peak memory of the process, MiB", "load": "load, ms"}
    for axes, (name, heading) in zip(all_axes, headings.items()):
        found = {engine: chart.figures.get(engine, name) for engine in chart.figures.engines()}
        bars(chart, axes, heading, {engine: each and each.value for engine, each in found.items()}, best_is_least=True)
    figure.subplots_adjust(left=0.15, right=0.99, top=0.93, bottom=0.13, wspace=0.36)
    chart.note(figure, "load: from a file in the system's cache to ready, libraries loaded; memory: with Python and "
               "its libraries, of engines that have them")
    return figure


CHARTS = {"latency": latency, "throughput": throughput, "speedup": speedup, "memory": memory,
          "roofline": lambda chart: roofline.draw(chart.figures, chart.theme, chart.note)}


def draw(record: Path, output: Path, names: list[str]) -> None:
    """These charts, or all, for each number of threads."""
    about, rows = read(record)
    if not any(row.task == CLASSIFY for row in rows):
        raise ValueError("no logits were measured: charts are of these")
    for threads in dict.fromkeys(row.threads for row in rows):
        figures = Figures(rows, threads)
        for name in names or CHARTS:
            for theme in (style.LIGHT, style.DARK):
                with style.themed(theme):
                    figure = CHARTS[name](Chart(figures, about, theme))
                    if figure is None:
                        continue
                    path = output / f"{name}-{threads}-thread{'s' * (threads > 1)}{theme.suffix}.svg"
                    style.save(figure, path)
                    print(path)


def main() -> None:
    record, output, *names = sys.argv[1:]
    try:
        draw(Path(record), Path(output), names)
    except OSError as error:
        sys.exit(f"charts.py: {error.filename or output}: {error.strerror}")
    except ValueError as error:
        sys.exit(f"charts.py: {record}: {error}")


if __name__ == "__main__":
    main()
