"""nimbert beside what the machine allows: operations a second against operations for each byte of weights.

At few tokens a forward is bound by reading the weights: the slope. At many it is bound by arithmetic: the flat part.
The limits are those that `nimbert bench` measures when it starts.
"""
from dataclasses import dataclass

from engines import Engine
from figures import Figures


@dataclass(frozen=True)
class Limits:
    """What the machine allows at a precision: GOP/s of matrix products and of attention, GB/s of weights."""

    matmul: float
    attention: float
    reading: float


@dataclass(frozen=True)
class Point:
    """A workload: what was reached, and what could be."""

    workload: str
    gops: float
    gbps: float
    # Operations for each byte of weights.
    intensity: float
    # GOP/s that the limits allow for this mix of matrix products and attention.
    allowed: float

    @property
    def of_limit(self) -> float:
        return self.gops / self.allowed


def limits(figures: Figures, engine: Engine) -> Limits | None:
    """The medians of the rounds' measurements."""
    found = [figures.get(engine, f"{name} limit") for name in ("matmul", "attention", "reading")]
    return Limits(*(each.value for each in found)) if all(found) else None


def points(figures: Figures, engine: Engine) -> list[Point]:
    """All workloads of ids that nimbert told the work of."""
    bounds, out = limits(figures, engine), []
    for workload in figures.timed() if bounds else []:
        figure, work = figures.get(engine, workload), figures.work.get((engine.name, workload))
        if figure is None or work is None:
            continue
        matmul, attention, gigabytes = work.matmul_gop, work.attention_gop, work.weights_mb / 1e3
        seconds = max(matmul / bounds.matmul + attention / bounds.attention, gigabytes / bounds.reading)
        operations, taken = matmul + attention, figure.value / 1e3
        out.append(Point(workload, operations / taken, gigabytes / taken, operations / gigabytes, operations / seconds))
    return out


def text(figures: Figures) -> str:
    """A table: nothing where nimbert was not measured."""
    out = []
    for engine in (engine for engine in figures.engines() if engine.ours):
        bounds = limits(figures, engine)
        if bounds is None:
            continue
        out.append(f"{engine.name}: the machine allows {bounds.matmul:.0f} GOP/s in matmuls, {bounds.attention:.0f} in "
                   f"attention, {bounds.reading:.1f} GB/s of weights\n{'':<9}{'GOP/s':>9}{'GB/s':>9}{'of limit':>10}")
        out += [f"{point.workload:<9}{point.gops:>9.0f}{point.gbps:>9.1f}{point.of_limit:>10.0%}"
                for point in points(figures, engine)]
    return "\n".join(out)


def draw(figures: Figures, theme, note):
    """A panel for each precision."""
    import matplotlib.pyplot as plt

    import style

    engines = [engine for engine in figures.engines() if points(figures, engine)]
    if not engines:
        return None
    figure, all_axes = plt.subplots(1, len(engines), figsize=(1.2 + 3.1 * len(engines), 4.6), sharey=True, sharex=True,
                                    squeeze=False)
    everything = [point for engine in engines for point in points(figures, engine)]
    low, high = (edge(point.intensity for point in everything) for edge in (min, max))
    floor = min(point.gops for point in everything) / 2
    top = max(limits(figures, engine).matmul for engine in engines) * 1.6
    for axes, engine in zip(all_axes[0], engines):
        bounds, colour = limits(figures, engine), style.colour(theme, engine)
        knee = bounds.matmul / bounds.reading
        axes.plot([low / 2, knee, high * 2], [low / 2 * bounds.reading, bounds.matmul, bounds.matmul],
                  color=theme.faint, linewidth=1.6)
        axes.text(high * 1.8, bounds.matmul * 1.07, f"{bounds.matmul:.0f} GOP/s", ha="right", color=theme.faint)
        axes.text(max(low / 2, floor / bounds.reading) * 1.25, floor * 1.06, f"{bounds.reading:.1f} GB/s",
                  color=theme.faint)
        for point in points(figures, engine):
            axes.plot([point.intensity] * 2, [point.gops, point.allowed], color=colour, linewidth=0.8)
            axes.plot(point.intensity, point.allowed, marker="_", color=theme.text, markersize=7)
            axes.plot(point.intensity, point.gops, marker="o", color=colour, markersize=5)
            axes.annotate(f"{point.workload} {point.of_limit:.0%}", (point.intensity, point.gops), (1, -5),
                          textcoords="offset points", fontsize=8, va="top", rotation=-55, rotation_mode="anchor")
        axes.set(xscale="log", yscale="log", title=engine.precision, xlim=(low / 2, high * 2), ylim=(floor, top),
                 xlabel="operations a byte of weights")
        style.logarithmic(axes.xaxis, [10, 100, 1000, 10000])
        style.logarithmic(axes.yaxis, style.ticks_between(floor, top))
    all_axes[0][0].set_ylabel("GOP/s, both axes logarithmic")
    figure.subplots_adjust(left=0.075, right=0.985, top=0.93, bottom=0.21, wspace=0.06)
    note(figure, "dots: nimbert's fastest runs; dashes: what the machine's measured limits allow; per cent: of that",
         "nimbert")
    return figure
