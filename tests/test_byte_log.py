"""The byte log of a model of tokens against its slow twin, and the identities that it must keep."""

import math
from typing import Any, NamedTuple

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from numpy.typing import NDArray

import naive_bytes as naive
from errtax.lm.byte_log import ByteProjector, ByteRows
from errtax.lm.errors import BadInput, UsageError
from errtax.lm.kernels import limit_threads
from errtax.lm.token_masses import empty_masses, mass_of, weigh
from errtax.lm.vocabulary import Vocabulary

BYTES = [b"a", b"b", b"\x00", b"\xff", *(bytes([byte]) for byte in "é猫".encode())]
PIECES = st.lists(st.sampled_from(BYTES), max_size=5).map(b"".join)
FLAT = st.sampled_from([0.0, 0.0, 1.0, math.log(2)])
PEAKED = st.one_of(st.floats(-40, 0), st.sampled_from([0.0, -34.5, -700.0, -math.inf]))


class Case(NamedTuple):
    pieces: list[bytes]
    special: set[int]
    ids: list[int]
    scores: list[list[float]]
    predicted: list[bool]

    @property
    def vocabulary(self) -> Vocabulary:
        return Vocabulary.of(self.pieces, self.special)

    def rows(self, cuts: tuple[int, ...] = (), dtype: Any = np.float64) -> tuple[ByteRows, list[float]]:
        """The rows of some pieces of the text, and log e at the end of each."""
        projector, rows, shares = ByteProjector(self.vocabulary), [], []
        for start, stop in zip((0, *cuts), (*cuts, len(self.ids)), strict=True):
            scores = np.array(self.scores[start:stop], dtype).reshape(stop - start, len(self.scores[0]))
            rows.append(projector.add(self.ids[start:stop], scores, self.predicted[start:stop]))
            shares.append(projector.log_share)
        return ByteRows(*(np.concatenate(column) for column in zip(*rows, strict=True))), shares


@st.composite
def cases(draw: st.DrawFn) -> Case:
    pieces = [*draw(st.lists(PIECES, min_size=1, max_size=14)), draw(st.sampled_from(BYTES))]
    special = draw(st.sets(st.integers(0, len(pieces) - 2), max_size=3))
    ordinary = [k for k, piece in enumerate(pieces) if piece and k not in special]
    ids = draw(st.lists(st.sampled_from(ordinary), min_size=1, max_size=6))
    width = len(pieces) + draw(st.integers(0, 2))
    some = st.floats(-3, 3).map(lambda x: round(x, 6))  # what differs by the limit of a tie, 1e-12, may be one or not
    values = draw(st.sampled_from([FLAT, PEAKED, some]))
    scores = [draw(st.lists(values, min_size=width, max_size=width)) for _ in ids]
    for row in scores:  # some token of texts has a finite score
        row[draw(st.sampled_from(ordinary))] = 0.0
    predicted = draw(st.lists(st.sampled_from([True, True, True, False]), min_size=len(ids), max_size=len(ids)))
    return Case(pieces, special, ids, scores, predicted)


DUPLICATES = Case([b"a", b"a", b"ab"], set(), [1, 1, 2], [[0.0, 1.0, 2.0]] * 3, [True] * 3)
IMPOSSIBLE = Case([b"abc", b"b"], set(), [0, 1], [[-math.inf, 0.0], [0.0, 0.0]], [True] * 2)
ENDS_NEVER = Case([b"a", b"a", b"b"], set(), [0, 2], [[-math.inf, 0.0, 0.0], [0.0] * 3], [True] * 2)


def assert_rows(rows: ByteRows, expected: list[naive.Row], rtol: float = 1e-12) -> None:
    logprob, argmax, best, rank = (list(column) for column in zip(*expected, strict=True))
    np.testing.assert_allclose(rows.logprob, logprob, rtol=rtol, atol=rtol)
    np.testing.assert_allclose(rows.argmax_logprob, best, rtol=rtol, atol=rtol)
    assert rows.argmax.tolist() == argmax
    assert rows.rank.tolist() == rank
    known = ~np.isnan(rows.logprob)
    assert (rows.logprob[known] <= 0).all() and (rows.argmax_logprob[known] <= 0).all()


@given(cases())
@example(DUPLICATES)
@example(IMPOSSIBLE)
@example(ENDS_NEVER)
def test_rows_are_those_of_the_slow_twin(case: Case) -> None:
    expected, shares = naive.byte_rows(*case)
    rows, found = case.rows(tuple(range(1, len(case.ids))))
    assert_rows(rows, expected)
    np.testing.assert_allclose(found, shares, rtol=1e-12, atol=1e-12)


@given(cases())
def test_scores_in_float32_are_taken_as_they_are(case: Case) -> None:
    rounded = case._replace(scores=np.array(case.scores, np.float32).tolist())
    expected, _ = naive.byte_rows(*rounded)
    assert_rows(rounded.rows(dtype=np.float32)[0], expected)


