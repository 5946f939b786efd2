"""From an ARPA file to a trie of its n-grams: any tool's file, plain or gzipped."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from errtax.lm.errors import BadInput
from errtax.lm.kernels import parallel_map
from errtax.lm.ngram import arpa_kernels as kernels
from errtax.lm.ngram.arpa_kernels import Trie, Vocabulary
from errtax.lm.ngram.arpa_source import ArpaSource, Section, find_sections, open_source
from errtax.lm.ngram.token_names import UNK_CAPITAL
from errtax.lm.special import BOS_NAME, EOS_NAME, UNK_NAME
from errtax.lm.table import arrow_of_names, numpy_of

UNKNOWN_LOG10 = -100.0
"""log10 p of an unknown word where a model has no `<unk>`: KenLM's choice (lm/config.cc, unknown_missing_logprob)."""

_PIECE = 1 << 22  # bytes one thread parses at a time
_ROWS = 1 << 17  # n-grams one thread finds the prefixes of at a time


@dataclass(frozen=True, eq=False)
class ArpaTables:
    """What an ARPA file says.  `words[v]` (a `pa.StringArray`) is word v; `unk`, `bos`, `eos` number three of them."""

    order: int
    words: Any
    trie: Trie
    unk: int
    bos: int
    eos: int
    sha256: str  # of the file as it is, gzipped or not


class Grams(NamedTuple):
    """The n-grams of one order as they stand in the file; log10."""

    words: NDArray[Any]  # (g, n)
    prob: NDArray[np.float32]
    backoff: NDArray[np.float32]


def read_arpa(path: Path) -> ArpaTables:
    """The n-grams of a file.

    Lines may be separated by tabs or spaces and end as on Windows, back-off weights may be missing, any text may
    stand before `\\data\\`.  A file without `<unk>` gets one of log10 probability -100, as KenLM does; `<UNK>` is
    another spelling of it.

    Raises `BadInput` for all else: counts that differ from the header's, a cut file, a line with too few or too many
    words, a malformed number or a positive log-probability, a word that is not a 1-gram, an n-gram that occurs
    twice or whose first n - 1 words are not an n-gram, no `<s>` or `</s>`.

    Time O(bytes + g log g) for g n-grams, on all cores; 20 bytes per n-gram stay in memory.
    """
    source, sha256 = open_source(path)
    sections = find_sections(source)
    unigrams = _parse(source, sections[0], _no_vocabulary())
    vocabulary = _index_words(source, unigrams.words[:, 0])
    words = _strings(source, vocabulary.begin)
    unk, bos, eos = _find_special(source, words)
    if unk == len(words):
        words = pa.concat_arrays([words, arrow_of_names([UNK_NAME])])
        unigrams = Grams(
            unigrams.words, np.append(unigrams.prob, np.float32(UNKNOWN_LOG10)), np.append(unigrams.backoff, [0])
        )
    trie = _empty_trie([len(words), *(section.n_grams for section in sections[1:])])
    trie.word[: len(words)] = np.arange(len(words))
    trie.prob[: len(words)], trie.backoff[: len(words)] = unigrams.prob, unigrams.backoff
    parents, start = 0, len(words)
    for section in sections[1:]:
        _add_order(source, trie, parents, start, _parse(source, section, vocabulary), words)
        parents, start = start, start + section.n_grams
    trie.child[parents:] = start
    return ArpaTables(len(sections), words, trie, unk, bos, eos, sha256)


def _no_vocabulary() -> Vocabulary:
    return Vocabulary(np.empty(0, np.int64), np.empty(0, np.int64), np.full(1, -1, np.int64))


def _parse(source: ArpaSource, section: Section, vocabulary: Vocabulary) -> Grams:
    """The n-grams of a section; the words of 1-grams are the offsets where they begin."""
    n = section.order

    def parse_piece(piece: tuple[int, int]) -> tuple[Grams, int, int]:
        begin, end = piece
        n_lines = int(np.count_nonzero(source.array[begin:end] == ord("\n"))) + 1
        grams = Grams(np.empty((n_lines, n), np.uint32), np.empty(n_lines, np.float32), np.empty(n_lines, np.float32))
        n_grams, fault, offset = kernels.parse_lines(source.array, begin, end, n, vocabulary, *grams)
        words = grams.words[:n_grams] + np.int64(begin) if n == 1 else grams.words[:n_grams]
        return Grams(words, grams.prob[:n_grams], grams.backoff[:n_grams]), fault, offset

    parsed = parallel_map(parse_piece, source.pieces(section.begin, section.end, _PIECE))
    for _, fault, offset in parsed:
        if fault:
            source.fail(offset, _describe(source, fault, offset, n))
    grams = Grams(*(np.concatenate(columns) for columns in zip(*(piece[0] for piece in parsed), strict=True)))
    if len(grams.prob) != section.n_grams:
        found = f"the header promises {section.n_grams:,} {n}-grams, but there are {len(grams.prob):,}"
        source.fail(section.begin - 1, f"{found}; the file is damaged.")
    return grams


