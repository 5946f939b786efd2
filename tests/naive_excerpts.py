"""Slow, obvious twins: which errors and passages of a peel are shown, found in all of it at once."""

import math

from errtax.taxonomy.peel import Peel


def worst_rows(peel: Peel, n: int, layer: str | None = None, part: str | None = None) -> list[int]:
    """The rows of the n least probable errors of a layer or slice; of equally probable ones the first."""
    return sorted(errors_of(peel, layer, part), key=lambda row: (float(peel.log.logprobs[row]), row))[:n]


def even_rows(peel: Peel, layer: str, n: int) -> list[int]:
    """n errors of a layer, the first and the last among them, at even steps."""
    rows = errors_of(peel, layer)
    n = min(n, len(rows))
    return [rows[round(k * (len(rows) - 1) / (n - 1)) if n > 1 else 0] for k in range(n)]


def errors_of(peel: Peel, layer: str | None = None, part: str | None = None) -> list[int]:
    """The rows of the errors of a layer or slice."""
    found = []
    for row in range(len(peel)):
        if peel.error[row]:
            name = peel.layer_names[peel.layer[row]]
            if layer in (None, name) and part in (None, peel.slice_names(name)[peel.slice[row]]):
                found.append(row)
    return found


def worst_passages(peel: Peel, length: int, count: int) -> list[int]:
    """The first rows of the passages with the most bits, of equals the first, in the order of the text."""
    bits = {}
    for start in range(0, len(peel) - length + 1, length):
        bits[start] = 0.0
        for p in peel.log.logprobs[start : start + length].tolist():
            bits[start] += 0 if math.isnan(p) else (50 if math.isinf(p) else -p) / math.log(2)
    return sorted(sorted(bits, key=lambda start: (-bits[start], start))[:count])
