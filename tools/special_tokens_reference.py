#!/usr/bin/env python3
"""Writes the token ids that Hugging Face gives when special and added tokens are named in each place where it looks.

    special_tokens_reference.py -o FILE

Each line of FILE is a case: {"name": ..., "files": {...}, "ids": {version of transformers: [...]}}. `files` are those of a
tokenizer's directory, beside VOCAB as its vocab.txt; `ids` are TEXT's, special tokens included, or the error's name. If
FILE exists, what other versions answered stays in it. The committed one, tests/data/tokenizer/special_tokens.jsonl, is
made by two runs, with transformers 4.57.6 and 5.24.0; `follow` names a version where the newest is not what is right.
"""

import argparse
import json
import tempfile
from pathlib import Path

import needs

with needs.packages("transformers"):
    import transformers
    from transformers import AutoTokenizer

VOCAB = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "[ANS]", "[EXT]", "[", "]", "ans", "ext", "mask", "good", "film", "<", ">", "n"]
TEXT = "good [ANS]film [ans] [EXT] [ext] [MASK] [mask] <n> <N> [UNK]good[SEP]"

ANS = {"content": "[ANS]", "single_word": False, "lstrip": False, "rstrip": False, "normalized": False}
NORMALIZED = {**ANS, "normalized": True}
TYPED = {"__type": "AddedToken", **ANS, "special": True}
TYPED_NORMALIZED = {"__type": "AddedToken", **NORMALIZED, "special": True}


def tokenizer_json():
    """As the `tokenizers` crate saves it, with one more added token than BERT has."""
    added = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "[EXT]"]
    special = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": True}
    template = [{"SpecialToken": {"id": "[CLS]", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}},
                {"SpecialToken": {"id": "[SEP]", "type_id": 0}}]  # fmt: skip
    pair = template + [{"Sequence": {"id": "B", "type_id": 1}}, {"SpecialToken": {"id": "[SEP]", "type_id": 1}}]
    ids = {token: {"id": token, "ids": [VOCAB.index(token)], "tokens": [token]} for token in ["[CLS]", "[SEP]"]}
    return {
        "version": "1.0", "truncation": None, "padding": None,
        "added_tokens": [{"id": VOCAB.index(token), "content": token, **special} for token in added],
        "normalizer": {"type": "BertNormalizer", "clean_text": True, "handle_chinese_chars": True, "strip_accents": None,
                       "lowercase": True},
        "pre_tokenizer": {"type": "BertPreTokenizer"},
        "post_processor": {"type": "TemplateProcessing", "single": template, "pair": pair, "special_tokens": ids},
        "decoder": {"type": "WordPiece", "prefix": "##", "cleanup": True},
        "model": {"type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": "##",
                  "max_input_chars_per_word": 100, "vocab": {token: id for id, token in enumerate(VOCAB)}},
    }  # fmt: skip


def config(**keys):
    return {"tokenizer_config.json": {"tokenizer_class": "BertTokenizer", **keys}}


def both(named, **keys):
    return {**config(**keys), "special_tokens_map.json": named}


def decoder(*tokens):
    return {str(VOCAB.index(token["content"]) if token["content"] in VOCAB else len(VOCAB)): token for token in tokens}


DECODED = {**ANS, "special": True}
NEW = {**DECODED, "content": "<n>"}

