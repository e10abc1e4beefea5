"""The model, in every form that an engine reads."""
import hashlib
import json
import shutil
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

import environment
import export
import families
import models
import needs
import networks
import unigram
import workloads
from tasks import ANSWER, CLASSIFY, Task, Turn

# Engines that are left out of other families.
BERT_ALONE = {"candle": "its program in candle/ computes BERT alone",
              "ctranslate2": "its converter has the pooler of BERT alone, before a classifier"}


@dataclass
class Bench:
    """What is needed to run any engine, and by a turn's name why some cannot be run."""

    cache: Path
    python: str
    model: Path
    model_name: str
    nimbert: str
    candle: str | None = None
    missing: dict[str, str] = field(default_factory=dict)

    @property
    def checkpoint(self) -> Path:
        return self.model / "checkpoint"

    def packed(self, precision: str, task: Task) -> Path:
        return self.model / task.weights(f"{precision}.nimbert")

    def words(self) -> list[int]:
        """The ids that workloads are made of."""
        return workloads.vocabulary(networks.config(self.checkpoint))

    def check(self, task: Task) -> list:
        """What engines have to agree on: batches of texts as ids, or questions."""
        if task == ANSWER:
            return json.loads((self.model / "questions.json").read_text())
        rows, size = json.loads((self.model / "rows.json").read_text()), workloads.CHECKED_AT_ONCE
        return [rows[start:start + size] for start in range(0, len(rows), size)]

    def check_tokens(self, task: Task) -> int:
        """How many tokens that are."""
        batches = self.check(task)
        return sum(len(row) for each in batches for row in (each["windows"] if task == ANSWER else each))


def key(source: Path, versions: dict[str, str]) -> str:
    """Changes when the exported files would."""
    sources = [Path(module.__file__).read_text(encoding="utf-8") for module in (export, families, networks, unigram)]
    # What is not installed wrote nothing yet: it counts as pinned, so that nothing is written again when it comes.
    pinned = {name: pin.version for name, pin in needs.pins(environment.REQUIREMENTS).items()}
    writers = {name: version for name, version in (pinned | versions).items() if name != "matplotlib"}
    asked = json.dumps([workloads.WINDOW, workloads.STRIDE, workloads.questions()])
    parts = [json.dumps(writers, sort_keys=True), *sources, *workloads.texts(), asked]
    if models.seeded(source):
        parts.append(source.read_text(encoding="utf-8"))
    else:
        parts.append(str(source.resolve()))
        for file in sorted(source.iterdir()):
            parts.append(f"{file.name} {file.stat().st_size} {file.stat().st_mtime_ns}")
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def model_directory(cache: Path, source: Path, versions: dict[str, str]) -> Path:
    """Where the model's files are; emptied when they are out of date."""
    out = cache / "models" / (f"{source.stem}-seeded" if models.seeded(source) else source.resolve().name)
    current, key_file = key(source, versions), out / "key"
    if not (key_file.exists() and key_file.read_text() == current):
        shutil.rmtree(out, ignore_errors=True)
        out.mkdir(parents=True)
        key_file.write_text(current)
    return out


def prepare(cache: Path, python: str, source: Path, turns: list[Turn], versions: dict[str, str]) -> Bench:
    """Builds, exports and packs what is not there yet."""
    for needed in ("torch", "transformers"):
        if needed not in versions:
            raise ValueError(f"{python} has no {needed}, which writes the files of every engine")
    out = model_directory(cache, source, versions)
    bench = Bench(cache, python, out, models.title(source), environment.nimbert())
    for turn in turns:
        if reason := lacking(turn, models.config(source), versions):
            bench.missing[turn.name] = reason
    prepare_candle(bench, [turn for turn in turns if turn.engine.family == "candle" and turn.name not in bench.missing])
    bench.missing |= run_export(bench, source, [turn for turn in turns if turn.name not in bench.missing])
    # One file for all tasks with the same weights.
    for turn in {bench.packed(turn.engine.precision, turn.task): turn for turn in turns if turn.engine.ours}.values():
        pack(bench, turn.task, turn.engine.precision)
    return bench


def lacking(turn: Turn, config: dict, versions: dict[str, str]) -> str:
    """Why an engine cannot run a model at all; nothing where it can."""
    if absent := [package for package in turn.engine.packages if package not in versions]:
        return f"not installed: {', '.join(absent)}"
    return BERT_ALONE.get(turn.engine.family, "") if config.get("model_type", "bert") != "bert" else ""


def pack(bench: Bench, task: Task, precision: str) -> None:
    """nimbert's file."""
    source, file = bench.model / task.weights("checkpoint"), bench.packed(precision, task)
    packed = subprocess.run([bench.nimbert, "pack", source, "--precision", precision, "-o", file], capture_output=True,
                            text=True)
    if packed.returncode != 0:
        raise ValueError(f"{source} cannot be packed in {precision}: {packed.stderr.strip()}")


def prepare_candle(bench: Bench, turns: list[Turn]) -> None:
    """Builds its program, where it has something to do."""
    for turn in turns:
        if turn.task != CLASSIFY:
            bench.missing[turn.name] = "its program in candle/ gives the logits of texts alone"
    if any(turn.task == CLASSIFY for turn in turns):
        try:
            bench.candle = environment.candle(bench.cache)
        except ValueError as error:
            bench.missing["candle-f32"] = str(error)


def run_export(bench: Bench, source: Path, turns: list[Turn]) -> dict[str, str]:
    """Runs export.py in the engines' environment; returns what it could not write, by turn, and why."""
    count = len({turn.engine for turn in turns})
    environment.say(f"preparing {bench.model_name} for {count} engines in {bench.model}")
    job, failed, log = bench.model / "export.json", bench.model / "failed.json", bench.model / "export.log"
    failed.unlink(missing_ok=True)
    named = [{"name": turn.name, "engine": turn.engine.name, "task": turn.task.name, "pooling": turn.task.pooling}
             for turn in turns]
    window, stride = workloads.window_sizes(families.tokens(models.config(source)))
    job.write_text(json.dumps({"source": str(source.resolve()), "out": str(bench.model),
                               "texts": workloads.texts(), "questions": workloads.questions(), "window": window,
                               "stride": stride, "turns": named, "failed": str(failed)}))
    with log.open("w") as file:
        run = subprocess.run([bench.python, str(Path(export.__file__)), str(job)], stdout=file, stderr=file)
    if run.returncode != 0:
        raise ValueError(f"the model cannot be prepared: {last_line(log)} (the rest is in {log})")
    return json.loads(failed.read_text())


def last_line(log: Path) -> str:
    lines = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
    return lines[-1].strip() if lines else "no message"
