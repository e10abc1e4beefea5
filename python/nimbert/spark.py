"""Functions of columns for Spark, which needs pyspark with pandas and pyarrow.

    from nimbert.spark import classify

    stars = classify("/models/stars.nimbert")
    comments = spark.read.parquet("comments").withColumn("stars", stars("text"))
    comments.select("id", "stars.label", "stars.score", "stars.error").write.parquet("scored")

A worker of Spark loads the model when it gets its first rows, and keeps it for later tasks.
"""

import os
from collections.abc import Iterator
from functools import lru_cache
from os import PathLike
from typing import Any

import numpy

from . import batches
from ._nimbert import Engine

try:
    import pandas
    import pyarrow  # noqa: F401: pyspark needs it to hand columns over
    from pyspark import TaskContext
    from pyspark.sql.functions import pandas_udf
except ImportError as error:
    raise ImportError(f"nimbert.spark needs pyspark, pandas and pyarrow: pip install 'pyspark[sql]' ({error})") from error


def classify(
    model: str | PathLike[str] | None = None,
    *,
    all_scores: bool = False,
    truncation: bool = False,
    max_tokens: int | None = None,
    precision: str = "auto",
    threads: int | None = None,
) -> Any:
    """A function of a column of strings: struct<label: string, score: float, error: string>, with `all_scores` also `scores:
    array<float>` before the error, in the order of `Engine(model).labels`.

    A null text has nulls. So has one without an answer, and its reason is in `error`, e.g. too many tokens, which `truncation=True` cuts.
    `threads` are the CPUs of a task (`spark.task.cpus`, 1 unless it is set) if it is None. `model` is what `nimbert.pipeline` takes, and has
    to be there on every node; other options are those of Engine.

    A task fails with ModelError, the path and the host in it, where there is no such model; with TaskError if it is no classifier of texts;
    with OptionError for a column that is no string.
    """
    options = {"max_tokens": max_tokens, "precision": precision, "threads": threads}
    path = _absolute(model)

    def answer(texts: pandas.Series) -> pandas.DataFrame:
        engine = _engine(path, **options)
        answers = batches.scores(engine, texts, truncation=truncation)
        label, score = answers.best(engine.labels)
        more = {"scores": _rows(answers)} if all_scores else {}
        return pandas.DataFrame({"label": label, "score": score, **more, "error": answers.errors})

    return _function("classify", answer, f"label string, score float, {'scores array<float>, ' if all_scores else ''}error string")


def embed(
    model: str | PathLike[str] | None = None,
    *,
    prompt_name: str | None = None,
    prompt: str | None = None,
    normalize: bool | None = None,
    dimensions: int | None = None,
    truncation: bool = True,
    max_tokens: int | None = None,
    pooling: str | None = None,
    precision: str = "auto",
    threads: int | None = None,
) -> Any:
    """A function of a column of strings: struct<vector: array<float>, error: string>.

    As classify() otherwise, but a text of too many tokens is cut, as sentence-transformers does, unless `truncation=False`.
    `prompt_name`, `prompt`, `normalize` and `dimensions` are those of Engine.embed.
    """
    options = {"max_tokens": max_tokens, "precision": precision, "threads": threads, "pooling": pooling}
    how = {"prompt_name": prompt_name, "prompt": prompt, "normalize": normalize, "dimensions": dimensions}
    path = _absolute(model)

    def answer(texts: pandas.Series) -> pandas.DataFrame:
        answers = batches.vectors(_engine(path, **options), texts, truncation=truncation, **how)
        return pandas.DataFrame({"vector": _rows(answers), "error": answers.errors})

    return _function("embed", answer, "vector array<float>, error string")


def _function(name: str, answer: Any, returns: str) -> Any:
    """A function of Spark that has `answer` for each batch of a column."""

    def each(parts: Iterator[pandas.Series]) -> Iterator[pandas.DataFrame]:
        for texts in parts:
            batches.check_type(f"the column that {name}() got", texts.dtype, texts)
            yield answer(texts)

    each.__name__ = name
    return pandas_udf(each, returns)


@lru_cache(maxsize=4)
def _engine(path: str | None, **options: Any) -> Engine:
    """One for all tasks that a worker does one after the other."""
    context = TaskContext.get()
    if options["threads"] is None:
        options["threads"] = context.cpus() if context else 1
    return batches.load(path, **options)


def _absolute(model: str | PathLike[str] | None) -> str | None:
    """Workers have another directory than the driver. A name on the Hugging Face hub stays one."""
    if model is None:
        return None
    return os.path.abspath(model) if os.path.exists(model) else os.fspath(model)


def _rows(answers: batches.Answers) -> numpy.ndarray:
    """object[rows]: float32[n] each, or None."""
    out = numpy.full(len(answers.numbers), None, object)
    for index in numpy.flatnonzero(answers.found):
        out[index] = answers.numbers[index]
    return out
