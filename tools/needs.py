"""What these programs need beyond Python: what is not there is named, with its size and the command that installs it.

    with needs.packages("numpy", "torch"):
        import numpy as np
        import torch

    args = parser.parse_args()
    needs.check()

So a program explains itself with --help before anything is installed. tools/bench reads its own pins with this, too.
"""
import re
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

OLDEST = (3, 11)
if sys.version_info < OLDEST:
    sys.exit("%s: this is Python %d.%d, at least %d.%d is needed" % (sys.argv[0], *sys.version_info[:2], *OLDEST))

REQUIREMENTS = Path(__file__).with_name("requirements.txt")
PIN = re.compile(r"([\w-]+)==(\S+) +# (\d+) MB")
# What is imported of a package, where the name is another.
MODULES = {"scikit-learn": "sklearn", "sentence-transformers": "sentence_transformers"}
_needed: dict[str, None] = {}


class Pin(NamedTuple):
    """The version of a package that is used, and what it and all that it brings have to download."""

    version: str
    megabytes: int


def pins(path: Path) -> dict[str, Pin]:
    """Package -> pin, of a requirements file whose lines are `NAME==VERSION  # SIZE MB`."""
    out = {}
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        if line.startswith("#"):
            continue
        found = PIN.fullmatch(line)
        if not found:
            raise ValueError(f"{path}: line {number} is not NAME==VERSION  # SIZE MB")
        out[found[1]] = Pin(found[2], int(found[3]))
    return out


def size(megabytes: int) -> str:
    return f"{megabytes} MB" if megabytes < 1000 else f"{megabytes / 1000:.1f} GB"


@contextmanager
def packages(*names: str) -> Iterator[None]:
    """Imports of these packages, by their names in requirements.txt. One that is not there is an error in `check`."""
    _needed.update(dict.fromkeys(names))
    try:
        yield
    except ImportError:
        if not absent():
            raise


def absent() -> list[str]:
    return [name for name in _needed if find_spec(MODULES.get(name, name)) is None]


def interpreter() -> str:
    """This Python, as people call it."""
    return "python3" if shutil.which("python3") == sys.executable else sys.executable


def check(requirements: Path = REQUIREMENTS) -> None:
    """Ends the program, with code 2, unless all its packages are there. Their versions are those of a requirements file."""
    lacking, known = absent(), pins(requirements)
    if not lacking:
        return
    download = size(sum(known[name].megabytes for name in lacking))
    what = f"{', '.join(lacking)} {'is' if len(lacking) == 1 else 'are'} not installed"
    lines = [f"{Path(sys.argv[0]).name}: {what}. This installs what lacks, some {download} to download:",
             f"  {interpreter()} -m pip install {' '.join(f'{name}=={known[name].version}' for name in lacking)}",
             "tools/README.md shows how to do so in an environment of its own."]
    if "torch" in lacking:
        lines.append("Most of it is CUDA, which torch brings on Linux; PyTorch's builds for CPUs alone do as well.")
    print(*lines, sep="\n", file=sys.stderr)
    sys.exit(2)
