"""A tiny base and rows that it can learn, for the tests: all is made up, from a seed."""
import random
from pathlib import Path

ROWS = 200
NAMES = ["cold", "hot", "wet"]
SIGNS = 15
"""Characters that are signs of a label; as many more say nothing."""
OPTIONS = ["--split", "0.25", "--learning-rate", "3e-3", "--budget", "5"]
MULTI_LABEL = ["--problem", "multi-label", "--no-label-ok"]


def spec(architecture: str, **more) -> dict:
    """What make_checkpoint.py writes a base of."""
    config = {"architectures": [architecture], "model_type": "bert", "vocab_size": 5 + 4 * SIGNS, "hidden_size": 32,
              "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 64, "max_position_embeddings": 40,
              "type_vocab_size": 2, "layer_norm_eps": 1e-12, "hidden_act": "gelu", "pad_token_id": 0, **more}
    files = {"dtype": "f32", "prefix": True, "old_norm_names": False, "position_ids": False, "shards": 1}
    return {"seed": 3, "files": files, "rows": [], "config": config}


def rows(multi: bool) -> list[tuple[str, list[str]]]:
    """Texts with three signs of each of their labels: any number of these, or one. Some are too long for it."""
    draw, out = random.Random(1), []
    for _ in range(ROWS):
        found = sorted(draw.sample(range(3), draw.randint(0, 3) if multi else 1))
        places = [SIGNS * label + draw.randrange(SIGNS) for label in found for _ in range(3)]
        draw.shuffle(places)
        places += [SIGNS * 3 + draw.randrange(SIGNS) for _ in range(draw.choice((1, 5, 5, 60)))]
        out.append(("".join(chr(0x4E00 + place) for place in places), [NAMES[label] for label in found]))
    return out


def write(path: Path, multi: bool) -> Path:
    """The rows as CSV."""
    lines = [f'{text},"{",".join(found)}"' for text, found in rows(multi)]
    path.write_text("\n".join(["text,label", *lines]) + "\n", encoding="utf-8")
    return path
