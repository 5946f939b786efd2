"""Which errors models share, and which symbols one of them knows better than another.

Karpathy et al. 2015, the figure on the overlap of errors: the errors of an LSTM and of n-gram models as a Venn diagram
in percent of the test set, and the mean probability of the correct character, character by character.
"""

from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

import errtax
from errtax.lm.errors import BadInput, UsageError
from errtax.lm.prediction_log import PredictionLog
from errtax.lm.surface import Surface
from errtax.lm.text import Codes, Unit, symbol_name
from errtax.lm.visible import listed, visible
from errtax.taxonomy.peel import find_errors
from errtax.taxonomy.settings import Criterion
from errtax.taxonomy.studies.predictors import Predictors

SCHEMA = "errtax.overlap/1"
_MEMBERS = (2, 3)


@dataclass(frozen=True)
class Region:
    """The positions at which exactly `members` are wrong, no other.  `share`: of all positions."""

    members: tuple[str, ...]
    count: int
    share: float


@dataclass(frozen=True, eq=False)
class BySymbol:
    """One entry per distinct symbol, in the order of their codes.

    `n[s]`: positions whose correct symbol it is.  `mean[k, s]`: mean probability that member k gave it there.
    `errors[k, s]`: how often member k was wrong there.
    """

    codes: Codes
    n: NDArray[np.int64]
    mean: NDArray[np.float64]
    errors: NDArray[np.int64]
    surface: Surface | None = None  # the bytes of tokens and spans

    def name(self, s: int, unit: Unit) -> str:
        """A visible name of a symbol."""
        if self.surface is None:
            return symbol_name(int(self.codes[s]), unit)
        return visible(self.surface.piece(s).decode("utf-8", "surrogateescape"))

    def advantages(self, min_count: int, most: int = 10) -> NDArray[np.int64]:
        """The symbols at which member 0 is ahead of member 1 by most, largest first; at most `most`.

        Only those that occur at least `min_count` times, and at which it is ahead at all.
        """
        return self._ahead(self.mean[0] - self.mean[1], min_count, most)

    def disadvantages(self, min_count: int, most: int = 10) -> NDArray[np.int64]:
        """The same for member 1 against member 0."""
        return self._ahead(self.mean[1] - self.mean[0], min_count, most)

    def _ahead(self, by: NDArray[np.float64], min_count: int, most: int) -> NDArray[np.int64]:
        order = np.argsort(-by, kind="stable")
        return order[(by[order] > 0) & (self.n[order] >= min_count)][:most]


@dataclass(frozen=True, eq=False)
class Overlap:
    """The errors of two or three members on the positions that all of them predicted.

    `regions`: one for each set of members, by the bits of its index (bit k: member k is wrong); `regions[0]`: none is.
    `left_out`: rows that some member did not predict.  `min_count`: for the lists of advantages.
    """

    members: tuple[str, ...]
    orders: tuple[int | None, ...]
    unit: str
    criterion: Criterion
    positions: int
    left_out: int
    regions: tuple[Region, ...]
    by_symbol: BySymbol
    min_count: int
    signature: str
    sources: dict[str, str] = field(default_factory=dict)
    left_out_of: tuple[int, ...] = ()  # predicted positions of each member that are not counted

    def errors(self, member: int) -> int:
        """How many positions a member has wrong."""
        return sum(region.count for index, region in enumerate(self.regions) if index >> member & 1)

    def to_json(self) -> dict[str, Any]:
        """One document: regions, members' errors, and the largest advantages of the first two members."""
        rows = zip(self.members, self.orders, self.left_out_of or (0,) * len(self.members), strict=True)
        members = [
            {"name": name, "order": order, "errors": self.errors(k), "left_out": left_out}
            for k, (name, order, left_out) in enumerate(rows)
        ]
        return {
            "schema": SCHEMA,
            "signature": self.signature,
            "unit": self.unit,
            "positions": self.positions,
            "left_out": self.left_out,
            "members": members,
            "regions": [asdict(region) for region in self.regions],
            "min_count": self.min_count,
            "advantages": [self._entry(s) for s in self.by_symbol.advantages(self.min_count)],
            "disadvantages": [self._entry(s) for s in self.by_symbol.disadvantages(self.min_count)],
        }

    def _entry(self, s: int) -> dict[str, Any]:
        table, code = self.by_symbol, int(self.by_symbol.codes[s])
        symbol = f"0x{code:02X}" if self.unit == Unit.BYTE and code >= 0x80 else chr(code)
        if table.surface is not None:
            symbol = table.name(s, Unit(self.unit))
        return {"symbol": symbol, "code": code, "n": int(table.n[s]), "mean": table.mean[:, s].tolist()}


