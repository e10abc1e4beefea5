"""Statistics and verdicts."""
import unittest

from engines import BY_NAME
from figures import Figures, fastest_other, ratio, summary
from record import Row


def row(name: str, number: int, value: float | None, workload: str = "1x8") -> Row:
    engine, precision = name.rsplit("-", 1)
    if value is None:
        return Row(engine, precision, 1, workload, number, "ms", 0, note="no")
    return Row(engine, precision, 1, workload, number, "ms", 5, value, value + 1, value + 2)


def figures(**rounds: list[float]) -> Figures:
    """Of engines' fastest runs in each round; `_` stands for the dash in a name."""
    return Figures([row(name.replace("_", "-"), number, value) for name, values in rounds.items()
                    for number, value in enumerate(values, 1)], 1)


class Summary(unittest.TestCase):
    def test_of_one_run(self):
        self.assertEqual(summary([3.0]), {"runs": 1, "min": 3.0, "median": 3.0, "p99": 3.0})

    def test_the_99th_percentile_is_a_run(self):
        found = summary([float(number) for number in range(100, 0, -1)])
        self.assertEqual(found, {"runs": 100, "min": 1.0, "median": 50.5, "p99": 99.0})
        self.assertEqual(summary([1.0, 4.0, 2.0])["p99"], 4.0)


class Rounds(unittest.TestCase):
    def test_a_figure_is_the_median_of_the_rounds(self):
        figure = figures(nimbert_f32=[10, 12, 11]).get("nimbert-f32", "1x8")
        self.assertEqual((figure.value, figure.fastest, figure.typical), (11, 10, 12))
        self.assertAlmostEqual(figure.spread, 2 / 11)

    def test_a_refusal_is_no_figure_but_stays(self):
        found = Figures([row("candle-f32", 0, None)], 1)
        self.assertIsNone(found.get("candle-f32", "1x8"))
        self.assertEqual(found.refused, {("candle-f32", "1x8"): "no"})
        self.assertEqual([engine.name for engine in found.engines("float")], ["candle-f32"])

    def test_other_numbers_of_threads_are_left_out(self):
        self.assertEqual(Figures([row("nimbert-f32", 1, 5)], 2).engines(), [])

    def test_workloads_of_ids(self):
        rows = [row("nimbert-f32", 1, 1, name) for name in ("load", "1x8", "mixed", "texts", "memory", "matmul limit")]
        self.assertEqual(Figures(rows, 1).timed(), ["1x8", "mixed"])


class Verdict(unittest.TestCase):
    def verdict(self, theirs: list[float], ours: list[float]) -> str:
        found = ratio(figures(openvino_f32=theirs, nimbert_f32=ours), BY_NAME["openvino-f32"], "nimbert-f32", "1x8")
        return found.verdict

    def test_close_rounds_decide(self):
        self.assertEqual(self.verdict([20, 21, 22], [10, 10.5, 11]), "")
        self.assertEqual(self.verdict([10, 10.5, 11], [20, 21, 22]), "")

    def test_drift_that_meets_both_does_no_harm(self):
        self.assertEqual(self.verdict([20, 40], [10, 20]), "")

    def test_rounds_on_both_sides_of_one_leave_it_open(self):
        self.assertIn("undecided which is faster: 0.91 to 1.10", self.verdict([10, 11], [11, 10]))

    def test_rounds_far_apart_leave_open_by_how_much(self):
        self.assertIn("nimbert is faster, undecided by how much", self.verdict([20, 30], [10, 10]))
        self.assertIn("OpenVINO is faster, undecided by how much", self.verdict([10, 10], [20, 30]))

    def test_one_round_decides_nothing(self):
        self.assertIn("one round", self.verdict([20], [10]))

    def test_only_rounds_that_both_have_count(self):
        found = figures(openvino_f32=[20, 20], nimbert_f32=[10])
        self.assertEqual(ratio(found, BY_NAME["openvino-f32"], "nimbert-f32", "1x8").rounds, 1)
        self.assertIsNone(ratio(found, BY_NAME["candle-f32"], "nimbert-f32", "1x8"))

    def test_the_fastest_other_is_of_the_same_group(self):
        found = figures(openvino_f32=[30], candle_f32=[20], openvino_int8=[5], nimbert_f32=[10], nimbert_f16=[8],
                        nimbert_int8=[4])
        self.assertEqual(fastest_other(found, "float", "1x8").other.name, "candle-f32")
        self.assertEqual(fastest_other(found, "float", "1x8").value, 2)
        self.assertEqual(fastest_other(found, "int8", "1x8").value, 1.25)
