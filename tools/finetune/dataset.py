"""Rows into examples: what is missing, which labels there are, how training and validation are split."""
import hashlib
import json
import random
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import labels
import tables
from tables import Columns, Row


@dataclass(frozen=True)
class Example:
    text: str
    labels: tuple[int, ...]


@dataclass(frozen=True)
class Source:
    """A file: its name without the path, the SHA-256 of its bytes, its rows, and how many were left out."""

    name: str
    sha256: str
    rows: list[Row]
    skipped: int


@dataclass(frozen=True)
class Data:
    """Examples of both kinds. `sources` has one file, of which a share is for validation, or two."""

    names: list[str]
    multi: bool
    train: list[Example]
    validation: list[Example]
    sources: list[Source]

    def counts(self, examples: list[Example]) -> list[int]:
        """How many examples have each label."""
        counted = Counter(label for example in examples for label in example.labels)
        return [counted[place] for place in range(len(self.names))]

    def repeated(self) -> int:
        """Validation texts that are also in the training rows."""
        seen = {example.text for example in self.train}
        return sum(example.text in seen for example in self.validation)


def open_source(path: Path, columns: Columns, missing: str, multiline: bool) -> Source:
    """Reads a file. `missing` says what is done with texts that are empty or a word for that: error, skip or keep."""
    rows = tables.read(path, columns, multiline)
    bad = {row.place: row.text.strip() for row in rows if row.text.strip() in labels.MISSING}
    if bad and missing == "error":
        place, text = next(iter(bad.items()))
        more = f" (and {len(bad) - 1} more)" if len(bad) > 1 else ""
        raise ValueError(f"{place}, column {columns.text!r}: no text{f', only {text!r}' if text else ''}{more}: "
                         "--missing skip leaves such rows out, --missing keep takes them as texts")
    kept = [row for row in rows if missing == "keep" or row.place not in bad]
    if not kept:
        raise ValueError(f"{path}: no rows{f' but {len(rows)} without a text' if rows else ''}")
    return Source(path.name, hashlib.sha256(path.read_bytes()).hexdigest(), kept, len(rows) - len(kept))


def split(examples: list[Example], fraction: float, seed: int, where: str) -> tuple[list[Example], list[Example]]:
    """Training and validation examples: a share drawn with the seed, both in the order of the file."""
    count = round(len(examples) * fraction)
    if not 0 < count < len(examples):
        raise ValueError(f"{where}: {len(examples)} rows, and --split {fraction:g} leaves "
                         f"{'none for validation' if count < 1 else 'none to train on'}")
    drawn = set(random.Random(seed).sample(range(len(examples)), count))
    return ([each for place, each in enumerate(examples) if place not in drawn],
            [each for place, each in enumerate(examples) if place in drawn])


def refuse_one_kind(names: list[str], examples: list[Example], where: str) -> None:
    """A model can only learn what differs between rows."""
    kinds = {example.labels for example in examples}
    if len(kinds) == 1:
        only = ", ".join(names[place] for place in kinds.pop()) or "none"
        raise ValueError(f"{where}: all {len(examples)} rows to train on have the same labels ({only})")


def refuse_no_figures(labels_of_all: int, examples: list[Example], where: str) -> None:
    """F1 and ROC AUC are undefined where no decision is right to be yes, or none to be no."""
    had = sum(len(example.labels) for example in examples)
    if had in (0, len(examples) * labels_of_all):
        which = "every label" if had else "no label"
        raise ValueError(f"{where}: all {len(examples)} rows for validation have {which}")


def examples_of(source: Source, reader: labels.Reader) -> list[Example]:
    return [Example(row.text, tuple(reader.places(row))) for row in source.rows]


def write(path: Path, data: Data) -> None:
    """The validation rows as JSON Lines with `text` and `label`, for `nimbert eval`; names are the model's."""
    with open(path, "w", encoding="utf-8") as file:
        for example in data.validation:
            found = [data.names[place] for place in example.labels]
            row = {"text": example.text, "label": found if data.multi else found[0]}
            print(json.dumps(row, ensure_ascii=False), file=file)
