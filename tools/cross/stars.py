"""What the example in C, or a program that prints as it does, has to say of the demo model on any processor."""

STARS = {"太好看了，笑中带泪，强烈推荐！": ("Star_5", 0.707), "无聊到睡着": ("Star_2", 0.449)}
"""Texts, and what examples/classify.c prints of them on x86-64."""
NEAR = 0.003
"""How far a score of an int8 model may be from that: instruction sets round in different orders, and a value that is quantized after it
may fall on the next step. 0.447 to 0.450 are found."""


def hold(said: str, where: str) -> None:
    """Prints the example's lines, and ends where one is not what x86-64 has."""
    print(said, end="", flush=True)
    for line, (text, (label, score)) in zip(said.splitlines(), STARS.items(), strict=True):
        found, near, of = line.split()
        if (found, of) != (label, text) or abs(float(near) - score) > NEAR:
            raise SystemExit(f"on {where}, while x86-64 has {label} {score}")
