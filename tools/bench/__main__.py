#!/usr/bin/env python3
"""Measures nimbert beside other engines on this machine; arguments.py has what --help says."""
import os
import subprocess
import sys
from argparse import Namespace
from pathlib import Path

# First of all: it refuses a Python that is too old.
import environment
import arguments
import contrast
import engines
import families
import machine
import models
import pipelines
import prepare
import rounds
import service
import table
import tasks
import workloads
from arguments import RESULTS
from environment import say
from figures import Figures
from record import Recorder, Row, read

QUICK_WINDOWS = 2
QUICK = {"workloads": workloads.QUICK, "seconds": 0.2, "rounds": 1}
USUAL = {"workloads": workloads.USUAL, "seconds": 1.0, "rounds": 3}
USUAL_OF_TASKS = USUAL | {"workloads": workloads.USUAL_OF_TASKS}


def plan(args: Namespace, config: dict) -> workloads.Plan:
    """What to run, checked against the model: all that can be wrong comes before anything that takes time."""
    if config.get("model_type", "bert") != "bert" and args.tasks != [tasks.CLASSIFY]:
        raise ValueError(f"--task: of {config['model_type']} only the logits of texts are measured")
    usual = QUICK if args.quick else USUAL if args.tasks == [tasks.CLASSIFY] else USUAL_OF_TASKS
    chosen = args.workloads
    if chosen is None:
        chosen = workloads.choose(usual["workloads"])
        # The limits are of what starts from ids of one length.
        chosen = [each for each in chosen if args.command != "roofline" or each not in workloads.NAMED]
    shapes, limit = [each for each in chosen if each not in workloads.NAMED], families.tokens(config)
    if too_long := [str(shape) for shape in shapes if shape.tokens > limit]:
        raise ValueError(f"--workloads {too_long[0]}: the model takes at most {limit} tokens")
    few, lengths, texts = 16 if args.quick else None, [], []
    if "mixed" in chosen:
        lengths = [min(length, limit) for length in workloads.read_lengths(workloads.LENGTHS)[:few]]
    if "texts" in chosen:
        texts = workloads.texts(few)
    time = usual["seconds"] if args.seconds is None else args.seconds
    windows = workloads.windows(limit)[:QUICK_WINDOWS if args.quick else None] if tasks.ANSWER in args.tasks else []
    return workloads.Plan(shapes, lengths, texts, time, args.batch, windows)


def describe(bench: prepare.Bench, todo: workloads.Plan, turns: list[tasks.Turn], told: dict[str, str],
             number: int, cores: dict[int, list[int]]) -> dict[str, str]:
    """What a reader of the record has to know of the run."""
    asked = {"question": f"{workloads.QUESTION} tokens, {workloads.CONTEXT} of its context, "
                         f"{len(todo.windows)} windows, {sum(todo.windows)} tokens"} if todo.windows else {}
    return {
        "model": bench.model_name, "rounds": str(number), "seconds": f"{todo.seconds:g}",
        "measured on cores": "; ".join(", ".join(map(str, each)) for each in cores.values()),
        "mixed": f"{len(todo.lengths)} texts, {sum(todo.lengths)} tokens, {todo.batch} at once padded",
        "texts": str(len(todo.texts)), "tasks": ", ".join(dict.fromkeys(str(turn.task) for turn in turns)),
    } | asked | {f"setting of {turn.engine.name}": turn.engine.setting for turn in turns} | {
        f"agreement of {name}": text for name, text in told.items()}


def directory(path: Path) -> None:
    """Makes it where it is not there, before anything that takes time."""
    path.mkdir(parents=True, exist_ok=True)
    if not os.access(path, os.W_OK):
        raise ValueError(f"{path}: cannot be written to")


def draw(python: str, record: Path, output: Path, *names: str) -> bool:
    """Charts are drawn by a Python that has the library for it. Whether they were."""
    if "matplotlib" not in environment.versions(python):
        say(f"no charts: {python} has no matplotlib")
        return False
    sys.stdout.flush()
    charts = Path(__file__).with_name("charts.py")
    return subprocess.run([python, str(charts), str(record), str(output), *names]).returncode == 0


