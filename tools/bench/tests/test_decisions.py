"""From the logits of tokens to labels and answers, where NumPy is installed."""
import importlib.util
import unittest

HAS_NUMPY = importlib.util.find_spec("numpy") is not None
if HAS_NUMPY:
    import numpy as np

    import decisions


@unittest.skipUnless(HAS_NUMPY, "no numpy")
class Decisions(unittest.TestCase):
    def test_a_token_has_the_likeliest_label_and_special_ones_none(self):
        logits = np.zeros((2, 4, 2), dtype=np.float32)
        logits[0, 1, 1] = logits[1, 2, 0] = np.log(3)
        found = decisions.tags(logits, [4, 3])
        self.assertEqual([[label for label, _ in text] for text in found], [[1, 0], [0]])
        for (_, score), expected in zip(found[0] + found[1], (0.75, 0.5, 0.5)):
            self.assertAlmostEqual(score, expected, 6)

    def windows(self):
        """Two of a question of one token: `[CLS] q [SEP] c c c [SEP]`, and with one token less, padded."""
        return np.zeros((2, 7, 2)), [7, 6]

    def test_a_span_is_of_the_context_and_ends_after_it_starts(self):
        logits, lengths = self.windows()
        # Of the question, the last [SEP], padding, and an end before its start: all of them likelier than what counts.
        for window, token, side in ((0, 1, 0), (0, 1, 1), (0, 6, 0), (0, 6, 1), (1, 6, 0), (1, 6, 1)):
            logits[window, token, side] = 9
        logits[1, 4, 0], logits[1, 3, 1], logits[1, 4, 1] = 4, 6, 5
        score, *place = decisions.best_span(logits, lengths, 3)
        self.assertEqual(place, [1, 4, 4])
        # Of [CLS], two tokens of the context and nothing else.
        self.assertAlmostEqual(score, np.e**4 / (np.e**4 + 2) * np.e**5 / (np.e**5 + np.e**6 + 1))

    def test_an_answer_is_not_longer_than_allowed(self):
        logits = np.zeros((1, 40, 2))
        logits[0, 3, 0] = logits[0, 3 + decisions.LONGEST, 1] = 9
        _, _, first, last = decisions.best_span(logits, [40], 3)
        self.assertLess(last - first, decisions.LONGEST)

    def test_the_same_words_in_two_windows_are_one_answer(self):
        logits, lengths = self.windows()
        logits[0, 3], logits[1, 4], logits[1, 3] = 3, 3, 3.5
        # `b` is the first of one window, and the second of the other.
        asked = {"question": 3, "context": "a b c B", "places": [[None] * 3 + [[2, 3], [4, 5], [6, 7], None],
                                                                 [None] * 3 + [[0, 1], [2, 3], None, None]]}
        text, score = decisions.answer(logits, lengths, asked)
        self.assertEqual(text, "b")
        found = decisions.spans(logits, lengths, 3)
        self.assertAlmostEqual(score, found[0, 0, 3] + found[0, 0, 5] + found[0, 1, 4])


if __name__ == "__main__":
    unittest.main()
