"""How sure models are of a closing symbol, by its distance from its opener.

Karpathy et al. 2015, "Case study: closing brace": the mean probability of `}` in bins of the distance to its `{`, for
an LSTM and an n-gram model.  Which symbols belong together is decided in `oracle.pairs`.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

import errtax
from errtax.lm.errors import UsageError
from errtax.lm.prediction_log import PredictionLog
from errtax.lm.visible import listed, whole_number
from errtax.oracle.pairs import Matches, Pair, Skip, breaks_of, match_pair, roles_of
from errtax.oracle.text_kind import CODE_SHARE, share_of_code_lines
from errtax.oracle.text_view import TextView
from errtax.taxonomy.studies.predictors import Predictors

SCHEMA = "errtax.distance/1"
PAPER_EDGES = (0, 20, 40, 60, 80, 100, 125, 150, 200, 250, 300)
"""Of the paper's bins, in symbols, each half-open: [low, high)."""


@dataclass(frozen=True)
class DistanceSettings:
    """Which pairs, which bins, and which brackets to ignore.

    `edges`: symbols, bin k is [edges[k], edges[k + 1]).  `streams`: the text is that many equal pieces, and no pair
    reaches from one to the next; None takes it from the logs' metadata.
    """

    pairs: tuple[Pair, ...]
    edges: tuple[int, ...] = PAPER_EDGES
    skip: Skip = Skip.AUTO
    streams: int | None = None

    def __post_init__(self) -> None:
        if not self.pairs or len(set(self.pairs)) != len(self.pairs):
            raise UsageError(f"pairs must be one or more, each once; got {' '.join(map(str, self.pairs)) or 'none'}.")
        edges = self.edges
        if len(edges) < 2 or edges[0] < 0 or any(low >= high for low, high in pairwise(edges)) or edges[-1] >= 1 << 62:
            raise UsageError(f"edges must be two or more increasing numbers from 0 to 2^62; got {edges}.")


@dataclass(frozen=True)
class DistanceBin:
    """The predicted closing symbols with low <= distance < high.

    `n`: how many; `mean`: of their probabilities, None where n = 0; `sem`: its standard error, s / sqrt(n) with s
    from n - 1 degrees of freedom, None where n < 2.
    """

    low: int
    high: int
    n: int
    mean: float | None
    sem: float | None


@dataclass(frozen=True)
class Curve:
    """One model on one kind of pair.

    `order`: of an n-gram model.  `unpredicted`: pairs inside the bins to whose closing symbol it gave no probability.
    `left_out`: predicted positions of its log that the log of another model does not have.
    """

    name: str
    order: int | None
    unpredicted: int
    bins: tuple[DistanceBin, ...]
    left_out: int = 0


@dataclass(frozen=True)
class PairDistances:
    """One kind of pair.  matched = below + beyond + (n of all bins + unpredicted), the latter for each curve.

    `below`, `beyond`: matches nearer than the first edge, or as far as the last one or farther.
    """

    pair: str
    matched: int
    unmatched_openers: int
    unmatched_closers: int
    below: int
    beyond: int
    curves: tuple[Curve, ...]


@dataclass(frozen=True)
class Distances:
    """All kinds of pairs.  `skip`: `code` or `none`, and `why` it was chosen, in a sentence."""

    pairs: tuple[PairDistances, ...]
    unit: str
    skip: Skip
    why: str
    signature: str
    sources: dict[str, str] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """One document of all bins and of all that was left out."""
        return {
            "schema": SCHEMA,
            "signature": self.signature,
            "unit": self.unit,
            "skip": str(self.skip),
            "pairs": [asdict(pair) for pair in self.pairs],
        }


def measure_distances(predictors: Predictors, settings: DistanceSettings) -> Distances:
    """The curves of all models, for each kind of pair.  Time O(n) for each pair.

    A closing symbol of several bytes has the product of its bytes' probabilities.
    """
    view, logs = predictors.view, predictors.logs
    if view.surface is not None:
        what = f"{logs[0].name} is a log of {logs[0].unit}s, which may hold more than a closing symbol"
        raise UsageError(f"{what}; give logs of bytes (errtax predict --hf MODEL writes them).")
    skip, why = choose_skip(view, settings.skip)
    streams = _require_streams(logs[0], settings.streams) if settings.streams else _stated_streams(logs)
    breaks = breaks_of(view, _document_starts(view, logs, streams))
    roles = roles_of(view, skip, breaks)
    matched = [(pair, match_pair(view, pair, skip, roles, breaks)) for pair in settings.pairs]
    pairs = tuple(_pair_distances(pair, matches, predictors, settings.edges) for pair, matches in matched)
    signature = _sign(predictors, settings, skip, streams)
    sources = {"text_sha256": logs[0].text_sha256, "train_sha256": predictors.train_sha256, **predictors.sources}
    return Distances(pairs, str(logs[0].unit), skip, why, signature, {k: v for k, v in sources.items() if v})


