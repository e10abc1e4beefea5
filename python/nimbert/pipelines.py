"""The pipelines of transformers: the same names, arguments and results."""

import difflib
from collections.abc import Iterable, Mapping
from itertools import islice

from .errors import InputError, OptionError
from .hub import from_pretrained

# Items of a dataset that are computed at a time.
BATCH = 32
# What transformers' pipelines are told that is decided here, with the values that change nothing.
HARMLESS = {
    "device": ("None", "-1", "cpu"),
    "device_map": ("None", "cpu", "auto"),
    "framework": ("None", "pt"),
    "use_fast": ("None", "True"),
    "config": ("None",),
    "trust_remote_code": ("None", "False"),
    "dtype": ("None", "auto", "float32", "torch.float32"),
    "torch_dtype": ("None", "auto", "float32", "torch.float32"),
    "model_kwargs": ("None", "{}"),
}
# What makes no difference, whatever it is.
IGNORED = ("num_workers", "token", "binary_output")


def _engine(model, options):
    """A model that is loaded, or is to be."""
    from ._nimbert import Engine

    if isinstance(model, Engine):
        usual = {"precision": "auto", "revision": "main"}
        if given := [name for name, value in options.items() if value != usual.get(name)]:
            raise OptionError(f"{', '.join(given)}: of a model that is loaded already")
        return model
    return from_pretrained(model, **options)


class Results:
    """The results for a dataset, of which it is known how many there will be."""

    def __init__(self, results, count):
        self.results, self.count = results, count

    def __iter__(self):
        return self.results

    def __next__(self):
        return next(self.results)

    def __len__(self):
        return self.count


class Pipeline:
    """One task of a model. What it is called with beside the inputs is for that call, what it was made with for all."""

    # Of the arguments of a call, by transformers' names: what they are unless they are said.
    arguments = {}

    def __init__(self, engine, **given):
        self.engine = engine
        self.batch_size = given.pop("batch_size", None)
        self.usual = self._said(given)

    def _said(self, given):
        """Those of the arguments that are known, and say something: None does not, but where it has a meaning."""
        for name in [name for name in given if name in HARMLESS or name in IGNORED]:
            value = given.pop(name)
            if name in HARMLESS and str(value) not in HARMLESS[name]:
                raise OptionError(f"{name}={value!r}: this is computed on the CPU, by the model's own files")
        if (tokenizer := given.pop("tokenizer", None)) not in (None, self.engine.path, str(self.engine.path)):
            raise OptionError(f"tokenizer={tokenizer!r}: the model's own is used")
        if unknown := next((name for name in given if name not in self.arguments), None):
            near = difflib.get_close_matches(unknown, self.arguments, 1)
            meant = f": did you mean {near[0]}?" if near else f"; there are {', '.join(self.arguments)}"
            raise OptionError(f"{type(self).__name__} has no argument {unknown!r}{meant}")
        return {name: value for name, value in given.items() if value is not None or self.arguments[name] == ""}

    def __call__(self, inputs, **given):
        # Of a generator each result is there before the next item is asked for, unless it is said otherwise.
        usual = BATCH if hasattr(inputs, "__len__") else 1
        size = given.pop("batch_size", None) or self.batch_size or usual
        how = {**self.arguments, **self.usual, **self._said(given)}
        if self._is_one(inputs):
            return self._one(inputs, how, given)
        if isinstance(inputs, (list, tuple)):
            return self._many(list(inputs), how)
        if hasattr(inputs, "__len__") and hasattr(inputs, "__getitem__"):
            return Results(self._stream((inputs[i] for i in range(len(inputs))), how, size), len(inputs))
        if isinstance(inputs, Iterable):
            return self._stream(inputs, how, size)
        raise InputError(0, f"is {type(inputs).__name__}, expected str")

    def _is_one(self, inputs):
        return isinstance(inputs, (str, Mapping))

    def _one(self, inputs, how, given):
        return self._many([inputs], how)[0]

    def _stream(self, inputs, how, size):
        """Of a generator or a dataset: results as they come, some inputs at a time."""
        inputs, done = iter(inputs), 0
        while part := list(islice(inputs, size)):
            try:
                yield from self._many(part, how)
            except InputError as error:
                # What came before it has its results.
                yield from self._many(part[: error.index], how) if error.index else ()
                raise InputError(done + error.index, error.reason) from None
            done += len(part)

    def _many(self, inputs, how):
        raise NotImplementedError

    def __repr__(self):
        return f"{type(self).__name__}({self.engine!r})"


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
            import numpy

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


class TokenClassificationPipeline(Pipeline):
    """Entities in texts: for each text a list of `{"entity", "score", "index", "word", "start", "end"}`, or with an
    `aggregation_strategy` (simple, first, average, max) of `{"entity_group", "score", "word", "start", "end"}`."""

    arguments = {"aggregation_strategy": "none", "ignore_labels": None, "stride": None, "is_split_into_words": False, "delimiter": " "}

    def __call__(self, inputs, **given):
        """`is_split_into_words`: `inputs` is a list of words, or of lists of words, which are joined by `delimiter`."""
        split = given.get("is_split_into_words", self.usual.get("is_split_into_words"))
        if split and isinstance(inputs, (list, tuple)) and all(isinstance(word, str) for word in inputs):
            inputs = [inputs]
        return super().__call__(inputs, **given)

    def _many(self, inputs, how):
        if how["is_split_into_words"]:
            inputs = [how["delimiter"].join(words) for words in inputs]
        strategy = str(getattr(how["aggregation_strategy"], "value", how["aggregation_strategy"])).lower()
        found = self.engine.tag(inputs, aggregation=strategy, ignore_labels=how["ignore_labels"], stride=how["stride"])
        if strategy == "none":
            return [
                [
                    {"entity": label, "score": score, "index": index, "word": word, "start": start, "end": end}
                    for label, score, index, word, start, end in text
                ]
                for text in found
            ]
        return [
            [
                {"entity_group": label, "score": score, "word": word, "start": start, "end": end}
                for label, score, _, word, start, end in text
            ]
            for text in found
        ]


