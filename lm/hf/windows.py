"""Which tokens of a text a model reads at a time, and which of them it is asked about.

A window holds N tokens, the prefix's P among them, so M = N − P of the text.  Windows start at 0, S, 2S, …; each token
is scored in the first window that reaches it.  Token i of window k has seen the prefix and the i − kS tokens before it:
from M − S to M − 1 of them, fewer only in the first window.  Without a prefix the first token of a text is not
predicted, and S ≤ N − 1, so that no other token is the first of its window.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from errtax.lm.errors import UsageError


@dataclass(frozen=True)
class Window:
    """The text's tokens `start` .. `stop` − 1; of these the model is asked about `first` .. `stop` − 1.

    It reads the prefix and the tokens `start` .. `stop` − 2: no token after the last one asked about, nor that one.
    """

    start: int
    first: int
    stop: int

    @property
    def context(self) -> NDArray[np.int32]:
        """How many tokens of the text stand before each one that is asked about, (stop − first,)."""
        return np.arange(self.first - self.start, self.stop - self.start, dtype=np.int32)


@dataclass(frozen=True)
class WindowPlan:
    """`size`: N, the tokens of a window, the prefix included; `stride`: S; `prefix`: the ids before each window."""

    size: int
    stride: int
    prefix: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        room = self.size - len(self.prefix)
        if room < 1 or (room < 2 and not self.prefix):
            least = max(len(self.prefix) + 1, 2)
            raise UsageError(f"--window {self.size} leaves nothing to predict; it must be at least {least}.")
        if not 1 <= self.stride <= self.longest_stride:
            rule = "the window without its prefix" if self.prefix else "the window less one, without a prefix"
            raise UsageError(f"--stride must be 1 to {self.longest_stride} ({rule}), got {self.stride}.")

    @property
    def room(self) -> int:
        """M, the tokens of the text that a window holds."""
        return self.size - len(self.prefix)

    @property
    def longest_stride(self) -> int:
        """The longest stride that lets every token but the first be predicted."""
        return self.room if self.prefix else self.room - 1

    @property
    def context(self) -> int:
        """M − S: the least that a token has seen, but for those of the first window."""
        return self.room - self.stride

    def windows(self, n: int, first: int = 0) -> Iterator[Window]:
        """The windows over a text of n tokens that are asked about its tokens from `first` on.

        Where other tokens stand before `first`, the first window begins as late as possible: M − S before it.
        """
        asked = first = max(first, 0 if self.prefix else 1)
        start = max(first - self.context, 0)
        while asked < n:
            stop = min(start + self.room, n)
            yield Window(start, asked, stop)
            asked, start = stop, start + self.stride
