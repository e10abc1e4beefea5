"""Labels of texts: those that a model was trained on, and others."""

from collections.abc import Mapping

import numpy

from ..errors import InputError, OptionError
from .base import Pipeline


def _texts_and_pairs(inputs):
    """Texts, and second ones where there are some: {"text": …, "text_pair": …}."""
    texts, pairs = [], []
    for index, item in enumerate(inputs):
        if isinstance(item, Mapping):
            if unknown := set(item) - {"text", "text_pair"}:
                raise InputError(index, f"has {sorted(map(str, unknown))}, expected text and text_pair")
            if "text" not in item:
                raise InputError(index, "has no text")
            texts.append(item["text"])
            pairs.append(item.get("text_pair"))
        else:
            if isinstance(item, (list, tuple)):
                raise InputError(index, 'is a list: a pair is {"text": ..., "text_pair": ...}')
            texts.append(item)
            pairs.append(None)
    return texts, pairs


class TextClassificationPipeline(Pipeline):
    """Labels of texts, or of pairs `{"text": …, "text_pair": …}`.

    A text gives `[{"label", "score"}]`, a list of texts a list of such dictionaries; with `top_k` (`None`: all labels) each text has a
    list of them, the best first. `function_to_apply` is sigmoid, softmax or none, in place of what the model's configuration says. A text
    of too many tokens is refused unless `truncation=True`.
    """

    arguments = {"top_k": "", "function_to_apply": None, "truncation": False, "padding": None, "max_length": None}

    def _one(self, inputs, how, given):
        found = super()._one(inputs, how, given)
        # What transformers has for a single text.
        return [found] if isinstance(inputs, str) and "top_k" not in given else found

    def _many(self, inputs, how):
        texts, pairs = _texts_and_pairs(inputs)
        scores = self._scores(texts, pairs, how)
        labels, top_k = self.engine.labels, how["top_k"]
        if top_k == "":
            best = scores.argmax(1).tolist()
            return [{"label": labels[i], "score": float(row[i])} for i, row in zip(best, scores)]
        order = (-scores).argsort(1, kind="stable")
        if top_k is not None:
            order = order[:, :top_k]
        return [[{"label": labels[i], "score": float(row[i])} for i in best] for best, row in zip(order.tolist(), scores)]

    def _scores(self, texts, pairs, how):
        keys = {"function_to_apply": how["function_to_apply"], "truncation": bool(how["truncation"]), "max_tokens": how["max_length"]}
        if all(pair is None for pair in pairs):
            return self.engine.scores(texts, **keys)
        if any(pair is None for pair in pairs):
            # Some have a second text, others have not: each by itself.
            out = numpy.empty((len(texts), len(self.engine.labels)), numpy.float32)
            for with_pair in (False, True):
                places = [i for i, pair in enumerate(pairs) if (pair is not None) == with_pair]
                second = [pairs[i] for i in places] if with_pair else None
                try:
                    out[places] = self.engine.scores([texts[i] for i in places], second, **keys)
                except InputError as error:
                    raise InputError(places[error.index], error.reason) from None
            return out
        return self.engine.scores(texts, pairs, **keys)


class ZeroShotClassificationPipeline(Pipeline):
    """Labels that a model was not trained on: for each text `{"sequence", "labels", "scores"}`, the best label first."""

    arguments = {"candidate_labels": None, "hypothesis_template": "This example is {}.", "multi_label": False}

    def __call__(self, sequences, candidate_labels=None, **given):
        if candidate_labels is not None:
            given["candidate_labels"] = candidate_labels
        return super().__call__(sequences, **given)

    def _many(self, inputs, how):
        labels = how["candidate_labels"]
        if isinstance(labels, str):
            labels = [label.strip() for label in labels.split(",") if label.strip()]
        labels = [] if labels is None else list(labels)
        if not labels:
            raise OptionError("candidate_labels: there are none")
        template, multi = how["hypothesis_template"], how["multi_label"]
        found = self.engine.rank_labels(inputs, labels, hypothesis_template=template, multi_label=multi)
        return [
            {"sequence": text, "labels": [labels[i] for i, _ in ranked], "scores": [score for _, score in ranked]}
            for text, ranked in zip(inputs, found)
        ]
