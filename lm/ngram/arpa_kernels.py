"""Kernels that read the lines of an ARPA file (log10) and score texts (natural logarithms)."""

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from errtax.lm.kernels import kernel

LN10 = math.log(10)

NO_PROBABILITY, POSITIVE, TOO_SHORT, NO_WORD, NO_BACKOFF, TOO_LONG = 1, 2, 3, 4, 5, 6
"""What may be wrong with a line."""

_NEWLINE = 10


class Vocabulary(NamedTuple):
    """The words of the 1-grams in their file, by hash (open addressing, a power of two of slots)."""

    begin: NDArray[np.int64]  # (V,) where word v begins in the file
    hash: NDArray[np.int64]  # (V,)
    slot: NDArray[np.int64]  # v, or -1


class Trie(NamedTuple):
    """All n-grams, order by order; those of one order sorted by the row of their prefix, then by their last word.

    Row v < V is the 1-gram of word v.  The n-grams that extend row r by a word to its right are the rows
    child[r] .. child[r + 1] - 1.
    """

    word: NDArray[np.uint32]  # last word
    prob: NDArray[np.float32]  # log10
    backoff: NDArray[np.float32]  # log10; 0 where the file has none
    child: NDArray[np.int64]  # one more than rows


@kernel
def _is_blank(byte):
    return byte in (32, 9, 13)


@kernel
def _next_token(data, p, end):
    """Where the next token of the line begins and ends, from p on; begin == end: there is none."""
    while p < end and _is_blank(data[p]):
        p += 1
    begin = p
    while p < end and data[p] != _NEWLINE and not _is_blank(data[p]):
        p += 1
    return begin, p


@kernel
def _read_number(data, begin, end):
    """Whether data[begin:end] is a decimal number, and its value: exact to a double's last digit or two."""
    # value = mantissa * 10^exponent; of more than 18 digits the others only move the exponent
    p, mantissa, exponent, n_digits = begin, np.int64(0), 0, 0
    negative = p < end and data[p] == 45
    if negative or (p < end and data[p] == 43):
        p += 1
    seen_point = False
    while p < end and (48 <= data[p] <= 57 or (data[p] == 46 and not seen_point)):
        if data[p] == 46:
            seen_point = True
        else:
            n_digits += 1
            if mantissa < 10**17:
                mantissa = mantissa * 10 + (np.int64(data[p]) - 48)
                exponent -= seen_point
            else:
                exponent += not seen_point
        p += 1
    if n_digits and p < end and data[p] in (69, 101):
        p += 1
        minus = p < end and data[p] == 45
        if minus or (p < end and data[p] == 43):
            p += 1
        power, n_digits = 0, 0
        while p < end and 48 <= data[p] <= 57:
            power = min(power * 10 + (np.int64(data[p]) - 48), 9999)
            n_digits += 1
            p += 1
        exponent += -power if minus else power
    if n_digits == 0 or p < end or exponent > 200:
        return False, 0.0
    value = mantissa / 10.0 ** min(-exponent, 300) if exponent < 0 else mantissa * 10.0**exponent
    return True, -value if negative else value


@kernel
def _hash_of(data, begin, end):
    """FNV-1a in 38 bits: without overflow, which numpy warns of where kernels are not compiled."""
    value = np.int64(0x11C9DC5)
    for p in range(begin, end):
        value = ((value ^ np.int64(data[p])) * 16777619) & 0x3FFFFFFFFF
    return value ^ (value >> 19)


@kernel
def _find_slot(vocabulary, data, begin, end, value):
    """The slot of the word data[begin:end] whose hash is `value`: its own, or the empty one where it would stand."""
    # there are more slots than words, so that an empty one ends the search
    slot = value & (len(vocabulary.slot) - 1)
    while vocabulary.slot[slot] >= 0:
        word = vocabulary.slot[slot]
        if vocabulary.hash[word] == value:
            p, q = begin, vocabulary.begin[word]
            while p < end and data[p] == data[q]:
                p, q = p + 1, q + 1
            if p == end and (_is_blank(data[q]) or data[q] == _NEWLINE):
                return slot
        slot = (slot + 1) & (len(vocabulary.slot) - 1)
    return slot


@kernel
def index_words(data, vocabulary):
    """Fill `hash` and `slot`; the first word that stands twice, or -1."""
    for word in range(len(vocabulary.begin)):
        begin, end = _next_token(data, vocabulary.begin[word], len(data))
        value = _hash_of(data, begin, end)
        slot = _find_slot(vocabulary, data, begin, end, value)
        if vocabulary.slot[slot] >= 0:
            return word
        vocabulary.hash[word], vocabulary.slot[slot] = value, word
    return -1


