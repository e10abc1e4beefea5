"""The habits of sentence-transformers: vectors of sentences, and scores of pairs."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from os import PathLike
from typing import TYPE_CHECKING, Any, Literal, overload

import numpy

from .errors import InputError, OptionError
from .hub import from_pretrained, is_engine

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from ._nimbert import Engine

    Array = NDArray[numpy.float32]

# Texts between two steps of a progress bar.
STEP = 256


def _steps(count: int, show: bool | None, what: str) -> Iterator[slice]:
    """Ranges of texts, with a progress bar where one is wanted and tqdm is there."""
    starts: Iterable[int] = range(0, count, STEP if show else max(count, 1))
    if show:
        try:
            from tqdm.auto import tqdm

            starts = tqdm(starts, desc=what, unit=f"x{STEP}")
        except ImportError:
            pass
    for start in starts:
        yield slice(start, start + (STEP if show else count))


def _only_numpy(convert_to_tensor: bool, device: object) -> None:
    if convert_to_tensor:
        raise OptionError("convert_to_tensor: there are arrays only; torch.from_numpy makes a tensor of one without a copy")
    if str(device or "cpu") != "cpu":
        raise OptionError(f"device={device!r}: this is computed on the CPU")


def _softmax(logits: Array) -> Array:
    powers = numpy.exp(logits - logits.max(1, keepdims=True))
    scores: Array = powers / powers.sum(1, keepdims=True)
    return scores


def _sigmoid(logits: Array) -> Array:
    scores: Array = numpy.reciprocal(1 + numpy.exp(-logits), dtype=numpy.float32)
    return scores


# What a cross-encoder of several labels may name; of one label the engine knows.
ACTIVATIONS: dict[str | None, Callable[[Array], Array]] = {
    None: lambda logits: logits,
    "torch.nn.modules.linear.Identity": lambda logits: logits,
    "torch.nn.modules.activation.Sigmoid": _sigmoid,
    "torch.nn.modules.activation.Softmax": _softmax,
}


def _unit(vectors: Array) -> Array:
    """Scaled to length 1."""
    unit: Array = vectors / numpy.maximum(numpy.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
    return unit


class SentenceEncoder:
    """A model of sentences, as `SentenceTransformer` has it: a directory of sentence-transformers, a packed file of one, or any BERT,
    whose hidden states are averaged then."""

    def __init__(
        self,
        model: str | PathLike[str] | Engine | None,
        *,
        precision: str = "auto",
        threads: int | None = None,
        truncate_dim: int | None = None,
        max_tokens: int | None = None,
        pooling: str | None = None,
        revision: str = "main",
    ) -> None:
        options: dict[str, Any] = {"precision": precision, "threads": threads, "max_tokens": max_tokens, "pooling": pooling}
        self.engine = model if is_engine(model) else from_pretrained(model, revision, **options)
        self.truncate_dim = truncate_dim
        # What cannot make vectors says so now.
        self.engine.dimensions

    @property
    def max_seq_length(self) -> int:
        """The most tokens of a text, special ones included: what is beyond is cut."""
        return self.engine.max_tokens

    @property
    def prompts(self) -> dict[str, str]:
        """The model's prompts by their names."""
        return self.engine.prompts

    def get_embedding_dimension(self) -> int:
        """How many numbers a vector has."""
        return min(self.truncate_dim or self.engine.dimensions, self.engine.dimensions)

    get_sentence_embedding_dimension = get_embedding_dimension

    @overload
    def encode(
        self,
        inputs: str | Iterable[str] | None = None,
        prompt_name: str | None = None,
        prompt: str | None = None,
        batch_size: int = 32,
        show_progress_bar: bool | None = None,
        output_value: Literal["sentence_embedding"] = "sentence_embedding",
        precision: str = "float32",
        convert_to_numpy: Literal[True] = True,
        convert_to_tensor: bool = False,
        device: object = None,
        normalize_embeddings: bool = False,
        *,
        truncate_dim: int | None = None,
        sentences: str | Iterable[str] | None = None,
    ) -> Array: ...
    @overload
    def encode(
        self,
        inputs: str | Iterable[str] | None = None,
        prompt_name: str | None = None,
        prompt: str | None = None,
        batch_size: int = 32,
        show_progress_bar: bool | None = None,
        output_value: str = "sentence_embedding",
        precision: str = "float32",
        convert_to_numpy: bool = True,
        convert_to_tensor: bool = False,
        device: object = None,
        normalize_embeddings: bool = False,
        *,
        truncate_dim: int | None = None,
        sentences: str | Iterable[str] | None = None,
    ) -> Array | list[Array]: ...
    def encode(
        self,
        inputs: Any = None,
        prompt_name: str | None = None,
        prompt: str | None = None,
        batch_size: int = 32,
        show_progress_bar: bool | None = None,
        output_value: str = "sentence_embedding",
        precision: str = "float32",
        convert_to_numpy: bool = True,
        convert_to_tensor: bool = False,
        device: object = None,
        normalize_embeddings: bool = False,
        *,
        truncate_dim: int | None = None,
        sentences: Any = None,
    ) -> Array | list[Array]:
        """Vectors: of one sentence float32[d], of several float32[n, d], or a list of float32[d] without `convert_to_numpy`.

        `output_value="token_embeddings"` gives those of each token, float32[tokens, d]. `batch_size` changes nothing: the engine packs
        tokens, and pads none. Raises InputError with the place of a text that is none.
        """
        del batch_size
        _only_numpy(convert_to_tensor, device)
        if precision != "float32":
            raise OptionError(f"precision={precision!r}: vectors are float32; what is computed in is said when the model is loaded")
        # The older name.
        inputs = sentences if inputs is None else inputs
        is_one = isinstance(inputs, str)
        texts = [inputs] if is_one else list(inputs)
        prompts: dict[str, Any] = {"prompt_name": prompt_name, "prompt": prompt}
        found: Array | list[Array]
        if output_value == "token_embeddings":
            found = self.engine.token_vectors(texts, prepare=True, **prompts)
        elif output_value == "sentence_embedding":
            size = truncate_dim or self.truncate_dim
            # Cut vectors are scaled after they are cut, and only if that is asked for, whatever the model itself does before.
            normalize = True if normalize_embeddings and not size else None
            steps = _steps(len(texts), show_progress_bar, "sentences")
            parts = [self.engine.embed(texts[part], normalize=normalize, **prompts) for part in steps]
            vectors = parts[0] if len(parts) == 1 else numpy.concatenate(parts or [self.engine.embed([], **prompts)])
            if size:
                vectors = _unit(vectors[:, :size]) if normalize_embeddings else numpy.ascontiguousarray(vectors[:, :size])
            found = vectors if convert_to_numpy else list(vectors)
        else:
            raise OptionError(f"output_value={output_value!r}: expected sentence_embedding or token_embeddings")
        return found[0] if is_one else found

    @overload
    def encode_query(
        self,
        inputs: str | Iterable[str],
        prompt_name: str | None = None,
        *,
        output_value: Literal["sentence_embedding"] = "sentence_embedding",
        convert_to_numpy: Literal[True] = True,
        **options: Any,
    ) -> Array: ...
    @overload
    def encode_query(self, inputs: str | Iterable[str], prompt_name: str | None = None, **options: Any) -> Array | list[Array]: ...
    def encode_query(self, inputs: str | Iterable[str], prompt_name: str | None = None, **options: Any) -> Array | list[Array]:
        """As encode(), with the model's prompt for queries if it has one."""
        found: Array | list[Array] = self.encode(inputs, prompt_name or self._prompt("query"), **options)
        return found

    @overload
    def encode_document(
        self,
        inputs: str | Iterable[str],
        prompt_name: str | None = None,
        *,
        output_value: Literal["sentence_embedding"] = "sentence_embedding",
        convert_to_numpy: Literal[True] = True,
        **options: Any,
    ) -> Array: ...
    @overload
    def encode_document(self, inputs: str | Iterable[str], prompt_name: str | None = None, **options: Any) -> Array | list[Array]: ...
    def encode_document(self, inputs: str | Iterable[str], prompt_name: str | None = None, **options: Any) -> Array | list[Array]:
        """As encode(), with the model's prompt for documents if it has one."""
        found: Array | list[Array] = self.encode(inputs, prompt_name or self._prompt("document", "passage", "corpus"), **options)
        return found

    def _prompt(self, *names: str) -> str | None:
        return next((name for name in names if name in self.engine.prompts), None)

    @property
    def similarity_fn_name(self) -> str:
        """What similarity() computes: what the model says, else cosine."""
        return self.engine.similarity

    def similarity(self, embeddings1: ArrayLike, embeddings2: ArrayLike) -> Array:
        """Cosines, or what the model says, products or distances below 0: float32[n, m] of float32[n, d] and float32[m, d]."""
        one, other = (numpy.atleast_2d(numpy.asarray(vectors, numpy.float32)) for vectors in (embeddings1, embeddings2))
        match self.similarity_fn_name:
            case "cosine":
                found: Array = _unit(one) @ _unit(other).T
            case "dot":
                found = one @ other.T
            case name:
                order = {"euclidean": 2, "manhattan": 1}[name]
                found = numpy.empty((len(one), len(other)), numpy.float32)
                for row, distances in zip(one, found, strict=True):
                    distances[:] = -numpy.linalg.norm(other - row, ord=order, axis=1)
        return found

    def __repr__(self) -> str:
        return f"SentenceEncoder({self.engine!r})"


