"""Measures one engine: a process of its own in each round, in the environment of the engines.

    python worker.py JOB.json

The job has: engine, model (the directory that export.py writes), task and pooling, threads, seconds; check, batches of
rows of ids to answer, or questions of questions.json; workloads, each with name, batches of rows of ids, question (of
windows, how many tokens are before the context), warm_up (how often the first batch runs before) and least (how often
all of them are timed at least); texts, for the transformers pipeline.
Results are JSON lines, written as they come:
  {"workload": NAME, "runs": [milliseconds or MiB, ...]}    "load" first, "memory" after the workloads of ids
  {"workload": NAME, "refused": REASON}
  {"answers": [[...], ...]}    of each text the logits, the vector, or [what, how likely] of each token or of a question
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


def answers(peer, task, check: list) -> list[list]:
    """Of each text, to compare."""
    import decisions

    def run(rows: list[list[int]], question: int = 0) -> tuple:
        return peer.run(peer.prepare(rows, question)), [*map(len, rows)]

    if task.name == "answer":
        return [[decisions.answer(*run(asked["windows"], asked["question"]), asked)] for asked in check]
    if task.name == "tag":
        return [text for rows in check for text in decisions.tags(*run(rows))]
    return [text for rows in check for text in run(rows)[0].tolist()]


def forward(peer, task, work: dict) -> tuple[Callable[[], object], Callable[[], object]]:
    """Runs all batches of a workload to what the task ends at, and the first one alone."""
    import decisions

    question, lengths = work["question"], [[*map(len, rows)] for rows in work["batches"]]
    batches = [peer.prepare(rows, question) for rows in work["batches"]]
    if task.name == "answer":
        def run():
            return max(decisions.best_span(peer.run(batch), each, question) for batch, each in zip(batches, lengths))
    else:
        def run():
            return [peer.run(batch) for batch in batches]
    return run, lambda: peer.run(batches[0])


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

    model, task = Path(job["model"]), tasks.Task(job["task"], job["pooling"])
    peers.import_libraries(job["engine"], model, task)
    start = time.perf_counter()
    peer = peers.load(job["engine"], model, job["threads"], task)
    tell(workload="load", runs=[(time.perf_counter() - start) * 1e3])
    if job["check"]:
        tell(answers=answers(peer, task, job["check"]))
    for work in job["workloads"]:
        run, warm_up = forward(peer, task, work)
        attempt(work["name"], lambda: run_times(run, warm_up, work["warm_up"], work["least"], job["seconds"]))
    attempt("memory", lambda: [peak_memory()])
    if job["texts"] and peer.model is not None:
        pipeline = peers.pipeline(peer, model / "checkpoint", TEXTS_AT_ONCE)
        attempt("texts", lambda: run_times(lambda: pipeline(job["texts"]), lambda: pipeline(job["texts"][:2]), 1, 2,
                                           job["seconds"]))


if __name__ == "__main__":
    main()
