"""The model that is measured: a shape with weights from a seed, or a checkpoint."""
import json
from pathlib import Path

import environment
import families

HERE = Path(__file__).resolve().parent
DEFAULT = "bert-base-chinese"
# By their names, the specifications that make_checkpoint.py writes.
SHAPES = {path.stem: path for path in (environment.REPOSITORY / "tests" / "data" / "checkpoints" / f"{DEFAULT}.json",
                                       *sorted((HERE / "shapes").glob("*.json")))}


def seeded(source: Path) -> bool:
    """Whether it is one of SHAPES: else it is a checkpoint's directory."""
    return source in SHAPES.values()


def title(source: Path) -> str:
    """As a record and a chart have it."""
    return f"{source.stem}'s shape, weights from a seed" if seeded(source) else source.resolve().name


def config(source: Path) -> dict:
    """The model's config.json, before anything is prepared."""
    path = source if seeded(source) else source / "config.json"
    if not path.is_file():
        raise ValueError(f"{source}: not a checkpoint directory, it has no config.json")
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        found = found["config"] if seeded(source) else found
        limit = found["max_position_embeddings"]
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{path}: not the config.json of a BERT: {type(error).__name__}: {error}") from None
    if not isinstance(limit, int) or limit < 1:
        raise ValueError(f"{path}: max_position_embeddings is {limit!r}, not a number of tokens")
    try:
        families.family(found)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None
    return found
