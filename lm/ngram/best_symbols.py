"""What the models of all orders expect: the best symbol and its probability, without distributions over the alphabet.

In (Chen & Goodman, eq. 24; `smoothing`)

    p_n(w | h) = A(w | h) + G(h) p_{n-1}(w | h')

A is 0 for what never followed h.  So the largest p_n is that of a symbol that followed h, or else G times the largest
p_{n-1}.  A follower that A + G max p_{n-1} does not bring up to the best one so far needs no closer look, which leaves
few.  Each distinct context of a piece of the text (`contexts`) is looked at once, the short ones first: h' before h.

Two symbols are equal if they differ by less than `EQUAL` of the larger.  Of equal ones, one that followed the longer
context is the best, and of these the one with the lowest id.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from errtax.lm.kernels import even_spans, inlined, n_threads, parallel_map, tight
from errtax.lm.ngram.contexts import NONE, Contexts, counts_after, discount, find_contexts, room_for
from errtax.lm.ngram.query import NOWHERE, Smoothing
from errtax.lm.ngram.suffix_sort import Plan, scratch_of, sort_suffixes
from errtax.lm.ngram.suffix_tree import Tree
from errtax.lm.special import BOS, END, EOS, UNK

EQUAL = 1e-6
_SMALLEST, _LARGEST = 1 << 12, 1 << 16  # positions whose contexts are found together


class Best(NamedTuple):
    """The best of the unigrams, by adjusted counts and by counts: id and probability."""

    symbol: int
    p: float
    raw_symbol: int
    raw_p: float


class Piece(NamedTuple):
    """The contexts of the positions `span` of a text.

    `numbers[j - first, m - 1]`: the context that is the m symbols from j on, for m <= length[j - first].
    """

    span: tuple[int, int]
    first: int
    numbers: NDArray[np.int32]
    length: NDArray[np.uint8]
    contexts: Contexts
    unigrams: Best


def map_pieces(
    tree: Tree,
    smoothing: Smoothing,
    plan: Plan,
    ids: NDArray[Any],
    span: tuple[int, int],
    read: Callable[[Piece], None],
) -> None:
    """Let `read` see the pieces of a span of `ids`, which must end with 0, computed on all cores.

    Time O(n N), and a step for each symbol that followed a context, per piece; memory O(N) for 64 K positions a thread.
    """
    unigrams = _best_unigrams(smoothing)
    size = min(max((span[1] - span[0]) // n_threads(), _SMALLEST), _LARGEST)
    parallel_map(lambda each: read(_piece(tree, smoothing, plan, ids, each, unigrams)), even_spans(*span, size))


def _piece(
    tree: Tree, smoothing: Smoothing, plan: Plan, ids: NDArray[Any], span: tuple[int, int], unigrams: Best
) -> Piece:
    first = max(span[0] - plan.order + 1, 0)
    starts = np.arange(first, span[1] - 1, dtype=np.uint32)
    common = np.zeros(len(starts) + 1, np.uint8)
    if len(starts):
        sort_suffixes(ids, starts, common, 0, plan, scratch_of(len(starts), plan.order, np.uint32))
    contexts = room_for(len(starts) * (plan.order - 1))
    numbers = np.empty((len(starts), plan.order - 1), np.int32)
    piece = Piece(span, first, numbers, np.zeros(len(starts), np.uint8), contexts, unigrams)
    path = np.empty(plan.order + 1, np.int32)
    found = find_contexts(tree, smoothing, ids, starts, common, path, piece)
    by_depth = np.argsort(contexts.depth[:found], kind="stable")
    _look_at(tree, smoothing, by_depth, piece)
    return piece


def _best_unigrams(smoothing: Smoothing) -> Best:
    """Of `<unk>`, `</s>` where there are any, and all symbols; `<s>` has 0."""
    found: list[Any] = []
    for table in (smoothing.unigram_adjusted, smoothing.unigram_raw):
        p = table.copy()
        if smoothing.root_node[EOS] == NOWHERE:
            p[EOS] = 0.0
        equal = p >= (1 - EQUAL) * p.max()
        found += [int(np.argmax(equal)), float(p.max())]
    return Best(*found)


# --- the best symbol of each -----------------------------------------------------------------------------------------


@tight
def _look_at(tree, smoothing, by_depth, piece):
    """Find the best symbols of all contexts; by_depth: their numbers, short ones first."""
    contexts, unigrams = piece.contexts, piece.unigrams
    for k in range(len(by_depth)):
        e = by_depth[k]
        lower = np.int64(contexts.lower[e])
        best, best_symbol = unigrams.p, unigrams.symbol
        if lower != NONE:
            best, best_symbol = contexts.p[lower], np.int64(contexts.symbol[lower])
        contexts.p[e], contexts.raw_p[e] = 0.0, 0.0
        contexts.symbol[e], contexts.raw_symbol[e] = NONE, NONE
        if contexts.own[e] == NONE:
            count, left = np.int64(contexts.total[e]), np.int64(contexts.denominator[e])
            _consider(tree, smoothing, contexts, e, contexts.last[e], count, left, best)
        else:
            _consider_all(tree, smoothing, contexts, e, best)
        # symbols that never followed
        if contexts.gamma[e] * best > contexts.p[e] * (1 + EQUAL):
            contexts.p[e], contexts.symbol[e] = contexts.gamma[e] * best, best_symbol
        if contexts.raw_gamma[e] * best > contexts.raw_p[e] * (1 + EQUAL):
            contexts.raw_p[e], contexts.raw_symbol[e] = contexts.raw_gamma[e] * best, best_symbol


@inlined
def _consider_all(tree, smoothing, contexts, e, best):
    """Consider all symbols that followed context e, those with the largest counts first."""
    node, last, is_bos = contexts.node[e], contexts.last[e], contexts.is_bos[e]
    first = np.int64(tree.nodes[node]["child"])
    for turn in range(2):
        # turn 0: only the largest, so that most of the others fall short in turn 1
        most_count, most_left = np.int64(-1), np.int64(-1)
        begin = contexts.begin[e]
        if last != NONE:
            for c in range(first, last + 1):
                end, symbol = np.int64(tree.nodes[c]["end"]), np.int64(tree.nodes[c]["label"])
                count = end - begin
                left = count if is_bos else np.int64(tree.nodes[c]["left"])
                begin = end
                if symbol != END and (turn == 1 or count > most_count or left > most_left):
                    most_count, most_left = max(count, most_count), max(left, most_left)
                    _consider(tree, smoothing, contexts, e, symbol, count, left, best)
        if turn == 0:
            continue
        one = np.int64(1)
        if not _may_be_best(smoothing, contexts, e, one, one, best):
            continue
        for leaf in range(contexts.own[e], np.int64(tree.nodes[node]["end"])):
            if tree.leaf_label[leaf] != END:
                _consider(tree, smoothing, contexts, e, np.int64(tree.leaf_label[leaf]), one, one, best)


@inlined
def _may_be_best(smoothing, contexts, e, count, left, best):
    """Whether a follower of such counts may reach what is known to be reached; `best`: the largest p_{n-1}."""
    n = np.int64(contexts.depth[e])
    least = max(contexts.p[e], contexts.gamma[e] * best)
    raw_least = max(contexts.raw_p[e], contexts.raw_gamma[e] * best)
    gain = (left - discount(smoothing.adjusted, n, left)) / contexts.denominator[e]
    raw_gain = (count - discount(smoothing.raw, n, count)) / contexts.total[e]
    return gain + contexts.gamma[e] * best >= least * (1 - EQUAL) or raw_gain + contexts.raw_gamma[
        e
    ] * best >= raw_least * (1 - EQUAL)


@inlined
def _consider(tree, smoothing, contexts, e, symbol, count, left, best):
    """Let a symbol that followed context e be the best one, if it is."""
    if _may_be_best(smoothing, contexts, e, count, left, best):
        n = np.int64(contexts.depth[e])
        lower = _lower_probability(tree, smoothing, contexts, np.int64(contexts.lower[e]), symbol)
        gain = (left - discount(smoothing.adjusted, n, left)) / contexts.denominator[e]
        p = gain + contexts.gamma[e] * lower
        if p > contexts.p[e] * (1 + EQUAL) or (p >= contexts.p[e] * (1 - EQUAL) and symbol < contexts.symbol[e]):
            contexts.symbol[e] = symbol
        contexts.p[e] = max(contexts.p[e], p)
        raw_gain = (count - discount(smoothing.raw, n, count)) / contexts.total[e]
        p = raw_gain + contexts.raw_gamma[e] * lower
        known = contexts.raw_p[e]
        if p > known * (1 + EQUAL) or (p >= known * (1 - EQUAL) and symbol < contexts.raw_symbol[e]):
            contexts.raw_symbol[e] = symbol
        contexts.raw_p[e] = max(known, p)


@inlined
def _lower_probability(tree, smoothing, contexts, e, symbol):
    """P of a symbol by adjusted counts after context e, or after nothing."""
    p, weight = 0.0, 1.0
    while e != NONE:
        if contexts.symbol[e] == symbol:  # most often
            return p + weight * contexts.p[e]
        _, left = counts_after(tree, contexts, e, symbol)
        if left > 0:
            n = np.int64(contexts.depth[e])
            p += weight * (left - discount(smoothing.adjusted, n, left)) / contexts.denominator[e]
        weight *= contexts.gamma[e]
        e = np.int64(contexts.lower[e])
    return p + weight * smoothing.unigram_adjusted[symbol]


# --- what is asked of them -------------------------------------------------------------------------------------------


@tight
def read_best(piece, symbols, logprobs):
    """symbols[i, n - 1], logprobs[i, n - 1]: the best symbol of position span[0] + i by order n, and its log p."""
    contexts, unigrams = piece.contexts, piece.unigrams
    begin, end = piece.span
    for i in range(begin, end):
        symbols[i - begin, 0], logprobs[i - begin, 0] = unigrams.raw_symbol, np.log(unigrams.raw_p)
        symbol, p = unigrams.symbol, unigrams.p  # of the order below, by adjusted counts
        seen = True
        for m in range(1, symbols.shape[1]):
            row = i - m - piece.first
            seen = seen and row >= 0 and piece.length[row] >= m
            if seen:
                e = piece.numbers[row, m - 1]
                symbols[i - begin, m], logprobs[i - begin, m] = contexts.raw_symbol[e], np.log(contexts.raw_p[e])
                symbol, p = np.int64(contexts.symbol[e]), contexts.p[e]
            else:  # back off with weight 1
                symbols[i - begin, m], logprobs[i - begin, m] = symbol, np.log(p)


@tight
def find_expected(tree, smoothing, ids, piece, contexts_needed, logprobs):
    """contexts_needed[i]: the smallest n >= 1 such that ids[span[0] + i] is the best symbol with n symbols of context.

    0 where there is none; logprobs[i]: the log-probability that this model gives it, or NaN.  A symbol that is equal to
    the best one is the best.
    """
    contexts, unigrams = piece.contexts, piece.unigrams
    begin, end = piece.span
    for i in range(begin, end):
        symbol = np.int64(ids[i])
        contexts_needed[i - begin], logprobs[i - begin] = 0, np.nan
        if symbol in (UNK, BOS):
            continue
        p, best = smoothing.unigram_adjusted[symbol], unigrams.p
        for m in range(1, piece.numbers.shape[1] + 1):
            row = i - m - piece.first
            seen = row >= 0 and piece.length[row] >= m
            raw_p, raw_best = p, best
            if seen:
                e = piece.numbers[row, m - 1]
                count, left = counts_after(tree, contexts, np.int64(e), symbol)
                raw_p, best = contexts.raw_gamma[e] * p, contexts.p[e]
                p, raw_best = contexts.gamma[e] * p, contexts.raw_p[e]
                if count > 0:
                    raw_p += (count - discount(smoothing.raw, m, count)) / contexts.total[e]
                    p += (left - discount(smoothing.adjusted, m, left)) / contexts.denominator[e]
            if raw_p >= (1 - EQUAL) * raw_best:
                contexts_needed[i - begin], logprobs[i - begin] = m, np.log(raw_p)
                break
            if not seen:
                break
