"""Pipelines and encoders beside what transformers and sentence-transformers gave for the same checkpoints."""

import json
import tempfile
import unittest
from pathlib import Path

import numpy

import nimbert

from family import models, near, with_json


class Pipelines(unittest.TestCase):
    def test_text_classification(self):
        for path, rows in models("text-classification"):
            pipe = nimbert.pipeline("text-classification", path, threads=1)
            engine = pipe.engine
            single = [row for row in rows if "pair" not in row]
            logits = engine.logits([row["text"] for row in single])
            self.assertEqual(logits.dtype, numpy.float32)
            near(self, logits.tolist(), [row["logits"] for row in single], 1e-4, path.name)
            if paired := [row for row in rows if "pair" in row]:
                logits = engine.logits([row["text"] for row in paired], [row["pair"] for row in paired])
                near(self, logits.tolist(), [row["logits"] for row in paired], 1e-4, path.name)
                both = [{"text": row["text"], "text_pair": row["pair"]} if "pair" in row else row["text"] for row in rows]
                found = pipe(both, function_to_apply="none", truncation=True)
                near(self, [each["score"] for each in found], [max(row["logits"]) for row in rows], 1e-4, path.name)
            scored = [row for row in single if row.get("scores")]
            texts = [row["text"] for row in scored]
            self.assertTrue(texts)
            all_labels = pipe(texts, top_k=None, truncation=True)
            for ours, theirs in zip(all_labels, (row["scores"][0] for row in scored)):
                # Of equals the order says nothing.
                by_label = [{each["label"]: each["score"] for each in sorted(found, key=lambda each: each["label"])} for found in (ours, theirs)]
                near(self, *by_label, 1e-4, path.name)
                near(self, [each["score"] for each in ours], [each["score"] for each in theirs], 1e-4, path.name)
            for text, ours in zip(texts, all_labels):
                self.assertEqual(pipe(text, truncation=True), ours[:1])
                self.assertEqual(pipe(text, top_k=2, truncation=True), ours[:2])
            self.assertEqual(pipe(texts, truncation=True), [ours[0] for ours in all_labels])

    def test_token_classification(self):
        for path, rows in models("token-classification"):
            pipe = nimbert.pipeline("ner", path, threads=1)
            texts = [row["text"] for row in rows]
            for strategy in ("none", "simple", "first", "average", "max"):
                found = pipe(texts, aggregation_strategy=strategy)
                near(self, found, [row[strategy] for row in rows], 1e-4, f"{path.name} {strategy}")
                self.assertEqual(pipe(texts[0], aggregation_strategy=strategy), found[0])

    def test_question_answering(self):
        arguments = {
            "top3": {"top_k": 3},
            "impossible": {"handle_impossible_answer": True},
            "stride": {"max_seq_len": 40, "doc_stride": 12, "top_k": 2},
        }
        for path, rows in models("question-answering"):
            pipe = nimbert.pipeline("question-answering", path, threads=1)
            for row in rows:
                asked = {key: row[key] for key in ("question", "context")}
                for name, how in arguments.items():
                    near(self, pipe(**asked, **how), row[name], 1e-4, f"{path.name} {name}")
                    self.assertEqual(pipe([asked, asked], **how), [pipe(asked, **how)] * 2)
                    for one in (pipe([asked], **how), pipe(row["question"], row["context"], **how), pipe(question=[row["question"]], context=row["context"], **how)):
                        self.assertEqual(one, pipe(asked, **how))

    def test_fill_mask(self):
        for path, rows in models("fill-mask"):
            pipe = nimbert.pipeline("fill-mask", path, threads=1)
            for row in rows:
                near(self, pipe(row["text"]), row["result"], 1e-4, path.name)
                self.assertEqual(pipe([row["text"]]), pipe(row["text"]))
            mask = pipe.engine.mask_token
            several = pipe([f"{mask} a {mask}", f"b {mask}"], top_k=2)
            self.assertEqual([len(several[0]), len(several[0][0]), len(several[1])], [2, 2, 2])

    def test_zero_shot_classification(self):
        for path, rows in models("zero-shot-classification"):
            pipe = nimbert.pipeline("zero-shot-classification", path, threads=1)
            for row in rows:
                how = {key: row[key] for key in ("candidate_labels", "hypothesis_template", "multi_label")}
                near(self, pipe(row["text"], **how), row["result"], 1e-4, path.name)
                self.assertEqual(pipe([row["text"]], **how), [pipe(row["text"], **how)])
            self.assertEqual(pipe("a", "b, c"), pipe("a", ["b", "c"]))

    def test_feature_extraction(self):
        for path, rows in models("feature-extraction"):
            pipe = nimbert.pipeline("feature-extraction", path, threads=1)
            for row in rows:
                states = pipe(row["text"], return_tensors=True)
                self.assertEqual(states.shape, (1, len(row["ids"]), pipe.engine.hidden_size))
                near(self, states[0, 0].tolist(), row["last_hidden_state_first_row"], 1e-4, path.name)
                near(self, float(states.sum()), row["last_hidden_state_sum"], 1e-2, path.name)
                self.assertEqual(pipe(row["text"]), states.tolist())