@given(cases(), st.data())
def test_rows_do_not_depend_on_how_the_text_is_cut(case: Case, data: st.DataObject) -> None:
    cuts = tuple(sorted(data.draw(st.lists(st.integers(0, len(case.ids)), max_size=4))))
    whole, shares = case.rows()
    parts, more = case.rows(cuts)
    with limit_threads(1):
        alone, _ = case.rows()
    for a, b, c in zip(whole, parts, alone, strict=True):
        np.testing.assert_array_equal(a, b)
        np.testing.assert_array_equal(a, c)
    assert cuts[-1:] == (len(case.ids),) or more[-1] == shares[-1]


@given(cases())
def test_bits_are_conserved(case: Case) -> None:
    """Σ log p of a run's bytes + log e of its last token = Σ log p_k."""
    case = case._replace(predicted=[True] * len(case.ids))
    tokens = [
        naive.log(naive.distribution(case.pieces, case.special, row)[k]) for k, row in zip(*case[2:4], strict=True)
    ]
    rows, shares = case.rows()
    if math.isfinite(sum(tokens)):
        assert np.sum(rows.logprob) + shares[-1] == pytest.approx(sum(tokens), rel=1e-12, abs=1e-12)
    else:  # after a byte of probability 0, the rest of its token is not predicted
        assert np.nansum(rows.logprob) + shares[-1] == -math.inf


@given(st.lists(st.integers(0, 255), min_size=1, max_size=5), st.integers(0, 2**32 - 1))
def test_a_vocabulary_of_bytes_gives_its_own_distribution(text: list[int], seed: int) -> None:
    logits = np.random.default_rng(seed).normal(0, 3, (len(text), 256))
    logprobs = logits - np.logaddexp.reduce(logits, axis=1, keepdims=True)
    projector = ByteProjector(Vocabulary.of([bytes([b]) for b in range(256)]))
    rows = projector.add(text, logits)
    right = logprobs[np.arange(len(text)), text]
    np.testing.assert_allclose(rows.logprob, right, rtol=1e-12)
    np.testing.assert_allclose(rows.argmax_logprob, logprobs.max(1), rtol=1e-12)
    assert rows.argmax.tolist() == logprobs.argmax(1).tolist()
    assert rows.rank.tolist() == (1 + (logprobs > right[:, None]).sum(1)).tolist()
    assert projector.log_share == 0.0


@given(st.integers(1, 9000), st.floats(0, 100), st.integers(0, 2**32 - 1))
@example(9000, 20.0, 0)
def test_masses_of_ranges_are_exponentials_added(n: int, spread: float, seed: int) -> None:
    rng = np.random.default_rng(seed)
    scores, order = rng.normal(0, spread, (2, n)), rng.permutation(n)
    scores[1, rng.integers(n)] = -math.inf
    masses = empty_masses(n)
    weigh(scores, 0, order, masses)  # what is left of another row
    total = weigh(scores, 1, order, masses)
    if n == 1:
        assert math.isnan(total)
        return
    differences = scores[1, order] - scores[1].max()
    least = -1020.5 * math.log(2)  # below, 2^k is too small
    expected = [math.exp(difference) if difference > least else 0.0 for difference in differences]
    np.testing.assert_allclose(masses.single[:n], expected, rtol=4e-16)
    assert total == pytest.approx(math.fsum(expected), rel=1e-14)
    for low, high in [(0, n), (1, n), *np.sort(rng.integers(0, n + 1, (20, 2)), axis=1).tolist()]:
        assert mass_of(masses, low, high) == pytest.approx(math.fsum(expected[low:high]), rel=1e-14)


@pytest.mark.parametrize("difference", [0.0, -1e-300, -0.34657, -0.34658, -37.5, -700.0, -707.3])
def test_exponentials_are_exact_to_the_last_digit_but_one(difference: float) -> None:
    masses = empty_masses(3)
    weigh(np.array([[difference, 0.0, -709.0]]), 0, np.arange(3), masses)
    assert masses.single[0] == pytest.approx(math.exp(difference), rel=4e-16, abs=0)
    assert masses.single[2:].tolist() == [0.0] * 62


def words(rng: np.random.Generator, n: int) -> list[bytes]:
    """Distinct pieces of 1 to 6 of 12 letters, all letters among them."""
    found = {bytes([97 + k]) for k in range(12)}
    while len(found) < n:
        found.add(bytes((97 + rng.integers(0, 12, rng.integers(2, 7))).tolist()))
    return sorted(found, key=lambda piece: rng.random())


