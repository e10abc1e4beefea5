"""The servers: how each is started on its core, and how it is asked."""
import json
import os
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

PEERS = Path(__file__).resolve().parent / "peers"
# Loading a model in Python takes its time.
PATIENCE = 180


class Refused(Exception):
    """A server that does not answer."""


@dataclass(frozen=True)
class Files:
    """The model as each server reads it, and what runs the peers."""

    nimbert: str
    python: str
    checkpoint: Path
    # With the modules of sentence-transformers.
    sentences: Path
    graph: Path


@dataclass(frozen=True)
class Server:
    name: str
    # What is asked: `classify` or `embed`.
    task: str
    setting: str

    @property
    def ours(self) -> bool:
        return self.name.startswith("nimbert")

    def command(self, files: Files, port: int, deadline: float) -> list[str]:
        if self.ours:
            model = files.checkpoint if self.task == "classify" else files.sentences
            return [files.nimbert, "serve", "--model", f"model={model}", "--precision", self.name.split("-")[1],
                    "--threads", "1", "--port", str(port), "--timeout", str(deadline), "--log", "off"]
        if self.name == "infinity":
            # What it can leave out on a CPU costs it nothing: no compilation, no telemetry.
            return [str(Path(files.python).with_name("infinity_emb")), "v2", "--model-id", str(files.sentences), "--served-model-name",
                    "model", "--port", str(port), "--engine", "torch", "--device", "cpu", "--no-bettertransformer",
                    "--no-compile", "--no-model-warmup", "--log-level", "error", "--dtype", "float32"]
        if self.name == "pytorch":
            return [files.python, str(PEERS / "pytorch_pipeline.py"), str(files.checkpoint), str(port)]
        return [files.python, str(PEERS / "onnxruntime_queue.py"), str(files.checkpoint), str(files.graph), str(port)]

    @property
    def path(self) -> str:
        return "/" if self.task == "classify" else "/embeddings"

    def body(self, text: str) -> str:
        """Of a request, on one line."""
        asked = {"inputs": text} if self.task == "classify" else {"input": text, "model": "model"}
        return json.dumps(asked, ensure_ascii=False)


SERVERS = (
    Server("nimbert-int8", "classify", "`nimbert serve`, one thread beside that of its requests"),
    Server("nimbert-f32", "classify", "the same"),
    Server("pytorch", "classify", "FastAPI and transformers' pipeline, f32, one forward for each request"),
    Server("onnxruntime", "classify", "FastAPI and ONNX Runtime, int8, a queue of which a forward takes up to four texts"),
    Server("nimbert-int8", "embed", "`nimbert serve`, one thread beside that of its requests"),
    Server("nimbert-f32", "embed", "the same"),
    Server("infinity", "embed", "infinity-emb, f32, its own queue"),
)


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


class Running:
    """A server that answers."""

    def __init__(self, process: subprocess.Popen, url: str):
        self.process, self.url = process, url

    def memory(self) -> float:
        """What it has in memory now, in MiB."""
        for line in Path(f"/proc/{self.process.pid}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) / 1024
        return 0.0


@contextmanager
def running(server: Server, files: Files, core: int, deadline: float, log: Path) -> Iterator[Running]:
    """Starts it on this core alone, and waits until it answers a request of the kind that is measured."""
    port = free_port()
    one = {name: "1" for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "RAYON_NUM_THREADS")}
    environment = os.environ | one | {"TOKENIZERS_PARALLELISM": "false", "HF_HUB_OFFLINE": "1", "DO_NOT_TRACK": "1"}
    url = f"http://127.0.0.1:{port}{server.path}"
    with log.open("w") as out:
        process = subprocess.Popen(server.command(files, port, deadline), stdout=out, stderr=out, env=environment,
                                   preexec_fn=lambda: os.sched_setaffinity(0, [core]))
        try:
            until = time.monotonic() + PATIENCE
            while not _answers(url, server.body("好")):
                if process.poll() is not None or time.monotonic() > until:
                    raise Refused(f"{server.name} does not answer; {log} may say why")
                time.sleep(0.2)
            yield Running(process, url)
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _answers(url: str, body: str) -> bool:
    request = urllib.request.Request(url, body.encode(), {"Content-Type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.status == 200
    except urllib.error.HTTPError as error:
        raise Refused(f"{url}: {error.code} {error.read()[:300]!r}") from None
    except OSError:
        return False
