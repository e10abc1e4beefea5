"""nimbert for processors that this machine does not have: built, tested under emulation, counted, delivered.

    python3 tools/cross make            once: a chroot of Debian testing in target/cross, some minutes, 2.1 GB
    python3 tools/cross test            the kernels and the tiny checkpoints, for a Cortex-A76 and for all instructions
    python3 tools/cross test --all      also for other processors, the slow tests, and the program beside that of this machine
    python3 tools/cross count           how near the inner loops are to what two processors allow; fails where one spills
    python3 tools/cross dist FOLDER     a static program, libnimbert.a and nimbert.h for aarch64
    python3 tools/cross wasm            the library for wasm32, and the tiny checkpoints under Node
    python3 tools/cross run COMMAND...  anything else, `cargo build` for instance, or `sh`

It needs a Debian or Ubuntu for amd64, root, and the packages that its apt has. On a machine with aarch64 none of this is
needed: there cargo does what it does everywhere.
"""
import argparse
import pathlib
import sys

import count
import dist
import suite
import wasm
from chroot import PROJECT, Chroot, Unavailable

MISSING = 3
"""The exit code where there is no chroot and none can be made."""


def parser() -> argparse.ArgumentParser:
    top = argparse.ArgumentParser(
        prog="tools/cross", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    top.add_argument("--folder", type=pathlib.Path, default=PROJECT / "target/cross",
                     help="where the chroot and the builds are (default: target/cross)")
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND")
    commands.add_parser("have", help=f"says by its exit code whether there is a chroot: 0, or {MISSING}")
    commands.add_parser("make", help="makes the chroot")
    test = commands.add_parser("test", help="runs the tests")
    test.add_argument("--all", action="store_true", help="on more processors, and with what takes long")
    test.add_argument("--cpu", action="append", metavar="NAME", help="on this processor of qemu alone; may be repeated")
    counted = commands.add_parser("count", help="counts cycles of the inner loops, and looks for spills")
    counted.add_argument("--listing", action="store_true", help="prints each loop, too")
    counted.add_argument("--object", type=pathlib.Path, metavar="FILE.o", help="of this object file for aarch64 instead")
    counted.add_argument("--multiplies", metavar="NAME", default="sdot",
                         help="the instructions that do its arithmetic, such as fmla, sdot or smmla (default: sdot)")
    delivered = commands.add_parser("dist", help="writes what runs on a board with nothing installed")
    delivered.add_argument("out", type=pathlib.Path, metavar="FOLDER")
    commands.add_parser("wasm", help="tests under Node what a browser would run")
    run = commands.add_parser("run", help="runs a command in the chroot, in the project's folder")
    run.add_argument("--cpu", default="max", help="the processor that programs for aarch64 see (default: max, which has all)")
    run.add_argument("words", nargs=argparse.REMAINDER, metavar="COMMAND")
    return top


def main() -> int:
    arguments = parser().parse_args()
    chroot = Chroot(arguments.folder.resolve())
    if arguments.command == "have":
        return 0 if chroot.exists() else MISSING
    try:
        chroot.make()
    except Unavailable as reason:
        print(f"tools/cross: {reason}", file=sys.stderr)
        return MISSING
    match arguments.command:
        case "test":
            suite.test(chroot, arguments.cpu, arguments.all)
        case "count" if arguments.object:
            count.report_object(chroot, arguments.object, arguments.multiplies)
        case "count":
            return count.report(chroot, arguments.listing)
        case "dist":
            dist.deliver(chroot, arguments.out)
        case "wasm":
            wasm.test(chroot)
        case "run":
            return chroot.run(arguments.words, cpu=arguments.cpu, check=False).returncode
    return 0


if __name__ == "__main__":
    sys.exit(main())
