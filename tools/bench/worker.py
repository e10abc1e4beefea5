"""Measures one engine: a process of its own in each round, in the environment of the engines.

    python worker.py JOB.json

The job has: engine, model (the directory that export.py writes), task and pooling, threads, seconds; check, batches of
rows of ids to give the logits or vectors of; workloads, each with name, batches of rows of ids, warm_up (how often the
first batch runs before) and least (how often all of them are timed at least); texts, for the transformers pipeline.
Results are JSON lines, written as they come:
  {"workload": NAME, "runs": [milliseconds or MiB, ...]}    "load" first, "memory" after the workloads of ids
  {"workload": NAME, "refused": REASON}
  {"answers": [[...], ...]}
candle/src/main.rs does the same for candle, of logits alone.
"""
import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

TEXTS_AT_ONCE = 32


def run_times(run: Callable[[], object], warm_up: Callable[[], object], times: int, least: int, seconds: float) -> list:
    """Milliseconds of each run."""
    for _ in range(times):
        warm_up()
    runs, end = [], time.perf_counter() + seconds
    while len(runs) < least or time.perf_counter() < end:
        start = time.perf_counter()
        run()
        runs.append((time.perf_counter() - start) * 1e3)
    return runs


def peak_memory() -> float:
    """The most memory that this process has had, in MiB."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) / 1024
    raise RuntimeError("/proc/self/status has no VmHWM")


def main() -> None:
    job = json.loads(Path(sys.argv[1]).read_text())
    # Before any library is loaded: OpenMP reads it once.
    os.environ["OMP_NUM_THREADS"] = str(job["threads"])
    # Libraries print to standard output as they like: it is kept for results, theirs goes to the log.
    results = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)

    def tell(**result) -> None:
        print(json.dumps(result), file=results, flush=True)

    def attempt(name: str, measure: Callable[[], list]) -> None:
        try:
            tell(workload=name, runs=measure())
        except Exception as error:  # Whatever a library raises is why this workload has no time.
            tell(workload=name, refused=f"{type(error).__name__}: {error}".splitlines()[0])

    import peers
    import tasks

    peers.import_libraries(job["engine"])
    start = time.perf_counter()
    peer = peers.load(job["engine"], Path(job["model"]), job["threads"],
                      tasks.Task(job["task"], job["pooling"]))
    tell(workload="load", runs=[(time.perf_counter() - start) * 1e3])
    if job["check"]:
        tell(answers=[row for rows in job["check"] for row in peer.run(peer.prepare(rows)).tolist()])
    for work in job["workloads"]:
        batches = [peer.prepare(rows) for rows in work["batches"]]
        attempt(work["name"], lambda: run_times(lambda: [peer.run(batch) for batch in batches],
                                                lambda: peer.run(batches[0]), work["warm_up"], work["least"],
                                                job["seconds"]))
    attempt("memory", lambda: [peak_memory()])
    if job["texts"] and peer.model is not None:
        pipeline = peers.pipeline(peer, Path(job["model"]) / "checkpoint", TEXTS_AT_ONCE)
        attempt("texts", lambda: run_times(lambda: pipeline(job["texts"]), lambda: pipeline(job["texts"][:2]), 1, 2,
                                           job["seconds"]))


if __name__ == "__main__":
    main()
