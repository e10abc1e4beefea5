"""What other families call the parts of a BERT: tests/data/families.json, which the tests in Rust read, too."""
import json
import sys
from pathlib import Path

FAMILIES = json.loads((Path(__file__).resolve().parent.parent / "tests" / "data" / "families.json").read_text())
# A name in place of the parts: all is as in that family.
FAMILIES |= {name: FAMILIES[parts] for name, parts in FAMILIES.items() if isinstance(parts, str)}
# What a model may take, in the order in which all have them here.
INPUTS = ("input_ids", "attention_mask", "token_type_ids")


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


def tokens(config):
    """How many a text may have: some families number positions from the one after the padding id."""
    after_padding = family(config).get("positions_after_padding", False)
    return config["max_position_embeddings"] - (config.get("pad_token_id", 1) + 1 if after_padding else 0)


def inputs(config):
    """Those that a model takes: no token types where there is one or none."""
    return INPUTS if size(config, "type_vocab_size") > 1 else INPUTS[:2]


def own_name(config, name):
    """The name of a tensor that is called `name` in a BERT."""
    for pairs in (family(config)["names"], family(config)["prefixes"]):
        name = next((name.replace(old, new, 1) for old, new in pairs if old in name), name)
    return name


if __name__ == "__main__":
    sys.exit("families.py: no program of its own; make_checkpoint.py names tensors with it")