def _describe(source: ArpaSource, fault: int, offset: int, n: int) -> str:
    line, word = source.line_at(offset), source.word_at(offset)
    if fault == kernels.NO_PROBABILITY:
        return f"{word!r} stands where the log10 probability of a {n}-gram is expected."
    if fault == kernels.POSITIVE:
        return f"the log10 probability {word} is above 0."
    if fault == kernels.NO_WORD:
        return f"{word!r} is not among the 1-grams, which list all words."
    if fault == kernels.NO_BACKOFF:
        return f"{word!r} stands where a back-off weight or the end of a {n}-gram's line is expected."
    due = f"a log10 probability, {n} word{'s' * (n > 1)} and at most a back-off weight are expected"
    return f"{line!r} has too {'few' if fault == kernels.TOO_SHORT else 'many'} fields: {due}."


def _index_words(source: ArpaSource, begins: NDArray[np.int64]) -> Vocabulary:
    n_slots = 1 << max(4, (2 * len(begins)).bit_length())
    vocabulary = Vocabulary(begins, np.empty(len(begins), np.int64), np.full(n_slots, -1, np.int64))
    twice = kernels.index_words(source.array, vocabulary)
    if twice >= 0:
        offset = int(begins[twice])
        source.fail(offset, f"the 1-gram {source.word_at(offset)!r} occurs twice.")
    return vocabulary


def _strings(source: ArpaSource, begins: NDArray[np.int64]) -> Any:
    """The words as a `pa.StringArray`."""
    offsets = np.empty(len(begins) + 1, np.int64)
    content = np.empty(kernels.measure_words(source.array, begins, offsets), np.uint8)
    kernels.copy_words(source.array, begins, offsets, content)
    if offsets[-1] > np.iinfo(np.int32).max:
        source.fail(int(begins[0]), f"the words have {offsets[-1]:,} bytes; 2^31 - 1 are allowed.")
    buffers = [None, pa.py_buffer(offsets.astype(np.int32)), pa.py_buffer(content)]
    words = pa.StringArray.from_buffers(len(begins), *buffers[1:])
    try:
        words.validate(full=True)
    except pa.ArrowInvalid:
        bad = next((begin for begin in begins.tolist() if "\ufffd" in source.word_at(begin)), int(begins[0]))
        source.fail(bad, f"the word {source.word_at(bad)!r} is not UTF-8; convert the file.")
    return words


def _find_special(source: ArpaSource, words: Any) -> tuple[int, int, int]:
    """The numbers of `<unk>` (of a word after the last where there is none), `<s>` and `</s>`."""
    found = pc.index_in(arrow_of_names([UNK_NAME, UNK_CAPITAL, BOS_NAME, EOS_NAME]), value_set=words)
    unk, capital, bos, eos = (int(number) for number in numpy_of(found, missing=-1))
    for name, number in ((BOS_NAME, bos), (EOS_NAME, eos)):
        if number < 0:
            raise BadInput(f"{source.path} has no 1-gram {name}; a model of sentences is needed.")
    return (unk if unk >= 0 else capital if capital >= 0 else len(words)), bos, eos


def _empty_trie(sizes: Sequence[int]) -> Trie:
    n = sum(sizes)
    return Trie(np.empty(n, np.uint32), np.empty(n, np.float32), np.empty(n, np.float32), np.empty(n + 1, np.int64))


def _add_order(source: ArpaSource, trie: Trie, parents: int, start: int, grams: Grams, words: Any) -> None:
    """Put n-grams into the rows from `start` on; the n-grams one word shorter are the rows parents .. start - 1."""
    rows = _find_prefixes(source, trie, grams.words, words)
    keys = (rows - parents).astype(np.uint64) << np.uint64(32) | grams.words[:, -1]
    if (keys[1:] <= keys[:-1]).any():
        by_key = np.argsort(keys)
        keys = keys[by_key]
        if (twice := keys[1:] == keys[:-1]).any():
            raise BadInput(f"{source.path}: {_name(grams.words[by_key[twice.argmax()]], words)} occurs twice.")
        grams = Grams(grams.words, grams.prob[by_key], grams.backoff[by_key])
    end = start + len(keys)
    trie.word[start:end] = keys & np.uint64(0xFFFFFFFF)
    trie.prob[start:end], trie.backoff[start:end] = grams.prob, grams.backoff
    n_children = np.bincount((keys >> np.uint64(32)).astype(np.int64), minlength=start - parents)
    trie.child[parents] = start
    trie.child[parents + 1 : start + 1] = start + np.cumsum(n_children)


def _find_prefixes(source: ArpaSource, trie: Trie, words: NDArray[np.uint32], names: Any) -> NDArray[np.int64]:
    """The row of each n-gram without its last word."""
    rows = np.empty(len(words), np.int64)

    def find(begin: int) -> int:
        end = begin + _ROWS
        missing: int = kernels.find_prefixes(trie, words[begin:end], rows[begin:end])
        return begin + missing if missing >= 0 else -1

    for missing in parallel_map(find, range(0, len(words), _ROWS)):
        if missing >= 0:
            gram = words[missing]
            prefix = f"but its first words, {_name(gram[:-1], names)}, do not"
            raise BadInput(f"{source.path}: {_name(gram, names)} stands in the file, {prefix}; it is damaged.")
    return rows


def _name(gram: NDArray[np.uint32], words: Any) -> str:
    return f"the {len(gram)}-gram {' '.join(words[int(word)].as_py() for word in gram)!r}"
