"""From Python: what is chosen, and what is made of the measurements."""
import unittest

import pipelines
from pipelines import report
from pipelines.report import Row


class Choosing(unittest.TestCase):
    def test_names(self):
        self.assertEqual({each.name for each in pipelines.choose("nimbert")}, {"nimbert-int8", "nimbert-f32"})
        self.assertEqual({each.task for each in pipelines.choose("nimbert")}, {"classify", "embed"})
        self.assertEqual([each.name for each in pipelines.choose("optimum-int8")], ["optimum-int8"])
        with self.assertRaisesRegex(ValueError, "no package 'onnx': there are nimbert, transformers"):
            pipelines.choose("nimbert,onnx")

    def test_texts(self):
        mixed, short = pipelines.mixed(), pipelines.short()
        self.assertEqual((len(mixed), len(short)), (128, 32))
        self.assertTrue(all(len(text) <= pipelines.SHORT for text in short))
        self.assertGreater(max(map(len, mixed)), 100)


class Workers(unittest.TestCase):
    def test_what_packages_print_is_passed_over(self):
        printed = 'a warning\n@@ {"workload": "loop", "runs": [1.5]}\n50%\n@@ {"answers": [[0.5]]}\n'
        self.assertEqual(pipelines.said(printed), [{"workload": "loop", "runs": [1.5]}, {"answers": [[0.5]]}])


class Reports(unittest.TestCase):
    ROWS = [Row("classify", "nimbert-int8", 1, "loop", 1.0, 0), Row("classify", "transformers-f32", 1, "loop", 4.0, 1),
            Row("classify", "optimum-int8", 1, "loop", 3.0, 8), Row("classify", "nimbert-int8", 2, "loop", 2.0, 0),
            Row("classify", "optimum-int8", 2, "loop", 5.0, 8), Row("classify", "nimbert-int8", 1, "mixed", 103.0, 0),
            Row("classify", "library-int8", 1, "mixed", 100.0, 0)]

    def test_a_lead_is_taken_within_a_round_over_the_fastest_there(self):
        self.assertEqual(report.leads(self.ROWS, "classify", "loop"), "nimbert-int8 2.75 (2.50 to 3.00; optimum-int8)")
        rows = [Row("classify", "nimbert-f32", 1, "loop", 2.0, 0), *self.ROWS[1:3]]
        self.assertEqual(report.leads(rows, "classify", "loop"), "nimbert-f32 2.00 (2.00 to 2.00; transformers-f32)")
        # Alone there is none, and the library in Rust is no other.
        self.assertEqual(report.leads(self.ROWS, "classify", "mixed"), "")

    def test_distance_does_not_see_the_length_of_vectors(self):
        rows = [[3.0, 4.0], [1.0, 0.0], [0.0, 1.0]]
        self.assertAlmostEqual(report.distance([[6.0, 8.0], [2.0, 0.0], [0.0, 9.0]], rows), 0.0)
        self.assertGreater(report.distance([[4.0, 3.0], [1.0, 0.0], [0.0, 1.0]], rows), 0.2)

    def test_all_of_it(self):
        about = dict.fromkeys(("date", "cpu", "nimbert", "model", "threads", "rounds"), "x")
        right, wrong = [[0.9, 0.1], [0.2, 0.8]], [[0.1, 0.9], [0.8, 0.2]]
        answers = {("classify", "transformers-f32"): right, ("classify", "nimbert-int8"): right, ("classify", "optimum-int8"): wrong}
        text = report.text(about, self.ROWS, answers)
        self.assertIn("nimbert-int8                     1.500           103.000", text)
        self.assertIn("1.030 of what the library in Rust takes, int8", text)
        self.assertRegex(text, "optimum-int8 .* DISAGREES")
        self.assertNotRegex(text, "nimbert-int8 .* DISAGREES")
