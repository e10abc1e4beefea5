#!/usr/bin/env python3
"""Writes scores, judgements and what scipy and scikit-learn make of them, to tests/data/metrics.

All is made up from a seed, with ties:
  similarity.json   cosines of pairs of texts (f64) and the pairs' scores: without ties, with some, with many, nearly
                    alike, and in reverse; Spearman's and Pearson's correlation by scipy
  ranking.json      queries, each with the scores (f32) and the relevance of its documents: graded and binary, few
                    documents and many, some or all of the same score; NDCG@10 and average precision by scikit-learn,
                    and the rank of the first relevant document, which neither has: of equal scores the irrelevant ones
                    come first
"""
import argparse
import json
import sys
from pathlib import Path

import needs

with needs.packages("numpy", "scikit-learn", "scipy"):
    import numpy as np
    from scipy import stats
    from sklearn import metrics

DATA = Path(__file__).resolve().parent.parent / "tests" / "data" / "metrics"
QUERIES = 60
# Name: (pairs, decimals of the cosines, decimals of the scores, how much of the score is in the cosine).
SIMILARITY = {
    "no ties": (120, 17, 17, 0.7),
    "ties": (150, 2, 1, 0.5),
    "whole scores": (200, 1, 0, 0.8),
    "nearly alike": (100, 17, 17, 1.0),
    "reversed": (60, 17, 2, -0.9),
    "two pairs": (2, 17, 17, 0.5),
}


def similarity(rng, pairs, cosine_decimals, score_decimals, share):
    scores = np.round(rng.uniform(0, 5, size=pairs), score_decimals)
    noise = rng.normal(size=pairs) * (0.2 - 0.2 * min(abs(share), 0.999))
    cosines = np.round(np.clip(0.5 + share * (scores - 2.5) / 6 + noise, -1, 1), cosine_decimals)
    return {
        "cosines": cosines.tolist(),
        "scores": scores.tolist(),
        "spearman": float(stats.spearmanr(cosines, scores).statistic),
        "pearson": float(stats.pearsonr(cosines, scores).statistic),
    }


def first_relevant(relevance, scores):
    """From 1. np.lexsort orders by its last key first."""
    order = np.lexsort((relevance > 0, -scores))
    return int(np.flatnonzero(relevance[order] > 0)[0]) + 1


def query(rng, number):
    documents = int(rng.integers(2, 6) if number % 3 == 0 else rng.integers(8, 41))
    grades = 2 if number % 2 else 4
    relevance = rng.integers(grades, size=documents) * (rng.random(documents) < 0.3)
    relevance[rng.integers(documents)] = grades - 1
    if number % 10 == 2:
        relevance = relevance / 2
    decimals = number % 5
    scores = np.round(rng.normal(size=documents) + 0.6 * relevance, decimals).astype(np.float32)
    if number % 10 == 4:
        scores[:] = 0.5
    return {
        "scores": scores.astype(np.float64).tolist(),
        "relevance": relevance.tolist(),
        "first": first_relevant(relevance, scores),
        "ndcg": float(metrics.ndcg_score([relevance], [scores], k=10)),
        "average_precision": float(metrics.average_precision_score(relevance > 0, scores)),
    }


def ranking(rng):
    queries = [query(rng, number) for number in range(QUERIES)]
    reciprocal = [1 / of["first"] if of["first"] <= 10 else 0.0 for of in queries]
    figures = {
        "mrr_at_10": float(np.mean(reciprocal)),
        "ndcg_at_10": float(np.mean([of["ndcg"] for of in queries])),
        "map": float(np.mean([of["average_precision"] for of in queries])),
    }
    return {"queries": queries, "figures": figures}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.parse_args()
    needs.check()
    DATA.mkdir(exist_ok=True)
    cases = {name: similarity(np.random.default_rng(seed), *how) for seed, (name, how) in enumerate(SIMILARITY.items())}
    for name, made in (("similarity", cases), ("ranking", ranking(np.random.default_rng(0)))):
        out = DATA / f"{name}.json"
        out.write_text(json.dumps(made) + "\n")
        print(f"{out.name}: {out.stat().st_size:,} bytes", file=sys.stderr)


if __name__ == "__main__":
    main()
