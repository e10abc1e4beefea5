"""What people type, with what --help says of it."""
import argparse
import math
from pathlib import Path

import labels
from base import PROBLEMS

DESCRIPTION = """\
From labelled rows to a served model: fine-tunes a classifier with the Trainer of transformers, writes its model card,
packs it with a contract on what int8 may cost, and has `nimbert eval` show the figures of the card's last row.

    python3 tools/finetune --base bert-base-chinese --train train.csv --label-column star \\
        --problem multi-label --output stars
    python3 tools/finetune --base DIR --train train.tsv --validation dev.tsv --label-column star \\
        --labels Star_1 Star_2 Star_3 Star_4 Star_5 --problem multi-label --output stars
    python3 tools/finetune ... --output stars --resume          goes on where it was stopped

The defaults of the procedure are those of bert-finetuned-sentiment-chinese. In the output directory:

    model/            the checkpoint, in Hugging Face's form, with its card README.md: what can be published
    model.nimbert     the packed file
    eval.html         nimbert's page on the packed file; eval.json has the figures of the packed file and of model/
    validation.jsonl  the rows that were evaluated, as nimbert eval reads them
    checkpoints/      what --resume goes on with; run.json and training.json say what was asked for and what came out
"""
CODES = """\
Exit codes: 0 done, 1 an error (what was computed is kept, and --resume goes on with it), 2 wrong usage, 3 trained, but
there is no program nimbert: the commands that remain are printed.
docs/finetune.md has an example from labels to the service."""


class Parser(argparse.ArgumentParser):
    """Errors in one line: --help has the rest."""

    def error(self, message: str):
        self.exit(2, f"{self.prog}: {message}\n")


class Formatter(argparse.RawDescriptionHelpFormatter):
    """Says the default of each option that has one."""

    def _get_help_string(self, action):
        if action.default in (None, [], argparse.SUPPRESS) or action.default is False or "default:" in action.help:
            return action.help
        shown = " ".join(map(str, action.default)) if isinstance(action.default, tuple) else "%(default)s"
        return f"{action.help} (default: {shown})"


def whole(least: int):
    def parsed(text: str) -> int:
        if text.isascii() and text.isdigit() and int(text) >= least:
            return int(text)
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from {least}")
    return parsed


def between(low: float, high: float, what: str):
    """A number above `low` and below `high`."""
    def parsed(text: str) -> float:
        try:
            if low < float(text) < high:
                return float(text)
        except ValueError:
            pass
        raise argparse.ArgumentTypeError(f"{text!r} is not {what}")
    return parsed


ABOVE_0 = between(0, math.inf, "a number above 0")
FINITE = between(-math.inf, math.inf, "a number")


def parser() -> Parser:
    top = Parser(prog="tools/finetune", usage="%(prog)s --base DIR --train FILE --output DIR [OPTIONS]",
                 description=DESCRIPTION, epilog=CODES, formatter_class=Formatter)
    top.add_argument("--base", metavar="DIR", type=Path, required=True,
                     help="the Hugging Face directory to start from: an encoder or a masked language model, which gets "
                          "a new head, or a classifier, which keeps its own")
    top.add_argument("--train", metavar="FILE", type=Path, required=True,
                     help="labelled rows: .csv, .tsv, .jsonl or .ndjson")
    top.add_argument("--output", metavar="DIR", type=Path, required=True, help="directory to make")
    top.add_argument("--resume", action="store_true",
                     help="go on with the run in the output directory: the same options again")
    data_options(top.add_argument_group("data"))
    label_options(top.add_argument_group("labels"))
    procedure_options(top.add_argument_group("procedure"))
    card_options(top.add_argument_group("model card"))
    serving_options(top.add_argument_group("packing and evaluation"))
    return top


def data_options(group) -> None:
    group.add_argument("--validation", metavar="FILE", type=Path,
                       help="rows to evaluate on (default: a share of --train)")
    group.add_argument("--split", metavar="SHARE", type=between(0, 1, "a share between 0 and 1"),
                       help="without --validation: the share of the rows that is drawn, with the seed, to evaluate on "
                            "(default: 0.1)")
    group.add_argument("--column", metavar="NAME", default="text", help="column or key with the text")
    group.add_argument("--label-column", metavar="NAME", default="label", help="column or key with the label or labels")
    group.add_argument("--missing", choices=("error", "skip", "keep"), default="error",
                       help="texts that are empty or only nan, NaN, null, NULL, None or <NA>: stop, leave the row out, "
                            "or take them as they are")
    group.add_argument("--multiline", action="store_true",
                       help="fields of several lines in csv are texts, even where each line looks like a row")


