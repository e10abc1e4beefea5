"""Programs without their packages: they still explain themselves, and say what to install."""
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

import needs

TOOLS = Path(needs.__file__).parent
DATA = TOOLS.parent / "tests" / "data"
TORCH = ("numpy", "safetensors", "tokenizers", "torch", "transformers")
# What each program takes at least, and the packages that it is to name.
PROGRAMS = {
    "count_correct.py": (("model", "rows.tsv"), TORCH),
    "export_reference.py": (("model", "texts", "-o", "out"), TORCH),
    "make_checkpoint.py": (("spec.json", "out"), ("numpy", "safetensors", "torch")),
    "make_pytorch_files.py": ((), ("numpy", "safetensors", "torch")),
    "make_references.py": ((), TORCH),
    "make_sentence_models.py": ((), (*TORCH, "sentence-transformers")),
    "metrics_reference.py": ((), ("numpy", "scikit-learn")),
    "ranking_reference.py": ((), ("numpy", "scikit-learn", "scipy")),
    "spans_reference.py": (("evaluate-v1.1.py", "evaluate-v2.0.py"), ("numpy", "scikit-learn", "seqeval")),
    "special_tokens_reference.py": (("-o", "out"), ("transformers",)),
    "tokenizer_reference.py": ((str(DATA / "tokenizer"), "-o", "out"), ("tokenizers", "transformers")),
}


def bare(*words: str) -> subprocess.CompletedProcess:
    """Runs Python without any package, whatever this one has."""
    return subprocess.run([sys.executable, "-E", "-S", *words], capture_output=True, text=True)


class WithoutPackages(unittest.TestCase):
    def test_every_program_is_here(self):
        found = {path.name for path in TOOLS.glob("*.py") if "needs.check()" in path.read_text(encoding="utf-8")}
        self.assertEqual(found - {"needs.py"}, set(PROGRAMS))

    def test_the_command_that_installs_them_is_said(self):
        pins = needs.pins(needs.REQUIREMENTS)
        for name, (words, packages) in PROGRAMS.items():
            with self.subTest(name):
                run = bare(str(TOOLS / name), *words)
                self.assertEqual((run.returncode, run.stdout), (2, ""))
                self.assertNotIn("Traceback", run.stderr)
                self.assertIn(f"{name}: ", run.stderr)
                command = next(line for line in run.stderr.splitlines() if " -m pip install " in line)
                wanted = {f"{package}=={pins[package].version}" for package in packages}
                self.assertEqual(set(command.split(" -m pip install ")[1].split()), wanted)
                download = needs.size(sum(pins[package].megabytes for package in packages))
                self.assertIn(f"some {download} to download", run.stderr)
                self.assertEqual("CUDA" in run.stderr, "torch" in packages)

    def test_help_needs_none(self):
        for name in PROGRAMS:
            with self.subTest(name):
                run = bare(str(TOOLS / name), "--help")
                self.assertEqual((run.returncode, run.stderr), (0, ""))
                self.assertIn(f"usage: {name}", run.stdout)

    def test_what_is_no_program_says_so(self):
        run = bare(str(TOOLS / "seeded.py"))
        self.assertEqual(run.returncode, 1)
        self.assertIn("no program of its own", run.stderr)

    def test_an_old_python_is_refused_in_one_line(self):
        old = "import runpy, sys\nsys.version_info = (3, 9, 1, 'final', 0)\nsys.argv = sys.argv[1:]\n" \
              "sys.path.insert(0, {!r})\nrunpy.run_path(sys.argv[0], run_name='__main__')"
        for path in (TOOLS / "metrics_reference.py", TOOLS / "bench"):
            with self.subTest(path.name):
                run = bare("-c", old.format(str(TOOLS)), str(path), "--help")
                self.assertEqual(run.returncode, 1)
                self.assertEqual(run.stderr, f"{path}: this is Python 3.9, at least 3.11 is needed\n")


class Imports(unittest.TestCase):
    def setUp(self):
        needed = dict(needs._needed)
        self.addCleanup(lambda: (needs._needed.clear(), needs._needed.update(needed)))
        needs._needed.clear()

    def test_what_lacks_is_noted(self):
        with needs.packages("json", "nimbert-lacks-this"):
            import nimbert_lacks_this  # noqa: F401
        self.assertEqual(needs.absent(), ["nimbert-lacks-this"])

    def test_a_package_that_is_broken_is_not_taken_for_one_that_lacks(self):
        with self.assertRaises(ImportError), needs.packages("json"):
            from json import nothing  # noqa: F401


class Pins(unittest.TestCase):
    def test_a_line_of_another_form_is_refused(self):
        with tempfile.TemporaryDirectory() as directory:
            path = Path(directory) / "requirements.txt"
            path.write_text("# why\ntorch==2.11.0  # 2720 MB\nscikit-learn==1.9.1 # 46 MB\n")
            self.assertEqual(needs.pins(path), {"torch": ("2.11.0", 2720), "scikit-learn": ("1.9.1", 46)})
            for wrong in ("torch", "torch>=2  # 1 MB", "torch==2.11.0"):
                path.write_text(f"# why\n{wrong}\n")
                with self.subTest(wrong), self.assertRaisesRegex(ValueError, "line 2"):
                    needs.pins(path)

    def test_both_files_pin_the_same_versions(self):
        ours, bench = needs.pins(needs.REQUIREMENTS), needs.pins(TOOLS / "bench" / "requirements.txt")
        for name in ours.keys() & bench.keys():
            self.assertEqual(ours[name], bench[name], name)

    def test_sizes_as_people_read_them(self):
        self.assertEqual([needs.size(megabytes) for megabytes in (41, 999, 2783)], ["41 MB", "999 MB", "2.8 GB"])
