"""Vectors as features for scikit-learn, which it needs.

    from nimbert.sklearn import EmbeddingTransformer

    make_pipeline(EmbeddingTransformer("bge-small-zh-v1.5"), LogisticRegression()).fit(texts, labels)
"""

from __future__ import annotations

from collections.abc import Iterable
from os import PathLike
from typing import TYPE_CHECKING, Any

from sklearn.base import BaseEstimator, TransformerMixin

from .sentence import SentenceEncoder

if TYPE_CHECKING:
    import numpy
    from numpy.typing import NDArray
    from typing_extensions import Self

    from ._nimbert import Engine


class EmbeddingTransformer(TransformerMixin, BaseEstimator):
    """Texts to float32[n, d], by a SentenceEncoder that is loaded when it is first used."""

    def __init__(
        self,
        model: str | PathLike[str] | Engine | None,
        *,
        precision: str = "auto",
        threads: int | None = None,
        truncate_dim: int | None = None,
        normalize_embeddings: bool = False,
    ) -> None:
        self.model = model
        self.precision = precision
        self.threads = threads
        self.truncate_dim = truncate_dim
        self.normalize_embeddings = normalize_embeddings

    def fit(self, texts: Iterable[str], labels: object = None) -> Self:
        """Loads the model; there is nothing to learn."""
        self._encoder()
        return self

    def transform(self, texts: Iterable[str]) -> NDArray[numpy.float32]:
        """float32[n, d]"""
        return self._encoder().encode(list(texts), normalize_embeddings=self.normalize_embeddings)

    def get_feature_names_out(self, input_features: object = None) -> NDArray[numpy.object_]:
        """A name for each number."""
        import numpy

        count = self._encoder().get_sentence_embedding_dimension()
        return numpy.array([f"embedding{i}" for i in range(count)], dtype=object)

    def __sklearn_is_fitted__(self) -> bool:
        return True

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.string = True
        tags.input_tags.two_d_array = False
        return tags

    def _encoder(self) -> SentenceEncoder:
        if not hasattr(self, "encoder_"):
            options: dict[str, Any] = {"precision": self.precision, "threads": self.threads, "truncate_dim": self.truncate_dim}
            self.encoder_ = SentenceEncoder(self.model, **options)
        return self.encoder_
