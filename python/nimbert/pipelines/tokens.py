"""Tokens: words for masks, and hidden states."""

from .base import Pipeline


class FillMaskPipeline(Pipeline):
    """Words for the masks of texts: for each text with one mask a list of `{"score", "token", "token_str", "sequence"}`, the best first;
    with several masks a list of such lists. `targets` are words that alone are compared."""

    arguments = {"top_k": 5, "targets": None}

    def _many(self, inputs, how):
        targets = [how["targets"]] if isinstance(how["targets"], str) else how["targets"]
        found = self.engine.fill(inputs, top_k=how["top_k"], targets=targets)
        named = [
            [
                [
                    {"score": score, "token": token, "token_str": word, "sequence": sequence}
                    for score, token, word, sequence in words
                ]
                for words in masks
            ]
            for masks in found
        ]
        return [masks[0] if len(masks) == 1 else masks for masks in named]

    def __call__(self, inputs, **given):
        found = super().__call__(inputs, **given)
        # A list of one text gives what the text alone gives.
        return found[0] if isinstance(inputs, list) and len(inputs) == 1 else found


class FeatureExtractionPipeline(Pipeline):
    """The hidden states of every token, special ones included: for each text nested lists `[1][tokens][hidden]`, or with
    `return_tensors=True` an array."""

    arguments = {"return_tensors": False, "truncation": True}

    def _many(self, inputs, how):
        found = self.engine.token_vectors(inputs, truncation=bool(how["truncation"]))
        return [states[None] if how["return_tensors"] else [states.tolist()] for states in found]
