"""FastAPI before a pipeline of transformers, as one writes it first: each request is a forward of its own.

    python3 pytorch_pipeline.py CHECKPOINT PORT
"""
import asyncio
import sys
from concurrent.futures import ThreadPoolExecutor

import torch
import uvicorn
from fastapi import FastAPI
from pydantic import BaseModel
from transformers import pipeline

model, port = sys.argv[1:]
torch.set_num_threads(1)
classify = pipeline("text-classification", model=model, top_k=None)
# One forward at a time: on one core more only take it from each other.
forwards = ThreadPoolExecutor(1)
app = FastAPI()


class Asked(BaseModel):
    inputs: str


@app.post("/")
async def ask(asked: Asked) -> list:
    return await asyncio.get_running_loop().run_in_executor(forwards, classify, [asked.inputs])


@app.get("/health")
async def health() -> None:
    return None


uvicorn.run(app, port=int(port), log_level="error", backlog=4096)