CASES = {
    "nothing": config(),
    "no files": {},
    # tokenizer_config.json
    "extra, dict": config(extra_special_tokens={"ans_token": "[ANS]", "ext_token": "[EXT]"}),
    "extra, dict of tokens": config(extra_special_tokens={"ans_token": TYPED}),
    "extra, dict of normalized tokens": config(extra_special_tokens={"ans_token": TYPED_NORMALIZED}),
    "extra, any name": config(extra_special_tokens={"answer": "[ANS]"}),
    "extra, dict, new": config(extra_special_tokens={"n_token": "<n>", "ans_token": "[ANS]"}),
    "extra, empty dict": config(extra_special_tokens={}),
    "extra, list": config(extra_special_tokens=["[ANS]", "[EXT]"]),
    "extra, list of tokens": config(extra_special_tokens=[TYPED, "[EXT]"]),
    "extra, list, new": config(extra_special_tokens=["[ANS]", "<n>"]),
    "extra, empty list": config(extra_special_tokens=[]),
    "extra, null": config(extra_special_tokens=None),
    "additional": config(additional_special_tokens=["[ANS]", "[EXT]"]),
    "additional, tokens": config(additional_special_tokens=[TYPED]),
    "additional, new": config(additional_special_tokens=["<n>"]),
    "additional, null": config(additional_special_tokens=None),
    "additional beside extra dict": config(additional_special_tokens=["[EXT]"], extra_special_tokens={"ans_token": "[ANS]"}),
    "additional beside extra list": config(additional_special_tokens=["[EXT]"], extra_special_tokens=["[ANS]"]),
    "additional beside empty list": config(additional_special_tokens=["[EXT]"], extra_special_tokens=[]),
    "additional beside empty dict": config(additional_special_tokens=["[EXT]"], extra_special_tokens={}),
    "model specific": config(model_specific_special_tokens={"ans_token": "[ANS]"}),
    "own key": config(ans_token="[ANS]", ext_token="[EXT]"),
    "own key, token": config(ans_token=TYPED),
    "own key that is a setting": config(add_bos_token=False, some_token=3, other_token=None),
    "as 4.57 saves it": config(extra_special_tokens={"ans_token": "[ANS]"}, ans_token="[ANS]",
                               added_tokens_decoder=decoder(DECODED)),
    "as 5.24 saves it": config(ans_token="[ANS]", extra_special_tokens=["[EXT]"], model_specific_special_tokens={"ans_token": "[ANS]"}),
    "mask as token": config(mask_token={**TYPED, "content": "[MASK]", "lstrip": True}),
    "other bos and eos": config(bos_token="[ANS]", eos_token={**TYPED, "content": "[EXT]"}),
    "other mask": config(mask_token="[ANS]"),
    "null mask": config(mask_token=None),
    "decoder": config(added_tokens_decoder=decoder(DECODED, NEW)),
    "decoder, normalized": config(added_tokens_decoder=decoder({**NORMALIZED, "special": False})),
    "decoder and extra": config(added_tokens_decoder=decoder(DECODED), extra_special_tokens={"ext_token": "[EXT]"}),
    "decoder and same extra": config(added_tokens_decoder=decoder({**DECODED, "normalized": True}), extra_special_tokens=["[ANS]"]),
    "decoder, empty": config(added_tokens_decoder={}),
    "split": config(extra_special_tokens={"ans_token": "[ANS]"}, split_special_tokens=True),
    # special_tokens_map.json
    "map: additional": both({"additional_special_tokens": ["[ANS]", "[EXT]"]}),
    "map: additional, new": both({"additional_special_tokens": ["<n>"]}),
    "map: additional, tokens": both({"additional_special_tokens": [ANS]}),
    "map: own key": both({"ans_token": "[ANS]"}),
    "map: own key, token": both({"ans_token": ANS}),
    "map: extra, list": both({"extra_special_tokens": ["[ANS]"]}),
    "map: extra, list of tokens": both({"extra_special_tokens": [ANS]}),
    "map: extra, dict": both({"extra_special_tokens": {"ans_token": "[ANS]"}}),
    "map: mask as token": both({"mask_token": {**ANS, "content": "[MASK]", "lstrip": True}}),
    "map: normalized token": both({"mask_token": {**ANS, "content": "[MASK]", "normalized": True}}),
    "map beside decoder": both({"additional_special_tokens": ["[ANS]"]}, added_tokens_decoder=decoder(NEW)),
    "map beside the same": both({"additional_special_tokens": ["[ANS]"]}, additional_special_tokens=["[ANS]"]),
    "map beside others": both({"additional_special_tokens": ["[ANS]"]}, additional_special_tokens=["[EXT]"]),
    "map: other mask": both({"mask_token": "[ANS]"}, mask_token="[EXT]"),
    "map: own key beside another": both({"ans_token": "[ANS]"}, ans_token="[EXT]"),
    # added_tokens.json
    "added": {**config(), "added_tokens.json": {"<n>": 17}},
    "added, in vocabulary": {**config(), "added_tokens.json": {"[ANS]": 5}},
    "added and named by default": {**config(), "added_tokens.json": {"[MASK]": 4}},
    "added and named": {**config(mask_token="[MASK]"), "added_tokens.json": {"[MASK]": 4}},
    "added and additional": {**config(additional_special_tokens=["<n>"]), "added_tokens.json": {"<n>": 17}},
    "added and extra dict": {**config(extra_special_tokens={"n_token": "<n>"}), "added_tokens.json": {"<n>": 17}},
    "added and extra list": {**config(extra_special_tokens=["<n>"]), "added_tokens.json": {"<n>": 17}},
    "added and map": {**both({"additional_special_tokens": ["<n>"]}), "added_tokens.json": {"<n>": 17}},
    "added beside decoder": {**config(added_tokens_decoder=decoder(DECODED)), "added_tokens.json": {"<n>": 17}},
    # tokenizer.json
    "json": {**config(), "tokenizer.json": tokenizer_json()},
    "json, extra": {**config(extra_special_tokens={"ans_token": "[ANS]"}), "tokenizer.json": tokenizer_json()},
    "json, extra list": {**config(extra_special_tokens=["[ANS]"]), "tokenizer.json": tokenizer_json()},
    "json, map": {**both({"additional_special_tokens": ["[ANS]"]}), "tokenizer.json": tokenizer_json()},
    "json, decoder": {**config(added_tokens_decoder=decoder({**DECODED, "content": "[EXT]"}, DECODED)),
                      "tokenizer.json": tokenizer_json()},
    "json as it is, extra": {"tokenizer_config.json": {"tokenizer_class": "PreTrainedTokenizerFast",
                             "extra_special_tokens": {"ans_token": "[ANS]"}}, "tokenizer.json": tokenizer_json()},
    "json as it is, extra list": {"tokenizer_config.json": {"tokenizer_class": "PreTrainedTokenizerFast",
                                  "extra_special_tokens": ["[ANS]"]}, "tokenizer.json": tokenizer_json()},
}  # fmt: skip

