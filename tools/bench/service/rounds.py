"""What is measured of each server, in rounds in which all take their turn."""
import statistics
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from environment import say

from .load import Generator, Load
from .servers import Files, Refused, Server, running

CONNECTIONS = (1, 8, 64, 512)
# Parts of what a server can answer at most.
LOADS = (0.5, 0.8)
OVERLOAD = 3
# Seconds that a request may take, for the load that is too much: nimbert refuses what it could not answer in them.
DEADLINE = 1.0
# Of the requests after which memory is looked at again.
STEADY = 64


@dataclass(frozen=True)
class Row:
    """One measurement."""

    server: str
    task: str
    round: int
    # `8 connections`, `50 % load`, `equal load`, `3 x load`, `lone`, `memory after 100000`.
    workload: str
    load: Load
    memory: float


@dataclass(frozen=True)
class Plan:
    rounds: int
    seconds: float
    # For the memory; none: 0.
    requests: int


def saturation(rows: list[Row], server: Server) -> float:
    """Requests a second that it answers at most, whatever the number of connections: the median over rounds of the best."""
    best: dict[int, float] = {}
    for row in rows:
        if (row.server, row.task) == (server.name, server.task) and row.workload.endswith("connections"):
            best[row.round] = max(best.get(row.round, 0.0), row.load.rate)
    return statistics.median(best.values()) if best else 0.0


def closed(server: Server, files: Files, generators: dict[str, Generator], plan: Plan, number: int, core: int, log: Path,
           add: Callable[[Row], None]) -> None:
    """A first visit: how much it answers at most, by the number of connections."""
    with running(server, files, core, 30.0, log) as service:
        generator = generators[server.task]
        # What is slow at first is not what is asked.
        generator.closed(service.url, 8, min(2.0, plan.seconds))
        for connections in CONNECTIONS:
            load = generator.closed(service.url, connections, plan.seconds)
            add(Row(server.name, server.task, number, f"{connections} connections", load, service.memory()))


def opened(server: Server, files: Files, generators: dict[str, Generator], plan: Plan, number: int, core: int, log: Path,
           rates: dict[str, float], add: Callable[[Row], None]) -> None:
    """A second one: how long answers take at these rates."""
    for name, rate in rates.items():
        # With its usual deadline, but for the load that is too much.
        deadline = DEADLINE if name.startswith(f"{OVERLOAD} x") else 30.0
        with running(server, files, core, deadline, log) as service:
            generator = generators[server.task]
            generator.closed(service.url, 8, min(2.0, plan.seconds))
            load = generator.open(service.url, rate, plan.seconds)
            add(Row(server.name, server.task, number, name, load, service.memory()))


def rates(rows: list[Row], server: Server, servers: list[Server]) -> dict[str, float]:
    """Requests a second: parts of its own most, the fastest peer's, and of nimbert what is too much."""
    own = saturation(rows, server)
    found = {f"{part:.0%} load": part * own for part in LOADS}
    peers = [saturation(rows, other) for other in servers if other.task == server.task and not other.ours]
    if peers:
        found["equal load"] = LOADS[-1] * max(peers)
    if server.ours:
        found[f"{OVERLOAD} x load"] = OVERLOAD * own
    return found


def memory(server: Server, files: Files, generators: dict[str, Generator], plan: Plan, core: int, log: Path,
           add: Callable[[Row], None]) -> None:
    """Whether memory stays as it is after many requests."""
    with running(server, files, core, 30.0, log) as service:
        generator = generators[server.task]
        for requests in (plan.requests // 10, plan.requests - plan.requests // 10):
            load = generator.count(service.url, STEADY, requests)
            add(Row(server.name, server.task, 1, f"memory after {requests}", load, service.memory()))


def run(servers: list[Server], files: Files, generators: dict[str, Generator], plan: Plan, core: int, log: Path,
        rows: list[Row], add: Callable[[Row], None]) -> None:
    """Everything."""
    for number in range(1, plan.rounds + 1):
        turn = servers if number % 2 else servers[::-1]
        for server in turn:
            say(f"{server.task}, {server.name}, round {number} of {plan.rounds}: as much as it answers")
            try:
                closed(server, files, generators, plan, number, core, log, add)
            except Refused as error:
                say(f"left out: {error}")
        for server in (server for server in turn if saturation(rows, server)):
            say(f"{server.task}, {server.name}, round {number} of {plan.rounds}: at given rates")
            opened(server, files, generators, plan, number, core, log, rates(rows, server, servers), add)
    for server in servers:
        # Once is enough: another precision or task has the same queue.
        if (server.name, server.task) == ("nimbert-int8", "classify") and plan.requests:
            say(f"{server.task}, {server.name}: {plan.requests} requests")
            memory(server, files, generators, plan, core, log, add)