def choose_skip(view: TextView, asked: Skip) -> tuple[Skip, str]:
    """`CODE` or `NONE`, and why: by the share of lines that end in `;`, `{` or `}` where `auto` is asked."""
    if asked is not Skip.AUTO:
        return asked, f"--skip {asked} was asked for."
    share = share_of_code_lines(view.codes)
    found = f"{100 * share:.1f} % of the lines end in ; {{ or }}"
    limit = f"{100 * CODE_SHARE:.0f} %"
    if share > CODE_SHARE:
        what = "brackets in literals and comments are skipped (--skip none counts them)"
        return Skip.CODE, f"This is code, {found}, more than {limit}: {what}."
    return Skip.NONE, f"This is prose, {found}, not more than {limit}: no comments, no literals (else --skip code)."


def bin_probabilities(
    distance: NDArray[np.int64], p: NDArray[np.float64], edges: Sequence[int]
) -> tuple[DistanceBin, ...]:
    """Mean and standard error of `p` in each bin; `p[k]` belongs to `distance[k]`, which may lie outside of all."""
    k = np.searchsorted(edges, distance, side="right") - 1
    inside = (k >= 0) & (k < len(edges) - 1)
    k, p = k[inside], p[inside]
    n = np.bincount(k, minlength=len(edges) - 1)
    mean = np.bincount(k, p, len(edges) - 1) / np.maximum(n, 1)
    squares = np.bincount(k, (p - mean[k]) ** 2, len(edges) - 1)
    sem = np.sqrt(squares / np.maximum(n - 1, 1) / np.maximum(n, 1))
    return tuple(
        DistanceBin(low, high, int(n[b]), float(mean[b]) if n[b] else None, float(sem[b]) if n[b] > 1 else None)
        for b, (low, high) in enumerate(pairwise(edges))
    )


def _pair_distances(pair: Pair, matches: Matches, predictors: Predictors, edges: Sequence[int]) -> PairDistances:
    distance = matches.distance
    below, beyond = distance < edges[0], distance >= edges[-1]
    inside = ~(below | beyond)
    curves = []
    left_out = predictors.left_out or (0,) * len(predictors.logs)
    for name, order, log, cut in zip(predictors.names, predictors.orders, predictors.logs, left_out, strict=True):
        p = closer_probabilities(log, predictors.view, matches)
        known = inside & ~np.isnan(p)
        bins = bin_probabilities(distance[known], p[known], edges)
        curves.append(Curve(name, order, int(inside.sum() - known.sum()), bins, cut))
    left = matches.unmatched_openers, matches.unmatched_closers
    return PairDistances(str(pair), len(distance), *left, int(below.sum()), int(beyond.sum()), tuple(curves))


def closer_probabilities(log: PredictionLog, view: TextView, matches: Matches) -> NDArray[np.float64]:
    """Probability of each closing character, the product over its symbols; NaN where one was not predicted."""
    logprobs = np.full(len(view), np.nan)
    logprobs[view.rows] = log.logprobs
    total = np.zeros(len(matches.closer))
    for k in range(int((matches.end - matches.closer).max(initial=0))):
        there = matches.closer + k < matches.end
        total[there] += logprobs[matches.closer[there] + k]
    return np.exp(total)


def _document_starts(view: TextView, logs: Sequence[PredictionLog], streams: int) -> NDArray[np.int64]:
    """Symbols at which a document or a stream begins that does not begin the text."""
    log = logs[0]
    starts = np.zeros(len(log), bool)
    for each in logs:
        starts[each.document_starts[1:]] = True
    if streams > 1:
        starts[:: len(log) // streams] = True
    return np.arange(len(view))[view.rows][starts]


def _stated_streams(logs: Sequence[PredictionLog]) -> int:
    """The number of streams that the logs' metadata name.

    1 where none do, or where rows are missing: then nobody can say where the seams are.
    """
    streams = max(whole_number(log.metadata.get("streams")) or 1 for log in logs)
    return streams if _has_streams(logs[0], streams) else 1


def _require_streams(log: PredictionLog, streams: int) -> int:
    if not _has_streams(log, streams):
        raise UsageError(f"--streams {streams} needs a whole text of equal streams; {log.name} has {len(log):,} rows.")
    return streams


def _has_streams(log: PredictionLog, streams: int) -> bool:
    return len(log) % streams == 0 and log.positions[0] == 0 and bool(log.positions[-1] == len(log) - 1)


def _sign(predictors: Predictors, settings: DistanceSettings, skip: Skip, streams: int) -> str:
    fields = {
        "errtax": errtax.__version__,
        "unit": predictors.logs[0].unit,
        "n": len(predictors.logs[0]),
        "models": listed(predictors.names),
        "pairs": listed(map(str, settings.pairs)),
        "edges": ",".join(map(str, settings.edges)),
        "skip": skip,
        "streams": streams,
        "ngram": predictors.ngram or "none",
        "text": predictors.logs[0].text_sha256[:8],
        "train": predictors.train_sha256[:8] or "none",
    }
    return "|".join(f"{key}:{value}" for key, value in fields.items())
