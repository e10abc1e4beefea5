#!/usr/bin/env python3
"""Measures nimbert beside other engines on this machine: one command from nothing to tables and charts.

    python3 tools/bench                     everything: some 35 minutes, after 10 of preparing the first time
    python3 tools/bench run --quick         a few shapes, one round: whether all works, no figures to quote
    python3 tools/bench charts FILE.csv     the charts of a record, drawn again
    python3 tools/bench roofline            nimbert alone, beside what the machine allows

README.md beside this file says what is measured, and how.
"""
import argparse
import os
import subprocess
import sys
from pathlib import Path

import engines
import environment
import machine
import prepare
import rounds
import table
import workloads
from environment import say
from figures import Figures
from record import Recorder, read

CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "nimbert-bench"
QUICK = {"shapes": workloads.QUICK_SHAPES, "seconds": 0.2, "rounds": 1}
USUAL = {"shapes": workloads.SHAPES, "seconds": 1.0, "rounds": 3}
RESULTS = "results.csv"


def positive(text: str) -> int:
    if text.isascii() and text.isdigit() and int(text) > 0:
        return int(text)
    raise argparse.ArgumentTypeError(f"{text!r} is not a number from 1")


def thread_counts(text: str) -> list[int]:
    """Each once, in the order given."""
    return list(dict.fromkeys(positive(part) for part in text.split(",")))


def seconds(text: str) -> float:
    try:
        if 0 <= float(text) <= 600:
            return float(text)
    except ValueError:
        pass
    raise argparse.ArgumentTypeError(f"{text!r} is not a number of seconds up to 600")


def reason(parse):
    """A parser whose ValueError reaches the user as it is."""
    def parsed(text: str):
        try:
            return parse(text)
        except ValueError as error:
            raise argparse.ArgumentTypeError(str(error)) from None
    return parsed


class Parser(argparse.ArgumentParser):
    """Errors in one line: --help has the rest."""

    def error(self, message: str):
        self.exit(2, f"{self.prog}: {message}\n")


def parser() -> argparse.ArgumentParser:
    raw = argparse.RawDescriptionHelpFormatter
    out = Parser(prog="tools/bench", description=__doc__, formatter_class=raw)
    commands = out.add_subparsers(dest="command", required=True)
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--cache", metavar="DIR", type=Path, default=CACHE,
                        help="where the other engines and the models' files are kept (default: nimbert-bench in the "
                             "user's cache; 6 GB and 2.5 GB a model)")
    common.add_argument("--python", metavar="PROGRAM",
                        help="a Python that has the other engines, used as it is: nothing is installed, and what it "
                             "lacks is left out")
    common.add_argument("--output", metavar="DIR", type=Path, default=environment.REPOSITORY / "target" / "bench",
                        help=f"where {RESULTS} and the charts go (default: target/bench)")
    timed = argparse.ArgumentParser(add_help=False)
    timed.add_argument("--checkpoint", metavar="DIR", type=Path,
                       help="a Hugging Face BERT classifier (default: bert-base-chinese's shape, weights from a seed)")
    timed.add_argument("--threads", metavar="N,...", type=thread_counts, default=[1],
                       help="threads of each engine, several counts one after the other (default: 1)")
    timed.add_argument("--shapes", metavar="SHAPES", type=reason(workloads.parse_shapes),
                       help=f"TEXTSxTOKENS with commas between them, - for none (default: {workloads.SHAPES})")
    timed.add_argument("--batch", metavar="N", type=positive, default=workloads.PADDED_BATCH,
                       help="texts of mixed lengths that the others get at once, sorted and padded (default: "
                            f"{workloads.PADDED_BATCH}, their best)")
    timed.add_argument("--seconds", metavar="S", type=seconds,
                       help="time for each workload in a round, at least (default: 1)")
    timed.add_argument("--rounds", metavar="N", type=positive,
                       help="how often all engines take their turn (default: 3)")
    timed.add_argument("--quick", action="store_true",
                       help=f"shapes {workloads.QUICK_SHAPES}, few texts, 0.2 seconds, 1 round unless said otherwise")
    run = commands.add_parser("run", parents=[common, timed], help="measure all engines (done without a command, too)")
    run.add_argument("--engines", metavar="NAMES", type=reason(engines.select), default=list(engines.ENGINES),
                     help="such as nimbert,openvino-int8: families or single precisions (default: all)")
    commands.add_parser("roofline", parents=[common, timed], help="measure nimbert beside the machine's limits")
    charts = commands.add_parser("charts", parents=[common], help="draw a record's charts again")
    charts.add_argument("record", metavar="FILE.csv", type=Path)
    return out


