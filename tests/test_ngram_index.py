"""The n-gram index against its slow twin, its invariants, its partitions, and its file."""

import math
import pickle
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from errtax.lm.errors import BadInput, UsageError
from errtax.lm.ngram.index import MAX_ORDER, NgramIndex
from errtax.lm.ngram.model import require_unit
from errtax.lm.ngram.partitions import PartitionedBuild
from errtax.lm.ngram.sequence import occurrences, tail_strings
from errtax.lm.ngram.suffix_tree import DEPTH, HAS_CHILDREN, LAST_SIBLING
from errtax.lm.text import END_OF_LINE, TEXT_UNITS, Codes, Sentences, Text, Unit, text_of_bytes
from naive import BOS, EOS, UNK, KneserNey
from strategies import texts


def text_of(string: str, unit: Unit, sentences: Sentences | None = None) -> Text:
    return text_of_bytes(string.encode(), unit, sentences=sentences)


def codes_of(string: str, unit: Unit) -> Codes:
    return text_of(string, unit).codes


def readable(string: str, unit: Unit) -> str:
    """The string itself, or its symbols as words or token ids between the blanks that it has."""
    if unit in (Unit.WORD, Unit.TOKEN):
        return "".join(c if c in " \n" else f"{ord(c) if unit is Unit.TOKEN else c} " for c in string) or "1"
    return string


def twin_of(text: Text, order: int, compat: bool = True) -> KneserNey:
    return KneserNey(text.codes.tolist(), order, compat, end_of_line=text.end_of_line)


def largest_difference(index: NgramIndex, twin: KneserNey, codes: Codes) -> float:
    scores = index.score(codes)
    expected = np.array(twin.scores(codes.tolist())).reshape(scores.shape)
    different = scores != expected  # both may be -inf
    return float(np.abs(scores[different] - expected[different]).max(initial=0))


def zipf(n: int, seed: int = 0) -> Text:
    """Three sizes of alphabet in one: bytes of words that are drawn by Zipf's law."""
    words = np.random.default_rng(seed).zipf(1.3, n)
    return text_of(" ".join(f"w{w % 997:x}" for w in words), Unit.BYTE)


def bytes_of(index: NgramIndex, path: Path) -> bytes:
    index.save(path)
    return path.read_bytes()


@given(
    text=texts(),
    scored=st.text("abcdé猫犬\n xz12", max_size=15),
    order=st.integers(1, 8),
    unit=st.sampled_from(TEXT_UNITS),
    sentences=st.sampled_from(list(Sentences)),
    compat=st.booleans(),
)
def test_scores_are_those_of_the_slow_twin(
    text: str, scored: str, order: int, unit: Unit, sentences: Sentences, compat: bool
) -> None:
    source = text_of(readable(text, unit), unit, sentences)
    assume(len(source))
    index = NgramIndex.build(source, order, kenlm_compat=compat)
    other = text_of(readable(text[:10] + scored + text[-6:], unit), unit, sentences)
    assert largest_difference(index, twin_of(source, order, compat), index.codes_of(other)) < 1e-5


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
    assert "order 1" in str(index.info.describe_fallback())


@given(
    text=texts(),
    context=st.text("abcdé猫z", max_size=12),
    order=st.integers(1, 6),
    compat=st.booleans(),
    sentences=st.sampled_from(list(Sentences)),
)
def test_distributions_sum_to_one_and_agree_with_scores(
    text: str, context: str, order: int, compat: bool, sentences: Sentences
) -> None:
    source = text_of(text, Unit.CHAR, sentences)
    assume(set(text) != {"\n"})
    index = NgramIndex.build(source, order, kenlm_compat=compat)
    naive = twin_of(source, order, compat)
    text = text.replace("\n", "") if sentences is Sentences.LINES else text
    known = set(text)
    for before in (context, text[: len(context)], text, ""):
        p = index.distribution([ord(c) for c in before])
        assert p.shape == (order, len(known) + 3)
        assert np.abs(p.sum(axis=1) - 1).max() < 1e-9
        assert (p[:, 1] == 0).all()
        ended = EOS in naive.vocabulary
        if not (np.delete(p, [1] if ended else [1, 2], axis=1) > 0).all():
            assert (index.discounts.adjusted[1:, 1:] == 0).any() or (index.discounts.raw[1:, 1:] == 0).any()
            continue  # nothing is left for what was not seen
        history = (BOS, *(ord(c) if c in known else UNK for c in before))
        for n in range(1, order + 1):
            tail = history[max(len(history) - n + 1, 0) :]
            assert p[n - 1, 2] == pytest.approx(naive.probability(tail, EOS, n) if ended else 0, abs=1e-6)
        for column, code in ((0, 0x2603), *((3 + k, int(c)) for k, c in enumerate(index.alphabet.codes))):
            scored = index.score(np.array([*map(ord, before), code], np.uint32))[-1]
            assert np.abs(np.log(p[:, column]) - scored).max() < 1e-5


