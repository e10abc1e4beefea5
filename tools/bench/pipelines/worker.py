"""One package in a process of its own: python3 worker.py JOB.json prints a line of JSON for each workload, and its answers."""
import json
import statistics
import sys
import time
import warnings

import contenders

WARM_UP = 3


def numbers(task: str, found) -> list[list[float]]:
    """A row of numbers for each text: scores in the order of labels' names, or a vector."""
    if task == "embed":
        return [[float(value) for value in row] for row in found]
    return [[entry["score"] for entry in sorted(row, key=lambda entry: entry["label"])] for row in found]


def loop(ask, texts: list[str], seconds: float) -> list[float]:
    """Milliseconds of a text, asked one at a time: the median of each turn through all of them."""
    for text in texts[:WARM_UP]:
        ask(text, 1)
    found, began = [], time.perf_counter()
    while len(found) < 3 or time.perf_counter() - began < seconds:
        times = []
        for text in texts:
            start = time.perf_counter()
            ask(text, 1)
            times.append(time.perf_counter() - start)
        found.append(1e3 * statistics.median(times))
    return found


def batch(ask, texts: list[str], size: int, seconds: float) -> list[float]:
    """Milliseconds of all texts, asked at once."""
    found, began = [], time.perf_counter()
    while len(found) < 2 or time.perf_counter() - began < seconds:
        start = time.perf_counter()
        ask(texts, size)
        found.append(1e3 * (time.perf_counter() - start))
    return found


def best_size(ask, texts: list[str]) -> int:
    """How many texts at once suit it."""
    times = {}
    for size in contenders.BATCHES:
        ask(texts[:size], size)
        start = time.perf_counter()
        ask(texts, size)
        times[size] = time.perf_counter() - start
    return min(times, key=times.get)


def main() -> None:
    warnings.filterwarnings("ignore")
    contenders.offline()
    job = json.load(open(sys.argv[1]))
    load = contenders.LOADERS[job["task"], job["package"]]
    ask = load(contenders.Files(job["files"]), job["precision"], job["threads"])

    def say(**what) -> None:
        print("@@ " + json.dumps(what), flush=True)

    mixed, seconds = job["mixed"], job["seconds"]
    say(answers=numbers(job["task"], ask(mixed, 1)))
    size = 0 if job["package"] == "nimbert" else best_size(ask, mixed)
    say(workload="loop", runs=loop(ask, job["short"], seconds))
    say(workload="mixed", runs=batch(ask, mixed, size, seconds), batch=size)
    if job["many"]:
        texts = [mixed[i % len(mixed)] for i in range(job["many"])]
        start = time.perf_counter()
        ask(texts, size)
        say(workload="many", runs=[1e3 * (time.perf_counter() - start)], batch=size)


if __name__ == "__main__":
    main()
