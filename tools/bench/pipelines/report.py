"""What was measured from Python, as text."""
import math
import statistics
from dataclasses import dataclass

LIMITS = {"f32": 1e-3, "int8": 0.25}
"""How far a package may be from transformers or sentence-transformers on PyTorch, as a share of the answers' spread: rounding, and what int8
costs with weights from a seed, which were never trained to bear it."""
WORKLOADS = {"loop": "one short text", "mixed": "128 comments", "many": "many comments"}
REFERENCE = {"classify": "transformers-f32", "embed": "st-torch-f32"}


@dataclass(frozen=True)
class Row:
    """The fastest run of a round."""

    task: str
    package: str
    round: int
    workload: str
    ms: float
    batch: int


def figure(rows: list[Row], task: str, package: str, workload: str) -> float | None:
    """Milliseconds: the median of the rounds."""
    found = [row.ms for row in rows if (row.task, row.package, row.workload) == (task, package, workload)]
    return statistics.median(found) if found else None


def distance(ours: list[list[float]], theirs: list[list[float]]) -> float:
    """Between answers, as a share of theirs' spread around their mean; vectors are brought to one length before."""
    def flat(rows: list[list[float]]) -> list[float]:
        return [value / math.hypot(*row) for row in rows for value in row]

    ours, theirs = flat(ours), flat(theirs)
    mean = sum(theirs) / len(theirs)
    return math.dist(ours, theirs) / math.sqrt(sum((value - mean) ** 2 for value in theirs))


def leads(rows: list[Row], task: str, workload: str) -> str:
    """nimbert beside the fastest of the others in the same rounds: in f32 of those in f32, in int8 of all."""
    packages = dict.fromkeys(row.package for row in rows if row.task == task)
    parts = []
    for own in (name for name in packages if name.startswith("nimbert-")):
        ratios, fastest = [], None
        for number in sorted({row.round for row in rows}):
            this = [row for row in rows if (row.task, row.round, row.workload) == (task, number, workload)]
            others = [row for row in this if not row.package.startswith(("nimbert-", "library-"))]
            if own.endswith("-f32"):
                others = [row for row in others if row.package.endswith("-f32")]
            mine = [row for row in this if row.package == own]
            if others and mine:
                best = min(others, key=lambda row: row.ms)
                fastest = best.package
                ratios.append(best.ms / mine[0].ms)
        if ratios:
            parts.append(f"{own} {statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f}; {fastest})")
    return ", ".join(parts)


def text(about: dict[str, str], rows: list[Row], answers: dict[tuple[str, str], list[list[float]]]) -> str:
    out = [f"{key:<10} {about[key]}" for key in ("date", "cpu", "nimbert", "model", "threads", "rounds")]
    for task in dict.fromkeys(row.task for row in rows):
        workloads = [name for name in WORKLOADS if any((row.task, row.workload) == (task, name) for row in rows)]
        out += ["", f"{task}: milliseconds, text to result, the median of the rounds' fastest; texts at once",
                " " * 20 + "".join(f"{WORKLOADS[name]:>18}" for name in workloads) + f"{'at once':>10}{'apart':>9}"]
        reference = answers.get((task, REFERENCE[task]))
        for package in dict.fromkeys(row.package for row in rows if row.task == task):
            cells = [figure(rows, task, package, name) for name in workloads]
            batch = max(row.batch for row in rows if (row.task, row.package) == (task, package))
            apart = ""
            if reference and (task, package) in answers:
                far = distance(answers[task, package], reference)
                good = far <= LIMITS[package.rsplit("-", 1)[1]]
                apart = f"{far:9.1e}" + ("" if good else "  DISAGREES: its times mean nothing")
            out.append(f"{package:<20}" + "".join(f"{'' if cell is None else f'{cell:,.3f}':>18}" for cell in cells)
                       + f"{batch or '':>10}" + apart)
        out += [f"{WORKLOADS[name]}: the fastest other over nimbert: {lead}" for name in workloads if (lead := leads(rows, task, name))]
        for precision in ("int8", "f32"):
            own, library = (figure(rows, task, f"{name}-{precision}", "mixed") for name in ("nimbert", "library"))
            if own and library:
                out.append(f"128 comments in Python take {own / library:.3f} of what the library in Rust takes, {precision}")
    return "\n".join(out)
