"""What the cells of a label column mean: the rules of `nimbert eval`, so that one file serves both."""
import re
from dataclasses import dataclass

from tables import Row

READINGS = ("auto", "name", "index", "star")
MISSING = {"", "nan", "NaN", "null", "NULL", "None", "<NA>"}
"""What pandas, R, SQL and Python write where there is nothing."""


def ratings(names: list[str]) -> dict[int, int]:
    """Stars -> place, where the labels are all of the stars from 1 up: `Star_1`, `2 stars`, `STAR-3`; else empty."""
    stars = {}
    for place, name in enumerate(names):
        digits = "".join(re.findall("[0-9]", name))
        word = re.sub("[0-9]", "", name).strip(" _-").lower()
        if word not in ("star", "stars") or not digits:
            return {}
        stars[int(digits)] = place
    return stars if sorted(stars) == list(range(1, len(names) + 1)) else {}


def number(value: str) -> int | None:
    """A whole number, also as pandas writes it where a column lacks some: 3.0."""
    whole = value.removesuffix(".0")
    return int(whole) if whole.isascii() and whole.isdigit() else None


@dataclass(frozen=True)
class Reader:
    """Finds the places of labels by what a data file calls them."""

    names: list[str]
    multi: bool
    column: str
    read_as: str = "auto"
    separator: str = ","
    none_allowed: bool = False

    def places(self, row: Row) -> list[int]:
        """The labels of a row, in the order of the model's; an error names row and column."""
        where = f"{row.place}, column {self.column!r}"
        try:
            found = sorted({self.find(part) for part in self.parts(row.label)})
        except ValueError as error:
            raise ValueError(f"{where}: {error}") from None
        if len(found) > 1 and not self.multi:
            raise ValueError(f"{where}: {len(found)} labels, and --problem single-label gives exactly one")
        explicit = isinstance(row.label, tuple) or self.none_allowed
        if not found and not (self.multi and explicit):
            raise ValueError(f"{where}: no label" + (": --no-label-ok says that none applies" if self.multi else ""))
        return found

    def parts(self, cell: str | tuple[str, ...]) -> list[str]:
        if isinstance(cell, tuple):
            return [part.strip() for part in cell]
        cell = cell.strip()
        # A name may have the separator in it.
        if not cell or self.separator not in cell or self.place(cell) is not None:
            return [cell] if cell else []
        return [part.strip() for part in cell.split(self.separator)]

    def find(self, value: str) -> int:
        place = self.place(value)
        if place is None:
            names = ", ".join(self.names)
            raise ValueError(f"unknown label {value!r}: there are {names[:200]}{'…' if len(names) > 200 else ''}")
        return place

    def place(self, value: str) -> int | None:
        name = self.names.index(value) if value in self.names else None
        stars = ratings(self.names)
        if self.read_as == "star":
            stars = stars or {star: place for place, star in enumerate(range(1, len(self.names) + 1))}
        whole = number(value)
        star = stars.get(whole) if whole is not None else None
        index = whole if whole is not None and whole < len(self.names) else None
        if self.read_as != "auto":
            return {"name": name, "index": index, "star": star}[self.read_as]
        if name is not None or any(number(name) is not None for name in self.names):
            return name  # where names are numbers, a number is never an index
        return star if stars else index


def collect(rows: list[Row], multi: bool, column: str, separator: str) -> list[str]:
    """The names that the rows have: numbers by their size, else by the alphabet, whatever the order of the rows."""
    names = set()
    for row in rows:
        parts = row.label if isinstance(row.label, tuple) else row.label.split(separator) if multi else [row.label]
        for name in map(str.strip, parts):
            if not name:
                if len(parts) > 1:
                    raise ValueError(f"{row.place}, column {column!r}: an empty label among several")
                continue
            if name in MISSING:
                raise ValueError(f"{row.place}, column {column!r}: {name!r}: --labels names it if it is a label")
            if name.endswith(".0") and number(name) is not None:
                raise ValueError(f"{row.place}, column {column!r}: {name!r} is a number with a decimal point: write "
                                 "the column without (pandas: as Int64), or name the labels with --labels")
            names.add(name)
    return sorted(names, key=lambda name: (number(name) is None, number(name) or 0, name))
