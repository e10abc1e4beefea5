"""What Ray and Spark call, without either of them: batches as they hand them over. tests/scale asks them themselves."""

import math
import os
import pickle
import socket
import subprocess
import sys
import unittest
from unittest import mock

import numpy

import nimbert
from nimbert import batches
from nimbert.ray import Classifier, Embedder

LONG = "很" * 600
ROWS = ["太好看了", None, LONG, float("nan"), 7, "难看", "\ud800", b"bytes"]
GOOD = [0, 5]
REASONS = {2: "longer than 512 tokens; truncation=True cuts it", 4: "is int, expected str", 6: "is not Unicode", 7: "is bytes, expected str"}


def column(items):
    out = numpy.empty(len(items), object)
    out[:] = items
    # As Ray hands it over.
    out.flags.writeable = False
    return out


class Each(unittest.TestCase):
    """The engine's own part."""

    @classmethod
    def setUpClass(cls):
        cls.engine = nimbert.Engine(threads=1)

    def test_a_text_without_an_answer_does_not_stop_the_others(self):
        engine, rows = self.engine, ["太好看了", LONG, None, "难看"] * 200
        for found, reasons, whole in (
            (*engine.scores_each(rows, truncation=False), engine.scores(["太好看了", "难看"])),
            (*engine.embed_each(rows, truncation=False), engine.embed(["太好看了", "难看"])),
            (*engine.embed_each(rows, truncation=False, dimensions=5), engine.embed(["太好看了", "难看"], dimensions=5)),
        ):
            self.assertEqual(found.shape, (800, whole.shape[1]))
            self.assertTrue((found[0::4] == whole[0]).all() and (found[3::4] == whole[1]).all())
            self.assertTrue(numpy.isnan(found[1::4]).all() and numpy.isnan(found[2::4]).all())
            self.assertEqual(list(reasons), [index for index in range(800) if index % 4 in (1, 2)])
            self.assertEqual((reasons[1], reasons[798]), (REASONS[2], "is NoneType, expected str"))
        found, reasons = engine.scores_each([LONG])
        self.assertTrue((found == engine.scores([LONG])).all() and not reasons)
        self.assertEqual(engine.scores_each([])[0].shape, (0, 5))
        self.assertIn(0, engine.scores_each(["很" * 20], truncation=False, max_tokens=8)[1])

    def test_what_is_no_texts_fault_is_raised(self):
        for call, kind, words in (
            (lambda: self.engine.scores_each(["a"], function_to_apply="tanh"), nimbert.OptionError, "function_to_apply"),
            (lambda: self.engine.embed_each(["a"], dimensions=0), nimbert.OptionError, "dimensions"),
            (lambda: self.engine.embed_each(["a"], prompt_name="query"), nimbert.OptionError, "query"),
        ):
            with self.assertRaisesRegex(kind, words):
                call()
        with self.assertRaises(TypeError):
            self.engine.scores_each(3)