# Files of the time before `added_tokens_decoder` are read as 4.57 reads them.
FOLLOW = {name: "4.57.6" for name in ["map: additional, tokens", "map beside others", "added and map"]}


def ids(files):
    with tempfile.TemporaryDirectory() as directory:
        Path(directory, "vocab.txt").write_text("\n".join(VOCAB) + "\n", encoding="utf-8")
        Path(directory, "config.json").write_text('{"model_type": "bert"}', encoding="utf-8")
        for name, content in files.items():
            Path(directory, name).write_text(json.dumps(content), encoding="utf-8")
        try:
            return AutoTokenizer.from_pretrained(directory)(TEXT)["input_ids"]
        except Exception as error:
            return type(error).__name__


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("-o", "--output", type=Path, required=True)
    args = parser.parse_args()
    needs.check()
    lines = args.output.read_text(encoding="utf-8").splitlines() if args.output.exists() else []
    before = {case["name"]: case["ids"] for case in map(json.loads, lines)}
    with args.output.open("w", encoding="ascii") as file:
        for name, files in CASES.items():
            answers = {**before.get(name, {}), transformers.__version__: ids(files)}
            case = {"name": name, "files": files, "ids": dict(sorted(answers.items()))}
            if name in FOLLOW:
                case["follow"] = FOLLOW[name]
            file.write(json.dumps(case, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main()
