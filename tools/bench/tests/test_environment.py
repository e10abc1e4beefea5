"""What each command installs, and what is said before."""
import contextlib
import subprocess
import tempfile
import unittest
from pathlib import Path
from unittest import mock

import engines
import environment
import models
import needs
import prepare

PINS = needs.pins(environment.REQUIREMENTS)
DRAWING = {"matplotlib", "numpy"}
REFERENCE = {"numpy", "safetensors", "tokenizers", "torch", "transformers"}


class Packages(unittest.TestCase):
    def packages(self, command: str, names: str = "") -> set[str]:
        return set(environment.packages(command, engines.select(names) if names else ()))

    def test_a_table_needs_none_and_charts_what_draws(self):
        self.assertEqual(self.packages("table"), set())
        self.assertEqual(self.packages("charts"), DRAWING)

    def test_measuring_needs_what_the_engines_need(self):
        self.assertEqual(self.packages("roofline", "nimbert"), DRAWING | REFERENCE)
        self.assertEqual(self.packages("run", "nimbert,candle"), DRAWING | REFERENCE)
        self.assertEqual(self.packages("run", "openvino-int8"), DRAWING | REFERENCE | {"openvino", "nncf", "onnx"})

    def test_all_engines_need_all_that_is_pinned(self):
        self.assertEqual(set(environment.packages("run", engines.ENGINES)), set(PINS))


class Announcement(unittest.TestCase):
    def test_what_is_large_says_what_how_large_where_and_how_to_do_without(self):
        said = environment.announcement(environment.packages("roofline"), Path("/cache/venv"))
        for part in ("torch 2.11.0", "transformers 4.57.1", "/cache/venv", "2.8 GB to download", "5.6 GB on disk",
                     "Ctrl-C", "--python", "--engines", "`table` needs nothing", "`charts` 41 MB"):
            self.assertIn(part, said)

    def test_what_is_small_is_said_shortly(self):
        said = environment.announcement(["matplotlib", "numpy"], Path("/cache/venv"))
        self.assertEqual(said, "installing matplotlib 3.10.7, numpy 2.2.6 into /cache/venv: some 41 MB to download")


class Install(unittest.TestCase):
    """With a Python, a pip and an environment that are made up: nothing is installed."""

    def setUp(self):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.cache = Path(directory.name)
        # What happened, in its order: words that were said, and commands.
        self.log: list[str] = []

    def python(self, wanted: list[str], *, given=None, has=None, refused=()) -> str:
        """`has`: the packages of the environment, None where there is none yet. `refused`: what pip cannot install."""
        def run(command: list[str], **_) -> subprocess.CompletedProcess:
            words = " ".join(map(str, command[1:]))
            if words == "-m pip --version":
                made = has is not None or any("-m venv" in line for line in self.log)
                return subprocess.CompletedProcess(command, int(not made))
            self.log.append(words)
            return subprocess.CompletedProcess(command, int(any(name in words for name in refused)))

        with contextlib.ExitStack() as stack:
            stack.enter_context(mock.patch.object(environment.subprocess, "run", run))
            stack.enter_context(mock.patch.object(environment, "say", self.log.append))
            stack.enter_context(mock.patch.object(environment, "versions", lambda program: has))
            return environment.python(self.cache, given, wanted)

    def test_it_is_said_before_anything_is_done(self):
        program = self.python(["matplotlib", "torch"])
        self.assertEqual(program, str(self.cache / "venv" / "bin" / "python"))
        self.assertEqual(len(self.log), 3)
        self.assertIn("installing matplotlib 3.10.7, torch 2.11.0 into", self.log[0])
        self.assertIn("2.7 GB", self.log[0])
        self.assertIn("-m venv", self.log[1])
        self.assertRegex(self.log[2], "-m pip install .* matplotlib==3.10.7 torch==2.11.0$")

    def test_only_what_lacks_is_installed(self):
        self.python(["matplotlib", "numpy"], has={"numpy": "2.2.6", "torch": "1.0"})
        self.assertEqual(len(self.log), 2)
        self.assertTrue(self.log[1].endswith(" matplotlib==3.10.7"), self.log[1])

    def test_what_is_there_is_left_alone(self):
        self.python(["numpy", "torch"], has={"numpy": "2.2.6", "torch": "2.11.0+cpu"})
        self.assertEqual(self.log, [])

    def test_another_version_is_replaced(self):
        self.python(["numpy"], has={"numpy": "2.2.5"})
        self.assertTrue(self.log[-1].endswith(" numpy==2.2.6"))

    def test_what_nothing_needs_makes_no_environment_larger(self):
        self.python([], has={})
        self.assertEqual(self.log, [])

    def test_a_python_that_is_given_is_used_as_it_is(self):
        self.assertEqual(self.python(["torch"], given="python3.x"), "python3.x")
        self.assertEqual(self.log, ["-c "])

    def test_the_rest_is_installed_where_one_cannot_be(self):
        self.python(["nncf", "numpy"], has={}, refused=["nncf"])
        said = [line.split("-version-check ")[-1].removeprefix("-q ") for line in self.log[1:]]
        self.assertEqual(said, ["nncf==3.4.0 numpy==2.2.6", "nncf==3.4.0", "nncf==3.4.0 cannot be installed here",
                                "numpy==2.2.6"])

    def test_a_python_without_builds_is_refused_before_anything_is_made(self):
        with mock.patch.object(environment.sys, "version_info", (3, 14, 0)), \
                self.assertRaisesRegex(ValueError, "Python 3.14: .* for 3.11 to 3.13"):
            self.python(["numpy"])
        self.assertEqual(self.log, [])

    def test_an_environment_that_cannot_be_made_is_an_error(self):
        with self.assertRaisesRegex(ValueError, "no virtual environment can be made in .*venv"):
            self.python(["numpy"], refused=["-m venv"])

    def test_a_python_that_is_none_is_an_error(self):
        with self.assertRaisesRegex(ValueError, "--python /nonexistent"):
            environment.python(self.cache, "/nonexistent", [])


class Model(unittest.TestCase):
    """Which changes write a model's files again."""

    def key(self, **versions: str) -> str:
        return prepare.key(models.SHAPES[models.DEFAULT], versions)

    def test_engines_that_are_installed_later_leave_what_is_written(self):
        some = self.key(torch="2.11.0", transformers="4.57.1", matplotlib="3.10.7")
        self.assertEqual(some, self.key(**{name: pin.version for name, pin in PINS.items()}))

    def test_another_version_writes_anew(self):
        self.assertNotEqual(self.key(torch="2.11.0"), self.key(torch="2.10.0"))

    def test_a_config_is_read_before_anything_is_prepared(self):
        self.assertEqual(models.config(models.SHAPES[models.DEFAULT])["max_position_embeddings"], 512)
        with tempfile.TemporaryDirectory() as name:
            with self.assertRaisesRegex(ValueError, "no config.json"):
                models.config(Path(name))
            for text, said in (("{", "Expecting"), ("[]", "TypeError"), ("{}", "KeyError"),
                               ('{"max_position_embeddings": 9, "model_type": "albert"}', "'albert', not one of bert, "),
                               ('{"max_position_embeddings": "many"}', "'many', not a number of tokens")):
                Path(name, "config.json").write_text(text)
                with self.subTest(text), self.assertRaisesRegex(ValueError, f"config.json: .*{said}"):
                    models.config(Path(name))
