"""The columns that the page's script reads: the evidence of a peel in about three bytes per symbol and model.

What follows from the text alone – words as runs of letters, spaces, quotes, newlines, punctuation – the script finds
out by itself, from the kinds of the characters; other words have a column.  What is compared with a threshold is stored
as coarsely as the positions of its slider allow: two values that no position tells apart have one code.  So the page
counts exactly what the library counts.  Bits are told to 1/255 of the range of a code.
"""

import base64
import gzip
from collections.abc import Sequence
from itertools import product
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from errtax.lm.visible import visible
from errtax.oracle.characters import kinds_of
from errtax.oracle.evidence import Evidence
from errtax.oracle.text_view import TextView
from errtax.reports.page_layers import controls_of, layers_of, scales_of, settings_of, shown_layer
from errtax.reports.token_names import TokenNames
from errtax.taxonomy.bootstrap import STANDARD
from errtax.taxonomy.fixed_point import BIT, MOST_BITS, carry, halves_of, joined
from errtax.taxonomy.peel import Peel
from errtax.taxonomy.units import BLOCKS, Units, unit_starts

LIMIT = 5_000_000
"""Positions of a text that the page holds whole."""
STEPS = tuple(k / 20 for k in range(1, 21))
"""Positions of the sliders of the threshold and of the boost."""
_SHOWN: tuple[float, ...] = (*(2.0**-k for k in range(1, 61)), *(k / 50 for k in range(1, 25)))
"""Edges between which probabilities are shown as one; whole numbers of bits among them."""
_PARTS = 255
"""Into so many parts the bits of a code are divided."""


def page_data(peels: Sequence[Peel], units: Units = BLOCKS) -> dict[str, Any]:
    """The document for the script: `columns` by name, gzip in base64, and what they mean.

    The peels are of the same positions of the same text, with the same evidence; `units` are resampled.
    """
    first = peels[0]
    view = TextView.of_log(first.log)
    symbols = None if first.log.surface is None else TokenNames(peels)
    columns = {} if symbols is None else symbols.columns(first.evidence)
    text = np.frombuffer(first.log.content, np.uint8) if symbols is None else symbols.numbers(first.log)
    evidence, by_word = _evidence(first, view)
    columns |= {"text": text, **evidence}
    models, starts = [], unit_starts(first.log, units)
    for k, peel in enumerate(peels):
        model, own = _model(peel, symbols)
        models.append(model | {"unit_bits": _unit_bits(peel, starts)})
        columns |= {f"{name}{k}": column for name, column in own.items()}
    return {
        "schema": "errtax.page/2",
        "unit": str(first.log.unit),
        "rows": len(first.log),
        "breaks": _breaks(first.log.positions),
        "documents": first.log.document_starts[1:].tolist(),
        "kinds": _kinds(view),
        "signs": _signs(view, models) if symbols is None else {},
        **({} if symbols is None else symbols.shown()),
        "models": models,
        "settings": settings_of(first),
        "layers": [shown_layer(layer, first.settings) for layer in layers_of(first)],
        "controls": controls_of(first),
        "scales": scales_of(first),
        "steps": list(STEPS),
        "units": starts.tolist(),
        "resampling": {"replicates": STANDARD.replicates, "flips": STANDARD.flips, "seed": STANDARD.seed},
        "by_word": by_word,
        "columns": {name: _packed(column) for name, column in columns.items()},
    }


def _packed(column: NDArray[Any]) -> list[Any]:
    """Bytes of a value, and the values."""
    data = column.astype(column.dtype.newbyteorder("<"), copy=False).tobytes()
    return [column.itemsize, base64.b64encode(gzip.compress(data, 9, mtime=0)).decode()]


def _breaks(positions: NDArray[np.int64]) -> list[list[int]]:
    """`[row, position]` of each row that does not follow on the row before, or on the start of the text."""
    rows = np.flatnonzero(np.diff(positions, prepend=-1) != 1)
    return np.stack([rows, positions[rows]], axis=1).tolist() if len(rows) else []


