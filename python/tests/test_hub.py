"""Models by name, in a cache as Hugging Face's is."""

import os
import tempfile
import unittest
from pathlib import Path
from unittest import mock

import nimbert
from nimbert import hub


class Cache(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.home = Path(folder.name)
        self.snapshot = self.home / "hub" / "models--org--name" / "snapshots" / "abc123"
        self.snapshot.mkdir(parents=True)
        (self.snapshot / "model.safetensors").touch()
        reference = self.snapshot.parents[1] / "refs" / "main"
        reference.parent.mkdir()
        reference.write_text("abc123")
        clean = {key: value for key, value in os.environ.items() if not key.startswith(("HF_", "HUGGINGFACE"))}
        patch = mock.patch.dict(os.environ, {**clean, "HF_HOME": str(self.home), "HF_HUB_OFFLINE": "1"}, clear=True)
        patch.start()
        self.addCleanup(patch.stop)

    def test_where_it_is(self):
        self.assertEqual(hub.find("org/name"), self.snapshot)
        self.assertEqual(hub.find("org/name", "abc123"), self.snapshot)
        self.assertEqual(hub.find(str(self.home)), self.home)
        with mock.patch.dict(os.environ, {"HF_HUB_CACHE": str(self.home / "other")}), self.assertRaises(nimbert.ModelError):
            hub.find("org/name")

    def test_what_is_not_there_says_how_to_get_it(self):
        with self.assertRaisesRegex(nimbert.ModelError, "org/other.*HF_HUB_OFFLINE"):
            hub.find("org/other")
        with mock.patch.dict(os.environ, {"HF_HUB_OFFLINE": "0"}), mock.patch.dict("sys.modules", {"huggingface_hub": None}):
            with self.assertRaisesRegex(nimbert.ModelError, "pip install huggingface_hub"):
                hub.find("org/other")
        with self.assertRaisesRegex(nimbert.ModelError, "config.json"):
            nimbert.from_pretrained("org/name")
        (self.snapshot / "model.safetensors").unlink()
        with self.assertRaisesRegex(nimbert.ModelError, "HF_HUB_OFFLINE"):
            hub.find("org/name")


if __name__ == "__main__":
    unittest.main()
