"""Spark on this machine: two workers, one of them killed half way."""

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import unittest
from pathlib import Path

import data
import numpy
import processes
import pyspark.sql
from pyspark.sql import functions as F

from nimbert.spark import classify, embed

ROWS = 3_000
FILES = 12
EXAMPLE = Path(__file__).resolve().parents[2] / "examples/score_with_spark.py"


def workers() -> list[int]:
    """The processes of Python that Spark's daemon has forked."""
    daemons = processes.named(os.getpid(), "pyspark.daemon")
    return [process for process in daemons if any(process in processes.below(daemon) for daemon in daemons)]


@unittest.skipUnless(shutil.which("java") or "JAVA_HOME" in os.environ, "no Java, which Spark needs: 17 or later")
class Spark(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        cls.folder = Path(folder.name)
        cls.expected = data.Expected(data.write(cls.folder / "comments", ROWS, FILES))
        # Workers are the python3 of the PATH otherwise.
        os.environ["PYSPARK_PYTHON"] = sys.executable
        builder = pyspark.sql.SparkSession.builder.master("local[2,4]").config("spark.ui.enabled", False)
        # A task for each file, and batches of less than one.
        builder = builder.config("spark.sql.files.openCostInBytes", 128 << 20).config("spark.log.level", "OFF")
        cls.spark = builder.config("spark.sql.execution.arrow.maxRecordsPerBatch", 100).getOrCreate()
        cls.addClassCleanup(cls.spark.stop)

    def comments(self):
        return self.spark.read.parquet(str(self.folder / "comments"))

    def test_a_killed_worker_loses_nothing(self):
        out, killed = self.folder / "scored", []
        half_way = lambda: len([*out.rglob("part-*.parquet")]) >= FILES // 3  # noqa: E731
        killer = threading.Thread(target=lambda: killed.append(processes.kill_one(workers, half_way)))
        killer.start()
        answer = classify()
        scored = self.comments().withColumn("answer", answer("text"))
        scored.select("id", "film", "answer.label", "answer.score", "answer.error").write.parquet(str(out))
        killer.join()
        self.assertTrue(killed[0], "nothing was killed")
        self.assertNotIn(killed[0], workers())
        self.expected.check(self, data.read(out))

    def test_all_scores_and_vectors(self):
        some = self.comments().where("id < 200").orderBy("id").coalesce(1)
        good = [index for index in self.expected.good if index < 200]
        scored = some.select(classify(all_scores=True, truncation=True)("text").alias("answer")).select("answer.*")
        self.assertEqual(scored.schema.simpleString(), "struct<label:string,score:float,scores:array<float>,error:string>")
        found = scored.toPandas()
        self.assertEqual(found["error"].notna().sum(), 0)
        vectors = some.select(embed()("text").alias("answer")).select("answer.*").toPandas()
        for row, index in enumerate(good):
            self.assertTrue((numpy.float32(found["scores"][index]) == self.expected.all_scores[row]).all())
            self.assertTrue((numpy.float32(vectors["vector"][index]) == self.expected.vectors[row]).all())
        self.assertEqual([index for index in range(200) if vectors["vector"][index] is None], [7, 108])

    def test_an_engine_stays_and_has_the_threads_of_a_task(self):
        def look(_):
            from nimbert import spark

            engine = spark._engine(None, max_tokens=None, precision="auto", threads=None)
            return [(os.getpid(), engine.threads, id(engine), spark._engine.cache_info().misses)]

        found = []
        for _ in range(2):
            self.comments().where("id < 100").select(classify()("text")).collect()
            found += self.spark.sparkContext.parallelize([0, 1], 2).mapPartitions(look).collect()
        self.assertEqual({threads for _, threads, *_ in found}, {1})
        self.assertEqual(len({(process, engine) for process, _, engine, _ in found}), len({process for process, *_ in found}))
        self.assertEqual({misses for *_, misses in found}, {1})

    def test_what_is_wrong_is_said(self):
        for column, words in (
            (classify("/no/such/model.nimbert")("text"), f"/no/such/model.nimbert: .*on the host {socket.gethostname()}"),
            (classify()("id"), r"the column that classify\(\) got: its type is int64, expected text"),
            (embed(prompt_name="query")("text"), "query"),
        ):
            with self.assertRaisesRegex(Exception, words):
                self.comments().where("id < 10").select(column).collect()

    def test_the_example(self):
        out = self.folder / "of the example"
        done = subprocess.run([sys.executable, EXAMPLE, self.folder / "comments", out], capture_output=True, text=True, timeout=300)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertRegex(done.stdout, f"{ROWS:,} rows, {len(self.expected.failed)} with an error, [0-9,]+ rows/s")
        self.assertIn(data.FAILS, done.stderr)
        self.expected.check(self, data.read(out))
        self.assertEqual(self.spark.read.parquet(str(out)).where(F.col("label").isNotNull()).count(), len(self.expected.good))


if __name__ == "__main__":
    unittest.main()
