"""nimbert's service beside others: load over HTTP, each server on one core and what loads it on another."""
import csv
import json
import os
import shutil
import subprocess
import urllib.request
from argparse import Namespace
from pathlib import Path

import engines
import environment
import machine
import models
import prepare
import tasks
import workloads
from environment import say

from . import load, report, rounds
from .servers import SERVERS, Files, Server, running

HERE = Path(__file__).resolve().parent
QUICK = rounds.Plan(1, 2.0, 1000)
USUAL = rounds.Plan(3, 8.0, 100_000)


def python(cache: Path) -> str:
    """That of an environment with the other servers, made where it is not there."""
    venv = cache / "service-venv"
    return environment.pinned(venv, HERE / "requirements.txt", (
        f"installing FastAPI, Infinity, PyTorch and what they need into {venv}: some 3 GB to download, 6 GB on disk, some minutes. "
        "--servers nimbert needs none of it"))


def sentences(checkpoint: Path, out: Path) -> Path:
    """The checkpoint as a model of sentence-transformers: the mean of its hidden states."""
    shutil.rmtree(out, ignore_errors=True)
    (out / "1_Pooling").mkdir(parents=True)
    for file in checkpoint.iterdir():
        if file.name != "config.json":
            (out / file.name).symlink_to(file)
    config = json.loads((checkpoint / "config.json").read_text())
    # A server that is told of a classifier makes no vectors.
    config["architectures"] = [config["architectures"][0].replace("ForSequenceClassification", "Model")]
    (out / "config.json").write_text(json.dumps(config))
    pooling = {"word_embedding_dimension": config["hidden_size"], "pooling_mode_mean_tokens": True}
    (out / "1_Pooling" / "config.json").write_text(json.dumps(pooling))
    parts = [("", "Transformer"), ("1_Pooling", "Pooling")]
    modules = [{"idx": i, "name": str(i), "path": path, "type": f"sentence_transformers.models.{kind}"}
               for i, (path, kind) in enumerate(parts)]
    (out / "modules.json").write_text(json.dumps(modules))
    return out


def choose(names: str) -> list[Server]:
    """The servers that a list such as `nimbert-int8,pytorch` names; `nimbert` stands for all of its precisions."""
    wanted = names.split(",")
    for name in wanted:
        if not any(name in (server.name, server.name.split("-")[0]) for server in SERVERS):
            known = ", ".join(dict.fromkeys(server.name for server in SERVERS))
            raise ValueError(f"no server {name!r}: there are {known}")
    return [server for server in SERVERS if server.name in wanted or server.name.split("-")[0] in wanted]


def library(nimbert: str, model: Path, precision: str, texts: list[str], cores: list[int], data: Path) -> float:
    """Texts a second of the library alone on these cores, by the program that compares models; `data` is written for it."""
    data.write_text("".join(json.dumps({"text": text}) + "\n" for text in texts), encoding="utf-8")
    command = [nimbert, "compare", str(model), "--precision-a", precision, "--precision-b", precision, "--threads", str(len(cores)),
               "--format", "json", "--data", str(data)]
    out = subprocess.run(command, capture_output=True, text=True, check=True, preexec_fn=lambda: os.sched_setaffinity(0, cores))
    found = json.loads(out.stdout)
    return max(found[side]["texts_per_second"] for side in "ab")


