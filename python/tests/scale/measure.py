#!/usr/bin/env python3
"""Two workers of Ray or Spark beside two plain processes on the same cores: rows a second, and memory.

    python measure.py speed                                  the built-in demo
    python measure.py memory --model bert.nimbert            a file of yours

Each run is a process of its own with its workers, of one thread each. Runs take turns; ratios are of the same round, and their median is
what counts. Rows a second are those while all workers are at work: without the start of Ray and Spark, and without the end, where one
worker waits for the other. Every file is a block of Ray and a task of Spark, of some seconds; as a job would have it, they are longer.

Memory is Pss of /proc/PID/smaps_rollup, summed over the workers when each has done a batch: a page that two have counts half in each. What
the same workers have without a model, batches handed through, is Python's own and is taken off.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from multiprocessing import get_context
from pathlib import Path

import data
import processes
import pyarrow.parquet

from nimbert.ray import Classifier

BATCH = 1_000
"""Rows that a worker is given at once."""
BATCHES = {"speed": 5, "memory": 1}
"""Of a file, which is a block of Ray and a task of Spark."""


class Timed:
    """A classifier, or with `idle` nothing of the kind, that notes in a directory when each of its batches began and ended."""

    def __init__(self, notes: str, model: str | None, idle: bool) -> None:
        self.classify = None if idle else Classifier(model, threads=1, truncation=True)
        self.notes = Path(notes) / str(os.getpid())

    def __call__(self, batch):
        start = time.time()
        found = self.classify(batch) if self.classify else batch
        memory = processes.memory(os.getpid())["Pss"]
        with self.notes.open("a") as file:
            file.write(f"{start} {time.time()} {batch.num_rows} {memory}\n")
        return found


def plain(folder: Path, workers: int, job: tuple) -> None:
    """Processes that share the files evenly, and write what they find."""
    files = sorted((folder / "comments").iterdir())
    context = get_context("spawn")
    # None begins before all have loaded the model.
    ready = context.Barrier(workers)
    crew = [context.Process(target=work, args=(files[n::workers], folder / "out", job, ready)) for n in range(workers)]
    for process in crew:
        process.start()
    for process in crew:
        process.join()


def work(files: list[Path], out: Path, job: tuple, ready) -> None:
    out.mkdir(exist_ok=True)
    timed = Timed(*job)
    ready.wait()
    for path in files:
        table = pyarrow.parquet.read_table(path)
        parts = [timed(table.slice(first, BATCH)) for first in range(0, table.num_rows, BATCH)]
        pyarrow.parquet.write_table(pyarrow.concat_tables(parts), out / path.name)


def ray_data(folder: Path, workers: int, job: tuple) -> None:
    import ray

    ray.init(num_cpus=workers + 1, include_dashboard=False, log_to_driver=False)
    ray.data.DataContext.get_current().enable_progress_bars = False
    rows = pyarrow.parquet.read_metadata(next((folder / "comments").iterdir())).num_rows
    comments = ray.data.read_parquet(str(folder / "comments")).repartition(target_num_rows_per_block=rows)
    pool = {"compute": ray.data.ActorPoolStrategy(size=workers), "num_cpus": 1, "batch_size": BATCH, "batch_format": "pyarrow"}
    comments.map_batches(Timed, fn_constructor_args=job, **pool).write_parquet(str(folder / "out"))


def spark(folder: Path, workers: int, job: tuple) -> None:
    import pyspark.sql

    from nimbert import spark as ours

    notes, model, idle = job
    os.environ["PYSPARK_PYTHON"] = sys.executable
    builder = pyspark.sql.SparkSession.builder.master(f"local[{workers}]").config("spark.ui.enabled", False)
    builder = builder.config("spark.log.level", "OFF").config("spark.sql.execution.arrow.maxRecordsPerBatch", BATCH)
    session = builder.config("spark.sql.files.openCostInBytes", 128 << 20).getOrCreate()
    answer = ours._function("timed", noting(notes, model, idle), "label string, score float, error string")
    scored = session.read.parquet(str(folder / "comments")).withColumn("answer", answer("text"))
    scored.select("*", "answer.*").drop("answer").write.parquet(str(folder / "out"))


def noting(notes: str, model: str | None, idle: bool):
    """What classify() of nimbert.spark has for a batch, with the notes of Timed."""

    def answer(texts):
        import pandas

        from nimbert import batches
        from nimbert import spark as ours

        start, none = time.time(), pandas.Series([None] * len(texts), dtype=object)
        found = pandas.DataFrame({"label": none, "score": none.astype("float32"), "error": none})
        if not idle:
            engine = ours._engine(model, max_tokens=None, precision="auto", threads=None)
            answers = batches.scores(engine, texts)
            label, score = answers.best(engine.labels)
            found = pandas.DataFrame({"label": label, "score": score, "error": answers.errors})
        memory = processes.memory(os.getpid())["Pss"]
        with (Path(notes) / str(os.getpid())).open("a") as file:
            file.write(f"{start} {time.time()} {len(texts)} {memory}\n")
        return found

    return answer


RUNS = {"plain": plain, "ray": ray_data, "spark": spark}


def once(args: argparse.Namespace, kind: str, workers: int, idle: bool = False) -> dict[str, float]:
    """Rows a second, and MiB of all workers, of one run in a process of its own."""
    with tempfile.TemporaryDirectory() as top:
        folder, notes = Path(top), Path(top) / "notes"
        notes.mkdir()
        data.write(folder / "comments", args.rows, args.rows // BATCH // BATCHES[args.what])
        job = [kind, str(folder), workers, [str(notes), args.model and str(args.model.resolve()), idle]]
        done = subprocess.run([sys.executable, __file__, "run", json.dumps(job)], capture_output=True, text=True)
        if done.returncode:
            raise SystemExit(done.stderr)
        each = [[[float(x) for x in line.split()] for line in path.read_text().splitlines()] for path in notes.iterdir()]
    if len(each) != workers:
        raise SystemExit(f"{kind}: {len(each)} of {workers} workers had something to do")
    first, last = max(worker[0][0] for worker in each), min(worker[-1][1] for worker in each)
    # Of a batch that was begun before or ended after, a part.
    within = [rows * max(0, min(end, last) - max(start, first)) / (end - start) for worker in each for start, end, rows, _ in worker]
    # Of each worker its last batch but one: both are there then.
    memory = sum(worker[-2][3] for worker in each)
    return {"rows/s": sum(within) / (last - first), "MiB": memory / 2**20}


def speed(args: argparse.Namespace, kinds: list[str]) -> None:
    rates = {kind: [] for kind in kinds}
    for number in range(args.rounds):
        for kind in kinds:
            rates[kind].append(once(args, kind, 2)["rows/s"])
            print(f"round {number + 1}: {kind:<5} {rates[kind][-1]:8,.0f} rows/s, load {os.getloadavg()[0]:.2f}", flush=True)
    for kind in kinds[1:]:
        ratios = [own / first for own, first in zip(rates[kind], rates[kinds[0]])]
        print(f"{kind}: {statistics.median(ratios):.3f} of {kinds[0]}'s rows/s ({min(ratios):.3f} to {max(ratios):.3f})")


def memory(args: argparse.Namespace, kinds: list[str]) -> None:
    for kind in kinds:
        one, two = (once(args, kind, workers)["MiB"] - once(args, kind, workers, idle=True)["MiB"] for workers in (1, 2))
        print(f"{kind}: {one:.1f} MiB of one worker, {two:.1f} MiB of two, beside Python's own: {two - one:+.1f} MiB", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["speed", "memory"])
    parser.add_argument("--model", type=Path, help="a packed file or a directory (default: the built-in demo)")
    parser.add_argument("--rows", type=int, help="in thousands (default: 60 for speed, 4 for memory)")
    parser.add_argument("--rounds", type=int, default=3, help="of speed (default: 3)")
    parser.add_argument("--kinds", default="plain,ray,spark", help="the first is what the others are held against (default: plain,ray,spark)")
    args = parser.parse_args()
    args.rows = BATCH * (args.rows or {"speed": 60, "memory": 4}[args.what])
    {"speed": speed, "memory": memory}[args.what](args, args.kinds.split(","))


if __name__ == "__main__":
    if sys.argv[1:2] == ["run"]:
        kind, folder, workers, job = json.loads(sys.argv[2])
        RUNS[kind](Path(folder), workers, tuple(job))
    else:
        main()
