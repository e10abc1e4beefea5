from collections.abc import Iterable, Sequence
from os import PathLike
from pathlib import Path
from typing import final

import numpy as np
from numpy.typing import NDArray

__all__ = ["Engine", "__version__", "pack", "verify"]
__version__: str

_Ids = Iterable[Iterable[int]]

@final
class Engine:
    def __new__(
        cls,
        path: str | PathLike[str] | None = None,
        *,
        precision: str = "auto",
        threads: int | None = None,
        max_tokens: int | None = None,
        pooling: str | None = None,
        copy_weights: bool = False,
        verify: bool = False,
    ) -> Engine: ...
    def __getnewargs_ex__(self) -> tuple[tuple[Path | None], dict[str, object]]: ...
    @property
    def path(self) -> Path | None: ...
    @property
    def tasks(self) -> list[str]: ...
    @property
    def labels(self) -> list[str]: ...
    @property
    def precision(self) -> str: ...
    @property
    def isa(self) -> str: ...
    @property
    def threads(self) -> int: ...
    @property
    def max_tokens(self) -> int: ...
    @property
    def hidden_size(self) -> int: ...
    @property
    def dimensions(self) -> int: ...
    @property
    def prompts(self) -> dict[str, str]: ...
    @property
    def similarity(self) -> str: ...
    @property
    def mask_token(self) -> str | None: ...
    @property
    def scoring(self) -> str: ...
    @property
    def activation(self) -> str | None: ...
    def tokenize(self, texts: str | Iterable[str], pairs: Iterable[str] | None = None, *, truncation: bool = True) -> list[list[int]]: ...
    def decode(self, ids: _Ids, *, skip_special_tokens: bool = True) -> list[str]: ...
    def logits(
        self, texts: str | Iterable[str], pairs: Iterable[str] | None = None, *, truncation: bool = True
    ) -> NDArray[np.float32]: ...
    def logits_of_ids(self, ids: _Ids) -> NDArray[np.float32]: ...
    def scores(
        self,
        texts: str | Iterable[str],
        pairs: Iterable[str] | None = None,
        *,
        function_to_apply: str | None = None,
        truncation: bool = True,
        max_tokens: int | None = None,
    ) -> NDArray[np.float32]: ...
    def scores_each(
        self,
        texts: str | Iterable[object],
        *,
        function_to_apply: str | None = None,
        truncation: bool = True,
        max_tokens: int | None = None,
    ) -> tuple[NDArray[np.float32], dict[int, str]]: ...
    def rank(self, queries: str | Iterable[str], documents: str | Iterable[str], *, raw: bool = False) -> NDArray[np.float32]: ...
    def embed(
        self,
        texts: str | Iterable[str],
        *,
        prompt_name: str | None = None,
        prompt: str | None = None,
        normalize: bool | None = None,
        dimensions: int | None = None,
    ) -> NDArray[np.float32]: ...
    def embed_each(
        self,
        texts: str | Iterable[object],
        *,
        prompt_name: str | None = None,
        prompt: str | None = None,
        normalize: bool | None = None,
        dimensions: int | None = None,
        truncation: bool = True,
    ) -> tuple[NDArray[np.float32], dict[int, str]]: ...
    def embed_ids(self, ids: _Ids, *, normalize: bool | None = None, dimensions: int | None = None) -> NDArray[np.float32]: ...
    def token_vectors(
        self,
        texts: str | Iterable[str],
        *,
        prompt_name: str | None = None,
        prompt: str | None = None,
        prepare: bool = False,
        truncation: bool = True,
    ) -> list[NDArray[np.float32]]: ...
    def tag(
        self,
        texts: str | Iterable[str],
        *,
        aggregation: str = "simple",
        ignore_labels: Sequence[str] | None = None,
        stride: int | None = None,
    ) -> list[list[tuple[str, float, int | None, str, int, int]]]: ...
    def answer(
        self,
        questions: str | Iterable[str],
        contexts: str | Iterable[str],
        *,
        top_k: int = 1,
        doc_stride: int | None = None,
        max_answer_len: int = 15,
        max_seq_len: int | None = None,
        max_question_len: int = 64,
        handle_impossible_answer: bool = False,
        align_to_words: bool = True,
    ) -> list[list[tuple[float, int, int, str]]]: ...
    def fill(
        self, texts: str | Iterable[str], *, top_k: int = 5, targets: Sequence[str] | None = None
    ) -> list[list[list[tuple[float, int, str, str]]]]: ...
    def rank_labels(
        self,
        texts: str | Iterable[str],
        labels: Sequence[str],
        *,
        hypothesis_template: str = "This example is {}.",
        multi_label: bool = False,
    ) -> list[list[tuple[int, float]]]: ...

def pack(source: str | PathLike[str], out: str | PathLike[str], *, precision: str = "int8") -> Path: ...
def verify(path: str | PathLike[str]) -> None: ...
