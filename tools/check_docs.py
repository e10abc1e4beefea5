#!/usr/bin/env python3
"""Runs what the manual says: every command of README.md, docs/ and the demo's card, in the order of each page.

    python3 tools/check_docs.py                      what takes seconds
    python3 tools/check_docs.py --long               also what takes minutes
    python3 tools/check_docs.py docs/c.md            one page

The program is target/release/nimbert, or what --binary names. Each page gets a copy of the repository, with ../shared
beside it where there is one, and a home of its own. A block of `sh` is run command by command; the block of `text` that
follows it is what its commands print together. There, whole numbers have to be the same and others nearly so (instruction
sets round in different ways); a line `…` stands for any lines. Blocks of `c` are compiled, and linked and run where the
archive is built; blocks of `rust`, also with `no_run`, have to be on a page that src/lib.rs makes a doc test; `toml`, `json` and `python` are parsed.
Links, and names of files in backquotes, have to lead somewhere.

A comment on the line before a block says what is special; several are separated by semicolons:

    <!-- check: needs ../shared, gcc -->    only where these files and programs are there
    <!-- check: long -->                    only with --long
    <!-- check: skip REASON -->             never; the reason is printed
    <!-- check: exits 1 -->                 the last command's exit code (also `exits 0 or 1`)
    <!-- check: shape -->                   of an output: any numbers, bars, stars and instruction sets
    <!-- check: no output -->               a block of text that no command printed
"""
import argparse
import ast
import json
import shutil
import sys
import tempfile
import time
import tomllib
from pathlib import Path

from manual import links
from manual.compare import difference
from manual.pages import REPOSITORY, Block, blocks_of, commands_of
from manual.scratch import TARGET, Scratch

PAGES = ["README.md", "docs/*.md", "src/demo/README.md"]
SECONDS = {False: 600, True: 3600}
"""What a command may take, by whether it is marked as long."""


class Report:
    """A line for everything that is checked."""

    def __init__(self) -> None:
        self.counts = {"passed": 0, "failed": 0, "skipped": 0}

    def check(self, place: str, what: str, problem: str, seconds: float = 0.0) -> None:
        self._say("failed" if problem else "passed", place, what, seconds)
        print("".join(f"    {line}\n" for line in problem.splitlines()), end="", flush=True)

    def skip(self, place: str, what: str, reason: str) -> None:
        self._say("skipped", place, f"{what.splitlines()[0]}  ({reason})", 0.0)

    def _say(self, verdict: str, place: str, what: str, seconds: float) -> None:
        self.counts[verdict] += 1
        first, *more = what.splitlines()
        print(f"{verdict:<8}{seconds:6.1f} s  {place}: {first}{' …' if more else ''}", flush=True)


def run_block(block: Block, scratch: Scratch, long: bool, report: Report) -> str | None:
    """Runs a block's commands; what they printed, or nothing where they did not run or failed."""
    reason, printed = block.notes.get("skip", ""), ""
    if "long" in block.notes and not long:
        reason = "long"
    if lacking := scratch.lacks(block.notes.get("needs", "")):
        reason = f"no {lacking}"
    commands = commands_of(block.text)
    for number, command in enumerate(commands, 1):
        if reason:
            report.skip(block.place, command, reason)
            continue
        start = time.monotonic()
        code, output = scratch.run(command, SECONDS["long" in block.notes])
        codes = block.notes.get("exits", "0").split(" or ") if number == len(commands) else ["0"]
        problem = "" if str(code) in codes else f"exit code {code}\n{output[-2000:]}"
        report.check(block.place, command, problem, time.monotonic() - start)
        if problem:
            reason = "the command before it failed"
        printed += output
    return None if reason else printed


def check_output(block: Block, follows: bool, printed: str | None, report: Report) -> None:
    if not follows:
        report.check(block.place, "output", "of no command: mark it with <!-- check: no output -->")
    elif printed is None or "skip" in block.notes:
        report.skip(block.place, "output", block.notes.get("skip") or "it was not made")
    else:
        report.check(block.place, "output", difference(block.text, printed, "shape" in block.notes))


def check_code(block: Block, name: str, scratch: Scratch, report: Report) -> None:
    """A block in a language that is not run command by command."""
    problem = ""
    match block.language:
        case "c" if not shutil.which("cc"):
            return report.skip(block.place, "c", "no cc")
        case "c":
            problem = scratch.compile(block.text)
        case "rust" | "rust,no_run":
            if f'include_str!("../{name}")' not in (REPOSITORY / "src/lib.rs").read_text():
                problem = f"nothing compiles it: src/lib.rs does not include {name}"
        case "toml" | "json" | "python" as language:
            try:
                {"toml": tomllib.loads, "json": json.loads, "python": ast.parse}[language](block.text)
            except (ValueError, SyntaxError) as error:
                problem = str(error)
        case _:
            problem = "nothing here checks this language"
    report.check(block.place, block.language, problem)


def check_blocks(page: Path, binary: Path, long: bool, report: Report) -> None:
    name = str(page.relative_to(REPOSITORY))
    with tempfile.TemporaryDirectory(prefix="nimbert-docs-") as top:
        scratch, printed, follows = Scratch(Path(top), binary), None, False
        for block in blocks_of(name, page.read_text()):
            if block.language == "sh":
                printed, follows = run_block(block, scratch, long, report), True
            elif block.is_output:
                check_output(block, follows, printed, report)
                follows = False
            elif block.language not in ("", "text"):
                check_code(block, name, scratch, report)


def documents() -> list[Path]:
    """All pages of the repository, for their links."""
    skipped = {"target", ".venv", ".git"}
    return sorted(page for page in REPOSITORY.rglob("*.md") if not skipped & set(page.relative_to(REPOSITORY).parts))


def main() -> int:
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=raw)
    parser.add_argument("pages", metavar="PAGE", type=Path, nargs="*", help="pages to check (default: all)")
    parser.add_argument("--binary", metavar="FILE", type=Path, default=TARGET / "release/nimbert",
                        help="the program to run (default: target/release/nimbert)")
    parser.add_argument("--long", action="store_true", help="also run what takes minutes")
    args = parser.parse_args()
    binary = args.binary.resolve()
    if not binary.is_file():
        parser.error(f"no program {args.binary}: cargo build --release makes it")
    pages = [page.resolve() for page in args.pages]
    report = Report()
    try:
        for page in pages or documents():
            report.check(str(page.relative_to(REPOSITORY)), "links", "\n".join(links.problems(page)))
        for page in pages or sorted(page for pattern in PAGES for page in REPOSITORY.glob(pattern)):
            check_blocks(page, binary, args.long, report)
    except (OSError, ValueError) as error:
        report.check("check_docs", "pages", str(error))
    print("{passed} passed, {failed} failed, {skipped} skipped".format(**report.counts))
    return 1 if report.counts["failed"] or not report.counts["passed"] else 0


if __name__ == "__main__":
    sys.exit(main())
