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


def _job(bench: Bench, engine: Engine, threads: int, **parts) -> list[str]:
    """The command of a worker, with its job in a file."""
    path = bench.cache / "job.json"
    candle = engine.family == "candle"
    job = {"engine": engine.name, "model": str(bench.checkpoint if candle else bench.model), "threads": threads,
           "seconds": 0.0, "check": [], "workloads": [], "texts": []} | parts
    path.write_text(json.dumps(job))
    return [bench.candle, str(path)] if candle else [bench.python, str(HERE / "worker.py"), str(path)]


def _model(bench: Bench, engine: Engine, threads: int) -> list[str]:
    return ["--model", str(bench.packed(engine.precision)), "--precision", engine.precision, "--threads", str(threads)]


def _text_file(bench: Bench, texts: list[str]) -> str:
    path = bench.cache / "texts.jsonl"
    path.write_text("".join(json.dumps({"text": text}) + "\n" for text in texts), encoding="utf-8")
    return str(path)


def _log(bench: Bench, engine: Engine) -> Path:
    return bench.cache / f"{engine.name}.log"


def logits(bench: Bench, engine: Engine, threads: int, texts: list[str]) -> tuple[list[list[float]], float]:
    """The logits of the texts, and how many seconds they took, without loading."""
    start = time.perf_counter()
    if engine.ours:
        command = [bench.nimbert, "classify", *_model(bench, engine, threads), "--format", "json", "--input",
                   _text_file(bench, texts)]
        found = [json.loads(line)["logits"] for line in _lines(command, threads, _log(bench, engine))]
        return found, time.perf_counter() - start
    for line in _lines(_job(bench, engine, threads, check=bench.check_batches()), threads, _log(bench, engine)):
        result = json.loads(line)
        if result.get("workload") == "load":
            start = time.perf_counter()
        if "logits" in result:
            return result["logits"], time.perf_counter() - start
    raise Failed("gave no logits")


# What each engine reads when it loads, of what export.py writes.
FILES = {"compile-f32": ["compiled.pt2"], "onnxruntime-f32": ["fused.onnx"], "onnxruntime-int8": ["fused-int8.onnx"],
         "openvino-f32": ["model.onnx"], "openvino-int8": ["openvino-int8"],
         "ctranslate2-f32": ["ctranslate2-f32", "checkpoint"], "ctranslate2-int8": ["ctranslate2-int8", "checkpoint"]}


def read_files(bench: Bench, engine: Engine) -> None:
    """Brings an engine's files into the system's cache: some systems drop what was not used for a minute."""
    names = [bench.packed(engine.precision).name] if engine.ours else FILES.get(engine.name, ["checkpoint"])
    for top in (bench.model / name for name in names):
        for path in [top, *top.rglob("*")]:
            if path.is_file():
                with path.open("rb") as file:
                    while file.read(1 << 24):
                        pass


def measure(bench: Bench, engine: Engine, threads: int, plan: Plan) -> Iterator[Sample]:
    """One round of one engine."""
    read_files(bench, engine)
    if engine.ours:
        yield from _nimbert(bench, engine, threads, plan)
        return
    command = _job(bench, engine, threads, seconds=plan.seconds, workloads=plan.jobs(bench.config()["vocab_size"]),
                   texts=plan.texts)
    for line in _lines(command, threads, _log(bench, engine)):
        result = json.loads(line)
        unit = "MiB" if result["workload"] == "memory" else "ms"
        if "refused" in result:
            yield Sample(result["workload"], unit, note=result["refused"])
        else:
            yield Sample.of(result["workload"], result["runs"], unit)


def _nimbert(bench: Bench, engine: Engine, threads: int, plan: Plan) -> Iterator[Sample]:
    """`nimbert bench` for what starts from ids, `nimbert compare` of a model with itself for what starts from text."""
    command = [bench.nimbert, "bench", *_model(bench, engine, threads), "--format", "json", "--seconds",
               str(plan.seconds), "--shapes", ",".join(map(str, plan.shapes)) or "-"]
    if plan.lengths:
        path = bench.cache / "lengths.txt"
        path.write_text("".join(f"{length}\n" for length in plan.lengths))
        command += ["--lengths", str(path), "--batch", str(BATCH)]
    found = json.loads("".join(_lines(command, threads, _log(bench, engine))))
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
        yield _texts(bench, engine, threads, plan)


def _texts(bench: Bench, engine: Engine, threads: int, plan: Plan) -> Sample:
    command = [bench.nimbert, "compare", str(bench.packed(engine.precision)), "--precision-a", engine.precision,
               "--precision-b", engine.precision, "--threads", str(threads), "--format", "json", "--data",
               _text_file(bench, plan.texts)]
    found = json.loads("".join(_lines(command, threads, _log(bench, engine))))
    return Sample.of("texts", [len(plan.texts) / found[side]["texts_per_second"] * 1e3 for side in "ab"])
