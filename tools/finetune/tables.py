"""Labelled tables as `nimbert eval` reads them: CSV (RFC 4180), TSV (tabs and line ends only) and JSON Lines.

Nothing is read leniently: a row that is lost or merged with another changes what is learnt and measured, and nobody
sees it. What could be read in two ways is an error with the file, the row and the line where it begins.
"""
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

FIELD = re.compile(r'"((?:[^"]|"")*)"|([^",]*)')


@dataclass(frozen=True)
class Row:
    """A text and what its label cell has: one value, or several from an array of JSON Lines."""

    place: str
    text: str
    label: str | tuple[str, ...]


@dataclass(frozen=True)
class Columns:
    """The names of the two columns or keys."""

    text: str
    label: str


def read(path: Path, columns: Columns, multiline: bool = False) -> list[Row]:
    """All rows. With `multiline`, records of which each line looks like a row are texts of several lines."""
    readers = {".csv": csv_records, ".tsv": tsv_records, ".jsonl": None, ".ndjson": None}
    ending = path.suffix.lower()
    if ending not in readers:
        raise ValueError(f"{path}: expected a name that ends in .csv, .tsv, .jsonl or .ndjson")
    lines = decoded(path)
    if readers[ending] is None:
        return list(json_rows(path, lines, columns))
    return list(table_rows(path, readers[ending](path, lines), columns, multiline))


def decoded(path: Path) -> list[str]:
    """The file's lines with their ends: UTF-8 without NUL, a byte order mark dropped."""
    data = path.read_bytes()
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise ValueError(f"{path}: UTF-16 text, expected UTF-8 (iconv -f UTF-16 -t UTF-8 makes it that)")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(f"{path}: line {line_of(data, error.start)}: not valid UTF-8") from None
    if "\0" in text:
        raise ValueError(f"{path}: line {line_of(data, data.index(0))}: a NUL character: not a text file")
    return re.findall(r"[^\n]*\n|[^\n]+", text)


def line_of(data: bytes, at: int) -> int:
    return data.count(b"\n", 0, at) + 1


def without_end(line: str) -> str:
    return line.removesuffix("\n").removesuffix("\r")


def numbered(lines: list[str]) -> Iterator[tuple[int, str]]:
    """Number and line, without empty lines at the end of the file."""
    last = max((number for number, line in enumerate(lines, 1) if without_end(line)), default=0)
    return enumerate(lines[:last], 1)


def refuse_empty(path: Path, number: int, line: str) -> None:
    if not without_end(line):
        raise ValueError(f"{path}: line {number}: an empty line, and more rows after it")


def refuse_cr(path: Path, number: int, text: str) -> None:
    if "\r" in text:
        raise ValueError(f"{path}: line {number}: a carriage return (CR) in it: lines end with LF or CR LF")


def tsv_records(path: Path, lines: list[str]) -> Iterator[tuple[int, list[str]]]:
    """The line's number and the fields of each."""
    for number, line in numbered(lines):
        refuse_empty(path, number, line)
        refuse_cr(path, number, without_end(line))
        yield number, without_end(line).split("\t")


def csv_records(path: Path, lines: list[str]) -> Iterator[tuple[int, list[str]]]:
    """The number of the line where a record begins, and its fields. A whole record has an even number of quotes."""
    begin, record = 0, ""
    for number, line in numbered(lines):
        if not record:
            refuse_empty(path, number, line)
            begin = number
        record += line
        if record.count('"') % 2 == 0:
            yield begin, fields_of(path, begin, without_end(record))
            record = ""
    if record:
        raise ValueError(f"{path}: line {begin}: a quote in the record that begins here is never closed")