def _kinds(view: TextView) -> dict[str, int]:
    """Of each distinct character of any kind: 1 word, 2 space, 4 quote, 8 apostrophe, 16 punctuation."""
    points = np.unique(view.points)
    kinds = kinds_of(points) & 31
    return {str(point): kind for point, kind in zip(points.tolist(), kinds.tolist(), strict=True) if kind}


def _signs(view: TextView, models: Sequence[dict[str, Any]]) -> dict[str, str]:
    """Of each character of the text or of a guess that could not be seen: the sign that is shown for it."""
    guessed = (code for model in models for code in model.get("guesses", ()))
    shown = {point: visible(chr(point)) for point in sorted({*np.unique(view.points).tolist(), *guessed})}
    return {str(point): sign for point, sign in shown.items() if sign != chr(point)}


# --- the text's evidence ---------------------------------------------------------------------------------------------


def _evidence(peel: Peel, view: TextView) -> tuple[dict[str, NDArray[Any]], list[str]]:
    """What the clauses of the layers need, and which columns have a value per word.

    Of a layer without clauses: its slices, from 1, by the settings.
    """
    evidence, columns, by_word = peel.evidence, {}, []
    inside = evidence.word_offset >= 0
    if peel.log.surface is not None:  # each token in a word stands for it
        starts, others = np.flatnonzero(inside), True
    else:
        starts = _word_starts(evidence, view)
        begins = np.searchsorted(np.arange(len(view))[view.rows], view.words.start)
        others = not np.array_equal(starts, begins) or not np.array_equal(inside, (view.word_of >= 0)[view.rows])
    if others:  # other words than the script would find
        columns["words"] = np.where(inside, 2, 0).astype(np.uint8)
        columns["words"][starts] = 1
    p = np.exp(peel.log.logprobs, where=peel.predicted, out=np.zeros(len(peel.log)))
    for layer in layers_of(peel):
        if layer.clauses:
            found = layer.page_columns(evidence, starts, peel.settings)
            columns |= found
            by_word += [name for name, column in found.items() if len(column) != len(peel.log)]
        else:
            slices = layer.slice_of(evidence, p, peel.settings)
            columns[f"own-{layer.name}"] = (slices + 1).astype(np.uint8)
    return columns, by_word


def _word_starts(evidence: Evidence, view: TextView) -> NDArray[np.int64]:
    """The row at which each word begins, whatever rule found the words."""
    begins = np.zeros(len(view), bool)
    begins[view.first_symbol[:-1]] = True
    return np.flatnonzero((evidence.word_offset == 0) & begins[view.rows])


# --- a model ---------------------------------------------------------------------------------------------------------


class _Levels(NamedTuple):
    """`codes[r]`: a code per row; `p`, `least`, `most`: what the codes stand for; `part[r]`: where between the two.

    `p`: a probability, None where nothing was predicted; `least`, `most`: the fewest and the most bits.
    """

    codes: NDArray[Any]
    part: NDArray[np.uint8]
    p: list[float | None]
    least: list[float]
    most: list[float]


def _model(peel: Peel, symbols: TokenNames | None) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
    """What the page says of a model, and its columns: levels, parts, and where they are known guesses and ranks."""
    levels = _levels(peel)
    said: dict[str, Any] = {"name": peel.log.model, "levels": levels.p, "least": levels.least, "most": levels.most}
    columns: dict[str, NDArray[Any]] = {"level": levels.codes, "part": levels.part}
    if peel.log.argmax_codes is not None and (symbols is None or peel.log.argmax_surface is not None):
        values = np.array(levels.p, float)[levels.codes]  # NaN where nothing was predicted
        limit = 1.0 if _contradicts_itself(peel, values) else 0.5  # above that the correct symbol is first
        columns["guess"], guessed = _guesses(peel, values <= limit, symbols)
        said |= {"guesses": guessed, "guess_limit": limit}
    elif peel.settings.criterion.threshold is None:  # only ranks say which are wrong, and nothing what was guessed
        columns["guess"] = peel.error.astype(np.uint8)[peel.predicted]
        said |= {"guesses": [], "guess_limit": 1.0}
    if peel.log.ranks is not None:
        columns["rank"] = np.clip(peel.log.ranks, 0, 65535).astype(np.uint16)
    return said, columns


