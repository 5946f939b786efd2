"""Sorted suffixes against Python's own sort: order, ties in the order of the text, common prefixes."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from errtax.lm.ngram.suffix_sort import plan_of, scratch_of, sort_suffixes
from errtax.lm.special import BOS, END, EOS

Suffix = tuple[int, ...]


def sequence_of(symbols: list[int], ended: bool) -> Any:
    """`<s> symbols </s>` and the 0 after it; a 2 among the symbols ends a sentence, and another follows."""
    inner = [part for s in symbols for part in ((EOS, BOS) if s == EOS else (s,))]
    return np.array([BOS, *inner, *([EOS] if ended else []), END], np.uint16)


def suffix_of(sequence: Any, p: int, order: int) -> Suffix:
    suffix: list[int] = []
    while len(suffix) < order:
        suffix.append(int(sequence[p + len(suffix)]))
        if suffix[-1] in (EOS, END):
            break
    return tuple(suffix)


def n_shared(a: Suffix, b: Suffix) -> int:
    return next((k for k, (x, y) in enumerate(zip(a, b, strict=False)) if x != y), min(len(a), len(b)))


def check(sequence: Any, order: int, n_ids: int) -> None:
    n = len(sequence) - 1
    positions, common = np.arange(n, dtype=np.uint32), np.zeros(n, np.uint8)
    sort_suffixes(sequence, positions, common, 0, plan_of(n_ids, order), scratch_of(n, order, np.uint32))
    suffixes = [suffix_of(sequence, p, order) for p in range(n)]
    expected = sorted(range(n), key=lambda p: (suffixes[p], p))
    assert positions.tolist() == expected
    for r in range(1, n):
        assert common[r] == n_shared(suffixes[expected[r - 1]], suffixes[expected[r]])


@given(
    symbols=st.lists(st.sampled_from([EOS, 3, 4, 5]), max_size=60),
    ended=st.booleans(),
    order=st.integers(1, 32),
    n_ids=st.sampled_from([6, 100, 300, 40_000]),
)
def test_suffixes_are_sorted(symbols: list[int], ended: bool, order: int, n_ids: int) -> None:
    check(sequence_of(symbols, ended), order, n_ids)


@pytest.mark.parametrize("n", [20, 24, 25, 200, 512, 513, 3000])
@pytest.mark.parametrize(("n_symbols", "n_ids"), [(1, 6), (2, 6), (3, 200), (100, 200), (3, 40_000)])
def test_runs_of_all_lengths(n: int, n_symbols: int, n_ids: int) -> None:
    """Insertion, merging and both halves of the radix sort; few symbols make many ties."""
    rng = np.random.default_rng(n)
    symbols = rng.integers(3, 3 + n_symbols, n)
    symbols[n // 2 :] = symbols[: n - n // 2]  # long repeats: all of a key is the same
    for order in (1, 4, 20):
        check(sequence_of(symbols.tolist(), ended=True), order, n_ids)
