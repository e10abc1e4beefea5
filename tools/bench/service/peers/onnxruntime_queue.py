"""FastAPI before ONNX Runtime in int8, with a queue: a forward takes what waits and is about as long, padded to its longest.

    python3 onnxruntime_queue.py CHECKPOINT GRAPH.onnx PORT
"""
import asyncio
import json
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from pathlib import Path

import numpy as np
import onnxruntime as ort
import uvicorn
from fastapi import FastAPI
from pydantic import BaseModel
from transformers import AutoTokenizer

checkpoint, graph, port = sys.argv[1:]
# Texts of a forward, and how much longer than the one that waits longest they may be: padding costs what real tokens do. Of 1, 2, 4, 8
# texts and of lengths up to 1.1 and 1.3 times these answer most; without a look at lengths it is a fifth less than one by one.
MOST, LONGER = 4, 1.3

config = json.loads(Path(checkpoint, "config.json").read_text())
labels = [config["id2label"][str(i)] for i in range(len(config["id2label"]))]
several = config.get("problem_type") == "multi_label_classification"
# Of any form that transformers reads; what is used is the part in Rust.
tokenizer = AutoTokenizer.from_pretrained(checkpoint).backend_tokenizer
tokenizer.no_padding()
tokenizer.enable_truncation(config["max_position_embeddings"])
padding = config.get("pad_token_id") or 0
options = ort.SessionOptions()
options.intra_op_num_threads = options.inter_op_num_threads = 1
session = ort.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
types = {"tensor(int32)": np.int32, "tensor(int64)": np.int64}
wanted = {each.name: types[each.type] for each in session.get_inputs()}


def forward(rows: list) -> list[list[dict]]:
    length = max(len(row.ids) for row in rows)
    for row in rows:
        row.pad(length, pad_id=padding)
    found = {"input_ids": [row.ids for row in rows], "attention_mask": [row.attention_mask for row in rows],
             "token_type_ids": [row.type_ids for row in rows]}
    logits = session.run(None, {name: np.array(found[name], kind) for name, kind in wanted.items()})[0]
    powers = np.exp(logits - (0 if several else logits.max(1, keepdims=True)))
    scores = powers / (1 + powers) if several else powers / powers.sum(1, keepdims=True)
    return [[{"label": labels[i], "score": float(row[i])} for i in (-row).argsort()] for row in scores]


async def work(waiting: list, some: asyncio.Event) -> None:
    forwards, loop = ThreadPoolExecutor(1), asyncio.get_running_loop()
    while True:
        await some.wait()
        # The one that waits longest, and with it what is about as long.
        length = len(waiting[0][0].ids)
        near = [each for each in waiting if length / LONGER <= len(each[0].ids) <= length * LONGER][:MOST]
        for each in near:
            waiting.remove(each)
        if not waiting:
            some.clear()
        found = await loop.run_in_executor(forwards, forward, [row for row, _ in near])
        for (_, answer), result in zip(near, found):
            if not answer.done():
                answer.set_result(result)


@asynccontextmanager
async def life(app: FastAPI):
    app.state.waiting, app.state.some = [], asyncio.Event()
    task = asyncio.create_task(work(app.state.waiting, app.state.some))
    yield
    task.cancel()


app = FastAPI(lifespan=life)


class Asked(BaseModel):
    inputs: str


@app.post("/")
async def ask(asked: Asked) -> list:
    answer = asyncio.get_running_loop().create_future()
    app.state.waiting.append((tokenizer.encode(asked.inputs), answer))
    app.state.some.set()
    return [await answer]


@app.get("/health")
async def health() -> None:
    return None


uvicorn.run(app, port=int(port), log_level="error", backlog=4096)
