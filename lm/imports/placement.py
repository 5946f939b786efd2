"""Where the tokens of a file stand in the text: byte for byte, or the import is refused with the row."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from errtax.lm.errors import BadInput, UsageError
from errtax.lm.imports.pieces import CONVENTIONS, WORDS, blanks_from, looks_special, match, spellings
from errtax.lm.imports.records import UNKNOWN_ID, Block, Ids, Tokenizer, TokenScores
from errtax.lm.visible import visible

_SHOWN = 16  # bytes of a text that a message quotes
_PEEK = 400  # bytes that are tokenized to learn one token


@dataclass(frozen=True, eq=False)
class Placed:
    """A block in the text: its entries `first` .. `stop` - 1 are the tokens from byte `ends[0]` to byte `ends[-1]`.

    Entry `first` + i is `text[ends[i]:ends[i + 1]]`.  The entries outside are special tokens beside the text.  `gap`:
    where what no token covers begins, before `ends[0]`: blanks between documents.  `ids`: of these entries, if they
    are known.  `invented`: bytes that the tokenizer put before the first one.  `dropped`: entries before `first` that
    are these bytes and nothing else.
    """

    gap: int
    first: int
    stop: int
    ends: NDArray[np.int64]
    ids: Ids | None
    invented: bytes = b""
    dropped: int = 0


class Placement:
    """Goes through a text with the blocks of a file."""

    def __init__(self, text: bytes, name: str, tokenizer: Tokenizer | None = None) -> None:
        self.text, self.name, self.at = text, name, 0
        self.tokenizer = tokenizer
        self._document: int | None = -1
        self._closed = False

    def place(self, block: Block) -> Placed:
        """Where a block stands.  Raises `BadInput`, with the place in the file, where it does not continue the text."""
        begins = block.document != self._document
        self._document, self._closed = block.document, self._closed and not begins
        ids = block.ids
        if ids is None and self.tokenizer is not None and isinstance(block, TokenScores) and not block.spaced:
            ids = self._ids_of_pieces(block, begins)
        if ids is not None and self.tokenizer is None and getattr(block, "pieces", None) is None:
            raise UsageError(f"{block.place(0)} has token ids; say what they are with --tokenizer.")
        if ids is not None and self.tokenizer is not None:
            placed = self._by_ids(block, self._completed(ids) if begins else ids, begins)
        else:
            assert isinstance(block, TokenScores)
            placed = self._by_pieces(block, begins)
        self.at = int(placed.ends[-1])
        return placed

    def require_end(self, name: str, rest: bool) -> None:
        """Raise `BadInput` unless the tokens of file `name` cover the text up to blanks, or its beginning if `rest`."""
        left = self.text[self.at :]
        if left.strip() and not rest:
            raise BadInput(
                f"{name} covers {self.at:,} of the {len(self.text):,} bytes of {self.name}, which goes on with "
                f"{_quoted(left[:_SHOWN])}; give the text that was scored (head -c {self.at}), or a complete file."
            )

    # --- by ids ---------------------------------------------------------------------------------------------------

    def _completed(self, ids: Ids) -> Ids:
        """The ids of a document, the first one from the tokenizer if the file does not tell it."""
        if not len(ids) or ids[0] != UNKNOWN_ID or self.tokenizer is None:
            return ids
        vocabulary, rest = self.tokenizer.vocabulary, ids[1:]
        rest = rest[(rest >= 0) & (rest < len(vocabulary))]
        joined = vocabulary.bytes_of(rest[~vocabulary.special[rest]])
        if self._stands(joined):
            return ids  # a special token before the text
        for start in range(self.at, blanks_from(self.text, self.at) + 1):
            end = _end_of_character(self.text, start + _PEEK)
            first = self.tokenizer.encode(self.text[start:end], self.name).ids[:1]
            if self._stands(vocabulary.bytes_of(first) + joined):
                return np.concatenate([first, ids[1:]])
        return ids

    def _stands(self, joined: bytes) -> bool:
        start, invented = self._start_of(joined, begins=True)
        return self.text.startswith(joined[len(invented) :], start)

    def _by_ids(self, block: Block, ids: Ids, begins: bool) -> Placed:
        assert self.tokenizer is not None
        vocabulary = self.tokenizer.vocabulary
        outside = (ids >= len(vocabulary)) | (ids < UNKNOWN_ID)
        if outside.any():
            k = int(np.argmax(outside))
            raise BadInput(
                f"{block.place(k)}: token {ids[k]} is not one of the tokenizer's {len(vocabulary):,}; the model has "
                "another tokenizer."
            )
        special = np.where(ids == UNKNOWN_ID, True, vocabulary.special[ids])
        inner = np.flatnonzero(~special)
        first, stop = (int(inner[0]), int(inner[-1]) + 1) if len(inner) else (0, 0)
        self._require_text(block, special, first, stop, begins)
        kept = ids[first:stop]
        joined = vocabulary.bytes_of(kept)
        start, invented = self._start_of(joined, begins)
        offsets = np.concatenate([[0], np.cumsum(vocabulary.lengths[kept])])
        expected = joined[len(invented) :]
        if not self.text.startswith(expected, start):
            differs = _common(self.text[start : start + len(expected)], expected)
            k = int(np.searchsorted(offsets, differs + len(invented), side="right")) - 1
            at = start + int(offsets[k]) - (len(invented) if k else 0)
            self._refuse(block.place(first + k), f"{kept[k]} ({_quoted(vocabulary.piece(int(kept[k])))})", at)
        ends = np.maximum(offsets - len(invented), 0) + start
        dropped = int(bool(invented) and len(ends) > 1 and ends[1] == ends[0])  # nothing but the invented space
        return Placed(self.at, first + dropped, stop, ends[dropped:], kept[dropped:], invented, dropped)

    def _require_text(self, block: Block, special: NDArray[np.bool_], first: int, stop: int, begins: bool) -> None:
        """Raise `BadInput` for special tokens among those of the text; they may stand at the ends of a document."""
        inside = np.flatnonzero(special[first:stop])
        if len(inside) or (stop > first and (self._closed or (first > 0 and not begins))):
            k = first + int(inside[0]) if len(inside) else 0
            raise BadInput(
                f"{block.place(k)}: a special token stands inside the text; where the text has such words as "
                "<|endoftext|> or <s>, they were read as tokens of control: score it without them, or as documents. "
                "Or is it another model's tokenizer?"
            )
        self._closed = self._closed or stop < len(special)

    def _start_of(self, joined: bytes, begins: bool) -> tuple[int, bytes]:
        """Where a block begins in the text, and the space that its first token has and the text lacks."""
        if not begins or not joined:
            return self.at, b""
        best = (-1, self.at, b"")
        for start in range(self.at, blanks_from(self.text, self.at) + 1):
            for invented in (b"", b" "):
                if joined.startswith(invented):
                    found = joined[len(invented) :]
                    if self.text.startswith(found, start):
                        return start, invented
                    common = _common(self.text[start : start + len(found)], found)
                    best = max(best, (common, start, invented), key=lambda each: each[0])
        return best[1:]

    # --- by pieces ------------------------------------------------------------------------------------------------

    def _ids_of_pieces(self, block: TokenScores, begins: bool) -> Ids | None:
        """The ids of a document's tokens by tokenizing its text again, checked against the pieces of the file.

        Special tokens before and after the text are `UNKNOWN_ID`.
        """
        assert block.pieces is not None
        assert self.tokenizer is not None
        if not begins:
            raise UsageError(
                "tokens without ids are found by a tokenizer in whole documents alone; leave --tokenizer out."
            )
        first, best = self._first_of_text(block), 0
        wanted = block.pieces[first:]
        for text in self._texts_of(block):
            ids = self.tokenizer.encode(text, self.name).ids
            pieces = (self.tokenizer.vocabulary.piece(int(i)) for i in ids[: len(wanted)])
            same = [_agree(piece, found) for piece, found in zip(wanted, pieces, strict=False)]
            agree = len(same) if all(same) else same.index(False)
            if agree == len(ids) and _all_special(wanted[agree:]):
                edges = np.full(len(block), UNKNOWN_ID)
                edges[first : first + agree] = ids
                return edges
            best = max(best, agree)
        k = min(first + best, len(block) - 1)
        raise BadInput(
            f"{block.place(k)}: the file has the token {_quoted(block.pieces[k].encode())}, where the tokenizer makes "
            f"another of {self.name}; is it another text, or another tokenizer?"
        )

    def _texts_of(self, block: TokenScores) -> list[bytes]:
        """What the text of a document may be: what the file says it is, a line, or all that is left."""
        if block.text is not None:
            return [block.text.encode("utf-8", "surrogateescape")]
        start = blanks_from(self.text, self.at) if self.at else self.at
        line = self.text[start:].partition(b"\n")[0]
        rest = self.text[start:]
        candidates = (rest, rest.rstrip(b"\r\n"), line, line + b"\n")
        return list(dict.fromkeys(candidates if block.document is None else reversed(candidates)))

    def _first_of_text(self, block: TokenScores) -> int:
        """The first entry of a document that is no special token before it."""
        assert block.pieces is not None
        first, start = 0, blanks_from(self.text, self.at)
        while first < len(block) and np.isnan(block.logprobs[first]) and looks_special(block.pieces[first]):
            if self.text.startswith(block.pieces[first].encode(), start):
                break
            first += 1
        return first

    def _by_pieces(self, block: TokenScores, begins: bool) -> Placed:
        assert block.pieces is not None
        first = self._first_of_text(block) if begins and not block.spaced else 0
        wanted = block.pieces[first:]
        starts = [self.at]
        if begins and not block.spaced:
            starts = list(range(self.at, blanks_from(self.text, self.at) + 1))
        best: tuple[list[int], int] = ([], self.at)
        for convention in WORDS if block.spaced else CONVENTIONS:
            for start in starts[-1:] if convention.stripped else starts:
                ends = match(wanted, self.text, start, convention, block.spaced)
                if len(ends) == len(wanted) or (ends and not block.spaced and _all_special(wanted[len(ends) :])):
                    return _placed(self.at, first, [start, *ends], block.ids)
                best = max(best, (ends, start), key=lambda each: len(each[0]))
        self._refuse_piece(block, first + len(best[0]), best[0][-1] if best[0] else best[1])
        raise AssertionError

    def _refuse_piece(self, block: TokenScores, k: int, at: int) -> None:
        assert block.pieces is not None
        piece = block.pieces[k]
        if not piece or "\ufffd" in piece:
            raise BadInput(
                f"{block.place(k)}: the token is {_quoted(piece.encode())}, which does not say what it stands for; "
                "give the model's tokenizer with --tokenizer."
            )
        self._refuse(block.place(k), _quoted(piece.encode("utf-8", "surrogateescape")), at)

    def _refuse(self, place: str, token: str, at: int) -> None:
        has = f"has {_quoted(self.text[at : at + _SHOWN])}" if at < len(self.text) else "ends"
        raise BadInput(
            f"{place}: the token is {token}, but {self.name} {has} at byte {at:,}; is it another text, or another "
            "tokenizer?"
        )


def _placed(gap: int, first: int, ends: list[int], ids: Ids | None) -> Placed:
    stop = first + len(ends) - 1
    kept = None if ids is None else ids[first:stop]
    edges = np.array(ends, np.int64)
    if len(edges) > 1 and edges[1] == edges[0]:  # nothing but an invented space
        first, edges, kept = first + 1, edges[1:], None if kept is None else kept[1:]
    return Placed(gap, first, stop, edges, kept)


def _all_special(pieces: Sequence[str]) -> bool:
    return all(map(looks_special, pieces))


def _agree(piece: str, token: bytes) -> bool:
    """Whether a piece as a tool wrote it may be this token; one that is no character may be any part of one."""
    bare = token.strip()
    return bare in spellings(piece) or not piece.strip() or "\ufffd" in piece


def _common(one: bytes, other: bytes) -> int:
    """The length of the beginning that two texts have in common."""
    n = min(len(one), len(other))
    differs = np.flatnonzero(np.frombuffer(one, np.uint8, n) != np.frombuffer(other, np.uint8, n))
    return int(differs[0]) if len(differs) else n


def _end_of_character(text: bytes, at: int) -> int:
    """`at`, or the end of the character that begins before it."""
    while at < len(text) and text[at] & 0xC0 == 0x80:
        at += 1
    return at


def _quoted(part: bytes) -> str:
    return f"'{visible(part.decode(errors='surrogateescape'))}'" if part else "empty"
