"""A BERT in PyTorch: the class that a directory names, and what its stages give."""
import json
import sys

import needs

with needs.packages("safetensors", "torch", "transformers"):
    import torch
    from safetensors.torch import load_file
    from transformers import BertConfig, BertForMaskedLM, BertForQuestionAnswering, BertForSequenceClassification
    from transformers import BertForTokenClassification, BertModel

# What a checkpoint may have that its class has not: what older transformers saved, or the heads of other classes.
NOT_OURS = ("bert.embeddings.position_ids", "bert.pooler.", "classifier.", "qa_outputs.", "cls.")


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
    """The name that a class with a head uses: with the encoder's prefix, LayerNorm with weight and bias."""
    name = name.replace("LayerNorm.gamma", "LayerNorm.weight").replace("LayerNorm.beta", "LayerNorm.bias")
    return name if name.startswith(("bert.", "classifier.", "qa_outputs.", "cls.")) else "bert." + name


def load_model(model_dir):
    """The model in f32, with its head where that is read, every weight taken from the files or an error."""
    if not (model_dir / "config.json").exists():
        raise ValueError(f"{model_dir}: not a checkpoint directory, it has no config.json")
    config = BertConfig.from_pretrained(model_dir, attn_implementation="eager")
    if config.model_type != "bert":
        raise ValueError(f"model_type is {config.model_type!r}, only 'bert' is handled")
    model = BertModel(config, add_pooling_layer=False) if has_vectors(model_dir) else class_of(config)
    prefix = "bert." if isinstance(model, BertModel) else ""
    ours = {prefix + name for name in model.state_dict()}
    state = {}
    for file in weight_files(model_dir):
        for name, tensor in load_weights(file).items():
            name = modern_name(name)
            if name in ours or not name.startswith(NOT_OURS):
                state[name] = tensor.float()
    if isinstance(model, BertForMaskedLM):
        # The same numbers by another name, which a file need not repeat. (from_pretrained of transformers 5 repeats the bias
        # only where words are tied, too, and otherwise takes zeros; older versions always did.)
        state.setdefault("cls.predictions.decoder.bias", state["cls.predictions.bias"])
        if config.tie_word_embeddings:
            state["cls.predictions.decoder.weight"] = state["bert.embeddings.word_embeddings.weight"]
    model.load_state_dict({name.removeprefix(prefix): tensor for name, tensor in state.items()}, strict=True)
    return model.eval()


def class_of(config):
    """The model that is named, without weights: an old configuration names none; where no head is read, the encoder."""
    names = config.architectures or ["BertForSequenceClassification"]
    for known in (BertForSequenceClassification, BertForTokenClassification, BertForQuestionAnswering, BertForMaskedLM):
        if known.__name__ in names:
            return known(config)
    # What it was trained as has the same head.
    return BertForMaskedLM(config) if "BertForPreTraining" in names else BertModel(config, add_pooling_layer=False)


def has_vectors(model_dir):
    """Whether sentence-transformers makes a vector of a text with this directory."""
    path = model_dir / "modules.json"
    return path.exists() and len(json.loads(path.read_text())) > 1


def run(model, ids, types):
    """Every stage for one row, by the names that the output file uses."""
    with torch.inference_mode():
        base = (model if isinstance(model, BertModel) else model.bert)(
            input_ids=torch.tensor([ids]), token_type_ids=torch.tensor([types]), output_hidden_states=True)
        embeddings, *layers = base.hidden_states
        stages = {"embeddings": embeddings, **{f"layer.{i}": layer for i, layer in enumerate(layers)}}
        stages |= head(model, base)
    return {name: tensor[0].numpy() for name, tensor in stages.items()}


def head(model, base):
    """The stages after the encoder's."""
    match model:
        case BertForSequenceClassification():
            pooled = base.pooler_output
            return {"pooled": pooled, "logits": model.classifier(model.dropout(pooled))}
        case BertForTokenClassification():
            return {"logits": model.classifier(model.dropout(base.last_hidden_state))}
        case BertForQuestionAnswering():
            return {"logits": model.qa_outputs(base.last_hidden_state)}
        case BertForMaskedLM():
            return {"logits": model.cls(base.last_hidden_state)}
    return {}


if __name__ == "__main__":
    sys.exit("bert.py: no program of its own; export_reference.py writes what it gives")
