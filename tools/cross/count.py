"""What LLVM's models of processors make of the loops in which a forward spends its time, as they were compiled.

The model takes every load for a hit in the first cache. A loop's share is what its multiplications alone would take, by the
units that do them, over what the whole loop takes: 100 % is the processor's peak. A loop that has its sums in memory would
also be correct, and slow: a vector on the stack is a failure here in a tile of any height, and anything on it in the tallest.
"""
import dataclasses
import pathlib
import re
import shutil

from chroot import Chroot

PROCESSORS = ["neoverse-n1", "neoverse-v1"]
"""The first is the Cortex-A76 of small boards; both have models of their own in LLVM."""
ROUNDS = 200
BRANCH = re.compile(r"^(b|b\.\w+|cbn?z|tbn?z)\b.*<(L\d+)>")
STACK = re.compile(r"\[(sp|x29)\b")
VECTOR = re.compile(r"\s[qdsv]\d")
HIDDEN = {"prfm"}
"""What asks for cache lines: no model knows how long that takes, so it counts as an instruction and no more."""


@dataclasses.dataclass(frozen=True)
class Kernel:
    function: str
    """What its name ends with."""
    multiplies: str
    """How the instructions begin that do the arithmetic."""
    says: str
    least: dict[str, int]
    """Percent of the peak, by processor; where a processor lacks the instruction, nothing."""


KERNELS = [
    Kernel("NEON::matmul_f32", "fmla", "f32", {"neoverse-n1": 96, "neoverse-v1": 95}),
    Kernel("NEON::matmul_f16", "fmla", "f16 weights, in f32", {"neoverse-n1": 73, "neoverse-v1": 72}),
    Kernel("NEON_FP16::matmul", "fmla", "f16", {"neoverse-n1": 96, "neoverse-v1": 95}),
    Kernel("NEON::matmul_int8", "smlal smlal2 smull smull2 sadalp", "int8 by 16 bits", {"neoverse-n1": 75, "neoverse-v1": 75}),
    Kernel("NEON_DOTPROD::int8", "sdot", "int8", {"neoverse-n1": 90, "neoverse-v1": 88}),
    Kernel("NEON_I8MM::int8", "usmmla", "int8", {"neoverse-v1": 89}),
    Kernel("NEON::attention", "fmla", "attention in f32", {"neoverse-n1": 90, "neoverse-v1": 90}),
    Kernel("NEON_FP16::attention", "fmla", "attention in f16", {"neoverse-n1": 90, "neoverse-v1": 90}),
]


@dataclasses.dataclass(frozen=True)
class Loop:
    lines: list[str]
    """Labels and instructions."""

    @property
    def instructions(self) -> list[str]:
        return [line for line in self.lines if not line.endswith(":")]

    def that_multiply(self, kernel: Kernel) -> list[str]:
        return [line for line in self.instructions if line.split()[0] in kernel.multiplies.split()]

    def is_tile_of(self, kernel: Kernel) -> bool:
        """Most of it multiplies: bias and activation are loops, too."""
        calls = any(line.startswith("bl ") for line in self.instructions)
        return not calls and 3 * len(self.that_multiply(kernel)) >= len(self.instructions)

    def spills(self, vectors_alone: bool) -> list[str]:
        return [line for line in self.instructions
                if STACK.search(line) and (VECTOR.search(line) or not vectors_alone)]


def loops(listing: str) -> list[Loop]:
    """The innermost loops of a disassembled function: from a label to a branch back to it, with no such pair inside."""
    lines, labels, branches = [], {}, []
    for line in listing.splitlines():
        if label := re.fullmatch(r"<(L\d+)>:", line.strip()):
            labels[label[1]] = len(lines)
            lines.append(f"{label[1]}:")
        elif re.match(r"\s+[a-z]", line):
            text = " ".join(line.split("//")[0].split())
            if branch := BRANCH.match(text):
                branches.append((len(lines), branch[2]))
            lines.append(text)
    found = [(labels[label], at) for at, label in branches if label in labels and labels[label] < at]
    inner = [(start, end) for start, end in found
             if not any(start <= other and last <= end for other, last in found if (other, last) != (start, end))]
    return [Loop(lines[start:end + 1]) for start, end in inner]


def assembly(lines: list[str]) -> str:
    """What llvm-mca reads. Labels that lie outside are defined behind the region, or the assembler refuses the branch."""
    text = [re.sub(r"(?:0x[0-9a-f]+ )?<(L\d+)>", r"\1", line) for line in lines]
    have = {line[:-1] for line in text if line.endswith(":")}
    need = {label for line in text for label in re.findall(r"\bL\d+\b", line)} - have
    return "\n".join(["// LLVM-MCA-BEGIN", *text, "// LLVM-MCA-END", *(f"{label}:" for label in sorted(need))]) + "\n"


