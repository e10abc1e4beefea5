"""What was measured, as text."""
import statistics

from .rounds import CONNECTIONS, DEADLINE, LOADS, OVERLOAD, Row, saturation
from .servers import Server


def median(rows: list[Row], server: Server, workload: str, value) -> float | None:
    """Over the rounds; nothing where there is none."""
    found = [value(row) for row in rows
             if (row.server, row.task, row.workload) == (server.name, server.task, workload)]
    return statistics.median(found) if found else None


def number(value: float | None) -> str:
    return "" if value is None else f"{value:,.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def grid(names: list[str], columns: list[str], cells: list[list[float | None]]) -> str:
    width = max(12, *map(len, columns)) + 2
    lines = [" " * 14 + "".join(f"{name:>{width}}" for name in columns)]
    lines += [f"{name:<14}" + "".join(f"{number(cell):>{width}}" for cell in row) for name, row in zip(names, cells)]
    return "\n".join(lines)


def task(rows: list[Row], servers: list[Server]) -> str:
    """The tables of servers that are asked the same."""
    names = [server.name for server in servers]
    closed = [f"{count} connections" for count in CONNECTIONS]
    most = [saturation(rows, server) for server in servers]
    rate = [[median(rows, server, name, lambda row: row.load.rate) for name in closed] + [top]
            for server, top in zip(servers, most)]
    waits = [[median(rows, server, name, value) for name in closed for value in (lambda row: row.load.p50, lambda row: row.load.p99)]
             for server in servers]
    loads = [f"{part:.0%} load" for part in LOADS] + ["equal load"]
    open_ = [[median(rows, server, name, value) for name in loads for value in (lambda row: row.load.p50, lambda row: row.load.p99)]
             for server in servers]
    memory = [[median(rows, server, "512 connections", lambda row: row.memory)] for server in servers]

    def pairs(of: list[str]) -> list[str]:
        return [f"{name.replace(' connections', '').replace(' load', '')} {which}" for name in of for which in ("p50", "p99")]

    parts = [f"{servers[0].task}: requests/s, by the number of connections that ask again as soon as they are answered",
             grid(names, [*closed, "most"], rate)]
    peers = [top for server, top in zip(servers, most) if not server.ours]
    if peers and max(peers):
        parts.append("over the fastest peer: " + ", ".join(
            f"{server.name} {top / max(peers):.2f}" for server, top in zip(servers, most) if server.ours))
    parts += ["", "milliseconds of an answer, by the number of connections", grid(names, pairs(closed), waits), "",
              "milliseconds of an answer when requests come at a rate: at 50 % and 80 % of a server's own most, and at 80 % of "
              "the fastest peer's", grid(names, pairs(loads), open_), "", "memory after 512 connections, MiB",
              grid(names, ["memory"], memory)]
    return "\n".join(parts)


def overload(row: Row) -> str:
    sent = row.load.answered + sum(row.load.refused.values()) + row.load.lost
    refused = ", ".join(f"{count} {code}" for code, count in row.load.refused.items()) or "none refused"
    return (f"{row.task} {row.server}, {OVERLOAD} x its most, {DEADLINE:g} s for a request, round {row.round}: {sent} sent, "
            f"{row.load.answered} answered (p99 {row.load.p99:.0f} ms), {refused} (p99 {row.load.refused_p99:.1f} ms), "
            f"{row.load.lost} without an answer")


def text(about: dict[str, str], rows: list[Row], servers: list[Server], library: dict[str, float], lone: dict) -> str:
    parts = ["\n".join(f"{key:<13} {about.get(key, '')}" for key in ("date", "cpu", "nimbert", "model", "oha"))]
    for name in dict.fromkeys(server.task for server in servers):
        parts.append(task(rows, [server for server in servers if server.task == name]))
    for server in servers:
        if server.task == "classify" and server.name in library and (most := saturation(rows, server)):
            parts.append(f"{server.name}: {most:,.0f} requests/s are {most / library[server.name]:.2f} of the "
                         f"{library[server.name]:,.0f} texts/s of the library on the same core")
    parts.append(f"one text of {lone['tokens']} tokens on one connection, int8: p50 {lone['asked']:.2f} ms; its forward in the "
                 f"library {lone['forward']:.2f} ms")
    parts += [overload(row) for row in rows if row.workload.startswith(f"{OVERLOAD} x")]
    parts += [f"{row.task} {row.server}, {row.workload} requests: {row.memory:.1f} MiB" for row in rows
              if row.workload.startswith("memory")]
    return "\n\n".join(parts)
