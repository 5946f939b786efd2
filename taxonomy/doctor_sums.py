"""What the doctor adds up of a log while it passes, beside the scores that an n-gram model gives the same symbols.

Memory does not grow with the log: moments are kept by batches of neighbouring positions, of which at most 4,096 are
left when neighbours are merged, and of values that repeat a sample.  x is the log's value, y_n the n-gram model's of
order n, both natural logarithms; q = exp(y).
"""

from dataclasses import dataclass, field, fields
from io import BytesIO
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
LEAST = -12.0
"""Nats: what is below counts as this in all moments, so that no single row decides."""
ORDERS = (1, 2, 3, 5)
"""Of the reference; its highest is looked at, too."""
SURPRISING = -4.0
"""Nats, p = 0.018: what lies below is the tail."""
STEPS = (-1.0, -2.0, -3.0, -5.0)
"""Nats: by the shares below them the tail of a log is told from that of its values divided by ln 10."""
UNFORESEEN = -6.0
"""Nats, p = 0.0025: where the reference gives less and the log does not, it says nothing of the text."""
FIRM = 0.1
"""Where the reference gives less than this, nobody is certain without reading it somewhere."""
PASSAGE = 100
"""Symbols: the shortest passages in which the reference's training text is looked for."""
SCALES = {"nats": 1.0, "bits": 1 / np.log(2), "log10": 1 / np.log(10)}
_BATCH = 32  # positions
_MOST = 4096  # batches
_SAMPLE = 4096  # values that repeat
_MOMENTS = 13  # n, x, y at lags -1, 0, +1, x², y², x y at these lags; q / p; rows of the tail of x, and of y
_SUMS = (
    *("rows", "predicted", "unknown", "zeros", "pairs", "sentinels", "begins", "sure", "shared", "scales", "tail"),
    *("below", "ranked", "own_nats", "entropies"),
)
_BY_ORDER = ("nats", "new_nats", "missed", "excess")
_ENTROPIES = (0.25, 0.5, 1.0, 1.5, 2.0, 3.0)


class Piece(NamedTuple):
    """Consecutive symbols of a text: `x` is NaN where nothing is predicted, or no row is.

    `scores[i, n - 1]`: y_n.  `starts[i]`: a document, or the log, begins here.  `best`, `entropy`: the log's
    argmax_logprob and entropy, NaN where there are none.  `rank`: of the right symbol, 0 where it is not known.
    """

    positions: NDArray[np.int64]
    codes: NDArray[Any]
    x: Floats
    scores: NDArray[np.float32]
    known: NDArray[np.bool_]
    starts: NDArray[np.bool_]
    best: Floats | None = None
    entropy: Floats | None = None
    rank: NDArray[np.int32] | None = None