def label_options(group) -> None:
    group.add_argument("--problem", choices=tuple(PROBLEMS),
                       help="any number of labels for a text, each with a sigmoid and binary cross-entropy; or exactly "
                            "one, with a softmax and cross-entropy (default: that of a base which keeps its head)")
    group.add_argument("--labels", metavar="NAME", nargs="+",
                       help="the labels, in the order of the model's outputs (default: those of a base which keeps its "
                            "head, else those in --train: numbers by size, names by the alphabet)")
    group.add_argument("--labels-as", choices=labels.READINGS, default="auto",
                       help="what cells have: names, indexes from 0 or stars from 1, as nimbert eval reads them")
    group.add_argument("--label-separator", metavar="TEXT", default=",",
                       help="what stands between several labels of a text")
    group.add_argument("--no-label-ok", action="store_true",
                       help="multi-label: an empty label cell says that none applies; else it is an error")
    group.add_argument("--new-head", action="store_true", help="of a classifier: start a new head, for other labels")


def procedure_options(group) -> None:
    group.add_argument("--learning-rate", metavar="N", type=ABOVE_0, default=2e-5, help="at its highest")
    group.add_argument("--batch", metavar="N", type=whole(1), default=8, help="rows in a step")
    group.add_argument("--epochs", metavar="N", type=whole(1), default=5, help="passes over the rows")
    group.add_argument("--seed", metavar="N", type=whole(0), default=42,
                       help="of the split, the head and the order of rows")
    share = between(-1e-9, 1, "a number from 0 and below 1")
    group.add_argument("--betas", metavar="N", type=share, nargs=2, default=(0.9, 0.999), help="of Adam")
    group.add_argument("--epsilon", metavar="N", type=ABOVE_0, default=1e-8, help="of Adam")
    group.add_argument("--schedule", choices=("linear", "cosine", "constant_with_warmup"), default="linear",
                       help="how the learning rate goes on after the warm-up")
    group.add_argument("--warmup-steps", metavar="N", type=whole(0), default=0, help="steps in which it rises from 0")
    group.add_argument("--max-tokens", metavar="N", type=whole(3),
                       help="where texts are cut (default: 128, or as many as the base takes)")
    group.add_argument("--keep", choices=("last", "f1", "roc_auc", "accuracy", "loss"), default="last",
                       help="the epoch whose weights are the result: the last, or the best by this figure")
    group.add_argument("--checkpoints", metavar="N", type=whole(1), default=2,
                       help="how many are kept, one an epoch, of three times the model's size each")
    group.add_argument("--threads", metavar="N", type=whole(1), help="of PyTorch (default: its own choice)")


def card_options(group) -> None:
    group.add_argument("--name", metavar="TEXT", help="the model's (default: that of the output directory)")
    group.add_argument("--base-name", metavar="TEXT", help="the base's, as on the hub (default: that of its directory)")
    group.add_argument("--description", metavar="TEXT", help="what the model is")
    group.add_argument("--intended-use", metavar="TEXT", help="what it is for and what not")
    group.add_argument("--data-description", metavar="TEXT", help="where the rows come from")
    group.add_argument("--license", metavar="ID", help="such as apache-2.0: the base's and the data's must allow it")
    group.add_argument("--language", metavar="CODE", help="such as zh")
    group.add_argument("--tags", metavar="NAME", nargs="+", default=[], help="beside text-classification")


def serving_options(group) -> None:
    group.add_argument("--nimbert", metavar="FILE", type=Path,
                       help="the program (default: target/release/nimbert in this clone, else that in PATH)")
    group.add_argument("--precision", choices=("int8", "f16", "f32"), default="int8", help="of the packed file")
    group.add_argument("--budget", metavar="POINTS", type=FINITE, default=0.3,
                       help="most points (hundredths) of --metric that the packed file may lose")
    group.add_argument("--metric", choices=("top1", "micro-f1", "macro-f1", "subset", "auc"), default="top1",
                       help="what may not be lost, as nimbert pack has it")
