"""The n-gram index against its slow twin, its invariants, and its file."""

import math
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from errtax.lm.errors import BadInput, UsageError
from errtax.lm.ngram_index import MAX_ORDER, NgramIndex, count_of
from errtax.lm.suffix_tree import build_tree
from errtax.lm.text import Codes, Text, Unit, text_of_bytes
from naive import BOS, EOS, UNK, KneserNey

SPECIAL = {UNK: 0, BOS: 1, EOS: 2}

alphabets = st.sampled_from(["a", "ab", "abc", "abcd", "aé", "猫犬a", "\n a"])


@st.composite
def texts(draw: st.DrawFn) -> str:
    """Short texts of few symbols: random, with repeats, or one symbol only."""
    alphabet = draw(alphabets)
    piece = draw(st.text(alphabet, min_size=1, max_size=40))
    return draw(st.sampled_from([piece, piece * 2, piece[:3] * 6, piece + piece[::-1]]))


def text_of(string: str, unit: Unit) -> Text:
    return text_of_bytes(string.encode(), unit)


def codes_of(string: str, unit: Unit) -> Codes:
    return text_of(string, unit).codes


@given(
    text=texts(),
    scored=st.text("abcdé猫犬\n xz", max_size=15),
    order=st.integers(1, 8),
    unit=st.sampled_from(list(Unit)),
    compat=st.booleans(),
)
def test_scores_are_those_of_the_slow_twin(text: str, scored: str, order: int, unit: Unit, compat: bool) -> None:
    scored = text[:10] + scored + text[-6:]
    index = NgramIndex.build(text_of(text, unit), order, kenlm_compat=compat)
    codes = codes_of(scored, unit)
    naive = KneserNey(codes_of(text, unit).tolist(), order, compat)
    assert np.abs(index.score(codes) - np.array(naive.scores(codes.tolist()))).max() < 1e-5


@pytest.mark.parametrize("compat", [True, False])
@pytest.mark.parametrize("seed", range(4))
def test_discounts_without_fallback_are_met_too(seed: int, compat: bool) -> None:
    """Texts long enough for real discounts at most orders; the scores still are the twin's."""
    codes = np.random.default_rng(seed).integers(97, 97 + 2 + seed, 400).astype(np.uint8)
    text = text_of_bytes(b"abc" * (seed % 2) + codes.tobytes(), Unit.BYTE)
    index = NgramIndex.build(text, 7, kenlm_compat=compat)
    assert len(index.info.fallback_adjusted) < 6
    naive = KneserNey(text.codes.tolist(), 7, compat)
    for k in range(1, 8):
        assert index.discounts.raw[k, 1:].tolist() == list(naive.raw_discounts[k])
        if k < 7:
            assert index.discounts.adjusted[k, 1:].tolist() == list(naive.adjusted_discounts[k])
    scored = text_of_bytes(codes.tobytes()[100:140] + b"zabcabca", Unit.BYTE).codes
    assert np.abs(index.score(scored) - np.array(naive.scores(scored.tolist()))).max() < 1e-5


def test_the_final_flush_makes_a_difference() -> None:
    text = text_of_bytes(np.random.default_rng(3).integers(97, 99, 300).astype(np.uint8).tobytes(), Unit.BYTE)
    compat, corrected = (NgramIndex.build(text, 5, kenlm_compat=flag).score(text.codes) for flag in (True, False))
    assert np.abs(compat - corrected)[:, 4].max() > 1e-4
    assert np.array_equal(compat[:, 0], corrected[:, 0])  # order 1 as the highest knows raw counts only


def test_a_custom_fallback_is_used() -> None:
    text = text_of_bytes(b"abracadabra", Unit.BYTE)
    fallback = (0.3, 0.7, 1.1)
    index = NgramIndex.build(text, 4, fallback)
    naive = KneserNey(text.codes.tolist(), 4, True, fallback)
    assert np.abs(index.score(text.codes) - np.array(naive.scores(text.codes.tolist()))).max() < 1e-5
    assert index.info.fallback_adjusted
    assert "order 1" in str(index.describe_fallback())


@given(text=texts(), context=st.text("abcdé猫z", max_size=12), order=st.integers(1, 6), compat=st.booleans())
def test_distributions_sum_to_one_and_agree_with_scores(text: str, context: str, order: int, compat: bool) -> None:
    index = NgramIndex.build(text_of(text, Unit.CHAR), order, kenlm_compat=compat)
    naive = KneserNey([ord(c) for c in text], order, compat)
    known = set(text)
    for before in (context, text[: len(context)], text, ""):
        p = index.distribution([ord(c) for c in before])
        assert p.shape == (order, len(known) + 3)
        assert np.abs(p.sum(axis=1) - 1).max() < 1e-9
        assert (p[:, 1] == 0).all()
        assert (np.delete(p, 1, axis=1) > 0).all()
        history = (BOS, *(ord(c) if c in known else UNK for c in before))
        for n in range(1, order + 1):
            tail = history[max(len(history) - n + 1, 0) :]
            assert p[n - 1, 2] == pytest.approx(naive.probability(tail, EOS, n), abs=1e-6)
        for column, code in ((0, 0x2603), *((3 + k, int(c)) for k, c in enumerate(index.alphabet.codes))):
            scored = index.score(np.array([*map(ord, before), code], np.uint32))[-1]
            assert np.abs(np.log(p[:, column]) - scored).max() < 1e-5