@given(text=texts(), order=st.integers(1, 7), sentences=st.sampled_from(list(Sentences)))
def test_counts_are_those_of_the_slow_twin(text: str, order: int, sentences: Sentences) -> None:
    source = text_of(text, Unit.CHAR, sentences)
    twin = twin_of(source, order)
    index = NgramIndex.build(source, order)
    for gram, count in twin.raw.items():
        if gram[0] != BOS:
            codes = [END_OF_LINE if symbol == EOS else symbol for symbol in gram]
            assert int(index.count(codes)) == count, gram
            assert index.count([codes], adjusted=True).tolist() == [twin.adjusted[gram]], gram
            symbols = source.codes.tolist() + ([END_OF_LINE] if source.end_of_line is None else [])
            target = [source.end_of_line if c == END_OF_LINE and source.end_of_line else c for c in codes]
            starts = [p for p in range(len(symbols)) if symbols[p : p + len(codes)] == target]
            assert index.positions(codes).tolist() == starts
    for context, followers in twin.followers.items():
        if BOS not in context and EOS not in context and len(context) < order:
            found, counts = index.continuations(list(context))
            expected = {END_OF_LINE if s == EOS else s: twin.raw[*context, s] for s in followers}
            assert dict(zip(found.tolist(), counts.tolist(), strict=True)) == expected
    known = sorted(set(text) - {"\n"})
    for a in known:
        for b in known:
            if order >= 3 and (ord(a), ord(b), ord(a)) not in twin.raw:
                assert index.count([ord(a), ord(b), ord(a)]) == 0
                assert len(index.positions([ord(a), ord(b), ord(a)])) == 0


@given(text=texts(), order=st.integers(1, 7), sentences=st.sampled_from(list(Sentences)), wide=st.booleans())
def test_counts_of_counts_are_those_of_the_slow_twin(text: str, order: int, sentences: Sentences, wide: bool) -> None:
    source = text_of(text, Unit.CHAR, sentences)
    twin = twin_of(source, order)
    symbols = NgramIndex.build(source, order).tree.symbols.copy()
    build = PartitionedBuild(symbols, int(symbols.max()) + 1, order, wide)
    build.grow(0, len(build.sizes))
    _, adjusted, raw, covered = build.finish()
    once = occurrences(symbols, order) - covered
    for k in tail_strings(symbols, order):
        once[k] -= 1
    for k in range(1, order + 1):
        for c in range(1, 5):
            more = once[k] if c == 1 else 0
            assert adjusted[k, c] + more == sum(n == c for gram, n in twin.adjusted.items() if len(gram) == k)
            assert raw[k, c] + more == sum(n == c for gram, n in twin.raw.items() if len(gram) == k)


@given(text=texts(), order=st.integers(2, 6), sentences=st.sampled_from(list(Sentences)))
def test_the_tree_is_sound(text: str, order: int, sentences: Sentences) -> None:
    """Children are sorted and marked, parts add up to the whole, and each leaf is below one node."""
    tree = NgramIndex.build(text_of(text, Unit.CHAR, sentences), order).tree
    assert sorted(tree.leaf_position.tolist()) == list(range(len(tree.symbols) - 1))
    nodes = tree.nodes.tolist()
    seen = 0
    stack = [(len(nodes) - 1, 0)]
    while stack:
        v, begin = stack.pop()
        seen += 1
        child, end, _, left, shape = nodes[v]
        depth = shape & DEPTH
        assert left <= end - begin
        strings = {tuple(tree.symbols[p : p + depth].tolist()) for p in tree.leaf_position[begin:end]}
        assert len(strings) == 1
        labels, own = [], begin
        while shape & HAS_CHILDREN:
            assert child < v
            assert (nodes[child][4] & DEPTH) > depth
            labels.append(nodes[child][2])
            stack.append((child, own))
            own = nodes[child][1]
            if nodes[child][4] & LAST_SIBLING:
                break
            child += 1
        assert labels == sorted(set(labels))
        leaves = tree.leaf_label[own:end].tolist()
        if depth == order or 2 in next(iter(strings)):
            assert leaves == [0] * (end - begin)
        else:
            assert leaves == sorted(set(leaves) - set(labels))
    assert seen == len(nodes)


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
    assert index.tree.nodes.dtype.itemsize == 13
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


