#!/usr/bin/env python3
"""Writes what sentence-transformers computes, and the files by which its directories say how: tests/data/sentence, and
tests/data/cross-encoder.

    make_sentence_models.py

Each NAME/ has the files of a directory but the encoder's, which is CHECKPOINT of tests/data/checkpoints without its head,
and expected.json: texts, and the vector of each, with the model's default prompt or one that is named; of cross-encoders,
which are CROSS with some more keys in config.json (more.json), a query and the score of each document.
"""
import argparse
import json
import tempfile
from pathlib import Path

import export_reference
import make_checkpoint
import needs

with needs.packages("numpy", "safetensors", "sentence-transformers", "torch", "transformers"):
    import torch
    from safetensors.torch import save_file
    from sentence_transformers import CrossEncoder, SentenceTransformer

DATA = Path(__file__).resolve().parent.parent / "tests" / "data"
OUT = DATA / "sentence"
CHECKPOINT = "gelu-multi-label"
CROSS_OUT = DATA / "cross-encoder"
CROSS = "gelu-one-label-bf16-shards"
TEXTS = ["一丁七", "一丁七万丈三上下不与丐丑专且世丘丙业丛东丝丞丢两严並丧", "", "一 丁 unknown", "丁一"]
OLD = "sentence_transformers.models."
NEW = {
    "Transformer": "sentence_transformers.base.modules.transformer.Transformer",
    "Pooling": "sentence_transformers.sentence_transformer.modules.pooling.Pooling",
    "Dense": "sentence_transformers.base.modules.dense.Dense",
    "Normalize": "sentence_transformers.base.modules.normalize.Normalize",
}
HIDDEN = 72
# Those of which every stage is written, too, to reference.safetensors.
TRACED = ["dense-tanh", "default-prompt"]
FLAGS = ["cls_token", "max_tokens", "mean_tokens", "mean_sqrt_len_tokens", "weightedmean_tokens", "lasttoken"]
PROMPTS = {"query": "丙业", "passage": "丛", "none": ""}


def old_pooling(*modes, **more):
    """As versions before 6 write it."""
    return {"word_embedding_dimension": HIDDEN, **{f"pooling_mode_{flag}": flag in modes for flag in FLAGS}, **more}


def new_pooling(mode, **more):
    return {"embedding_dimension": HIDDEN, "pooling_mode": mode, "include_prompt": True, **more}


def dense(seed, outputs, activation, inputs=HIDDEN, bias=True, **more):
    """A Dense module: its configuration, and the seed of its weights."""
    return {"in_features": inputs, "out_features": outputs, "bias": bias, "activation_function": activation, **more}, seed


def dense_weights(config, seed):
    generator = torch.Generator().manual_seed(seed)
    outputs, inputs = config["out_features"], config["in_features"]
    weights = {"linear.weight": torch.randn(outputs, inputs, generator=generator) / inputs**0.5}
    if config["bias"]:
        weights["linear.bias"] = torch.randn(outputs, generator=generator)
    return weights


ACTIVATION = "torch.nn.modules.activation."
# Name -> old or new form, pooling, dense modules, whether it normalizes, further files.
MODELS = {
    **{f"old-{flag.replace('_', '-')}": ("old", old_pooling(flag), [], False, {}) for flag in FLAGS},
    "old-all-normalized": ("old", old_pooling(*FLAGS), [], True, {}),
    "new-cls": ("new", new_pooling("cls"), [], True, {}),
    "new-two": ("new", new_pooling(["weightedmean", "cls"]), [], False, {}),
    "max-tokens": ("old", old_pooling("mean_tokens"), [], False,
                   {"sentence_bert_config.json": {"max_seq_length": 7, "do_lower_case": False}}),
    "dense-tanh": ("old", old_pooling("mean_tokens"), [dense(1, 40, ACTIVATION + "Tanh")], True, {}),
    "dense-twice": ("new", new_pooling(["cls", "max"]), [
        dense(2, 33, ACTIVATION + "GELU", 2 * HIDDEN, module_input_name="sentence_embedding",
              module_output_name="sentence_embedding"),
        dense(3, 5, "torch.nn.modules.linear.Identity", 33, bias=False)], False, {}),
    "dense-relu": ("old", old_pooling("max_tokens"), [dense(4, 24, ACTIVATION + "ReLU")], False, {}),
    "dense-sigmoid": ("old", old_pooling("max_tokens"), [dense(5, 24, ACTIVATION + "Sigmoid")], False, {}),
    "default-prompt": ("old", old_pooling("mean_tokens"), [], False, {
        "config_sentence_transformers.json": {"prompts": PROMPTS, "default_prompt_name": "query"}}),
    **{f"prompt-out-of-{mode}": ("new", new_pooling(mode, include_prompt=False), [], False, {
        "config_sentence_transformers.json": {"prompts": PROMPTS, "default_prompt_name": None}})
        for mode in ["mean", "cls", "max", "weightedmean", "lasttoken"]},
}


