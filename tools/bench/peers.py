"""The engines in Python: how each loads the model, and how it gets from token ids to logits or vectors."""
import importlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

import networks
from families import INPUTS, inputs, tokens
from tasks import ANSWER, CLASSIFY, Task

Rows = list[list[int]]


@dataclass
class Peer:
    """A loaded engine. What `prepare` does is not timed: an engine gets its inputs in the form that it likes best."""

    # Rows, and of pairs how many tokens come before the second text.
    prepare: Callable[[Rows, int], Any]
    # Logits, [texts, labels], vectors, [texts, hidden], or the logits of tokens, [texts, tokens, labels].
    run: Callable[[Any], np.ndarray]
    # The transformers model, of engines that have one.
    model: Any = None


def padded(rows: Rows, first: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Ids as long as the longest row, a mask of the real ones, and token types: 1 after so many tokens, or nowhere. Where
    the mask is 0, it does not matter of which family the padding id is: no real token comes after it."""
    ids = np.zeros((len(rows), max(map(len, rows))), dtype=np.int64)
    mask, types = np.zeros_like(ids), np.zeros_like(ids)
    for place, row in enumerate(rows):
        ids[place, :len(row)], mask[place, :len(row)] = row, 1
        types[place, first or len(row):len(row)] = 1
    return ids, mask, types


def pooled(hidden: np.ndarray, lengths: np.ndarray, pooling: str) -> np.ndarray:
    """Vectors of hidden states, [texts, tokens, hidden], of texts with so many tokens, [texts]; what is padded does not
    count."""
    if pooling == "cls":
        return hidden[:, 0]
    if (lengths == hidden.shape[1]).all():
        return hidden.mean(1)
    # A row of weights for each text: one product in place of a masked copy.
    weights = (np.arange(hidden.shape[1]) < lengths[:, None]) / lengths[:, None]
    return (weights.astype(hidden.dtype)[:, None] @ hidden)[:, 0]


def pytorch(model_dir: Path, precision: str, threads: int, task: Task) -> Peer:
    import torch

    torch.set_num_threads(threads)
    network = networks.load(model_dir / task.weights("checkpoint"), task)
    if precision == "int8":
        network = torch.ao.quantization.quantize_dynamic(network, {torch.nn.Linear}, dtype=torch.qint8)

    def prepare(rows: Rows, first: int) -> tuple:
        ids, mask, types = map(torch.from_numpy, padded(rows, first))
        return ids, None if mask.all() else mask, types if first else None

    def run(inputs: tuple) -> np.ndarray:
        with torch.inference_mode():
            return network(*inputs).numpy()

    return Peer(prepare, run, network.model)


def torch_compile(model_dir: Path, precision: str, threads: int, task: Task) -> Peer:
    import torch

    torch.set_num_threads(threads)
    # What the processor has was found out by compiling tests when the program was compiled: not again at each start.
    torch._inductor.config.cpp.vec_isa_ok = True
    program = torch._inductor.aoti_load_package(str(model_dir / task.file("compiled.pt2")))

    def run(inputs: tuple) -> np.ndarray:
        with torch.inference_mode():
            return program(*inputs).numpy()

    count = 3 if task == ANSWER else 2
    return Peer(lambda rows, first: tuple(map(torch.from_numpy, padded(rows, first)[:count])), run)


def onnxruntime(model_dir: Path, precision: str, threads: int, task: Task) -> Peer:
    import onnxruntime as ort

    options = ort.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
    file = "fused.onnx" if precision == "f32" else "fused-int8.onnx"
    session = ort.InferenceSession(model_dir / task.file(file), options, providers=["CPUExecutionProvider"])
    types = {"tensor(int32)": np.int32, "tensor(int64)": np.int64}
    wanted = {each.name: types[each.type] for each in session.get_inputs()}

    def prepare(rows: Rows, first: int) -> dict:
        found = dict(zip(INPUTS, padded(rows, first)))
        return {name: found[name].astype(dtype) for name, dtype in wanted.items()}

    return Peer(prepare, lambda inputs: session.run(None, inputs)[0])


def openvino(model_dir: Path, precision: str, threads: int, task: Task) -> Peer:
    import openvino as ov

    name = task.file("model.onnx") if precision == "f32" else f"{task.file('openvino-int8')}/model.xml"
    settings = {"INFERENCE_NUM_THREADS": threads, "PERFORMANCE_HINT": "LATENCY", "NUM_STREAMS": 1,
                "INFERENCE_PRECISION_HINT": "f32"}
    request = ov.Core().compile_model(model_dir / name, "CPU", settings).create_infer_request()
    wanted = inputs(networks.config(model_dir / task.weights("checkpoint")))

    return Peer(lambda rows, first: dict(zip(wanted, padded(rows, first))),
                lambda inputs: request.infer(inputs, share_inputs=True, share_outputs=True)[0])


def ctranslate2(model_dir: Path, precision: str, threads: int, task: Task) -> Peer:
    import ctranslate2 as ct2
    from safetensors import safe_open

    head = "qa_outputs" if task == ANSWER else "classifier"
    with safe_open(model_dir / task.weights("checkpoint") / "model.safetensors", "np") as file:
        weight, bias = file.get_tensor(f"{head}.weight"), file.get_tensor(f"{head}.bias")
    compute = "float32" if precision == "f32" else "int8"
    encoder = ct2.Encoder(str(model_dir / f"ctranslate2-{precision}"), device="cpu", compute_type=compute,
                          intra_threads=threads, inter_threads=1)

    def prepare(rows: Rows, first: int) -> tuple:
        types = [[0] * first + [1] * (len(row) - first) for row in rows] if first else None
        return rows, types, np.array([*map(len, rows)])

    def run(inputs: tuple) -> np.ndarray:
        rows, types, lengths = inputs
        found = encoder.forward_batch(rows, token_type_ids=types)
        if task == CLASSIFY:
            return np.array(found.pooler_output) @ weight.T + bias
        hidden = np.asarray(found.last_hidden_state)
        return pooled(hidden, lengths, task.pooling) if task.pooling else hidden @ weight.T + bias

    return Peer(prepare, run)


LOADERS = {"pytorch": pytorch, "compile": torch_compile, "onnxruntime": onnxruntime, "openvino": openvino,
           "ctranslate2": ctranslate2}


# What loading imports; the time that it takes is not part of loading a model.
LIBRARIES = {"pytorch": ("torch",),
             "compile": ("torch", "torch._inductor"),
             "onnxruntime": ("onnxruntime",), "openvino": ("openvino",), "ctranslate2": ("ctranslate2", "safetensors")}


def import_libraries(name: str, model_dir: Path, task: Task) -> None:
    family = name.rsplit("-", 1)[0]
    for module in LIBRARIES[family]:
        importlib.import_module(module)
    if family == "pytorch":
        networks.named(model_dir / task.weights("checkpoint"))


def load(name: str, model_dir: Path, threads: int, task: Task) -> Peer:
    """The engine of that name, ready for its first forward."""
    family, precision = name.rsplit("-", 1)
    return LOADERS[family](model_dir, precision, threads, task)


def pipeline(peer: Peer, checkpoint: Path, batch: int) -> Callable[[list[str]], list]:
    """transformers' pipeline, from texts to scores."""
    from transformers import AutoTokenizer, TextClassificationPipeline

    config = networks.config(checkpoint)
    # The tokenizer is to give what the model takes.
    tokenizer = AutoTokenizer.from_pretrained(checkpoint, model_input_names=inputs(config))
    run = TextClassificationPipeline(model=peer.model, tokenizer=tokenizer, device=-1)
    return lambda texts: run(texts, batch_size=batch, truncation=True, max_length=tokens(config), top_k=None)
