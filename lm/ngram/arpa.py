"""Scores by the model of an ARPA file, without KenLM."""

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from errtax.lm.errors import BadInput
from errtax.lm.kernels import parallel_map
from errtax.lm.ngram.arpa_kernels import score_positions
from errtax.lm.ngram.arpa_reader import ArpaTables, read_arpa
from errtax.lm.ngram.model import require_unit
from errtax.lm.ngram.token_names import NO_CODE, RESERVED, end_of_line, find_codes, guess_unit, looks_special
from errtax.lm.text import Alphabet, Codes, Sentences, Text, Unit, default_sentences, recode

logger = logging.getLogger("errtax")

_PIECE = 4096  # positions one thread scores at a time: its output stays in the cache


@dataclass(frozen=True, eq=False)
class ArpaModel:
    """The one model of an ARPA file, of order N, as an `NgramModel`.

    Column N of its scores is the model, equal to KenLM's `query`.  Column n < N is *the same model* asked with its
    context cut to n - 1 symbols, as KenLM scores a short context.  That is not the model which `lmplz -o n` would
    estimate: below the highest order Kneser-Ney's probabilities come from counts of contexts, not of occurrences.
    Models of all orders are in an index of `errtax build-ngram`, and in the folder of its `--engine kenlm`.
    """

    unit: Unit
    sentences: Sentences
    tables: ArpaTables
    codes: NDArray[np.int64]
    """codes[v]: the code of word v in a text of this unit; negative where it is none."""
    text_sha256: str = ""

    @classmethod
    def open(cls, path: Path, unit: Unit | None = None, sentences: Sentences | None = None) -> "ArpaModel":
        """The model of an ARPA file, `.gz` or not; see `read_arpa` for what is accepted.

        Without `unit` it is guessed from the words, see `guess_unit`; bytes of an ASCII text are taken for
        characters.  Without `sentences` it is the default of the unit: lines of words or tokens, else one stream.

        Raises `BadInput` for a damaged file, and where a word of it is not a symbol of the unit (except `<...>`, which
        no text has).
        """
        tables = read_arpa(path)
        names = tables.words.to_pylist()
        if unit is None:
            unit = guess_unit(names)
            logger.info(
                "%s is taken for a model of units of %s, as its words look; if they are others, say so with --unit.",
                path,
                unit,
            )
        codes = find_codes(names, unit)
        for v in np.flatnonzero(codes == NO_CODE):
            if names[v] not in RESERVED and not looks_special(names[v]):
                raise BadInput(f"{path} has the 1-gram {names[v]!r}, which is not a {unit}; open it with --unit word.")
        return cls(unit, sentences or default_sentences(unit), tables, codes)

    @property
    def order(self) -> int:
        """The order of the file."""
        return self.tables.order

    @property
    def description(self) -> str:
        """For example `arpa,order=5,sha256=1a2b3c4d`: the file's own checksum."""
        return f"arpa,order={self.order},sha256={self.tables.sha256[:8]}"

    def codes_of(self, text: Text) -> Codes:
        """The text's codes; those of words are their numbers in the file, `UNKNOWN` for one that it lacks."""
        require_unit(self, text.unit, text.name)
        return recode(text, self.tables.words) if self.unit is Unit.WORD else text.codes

    def knows(self, codes: Codes) -> NDArray[np.bool_]:
        """Which symbols the file has, or end a line."""
        known: NDArray[np.bool_] = self._encode(codes)[1:] != self.tables.unk
        return known

    def score_blocks(
        self, codes: Codes, unknown: NDArray[np.int64] | None = None, block: int = 1 << 18
    ) -> Iterator[NDArray[np.float32]]:
        """`logp[i, n - 1]` in blocks of at most `block` positions, computed on all cores; see `NgramModel`.

        Memory beyond the text: 4 bytes per symbol and one block.
        """
        ids, tables = self._encode(codes), self.tables
        if unknown is not None:
            ids[1 + unknown] = tables.unk
        for start in range(1, len(ids), block):
            stop = min(start + block, len(ids))
            out = np.empty((stop - start, self.order), np.float32)

            def score_piece(first: int, start: int = start, stop: int = stop, out: NDArray[Any] = out) -> None:
                last = min(first + _PIECE, stop)
                tables = self.tables
                score_positions(
                    tables.trie, tables.bos, tables.eos, ids, first, last, out[first - start : last - start]
                )

            parallel_map(score_piece, range(start, stop, _PIECE))
            yield out

    def _encode(self, codes: Codes) -> NDArray[np.uint32]:
        """`<s>` and the words' numbers in the file; `<unk>` for a symbol that the file lacks, `</s>` at line ends."""
        known = np.flatnonzero(self.codes != NO_CODE)
        ids = np.empty(len(codes) + 1, np.uint32)
        ids[0] = self.tables.bos
        ranks = Alphabet(self.codes[known].astype(np.uint32)).encode(codes, np.uint32, unknown=len(known))
        ids[1:] = np.append(known, self.tables.unk)[ranks]
        if (end := end_of_line(self.unit, self.sentences)) is not None:
            ids[1:][codes == end] = self.tables.eos
        return ids
