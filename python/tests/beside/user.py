"""What a type checker makes of a user's calls. It is checked, not run."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy
from numpy.typing import NDArray
from typing_extensions import assert_type

import nimbert
from nimbert.pipelines.base import Pipeline, Results
from nimbert.pipelines.labels import Label, Ranking, TextClassificationPipeline
from nimbert.pipelines.spans import Answer
from nimbert.pipelines.tokens import FeatureExtractionPipeline

Array = NDArray[numpy.float32]


def texts() -> Iterator[str]:
    yield "太好看了"


class Dataset:
    def __len__(self) -> int:
        return 1

    def __getitem__(self, index: int) -> str:
        return "太好看了"


def pipelines(task: str) -> None:
    assert_type(nimbert.pipeline(task), Pipeline)
    assert_type(nimbert.pipeline(), TextClassificationPipeline)
    assert_type(nimbert.pipeline("feature-extraction", "model"), FeatureExtractionPipeline)
    # What it is made with changes what a call gives.
    assert_type(nimbert.pipeline("sentiment-analysis", top_k=None), Pipeline)

    stars = nimbert.pipeline("sentiment-analysis", threads=1)
    assert_type(stars("太好看了"), list[Label])
    assert_type(stars(["太好看了"]), list[Label])
    assert_type(stars(["太好看了"], top_k=None), list[list[Label]])
    assert_type(stars({"text": "太好看了", "text_pair": "难看"}), Label)
    assert_type(stars(texts()), Iterator[Label])
    assert_type(stars(Dataset()), Results[Label])
    assert_type(stars("太好看了")[0]["score"], float)

    entities = nimbert.pipeline("ner", "model")
    assert_type(entities("text"), list[dict[str, Any]])
    assert_type(entities(["text"]), list[list[dict[str, Any]]])
    answer = nimbert.pipeline("question-answering", "model")
    assert_type(answer("question", "context"), Answer)
    assert_type(answer(question="question", context="context"), Answer)
    assert_type(answer({"question": "question", "context": "context"}), Answer)
    assert_type(answer([{"question": "question", "context": "context"}]), Answer | list[Answer])
    assert_type(nimbert.pipeline("fill-mask", "model")("[MASK]"), list[Any])
    assert_type(nimbert.pipeline("zero-shot-classification", "model")("text", ["one", "other"]), Ranking)


def encoders(several: Sequence[str], pairs: list[tuple[str, str]], to_numpy: bool) -> None:
    encoder = nimbert.SentenceEncoder("model")
    assert_type(encoder.encode("text"), Array)
    assert_type(encoder.encode(several, normalize_embeddings=True), Array)
    assert_type(encoder.encode(several, convert_to_numpy=to_numpy), Array | list[Array])
    assert_type(encoder.encode(several, output_value="token_embeddings"), Array | list[Array])
    assert_type(encoder.encode_query("text"), Array)
    assert_type(encoder.encode_document(several, convert_to_numpy=False), Array | list[Array])
    assert_type(encoder.similarity(encoder.encode(several), [[0.0]]), Array)

    model = nimbert.CrossEncoder("model")
    assert_type(model.predict(pairs), Array)
    assert_type(model.predict(("query", "document")), Array | numpy.float32)
    assert_type(model.rank("query", several), list[dict[str, Any]])


def engines() -> None:
    engine = nimbert.from_pretrained("model", threads=1)
    assert_type(engine, nimbert.Engine)
    assert_type(nimbert.find("model").name, str)
    assert_type(nimbert.compare(engine, "model", texts()).speedup, float)
    try:
        engine.scores(["a"])
    except nimbert.InputError as error:
        assert_type(error.index, int)