@dataclass(eq=False)
class DoctorSums:
    """Sums over the rows that were added, in the order of the text; sums of parts can be added.

    `orders`: those of the reference that are looked at.  `nats[k]`: Σ -y of order k, clipped.  Of the rows alone whose
    symbol is not the one before it, `new_nats[k]`: the same; `missed[k]`: those where y < -6 ≤ x; `excess[k]`:
    Σ max(x - y, 0)²; `tail`: those where x < -4; `symbols`: their distinct ones, and how often each is predicted.
    `zeros`: rows of exactly 0, where q < .1 and elsewhere, and all rows there: ((zeros, rows), (zeros, rows)).
    `shared`: rows in passages that the reference's training text seems to have, too.  `below[k]`: rows where x is
    below the k-th of `STEPS`.  `ranked`: rows of rank k ≥ 2 that have p > 1/k; all of rank 2 or more.
    """

    orders: tuple[int, ...] = ()
    rows: int = 0
    predicted: int = 0
    first: int = -1
    last: int = -1
    unknown: int = 0
    nats: Floats = field(default_factory=lambda: np.zeros(0))
    new_nats: Floats = field(default_factory=lambda: np.zeros(0))
    missed: Floats = field(default_factory=lambda: np.zeros(0))
    excess: Floats = field(default_factory=lambda: np.zeros(0))
    tail: int = 0
    below: NDArray[np.int64] = field(default_factory=lambda: np.zeros(len(STEPS), np.int64))
    own_nats: float = 0.0
    zeros: NDArray[np.int64] = field(default_factory=lambda: np.zeros((2, 2), np.int64))
    pairs: NDArray[np.int64] = field(default_factory=lambda: np.zeros(2, np.int64))
    repeated: list[Floats] = field(default_factory=list)
    sentinels: NDArray[np.int64] = field(default_factory=lambda: np.zeros(2, np.int64))
    begins: NDArray[np.int64] = field(default_factory=lambda: np.zeros(2, np.int64))
    sure: int = 0
    shared: int = 0
    scales: NDArray[np.int64] = field(default_factory=lambda: np.zeros(4, np.int64))
    ranked: NDArray[np.int64] = field(default_factory=lambda: np.zeros(2, np.int64))
    symbols: NDArray[np.int64] = field(default_factory=lambda: np.zeros((2, 0), np.int64))
    entropies: Floats = field(default_factory=lambda: np.zeros((len(_ENTROPIES) + 1, 3)))
    _numbers: NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, np.int64))
    _moments: Floats | None = None
    _level: int = 0

    def add(self, piece: Piece) -> None:
        """The next symbols, at least one; lags do not reach from one piece to the next."""
        if not self.orders:
            highest = piece.scores.shape[1]
            self.orders = (*(n for n in ORDERS if n < highest), highest)
            for name in _BY_ORDER:
                setattr(self, name, np.zeros(len(self.orders)))
        there = piece.positions >= 0
        seen = ~np.isnan(piece.x)
        if not there.any():
            return
        self.first = int(piece.positions[there][0]) if self.first < 0 else self.first
        self.last = int(piece.positions[there][-1])
        self.rows += int(there.sum())
        self.predicted += int(seen.sum())
        self.unknown += int((there & ~piece.known).sum())
        if not seen.any():
            return
        y = np.clip(piece.scores[:, [n - 1 for n in self.orders]].astype(np.float64), LEAST, 0)
        x = np.clip(piece.x, LEAST, 0)
        new = seen & np.diff(piece.codes.astype(np.int64), prepend=-1).astype(bool)
        codes, often = np.unique(piece.codes[new], return_counts=True)
        self.symbols = _counted(np.concatenate([self.symbols, np.stack([codes.astype(np.int64), often])], axis=1))
        self.nats -= y[seen].sum(axis=0)
        self._add_new(x[new], y[new])
        self.own_nats -= float(x[seen].sum())
        self.below += (x[seen, None] < STEPS).sum(axis=0)
        self._count(piece, seen, y)
        self._add_scales(piece, seen)
        self._add_moments(piece.positions, x, y, seen)

    def __add__(self, other: "DoctorSums") -> "DoctorSums":
        """The sums of this part of a text and of the part after it."""
        if not self.rows or not other.rows:
            return self if self.rows else other
        both = DoctorSums(self.orders, first=self.first, last=other.last)
        for name in (*_SUMS, *_BY_ORDER):
            setattr(both, name, getattr(self, name) + getattr(other, name))
        both.symbols = _counted(np.concatenate([self.symbols, other.symbols], axis=1))
        both.repeated = _sample([*self.repeated, *other.repeated])
        for part in (self, other):
            if part._moments is not None:
                both._keep(part._numbers, part._moments, part._level)
        return both

    def to_bytes(self) -> bytes:
        """All of it, as a file of a part of a text keeps it."""
        kept = {field.name: getattr(self, field.name) for field in fields(self)}
        kept["repeated"] = np.concatenate([np.zeros(0), *self.repeated])
        out = BytesIO()
        np.savez_compressed(out, **{name: value for name, value in kept.items() if value is not None})
        return out.getvalue()

    @staticmethod
    def of_bytes(content: bytes) -> "DoctorSums":
        """What `to_bytes` gave; anything else raises one of many errors."""
        made = DoctorSums()
        with np.load(BytesIO(content)) as stored:
            for each in fields(made):
                if each.name in stored.files:
                    value, now = stored[each.name], getattr(made, each.name)
                    plain = type(now)(value.tolist()) if isinstance(now, int | float | tuple) else value
                    setattr(made, each.name, [value] if each.name == "repeated" else plain)
        return made

    @property
    def batches(self) -> Floats:
        """Moments by batch, (batches, orders, 13): see `_add_moments`."""
        return np.zeros((0, max(len(self.orders), 1), _MOMENTS)) if self._moments is None else self._moments

    def _add_new(self, x: Floats, y: Floats) -> None:
        self.new_nats -= y.sum(axis=0)
        self.missed += ((y < UNFORESEEN) & (x[:, None] >= UNFORESEEN)).sum(axis=0)
        self.excess += (np.maximum(x[:, None] - y, 0) ** 2).sum(axis=0)
        self.tail += int((x < SURPRISING).sum())

    def _count(self, piece: Piece, seen: NDArray[np.bool_], y: Floats) -> None:
        x, zero = piece.x, piece.x == 0
        middle = self.orders.index(min(5, self.orders[-1]))
        firm = y[:, middle] < np.log(FIRM)
        for k, where in enumerate((seen & firm, seen & ~firm)):
            self.zeros[k] += (int((zero & where).sum()), int(where.sum()))
        differ = seen[1:] & seen[:-1] & (piece.codes[1:] != piece.codes[:-1])
        same = differ & (x[1:] == x[:-1]) & ~zero[1:]
        self.pairs += (int(same.sum()), int(differ.sum()))
        if len(self.repeated) == 0 or sum(map(len, self.repeated)) < _SAMPLE:
            self.repeated = _sample([*self.repeated, x[1:][same]])
        tiny = np.isfinite(x) & (x < -700)
        self.sentinels += (int((x == -9999).sum()), int(tiny.sum()))
        begins = piece.starts & seen & (y[:, 0] < np.log(0.9))
        self.begins += (int((begins & (x > -1e-9)).sum()), int(begins.sum()))
        self.sure += int((piece.scores[seen, -1] > np.log(0.5)).sum())
        self.shared += int((in_passages(piece.scores) & seen).sum())

    def _add_scales(self, piece: Piece, seen: NDArray[np.bool_]) -> None:
        """Of the rows that have the value of the best symbol: how many are it in nats, in bits, in log10; and all.

        Where k - 1 symbols have more than the right one, it has at most 1/k.
        """
        if piece.best is not None:
            rows = seen & (piece.best < -1e-3) & (piece.x > -700)
            ratio = piece.x[rows] / piece.best[rows]
            near = [int((np.abs(ratio / scale - 1) < 1e-3).sum()) for scale in SCALES.values()]
            self.scales += (*near, len(ratio))
        if piece.rank is not None:
            rows = seen & (piece.rank > 1)
            self.ranked += (int((piece.x[rows] > 1e-3 - np.log(piece.rank[rows])).sum()), int(rows.sum()))
        if piece.entropy is not None:
            rows = seen & (piece.entropy > 0)
            x, h = -np.clip(piece.x[rows], -30, 0), piece.entropy[rows]
            bins = np.searchsorted(_ENTROPIES, h)
            for column, values in enumerate((np.ones(len(h)), x, h)):
                self.entropies[:, column] += np.bincount(bins, values, len(self.entropies))

    def _add_moments(self, positions: NDArray[np.int64], x: Floats, y: Floats, seen: NDArray[np.bool_]) -> None:
        """n, x, y at lags -1, 0, +1, x², y², x y at these lags, of rows with predicted neighbours; q / p; the tails."""
        inner = np.zeros(len(x), bool)
        inner[1:-1] = seen[1:-1] & seen[:-2] & seen[2:]
        numbers = positions[seen] // _BATCH
        cells = np.flatnonzero(np.diff(numbers, prepend=-1))
        moments = np.zeros((len(cells), len(self.orders), _MOMENTS))
        own, weight = np.where(seen, x, 0), inner.astype(np.float64)
        before = np.zeros(len(x))
        after = np.zeros(len(x))
        for k in range(len(self.orders)):
            other = y[:, k]
            before[1:], after[:-1] = other[:-1], other[1:]
            ratio = np.exp(np.clip(other - own, -20, np.log(20)))
            columns = (
                *(weight, weight * own, weight * before, weight * other, weight * after),
                *(
                    weight * own**2,
                    weight * other**2,
                    weight * own * before,
                    weight * own * other,
                    weight * own * after,
                ),
                *(ratio, seen & (own < SURPRISING), seen & (other < SURPRISING)),
            )
            for column, values in enumerate(columns):
                moments[:, k, column] = np.add.reduceat(values[seen], cells)
        self._keep(numbers[cells], moments, 0)

    def _keep(self, numbers: NDArray[np.int64], moments: Floats, level: int) -> None:
        if self._moments is not None:
            common = max(level, self._level)
            numbers = np.concatenate([self._numbers >> (common - self._level), numbers >> (common - level)])
            moments, level = np.concatenate([self._moments, moments]), common
        while True:
            starts = np.flatnonzero(np.diff(numbers, prepend=-1))
            numbers, moments = numbers[starts], np.add.reduceat(moments, starts, axis=0)
            if len(numbers) <= _MOST:
                break
            numbers, level = numbers >> 1, level + 1
        self._numbers, self._moments, self._level = numbers, moments, level


