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

import torch
from transformers.utils import logging

import export_reference


def read(path, text, label):
    """(text, label) of each row."""
    header, *rows = (line.split("\t") for line in export_reference.lines(path))
    if not {text, label} <= set(header):
        raise ValueError(f"{path}: no columns {text!r} and {label!r} in {header}")
    return [(row[header.index(text)], row[header.index(label)]) for row in rows]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model_dir", metavar="MODEL_DIR", type=Path)
    parser.add_argument("tsv", metavar="TSV", type=Path)
    parser.add_argument("--max-tokens", metavar="N", type=int, help="cut texts at N tokens, special ones included")
    parser.add_argument("--text", metavar="COLUMN", default="text", help="default: text")
    parser.add_argument("--label", metavar="COLUMN", default="star", help="default: star")
    parser.add_argument("--label-prefix", metavar="PREFIX", default="Star_", help="default: Star_")
    args = parser.parse_args()
    logging.set_verbosity_error()
    torch.set_num_threads(1)
    try:
        rows = read(args.tsv, args.text, args.label)
        model = export_reference.load_model(args.model_dir)
        tokenizer, max_tokens = export_reference.load_tokenizer(args.model_dir, model, args.max_tokens)
    except (OSError, ValueError, RuntimeError) as error:
        sys.exit(f"count_correct.py: {type(error).__name__}: {error}")
    correct = 0
    for text, label in export_reference.progress(rows):
        row = tokenizer(text, truncation=True, max_length=max_tokens)
        logits = export_reference.run(model, row["input_ids"], row["token_type_ids"])["logits"]
        correct += model.config.id2label[int(logits.argmax())] == args.label_prefix + label
    print(json.dumps({"max_tokens": max_tokens, "rows": len(rows), "correct": correct}))


if __name__ == "__main__":
    main()
