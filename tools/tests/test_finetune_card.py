"""What tools/finetune writes after training, held against a real run: tests/data/finetune, made by its check.py."""
import contextlib
import io
import json
import sys
import tempfile
import unittest
from argparse import Namespace
from pathlib import Path
from types import SimpleNamespace

TOOLS = Path(__file__).resolve().parent.parent
sys.path.append(str(TOOLS / "finetune"))
import arguments
import card
import folder
import made_up
import run
import served
from folder import Folder, Settings

RUN = TOOLS.parent / "tests" / "data" / "finetune"
SETTINGS = Settings(3e-3, 8, 5, 42, (0.9, 0.999), 1e-8, "linear", 0, 40, "last", True)


class InADirectory(unittest.TestCase):
    def setUp(self):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.top = Path(directory.name)
        self.trained = json.loads((RUN / "training.json").read_text())
        self.evaluated = json.loads((RUN / "eval.json").read_text())

    def args(self, *more: str) -> Namespace:
        data = made_up.write(self.top / "rows.csv", True)
        words = ["--base", "words", "--train", str(data), "--output", str(self.top / "made-up"), *made_up.OPTIONS]
        return arguments.parser().parse_args([*words, *made_up.MULTI_LABEL, *more])


class Card(InADirectory):
    def render(self, about: card.About, settings: Settings = SETTINGS, kept: int = -1) -> str:
        data = run.read_data(self.args())
        measured = served.Served("0.1.0", self.evaluated["model"], self.evaluated["packed"])
        trained = self.trained | {"kept": kept % len(self.trained["rows"])}
        return card.render(about, settings, data, {"share": 0.25, "seed": 42}, trained, measured)

    def test_it_is_that_of_the_run(self):
        self.assertEqual(self.render(card.About("made-up", "words")), (RUN / "card.md").read_text())

    def test_what_people_say_is_in_it(self):
        about = card.About("made-up", "words", "A thermometer.", "For tests.", "Made up.", "mit", "zh", ['a: "x"'])
        said = self.render(about)
        for text in ("## Model description\n\nA thermometer.\n", "## Intended uses & limitations\n\nFor tests.\n",
                     "## Training and evaluation data\n\nMade up.\n", 'license: "mit"\nlanguage: "zh"\n',
                     '- "a: \\"x\\""\n'):
            self.assertIn(text, said)
        self.assertNotIn(card.UNKNOWN, said)

    def test_another_epoch_than_the_last_is_named(self):
        best = Settings(**folder.as_dict(SETTINGS) | {"keep": "f1"})
        said = self.render(card.About("made-up", "words"), best, 3)
        self.assertIn("The weights are those of epoch 4, the best by f1.", said)
        self.assertIn(f"- F1: {self.trained['rows'][3]['f1']:.4f}\n", said)


class Agreement(InADirectory):
    def difference(self, **changed: float) -> str:
        return served.difference(self.trained["rows"][-1] | changed, self.evaluated["model"])

    def test_nimbert_has_the_last_row(self):
        self.assertEqual(self.difference(), "")

    def test_what_differs_is_named(self):
        row = self.trained["rows"][-1]
        for key, by, name in (("validation_loss", 2e-4, "loss"), ("f1", 1e-6, "F1"), ("accuracy", 0.02, "accuracy")):
            with self.subTest(key):
                said = self.difference(**{key: row[key] + by})
                self.assertIn(f"nimbert's f32 is not what was trained: {name} ", said)
                self.assertEqual(said.count("in training"), 1)

    def test_a_near_tie_may_be_decided_otherwise(self):
        row = self.trained["rows"][-1]
        apart = 1.9 / row["smallest"]
        self.assertNotEqual(self.difference(f1=row["f1"] + apart), "")
        self.assertEqual(self.difference(f1=row["f1"] + apart, near_ties=1), "")


