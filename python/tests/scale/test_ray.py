"""Ray Data on a cluster of this machine's processes: two workers, one of them killed half way."""

import logging
import os
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
import pyarrow
import pyarrow.parquet
import ray

import nimbert
from nimbert.ray import Classifier, Embedder

ROWS = 3_000
FILES = 12
FEW = 400
EXAMPLE = Path(__file__).resolve().parents[2] / "examples/score_with_ray.py"


def workers() -> list[int]:
    """The processes of the actors."""
    return processes.named(os.getpid(), "ray::MapWorker(MapBatches(")


class Ray(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        cls.folder = Path(folder.name)
        cls.expected = data.Expected(data.write(cls.folder / "comments", ROWS, FILES))
        data.write(cls.folder / "few", FEW, 2)
        # Two for the workers, one for the tasks that read and write.
        ray.init(num_cpus=3, include_dashboard=False, logging_level="error", log_to_driver=False)
        cls.addClassCleanup(ray.shutdown)
        ray.data.DataContext.get_current().enable_progress_bars = False
        logging.getLogger("ray.data").setLevel(logging.CRITICAL)

    def mapped(self, actor, folder="few", batch_format="pyarrow", workers=1, **options):
        """The comments in a folder through so many actors."""
        # Ray would read files as small as these as one block, which goes to one actor.
        comments = ray.data.read_parquet(str(self.folder / folder)).repartition(target_num_rows_per_block=ROWS // FILES)
        how = {"compute": ray.data.ActorPoolStrategy(size=workers), "num_cpus": 1, "batch_size": 100, "batch_format": batch_format}
        return comments.map_batches(actor, fn_constructor_kwargs=options, **how)

    def few(self, actor, **options):
        """The rows of few comments, in their order."""
        # Without nulls in NumPy, blocks may have different types.
        blocks = ray.get(self.mapped(actor, **options).to_arrow_refs())
        return pyarrow.concat_tables(blocks, promote_options="permissive").sort_by("id")

    def test_a_killed_worker_loses_nothing(self):
        out, killed = self.folder / "scored", []
        half_way = lambda: out.is_dir() and len([*out.glob("*.parquet")]) >= FILES // 3  # noqa: E731
        killer = threading.Thread(target=lambda: killed.append(processes.kill_one(workers, half_way)))
        killer.start()
        self.mapped(Classifier, "comments", workers=2).write_parquet(str(out))
        killer.join()
        self.assertTrue(killed[0], "nothing was killed")
        self.assertNotIn(killed[0], workers())
        self.expected.check(self, data.read(out))
        # Files have one schema, whatever is null in them.
        schemas = {str(pyarrow.parquet.read_schema(path)) for path in out.glob("*.parquet")}
        self.assertEqual(len(schemas), 1, schemas)

    def test_all_scores_and_vectors(self):
        found, good = self.few(Classifier, all_scores=True, truncation=True), [index for index in self.expected.good if index < FEW]
        for row, index in enumerate(good):
            self.assertTrue((found["scores"][index].values.to_numpy() == self.expected.all_scores[row]).all())
        self.assertEqual(found["error"].null_count, FEW)
        for batch_format in ("pyarrow", "numpy"):
            vectors = self.few(Embedder, batch_format=batch_format)["vector"].to_pylist()
            for row, index in enumerate(good):
                self.assertTrue((numpy.asarray(vectors[index]) == self.expected.vectors[row]).all(), batch_format)

    def test_dictionaries_of_arrays(self):
        found = self.few(Classifier, batch_format="numpy")
        labels, good = found["label"].to_pylist(), [index for index in self.expected.good if index < FEW]
        self.assertEqual([labels[index] for index in good], self.expected.labels[: len(good)])
        self.assertEqual(found["error"].drop_null().to_pylist(), [data.FAILS] * len([id for id in self.expected.failed if id < FEW]))

    def test_threads_are_the_cpus_of_a_worker(self):
        class Telling(Classifier):
            def __call__(self, batch):
                return {"threads": numpy.array([self.engine.threads])}

        for cpus in (1, 2):
            pool = ray.data.ActorPoolStrategy(size=1)
            found = ray.data.range(1).map_batches(Telling, compute=pool, num_cpus=cpus, fn_constructor_kwargs={"text_column": "id"})
            self.assertEqual([row["threads"] for row in found.take_all()], [cpus])

    def test_what_is_wrong_is_said(self):
        for options, words in (
            ({"model": "/no/such/model.nimbert"}, f"/no/such/model.nimbert: .*on the host {socket.gethostname()}"),
            ({"text_column": "body"}, "text_column='body'.*there is no such column, but id, text, film"),
            ({"text_column": "id"}, "id: its type is int64, expected text"),
        ):
            with self.assertRaisesRegex(Exception, words):
                self.few(Classifier, **options)

    def test_the_example(self):
        out = self.folder / "of the example"
        environment = {**os.environ, "RAY_ADDRESS": ray.get_runtime_context().gcs_address}
        done = subprocess.run(
            [sys.executable, EXAMPLE, self.folder / "comments", out], capture_output=True, text=True, env=environment, timeout=300
        )
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertRegex(done.stdout, f"{ROWS:,} rows, {len(self.expected.failed)} with an error, [0-9,]+ rows/s")
        self.assertIn(data.FAILS, done.stderr)
        self.expected.check(self, data.read(out))
        again = subprocess.run([sys.executable, EXAMPLE, self.folder / "comments", out], capture_output=True, text=True)
        self.assertIn("is not empty", again.stderr)

    def test_nimbert_itself_needs_no_ray(self):
        done = subprocess.run([sys.executable, "-c", "import sys, nimbert.ray; print('ray' in sys.modules)"], capture_output=True, text=True)
        self.assertEqual(done.stdout, "False\n")
        self.assertTrue(nimbert.__version__)


if __name__ == "__main__":
    unittest.main()
