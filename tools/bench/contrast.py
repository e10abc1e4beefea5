"""What becomes of nimbert's lead from logits to vectors, of which it has to compute all rows in the last layer, too."""
import statistics
from dataclasses import dataclass

from engines import Engine
from figures import Figures, ours, ratios_by_round
from table import GROUPS

WIDTH = 34


@dataclass(frozen=True)
class Contrast:
    """How many times as long another engine takes as nimbert, for logits and for vectors: of the rounds with both."""

    other: Engine
    workload: str
    classify: dict[int, float]
    embed: dict[int, float]

    @property
    def kept(self) -> list[float]:
        """The second over the first, by round: below 1 the lead is smaller."""
        return [self.embed[each] / self.classify[each] for each in self.classify]

    def lines(self) -> tuple[str, str, str]:
        medians = (statistics.median(values) for values in (self.classify.values(), self.embed.values(), self.kept))
        return tuple(f"{value:.2f}" for value in medians)


def contrast(classify: Figures, embed: Figures, other: Engine, group: str, workload: str) -> Contrast | None:
    """Of one cell of the tables."""
    one, two = (ratios_by_round(figures, other, ours(group), workload) for figures in (classify, embed))
    both = [each for each in one if each in two]
    if not both:
        return None
    return Contrast(other, workload, {each: one[each] for each in both}, {each: two[each] for each in both})


def group(classify: Figures, embed: Figures, name: str) -> str:
    """Every other engine of a group of precisions down, workloads across; nothing where there are none."""
    columns = [workload for workload in classify.timed() if workload in embed.timed()]
    out, found = [], []
    for engine in (engine for engine in classify.engines(name) if not engine.ours):
        row = [contrast(classify, embed, engine, name, workload) for workload in columns]
        if not any(row):
            continue
        found += filter(None, row)
        cells = zip(*(each.lines() if each else ("", "", "") for each in row))
        titles = (f"{engine.title:<14} {classify.task}", f"{'':<14} {embed.task}", f"{'':<14} {embed.task}/classify")
        out += [f"{title:<{WIDTH}}" + "".join(f"{cell:>9}" for cell in line) for title, line in zip(titles, cells)]
    if not found:
        return ""
    least = min(found, key=lambda each: statistics.median(each.kept))
    # nimbert's f16 is beside nothing.
    precision = ours(name).rsplit("-", 1)[1]
    threads = f"{classify.threads} thread{'s' * (classify.threads > 1)}"
    return "\n".join([
        f"{embed.task} beside {classify.task}, {precision}, {threads}: the other's time over nimbert's, the median of "
        "the rounds", f"{'':<{WIDTH}}" + "".join(f"{column:>9}" for column in columns), *out,
        f"least {embed.task}/classify: {statistics.median(least.kept):.2f} at {least.workload} beside "
        f"{least.other.name}, {min(least.kept):.2f} to {max(least.kept):.2f} by round"])


def report(classify: Figures, embed: Figures) -> str:
    """All groups."""
    return "\n\n".join(filter(None, (group(classify, embed, name) for name in GROUPS)))