class QuestionAnsweringPipeline(Pipeline):
    """Answers to questions, as they stand in a context: `pipe(question=…, context=…)`, or dictionaries of both.

    Each is `{"score", "start", "end", "answer"}`, with `top_k` above 1 a list of them. transformers has it until 5.2.
    """

    arguments = {
        "top_k": 1,
        "doc_stride": None,
        "max_answer_len": 15,
        "max_seq_len": None,
        "max_question_len": 64,
        "handle_impossible_answer": False,
        "align_to_words": True,
    }

    def __call__(self, *inputs, question=None, context=None, **given):
        if len(inputs) == 2 and all(isinstance(text, str) for text in inputs):
            (question, context), inputs = inputs, ()
        if question is not None or context is not None:
            if question is None or context is None or inputs:
                raise OptionError("question and context go together, and with nothing else")
            if isinstance(question, str):
                inputs = {"question": question, "context": context}
            else:
                contexts = [context] * len(question) if isinstance(context, str) else context
                if len(question) != len(contexts):
                    raise OptionError(f"{len(question)} questions, {len(contexts)} contexts")
                inputs = [{"question": one, "context": other} for one, other in zip(question, contexts)]
        elif len(inputs) == 1:
            (inputs,) = inputs
        elif not inputs:
            raise InputError(0, "has no question and no context")
        # One is itself, as in transformers.
        if isinstance(inputs, (list, tuple)) and len(inputs) == 1:
            inputs = inputs[0]
        return super().__call__(inputs, **given)

    def _many(self, inputs, how):
        for index, item in enumerate(inputs):
            if not isinstance(item, Mapping) or not {"question", "context"} <= set(item):
                raise InputError(index, "is no dictionary of question and context")
        questions, contexts = ([item[key] for item in inputs] for key in ("question", "context"))
        for key, texts in (("question", questions), ("context", contexts)):
            for index, text in enumerate(texts):
                if not isinstance(text, str):
                    raise InputError(index, f"has a {key} that is {type(text).__name__}, expected str")
        found = self.engine.answer(questions, contexts, **how)
        named = [
            [{"score": score, "start": start, "end": end, "answer": text} for score, start, end, text in answers] for answers in found
        ]
        return [answers[0] if len(answers) == 1 else answers for answers in named]


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


class FeatureExtractionPipeline(Pipeline):
    """The hidden states of every token, special ones included: for each text nested lists `[1][tokens][hidden]`, or with
    `return_tensors=True` an array."""

    arguments = {"return_tensors": False, "truncation": True}

    def _many(self, inputs, how):
        found = self.engine.token_vectors(inputs, truncation=bool(how["truncation"]))
        return [states[None] if how["return_tensors"] else [states.tolist()] for states in found]


PIPELINES = {
    "text-classification": TextClassificationPipeline,
    "token-classification": TokenClassificationPipeline,
    "question-answering": QuestionAnsweringPipeline,
    "fill-mask": FillMaskPipeline,
    "zero-shot-classification": ZeroShotClassificationPipeline,
    "feature-extraction": FeatureExtractionPipeline,
}
ALIASES = {"sentiment-analysis": "text-classification", "ner": "token-classification"}
# What a model's tasks are called there.
USUAL = {
    "classify": "text-classification",
    "rerank": "text-classification",
    "tag": "token-classification",
    "answer": "question-answering",
    "fill-mask": "fill-mask",
    "embed": "feature-extraction",
}


def pipeline(task=None, model=None, *, precision="auto", threads=None, max_tokens=None, revision=None, **given):
    """A pipeline as transformers makes it.

    `task` is text-classification (or sentiment-analysis), token-classification (or ner), question-answering, fill-mask,
    zero-shot-classification or feature-extraction; None: what the model was made for. `model` is a directory, a packed file, a name that
    Hugging Face's cache knows, or an Engine; None: the built-in demo, which rates Chinese film comments. `precision` is auto, f32, f16 or
    int8, and `threads` how many compute: all that the process may use. Other arguments are those of the pipeline's calls.

    Raises OptionError for what is not known, and ModelError or TaskError for a model that cannot do it.
    """
    known = [*PIPELINES, *ALIASES]
    if task is not None and task not in known:
        near = difflib.get_close_matches(str(task), known, 1)
        raise OptionError(f"no task {task!r}" + (f": did you mean {near[0]}?" if near else f"; there are {', '.join(known)}"))
    options = {"precision": precision, "threads": threads, "max_tokens": max_tokens, "revision": revision or "main"}
    engine = _engine(model, options)
    name = USUAL[engine.tasks[0]] if task is None else ALIASES.get(task, task)
    return PIPELINES[name](engine, **given)
