"""Tokens that a tool wrote as text, found again in the text: the conventions that tools have for spaces and bytes."""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from errtax.lm.byte_characters import BYTE_OF_CHARACTER

_BLANKS = b" \t\r\v\f\0"
_SPECIAL = re.compile(r"<[^<>\s]{1,60}>|\[[A-Z_]{2,20}\]")
_BYTE = re.compile(r"<0x([0-9A-Fa-f]{2})>")
_ESCAPED = re.compile(rb"\\x([0-9A-Fa-f]{2})")


def looks_special(piece: str) -> bool:
    """Whether a token looks like `<s>`, `<|endoftext|>` or `[BOS]`, which stand beside a text and not in it."""
    return bool(_SPECIAL.fullmatch(piece))


def _as_written(piece: str) -> bytes:
    """The characters themselves; OpenAI writes a part of a character as `bytes:\\xe2\\x80`."""
    if piece.startswith("bytes:\\x"):
        return _ESCAPED.sub(lambda found: bytes([int(found[1], 16)]), piece[6:].encode())
    return piece.encode("utf-8", "surrogateescape")


def _of_byte_level(piece: str) -> bytes:
    """GPT-2's characters for bytes: `Ġ` is a space, `Ċ` a line feed."""
    if all(character in BYTE_OF_CHARACTER for character in piece):
        return bytes(BYTE_OF_CHARACTER[character] for character in piece)
    return piece.encode("utf-8", "surrogateescape")


def _of_sentence_piece(piece: str) -> bytes:
    """SentencePiece's: `▁` is a space, `<0x0A>` a byte."""
    found = _BYTE.fullmatch(piece)
    return bytes([int(found[1], 16)]) if found else piece.replace("▁", " ").encode("utf-8", "surrogateescape")


@dataclass(frozen=True)
class Convention:
    """`decode`: the bytes of a piece.  `stripped`: pieces have lost the blanks before them."""

    decode: Callable[[str], bytes]
    stripped: bool


CONVENTIONS = tuple(
    Convention(decode, stripped)
    for stripped in (False, True)
    for decode in (_as_written, _of_byte_level, _of_sentence_piece)
)
"""In the order in which they are tried."""
WORDS = (Convention(_as_written, True),)
"""Words between blanks."""


def spellings(piece: str) -> Iterator[bytes]:
    """The bytes that a piece may stand for, without blanks around them."""
    for convention in CONVENTIONS[:3]:
        yield convention.decode(piece).strip()


def blanks_from(text: bytes, at: int, line_ends: bool = True) -> int:
    """Where the blanks end that begin at byte `at` of a text."""
    blanks = _BLANKS + b"\n" if line_ends else _BLANKS
    while at < len(text) and text[at] in blanks:
        at += 1
    return at


def match(pieces: Sequence[str], text: bytes, at: int, convention: Convention, words: bool = False) -> list[int]:
    """The ends of the pieces in the text, one after the other from byte `at` on, as far as they are found there.

    `words`: a line end is a token and not a blank between others.  A first piece that begins with an invented space may
    lack it.
    """
    ends: list[int] = []
    for k, piece in enumerate(pieces):
        wanted, start = convention.decode(piece), at
        if convention.stripped and not wanted[:1].isspace():
            start = blanks_from(text, at, not words)
        elif words:
            start = blanks_from(text, at, False)
        if k == 0 and not text.startswith(wanted, start) and wanted[:1] == b" ":
            wanted = wanted[1:]
        if not (wanted or (k == 0 and piece)) or not text.startswith(wanted, start):
            break
        at = start + len(wanted)
        ends.append(at)
    return ends
