"""Whether the engines compute the same model: a fast wrong answer is not a measurement."""
import statistics
from dataclasses import dataclass

Logits = list[list[float]]


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


def _best(row: list[float]) -> int:
    return max(range(len(row)), key=row.__getitem__)


def _root_mean_square(values: list[float]) -> float:
    return statistics.fmean(value * value for value in values) ** 0.5


def compare(reference: Logits, logits: Logits, precision: str) -> Agreement:
    """Both in the same order of texts."""
    if [len(row) for row in logits] != [len(row) for row in reference]:
        raise ValueError(f"{len(logits)} rows of logits where the reference has {len(reference)}, or of another length")
    apart = [a - b for row, other in zip(reference, logits) for a, b in zip(row, other)]
    # How far a label's logits are from their mean over the texts: what tells the texts apart.
    spread = _root_mean_square([value - statistics.fmean(column) for column in zip(*reference) for value in column])
    if not spread:
        raise ValueError("the reference gives the same logits for all texts: nothing can disagree with it")
    labels = statistics.fmean(_best(row) == _best(other) for row, other in zip(reference, logits))
    largest = max(map(abs, apart))
    # Python's max skips what is not a number in all places but the first.
    if any(value != value for value in apart):
        largest = float("nan")
    return Agreement(_root_mean_square(apart) / spread, largest, labels, len(logits), TOLERANCES[precision])
