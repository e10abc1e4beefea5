"""Trains for real, with a tiny base and made-up rows, and holds what comes out against nimbert: for .ci/full.

    python3 tools/finetune/check.py target/release/nimbert
    python3 tools/finetune/check.py target/release/nimbert --write      makes tests/data/finetune of such a run

It needs the packages of requirements.txt. The training itself takes less than a minute.
"""
import contextlib
import io
import json
import signal
import subprocess
import sys
import tempfile
import time
import unittest
from pathlib import Path
from unittest import mock

from safetensors.torch import load_file, save_file

HERE = Path(__file__).resolve().parent
sys.path += [str(HERE), str(HERE.parent)]
import labels
import made_up
import make_checkpoint
import run
import tables
from made_up import NAMES
from training import complete_checkpoint

NIMBERT = ""


class Runs(unittest.TestCase):
    def setUp(self):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.top = Path(directory.name)

    def base(self, name: str, spec: dict) -> Path:
        make_checkpoint.write(spec, self.top / name)
        return self.top / name

    def table(self, multi: bool) -> Path:
        return made_up.write(self.top / "rows.csv", multi)

    def words(self, base: Path, data: Path, output: str, *more: str, nimbert: Path | str | None = None) -> list[str]:
        return ["--base", str(base), "--train", str(data), "--output", str(self.top / output), *made_up.OPTIONS,
                "--nimbert", str(nimbert or NIMBERT), *more]

    def multi(self, output: str, *more: str, **named) -> list[str]:
        base = self.base("words", made_up.spec("BertForMaskedLM"))
        return self.words(base, self.table(True), output, *made_up.MULTI_LABEL, *more, **named)

    def agrees(self, output: str, kept: int) -> None:
        """nimbert's figures in f32 are those of the row that was kept, and the model has learnt something."""
        folder = self.top / output
        row = json.loads((folder / "training.json").read_text())["rows"][kept]
        evaluated = json.loads((folder / "eval.json").read_text())
        ours = evaluated["model"]["figures"]
        self.assertEqual(evaluated["model"]["precision"], "f32")
        self.assertAlmostEqual(row["validation_loss"], ours["loss"], delta=1e-4)
        for key, name in (("f1", "micro_f1"), ("roc_auc", "roc_auc_decisions"), ("accuracy", "subset_accuracy")):
            self.assertAlmostEqual(row[key], ours[name], delta=1e-9)
        self.assertGreater(row["f1"], 0.6)
        self.assertEqual(evaluated["packed"]["precision"], "int8")
        self.assertAlmostEqual(row["f1"], evaluated["packed"]["figures"]["micro_f1"], delta=0.1)
        card = (folder / "model" / "README.md").read_text()
        self.assertIn(f"{row['validation_loss']:.4f}", card)
        self.assertIn("the packed file, int8", card)

    def weights(self, output: str) -> bytes:
        return (self.top / output / "model" / "model.safetensors").read_bytes()


class MultiLabel(Runs):
    def test_two_runs_and_one_that_was_killed_have_the_same_weights(self):
        self.assertEqual(run.main(self.multi("one")), 0)
        self.agrees("one", -1)
        self.assertEqual(run.main(self.multi("two")), 0)
        self.assertEqual(self.weights("one"), self.weights("two"))
        words = self.multi("killed")
        with subprocess.Popen([sys.executable, str(HERE), *words], stderr=subprocess.DEVNULL) as process:
            self.wait_for(self.top / "killed" / "checkpoints", process)
            process.send_signal(signal.SIGKILL)
        self.assertFalse((self.top / "killed" / "model").exists())
        self.assertEqual(run.main(words), 1, "a run has begun there")
        self.assertEqual(run.main([*words, "--resume", "--seed", "1"]), 1, "another seed")
        self.assertEqual(run.main([*words, "--resume"]), 0)
        self.assertTrue(json.loads((self.top / "killed" / "training.json").read_text())["resumed"])
        self.assertEqual(self.weights("one"), self.weights("killed"))

    def wait_for(self, checkpoints: Path, process: subprocess.Popen) -> None:
        """Until there is a first complete checkpoint, of which the last is not one yet."""
        end = time.monotonic() + 120
        while complete_checkpoint(checkpoints) is None:
            self.assertIsNone(process.poll(), "it ended before it could be killed")
            self.assertLess(time.monotonic(), end)
            time.sleep(0.01)


class SingleLabel(Runs):
    def classifier(self) -> Path:
        names = {str(place): name for place, name in enumerate(NAMES)}
        return self.base("classifier", made_up.spec("BertForSequenceClassification", id2label=names, problem_type=None,
                                                    label2id={name: int(place) for place, name in names.items()}))

    def test_a_classifier_keeps_its_head_and_the_best_epoch(self):
        words = self.words(self.classifier(), self.table(False), "kept", "--keep", "f1", "--epochs", "8")
        self.assertEqual(run.main(words), 0)
        trained = json.loads((self.top / "kept" / "training.json").read_text())
        reached = [row["f1"] for row in trained["rows"]]
        self.assertEqual((trained["fresh"], trained["kept"]), ([], reached.index(max(reached))))
        self.assertLess(trained["kept"], len(reached) - 1, "the last epoch is the best: nothing had to be chosen")
        self.agrees("kept", trained["kept"])

    def test_a_failure_after_training_loses_nothing(self):
        failing = self.top / "failing"
        refuse = '[ "$1" != pack ] || { echo "no space" >&2; exit 1; }'
        failing.write_text(f'#!/bin/sh\n{refuse}\nexec "{NIMBERT}" "$@"\n')
        failing.chmod(0o755)
        base, data = self.classifier(), self.table(False)
        head = ["--new-head", "--problem", "single-label", "--labels", *reversed(NAMES)]
        with mock.patch("served.find", return_value=None):
            self.assertEqual(run.main(self.words(base, data, "out", *head)), run.NO_PROGRAM)
        weights = self.weights("out")
        self.assertEqual(run.main(self.words(base, data, "out", *head, "--resume", nimbert=failing)), 1)
        self.assertFalse((self.top / "out" / "model.nimbert").exists())
        self.assertIsNotNone(json.loads((self.top / "out" / "eval.json").read_text())["model"])
        self.assertEqual(run.main(self.words(base, data, "out", *head, "--resume")), 0)
        self.assertEqual(weights, self.weights("out"))
        self.agrees("out", -1)
        self.assertIn("classifier.weight", (self.top / "out" / "model" / "README.md").read_text())


