"""The tests that have something to say about another processor, under emulation.

The kernels go over every instruction set that the emulated processor has, the library's tests over the tiny checkpoints. A
program for aarch64 takes some thirty times as long here as one of this machine's own, so what is slow waits for `--all`.
"""
import json
import os
import subprocess
import time

import dist
import stars
from chroot import AARCH64, PROJECT, Chroot

CPUS = {"cortex-a76": [], "max": ["int8"]}
"""Without `--all`: what of the kernels' tests runs, where it is not everything. The first has all but int8 matrices."""
ALL_CPUS = ["cortex-a72", "cortex-a76", "neoverse-v1", "max"]
SLOW_KERNELS = ["attention_in_halves", "distance_bias::fewer_bits", "distance_bias::f32_is", "limits::a_limit"]
"""With `--all` they run on `max` alone, which has every instruction set: ten minutes."""
LIBRARY = ["families::", "heads::", "parity::", "same_bits::"]
TOO_SLOW_LIBRARY = [
    # Shapes of real models.
    "bert_base", "long_rows", "six_layer", "lower_precisions",
    # Every division of a batch: an hour, and no more of it than the kernels' own tests is a processor's.
    "same_bits::alone", "same_bits::so_do",
    # The tokenizers', which have nothing to say of a processor.
    "tokenizer::",
]


def test(chroot: Chroot, cpus: list[str] | None, everything: bool) -> None:
    began = time.monotonic()
    subprocess.run(["cargo", "fetch", "--locked"], cwd=PROJECT, check=True)
    _say("building for aarch64")
    features = ["--no-default-features", "--features", "demo,capi"]
    library = ["cargo", "test", "-p", "nimbert", *features, "--test", "library"]
    kernels = ["cargo", "test", "-p", "nimbert-kernels"]
    chroot.run([*kernels, "--no-run"])
    chroot.run([*library, "--no-run"])
    for cpu in cpus or (ALL_CPUS if everything else CPUS):
        _say(f"kernels on {cpu}, {_since(began)}")
        some = [] if everything else CPUS.get(cpu, [])
        skipped = [] if everything and cpu == "max" else SLOW_KERNELS
        chroot.run([*kernels, "--", *some, *_skipping(skipped)], cpu=cpu)
    for cpu in cpus or (["cortex-a72", "max"] if everything else ["max"]):
        _say(f"tiny checkpoints on {cpu}, {_since(began)}")
        chroot.run([*library, "--", *LIBRARY, *_skipping(TOO_SLOW_LIBRARY)], cpu=cpu)
    _say(f"the example in C, {_since(began)}")
    _example(chroot, features)
    if everything:
        _say(f"the program beside this machine's, {_since(began)}")
        _beside(chroot)
    _say(f"all of it passed, {_since(began)}")


def _say(what: str) -> None:
    print(f"\n== {what}", flush=True)


def _since(began: float) -> str:
    return f"after {time.monotonic() - began:.0f} s"


def _skipping(names: list[str]) -> list[str]:
    return [word for name in names for word in ("--skip", name)]


def _example(chroot: Chroot, features: list[str]) -> None:
    """classify.c, linked as a C program links the library, says what it says on x86-64."""
    chroot.run(["cargo", "rustc", "-p", "nimbert", "--lib", "--crate-type", "staticlib", *features])
    program = str(chroot.target / "classify")
    dist.link(chroot, chroot.target / AARCH64 / "debug/libnimbert.a", program)
    for cpu in CPUS:
        said = chroot.run([program, "src/demo/model.nimbert", *stars.STARS], cpu=cpu, capture=True).stdout
        stars.hold(said, cpu)


def _beside(chroot: Chroot) -> None:
    """The scores of every eighth comment, of this machine's program and of that for aarch64 on each of its instruction sets."""
    here = PROJECT / "target/release/nimbert"
    if not here.exists():
        raise SystemExit("there is no target/release/nimbert: cargo build --release makes it")
    out = chroot.target.parent / "dist"
    dist.deliver(chroot, out)
    texts = chroot.target / "comments.txt"
    comments = (PROJECT / "tests/data/comments.txt").read_text(encoding="utf-8").splitlines(keepends=True)
    texts.write_text("".join(comments[::8]), encoding="utf-8")
    for precision in ["int8", "f32"]:
        command = ["classify", "--precision", precision, "--input", str(texts), "--format", "json", "--all"]
        environment = {**os.environ, "NIMBERT_ISA": "avx2"}
        theirs = subprocess.run([str(here), *command], cwd=PROJECT, env=environment, check=True, text=True,
                                stdout=subprocess.PIPE).stdout
        for isa in ["portable", "neon", "neon-dotprod", "neon-fp16", "neon-i8mm"]:
            ours = chroot.run([str(out / "nimbert"), *command], capture=True, NIMBERT_ISA=isa).stdout
            same, far, labels = _compare(ours, theirs)
            print(f"{precision:5} {isa:13} as avx2: {same} of {len(theirs.splitlines())} lines to the byte, "
                  f"{labels} best labels; scores at most {far:.1e} apart", flush=True)
            if far > (2e-5 if precision == "f32" else 0.05):
                raise SystemExit("that is too far")


def _compare(ours: str, theirs: str) -> tuple[int, float, int]:
    """Equal lines, the largest distance of two scores, and equal best labels."""
    pairs = list(zip(ours.splitlines(), theirs.splitlines(), strict=True))
    far, labels = 0.0, 0
    for line, other in pairs:
        scores, others = (
            {entry["label"]: entry["score"] for entry in json.loads(text)["scores"]} for text in (line, other))
        far = max(far, *(abs(scores[label] - others[label]) for label in others))
        labels += max(scores, key=scores.get) == max(others, key=others.get)
    return sum(line == other for line, other in pairs), far, labels
