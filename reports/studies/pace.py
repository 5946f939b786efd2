"""How often a training is looked at, so that looking takes no more than a share of its time."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import perf_counter

from errtax.lm.errors import UsageError

SHARE = 0.02
BEGINNING = 300.0
"""Seconds of training whose share may be spent at once, so that short trainings are looked at, too."""


class Pace:
    """Every `every` steps there is a look, unless it would take the looks beyond their `share` of the training's time.

    A look is expected to take as long as the longest of the last three.  Time for one more is kept in reserve, so that
    the training's end can be looked at.
    """

    def __init__(self, every: int, share: float = SHARE, clock: Callable[[], float] = perf_counter) -> None:
        """Raises `UsageError` for numbers that cannot be."""
        if every < 1 or not 0 < share <= 1:
            raise UsageError(
                f"a training is watched every N steps, N >= 1, with a share of 0 to 1; got {every}, {share}."
            )
        self.every, self.share, self._clock = every, share, clock
        self._begun, self._costs = clock(), list[float]()
        self.spent = 0.0

    def begin(self) -> None:
        """The training begins now."""
        self._begun, self.spent = self._clock(), 0.0

    @property
    def training(self) -> float:
        """Seconds that the training has taken, without the looks."""
        return self._clock() - self._begun - self.spent

    def allows(self, step: int, last: bool = False) -> bool:
        """Whether there is a look after this step; `last`: nothing comes after it."""
        if not last and step % self.every:
            return False
        due = max(self._costs[-3:], default=0.0) * (1 if last else 2)
        return not due or self.spent + due <= self.share * max(self.training, BEGINNING)

    @contextmanager
    def looking(self) -> Iterator[None]:
        """Around a look: its time counts, however it ends."""
        begun = self._clock()
        try:
            yield
        finally:
            self._costs.append(self._clock() - begun)
            self.spent += self._costs[-1]
