"""Links and names of files that lead somewhere."""
import re
from pathlib import Path
from urllib.parse import unquote, urlsplit

from manual.pages import REPOSITORY, prose_of

FOLDERS = r"(src|docs|kernels|tests|tools|benches|fuzz|\.ci)/[\w./-]+"
"""A name in backquotes that begins with one of these is a file's."""
PLACEHOLDER = r"(ARCH|NAME|DIR|FILE)\b"


def anchors_of(page: str) -> set[str]:
    """The headings' names as GitHub makes them."""
    headings = re.findall(r"^#+ +(.+?) *$", prose_of(page), flags=re.M)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def link_problem(page: Path, link: str) -> str:
    parts = urlsplit(link)
    if parts.scheme:
        return "" if parts.scheme == "https" and "." in parts.netloc else f"not an address: {link}"
    target = (page.parent / unquote(parts.path)).resolve() if parts.path else page
    if not target.exists():
        return f"leads nowhere: {link}"
    if parts.fragment and parts.fragment not in anchors_of(target.read_text()):
        return f"no such heading: {link}"
    return ""


def links_of(page: str) -> list[str]:
    prose = re.sub(r"`[^`\n]+`", "", prose_of(page))
    return re.findall(r"\]\(([^)\s]+)\)", prose) + re.findall(r'(?:src|srcset|href)="([^"]+)"', prose)


def files_of(page: str) -> list[str]:
    """The names in backquotes that are files of the repository."""
    names = re.findall(r"`([^`\n]+)`", prose_of(page))
    return [name for name in names if re.fullmatch(FOLDERS, name) and not re.search(PLACEHOLDER, name)]


def problems(page: Path) -> list[str]:
    """Everything on a page that leads nowhere. A file may be named from the top, from the page or from `kernels/`."""
    text = page.read_text()
    found = [link_problem(page, link) for link in links_of(text)]
    tops = (REPOSITORY, page.parent, REPOSITORY / "kernels")
    found += [f"no such file: {name}" for name in files_of(text) if not any((top / name).exists() for top in tops)]
    return list(filter(None, found))
