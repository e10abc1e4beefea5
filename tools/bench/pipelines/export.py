"""Writes the model as each package reads it: python3 export.py DIRECTORY TEXTS.json, in the environment that has them."""
import json
import sys
from pathlib import Path

import contenders


def classifier(checkpoint: Path, out: Path) -> None:
    """ONNX, and in int8 as optimum's manual does it for this processor."""
    from optimum.onnxruntime import ORTModelForSequenceClassification, ORTQuantizer
    from optimum.onnxruntime.configuration import AutoQuantizationConfig
    ORTModelForSequenceClassification.from_pretrained(str(checkpoint), export=True).save_pretrained(str(out))
    flags = Path("/proc/cpuinfo").read_text()
    config = AutoQuantizationConfig.avx512_vnni if "avx512_vnni" in flags else AutoQuantizationConfig.avx2
    ORTQuantizer.from_pretrained(str(out), file_name="model.onnx").quantize(
        save_dir=str(out), quantization_config=config(is_static=False, per_channel=True))


def encoder(sentences: Path, texts: list[str]) -> None:
    """ONNX and OpenVINO, as sentence-transformers exports them, and in int8: dynamic there, calibrated on the texts here."""
    import nncf
    import openvino
    from sentence_transformers import SentenceTransformer, export_dynamic_quantized_onnx_model
    flags = Path("/proc/cpuinfo").read_text()
    model = SentenceTransformer(str(sentences), backend="onnx", model_kwargs={"export": True, "provider": "CPUExecutionProvider"})
    model.save_pretrained(str(sentences))
    quantization = "avx512_vnni" if "avx512_vnni" in flags else "avx2"
    export_dynamic_quantized_onnx_model(model, quantization, str(sentences), file_suffix="qint8")
    model = SentenceTransformer(str(sentences), backend="openvino", model_kwargs={"export": True})
    model.save_pretrained(str(sentences))
    tokenize, graph = model.tokenizer, openvino.Core().read_model(sentences / "openvino" / "openvino_model.xml")
    names = {name for each in graph.inputs for name in each.get_names()}

    def inputs(text: str) -> dict:
        return {name: value for name, value in tokenize(text, return_tensors="np").items() if name in names}

    quantized = nncf.quantize(graph, nncf.Dataset(texts, inputs), model_type=nncf.ModelType.TRANSFORMER,
                              subset_size=len(texts), fast_bias_correction=True)
    openvino.save_model(quantized, sentences / "openvino" / "openvino_model_qint8.xml")


def main() -> None:
    directory, texts = sys.argv[1], json.load(open(sys.argv[2]))
    contenders.offline()
    files = contenders.Files(directory)
    classifier(files.checkpoint, files.onnx)
    encoder(files.sentences, texts)


if __name__ == "__main__":
    main()
