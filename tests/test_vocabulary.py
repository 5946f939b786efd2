"""Vocabularies: the bytes of ids, and ids that are no part of a text."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from errtax.lm.errors import BadInput, UsageError
from errtax.lm.vocabulary import Vocabulary

PIECES = st.lists(st.binary(max_size=4), min_size=1, max_size=12)


@given(PIECES, st.data())
def test_ids_have_the_bytes_of_their_pieces(pieces: list[bytes], data: st.DataObject) -> None:
    ids = data.draw(st.lists(st.integers(0, len(pieces) - 1)))
    vocabulary = Vocabulary.of(pieces)
    assert len(vocabulary) == len(pieces)
    assert [vocabulary.piece(k) for k in range(len(pieces))] == pieces
    assert vocabulary.lengths.tolist() == [len(piece) for piece in pieces]
    assert vocabulary.bytes_of(ids) == b"".join(pieces[k] for k in ids)


@given(PIECES, st.data())
def test_special_are_those_named_and_those_without_bytes(pieces: list[bytes], data: st.DataObject) -> None:
    special = data.draw(st.sets(st.integers(0, len(pieces) - 1)))
    found = np.flatnonzero(Vocabulary.of(pieces, special).special).tolist()
    assert found == [k for k, piece in enumerate(pieces) if k in special or not piece]


def test_what_does_not_fit_is_refused_in_one_line() -> None:
    with pytest.raises(UsageError, match="token 1 is a str; give the bytes"):
        Vocabulary.of([b"a", "b"])  # type: ignore[list-item]
    with pytest.raises(UsageError, match="there is no token 2: the ids of the vocabulary are 0 to 1"):
        Vocabulary.of([b"a", b"b"], special=[2])
    with pytest.raises(BadInput, match="there is no token -1"):
        Vocabulary.of([b"a", b"b"]).bytes_of([0, -1])
    with pytest.raises(UsageError, match="rise from 0"):
        Vocabulary(np.zeros(3, np.uint8), np.array([0, 2]), np.zeros(1, bool))
    with pytest.raises(UsageError, match=r"special has shape \(2,\)"):
        Vocabulary(np.zeros(3, np.uint8), np.array([0, 3]), np.zeros(2, bool))
