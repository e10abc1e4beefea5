"""What the machine is, and which of its cores are measured on."""
import datetime
import os
import platform
from pathlib import Path

INSTRUCTIONS = ("avx2", "fma", "f16c", "avx_vnni", "avx512f", "avx512_vnni", "avx512_bf16", "avx512_fp16", "amx_int8",
                "asimd", "asimddp", "i8mm")
SIBLINGS = "/sys/devices/system/cpu/cpu{}/topology/thread_siblings_list"


def _cpuinfo() -> dict[str, str]:
    """Of the first processor in /proc/cpuinfo."""
    try:
        first = Path("/proc/cpuinfo").read_text().split("\n\n")[0]
    except OSError:
        return {}
    pairs = (line.split(":", 1) for line in first.splitlines() if ":" in line)
    return {key.strip(): value.strip() for key, value in pairs}


def _cpu(info: dict[str, str]) -> str:
    """The name, and the numbers that tell generations apart where a virtual machine hides it."""
    numbers = [f"{key} {info[key]}" for key in ("cpu family", "model", "stepping") if key in info]
    name = info.get("model name") or platform.machine()
    return f"{name} ({', '.join(numbers).removeprefix('cpu ')})" if numbers else name


def _memory() -> str:
    return f"{os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') / 2**30:.1f} GiB"


def describe() -> dict[str, str]:
    """What a reader of figures has to know of the machine."""
    info = _cpuinfo()
    flags = info.get("flags", info.get("Features", "")).split()
    return {
        "date": datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%d %H:%M UTC"),
        "cpu": _cpu(info),
        "cores": f"{len(physical())}, {len(os.sched_getaffinity(0))} logical ones that may be used",
        "instructions": " ".join(flag for flag in INSTRUCTIONS if flag in flags) or "unknown",
        "virtual": "yes" if "hypervisor" in flags else "no sign of it",
        "memory": _memory(),
        "kernel": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
    }


def physical() -> list[int]:
    """One logical core of each physical one that this process may use."""
    first = {}
    for cpu in sorted(os.sched_getaffinity(0)):
        try:
            siblings = Path(SIBLINGS.format(cpu)).read_text().strip()
        except OSError:
            siblings = str(cpu)
        first.setdefault(siblings, cpu)
    return list(first.values())


def choose(threads: int) -> list[int]:
    """Logical cores for that many threads: the last ones, since the first has the system's own work, and no two of one
    physical core if it can be helped."""
    usable = physical()
    if threads > len(usable):
        usable = sorted(os.sched_getaffinity(0))
    if threads > len(usable):
        raise ValueError(f"{threads} threads: the cores that this process may use are {len(usable)}")
    return usable[-threads:]
