"""SentenceEncoder, CrossEncoder and the adapters, beside the packages whose habits they have."""

import sys
import tempfile
import unittest
from pathlib import Path

import numpy

import nimbert

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from family import FAMILY, with_json  # noqa: E402

try:
    import sentence_transformers
except ImportError:
    sentence_transformers = None

TEXTS = ["Maria Olsen moved to Ghent", "篮球太让我上头了", "it was fine", ""]


@unittest.skipUnless(sentence_transformers and FAMILY.is_dir(), "no sentence-transformers, or no checkpoints")
class Beside(unittest.TestCase):
    def test_vectors(self):
        for name in ("st-mean-normalize", "st-cls-prompts", "st-mean-dense", "st-mean-mpnet"):
            theirs = sentence_transformers.SentenceTransformer(str(FAMILY / name), device="cpu")
            ours = nimbert.SentenceEncoder(FAMILY / name, threads=1)
            calls = [{}, {"normalize_embeddings": True}, {"truncate_dim": 8}, {"truncate_dim": 8, "normalize_embeddings": True}]
            calls += [{"prompt_name": prompt} for prompt in ours.prompts] + [{"prompt": "so: "}]
            for how in calls:
                for texts in (TEXTS, TEXTS[0], TEXTS[:1]):
                    expected, found = theirs.encode(texts, **how), ours.encode(texts, **how)
                    self.assertEqual((found.dtype, found.shape), (expected.dtype, expected.shape), f"{name} {how}")
                    numpy.testing.assert_allclose(found, expected, atol=1e-4, err_msg=f"{name} {how}")
            one, other = ours.encode(TEXTS), theirs.encode(TEXTS)
            numpy.testing.assert_allclose(ours.similarity(one, one), theirs.similarity(other, other).numpy(), atol=1e-4)
            self.assertEqual(ours.similarity_fn_name, theirs.similarity_fn_name)
            states, expected = (model.encode(TEXTS, output_value="token_embeddings") for model in (ours, theirs))
            for found, states in zip(states, expected):
                numpy.testing.assert_allclose(found, states.numpy(), atol=1e-4)

    def test_similarity(self):
        with tempfile.TemporaryDirectory() as scratch:
            for name in ("cosine", "dot", "euclidean", "manhattan"):
                said = {"similarity_fn_name": name}
                path = with_json(FAMILY / "st-mean-dense", Path(scratch, name), "config_sentence_transformers.json", said)
                theirs = sentence_transformers.SentenceTransformer(str(path), device="cpu")
                vectors = theirs.encode(TEXTS)
                found = nimbert.SentenceEncoder(path, threads=1).similarity(vectors, vectors[:3])
                numpy.testing.assert_allclose(found, theirs.similarity(vectors, vectors[:3]).numpy(), atol=1e-5, err_msg=name)

    def test_cross_encoders(self):
        documents = ["a stone", "Ghent is a town", "篮球"]
        for name in ("ce-bert", "ce-xlm-roberta"):
            theirs = sentence_transformers.CrossEncoder(str(FAMILY / name), device="cpu")
            ours = nimbert.CrossEncoder(FAMILY / name, threads=1)
            pairs = [(TEXTS[0], document) for document in documents]
            numpy.testing.assert_allclose(ours.predict(pairs), theirs.predict(pairs), atol=1e-4)
            self.assertEqual(ours.predict(pairs[0]).shape, theirs.predict(pairs[0]).shape)
            for how in ({}, {"top_k": 2}, {"return_documents": True}):
                found, expected = (model.rank(TEXTS[0], documents, **how) for model in (ours, theirs))
                self.assertEqual([set(each) for each in found], [set(each) for each in expected])
                self.assertEqual([each["corpus_id"] for each in found], [each["corpus_id"] for each in expected])

    def test_cross_encoders_of_several_labels(self):
        from torch import nn

        pairs = [(TEXTS[0], text) for text in TEXTS]
        for activation in (None, nn.Identity(), nn.Sigmoid(), nn.Softmax(dim=1)):
            theirs = sentence_transformers.CrossEncoder(str(FAMILY / "bert-nli"), device="cpu", activation_fn=activation)
            with tempfile.TemporaryDirectory() as saved:
                # Names the activation in one of its files.
                theirs.save_pretrained(saved)
                ours = nimbert.CrossEncoder(saved, threads=1)
                for how in ({}, {"apply_softmax": True}, {"activation_fn": nn.Tanh()}):
                    expected, found = theirs.predict(pairs, **how), ours.predict(pairs, **how)
                    self.assertEqual((found.dtype, found.shape), (expected.dtype, expected.shape))
                    numpy.testing.assert_allclose(found, expected, atol=1e-4, err_msg=f"{activation} {how}")


class Adapters(unittest.TestCase):
    def test_langchain(self):
        try:
            from nimbert.langchain import NimbertEmbeddings
        except ImportError as error:
            self.skipTest(str(error))
        from langchain_core.embeddings import Embeddings

        embeddings = NimbertEmbeddings(None, threads=1)
        self.assertIsInstance(embeddings, Embeddings)
        documents = embeddings.embed_documents(["好看", "难看"])
        self.assertEqual((len(documents), embeddings.embed_query("好看")), (2, documents[0]))

    def test_scikit_learn(self):
        try:
            from nimbert.sklearn import EmbeddingTransformer
        except ImportError as error:
            self.skipTest(str(error))
        from sklearn.base import clone
        from sklearn.linear_model import LogisticRegression
        from sklearn.pipeline import make_pipeline

        texts, labels = ["太好看了", "精彩", "感人", "难看", "无聊", "烂片"], [1, 1, 1, 0, 0, 0]
        model = make_pipeline(clone(EmbeddingTransformer(None, threads=1)), LogisticRegression()).fit(texts, labels)
        self.assertEqual(model.predict(texts).tolist(), labels)
        self.assertEqual(len(model[0].get_feature_names_out()), model[0].transform(texts).shape[1])


if __name__ == "__main__":
    unittest.main()
