"""Commands as people type them, with a Python that has no package: what needs none works, the rest says why not."""
import contextlib
import io
import os
import shlex
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

import arguments
import engines
import environment
from record import Recorder, Row

BENCH = environment.HERE
RECORD = environment.REPOSITORY / "benches" / "record" / "results.csv"


class Parse(unittest.TestCase):
    def refused(self, *words: str) -> str:
        said = io.StringIO()
        with contextlib.redirect_stderr(said), self.assertRaises(SystemExit) as ended:
            arguments.parse(list(words))
        self.assertEqual(ended.exception.code, 2)
        self.assertEqual(said.getvalue().count("\n"), 1, said.getvalue())
        return said.getvalue()

    def test_options_alone_are_those_of_run(self):
        for words in ([], ["--quick"], ["--engines", "nimbert", "--quick"], ["run", "--quick"]):
            args = arguments.parse(words)
            self.assertEqual((args.command, args.quick), ("run", "--quick" in words))
        # A value may be called like a command.
        self.assertEqual(arguments.parse(["--output", "charts"]).output, Path("charts"))

    def test_commands(self):
        self.assertEqual(arguments.parse(["table", "a.csv"]).record, Path("a.csv"))
        self.assertEqual(arguments.parse(["charts", "a.csv", "--output", "b"]).output, Path("b"))
        self.assertEqual(arguments.parse(["roofline", "--seconds", "0.5"]).seconds, 0.5)
        # cargo runs elsewhere.
        self.assertEqual(arguments.parse(["run", "--cache", "a"]).cache, Path.cwd() / "a")

    def test_tasks_and_poolings(self):
        def chosen(*words: str) -> list[str]:
            return [str(task) for task in arguments.parse(list(words)).tasks]

        self.assertEqual((chosen(), chosen("roofline")), (["classify"], ["classify"]))
        self.assertEqual(chosen("--task", "embed"), ["embed mean"])
        self.assertEqual(chosen("--task", "embed,classify", "--pooling", "cls,mean"),
                         ["classify", "embed mean", "embed cls"])
        self.assertEqual(chosen("--task", "answer,tag"), ["tag", "answer"])
        for words, said in (("--pooling cls", "it needs --task embed"),
                            ("--task rank", "'rank' is none of classify, embed, tag, answer"),
                            ("--task embed --pooling max", "'max' is none of mean, cls"),
                            ("roofline --task embed", "roofline does not take '--task'")):
            self.assertIn(said, self.refused(*words.split()))

    def test_an_unknown_command_gets_the_one_that_is_near(self):
        for typed, meant in (("chart", "charts"), ("tables", "table"), ("rooflin", "roofline"), ("runn", "run")):
            self.assertIn(f"no command {typed!r}: did you mean {meant}?", self.refused(typed, "a.csv"))
        self.assertIn("There are run, roofline, serve, pipelines, table, charts", self.refused("xyz"))
        self.assertNotIn("did you mean", self.refused("xyz"))

    def test_a_record_without_a_command_gets_the_command(self):
        self.assertIn(f"python3 tools/bench table {RECORD}", self.refused(str(RECORD)))

    def test_options_before_the_command(self):
        self.assertIn("the command comes before its options", self.refused("--quick", "charts", "a.csv"))

    def test_an_unknown_option_gets_the_one_that_is_near(self):
        self.assertIn("run does not take '--thraeds': did you mean --threads?", self.refused("--thraeds", "2"))
        self.assertIn("charts does not take '--quick'.", self.refused("charts", "a.csv", "--quick"))
        self.assertIn("table does not take 'b.csv'.", self.refused("table", "a.csv", "b.csv"))

    def test_values(self):
        for words, said in (("--threads 0", "'0' is not a number from 1"), ("--workloads 8", "'8' is not a shape"),
                            ("--shape base", "'base' (choose from "),
                            ("--shape all-MiniLM-L6 --checkpoint a", "--checkpoint: not allowed with argument --shape"),
                            ("--seconds nan", "'nan' is not a number of seconds"), ("charts", "FILE.csv"),
                            ("--engines onnx", "no engine 'onnx'"), ("--rounds two", "'two' is not a number")):
            self.assertIn(said, self.refused(*words.split()))


class Manual(unittest.TestCase):
    def test_the_commands_in_it_are_commands(self):
        found = 0
        for path in [*environment.REPOSITORY.glob("*.md"), *environment.REPOSITORY.glob("docs/*.md"), BENCH / "README.md"]:
            for line in path.read_text(encoding="utf-8").splitlines():
                words = shlex.split(line, comments=True) if line.startswith("python3 tools/bench") else []
                with self.subTest(f"{path.name}: {line}"):
                    # Ends the test where the command would be refused.
                    found += bool(words and arguments.parse(words[2:]))
        self.assertGreater(found, 5)

    def test_the_sizes_in_it_are_those_that_are_announced(self):
        lines = (BENCH / "README.md").read_text(encoding="utf-8").splitlines()
        for command, chosen in (("charts", ()), ("roofline", engines.select("nimbert")), ("run", engines.ENGINES)):
            row = next(line for line in lines if line.startswith(f"| `{command}` |"))
            self.assertIn(arguments.installs(command, chosen), row)


