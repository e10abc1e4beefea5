"""Writes the files that each engine reads, from one Hugging Face checkpoint; those that are there stay.

Runs in the environment of the engines:  python export.py JOB.json
The job has: checkpoint, a directory to read, or null for one that make_checkpoint.py writes; out, the directory to
write; texts; turns, each with engine, task, pooling and a name; failed, a file that gets one JSON object, name ->
reason, of what cannot be written. Out gets
  checkpoint/        config.json, model.safetensors and the tokenizer, in f32
  rows.json          the token ids of the texts
  compiled.pt2       PyTorch's compiled program
  model.onnx         as PyTorch exports it; fused.onnx and fused-int8.onnx: after ONNX Runtime's tools
  openvino-int8/     after NNCF
  compiled-mean.pt2 and so on: the same up to the pooled vector
  ctranslate2-f32/, ctranslate2-int8/
"""
import json
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import networks
from tasks import Task

HERE = Path(__file__).resolve().parent
SPEC = HERE.parent.parent / "tests" / "data" / "checkpoints" / "bert-base-chinese.json"
INPUTS = ("input_ids", "attention_mask", "token_type_ids")
# Rows longer than this take NNCF long and teach it little.
CALIBRATION_TOKENS = 128


def write_checkpoint(source: str | None, out: Path) -> None:
    """The checkpoint in one form for all: f32 safetensors in one file, so that candle reads it too."""
    if source is None:
        sys.path.insert(0, str(HERE.parent))
        import make_checkpoint

        make_checkpoint.write(json.loads(SPEC.read_text(encoding="utf-8")), out)
        return
    import torch
    from transformers import BertForSequenceClassification

    model = BertForSequenceClassification.from_pretrained(source, dtype=torch.float32)
    model.save_pretrained(out)
    for name in ("vocab.txt", "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json"):
        if (Path(source) / name).exists():
            # Contents alone: a checkpoint may be write-protected.
            shutil.copyfile(Path(source) / name, out / name)


def write_rows(checkpoint: Path, texts: list[str], out: Path) -> None:
    """The ids that transformers' tokenizer gives: every engine is to answer for the same ones."""
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(checkpoint)
    limit = json.loads((checkpoint / "config.json").read_text())["max_position_embeddings"]
    out.write_text(json.dumps([tokenizer(text, truncation=True, max_length=limit)["input_ids"] for text in texts]))


def write_onnx(checkpoint: Path, out: Path, pooling: str) -> None:
    import torch

    network = networks.load(checkpoint, pooling, attn_implementation="eager")
    ids, answers = torch.ones((2, 16), dtype=torch.int64), "vectors" if pooling else "logits"
    axes = {name: {0: "texts", 1: "tokens"} for name in INPUTS} | {answers: {0: "texts"}}
    torch.onnx.export(network, (ids, ids, torch.zeros_like(ids)), str(out), input_names=list(INPUTS),
                      output_names=[answers], dynamic_axes=axes, opset_version=17, dynamo=False)


def write_compiled(checkpoint: Path, out: Path, pooling: str) -> None:
    """PyTorch's compiler ahead of time: one program for all shapes, with the weights laid out for it."""
    import torch

    config = json.loads((checkpoint / "config.json").read_text())
    sizes = {0: torch.export.Dim("texts", min=1, max=1 << 16),
             1: torch.export.Dim("tokens", min=2, max=config["max_position_embeddings"])}
    ids = torch.ones((4, 24), dtype=torch.int64)
    with torch.no_grad():
        program = torch.export.export(networks.load(checkpoint, pooling), (ids, ids.clone()),
                                      dynamic_shapes={"ids": sizes, "mask": sizes})
        # dynamic_threads: the number of threads is that of the run, not that of the compilation.
        torch._inductor.aoti_compile_and_package(program, package_path=str(out),
                                                 inductor_configs={"freezing": True, "cpp.dynamic_threads": True})