class Model:
    """llvm-mca on a processor."""

    def __init__(self, chroot: Chroot, processor: str) -> None:
        self._chroot, self._processor = chroot, processor

    def _ask(self, lines: list[str]) -> dict[str, float]:
        source = self._chroot.target / "loop.s"
        source.write_text(assembly(lines))
        command = ["llvm-mca", "-mtriple=aarch64", f"-mcpu={self._processor}", "-mattr=+dotprod,+i8mm,+fullfp16",
                   f"-iterations={ROUNDS}", "-instruction-info=false", "-resource-pressure=false", str(source)]
        report = self._chroot.run(command, capture=True).stdout
        return {name: float(value) for name, value in re.findall(r"^([\w ]+):\s+([\d.]+)$", report, re.MULTILINE)}

    def share(self, loop: Loop, kernel: Kernel) -> tuple[float, float, float]:
        """Cycles of a round, those that the units need for its multiplications, and the latter as percent of the former."""
        cycles = self._ask(loop.lines)["Total Cycles"] / ROUNDS
        least = self._ask(loop.that_multiply(kernel))["Block RThroughput"]
        return cycles, least, 100 * least / cycles


def disassemble(chroot: Chroot, file: pathlib.Path, *options: str) -> str:
    command = ["llvm-objdump", "-d", "-C", "--no-show-raw-insn", "--no-leading-addr", "--symbolize-operands", *options, str(file)]
    return chroot.run(command, capture=True).stdout


def function(chroot: Chroot, program: pathlib.Path, name: str) -> list[str]:
    """The listings of the one function whose name ends so, and of its closure where the compiler left that for itself."""
    names = chroot.run(["llvm-nm", "-C", "--defined-only", str(program)], capture=True).stdout
    defined = {line.split(None, 2)[2] for line in names.splitlines() if len(line.split(None, 2)) == 3}
    full = [known for known in defined if known.endswith(f"::{name}")]
    if len(full) != 1:
        raise ValueError(f"{program} has {len(full)} functions whose names end with {name}")
    parts = [part for part in (full[0], f"{full[0]}::{{closure#0}}") if part in defined]
    return [disassemble(chroot, program, f"--disassemble-symbols={part}") for part in parts]


def largest(found: list[Loop], kernel: Kernel) -> Loop:
    """The one that multiplies most: the tallest tile's."""
    return max(found, key=lambda loop: len(loop.that_multiply(kernel)))


def report_object(chroot: Chroot, file: pathlib.Path, multiplies: str) -> None:
    """The loop of an object file, of somebody else's kernel for instance, that has most of these instructions."""
    inside = chroot.target / file.name
    if inside != file.resolve():
        shutil.copy(file, inside)
    kernel = Kernel(file.name, multiplies, "", {})
    found = [loop for loop in loops(disassemble(chroot, inside)) if loop.that_multiply(kernel)]
    if not found:
        raise SystemExit(f"{file} has no loop with {multiplies}")
    loop = largest(found, kernel)
    print(f"{file.name}: {len(loop.that_multiply(kernel))} / {len(loop.instructions)} instructions, {len(loop.spills(vectors_alone=True))} vectors on the stack")
    for processor in PROCESSORS:
        cycles, least, share = Model(chroot, processor).share(loop, kernel)
        print(f"  {processor}: {cycles:.1f} cycles, {least:.1f} at least: {share:.0f} %")


def report(chroot: Chroot, listing: bool) -> int:
    """Prints a table. 1 where a loop touches the stack or is further from the peak than it was."""
    program = chroot.test_program(["-p", "nimbert-kernels", "--test", "kernels"])
    bad = []
    print(f"{'':24}{'':20}{'instructions':>14}" + "".join(f"{processor:>28}" for processor in PROCESSORS))
    print(f"{'':24}{'':20}{'multiply / all':>14}" + f"{'cycles, least, share':>28}" * len(PROCESSORS))
    for kernel in KERNELS:
        listings = function(chroot, program, kernel.function)
        tiles = [loop for part in listings for loop in loops(part) if loop.is_tile_of(kernel)]
        if not tiles:
            raise ValueError(f"{program}: {kernel.function} has no loop of {kernel.multiplies}")
        loop = largest(tiles, kernel)
        if listing:
            print("\n".join(loop.lines))
        shares = []
        for processor in PROCESSORS:
            if processor not in kernel.least:
                shares.append(f"{'-':>28}")
                continue
            cycles, least, share = Model(chroot, processor).share(loop, kernel)
            shares.append(f"{cycles:13.1f} {least:6.1f} {share:5.0f} %")
            if share < kernel.least[processor]:
                bad.append(f"{kernel.function}: {share:.1f} % on {processor}, less than {kernel.least[processor]} %")
        counts = f"{len(loop.that_multiply(kernel))} / {len(loop.instructions)}"
        print(f"{kernel.function:24}{kernel.says:20}{counts:>14}" + "".join(shares))
        spills = [line for tile in tiles for line in tile.spills(vectors_alone=tile is not loop)]
        bad += [f"{kernel.function}: on the stack: {line}" for line in spills]
    print("".join(f"\n{line}" for line in bad))
    return int(bool(bad))
