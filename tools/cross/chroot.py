"""Debian testing in a folder: Rust's standard library for aarch64 and wasm32, a linker, qemu, node and LLVM's tools.

Made once by `make`. `run` starts a command in it that sees the project, cargo's home and the build's outputs where they are
outside. Everything that a run mounts is in namespaces of its own and gone when it ends.
"""
import json
import os
import pathlib
import shutil
import subprocess
import sys

PROJECT = pathlib.Path(__file__).resolve().parent.parent.parent
SUITE = "forky"
"""The Debian that has a rustc as new as the project's rust-version."""
PACKAGES = [
    "ca-certificates", "rustc", "cargo", "rust-clippy", "lld", "gcc", "libc6-dev",
    "libstd-rust-dev", "libstd-rust-dev:arm64", "libstd-rust-dev-wasm32", "gcc-aarch64-linux-gnu", "libc6-dev-arm64-cross",
    "qemu-user", "nodejs", "llvm",
]
AARCH64 = "aarch64-unknown-linux-gnu"
ELF = r"\x7fELF\x02\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\xb7\x00"
"""How a program for aarch64 begins."""
ELF_MASK = r"\xff\xff\xff\xff\xff\xff\xff\x00\xff\xff\xff\xff\xff\xff\xff\xff\xfe\xff\xff\xff"


class Unavailable(Exception):
    """Why there is no chroot here, and none can be made."""


class Chroot:
    def __init__(self, folder: pathlib.Path) -> None:
        self.root = folder / "root"
        self.target = folder / "target"
        """Cargo's outputs, by target."""
        self._stamp = self.root / ".made-of"

    def exists(self) -> bool:
        return self._stamp.exists() and self._stamp.read_text() == self._made_of()

    @staticmethod
    def _made_of() -> str:
        return " ".join([SUITE, *PACKAGES, "\n"])

    def make(self) -> None:
        """Fetches some hundred MB; 2.1 GB when it is done. What is there is kept."""
        if self.exists():
            return
        if os.geteuid() != 0:
            raise Unavailable("a chroot needs root")
        architecture = shutil.which("dpkg") and _output(["dpkg", "--print-architecture"])
        if architecture != "amd64" or shutil.which("apt-get") is None:
            raise Unavailable("it is made from the packages of a Debian for amd64")
        try:
            subprocess.run(["apt-get", "update", "-q"], check=True)
            if shutil.which("mmdebstrap") is None:
                install = ["apt-get", "install", "-qy", "--no-install-recommends", "mmdebstrap", "debian-archive-keyring"]
                subprocess.run(install, check=True, env={**os.environ, "DEBIAN_FRONTEND": "noninteractive"})
            self.root.parent.mkdir(parents=True, exist_ok=True)
            shutil.rmtree(self.root, ignore_errors=True)
            subprocess.run([*self._debootstrap(), SUITE, str(self.root), _mirror()], check=True)
        except (OSError, subprocess.CalledProcessError) as error:
            raise Unavailable(f"Debian's packages cannot be had: {error}") from error
        self._stamp.write_text(self._made_of())

    @staticmethod
    def _debootstrap() -> list[str]:
        command = ["mmdebstrap", "--mode=root", "--variant=apt", "--architectures=amd64,arm64", "--components=main"]
        command += [f"--include={','.join(PACKAGES)}", '--aptopt=APT::Install-Recommends "false"']
        # Its apt reaches the packages as this machine's does.
        for name in ["Acquire::Check-Valid-Until", "Acquire::http::Proxy", "Acquire::https::Proxy"]:
            if value := _output(["sh", "-c", f'eval "$(apt-config shell value {name})"; printf %s "$value"']):
                command.append(f'--aptopt={name} "{value}"')
        hooks = pathlib.Path("/usr/share/mmdebstrap/hooks/maybe-merged-usr")
        command += [f"--hook-dir={hooks}"] if hooks.exists() else []
        command += [f"--dpkgopt=path-exclude=/usr/share/{kind}/*" for kind in ["man", "locale", "doc"]]
        # Of the emulators one.
        return [*command, "--dpkgopt=path-exclude=/usr/bin/qemu-*", "--dpkgopt=path-include=/usr/bin/qemu-aarch64"]

    def run(self, command: list[str], *, cpu: str = "max", check: bool = True, capture: bool = False,
            **more: str) -> subprocess.CompletedProcess[str]:
        """Runs it in the project's folder; programs for aarch64 on an emulated `cpu`. `more` are environment variables."""
        outside = {name: value for name, value in os.environ.items() if not name.startswith(("RUST", "LD_", "NIMBERT_"))}
        outside.pop("CARGO", None)
        outside.pop("TMPDIR", None)
        cargo = pathlib.Path(os.environ.get("CARGO_HOME", pathlib.Path.home() / ".cargo")).resolve()
        shared = pathlib.Path(os.environ.get("NIMBERT_SHARED", PROJECT.parent / "shared")).resolve()
        self.target.mkdir(parents=True, exist_ok=True)
        environment = {
            **outside,
            "HOME": "/tmp/home",
            "LC_ALL": "C.UTF-8",
            "PATH": f"/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin:{cargo}/bin",
            "CARGO_HOME": str(cargo),
            "CARGO_TARGET_DIR": str(self.target),
            "CARGO_BUILD_TARGET": AARCH64,
            "CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_LINKER": "aarch64-linux-gnu-gcc",
            "CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_RUNNER": "qemu-aarch64",
            "CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER": "wasm-ld",
            "CARGO_TARGET_WASM32_WASIP1_LINKER": "wasm-ld",
            "CARGO_TARGET_WASM32_WASIP1_RUNNER": f"node --no-warnings {PROJECT}/tools/cross/wasi.mjs",
            "QEMU_CPU": cpu,
            "QEMU_LD_PREFIX": "/usr/aarch64-linux-gnu",
            **more,
        }
        if shared.is_dir():
            environment["NIMBERT_SHARED"] = str(shared)
        seen = [PROJECT, cargo, self.target, *([shared] if shared.is_dir() else [])]
        inside = json.dumps({"root": str(self.root), "seen": [str(path) for path in seen], "command": command})
        namespaces = ["unshare", "--user", "--map-root-user", "--mount"]
        if subprocess.run([*namespaces, "true"], capture_output=True).returncode != 0:
            namespaces = ["unshare", "--mount"]
        enter = [*namespaces, "--propagation", "private", sys.executable, __file__, inside]
        return subprocess.run(enter, cwd=PROJECT, env=environment, check=check, text=True,
                              stdout=subprocess.PIPE if capture else None)


    def test_program(self, what: list[str], **more: str) -> pathlib.Path:
        """Builds the one test program that these arguments of `cargo test` name."""
        command = ["cargo", "test", *what, "--no-run", "--quiet", "--message-format=json"]
        for line in self.run(command, capture=True, **more).stdout.splitlines():
            if executable := json.loads(line).get("executable"):
                return pathlib.Path(executable)
        raise ValueError(f"cargo built no test program: {' '.join(what)}")


