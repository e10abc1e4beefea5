"""The engines that are compared, and the setting of each: the best one known to us."""
from dataclasses import dataclass


@dataclass(frozen=True)
class Engine:
    """One engine at one precision."""

    family: str
    precision: str
    title: str
    setting: str
    # The Python packages without which it cannot be measured.
    packages: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        return f"{self.family}-{self.precision}"

    @property
    def ours(self) -> bool:
        return self.family == "nimbert"

    @property
    def group(self) -> str:
        """What it is compared with: whole weights with whole ones, int8 with int8."""
        return "int8" if self.precision == "int8" else "float"


TORCH = ("torch", "transformers")
ENGINES = (
    Engine("pytorch", "f32", "PyTorch", "eager, scaled-dot-product attention, no mask where no row is padded", TORCH),
    Engine("compile", "f32", "torch.compile",
           "compiled ahead of time (AOTInductor) with frozen weights, for all shapes at once", TORCH),
    Engine("pytorch", "int8", "PyTorch", "quantize_dynamic of all linear layers", TORCH),
    Engine("onnxruntime", "f32", "ONNX Runtime", "its BERT graph fusion", ("onnxruntime", "onnx", *TORCH)),
    Engine("onnxruntime", "int8", "ONNX Runtime", "its BERT graph fusion, then dynamic int8 per channel",
           ("onnxruntime", "onnx", *TORCH)),
    Engine("openvino", "f32", "OpenVINO", "latency hint, f32 arithmetic, one stream", ("openvino", "onnx", *TORCH)),
    Engine("openvino", "int8", "OpenVINO",
           "NNCF's full int8 for transformers, calibrated on comments; latency hint, one stream",
           ("openvino", "nncf", "onnx", *TORCH)),
    Engine("ctranslate2", "f32", "CTranslate2", "rows without padding; the classifier in NumPy",
           ("ctranslate2", *TORCH)),
    Engine("ctranslate2", "int8", "CTranslate2", "converted to int8; rows without padding; the classifier in NumPy",
           ("ctranslate2", *TORCH)),
    Engine("candle", "f32", "candle", "its default matrix products, built for this processor (target-cpu=native)",
           TORCH),
    Engine("nimbert", "f32", "nimbert", "a packed file, mapped"),
    Engine("nimbert", "f16", "nimbert f16", "a packed file, mapped"),
    Engine("nimbert", "int8", "nimbert", "a packed file, mapped"),
)
BY_NAME = {engine.name: engine for engine in ENGINES}
# What speed-ups are over.
BASELINE = "pytorch-f32"


def select(names: str) -> list[Engine]:
    """The engines that a list such as `openvino,nimbert-int8` names: a family alone stands for all its precisions."""
    wanted = [name.strip() for name in names.split(",")]
    for name in wanted:
        if not any(name in (engine.name, engine.family) for engine in ENGINES):
            known = ", ".join(dict.fromkeys(engine.family for engine in ENGINES))
            raise ValueError(f"no engine {name!r}: there are {known}, each alone or with a precision, as {BASELINE}")
    return [engine for engine in ENGINES if engine.name in wanted or engine.family in wanted]
