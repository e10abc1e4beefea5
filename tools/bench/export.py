"""Writes the files that each engine reads, from one Hugging Face checkpoint; those that are there stay.

Runs in the environment of the engines:  python export.py JOB.json
The job has: source, a directory to read, or a specification that make_checkpoint.py writes; out, the directory to
write; texts; questions, each with its context, and window and stride, how many tokens a window has and two have in
common; turns, each with engine, task, pooling and a name; failed, a file that gets one JSON object, name -> reason, of
what cannot be written. Out gets
  checkpoint/        config.json, model.safetensors and the tokenizer, in f32
  checkpoint-tag/, checkpoint-answer/    the same encoder with another head, from a seed
  rows.json          the token ids of the texts
  questions.json     those of the questions, in windows, and which characters of the context tokens stand for
  compiled.pt2       PyTorch's compiled program
  model.onnx         as PyTorch exports it; fused.onnx and fused-int8.onnx: after ONNX Runtime's tools
  openvino-int8/     after NNCF
  compiled-mean.pt2, compiled-tag.pt2 and so on: the same up to the pooled vector, or with the other head
  ctranslate2-f32/, ctranslate2-int8/
"""
import json
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import networks
from families import inputs, size, tokens
from tasks import ANSWER, TAG, Task

# Of heads that the checkpoint has not.
SEED = 8
# Rows longer than this take NNCF long and teach it little.
CALIBRATION_TOKENS = 128
# The usual labels of names: of persons, organizations, places and others, where each begins and goes on.
TAGS = ("O", "B-PER", "I-PER", "B-ORG", "I-ORG", "B-LOC", "I-LOC", "B-MISC", "I-MISC")
TOKENIZER = ("vocab.txt", "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json")


def write_checkpoint(source: Path, out: Path) -> None:
    """The checkpoint in one form for all: f32 safetensors in one file, so that candle reads it too."""
    if source.is_file():
        import make_checkpoint

        make_checkpoint.write(make_checkpoint.read(source), out)
        return
    import torch
    from transformers import AutoModelForSequenceClassification

    model = AutoModelForSequenceClassification.from_pretrained(source, dtype=torch.float32)
    model.save_pretrained(out)
    copy_tokenizer(source, out)


def copy_tokenizer(source: Path, out: Path) -> None:
    for name in TOKENIZER:
        if (source / name).exists():
            # Contents alone: a checkpoint may be write-protected.
            shutil.copyfile(source / name, out / name)


def write_head(checkpoint: Path, task: Task, out: Path) -> None:
    """The encoder of a checkpoint with the head of another task, made up: no time depends on its weights."""
    import torch
    import seeded
    from safetensors.torch import load_file, save_file

    config = networks.config(checkpoint)
    for key in ("id2label", "label2id", "num_labels", "problem_type"):
        config.pop(key, None)
    config["architectures"] = ["BertForTokenClassification" if task == TAG else "BertForQuestionAnswering"]
    if task == TAG:
        config |= {"id2label": dict(enumerate(TAGS)), "label2id": {tag: index for index, tag in enumerate(TAGS)}}
    state = load_file(checkpoint / "model.safetensors")
    state = {name: value for name, value in state.items() if name.startswith("bert.") and ".pooler." not in name}
    for name, shape in seeded.head_shapes(config).items():
        state[name] = torch.from_numpy(seeded.tensor(SEED, name, shape))
    out.mkdir()
    save_file(state, out / "model.safetensors", {"format": "pt"})
    (out / "config.json").write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")
    copy_tokenizer(checkpoint, out)


def write_rows(checkpoint: Path, texts: list[str], out: Path) -> None:
    """The ids that transformers' tokenizer gives: every engine is to answer for the same ones."""
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(checkpoint)
    limit = tokens(networks.config(checkpoint))
    out.write_text(json.dumps([tokenizer(text, truncation=True, max_length=limit)["input_ids"] for text in texts]))


