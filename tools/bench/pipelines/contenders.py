"""The packages that are measured, each as its own manual shows it. Runs in the environment that has them."""
import os
from pathlib import Path

BATCHES = (1, 8, 32)
"""Texts at once that the others are tried with; each keeps what is fastest for it."""


class Files:
    """The model in every form, in one directory."""

    def __init__(self, directory: str) -> None:
        here = Path(directory)
        self.checkpoint, self.sentences, self.onnx = here / "checkpoint", here / "sentences", here / "onnx"
        self.packed = {precision: here / f"{precision}.nimbert" for precision in ("f32", "int8")}


def nimbert_pipeline(files: Files, precision: str, threads: int):
    import nimbert
    classify = nimbert.pipeline("text-classification", model=str(files.packed[precision]), threads=threads, top_k=None)
    return lambda texts, batch: classify(texts)


def transformers_pipeline(files: Files, precision: str, threads: int):
    import torch
    from transformers import pipeline
    torch.set_num_threads(threads)
    classify = pipeline("text-classification", model=str(files.checkpoint), top_k=None, device="cpu")
    return lambda texts, batch: classify(texts, batch_size=batch)


def optimum_pipeline(files: Files, precision: str, threads: int):
    import onnxruntime
    from optimum.onnxruntime import ORTModelForSequenceClassification
    from transformers import AutoTokenizer, pipeline
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
    name = "model.onnx" if precision == "f32" else "model_quantized.onnx"
    model = ORTModelForSequenceClassification.from_pretrained(str(files.onnx), file_name=name, session_options=options)
    tokenizer = AutoTokenizer.from_pretrained(str(files.checkpoint))
    classify = pipeline("text-classification", model=model, tokenizer=tokenizer, top_k=None, device="cpu")
    return lambda texts, batch: classify(texts, batch_size=batch)


def nimbert_encoder(files: Files, precision: str, threads: int):
    import nimbert
    encoder = nimbert.SentenceEncoder(str(files.sentences), precision=precision, threads=threads)
    return lambda texts, batch: encoder.encode(texts, show_progress_bar=False)


def sentence_transformers(backend: str):
    def load(files: Files, precision: str, threads: int):
        import torch
        from sentence_transformers import SentenceTransformer
        torch.set_num_threads(threads)
        more = {}
        if backend == "onnx":
            import onnxruntime
            options = onnxruntime.SessionOptions()
            options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
            more = {"file_name": "onnx/model.onnx" if precision == "f32" else "onnx/model_qint8.onnx",
                    "session_options": options, "provider": "CPUExecutionProvider"}
        elif backend == "openvino":
            more = {"file_name": f"openvino/openvino_model{'' if precision == 'f32' else '_qint8'}.xml",
                    "ov_config": {"INFERENCE_NUM_THREADS": str(threads), "PERFORMANCE_HINT": "LATENCY"}}
        model = SentenceTransformer(str(files.sentences), backend=backend, model_kwargs=more, device="cpu")
        return lambda texts, batch: model.encode(texts, batch_size=batch, show_progress_bar=False)
    return load


def fastembed(files: Files, precision: str, threads: int):
    from fastembed import TextEmbedding
    from fastembed.common.model_description import ModelSource, PoolingType
    import json
    size = json.loads((files.checkpoint / "config.json").read_text())["hidden_size"]
    file = "onnx/model.onnx" if precision == "f32" else "onnx/model_qint8.onnx"
    TextEmbedding.add_custom_model(model="local/seeded", pooling=PoolingType.MEAN, normalization=False, dim=size,
                                   sources=ModelSource(hf="local/seeded"), model_file=file)
    model = TextEmbedding("local/seeded", specific_model_path=str(files.sentences), threads=threads)
    return lambda texts, batch: list(model.embed([texts] if isinstance(texts, str) else texts, batch_size=batch))


LOADERS = {
    ("classify", "nimbert"): nimbert_pipeline,
    ("classify", "transformers"): transformers_pipeline,
    ("classify", "optimum"): optimum_pipeline,
    ("embed", "nimbert"): nimbert_encoder,
    ("embed", "st-torch"): sentence_transformers("torch"),
    ("embed", "st-onnx"): sentence_transformers("onnx"),
    ("embed", "st-openvino"): sentence_transformers("openvino"),
    ("embed", "fastembed"): fastembed,
}


def offline() -> None:
    """Nothing here is on the hub."""
    os.environ |= {"HF_HUB_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "false"}
