"""Columns of texts to columns of answers, where a row that fails does not stop the others: what Ray and Spark have in common."""

import re
import socket
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from os import PathLike
from typing import Any

import numpy
from numpy.typing import NDArray

from ._nimbert import Engine
from .errors import ModelError, OptionError
from .hub import from_pretrained

# The types that a column of texts has in NumPy, pandas and Arrow. What is in a column of objects is looked at row by row.
TEXT_TYPE = re.compile(r"object|<U\d+|StringDType.*|str|string(\[.*\])?|large_string|string_view|null")


@dataclass(frozen=True)
class Answers:
    """An answer or an error for each row; a row whose text is null has neither."""

    numbers: NDArray[numpy.float32]
    """float32[rows, n]: scores, or a vector. NaN where there is no answer."""
    errors: NDArray[numpy.object_]
    """object[rows]: why there is none, or None."""

    @property
    def found(self) -> NDArray[numpy.bool_]:
        """bool[rows]: whether there is an answer, which has no NaN."""
        return ~numpy.isnan(self.numbers[:, 0])

    def best(self, labels: Sequence[str]) -> tuple[NDArray[numpy.object_], NDArray[numpy.float32]]:
        """The label of each row's largest score, object[rows] with None where there is no answer, and that score, NaN there."""
        names, found = numpy.full(len(self.numbers), None, object), self.found
        names[found] = numpy.array(labels, object)[self.numbers[found].argmax(1)]
        return names, self.numbers.max(1)


def load(model: str | PathLike[str] | None, **options: Any) -> Engine:
    """An Engine as from_pretrained() makes it. Raises ModelError with the name of this machine, since others may have the file."""
    try:
        return from_pretrained(model, **options)
    except ModelError as error:
        raise type(error)(f"{error} (on the host {socket.gethostname()})") from None


def is_null(item: object) -> bool:
    """Whether a row has no text: None, NaN, or the NA of pandas."""
    return item is None or (isinstance(item, float) and item != item) or type(item).__name__ == "NAType"


def check_type(column: str, kind: object, items: Iterable[object]) -> None:
    """Raises OptionError for a column that has something in it, but no texts: `kind` is its type."""
    if not TEXT_TYPE.fullmatch(str(kind)) and not all(map(is_null, items)):
        raise OptionError(f"{column}: its type is {kind}, expected text")


def scores(engine: Engine, items: Iterable[object], **options: Any) -> Answers:
    """The scores of all labels. Options are those of Engine.scores_each."""
    return _answers(engine.scores_each, items, options)


def vectors(engine: Engine, items: Iterable[object], **options: Any) -> Answers:
    """Vectors. Options are those of Engine.embed_each."""
    return _answers(engine.embed_each, items, options)


def _answers(compute: Callable[..., Any], items: Iterable[object], options: dict[str, Any]) -> Answers:
    rows = list(items)
    places = numpy.array([index for index, item in enumerate(rows) if not is_null(item)], int)
    some, reasons = compute([rows[index] for index in places], **options)
    numbers = numpy.full((len(rows), some.shape[1]), numpy.nan, numpy.float32)
    numbers[places] = some
    errors = numpy.full(len(rows), None, object)
    for index, reason in reasons.items():
        errors[places[index]] = reason
    return Answers(numbers, errors)
