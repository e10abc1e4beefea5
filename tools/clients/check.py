"""The service, asked by the clients that people have: huggingface_hub's InferenceClient and the openai package.

    pip install -r tools/clients/requirements.txt
    python3 tools/clients/check.py target/release/nimbert ../shared/family

Each method gets a model that is made for it, and its results are held against what transformers computes of the same texts, as the
checkpoint's expected.json has it.
"""

import argparse
import contextlib
import json
import pathlib
import subprocess

import numpy
from huggingface_hub import InferenceClient
from huggingface_hub.errors import HfHubHTTPError
from openai import BadRequestError, OpenAI, UnprocessableEntityError

MODELS = ["bert-nli", "bert-ner", "bert-qa", "bert-mlm", "st-mean-normalize", "xlm-roberta-rerank"]


@contextlib.contextmanager
def service(program, arguments):
    """The address of a service that is ready."""
    command = [program, "serve", "--port", "0", "--log", "off", *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            for line in process.stdout:
                if line.startswith("ready at "):
                    yield line.removeprefix("ready at ").strip()
                    break
        finally:
            process.terminate()
        assert process.wait(20) == 0, process.returncode


def near(ours, theirs, tolerance=1e-4):
    """That two results are the same but for the last digits of their numbers."""
    if isinstance(theirs, float):
        assert abs(ours - theirs) <= tolerance, (ours, theirs)
    elif isinstance(theirs, dict):
        assert ours.keys() >= theirs.keys(), (ours, theirs)
        for key, value in theirs.items():
            near(ours[key], value, tolerance)
    elif isinstance(theirs, list):
        assert len(ours) == len(theirs), (ours, theirs)
        for one, other in zip(ours, theirs):
            near(one, other, tolerance)
    else:
        assert ours == theirs, (ours, theirs)


def plain(result):
    """A client's dataclasses as dictionaries, without what is not there."""
    if isinstance(result, list):
        return [plain(one) for one in result]
    if isinstance(result, str | int | float):
        return result
    return {key: value for key, value in dict(result).items() if value is not None}


def check_zero_shot(client, rows):
    for row in rows:
        found = client.zero_shot_classification(
            row["text"],
            row["candidate_labels"],
            multi_label=row["multi_label"],
            hypothesis_template=row["hypothesis_template"],
        )
        theirs = row["result"]
        assert [one.label for one in found] == theirs["labels"], (found, theirs)
        near([one.score for one in found], theirs["scores"])


def check_classification(client, rows):
    for row in rows:
        found = plain(client.text_classification(row["text"]))
        assert len(found) == 3 and abs(sum(label["score"] for label in found) - 1) < 1e-5, found
        near(plain(client.text_classification(row["text"], top_k=1)), found[:1])
        raw = plain(client.text_classification(row["text"], function_to_apply="none"))
        soft = numpy.exp([label["score"] for label in raw])
        near([label["score"] for label in found], (soft / soft.sum()).tolist())


def check_tokens(client, rows):
    for row in rows:
        for strategy in ["none", "simple", "first", "average", "max"]:
            near(plain(client.token_classification(row["text"], aggregation_strategy=strategy)), row[strategy])


def check_answers(client, rows):
    for row in rows:
        asked = {"question": row["question"], "context": row["context"]}
        near(plain(client.question_answering(**asked, top_k=3)), row["top3"])
        near(plain(client.question_answering(**asked, handle_impossible_answer=True)), row["impossible"])


def check_masks(client, rows):
    for row in rows:
        # One mask: the client knows no others.
        if isinstance(row["result"][0], dict):
            near(plain(client.fill_mask(row["text"])), row["result"])
    some = client.fill_mask("这部电影很[MASK]看", targets=["好", "太"], top_k=1)
    assert len(some) == 1 and some[0].token_str in {"好", "太"}, some


def check_vectors(client, rows):
    texts = [row["text"] for row in rows]
    near(client.feature_extraction(texts).tolist(), [row["embedding"] for row in rows])
    first = client.feature_extraction(texts[0], normalize=True, truncate=True, dimensions=4)
    assert first.shape == (1, 4) and first.dtype == numpy.float32
    cosines = client.sentence_similarity(texts[0], texts[1:])
    near(cosines, [float(numpy.dot(rows[0]["embedding"], row["embedding"])) for row in rows[1:]])


CHECKS = {
    "bert-nli": [check_classification, check_zero_shot],
    "bert-ner": [check_tokens],
    "bert-qa": [check_answers],
    "bert-mlm": [check_masks],
    "st-mean-normalize": [check_vectors],
}


def check_openai(address):
    client = OpenAI(base_url=f"{address}/v1", api_key="none", max_retries=0)
    found = client.embeddings.create(model="st-mean-normalize", input=["a warm film", "a cold film"])
    numbers = client.embeddings.create(model="st-mean-normalize", input="a warm film", encoding_format="float")
    near(found.data[0].embedding, numbers.data[0].embedding, 1e-7)
    assert found.usage.total_tokens > numbers.usage.total_tokens > 0
    assert "st-mean-normalize" in {model.id for model in client.models.list()}
    for wrong, error in [({"input": []}, BadRequestError), ({"input": "a", "dimensions": 10**6}, UnprocessableEntityError)]:
        try:
            client.embeddings.create(model="st-mean-normalize", **wrong)
        except error as said:
            assert said.body["message"], said
        else:
            raise AssertionError(wrong)


def check_errors(address):
    client = InferenceClient(model=f"{address}/models/bert-qa")
    try:
        client.text_classification("a")
    except HfHubHTTPError as error:
        assert "question" in str(error) or "inputs" in str(error), error
    else:
        raise AssertionError("a reader has classified")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program")
    parser.add_argument("family", type=pathlib.Path)
    arguments = parser.parse_args()
    # The client always asks at the root, so each model has a service of its own; then all of them have one together.
    for name, checks in CHECKS.items():
        rows = json.loads((arguments.family / name / "expected.json").read_text())["rows"]
        with service(arguments.program, ["--model", arguments.family / name]) as address:
            for check in checks:
                check(InferenceClient(model=address), rows)
                print(f"{name}: {check.__name__.removeprefix('check_')}")
    models = [part for name in MODELS for part in ("--model", arguments.family / name)]
    with service(arguments.program, models) as address:
        check_openai(address)
        check_errors(address)
    print(json.dumps({"checked": sum(map(len, CHECKS.values())) + 2}))


if __name__ == "__main__":
    main()