class Sentences(unittest.TestCase):
    def test_vectors(self):
        for path, rows in models("sentence-transformers"):
            encoder = nimbert.SentenceEncoder(path, threads=1)
            texts = [row["text"] for row in rows]
            found = encoder.encode(texts)
            self.assertEqual((found.dtype, found.shape[1]), (numpy.float32, encoder.get_sentence_embedding_dimension()))
            near(self, found.tolist(), [row["embedding"] for row in rows], 1e-4, path.name)
            self.assertEqual(encoder.encode(texts[0]).tolist(), found[0].tolist())
            asked = json.loads((path / "expected.json").read_text()).get("with_prompt_query", [])
            with_prompt = encoder.encode_query([row["text"] for row in asked]) if asked else numpy.zeros((0, 1))
            near(self, with_prompt.tolist(), [row["embedding"] for row in asked], 1e-4, path.name)
            # Cut, and not scaled again, whatever the model does before.
            numpy.testing.assert_array_equal(encoder.encode(texts, truncate_dim=8), found[:, :8])
            for name, text in encoder.prompts.items():
                numpy.testing.assert_array_equal(encoder.encode(texts, name), encoder.encode(texts, prompt=text))
            unit = encoder.encode(texts, normalize_embeddings=True, truncate_dim=8)
            self.assertEqual(unit.shape[1], 8)
            numpy.testing.assert_allclose(numpy.linalg.norm(unit, axis=1), 1, atol=1e-5)

    def test_similarity(self):
        path, rows = models("sentence-transformers")[0]
        naive = {
            "cosine": lambda a, b: a @ b / numpy.linalg.norm(a) / numpy.linalg.norm(b),
            "dot": lambda a, b: a @ b,
            "euclidean": lambda a, b: -numpy.sqrt(((a - b) ** 2).sum()),
            "manhattan": lambda a, b: -numpy.abs(a - b).sum(),
        }
        with tempfile.TemporaryDirectory() as scratch:
            for name, compared in naive.items():
                directory = with_json(path, Path(scratch, name), "config_sentence_transformers.json", {"similarity_fn_name": name})
                packed = Path(scratch, f"{name}.nimbert")
                nimbert.pack(directory, packed, precision="f32")
                for model in (directory, packed):
                    encoder = nimbert.SentenceEncoder(model, threads=1, precision="f32")
                    vectors = encoder.encode([row["text"] for row in rows])
                    self.assertEqual(encoder.similarity_fn_name, name)
                    expected = numpy.array([[compared(a, b) for b in vectors[:2]] for a in vectors])
                    # Sums of some 32 products of numbers near 1, in another order.
                    numpy.testing.assert_allclose(encoder.similarity(vectors, vectors[:2]), expected, atol=1e-5, err_msg=name)
            self.assertEqual(encoder.similarity(vectors[:0], vectors).shape, (0, len(vectors)))

    def test_cross_encoders(self):
        for path, expected in models("cross-encoder"):
            model = nimbert.CrossEncoder(path, threads=1)
            pairs = [(expected["query"], document) for document in expected["documents"]]
            near(self, model.predict(pairs).tolist(), expected["predict"], 1e-4, path.name)
            near(self, model.rank(expected["query"], expected["documents"]), expected["rank"], 1e-4, path.name)
            self.assertEqual(model.predict(pairs[0]), model.predict(pairs)[0])
            best = model.rank(expected["query"], expected["documents"], 2, True)
            self.assertEqual([each["text"] for each in best], [expected["documents"][each["corpus_id"]] for each in best])
            self.assertEqual(model.predict(pairs, activation_fn=lambda logits: logits * 0).tolist(), [0] * len(pairs))

    def test_cross_encoders_of_several_labels(self):
        path, rows = next((path, rows) for path, rows in models("zero-shot-classification") if path.name == "bert-nli")
        pairs = [(row["text"], "This example is fine.") for row in rows]
        logits = nimbert.Engine(path, threads=1).logits(*map(list, zip(*pairs)))
        self.assertGreater(logits.shape[1], 1)
        sigmoid, softmax = 1 / (1 + numpy.exp(-logits)), numpy.exp(logits) / numpy.exp(logits).sum(1, keepdims=True)
        named = [(None, logits), ("linear.Identity", logits), ("activation.Sigmoid", sigmoid), ("activation.Softmax", softmax)]
        for name, expected in named:
            said = {"activation_fn": name and f"torch.nn.modules.{name}"}
            for file, json_of in (("config.json", {"sentence_transformers": said}), ("config_sentence_transformers.json", said)):
                with tempfile.TemporaryDirectory() as changed:
                    model, packed = with_json(path, Path(changed) / "model", file, json_of), Path(changed) / "packed.nimbert"
                    nimbert.pack(model, packed, precision="f32")
                    for at in (model, packed):
                        found = nimbert.CrossEncoder(at, threads=1).predict(pairs)
                        numpy.testing.assert_allclose(found, expected, atol=1e-6, err_msg=f"{name} in {file}, {at.name}")
        with tempfile.TemporaryDirectory() as changed:
            said = {"activation_fn": "torch.nn.modules.activation.Softplus"}
            model = nimbert.CrossEncoder(with_json(path, Path(changed) / "model", "config_sentence_transformers.json", said), threads=1)
            with self.assertRaisesRegex(nimbert.OptionError, "Softplus.*Softmax"):
                model.predict(pairs)
            numpy.testing.assert_array_equal(model.predict(pairs, activation_fn=lambda logits: logits), logits)


if __name__ == "__main__":
    unittest.main()
