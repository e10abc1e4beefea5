"""From runs to figures: what a round gives, what the rounds give together, and what may be concluded from them."""
import statistics
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from engines import BY_NAME, Engine
from record import Row
from tasks import CLASSIFY, Task

# Two rounds' ratios that lie further apart than this leave open how much faster an engine is.
WIDE = 1.10


def summary(runs: list[float]) -> dict[str, float]:
    """Of one round. The 99th percentile is the run that 99 of 100 are not slower than."""
    ordered = sorted(runs)
    return {"runs": len(ordered), "min": ordered[0], "median": statistics.median(ordered),
            "p99": ordered[-(-len(ordered) * 99 // 100) - 1]}


@dataclass(frozen=True)
class Figure:
    """A workload of an engine over all rounds."""

    unit: str
    # The fastest run of each round, by round.
    by_round: dict[int, float]
    # The median of the rounds' medians.
    typical: float

    @property
    def value(self) -> float:
        """What tables and charts show: the median of the rounds' fastest runs."""
        return statistics.median(self.by_round.values())

    @property
    def fastest(self) -> float:
        return min(self.by_round.values())

    @property
    def spread(self) -> float:
        """How far apart the rounds are, as a share of the value."""
        return (max(self.by_round.values()) - self.fastest) / self.value


class Figures:
    """All that was measured of one task on one number of threads. Workloads go by their names without the task."""

    def __init__(self, rows: Iterable[Row], threads: int, task: Task = CLASSIFY):
        self.threads, self.task = threads, task
        self.refused: dict[tuple[str, str], str] = {}
        self.workloads: list[str] = []
        # A row of each workload that nimbert told the work of: operations and bytes are the same in all rounds.
        self.work: dict[tuple[str, str], Row] = {}
        kept = defaultdict(list)
        for row in (row for row in rows if row.threads == threads and row.task == task):
            key = (row.name, row.subject)
            if row.subject not in self.workloads:
                self.workloads.append(row.subject)
            if row.runs:
                kept[key].append(row)
                if row.weights_mb:
                    self.work[key] = row
            else:
                self.refused[key] = row.note
        self._figures = {key: Figure(rows[0].unit, {row.round: row.min for row in rows},
                                     statistics.median(row.median for row in rows)) for key, rows in kept.items()}

    def get(self, engine: Engine | str, workload: str) -> Figure | None:
        return self._figures.get((engine if isinstance(engine, str) else engine.name, workload))

    def engines(self, group: str | None = None) -> list[Engine]:
        """Those with a figure or a refusal, in the order of engines.py."""
        names = {name for name, _ in [*self._figures, *self.refused]}
        return [engine for engine in BY_NAME.values() if engine.name in names and group in (None, engine.group)]

    def timed(self) -> list[str]:
        """The workloads of ids."""
        return [name for name in self.workloads if "x" in name and name[0].isdigit() or name in ("mixed", "question")]


@dataclass(frozen=True)
class Ratio:
    """How many times as long another engine takes, by round: engines of one round ran close to each other in time."""

    other: Engine
    workload: str
    value: float
    low: float
    high: float
    rounds: int

    @property
    def verdict(self) -> str:
        """What is not decided; nothing where all is."""
        between = f"{self.low:.2f} to {self.high:.2f} times nimbert's time"
        if self.rounds < 2:
            return "one round alone decides nothing"
        if self.low <= 1 <= self.high:
            return f"undecided which is faster: {between}"
        if self.high / self.low > WIDE:
            return f"{'nimbert' if self.low > 1 else self.other.title} is faster, undecided by how much: {between}"
        return ""


def ratios_by_round(figures: Figures, other: Engine, ours: str, workload: str) -> dict[int, float]:
    """Of the rounds that both have."""
    theirs, own = figures.get(other, workload), figures.get(ours, workload)
    if theirs is None or own is None:
        return {}
    both = sorted(theirs.by_round.keys() & own.by_round.keys())
    return {each: theirs.by_round[each] / own.by_round[each] for each in both}


def ratio(figures: Figures, other: Engine, ours: str, workload: str) -> Ratio | None:
    """Of all their rounds, where there are any."""
    ratios = list(ratios_by_round(figures, other, ours, workload).values())
    if not ratios:
        return None
    return Ratio(other, workload, statistics.median(ratios), min(ratios), max(ratios), len(ratios))


def ours(group: str) -> str:
    """nimbert at a group's own precision."""
    return "nimbert-int8" if group == "int8" else "nimbert-f32"


def fastest_other(figures: Figures, group: str, workload: str) -> Ratio | None:
    """The ratio of the fastest other engine of a group to nimbert at that group's own precision."""
    others = [ratio(figures, engine, ours(group), workload) for engine in figures.engines(group) if not engine.ours]
    return min((found for found in others if found), key=lambda found: found.value, default=None)
