"""Parts of texts: entities, and answers to questions."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, TypedDict, overload

from ..errors import InputError, OptionError
from .base import Pipeline

if TYPE_CHECKING:
    from .base import Dataset, Results, Several


class Answer(TypedDict):
    """An answer, and where it is in its context."""

    score: float
    start: int
    end: int
    answer: str


class TokenClassificationPipeline(Pipeline):
    """Entities in texts: for each text a list of `{"entity", "score", "index", "word", "start", "end"}`, or with an
    `aggregation_strategy` (simple, first, average, max) of `{"entity_group", "score", "word", "start", "end"}`."""

    arguments: ClassVar[dict[str, Any]] = {
        "aggregation_strategy": "none",
        "ignore_labels": None,
        "stride": None,
        "is_split_into_words": False,
        "delimiter": " ",
    }

    @overload
    def __call__(self, inputs: str, **given: Any) -> list[dict[str, Any]]: ...
    @overload
    def __call__(self, inputs: Several, **given: Any) -> list[list[dict[str, Any]]]: ...
    @overload
    def __call__(self, inputs: Dataset, **given: Any) -> Results[list[dict[str, Any]]]: ...
    @overload
    def __call__(self, inputs: Iterable[Any], **given: Any) -> Iterator[list[dict[str, Any]]]: ...
    def __call__(self, inputs: Any, **given: Any) -> Any:
        """`is_split_into_words`: `inputs` is a list of words, or of lists of words, which are joined by `delimiter`."""
        split = given.get("is_split_into_words", self.usual.get("is_split_into_words"))
        if split and isinstance(inputs, (list, tuple)) and all(isinstance(word, str) for word in inputs):
            inputs = [inputs]
        return super().__call__(inputs, **given)

    def _many(self, inputs: list[Any], how: dict[str, Any]) -> list[Any]:
        if how["is_split_into_words"]:
            inputs = [how["delimiter"].join(words) for words in inputs]
        strategy = str(getattr(how["aggregation_strategy"], "value", how["aggregation_strategy"])).lower()
        found = self.engine.tag(inputs, aggregation=strategy, ignore_labels=how["ignore_labels"], stride=how["stride"])
        if strategy == "none":
            return [
                [
                    {"entity": label, "score": score, "index": index, "word": word, "start": start, "end": end}
                    for label, score, index, word, start, end in text
                ]
                for text in found
            ]
        return [
            [
                {"entity_group": label, "score": score, "word": word, "start": start, "end": end}
                for label, score, _, word, start, end in text
            ]
            for text in found
        ]


class QuestionAnsweringPipeline(Pipeline):
    """Answers to questions, as they stand in a context: `pipe(question=…, context=…)`, or dictionaries of both.

    Each is `{"score", "start", "end", "answer"}`, with `top_k` above 1 a list of them. transformers has it until 5.2.
    """

    arguments: ClassVar[dict[str, Any]] = {
        "top_k": 1,
        "doc_stride": None,
        "max_answer_len": 15,
        "max_seq_len": None,
        "max_question_len": 64,
        "handle_impossible_answer": False,
        "align_to_words": True,
    }

    @overload  # type: ignore[override]  # inputs have other names, as in transformers
    def __call__(self, *inputs: Any, question: Any = None, context: Any = None, top_k: int, **given: Any) -> Any: ...
    @overload
    def __call__(self, question: str, context: str, **given: Any) -> Answer: ...
    @overload
    def __call__(self, *, question: Sequence[str], context: str | Sequence[str], **given: Any) -> Answer | list[Answer]: ...
    @overload
    def __call__(self, inputs: Mapping[str, Any], /, **given: Any) -> Answer: ...
    @overload
    def __call__(self, inputs: Several, /, **given: Any) -> Answer | list[Answer]: ...
    @overload
    def __call__(self, inputs: Dataset, /, **given: Any) -> Results[Answer]: ...
    @overload
    def __call__(self, inputs: Iterable[Any], /, **given: Any) -> Iterator[Answer]: ...
    def __call__(self, *inputs: Any, question: Any = None, context: Any = None, **given: Any) -> Any:  # type: ignore[misc]  # it takes all
        asked: Any = inputs
        if len(inputs) == 2 and all(isinstance(text, str) for text in inputs):
            (question, context), asked = inputs, ()
        if question is not None or context is not None:
            if question is None or context is None or asked:
                raise OptionError("question and context go together, and with nothing else")
            if isinstance(question, str):
                asked = {"question": question, "context": context}
            else:
                contexts = [context] * len(question) if isinstance(context, str) else context
                if len(question) != len(contexts):
                    raise OptionError(f"{len(question)} questions, {len(contexts)} contexts")
                asked = [{"question": one, "context": other} for one, other in zip(question, contexts)]
        elif len(inputs) == 1:
            (asked,) = inputs
        elif not inputs:
            raise InputError(0, "has no question and no context")
        # One is itself, as in transformers.
        if isinstance(asked, (list, tuple)) and len(asked) == 1:
            asked = asked[0]
        return super().__call__(asked, **given)

    def _many(self, inputs: list[Any], how: dict[str, Any]) -> list[Any]:
        for index, item in enumerate(inputs):
            if not isinstance(item, Mapping) or not {"question", "context"} <= set(item):
                raise InputError(index, "is no dictionary of question and context")
        questions, contexts = ([item[key] for item in inputs] for key in ("question", "context"))
        for key, texts in (("question", questions), ("context", contexts)):
            for index, text in enumerate(texts):
                if not isinstance(text, str):
                    raise InputError(index, f"has a {key} that is {type(text).__name__}, expected str")
        found = self.engine.answer(questions, contexts, **how)
        named = [
            [{"score": score, "start": start, "end": end, "answer": text} for score, start, end, text in answers] for answers in found
        ]
        return [answers[0] if len(answers) == 1 else answers for answers in named]
