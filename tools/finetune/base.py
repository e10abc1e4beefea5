"""The directory that training starts from: what its config.json says, before any of its weights are read."""
import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

import families

WEIGHTS = ("model.safetensors", "model.safetensors.index.json", "pytorch_model.bin", "pytorch_model.bin.index.json")
TOKENIZERS = ("tokenizer.json", "vocab.txt", "vocab.json", "sentencepiece.bpe.model")
PROBLEMS = {"multi-label": "multi_label_classification", "single-label": "single_label_classification"}


@dataclass(frozen=True)
class Base:
    """`names` and `problem` are those of a classifier, else empty; `most_tokens` is what a text may have."""

    path: Path
    most_tokens: int
    names: list[str]
    problem: str

    def digest(self) -> str:
        """The SHA-256 of the configuration and the weights, whichever files they are in."""
        out = hashlib.sha256((self.path / "config.json").read_bytes())
        for path in sorted([*self.path.glob("*.safetensors"), *self.path.glob("*.bin")]):
            with open(path, "rb") as file:
                out.update(hashlib.file_digest(file, "sha256").digest())
        return out.hexdigest()


def read(path: Path) -> Base:
    """An error where training, or nimbert afterwards, could not go on."""
    config_path = path / "config.json"
    if not config_path.is_file():
        raise ValueError(f"{config_path}: no such file: --base is a Hugging Face directory, as `hf download` makes it")
    try:
        config = json.loads(config_path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"{config_path}: {error}") from None
    if not isinstance(config, dict):
        raise ValueError(f"{config_path}: not a JSON object")
    try:
        most = families.tokens(config)
    except KeyError as error:
        raise ValueError(f"{config_path}: no {error}") from None
    except ValueError as error:
        raise ValueError(f"{config_path}: {error}") from None
    for files, what in ((WEIGHTS, "weights"), (TOKENIZERS, "tokenizer")):
        if not any((path / name).is_file() for name in files):
            raise ValueError(f"{path}: no {what}: none of {', '.join(files)}")
    if not any(name.endswith("ForSequenceClassification") for name in config.get("architectures") or []):
        return Base(path, most, [], "")
    return Base(path, most, label_names(config_path, config), problem_of(config_path, config))


def label_names(path: Path, config: dict) -> list[str]:
    """The labels in the order of their places; `num_labels` alone gives transformers' own names."""
    by_place = config.get("id2label") or {str(place): f"LABEL_{place}" for place in range(config.get("num_labels", 2))}
    if sorted(by_place) != sorted(map(str, range(len(by_place)))):
        raise ValueError(f"{path}: id2label does not number its labels from 0")
    names = [by_place[str(place)] for place in range(len(by_place))]
    if len(set(names)) < len(names):
        raise ValueError(f"{path}: two labels of id2label have the same name")
    return names


def problem_of(path: Path, config: dict) -> str:
    """As --problem has it. Where the file says nothing, transformers takes one label of several."""
    said = config.get("problem_type") or PROBLEMS["single-label"]
    for name, problem in PROBLEMS.items():
        if said == problem:
            return name
    raise ValueError(f"{path}: problem_type is {said!r}: --new-head starts a classifier of its encoder")