class Steps(InADirectory):
    """A program in the place of nimbert, which notes how it was called."""

    def serve(self, script: str) -> served.Served:
        program, out = self.top / "program", Folder(self.top / "made-up")
        program.write_text(f'#!/bin/sh\necho "$@" >> "{self.top}/calls"\n{script}')
        program.chmod(0o755)
        out.root.mkdir()
        (self.top / "figures.json").write_text(json.dumps(self.evaluated["model"]))
        with contextlib.redirect_stderr(io.StringIO()):
            return served.serve(program, out, self.trained["rows"][-1], self.args("--max-tokens", "40"))

    def test_a_failure_is_told_and_the_rest_is_done(self):
        measured = self.serve(f'case $1 in --version) echo nimbert 1.2.3;; eval) cat "{self.top}/figures.json";;\n'
                              'pack) echo "nimbert: no file written" >&2; exit 1;; esac\n')
        self.assertEqual((measured.version, measured.packed), ("1.2.3", None))
        self.assertEqual(measured.f32, self.evaluated["model"])
        (problem,) = measured.problems
        self.assertRegex(problem, r"exit code 1 of .*program pack --model .*/model -o .*model\.nimbert ")
        self.assertTrue(problem.endswith("\nnimbert: no file written"))
        self.assertEqual(json.loads((self.top / "made-up" / "eval.json").read_text())["packed"], None)
        calls = (self.top / "calls").read_text().splitlines()
        self.assertEqual([call.split()[0] for call in calls], ["--version", "eval", "pack"])
        self.assertTrue(calls[2].endswith("--labels-as name --max-tokens 40 --budget=5 --metric top1"))

    def test_what_is_no_program_is_named(self):
        measured = self.serve("exit 3\n")
        self.assertEqual(len(measured.problems), 3)
        with self.assertRaisesRegex(ValueError, "none: No such file"):
            served.run([str(self.top / "none")])


class Resuming(InADirectory):
    def test_a_run_goes_on_only_as_it_began(self):
        out = Folder(self.top / "out")
        asked = {"settings": folder.as_dict(SETTINGS), "split": 0.1}
        out.begin(asked | {"split": 0.3}, False)
        out.begin(asked, False)
        self.assertEqual(json.loads(out.begun.read_text())["split"], 0.1, "nothing was computed before")
        (out.checkpoints / "checkpoint-19").mkdir(parents=True)
        with self.assertRaisesRegex(ValueError, "a run has begun there: --resume goes on"):
            out.begin(asked, False)
        out.begin(asked, True)
        for other, said in ((asked | {"split": 0.2}, "split was 0.1, now it is 0.2"),
                            (asked | {"settings": asked["settings"] | {"seed": 7}}, "seed was 42, now it is 7")):
            with self.subTest(said), self.assertRaisesRegex(ValueError, f"run.json: .*{said}"):
                out.begin(other, True)

    def test_what_is_no_run_is_left_alone(self):
        (self.top / "mine").write_text("")
        with self.assertRaisesRegex(ValueError, "not empty, and no run of finetune"):
            Folder(self.top).begin({}, True)

    def test_a_model_has_its_name_when_it_is_complete(self):
        out = Folder(self.top / "out")
        out.begin({}, False)

        def fails(path: Path) -> None:
            (path / "config.json").write_text("{}")
            raise OSError("no space")

        with self.assertRaises(OSError):
            out.save(fails, self.trained)
        self.assertIsNone(out.read_trained())

        def writes(path: Path) -> None:
            (path / "config.json").write_text("{}")
            (path / "model.safetensors").touch(0o600)

        out.save(writes, self.trained)
        self.assertEqual(out.read_trained(), self.trained)
        modes = {path.stat().st_mode for path in out.model.iterdir()}
        self.assertEqual(modes, {(out.model / "config.json").stat().st_mode})

    def test_without_the_program_the_commands_are_printed(self):
        commands = served.Commands("nimbert", Folder(Path("a b")), 128)
        args = SimpleNamespace(precision="f16", budget=-0.5, metric="auc")
        lines = [served.printed(command) for command in commands.remaining(args)]
        self.assertEqual(lines[1], "nimbert pack --model 'a b/model' -o 'a b/model.nimbert' --precision f16 --check "
                         "'a b/validation.jsonl' --label-column label --labels-as name --max-tokens 128 --budget=-0.5 "
                         "--metric auc")
        self.assertEqual((lines[0].split()[1], lines[2].split()[1]), ("eval", "eval"))


if __name__ == "__main__":
    unittest.main()
