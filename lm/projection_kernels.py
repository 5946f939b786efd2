"""Kernels of the byte log: from distributions over tokens to those over bytes.

The tokens stand sorted by their bytes, so those that begin with u are a range, a node of the trie of all prefixes.
"""

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from errtax.lm.kernels import inlined, kernel, tight
from errtax.lm.token_masses import mass_of, weigh

N_BYTES = 256
_TIE = 1e-12
"""Sums that differ by less, relative to the larger, are equal: in which order they were added must decide nothing."""


class Trie(NamedTuple):
    """All prefixes of a vocabulary's tokens, breadth first: node 0 is the empty one, siblings are sorted neighbours.

    The tokens that begin with node v are `order[lows[v]:highs[v]]`, those that are no longer than it first; its
    children are nodes `first[v] .. first[v + 1] - 1`, `labels[v]` is its last byte, `parents[v]` the node without it.
    `nodes[k]`: the node of all bytes of id k, -1 where it is special; `places[k]`: where it stands in `order`.
    """

    order: NDArray[np.int32]
    first: NDArray[np.int32]
    lows: NDArray[np.int32]
    highs: NDArray[np.int32]
    labels: NDArray[np.uint8]
    parents: NDArray[np.int32]
    nodes: NDArray[np.int32]
    places: NDArray[np.int32]


class Tokens(NamedTuple):
    """Tokens of a text: their ids, whether each is predicted, and the row of its first byte, (n + 1,) with the end."""

    ids: NDArray[np.int64]
    predicted: NDArray[np.bool_]
    offsets: NDArray[np.int64]


class Borders(NamedTuple):
    """What a token's first byte needs of the distributions on both sides; rows are tokens.

    `shares[k]`: e_k, the share of "the token ends here"; NaN where token k was not predicted.  `starts[k, b]`: S_k(b),
    the mass of the tokens that begin with byte b.  `continuations[k, b]`: S_k(t_k b) / S_k(t_k).
    """

    shares: NDArray[np.float64]
    starts: NDArray[np.float64]
    continuations: NDArray[np.float64]


class ByteColumns(NamedTuple):
    """Columns of a byte log; see `byte_log.ByteRows`."""

    logprob: NDArray[np.float64]
    argmax: NDArray[np.uint8]
    argmax_logprob: NDArray[np.float64]
    rank: NDArray[np.int32]


@kernel
def grow_trie(data, starts, lengths):
    """The trie of tokens sorted by bytes; token i has `data[starts[i]:starts[i] + lengths[i]]`, at least one byte.

    Returns first, lows, highs, labels, parents, and the node of each token; memory 17 bytes per byte of all tokens.
    """
    n = len(lengths)
    size = lengths.sum() + 1
    first, lows, highs = np.empty(size + 1, np.int32), np.empty(size, np.int32), np.empty(size, np.int32)
    labels, parents, depths = np.zeros(size, np.uint8), np.empty(size, np.int32), np.empty(size, np.int32)
    nodes = np.empty(n, np.int32)
    lows[0], highs[0], parents[0], depths[0] = 0, n, -1, 0
    v, made = 0, 1
    while v < made:
        first[v] = made
        depth, i = depths[v], lows[v]
        while i < highs[v] and lengths[i] == depth:
            nodes[i] = v
            i += 1
        while i < highs[v]:
            label, low = data[starts[i] + depth], i
            while i < highs[v] and data[starts[i] + depth] == label:
                i += 1
            lows[made], highs[made], labels[made] = low, i, label
            parents[made], depths[made] = v, depth + 1
            made += 1
        v += 1
    first[made] = made
    return first[: made + 1], lows[:made], highs[:made], labels[:made], parents[:made], nodes


@tight
def split_node(trie, masses, node, by_byte):
    """Put the masses of a node's children into `by_byte`; returns the node's own, that of tokens ending there too."""
    by_byte[:] = 0.0
    first, stop = trie.first[node], trie.first[node + 1]
    ended = trie.lows[first] if first < stop else trie.highs[node]
    total = mass_of(masses, trie.lows[node], ended)
    for child in range(first, stop):
        mass = mass_of(masses, trie.lows[child], trie.highs[child])
        by_byte[trie.labels[child]] = mass
        total += mass
    return total