def plan(args: argparse.Namespace, config: dict) -> workloads.Plan:
    """What to run, checked against the model: all that can be wrong comes before anything that takes time."""
    usual = QUICK if args.quick else USUAL
    shapes = workloads.parse_shapes(usual["shapes"]) if args.shapes is None else args.shapes
    limit = config["max_position_embeddings"]
    if too_long := [str(shape) for shape in shapes if shape.tokens > limit]:
        raise ValueError(f"--shapes {too_long[0]}: the model takes at most {limit} tokens")
    lengths = [min(length, limit) for length in workloads.read_lengths(workloads.LENGTHS)]
    lengths, texts = (lengths[:16], workloads.texts(16)) if args.quick else (lengths, workloads.texts())
    if args.command == "roofline":
        lengths, texts = [], []
    time = usual["seconds"] if args.seconds is None else args.seconds
    return workloads.Plan(shapes, lengths, texts, time, args.batch)


def describe(bench: prepare.Bench, todo: workloads.Plan, chosen: list[engines.Engine], told: dict[str, str],
             number: int, cores: dict[int, list[int]]) -> dict[str, str]:
    """What a reader of the record has to know of the run."""
    return {
        "model": bench.model_name, "rounds": str(number), "seconds": f"{todo.seconds:g}",
        "measured on cores": "; ".join(", ".join(map(str, each)) for each in cores.values()),
        "mixed": f"{len(todo.lengths)} texts, {sum(todo.lengths)} tokens, {todo.batch} at once padded",
        "texts": str(len(todo.texts)),
    } | {f"setting of {engine.name}": engine.setting for engine in chosen} | {
        f"agreement of {name}": text for name, text in told.items()}


def draw(python: str, record: Path, output: Path, *names: str) -> None:
    """Charts are drawn in the environment that has the library for it."""
    charts = Path(__file__).with_name("charts.py")
    if subprocess.run([python, str(charts), str(record), str(output), *names]).returncode != 0:
        say(f"no charts; try again: python3 tools/bench charts {record}")


def run(args: argparse.Namespace) -> int:
    chosen = args.engines if args.command == "run" else engines.select("nimbert")
    number = args.rounds or (QUICK if args.quick else USUAL)["rounds"]
    cores = {threads: machine.choose(threads) for threads in args.threads}
    args.output.mkdir(parents=True, exist_ok=True)
    if not os.access(args.output, os.W_OK):
        raise ValueError(f"{args.output}: cannot be written to")
    args.cache.mkdir(parents=True, exist_ok=True)
    python = environment.python(args.cache, args.python)
    versions = environment.versions(python)
    bench = prepare.prepare(args.cache, python, args.checkpoint, chosen, versions)
    todo = plan(args, bench.config())


    def pin(threads: int) -> None:
        # The engines' processes inherit it.
        os.sched_setaffinity(0, cores[threads])

    pin(args.threads[0])
    say("checking that all engines agree with PyTorch in f32")
    told, per_token = rounds.check(bench, chosen, args.threads[0])
    running = [name for name in per_token if name not in bench.missing]
    expected = {name: rounds.expected_seconds(engines.BY_NAME[name], todo, per_token[name]) for name in running}
    clock = rounds.Clock(expected, running * number * len(args.threads))
    say(f"{number} round{'s' * (number > 1)} of {len(running)} engines: about {rounds.minutes(clock.left())}. "
        "Let nothing else run.")
    about = machine.describe() | environment.about(versions) | describe(bench, todo, chosen, told, number, cores)
    recorder = Recorder(args.output / RESULTS, about)
    code = 0
    try:
        rounds.run(bench, chosen, args.threads, number, todo, recorder, clock, pin)
    except KeyboardInterrupt:
        say("\ninterrupted: what is there is kept")
        code = 130
    recorder.close()
    show(recorder.path)
    draw(python, recorder.path, args.output, *(["roofline"] if args.command == "roofline" else []))
    return code


def show(path: Path) -> None:
    """The tables of a record."""
    about, rows = read(path)
    for key in ("date", "cpu", "instructions", "nimbert", "model"):
        print(f"{key:<13} {about.get(key, '')}")
    for threads in dict.fromkeys(row.threads for row in rows):
        print("", table.report(Figures(rows, threads), max(row.round for row in rows)), sep="\n")
    print(f"\nrecord: {path}")


def main() -> int:
    args = parser().parse_args(sys.argv[1:] or ["run"])
    try:
        if args.command != "charts":
            return run(args)
        show(args.record)
        args.output.mkdir(parents=True, exist_ok=True)
        draw(environment.python(args.cache, args.python), args.record, args.output)
        return 0
    except KeyboardInterrupt:
        say("\ninterrupted")
        return 130
    except OSError as error:
        sys.exit(f"tools/bench: {error.filename}: {error.strerror}")
    except (ValueError, subprocess.CalledProcessError, rounds.launch.Failed) as error:
        sys.exit(f"tools/bench: {error}")


if __name__ == "__main__":
    sys.exit(main())
