"""tools/finetune without its packages: what it reads, refuses, computes and writes."""
import contextlib
import io
import json
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

TOOLS = Path(__file__).resolve().parent.parent
sys.path.append(str(TOOLS / "finetune"))
import arguments
import figures
import labels
import needs
import run
import tables
from tables import Columns, Row

METRICS = TOOLS.parent / "tests" / "data" / "metrics"
COLUMNS = Columns("text", "label")


class InADirectory(unittest.TestCase):
    def setUp(self):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.top = Path(directory.name)

    def write(self, name: str, contents: str | bytes) -> Path:
        path = self.top / name
        path.write_bytes(contents if isinstance(contents, bytes) else contents.encode())
        return path


class Tables(InADirectory):
    def cells(self, name: str, contents: str | bytes, **options) -> list[tuple]:
        return [(row.text, row.label) for row in tables.read(self.write(name, contents), COLUMNS, **options)]

    def test_the_three_formats(self):
        csv = '\ufefflabel,id,text\r\n"a,b",1,"says ""no"", twice"\r\n,2,"two\nlines"\r\n\r\n'
        self.assertEqual(self.cells("t.csv", csv), [('says "no", twice', "a,b"), ("two\nlines", "")])
        self.assertEqual(self.cells("t.tsv", 'text\tlabel\n"quoted"\t3.0'), [('"quoted"', "3.0")])
        jsonl = '{"text": "a", "label": ["x", 2]}\n{"text": null, "label": true}\n{"label": null, "text": "\u2028"}\n'
        self.assertEqual(self.cells("t.jsonl", jsonl), [("a", ("x", "2")), ("", "true"), ("\u2028", "")])

    def test_what_could_be_read_in_two_ways_is_refused(self):
        head = "text,label\n"
        for name, contents, said in (
                ("t.csv", head + 'a"b",x\n', "line 2: a quote inside field 1"),
                ("t.csv", head + 'fine,x\n"a"b,x\n', "line 3: more text after the closing quote of field 1"),
                ("t.csv", head + 'fine,x\n"a,x\nb,y\n', "line 3: a quote in the record that begins here is never"),
                ("t.csv", head + "a,x\nb\n", r"row 2 \(line 3\): 1 fields, the header has 2"),
                ("t.csv", head + "\na,x\n", "line 2: an empty line"),
                ("t.csv", head + "a\rb,x\n", "line 2: a carriage return"),
                ("t.csv", head + 'a,"x\nb,y\nc,z"\n', r"row 1 \(line 2\): its 3 lines look like a row each"),
                ("t.csv", "text,text,label\n", "two columns are called 'text'"),
                ("t.csv", "", "empty, expected a header"),
                ("t.tsv", "text\tstar\n", "no column 'label'; there are 'text', 'star'"),
                ("t.tsv", "text\tlabel\na\tb\tc\n", "row 1"),
                ("t.tsv", b"text\tlabel\na\xff\tb\n", "line 2: not valid UTF-8"),
                ("t.tsv", "text\tlabel\na\0\tb\n", "line 2: a NUL"), ("t.csv", "text".encode("utf-16"), "UTF-16"),
                ("t.jsonl", "{\n", "row 1: not valid JSON"), ("t.jsonl", '{"label": NaN}', "not valid JSON: NaN"),
                ("t.jsonl", '{"text": "\\ud800"}', "row 1: not valid JSON"),
                ("t.jsonl", "3\n", "expected a JSON object"),
                ("t.jsonl", '{"text": "a", "text": "b"}\n', "a key twice"),
                ("t.jsonl", '{"text": "a"}\n', "no key 'label'"),
                ("t.jsonl", '{"text": 3, "label": "a"}\n', "row 1, column 'text': not a string"),
                ("t.jsonl", '{"text": "a", "label": [["b"]]}\n', "column 'label': not a label"),
                ("t.xlsx", "", "expected a name that ends in .csv")):
            with self.subTest(said), self.assertRaisesRegex(ValueError, said) as raised:
                self.cells(name, contents)
            self.assertIn(str(self.top / name), str(raised.exception))

    def test_several_lines_are_a_text_where_it_is_said(self):
        self.assertEqual(len(self.cells("t.csv", 'text,label\na,"x\nb,y"\n', multiline=True)), 1)


