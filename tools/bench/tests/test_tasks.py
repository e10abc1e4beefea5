"""Logits and vectors in the same rounds."""
import unittest

import agreement
import tasks
from contrast import contrast, report
from engines import BY_NAME
from figures import Figures
from record import Row
from tasks import CLASSIFY, Task, Turn

MEAN = Task("embed", "mean")


class Tasks(unittest.TestCase):
    def test_a_workload_of_logits_has_the_name_that_it_always_had(self):
        for task in tasks.ALL:
            with self.subTest(str(task)):
                self.assertEqual(tasks.split(task.workload("1x8")), (task, "1x8"))
        self.assertEqual(CLASSIFY.workload("1x8"), "1x8")
        self.assertEqual(MEAN.workload("1x8"), "embed mean 1x8")

    def test_each_end_of_a_graph_has_a_file(self):
        self.assertEqual(CLASSIFY.file("model.onnx"), "model.onnx")
        self.assertEqual(MEAN.file("model.onnx"), "model-mean.onnx")

    def test_what_is_chosen(self):
        self.assertEqual(tasks.select(["classify", "embed"], ["cls"]), [CLASSIFY, Task("embed", "cls")])
        self.assertEqual(tasks.choose(tasks.POOLINGS, "cls,mean"), ["mean", "cls"])
        with self.assertRaisesRegex(ValueError, "'max' is none of mean, cls"):
            tasks.choose(tasks.POOLINGS, "max")

    def test_an_engines_tasks_follow_each_other_and_another_begins_each_round(self):
        engines = [BY_NAME[name] for name in ("pytorch-f32", "nimbert-f32")]
        turns = tasks.turns(engines, [CLASSIFY, MEAN])
        first, second = (tasks.order(turns, number) for number in (1, 2))
        self.assertEqual(first, turns)
        self.assertEqual([turn.engine.name for turn in second], ["nimbert-f32"] * 2 + ["pytorch-f32"] * 2)
        self.assertEqual([turn.task for turn in second], [MEAN, CLASSIFY] * 2)
        self.assertEqual(Turn(engines[0], MEAN).name, "pytorch-f32 embed mean")


class Vectors(unittest.TestCase):
    def test_a_cosine_and_a_distance_decide(self):
        rows = [[1.0, 0.0, 2.0], [0.5, 1.0, -1.0]]
        self.assertTrue(agreement.compare(rows, rows, "f32", MEAN).good)
        near = [[x + 1e-7 for x in row] for row in rows]
        self.assertTrue(agreement.compare(rows, near, "f32", MEAN).good)
        turned = [[0.0, 1.0, 2.0], [0.5, 1.0, -1.0]]
        self.assertFalse(agreement.compare(rows, turned, "int8", MEAN).good)
        nothing = [[0.0, 0.0, 0.0], [0.5, 1.0, -1.0]]
        self.assertFalse(agreement.compare(rows, nothing, "int8", MEAN).good)

    def test_other_rows_are_no_answer(self):
        with self.assertRaisesRegex(ValueError, "1 rows of vectors where the reference has 2"):
            agreement.compare([[1.0], [2.0]], [[1.0]], "f32", MEAN)


class Contrast(unittest.TestCase):
    def figures(self, task: Task, theirs: list[float], ours: list[float]) -> Figures:
        def row(engine: str, number: int, value: float) -> Row:
            return Row(engine, "f32", 1, task.workload("1x8"), number, "ms", 5, value, value + 1, value + 2)

        rows = [row("pytorch", number, value) for number, value in enumerate(theirs, 1)]
        return Figures(rows + [row("nimbert", number, value) for number, value in enumerate(ours, 1)], 1, task)

    def test_what_is_kept_is_of_each_round(self):
        classify = self.figures(CLASSIFY, [20, 30], [10, 10])
        embed = self.figures(MEAN, [20, 30], [20, 12])
        found = contrast(classify, embed, BY_NAME["pytorch-f32"], "float", "1x8")
        self.assertEqual(found.kept, [0.5, 2.5 / 3])
        text = report(classify, embed)
        self.assertIn("embed mean beside classify, f32, 1 thread", text)
        self.assertIn("0.50 to 0.83 by round", text)

    def test_a_round_without_both_does_not_count(self):
        classify = self.figures(CLASSIFY, [20, 30], [10, 10])
        embed = self.figures(MEAN, [20], [20])
        self.assertEqual(contrast(classify, embed, BY_NAME["pytorch-f32"], "float", "1x8").kept, [0.5])
        none = self.figures(MEAN, [], [])
        self.assertIsNone(contrast(classify, none, BY_NAME["pytorch-f32"], "float", "1x8"))


if __name__ == "__main__":
    unittest.main()
