"""Weights from a seed, the same bits here and in tests/support/seeded.rs.

The value at an index of a tensor depends on the seed, the tensor's name and the index alone: a counter goes through
SplitMix64's mixer, the four 16-bit quarters of the result are added up (an integer close to a normal distribution),
and one multiplication and one addition of float32 numbers follow. Nothing in that rounds differently in two languages.
"""
import math
import sys

import needs
from families import size

with needs.packages("numpy"):
    import numpy as np

GOLDEN = 0x9E3779B97F4A7C15
MASK = (1 << 64) - 1
# The standard deviation of the sum of four uniform 16-bit integers, and its mean.
SIGMA = 37837.2
MEAN = 131070
CHUNK = 1 << 20


def mix(z):
    """SplitMix64's output function, on a uint64 array."""
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))


def fnv1a(name):
    """The 64-bit FNV-1a hash of a name."""
    value = 0xCBF29CE484222325
    for byte in name.encode():
        value = (value ^ byte) * 0x100000001B3 & MASK
    return value


def stream(seed, name, start, count):
    """`count` 64-bit words of the stream that belongs to this seed and name, from the place `start`."""
    key = mix(np.array([(fnv1a(name) + seed * GOLDEN) & MASK], dtype=np.uint64))
    places = np.arange(start + 1, start + 1 + count, dtype=np.uint64)
    return mix(key + places * np.uint64(GOLDEN))


# What a matrix multiplies the spread of its input by, by the part of its name; 1 where no part is found. Chosen so that
# attention is not uniform even in the twelfth layer, and so that mistakes show in the logits (README.md has figures).
GAINS = (("self.query", 1.75), ("self.key", 1.75), ("attention.output", 0.5), ("intermediate", 1.5),
         ("classifier", 3.0), ("qa_outputs", 3.0), ("transform", 1.5), ("decoder", 3.0))


def spread(name, shape):
    """(mean, standard deviation) of a tensor's values."""
    if name.endswith("LayerNorm.weight"):
        return 1.0, 0.1
    if name.endswith(".bias"):
        return 0.0, 0.02
    if ".embeddings." in name:
        return 0.0, 0.05
    gain = next((gain for part, gain in GAINS if part in name), 1.0)
    return 0.0, gain / math.sqrt(shape[-1])


def tensor(seed, name, shape):
    """The float32 values of one tensor, by its modern name with the `bert.` prefix."""
    mean, std = spread(name, shape)
    scale = np.float32(std / SIGMA)
    out = np.empty(math.prod(shape), dtype=np.float32)
    for start in range(0, out.size, CHUNK):
        part = out[start:start + CHUNK]
        bits = stream(seed, name, start, part.size)
        total = sum((bits >> np.uint64(shift)) & np.uint64(0xFFFF) for shift in (0, 16, 32, 48))
        part[:] = (total.astype(np.int64) - MEAN).astype(np.float32) * scale + np.float32(mean)
    return out.reshape(shape)


def shapes(config):
    """BERT's name -> shape of every tensor of the class that the configuration names."""
    hidden, inner = size(config, "hidden_size"), size(config, "intermediate_size")
    out = {
        "bert.embeddings.word_embeddings.weight": (config["vocab_size"], hidden),
        "bert.embeddings.position_embeddings.weight": (config["max_position_embeddings"], hidden),
        "bert.embeddings.LayerNorm.weight": (hidden,),
        "bert.embeddings.LayerNorm.bias": (hidden,),
    }

    if types := size(config, "type_vocab_size"):
        out["bert.embeddings.token_type_embeddings.weight"] = (types, hidden)
    if buckets := config.get("relative_attention_num_buckets"):
        out["bert.encoder.relative_attention_bias.weight"] = (buckets, size(config, "num_attention_heads"))

    def linear(name, rows, columns):
        out[name + ".weight"], out[name + ".bias"] = (rows, columns), (rows,)

    for index in range(size(config, "num_hidden_layers")):
        layer = f"bert.encoder.layer.{index}."
        for part in ("query", "key", "value"):
            linear(f"{layer}attention.self.{part}", hidden, hidden)
        linear(layer + "attention.output.dense", hidden, hidden)
        linear(layer + "intermediate.dense", inner, hidden)
        linear(layer + "output.dense", hidden, inner)
        for norm in ("attention.output.LayerNorm", "output.LayerNorm"):
            out[f"{layer}{norm}.weight"] = out[f"{layer}{norm}.bias"] = (hidden,)
    return out | head_shapes(config)


def head_shapes(config):
    """The same of what comes after the encoder."""
    hidden, words = size(config, "hidden_size"), config["vocab_size"]
    labels, predictions = len(config.get("id2label", ())), "cls.predictions."
    linears = {
        "ForSequenceClassification": {"bert.pooler.dense": hidden, "classifier": labels},
        "ForTokenClassification": {"classifier": labels},
        "ForQuestionAnswering": {"qa_outputs": 2},
        "ForMaskedLM": {predictions + "transform.dense": hidden},
    }
    named = config["architectures"][0]
    kind = named[named.find("For"):]
    if kind not in linears:
        raise ValueError(f"the class is {named}, none that ends in {', '.join(linears)}")
    out = {}
    for name, rows in linears[kind].items():
        out[name + ".weight"], out[name + ".bias"] = (rows, hidden), (rows,)
    if kind == "ForMaskedLM":
        norm = predictions + "transform.LayerNorm."
        out |= {norm + "weight": (hidden,), norm + "bias": (hidden,), predictions + "bias": (words,)}
        if not config.get("tie_word_embeddings", True):
            out[predictions + "decoder.weight"] = (words, hidden)
    return out


def token_row(seed, config, index, length):
    """A row of token ids and their types: [CLS] first, [SEP] last, odd rows with segments of equal length."""
    words = stream(seed, f"row {index}", 0, length)
    ids = (5 + words % np.uint64(config["vocab_size"] - 5)).tolist()
    ids[0] = 2
    if length > 1:
        ids[-1] = 3
    kinds = size(config, "type_vocab_size") if index % 2 else 1
    return ids, [place * max(kinds, 1) // length for place in range(length)]


if __name__ == "__main__":
    sys.exit("seeded.py: no program of its own; make_checkpoint.py writes a checkpoint with it")
