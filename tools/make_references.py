#!/usr/bin/env python3
"""Makes every reference in tests/data again: writes each seeded checkpoint to a temporary directory and runs it.

For each tests/data/checkpoints/NAME.json:
  NAME.safetensors        its rows of random tokens: every stage, layers up to the specification's "trace_up_to" tokens
                          (or only the logits, where that is 0)
  NAME.texts.safetensors  the logits of the texts and pairs in tests/data/texts.tsv, where "texts" says so
With --model MODEL_DIR (the 6-layer model that the demo is made of) also, in tests/data:
  comments.safetensors    the logits of comments.txt
Takes a minute or two and 2 GB of memory.
"""
import argparse
import sys
import tempfile
from pathlib import Path

import export_reference
import make_checkpoint
import needs

with needs.packages("transformers"):
    from transformers.utils import logging

DATA = Path(__file__).resolve().parent.parent / "tests" / "data"


def report(out):
    out.chmod(0o644)
    print(f"{out.relative_to(DATA)}: {out.stat().st_size:,} bytes", file=sys.stderr)


def from_spec(path):
    """The references of one seeded checkpoint."""
    spec = make_checkpoint.read(path)
    with tempfile.TemporaryDirectory() as scratch:
        model_dir = Path(scratch) / path.stem
        make_checkpoint.write(spec, model_dir)
        out = path.with_suffix(".safetensors")
        export_reference.export(model_dir, model_dir / "rows.tsv", out, as_tokens=True,
                                logits_only=spec["trace_up_to"] == 0, trace_up_to=spec["trace_up_to"])
        report(out)
        if spec["texts"]:
            out = path.with_suffix(".texts.safetensors")
            export_reference.export(model_dir, DATA / "texts.tsv", out, trace_up_to=0)
            report(out)


def make(specs, model):
    """The references of these checkpoints, and of the model's comments if there is one."""
    for path in specs:
        from_spec(path)
    if model:
        out = DATA / "comments.safetensors"
        export_reference.export(model, DATA / "comments.txt", out, logits_only=True)
        report(out)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", metavar="MODEL_DIR", type=Path, help="also run this model over comments.txt")
    parser.add_argument("names", metavar="NAME", nargs="*", help="only these checkpoints (default: all)")
    args = parser.parse_args()
    known = {path.stem: path for path in sorted((DATA / "checkpoints").glob("*.json"))}
    # All that can be wrong comes before anything that takes time.
    for name in args.names:
        if name not in known:
            parser.error(f"no checkpoint {name!r}: there are {', '.join(known)}")
    if args.model and not (args.model / "config.json").is_file():
        parser.error(f"--model {args.model}: not a checkpoint directory, it has no config.json")
    needs.check()
    logging.set_verbosity_error()
    try:
        make([known[name] for name in args.names or known], args.model)
    except export_reference.expected() as error:
        sys.exit(f"make_references.py: {type(error).__name__}: {error}")


if __name__ == "__main__":
    main()
