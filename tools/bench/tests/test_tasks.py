"""Tasks in the same rounds."""
import unittest

import agreement
import tasks
import workloads
from contrast import contrast, report
from engines import BY_NAME
from figures import Figures
from record import Row
from tasks import ANSWER, CLASSIFY, TAG, Task, Turn
from workloads import Plan, Shape

MEAN = Task("embed", "mean")


class Tasks(unittest.TestCase):
    def test_a_workload_of_logits_has_the_name_that_it_always_had(self):
        for task in tasks.ALL:
            with self.subTest(str(task)):
                self.assertEqual(tasks.split(task.workload("1x8")), (task, "1x8"))
        self.assertEqual(CLASSIFY.workload("1x8"), "1x8")
        self.assertEqual(MEAN.workload("1x8"), "embed mean 1x8")
        self.assertEqual(TAG.workload("1x8"), "tag 1x8")

    def test_each_end_of_a_graph_has_a_file(self):
        self.assertEqual(CLASSIFY.file("model.onnx"), "model.onnx")
        self.assertEqual(MEAN.file("model.onnx"), "model-mean.onnx")
        self.assertEqual(TAG.file("model.onnx"), "model-tag.onnx")
        # Vectors are made with the classifier's weights.
        self.assertEqual([task.weights("int8.nimbert") for task in (CLASSIFY, MEAN, ANSWER)],
                         ["int8.nimbert", "int8.nimbert", "int8-answer.nimbert"])

    def test_what_is_chosen(self):
        self.assertEqual(tasks.select(["classify", "embed"], ["cls"]), [CLASSIFY, Task("embed", "cls")])
        self.assertEqual(tasks.select(["answer", "tag"], ["mean"]), [TAG, ANSWER])
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


class Decisions(unittest.TestCase):
    reference = [[(0, 0.9), (1, 0.5), (0, 0.7)], [(2, 0.6)]]

    def changed(self, place: int, decision: tuple[int, float]) -> list[list[tuple[int, float]]]:
        first = list(self.reference[0])
        first[place] = decision
        return [first, self.reference[1]]

    def test_both_what_is_decided_and_how_surely_count(self):
        near, other, unsure = (self.changed(0, decision) for decision in ((0, 0.901), (3, 0.9), (0, 0.2)))
        nan = self.changed(0, (0, float("nan")))
        for rows, precision, good in ((self.reference, "f32", True), (near, "f32", False), (near, "f16", True),
                                      (other, "f16", False), (other, "int8", True), (unsure, "int8", False),
                                      (nan, "int8", False)):
            with self.subTest(rows=rows, precision=precision):
                self.assertEqual(agreement.compare(self.reference, rows, precision, TAG).good, good)
        found = agreement.compare(self.reference, other, "int8", TAG)
        self.assertIn("the same for 3 of 4 tokens", str(found))

    def test_what_cannot_be_compared_is_an_error(self):
        none = [[(None, score) for _, score in text] for text in self.reference]
        for rows, said in ((self.reference[:1], "3 questions where the reference has 4"),
                           (none, "not one of 4 questions is decided as the reference does")):
            with self.subTest(said), self.assertRaisesRegex(ValueError, said):
                agreement.compare(self.reference, rows, "int8", ANSWER)


class Plans(unittest.TestCase):
    plan = Plan([Shape(1, 8)], [3, 4], ["a"], 0.1, windows=[384, 310])

    def test_a_task_has_its_workloads(self):
        names = {str(task): self.plan.of(task).names()[1:-1] for task in (CLASSIFY, MEAN, TAG, ANSWER)}
        self.assertEqual(names, {"classify": ["1x8", "mixed", "question", "texts"], "embed mean": ["1x8", "mixed"],
                                 "tag": ["1x8", "mixed"], "answer": ["question"]})

    def test_a_question_is_read_in_windows_that_overlap(self):
        windows = workloads.windows(512)
        self.assertEqual(windows, [384] * 5 + [310])
        # Of the context, without what two have in common.
        self.assertEqual(sum(windows) - 15 * 6 - 128 * 5, workloads.CONTEXT)
        narrow = workloads.windows(100)
        self.assertEqual((max(narrow), sum(narrow) - (15 + 50) * len(narrow) + 50), (100, workloads.CONTEXT))
        with self.assertRaisesRegex(ValueError, "a model of 24 tokens has no room"):
            workloads.windows(24)

    def test_a_job_has_the_windows_and_where_their_context_begins(self):
        job, = self.plan.of(ANSWER).jobs(range(100))
        self.assertEqual(job["question"], workloads.QUESTION + 2)
        self.assertEqual([len(row) for batch in job["batches"] for row in batch], [384, 310])


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