def fields_of(path: Path, line: int, record: str) -> list[str]:
    fields, at = [], 0
    while True:
        found = FIELD.match(record, at)
        quoted, plain = found.groups()
        if quoted is None:
            refuse_cr(path, line, plain)
        fields.append(plain if quoted is None else quoted.replace('""', '"'))
        at = found.end()
        if at == len(record):
            return fields
        if record[at] != ",":
            where = "after the closing quote of" if quoted is not None else "inside"
            what = "more text" if quoted is not None else "a quote"
            raise ValueError(f"{path}: line {line}: {what} {where} field {len(fields)}: a field with quotes in it is "
                             "written in quotes, and each quote in it twice")
        at += 1


def rows_in_one(fields: list[str]) -> int:
    """How many lines a field has, if each of them would be a row of as many fields: what a stray quote merges."""
    width, most = len(fields), 0
    for place, field in enumerate(fields):
        parts = field.split("\n")
        last = len(parts) - 1
        commas = [part.count(",") + (0 if number else place) + (width - place - 1 if number == last else 0)
                  for number, part in enumerate(parts)]
        if last and all(count + 1 == width for count in commas) and (width > 1 or all(map(str.strip, parts))):
            most = max(most, len(parts))
    return most


def table_rows(path: Path, records: Iterator, columns: Columns, multiline: bool) -> Iterator[Row]:
    """Rows of a table with a header."""
    _, header = next(records, (0, None))
    if header is None:
        raise ValueError(f"{path}: empty, expected a header with the columns' names")
    text, label = (column_of(path, header, name) for name in (columns.text, columns.label))
    for number, (line, fields) in enumerate(records, 1):
        place = f"{path}: row {number} (line {line})"
        if len(fields) != len(header):
            raise ValueError(f"{place}: {len(fields)} fields, the header has {len(header)}")
        if not multiline and (merged := rows_in_one(fields)):
            raise ValueError(f"{place}: its {merged} lines look like a row each: merged by a quote that is missing or "
                             "one too many? If they are one text, say --multiline")
        yield Row(place, fields[text], fields[label])


def column_of(path: Path, header: list[str], name: str) -> int:
    if name not in header:
        raise ValueError(f"{path}: no column {name!r}; there are {', '.join(map(repr, header))}")
    if header.count(name) > 1:
        raise ValueError(f"{path}: two columns are called {name!r}")
    return header.index(name)


def json_rows(path: Path, lines: list[str], columns: Columns) -> Iterator[Row]:
    """Rows of JSON Lines. A null is read as an empty cell."""
    for number, line in numbered(lines):
        refuse_empty(path, number, line)
        place = f"{path}: row {number}"
        try:
            row = json.loads(line, object_pairs_hook=once, parse_constant=refuse_constant)
            json.dumps(row, ensure_ascii=False).encode()  # half of a surrogate pair is no character
        except json.JSONDecodeError as error:
            raise ValueError(f"{place}: not valid JSON: {error.msg} at column {error.colno}") from None
        except ValueError as error:
            raise ValueError(f"{place}: not valid JSON: {error}") from None
        if not isinstance(row, dict):
            raise ValueError(f"{place}: expected a JSON object")
        for name in (columns.text, columns.label):
            if name not in row:
                raise ValueError(f"{place}: no key {name!r}; there are {', '.join(map(repr, row))}")
        text = row[columns.text]
        if not isinstance(text, str | None):
            raise ValueError(f"{place}, column {columns.text!r}: not a string")
        yield Row(place, text or "", json_label(f"{place}, column {columns.label!r}", row[columns.label]))


def once(pairs: list[tuple]) -> dict:
    if len(found := dict(pairs)) < len(pairs):
        raise ValueError("a key twice")
    return found


def refuse_constant(name: str) -> None:
    """Python reads NaN and Infinity, which JSON does not have."""
    raise ValueError(name)


def json_label(place: str, value: object) -> str | tuple[str, ...]:
    """A name, a number, a truth value, nothing, or an array of names, numbers and truth values."""
    if isinstance(value, list) and not any(isinstance(one, list) for one in value):
        return tuple(json_label(place, one) for one in value)
    if value is None or isinstance(value, str):
        return value or ""
    if isinstance(value, bool | int | float):
        return json.dumps(value)
    raise ValueError(f"{place}: not a label")
