#!/usr/bin/env python3
"""Writes the token ids that Hugging Face's tokenizers give for generated texts.

    tokenizer_reference.py DIRECTORY -o FILE [--count N] [--seed S] [--settings JSON]...

DIRECTORY holds a tokenizer as a checkpoint has it: with a vocab.txt BertTokenizerFast reads it, else AutoTokenizer does. With
--settings, only its vocab.txt is taken, and each JSON stands for a tokenizer_config.json beside it. The first line of FILE says how it was made; each other line is a case:
{"text": ..., "pair": ... or absent, "max": ... or absent, "rows": [[ids of type 0, ids of type 1], ...]} with one row for
each --settings, special tokens included. Everything is ASCII, other characters are escaped.

The committed sample, tests/data/tokenizer/sample.jsonl, is made with
    tools/tokenizer_reference.py tests/data/tokenizer -o tests/data/tokenizer/sample.jsonl --count 340 --seed 1 \
        --settings '{"do_lower_case": false}' --settings '{"do_lower_case": true}' \
        --settings '{"do_lower_case": true, "strip_accents": false, "tokenize_chinese_chars": false}'

and that of Unigram, tests/data/tokenizer/unigram/sample.jsonl, with
    tools/tokenizer_reference.py tests/data/tokenizer/unigram -o tests/data/tokenizer/unigram/sample.jsonl --count 240 --seed 1

and that of BPE, tests/data/tokenizer/bpe/sample.jsonl, in the same way.
"""

import argparse
import json
import random
import shutil
import sys
import tempfile
from pathlib import Path

import needs

with needs.packages("tokenizers", "transformers"):
    import tokenizers
    import transformers
    from transformers import AutoTokenizer, BertTokenizerFast

# Cases that people have got wrong before, and those that the README names.
FIXED = [
    "", " ", "\t\n\r", "\u3000", "a", "连奥创都知道整容要去韩国", "Hello, World!", "[CLS]", "[SEP]", "[MASK]", "[UNK]", "[PAD]",
    "[mask]", "[ MASK ]", "[MASK", "a[MASK]b", "[CLS][SEP]", "[MASK][MASK] [MASK]", "[unused1]", "##ing", "## ing", "…", "——",
    "a\u0000b", "a\ufffdb", "\ufeffa", "a\u00adb", "a\u200bb", "a\u200db", "e\u0301", "\u00e9", "\u0301", "\u0301e", "İstanbul",
    "ΑΣ ΑΣ", "ẞß", "ﬁ", "ǅ", "가각힣", "가", "ｆｕｌｌ　ｗｉｄｔｈ１２３", "ｶﾞ", "が", "1,000.50", "$100+5=€", "a~b`c^d|e",
    "豈", "\u2f800", "\U0002f800", "㐀", "\U00020000", "\U0002b81f\U0002b820\U0002b91f\U0002b920", "\U0002ceb0\U00030000", "々〇〆",
    "👨‍👩‍👧‍👦", "👍🏽", "🇨🇳", "1️⃣", "❤️", "a" * 100, "a" * 101, "é" * 100, "e\u0301" * 100, "中" * 101, "x" * 99 + "\u0301\u0301",
    "don't", "U.S.A.", "\u0915\u094d\u0937\u093f", "שָׁלוֹם", "مَرْحَبًا", "ไทย", "𝐁𝐨𝐥𝐝", "\ue000", "\U0010fffd", "\uffff", "\U000e0041", "\u0378",
]  # fmt: skip

SPECIAL = ["[MASK]", "[CLS]", "[SEP]", "[UNK]", "[PAD]", "[mask]", "[MASK", "MASK]", "[ MASK]", "[unused7]", "##", "##a", "[[MASK]]"]
# Those of RoBERTa, and endings of words that byte-level tokenizers know.
BYTE_LEVEL = ["<mask>", " <mask>", "<mask> ", "<mask", "mask>", "<s>", "</s>", "<unk>", "<pad>", "'s", "n't", "'re", "'ll", " 'll", "'S"]
SPACES = [" ", "  ", "\t", "\n", "\r\n", "\x0b", "\x0c", "\x1c", "\x85", "\xa0", "\u1680", "\u2003", "\u200a", "\u2028", "\u2029",
          "\u202f", "\u205f", "\u3000", "\u180e", "\u200b", "\ufeff"]  # fmt: skip