class Labels(unittest.TestCase):
    def places(self, names: list[str], cell: str | tuple, multi: bool = True, **options) -> list[int]:
        return labels.Reader(names, multi, "star", **options).places(Row("t.csv: row 7", "a", cell))

    def test_cells_are_read_as_nimbert_reads_them(self):
        stars = ["Star_2", "Star_1", "Star_3"]
        self.assertEqual(self.places(stars, "1"), [1])
        self.assertEqual(self.places(stars, " 3.0 ,Star_2"), [0, 2])
        self.assertEqual(self.places(stars, "1", read_as="index"), [1])
        self.assertEqual(self.places(["bad", "good"], "2", read_as="star"), [1])
        self.assertEqual(self.places(["bad", "good"], "1"), [1])
        self.assertEqual(self.places(["a,b", "c"], "a,b"), [0])
        self.assertEqual(self.places(["a", "b"], "b|a|b", separator="|"), [0, 1])
        self.assertEqual(self.places(["a", "b"], ()), [])
        self.assertEqual(self.places(["a", "b"], " ", none_allowed=True), [])

    def test_an_error_names_row_and_column(self):
        for names, cell, multi, said in (
                (["a", "b"], "c", True, "unknown label 'c': there are a, b"),
                (["1", "2"], "0", True, "unknown label '0'"),
                (["a", "b"], "", True, "no label: --no-label-ok"), (["a", "b"], "", False, "no label"),
                (["a", "b"], (), False, "no label"), (["a", "b"], "a,b", False, "2 labels"),
                (["a", "b"], "a,", True, "label ''"),
                (["Star_1", "Star_2"], "0", True, "unknown label '0'"),
                (["a", "b"], "nan", True, "unknown label 'nan'")):
            with self.subTest(said), self.assertRaises(ValueError) as raised:
                self.places(names, cell, multi)
            self.assertTrue(str(raised.exception).startswith("t.csv: row 7, column 'star': "), raised.exception)
            self.assertIn(said, str(raised.exception))

    def test_names_come_from_the_rows_in_an_order_of_their_own(self):
        def collect(multi, *cells):
            return labels.collect([Row(f"row {n}", "", cell) for n, cell in enumerate(cells, 1)], multi, "label", ",")
        self.assertEqual(collect(True, "10,b", "9", "a", ("c",), ""), ["9", "10", "a", "b", "c"])
        self.assertEqual(collect(False, "a,b", "a"), ["a", "a,b"])
        for cells, said in ((("a", "nan"), "row 2, column 'label': 'nan'"),
                            (("3.0",), "'3.0' is a number with a decimal point"),
                            (("a,",), "an empty label among several")):
            with self.subTest(said), self.assertRaisesRegex(ValueError, said):
                collect(True, *cells)


class Figures(unittest.TestCase):
    def test_they_are_those_of_scikit_learn(self):
        for name in ("multi-label", "one-of-many", "rare-label"):
            made = json.loads((METRICS / f"{name}.json").read_text())
            decided = [figures.given(scores, made["decision"] == "threshold") for scores in made["scores"]]
            found = figures.compute(decided, [set(row) for row in made["truth"]], len(made["labels"]["f1"]))
            for key, theirs in (("f1", "micro_f1"), ("roc_auc", "roc_auc_decisions"), ("accuracy", "subset_accuracy")):
                self.assertAlmostEqual(getattr(found, key), made["figures"][theirs], delta=1e-12, msg=f"{name}: {key}")

    def test_by_hand(self):
        found = figures.compute([{0}, {0, 1}, set()], [{0}, {1}, {2}], 3)
        # 2 of 3 given are right, 2 of 3 that should be given are: F1 2/3; of 6 others one was given: (2/3 + 5/6) / 2.
        self.assertEqual((found.f1, found.roc_auc, found.accuracy, found.smallest), (2 / 3, 0.75, 1 / 3, 3))

    def test_equal_scores_and_near_ones(self):
        self.assertEqual((figures.given([0.2, 0.4, 0.4], False), figures.given([0.5, 0.49, 0.7], True)), ({1}, {0, 2}))
        self.assertEqual(figures.near_ties([[1.0, 1.1], [0.0, 3.0]], False, 0.1), 1)
        self.assertEqual(figures.near_ties([[1.0, -0.05], [0.0, 3.0]], True, 0.1), 2)


