#!/usr/bin/env python3
"""Writes scores, labels and what scikit-learn makes of them: tests/data/metrics/NAME.json.

The scores are made up from a seed, in f32, with ties, so that every figure is well defined and nothing is easy:
  multi-label   5 labels, none to several for each text; a label is given from 0.5 on
  one-of-many   4 labels, one for each text; the best label is given
  one-label     1 label, for some of the texts
  rare-label    3 labels, of which one is neither true nor given and one is true of every text
A figure that scikit-learn does not define is null. Calibration errors are computed here, as scikit-learn has none: 15
equal bins, bin edges as in sklearn.calibration.calibration_curve.
"""
import argparse
import json
import sys
import warnings
from pathlib import Path

import needs

with needs.packages("numpy", "scikit-learn"):
    import numpy as np
    from sklearn import metrics
    from sklearn.calibration import calibration_curve

DATA = Path(__file__).resolve().parent.parent / "tests" / "data" / "metrics"


def sigmoid(x):
    return (1 / (1 + np.exp(-x.astype(np.float64)))).astype(np.float32)


def softmax(x):
    x = np.exp(x.astype(np.float64) - x.max(1, keepdims=True))
    return (x / x.sum(1, keepdims=True)).astype(np.float32)


def case(name, rng):
    """Logits and labels; rounded logits give ties."""
    rows, labels = {"multi-label": (211, 5), "one-of-many": (173, 4), "one-label": (90, 1), "rare-label": (64, 3)}[name]
    truth = rng.random((rows, labels)) < 0.35
    if name == "one-of-many":
        truth = np.eye(labels, dtype=bool)[rng.integers(labels, size=rows)]
    if name == "rare-label":
        truth[:, 1], truth[:, 2] = False, True
    logits = np.round(rng.normal(size=(rows, labels)) * 1.3 + truth * 1.7 - 0.8, 1).astype(np.float32)
    if name == "rare-label":
        logits[:, 1] = -4
    return logits, truth


def number(value):
    return None if value is None or np.isnan(value) else float(value)


def per_label(function, truth, values):
    return [number(function(truth[:, i], values[:, i])) for i in range(truth.shape[1])]


def auc(truth, scores, average=None):
    if average == "micro":
        truth, scores = truth.ravel(), scores.ravel()
    if len(np.unique(truth)) < 2:
        return None
    return number(metrics.roc_auc_score(truth, scores))


def calibration_error(confidence, right):
    """sum over bins of rows / all * |accuracy - mean confidence|."""
    shares, means = calibration_curve(right, confidence, n_bins=15, strategy="uniform")
    bins = np.searchsorted(np.linspace(0, 1, 16)[1:-1], confidence)
    counts = np.bincount(bins, minlength=15)
    return float((counts[counts > 0] / len(right) * np.abs(shares - means)).sum())


def figures(name, logits, truth):
    one_of_many = name == "one-of-many"
    scores = softmax(logits) if one_of_many else sigmoid(logits)
    labels = truth.shape[1]
    best = scores.argmax(1)
    given = np.eye(labels, dtype=bool)[best] if one_of_many else scores >= 0.5
    x = logits.astype(np.float64)
    if one_of_many:
        loss = metrics.log_loss(truth.argmax(1), softmax(x).astype(np.float64), labels=range(labels))
    else:
        exact = 1 / (1 + np.exp(-x))
        loss = metrics.log_loss(truth.ravel(), exact.ravel(), labels=[False, True])
    if labels == 1:
        right, confidence = (given == truth)[:, 0], np.maximum(scores, 1 - scores)[:, 0]
    else:
        right, confidence = truth[np.arange(len(truth)), best], scores.max(1)
    nan = {"zero_division": np.nan}
    aucs = [auc(truth[:, i], scores[:, i]) for i in range(labels)]
    # scikit-learn takes a matrix of one column for something else than one of several.
    flat = (truth[:, 0], given[:, 0]) if labels == 1 else (truth, given)
    f1 = [number(metrics.f1_score(truth[:, i], given[:, i], **nan)) for i in range(labels)]
    expected = {
        "loss": loss,
        "micro_f1": number(metrics.f1_score(truth.ravel(), given.ravel())),
        "macro_f1": float(np.nanmean([np.nan if value is None else value for value in f1])),
        "roc_auc_decisions": auc(truth, given, "micro"),
        "roc_auc_micro": auc(truth, scores, "micro"),
        "roc_auc_macro": None if None in aucs else float(np.mean(aucs)),
        "subset_accuracy": number(metrics.accuracy_score(*flat)),
        "top_label_accuracy": float(right.mean()),
        "within_one_accuracy": None if labels == 1 else float(np.mean(
            [np.any(np.abs(np.flatnonzero(row) - top) <= 1) for row, top in zip(truth, best)])),
        "calibration_error": calibration_error(confidence.astype(np.float64), right),
    }
    if not one_of_many and labels > 1 and name == "multi-label":
        assert np.isclose(expected["micro_f1"], metrics.f1_score(truth, given, average="micro"))
        assert np.isclose(expected["macro_f1"], metrics.f1_score(truth, given, average="macro", **nan))
        assert np.isclose(expected["roc_auc_micro"], metrics.roc_auc_score(truth, scores, average="micro"))
        assert np.isclose(expected["roc_auc_macro"], metrics.roc_auc_score(truth, scores, average="macro"))
        assert np.isclose(expected["roc_auc_decisions"], metrics.roc_auc_score(truth, given, average="micro"))
    single = truth.sum(1) == 1
    matrix = np.zeros((labels, labels), int) if not single.any() else metrics.confusion_matrix(
        truth[single].argmax(1), best[single], labels=range(labels))
    return {
        "decision": "best" if one_of_many else "threshold",
        "logits": logits.tolist(),
        "scores": scores.astype(np.float64).tolist(),
        "truth": [np.flatnonzero(row).tolist() for row in truth],
        "figures": expected,
        "labels": {
            "precision": per_label(lambda t, g: metrics.precision_score(t, g, **nan), truth, given),
            "recall": per_label(lambda t, g: metrics.recall_score(t, g, **nan), truth, given),
            "f1": f1,
            "roc_auc": aucs,
        },
        "confusion": matrix.tolist(),
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.parse_args()
    needs.check()
    warnings.simplefilter("ignore")
    DATA.mkdir(exist_ok=True)
    for seed, name in enumerate(["multi-label", "one-of-many", "one-label", "rare-label"]):
        logits, truth = case(name, np.random.default_rng(seed))
        out = DATA / f"{name}.json"
        out.write_text(json.dumps(figures(name, logits, truth)) + "\n")
        print(f"{out.name}: {len(truth)} rows, {out.stat().st_size:,} bytes", file=sys.stderr)


if __name__ == "__main__":
    main()
