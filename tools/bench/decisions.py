"""What is concluded from the logits of tokens: a label for each, or the part of a context that answers a question."""
import numpy as np

# Tokens of an answer, at most.
LONGEST = 15
# Spans of a window that are looked at for an answer: the same words in other places are the same answer.
SPANS = 12


def softmax(logits: np.ndarray, axis: int) -> np.ndarray:
    powers = np.exp(logits - logits.max(axis, keepdims=True))
    return powers / powers.sum(axis, keepdims=True)


def tags(logits: np.ndarray, lengths: list[int]) -> list[list[tuple[int, float]]]:
    """For each text the label of each token that is not special, and how likely it is, of logits [texts, tokens,
    labels]."""
    likely = softmax(logits.astype(np.float64), 2)
    labels, scores = likely.argmax(2).tolist(), likely.max(2).tolist()
    return [list(zip(row[1:length - 1], values[1:length - 1])) for row, values, length in zip(labels, scores, lengths)]


def spans(logits: np.ndarray, lengths: list[int], question: int) -> np.ndarray:
    """How likely an answer has so many tokens more than one and starts there: [LONGEST, windows, tokens], of logits
    [windows, tokens, 2]. In every window so many tokens are before the context, and one is after it."""
    places, ends = np.arange(logits.shape[1]), np.array(lengths)[:, None] - 1
    context = (places >= question) & (places < ends)
    # [CLS] stands for no answer: it has its share of what is likely.
    counts = (context | (places == 0))[:, :, None]
    start, end = np.moveaxis(softmax(np.where(counts, logits, -np.inf), 1) * context[:, :, None], 2, 0)
    out = np.zeros((LONGEST, *start.shape), dtype=logits.dtype)
    for more in range(min(LONGEST, logits.shape[1])):
        out[more, :, :logits.shape[1] - more] = start[:, :logits.shape[1] - more] * end[:, more:]
    return out


def best_span(logits: np.ndarray, lengths: list[int], question: int) -> tuple[float, int, int, int]:
    """How likely the best one is, its window, and its first and last token."""
    found = spans(logits, lengths, question)
    more, window, first = map(int, np.unravel_index(found.argmax(), found.shape))
    return float(found[more, window, first]), window, first, first + more


def answer(logits: np.ndarray, lengths: list[int], asked: dict) -> tuple[str, float]:
    """The best answer as the question-answering pipeline of transformers gave it: where the same words are found again,
    both count. `asked` has the context, the tokens before it, and for each token of each window the characters of its
    word."""
    found, answers = spans(logits.astype(np.float64), lengths, asked["question"]), {}
    for window, places in enumerate(asked["places"]):
        scores = found[:, window].ravel()
        for best in np.argsort(-scores, kind="stable")[:SPANS].tolist():
            more, first = divmod(best, found.shape[2])
            if not scores[best]:
                break
            text = asked["context"][places[first][0]:places[first + more][1]]
            text, score = answers.get(text.lower(), (text, 0.0))
            answers[text.lower()] = text, score + float(scores[best])
    return max(answers.values(), key=lambda each: each[1])