class Program(InADirectory):
    """The whole program up to where it would need its packages."""

    def setUp(self):
        super().setUp()
        (self.top / "base").mkdir()
        self.config({"architectures": ["BertForMaskedLM"]})
        for name in ("model.safetensors", "vocab.txt"):
            self.write(f"base/{name}", "")
        self.write("rows.csv", "text,label\n" + "".join(f"text {n},{'ab'[n % 2]}\n" for n in range(10)))

    def config(self, values: dict) -> None:
        self.write("base/config.json", json.dumps({"model_type": "bert", "max_position_embeddings": 64} | values))

    def words(self, *more: str) -> list[str]:
        return ["--base", str(self.top / "base"), "--train", str(self.top / "rows.csv"),
                "--output", str(self.top / "out"), *more]

    def error(self, *more: str) -> str:
        said = io.StringIO()
        with contextlib.redirect_stderr(said):
            self.assertEqual(run.main(self.words(*more)), 1)
        self.assertFalse((self.top / "out").exists(), "something was begun")
        return said.getvalue()

    def bare(self, *words: str) -> subprocess.CompletedProcess:
        return subprocess.run([sys.executable, "-E", "-S", str(TOOLS / "finetune"), *words],
                              capture_output=True, text=True)

    def test_help_needs_no_packages_and_tells_the_defaults(self):
        done = self.bare("--help")
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        for default in ("2e-05", "0.9 0.999", "1e-08", "42", "linear", "int8", "0.3"):
            self.assertIn(f"(default: {default})", " ".join(done.stdout.split()))

    def test_the_packages_that_lack_are_named_after_the_data_were_read(self):
        done = self.bare(*self.words("--problem", "single-label"))
        self.assertEqual((done.returncode, done.stdout), (2, ""))
        for name, pin in needs.pins(run.REQUIREMENTS).items():
            self.assertIn(f"{name}=={pin.version}", done.stderr)
        self.assertFalse((self.top / "out").exists())

    def test_torch_is_that_of_the_other_tools(self):
        self.assertEqual(*(needs.pins(path)["torch"] for path in (run.REQUIREMENTS, needs.REQUIREMENTS)))

    def test_defaults_are_those_of_the_card(self):
        args = arguments.parser().parse_args(self.words())
        self.assertEqual((args.learning_rate, args.batch, args.seed, args.epochs), (2e-5, 8, 42, 5))
        self.assertEqual((args.betas, args.epsilon, args.schedule, args.keep), ((0.9, 0.999), 1e-8, "linear", "last"))

    def test_wrong_options_are_told_in_one_line(self):
        for more in (("--epochs", "0"), ("--learning-rate", "nan"), ("--split", "1"), ("--betas", "0.9", "1"),
                     ("--seed", "-1")):
            said = io.StringIO()
            with self.subTest(more), contextlib.redirect_stderr(said), self.assertRaises(SystemExit) as ended:
                arguments.parser().parse_args(self.words(*more))
            self.assertEqual((ended.exception.code, said.getvalue().count("\n")), (2, 1))

    def test_bad_data_are_named_before_anything_is_begun(self):
        problem = ("--problem", "single-label")
        for contents, more, said in (
                ("text,label\na,x\n,y\nNaN,x\n", (), "row 2 (line 3), column 'text': no text (and 1 more): --missing"),
                ("text,label\na,x\nnan,y\n", (), "column 'text': no text, only 'nan'"),
                ("text,label\na,x\nb,\nc,y\n", ("--split", "0.5"), "row 2 (line 3), column 'label': no label"),
                ("text,label\na,x\nb,z\n", ("--labels", "x", "y"), "row 2 (line 3), column 'label': unknown label 'z'"),
                ("text,label\na,x\nb,x\n", (), "a single label (x)"),
                ("text,label\na,x\nb,x\nc,x\n", ("--labels", "x", "y", "--split", "0.4"), "all 2 rows to train on"),
                ("text,label\n", (), "rows.csv: no rows"),
                ("text,label\n,x\n", ("--missing", "skip"), "no rows but 1 without"),
                ("text,label\na,x\nb,y\n", ("--split", "0.1"), "leaves none for validation"),
                ("text,label\na,x\nb,y\n", ("--split", "0.9"), "leaves none to train on")):
            self.write("rows.csv", contents)
            with self.subTest(said):
                self.assertIn(said, self.error(*problem, *more))

    def test_a_label_that_only_validation_has_is_named(self):
        path = self.write("dev.csv", "text,label\na,a\nb,c\n")
        said = self.error("--problem", "single-label", "--validation", str(path))
        self.assertIn(f"{path}: row 2 (line 3), column 'label': unknown label 'c': there are a, b", said)

    def test_validation_without_figures_is_refused(self):
        words = ("--problem", "multi-label", "--no-label-ok", "--validation", str(self.top / "dev.csv"))
        for cell, said in (("", "no label"), ('"a,b"', "every label")):
            self.write("dev.csv", f"text,label\na,{cell}\n")
            self.assertIn(f"dev.csv: all 1 rows for validation have {said}", self.error(*words))

    def test_a_classifier_says_labels_and_problem(self):
        self.config({"architectures": ["BertForSequenceClassification"], "id2label": {"0": "a", "1": "c"},
                     "problem_type": "multi_label_classification"})
        self.assertIn("row 2 (line 3), column 'label': unknown label 'b': there are a, c", self.error())
        self.assertIn("config.json says multi-label: --new-head", self.error("--problem", "single-label"))
        self.assertIn("config.json has a, c: --new-head", self.error("--labels", "a", "b"))

    def test_a_base_that_cannot_be_used_is_named(self):
        self.assertIn("--problem multi-label or --problem single-label?", self.error())
        self.assertIn("takes at most 64", self.error("--problem", "single-label", "--max-tokens", "65"))
        self.assertIn("--nimbert none: no program", self.error("--problem", "single-label", "--nimbert", "none"))
        self.config({"model_type": "deberta-v2"})
        self.assertIn("config.json: model_type is 'deberta-v2'", self.error())
        self.config({"architectures": ["BertForSequenceClassification"], "problem_type": "regression"})
        self.assertIn("problem_type is 'regression'", self.error())
        (self.top / "base" / "vocab.txt").unlink()
        self.assertIn("no tokenizer: none of tokenizer.json", self.error())
        (self.top / "base" / "model.safetensors").unlink()
        self.assertIn("no weights: none of model.safetensors", self.error())
        (self.top / "base" / "config.json").unlink()
        self.assertIn("config.json: no such file", self.error())


if __name__ == "__main__":
    unittest.main()
