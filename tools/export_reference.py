#!/usr/bin/env python3
"""Runs a BERT in PyTorch and writes what every stage of it gives: of a sequence classifier up to the scores, of any other class
the encoder, and of a directory of sentence-transformers up to the vector.

MODEL_DIR is a Hugging Face directory (config.json, model.safetensors or pytorch_model.bin or shards with an index,
tokenizer files).
TEXTS holds one text a line, in UTF-8; a tab separates the two texts of a pair. With --token-rows its lines are
token ids separated by spaces, then a tab and the token types.

For row i, OUT.safetensors holds
  i.token_ids       int32 [T]      special tokens included
  i.token_type_ids  int32 [T]
  i.embeddings      f32 [T, H]     after their LayerNorm
  i.layer.L         f32 [T, H]     output of encoder layer L, from 0
  i.pooled          f32 [H]        the pooler's output, after tanh
  i.logits          f32 [labels]
  i.scores          f32 [labels]   as transformers' text-classification pipeline has them, in label order
of any other class instead of the last three, where sentence-transformers makes one,
  i.embedding       f32 [D]        the vector, with the default prompt before the text
With --logits-only it holds token_ids [sum of T], cu_seqlens [rows + 1] (row i is cu_seqlens[i]..cu_seqlens[i + 1]),
token_type_ids [sum of T] unless all are 0, and logits [rows, labels].
The file's metadata is one JSON object, under "reference": the versions, the model's name, the number of rows and the
SHA-256 of the weights' files.

Everything runs in f32 on one thread with eager attention, each row alone: no padding, no mask.
"""
import argparse
import hashlib
import json
import pickle
import sys
from pathlib import Path

import needs

with needs.packages("numpy", "safetensors", "tokenizers", "torch", "transformers"):
    import numpy as np
    import safetensors
    import tokenizers
    import torch
    import transformers
    from safetensors.numpy import save_file
    from safetensors.torch import load_file
    from transformers import BertConfig, BertForSequenceClassification, BertModel, BertTokenizerFast
    from transformers import TextClassificationPipeline

# Tensors of checkpoints made with older transformers or for pre-training, which a classifier does not have.
NOT_OURS = ("embeddings.position_ids", "cls.predictions.", "cls.seq_relationship.")
# Of these an encoder has none.
OF_HEADS = ("bert.pooler.", "classifier.", "qa_outputs.")


def weight_files(model_dir):
    """The files that hold the weights, in the order of their names."""
    for name in ["model.safetensors", "pytorch_model.bin"]:
        index = model_dir / f"{name}.index.json"
        if (model_dir / name).exists():
            return [model_dir / name]
        if index.exists():
            return [model_dir / shard for shard in sorted(set(json.loads(index.read_text())["weight_map"].values()))]
    raise ValueError(f"{model_dir}: neither model.safetensors nor pytorch_model.bin")


def load_weights(path):
    """The tensors of one file."""
    if path.suffix == ".bin":
        return torch.load(path, map_location="cpu", weights_only=True)
    return load_file(path)


def modern_name(name):
    """The name that BertForSequenceClassification uses: with the prefix, LayerNorm with weight and bias."""
    name = name.replace("LayerNorm.gamma", "LayerNorm.weight").replace("LayerNorm.beta", "LayerNorm.bias")
    return name if name.startswith(("bert.", "classifier.", "cls.")) else "bert." + name


def load_model(model_dir):
    """The classifier in f32, or the encoder where there is none, every weight taken from the files or an error."""
    if not (model_dir / "config.json").exists():
        raise ValueError(f"{model_dir}: not a checkpoint directory, it has no config.json")
    config = BertConfig.from_pretrained(model_dir, attn_implementation="eager")
    if config.model_type != "bert":
        raise ValueError(f"model_type is {config.model_type!r}, only 'bert' is handled")
    state = {}
    for file in weight_files(model_dir):
        for name, tensor in load_weights(file).items():
            if not any(part in name for part in NOT_OURS):
                state[modern_name(name)] = tensor.float()
    if is_classifier(config, model_dir):
        model = BertForSequenceClassification(config)
    else:
        model = BertModel(config, add_pooling_layer=False)
        state = {name.removeprefix("bert."): tensor for name, tensor in state.items() if not name.startswith(OF_HEADS)}
    model.load_state_dict(state, strict=True)
    return model.eval()


def is_classifier(config, model_dir):
    """Whether labels are the answer: an old configuration names no class, and sentence-transformers reads the encoder."""
    names = config.architectures or ["BertForSequenceClassification"]
    return "BertForSequenceClassification" in names and not has_vectors(model_dir)


def has_vectors(model_dir):
    """Whether sentence-transformers makes a vector of a text with this directory."""
    path = model_dir / "modules.json"
    return path.exists() and len(json.loads(path.read_text())) > 1


