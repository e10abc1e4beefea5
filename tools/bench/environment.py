"""What has to be there first: an environment with the other engines, nimbert, and candle's program."""
import json
import os
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.append(str(HERE.parent))
# The first import of all: it refuses a Python that is too old.
import needs
from engines import TORCH, Engine

REPOSITORY = HERE.parent.parent
REQUIREMENTS = HERE / "requirements.txt"
# What requirements.txt pins has builds from needs.OLDEST to this one.
NEWEST = (3, 13)
DRAWING = ("matplotlib", "numpy")
# What writes every model's files, and gives the logits that all are held against.
REFERENCE = ("numpy", "safetensors", "tokenizers", *TORCH)
# From so many MB on, what is installed says how it can be avoided.
LARGE = 100


def say(what: str) -> None:
    print(what, file=sys.stderr, flush=True)


def packages(command: str, engines: Iterable[Engine] = ()) -> list[str]:
    """What a command needs: `table` nothing, `charts` what draws, `run` and `roofline` what these engines need, too."""
    wanted = set() if command == "table" else set(DRAWING)
    if command in ("run", "roofline"):
        wanted.update(REFERENCE, *(engine.packages for engine in engines))
    return sorted(wanted)


def download(names: Iterable[str]) -> int:
    """The MB of these packages."""
    pins = needs.pins(REQUIREMENTS)
    return sum(pins[name].megabytes for name in names)


def announcement(names: list[str], venv: Path) -> str:
    """What is about to be installed, how large it is, where it goes, and how to do without."""
    pins, megabytes = needs.pins(REQUIREMENTS), download(names)
    what = ", ".join(f"{name} {pins[name].version}" for name in names)
    out = f"installing {what} into {venv}: some {needs.size(megabytes)} to download"
    if megabytes > LARGE:
        out += (f", {needs.size(2 * megabytes)} on disk, some minutes. Ctrl-C stops it. --python PROGRAM installs "
                "nothing and uses what a Python of yours has; `run --engines NAMES` needs the packages of these engines "
                f"alone; `table` needs nothing, `charts` {needs.size(download(DRAWING))}.")
    return out


def python(cache: Path, given: str | None, wanted: list[str]) -> str:
    """A Python with these packages: the one given, as it is, or that of an environment in the cache, which gets what it
    lacks."""
    if given:
        try:
            subprocess.run([given, "-c", ""], check=True, capture_output=True)
        except (OSError, subprocess.CalledProcessError) as error:
            raise ValueError(f"--python {given}: {error}") from None
        return given
    venv = cache / "venv"
    program = venv / "bin" / "python"
    pins, found = needs.pins(REQUIREMENTS), versions(str(program)) if _has_pip(program) else {}
    # A build of torch for CPUs alone calls itself 2.11.0+cpu.
    if absent := [name for name in wanted if found.get(name, "").split("+")[0] != pins[name].version]:
        _install(venv, program, absent)
    return str(program)


def pinned(venv: Path, requirements: Path, announcement: str) -> str:
    """The Python of an environment that has what a file pins, and is made again when the file is another."""
    wanted = requirements.read_text()
    program, done = venv / "bin" / "python", venv / "requirements.txt"
    if not done.exists() or done.read_text() != wanted:
        say(announcement)
        subprocess.run([sys.executable, "-m", "venv", "--clear", str(venv)], check=True, stdout=sys.stderr)
        install = [str(program), "-m", "pip", "install", "--disable-pip-version-check", "-q", "-r", str(requirements)]
        subprocess.run(install, check=True, stdout=sys.stderr)
        done.write_text(wanted)
    return str(program)


def _has_pip(program: Path) -> bool:
    try:
        return subprocess.run([str(program), "-m", "pip", "--version"], capture_output=True).returncode == 0
    except OSError:
        return False


def _install(venv: Path, program: Path, names: list[str]) -> None:
    if sys.version_info[:2] > NEWEST:
        version = ".".join(map(str, sys.version_info[:2]))
        raise ValueError(f"Python {version}: the packages are pinned at versions for 3.{needs.OLDEST[1]} to "
                         f"3.{NEWEST[1]}; run this with one of these, or give --python")
    say(announcement(names, venv))
    # Standard output is kept for tables.
    if not _has_pip(program):
        made = subprocess.run([sys.executable, "-m", "venv", "--clear", str(venv)], stdout=sys.stderr)
        if made.returncode != 0:
            raise ValueError(f"no virtual environment can be made in {venv}; --python PROGRAM does without")
    install = [str(program), "-m", "pip", "install", "--disable-pip-version-check"]
    # Where somebody looks, pip shows how far it is.
    install += [] if sys.stderr.isatty() else ["-q"]
    pinned = [f"{name}=={needs.pins(REQUIREMENTS)[name].version}" for name in names]
    if subprocess.run([*install, *pinned], stdout=sys.stderr).returncode == 0:
        return
    # A machine that one of them has no build for still gets the rest; what is missing is skipped later, by name.
    for each in pinned:
        if subprocess.run([*install, each], stdout=sys.stderr).returncode != 0:
            say(f"{each} cannot be installed here")


def versions(program: str) -> dict[str, str]:
    """Of the packages in requirements.txt that an environment has."""
    code = ("import importlib.metadata as m, json, sys\nfound = {}\nfor name in sys.argv[1:]:\n"
            "    try: found[name] = m.version(name)\n    except m.PackageNotFoundError: pass\nprint(json.dumps(found))")
    out = subprocess.run([program, "-c", code, *needs.pins(REQUIREMENTS)], check=True, capture_output=True, text=True)
    return json.loads(out.stdout)


def _cargo(*arguments: str, **variables: str) -> str:
    """What cargo prints to standard output; its messages are seen as they come."""
    try:
        done = subprocess.run(["cargo", *arguments], cwd=REPOSITORY, env=os.environ | variables, text=True,
                              stdout=subprocess.PIPE)
    except FileNotFoundError:
        raise ValueError("cargo is not installed: nimbert is built with it") from None
    if done.returncode != 0:
        raise ValueError(f"cargo {arguments[0]} failed")
    return done.stdout


def nimbert() -> str:
    """The program, built as its own release profile says."""
    say("building nimbert")
    _cargo("build", "--release", "--quiet")
    target = json.loads(_cargo("metadata", "--no-deps", "--format-version", "1"))["target_directory"]
    return str(Path(target) / "release" / "nimbert")


def candle(cache: Path) -> str:
    """The program in candle/, built for this processor and no other, as candle's own examples are."""
    say("building candle's program")
    target = cache / "candle"
    _cargo("build", "--release", "--quiet", "--locked", "--manifest-path", str(HERE / "candle" / "Cargo.toml"),
           "--target-dir", str(target), RUSTFLAGS="-C target-cpu=native")
    return str(target / "release" / "nimbert-bench-candle")


def candle_version() -> str:
    lock = (HERE / "candle" / "Cargo.lock").read_text()
    return lock.split('name = "candle-core"\nversion = "', 1)[1].split('"', 1)[0]


def about(versions: dict[str, str]) -> dict[str, str]:
    """The versions of everything that is measured or that builds it."""
    def said(*command: str) -> str:
        try:
            return subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True).stdout.strip() or "unknown"
        except OSError:
            return "unknown"

    return {"nimbert": said("git", "describe", "--always", "--dirty"), "rust": said("rustc", "--version"),
            "candle": candle_version(), **versions}
