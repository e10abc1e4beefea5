"""The pipelines' manners, with the built-in demo."""

import unittest

import nimbert


class Demo(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.pipe = nimbert.pipeline("sentiment-analysis", threads=1)

    def test_shapes_of_results(self):
        one = self.pipe("太好看了")
        self.assertEqual(([*one[0]], len(one)), (["label", "score"], 1))
        self.assertEqual(self.pipe(["太好看了", "难看"])[0], one[0])
        self.assertEqual(len(self.pipe("太好看了", top_k=None)), 5)
        self.assertEqual([len(each) for each in self.pipe(["a", "b"], top_k=3)], [3, 3])
        self.assertEqual(self.pipe([]), [])
        # Said when it is made, a text by itself still gives a list of its own.
        self.assertEqual([len(each) for each in nimbert.pipeline(top_k=2, threads=1)("太好看了")], [2])
        pair = self.pipe({"text": "太好看了", "text_pair": "难看"})
        self.assertEqual([*pair], ["label", "score"])
        both = self.pipe(["太好看了", {"text": "太好看了", "text_pair": "难看"}])
        self.assertEqual(both, [one[0], pair])

    def test_generators_and_datasets_give_results_as_they_come(self):
        texts = [f"第{i}部" for i in range(70)]
        taken = []

        def generator():
            for text in texts:
                taken.append(text)
                yield text

        stream = self.pipe(generator())
        first = next(stream)
        # Each before the next is asked for.
        self.assertEqual(len(taken), 1)
        self.assertEqual([first, *stream], self.pipe(texts))

        class Dataset:
            def __len__(self):
                return len(texts)

            def __getitem__(self, index):
                return texts[index]

        found = self.pipe(Dataset())
        self.assertEqual(len(found), len(texts))
        self.assertEqual([*found], self.pipe(texts))
        self.assertEqual([*self.pipe((text for text in texts), batch_size=32)], self.pipe(texts))

    def test_a_generator_that_fails_fails_here(self):
        def generator():
            yield "a"
            raise RuntimeError("no more")

        with self.assertRaisesRegex(RuntimeError, "no more"):
            list(self.pipe(generator()))

        def wrong():
            yield from ["a"] * 40
            yield None

        for how in ({}, {"batch_size": 32}):
            found = []
            with self.assertRaises(nimbert.InputError) as caught:
                found.extend(each for each in self.pipe(wrong(), **how))
            self.assertEqual((caught.exception.index, len(found)), (40, 40))

    def test_functions(self):
        raw = self.pipe("好", top_k=None, function_to_apply="none")
        self.assertGreater(max(abs(each["score"]) for each in raw), 1)
        soft = self.pipe("好", top_k=None, function_to_apply="softmax")
        self.assertAlmostEqual(sum(each["score"] for each in soft), 1, places=5)
        with self.assertRaisesRegex(nimbert.OptionError, "function_to_apply"):
            self.pipe("好", function_to_apply="tanh")

    def test_none_says_nothing(self):
        pipe = nimbert.pipeline(function_to_apply="none", threads=1)
        self.assertEqual(pipe("好", function_to_apply=None), pipe("好"))
        self.assertEqual(nimbert.pipeline("sentiment-analysis", device="cpu", num_workers=2, revision=None, torch_dtype="auto")("好"), self.pipe("好"))
        self.assertEqual(nimbert.pipeline(model=pipe.engine)("好"), self.pipe("好"))
        with self.assertRaisesRegex(nimbert.OptionError, "precision: of a model that is loaded"):
            nimbert.pipeline(model=pipe.engine, precision="int8")

    def test_long_texts_are_refused_unless_they_may_be_cut(self):
        long = "很" * 600
        with self.assertRaisesRegex(nimbert.InputError, "text 1: longer than 512 tokens; truncation=True"):
            self.pipe(["a", long])
        self.assertEqual(len(self.pipe([long], truncation=True)), 1)
        self.assertEqual(self.pipe(long, truncation=True, max_length=12), self.pipe("很" * 10))

    def test_what_is_not_known_is_named(self):
        for call, words in (
            (lambda: nimbert.pipeline("text-clasification"), "did you mean text-classification"),
            (lambda: nimbert.pipeline("summarization"), "there are text-classification"),
            (lambda: self.pipe("a", topk=1), "did you mean top_k"),
            (lambda: nimbert.pipeline(device="cuda:0"), "device='cuda:0'"),
            (lambda: nimbert.pipeline(precision="int4"), "precision"),
            (lambda: nimbert.pipeline(threads=0), "threads"),
        ):
            with self.assertRaisesRegex(nimbert.OptionError, words):
                call()
        with self.assertRaises(nimbert.TaskError):
            nimbert.pipeline("ner")(["a"])
        for name in ("/no/such/model", "./none"):
            with self.assertRaisesRegex(nimbert.ModelError, name):
                nimbert.pipeline(model=name)

    def test_inputs_that_are_no_texts_have_a_place(self):
        for bad, words in ((None, "NoneType"), (b"bytes", "bytes"), (1.5, "float"), (float("nan"), "float"), (["a", "b"], "list"), ({"text_pair": "a"}, "no text")):
            with self.assertRaisesRegex(nimbert.InputError, words) as caught:
                self.pipe(["a", bad])
            self.assertEqual(caught.exception.index, 1)
        with self.assertRaisesRegex(nimbert.InputError, "Unicode"):
            self.pipe("\ud800")
        for bad in (None, 3):
            with self.assertRaises(nimbert.InputError):
                self.pipe(bad)


if __name__ == "__main__":
    unittest.main()
