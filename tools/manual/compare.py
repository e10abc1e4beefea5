"""Is an output what the page says, but for what differs between machines?"""
import difflib
import re

NUMBER = re.compile(r"[-+]?\d[\d,]*(?:\.\d+)?(?:e[-+]?\d+)?")
ISA = r"\b(?:portable|avx2|avx-vnni|avx512-amx|avx512-fp16|avx512-vnni|avx512|neon-dotprod|neon-fp16|neon-i8mm|neon)\b"


def near(expected: str, found: str) -> bool:
    """Whole numbers are the same, others differ by what instruction sets round in different ways."""
    if "." not in expected or "." not in found:
        return expected == found
    a, b = (float(number.replace(",", "")) for number in (expected, found))
    return abs(a - b) <= 0.05 + 0.02 * abs(a)


def words(line: str, shape: bool) -> list[str]:
    """What stands between the numbers, however far apart."""
    if shape:
        line = re.sub(r"[★☆█▓▒░]+", "", line)
        line = re.sub(rf"{ISA}(?:, {ISA})*", "ISA", line)
        line = re.sub(r"\b(text|thread)s\b", r"\1", line)
    else:
        line = re.sub(r"[█▓▒░]+", "░", line)  # a bar's length is as near as its number
    return [" ".join(part.split()) for part in NUMBER.split(line)]


def alike(expected: str, found: str, shape: bool) -> bool:
    if words(expected, shape) != words(found, shape):
        return False
    return shape or all(map(near, NUMBER.findall(expected), NUMBER.findall(found)))


def matches(expected: list[str], found: list[str], shape: bool) -> bool:
    """Line by line, where `…` is any number of lines."""
    if not expected:
        return not found
    if expected[0] == "…":
        return any(matches(expected[1:], found[skip:], shape) for skip in range(len(found) + 1))
    return bool(found) and alike(expected[0], found[0], shape) and matches(expected[1:], found[1:], shape)


def difference(page: str, printed: str, shape: bool) -> str:
    """How what was printed differs from what is on the page; nothing if it does not."""
    lines = [[line.rstrip() for line in text.splitlines()] for text in (page, printed)]
    if matches(*lines, shape):
        return ""
    return "\n".join(difflib.unified_diff(*lines, "the page", "the program", lineterm=""))