def require_members(n_logs: int, n_orders: int, criterion: Criterion) -> None:
    """Raise `UsageError` unless these can be overlapped: two or three in all, and no n-grams under `argmax`."""
    if n_logs + n_orders not in _MEMBERS:
        found = f"{n_logs} prediction logs and {n_orders} n-gram orders were given"
        raise UsageError(f"{found}; an overlap has two or three members in all.")
    if n_orders and criterion == Criterion.ARGMAX:
        raise UsageError(
            "the criterion argmax is not available for n-gram models, which score the correct symbol only; "
            "use --criterion 'p<0.5', or prediction logs alone."
        )


def overlap(predictors: Predictors, criterion: Criterion = Criterion.PROBABILITY, min_count: int = 50) -> Overlap:
    """The overlap of all members' errors.  Time O(n log n) for the symbols, memory O(n) for each member."""
    logs = predictors.logs
    require_members(predictors.orders.count(None), len(logs) - predictors.orders.count(None), criterion)
    counted = ~np.any([np.isnan(log.logprobs) for log in logs], axis=0)
    if not counted.any():
        raise BadInput(f"{logs[0].name} and {logs[1].name} have no position that both predicted.")
    wrong = np.array([find_errors(log, criterion)[counted] for log in logs])
    p = np.exp([log.logprobs[counted] for log in logs])
    sources = {"text_sha256": logs[0].text_sha256, "train_sha256": predictors.train_sha256, **predictors.sources}
    return Overlap(
        members=predictors.names,
        orders=predictors.orders,
        unit=str(logs[0].unit),
        criterion=criterion,
        positions=int(counted.sum()),
        left_out=int((~counted).sum()),
        regions=_regions(wrong, predictors.names),
        by_symbol=_by_symbol(logs[0], counted, p, wrong),
        min_count=min_count,
        signature=_sign(predictors, criterion, int(counted.sum()), min_count),
        sources={key: value for key, value in sources.items() if value},
        left_out_of=tuple(
            cut + len(log) - log.unpredicted - int(counted.sum())
            for cut, log in zip(predictors.left_out or (0,) * len(logs), logs, strict=True)
        ),
    )


def _regions(wrong: NDArray[np.bool_], names: tuple[str, ...]) -> tuple[Region, ...]:
    """wrong[k, i]: member k at position i."""
    bits = (wrong << np.arange(len(wrong))[:, None]).sum(axis=0)
    counts = np.bincount(bits, minlength=1 << len(wrong))
    return tuple(
        Region(tuple(name for k, name in enumerate(names) if index >> k & 1), int(n), float(n / wrong.shape[1]))
        for index, n in enumerate(counts)
    )


def _by_symbol(
    log: PredictionLog, counted: NDArray[np.bool_], p: NDArray[np.float64], wrong: NDArray[np.bool_]
) -> BySymbol:
    """p[k, i], wrong[k, i]: of member k at the i-th row that is `counted`."""
    found: Any = np.unique(log.codes[counted], return_index=True, return_inverse=True, return_counts=True)
    distinct, first, which, n = found
    surface = None if log.surface is None else log.surface.take(np.flatnonzero(counted)[first])
    mean = np.array([np.bincount(which, row, len(distinct)) for row in p]) / n
    errors = np.array([np.bincount(which[row], minlength=len(distinct)) for row in wrong])
    return BySymbol(distinct, n, np.minimum(mean, 1.0), errors, surface)


def _sign(predictors: Predictors, criterion: Criterion, positions: int, min_count: int) -> str:
    fields = {
        "errtax": errtax.__version__,
        "unit": predictors.logs[0].unit,
        "n": positions,
        "err": str(criterion),
        "models": listed(predictors.names),
        "min-count": min_count,
        "ngram": predictors.ngram or "none",
        "text": predictors.logs[0].text_sha256[:8],
        "train": predictors.train_sha256[:8] or "none",
    }
    return "|".join(f"{key}:{value}" for key, value in fields.items())
