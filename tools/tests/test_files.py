"""What is wrong with arguments and files is said in one line; no package is needed to find it."""
import copy
import json
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path
from types import SimpleNamespace

import count_correct
import export_reference
import make_checkpoint
import needs

TOOLS = Path(needs.__file__).parent
SPECS = TOOLS.parent / "tests" / "data" / "checkpoints"


class InADirectory(unittest.TestCase):
    def setUp(self):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.path = Path(directory.name) / "file"

    def write(self, contents: str | bytes) -> Path:
        self.path.write_bytes(contents if isinstance(contents, bytes) else contents.encode())
        return self.path


class Specifications(InADirectory):
    def test_the_committed_ones_are_good(self):
        for path in SPECS.glob("*.json"):
            with self.subTest(path.name):
                self.assertEqual(make_checkpoint.read(path), json.loads(path.read_text()))

    def test_what_is_wrong_is_named(self):
        good = json.loads((SPECS / "odd-heads-of-11.json").read_text())
        for keys, value, said in (
                (("seed",), -1, "seed is -1"), (("files", "dtype"), "f64", "dtype is 'f64', not one of f32, f16, bf16"),
                (("files", "shards"), 0, "shards is 0"), (("files", "shards"), 10**6, "not a number from 1 to "),
                (("files", "prefix"), "yes", "prefix is 'yes'"), (("rows",), [3, 0], "rows are not"),
                (("config", "architectures"), ["BertModel"], "the class is BertModel, none that ends in ForSequence"),
                (("config", "hidden_size"), "11", "hidden_size is '11'"),
                (("config", "vocab_size"), 5, "vocab_size is 5"), (("tokenizer",), "bpe", "tokenizer is 'bpe', not unigram")):
            spec = copy.deepcopy(good)
            inner = spec if len(keys) == 1 else spec[keys[0]]
            inner[keys[-1]] = value
            with self.subTest(said), self.assertRaises(ValueError) as raised:
                make_checkpoint.read(self.write(json.dumps(spec)))
            self.assertIn(said, str(raised.exception))
            self.assertIn(str(self.path), str(raised.exception))

    def test_what_is_no_specification_is_refused(self):
        for text, said in (("[]", "not a JSON object"), ("{}", "lacks 'files'"), ("{", "Expecting"),
                           ('{"files": {}, "config": 5}', "config is not a JSON object")):
            with self.subTest(text), self.assertRaisesRegex(ValueError, said):
                make_checkpoint.read(self.write(text))


class Lines(InADirectory):
    def test_only_a_newline_ends_one(self):
        self.assertEqual(export_reference.lines(self.write("a\rb\u2028c\n\nd")), ["a\rb\u2028c", "", "d"])
        self.assertEqual(export_reference.lines(self.write("a\n")), ["a"])
        self.assertEqual(export_reference.lines(self.write("")), [])

    def test_what_is_not_utf8_is_refused(self):
        with self.assertRaisesRegex(ValueError, f"{self.path}: not UTF-8: .* at byte 2"):
            export_reference.lines(self.write(b"ab\xff"))

    def test_a_row_of_tokens_that_is_wrong_is_named(self):
        config = SimpleNamespace(vocab_size=10, type_vocab_size=2, max_position_embeddings=4)
        rows = export_reference.token_rows(self.write("2 9 3\t0 0 1\n"), config)
        self.assertEqual(list(rows), [([2, 9, 3], [0, 0, 1])])
        for row, said in (("2 3\t0", "2 token ids and 1 token types"), ("2 x\t0 0", "'x'"), ("", "0 token ids"),
                          ("1 1 1 1 1\t0 0 0 0 0", "5 tokens, the model takes at most 4"),
                          ("10\t0", "a token id that is not from 0 to 9"), ("-1\t0", "a token id"),
                          ("1\t2", "a token type that is not from 0 to 1")):
            with self.subTest(row), self.assertRaisesRegex(ValueError, f"line 2: .*{said}"):
                list(export_reference.token_rows(self.write(f"2\t0\n{row}\n"), config))


class Labels(InADirectory):
    def test_rows(self):
        rows = count_correct.read(self.write("id\ttext\tstar\n1\ta b\t5\n2\t\"\t1\n"), "text", "star")
        self.assertEqual(rows, [("a b", "5"), ('"', "1")])
        labelled = count_correct.with_prefix(rows, "Star_", ["Star_1", "Star_5"])
        self.assertEqual(labelled, [("a b", "Star_5"), ('"', "Star_1")])

    def test_what_is_wrong_is_named(self):
        for text, said in (("", "no column 'text'"), ("text\tlabel\n", "no column 'star'"), ("text\tstar\n", "no rows"),
                           ("text\tstar\na\t1\nb\n", "line 3: 1 fields where the first line has 2"),
                           ("text\tstar\na\tb\t1\n", "line 2: 3 fields")):
            with self.subTest(text), self.assertRaisesRegex(ValueError, said):
                count_correct.read(self.write(text), "text", "star")

    def test_a_label_that_the_model_lacks_is_not_counted_as_wrong(self):
        with self.assertRaisesRegex(ValueError, "line 3: the model has no label 'Star_6'"):
            count_correct.with_prefix([("a", "1"), ("b", "6")], "Star_", ["Star_1", "Star_2"])


class Arguments(unittest.TestCase):
    def refused(self, program: str, *words: str) -> str:
        run = subprocess.run([sys.executable, "-E", "-S", str(TOOLS / program), *words], capture_output=True, text=True)
        self.assertEqual(run.returncode, 2, run.stderr)
        self.assertNotIn("Traceback", run.stderr)
        return run.stderr.splitlines()[-1]

    def test_numbers(self):
        self.assertEqual(export_reference.positive("12"), 12)
        for wrong in ("0", "-3", "1.5", "²", ""):
            self.assertIn("is not a number from 1",
                          self.refused("export_reference.py", "m", "t", "-o", "o", f"--max-tokens={wrong}"))
        self.assertIn("numbers from 1", self.refused("tokenizer_reference.py", "d", "-o", "o", "--count", "0"))

    def test_names(self):
        self.assertIn("no checkpoint 'nothing': there are bert-base-chinese, ",
                      self.refused("make_references.py", "nothing"))
        self.assertIn("has no config.json", self.refused("make_references.py", "--model", "/nonexistent"))
        self.assertIn("has no vocab.txt", self.refused("tokenizer_reference.py", "/nonexistent", "-o", "o"))
        self.assertIn("no such directory", self.refused("tokenizer_reference.py", str(SPECS.parent / "tokenizer"), "-o",
                                                        "/nonexistent/file"))

    def test_settings(self):
        for settings, said in (("{", "'{' is not JSON"), ("[]", "'[]' is not a JSON object")):
            self.assertIn(said, self.refused("tokenizer_reference.py", "d", "-o", "o", "--settings", settings))
