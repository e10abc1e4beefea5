"""BERT inference on CPUs: text in; labels, vectors, entities, answers or words out, the same every time.

    import nimbert

    stars = nimbert.pipeline("sentiment-analysis")              # the built-in demo; model="DIR" or "FILE.nimbert" for your own
    stars("太好看了")                                            # [{'label': 'star 5', 'score': 0.9...}]

`pipeline` has the names, arguments and results of transformers' pipelines, `SentenceEncoder` and `CrossEncoder` those of
sentence-transformers, and `Engine` gives arrays. Models are Hugging Face directories of the BERT family, or packed files.
"""

import sys

if "t" in getattr(sys, "abiflags", ""):
    raise ImportError(
        "nimbert's wheel is made for CPython's stable ABI, which a free-threaded interpreter does not have: use one with the GIL; "
        "its threads compute without it"
    )

from ._nimbert import Engine, __version__, pack, verify
from .compare import compare, compare_with_torch
from .errors import InputError, ModelError, NimbertError, OptionError, TaskError
from .hub import find, from_pretrained
from .pipelines import pipeline
from .sentence import CrossEncoder, SentenceEncoder

Model = Engine

__all__ = [
    "CrossEncoder",
    "Engine",
    "InputError",
    "Model",
    "ModelError",
    "NimbertError",
    "OptionError",
    "SentenceEncoder",
    "TaskError",
    "__version__",
    "compare",
    "compare_with_torch",
    "find",
    "from_pretrained",
    "pack",
    "pipeline",
    "verify",
]