def write(directory, form, pooling, layers, normalize, files):
    """The files of one directory, without the encoder's."""
    kinds = ["Transformer", "Pooling", *["Dense"] * len(layers), *["Normalize"] * normalize]
    paths = ["", *(f"{i}_{kind}" for i, kind in enumerate(kinds) if i)]
    modules = [{"idx": i, "name": str(i), "path": path, "type": OLD + kind if form == "old" else NEW[kind]}
               for i, (kind, path) in enumerate(zip(kinds, paths))]
    contents = {"modules.json": modules, f"{paths[1]}/config.json": pooling, **files}
    for path, (config, seed) in zip(paths[2:], layers):
        contents[f"{path}/config.json"] = config
        (directory / path).mkdir(parents=True, exist_ok=True)
        save_file(dense_weights(config, seed), directory / path / "model.safetensors")
    for name, content in contents.items():
        (directory / name).parent.mkdir(parents=True, exist_ok=True)
        (directory / name).write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def compute(directory, prompts):
    """What the package makes of it: rows of a text, the prompt's name and the vector."""
    model = SentenceTransformer(str(directory), device="cpu")
    rows = []
    for prompt in [None, *prompts]:
        for text, vector in zip(TEXTS, model.encode(TEXTS, prompt_name=prompt, batch_size=2)):
            rows.append({"prompt": prompt, "text": text, "embedding": [float(f"{x:.8g}") for x in vector]})
    return rows


IDENTITY, SIGMOID = "torch.nn.modules.linear.Identity", ACTIVATION + "Sigmoid"
# Name -> further keys of config.json, further files.
CROSS_ENCODERS = {
    "plain": ({}, {}),
    "old-identity": ({"sbert_ce_default_activation_function": IDENTITY}, {}),
    "identity": ({"sentence_transformers": {"activation_fn": IDENTITY, "version": "4.1.0"}}, {}),
    "sigmoid": ({"sentence_transformers": {"activation_fn": SIGMOID}}, {}),
    "new-identity": ({}, {
        "modules.json": [{"idx": 0, "name": "0", "path": "", "type": NEW["Transformer"]}],
        "sentence_bert_config.json": {"max_seq_length": 24, "transformer_task": "sequence-classification", "modality_config": {
            "text": {"method": "forward", "method_output_name": "logits"}}, "module_output_name": "scores"},
        "config_sentence_transformers.json": {"activation_fn": IDENTITY, "model_type": "CrossEncoder", "prompts": {}}}),
}


def cross_encoder(name, more, files):
    directory = CROSS_OUT / name
    directory.mkdir(parents=True, exist_ok=True)
    for file, content in {"more.json": more, **files}.items():
        (directory / file).write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    with tempfile.TemporaryDirectory() as scratch:
        place = Path(scratch)
        make_checkpoint.write(json.loads((DATA / "checkpoints" / f"{CROSS}.json").read_text()), place)
        config = json.loads((place / "config.json").read_text())
        (place / "config.json").write_text(json.dumps({**config, **more}))
        for file, content in files.items():
            (place / file).write_text(json.dumps(content))
        model = CrossEncoder(scratch, device="cpu", model_kwargs={"dtype": torch.float32})
        scores = model.predict([(TEXTS[0], text) for text in TEXTS[1:]])
        ranks = [found["corpus_id"] for found in model.rank(TEXTS[0], TEXTS[1:])]
    expected = {"query": TEXTS[0], "documents": TEXTS[1:], "scores": [float(f"{x:.8g}") for x in scores], "rank": ranks}
    (directory / "expected.json").write_text(json.dumps(expected, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.parse_args()
    needs.check()
    spec = json.loads((DATA / "checkpoints" / f"{CHECKPOINT}.json").read_text())
    for name, model in MODELS.items():
        write(OUT / name, *model)
        with tempfile.TemporaryDirectory() as scratch:
            place = Path(scratch) / name
            place.mkdir()
            make_checkpoint.write(spec, place)
            write(place, *model)
            prompts = PROMPTS if "config_sentence_transformers.json" in model[-1] else []
            rows = compute(place, prompts)
            if name in TRACED:
                texts = Path(scratch) / "texts"
                texts.write_text("\n".join(TEXTS) + "\n", encoding="utf-8")
                export_reference.export(place, texts, OUT / name / "reference.safetensors")
        lines = ",\n".join(json.dumps(row, ensure_ascii=False) for row in rows)
        (OUT / name / "expected.json").write_text(f"[\n{lines}\n]\n", encoding="utf-8")
    for name, model in CROSS_ENCODERS.items():
        cross_encoder(name, *model)


if __name__ == "__main__":
    main()
