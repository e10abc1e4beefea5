#!/usr/bin/env python3
"""Runs a model of the BERT family in PyTorch and writes what every stage of it gives: of a sequence classifier up to the scores, of a token
classifier, a question answerer or a masked language model up to the logits, of any other class the encoder, and of a
directory of sentence-transformers up to the vector.

MODEL_DIR is a Hugging Face directory (config.json, model.safetensors or pytorch_model.bin or shards with an index,
tokenizer files).
TEXTS holds one text a line, in UTF-8; a tab separates the two texts of a pair. With --token-rows its lines are
token ids separated by spaces, then a tab and the token types.

For row i, OUT.safetensors holds
  i.token_ids       int32 [T]      special tokens included
  i.token_type_ids  int32 [T]
  i.embeddings      f32 [T, H]     after their LayerNorm
  i.layer.L         f32 [T, H]     output of encoder layer L, from 0
and of a sequence classifier
  i.pooled          f32 [H]        the pooler's output, after tanh
  i.logits          f32 [labels]
  i.scores          f32 [labels]   as transformers' text-classification pipeline has them, in label order
of the other classes that give labels, places or words
  i.logits          f32 [T, n]     of each token: the labels; the start and the end of an answer; or all words
of any directory where sentence-transformers makes one
  i.embedding       f32 [D]        the vector, with the default prompt before the text
The logits of all words are many: only rows of at most 32 tokens have them, or of as many as --trace-up-to says.
With --logits-only, which is for sequence classifiers, it holds token_ids [sum of T], cu_seqlens [rows + 1] (row i is cu_seqlens[i]..cu_seqlens[i + 1]),
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
from bert import has_vectors, is_classifier, is_masked, load_model, run, weight_files

with needs.packages("numpy", "safetensors", "tokenizers", "torch", "transformers"):
    import numpy as np
    import safetensors
    import tokenizers
    import torch
    import transformers
    from safetensors.numpy import save_file
    from transformers import AutoTokenizer, TextClassificationPipeline

# Of a row of more tokens the logits of all words are not written: with 30,000 words these take 4 MB.
MOST_WITH_WORDS = 32


def load_tokenizer(model_dir, model, max_tokens):
    """The tokenizer and how many tokens a row may have."""
    tokenizer = AutoTokenizer.from_pretrained(model_dir)
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
        ids = batch["input_ids"][0]
        yield ids, batch.get("token_type_ids", [[0] * len(ids)])[0]


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
        for name, found, limit in (("id", ids, config.vocab_size), ("type", types, getattr(config, "type_vocab_size", 1))):
            if not 0 <= min(found) <= max(found) < limit:
                raise ValueError(f"{where}: a token {name} that is not from 0 to {limit - 1}")
        yield ids, types


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
    """Every stage of every row, but for what `is_written` leaves out."""
    out, scores = {}, scorer(model) if is_classifier(model) else None
    for i, (ids, types) in enumerate(progress(rows)):
        stages = run(model, ids, types)
        written = [name for name in stages if is_written(name, model, len(ids), trace_up_to)]
        if not written:
            raise ValueError(f"row {i} has {len(ids)} tokens: with --trace-up-to {trace_up_to} nothing is written of it")
        out[f"{i}.token_ids"] = np.array(ids, dtype=np.int32)
        out[f"{i}.token_type_ids"] = np.array(types, dtype=np.int32)
        if scores:
            out[f"{i}.scores"] = scores(stages["logits"])
        for name in written:
            out[f"{i}.{name}"] = np.ascontiguousarray(stages[name])
    return out


def is_written(name, model, tokens, trace_up_to):
    """Whether a row of so many tokens has this stage: what is large for each token only if they are at most `trace_up_to`."""
    if name == "logits" and is_masked(model):
        return tokens <= (MOST_WITH_WORDS if trace_up_to is None else trace_up_to)
    return name in ("pooled", "logits") or trace_up_to is None or tokens <= trace_up_to


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
    if logits_only and not is_classifier(model):
        raise ValueError(f"{model_dir}: has no logits of a whole row, its class is no sequence classifier")
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
                        help="write embeddings, layers and the logits of all words only for rows of at most N tokens "
                             "(default: for all, but the last of these for 32)")
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