EMOJI = ["👨‍👩‍👧", "👍🏽", "🇫🇷", "1️⃣", "❤️", "😀", "🏴\U000e0067\U000e0062\U000e007f", "🧑‍💻", "☺", "✌🏿"]
PUNCTUATION = [chr(c) for c in range(0x21, 0x7F) if not chr(c).isalnum()] + list("，。！？、；：“”‘’（）《》【】…—·～￥「」﹏¡¿«»†‡§¶€£∑√∞")
MARKS = [chr(c) for c in [*range(0x300, 0x345), 0x5B0, 0x5BC, 0x64B, 0x651, 0x93C, 0x94D, 0xE31, 0x20D0, 0x3099, 0x309A, 0xFE0F, 0x1D165]]
# Ranges of code points: scripts that treat case, marks, spaces or words each in their own way.
RANGES = {
    "ascii": (0x20, 0x7E), "latin": (0xA1, 0x24F), "latin2": (0x1E00, 0x1EFF), "ipa": (0x250, 0x2FF), "greek": (0x370, 0x3FF),
    "greek2": (0x1F00, 0x1FFF), "cyrillic": (0x400, 0x52F), "armenian": (0x531, 0x58F), "hebrew": (0x591, 0x5F4),
    "arabic": (0x600, 0x6FF), "indic": (0x900, 0xDFF), "thai": (0xE01, 0xE5B), "georgian": (0x10A0, 0x10FF),
    "jamo": (0x1100, 0x11FF), "cherokee": (0x13A0, 0x13FD), "punctuation": (0x2000, 0x206F), "symbols": (0x20A0, 0x2BFF),
    "radicals": (0x2E80, 0x2FDF), "cjk_punctuation": (0x3000, 0x303F), "kana": (0x3041, 0x30FF), "cjk_marks": (0x3100, 0x33FF),
    "cjk_a": (0x3400, 0x4DBF), "cjk": (0x4E00, 0x9FFF), "hangul": (0xAC00, 0xD7A3), "private": (0xE000, 0xF8FF),
    "cjk_compatible": (0xF900, 0xFAFF), "ligatures": (0xFB00, 0xFDFF), "full_width": (0xFE00, 0xFFEF), "end": (0xFFF0, 0xFFFF),
    "deseret": (0x10400, 0x1044F), "mathematics": (0x1D400, 0x1D7FF), "emoji": (0x1F300, 0x1FAFF), "cjk_b": (0x20000, 0x2A6DF),
    "cjk_c_to_f": (0x2A700, 0x2EBEF), "cjk_compatible2": (0x2F800, 0x2FA1F), "cjk_g": (0x30000, 0x323AF), "tags": (0xE0000, 0xE01EF),
    "private2": (0xF0000, 0x10FFFD), "control": (0x0, 0x1F), "control2": (0x7F, 0xA0), "any": (0x0, 0xD7FF), "any2": (0xE000, 0x10FFFF),
}  # fmt: skip


def characters(rng, longest):
    low, high = RANGES[rng.choice(list(RANGES))]
    return "".join(chr(rng.randint(low, high)) for _ in range(rng.randint(1, longest)))


def marked(rng):
    """Letters with up to four combining marks each, in any order: what normalization has to sort."""
    letters = rng.choice(["abcDEF", "éÉñÑ", "αΣω", "йИ", "かハ", "中文"])
    return "".join(rng.choice(letters) + "".join(rng.choices(MARKS, k=rng.randint(0, 4))) for _ in range(rng.randint(1, 6)))


