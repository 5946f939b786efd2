"""Bytes summed over tokenizations: the whole sum against enumeration, and what beams keep of it."""

import math
from collections.abc import Callable
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

import naive_bytes as naive
from errtax.lm.byte_beam import beam_rows
from errtax.lm.byte_log import ByteProjector, ByteRows
from errtax.lm.errors import BadInput, UsageError
from errtax.lm.vocabulary import Vocabulary

LETTERS = [b"a", b"b", b"c"]
MORE = st.lists(st.lists(st.sampled_from(LETTERS), max_size=4).map(b"".join), max_size=5)
Model = Callable[[tuple[int, ...]], NDArray[np.float64]]


def model(seed: int, size: int) -> Model:
    """Logits that depend on the last two tokens."""

    def scores(ids: tuple[int, ...]) -> NDArray[np.float64]:
        return np.random.default_rng([seed, *ids[-2:]]).normal(0, 2, size)

    return scores


def enumerated(pieces: list[bytes], scores: Model, text: bytes) -> list[naive.Row]:
    def next_p(ids: tuple[int, ...]) -> dict[int, Fraction]:
        return naive.distribution(pieces, {0}, scores(ids).tolist())

    def p(prefix: bytes) -> Fraction:
        return naive.prefix_probability(pieces, next_p, (), prefix)

    rows = []
    for i, byte in enumerate(text):
        before = p(text[:i])
        by_byte = [p(text[:i] + bytes([b])) / before if bytes([b]) in LETTERS else Fraction(0) for b in range(256)]
        rows.append(naive.row_of(by_byte[byte], by_byte, byte))
    return rows


def assert_rows(rows: ByteRows, expected: list[naive.Row]) -> None:
    logprob, argmax, best, rank = (list(column) for column in zip(*expected, strict=True))
    np.testing.assert_allclose(rows.logprob, logprob, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(rows.argmax_logprob, best, rtol=1e-12, atol=1e-12)
    assert (rows.argmax.tolist(), rows.rank.tolist()) == (argmax, rank)


@given(MORE, st.lists(st.sampled_from(LETTERS), min_size=1, max_size=6).map(b"".join), st.integers(0, 99))
def test_without_a_beam_it_is_the_sum_over_all_tokenizations(more: list[bytes], text: bytes, seed: int) -> None:
    pieces = [b"<s>", *LETTERS, *more]
    scores = model(seed, len(pieces))
    expected = enumerated(pieces, scores, text)
    assert_rows(beam_rows(scores, Vocabulary.of(pieces, special=[0]), text, None), expected)


def own_tokens(pieces: list[bytes], text: bytes) -> list[int]:
    """The longest token first."""
    found = []
    while text:
        found.append(
            max((k for k, piece in enumerate(pieces) if piece and text.startswith(piece)), key=lambda k: len(pieces[k]))
        )
        text = text[len(pieces[found[-1]]) :]
    return found


PIECES = [b"<s>", *LETTERS, b"ab", b"abc", b"bc", b"ca", b"cab"]
TEXT = b"abcabcaabbcabccab"


def test_beams_come_near_the_whole_sum_as_they_widen() -> None:
    scores, vocabulary = model(1, len(PIECES)), Vocabulary.of(PIECES, special=[0])
    whole = beam_rows(scores, vocabulary, TEXT, None).logprob
    errors = [np.abs(beam_rows(scores, vocabulary, TEXT, beam).logprob - whole).max() for beam in (1, 16, 256)]
    assert errors[0] > errors[1] > errors[2]
    assert errors[2] < 1e-3


def test_the_canonical_log_is_a_lower_bound() -> None:
    scores, vocabulary = model(1, len(PIECES)), Vocabulary.of(PIECES, special=[0])
    ids = own_tokens(PIECES, TEXT)
    rows = ByteProjector(vocabulary).add(ids, np.array([scores(tuple(ids[:k])) for k in range(len(ids))]))
    whole = beam_rows(scores, vocabulary, TEXT, None).logprob
    assert (np.cumsum(rows.logprob) <= np.cumsum(whole) + 1e-12).all()
    assert rows.logprob.sum() < whole.sum() - 0.1


def test_the_own_tokens_keep_a_beam_with_the_text() -> None:
    """After `aa` a narrow beam holds the probable token `aa` alone, and no token begins with `b`."""
    vocabulary = Vocabulary.of([b"a", b"aa", b"ab"])

    def scores(ids: tuple[int, ...]) -> list[float]:
        return [-5.0, 0.0, -5.0]

    with pytest.raises(BadInput, match=r"no tokenization in the beam goes on with byte 2 .* give the tokenizer's own"):
        beam_rows(scores, vocabulary, b"aaba", 1)
    rows = beam_rows(scores, vocabulary, b"aaba", 1, ids=[0, 2, 0])
    whole = beam_rows(scores, vocabulary, b"aaba", None)
    assert np.isfinite(rows.logprob).all()
    np.testing.assert_allclose(rows.logprob[3], whole.logprob[3], rtol=1e-12)


def test_after_an_impossible_token_the_text_goes_on() -> None:
    pieces = [b"a", b"cb", b"d"]

    def scores(ids: tuple[int, ...]) -> list[float]:
        return [0.0, -math.inf, 0.0]

    rows = beam_rows(scores, Vocabulary.of(pieces), b"acba", 4, ids=[0, 1, 0])
    assert np.exp(rows.logprob[[0, 1, 3]]).round(6).tolist() == [0.5, 0.0, 0.5]
    assert np.isnan(rows.logprob[2]) and rows.rank[2] == 0


def test_tokens_before_the_text_are_read() -> None:
    scores, vocabulary = model(3, len(PIECES)), Vocabulary.of(PIECES, special=[0])
    seen = []

    def noting(ids: tuple[int, ...]) -> NDArray[np.float64]:
        seen.append(ids)
        return scores(ids)

    rows = beam_rows(noting, vocabulary, b"ab", None, start=[0, 5])
    assert seen == [(0, 5), (0, 5, 1)]
    shifted = beam_rows(lambda ids: scores((0, 5, *ids)), vocabulary, b"ab", None)
    np.testing.assert_array_equal(rows.logprob, shifted.logprob)


def test_what_does_not_fit_is_refused_in_one_line() -> None:
    vocabulary = Vocabulary.of([b"a", b"b"])
    with pytest.raises(UsageError, match="a beam has at least one hypothesis, got 0"):
        beam_rows(lambda ids: [0.0, 0.0], vocabulary, b"a", 0)
    with pytest.raises(UsageError, match=r"have shape \(1,\), not \(2,\)"):
        beam_rows(lambda ids: [0.0], vocabulary, b"a", 1)
    with pytest.raises(UsageError, match="do not spell the text"):
        beam_rows(lambda ids: [0.0, 0.0], vocabulary, b"a", 1, ids=[1])
    with pytest.raises(BadInput, match="the scores after 0 tokens are no distribution"):
        beam_rows(lambda ids: [math.nan, 0.0], vocabulary, b"a", 1)
    assert len(beam_rows(lambda ids: [0.0, 0.0], vocabulary, b"", 1).logprob) == 0
