"""What is measured of an engine: forwards that end at the logits of a text, at its pooled vector, at the logits of its
tokens, or at the best answer to a question."""
import itertools
from dataclasses import dataclass
from pathlib import PurePath

from engines import Engine

NAMES = ("classify", "embed", "tag", "answer")
# From the hidden states of the last layer to one vector: their mean over a text's own tokens, or that of [CLS] alone.
POOLINGS = ("mean", "cls")
# Tasks with a head of their own; vectors are made by the classifier's encoder.
HEADS = ("tag", "answer")


@dataclass(frozen=True)
class Task:
    """One of NAMES; vectors have a pooling."""

    name: str
    pooling: str = ""

    def __str__(self) -> str:
        return f"{self.name} {self.pooling}".strip()

    @property
    def head(self) -> str:
        """What its weights are called by where they are not the classifier's."""
        return self.name if self.name in HEADS else ""

    def workload(self, subject: str) -> str:
        """As a record has it: that of a text's logits is a shape alone, `embed mean 1x8` is one of vectors."""
        return subject if self == CLASSIFY else f"{self} {subject}"

    def file(self, name: str) -> str:
        """Of a graph with this end: `model.onnx`, `model-mean.onnx`, `model-tag.onnx`."""
        return _named(name, self.pooling or self.head)

    def weights(self, name: str) -> str:
        """Of weights with this head, whatever is made of them: `checkpoint`, `checkpoint-tag`."""
        return _named(name, self.head)


def _named(name: str, end: str) -> str:
    path = PurePath(name)
    return str(path.with_stem(f"{path.stem}-{end}")) if end else name


CLASSIFY, TAG, ANSWER = Task("classify"), Task("tag"), Task("answer")
ALL = (CLASSIFY, *(Task("embed", pooling) for pooling in POOLINGS), TAG, ANSWER)


@dataclass(frozen=True)
class Turn:
    """An engine at a task: a process of its own in each round."""

    engine: Engine
    task: Task = CLASSIFY

    @property
    def name(self) -> str:
        return self.engine.name if self.task == CLASSIFY else f"{self.engine.name} {self.task}"


def split(workload: str) -> tuple[Task, str]:
    """The task of a record's workload, and what it is without."""
    for task in ALL[1:]:
        if workload.startswith(f"{task} "):
            return task, workload.removeprefix(f"{task} ")
    return CLASSIFY, workload


def choose(known: tuple[str, ...], text: str) -> list[str]:
    """Some of them, from a list with commas, in their order."""
    wanted = text.split(",")
    if unknown := [name for name in wanted if name not in known]:
        raise ValueError(f"{unknown[0]!r} is none of {', '.join(known)}")
    return [name for name in known if name in wanted]


def select(names: list[str], poolings: list[str]) -> list[Task]:
    return [task for task in ALL if task.name in names and task.pooling in ("", *poolings)]


def turns(engines: list[Engine], tasks: list[Task]) -> list[Turn]:
    """An engine's tasks follow each other, so that they are compared at the same speed of the machine."""
    return [Turn(engine, task) for engine in engines for task in tasks]


def order(all_turns: list[Turn], number: int) -> list[Turn]:
    """Those of a round, from 1. Another engine begins each, so that none always follows the same one, and in its turn
    another task."""
    engines = [list(group) for _, group in itertools.groupby(all_turns, lambda turn: turn.engine)]
    return [turn for engine in _rotated(engines, number) for turn in _rotated(engine, number)]


def _rotated(items: list, number: int) -> list:
    start = (number - 1) % len(items) if items else 0
    return items[start:] + items[:start]
