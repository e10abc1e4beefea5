"""The library in WebAssembly: what a page could run, checked where there is no browser."""
import pathlib

import stars
from chroot import Chroot

PARITY = ["parity::tiny", "parity::texts", "families::", "heads::"]
WASI = ["--target", "wasm32-wasip1"]
SIMD = {f"CARGO_TARGET_WASM32_{target}_RUSTFLAGS": "-C target-feature=+simd128" for target in ("WASIP1", "UNKNOWN_UNKNOWN")}
"""Vectors of 128 bits, which browsers have had since 2021."""


def test(chroot: Chroot) -> None:
    """Compiles for browsers, and asks the demo as a page would; under Node the tiny checkpoints have PyTorch's outputs, and the kernels' int8 sums are exact."""
    library = ["--no-default-features", "--target", "wasm32-unknown-unknown"]
    chroot.run(["cargo", "clippy", "-p", "nimbert", "--lib", *library, "--", "-D", "warnings"], **SIMD)
    chroot.run(["cargo", "rustc", "--release", "-p", "nimbert", "--lib", "--crate-type", "cdylib", *library, "--features", "capi"],
               **SIMD)
    file = chroot.target / "wasm32-unknown-unknown/release/nimbert.wasm"
    print(f"the C interface as a module of WebAssembly: {file.stat().st_size:,} bytes, without a model")
    said = chroot.run(["node", "tools/cross/browser.mjs", str(file), "src/demo/model.nimbert", *stars.STARS], capture=True).stdout
    stars.hold(said, "WebAssembly")
    program = chroot.test_program(["-p", "nimbert", "--test", "library", "--no-default-features", "--features", "demo", *WASI], **SIMD)
    for name in PARITY:
        _run(chroot, program, name)
    program = chroot.test_program(["-p", "nimbert-kernels", "--test", "kernels", *WASI], **SIMD)
    for name in ["int8::sums", "matmul::every_size", "attention::every_head_size"]:
        _run(chroot, program, name)


def _run(chroot: Chroot, program: pathlib.Path, name: str) -> None:
    """A panic ends a program of WebAssembly, and there are no threads: test by test."""
    node = ["node", "--no-warnings", "tools/cross/wasi.mjs", str(program), name, "--test-threads=1"]
    said = chroot.run(node, capture=True).stdout
    print(said, end="", flush=True)
    if "0 passed" in said or "1 skipped" in said:
        raise SystemExit(f"no test is called {name}")
