"""What people type, what the files hold, and what agrees."""
import tempfile
import unittest
from pathlib import Path

import agreement
import engines
import workloads
from workloads import Plan, Shape


class Engines(unittest.TestCase):
    def test_a_family_is_all_its_precisions(self):
        self.assertEqual([engine.name for engine in engines.select("candle,nimbert-int8,openvino")],
                         ["openvino-f32", "openvino-int8", "candle-f32", "nimbert-int8"])

    def test_an_unknown_one_is_named(self):
        with self.assertRaisesRegex(ValueError, "no engine 'onnx'"):
            engines.select("nimbert,onnx")


class Workloads(unittest.TestCase):
    def test_what_is_chosen(self):
        self.assertEqual(workloads.choose("1x8,mixed,32x128,1x8"), [Shape(1, 8), "mixed", Shape(32, 128)])
        self.assertEqual(workloads.choose("texts"), ["texts"])
        self.assertEqual(workloads.choose("-"), [])
        for wrong in ("", "8", "1x", "x8", "0x8", "1x8x2", "1x-8", "1X8", "1x8,", "load", "-,1x8"):
            with self.subTest(wrong), self.assertRaises(ValueError):
                workloads.choose(wrong)

    def test_made_up_words_are_all_but_padding(self):
        words = workloads.vocabulary({"vocab_size": 5, "pad_token_id": 1})
        self.assertEqual(words, [0, 2, 3, 4])
        self.assertEqual({word for row in workloads.rows([40, 60], words) for word in row}, set(words))

    def test_mixed_lengths_are_sorted_before_they_are_cut(self):
        lengths = workloads.read_lengths(workloads.LENGTHS)
        batches = workloads.batched(lengths, 5, range(100))
        self.assertEqual({len(batch) for batch in batches[:-1]}, {5})
        self.assertEqual([len(row) for batch in batches for row in batch], sorted(lengths, reverse=True))
        self.assertTrue(all(0 <= token < 100 for batch in batches for row in batch for token in row))

    def test_a_file_of_something_else_is_refused(self):
        with tempfile.TemporaryDirectory() as directory:
            path = Path(directory) / "lengths.txt"
            for text in ("", "8\nnine\n", "0\n"):
                path.write_text(text)
                with self.subTest(text), self.assertRaises(ValueError):
                    workloads.read_lengths(path)

    def test_a_plan_names_what_it_runs(self):
        plan = Plan([Shape(1, 8)], [3, 4], ["a"], 0.1)
        self.assertEqual(plan.names(), ["load", "1x8", "mixed", "texts", "memory"])
        self.assertEqual([job["name"] for job in plan.jobs(range(100))], ["1x8", "mixed"])
        self.assertEqual(Plan([], [], [], 0.1).jobs(range(100)), [])


class Agreement(unittest.TestCase):
    reference = [[1.0, 0.0], [0.0, 1.0], [2.0, 0.5], [0.2, 1.5]]

    def moved(self, by: float) -> list[list[float]]:
        return [[value + by, other - by] for value, other in self.reference]

    def test_the_same_agrees(self):
        found = agreement.compare(self.reference, self.reference, "f32")
        self.assertTrue(found.good)
        self.assertEqual((found.distance, found.labels), (0, 1))

    def test_each_precision_has_its_own_limit(self):
        self.assertFalse(agreement.compare(self.reference, self.moved(0.001), "f32").good)
        self.assertTrue(agreement.compare(self.reference, self.moved(0.001), "f16").good)
        self.assertFalse(agreement.compare(self.reference, self.moved(0.1), "f16").good)
        self.assertTrue(agreement.compare(self.reference, self.moved(0.1), "int8").good)

    def test_other_answers_do_not_agree(self):
        wrong = self.reference[1:] + self.reference[:1]
        self.assertFalse(agreement.compare(self.reference, wrong, "int8").good)

    def test_what_is_not_a_number_does_not_agree(self):
        nan = [*self.reference[:-1], [0.2, float("nan")]]
        self.assertFalse(agreement.compare(self.reference, nan, "int8").good)

    def test_a_reference_that_tells_no_texts_apart_is_an_error(self):
        with self.assertRaisesRegex(ValueError, "the same logits for all texts"):
            agreement.compare(self.reference[:1] * 3, self.reference[:1] * 3, "f32")

    def test_rows_that_lack_are_an_error(self):
        with self.assertRaises(ValueError):
            agreement.compare(self.reference, self.reference[1:], "f32")
