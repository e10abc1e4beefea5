"""Runs one engine in a process of its own, and gives what it measures as it comes."""
import json
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import figures
from engines import Engine
from prepare import Bench, last_line
from tasks import Task, Turn
from workloads import BATCH, Plan

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


def _model(bench: Bench, engine: Engine, threads: int) -> list[str]:
    return ["--model", str(bench.packed(engine.precision)), "--precision", engine.precision, "--threads", str(threads)]


def _pooling(task: Task) -> list[str]:
    return ["--pooling", task.pooling] if task.pooling else []


def _text_file(bench: Bench, texts: list[str]) -> str:
    path = bench.cache / "texts.jsonl"
    path.write_text("".join(json.dumps({"text": text}) + "\n" for text in texts), encoding="utf-8")
    return str(path)


def _log(bench: Bench, turn: Turn) -> Path:
    return bench.cache / f"{turn.name.replace(' ', '-')}.log"


def answers(bench: Bench, turn: Turn, threads: int, texts: list[str]) -> tuple[list[list[float]], float]:
    """The logits or vectors of the texts, and how many seconds they took, without loading."""
    start, log = time.perf_counter(), _log(bench, turn)
    if turn.engine.ours:
        key = {"classify": "logits", "embed": "embedding"}[turn.task.name]
        command = [bench.nimbert, turn.task.name, *_model(bench, turn.engine, threads), *_pooling(turn.task),
                   "--format", "json", "--input", _text_file(bench, texts)]
        found = [json.loads(line)[key] for line in _lines(command, threads, log)]
        return found, time.perf_counter() - start
    for line in _lines(_job(bench, turn, threads, check=bench.check_batches()), threads, log):
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
        return [bench.packed(engine.precision).name]
    if engine.name in GRAPHS:
        return [turn.task.file(GRAPHS[engine.name])]
    return [engine.name, "checkpoint"] if engine.family == "ctranslate2" else ["checkpoint"]


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
    command = _job(bench, turn, threads, seconds=plan.seconds, workloads=plan.jobs(bench.config()["vocab_size"]),
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
    command = [bench.nimbert, "bench", *_model(bench, turn.engine, threads), "--task", turn.task.name,
               *_pooling(turn.task), "--format", "json", "--seconds", str(plan.seconds), "--shapes",
               ",".join(map(str, plan.shapes)) or "-"]
    if plan.lengths:
        path = bench.cache / "lengths.txt"
        path.write_text("".join(f"{length}\n" for length in plan.lengths))
        command += ["--lengths", str(path), "--batch", str(BATCH)]
    found = json.loads("".join(_lines(command, threads, _log(bench, turn))))
    yield replace(Sample.of("load", [found["load_ms"]]), note=f"on {found['isa']}")
    mixed = {"mixed": found["lengths"]} if plan.lengths else {}
    # nimbert's JSON has the shapes in alphabetic order.
    for name, entry in {**{str(shape): found["shapes"][str(shape)] for shape in plan.shapes}, **mixed}.items():
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


def _texts(bench: Bench, turn: Turn, threads: int, plan: Plan) -> Sample:
    engine = turn.engine
    command = [bench.nimbert, "compare", str(bench.packed(engine.precision)), "--precision-a", engine.precision,
               "--precision-b", engine.precision, "--threads", str(threads), "--format", "json", "--data",
               _text_file(bench, plan.texts)]
    found = json.loads("".join(_lines(command, threads, _log(bench, turn))))
    return Sample.of("texts", [len(plan.texts) / found[side]["texts_per_second"] * 1e3 for side in "ab"])
