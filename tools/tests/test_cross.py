"""What is read out of a disassembly, without a chroot."""
import sys
import unittest
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parent.parent / "cross"))
import count

LISTING = """
<nimbert_kernels::tile>:
        mov     x8, #0x0
<L1>:
        ldr     q0, [x1], #0x10
<L2>:
        sdot    v1.4s, v0.16b, v2.4b[0]
        sdot    v3.4s, v0.16b, v2.4b[1]
        ldr     q4, [sp, #0x20]
        b.ne    0x40 <L2>
        ldr     x9, [sp, #0x8]
        cbz     x9, <L3>
        b       <L1>
<L3>:
        ret
"""
KERNEL = count.Kernel("tile", "sdot", "int8", {})


class Loops(unittest.TestCase):
    def test_the_innermost_one_is_found(self):
        (loop,) = count.loops(LISTING)
        self.assertEqual(loop.lines[0], "L2:")
        self.assertEqual(len(loop.instructions), 4)
        self.assertEqual([line.split()[1] for line in loop.that_multiply(KERNEL)], ["v1.4s,", "v3.4s,"])
        self.assertTrue(loop.is_tile_of(KERNEL))
        self.assertFalse(loop.is_tile_of(count.Kernel("tile", "fmla", "f32", {})))

    def test_spills_are_seen(self):
        (loop,) = count.loops(LISTING)
        self.assertEqual(loop.spills(vectors_alone=True), ["ldr q4, [sp, #0x20]"])
        general = count.Loop(["ldr x9, [sp, #0x8]", "ldr q0, [x1]"])
        self.assertEqual(general.spills(vectors_alone=True), [])
        self.assertEqual(general.spills(vectors_alone=False), ["ldr x9, [sp, #0x8]"])

    def test_a_call_is_in_no_tile(self):
        self.assertFalse(count.Loop(["sdot v1.4s, v0.16b, v2.4b[0]", "bl <memcpy@plt>"]).is_tile_of(KERNEL))

    def test_labels_outside_are_defined_for_the_assembler(self):
        text = count.assembly(["L2:", "b.ne 0x40 <L2>", "cbz x9, <L3>"])
        self.assertEqual(text.splitlines(), ["// LLVM-MCA-BEGIN", "L2:", "b.ne L2", "cbz x9, L3", "// LLVM-MCA-END", "L3:"])


if __name__ == "__main__":
    unittest.main()
