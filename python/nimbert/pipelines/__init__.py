"""The pipelines of transformers: the same names, arguments and results."""

from __future__ import annotations

import difflib
from os import PathLike
from typing import TYPE_CHECKING, Any, Literal, overload

from ..errors import OptionError
from ..hub import from_pretrained
from .base import Pipeline
from .labels import TextClassificationPipeline, ZeroShotClassificationPipeline
from .spans import QuestionAnsweringPipeline, TokenClassificationPipeline
from .tokens import FeatureExtractionPipeline, FillMaskPipeline

if TYPE_CHECKING:
    from .._nimbert import Engine

    Model = str | PathLike[str] | Engine | None

PIPELINES: dict[str, type[Pipeline]] = {
    "text-classification": TextClassificationPipeline,
    "token-classification": TokenClassificationPipeline,
    "question-answering": QuestionAnsweringPipeline,
    "fill-mask": FillMaskPipeline,
    "zero-shot-classification": ZeroShotClassificationPipeline,
    "feature-extraction": FeatureExtractionPipeline,
}
ALIASES = {"sentiment-analysis": "text-classification", "ner": "token-classification"}
# What a model's tasks are called there.
USUAL = {
    "classify": "text-classification",
    "rerank": "text-classification",
    "tag": "token-classification",
    "answer": "question-answering",
    "fill-mask": "fill-mask",
    "embed": "feature-extraction",
}


# A `top_k` that is said here changes what each call gives.
@overload
def pipeline(
    task: str | None = None,
    model: Model = None,
    *,
    top_k: int | None,
    precision: str = "auto",
    threads: int | None = None,
    max_tokens: int | None = None,
    revision: str | None = None,
    **given: Any,
) -> Pipeline: ...
@overload
def pipeline(
    task: None = None,
    model: None = None,
    *,
    precision: str = "auto",
    threads: int | None = None,
    max_tokens: int | None = None,
    revision: str | None = None,
    **given: Any,
) -> TextClassificationPipeline: ...
@overload
def pipeline(
    task: Literal["text-classification", "sentiment-analysis"],
    model: Model = None,
    *,
    precision: str = "auto",
    threads: int | None = None,
    max_tokens: int | None = None,
    revision: str | None = None,
    **given: Any,
) -> TextClassificationPipeline: ...
@overload
def pipeline(
    task: Literal["token-classification", "ner"],
    model: Model = None,
    *,
    precision: str = "auto",
    threads: int | None = None,
    max_tokens: int | None = None,
    revision: str | None = None,
    **given: Any,
) -> TokenClassificationPipeline: ...
@overload
def pipeline(
    task: Literal["question-answering"],
    model: Model = None,
    *,
    precision: str = "auto",
    threads: int | None = None,
    max_tokens: int | None = None,
    revision: str | None = None,
    **given: Any,
) -> QuestionAnsweringPipeline: ...
@overload
def pipeline(
    task: Literal["fill-mask"],
    model: Model = None,
    *,
    precision: str = "auto",
    threads: int | None = None,
    max_tokens: int | None = None,
    revision: str | None = None,
    **given: Any,
) -> FillMaskPipeline: ...
@overload
def pipeline(
    task: Literal["zero-shot-classification"],
    model: Model = None,
    *,
    precision: str = "auto",
    threads: int | None = None,
    max_tokens: int | None = None,
    revision: str | None = None,
    **given: Any,
) -> ZeroShotClassificationPipeline: ...
@overload
def pipeline(
    task: Literal["feature-extraction"],
    model: Model = None,
    *,
    precision: str = "auto",
    threads: int | None = None,
    max_tokens: int | None = None,
    revision: str | None = None,
    **given: Any,
) -> FeatureExtractionPipeline: ...
@overload
def pipeline(
    task: str | None = None,
    model: Model = None,
    *,
    precision: str = "auto",
    threads: int | None = None,
    max_tokens: int | None = None,
    revision: str | None = None,
    **given: Any,
) -> Pipeline: ...
def pipeline(
    task: str | None = None,
    model: Model = None,
    *,
    precision: str = "auto",
    threads: int | None = None,
    max_tokens: int | None = None,
    revision: str | None = None,
    **given: Any,
) -> Pipeline:
    """A pipeline as transformers makes it.

    `task` is text-classification (or sentiment-analysis), token-classification (or ner), question-answering, fill-mask,
    zero-shot-classification or feature-extraction; None: what the model was made for. `model` is a directory, a packed file, a name that
    Hugging Face's cache knows, or an Engine; None: the built-in demo, which rates Chinese film comments. `precision` is auto, f32, f16 or
    int8, and `threads` how many compute: all that the process may use. Other arguments are those of the pipeline's calls.

    Raises OptionError for what is not known, and ModelError or TaskError for a model that cannot do it.
    """
    known = [*PIPELINES, *ALIASES]
    if task is not None and task not in known:
        near = difflib.get_close_matches(str(task), known, 1)
        raise OptionError(f"no task {task!r}" + (f": did you mean {near[0]}?" if near else f"; there are {', '.join(known)}"))
    options: dict[str, Any] = {"precision": precision, "threads": threads, "max_tokens": max_tokens, "revision": revision or "main"}
    engine = _engine(model, options)
    name = USUAL[engine.tasks[0]] if task is None else ALIASES.get(task, task)
    return PIPELINES[name](engine, **given)


def _engine(model: Model, options: dict[str, Any]) -> Engine:
    """A model that is loaded, or is to be."""
    from .._nimbert import Engine

    if isinstance(model, Engine):
        usual = {"precision": "auto", "revision": "main"}
        if given := [name for name, value in options.items() if value != usual.get(name)]:
            raise OptionError(f"{', '.join(given)}: of a model that is loaded already")
        return model
    return from_pretrained(model, **options)