def write_questions(checkpoint: Path, job: dict, out: Path) -> None:
    """Windows as transformers' question-answering pipeline cut them."""
    from transformers import AutoTokenizer

    tokenizer, questions = AutoTokenizer.from_pretrained(checkpoint), []
    for question, context in job["questions"]:
        cut = tokenizer(question, context, truncation="only_second", max_length=job["window"], stride=job["stride"],
                        return_overflowing_tokens=True)
        found = range(len(cut["input_ids"]))
        questions.append({"windows": cut["input_ids"], "question": cut.sequence_ids(0).index(1), "context": context,
                          "places": [word_places(cut, window) for window in found]})
    out.write_text(json.dumps(questions))


def word_places(cut, window: int) -> list[tuple[int, int] | None]:
    """Of each token of a window the characters that its word has there, if it is the context's."""
    tokens, words = cut.encodings[window], {}
    of_context = [word if kind == 1 else None for kind, word in zip(tokens.sequence_ids, tokens.word_ids)]
    for word, (start, end) in zip(of_context, tokens.offsets):
        words[word] = words.get(word, (start, end))[0], end
    return [None if word is None else words[word] for word in of_context]


def write_onnx(checkpoint: Path, out: Path, task: Task) -> None:
    import torch

    config = networks.config(checkpoint)
    # The forms of attention that ONNX Runtime fuses; OpenVINO takes as long with either.
    form = "sdpa" if config["model_type"] == "distilbert" else "eager"
    network = networks.load(checkpoint, task, attn_implementation=form)
    # Neither padding nor a special token of any family.
    ids, answers = torch.full((2, 16), 9), "vectors" if task.pooling else "logits"
    names = inputs(config)
    axes = {name: {0: "texts", 1: "tokens"} for name in names}
    axes[answers] = {0: "texts", 1: "tokens"} if task.head else {0: "texts"}
    examples = ids, torch.ones_like(ids), torch.zeros_like(ids)
    torch.onnx.export(network, examples[:len(names)], str(out), input_names=list(names),
                      output_names=[answers], dynamic_axes=axes, opset_version=17, dynamo=False)


def write_compiled(checkpoint: Path, out: Path, task: Task) -> None:
    """PyTorch's compiler ahead of time: one program for all shapes, with the weights laid out for it."""
    import torch

    sizes = {0: torch.export.Dim("texts", min=1, max=1 << 16),
             1: torch.export.Dim("tokens", min=2, max=tokens(networks.config(checkpoint)))}
    ids = torch.ones((4, 24), dtype=torch.int64)
    # Single texts do without token types.
    names = ("ids", "mask", "types") if task == ANSWER else ("ids", "mask")
    with torch.no_grad():
        program = torch.export.export(networks.load(checkpoint, task), tuple(ids.clone() for _ in names),
                                      dynamic_shapes=dict.fromkeys(names, sizes))
        # dynamic_threads: the number of threads is that of the run, not that of the compilation.
        torch._inductor.aoti_compile_and_package(program, package_path=str(out),
                                                 inductor_configs={"freezing": True, "cpp.dynamic_threads": True})


def write_fused(checkpoint: Path, onnx: Path, out: Path) -> None:
    """ONNX Runtime's own graph for BERT: attention, biased GELU and skipped layer norms as one node each."""
    from onnxruntime.transformers import optimizer

    config = networks.config(checkpoint)
    graph = optimizer.optimize_model(str(onnx), model_type="bert", num_heads=size(config, "num_attention_heads"),
                                     hidden_size=size(config, "hidden_size"), opt_level=0)
    fused = graph.get_fused_operator_statistics()
    if fused.get("Attention", 0) != size(config, "num_hidden_layers"):
        raise RuntimeError(f"the graph was not fused: {fused}")
    graph.save_model_to_file(str(out))


def write_fused_int8(fused: Path, out: Path) -> None:
    from onnx import TensorProto
    from onnxruntime.quantization import QuantType, quantize_dynamic

    options = {"MatMulConstBOnly": True, "DefaultTensorType": TensorProto.FLOAT}
    quantize_dynamic(str(fused), str(out), weight_type=QuantType.QInt8, per_channel=True, extra_options=options)


