"""What other families call the parts of a BERT: tests/data/families.json, which the tests in Rust read, too."""
import json
import sys
from pathlib import Path

FAMILIES = json.loads((Path(__file__).resolve().parent.parent / "tests" / "data" / "families.json").read_text())


def family(config):
    """That of a configuration."""
    name = config.get("model_type", "bert")
    if name not in FAMILIES:
        raise ValueError(f"model_type is {name!r}, not one of {', '.join(FAMILIES)}")
    return FAMILIES[name]


def size(config, key):
    """The number under the key that BERT has for it; 0 of token types where there are none."""
    key = family(config)["keys"].get(key, key)
    return config.get(key, 0) if key == "type_vocab_size" else config[key]


def own_name(config, name):
    """The name of a tensor that is called `name` in a BERT."""
    for pairs in (family(config)["names"], family(config)["prefixes"]):
        name = next((name.replace(old, new, 1) for old, new in pairs if old in name), name)
    return name


if __name__ == "__main__":
    sys.exit("families.py: no program of its own; make_checkpoint.py names tensors with it")
