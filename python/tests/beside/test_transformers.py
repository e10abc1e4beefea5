"""The pipelines called as transformers' own are, side by side: the same dictionaries."""

import sys
import unittest
import warnings
from pathlib import Path

import nimbert

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from family import FAMILY, near  # noqa: E402

try:
    import transformers

    transformers.logging.set_verbosity_error()
except ImportError:
    transformers = None

TEXTS = ["Maria Olsen moved to Ghent", "篮球太让我上头了", "it was fine", "太好看了！"]
CALLS = {
    "text-classification": [
        ((TEXTS[0],), {}),
        ((TEXTS,), {}),
        ((TEXTS[0],), {"top_k": None}),
        ((TEXTS,), {"top_k": 2}),
        ((TEXTS,), {"top_k": 1}),
        (({"text": TEXTS[0], "text_pair": TEXTS[1]},), {}),
        (([{"text": TEXTS[0], "text_pair": TEXTS[1]}],), {"top_k": None}),
        ((TEXTS[0],), {"function_to_apply": "none"}),
        ((TEXTS[0],), {"function_to_apply": "sigmoid", "top_k": None}),
    ],
    "token-classification": [
        ((TEXTS[0],), {}),
        ((TEXTS,), {}),
        *(((TEXTS,), {"aggregation_strategy": strategy}) for strategy in ("simple", "first", "average", "max")),
        ((TEXTS[0],), {"ignore_labels": []}),
        (([TEXTS[0]],), {}),
    ],
    "fill-mask": [
        (("it [MASK] fine",), {}),
        ((["it [MASK] fine", "so [MASK]"],), {"top_k": 2}),
        ((["it [MASK] fine"],), {}),
        (("it [MASK] [MASK]",), {"top_k": 1}),
        (("it [MASK] fine",), {"targets": None}),
    ],
    "zero-shot-classification": [
        ((TEXTS[0], ["film", "travel"]), {}),
        ((TEXTS[0], "film, travel"), {"multi_label": True}),
        ((TEXTS[:2],), {"candidate_labels": ["film", "travel"], "hypothesis_template": "It is {}."}),
        (([TEXTS[0]], ["film"]), {}),
    ],
    "feature-extraction": [((TEXTS[0],), {}), ((TEXTS,), {})],
}
MODELS = {
    "text-classification": ["bert-nli", "bert-rerank", "roberta-classify", "camembert-classify", "distilbert-classify", "mpnet-classify"],
    "token-classification": ["bert-ner", "roberta-ner", "distilbert-ner", "xlm-roberta-ner"],
    "fill-mask": ["bert-mlm", "roberta-mlm", "distilbert-mlm"],
    "zero-shot-classification": ["bert-nli", "roberta-nli"],
    "feature-extraction": ["bert-embed", "distilbert-embed", "mpnet-embed", "xlm-roberta-embed"],
}


def plain(value):
    """NumPy's numbers as Python's."""
    if isinstance(value, dict):
        return {key: plain(each) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(each) for each in value]
    return value.item() if hasattr(value, "item") else value


@unittest.skipUnless(transformers and FAMILY.is_dir(), "no transformers, or no checkpoints")
class Beside(unittest.TestCase):
    def check(self, task, name):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            theirs = transformers.pipeline(task, model=str(FAMILY / name), device="cpu")
        ours = nimbert.pipeline(task, FAMILY / name, threads=1)
        mask = ours.engine.mask_token
        for args, how in CALLS[task]:
            if task == "fill-mask":
                swap = lambda text: text.replace("[MASK]", mask)  # noqa: E731
                args = tuple([swap(text) for text in arg] if isinstance(arg, list) else swap(arg) for arg in args)
                if "targets" in how:
                    # Words that the vocabulary has.
                    how = {"targets": [each["token_str"] for each in ours(*args)[:9] if "\ufffd" not in each["token_str"]]}
            expected = plain(theirs(*args, **how))
            near(self, plain(ours(*args, **how)), expected, 2e-4, f"{name}{args}{how}")

    def test_generators(self):
        theirs = transformers.pipeline("text-classification", model=str(FAMILY / "bert-nli"), device="cpu")
        ours = nimbert.pipeline("text-classification", FAMILY / "bert-nli", threads=1)
        found = [list(pipe(text for text in TEXTS)) for pipe in (ours, theirs)]
        near(self, *found)
        found = [list(pipe((text for text in TEXTS), top_k=2)) for pipe in (ours, theirs)]
        near(self, *found)


def add(task):
    def test(self):
        for name in MODELS[task]:
            self.check(task, name)

    setattr(Beside, f"test_{task.replace('-', '_')}", test)


for each in MODELS:
    add(each)


if __name__ == "__main__":
    unittest.main()