def long_word(rng):
    """Around the 100 characters beyond which WordPiece gives up."""
    unit = rng.choice(["a", "ab", "Z", "é", "e\u0301", "я", "ก", "한", "😀", "1"])
    return unit * (rng.choice([99, 100, 101, 150, 300]) // len(unit)) + rng.choice(["", "x", "\u0301", ".", "中"])


def piece(rng, words, longest):
    kind = rng.random()
    if kind < 0.30:
        return rng.choice(words).replace("##", "", rng.randint(0, 1))
    if kind < 0.62:
        return characters(rng, longest)
    if kind < 0.70:
        return marked(rng)
    if kind < 0.78:
        return rng.choice(SPECIAL)
    if kind < 0.86:
        return rng.choice(PUNCTUATION) * rng.choice([1, 1, 1, 3])
    if kind < 0.92:
        return rng.choice(EMOJI)
    if kind < 0.98:
        return rng.choice(SPACES)
    return long_word(rng)


def text(rng, words, longest):
    joints = rng.choice([[""], [" "], ["", " "], ["", *SPACES]])
    pieces = (piece(rng, words, longest) + rng.choice(joints) for _ in range(rng.randint(1, 10)))
    return rng.choice([str, str, str, str.upper, str.title])("".join(pieces))


def cases(seed, count, words, longest):
    rng = random.Random(seed)
    for number in range(count):
        case = {"text": FIXED[number] if number < len(FIXED) else text(rng, words, longest)}
        if number >= len(FIXED):
            if rng.random() < 0.25:
                case["pair"] = rng.choice(FIXED) if rng.random() < 0.2 else text(rng, words, longest)
            if rng.random() < 0.4:
                case["max"] = rng.choice([3, 4, 5, 8, 15, 16, 16, 16, 17, 32])
        yield case


def encode(tokenizer, case):
    options = {"truncation": True, "max_length": case["max"]} if "max" in case else {}
    # As a batch of one: outside of a batch, transformers takes an empty pair for none.
    options["return_token_type_ids"] = True
    encoding = tokenizer([case["text"]], [case["pair"]] if "pair" in case else None, **options)
    [ids], [types] = encoding["input_ids"], encoding["token_type_ids"]
    first = types.count(0)
    assert types == [0] * first + [1] * (len(ids) - first)
    return [ids[:first], ids[first:]]


def load(directory, settings):
    if settings is None:
        has_words = (directory / "vocab.txt").is_file()
        return (BertTokenizerFast if has_words else AutoTokenizer).from_pretrained(directory)
    with tempfile.TemporaryDirectory() as copy:
        shutil.copyfile(directory / "vocab.txt", Path(copy, "vocab.txt"))
        Path(copy, "tokenizer_config.json").write_text(json.dumps(settings), encoding="utf-8")
        return BertTokenizerFast.from_pretrained(copy)


def settings_of(text):
    try:
        found = json.loads(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r} is not JSON: {error}") from None
    if not isinstance(found, dict):
        raise argparse.ArgumentTypeError(f"{text!r} is not a JSON object")
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("directory", metavar="DIRECTORY", type=Path)
    parser.add_argument("-o", "--output", metavar="FILE", type=Path, required=True)
    parser.add_argument("--count", metavar="N", type=int, default=5000, help="cases (default: 5000)")
    parser.add_argument("--seed", metavar="S", type=int, default=1, help="other seeds, other cases (default: 1)")
    parser.add_argument("--longest", metavar="N", type=int, default=8,
                        help="characters of one script in a row, at most (default: 8)")
    parser.add_argument("--settings", metavar="JSON", type=settings_of, action="append",
                        help="a tokenizer_config.json to use with vocab.txt alone; one for each column of rows")
    args = parser.parse_args()
    if args.count < 1 or args.longest < 1:
        parser.error("--count and --longest are numbers from 1")
    if not any((args.directory / name).is_file() for name in ["vocab.txt", *([] if args.settings else ["tokenizer.json"])]):
        parser.error(f"{args.directory}: no directory of a tokenizer, it has no vocab.txt")
    if not args.output.absolute().parent.is_dir():
        parser.error(f"{args.output}: there is no such directory to write it to")
    needs.check()
    settings = args.settings or [None]
    loaded = [load(args.directory, each) for each in settings]
    words = sorted(loaded[0].get_vocab(), key=loaded[0].get_vocab().get)
    if type(loaded[0].backend_tokenizer.model).__name__ == "BPE":
        SPECIAL.extend(BYTE_LEVEL)
        words = [loaded[0].convert_tokens_to_string([word]) for word in words]
    versions = {"transformers": transformers.__version__, "tokenizers": tokenizers.__version__}
    header = {"seed": args.seed, "count": args.count, "longest": args.longest, **versions, "settings": settings}
    with args.output.open("w", encoding="ascii") as file:
        for line in [header, *cases(args.seed, args.count, words, args.longest)]:
            if "text" in line:
                if "max" in line:
                    line["max"] = max(line["max"], *(each.num_special_tokens_to_add("pair" in line) for each in loaded), 0)
                line["rows"] = [encode(tokenizer, line) for tokenizer in loaded]
            file.write(json.dumps(line, separators=(",", ":")) + "\n")
    print(f"{args.count} cases, {len(settings)} tokenizers: {args.output}", file=sys.stderr)


if __name__ == "__main__":
    main()
