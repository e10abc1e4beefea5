"""The shapes with weights from a seed, and what other families than BERT's take."""
import json
import math
import tempfile
import unittest
from importlib.util import find_spec
from pathlib import Path

import engines
import families
import make_checkpoint
import models
import prepare
import seeded
import unigram
import workloads
from tasks import Turn


class Shapes(unittest.TestCase):
    def test_each_is_as_large_as_the_model_that_it_is_called_by(self):
        # The published ones, with five labels: of the encoder, the head's first layer, and its last.
        sizes = {"bert-base-chinese": 102_267_648 + 5 * 769, "distilbert-base": 66_362_880 + 768 * 769 + 5 * 769,
                 "xlm-roberta-base": 277_453_056 + 768 * 769 + 5 * 769, "all-MiniLM-L6": 22_713_216 + 5 * 385}
        self.assertEqual(set(models.SHAPES), set(sizes))
        for name, path in models.SHAPES.items():
            with self.subTest(name):
                config = make_checkpoint.read(path)["config"]
                self.assertEqual(sum(map(math.prod, seeded.shapes(config).values())), sizes[name])
                self.assertEqual(families.tokens(config), 512)
                self.assertNotIn(config["pad_token_id"], workloads.vocabulary(config))

    def test_a_record_names_it(self):
        self.assertEqual(models.title(models.SHAPES["distilbert-base"]),
                         "distilbert-base's shape, weights from a seed")
        self.assertEqual(models.title(Path("models/stars")), "stars")

    def test_what_a_model_takes(self):
        taken = {name: len(families.inputs(models.config(path))) for name, path in models.SHAPES.items()}
        self.assertEqual(taken, {"bert-base-chinese": 3, "distilbert-base": 2, "xlm-roberta-base": 2,
                                 "all-MiniLM-L6": 3})

    def test_an_engine_that_cannot_is_left_out_with_the_reason(self):
        def reason(engine: str, shape: str) -> str:
            every = dict.fromkeys(("torch", "transformers", "ctranslate2"), "1")
            return prepare.lacking(Turn(engines.BY_NAME[engine]), models.config(models.SHAPES[shape]), every)

        self.assertEqual(reason("candle-f32", "all-MiniLM-L6"), "")
        self.assertEqual(reason("nimbert-int8", "xlm-roberta-base"), "")
        self.assertEqual(reason("candle-f32", "distilbert-base"), "its program in candle/ computes BERT alone")
        self.assertIn("BERT alone", reason("ctranslate2-int8", "xlm-roberta-base"))
        self.assertEqual(reason("openvino-f32", "xlm-roberta-base"), "not installed: openvino, onnx")


@unittest.skipUnless(find_spec("tokenizers"), "no tokenizers")
class Unigram(unittest.TestCase):
    def test_it_has_the_form_of_the_family_and_as_many_words_as_the_model(self):
        from tokenizers import Tokenizer

        config = models.config(models.SHAPES["xlm-roberta-base"]) | {"vocab_size": 4000}
        with tempfile.TemporaryDirectory() as directory:
            unigram.write(config, Path(directory))
            tokenizer = Tokenizer.from_file(f"{directory}/tokenizer.json")
            settings = json.loads(Path(directory, "tokenizer_config.json").read_text())
        special = [tokenizer.token_to_id(token) for token in (*unigram.SPECIAL, unigram.MASK)]
        self.assertEqual(special, [0, 1, 2, 3, 3999])
        self.assertEqual(tokenizer.get_vocab_size(), 4000)
        pair = tokenizer.encode("很好", "不好")
        self.assertEqual([pair.tokens[0], pair.tokens[-1], pair.tokens.count("</s>")], ["<s>", "</s>", 3])
        self.assertEqual(set(pair.type_ids), {0})
        self.assertEqual((settings["model_max_length"], settings["model_input_names"]),
                         (512, ["input_ids", "attention_mask"]))
        # No text is split into words that are made up.
        made_up = tokenizer.token_to_id(unigram.made_up(0))
        self.assertTrue(all(max(tokenizer.encode(text).ids) < made_up for text in workloads.texts()))
