"""Two models beside each other, and one beside PyTorch: do they agree, and how fast are they?"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from os import PathLike
from typing import TYPE_CHECKING, Any

import numpy

from .hub import from_pretrained, is_engine

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ._nimbert import Engine

    Array = NDArray[numpy.float32]


@dataclass
class Comparison:
    """What compare() and compare_with_torch() find: print it for a table, `plot()` draws it."""

    names: tuple[str, str]
    # Texts whose best label is the same, from 0 to 1.
    agreement: float
    # Of the logits.
    mean_distance: float
    largest_distance: float
    # Of each model.
    texts_per_second: tuple[float, float]
    texts: int
    # float32[n, labels] of each.
    logits: tuple[Array, Array] = field(repr=False)

    @property
    def speedup(self) -> float:
        """How many times as fast as the second the first is."""
        return self.texts_per_second[0] / self.texts_per_second[1]

    def __str__(self) -> str:
        width = max(len(name) for name in self.names)
        speeds = "\n".join(f"{name:<{width}}  {speed:>10,.1f} texts/s" for name, speed in zip(self.names, self.texts_per_second))
        return (
            f"{speeds}\n{self.names[0]} is {self.speedup:.2f} times as fast\n"
            f"{self.texts} texts: the same label for {self.agreement:.2%}; logits differ by {self.mean_distance:.2g} on average, "
            f"{self.largest_distance:.2g} at most"
        )

    def plot(self, axes: Any = None) -> Any:
        """Bars of the speeds, and the logits of one over the other. Needs matplotlib; `axes` are two to draw on."""
        if axes is None:
            from matplotlib import pyplot

            _, axes = pyplot.subplots(1, 2, figsize=(9, 3.5), layout="constrained")
        axes[0].barh(self.names[::-1], self.texts_per_second[::-1], color=["#8c959f", "#c2410c"])
        axes[0].set_xlabel("texts/s")
        axes[1].scatter(self.logits[1], self.logits[0], s=4, color="#c2410c")
        axes[1].set_xlabel(f"logits of {self.names[1]}")
        axes[1].set_ylabel(f"logits of {self.names[0]}")
        return axes


def _measured(work: Callable[[list[str]], Array], texts: list[str]) -> tuple[Array, float]:
    """What `work` gives for texts, and how many a second, after a first run of some of them."""
    work(texts[:8])
    start = time.perf_counter()
    found = work(texts)
    return found, len(texts) / (time.perf_counter() - start)


def _compared(names: tuple[str, str], texts: list[str], ours: tuple[Array, float], theirs: tuple[Array, float]) -> Comparison:
    (one, speed), (other, other_speed) = ours, theirs
    distance = numpy.abs(one - other)
    agreement = float((one.argmax(1) == other.argmax(1)).mean())
    found = (float(distance.mean()), float(distance.max()), (speed, other_speed))
    return Comparison(names, agreement, *found, len(texts), (one, other))


def _is_any(texts: Iterable[str]) -> list[str]:
    texts = list(texts)
    if not texts:
        raise ValueError("there are no texts to compare on")
    return texts


def compare(first: Engine | str | PathLike[str], second: Engine | str | PathLike[str], texts: Iterable[str]) -> Comparison:
    """Two engines, or paths of models, with the same labels, on the same texts."""
    texts = _is_any(texts)
    engines = [each if is_engine(each) else from_pretrained(each) for each in (first, second)]
    if engines[0].labels != engines[1].labels:
        raise ValueError(f"the models have other labels: {engines[0].labels} and {engines[1].labels}")
    one, other = (f"{engine.path or 'demo'} ({engine.precision})" for engine in engines)
    ours, theirs = (_measured(engine.logits, texts) for engine in engines)
    return _compared((one, other), texts, ours, theirs)


def compare_with_torch(
    path: str | PathLike[str], texts: Iterable[str], *, precision: str = "int8", threads: int | None = None, batch_size: int = 32
) -> Comparison:
    """A checkpoint directory in nimbert and in transformers on PyTorch, on as many threads, on the same texts. Needs both packages.

    transformers gets texts sorted by length and padded, `batch_size` at a time; nimbert as they come.
    """
    import torch
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    texts = _is_any(texts)
    engine = from_pretrained(path, precision=precision, threads=threads)
    tokenizer = AutoTokenizer.from_pretrained(engine.path)
    model = AutoModelForSequenceClassification.from_pretrained(engine.path).float().eval()
    before = torch.get_num_threads()
    torch.set_num_threads(engine.threads)

    def forward(part: list[str]) -> Array:
        order = sorted(range(len(part)), key=lambda i: len(part[i]))
        out = numpy.empty((len(part), model.config.num_labels), numpy.float32)
        with torch.inference_mode():
            for start in range(0, len(part), batch_size):
                places = order[start : start + batch_size]
                rows = [part[i] for i in places]
                inputs = tokenizer(rows, padding=True, truncation=True, max_length=engine.max_tokens, return_tensors="pt")
                out[places] = model(**inputs).logits.numpy()
        return out

    try:
        theirs = _measured(forward, texts)
    finally:
        torch.set_num_threads(before)
    names = (f"nimbert {engine.precision}", f"PyTorch {torch.__version__.split('+')[0]} f32")
    return _compared(names, texts, _measured(engine.logits, texts), theirs)
