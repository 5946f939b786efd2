"""Makes the texts and ARPA files of this folder again; needs lmplz (see README.md) on the PATH."""

import gzip
import random
import subprocess
from pathlib import Path

HERE = Path(__file__).parent
ORDERS = {
    "random": (2, 3, 5, 8),
    "pattern": (2, 5, 8),
    "trap": (5, 8),
    "prose": (2, 3, 5, 8),
    "chinese": (2, 3, 5),
    "code": (3, 5, 8),
}
NAMES = {
    " ": "<sp>", "\n": "<nl>", "\t": "<tab>", "\r": "<cr>", "\v": "<vt>", "\f": "<ff>", "\u3000": "<isp>"
}  # fmt: skip


def tokens_of(text: str) -> list[str]:
    """One token a character, blanks by name."""
    return [NAMES.get(c, c) for c in text]


def write_texts() -> None:
    """The two random texts; the others were written by hand."""
    rng = random.Random(1506)
    (HERE / "random.txt").write_text("".join(rng.choice("abcde") for _ in range(900)), newline="")
    # c stands once, near the start: the string that sorts last is shorter than the order
    (HERE / "trap.txt").write_text("abc" + "".join(rng.choice("ab") for _ in range(400)), newline="")


def run_lmplz(name: str, order: int) -> None:
    text = (HERE / f"{name}.txt").read_bytes().decode("utf-8")
    line = " ".join(tokens_of(text)) + "\n"
    command = ["lmplz", "-o", str(order), "--discount_fallback", "-S", "256M"]
    arpa = subprocess.run(command, input=line.encode(), capture_output=True, check=True).stdout
    path = HERE / f"{name}.{order}.arpa"
    if len(arpa) <= 20_000:
        path.write_bytes(arpa)
    else:
        path.with_suffix(".arpa.gz").write_bytes(gzip.compress(arpa, 9, mtime=0))


if __name__ == "__main__":
    write_texts()
    for text_name, orders in ORDERS.items():
        for n in orders:
            run_lmplz(text_name, n)
