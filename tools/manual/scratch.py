"""A place in which a page's commands run as a reader would run them."""
import os
import shutil
import subprocess
from pathlib import Path

from manual.pages import REPOSITORY

SHARED = Path(os.environ.get("NIMBERT_SHARED") or REPOSITORY.parent / "shared")
TARGET = REPOSITORY / os.environ.get("CARGO_TARGET_DIR", "target")
ARCHIVE = Path("target/release/libnimbert.a")
NOT_COPIED = shutil.ignore_patterns("target", ".git", ".venv", "__pycache__")


class Scratch:
    """A copy of the repository, a shell in it that goes on from command to command, and a home."""

    def __init__(self, top: Path, binary: Path) -> None:
        self.top, self.directory = top, top / "nimbert"
        self.state, self.here = top / "environment", top / "directory"
        shutil.copytree(REPOSITORY, self.directory, symlinks=True, ignore=NOT_COPIED)
        release, programs, home = self.directory / "target/release", top / "bin", top / "home"
        for path in (release, programs, home):
            path.mkdir(parents=True)
        links = {top / "shared": SHARED, self.directory / ARCHIVE: TARGET / "release" / ARCHIVE.name,
                 release / "nimbert": binary, programs / "nimbert": binary}
        for link, target in links.items():
            if target.exists():
                link.symlink_to(target.resolve())
        if cargo := shutil.which("cargo"):  # in the copy it would build everything anew
            (programs / "cargo").write_text(f'#!/bin/sh\ncd "{REPOSITORY}" && exec "{cargo}" "$@"\n')
            (programs / "cargo").chmod(0o755)
        installed = TARGET / "manual"  # what `cargo install` makes takes minutes: it is kept
        self.environment = os.environ | {
            "PATH": f"{programs}:{installed / 'bin'}:{os.environ['PATH']}", "HOME": str(home), "LC_ALL": "C.UTF-8",
            "NO_COLOR": "1", "COLUMNS": "100", "CARGO_TERM_QUIET": "true", "CARGO_INSTALL_ROOT": str(installed),
            "CARGO_HOME": os.environ.get("CARGO_HOME", str(Path.home() / ".cargo")),
            "RUSTUP_HOME": os.environ.get("RUSTUP_HOME", str(Path.home() / ".rustup"))}
        self.state.write_text("")
        self.here.write_text(str(self.directory))

    def lacks(self, needs: str) -> str:
        """The first of these files and programs that is not there."""
        for name in filter(None, (name.strip() for name in needs.split(","))):
            if not (self.directory / name).exists() and not shutil.which(name):
                return name
        return ""

    def run(self, command: str, seconds: int) -> tuple[int, str]:
        """Exit code, and standard output and error as a terminal would show them."""
        script = (f'. "{self.state}"; cd "$(cat "{self.here}")" || exit; set -o pipefail\n{command}\n'
                  f'code=$?; export -p > "{self.state}"; pwd > "{self.here}"; exit $code')
        try:
            done = subprocess.run(["bash", "-c", script], env=self.environment, stdin=subprocess.DEVNULL,
                                  stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=seconds)
        except subprocess.TimeoutExpired as late:
            return 124, (late.stdout or b"").decode(errors="replace") + f"not done after {seconds} s\n"
        return done.returncode, done.stdout.decode(errors="replace")

    def compile(self, code: str) -> str:
        """What a C compiler says against a program or a part of one; with the archive there it is also linked and run."""
        if "int main" not in code:
            code = f'#include <stdio.h>\n#include "nimbert.h"\nint main(void)\n{{\n{code}return 0;\n}}\n'
        source = self.top / "block.c"
        source.write_text(code)
        build = ["cc", "-std=c99", "-Wall", "-Wextra", "-Werror", "-Isrc/ffi", str(source)]
        link = [str(ARCHIVE), "-lpthread", "-ldl", "-lm", "-o", "block"]
        has_archive = (self.directory / ARCHIVE).exists()
        for step in [build + link, ["./block"]] if has_archive else [[*build, "-fsyntax-only"]]:
            done = subprocess.run(step, cwd=self.directory, env=self.environment, capture_output=True, text=True)
            if done.returncode != 0 or done.stderr:
                return f"exit code {done.returncode}\n{done.stdout}{done.stderr}"
        return ""
