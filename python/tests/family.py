"""What transformers computes of tiny checkpoints, where they are: beside the repository."""

import json
import shutil
import unittest
from pathlib import Path

FAMILY = Path(__file__).resolve().parents[2].parent / "shared" / "family"
# Families that are computed here.
PREFIXES = ("bert-", "roberta-", "camembert-", "xlm-roberta-", "distilbert-", "mpnet-")


def models(task):
    """The directories of a task with what is expected of them, or a skip that says what is missing."""
    if not FAMILY.is_dir():
        raise unittest.SkipTest(f"no {FAMILY}")
    found = []
    for path in sorted(FAMILY.iterdir()):
        expected = path / "expected.json"
        # One is of another architecture.
        if expected.is_file() and path.name.startswith((*PREFIXES, "st-", "ce-")) and not path.name.endswith("-albert"):
            said = json.loads(expected.read_text())
            if said["task"] == task:
                found.append((path, said.get("rows", said)))
    assert found, f"{FAMILY} has nothing for {task}"
    return found


def with_json(path, copy, file, more):
    """A copy of a checkpoint with more keys in one of its files of JSON."""
    shutil.copytree(path, copy)
    at = copy / file
    at.write_text(json.dumps((json.loads(at.read_text()) if at.is_file() else {}) | more))
    return copy


def near(case, ours, theirs, tolerance=1e-4, where=""):
    """That two results have the same keys and values, but for the last digits of their numbers."""
    if isinstance(theirs, float):
        case.assertAlmostEqual(ours, theirs, delta=tolerance, msg=where)
    elif isinstance(theirs, dict):
        case.assertEqual(list(ours), list(theirs), where)
        for key in theirs:
            near(case, ours[key], theirs[key], tolerance, f"{where}.{key}")
    elif isinstance(theirs, list):
        case.assertEqual(len(ours), len(theirs), where)
        for index, (one, other) in enumerate(zip(ours, theirs)):
            near(case, one, other, tolerance, f"{where}[{index}]")
    else:
        case.assertEqual(ours, theirs, where)
