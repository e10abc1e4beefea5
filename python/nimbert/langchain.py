"""Vectors for LangChain: needs langchain-core.

    from nimbert.langchain import NimbertEmbeddings

    embeddings = NimbertEmbeddings("bge-small-zh-v1.5")
"""

from os import PathLike
from typing import Any

from langchain_core.embeddings import Embeddings

from ._nimbert import Engine
from .sentence import SentenceEncoder


class NimbertEmbeddings(Embeddings):
    """The vectors of a SentenceEncoder, whose arguments it takes. Queries and documents get the model's prompts for them, if it has some."""

    def __init__(self, model: str | PathLike[str] | Engine | None, *, normalize_embeddings: bool = True, **options: Any) -> None:
        self.encoder = SentenceEncoder(model, **options)
        self.normalize_embeddings = normalize_embeddings

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        """A list of numbers for each text."""
        vectors: list[list[float]] = self.encoder.encode_document(texts, normalize_embeddings=self.normalize_embeddings).tolist()
        return vectors

    def embed_query(self, text: str) -> list[float]:
        """A list of numbers."""
        vector: list[float] = self.encoder.encode_query(text, normalize_embeddings=self.normalize_embeddings).tolist()
        return vector
