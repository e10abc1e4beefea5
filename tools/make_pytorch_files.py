#!/usr/bin/env python3
"""Writes small files as torch.save does, and what is in them: tests/data/pytorch.

  NAME.bin            good ones: NAME.safetensors beside it has the same tensors
  bad-NAME.bin        ones that must be refused
  wrapped-NAME.bin    ones with a state dict somewhere in them, or names with a prefix: refused with the command that mends them
  classifier/         a checkpoint directory: odd-heads-of-11 of tests/data/checkpoints, as one pytorch_model.bin
  shards/             two .bin files and pytorch_model.bin.index.json
"""
import argparse
import json
import os
import shutil
import sys
import tempfile
from collections import OrderedDict, defaultdict
from pathlib import Path

import make_checkpoint
import needs

with needs.packages("numpy", "safetensors", "torch"):
    import numpy as np
    import torch
    from safetensors.torch import load_file, save_file

DATA = Path(__file__).resolve().parent.parent / "tests" / "data"
OUT = DATA / "pytorch"


def tiny():
    """A whole module, as torch.save(model) pickles it: named by this program, which has it only while torch is there."""
    kind = type("Tiny", (torch.nn.Module,), {"__module__": __name__})
    globals()["Tiny"] = kind
    module = kind()
    module.embeddings = torch.nn.Embedding(2, 3)
    return module


class Calls:
    """A pickle that calls something when it is read; harmless here."""

    def __reduce__(self):
        return os.getpid, ()


def numbers(*shape, dtype=None):
    generator = torch.Generator().manual_seed(sum(shape))
    return torch.randn(*shape, generator=generator).to(dtype or torch.float32)


def good():
    """Name -> (state dict, keyword arguments of torch.save)."""
    base = numbers(6, 8)
    shared = OrderedDict(whole=base, transposed=base.t(), rows=base[2:5], columns=base[:, 3:5], every_other=base[::2, ::3],
                         one=base[1, 2], last=base[5], permuted=numbers(2, 3, 4).permute(2, 0, 1))
    module = torch.nn.Linear(5, 3)
    with torch.no_grad():
        module.weight.copy_(numbers(3, 5))
        module.bias.copy_(numbers(3))
    types = OrderedDict(f16=numbers(7, dtype=torch.float16), bf16=numbers(2, 3, dtype=torch.bfloat16),
                        position_ids=torch.arange(9).expand(1, -1), doubles=numbers(2, dtype=torch.float64),
                        bools=torch.tensor([True, False]), bytes=torch.arange(3, dtype=torch.uint8),
                        empty=torch.empty(0, 4), scalar=torch.tensor(1.5))
    return {
        "plain": (OrderedDict(a=numbers(3, 4), b=numbers(5)), {}),
        "views": (shared, {}),
        "types": (types, {}),
        "module": (module.state_dict(), {}),
        "parameters": ({"a": torch.nn.Parameter(numbers(2, 2)), "b": numbers(3)}, {}),
        "protocol-4": (OrderedDict(a=numbers(3, 4), b=numbers(5)), {"pickle_protocol": 4}),
    }


def bad():
    plain = OrderedDict(a=numbers(3, 4))
    return {
        "bad-call": ({"a": numbers(2), "b": Calls()}, {}),
        "bad-training": ({"state_dict": dict(plain), "epoch": 3}, {}),
        "bad-list": ([numbers(2)], {}),
        "bad-legacy": (plain, {"_use_new_zipfile_serialization": False}),
        "bad-expanded": ({"a": torch.zeros(1).expand(1000, 1000)}, {}),
    }


def wrapped():
    """What people save instead of a state dict; `bert` stands for a model's."""
    bert = OrderedDict({"bert.embeddings.word_embeddings.weight": numbers(2, 3), "classifier.bias": numbers(2)})
    prefixed = lambda prefix: OrderedDict((prefix + name, tensor) for name, tensor in bert.items())
    parameter = torch.nn.Parameter(numbers(3))
    optimizer = torch.optim.AdamW([parameter], lr=0.1)
    parameter.sum().backward()
    optimizer.step()
    everything = {
        "epoch": 3, "loss": 0.1, "best": None, "done": False, "big": 1 << 70, "negative": -(1 << 40), "raw": b"x",
        "shape": (1, 2.5, "a"), "history": [0.5, [1, 2]], "kinds": {1, 2}, "frozen": frozenset([3]),
        "args": argparse.Namespace(lr=0.1), "score": np.float64(0.5), "device": torch.device("cpu"),
        "counts": defaultdict(int, a=1), "optimizer": optimizer.state_dict(),
    }
    return {
        "float": ({"epoch": 3, "loss": 0.1, "model_state_dict": dict(bert)}, {}),
        "everything": ({**everything, "trainer": {"nets": [prefixed("module.")]}}, {}),
        "plain-values": ({"optimizer": optimizer.state_dict(), "lr": 1e-5, "model": bert, "ema": bert.copy()}, {}),
        "lightning": ({"state_dict": prefixed("model."), "pytorch-lightning_version": "2.5.0", "global_step": 7}, {}),
        "only": ({"state_dict": bert}, {"pickle_protocol": 4}),
        "mixed": ({**bert, "epoch": 3}, {}),
        "module": (tiny(), {}),
        "module-in-dict": ({"epoch": 1, "model": tiny()}, {}),
        "object": ({**bert, "args": argparse.Namespace(lr=0.1)}, {}),
        "parallel": (prefixed("module."), {}),
        "compiled": (prefixed("_orig_mod."), {}),
    }


def classifier():
    """The same weights as the shards of the seeded checkpoint."""
    spec = json.loads((DATA / "checkpoints" / "odd-heads-of-11.json").read_text())
    with tempfile.TemporaryDirectory() as scratch:
        source = Path(scratch)
        make_checkpoint.write(spec, source)
        out = OUT / "classifier"
        out.mkdir(exist_ok=True)
        state_dict = OrderedDict()
        for shard in sorted(source.glob("*.safetensors")):
            state_dict.update(load_file(shard))
        torch.save(state_dict, out / "pytorch_model.bin")
        for name in ["config.json", "vocab.txt", "tokenizer_config.json"]:
            shutil.copy(source / name, out / name)


def shards():
    out = OUT / "shards"
    out.mkdir(exist_ok=True)
    parts = {"pytorch_model-00001-of-00002.bin": {"a": numbers(2, 2)}, "pytorch_model-00002-of-00002.bin": {"b": numbers(3)}}
    for name, tensors in parts.items():
        torch.save(tensors, out / name)
    weight_map = {tensor: name for name, tensors in parts.items() for tensor in tensors}
    (out / "pytorch_model.bin.index.json").write_text(json.dumps({"metadata": {}, "weight_map": weight_map}) + "\n")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.parse_args()
    needs.check()
    OUT.mkdir(exist_ok=True)
    named = {f"wrapped-{name}": what for name, what in wrapped().items()}
    for name, (value, arguments) in {**good(), **bad(), **named}.items():
        torch.save(value, OUT / f"{name}.bin", **arguments)
    for name, (state_dict, _) in good().items():
        save_file({key: value.detach().clone().contiguous() for key, value in state_dict.items()},
                  OUT / f"{name}.safetensors")
    classifier()
    shards()
    for path in sorted(OUT.rglob("*")):
        if path.is_file():
            path.chmod(0o644)
            print(f"{path.relative_to(OUT)}: {path.stat().st_size:,} bytes", file=sys.stderr)


if __name__ == "__main__":
    main()
