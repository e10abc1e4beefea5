"""What is measured: batches of token ids of given lengths, texts, and questions."""
import random
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from tasks import ANSWER, CLASSIFY, Task

HERE = Path(__file__).resolve().parent
COMMENTS = HERE.parent.parent / "tests" / "data" / "comments.txt"
LENGTHS = HERE / "lengths.txt"

# Those that are chosen from, beside shapes of batches.
NAMED = ("mixed", "texts")
SHAPES = "1x8,1x16,1x32,1x64,1x128,1x256,1x512,32x32"
USUAL = f"{SHAPES},mixed,texts"
# Where tasks are compared with each other, which takes that many times as long.
USUAL_OF_TASKS = "1x8,1x16,1x32,1x128,1x512,32x32,mixed,texts"
QUICK = "1x8,1x128,8x32,mixed,texts"
# Texts of the mixed lengths that nimbert gets at once.
BATCH = 32
# Texts of them that the others get at once, padded to the longest: of 1, 2, 4, 8, 16 and 32 the fastest, or close to
# it, for each of them (README.md has the times).
PADDED_BATCH = 4
# Every fifth comment: 71 of all lengths.
STEP = 5
# Texts of these in a batch when engines are checked: padded, so that masks are checked too.
CHECKED_AT_ONCE = 16


# Tokens of the question that is measured, and of its context.
QUESTION, CONTEXT = 12, 1500
# Tokens of the windows that the context is read in, and those that two have in common: transformers' usual ones.
WINDOW, STRIDE = 384, 128
# Windows that the others get at once: their texts are long enough to be alone, and nothing is padded.
WINDOWS_AT_ONCE = 1


@dataclass(frozen=True)
class Shape:
    """A batch of texts of one length."""

    texts: int
    tokens: int

    @classmethod
    def parse(cls, text: str) -> "Shape":
        parts = text.split("x")
        if len(parts) == 2 and all(part.isascii() and part.isdigit() and int(part) > 0 for part in parts):
            return cls(*map(int, parts))
        raise ValueError(f"{text!r} is not a shape such as 32x128, texts x tokens, nor one of {', '.join(NAMED)}")

    def __str__(self) -> str:
        return f"{self.texts}x{self.tokens}"


def choose(text: str) -> list[str | Shape]:
    """The shapes and names of a list such as `1x8,32x32,mixed`, each once; `-` is none."""
    chosen = [] if text == "-" else text.split(",")
    return list(dict.fromkeys(part if part in NAMED else Shape.parse(part) for part in chosen))


def read_lengths(path: Path) -> list[int]:
    """Token counts, one a line."""
    lines = path.read_text().split()
    if not lines or not all(line.isascii() and line.isdigit() and int(line) > 0 for line in lines):
        raise ValueError(f"{path}: not a file of token counts, one a line")
    return [int(line) for line in lines]


def texts(count: int | None = None) -> list[str]:
    """Comments to agree on and to measure from text, in the order of their lengths."""
    return sorted(COMMENTS.read_text(encoding="utf-8").splitlines()[::STEP][:count], key=len)


def window_sizes(limit: int) -> tuple[int, int]:
    """Tokens of a window and those that two have in common, of a model that takes so many."""
    window = min(WINDOW, limit)
    return window, min(STRIDE, window // 2)


def windows(limit: int) -> list[int]:
    """Token counts of the windows of the question that is measured, each [CLS], question, [SEP], part of the context,
    [SEP]."""
    window, stride = window_sizes(limit)
    room = window - QUESTION - 3
    if room <= stride:
        raise ValueError(f"a model of {limit} tokens has no room for a question of {QUESTION} and its context")
    starts = range(0, CONTEXT - stride, room - stride)
    return [QUESTION + 3 + min(room, CONTEXT - start) for start in starts]


def questions() -> list[tuple[str, str]]:
    """Short comments that are asked of long ones, to agree on: of a few, in one window, and two of all, in several."""
    all_texts = texts()
    short, long = all_texts[10:30], all_texts[30:]
    return [(text, "".join(long if place % 10 == 0 else long[place::10])) for place, text in enumerate(short)]


def vocabulary(config: dict) -> list[int]:
    """The ids that rows are made of. Not that of padding, which some families give no position of its own."""
    return [word for word in range(config["vocab_size"]) if word != config.get("pad_token_id", 0)]


def rows(lengths: list[int], words: Sequence[int]) -> list[list[int]]:
    """Rows of made-up ids, the same ones each time. Only their number matters to the time."""
    made_up = random.Random(0)
    return [made_up.choices(words, k=length) for length in lengths]


def batched(lengths: list[int], size: int, words: Sequence[int]) -> list[list[list[int]]]:
    """Mixed lengths as a careful user of padded batches has them: sorted, the longest first, and then cut."""
    all_rows = rows(sorted(lengths, reverse=True), words)
    return [all_rows[start:start + size] for start in range(0, len(all_rows), size)]


@dataclass(frozen=True)
class Plan:
    """Everything that each engine runs in each round, of each task."""

    shapes: list[Shape]
    lengths: list[int]
    texts: list[str]
    seconds: float
    # Texts of mixed lengths that the others get at once.
    batch: int = PADDED_BATCH
    # Token counts of a question's windows.
    windows: list[int] = field(default_factory=list)

    def of(self, task: Task) -> "Plan":
        """What there is of it for a task: transformers' pipeline from texts is one to scores, and a question's time is
        compared with that of its windows' logits."""
        if task == CLASSIFY:
            return self
        if task == ANSWER:
            return replace(self, shapes=[], lengths=[], texts=[])
        return replace(self, texts=[], windows=[])

    def names(self) -> list[str]:
        mixed, text = ["mixed"] * bool(self.lengths), ["texts"] * bool(self.texts)
        question = ["question"] * bool(self.windows)
        return ["load", *map(str, self.shapes), *mixed, *question, *text, "memory"]

    def jobs(self, words: Sequence[int]) -> list[dict]:
        """The workloads of ids for a worker: run as often as by `nimbert bench`, but for the warm-up of mixed lengths,
        which is the longest batch alone."""
        out = [{"name": str(shape), "warm_up": 2, "least": 5, "question": 0,
                "batches": [rows([shape.tokens] * shape.texts, words)]} for shape in self.shapes]
        if self.lengths:
            out.append({"name": "mixed", "warm_up": 1, "least": 2, "question": 0,
                        "batches": batched(self.lengths, self.batch, words)})
        if self.windows:
            out.append({"name": "question", "warm_up": 1, "least": 2, "question": QUESTION + 2,
                        "batches": batched(self.windows, WINDOWS_AT_ONCE, words)})
        return out