def _output(command: list[str]) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def _mirror() -> str:
    """Where this machine's apt has Debian's own packages from."""
    listed = _output(["apt-get", "indextargets", "--format", "$(ORIGIN)|$(LABEL)|$(COMPONENT)|$(REPO_URI)",
                      "Created-By: Packages"])
    for line in listed.splitlines():
        origin, label, component, address = line.split("|", 3)
        if (origin, label, component) == ("Debian", "Debian", "main"):
            return address
    raise Unavailable("apt has no source of Debian's packages")


def _inside(root: pathlib.Path, seen: list[str], command: list[str]) -> None:
    """The rest of `run`, in namespaces of its own: mounts, and becomes the command."""
    def mount(*arguments: str) -> bool:
        return subprocess.run(["mount", *arguments], stderr=subprocess.DEVNULL).returncode == 0

    for place in ["/proc", "/sys", "/dev", "/etc/ssl/certs", "/usr/share/ca-certificates", *seen]:
        inner = root / place.lstrip("/")
        if pathlib.Path(place).exists():
            inner.mkdir(parents=True, exist_ok=True)
            if not mount("--rbind", place, str(inner)):
                sys.exit(f"cannot show {place} in the chroot")
    for name in ["etc/resolv.conf", "etc/hosts"]:
        (root / name).touch()
        mount("--bind", os.path.realpath(f"/{name}"), str(root / name))
    mount("-t", "tmpfs", "-o", "mode=1777", "tmp", str(root / "tmp"))
    (root / "tmp/home").mkdir()
    # From Linux 6.7 on a namespace may say how programs for another processor start: tests start the project's own.
    rules = root / "proc/sys/fs/binfmt_misc"
    if mount("-t", "binfmt_misc", "binfmt_misc", str(rules)):
        (rules / "register").write_text(f":aarch64:M::{ELF}:{ELF_MASK}:/usr/bin/qemu-aarch64:")
    folder = os.getcwd()
    os.chroot(root)
    os.chdir(folder)
    os.execvp(command[0], command)


if __name__ == "__main__":
    wanted = json.loads(sys.argv[1])
    _inside(pathlib.Path(wanted["root"]), wanted["seen"], wanted["command"])
