"""The committed charts are those of the committed record. Drawn where the pinned matplotlib is installed."""
import importlib.metadata
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

import environment
import needs

RECORD = environment.REPOSITORY / "benches" / "record" / "results.csv"


def drawing() -> str:
    """Why charts cannot be drawn here to the byte; nothing where they can."""
    for name in environment.DRAWING:
        pinned = needs.pins(environment.REQUIREMENTS)[name].version
        try:
            found = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            return f"no {name}"
        if found != pinned:
            return f"{name} {found}, not {pinned}"
    return ""


@unittest.skipIf(drawing(), drawing())
class Charts(unittest.TestCase):
    def setUp(self):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.directory = Path(directory.name)

    def draw(self, record: Path) -> subprocess.CompletedProcess:
        charts = environment.HERE / "charts.py"
        return subprocess.run([sys.executable, charts, record, self.directory], capture_output=True, text=True)

    def test_the_same_record_gives_the_same_bytes(self):
        run = self.draw(RECORD)
        self.assertEqual((run.returncode, run.stderr), (0, ""))
        committed = {path.name: path.read_bytes() for path in RECORD.parent.glob("*.svg")}
        self.assertEqual({path.name for path in self.directory.glob("*.svg")}, set(committed))
        for name, contents in committed.items():
            self.assertTrue((self.directory / name).read_bytes() == contents, name)

    def test_a_record_that_does_not_say_what_was_measured_is_refused(self):
        lines, record = RECORD.read_text(encoding="utf-8").splitlines(), self.directory / "record.csv"
        for key in ("cpu", "date", "model", "mixed", "texts"):
            record.write_text("\n".join(line for line in lines if not line.startswith(f"# {key}: ")))
            run = self.draw(record)
            with self.subTest(key):
                self.assertEqual((run.returncode, run.stderr),
                                 (1, f"charts.py: {record}: the record has no line '# {key}: ...' before its rows\n"))
