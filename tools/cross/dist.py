"""What goes to a board: a static program and a static library, for any Linux on aarch64 whatever its C library is."""
import pathlib
import shutil

import stars
from chroot import AARCH64, PROJECT, Chroot

MOST_BYTES = 4_000_000
"""Of the example in C with the library in it, stripped."""


def link(chroot: Chroot, library: pathlib.Path, program: str) -> None:
    """examples/classify.c with the library in it, static and stripped."""
    chroot.run(["aarch64-linux-gnu-gcc", "-O2", "-s", "-static", "-Isrc/ffi", "src/ffi/examples/classify.c", str(library),
                "-lpthread", "-ldl", "-lm", "-o", program])


def deliver(chroot: Chroot, out: pathlib.Path) -> None:
    """Writes the program, the library, its headers and the example, and says how large they are."""
    out.mkdir(parents=True, exist_ok=True)
    built = chroot.target / AARCH64 / "release"
    static = {"CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_RUSTFLAGS": "-C target-feature=+crt-static"}
    chroot.run(["cargo", "build", "--release"], **static)
    shutil.copy(built / "nimbert", out)
    archive = ["cargo", "rustc", "--release", "--lib", "--crate-type", "staticlib", "--no-default-features", "--features", "capi"]
    chroot.run(archive, **static)
    shutil.copy(built / "libnimbert.a", out)
    for header in ["nimbert.h", "nimbert.hpp"]:
        shutil.copy(PROJECT / "src/ffi" / header, out)
    # Linked where the chroot sees it: `out` may be anywhere.
    example = chroot.target / "classify-dist"
    link(chroot, built / "libnimbert.a", str(example))
    shutil.copy(example, out / "classify")
    chroot.run([str(built / "nimbert"), "classify", *stars.STARS])
    stars.hold(chroot.run([str(example), "src/demo/model.nimbert", *stars.STARS], capture=True).stdout, "aarch64")
    for path in sorted(out.iterdir()):
        print(f"{path.stat().st_size:12,}  {path}")
    if (out / "classify").stat().st_size > MOST_BYTES:
        raise SystemExit(f"classify is larger than {MOST_BYTES} bytes")
