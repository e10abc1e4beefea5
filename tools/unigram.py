"""A tokenizer in XLM-RoBERTa's form, for a model whose weights come from a seed.

Its pieces and their scores are trained from tests/data/comments.txt; as many as the model has words beyond that are made up.
They are pairs of Hangul syllables, which no comment has: the table is as large as a real one, and never in the way.
"""
import json
import sys
from pathlib import Path

import needs
from families import inputs, tokens

with needs.packages("tokenizers"):
    from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

COMMENTS = Path(__file__).resolve().parent.parent / "tests" / "data" / "comments.txt"
# The first ids in their order; `<mask>` is the last one.
SPECIAL = ("<s>", "<pad>", "</s>", "<unk>")
MASK = "<mask>"
# At most; the comments have fewer.
PIECES = 8000
SYLLABLES, FIRST_SYLLABLE = 11172, 0xAC00
NAMES = {"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>", "sep_token": "</s>", "pad_token": "<pad>",
         "cls_token": "<s>", "mask_token": MASK}


def empty(model):
    """Around a model what all of these tokenizers have."""
    out = Tokenizer(model)
    # What XLM-RoBERTa's own table does, but for a few characters.
    out.normalizer = normalizers.Sequence([normalizers.NFKC(), normalizers.Replace(Regex(" {2,}"), " ")])
    space = {"replacement": "\u2581", "prepend_scheme": "always"}
    out.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Metaspace(**space)])
    out.decoder = decoders.Metaspace(**space)
    return out


def trained(size):
    """[piece, score] of the comments, the special ones first."""
    tokenizer = empty(models.Unigram())
    trainer = trainers.UnigramTrainer(vocab_size=min(size, PIECES), special_tokens=list(SPECIAL), unk_token=SPECIAL[3],
                                      show_progress=False)
    tokenizer.train_from_iterator(COMMENTS.read_text(encoding="utf-8").splitlines(), trainer)
    return json.loads(tokenizer.to_str())["model"]["vocab"]


def made_up(place):
    """A word that is no comment's."""
    return "".join(chr(FIRST_SYLLABLE + part) for part in divmod(place, SYLLABLES))


def write(config, out):
    """tokenizer.json and tokenizer_config.json."""
    size = config["vocab_size"]
    pieces = trained(size - 1)
    lowest = min(score for _, score in pieces)
    pieces += [(made_up(place), lowest - 1) for place in range(size - 1 - len(pieces))]
    tokenizer = empty(models.Unigram([*map(tuple, pieces), (MASK, 0.0)], unk_id=SPECIAL.index("<unk>")))
    tokenizer.add_special_tokens([*SPECIAL, MASK])
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", pair="<s> $A </s> </s> $B </s>",
        special_tokens=[(each, SPECIAL.index(each)) for each in ("<s>", "</s>")])
    tokenizer.save(str(out / "tokenizer.json"), pretty=False)
    settings = {"tokenizer_class": "PreTrainedTokenizerFast", **NAMES, "model_max_length": tokens(config),
                "model_input_names": list(inputs(config))}
    (out / "tokenizer_config.json").write_text(json.dumps(settings, indent=2) + "\n")


if __name__ == "__main__":
    sys.exit("unigram.py: no program of its own; make_checkpoint.py writes a tokenizer with it")
