"""Runs one engine in a process of its own, and gives what it measures as it comes."""
import json
import os
import signal
import subprocess
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import figures
from agreement import Decisions, Rows
from export import TAGS
from prepare import Bench, last_line
from tasks import ANSWER, TAG, Task, Turn
from workloads import BATCH, Plan, Shape, questions, texts

HERE = Path(__file__).resolve().parent


@dataclass(frozen=True)
class Sample:
    """What one round gives of a workload: a summary of its runs, or why there is none."""

    workload: str
    unit: str = "ms"
    summary: dict[str, float] = field(default_factory=dict)
    # Why there is no summary, or what else is to be known.
    note: str = ""
    # Of nimbert's workloads: operations and bytes, as `nimbert bench` tells them.
    work: dict[str, float] = field(default_factory=dict)

    @classmethod
    def of(cls, workload: str, runs: list[float], unit: str = "ms") -> "Sample":
        return cls(workload, unit, figures.summary(runs))


class Failed(Exception):
    """An engine's process ended badly."""


def _environment(threads: int) -> dict[str, str]:
    count = str(threads)
    return os.environ | {"OMP_NUM_THREADS": count, "RAYON_NUM_THREADS": count, "TOKENIZERS_PARALLELISM": "false",
                         "HF_HUB_OFFLINE": "1"}


def _lines(command: list[str], threads: int, log: Path) -> Iterator[str]:
    """Standard output, line by line; the process does not outlive its reader."""
    with log.open("w") as errors:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, text=True, env=_environment(threads))
        try:
            yield from process.stdout
            code = process.wait()
        finally:
            process.kill()
            process.wait()
    if code < 0:
        raise Failed(f"ended by {signal.Signals(-code).name}")
    if code > 0:
        raise Failed(last_line(log))


def _job(bench: Bench, turn: Turn, threads: int, **parts) -> list[str]:
    """The command of a worker, with its job in a file."""
    path, engine = bench.cache / "job.json", turn.engine
    candle = engine.family == "candle"
    job = {"engine": engine.name, "model": str(bench.checkpoint if candle else bench.model), "threads": threads,
           "task": turn.task.name, "pooling": turn.task.pooling, "seconds": 0.0, "check": [], "workloads": [],
           "texts": []} | parts
    path.write_text(json.dumps(job))
    return [bench.candle, str(path)] if candle else [bench.python, str(HERE / "worker.py"), str(path)]


def _model(bench: Bench, turn: Turn, threads: int) -> list[str]:
    precision = turn.engine.precision
    return ["--model", str(bench.packed(precision, turn.task)), "--precision", precision, "--threads", str(threads)]


def _pooling(task: Task) -> list[str]:
    return ["--pooling", task.pooling] if task.pooling else []


def _input(bench: Bench, name: str, objects: Iterable[dict[str, str]]) -> str:
    """A file with an object a line."""
    path = bench.cache / name
    path.write_text("".join(json.dumps(each) + "\n" for each in objects), encoding="utf-8")
    return str(path)


def _text_file(bench: Bench, texts: list[str]) -> str:
    return _input(bench, "texts.jsonl", ({"text": text} for text in texts))


def _log(bench: Bench, turn: Turn) -> Path:
    return bench.cache / f"{turn.name.replace(' ', '-')}.log"


def _own_answers(bench: Bench, turn: Turn, threads: int) -> Rows | Decisions:
    """nimbert's, by the command of a task."""
    task, options = turn.task, _pooling(turn.task)
    if task == ANSWER:
        asked = ({"question": question, "context": context} for question, context in questions())
        file = _input(bench, "questions.jsonl", asked)
    else:
        file = _text_file(bench, texts())
    if task == TAG:
        # All tokens, each by itself.
        options = ["--aggregation", "none", "--ignore-labels", ""]
    command = [bench.nimbert, task.name, *_model(bench, turn, threads), *options, "--format", "json", "--input", file]
    found = [json.loads(line) for line in _lines(command, threads, _log(bench, turn))]
    if task == ANSWER:
        return [[(best["answer"], best["score"]) for best in each["answers"]] for each in found]
    if task == TAG:
        return [[(TAGS.index(token["entity"]), token["score"]) for token in each["entities"]] for each in found]
    return [each["embedding" if task.pooling else "logits"] for each in found]


def answers(bench: Bench, turn: Turn, threads: int) -> tuple[Rows | Decisions, float]:
    """What is compared of the texts or questions, and how many seconds it took, without loading."""
    start = time.perf_counter()
    if turn.engine.ours:
        return _own_answers(bench, turn, threads), time.perf_counter() - start
    for line in _lines(_job(bench, turn, threads, check=bench.check(turn.task)), threads, _log(bench, turn)):
        result = json.loads(line)
        if result.get("workload") == "load":
            start = time.perf_counter()
        if "answers" in result:
            return result["answers"], time.perf_counter() - start
    raise Failed("gave no answers")


