"""The record of a run: a CSV file with one row for each engine, workload and round, and what is known of the machine.

Lines of the form `# key: value` come first. Rows are written as they are measured, so an interrupted run leaves a file
that can be read.
"""
import csv
import dataclasses
import itertools
import math
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import tasks
from engines import BY_NAME
from workloads import Shape


@dataclass(frozen=True)
class Row:
    """One workload of one engine in one round. A workload without runs was refused; `note` says why."""

    engine: str
    precision: str
    threads: int
    workload: str
    round: int
    # ms, MiB, texts/s, GOP/s or GB/s.
    unit: str
    runs: int
    min: float | None = None
    median: float | None = None
    p99: float | None = None
    # nimbert alone tells these: operations of matrix products and of attention, and weights that are read.
    matmul_gop: float | None = None
    attention_gop: float | None = None
    weights_mb: float | None = None
    note: str = ""

    @property
    def name(self) -> str:
        """The engine's, as engines.py has it."""
        return f"{self.engine}-{self.precision}"

    @property
    def task(self) -> tasks.Task:
        return tasks.split(self.workload)[0]

    @property
    def subject(self) -> str:
        """The workload without its task."""
        return tasks.split(self.workload)[1]


FIELDS = [field.name for field in dataclasses.fields(Row)]
# Those that are not a shape; a workload of another task than classify has it before it, such as `embed mean 1x8`.
WORKLOADS = ("load", "mixed", "question", "texts", "memory", "matmul limit", "attention limit", "reading limit")
WHOLE, TEXT = {"threads", "round", "runs"}, {"engine", "precision", "workload", "unit", "note"}


class Recorder:
    """Writes a record, each row at once."""

    def __init__(self, path: Path, about: dict[str, str]):
        self.path, self.rows = path, []
        self._file = path.open("w", newline="", encoding="utf-8")
        for key, value in about.items():
            self._file.write(f"# {key}: {' '.join(value.split())}\n")
        self._writer = csv.writer(self._file, lineterminator="\n")
        self._writer.writerow(FIELDS)
        self._file.flush()

    def add(self, row: Row) -> None:
        self.rows.append(row)
        self._writer.writerow([_written(value) for value in dataclasses.asdict(row).values()])
        self._file.flush()
        os.fsync(self._file.fileno())

    def close(self) -> None:
        self._file.close()


def _written(value: str | int | float | None) -> str | int | float | None:
    """A note is one line, so that a row is."""
    if isinstance(value, str):
        return " ".join(value.split())
    return round(value, 4) if isinstance(value, float) else value


def _parse(field: str, value: str) -> str | int | float | None:
    if field in TEXT:
        return value
    if field in WHOLE:
        return int(value)
    return float(value) if value else None


def read(path: Path) -> tuple[dict[str, str], list[Row]]:
    """What is known of the machine and the run, and the rows."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except UnicodeDecodeError:
        raise ValueError(f"{path}: not a record of this tool: not text in UTF-8") from None
    head = [line.removeprefix("# ") for line in itertools.takewhile(lambda line: line.startswith("# "), lines)]
    about = dict(line.split(": ", 1) for line in head if ": " in line)
    return about, list(_rows(path, lines[len(head):], len(head)))


def _rows(path: Path, lines: list[str], skipped: int) -> Iterable[Row]:
    header, *body = lines or [""]
    if header != ",".join(FIELDS):
        raise ValueError(f"{path}: not a record of this tool: line {skipped + 1} should be {','.join(FIELDS)}")
    if not body:
        raise ValueError(f"{path}: no rows: nothing was measured")
    seen = set()
    for number, line in enumerate(body, skipped + 2):
        try:
            row = _row(line)
            if (key := (row.name, row.threads, row.workload, row.round)) in seen:
                raise ValueError(f"{row.name} has {row.workload} twice in round {row.round}")
        except (ValueError, csv.Error) as error:
            raise ValueError(f"{path}: line {number}: {error}") from None
        seen.add(key)
        yield row


def _row(line: str) -> Row:
    """One line: a quote that is not closed does not reach the next one."""
    values = next(csv.reader([line], strict=True), [])
    if len(values) != len(FIELDS):
        raise ValueError(f"{len(values)} fields, not {len(FIELDS)}")
    row = Row(**{field: _parse(field, value) for field, value in zip(FIELDS, values)})
    if row.name not in BY_NAME:
        raise ValueError(f"no engine {row.name!r}")
    if row.subject not in WORKLOADS:
        Shape.parse(row.subject)
    if row.threads < 1 or row.round < 0 or row.runs < 0:
        raise ValueError("threads from 1, rounds and runs from 0")
    for field in ("min", "median", "p99") if row.runs else ():
        value = getattr(row, field)
        if value is None or not 0 < value < math.inf:
            raise ValueError(f"{field} is {value}, not a number above 0")
    for field in ("matmul_gop", "attention_gop", "weights_mb"):
        value = getattr(row, field)
        if value is not None and not 0 <= value < math.inf:
            raise ValueError(f"{field} is {value}, not a number from 0")
    return row