def write_openvino_int8(checkpoint: Path, onnx: Path, rows: list[tuple[list[int], int]], out: Path) -> None:
    """Calibrated on rows, each with how many of its tokens come before the second text."""
    import nncf
    import numpy as np
    import openvino

    names = inputs(networks.config(checkpoint))

    def samples() -> Iterator[dict]:
        for row, first in rows:
            ids = np.array([row[:CALIBRATION_TOKENS]])
            yield dict(zip(names, (ids, np.ones_like(ids), (np.arange(ids.size)[None] >= first).astype(ids.dtype))))

    model = nncf.quantize(openvino.Core().read_model(onnx), nncf.Dataset(list(samples())),
                          model_type=nncf.ModelType.TRANSFORMER, subset_size=len(rows))
    out.mkdir()
    openvino.save_model(model, out / "model.xml")


def calibration(out: Path, task: Task) -> list[tuple[list[int], int]]:
    """What a task reads: the texts, or the windows of the questions, whose token types single texts do not have."""
    if task == ANSWER:
        return [(window, asked["question"]) for asked in json.loads((out / "questions.json").read_text())
                for window in asked["windows"]]
    return [(row, len(row)) for row in json.loads((out / "rows.json").read_text())]


def write_ctranslate2(checkpoint: Path, out: Path, quantization: str | None) -> None:
    from ctranslate2.converters import TransformersConverter

    TransformersConverter(str(checkpoint)).convert(str(out), quantization=quantization)


def once(path: Path, write: Callable[[Path], None]) -> Path:
    """Writes a file or directory unless it is there; it gets its name when it is complete."""
    if not path.exists():
        print(f"writing {path.name}", file=sys.stderr, flush=True)
        partial = path.with_name("partial." + path.name)
        shutil.rmtree(partial, ignore_errors=True)
        partial.unlink(missing_ok=True)
        write(partial)
        partial.rename(path)
    return path


def export(engine: str, task: Task, out: Path, checkpoint: Path) -> None:
    """The files of one engine for a task, where it needs any but the classifier's checkpoint."""
    own = checkpoint
    if task.head:
        own = once(out / task.weights("checkpoint"), lambda path: write_head(checkpoint, task, path))

    def file(name: str, write: Callable[[Path], None]) -> Path:
        return once(out / task.file(name), write)

    def onnx() -> Path:
        return file("model.onnx", lambda path: write_onnx(own, path, task))

    def fused() -> Path:
        return file("fused.onnx", lambda path: write_fused(own, onnx(), path))

    if engine == "compile-f32":
        file("compiled.pt2", lambda path: write_compiled(own, path, task))
    elif engine == "onnxruntime-f32":
        fused()
    elif engine == "onnxruntime-int8":
        file("fused-int8.onnx", lambda path: write_fused_int8(fused(), path))
    elif engine == "openvino-f32":
        onnx()
    elif engine == "openvino-int8":
        file("openvino-int8", lambda path: write_openvino_int8(own, onnx(), calibration(out, task), path))
    elif engine.startswith("ctranslate2"):
        # Its encoder gives the hidden states, whatever is made of them.
        quantization = "int8" if engine.endswith("int8") else None
        once(out / engine, lambda path: write_ctranslate2(checkpoint, path, quantization))


def main() -> None:
    job = json.loads(Path(sys.argv[1]).read_text())
    out = Path(job["out"])
    out.mkdir(parents=True, exist_ok=True)
    checkpoint = once(out / "checkpoint", lambda path: write_checkpoint(Path(job["source"]), path))
    once(out / "rows.json", lambda path: write_rows(checkpoint, job["texts"], path))
    once(out / "questions.json", lambda path: write_questions(checkpoint, job, path))
    failed = {}
    for turn in job["turns"]:
        try:
            export(turn["engine"], Task(turn["task"], turn["pooling"]), out, checkpoint)
        except Exception as error:  # Whatever a library raises is the reason why its engine is left out.
            failed[turn["name"]] = f"{type(error).__name__}: {error}".splitlines()[0]
    Path(job["failed"]).write_text(json.dumps(failed))


if __name__ == "__main__":
    main()
