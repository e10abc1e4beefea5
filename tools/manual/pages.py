"""The fenced blocks of a page, what is noted of them, and the commands in them."""
import re
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent.parent.parent
NOTES = {"needs", "long", "skip", "exits", "shape", "no"}


@dataclass
class Block:
    """A fenced block of a page."""
    place: str
    line: int
    language: str
    text: str = ""
    notes: dict[str, str] = field(default_factory=dict)

    @property
    def is_output(self) -> bool:
        return self.language in ("", "text") and self.notes.get("no") != "output"


def notes_of(line: str) -> dict[str, str]:
    """`<!-- check: needs gcc; long -->` as {"needs": "gcc", "long": ""}."""
    found = re.fullmatch(r"<!-- check: (.+) -->", line.strip())
    parts = (part.strip().partition(" ") for part in found[1].split(";")) if found else ()
    notes = {word: rest for word, _, rest in parts}
    if unknown := notes.keys() - NOTES:
        raise ValueError(f"unknown note: {', '.join(unknown)}")
    return notes


def blocks_of(name: str, page: str) -> list[Block]:
    """The blocks of a page's text; `name` is what its lines are called by."""
    blocks, before, is_open = [], "", False
    for number, line in enumerate(page.splitlines(), 1):
        if line.startswith("```"):
            if not is_open:
                blocks.append(Block(f"{name}:{number}", number, line[3:].strip(), "", notes_of(before)))
            is_open = not is_open
        elif is_open:
            blocks[-1].text += line + "\n"
        before = line
    if is_open:
        raise ValueError(f"{blocks[-1].place}: the block is not closed")
    return blocks


def commands_of(text: str) -> list[str]:
    """A block's lines, those of one command together: bash says where one ends."""
    commands, pending = [], ""
    for line in text.splitlines(keepends=True):
        pending += line
        parsed = subprocess.run(["bash", "-n", "-c", pending], capture_output=True)
        if parsed.returncode == 0 and not parsed.stderr and not pending.endswith("\\\n"):
            if not re.fullmatch(r"(#.*)?", pending.strip()):
                commands.append(pending.strip())
            pending = ""
    if pending:
        raise ValueError(f"not a whole command: {pending.strip()}")
    return commands


def prose_of(page: str) -> str:
    """A page's text without its fenced blocks."""
    return re.sub(r"^```.*?^```$", "", page, flags=re.M | re.S)