def write_fused(checkpoint: Path, onnx: Path, out: Path) -> None:
    """ONNX Runtime's own graph for BERT: attention, biased GELU and skipped layer norms as one node each."""
    from onnxruntime.transformers import optimizer

    config = json.loads((checkpoint / "config.json").read_text())
    graph = optimizer.optimize_model(str(onnx), model_type="bert", num_heads=config["num_attention_heads"],
                                     hidden_size=config["hidden_size"], opt_level=0)
    fused = graph.get_fused_operator_statistics()
    if fused.get("Attention", 0) != config["num_hidden_layers"]:
        raise RuntimeError(f"the graph was not fused: {fused}")
    graph.save_model_to_file(str(out))


def write_fused_int8(fused: Path, out: Path) -> None:
    from onnx import TensorProto
    from onnxruntime.quantization import QuantType, quantize_dynamic

    options = {"MatMulConstBOnly": True, "DefaultTensorType": TensorProto.FLOAT}
    quantize_dynamic(str(fused), str(out), weight_type=QuantType.QInt8, per_channel=True, extra_options=options)


def write_openvino_int8(onnx: Path, rows: list[list[int]], out: Path) -> None:
    import nncf
    import numpy as np
    import openvino

    def samples() -> Iterator[dict]:
        for row in rows:
            ids = np.array([row[:CALIBRATION_TOKENS]])
            yield dict(zip(INPUTS, (ids, np.ones_like(ids), np.zeros_like(ids))))

    model = nncf.quantize(openvino.Core().read_model(onnx), nncf.Dataset(list(samples())),
                          model_type=nncf.ModelType.TRANSFORMER, subset_size=len(rows))
    out.mkdir()
    openvino.save_model(model, out / "model.xml")


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


def export(engine: str, task: Task, out: Path, checkpoint: Path, rows: list[list[int]]) -> None:
    """The files of one engine for a task, where it needs any but the checkpoint."""
    def file(name: str, write: Callable[[Path], None]) -> Path:
        return once(out / task.file(name), write)

    def onnx() -> Path:
        return file("model.onnx", lambda path: write_onnx(checkpoint, path, task.pooling))

    def fused() -> Path:
        return file("fused.onnx", lambda path: write_fused(checkpoint, onnx(), path))

    if engine == "compile-f32":
        file("compiled.pt2", lambda path: write_compiled(checkpoint, path, task.pooling))
    elif engine == "onnxruntime-f32":
        fused()
    elif engine == "onnxruntime-int8":
        file("fused-int8.onnx", lambda path: write_fused_int8(fused(), path))
    elif engine == "openvino-f32":
        onnx()
    elif engine == "openvino-int8":
        file("openvino-int8", lambda path: write_openvino_int8(onnx(), rows, path))
    elif engine.startswith("ctranslate2"):
        # Its encoder gives the hidden states, whatever is made of them.
        quantization = "int8" if engine.endswith("int8") else None
        once(out / engine, lambda path: write_ctranslate2(checkpoint, path, quantization))


def main() -> None:
    job = json.loads(Path(sys.argv[1]).read_text())
    out = Path(job["out"])
    out.mkdir(parents=True, exist_ok=True)
    checkpoint = once(out / "checkpoint", lambda path: write_checkpoint(job["checkpoint"], path))
    rows_file = once(out / "rows.json", lambda path: write_rows(checkpoint, job["texts"], path))
    rows, failed = json.loads(rows_file.read_text()), {}
    for turn in job["turns"]:
        try:
            export(turn["engine"], Task(turn["task"], turn["pooling"]), out, checkpoint, rows)
        except Exception as error:  # Whatever a library raises is the reason why its engine is left out.
            failed[turn["name"]] = f"{type(error).__name__}: {error}".splitlines()[0]
    Path(job["failed"]).write_text(json.dumps(failed))


if __name__ == "__main__":
    main()
