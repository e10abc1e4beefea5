"""The record of a run: a CSV file with one row for each engine, workload and round, and what is known of the machine.

Lines of the form `# key: value` come first. Rows are written as they are measured, so an interrupted run leaves a file
that can be read.
"""
import csv
import dataclasses
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path


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


FIELDS = [field.name for field in dataclasses.fields(Row)]
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
        values = dataclasses.asdict(row).values()
        self._writer.writerow([round(value, 4) if isinstance(value, float) else value for value in values])
        self._file.flush()
        os.fsync(self._file.fileno())

    def close(self) -> None:
        self._file.close()


def _parse(field: str, value: str) -> str | int | float | None:
    if field in TEXT:
        return value
    if field in WHOLE:
        return int(value)
    return float(value) if value else None


def read(path: Path) -> tuple[dict[str, str], list[Row]]:
    """What is known of the machine and the run, and the rows."""
    lines = path.read_text(encoding="utf-8").splitlines()
    head = [line.removeprefix("# ") for line in lines if line.startswith("# ")]
    about = dict(line.split(": ", 1) for line in head if ": " in line)
    return about, list(_rows(path, lines[len(head):], len(head)))


def _rows(path: Path, lines: list[str], skipped: int) -> Iterable[Row]:
    header, *body = csv.reader(lines) if lines else [[]]
    if header != FIELDS:
        raise ValueError(f"{path}: not a record of this tool: line {skipped + 1} should be {','.join(FIELDS)}")
    for number, values in enumerate(body, skipped + 2):
        try:
            yield Row(**{field: _parse(field, value) for field, value in zip(FIELDS, values, strict=True)})
        except ValueError as error:
            raise ValueError(f"{path}: line {number}: {error}") from None
