"""What each order expects next: the best symbol against a slow twin and against whole distributions."""

import math
from collections.abc import Sequence
from unittest.mock import patch

import numpy as np
import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from errtax.lm.errors import UsageError
from errtax.lm.ngram import best_symbols
from errtax.lm.ngram.best_symbols import EQUAL
from errtax.lm.ngram.index import NgramIndex
from errtax.lm.text import END_OF_LINE, UNKNOWN, Sentences, Text, Unit
from naive import BOS, EOS, UNK, KneserNey
from strategies import texts

NAMES = {UNK: UNKNOWN, EOS: END_OF_LINE}


def text_of(codes: Sequence[int], sentences: Sentences = Sentences.STREAM) -> Text:
    return Text("text", Unit.TOKEN, np.array(codes, np.uint32), "", sentences=sentences)


def histories(codes: Sequence[int], twin: KneserNey) -> list[tuple[int, ...]]:
    """What stands before each symbol of a text, and after the last, from its sentence's `<s>` on."""
    found: list[tuple[int, ...]] = [(BOS,)]
    for code in codes:
        known = code if code in twin.text else UNK
        found.append((BOS,) if code == twin.end_of_line else (*found[-1], known))
    return found


def naive_best(twin: KneserNey, history: tuple[int, ...], order: int, ids: list[int]) -> tuple[int, float]:
    """By all probabilities; of equal ones what followed the longest context, then the lowest id."""
    context = history[max(len(history) - order + 1, 0) :]
    p = {symbol: twin.probability(context, symbol, order) for symbol in twin.vocabulary}
    equal = [symbol for symbol in ids if symbol in p and p[symbol] >= (1 - EQUAL) * max(p.values())]
    followed = [s for k in range(len(context) + 1) for s in equal if s in twin.followers.get(context[k:], ())]
    return (followed or equal)[0], max(p.values())


@given(
    text=texts(),
    more=st.text("abcdé猫z", max_size=8),
    order=st.integers(1, 6),
    lines=st.booleans(),
    piece=st.sampled_from([1, 3, 1000]),
)
@example("aaaa", "", 4, False, 1)
@example("ab\nab\n", "", 3, True, 1000)
def test_the_best_symbol_is_that_of_the_slow_twin(text: str, more: str, order: int, lines: bool, piece: int) -> None:
    codes = [ord(c) if c != "\n" or not lines else END_OF_LINE for c in text]
    assume(set(codes) != {END_OF_LINE})
    source = text_of(codes, Sentences.LINES if lines else Sentences.STREAM)
    index = NgramIndex.build(source, order)
    twin = KneserNey(codes, order, end_of_line=END_OF_LINE if lines else None)
    read = codes[:12] + [ord(c) for c in more] + codes[-4:]
    with patch.object(best_symbols, "_SMALLEST", piece), patch.object(best_symbols, "_LARGEST", piece):
        symbols, logprobs = index.best(np.array(read, np.uint32))
    assert symbols.shape == logprobs.shape == (len(read) + 1, order)
    ids = [UNK, EOS, *index.alphabet.codes.tolist()]
    for i, history in enumerate(histories(read, twin)):
        for n in range(1, order + 1):
            symbol, p = naive_best(twin, history, n, ids)
            assert logprobs[i, n - 1] == pytest.approx(math.log(p), abs=1e-5)
            assert symbols[i, n - 1] == NAMES.get(symbol, symbol), (i, n)


@given(
    text=texts(),
    more=st.text("abcdé猫z", max_size=8),
    order=st.integers(1, 6),
    gaps=st.sets(st.integers(0, 11)),
    start=st.integers(0, 5),
    piece=st.sampled_from([1, 3, 1000]),
)
def test_the_smallest_context_that_expects_a_symbol(
    text: str, more: str, order: int, gaps: set[int], start: int, piece: int
) -> None:
    codes = [ord(c) for c in text]
    index, twin = NgramIndex.build(text_of(codes), order), KneserNey(codes, order)
    read = codes[:12] + [ord(c) for c in more] + codes[-4:]
    gaps, start = {gap for gap in gaps if gap < len(read)}, min(start, len(read) - 1)
    with patch.object(best_symbols, "_SMALLEST", piece), patch.object(best_symbols, "_LARGEST", piece):
        found, logprobs = index.smallest_best(np.array(read, np.uint32), np.array(sorted(gaps), np.int64), start)
    seen = [-1 if i in gaps else code for i, code in enumerate(read)]  # -1: unknown
    ids = [UNK, EOS, *index.alphabet.codes.tolist()]
    for i, history in list(enumerate(histories(seen, twin)[:-1]))[start:]:
        due = (0, math.nan)
        for n in range(order - 1, 0, -1):
            context = history[max(len(history) - n, 0) :]
            p = twin.probability(context, seen[i], n + 1) if seen[i] in codes else 0
            if p >= (1 - EQUAL) * naive_best(twin, history, n + 1, ids)[1]:
                due = (n, math.log(p))
        assert found[i - start] == due[0]
        assert logprobs[i - start] == pytest.approx(due[1], abs=1e-5, nan_ok=True)


def test_ten_thousand_best_symbols_are_the_argmax_of_distributions() -> None:
    """At every order; where two are equal, it is one of them."""
    draws = np.random.default_rng(3).zipf(1.2, 60_000)
    codes = (np.where(draws < 200, draws, draws % 37) * 7).astype(np.uint32)
    codes[1000:1300] = codes[:300]
    index = NgramIndex.build(text_of(codes[:50_000].tolist()), 6)
    read = codes[45_000:55_000]
    symbols, logprobs = index.best(read)
    column = {code: k + 3 for k, code in enumerate(index.alphabet.codes.tolist())} | {UNKNOWN: 0, END_OF_LINE: 2}
    ties = 0
    for i in range(10_000):
        p = index.distribution(read[max(i - 8, 0) : i])
        best = p.max(axis=1)
        chosen = [column[symbol] for symbol in symbols[i].tolist()]
        assert np.abs(np.log(best) - logprobs[i]).max() < 1e-5
        for n, k in enumerate(chosen):
            equal = np.flatnonzero(p[n] >= (1 - EQUAL) * best[n])
            assert k in equal
            ties += len(equal) > 1
            assert len(equal) > 1 or k == p[n].argmax()
    assert ties  # both kinds are met


def test_an_index_of_lines_looks_for_no_context() -> None:
    index = NgramIndex.build(text_of([1, 2, END_OF_LINE, 1, END_OF_LINE], Sentences.LINES), 3)
    with pytest.raises(UsageError, match="build one with --sentences stream"):
        index.smallest_best(np.array([1, 2], np.uint32))
