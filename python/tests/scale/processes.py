"""Processes of this machine, by what they are called."""

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path


def below(parent: int) -> list[int]:
    """All that `parent` began, and what these began."""
    parents = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            # The name in brackets may have spaces.
            parents[int(path.parent.name)] = int(path.read_text().rpartition(")")[2].split()[1])
        except OSError:
            pass  # It has ended.
    found, more = [], [parent]
    while more:
        more = [child for child, its in parents.items() if its in more]
        found += more
    return found


def named(parent: int, word: str) -> list[int]:
    """Those below `parent` that have `word` in their command line."""
    return [process for process in below(parent) if word in command(process)]


def command(process: int) -> str:
    try:
        return Path(f"/proc/{process}/cmdline").read_bytes().replace(b"\0", b" ").decode()
    except OSError:
        return ""


def memory(process: int) -> dict[str, int]:
    """Bytes: Rss; Pss, where a page that n processes have counts as 1/n of it; Private, what nobody else has."""
    sizes = dict.fromkeys(("Rss", "Pss", "Private"), 0)
    for line in Path(f"/proc/{process}/smaps_rollup").read_text().splitlines()[1:]:
        name, _, size = line.partition(":")
        name = "Private" if name.startswith("Private_") and "Huge" not in name else name
        if name in sizes:
            sizes[name] += int(size.split()[0]) * 1024
    return sizes


def kill_one(find: Callable[[], list[int]], when: Callable[[], bool], seconds: float = 60) -> int | None:
    """Ends one of the processes that `find` gives, as a crash would, as soon as `when` says so. Returns which; None: it never did."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if when() and (found := find()):
            os.kill(found[0], signal.SIGKILL)
            return found[0]
        time.sleep(0.02)
    return None
