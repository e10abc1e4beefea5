"""A model of the BERT family in PyTorch: the class that a directory names, and what its stages give."""
import json
import sys

import needs
from families import FAMILIES

with needs.packages("safetensors", "torch", "transformers"):
    import torch
    import transformers
    from safetensors.torch import load_file

# The heads that are run, by the ends of their classes' names.
HEADS = ("ForSequenceClassification", "ForTokenClassification", "ForQuestionAnswering", "ForMaskedLM")
# What a checkpoint may have that its class has not: what older transformers saved, or the heads of other classes.
NOT_OURS = ("position_ids", "pooler.", "classifier.", "pre_classifier.", "qa_outputs.", "cls.", "lm_head.", "vocab_")


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


def modern_name(name, prefix):
    """The name that a class with a head uses: with the encoder's prefix, LayerNorm with weight and bias."""
    name = name.replace("LayerNorm.gamma", "LayerNorm.weight").replace("LayerNorm.beta", "LayerNorm.bias")
    return prefix + name if name.startswith(("embeddings.", "encoder.", "transformer.", "pooler.")) else name


def load_model(model_dir):
    """The model in f32, with its head where that is read, every weight taken from the files or an error."""
    if not (model_dir / "config.json").exists():
        raise ValueError(f"{model_dir}: not a checkpoint directory, it has no config.json")
    config = transformers.AutoConfig.from_pretrained(model_dir, attn_implementation="eager")
    if config.model_type not in FAMILIES:
        raise ValueError(f"model_type is {config.model_type!r}, not one of {', '.join(FAMILIES)}")
    encoder = FAMILIES[config.model_type]["prefix"]
    model = class_of(config, has_vectors(model_dir))
    prefix = encoder if model is model.base_model else ""
    ours = {prefix + name for name in model.state_dict()}
    state = {}
    for file in weight_files(model_dir):
        for name, tensor in load_weights(file).items():
            name = modern_name(name, encoder)
            if name in ours or not name.removeprefix(encoder).removeprefix("embeddings.").startswith(NOT_OURS):
                state[name] = tensor.float()
    if is_masked(model):
        repeat_tied(model, state)
    model.load_state_dict({name.removeprefix(prefix): tensor for name, tensor in state.items()}, strict=True)
    return model.eval()


def repeat_tied(model, state):
    """The same numbers by another name, which a file need not repeat. (from_pretrained of transformers 5 repeats the bias
    only where words are tied, too, and otherwise takes zeros; older versions always did.)"""
    decoder = next(name for name, module in model.named_modules() if module is model.get_output_embeddings())
    bias = decoder.removesuffix("decoder") + "bias"
    if decoder.endswith("decoder"):
        state.setdefault(decoder + ".bias", state[bias])
    if model.config.tie_word_embeddings:
        words = next(name for name, module in model.named_modules() if module is model.get_input_embeddings())
        state[decoder + ".weight"] = state[words + ".weight"]


def class_of(config, vectors):
    """The model that is named, without weights: an old configuration names none; where no head is read, the encoder."""
    names = config.architectures or ["BertForSequenceClassification"]
    # What it was trained as has the same head.
    names = ["BertForMaskedLM" if name == "BertForPreTraining" else name for name in names]
    known = [] if vectors else [name for name in names if name.endswith(HEADS)]
    if known:
        return getattr(transformers, known[0])(config)
    encoder = transformers.AutoModel.from_config(config)
    encoder.pooler = None
    return encoder


def is_masked(model):
    """Whether it makes words of tokens."""
    return type(model).__name__.endswith("ForMaskedLM")


def is_classifier(model):
    """Whether it has logits for a text."""
    return type(model).__name__.endswith("ForSequenceClassification")


def has_vectors(model_dir):
    """Whether sentence-transformers makes a vector of a text with this directory."""
    path = model_dir / "modules.json"
    return path.exists() and len(json.loads(path.read_text())) > 1


def run(model, ids, types):
    """Every stage for one row, by the names that the output file uses."""
    kept = {"token_type_ids": torch.tensor([types])} if getattr(model.config, "type_vocab_size", 0) else {}
    pooled = []
    pooler = getattr(model.base_model, "pooler", None)
    hook = pooler.register_forward_hook(lambda *args: pooled.append(args[-1])) if pooler else None
    with torch.inference_mode():
        out = model(input_ids=torch.tensor([ids]), output_hidden_states=True, return_dict=True, **kept)
    embeddings, *layers = out.hidden_states
    stages = {"embeddings": embeddings, **{f"layer.{i}": layer for i, layer in enumerate(layers)}}
    if hook:
        hook.remove()
        stages["pooled"] = pooled[0]
    if "start_logits" in out:
        stages["logits"] = torch.stack([out.start_logits, out.end_logits], dim=-1)
    elif "logits" in out:
        stages["logits"] = out.logits
    return {name: tensor[0].numpy() for name, tensor in stages.items()}


if __name__ == "__main__":
    sys.exit("bert.py: no program of its own; export_reference.py writes what it gives")
