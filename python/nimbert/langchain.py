"""Vectors for LangChain: needs langchain-core.

    from nimbert.langchain import NimbertEmbeddings

    embeddings = NimbertEmbeddings("bge-small-zh-v1.5")
"""

from langchain_core.embeddings import Embeddings

from .sentence import SentenceEncoder


class NimbertEmbeddings(Embeddings):
    """The vectors of a SentenceEncoder, whose arguments it takes. Queries and documents get the model's prompts for them, if it has some."""

    def __init__(self, model, *, normalize_embeddings=True, **options):
        self.encoder = SentenceEncoder(model, **options)
        self.normalize_embeddings = normalize_embeddings

    def embed_documents(self, texts):
        """A list of numbers for each text."""
        return self.encoder.encode_document(texts, normalize_embeddings=self.normalize_embeddings).tolist()

    def embed_query(self, text):
        """A list of numbers."""
        return self.encoder.encode_query(text, normalize_embeddings=self.normalize_embeddings).tolist()