class Ray(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.classify, cls.embed = Classifier(threads=1, all_scores=True), Embedder(threads=1, truncation=False)

    def test_each_row_has_an_answer_an_error_or_neither(self):
        given = {"id": numpy.arange(8), "text": column(ROWS)}
        found = self.classify(given)
        self.assertEqual([*found], ["id", "text", "label", "score", "scores", "error"])
        self.assertEqual([*given], ["id", "text"])
        self.assertIs(found["text"], given["text"])
        scores = self.classify.engine.scores([ROWS[index] for index in GOOD])
        for index, row in enumerate(scores):
            place = GOOD[index]
            self.assertEqual(found["label"][place], self.classify.engine.labels[row.argmax()])
            self.assertEqual(found["score"][place], row.max())
            self.assertTrue((found["scores"][place] == row).all())
        for index in range(8):
            reason = found["error"][index]
            self.assertTrue(reason.startswith(REASONS[index]) if index in REASONS else reason is None, reason)
            if index not in GOOD:
                self.assertIsNone(found["label"][index])
                self.assertTrue(math.isnan(found["score"][index]) and numpy.isnan(found["scores"][index]).all())
        self.assertEqual((found["score"].dtype, found["scores"].dtype), (numpy.float32, numpy.float32))

    def test_vectors(self):
        found = self.embed({"text": column(ROWS)})
        self.assertTrue((found["vector"][GOOD] == self.embed.engine.embed([ROWS[index] for index in GOOD])).all())
        self.assertEqual([index for index in range(8) if not numpy.isnan(found["vector"][index]).any()], GOOD)
        self.assertEqual([index for index in range(8) if found["error"][index]], [*REASONS])
        short = Embedder(threads=1, dimensions=7, normalize=True)({"text": column(["好", LONG])})
        self.assertEqual(short["vector"].shape, (2, 7))
        self.assertEqual([*short["error"]], [None, None])

    def test_batches_without_texts(self):
        for items in ([], [None, None], [float("nan")] * 2):
            found = self.classify({"text": numpy.array(items)})
            self.assertEqual([*found["label"]], [None] * len(items))
            self.assertEqual([*found["error"]], [None] * len(items))

    def test_a_batch_that_is_none_of_texts_is_refused(self):
        for batch, words in (
            ({"body": column(["a"])}, "text_column='text'.*there is no such column, but body"),
            ({"text": numpy.arange(3)}, "text: its type is int64, expected text"),
            ({"text": numpy.array([b"a"])}, "text: its type is .S1, expected text"),
            ({"text": column(["a"]), "label": column(["b"])}, "column label is there already: prefix"),
            ([1], "a batch is list"),
        ):
            with self.assertRaisesRegex(nimbert.OptionError, words):
                self.classify(batch)
        named = Classifier(threads=1, text_column="body", prefix="stars_")
        found = named({"body": numpy.array(["太好看了"]), "label": column(["b"])})
        self.assertEqual([*found], ["body", "label", "stars_label", "stars_score", "stars_error"])
        self.assertEqual(found["stars_error"][0], None)

    def test_threads_are_those_that_ray_has_given(self):
        for said, threads in (("1", 1), ("3", 3), ("2,1", 2)):
            with mock.patch.dict(os.environ, {"OMP_NUM_THREADS": said}):
                self.assertEqual(Classifier().engine.threads, threads)
                self.assertEqual(Classifier(threads=4).engine.threads, 4)
        for said in ("0", "many"):
            with mock.patch.dict(os.environ, {"OMP_NUM_THREADS": said}), self.assertRaisesRegex(nimbert.OptionError, f"OMP_NUM_THREADS={said}"):
                Embedder()

    def test_what_a_worker_does_not_have_names_its_host(self):
        for make in (Classifier, Embedder):
            with self.assertRaisesRegex(nimbert.ModelError, f"/no/such/model: .*on the host {socket.gethostname()}"):
                make("/no/such/model")
        with self.assertRaisesRegex(nimbert.OptionError, "prompt"):
            Embedder(threads=1, prompt_name="query")

    def test_pickled_by_the_path(self):
        batch = {"text": column(ROWS)}
        for actor in (self.classify, self.embed):
            found, again = actor(batch), pickle.loads(pickle.dumps(actor))(batch)
            del found["text"]
            for name, values in found.items():
                numpy.testing.assert_array_equal(again[name], values)


class Parts(unittest.TestCase):
    def test_types_of_columns(self):
        for kind in ("object", "<U7", "string", "string[pyarrow]", "str", "large_string"):
            batches.check_type("text", kind, ["a"])
        for kind in ("int64", "list<item: string>", "datetime64[ns]", "binary", "strings"):
            with self.assertRaisesRegex(nimbert.OptionError, "body: its type is"):
                batches.check_type("body", kind, ["a"])

    def test_without_pyspark_it_says_what_to_install(self):
        code = "import sys; sys.modules['pyspark'] = None; import nimbert.ray; import nimbert.spark"
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
        self.assertIn("nimbert.spark needs pyspark, pandas and pyarrow: pip install", done.stderr)


if __name__ == "__main__":
    unittest.main()
