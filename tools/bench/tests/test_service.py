"""The service under load: what is made of a load's figures, without any load."""
import json
import tempfile
import unittest
from pathlib import Path

import service
from service import load, report, rounds
from service.servers import SERVERS

FOUND = {
    "summary": {"total": 2.0}, "statusCodeDistribution": {"200": 30, "429": 70}, "errorDistribution": {"timeout": 2},
    "latencyPercentilesSuccessful": {"p50": 0.25, "p99": 0.9}, "latencyPercentilesNotSuccessful": {"p50": 0.001, "p99": 0.003},
}


def row(server: str, workload: str, rate: float, number: int = 1, task: str = "classify") -> rounds.Row:
    return rounds.Row(server, task, number, workload, load.Load(rate, 100, {}, 0, 1.0, 2.0, 0.0), 50.0)


class Loads(unittest.TestCase):
    def test_what_oha_says(self):
        self.assertEqual(load.parse(FOUND), load.Load(15.0, 30, {"429": 70}, 2, 250.0, 900.0, 3.0))
        # Nothing was answered, or nothing refused.
        empty = FOUND | {"statusCodeDistribution": {}, "latencyPercentilesSuccessful": None,
                         "latencyPercentilesNotSuccessful": {"p50": None, "p99": None}}
        self.assertEqual(load.parse(empty), load.Load(0.0, 0, {}, 2, 0.0, 0.0, 0.0))


class Rates(unittest.TestCase):
    def test_the_most_is_the_best_number_of_connections_of_each_round(self):
        ours, peer = SERVERS[0], next(server for server in SERVERS if server.name == "onnxruntime")
        rows = [row(ours.name, "8 connections", 90), row(ours.name, "64 connections", 100), row(ours.name, "50% load", 500),
                row(ours.name, "8 connections", 120, 2), row(peer.name, "8 connections", 40), row(ours.name, "8 connections", 7, task="embed")]
        self.assertEqual(rounds.saturation(rows, ours), 110)
        self.assertEqual(rounds.rates(rows, ours, list(SERVERS)),
                         {"50% load": 55, "80% load": 88, "equal load": 32, "3 x load": 330})
        self.assertEqual(rounds.rates(rows, peer, list(SERVERS)), {"50% load": 20, "80% load": 32, "equal load": 32})
        self.assertEqual(rounds.saturation([], ours), 0)


class Reports(unittest.TestCase):
    def test_all_of_it(self):
        chosen = service.choose("nimbert-int8,onnxruntime")
        chosen = [server for server in chosen if server.task == "classify"]
        rows = [row(server.name, workload, rate) for server, rate in zip(chosen, (100.0, 40.0))
                for workload in ("1 connections", "8 connections", "64 connections", "512 connections", "50% load", "equal load")]
        rows.append(rounds.Row("nimbert-int8", "classify", 1, "3 x load", load.parse(FOUND), 50.0))
        rows.append(row("nimbert-int8", "memory after 1000", 100))
        lone = {"tokens": 19, "asked": 1.2, "forward": 1.0}
        text = report.text({"date": "today"}, rows, chosen, {"nimbert-int8": 101.0}, lone)
        for words in ("over the fastest peer: nimbert-int8 2.50", "0.99 of the 101 texts/s", "p50 1.20 ms",
                      "102 sent, 30 answered (p99 900 ms), 70 429 (p99 3.0 ms), 2 without", "memory after 1000 requests: 50.0 MiB"):
            self.assertIn(words, text)


class Preparing(unittest.TestCase):
    def test_names(self):
        self.assertEqual({server.name for server in service.choose("nimbert")}, {"nimbert-int8", "nimbert-f32"})
        with self.assertRaisesRegex(ValueError, "no server 'nginx'"):
            service.choose("nginx")

    def test_a_checkpoint_as_sentence_transformers_has_it(self):
        with tempfile.TemporaryDirectory() as folder:
            checkpoint = Path(folder) / "checkpoint"
            checkpoint.mkdir()
            config = {"architectures": ["BertForSequenceClassification"], "hidden_size": 8}
            (checkpoint / "config.json").write_text(json.dumps(config))
            (checkpoint / "model.safetensors").write_bytes(b"weights")
            out = service.sentences(checkpoint, Path(folder) / "sentences")
            self.assertEqual(json.loads((out / "config.json").read_text())["architectures"], ["BertModel"])
            self.assertEqual((out / "model.safetensors").read_bytes(), b"weights")
            self.assertEqual(json.loads((out / "1_Pooling" / "config.json").read_text())["word_embedding_dimension"], 8)

    def test_bodies_are_a_line_each(self):
        for server in SERVERS:
            body = server.body('a "quote"\nand a line')
            self.assertNotIn("\n", body)
            self.assertIn('a "quote"\nand a line', json.loads(body).values())


if __name__ == "__main__":
    unittest.main()
