"""The engine itself: arrays, and what a process may do with it."""

import os
import pickle
import signal
import subprocess
import sys
import tempfile
import threading
import time
import unittest
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import numpy

import nimbert

TEXTS = ["太好看了", "难看", "", "hello 世界", "很" * 300]


class Arrays(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.engine = nimbert.Engine(threads=1)

    def test_texts_ids_and_vectors(self):
        engine = self.engine
        logits = engine.logits(TEXTS)
        self.assertEqual((logits.dtype, logits.shape), (numpy.float32, (5, len(engine.labels))))
        ids = engine.tokenize(TEXTS)
        for rows in (ids, [numpy.array(row) for row in ids]):
            self.assertTrue((engine.logits_of_ids(rows) == logits).all())
        self.assertEqual(engine.decode(ids[:1]), ["太 好 看 了"])
        vectors = engine.embed(TEXTS)
        self.assertEqual(vectors.shape, (5, engine.dimensions))
        self.assertTrue((engine.embed_ids(ids) == vectors).all())
        short = engine.embed(TEXTS, dimensions=7, normalize=True)
        numpy.testing.assert_allclose(numpy.linalg.norm(short, axis=1), 1, atol=1e-5)
        states = engine.token_vectors(TEXTS)
        self.assertEqual([each.shape for each in states], [(len(row), engine.hidden_size) for row in ids])
        self.assertEqual(engine.logits([]).shape, (0, 5))
        self.assertEqual(engine.embed([]).shape, (0, engine.dimensions))
        self.assertEqual(engine.logits("好").shape, (1, 5))

    def test_the_same_text_has_the_same_bits(self):
        logits = self.engine.logits(TEXTS * 50)
        for index, text in enumerate(TEXTS):
            self.assertTrue((logits[index :: len(TEXTS)] == self.engine.logits([text])).all())
        self.assertTrue((nimbert.Engine(threads=2).logits(TEXTS) == logits[:5]).all())

    def test_arrays_outlive_the_engine(self):
        engine = nimbert.Engine(threads=1)
        logits, vectors = engine.logits(TEXTS), engine.token_vectors(TEXTS)
        copy = logits.copy()
        del engine
        self.assertTrue((logits == copy).all() and numpy.isfinite(vectors[4]).all())

    def test_what_is_wrong_is_named(self):
        engine = self.engine
        for call, kind, words in (
            (lambda: engine.logits(["a", None]), nimbert.InputError, "text 1: is NoneType"),
            (lambda: engine.logits_of_ids([[101, 102], [1 << 20]]), nimbert.InputError, "text 1"),
            (lambda: engine.logits_of_ids([[]]), nimbert.InputError, "text 0"),
            (lambda: engine.logits_of_ids([[-1]]), nimbert.InputError, "text 0"),
            (lambda: engine.logits_of_ids([numpy.array([1.5])]), nimbert.InputError, "text 0"),
            (lambda: engine.logits(["a"], ["b", "c"]), nimbert.OptionError, "2 second texts for 1"),
            (lambda: engine.embed(["a"], dimensions=0), nimbert.OptionError, "dimensions"),
            (lambda: engine.embed(["a"], prompt_name="query"), nimbert.OptionError, "query"),
            (lambda: engine.tag(["a"]), nimbert.TaskError, "token classifier"),
            (lambda: engine.rank(["a"], ["b"]), nimbert.TaskError, "single label"),
            (lambda: nimbert.Engine(os.devnull), nimbert.ModelError, os.devnull),
        ):
            with self.assertRaisesRegex(kind, words):
                call()
        with self.assertRaises(TypeError):
            engine.logits(3)
        # Ten megabytes are cut like any text.
        self.assertEqual(engine.logits(["很" * 3_500_000]).shape, (1, 5))

    def test_packed_files(self):
        family = Path(__file__).resolve().parents[3] / "shared" / "family" / "bert-nli"
        if not family.is_dir():
            self.skipTest(f"no {family}")
        with tempfile.TemporaryDirectory() as folder:
            path = nimbert.pack(family, Path(folder) / "nli.nimbert", precision="f32")
            nimbert.verify(path)
            packed, directory = nimbert.Engine(path, threads=1), nimbert.Engine(family, threads=1)
            self.assertTrue((packed.logits(TEXTS, TEXTS) == directory.logits(TEXTS, TEXTS)).all())
            self.assertEqual(nimbert.compare(packed, directory, TEXTS).largest_distance, 0)
            path.write_bytes(path.read_bytes()[:-100])
            with self.assertRaises(nimbert.ModelError):
                nimbert.verify(path)


# Made before the fork of a pool's workers, which find it here.
SHARED = None


def logits_of(engine):
    return (SHARED if engine is None else engine).logits(TEXTS)


def in_threads(_):
    with ThreadPoolExecutor(4) as pool:
        return list(pool.map(lambda _: SHARED.logits(TEXTS), range(8)))


class Processes(unittest.TestCase):
    def test_no_interpreter_without_the_lock(self):
        code = "import sys; sys.abiflags += 't'; import nimbert"
        found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
        self.assertNotEqual(found.returncode, 0)
        self.assertIn("ImportError: nimbert's wheel is made for CPython's stable ABI", found.stderr)

    def test_threads_share_an_engine(self):
        engine = nimbert.Engine(threads=2)
        expected = engine.logits(TEXTS)
        with ThreadPoolExecutor(8) as pool:
            for found in pool.map(lambda _: engine.logits(TEXTS), range(64)):
                self.assertTrue((found == expected).all())

    def test_the_interpreter_is_free_while_it_computes(self):
        engine, turns = nimbert.Engine(threads=1), 0
        done = threading.Event()

        def work():
            engine.logits(["很" * 500] * 40)
            done.set()

        thread = threading.Thread(target=work)
        thread.start()
        while not done.wait(0.001):
            turns += 1
        thread.join()
        self.assertGreater(turns, 20)

    def test_pickled_by_path(self):
        engine = nimbert.Engine(threads=1, max_tokens=32)
        again = pickle.loads(pickle.dumps(engine))
        self.assertEqual((again.threads, again.max_tokens), (1, 32))
        self.assertTrue((again.logits(TEXTS) == engine.logits(TEXTS)).all())
        error = pickle.loads(pickle.dumps(nimbert.InputError(3, "is bad")))
        self.assertEqual((error.index, str(error)), (3, "text 3: is bad"))

    def test_a_fork_has_an_engine_of_its_own(self):
        engine = nimbert.Engine(threads=2)
        expected = engine.logits(TEXTS)
        global SHARED
        SHARED = engine
        with ProcessPoolExecutor(2, mp_context=get_context("fork")) as pool:
            for found in [*pool.map(logits_of, [None] * 4, timeout=60), *pool.map(logits_of, [engine] * 2, timeout=60)]:
                self.assertTrue((found == expected).all())
            # Where the first threads of a child ask at once, one loads the model.
            for found in pool.map(in_threads, range(2), timeout=60):
                self.assertTrue(all((each == expected).all() for each in found))
        with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
            for found in pool.map(logits_of, [engine] * 2, timeout=60):
                self.assertTrue((found == expected).all())
        self.assertTrue((engine.logits(TEXTS) == expected).all())

    def test_ctrl_c_ends_a_long_call(self):
        # The signal is not ignored, whatever this process inherited.
        begin = "import signal, nimbert; signal.signal(signal.SIGINT, signal.default_int_handler); e = nimbert.Engine(threads=1); "
        for long in ("e.logits(['很' * 500] * 3000)", "e.tokenize(['很' * 500] * 300000)"):
            code = f"{begin}print('on', flush=True); {long}; print('done')"
            with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
                self.assertEqual(process.stdout.readline(), b"on\n")
                time.sleep(0.3)
                process.send_signal(signal.SIGINT)
                out, error = process.communicate(timeout=20)
                self.assertIn(b"KeyboardInterrupt", error)
                self.assertEqual(out, b"", long)

    def test_it_is_imported_in_a_moment(self):
        code = "import numpy, time; t = time.perf_counter(); import nimbert; print(time.perf_counter() - t)"
        times = [float(subprocess.run([sys.executable, "-c", code], capture_output=True, check=True).stdout) for _ in range(5)]
        # Many times what it takes where nothing else runs.
        self.assertLess(min(times), 0.5)


if __name__ == "__main__":
    unittest.main()