@given(text=texts(), order=st.integers(1, 7))
def test_counts_are_those_of_the_slow_twin(text: str, order: int) -> None:
    naive = KneserNey([ord(c) for c in text], order)
    index = NgramIndex.build(text_of(text, Unit.CHAR), order)
    ids = SPECIAL | {int(code): 3 + k for k, code in enumerate(index.alphabet.codes)}
    for gram, count in naive.raw.items():
        found = count_of(index.tree, np.array([ids[symbol] for symbol in gram]))
        assert found == (naive.adjusted[gram], count), gram
    known = sorted(set(text))
    for a in known:
        for b in known:
            gram = (ord(a), ord(b), ord(a))
            if order >= 3 and gram not in naive.raw:
                assert count_of(index.tree, np.array([ids[symbol] for symbol in gram])) == (0, 0)


@given(text=texts(), order=st.integers(1, 7))
def test_counts_of_counts_are_those_of_the_slow_twin(text: str, order: int) -> None:
    naive = KneserNey([ord(c) for c in text], order)
    index = NgramIndex.build(text_of(text, Unit.CHAR), order)
    _, adjusted, raw = build_tree(index.tree.symbols.copy(), order)
    for k in range(1, order + 1):
        for c in range(1, 5):
            assert adjusted[k, c] == sum(n == c for gram, n in naive.adjusted.items() if len(gram) == k)
            assert raw[k, c] == sum(n == c for gram, n in naive.raw.items() if len(gram) == k)


@given(text=texts(), order=st.integers(2, 6))
def test_children_never_count_more_than_their_parent(text: str, order: int) -> None:
    tree = NgramIndex.build(text_of(text, Unit.CHAR), order).tree
    assert (tree.left <= tree.frequency)[1:].all()
    for v, (first, last) in enumerate(pairwise(tree.child.tolist())):
        leaves = int(tree.leaf[v + 1]) - int(tree.leaf[v])
        assert int(tree.frequency[first:last].sum()) + leaves in (0, tree.frequency[v])
        labels = tree.label[first:last].tolist() + tree.leaf_label[tree.leaf[v] : tree.leaf[v + 1]].tolist()
        assert len(set(labels)) == len(labels)


@given(text=texts(), order=st.integers(2, 6))
def test_lower_orders_do_not_depend_on_the_order(text: str, order: int) -> None:
    source = text_of(text, Unit.CHAR)
    high = NgramIndex.build(source, order, kenlm_compat=False).score(source.codes)
    low = NgramIndex.build(source, order - 1, kenlm_compat=False).score(source.codes)
    assert np.array_equal(high[:, : order - 1], low)


def test_many_symbols_and_long_repeats() -> None:
    """Two bytes a symbol, an LCP longer than the order, and more nodes than a few."""
    rng = np.random.default_rng(5)
    string = "".join(map(chr, rng.integers(0x4E00, 0x4E00 + 400, 700))) + "啊" * 50
    index = NgramIndex.build(text_of(string, Unit.CHAR), 6)
    assert index.tree.symbols.dtype == np.uint16
    scored = text_of(string[600:] + "x" + string[:40], Unit.CHAR).codes
    naive = KneserNey([ord(c) for c in string], 6)
    assert np.abs(index.score(scored) - np.array(naive.scores(scored.tolist()))).max() < 1e-5


def test_blocks_and_pieces_do_not_show() -> None:
    codes = np.random.default_rng(0).integers(97, 101, 9_000).astype(np.uint8)
    index = NgramIndex.build(text_of_bytes(codes.tobytes()[:3000], Unit.BYTE), 6)
    whole = index.score(codes)
    assert whole.shape == (9_000, 6)
    for block in (7, 4096, 5000):
        assert np.array_equal(np.concatenate(list(index.score_blocks(codes, block=block))), whole)
    assert np.array_equal(index.score(codes[:4100]), whole[:4100])


def test_scoring_nothing_gives_nothing() -> None:
    index = NgramIndex.build(text_of_bytes(b"ab", Unit.BYTE), 3)
    assert index.score(np.empty(0, np.uint8)).shape == (0, 3)


# --- the file --------------------------------------------------------------------------------------------------------