# What export.py writes for a task, and the engine reads when it loads.
GRAPHS = {"compile-f32": "compiled.pt2", "onnxruntime-f32": "fused.onnx", "onnxruntime-int8": "fused-int8.onnx",
          "openvino-f32": "model.onnx", "openvino-int8": "openvino-int8"}


def files(bench: Bench, turn: Turn) -> list[str]:
    """What an engine reads when it loads, in the model's directory."""
    engine = turn.engine
    if engine.ours:
        return [bench.packed(engine.precision, turn.task).name]
    if engine.name in GRAPHS:
        return [turn.task.file(GRAPHS[engine.name])]
    checkpoint = turn.task.weights("checkpoint")
    return [engine.name, checkpoint] if engine.family == "ctranslate2" else [checkpoint]


def read_files(bench: Bench, turn: Turn) -> None:
    """Brings an engine's files into the system's cache: some systems drop what was not used for a minute."""
    for top in (bench.model / name for name in files(bench, turn)):
        for path in [top, *top.rglob("*")]:
            if path.is_file():
                with path.open("rb") as file:
                    while file.read(1 << 24):
                        pass


def measure(bench: Bench, turn: Turn, threads: int, plan: Plan) -> Iterator[Sample]:
    """One round of one engine at one task."""
    read_files(bench, turn)
    if turn.engine.ours:
        yield from _nimbert(bench, turn, threads, plan)
        return
    command = _job(bench, turn, threads, seconds=plan.seconds, workloads=plan.jobs(bench.words()),
                   texts=plan.texts)
    for line in _lines(command, threads, _log(bench, turn)):
        result = json.loads(line)
        unit = "MiB" if result["workload"] == "memory" else "ms"
        if "refused" in result:
            yield Sample(result["workload"], unit, note=result["refused"])
        else:
            yield Sample.of(result["workload"], result["runs"], unit)


def _nimbert(bench: Bench, turn: Turn, threads: int, plan: Plan) -> Iterator[Sample]:
    """`nimbert bench` for what starts from ids, `nimbert compare` of a model with itself for what starts from text."""
    found, entries = {}, {}
    if plan.shapes or plan.lengths or not plan.windows:
        found = _bench(bench, turn, threads, plan.seconds, plan.shapes, plan.lengths, BATCH)
        # nimbert's JSON has the shapes in alphabetic order.
        entries |= {str(shape): found["shapes"][str(shape)] for shape in plan.shapes}
        entries |= {"mixed": found["lengths"]} if plan.lengths else {}
    if plan.windows:
        asked = _bench(bench, turn, threads, plan.seconds, [], plan.windows, len(plan.windows))
        entries["question"] = asked["lengths"]
        found = asked | found | {"peak_rss_mb": max(each["peak_rss_mb"] for each in (asked, found) if each)}
    yield replace(Sample.of("load", [found["load_ms"]]), note=f"on {found['isa']}")
    for name, entry in entries.items():
        summary = {"runs": entry["runs"], "min": entry["min_ms"], "median": entry["median_ms"], "p99": entry["p99_ms"]}
        yield Sample(name, summary=summary, work=entry["work"])
    yield Sample.of("memory", [found["peak_rss_mb"]], "MiB")
    limits = found["limits"]
    for name, value, unit in (("matmul limit", limits["matmul_gops"], "GOP/s"),
                              ("attention limit", limits["attention_gops"], "GOP/s"),
                              ("reading limit", limits["read_gbps"], "GB/s")):
        yield Sample.of(name, [value], unit)
    if plan.texts:
        yield _texts(bench, turn, threads, plan)


def _bench(bench: Bench, turn: Turn, threads: int, seconds: float, shapes: list[Shape], lengths: list[int],
           batch: int) -> dict:
    """What `nimbert bench` finds of shapes, and of lengths so many at once."""
    command = [bench.nimbert, "bench", *_model(bench, turn, threads), "--task", turn.task.name, *_pooling(turn.task),
               "--format", "json", "--seconds", str(seconds), "--shapes", ",".join(map(str, shapes)) or "-"]
    if lengths:
        path = bench.cache / "lengths.txt"
        path.write_text("".join(f"{length}\n" for length in lengths))
        command += ["--lengths", str(path), "--batch", str(batch)]
    return json.loads("".join(_lines(command, threads, _log(bench, turn))))


def _texts(bench: Bench, turn: Turn, threads: int, plan: Plan) -> Sample:
    precision = turn.engine.precision
    command = [bench.nimbert, "compare", str(bench.packed(precision, turn.task)), "--precision-a", precision,
               "--precision-b", precision, "--threads", str(threads), "--format", "json", "--data",
               _text_file(bench, plan.texts)]
    found = json.loads("".join(_lines(command, threads, _log(bench, turn))))
    return Sample.of("texts", [len(plan.texts) / found[side]["texts_per_second"] * 1e3 for side in "ab"])