def load_tokenizer(model_dir, model, max_tokens):
    """The tokenizer and how many tokens a row may have."""
    tokenizer = BertTokenizerFast.from_pretrained(model_dir)
    limit = min(model.config.max_position_embeddings, tokenizer.model_max_length)
    if max_tokens is not None and max_tokens > limit:
        raise ValueError(f"--max-tokens {max_tokens}: this model takes at most {limit}")
    return tokenizer, max_tokens or limit


def lines(path):
    """The lines of a UTF-8 file; only a newline ends one."""
    try:
        text = path.read_bytes().decode()
    except UnicodeDecodeError as error:
        raise ValueError(f"{path}: not UTF-8: {error.reason} at byte {error.start}") from None
    return text.removesuffix("\n").split("\n") if text else []


def text_rows(path, tokenizer, max_tokens):
    """(token ids, token types) of each line of a file of texts."""
    for number, line in enumerate(lines(path), 1):
        text, *pair = line.split("\t")
        if len(pair) > 1:
            raise ValueError(f"{path}: line {number}: more than one tab")
        # A batch of one: asked for a single pair, the tokenizer takes an empty second text for none at all.
        batch = tokenizer([(text, *pair) if pair else text], truncation=True, max_length=max_tokens)
        yield batch["input_ids"][0], batch["token_type_ids"][0]


def token_rows(path, config):
    """(token ids, token types) of each line of a file of rows."""
    for number, line in enumerate(lines(path), 1):
        where = f"{path}: line {number}"
        try:
            ids, _, types = ([int(each) for each in part.split()] for part in line.partition("\t"))
        except ValueError as error:
            raise ValueError(f"{where}: {error}") from None
        if not ids or len(ids) != len(types):
            raise ValueError(f"{where}: {len(ids)} token ids and {len(types)} token types")
        if len(ids) > config.max_position_embeddings:
            raise ValueError(f"{where}: {len(ids)} tokens, the model takes at most {config.max_position_embeddings}")
        for name, found, limit in (("id", ids, config.vocab_size), ("type", types, config.type_vocab_size)):
            if not 0 <= min(found) <= max(found) < limit:
                raise ValueError(f"{where}: a token {name} that is not from 0 to {limit - 1}")
        yield ids, types


def run(model, ids, types):
    """Every stage for one row, by the names that the output file uses."""
    is_encoder = isinstance(model, BertModel)
    with torch.inference_mode():
        base = (model if is_encoder else model.bert)(
            input_ids=torch.tensor([ids]), token_type_ids=torch.tensor([types]), output_hidden_states=True)
        embeddings, *layers = base.hidden_states
        stages = {"embeddings": embeddings, **{f"layer.{i}": layer for i, layer in enumerate(layers)}}
        if not is_encoder:
            logits = model.classifier(model.dropout(base.pooler_output))
            stages |= {"pooled": base.pooler_output, "logits": logits}
    return {name: tensor[0].numpy() for name, tensor in stages.items()}


def vectors(model_dir, texts):
    """(token ids, vector) of each line of a file of texts, by sentence-transformers, in f32 and each text alone."""
    with needs.packages("sentence-transformers"):
        from sentence_transformers import SentenceTransformer
    needs.check()
    model = SentenceTransformer(str(model_dir), device="cpu", model_kwargs={"attn_implementation": "eager"})
    model = model.float().eval()
    prompt = model.prompts.get(model.default_prompt_name, "") if model.default_prompt_name else ""
    for text in lines(texts):
        ids = model.preprocess([prompt + text])["input_ids"][0].tolist()
        yield ids, np.ascontiguousarray(model.encode([text], show_progress_bar=False)[0], dtype=np.float32)


def scorer(model):
    """Logits -> scores, through the pipeline's own code."""
    pipeline = TextClassificationPipeline(model=model, tokenizer=None, framework="pt", device="cpu")
    place = {label: index for index, label in model.config.id2label.items()}

    def scores(logits):
        found = pipeline.postprocess({"logits": torch.tensor(logits)[None]}, top_k=None, _legacy=False)
        return np.array([s["score"] for s in sorted(found, key=lambda s: place[s["label"]])], dtype=np.float32)

    return scores


def export_full(model, rows, trace_up_to):
    """Every stage of every row; the rows by token only for rows of at most `trace_up_to` tokens."""
    out, scores = {}, None if isinstance(model, BertModel) else scorer(model)
    for i, (ids, types) in enumerate(progress(rows)):
        stages = run(model, ids, types)
        out[f"{i}.token_ids"] = np.array(ids, dtype=np.int32)
        out[f"{i}.token_type_ids"] = np.array(types, dtype=np.int32)
        if scores:
            out[f"{i}.scores"] = scores(stages["logits"])
        for name, values in stages.items():
            if values.ndim == 1 or trace_up_to is None or len(ids) <= trace_up_to:
                out[f"{i}.{name}"] = np.ascontiguousarray(values)
    return out


