"""What is written is read again."""
import tempfile
import unittest
from pathlib import Path

from record import FIELDS, Recorder, Row, read


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

    def test_a_workload_of_vectors_is_read_with_its_task(self):
        recorder = Recorder(self.path, {})
        recorder.add(Row("nimbert", "int8", 1, "embed cls 1x8", 1, "ms", 5, 1.5, 1.75, 2.0))
        recorder.close()
        [row] = read(self.path)[1]
        self.assertEqual((str(row.task), row.subject, row.workload), ("embed cls", "1x8", "embed cls 1x8"))

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

    def test_no_row_is_lost_or_taken_for_another(self):
        good = "nimbert,int8,1,1x8,1,ms,5,1,1,1,,,,"
        head = "# cpu: A\n" + ",".join(FIELDS) + "\n"
        for rows, said in (
                # The quote would reach to the end of the file, and swallow all rows on its way.
                (f'{good}"no\n{good}\n', "line 3: unexpected end of data"),
                (f"{good}\n{good}\n", "line 4: nimbert-int8 has 1x8 twice in round 1"),
                (f"{good}\n\n", "line 4: 0 fields, not 14"), (f"{good},\n", "line 3: 15 fields"),
                (f"{good}\n{good[:-3]}", "line 4: 11 fields"), ("", "no rows"),
                (good.replace("nimbert", "numbert"), "line 3: no engine 'numbert-int8'"),
                (good.replace("1x8", "1xa"), "line 3: '1xa' is not a shape"),
                (good.replace(",5,1,", ",5,,"), "line 3: min is None"),
                (good.replace(",5,1,", ",5,0,"), "line 3: min is 0"),
                (good.replace(",1,1,,", ",inf,1,,"), "line 3: median is inf"),
                (good.replace(",5,", ",-5,"), "line 3: threads from 1, rounds and runs from 0"),
                (good.replace(",,,,", ",nan,,,"), "matmul_gop is nan")):
            self.path.write_text(head + rows)
            with self.subTest(rows), self.assertRaisesRegex(ValueError, said):
                read(self.path)
        self.path.write_text(head + good + "\n# cpu: B\n")
        with self.assertRaisesRegex(ValueError, "line 4: 1 fields"):
            read(self.path)

    def test_a_note_is_one_line(self):
        recorder = Recorder(self.path, {})
        recorder.add(Row("candle", "f32", 1, "load", 1, "ms", 0, note="two\nlines,\r\u2028 \"quoted\""))
        recorder.close()
        self.assertEqual(read(self.path)[1][0].note, 'two lines, "quoted"')
