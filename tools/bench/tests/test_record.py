"""What is written is read again."""
import tempfile
import unittest
from pathlib import Path

from record import Recorder, Row, read


class Record(unittest.TestCase):
    def setUp(self):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.path = Path(directory.name) / "results.csv"

    def test_round_trip(self):
        rows = [Row("nimbert", "int8", 1, "1x8", 1, "ms", 5, 1.5, 1.75, 2.0, 1.258, 0.2, 85.056),
                Row("candle", "f32", 2, "load", 0, "ms", 0, note='it said: "no, thanks"')]
        about = {"cpu": "A: B", "date": "2026-11-25\n14:00"}
        recorder = Recorder(self.path, about)
        for row in rows:
            recorder.add(row)
        recorder.close()
        self.assertEqual(read(self.path), ({"cpu": "A: B", "date": "2026-11-25 14:00"}, rows))

    def test_what_is_measured_is_there_at_once(self):
        recorder = Recorder(self.path, {})
        self.addCleanup(recorder.close)
        recorder.add(Row("candle", "f32", 1, "load", 1, "ms", 1, 2.0, 2.0, 2.0))
        self.assertEqual(len(read(self.path)[1]), 1)

    def test_another_file_is_refused(self):
        for text in ("", "a,b\n1,2\n", "# cpu: A\n"):
            self.path.write_text(text)
            with self.assertRaisesRegex(ValueError, "not a record"):
                read(self.path)

    def test_a_damaged_row_is_named(self):
        Recorder(self.path, {"cpu": "A"}).close()
        with self.path.open("a") as file:
            file.write("nimbert,int8,one,1x8,1,ms,5,1,1,1,,,,\n")
        with self.assertRaisesRegex(ValueError, "line 3: .*'one'"):
            read(self.path)
