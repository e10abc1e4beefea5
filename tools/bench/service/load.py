"""Load over HTTP, by oha: closed loops, in which each connection asks again when it is answered, and open ones, in which
requests come at a rate whatever the answers do."""
import json
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

from environment import say

VERSION = "1.16.0"
# Connections for an open loop: enough that a request never waits for one, unless the server is far behind.
OPEN = 512


@dataclass(frozen=True)
class Load:
    """What came of it, by the clock of who asked."""

    # Requests a second that were answered with 200.
    rate: float
    answered: int
    # By their status: 429 and the like.
    refused: dict[str, int]
    # Neither answered nor refused.
    lost: int
    # In milliseconds; of those that were answered, and of those that were refused.
    p50: float
    p99: float
    refused_p99: float


def install(cache: Path) -> str:
    """oha, from crates.io, in the cache."""
    root = cache / "oha"
    program = root / "bin" / "oha"
    found = subprocess.run([program, "--version"], capture_output=True, text=True) if program.exists() else None
    if not found or VERSION not in found.stdout:
        say(f"installing oha {VERSION}, which makes the load, into {root}: two minutes")
        command = ["cargo", "install", f"oha@{VERSION}", "--locked", "--quiet", "--root", str(root)]
        if subprocess.run(command).returncode != 0:
            raise ValueError(f"oha {VERSION} cannot be installed")
    return str(program)


class Generator:
    """oha on a core of its own, with a file of bodies of which each request takes one."""

    def __init__(self, program: str, core: int, bodies: Path):
        self.program, self.core, self.bodies = program, core, bodies

    def closed(self, url: str, connections: int, seconds: float) -> Load:
        """So many connections, for so long."""
        return self._run(url, ["-z", f"{seconds}s", "-c", str(connections), "--wait-ongoing-requests-after-deadline"])

    def count(self, url: str, connections: int, requests: int) -> Load:
        """So many requests."""
        return self._run(url, ["-n", str(requests), "-c", str(connections)])

    def open(self, url: str, rate: float, seconds: float) -> Load:
        """So many a second: each counts from when it should have been sent."""
        requests = max(1, round(rate * seconds))
        return self._run(url, ["-n", str(requests), "-q", f"{rate:.2f}", "-c", str(OPEN), "--latency-correction"])

    def _run(self, url: str, how: list[str]) -> Load:
        command = [self.program, *how, "--no-tui", "--output-format", "json", "--stats-success-breakdown", "-m", "POST",
                   "-T", "application/json", "-t", "120s", "-Z", str(self.bodies), url]
        out = subprocess.run(command, capture_output=True, text=True,
                             preexec_fn=lambda: os.sched_setaffinity(0, [self.core]))
        if out.returncode != 0:
            raise ValueError(f"oha: {out.stderr.strip()}")
        return parse(json.loads(out.stdout))


def parse(found: dict) -> Load:
    """Of oha's JSON."""
    codes = {code: count for code, count in found["statusCodeDistribution"].items()}
    answered = codes.pop("200", 0)
    good = found.get("latencyPercentilesSuccessful") or {}
    bad = found.get("latencyPercentilesNotSuccessful") or {}

    def milliseconds(percentiles: dict, name: str) -> float:
        return (percentiles.get(name) or 0.0) * 1e3

    return Load(answered / found["summary"]["total"], answered, codes, sum(found["errorDistribution"].values()),
                milliseconds(good, "p50"), milliseconds(good, "p99"), milliseconds(bad, "p99"))
