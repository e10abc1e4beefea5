#!/usr/bin/env python3
"""Counts the rows of a labelled file whose best-scoring label, in PyTorch, is the row's own.

TSV is tab-separated with one header line and no quoting. A row's own label is --label-prefix followed by the value
of its --label column. Runs as export_reference.py does: f32, one thread, each text alone.
Prints one JSON object; tests/data/dev-accuracy.json is made of two of them.
"""
import argparse
import json
import sys
from pathlib import Path

import bert
import export_reference
import needs

with needs.packages("torch", "transformers"):
    import torch
    from transformers.utils import logging


def read(path, text, label):
    """(text, label) of each row."""
    header, *rows = [line.split("\t") for line in export_reference.lines(path)] or [[]]
    for column in (text, label):
        if column not in header:
            raise ValueError(f"{path}: no column {column!r} in the first line: {', '.join(header)}")
    if not rows:
        raise ValueError(f"{path}: no rows below the first line")
    for number, row in enumerate(rows, 2):
        if len(row) != len(header):
            raise ValueError(f"{path}: line {number}: {len(row)} fields where the first line has {len(header)}")
    return [(row[header.index(text)], row[header.index(label)]) for row in rows]


def with_prefix(rows, prefix, labels):
    """(text, the model's label) of each row; a label that the model lacks would count as wrong for ever."""
    for number, (_, label) in enumerate(rows, 2):
        if prefix + label not in labels:
            raise ValueError(f"line {number}: the model has no label {prefix + label!r}, only {', '.join(labels)}; "
                             "see --label and --label-prefix")
    return [(text, prefix + label) for text, label in rows]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model_dir", metavar="MODEL_DIR", type=Path)
    parser.add_argument("tsv", metavar="TSV", type=Path)
    parser.add_argument("--max-tokens", metavar="N", type=export_reference.positive,
                        help="cut texts at N tokens, special ones included")
    parser.add_argument("--text", metavar="COLUMN", default="text", help="default: text")
    parser.add_argument("--label", metavar="COLUMN", default="star", help="default: star")
    parser.add_argument("--label-prefix", metavar="PREFIX", default="Star_", help="default: Star_")
    args = parser.parse_args()
    needs.check()
    logging.set_verbosity_error()
    torch.set_num_threads(1)
    try:
        rows = read(args.tsv, args.text, args.label)
        model = bert.load_model(args.model_dir)
        tokenizer, max_tokens = export_reference.load_tokenizer(args.model_dir, model, args.max_tokens)
        rows = with_prefix(rows, args.label_prefix, list(model.config.id2label.values()))
    except export_reference.expected() as error:
        sys.exit(f"count_correct.py: {type(error).__name__}: {error}")
    correct = 0
    for text, label in export_reference.progress(rows):
        row = tokenizer(text, truncation=True, max_length=max_tokens)
        logits = bert.run(model, row["input_ids"], row["token_type_ids"])["logits"]
        correct += model.config.id2label[int(logits.argmax())] == label
    print(json.dumps({"max_tokens": max_tokens, "rows": len(rows), "correct": correct}))


if __name__ == "__main__":
    main()
