"""Part k of n: how work is cut into tasks that know nothing of each other."""

import re
from dataclasses import dataclass

from errtax.lm.errors import UsageError

MOST_PARTS = 256
"""All files of a folder of parts are open at a time, and a process has 1,024 files or fewer."""


@dataclass(frozen=True)
class Part:
    """Part `k` of `n`, counted from 1.

    >>> Part.parse("3/8"), str(Part(3, 8)), Part(3, 8).share(100)
    (Part(k=3, n=8), '3/8', (25, 37))
    """

    k: int
    n: int

    def __post_init__(self) -> None:
        if not 1 <= self.k <= self.n <= MOST_PARTS:
            found = f"got {self.k}/{self.n}"
            raise UsageError(f"a part is K/N, as in 3/8, with 1 <= K <= N <= {MOST_PARTS}; {found}.")

    def __str__(self) -> str:
        return f"{self.k}/{self.n}"

    @classmethod
    def parse(cls, text: str) -> "Part":
        """The part that `K/N` names.  Raises `UsageError`."""
        if not (match := re.fullmatch(r"(\d{1,6})/(\d{1,6})", text)):
            raise UsageError(f"a part is K/N, as in 3/8; got {text!r}.")
        return cls(int(match[1]), int(match[2]))

    def share(self, total: int) -> tuple[int, int]:
        """The first of this part's things, and that after the last, of `total` things that are spread evenly."""
        return total * (self.k - 1) // self.n, total * self.k // self.n

    def name(self, ending: str = "parquet") -> str:
        """What the file of this part is called."""
        return f"part-{self.k:05}.{ending}"


WHOLE = Part(1, 1)
"""The only part of what is not cut."""


def parts_of(n: int) -> list[Part]:
    """All parts of n."""
    return [Part(k, n) for k in range(1, n + 1)]