class Programs(unittest.TestCase):
    def setUp(self):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.directory = Path(directory.name)

    def bench(self, *words: str | Path, stdout=subprocess.PIPE) -> subprocess.CompletedProcess:
        """What it says; and it installs nothing."""
        cache = self.directory / "cache"
        run = subprocess.run([sys.executable, "-E", "-S", BENCH, *words], stdout=stdout, stderr=subprocess.PIPE,
                             text=True, env=os.environ | {"XDG_CACHE_HOME": str(cache)})
        self.assertNotIn("Traceback", run.stderr)
        self.assertFalse((cache / "nimbert-bench" / "venv").exists())
        return run

    def fails(self, said: str, *words: str | Path) -> None:
        run = self.bench(*words)
        self.assertEqual(run.returncode, 1, run.stderr)
        self.assertRegex(run.stderr, said)
        self.assertEqual(run.stderr.count("\n"), 1, run.stderr)

    def lacking(self) -> Path:
        """A Python that has no package."""
        program = self.directory / "python"
        program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -E -S "$@"\n')
        program.chmod(0o755)
        return program

    def test_help(self):
        top = self.bench("--help")
        self.assertEqual((top.returncode, top.stderr), (0, ""))
        for part in ("python3 tools/bench --quick", "table nothing, charts 41 MB, roofline 2.8 GB", "run 3.0 GB"):
            self.assertIn(part, top.stdout)
        for command in arguments.COMMANDS:
            run = self.bench(command, "--help")
            self.assertEqual((run.returncode, run.stderr), (0, ""))
            self.assertIn(f"for example:\n  python3 tools/bench {command} ", run.stdout)

    def test_a_table_needs_nothing(self):
        run = self.bench("table", RECORD)
        self.assertEqual((run.returncode, run.stderr), (0, ""))
        self.assertIn("other/nimbert", run.stdout)

    def test_a_table_of_a_run_that_is_not_over(self):
        recorder = Recorder(self.directory / "results.csv", {"cpu": "A"})
        self.addCleanup(recorder.close)
        recorder.add(Row("nimbert", "f32", 1, "1x8", 1, "ms", 1, 1.0, 1.0, 1.0))
        run = self.bench("table", recorder.path)
        self.assertEqual((run.returncode, run.stderr), (0, ""))
        self.assertIn("one round alone has no spread", run.stdout)

    def test_a_table_into_a_pipe_that_is_closed(self):
        reader, writer = os.pipe()
        os.close(reader)
        with os.fdopen(writer, "w") as pipe:
            run = self.bench("table", RECORD, stdout=pipe)
        self.assertEqual((run.returncode, run.stderr), (0, ""))

    @unittest.skipUnless(Path("/dev/full").exists(), "no /dev/full")
    def test_a_table_onto_a_full_disk(self):
        with open("/dev/full", "w") as full:
            run = self.bench("table", RECORD, stdout=full)
        self.assertEqual((run.returncode, run.stderr), (1, "tools/bench: No space left on device\n"))

    def test_records_that_are_none(self):
        other = self.directory / "other.csv"
        for command in ("table", "charts"):
            self.fails("nothing.csv: No such file", command, self.directory / "nothing.csv")
            self.fails("Is a directory", command, self.directory)
            for contents, said in ((b"", "not a record"), (b"text,label\n", "not a record"),
                                   (b"\xff", "not a record of this tool: not text")):
                other.write_bytes(contents)
                self.fails(f"other.csv: {said}", command, other)

    def test_an_output_that_cannot_be_made(self):
        file = self.directory / "file"
        file.touch()
        self.fails("file", "charts", RECORD, "--output", file)
        self.fails("file.*: Not a directory", "charts", RECORD, "--output", file / "below")

    def test_charts_that_are_not_drawn_are_a_failure(self):
        python = self.lacking()
        self.fails(f"no charts: {python} has no matplotlib", "charts", RECORD, "--python", python, "--output",
                   self.directory)
        self.assertEqual(list(self.directory.glob("*.svg")), [])

    @unittest.skipUnless(hasattr(os, "sched_setaffinity"), "measures on Linux alone")
    def test_what_is_wrong_is_found_before_anything_is_installed(self):
        self.fails("has no config.json", "--checkpoint", self.directory)
        self.fails("--workloads 1x513: the model takes at most 512 tokens", "--workloads", "1x8,1x513")
        # Of its 514 positions two are never a token's.
        self.fails("--workloads 1x513: the model takes at most 512 tokens", "--workloads", "1x513", "--shape",
                   "xlm-roberta-base")
        self.fails("--task: of distilbert only the logits of texts are measured", "--task", "classify,tag", "--shape",
                   "distilbert-base")
        self.fails("100000 threads", "--threads", "100000")
        self.fails("python: ", "--python", self.directory / "python", "--output", self.directory)