@given(text=texts(), order=st.integers(1, 8), unit=st.sampled_from(list(Unit)))
def test_an_opened_index_is_the_saved_one(
    tmp_path_factory: pytest.TempPathFactory, text: str, order: int, unit: Unit
) -> None:
    path = tmp_path_factory.mktemp("index") / "x.ngram"
    index = NgramIndex.build(text_of(text, unit), order)
    index.save(path)
    again = NgramIndex.open(path)
    assert again.info == index.info
    assert NgramIndex.problems(path) == []
    codes = codes_of(text + "z" + text, unit)
    assert np.array_equal(again.score(codes), index.score(codes))
    assert np.array_equal(again.distribution(codes.tolist()), index.distribution(codes.tolist()))


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    path = tmp_path / "abracadabra.ngram"
    NgramIndex.build(text_of_bytes(b"abracadabra, abracadabra", Unit.BYTE), 5).save(path)
    return path


@pytest.mark.parametrize("keep", [0.0, 0.001, 0.1, 0.5, 0.9, 0.999])
def test_a_cut_file_is_refused(saved: Path, keep: float) -> None:
    data = saved.read_bytes()
    saved.write_bytes(data[: int(len(data) * keep)])
    with pytest.raises(BadInput, match=saved.name):
        NgramIndex.open(saved)


def test_a_file_with_a_byte_too_many_is_refused(saved: Path) -> None:
    saved.write_bytes(saved.read_bytes() + b"\0")
    with pytest.raises(BadInput, match="bytes"):
        NgramIndex.open(saved)


@pytest.mark.parametrize("offset", [0, 3, 7, 9, 17, 40, 200])
def test_a_flipped_byte_in_the_header_is_refused(saved: Path, offset: int) -> None:
    data = bytearray(saved.read_bytes())
    data[offset] ^= 0x41
    saved.write_bytes(data)
    with pytest.raises(BadInput, match=saved.name):
        NgramIndex.open(saved)


@pytest.mark.parametrize("content", [b"", b"hello\n" * 50, b"PAR1" * 100])
def test_a_foreign_file_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "foreign.ngram"
    path.write_bytes(content)
    with pytest.raises(BadInput, match="not an n-gram index"):
        NgramIndex.open(path)


def test_a_missing_file_and_a_folder_are_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="does not exist"):
        NgramIndex.open(tmp_path / "none.ngram")
    with pytest.raises(BadInput, match="folder"):
        NgramIndex.open(tmp_path)


def test_a_flipped_byte_in_an_array_is_reported(saved: Path) -> None:
    index = NgramIndex.open(saved)
    data = bytearray(saved.read_bytes())
    where = data.index(index.tree.symbols.tobytes()) + 5
    data[where] ^= 1
    del index
    saved.write_bytes(data)
    problems = NgramIndex.problems(saved)
    assert len(problems) == 1
    assert "'symbols'" in problems[0]


# --- what cannot be built --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("order", [-1, 0, MAX_ORDER + 1, 1000])
def test_an_order_out_of_range_is_a_usage_error(order: int) -> None:
    with pytest.raises(UsageError, match=str(order)):
        NgramIndex.build(text_of_bytes(b"abc", Unit.BYTE), order)


def test_the_highest_order_works() -> None:
    text = text_of_bytes(b"ab" * 40, Unit.BYTE)
    assert np.isfinite(NgramIndex.build(text, MAX_ORDER).score(text.codes)).all()


def test_without_fallback_the_failing_order_is_named() -> None:
    with pytest.raises(BadInput, match=r"order 1: .*--discount-fallback"):
        NgramIndex.build(text_of_bytes(b"abracadabra", Unit.BYTE), 3, fallback=None)


@given(text=texts(), order=st.integers(1, 4))
def test_without_fallback_only_sound_discounts_pass(text: str, order: int) -> None:
    impossible = (math.nan, math.nan, math.nan)
    naive = KneserNey([ord(c) for c in text], order, True, impossible)
    needed = [naive.adjusted_discounts[k] for k in range(1, order)] + [naive.raw_discounts[order]]
    assume(any(d is impossible for d in needed))
    failing = next(k for k, d in enumerate(needed, 1) if d is impossible)
    with pytest.raises(BadInput, match=f"order {failing}:"):
        NgramIndex.build(text_of(text, Unit.CHAR), order, fallback=None)


def test_an_index_of_another_unit_is_refused() -> None:
    index = NgramIndex.build(text_of_bytes(b"abc", Unit.BYTE), 2)
    index.require_unit(Unit.BYTE, "log")
    with pytest.raises(BadInput, match="--unit char"):
        index.require_unit(Unit.CHAR, "log")


def test_symbol_names_are_visible() -> None:
    names = NgramIndex.build(text_of_bytes("a \né".encode(), Unit.CHAR), 2).symbol_names()
    assert names == ["<unk>", "<s>", "</s>", "a", "U+0020", "U+000A", "é"]
