"""What follows training: nimbert packs the model and measures both on the validation rows, beside the card's row."""
import json
import shlex
import shutil
import subprocess
import sys
from argparse import Namespace
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from folder import Folder, write_json

REPOSITORY = Path(__file__).resolve().parent.parent.parent
FIGURES = {"validation_loss": "loss", "f1": "micro_f1", "roc_auc": "roc_auc_decisions", "accuracy": "subset_accuracy"}
"""Keys of a row of the card's table, and nimbert's."""
NAMES = {"validation_loss": "loss", "f1": "F1", "roc_auc": "ROC AUC", "accuracy": "accuracy"}
LOSS_APART = 1e-4
ROUNDING = 1e-9


@dataclass
class Served:
    """What nimbert measured of model/ in f32 and of the packed file, and what went wrong."""

    version: str = ""
    f32: dict | None = None
    packed: dict | None = None
    said: str = ""
    problems: list[str] = field(default_factory=list)


def find(given: Path | None) -> Path | None:
    """The program; an error if the one that is named is not there."""
    if given is not None:
        if not shutil.which(given):
            raise ValueError(f"--nimbert {given}: no program")
        return given.absolute()
    built = REPOSITORY / "target" / "release" / "nimbert"
    found = built if built.exists() else shutil.which("nimbert")
    return Path(found) if found else None


class Commands:
    """What is run of nimbert, in the order in which it is."""

    def __init__(self, program: Path | str, folder: Folder, max_tokens: int) -> None:
        self.program, self.folder = str(program), folder
        self.data = ["--label-column", "label", "--labels-as", "name", "--max-tokens", str(max_tokens)]

    def evaluate(self, model: Path, *more: str) -> list[str]:
        return [self.program, "eval", "--model", str(model), "--input", str(self.folder.validation), *self.data, *more]

    def pack(self, precision: str, budget: float, metric: str) -> list[str]:
        contract = ["--check", str(self.folder.validation), *self.data, f"--budget={budget:g}", "--metric", metric]
        return [self.program, "pack", "--model", str(self.folder.model), "-o", str(self.folder.packed),
                "--precision", precision, *contract]

    def remaining(self, args: Namespace) -> list[list[str]]:
        """All that `serve` runs."""
        return [self.evaluate(self.folder.model), self.pack(args.precision, args.budget, args.metric),
                self.evaluate(self.folder.packed, "--report", str(self.folder.report))]


def printed(command: list[str]) -> str:
    return shlex.join(command)


def run(command: list[str]) -> str:
    """What it prints. Its progress goes to the terminal; a failure is an error with its command."""
    try:
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    except OSError as error:
        raise ValueError(f"{command[0]}: {error.strerror}") from None
    if done.returncode != 0:
        raise ValueError(f"exit code {done.returncode} of {printed(command)}\n{done.stderr.rstrip()}")
    return done.stdout


def serve(program: Path, folder: Folder, row: dict, args: Namespace) -> Served:
    """Evaluates, packs and evaluates again; what fails does not keep the rest from being done."""
    commands, out = Commands(program, folder, args.max_tokens), Served()

    def attempt(step: Callable[[], None]) -> None:
        try:
            step()
        except ValueError as error:
            out.problems.append(str(error))

    def version():
        out.version = run([commands.program, "--version"]).split()[-1]

    def evaluated(model: Path, *more: str) -> dict:
        return json.loads(run(commands.evaluate(model, "--format", "json", *more)))

    def in_f32():
        out.f32 = evaluated(folder.model)
        if problem := difference(row, out.f32):
            out.problems.append(problem)

    def as_packed():
        out.said = run(commands.pack(args.precision, args.budget, args.metric)).rstrip()
        out.packed = evaluated(folder.packed, "--report", str(folder.report))

    print("nimbert evaluates model/, packs it and evaluates the packed file", file=sys.stderr)
    for step in (version, in_f32, as_packed):
        attempt(step)
    write_json(folder.figures, {"model": out.f32, "packed": out.packed})
    return out


def difference(row: dict, evaluated: dict) -> str:
    """In what nimbert's f32 differs from the row of the card beyond what rounding allows, if in anything.

    A decision whose logit is as near to its threshold as rounding goes may be another one, and moves a figure by at
    most two parts of what the figure is divided by.
    """
    decisions = 2 * row["near_ties"] / row["smallest"] + ROUNDING
    apart = []
    for key, theirs in FIGURES.items():
        ours, found = row[key], evaluated["figures"][theirs]
        allowed = LOSS_APART if key == "validation_loss" else decisions
        if abs(ours - found) > allowed:
            apart.append(f"{NAMES[key]} {found} in nimbert, {ours} in training")
    return f"nimbert's f32 is not what was trained: {'; '.join(apart)}" if apart else ""
