#!/usr/bin/env python3
"""Writes tags and answers, and what seqeval and SQuAD's own scripts make of them, to tests/data/metrics.

All is made up from a seed, beside what is odd and was written by hand:
  entities.json   tags of sentences, a model's beside the data's own: seqeval's classification_report and accuracy_score,
                  as it is by default and with mode="strict" for IOB2 and IOBES
  answers.json    answers that a model found beside the right ones: exact match and F1 of each question and of all, by
                  evaluate-v1.1.py, and by evaluate-v2.0.py, where some questions have no answer

The two scripts are those of https://rajpurkar.github.io/SQuAD-explorer.
"""
import argparse
import importlib.util
import json
import random
import subprocess
import sys
import tempfile
import warnings
from pathlib import Path

import needs

with needs.packages("numpy", "scikit-learn", "seqeval"):
    from seqeval.metrics import accuracy_score, classification_report
    from seqeval.scheme import IOB2, IOBES

DATA = Path(__file__).resolve().parent.parent / "tests" / "data" / "metrics"
TYPES = ("PER", "LOC", "ORG", "EVENT-X", "名")
# What is odd: the data's tags and the model's.
ODD = [
    ("O I-PER I-PER O", "O B-PER I-PER O"),
    ("B-PER I-LOC I-LOC", "B-PER I-PER I-LOC"),
    ("B-PER B-PER", "B-PER I-PER"),
    ("I-PER B-PER I-ORG", "I-PER I-PER I-ORG"),
    ("", ""),
    ("O O", "O O"),
    ("B-名 I-名", "B-名 I-名"),
    ("B-EVENT-X I-EVENT-X", "B-EVENT-X I-EVENT-Y"),
    ("B-PER", "O"),
    ("O", "B-ORG"),
]
ODD_IOBES = [
    ("B-PER E-PER S-LOC", "B-PER I-PER S-LOC"),
    ("B-PER I-PER E-PER", "I-PER I-PER E-PER"),
    ("S-PER S-PER", "S-PER E-PER"),
    ("E-PER E-PER I-PER", "E-PER I-PER I-PER"),
    ("B-PER E-LOC", "B-PER E-PER"),
    ("B-PER S-PER E-PER", "B-PER O E-PER"),
    ("S-PER I-PER", "O I-PER"),
    ("B-LOC I-LOC", "B-LOC E-LOC"),
    ("B-LOC B-LOC E-LOC I-LOC", "B-LOC B-LOC E-LOC O"),
]
# Name: (letters of the tags, scheme, odd sentences)
TAGGED = {
    "default": ("BI", None, ODD),
    "default, five letters": ("BIES", None, ODD + ODD_IOBES),
    "strict IOB2": ("BI", "IOB2", ODD),
    "strict IOBES": ("BIES", "IOBES", ODD + ODD_IOBES),
    "nothing right": ("BI", None, [("B-PER O", "O B-LOC")]),
    "nothing found": ("BI", None, [("B-PER I-PER", "O O")]),
    "nothing to be found": ("BI", None, [("O O", "B-PER I-PER")]),
}
WORDS = ("the", "The", "a", "an", "A", "Ghent", "ghent,", "1998", "U.S.", "don't", "well-known", "the-end", "café", "CAFÉ", "—", "“The”",
         "naïve…", "电影", "。", "ΟΔΟΣ", "İstanbul", "straße", "the\u0301", "a²", "a_b", "the\u00a0end", "a\tthe", "x\x1cy", "¿a?", "aⒶ",
         "(an)", "$5", "the.", "'", "an電")
# What was found, and the right answers.
ANSWERED = [
    ("the", ["The"]), ("", ["The", "Ghent"]), ("", ["..."]), ("Ghent", ["ghent!", "in Ghent"]), ("a an the", ["Ghent"]),
    ("Ghent Ghent the", ["Ghent", "ghent ghent bruges"]), ("—", ["-", "—"]), ("1,000", ["1000"]), ("U.S", ["the US"]),
    ("“the”", ["“”"]), ("ΟΔΟΣ", ["οδος"]), ("theatre", ["the atre", "theatre"]),
]
UNANSWERABLE = ["", "Ghent", "the", "!", "—"]