@kernel
def measure_words(data, begins, offsets):
    """offsets[v]: where word v begins when all stand end to end; returns the length of them all."""
    offsets[0] = 0
    for v in range(len(begins)):
        begin, end = _next_token(data, begins[v], len(data))
        offsets[v + 1] = offsets[v] + end - begin
    return offsets[-1]


@kernel
def copy_words(data, begins, offsets, out):
    """Write the words end to end, where `measure_words` put them."""
    for v in range(len(begins)):
        for k in range(offsets[v + 1] - offsets[v]):
            out[offsets[v] + k] = data[begins[v] + k]


@kernel
def parse_lines(data, begin, end, order, vocabulary, words, prob, backoff):
    """Read the n-grams of data[begin:end], whole lines: words[g, k], prob[g], backoff[g].

    At order 1 words[g, 0] is where the word begins, counted from `begin`.  Returns the number of n-grams, what is
    wrong with the line after them (0: nothing) and where in the file.
    """
    # each round reads one line from its first symbol on, blank lines too; n n-grams are whole by then
    n, p = 0, begin
    while p < end:
        token, p = _next_token(data, p, end)
        if token < p:
            fine, value = _read_number(data, token, p)
            if not fine or value > 0:
                return n, POSITIVE if fine else NO_PROBABILITY, token
            prob[n] = value
            for k in range(order):
                token, p = _next_token(data, p, end)
                if token == p:
                    return n, TOO_SHORT, min(token, end - 1)
                word = token - begin
                if order > 1:
                    word = vocabulary.slot[_find_slot(vocabulary, data, token, p, _hash_of(data, token, p))]
                    if word < 0:
                        return n, NO_WORD, token
                words[n, k] = word
            token, p = _next_token(data, p, end)
            backoff[n] = 0
            if token < p:
                fine, value = _read_number(data, token, p)
                backoff[n] = value
                if not fine:
                    return n, NO_BACKOFF, token
                token, p = _next_token(data, p, end)
                if token < p:
                    return n, TOO_LONG, token
            n += 1
        p += 1  # the newline
    return n, 0, begin


@kernel
def find_child(trie, row, word):
    """The row of the n-gram of `row` and `word`, or -1."""
    # the words of low:high ascend; word[low] <= word < word[high] wherever it is among them
    low, high = trie.child[row], trie.child[row + 1]
    while high - low > 8:
        middle = (low + high) // 2
        if trie.word[middle] <= word:
            low = middle
        else:
            high = middle
    for child in range(low, high):
        if trie.word[child] == word:
            return child
    return -1


@kernel
def find_prefixes(trie, words, rows):
    """rows[g]: the row of n-gram g without its last word; the first g whose prefix the trie lacks, or -1.

    Neighbours in a sorted file share most of their prefix, so the way down is kept from one to the next.
    """
    order, path = words.shape[1], np.empty(words.shape[1], np.int64)
    for g in range(len(words)):
        shared = 0
        while g > 0 and shared < order - 1 and words[g, shared] == words[g - 1, shared]:
            shared += 1
        for k in range(shared, order - 1):
            path[k] = words[g, 0] if k == 0 else find_child(trie, path[k - 1], words[g, k])
            if path[k] < 0:
                return g
        rows[g] = path[order - 2]
    return -1


@kernel
def score_positions(trie, bos, eos, ids, begin, end, out):
    """out[i - begin, n - 1]: ln P(ids[i] | at most n - 1 ids before it), for positions begin <= i < end.

    ids[0] is `<s>`; an `eos` is predicted as `</s>` and stands for `<s>` as context.  Start j, read down the trie,
    meets position i = j + n - 1 at order n.  Starts are taken from right to left, so when start j comes to position
    i, p[i] already holds the score with one word of context less, which the back-off rule asks for.
    """
    order = out.shape[1]
    p = np.empty(end - begin)
    for j in range(end - 1, max(begin - order, -1), -1):
        if j >= begin:
            p[j - begin] = trie.prob[ids[j]]
            out[j - begin, 0] = p[j - begin] * LN10
        begins_sentence = j == 0 or ids[j] == eos
        row = np.int64(bos if begins_sentence else ids[j])
        for i in range(j + 1, min(j + order, end)):
            longer = find_child(trie, row, ids[i]) if row >= 0 else -1
            if i >= begin:
                if longer >= 0:
                    p[i - begin] = trie.prob[longer]
                elif row >= 0:
                    p[i - begin] += trie.backoff[row]
                # no context reaches beyond the sentence's start: the orders above see the same
                out[i - begin, i - j : order if begins_sentence else i - j + 1] = p[i - begin] * LN10
            if ids[i] == eos:
                break
            row = longer