def export_logits(model, rows):
    """Ids and logits alone, packed."""
    out = {
        "token_ids": np.array([i for ids, _ in rows for i in ids], dtype=np.int32),
        "token_type_ids": np.array([t for _, types in rows for t in types], dtype=np.int32),
        "cu_seqlens": np.cumsum([0] + [len(ids) for ids, _ in rows], dtype=np.int32),
        "logits": np.stack([run(model, ids, types)["logits"] for ids, types in progress(rows)]),
    }
    if not out["token_type_ids"].any():
        del out["token_type_ids"]
    return out


def progress(rows):
    """The rows, counted on standard error when somebody may be looking."""
    for i, row in enumerate(rows):
        if sys.stderr.isatty():
            print(f"\r{i + 1} of {len(rows)}", end="" if i + 1 < len(rows) else "\n", file=sys.stderr, flush=True)
        yield row


def metadata(model_dir, rows):
    """Where the numbers come from."""
    digest = hashlib.sha256()
    for file in weight_files(model_dir):
        with open(file, "rb") as stream:
            while block := stream.read(1 << 20):
                digest.update(block)
    versions = {m.__name__: m.__version__ for m in (torch, transformers, tokenizers, safetensors, np)}
    known = {"model": model_dir.resolve().name, "weights_sha256": digest.hexdigest(), "rows": len(rows),
             "arithmetic": "f32, eager attention, one thread, one row at a time", **versions}
    # One key: safetensors writes several in an order that changes from run to run.
    return {"reference": json.dumps(known)}


def export(model_dir, texts, out, *, as_tokens=False, logits_only=False, max_tokens=None, trace_up_to=None):
    """The whole job; returns how many rows were written."""
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    model = load_model(model_dir)
    if has_vectors(model_dir):
        if as_tokens or logits_only or max_tokens:
            raise ValueError(f"{model_dir}: of sentence-transformers, which reads texts as its directory says")
        found = list(vectors(model_dir, texts))
        rows = [(ids, [0] * len(ids)) for ids, _ in found]
    elif as_tokens:
        rows = list(token_rows(texts, model.config))
    else:
        rows = list(text_rows(texts, *load_tokenizer(model_dir, model, max_tokens)))
    if not rows:
        raise ValueError(f"{texts}: no rows")
    if logits_only and isinstance(model, BertModel):
        raise ValueError(f"{model_dir}: has no logits, its class is no sequence classifier")
    stages = export_logits(model, rows) if logits_only else export_full(model, rows, trace_up_to)
    if has_vectors(model_dir):
        stages |= {f"{i}.embedding": vector for i, (_, vector) in enumerate(found)}
    save_file(stages, out, metadata(model_dir, rows))
    return len(rows)


def positive(text):
    """A number of tokens, as an argument."""
    if text.isascii() and text.isdigit() and int(text) > 0:
        return int(text)
    raise argparse.ArgumentTypeError(f"{text!r} is not a number from 1")


def expected():
    """What the libraries raise of files that are not what they should be."""
    return (OSError, ValueError, KeyError, IndexError, RuntimeError, EOFError, pickle.UnpicklingError,
            safetensors.SafetensorError)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model_dir", metavar="MODEL_DIR", type=Path)
    parser.add_argument("texts", metavar="TEXTS", type=Path)
    parser.add_argument("-o", "--out", metavar="OUT.safetensors", type=Path, required=True)
    parser.add_argument("--token-rows", action="store_true", help="TEXTS holds token ids and types, not texts")
    parser.add_argument("--logits-only", action="store_true", help="write ids and logits alone, packed")
    parser.add_argument("--max-tokens", metavar="N", type=positive,
                        help="cut texts at N tokens, special ones included (default: as long as the model takes)")
    parser.add_argument("--trace-up-to", metavar="N", type=int,
                        help="write embeddings and layers only for rows of at most N tokens (default: for all)")
    args = parser.parse_args()
    needs.check()
    try:
        if not args.out.absolute().parent.is_dir():
            raise ValueError(f"{args.out}: there is no such directory to write it to")
        count = export(args.model_dir, args.texts, args.out, as_tokens=args.token_rows,
                       logits_only=args.logits_only, max_tokens=args.max_tokens, trace_up_to=args.trace_up_to)
    except expected() as error:
        sys.exit(f"export_reference.py: {type(error).__name__}: {error}")
    print(f"{args.out}: {count} rows, {args.out.stat().st_size:,} bytes", file=sys.stderr)


if __name__ == "__main__":
    main()