class CrossEncoder:
    """A model of pairs, as sentence-transformers has it: how well a document answers a query, or labels of pairs."""

    def __init__(
        self,
        model: str | PathLike[str] | Engine | None,
        *,
        activation_fn: Callable[[Any], Any] | None = None,
        precision: str = "auto",
        threads: int | None = None,
        max_length: int | None = None,
        revision: str = "main",
    ) -> None:
        options: dict[str, Any] = {"precision": precision, "threads": threads, "max_tokens": max_length}
        self.activation_fn = activation_fn
        self.engine = model if is_engine(model) else from_pretrained(model, revision, **options)
        if not self.engine.labels:
            # It says what the model is for.
            self.engine.logits([])

    @property
    def num_labels(self) -> int:
        """How many numbers a pair gets."""
        return len(self.engine.labels)

    @overload
    def predict(  # type: ignore[overload-overlap]  # a str has the type of a pair, but is none
        self,
        inputs: Sequence[str],
        batch_size: int = 32,
        show_progress_bar: bool | None = None,
        activation_fn: Callable[[Any], Any] | None = None,
        apply_softmax: bool = False,
        convert_to_numpy: bool = True,
        convert_to_tensor: bool = False,
        *,
        sentences: None = None,
    ) -> Array | numpy.float32: ...
    @overload
    def predict(
        self,
        inputs: Iterable[Sequence[str]],
        batch_size: int = 32,
        show_progress_bar: bool | None = None,
        activation_fn: Callable[[Any], Any] | None = None,
        apply_softmax: bool = False,
        convert_to_numpy: Literal[True] = True,
        convert_to_tensor: bool = False,
        *,
        sentences: None = None,
    ) -> Array: ...
    @overload
    def predict(
        self,
        inputs: Iterable[Sequence[str]] | None = None,
        batch_size: int = 32,
        show_progress_bar: bool | None = None,
        activation_fn: Callable[[Any], Any] | None = None,
        apply_softmax: bool = False,
        convert_to_numpy: bool = True,
        convert_to_tensor: bool = False,
        *,
        sentences: Iterable[Sequence[str]] | None = None,
    ) -> Any: ...
    def predict(
        self,
        inputs: Any = None,
        batch_size: int = 32,
        show_progress_bar: bool | None = None,
        activation_fn: Callable[[Any], Any] | None = None,
        apply_softmax: bool = False,
        convert_to_numpy: bool = True,
        convert_to_tensor: bool = False,
        *,
        sentences: Any = None,
    ) -> Any:
        """Scores of pairs: float32[n] of a model with one label, else its outputs float32[n, labels]; of one pair without the first axis.

        `activation_fn` is called on the outputs in place of the one that the model's files name; `apply_softmax` makes several
        likelihoods. Raises OptionError where the files name one that is not known here.
        """
        del batch_size
        _only_numpy(convert_to_tensor, None)
        # The older name.
        pairs = list(sentences if inputs is None else inputs)
        activation_fn = activation_fn or self.activation_fn
        is_one = bool(pairs) and isinstance(pairs[0], str)
        pairs = [pairs] if is_one else pairs
        for index, pair in enumerate(pairs):
            if isinstance(pair, str) or len(pair) != 2:
                raise InputError(index, "is no pair of two texts")
        first, second = [pair[0] for pair in pairs], [pair[1] for pair in pairs]
        parts = [self._scores(first[part], second[part], activation_fn) for part in _steps(len(pairs), show_progress_bar, "pairs")]
        found = numpy.concatenate(parts) if parts else self._scores([], [], activation_fn)
        if apply_softmax and found.ndim > 1:
            found = _softmax(found)
        several = found if convert_to_numpy else list(found)
        return several[0] if is_one else several

    def _scores(self, first: list[str], second: list[str], activation: Callable[[Any], Any] | None) -> Array:
        if activation is not None:
            logits, torch = self.engine.logits(first, second), sys.modules.get("torch")
            if torch and isinstance(activation, torch.nn.Module):
                logits = activation(torch.from_numpy(logits)).detach().numpy()
            else:
                logits = numpy.asarray(activation(logits), numpy.float32)
            return logits[:, 0] if self.num_labels == 1 else logits
        if self.num_labels == 1:
            return self.engine.rank(first, second)
        return self._of_several(self.engine.logits(first, second))

    @functools.cached_property
    def _of_several(self) -> Callable[[Array], Array]:
        """What makes scores of several labels' outputs: what the model's files name, else nothing does."""
        name = self.engine.activation
        if name not in ACTIVATIONS:
            known = ", ".join(known.rpartition(".")[2] for known in ACTIVATIONS if known)
            raise OptionError(f"activation_fn: {name!r} is not one of {known}; predict(..., activation_fn=...) takes any function")
        return ACTIVATIONS[name]

    def rank(
        self,
        query: str,
        documents: Iterable[str],
        top_k: int | None = None,
        return_documents: bool = False,
        batch_size: int = 32,
        show_progress_bar: bool | None = None,
        activation_fn: Callable[[Any], Any] | None = None,
    ) -> list[dict[str, Any]]:
        """The documents, the best first: `[{"corpus_id", "score"}]`, with `return_documents` also `text`."""
        if self.num_labels != 1:
            raise ValueError(f"a model with {self.num_labels} labels does not rank: rank() needs one label, predict() takes any")
        documents = list(documents)
        scores = self.predict([(query, text) for text in documents], batch_size, show_progress_bar, activation_fn)
        order = numpy.argsort(-scores, kind="stable")[:top_k]
        return [
            {"corpus_id": int(i), "score": float(scores[i]), **({"text": documents[i]} if return_documents else {})} for i in order
        ]

    def __repr__(self) -> str:
        return f"CrossEncoder({self.engine!r})"
