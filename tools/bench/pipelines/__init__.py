"""From Python, text to result: nimbert's package beside what people use."""
import csv
import hashlib
import json
import os
import random
import shutil
import subprocess
import sys
from argparse import Namespace
from dataclasses import dataclass
from pathlib import Path

import environment
import machine
import models
import service
import workloads
from environment import REPOSITORY, say
from prepare import last_line

from . import report

HERE = Path(__file__).resolve().parent
SHORT = 16
"""Characters of a short text, at most."""
MIXED = 128
"""Comments of all lengths that are asked at once."""


@dataclass(frozen=True)
class Contender:
    """A package at a task, as `contenders.py` loads it."""

    task: str
    package: str
    precision: str

    @property
    def name(self) -> str:
        return f"{self.package}-{self.precision}"

    @property
    def ours(self) -> bool:
        return self.package == "nimbert"


CONTENDERS = [Contender(task, package, precision)
              for task, packages in (("classify", ("nimbert", "transformers", "optimum")),
                                     ("embed", ("nimbert", "st-torch", "st-onnx", "st-openvino", "fastembed")))
              for package in packages
              for precision in (("f32",) if package in ("transformers", "st-torch") else ("f32", "int8"))]


def choose(names: str) -> list[Contender]:
    """Those that a list such as `nimbert,optimum-int8` names: packages, or packages in one precision."""
    wanted = names.split(",")
    for name in wanted:
        if not any(name in (each.name, each.package) for each in CONTENDERS):
            known = ", ".join(dict.fromkeys(each.package for each in CONTENDERS))
            raise ValueError(f"no package {name!r}: there are {known}")
    return [each for each in CONTENDERS if each.name in wanted or each.package in wanted]


def python(cache: Path, given: str | None) -> str:
    """That of an environment with all packages, and with nimbert's own as it is now; or the one given, as it is."""
    if given:
        return given
    venv = cache / "pipelines-venv"
    program = environment.pinned(venv, HERE / "requirements.txt", (
        f"installing transformers, optimum, sentence-transformers, fastembed and what they need into {venv}: some 4 GB to download, "
        "8 GB on disk, some minutes"))
    say("building nimbert's package for Python")
    install = [program, "-m", "pip", "install", "--disable-pip-version-check", "-q", "--force-reinstall", "--no-deps"]
    subprocess.run([*install, str(REPOSITORY / "python")], check=True, stdout=sys.stderr)
    return program


def prepare(cache: Path, program: str, source: Path, nimbert: str) -> Path:
    """The model in every form, in a directory of the cache that is emptied when it is out of date."""
    texts = mixed()
    parts = [(HERE / "export.py").read_text(), (HERE / "requirements.txt").read_text(), *texts,
             source.read_text() if models.seeded(source) else str(source.resolve())]
    key, name = hashlib.sha256("\n".join(parts).encode()).hexdigest(), source.stem if models.seeded(source) else source.name
    out = cache / "pipelines" / name
    if (out / "key").exists() and (out / "key").read_text() == key:
        return out
    say(f"writing {models.title(source)} for all packages to {out}")
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir(parents=True)
    checkpoint = out / "checkpoint"
    if models.seeded(source):
        call([program, str(REPOSITORY / "tools" / "make_checkpoint.py"), str(source), str(checkpoint)], out / "log")
    else:
        shutil.copytree(source, checkpoint)
    service.sentences(checkpoint, out / "linked")
    # Copied: what writes beside the weights is not to write through links.
    shutil.copytree(out / "linked", out / "sentences")
    shutil.rmtree(out / "linked")
    for precision in ("f32", "int8"):
        call([nimbert, "pack", str(checkpoint), "--precision", precision, "-o", str(out / f"{precision}.nimbert")], out / "log")
    (out / "texts.json").write_text(json.dumps(texts))
    call([program, str(HERE / "export.py"), str(out), str(out / "texts.json")], out / "log")
    (out / "key").write_text(key)
    return out


def call(command: list[str], log: Path) -> None:
    with log.open("a") as file:
        if subprocess.run(command, stdout=file, stderr=file).returncode != 0:
            raise ValueError(f"{Path(command[1]).name}: {last_line(log)} (the rest is in {log})")