def run(args: Namespace) -> int:
    if not hasattr(os, "sched_setaffinity"):
        raise ValueError("engines are measured on Linux alone, where a process can be kept on its cores; "
                         "`table` and `charts` work here, too")
    chosen = args.engines if args.command == "run" else engines.select("nimbert")
    turns = tasks.turns(chosen, args.tasks)
    number = args.rounds or (QUICK if args.quick else USUAL)["rounds"]
    cores = {threads: machine.choose(threads) for threads in args.threads}
    source = args.checkpoint or models.SHAPES[args.shape]
    todo = plan(args, models.config(source))
    directory(args.output)
    directory(args.cache)
    python = environment.python(args.cache, args.python, environment.packages(args.command, chosen))
    versions = environment.versions(python)
    bench = prepare.prepare(args.cache, python, source, turns, versions)

    def pin(threads: int) -> None:
        # The engines' processes inherit it.
        os.sched_setaffinity(0, cores[threads])

    pin(args.threads[0])
    say("checking that all engines agree with PyTorch in f32")
    told, per_token = rounds.check(bench, turns, args.threads[0])
    running = [turn for turn in turns if turn.name in per_token and turn.name not in bench.missing]
    expected = {turn.name: rounds.expected_seconds(turn.engine, todo.of(turn.task), per_token[turn.name])
                for turn in running}
    clock = rounds.Clock(expected, list(expected) * number * len(args.threads))
    say(f"{number} round{'s' * (number > 1)} of {len({turn.engine for turn in running})} engines: about "
        f"{rounds.minutes(clock.left())}. Let nothing else run.")
    about = machine.describe() | environment.about(versions) | describe(bench, todo, turns, told, number, cores)
    recorder = Recorder(args.output / RESULTS, about)
    code = 0
    try:
        rounds.run(bench, turns, args.threads, number, todo, recorder, clock, pin)
    except KeyboardInterrupt:
        say("\ninterrupted: what is there is kept")
        code = 130
    recorder.close()
    if not recorder.rows:
        return code
    show(recorder.path)
    if tasks.CLASSIFY not in args.tasks:
        say("no charts: they are of the logits of texts")
        return code
    if not draw(python, recorder.path, args.output, *(["roofline"] if args.command == "roofline" else [])):
        say(f"the record is complete; to draw it: python3 tools/bench charts {recorder.path}")
    return code


def tables(rows: list[Row], threads: int) -> str:
    """Task by task, and then the tasks beside each other."""
    measured = {task: Figures(rows, threads, task) for task in tasks.ALL if any(row.task == task for row in rows)}
    parts = [table.report(figures, max(row.round for row in rows)) for figures in measured.values()]
    if classify := measured.pop(tasks.CLASSIFY, None):
        parts += filter(None, (contrast.report(classify, figures) for figures in measured.values()))
    return "\n\n".join(parts)


def show(path: Path) -> None:
    """The tables of a record."""
    about, rows = read(path)
    for key in ("date", "cpu", "instructions", "nimbert", "model"):
        print(f"{key:<13} {about.get(key, '')}")
    for threads in dict.fromkeys(row.threads for row in rows):
        print("", tables(rows, threads), sep="\n")
    print(f"\nrecord: {path}")


def reprint(args: Namespace) -> int:
    """The tables of a record."""
    show(args.record)
    return 0


def redraw(args: Namespace) -> int:
    """The tables and charts of a record."""
    show(args.record)
    directory(args.output)
    directory(args.cache)
    python = environment.python(args.cache, args.python, environment.packages(args.command))
    return 0 if draw(python, args.record, args.output) else 1


def main() -> int:
    args = arguments.parse(sys.argv[1:])
    try:
        code = {"run": run, "roofline": run, "serve": service.run, "pipelines": pipelines.run, "table": reprint, "charts": redraw}[args.command](args)
        sys.stdout.flush()
        return code
    except KeyboardInterrupt:
        say("\ninterrupted")
        return 130
    except BrokenPipeError:
        # A reader such as `head` that has seen enough.
        abandon_output()
        return 0
    except OSError as error:
        abandon_output()
        where = f"{error.filename}: " if error.filename else ""
        sys.exit(f"tools/bench: {where}{error.strerror or error}")
    except (ValueError, subprocess.CalledProcessError, rounds.launch.Failed) as error:
        sys.exit(f"tools/bench: {error}")


def abandon_output() -> None:
    """What is still to be written would fail again when Python ends."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


if __name__ == "__main__":
    sys.exit(main())