@inlined
def _log(probability):
    return min(math.log(probability), 0.0) if probability > 0 else -math.inf


@tight
def write_row(columns, row, correct, logprob, by_byte, total):
    """One row of the log: `logprob` of the correct byte; best byte and rank by `by_byte`, masses of a `total`."""
    best = 0
    for b in range(1, N_BYTES):
        if by_byte[b] > by_byte[best] * (1 + _TIE):
            best = b
    own, rank = by_byte[correct], 1
    for b in range(N_BYTES):
        if by_byte[b] > own * (1 + _TIE) or (b < correct and by_byte[b] * (1 + _TIE) >= own):
            rank += 1
    columns.logprob[row] = logprob
    columns.argmax[row] = best
    columns.argmax_logprob[row] = _log(by_byte[best] / total)
    columns.rank[row] = rank


@inlined
def _scale(by_byte, total):
    for b in range(N_BYTES):
        by_byte[b] /= total


@tight
def project_tokens(scores, tokens, trie, masses, borders, columns, first, stop):
    """Project the tokens first .. stop - 1: their rows after each first byte, and their `borders`.

    scores[k]: the logits of token k, or log-probabilities.  Rows of what is not predicted must be filled before.
    Returns -1, or the first token whose scores are no distribution.
    """
    ids, offsets = tokens.ids, tokens.offsets
    for k in range(first, stop):
        borders.shares[k] = math.nan
        if not tokens.predicted[k]:
            continue
        whole = weigh(scores, k, trie.order, masses)
        if not whole > 0:
            return k
        # The token's path of prefixes, from its last byte to its first; by_byte: a row that is filled last.
        node, by_byte = trie.nodes[ids[k]], borders.continuations[k]
        row = offsets[k + 1] - 1
        while row > offsets[k]:
            above = trie.parents[node]
            total = split_node(trie, masses, above, by_byte)
            if total > 0:  # else it follows a byte of probability 0, and there is nothing to say
                correct = trie.labels[node]
                write_row(columns, row, correct, _log(by_byte[correct] / total), by_byte, total)
            node, row = above, row - 1
        total = split_node(trie, masses, 0, borders.starts[k])
        _scale(borders.starts[k], total)
        node = trie.nodes[ids[k]]
        total = split_node(trie, masses, node, by_byte)
        borders.shares[k] = masses.single[trie.places[ids[k]]] / total if total > 0 else 1.0
        _scale(by_byte, total if total > 0 else 1.0)
    return -1


@tight
def join_tokens(share, continuation, firsts, tokens, borders, columns):
    """The rows of first bytes, p(b) = e_k S_{k+1}(b); `firsts[k]`: the first byte of token k.

    Best byte and rank follow that plus the continuations of the token before.  `share`, `continuation`: e of the token
    before the first, NaN if it was not predicted, and (256,) its continuations.  `borders.starts` is overwritten.
    """
    for k in range(len(firsts)):
        if not math.isnan(borders.shares[k]):
            by_byte = borders.starts[k]
            if math.isnan(share):
                logprob = _log(by_byte[firsts[k]])
            else:
                logprob = _log(share) + _log(by_byte[firsts[k]])  # without the continuations; their product might be 0
                for b in range(N_BYTES):
                    by_byte[b] = share * by_byte[b] + continuation[b]
            write_row(columns, tokens.offsets[k], firsts[k], logprob, by_byte, 1.0)
        share, continuation = borders.shares[k], borders.continuations[k]


def unpredicted_columns(symbols: NDArray[np.uint8]) -> ByteColumns:
    """The rows of bytes (n,) as long as none is predicted."""
    n = len(symbols)
    return ByteColumns(np.full(n, np.nan), symbols.copy(), np.full(n, np.nan), np.zeros(n, np.int32))