def test_a_large_vocabulary_with_tiny_probabilities() -> None:
    """Sums of several blocks, down to p = 1e-15: exact where a difference of cumulative sums is off by 5 % and more."""
    rng = np.random.default_rng(5)
    pieces = words(rng, 9000)
    logits = rng.normal(0, 2, (3, len(pieces)))
    logits[:, rng.integers(len(pieces))] += 30.0
    ids = rng.integers(0, len(pieces), 3).tolist()
    assert min(logits[k, ids[k]] - logits[k].max() for k in range(3)) < math.log(1e-12)
    case = Case(pieces, set(), ids, logits.tolist(), [True] * 3)
    rows, _ = case.rows()
    logprobs = [math.log(math.fsum(np.exp(row - row.max()))) for row in logits]
    for k, token in enumerate(ids):
        total = logits[k, token] - logits[k].max() - logprobs[k]
        single = Case(pieces, set(), [token], [logits[k].tolist()], [True])
        one, (share,) = single.rows()
        assert one.logprob.sum() + share == pytest.approx(total, rel=1e-12)
        weights = np.exp(logits[k] - logits[k].max())
        for i in range(len(pieces[token])):
            below = [weights[t] for t, piece in enumerate(pieces) if piece.startswith(pieces[token][: i + 1])]
            above = [weights[t] for t, piece in enumerate(pieces) if piece.startswith(pieces[token][:i])]
            assert one.logprob[i] == pytest.approx(math.log(math.fsum(below) / math.fsum(above)), rel=1e-12, abs=1e-13)
    assert len(rows.logprob) == sum(len(pieces[k]) for k in ids)


def test_the_best_byte_may_be_the_right_one_below_one_half() -> None:
    """`a` may go on to `ab` (0.3 / 0.8) or end (0.5 / 0.8), and then comes `b` with 0.2."""
    case = Case(
        [b"a", b"ab", b"b", b"c"],
        set(),
        [0, 2],
        np.log([[0.5, 0.3, 0.2, 1e-300], [0.3, 1e-300, 0.2, 0.5]]).tolist(),
        [True] * 2,
    )
    rows, _ = case.rows()
    assert np.exp(rows.logprob).round(6).tolist() == [0.8, 0.125]
    assert (rows.argmax[1], rows.rank[1]) == (ord("b"), 1)
    assert math.exp(rows.argmax_logprob[1]) == pytest.approx(0.625 * 0.2 + 0.375)


def test_bytes_that_the_tokenizer_invents_are_conditioned_on_and_have_no_rows() -> None:
    vocabulary = Vocabulary.of([b" ", b" a", b"a", b"b"])
    scores = np.log([[0.1, 0.3, 0.4, 0.2], [0.25, 0.25, 0.25, 0.25]])
    one = ByteProjector(vocabulary, prefix=b" ").add([1, 3], scores)
    assert np.exp(one.logprob).round(6).tolist() == [0.75, 0.25]  # S( a) / S( ), then b
    two = ByteProjector(vocabulary, prefix=b" ").add([0, 3], scores)  # the space is a token of its own: e = .25
    assert np.exp(two.logprob).round(6).tolist() == [0.0625]
    pieces = ByteProjector(vocabulary, prefix=b" ")
    assert len(pieces.add([0], scores[:1]).logprob) == 0 and len(pieces.add([3], scores[1:]).logprob) == 1
    with pytest.raises(BadInput, match=r"the tokens begin with b'b', not with the prefix b' '"):
        ByteProjector(vocabulary, prefix=b" ").add([3], scores[:1])


def broken(value: float) -> NDArray[np.float64]:
    return np.array([[0.0, 0.0, 0.0], [0.0, value, 0.0]])


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_scores_that_are_no_distribution_are_refused(value: float) -> None:
    projector = ByteProjector(Vocabulary.of([b"a", b"b", b"c"]))
    with pytest.raises(BadInput, match="the scores of token 1 of these 2 are no distribution"):
        projector.add([0, 1], broken(value))
    assert len(projector.add([0, 1], broken(value), [True, False]).logprob) == 2
    with pytest.raises(BadInput, match="no distribution"):
        projector.add([0], np.full((1, 3), -math.inf))


def test_what_does_not_fit_is_refused_in_one_line() -> None:
    projector = ByteProjector(Vocabulary.of([b"a", b"<s>", b""], special=[1]))
    with pytest.raises(BadInput, match="token 1 is special"):
        projector.add([0, 1], np.zeros((2, 3)))
    with pytest.raises(BadInput, match="there is no token 3"):
        projector.add([3], np.zeros((1, 3)))
    with pytest.raises(UsageError, match="2 columns for a vocabulary of 3"):
        projector.add([0], np.zeros((1, 2)))
    with pytest.raises(UsageError, match="each token needs a row of scores"):
        projector.add([0, 0], np.zeros((1, 3)))
    with pytest.raises(UsageError, match="token ids are whole numbers"):
        projector.add([0.5], np.zeros((1, 3)))
    with pytest.raises(UsageError, match="all tokens of this vocabulary are special"):
        ByteProjector(Vocabulary.of([b"a"], special=[0]))
