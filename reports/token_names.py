"""Tokens and spans as the page shows them: each distinct one by its number, in visible signs."""

from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from errtax.lm.prediction_log import PredictionLog
from errtax.lm.surface import Surface, join_surfaces
from errtax.lm.table import numpy_of
from errtax.lm.visible import visible
from errtax.oracle.evidence import Evidence
from errtax.taxonomy.peel import Peel

_MOST = 0xFFFF


class TokenNames:
    """The distinct symbols of some peels of one log of tokens or spans, and those that their models ranked first."""

    def __init__(self, peels: Sequence[Peel]) -> None:
        self._logs = [peel.log for peel in peels]

    @cached_property
    def _distinct(self) -> tuple[list[bytes], dict[bytes, int]]:
        surfaces = [self._logs[0].surface, *(log.argmax_surface for log in self._logs)]
        joined = join_surfaces([surface for surface in surfaces if surface is not None])
        distinct = joined.column().unique().to_pylist()
        return distinct, {piece: k for k, piece in enumerate(distinct)}

    def numbers(self, log: PredictionLog) -> NDArray[np.uint32]:
        """The number of the correct symbol of each row."""
        return self._numbered(log.surface)

    def best(self, log: PredictionLog) -> NDArray[np.uint32]:
        """The number of the first-ranked symbol of each row."""
        return self._numbered(log.argmax_surface)

    def _numbered(self, surface: Surface | None) -> NDArray[np.uint32]:
        if surface is None:
            return np.empty(0, np.uint32)
        encoded = surface.column().dictionary_encode()
        places = np.array([self._distinct[1][piece] for piece in encoded.dictionary.to_pylist()], np.uint32)
        numbers: NDArray[np.uint32] = places[numpy_of(encoded.indices)]
        return numbers

    def shown(self) -> dict[str, Any]:
        """`pieces`: each distinct symbol in visible signs; `line_ends`: 1 where it ends a line."""
        distinct = self._distinct[0]
        pieces = [visible(piece.decode("utf-8", "surrogateescape")) for piece in distinct]
        return {"pieces": pieces, "line_ends": [int(piece.endswith(b"\n")) for piece in distinct]}

    def columns(self, evidence: Evidence) -> dict[str, NDArray[Any]]:
        """What the script finds out by itself from characters, by row: the same of the character that judges a token.

        Whether a token is in a word stands in the column `words`.
        """
        numbers = (evidence.newline_distance, evidence.word_offset, evidence.word_length)
        newline, offset, length = (np.clip(column, 0, _MOST).astype(np.uint16) for column in numbers)
        marks = evidence.punctuation.astype(np.uint8)
        return {"after": evidence.after, "marks": marks, "newline": newline, "offset": offset, "length": length}