class BrokenBases(Runs):
    def error(self) -> str:
        said = io.StringIO()
        with contextlib.redirect_stderr(said):
            self.assertEqual(run.main(self.words(self.top / "words", self.table(True), "out", *made_up.MULTI_LABEL)), 1)
        return said.getvalue()

    def test_what_is_wrong_with_the_weights_is_said(self):
        weights = self.base("words", made_up.spec("BertForMaskedLM")) / "model.safetensors"
        tensors = load_file(weights)
        del tensors["bert.encoder.layer.1.output.dense.bias"]
        save_file(tensors, weights, {"format": "pt"})
        self.assertIn("words: the weights lack bert.encoder.layer.1.output.dense.bias\n", self.error())
        weights.write_bytes(weights.read_bytes()[:5000])
        self.assertRegex(self.error(), "finetune: .*words: ")


class OneFileForBoth(Runs):
    """What nimbert eval takes is read here, and what it refuses is refused; the demo has Star_1 to Star_5."""

    STARS = [f"Star_{star}" for star in range(1, 6)]
    TABLES = ['a,3\n', 'a,3.0\r\n', '"a, ""b""",Star_2\n', '"a\nb",1\n', 'a,"1,5"\n', 'a,"1, 5"\n\n\n', 'a,"1,,5"\n',
              'a,0\n', 'a,6\n', 'a\n', 'a,1,2\n', '\na,1\n', 'a"b,1\n', '"a"b,1\n', '"a,1\n', 'a,"1\nb,2"\n',
              'a\rb,1\n', '"a\rb",1\n', 'a,star_1\n', 'a,nan\n', 'a," 4 "\n', 'a,1.5\n', '"a",1 \n', 'a, "1"\n', 'a,1']
    LINES = ['"a"\t3\n', 'a\t1,2\n', 'a\t1\t\n', 'a\n', 'a\t1\n\n', 'a\t1\n\nb\t2\n', 'a\x85b\u2028c\t1\n',
             'a\rb\t1\n']
    OBJECTS = ['{"text": "a", "label": 3}', '{"text": "a", "label": "Star_3"}', '{"text": "a", "label": [1, 2]}',
               '{"text": "a", "label": []}', '{"text": "a", "label": ["1,2"]}', '{"text": "a", "label": true}', '[]',
               '{', '{"text": "a", "text": "b", "label": 1}', '{"text": 3, "label": 1}', '{"text": "a", "label": {}}',
               '{"text": "\\ud800", "label": 1}', '{"text": "a", "label": NaN}', '{"text": "a", "label": 3.0}',
               '{"text": "a", "label": [[1]]}']

    def ours(self, path: Path) -> bool:
        reader = labels.Reader(self.STARS, True, "label")
        try:
            return bool([reader.places(row) for row in tables.read(path, tables.Columns("text", "label"))])
        except ValueError:
            return False

    def test_both_read_the_same(self):
        cases = [("t.csv", f"text,label\n{rows}") for rows in self.TABLES]
        cases += [("t.tsv", f"text\tlabel\n{rows}") for rows in self.LINES]
        cases += [("t.jsonl", row) for row in self.OBJECTS]
        found = []
        for name, contents in cases:
            path = self.top / name
            path.write_bytes(contents.encode())
            done = subprocess.run([NIMBERT, "eval", "--input", path, "--label-column", "label"], capture_output=True)
            self.assertEqual(done.returncode == 0, self.ours(path), (contents, done.stderr))
            found.append(done.returncode)
        self.assertEqual(set(found), {0, 1})


def write(folder: Path) -> None:
    """The card and the figures of a run, for the tests that need no packages."""
    with tempfile.TemporaryDirectory() as top, contextlib.chdir(top):
        make_checkpoint.write(made_up.spec("BertForMaskedLM"), Path("words"))
        data = made_up.write(Path("rows.csv"), True)
        words = ["--base", "words", "--train", str(data), "--output", "made-up", *made_up.OPTIONS, *made_up.MULTI_LABEL]
        if code := run.main([*words, "--nimbert", NIMBERT]):
            sys.exit(code)
        folder.mkdir(exist_ok=True)
        for name, copy in (("training.json",) * 2, ("eval.json",) * 2, ("model/README.md", "card.md")):
            (folder / copy).write_bytes(Path("made-up", name).read_bytes())


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(f"usage: {sys.argv[0]} NIMBERT [--write | TEST...]")
    NIMBERT = str(Path(sys.argv.pop(1)).absolute())
    if sys.argv[1:] == ["--write"]:
        write(HERE.parent.parent / "tests" / "data" / "finetune")
    else:
        unittest.main()
