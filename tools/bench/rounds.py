"""All engines in turn, several rounds: what drifts in the machine's speed then meets all of them alike."""
import sys
import time
from collections.abc import Callable

import agreement
import launch
import tasks
from engines import BASELINE, BY_NAME, Engine
from environment import say
from prepare import Bench
from record import Recorder, Row
from tasks import Turn
from workloads import Plan


class Clock:
    """How long is left: first from what the check took, then from what the engines' rounds take."""

    def __init__(self, expected: dict[str, float], turns: list[str]):
        self.expected, self.turns = expected, turns

    def left(self) -> float:
        return sum(self.expected[name] for name in self.turns)

    def done(self, name: str, seconds: float) -> None:
        self.turns.remove(name)
        self.expected[name] = seconds


def minutes(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 90 else f"{seconds / 60:.0f} min"


def check(bench: Bench, turns: list[Turn], threads: int) -> tuple[dict[str, str], dict[str, float]]:
    """Compares the answers of all engines, task by task. Returns by a turn's name what is to be told of it, and the
    seconds for a token of those that agree; the others are added to `bench.missing`."""
    told, speed = {}, {}
    references, width = {}, max((len(turn.name) for turn in turns), default=0)
    for turn in turns:
        if turn.name in bench.missing:
            say(f"{turn.name:<{width}} left out: {bench.missing[turn.name]}")
            continue
        reference = Turn(BY_NAME[BASELINE], turn.task)
        if turn.task not in references:
            references[turn.task] = launch.answers(bench, reference, threads)
        first = references[turn.task]
        try:
            answers, seconds = first if turn == reference else launch.answers(bench, turn, threads)
            found = agreement.compare(first[0], answers, turn.engine.precision, turn.task)
        except (launch.Failed, ValueError) as error:
            bench.missing[turn.name] = str(error)
            say(f"{turn.name:<{width}} left out: {error}")
            continue
        if not found.good:
            bench.missing[turn.name] = f"disagrees with {reference.name}: {found}"
        told[turn.name], speed[turn.name] = str(found), seconds / bench.check_tokens(turn.task)
        say(f"{turn.name:<{width}} {'agrees' if found.good else 'DISAGREES, left out'}: {found}")
    return told, speed


def expected_seconds(engine: Engine, plan: Plan, per_token: float) -> float:
    """Of one round, roughly."""
    # Starting Python, PyTorch and transformers; nimbert measures the machine's limits.
    start = {"nimbert": 3, "candle": 1, "ctranslate2": 2, "onnxruntime": 2, "openvino": 4}.get(engine.family, 12)
    sizes = [(2, 5, shape.texts * shape.tokens) for shape in plan.shapes]
    if plan.lengths:
        sizes.append((0, 2, sum(plan.lengths)))
    if plan.windows:
        sizes.append((0, 2, sum(plan.windows)))
    if plan.texts and engine.family in ("pytorch", "nimbert"):
        sizes.append((1, 2, sum(map(len, plan.texts))))
    return start + sum(warm_up * tokens * per_token + max(plan.seconds, least * tokens * per_token)
                       for warm_up, least, tokens in sizes)


def run_one(bench: Bench, turn: Turn, threads: int, plan: Plan, add: Callable[..., None]) -> None:
    """One engine at one task in one round. What it does not get to is recorded as refused, with the reason."""
    waiting = plan.names()
    if turn.engine.family not in ("pytorch", "nimbert") and plan.texts:
        waiting.remove("texts")
    reason = "no result"
    try:
        for sample in launch.measure(bench, turn, threads, plan):
            if sample.workload in waiting:
                waiting.remove(sample.workload)
            summary = sample.summary or {"runs": 0}
            workload = turn.task.workload(sample.workload)
            add(workload=workload, unit=sample.unit, note=sample.note, **summary, **sample.work)
    except launch.Failed as error:
        reason = str(error)
    for workload in waiting:
        add(workload=turn.task.workload(workload), unit="ms", runs=0, note=reason)


def record_missing(bench: Bench, turns: list[Turn], threads: int, plan: Plan, recorder: Recorder) -> None:
    """Rows for the engines that take no part: they stay visible."""
    for turn in turns:
        if turn.name in bench.missing:
            for workload in plan.of(turn.task).names():
                recorder.add(Row(turn.engine.family, turn.engine.precision, threads, turn.task.workload(workload), 0,
                                 "ms", 0, note=bench.missing[turn.name]))


def run(bench: Bench, turns: list[Turn], threads: list[int], rounds: int, plan: Plan, recorder: Recorder,
        clock: Clock, pin: Callable[[int], None]) -> None:
    """Everything, into the recorder."""
    running = [turn for turn in turns if turn.name not in bench.missing]
    for count in threads:
        record_missing(bench, turns, count, plan, recorder)
    for count in threads:
        pin(count)
        for number in range(1, rounds + 1):
            for turn in tasks.order(running, number):
                show(f"{turn.name}, round {number} of {rounds}, {count} thread{'s' * (count > 1)}, "
                     f"about {minutes(clock.left())} left")
                start, engine = time.perf_counter(), turn.engine
                run_one(bench, turn, count, plan.of(turn.task), lambda **parts: recorder.add(
                    Row(engine.family, engine.precision, count, round=number, **parts)))
                clock.done(turn.name, time.perf_counter() - start)
    show("")


def show(text: str) -> None:
    """Progress: one line that is written over, or a line each where nobody looks."""
    if sys.stderr.isatty():
        print(f"\r\x1b[K{text}", end="", file=sys.stderr, flush=True)
    elif text:
        say(text)
