#!/usr/bin/env python3
"""Writes a Hugging Face checkpoint of the BERT family whose weights come from a seed.

The specification is a JSON file (see tests/data/checkpoints):
  seed      any integer from 0: other seeds, other weights
  config    becomes config.json, word for word; its "architectures" name the class whose tensors are written
            (of BERT …ForSequenceClassification, …ForTokenClassification, …ForQuestionAnswering or …ForMaskedLM, of
            RoBERTa, DistilBERT and MPNet the first and the last of these)
  files     how model.safetensors is written:
              dtype           "f32", "f16" or "bf16"
              prefix          whether the names start with "bert.", or what another family has in its place
              old_norm_names  whether every LayerNorm, that of cls.predictions, too, has gamma and beta in place of
                              weight and bias: all that older checkpoints call otherwise
              position_ids    whether the integer buffer that older transformers saved is there too
              shards          into how many files the tensors go (1: model.safetensors, else an index and shards)
  rows      lengths of the rows of random token ids for export_reference.py --token-rows, written to rows.tsv
  tokenizer "unigram" for one in XLM-RoBERTa's form (unigram.py), in place of a vocabulary

The vocabulary is [PAD] [UNK] [CLS] [SEP] [MASK] and then one character a token, from U+4E00 on.
The Rust tests write the same directory, to the bit (tests/support/checkpoint.rs), where no tokenizer is named.
"""
import argparse
import json
import sys
from pathlib import Path

import needs
import seeded
from families import family, own_name, size

with needs.packages("safetensors", "torch"):
    import torch
    from safetensors.torch import save_file

# As a specification names them, and as torch does.
DTYPES = {"f32": "float32", "f16": "float16", "bf16": "bfloat16"}
SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
SIZES = ("vocab_size", "hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads",
         "max_position_embeddings")


def read(path):
    """The specification in a file."""
    try:
        spec = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(spec, dict):
            raise ValueError("not a JSON object")
        check(spec)
    except KeyError as error:
        raise ValueError(f"{path}: the specification lacks {error}") from None
    except (TypeError, ValueError) as error:
        raise ValueError(f"{path}: {error}") from None
    return spec


def check(spec):
    """Refuses what `write` would not write as the specification says."""
    files, config = spec["files"], spec["config"]
    if not isinstance(config, dict):
        raise ValueError("config is not a JSON object")
    count = len(seeded.shapes(config))
    for key in SIZES:
        found = size(config, key)
        if not isinstance(found, int) or found < 1:
            raise ValueError(f"{key} is {found!r}, not a number from 1")
    if config["vocab_size"] <= len(SPECIAL):
        raise ValueError(f"vocab_size is {config['vocab_size']}: the special tokens alone are {len(SPECIAL)}")
    if not isinstance(spec["seed"], int) or spec["seed"] < 0:
        raise ValueError(f"seed is {spec['seed']!r}, not an integer from 0")
    if files["dtype"] not in DTYPES:
        raise ValueError(f"dtype is {files['dtype']!r}, not one of {', '.join(DTYPES)}")
    if not isinstance(files["shards"], int) or not 1 <= files["shards"] <= count:
        raise ValueError(f"shards is {files['shards']!r}, not a number from 1 to {count}, that of the tensors")
    for key in ("prefix", "old_norm_names", "position_ids"):
        if not isinstance(files[key], bool):
            raise ValueError(f"{key} is {files[key]!r}, not true or false")
    if not all(isinstance(length, int) and length > 0 for length in spec["rows"]):
        raise ValueError("rows are not numbers of tokens from 1")
    if spec.get("tokenizer", "unigram") != "unigram":
        raise ValueError(f"tokenizer is {spec['tokenizer']!r}, not unigram")


def stored_name(name, spec):
    """The name that a tensor which is called `name` in a BERT has in the file."""
    files, config = spec["files"], spec["config"]
    name = own_name(config, name)
    if files["old_norm_names"]:
        name = name.replace("LayerNorm.weight", "LayerNorm.gamma").replace("LayerNorm.bias", "LayerNorm.beta")
    return name if files["prefix"] else name.removeprefix(family(config)["prefix"])


def tensors(spec):
    """Stored name -> tensor, in the order of the names."""
    config, files = spec["config"], spec["files"]
    out = {}
    for name, shape in seeded.shapes(config).items():
        values = torch.from_numpy(seeded.tensor(spec["seed"], name, shape))
        out[stored_name(name, spec)] = values.to(getattr(torch, DTYPES[files["dtype"]]))
    if files["position_ids"]:
        ids = torch.arange(config["max_position_embeddings"]).unsqueeze(0)
        out[stored_name("bert.embeddings.position_ids", spec)] = ids
    return dict(sorted(out.items()))


def write_weights(spec, out):
    """model.safetensors, or shards with the index that names each tensor's shard."""
    state, count = tensors(spec), spec["files"]["shards"]
    metadata = {"format": "pt"}
    if count == 1:
        save_file(state, out / "model.safetensors", metadata)
        return
    names = list(state)
    shard_of = {name: f"model-{place * count // len(names) + 1:05}-of-{count:05}.safetensors"
                for place, name in enumerate(names)}
    for shard in sorted(set(shard_of.values())):
        save_file({name: state[name] for name in names if shard_of[name] == shard}, out / shard, metadata)
    total = sum(t.numel() * t.element_size() for t in state.values())
    index = {"metadata": {"total_size": total}, "weight_map": shard_of}
    (out / "model.safetensors.index.json").write_text(json.dumps(index, indent=2) + "\n")


def write_vocabulary(config, out):
    """vocab.txt, and the settings of BERT's tokenizer."""
    vocab = SPECIAL + [chr(0x4E00 + place) for place in range(config["vocab_size"] - len(SPECIAL))]
    (out / "vocab.txt").write_text("".join(token + "\n" for token in vocab), encoding="utf-8")
    tokenizer = {"tokenizer_class": "BertTokenizer", "do_lower_case": True, "strip_accents": None,
                 "tokenize_chinese_chars": True, "model_max_length": config["max_position_embeddings"]}
    (out / "tokenizer_config.json").write_text(json.dumps(tokenizer, indent=2) + "\n")


def write(spec, out):
    """The whole directory."""
    out.mkdir(parents=True, exist_ok=True)
    config = spec["config"]
    (out / "config.json").write_text(json.dumps(config, indent=2) + "\n")
    if "tokenizer" in spec:
        # What it needs, no other specification does.
        import unigram

        needs.check()
        unigram.write(config, out)
    else:
        write_vocabulary(config, out)
    write_weights(spec, out)
    with open(out / "rows.tsv", "w") as file:
        for index, length in enumerate(spec["rows"]):
            print(*(" ".join(map(str, part)) for part in seeded.token_row(spec["seed"], config, index, length)),
                  sep="\t", file=file)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("spec", metavar="SPEC.json", type=Path)
    parser.add_argument("out", metavar="OUT_DIR", type=Path, help="made if it is not there; its files are replaced")
    args = parser.parse_args()
    needs.check()
    try:
        write(read(args.spec), args.out)
    except (OSError, ValueError) as error:
        sys.exit(f"make_checkpoint.py: {error}")


if __name__ == "__main__":
    main()
