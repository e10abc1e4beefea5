"""The figures of the card's table, from decisions, as scikit-learn and `nimbert eval` compute them.

F1 is micro F1 over all decisions; ROC AUC is that of the decisions themselves taken as scores of 0 and 1 (micro);
accuracy is the share of rows whose labels are all right. They are defined where some row has a label, and some row
lacks one.
"""
from collections.abc import Sequence
from dataclasses import dataclass

THRESHOLD = 0.5


@dataclass(frozen=True)
class Figures:
    f1: float
    roc_auc: float
    accuracy: float
    smallest: int
    """The smallest number that one of the figures is divided by: how much one decision can move it."""


def given(scores: Sequence[float], multi: bool) -> set[int]:
    """The labels that a row of scores gives: those from the threshold on, or the best one; of equals, the first."""
    if multi:
        return {place for place, score in enumerate(scores) if score >= THRESHOLD}
    return {max(range(len(scores)), key=lambda place: (scores[place], -place))}


def compute(decided: Sequence[set[int]], truth: Sequence[set[int]], labels: int) -> Figures:
    """Of sets of labels, a pair of them for each row."""
    rows = list(zip(decided, truth, strict=True))
    both = sum(len(ours & theirs) for ours, theirs in rows)
    positive, said = sum(map(len, truth)), sum(map(len, decided))
    negative = len(rows) * labels - positive
    f1 = 2 * both / (positive + said)
    roc_auc = (both / positive + (negative - said + both) / negative) / 2
    exact = sum(ours == theirs for ours, theirs in rows) / len(rows)
    return Figures(f1, roc_auc, exact, min(len(rows), positive, negative))


def near_ties(logits: Sequence[Sequence[float]], multi: bool, within: float) -> int:
    """How many decisions could be others if each logit moved by `within`."""
    if multi:
        return sum(abs(logit) <= within for row in logits for logit in row)
    return sum(first - second <= 2 * within for first, second, *_ in (sorted(row, reverse=True) for row in logits))
