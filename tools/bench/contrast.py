"""What becomes of nimbert's lead from a text's logits to another task, for which it has to compute all rows in the last
layer, too."""
import statistics
from dataclasses import dataclass

from engines import Engine
from figures import Figures, ours, ratios_by_round
from table import GROUPS

WIDTH = 34


@dataclass(frozen=True)
class Contrast:
    """How many times as long another engine takes as nimbert, for a text's logits and for a task: of the rounds with
    both."""

    other: Engine
    workload: str
    classify: dict[int, float]
    task: dict[int, float]

    @property
    def kept(self) -> list[float]:
        """The second over the first, by round: below 1 the lead is smaller."""
        return [self.task[each] / self.classify[each] for each in self.classify]

    def lines(self) -> tuple[str, str, str]:
        medians = (statistics.median(values) for values in (self.classify.values(), self.task.values(), self.kept))
        return tuple(f"{value:.2f}" for value in medians)


def contrast(classify: Figures, task: Figures, other: Engine, group: str, workload: str) -> Contrast | None:
    """Of one cell of the tables."""
    one, two = (ratios_by_round(figures, other, ours(group), workload) for figures in (classify, task))
    both = [each for each in one if each in two]
    if not both:
        return None
    return Contrast(other, workload, {each: one[each] for each in both}, {each: two[each] for each in both})


def group(classify: Figures, task: Figures, name: str) -> str:
    """Every other engine of a group of precisions down, workloads across; nothing where there are none."""
    columns = [workload for workload in classify.timed() if workload in task.timed()]
    out, found = [], []
    for engine in (engine for engine in classify.engines(name) if not engine.ours):
        row = [contrast(classify, task, engine, name, workload) for workload in columns]
        if not any(row):
            continue
        found += filter(None, row)
        cells = zip(*(each.lines() if each else ("", "", "") for each in row))
        titles = (f"{engine.title:<14} {classify.task}", f"{'':<14} {task.task}", f"{'':<14} {task.task}/classify")
        out += [f"{title:<{WIDTH}}" + "".join(f"{cell:>9}" for cell in line) for title, line in zip(titles, cells)]
    if not found:
        return ""
    least = min(found, key=lambda each: statistics.median(each.kept))
    # nimbert's f16 is beside nothing.
    precision = ours(name).rsplit("-", 1)[1]
    threads = f"{classify.threads} thread{'s' * (classify.threads > 1)}"
    return "\n".join([
        f"{task.task} beside {classify.task}, {precision}, {threads}: the other's time over nimbert's, the median of "
        "the rounds", f"{'':<{WIDTH}}" + "".join(f"{column:>9}" for column in columns), *out,
        f"least {task.task}/classify: {statistics.median(least.kept):.2f} at {least.workload} beside "
        f"{least.other.name}, {min(least.kept):.2f} to {max(least.kept):.2f} by round"])


def report(classify: Figures, task: Figures) -> str:
    """All groups."""
    return "\n\n".join(filter(None, (group(classify, task, name) for name in GROUPS)))
