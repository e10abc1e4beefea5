"""The output directory: what is in it, and what was asked for when it was begun."""
import json
import os
import shutil
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path


@dataclass(frozen=True)
class Settings:
    """All numbers and words that training depends on, beside the base and the data."""

    learning_rate: float
    batch: int
    epochs: int
    seed: int
    betas: tuple[float, float]
    epsilon: float
    schedule: str
    warmup_steps: int
    max_tokens: int
    keep: str
    new_head: bool


class Folder:
    """Files get their names when they are complete, so that what has a name need not be computed again."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.begun, self.trained = root / "run.json", root / "training.json"
        self.validation, self.checkpoints, self.model = root / "validation.jsonl", root / "checkpoints", root / "model"
        self.packed, self.report, self.figures = root / "model.nimbert", root / "eval.html", root / "eval.json"

    def begin(self, asked: dict, resume: bool) -> None:
        """Starts a run, or goes on with one that was asked for in the same way."""
        asked = json.loads(json.dumps(asked))
        if self.model.exists() or any(self.checkpoints.glob("checkpoint-*")):
            if not resume:
                raise ValueError(f"{self.root}: a run has begun there: --resume goes on, --output names another place")
            refuse_others(self.begun, asked)
            return
        if self.root.exists() and any(self.root.iterdir()) and not self.begun.exists():
            raise ValueError(f"{self.root}: not empty, and no run of finetune: --output names a new directory")
        self.root.mkdir(parents=True, exist_ok=True)
        write_json(self.begun, asked)

    def read_trained(self) -> dict | None:
        """What training came to, where the model is complete."""
        return json.loads(self.trained.read_text(encoding="utf-8")) if self.model.exists() else None

    def save(self, write_model: Callable[[Path], None], result: dict) -> None:
        """The trained model and, before it has its name, what training came to."""
        unnamed = self.root / "model.part"
        shutil.rmtree(unnamed, ignore_errors=True)
        unnamed.mkdir()
        write_model(unnamed)
        # safetensors writes weights for their owner alone; a service may be another user.
        mode = (unnamed / "config.json").stat().st_mode
        for path in unnamed.iterdir():
            path.chmod(mode)
        write_json(self.trained, result)
        unnamed.rename(self.model)


def refuse_others(path: Path, asked: dict) -> None:
    """An error for the first thing that was asked for otherwise."""
    begun = flat(json.loads(path.read_text(encoding="utf-8")))
    asked = flat(asked)
    for key in {**begun, **asked}:
        if begun.get(key) != asked.get(key):
            raise ValueError(f"{path}: --resume goes on with what was begun, and {key} was {begun.get(key)!r}, "
                             f"now it is {asked.get(key)!r}")


def flat(values: dict) -> dict:
    return values | values.get("settings", {}) | {"settings": None}


def as_dict(settings: Settings) -> dict:
    return asdict(settings)


def write_text(path: Path, text: str) -> None:
    unnamed = path.with_name(f"{path.name}.part")
    unnamed.write_text(text, encoding="utf-8")
    os.replace(unnamed, path)


def write_json(path: Path, value: dict) -> None:
    write_text(path, json.dumps(value, indent=2, ensure_ascii=False) + "\n")
