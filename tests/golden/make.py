"""Makes the texts and ARPA files of this folder again; needs lmplz (see README.md) on the PATH."""

import gzip
import random
import subprocess
from pathlib import Path
from typing import NamedTuple

HERE = Path(__file__).parent


class Golden(NamedTuple):
    """How a text is read, and the orders of its models."""

    unit: str  # "byte", "char", "word", "token"
    sentences: str  # "stream": the text is one sentence; "lines": each line is
    orders: tuple[int, ...]


TEXTS = {
    "random": Golden("char", "stream", (1, 2, 3, 5, 8)),
    "pattern": Golden("char", "stream", tuple(range(1, 21))),
    "trap": Golden("char", "stream", (5, 8)),
    "prose": Golden("char", "stream", (2, 3, 5, 8)),
    "chinese": Golden("char", "stream", (2, 3, 5)),
    "code": Golden("char", "stream", (3, 5, 8, 20)),
    "names": Golden("char", "lines", (1, 2, 3, 5, 8)),
    "bytes": Golden("byte", "stream", (1, 2, 5, 10, 20)),
    "words": Golden("word", "lines", (1, 2, 3, 5)),
    "verses": Golden("word", "lines", (1, 2, 3, 5, 7)),
    "tokens": Golden("token", "lines", (1, 2, 3, 5)),
}
NAMES = {
    " ": "<sp>", "\n": "<nl>", "\t": "<tab>", "\r": "<cr>", "\v": "<vt>", "\f": "<ff>", "\u3000": "<isp>"
}  # fmt: skip


def tokens_of(text: str) -> list[str]:
    """One token a character, blanks by name."""
    return [NAMES.get(c, c) for c in text]


def tokens_of_bytes(data: bytes) -> list[str]:
    """One token a byte, as `write_tokens` of bench/ngram.py has it: blanks and what is not ASCII by name."""
    names = {ord(c): name for c, name in NAMES.items() if c in " \n\t\r"}
    return [names.get(b) or (chr(b) if 33 <= b < 127 else f"<{b:02x}>") for b in data]


def lmplz_input(data: bytes, golden: Golden) -> bytes:
    """What lmplz reads: the text itself where it has words or tokens, else one token a symbol."""
    if golden.unit in ("word", "token"):
        return data
    if golden.unit == "byte":
        return " ".join(tokens_of_bytes(data)).encode() + b"\n"
    text = data.decode("utf-8")
    if golden.sentences == "stream":
        return " ".join(tokens_of(text)).encode() + b"\n"
    return "\n".join(" ".join(tokens_of(line)) for line in text.split("\n")).encode()


def write_texts() -> None:
    """The random texts; the others were written by hand."""
    rng = random.Random(1506)
    (HERE / "random.txt").write_text("".join(rng.choice("abcde") for _ in range(900)), newline="")
    # c stands once, near the start: the string that sorts last is shorter than the order
    (HERE / "trap.txt").write_text("abc" + "".join(rng.choice("ab") for _ in range(400)), newline="")
    (HERE / "tokens.txt").write_text(random_tokens(random.Random(2078)), newline="")
    (HERE / "bytes.txt").write_bytes(random_bytes(random.Random(15)))


def random_tokens(rng: random.Random) -> str:
    """A hundred lines of token ids: Zipf's law, and half of the time what once followed the same token."""
    ids = [2**31 - 1, 0, 1, *(rng.randrange(2**31) for _ in range(250))]
    weights = [1 / rank for rank in range(1, len(ids) + 1)]
    followers: dict[int, list[int]] = {}
    lines, last = [], ids[0]
    for _ in range(100):
        line = []
        for _ in range(rng.randrange(31)):
            seen = followers.setdefault(last, [])
            last = rng.choice(seen) if seen and rng.random() < 0.5 else rng.choices(ids, weights)[0]
            seen.append(last)
            line.append(last)
        lines.append(" ".join(map(str, line)))
    return "\n".join(lines) + "\n"


def random_bytes(rng: random.Random) -> bytes:
    """Records of a binary file: few headers, numbers of two bytes, names in Latin-1, blanks and zeros."""
    headers = [b"\x89REC\r\n", b"\xff\xd8\xff\x00", b"\x00\x00"]
    names = ["Zoë".encode("latin-1"), b"No\xebl", b"a b", b"\t", b"\xa0", b"\x0b\x0c\x7f"]
    records = (
        rng.choice(headers)
        + rng.choice(names) * rng.randrange(1, 3)
        + rng.choices(range(0, 4096, 255), k=1)[0].to_bytes(2, "little")
        for _ in range(60)
    )
    return b"".join(records)


def run_lmplz(name: str, golden: Golden, order: int) -> None:
    """Write the model of one order, compressed where it is large."""
    tokens = lmplz_input((HERE / f"{name}.txt").read_bytes(), golden)
    command = ["lmplz", "-o", str(order), "--discount_fallback", "-S", "256M"]
    arpa = subprocess.run(command, input=tokens, capture_output=True, check=True).stdout
    path = HERE / f"{name}.{order}.arpa"
    if len(arpa) <= 20_000:
        path.write_bytes(arpa)
    else:
        path.with_suffix(".arpa.gz").write_bytes(gzip.compress(arpa, 9, mtime=0))


if __name__ == "__main__":
    write_texts()
    for text_name, text in TEXTS.items():
        for n in text.orders:
            run_lmplz(text_name, text, n)