@given(text=texts(), sentences=st.sampled_from(list(Sentences)), data=st.data())
def test_unknown_positions_are_symbols_never_seen(text: str, sentences: Sentences, data: st.DataObject) -> None:
    source = text_of(text, Unit.CHAR, sentences)
    index = NgramIndex.build(source, 4)
    unknown = np.array(sorted(data.draw(st.sets(st.integers(0, len(text) - 1)))), np.int64)
    codes = source.codes.copy()
    codes[unknown] = 0x2603
    found = np.concatenate(list(index.score_blocks(source.codes, unknown=unknown)))
    assert np.array_equal(found, index.score(codes))


def test_scoring_nothing_gives_nothing() -> None:
    index = NgramIndex.build(text_of_bytes(b"ab", Unit.BYTE), 3)
    assert index.score(np.empty(0, np.uint8)).shape == (0, 3)


# --- as an object ----------------------------------------------------------------------------------------------------


def test_an_index_can_be_pickled(tmp_path: Path) -> None:
    index = NgramIndex.build(zipf(200), 4)
    codes = zipf(20, seed=1).codes
    assert np.array_equal(pickle.loads(pickle.dumps(index)).score(codes), index.score(codes))
    index.save(tmp_path / "x.ngram")
    opened = pickle.dumps(NgramIndex.open(tmp_path / "x.ngram"))
    assert len(opened) < 1000
    assert np.array_equal(pickle.loads(opened).score(codes), index.score(codes))


def test_threads_may_share_an_index() -> None:
    index = NgramIndex.build(zipf(3000), 6)
    pieces = [zipf(300, seed=k).codes for k in range(8)]
    alone = [index.score(piece) for piece in pieces]
    with ThreadPoolExecutor(8) as pool:
        for found, expected in zip(pool.map(index.score, pieces), alone, strict=True):
            assert np.array_equal(found, expected)


def test_batches_are_rows() -> None:
    index = NgramIndex.build(text_of("abracadabra", Unit.BYTE), 4)
    contexts = np.array([list(b"ab"), list(b"br"), list(b"zz")])
    batch = index.distribution(contexts)
    assert batch.shape == (3, 4, 8)
    assert all(np.array_equal(row, index.distribution(context)) for row, context in zip(batch, contexts, strict=True))
    assert index.count(contexts.reshape(1, 3, 2)).tolist() == [[2, 2, 0]]
    assert index.count(contexts, adjusted=True).tolist() == [2, 1, 0]


@pytest.mark.parametrize(
    "codes", [[97.5], [-1], np.array([-1]), [2**32], ["a"], [[97, 98], [99, 97]], np.array([1.0]), 97, None]
)
def test_what_are_no_codes_is_refused(codes: Any) -> None:
    index = NgramIndex.build(text_of("abracadabra", Unit.BYTE), 4)
    for method in (index.score, index.positions, index.continuations):
        with pytest.raises(UsageError, match="code"):
            method(codes)


def test_lists_and_wide_arrays_are_codes() -> None:
    index = NgramIndex.build(text_of("abracadabra", Unit.BYTE), 4)
    expected = index.score(np.frombuffer(b"abz", np.uint8))
    for codes in (list(b"abz"), np.array(list(b"abz")), np.array(list(b"abz"), np.uint32), tuple(b"abz")):
        assert np.array_equal(index.score(codes), expected)
    assert index.distribution(np.empty((0, 2), np.int64)).shape == (0, 4, 8)


@pytest.mark.parametrize("fallback", [(9.0, 9.0, 9.0), (0.5, 1.0), (-1.0, 0.0, 0.0), (0.5, 1.0, math.nan)])
def test_impossible_discounts_are_refused(fallback: Any) -> None:
    with pytest.raises(UsageError, match="0 <= D_j <= j"):
        NgramIndex.build(text_of("abracadabra", Unit.BYTE), 4, fallback)


@pytest.mark.parametrize("unit", [Unit.WORD, Unit.TOKEN])
def test_a_text_of_blank_lines_is_refused(unit: Unit) -> None:
    with pytest.raises(BadInput, match=f"no {unit} in it"):
        NgramIndex.build(text_of(" \n\n", unit), 4)


@pytest.mark.parametrize("ngram", [[], 97, [97] * 5])
def test_what_is_no_ngram_of_the_index_is_refused(ngram: object) -> None:
    index = NgramIndex.build(text_of("abracadabra", Unit.BYTE), 4)
    with pytest.raises(UsageError, match="1 to 4 symbols"):
        index.count(ngram)  # type: ignore[arg-type]


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
    require_unit(index, Unit.BYTE, "log")
    with pytest.raises(BadInput, match="--unit char"):
        require_unit(index, Unit.CHAR, "log")


def test_symbol_names_are_visible() -> None:
    names = NgramIndex.build(text_of_bytes("a \né".encode(), Unit.CHAR), 2).symbol_names()
    assert names == ["<unk>", "<s>", "</s>", "a", "·", "↵", "é"]
