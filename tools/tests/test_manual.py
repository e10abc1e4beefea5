"""The check of the manual finds what it is for."""
import contextlib
import io
import tempfile
import unittest
from pathlib import Path

import check_docs
from manual import links
from manual.compare import difference
from manual.pages import blocks_of, commands_of, notes_of
from manual.scratch import Scratch


class Pages(unittest.TestCase):
    def test_a_command_ends_where_bash_says(self):
        text = "# a comment\nfor n in 1 2; do\n    echo $n\ndone\necho a \\\n    b |\n    cat\ncat <<'END'\nx\nEND\n"
        self.assertEqual([command.split()[0] for command in commands_of(text)], ["for", "echo", "cat"])
        with self.assertRaisesRegex(ValueError, "not a whole command: if true"):
            commands_of("if true; then\n")

    def test_notes_and_blocks(self):
        page = "text\n<!-- check: long; needs gcc, ../x -->\n```sh\necho\n```\n\n```text\nout\n```\n"
        command, output = blocks_of("page.md", page)
        self.assertEqual(command.notes, {"long": "", "needs": "gcc, ../x"})
        self.assertEqual((output.place, output.text, output.is_output), ("page.md:7", "out\n", True))
        with self.assertRaisesRegex(ValueError, "unknown note: lnog"):
            notes_of("<!-- check: lnog -->")
        with self.assertRaisesRegex(ValueError, "page.md:1: the block is not closed"):
            blocks_of("page.md", "```sh\necho\n")


class Outputs(unittest.TestCase):
    def same(self, page: str, printed: str, shape: bool = False) -> bool:
        return difference(page, printed, shape) == ""

    def test_whole_numbers_are_the_same_and_others_near(self):
        self.assertTrue(self.same("3 texts  ██░ 0.298", "3 texts  █░░ 0.305"))
        self.assertFalse(self.same("3 texts", "4 texts"))
        self.assertFalse(self.same("score 0.298", "score 0.398"))
        self.assertFalse(self.same("★★☆ 0.3 Star_2", "★☆☆ 0.3 Star_1"))
        self.assertFalse(self.same("a\nb", "a"))

    def test_a_shape_has_any_numbers_but_no_other_words(self):
        self.assertTrue(self.same("int8 on avx512-vnni, 1 thread", "int8 on avx2, 16 threads", shape=True))
        self.assertFalse(self.same("int8 on avx2, 1 thread", "f32 on avx2, 1 thread", shape=True))

    def test_an_ellipsis_is_any_lines(self):
        self.assertTrue(self.same("a\n…\nz", "a\nb\nc\nz"))
        self.assertTrue(self.same("a\n…", "a"))
        self.assertFalse(self.same("a\n…\nz", "a\nb"))


class Commands(unittest.TestCase):
    """A page with a fault of each kind, run."""

    def verdicts(self, page: str) -> tuple[dict[str, int], str | None]:
        report, printed = check_docs.Report(), None
        with tempfile.TemporaryDirectory() as top, contextlib.redirect_stdout(io.StringIO()):
            scratch = Scratch(Path(top), Path("/bin/true"))
            for block in blocks_of("page.md", page):
                if block.is_output:
                    check_docs.check_output(block, True, printed, report)
                else:
                    printed = check_docs.run_block(block, scratch, False, report)
        return report.counts, printed

    def test_commands_share_a_shell_and_a_failure_ends_the_block(self):
        counts, printed = self.verdicts("```sh\nexport X=1; cd src\necho $X $(basename $PWD)\n```\n```text\n1 src\n```\n")
        self.assertEqual((counts, printed), ({"passed": 3, "failed": 0, "skipped": 0}, "1 src\n"))
        counts, printed = self.verdicts("```sh\nfalse | cat\necho\n```\n```text\nx\n```\n")
        self.assertEqual((counts, printed), ({"passed": 0, "failed": 1, "skipped": 2}, None))

    def test_exit_codes_and_needs(self):
        self.assertEqual(self.verdicts("<!-- check: exits 3 -->\n```sh\n(exit 3)\n```\n")[0]["passed"], 1)
        self.assertEqual(self.verdicts("<!-- check: exits 3 -->\n```sh\ntrue\n```\n")[0]["failed"], 1)
        self.assertEqual(self.verdicts("<!-- check: needs no/such/file -->\n```sh\nfalse\n```\n")[0]["skipped"], 1)
        self.assertEqual(self.verdicts("<!-- check: needs Cargo.toml, bash -->\n```sh\ntrue\n```\n")[0]["passed"], 1)


class Links(unittest.TestCase):
    def test_what_leads_nowhere_is_found(self):
        page = links.REPOSITORY / "docs" / "page-that-is-not-there.md"
        for link in ("../README.md#licence", "../README.md", "https://example.org/a"):
            self.assertEqual(links.link_problem(page, link), "", link)
        for link in ("../README.md#nothing", "nothing.md", "http://example.org", "https:/example"):
            self.assertNotEqual(links.link_problem(page, link), "", link)

    def test_links_and_files_of_a_page(self):
        page = ("[a](b.md) `[no](link)` ![c](d.svg)\n```\n[no](block)\n```\n"
                "<img src=\"e.svg\"> `src/lib.rs` `src/NAME.rs` `a/b`")
        self.assertEqual(links.links_of(page), ["b.md", "d.svg", "e.svg"])
        self.assertEqual(links.files_of(page), ["src/lib.rs"])


if __name__ == "__main__":
    unittest.main()
