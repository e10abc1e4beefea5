"""What has to be there first: an environment with the other engines, nimbert, and candle's program."""
import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
REPOSITORY = HERE.parent.parent
REQUIREMENTS = HERE / "requirements.txt"
OLDEST, NEWEST = (3, 11), (3, 13)


def say(what: str) -> None:
    print(what, file=sys.stderr, flush=True)


def requirements() -> dict[str, str]:
    """Package -> version, as pinned."""
    lines = (line.strip() for line in REQUIREMENTS.read_text().splitlines())
    return dict(line.split("==") for line in lines if line and not line.startswith("#"))


def python(cache: Path, given: str | None) -> str:
    """The Python that has the other engines: the one given, as it is, or that of an environment that is made here."""
    if given:
        try:
            subprocess.run([given, "-c", ""], check=True, capture_output=True)
        except (OSError, subprocess.CalledProcessError) as error:
            raise ValueError(f"--python {given}: {error}") from None
        return given
    venv = cache / "venv"
    program, stamp = venv / "bin" / "python", venv / "requirements.sha256"
    wanted = hashlib.sha256(REQUIREMENTS.read_bytes()).hexdigest()
    if not (stamp.exists() and stamp.read_text() == wanted):
        _install(venv, program)
        stamp.write_text(wanted)
    return str(program)


def _install(venv: Path, program: Path) -> None:
    if not OLDEST <= sys.version_info[:2] <= NEWEST:
        version = ".".join(map(str, sys.version_info[:2]))
        raise ValueError(f"Python {version}: the other engines are pinned at versions for 3.{OLDEST[1]} to "
                         f"3.{NEWEST[1]}; run this with one of these, or give --python")
    say(f"installing the other engines into {venv} (6 GB, some minutes)")
    subprocess.run([sys.executable, "-m", "venv", str(venv)], check=True)
    install = [str(program), "-m", "pip", "install", "-q", "--disable-pip-version-check"]
    if subprocess.run([*install, "-r", str(REQUIREMENTS)]).returncode == 0:
        return
    # A machine that one of them has no build for still gets the rest; what is missing is skipped later, by name.
    for package, version in requirements().items():
        if subprocess.run([*install, f"{package}=={version}"]).returncode != 0:
            say(f"{package} {version} cannot be installed here")


def versions(program: str) -> dict[str, str]:
    """Of the packages in requirements.txt that an environment has."""
    code = ("import importlib.metadata as m, json, sys\nfound = {}\nfor name in sys.argv[1:]:\n"
            "    try: found[name] = m.version(name)\n    except m.PackageNotFoundError: pass\nprint(json.dumps(found))")
    out = subprocess.run([program, "-c", code, *requirements()], check=True, capture_output=True, text=True)
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
