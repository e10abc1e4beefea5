"""Figures as text: what was measured, how it compares, and what is not decided."""
from collections.abc import Callable

import roofline
from engines import Engine
from figures import Figure, Figures, fastest_other, ours, ratio
from tasks import CLASSIFY

GROUPS = {"float": "f32 and f16", "int8": "int8"}


def number(value: float) -> str:
    """Three digits that count, or all before the point."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def lines(figures: Figures, engines: list[Engine], columns: list[str], cell: Callable[[Figure], str]) -> list[str]:
    """Engines down, workloads across."""
    def text(engine: Engine, workload: str) -> str:
        figure = figures.get(engine, workload)
        if figure:
            return cell(figure)
        return "refused" if (engine.name, workload) in figures.refused else ""

    return [f"{engine.title:<14}" + "".join(f"{text(engine, name):>9}" for name in columns) for engine in engines]


def group(figures: Figures, name: str, rounds: int) -> str:
    """The tables of one group of precisions."""
    engines = figures.engines(name)
    times = [workload for workload in figures.workloads if workload in {*figures.timed(), "load", "texts"}]
    columns = [*times, *(["memory"] if "memory" in figures.workloads else [])]
    threads = f"{figures.threads} thread{'s' * (figures.threads > 1)}"
    header = f"{'':<14}" + "".join(f"{name:>9}" for name in columns)
    s = "s" * (rounds > 1)
    task = "" if figures.task == CLASSIFY else f"{figures.task}, "
    out = [f"{task}{GROUPS[name]}, {threads}: fastest run in ms, the median of {rounds} round{s}; memory in MiB",
           header, *lines(figures, engines, columns, lambda figure: number(figure.value))]
    ratios = [fastest_other(figures, name, workload) for workload in times]
    cells = (f"{found.value:.2f}{'?' * bool(found.verdict)}" if found else "" for found in ratios)
    out.append(f"{'other/nimbert':<14}" + "".join(f"{cell:>9}" for cell in cells))
    out += ["", "median run in ms", header, *lines(figures, engines, times, lambda figure: number(figure.typical))]
    if rounds > 1:
        out += ["", "spread between rounds", header,
                *lines(figures, engines, columns, lambda figure: f"{figure.spread:.0%}")]
    return "\n".join(out)


def undecided(figures: Figures) -> list[str]:
    """Every ratio that the rounds leave open, and why."""
    out = []
    for name in GROUPS:
        for engine in (engine for engine in figures.engines(name) if not engine.ours):
            for workload in [*figures.timed(), "texts"]:
                found = ratio(figures, engine, ours(name), workload)
                if found and found.verdict:
                    out.append(f"{workload:>7} {engine.name:<17} {found.verdict}")
    return out


def refusals(figures: Figures) -> list[str]:
    """Why there is no figure: once for each engine and reason."""
    reasons = {(name, note): workload for (name, workload), note in figures.refused.items()}
    return [f"{name:<17} {note}" for name, note in reasons]


def report(figures: Figures, rounds: int) -> str:
    """All of it."""
    parts = [group(figures, name, rounds) for name in GROUPS if figures.engines(name)]
    parts.append("other/nimbert: the fastest other engine's time over nimbert's in f32 or int8; above 1 it is slower,\n"
                 "? is not decided. load is from file to ready, libraries loaded; memory is the process's peak.")
    if limits := roofline.text(figures):
        parts.append(limits)
    if refused := refusals(figures):
        parts.append("Refused:\n" + "\n".join(refused))
    if rounds < 2:
        parts.append("WARNING: one round alone has no spread, so no ratio is decided. --rounds 3 tells more.")
    elif open_ones := undecided(figures):
        parts.append("WARNING: the rounds are too far apart to decide these (nimbert at its own f32 or int8):\n"
                     + "\n".join(open_ones))
    return "\n\n".join(parts)