def lone(bench: prepare.Bench, files: Files, program: str, cores: tuple[int, int], seconds: float, log: Path) -> dict:
    """One text, asked again and again on one connection, beside the forward of as many tokens in the library alone."""
    server = next(server for server in SERVERS if server.name == "nimbert-int8")
    texts = sorted(workloads.texts(), key=len)
    body = server.body(texts[len(texts) // 2])
    bodies = bench.cache / "lone.jsonl"
    bodies.write_text(body + "\n", encoding="utf-8")
    with running(server, files, cores[0], 30.0, log) as service:
        request = urllib.request.Request(service.url, body.encode(), {"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=60) as answer:
            tokens = int(answer.headers["x-compute-tokens"])
        generator = load.Generator(program, cores[1], bodies)
        generator.closed(service.url, 1, min(2.0, seconds))
        asked = generator.closed(service.url, 1, seconds)
    command = [bench.nimbert, "bench", "--model", str(bench.packed("int8", tasks.CLASSIFY)), "--threads", "1", "--format",
               "json", "--shapes", f"1x{tokens}", "--seconds", str(seconds)]
    out = subprocess.run(command, capture_output=True, text=True, check=True,
                         preexec_fn=lambda: os.sched_setaffinity(0, [cores[0]]))
    forward = json.loads(out.stdout)["shapes"][f"1x{tokens}"]["median_ms"]
    return {"tokens": tokens, "asked": asked.p50, "forward": forward}


def write(path: Path, about: dict[str, str], rows: list[rounds.Row]) -> None:
    """A row for each measurement."""
    with path.open("w", newline="", encoding="utf-8") as file:
        file.writelines(f"# {key}: {' '.join(value.split())}\n" for key, value in about.items())
        out = csv.writer(file, lineterminator="\n")
        out.writerow(["server", "task", "round", "workload", "requests_per_s", "answered", "refused", "lost", "p50_ms",
                      "p99_ms", "refused_p99_ms", "memory_mib"])
        for row in rows:
            refused = " ".join(f"{code}:{count}" for code, count in row.load.refused.items())
            numbers = [row.load.rate, row.load.p50, row.load.p99, row.load.refused_p99, row.memory]
            rate, p50, p99, refused_p99, memory = (f"{number:.3f}" for number in numbers)
            out.writerow([row.server, row.task, row.round, row.workload, rate, row.load.answered, refused, row.load.lost,
                          p50, p99, refused_p99, memory])


def run(args: Namespace) -> int:
    cores = sorted(os.sched_getaffinity(0))
    if len(cores) < 2:
        raise ValueError("a server has one core and its load another: this process may use only one")
    usual = QUICK if args.quick else USUAL
    requests = usual.requests if args.requests is None else args.requests
    plan = rounds.Plan(args.rounds or usual.rounds, args.seconds or usual.seconds, requests)
    for directory in (args.output, args.cache):
        directory.mkdir(parents=True, exist_ok=True)
    program = load.install(args.cache)
    needed = engines.select("pytorch-f32,onnxruntime-int8,nimbert-int8,nimbert-f32")
    turns = tasks.turns(needed, [tasks.CLASSIFY])
    bench_python = environment.python(args.cache, args.python, environment.packages("run", needed))
    versions = environment.versions(bench_python)
    source = args.checkpoint or models.SHAPES[args.shape]
    bench = prepare.prepare(args.cache, bench_python, source, turns, versions)
    peers = any(not server.ours for server in args.servers)
    files = Files(bench.nimbert, python(args.cache) if peers else "", bench.checkpoint,
                  sentences(bench.checkpoint, bench.model / "sentences"), bench.model / "fused-int8.onnx")
    texts = workloads.texts()
    generators = {}
    for server in args.servers:
        bodies = args.cache / f"bodies-{server.task}.jsonl"
        bodies.write_text("".join(server.body(text) + "\n" for text in texts), encoding="utf-8")
        generators[server.task] = load.Generator(program, cores[1], bodies)
    about = machine.describe() | environment.about(versions) | {
        "model": bench.model_name, "texts": str(len(texts)), "rounds": str(plan.rounds), "seconds": f"{plan.seconds:g}",
        "oha": load.VERSION, "server's core": str(cores[0]), "load's core": str(cores[1])}
    record, log, found = args.output / "service.csv", args.output / "service.log", []

    def add(row: rounds.Row) -> None:
        found.append(row)
        write(record, about, found)

    def alone_in(precision: str) -> float:
        model = bench.packed(precision, tasks.CLASSIFY)
        return library(bench.nimbert, model, precision, texts, [cores[0]], bench.cache / "texts.jsonl")

    ours = {f"nimbert-{precision}": alone_in(precision) for precision in ("int8", "f32")}
    alone = lone(bench, files, program, (cores[0], cores[1]), plan.seconds, log)
    code = 0
    try:
        rounds.run(args.servers, files, generators, plan, cores[0], log, found, add)
    except KeyboardInterrupt:
        say("\ninterrupted: what is there is kept")
        code = 130
    # Once more at the end: the machine may have become slower meanwhile.
    for name, before in ours.items():
        ours[name] = (before + alone_in(name.removeprefix("nimbert-"))) / 2
    print(report.text(about, found, args.servers, ours, alone))
    print(f"\nrecord: {record}")
    return code