def _unit_bits(peel: Peel, starts: NDArray[np.int64]) -> list[float]:
    """The finite bits of each unit, as exact as the library's: no definition changes them."""
    bits = np.where(peel.predicted, -peel.log.logprobs, 0) / np.log(2)
    numbers = np.rint(np.where(bits <= MOST_BITS, bits, 0) * BIT).astype(np.int64)
    if not len(starts):
        return []
    sums = carry(np.add.reduceat(halves_of(numbers), starts, axis=0))
    exact: list[float] = (joined(sums[:, 0], sums[:, 1]) / BIT).tolist()
    return exact


def _levels(peel: Peel) -> _Levels:
    """All probabilities between two neighbouring edges have one code.

    Those as near to an edge that rounding might decide are kept as they are.
    """
    steps = {*STEPS, *peel.settings.boosts}
    threshold = peel.settings.criterion.threshold
    thresholds = {*STEPS, 0.5, *([threshold] if threshold else [])}
    compared = {*thresholds, *(t - b for t, b in product(thresholds, steps) if t - b > 1e-6)}
    edges = np.array(sorted({0.0, *_SHOWN, *compared, 1.1}))
    apart = np.append(True, np.diff(edges) > 1e-14 * edges[1:])
    edges = edges[apart]
    probabilities = np.exp(peel.log.logprobs, where=peel.predicted, out=np.zeros(len(peel.log)))
    cell = np.clip(np.searchsorted(edges, probabilities, "right"), 1, len(edges) - 1)
    low, high = edges[cell - 1], edges[cell]
    rounding = np.where(edges > 1e-6, 1e-15, 0) + 1e-14 * edges  # more than it, less than what anybody means to be two
    near = (probabilities - low < rounding[cell - 1]) | (high - probabilities < rounding[cell])
    middle = np.where(near | (probabilities == 0), probabilities, (low + high) / 2)
    levels, codes = np.unique(middle, return_inverse=True)
    codes = np.where(peel.predicted, codes, len(levels))
    wide = np.uint8 if len(levels) < 256 else np.uint16 if len(levels) < 65536 else np.uint32
    bits = np.where(peel.predicted, -peel.log.logprobs, 0) / np.log(2)
    bits = np.minimum(bits, 1e9)  # more than 2^20 is infinite
    least, most = np.full(len(levels) + 1, np.inf), np.zeros(len(levels) + 1)
    np.minimum.at(least, codes, bits)
    np.maximum.at(most, codes, bits)
    least[~np.isfinite(least)] = 0.0
    width = np.maximum(most - least, 1e-300)[codes]
    part = np.rint((bits - least[codes]) / width * _PARTS).astype(np.uint8)
    return _Levels(codes.astype(wide), part, [*levels.tolist(), None], least.tolist(), most.tolist())


def _guesses(peel: Peel, rows: NDArray[np.bool_], symbols: TokenNames | None) -> tuple[NDArray[Any], list[int]]:
    """The first-ranked symbol of some rows, and the list of such symbols.

    1 + its place in the list, 0 where it is the correct symbol.
    """
    codes = np.asarray(peel.log.argmax_codes)
    wrong = (codes != peel.log.codes) & peel.predicted
    codes = codes if symbols is None else symbols.best(peel.log)
    known, place = np.unique(codes[wrong], return_inverse=True)
    places = np.zeros(len(codes), np.uint8 if len(known) < 255 else np.uint16 if len(known) < 65535 else np.uint32)
    places[wrong] = 1 + place
    return places[rows], known.tolist()


def _contradicts_itself(peel: Peel, values: NDArray[np.float64]) -> bool:
    """Whether another symbol is said to be the first-ranked somewhere where the correct one has p > 0.5."""
    return bool(((values > 0.5) & (peel.log.argmax_codes != peel.log.codes)).any())
