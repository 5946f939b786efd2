"""The vocabulary of a tokenizer: the bytes of each token id, and which ids are no part of a text."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray

from errtax.lm.errors import BadInput, UsageError
from errtax.lm.surface import Surface


@dataclass(frozen=True, eq=False)
class Vocabulary:
    """The tokens of ids 0 .. V - 1, as the bytes that each puts into a text.

    `data`: uint8, the bytes of all tokens end to end.  `ends`: int64, V + 1 offsets into it, the first 0: id k has
    `data[ends[k]:ends[k + 1]]`.  `special[k]`: bool, id k is no part of any text: the tokenizer's special tokens,
    and every id without bytes, which is marked here if the caller has not.  `sha256`: of the tokenizer, empty where it
    is unknown.  Several ids may have the same bytes.  Raises `UsageError` for arrays that do not fit together.

    >>> vocabulary = Vocabulary.of([b"</s>", b"the", b" cat", b""], special=[0])
    >>> vocabulary.bytes_of([1, 2]), vocabulary.special.tolist()
    (b'the cat', [True, False, False, True])
    """

    data: NDArray[np.uint8]
    ends: NDArray[np.int64]
    special: NDArray[np.bool_]
    sha256: str = ""

    def __post_init__(self) -> None:
        lengths = np.diff(self.ends)
        if not len(self.ends) or self.ends[0] != 0 or self.ends[-1] != len(self.data) or (lengths < 0).any():
            raise UsageError("ends has V + 1 offsets that rise from 0 to the number of bytes in data.")
        if self.special.shape != lengths.shape:
            raise UsageError(f"special has shape {self.special.shape} for a vocabulary of {len(lengths):,} tokens.")
        object.__setattr__(self, "special", self.special | (lengths == 0))

    @classmethod
    def of(cls, pieces: Sequence[bytes], special: Iterable[int] = (), sha256: str = "") -> "Vocabulary":
        """The vocabulary in which id k has the bytes `pieces[k]`, and the ids in `special` are no part of a text.

        Raises `UsageError` for pieces that are not bytes, and for special ids out of range.
        """
        wrong = next((k for k, piece in enumerate(pieces) if not isinstance(piece, bytes)), None)
        if wrong is not None:
            found = type(pieces[wrong]).__name__
            raise UsageError(f"token {wrong} is a {found}; give the bytes that it puts into a text (b'' for none).")
        surface, marked = Surface.of(pieces), np.zeros(len(pieces), bool)
        ids = np.fromiter(special, np.int64)
        _require_range(ids, len(pieces), UsageError)
        marked[ids] = True
        return cls(surface.data, surface.ends, marked, sha256)

    def __len__(self) -> int:
        return len(self.special)

    @cached_property
    def lengths(self) -> NDArray[np.int64]:
        """The number of bytes of each token, (V,)."""
        return np.diff(self.ends)

    def piece(self, token: int) -> bytes:
        """The bytes of one token, by its id, which must be in the vocabulary."""
        return bytes(self.data[self.ends[token] : self.ends[token + 1]])

    def bytes_of(self, ids: ArrayLike) -> bytes:
        """The bytes of tokens, (n,), end to end; those of special tokens, too.

        Raises `BadInput` for ids that are not in the vocabulary.
        """
        tokens = np.asarray(ids, np.int64)
        self.require(tokens)
        return Surface(self.data, self.ends).take(tokens).data.tobytes()

    def require(self, ids: NDArray[np.int64]) -> None:
        """Raises `BadInput` for ids that are not in the vocabulary."""
        _require_range(ids, len(self), BadInput)


def _require_range(ids: NDArray[np.int64], size: int, error: type[UsageError] | type[BadInput]) -> None:
    outside = (ids < 0) | (ids >= size)
    if outside.any():
        found = int(ids[np.argmax(outside)])
        raise error(f"there is no token {found:,}: the ids of the vocabulary are 0 to {size - 1:,}.")
