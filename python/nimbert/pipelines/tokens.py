"""Tokens: words for masks, and hidden states."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any, ClassVar, overload

from .base import Pipeline

if TYPE_CHECKING:
    from .base import Dataset, Results, Several


class FillMaskPipeline(Pipeline):
    """Words for the masks of texts: for each text with one mask a list of `{"score", "token", "token_str", "sequence"}`, the best first;
    with several masks a list of such lists. `targets` are words that alone are compared."""

    arguments: ClassVar[dict[str, Any]] = {"top_k": 5, "targets": None}

    def _many(self, inputs: list[Any], how: dict[str, Any]) -> list[Any]:
        targets = [how["targets"]] if isinstance(how["targets"], str) else how["targets"]
        found = self.engine.fill(inputs, top_k=how["top_k"], targets=targets)
        named = [
            [
                [
                    {"score": score, "token": token, "token_str": word, "sequence": sequence}
                    for score, token, word, sequence in words
                ]
                for words in masks
            ]
            for masks in found
        ]
        return [masks[0] if len(masks) == 1 else masks for masks in named]

    @overload
    def __call__(self, inputs: str | Several, **given: Any) -> list[Any]: ...
    @overload
    def __call__(self, inputs: Dataset, **given: Any) -> Results[list[Any]]: ...
    @overload
    def __call__(self, inputs: Iterable[Any], **given: Any) -> Iterator[list[Any]]: ...
    def __call__(self, inputs: Any, **given: Any) -> Any:
        found = super().__call__(inputs, **given)
        # A list of one text gives what the text alone gives.
        return found[0] if isinstance(inputs, list) and len(inputs) == 1 else found


class FeatureExtractionPipeline(Pipeline):
    """The hidden states of every token, special ones included: for each text nested lists `[1][tokens][hidden]`, or with
    `return_tensors=True` an array."""

    arguments: ClassVar[dict[str, Any]] = {"return_tensors": False, "truncation": True}

    def _many(self, inputs: list[Any], how: dict[str, Any]) -> list[Any]:
        found = self.engine.token_vectors(inputs, truncation=bool(how["truncation"]))
        return [states[None] if how["return_tensors"] else [states.tolist()] for states in found]
