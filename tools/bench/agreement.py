"""Whether the engines compute the same model: a fast wrong answer is not a measurement."""
import statistics
from dataclasses import dataclass

from tasks import ANSWER, CLASSIFY, Task

# A row for each text: of logits, or a vector.
Rows = list[list[float]]
# For each text what its tokens are, or for each question its answer, and how likely that is.
Decisions = list[list[tuple[int | str, float]]]


@dataclass(frozen=True)
class Tolerance:
    """How far logits may be from the reference, as a share of their spread between texts, and how many labels stay."""

    distance: float
    labels: float


# The distance is the root of the mean square. What has nothing to do with the reference is about 1.4 away.
TOLERANCES = {
    # The same sums in another order: 1e-5 at most in 12 layers. The tanh GELU in place of the erf one gives 1e-3.
    "f32": Tolerance(2e-4, 0.98),
    # Weights, or activations too, have 11 bits: products of 12 layers lose about a hundredth together.
    "f16": Tolerance(0.03, 0.95),
    # 8 bits, each engine with scales of its own choice. On weights from a seed, which are harder to quantize than
    # trained ones, every engine lies between 0.1 and 0.25; on a trained one, up to 0.26 with 62 of 71 labels the same.
    # So this tells a broken model from int8, not good int8 from bad: the record has what each keeps.
    "int8": Tolerance(0.5, 0.80),
}

# The same distance for vectors, which have no labels, and for the same reasons: in f32 it was 1e-5 at most in 12 layers;
# in int8 0.11 to 0.24 on weights from a seed, 0.02 to 0.11 on a trained model and 0.33 for PyTorch's, the one with a
# single scale for each matrix of weights. The cosine limits nothing: that of two texts' vectors can be 0.9 already, where
# all have a direction in common.
VECTOR_TOLERANCES = {"f32": 2e-4, "f16": 0.03, "int8": 0.5}


# The same for what is decided by heads from a seed: a label of nine for each token, a span of thousands for each
# question. The distance is that of the likelihoods where both decide alike: in f32 1.6e-5 at most, in f16 0.004. In int8
# it was 0.02 to 0.5 with 91 of 100 labels and 12 of 20 answers the same at least, but for PyTorch's on a trained encoder:
# 0.68 with 73 of 100 labels, 0.89 with 7 of 20 answers. By chance no answer is the same, so that what is broken shows.
DECISION_TOLERANCES = {
    "tag": {"f32": Tolerance(2e-4, 0.98), "f16": Tolerance(0.03, 0.95), "int8": Tolerance(0.8, 0.5)},
    "answer": {"f32": Tolerance(2e-4, 0.98), "f16": Tolerance(0.03, 0.9), "int8": Tolerance(1.0, 0.1)},
}


@dataclass(frozen=True)
class Agreement:
    """How an engine's logits compare with the reference's."""

    distance: float
    largest: float
    labels: float
    texts: int
    tolerance: Tolerance

    @property
    def good(self) -> bool:
        # Written so that a logit that is not a number is not good.
        return self.distance <= self.tolerance.distance and self.labels >= self.tolerance.labels

    def __str__(self) -> str:
        return (f"best label the same in {round(self.labels * self.texts)} of {self.texts} texts, logits "
                f"{self.largest:.2g} apart at most and {self.distance:.2g} of their spread "
                f"(allowed: {self.tolerance.distance:g})")


@dataclass(frozen=True)
class VectorAgreement:
    """How an engine's vectors compare with the reference's."""

    distance: float
    # Of the text whose vector is turned most.
    cosine: float
    texts: int
    tolerance: float

    @property
    def good(self) -> bool:
        # Written so that what is not a number is not good.
        return self.distance <= self.tolerance

    def __str__(self) -> str:
        return (f"vectors of {self.texts} texts {self.distance:.2g} of their spread apart (allowed: "
                f"{self.tolerance:g}), least cosine {self.cosine:.6f}")


@dataclass(frozen=True)
class DecisionAgreement:
    """How an engine's decisions compare with the reference's."""

    # `tokens` or `questions`, and how many.
    what: str
    count: int
    same: float
    distance: float
    tolerance: Tolerance

    @property
    def good(self) -> bool:
        # Written so that what is not a number is not good.
        return self.distance <= self.tolerance.distance and self.same >= self.tolerance.labels

    def __str__(self) -> str:
        return (f"the same for {round(self.same * self.count)} of {self.count} {self.what}, their scores "
                f"{self.distance:.2g} of the spread apart (allowed: {self.tolerance.distance:g})")


def _best(row: list[float]) -> int:
    return max(range(len(row)), key=row.__getitem__)


def _root_mean_square(values: list[float]) -> float:
    return statistics.fmean(value * value for value in values) ** 0.5


def compare_decisions(reference: Decisions, found: Decisions, precision: str, task: Task) -> DecisionAgreement:
    """Both in the same order of texts or questions."""
    what = "questions" if task == ANSWER else "tokens"
    if [len(text) for text in found] != [len(text) for text in reference]:
        counts = (sum(map(len, each)) for each in (found, reference))
        raise ValueError("{} {what} where the reference has {}, or elsewhere".format(*counts, what=what))
    pairs = [pair for both in zip(reference, found) for pair in zip(*both)]
    alike = [(mine, other) for (choice, mine), (chosen, other) in pairs if choice == chosen]
    if not alike:
        raise ValueError(f"not one of {len(pairs)} {what} is decided as the reference does")
    scores = [score for (_, score), _ in pairs]
    spread = _root_mean_square([score - statistics.fmean(scores) for score in scores])
    if not spread:
        raise ValueError(f"the reference is as sure of all {what}: nothing can disagree with it")
    distance = _root_mean_square([mine - other for mine, other in alike]) / spread
    return DecisionAgreement(what, len(pairs), len(alike) / len(pairs), distance,
                             DECISION_TOLERANCES[task.name][precision])


def compare(reference: Rows | Decisions, rows: Rows | Decisions, precision: str,
            task: Task = CLASSIFY) -> Agreement | VectorAgreement | DecisionAgreement:
    """Both in the same order of texts."""
    if task.head:
        return compare_decisions(reference, rows, precision, task)
    what = "vectors" if task.pooling else "logits"
    if [len(row) for row in rows] != [len(row) for row in reference]:
        raise ValueError(f"{len(rows)} rows of {what} where the reference has {len(reference)}, or of another length")
    apart = [a - b for row, other in zip(reference, rows) for a, b in zip(row, other)]
    # How far a column's numbers are from their mean over the texts: what tells the texts apart.
    spread = _root_mean_square([value - statistics.fmean(column) for column in zip(*reference) for value in column])
    if not spread:
        raise ValueError(f"the reference gives the same {what} for all texts: nothing can disagree with it")
    distance = _root_mean_square(apart) / spread
    if task.pooling:
        cosine = min(_cosine(row, other) for row, other in zip(reference, rows))
        return VectorAgreement(distance, cosine, len(rows), VECTOR_TOLERANCES[precision])
    labels = statistics.fmean(_best(row) == _best(other) for row, other in zip(reference, rows))
    largest = max(map(abs, apart))
    # Python's max skips what is not a number in all places but the first.
    if any(value != value for value in apart):
        largest = float("nan")
    return Agreement(distance, largest, labels, len(rows), TOLERANCES[precision])


def _cosine(row: list[float], other: list[float]) -> float:
    dot = sum(a * b for a, b in zip(row, other))
    # Not hypot: a vector of nothing has no direction.
    lengths = (sum(a * a for a in row) * sum(b * b for b in other)) ** 0.5
    return dot / lengths if lengths else float("nan")
