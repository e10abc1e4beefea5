"""Actors for Ray Data, whose `Dataset.map_batches` calls them.

    from nimbert.ray import Classifier

    model = {"model": "/models/stars.nimbert"}
    comments = ray.data.read_parquet("comments")
    scored = comments.map_batches(Classifier, fn_constructor_kwargs=model, batch_format="pyarrow", batch_size=1024, concurrency=2)
    scored.write_parquet("scored")

A batch is a pyarrow Table, or a dictionary of NumPy arrays. Results have the types that are said here only in a Table: NumPy has no
nulls, so Ray gives a column of a batch without errors, for example, another type than that of a batch with some.
"""

import os
from collections.abc import Mapping
from os import PathLike
from typing import Any

import numpy

from . import batches
from .errors import OptionError

Columns = dict[str, numpy.ndarray]


def threads_of_ray() -> int | None:
    """OMP_NUM_THREADS, which Ray sets in a worker to the CPUs that it has been given, `num_cpus`; None where it is not set."""
    said = os.environ.get("OMP_NUM_THREADS", "").split(",")[0].strip()
    if not said:
        return None
    if not said.isdecimal() or int(said) == 0:
        raise OptionError(f"OMP_NUM_THREADS={said}: expected a number of threads; threads=N says otherwise")
    return int(said)


class _Actor:
    """A model, and the column that it reads."""

    def __init__(self, model: str | PathLike[str] | None, text_column: str, prefix: str, threads: int | None, **options: Any) -> None:
        self.engine = batches.load(model, threads=threads_of_ray() if threads is None else threads, **options)
        self.text_column = text_column
        self.prefix = prefix

    def __call__(self, batch: Any) -> Any:
        """The batch and the new columns: a pyarrow Table of a Table, a dictionary of a dictionary. The batch itself stays as it is.

        Raises OptionError for a column that is not there, has no texts, or has the name of a new one.
        """
        is_table = hasattr(batch, "append_column")
        if not is_table and not isinstance(batch, Mapping):
            raise OptionError(f"a batch is {type(batch).__name__}: batch_format is pyarrow or numpy")
        names = batch.column_names if is_table else list(batch)
        if self.text_column not in names:
            raise OptionError(f"text_column={self.text_column!r}: there is no such column, but {', '.join(names)}")
        texts = batch[self.text_column]
        # Of categories, what they are.
        kind = (texts.type.value_type if hasattr(texts.type, "index_type") else texts.type) if is_table else texts.dtype
        items = texts.to_pylist() if is_table else texts
        batches.check_type(self.text_column, kind, items)
        new = {self.prefix + name: values for name, values in self._columns(items).items()}
        if both := [name for name in new if name in names]:
            raise OptionError(f"the column {both[0]} is there already: prefix='nimbert_', for example, names the new ones otherwise")
        if not is_table:
            return {**batch, **new}
        for name, values in new.items():
            batch = batch.append_column(name, _arrow(values))
        return batch

    def _columns(self, items: Any) -> Columns:
        raise NotImplementedError

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.engine!r})"


def _arrow(values: numpy.ndarray) -> Any:
    """Strings, numbers or lists of numbers, with nulls for None and NaN."""
    import pyarrow

    if values.dtype == object:
        return pyarrow.array(values, pyarrow.string())
    if values.ndim == 1:
        return pyarrow.array(values, from_pandas=True)
    found = ~numpy.isnan(values[:, 0])
    ends = numpy.concatenate([[0], found.cumsum() * values.shape[1]])
    # 32 bits are not enough for the vectors of a whole block.
    offsets, numbers = pyarrow.array(ends.astype(numpy.int64)), pyarrow.array(values[found].ravel())
    return pyarrow.LargeListArray.from_arrays(offsets, numbers, mask=pyarrow.array(~found))


class Classifier(_Actor):
    """Labels of texts. New columns: `label` (string), `score` (float32, of that label) and `error` (string, null where there was none),
    each with `prefix` before its name; with `all_scores` also `scores` (a list of float32, in the order of `engine.labels`).

    A null or NaN text has nulls. So has one without an answer, and its reason is in `error`: it is no string, or has too many tokens, which
    `truncation=True` cuts. `threads` are those that Ray has given, by OMP_NUM_THREADS, if it is None. Other options are those of Engine;
    `model` is what `nimbert.pipeline` takes, and has to be there on every node.

    Raises ModelError with the path and the host where there is no such model, TaskError if it is no classifier of texts.
    """

    def __init__(
        self,
        model: str | PathLike[str] | None = None,
        *,
        text_column: str = "text",
        prefix: str = "",
        all_scores: bool = False,
        truncation: bool = False,
        max_tokens: int | None = None,
        precision: str = "auto",
        threads: int | None = None,
    ) -> None:
        super().__init__(model, text_column, prefix, threads, max_tokens=max_tokens, precision=precision)
        self.all_scores = all_scores
        self.truncation = truncation
        # A model of another kind says so now.
        self.engine.scores([])

    def _columns(self, items: Any) -> Columns:
        answers = batches.scores(self.engine, items, truncation=self.truncation)
        label, score = answers.best(self.engine.labels)
        more = {"scores": answers.numbers} if self.all_scores else {}
        return {"label": label, "score": score, **more, "error": answers.errors}


class Embedder(_Actor):
    """Vectors of texts. New columns: `vector` (a list of float32; in a dictionary float32[n, d] with rows of NaN for nulls) and `error`
    (string, null where there was none), each with `prefix` before its name.

    As Classifier otherwise, but a text of too many tokens is cut, as sentence-transformers does, unless `truncation=False`.
    `prompt_name`, `prompt`, `normalize` and `dimensions` are those of Engine.embed.

    Raises ModelError with the path and the host where there is no such model, OptionError for what the model does not have.
    """

    def __init__(
        self,
        model: str | PathLike[str] | None = None,
        *,
        text_column: str = "text",
        prefix: str = "",
        prompt_name: str | None = None,
        prompt: str | None = None,
        normalize: bool | None = None,
        dimensions: int | None = None,
        truncation: bool = True,
        max_tokens: int | None = None,
        pooling: str | None = None,
        precision: str = "auto",
        threads: int | None = None,
    ) -> None:
        super().__init__(model, text_column, prefix, threads, max_tokens=max_tokens, precision=precision, pooling=pooling)
        self.how: dict[str, Any] = {"prompt_name": prompt_name, "prompt": prompt, "normalize": normalize, "dimensions": dimensions}
        self.truncation = truncation
        # What the model does not have is said now.
        self.engine.embed([], **self.how)

    def _columns(self, items: Any) -> Columns:
        answers = batches.vectors(self.engine, items, truncation=self.truncation, **self.how)
        return {"vector": answers.numbers, "error": answers.errors}