def comments() -> list[str]:
    return workloads.COMMENTS.read_text(encoding="utf-8").splitlines()


def mixed() -> list[str]:
    """Of all lengths, in no order: the file has the short ones first."""
    all_ = comments()
    chosen = [all_[i * len(all_) // MIXED] for i in range(MIXED)]
    random.Random(1).shuffle(chosen)
    return chosen


def short() -> list[str]:
    return [text for text in comments() if len(text) <= SHORT][:32]


def said(printed: str) -> list[dict]:
    """What a worker tells, between whatever its packages print."""
    mark = "@@ "
    return [json.loads(line.removeprefix(mark)) for line in printed.split("\n") if line.startswith(mark)]


def measure(program: str, contender: Contender, job: dict, folder: Path, cores: list[int]) -> list[dict]:
    """What one package says in one round."""
    path, log = folder / "job.json", folder / "pipelines.log"
    path.write_text(json.dumps(job | {"task": contender.task, "package": contender.package, "precision": contender.precision}))
    threads = {name: str(len(cores)) for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "RAYON_NUM_THREADS")}
    with log.open("a") as file:
        done = subprocess.run([program, str(HERE / "worker.py"), str(path)], text=True, stdout=subprocess.PIPE, stderr=file,
                              env=os.environ | threads, preexec_fn=lambda: os.sched_setaffinity(0, cores))
    if done.returncode != 0:
        raise ValueError(f"{contender.task} {contender.name}: {last_line(log)} (the rest is in {log})")
    return said(done.stdout)


def write(path: Path, about: dict[str, str], rows: list[report.Row]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        file.writelines(f"# {key}: {' '.join(value.split())}\n" for key, value in about.items())
        out = csv.writer(file, lineterminator="\n")
        out.writerow(["task", "package", "round", "workload", "ms", "batch"])
        out.writerows([row.task, row.package, row.round, row.workload, f"{row.ms:.4f}", row.batch] for row in rows)


def run(args: Namespace) -> int:
    rounds, seconds = (1, 0.5) if args.quick else (3, 2.0)
    rounds, seconds = args.rounds or rounds, seconds if args.seconds is None else args.seconds
    cores = machine.choose(args.threads)
    args.output.mkdir(parents=True, exist_ok=True)
    args.cache.mkdir(parents=True, exist_ok=True)
    program, nimbert = python(args.cache, args.python), environment.nimbert()
    source = args.checkpoint or models.SHAPES[args.shape]
    files = prepare(args.cache, program, source, nimbert)
    job = {"files": str(files), "threads": args.threads, "seconds": seconds, "mixed": mixed(), "short": short(), "many": args.texts}
    about = machine.describe() | {
        "nimbert": environment.about({})["nimbert"], "model": models.title(source), "threads": str(args.threads),
        "rounds": str(rounds), "packages": ", ".join((HERE / "requirements.txt").read_text().splitlines()[1:])}
    record, rows, answers = args.output / "pipelines.csv", [], {}
    for number in range(1, rounds + 1):
        first = (number - 1) % len(args.packages)
        for each in args.packages[first:] + args.packages[:first]:
            say(f"round {number} of {rounds}: {each.task} {each.name}")
            for found in measure(program, each, job, args.output, cores):
                if "answers" in found:
                    answers[each.task, each.name] = found["answers"]
                else:
                    rows.append(report.Row(each.task, each.name, number, found["workload"], min(found["runs"]), found.get("batch", 0)))
            write(record, about, rows)
        for precision in dict.fromkeys(each.precision for each in args.packages if each.ours and each.task == "classify"):
            rate = service.library(nimbert, files / f"{precision}.nimbert", precision, job["mixed"], cores, files / "data.jsonl")
            rows.append(report.Row("classify", f"library-{precision}", number, "mixed", 1e3 * len(job["mixed"]) / rate, 0))
    write(record, about, rows)
    print(report.text(about, rows, answers))
    print(f"\nrecord: {record}")
    return 0