def in_passages(scores: NDArray[np.float32]) -> NDArray[np.bool_]:
    """The symbols in passages of `PASSAGE` symbols or more whose (N - 1)-grams the training text has all.

    `scores[i, n - 1]`: y_n.  The highest order N says something else than order N - 1 just where the N - 1 symbols
    before i stand in the training text; p = 1, in float32, cannot become more.  So a passage in which all these
    contexts are known is one that is copied, or, where N is low, may be put together of shorter ones.
    """
    n, order = scores.shape
    if order < 2:
        return np.zeros(n, bool)
    known = (scores[:, -1] != scores[:, -2]) | (scores[:, -1] > -1e-6)
    borders = np.flatnonzero(np.diff(known, prepend=False, append=False))
    first, last = borders[::2], borders[1::2] - 2  # of the contexts' rows, of the symbols in them
    first = np.maximum(first - order + 1, 0)
    long = last - first + 1 >= PASSAGE
    opened = np.bincount(first[long], minlength=n) - np.bincount(last[long] + 1, minlength=n)
    return opened.cumsum() > 0


def _sample(pieces: list[Floats]) -> list[Floats]:
    """The first values of all."""
    return [np.concatenate([np.zeros(0), *pieces])[:_SAMPLE]]


def _counted(table: NDArray[np.int64]) -> NDArray[np.int64]:
    """Symbols and their counts, each symbol once."""
    codes, which = np.unique(table[0], return_inverse=True)
    counts = np.zeros(len(codes), np.int64)
    np.add.at(counts, which, table[1])
    return np.stack([codes, counts])