def tags(rng, letters):
    def one(before):
        if rng.random() < 0.45:
            return "O"
        of_type = before[2:] if before != "O" and rng.random() < 0.6 else rng.choice(TYPES)
        return f"{rng.choice(letters)}-{of_type}"

    made = ["O"]
    for _ in range(rng.randrange(0, 13)):
        made.append(one(made[-1]))
    return made[1:]


def disturbed(rng, own, letters):
    return [rng.choice(("O", f"{rng.choice(letters)}-{rng.choice(TYPES)}")) if rng.random() < 0.15 else tag for tag in own]


def tagged(rng, letters, scheme, odd):
    sentences = [(own.split(), found.split()) for own, found in odd]
    if len(odd) > 1:
        made = [tags(rng, letters) for _ in range(60)]
        sentences += [(own, disturbed(rng, own, letters)) for own in made]
    own, found = [own for own, _ in sentences], [found for _, found in sentences]
    how = {"mode": "strict", "scheme": {"IOB2": IOB2, "IOBES": IOBES}[scheme]} if scheme else {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        report = classification_report(own, found, output_dict=True, zero_division=0, **how)
    plain = {name: {key: float(value) for key, value in row.items()} for name, row in report.items()}
    joined = [[" ".join(own), " ".join(found)] for own, found in sentences]
    return {"scheme": scheme, "sentences": joined, "report": plain, "accuracy": float(accuracy_score(own, found))}


def answer(rng):
    return " ".join(rng.choice(WORDS) for _ in range(rng.randrange(1, 6)))


def asked(rng, unanswerable):
    pairs = ANSWERED + [(found, []) for found in unanswerable]
    for _ in range(120):
        right = [answer(rng) for _ in range(rng.randrange(1, 4))]
        words = rng.choice(right).split(" ")
        pairs.append((" ".join(words[rng.randrange(2):] + rng.choice(([], [rng.choice(WORDS)]))), right))
    return {str(i): pair for i, pair in enumerate(pairs)}


def run(script, data, found):
    """What the script prints, as JSON."""
    with tempfile.TemporaryDirectory() as directory:
        files = [Path(directory) / name for name in ("data.json", "found.json")]
        for path, content in zip(files, (data, found)):
            path.write_text(json.dumps(content), encoding="utf-8")
        return json.loads(subprocess.run([sys.executable, script, *files], check=True, capture_output=True).stdout)


def module(path):
    spec = importlib.util.spec_from_file_location(path.stem, path)
    loaded = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(loaded)
    return loaded


def answers(script, version, pairs):
    qas = [{"id": key, "question": "", "answers": [{"text": text} for text in right]} for key, (_, right) in pairs.items()]
    articles = [{"paragraphs": [{"context": "", "qas": qas}]}]
    found = {key: text for key, (text, _) in pairs.items()}
    scripts = module(script)
    if version == "1.1":
        def of(key, metric):
            return scripts.metric_max_over_ground_truths(metric, *pairs[key])
        exact, f1 = ({key: of(key, metric) for key in pairs} for metric in (scripts.exact_match_score, scripts.f1_score))
    else:
        exact, f1 = scripts.get_raw_scores(articles, found)
    questions = [{"found": text, "right": right, "exact": int(exact[key]), "f1": float(f1[key])}
                 for key, (text, right) in pairs.items()]
    return {"questions": questions, "figures": run(script, {"version": version, "data": articles}, found)}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("v1", type=Path, help="evaluate-v1.1.py")
    parser.add_argument("v2", type=Path, help="evaluate-v2.0.py")
    args = parser.parse_args()
    needs.check()
    entities = {name: tagged(random.Random(seed), *how) for seed, (name, how) in enumerate(TAGGED.items())}
    both = {
        "1.1": answers(args.v1, "1.1", asked(random.Random(0), [])),
        "2.0": answers(args.v2, "2.0", asked(random.Random(1), UNANSWERABLE)),
    }
    for name, made in (("entities", entities), ("answers", both)):
        out = DATA / f"{name}.json"
        out.write_text(json.dumps(made, ensure_ascii=False) + "\n", encoding="utf-8")
        print(f"{out.name}: {out.stat().st_size:,} bytes", file=sys.stderr)


if __name__ == "__main__":
    main()
