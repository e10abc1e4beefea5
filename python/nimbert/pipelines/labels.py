"""Labels of texts: those that a model was trained on, and others."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, ClassVar, TypedDict, overload

import numpy

from ..errors import InputError, OptionError
from .base import Pipeline

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from .base import Dataset, Results, Several

    Labels = str | Iterable[str] | None


class Label(TypedDict):
    """A label of a text."""

    label: str
    score: float


class Ranking(TypedDict):
    """A text with labels, the best first, and their scores."""

    sequence: str
    labels: list[str]
    scores: list[float]


def _texts_and_pairs(inputs: list[Any]) -> tuple[list[Any], list[Any]]:
    """Texts, and second ones where there are some: {"text": …, "text_pair": …}."""
    texts, pairs = [], []
    for index, item in enumerate(inputs):
        if isinstance(item, Mapping):
            if unknown := set(item) - {"text", "text_pair"}:
                raise InputError(index, f"has {sorted(map(str, unknown))}, expected text and text_pair")
            if "text" not in item:
                raise InputError(index, "has no text")
            texts.append(item["text"])
            pairs.append(item.get("text_pair"))
        else:
            if isinstance(item, (list, tuple)):
                raise InputError(index, 'is a list: a pair is {"text": ..., "text_pair": ...}')
            texts.append(item)
            pairs.append(None)
    return texts, pairs


class TextClassificationPipeline(Pipeline):
    """Labels of texts, or of pairs `{"text": …, "text_pair": …}`.

    A text gives `[{"label", "score"}]`, a list of texts a list of such dictionaries; with `top_k` (`None`: all labels) each text has a
    list of them, the best first. `function_to_apply` is sigmoid, softmax or none, in place of what the model's configuration says. A text
    of too many tokens is refused unless `truncation=True`.
    """

    arguments: ClassVar[dict[str, Any]] = {"top_k": "", "function_to_apply": None, "truncation": False, "padding": None, "max_length": None}

    @overload
    def __call__(self, inputs: str, **given: Any) -> list[Label]: ...
    @overload
    def __call__(self, inputs: Mapping[str, Any], *, top_k: int | None, **given: Any) -> list[Label]: ...
    @overload
    def __call__(self, inputs: Several, *, top_k: int | None, **given: Any) -> list[list[Label]]: ...
    @overload
    def __call__(self, inputs: Dataset, *, top_k: int | None, **given: Any) -> Results[list[Label]]: ...
    @overload
    def __call__(self, inputs: Iterable[Any], *, top_k: int | None, **given: Any) -> Iterator[list[Label]]: ...
    @overload
    def __call__(self, inputs: Mapping[str, Any], **given: Any) -> Label: ...
    @overload
    def __call__(self, inputs: Several, **given: Any) -> list[Label]: ...
    @overload
    def __call__(self, inputs: Dataset, **given: Any) -> Results[Label]: ...
    @overload
    def __call__(self, inputs: Iterable[Any], **given: Any) -> Iterator[Label]: ...
    def __call__(self, inputs: Any, **given: Any) -> Any:
        return super().__call__(inputs, **given)

    def _one(self, inputs: Any, how: dict[str, Any], given: dict[str, Any]) -> Any:
        found = super()._one(inputs, how, given)
        # What transformers has for a single text.
        return [found] if isinstance(inputs, str) and "top_k" not in given else found

    def _many(self, inputs: list[Any], how: dict[str, Any]) -> list[Any]:
        texts, pairs = _texts_and_pairs(inputs)
        scores = self._scores(texts, pairs, how)
        labels, top_k = self.engine.labels, how["top_k"]
        if top_k == "":
            best = scores.argmax(1).tolist()
            return [{"label": labels[i], "score": float(row[i])} for i, row in zip(best, scores)]
        order = (-scores).argsort(1, kind="stable")
        if top_k is not None:
            order = order[:, :top_k]
        return [[{"label": labels[i], "score": float(row[i])} for i in best] for best, row in zip(order.tolist(), scores)]

    def _scores(self, texts: list[Any], pairs: list[Any], how: dict[str, Any]) -> NDArray[numpy.float32]:
        keys: dict[str, Any] = {
            "function_to_apply": how["function_to_apply"],
            "truncation": bool(how["truncation"]),
            "max_tokens": how["max_length"],
        }
        if all(pair is None for pair in pairs):
            return self.engine.scores(texts, **keys)
        if any(pair is None for pair in pairs):
            # Some have a second text, others have not: each by itself.
            out = numpy.empty((len(texts), len(self.engine.labels)), numpy.float32)
            for with_pair in (False, True):
                places = [i for i, pair in enumerate(pairs) if (pair is not None) == with_pair]
                second = [pairs[i] for i in places] if with_pair else None
                try:
                    out[places] = self.engine.scores([texts[i] for i in places], second, **keys)
                except InputError as error:
                    raise InputError(places[error.index], error.reason) from None
            return out
        return self.engine.scores(texts, pairs, **keys)


class ZeroShotClassificationPipeline(Pipeline):
    """Labels that a model was not trained on: for each text `{"sequence", "labels", "scores"}`, the best label first."""

    arguments: ClassVar[dict[str, Any]] = {"candidate_labels": None, "hypothesis_template": "This example is {}.", "multi_label": False}

    @overload  # type: ignore[override]  # inputs have another name, as in transformers
    def __call__(self, sequences: str, candidate_labels: Labels = None, **given: Any) -> Ranking: ...
    @overload
    def __call__(self, sequences: Several, candidate_labels: Labels = None, **given: Any) -> list[Ranking]: ...
    @overload
    def __call__(self, sequences: Dataset, candidate_labels: Labels = None, **given: Any) -> Results[Ranking]: ...
    @overload
    def __call__(self, sequences: Iterable[Any], candidate_labels: Labels = None, **given: Any) -> Iterator[Ranking]: ...
    def __call__(self, sequences: Any, candidate_labels: Labels = None, **given: Any) -> Any:
        if candidate_labels is not None:
            given["candidate_labels"] = candidate_labels
        return super().__call__(sequences, **given)

    def _many(self, inputs: list[Any], how: dict[str, Any]) -> list[Any]:
        labels = how["candidate_labels"]
        if isinstance(labels, str):
            labels = [label.strip() for label in labels.split(",") if label.strip()]
        labels = [] if labels is None else list(labels)
        if not labels:
            raise OptionError("candidate_labels: there are none")
        template, multi = how["hypothesis_template"], how["multi_label"]
        found = self.engine.rank_labels(inputs, labels, hypothesis_template=template, multi_label=multi)
        return [
            {"sequence": text, "labels": [labels[i] for i, _ in ranked], "scores": [score for _, score in ranked]}
            for text, ranked in zip(inputs, found)
        ]
