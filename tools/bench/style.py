"""How all charts look: two themes for two backgrounds, a colour and a marker for each engine, text as text."""
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import matplotlib

matplotlib.use("svg")
import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, NullLocator

from engines import Engine


@dataclass(frozen=True)
class Theme:
    """Colours for one background, which itself is left transparent."""

    suffix: str
    text: str
    faint: str
    grid: str
    # By family: told apart by the colour-blind too, and by their markers.
    colours: dict[str, str]


LIGHT = Theme("", "#24292f", "#57606a", "#d8dee4", {
    "nimbert": "#c2410c", "pytorch": "#0b63b5", "compile": "#3f9be0", "onnxruntime": "#08795a", "openvino": "#a2347f",
    "ctranslate2": "#8a6a00", "candle": "#6e7781"})
DARK = Theme("-dark", "#e6edf3", "#9da7b3", "#30363d", {
    "nimbert": "#ff8c4b", "pytorch": "#4f9fee", "compile": "#9bd0ff", "onnxruntime": "#2fc79a", "openvino": "#ea8cc8",
    "ctranslate2": "#dcb53c", "candle": "#9da7b3"})
MARKERS = {"nimbert": "o", "pytorch": "s", "compile": "D", "onnxruntime": "^", "openvino": "v", "ctranslate2": "P",
           "candle": "X"}

SETTINGS = {
    "svg.fonttype": "none", "svg.hashsalt": "nimbert", "font.family": "sans-serif", "font.size": 10,
    "axes.spines.top": False, "axes.spines.right": False, "axes.titlesize": 11, "axes.titleweight": "bold",
    "axes.titlelocation": "left", "axes.grid": True, "axes.axisbelow": True, "axes.linewidth": 0.7,
    "grid.linewidth": 0.7, "legend.frameon": False, "xtick.major.size": 0, "ytick.major.size": 0,
}


@contextmanager
def themed(theme: Theme) -> Iterator[None]:
    """Everything that is drawn inside has the theme's colours."""
    colours = {"text.color": theme.text, "axes.labelcolor": theme.faint, "axes.titlecolor": theme.text,
               "xtick.color": theme.faint, "ytick.color": theme.faint, "axes.edgecolor": theme.grid,
               "grid.color": theme.grid, "figure.facecolor": "none", "axes.facecolor": "none",
               "savefig.facecolor": "none"}
    with plt.rc_context(SETTINGS | colours):
        yield


def colour(theme: Theme, engine: Engine) -> str:
    return theme.colours[engine.family]


def save(figure: Figure, path: Path) -> None:
    """The same bytes each time: no date, and ids from a fixed salt."""
    figure.savefig(path, format="svg", metadata={"Date": None, "Creator": None})
    plt.close(figure)


def plain(value: float, _=None) -> str:
    """A number as people write it: 0.5, 12, 1,600."""
    return f"{value:,.0f}" if value >= 10 or value == int(value) else f"{value:g}"


def logarithmic(axis, ticks: list[float]) -> None:
    """A logarithmic axis with these ticks alone, written plainly."""
    axis.set_ticks(ticks)
    axis.set_major_formatter(FuncFormatter(plain))
    axis.set_minor_locator(NullLocator())


def ticks_between(low: float, high: float) -> list[float]:
    """1, 2, 5, 10, ... as far as they lie between."""
    ticks = (digit * 10.0**power for power in range(-3, 7) for digit in (1, 2, 5))
    return [tick for tick in ticks if low <= tick <= high]


def apart(places: list[float], gap: float) -> list[float]:
    """The places, moved as little as need be so that neighbours are `gap` apart: where labels go."""
    order = sorted(range(len(places)), key=places.__getitem__)
    groups: list[tuple[float, int]] = []  # centre and size, from low to high
    for index in order:
        groups.append((places[index], 1))
        while len(groups) > 1 and groups[-1][0] - groups[-2][0] < gap * (groups[-1][1] + groups[-2][1]) / 2:
            (a, m), (b, n) = groups[-2:]
            groups[-2:] = [((a * m + b * n) / (m + n), m + n)]
    moved = [centre + gap * (place - (size - 1) / 2) for centre, size in groups for place in range(size)]
    return [moved[order.index(index)] for index in range(len(places))]


def note(figure: Figure, theme: Theme, text: str) -> None:
    """What has to be known beside the chart, below it."""
    figure.text(0.01, 0.012, text, fontsize=8, color=theme.faint, va="bottom")


def bare(axes: Axes) -> None:
    """Without frame, ticks and grid: for bars whose values are written beside them."""
    axes.grid(False)
    axes.set_xticks([])
    axes.spines[["bottom", "left"]].set_visible(False)
