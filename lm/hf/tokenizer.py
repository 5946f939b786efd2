"""Tokenizers as bytes: which bytes each token of a vocabulary stands for, and texts as tokens, checked byte by byte.

The bytes come from the tokenizer itself, never from `decode([id])`, which repairs split characters and drops spaces:

- byte-level BPE (Radford et al. 2019, GPT-2's `encoder.py`): each character of a token stands for one byte;
- `▁` for a space, with or without byte fallback (Kudo & Richardson 2018, SentencePiece): `<0xE9>` stands for a byte.

WordPiece and its like do not keep a text's spaces, so no bytes can be given to their tokens.
"""

import hashlib
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

from errtax.lm.byte_characters import BYTE_OF_CHARACTER
from errtax.lm.errors import BadInput, UsageError, decoding
from errtax.lm.hf.pieces import encode_long
from errtax.lm.hf.sources import Source, loading
from errtax.lm.visible import shown_name, visible
from errtax.lm.vocabulary import Vocabulary

_BYTE = re.compile(r"<0x([0-9A-Fa-f]{2})>")
_SPACE = "▁"
_SHOWN = 12  # bytes of a text that a message quotes
_DECIDE = ("normalizer", "pre_tokenizer", "decoder")
"""The parts that say how tokens are written; with the model and the added tokens, the first two decide the ids."""


@dataclass(frozen=True, eq=False)
class Tokens:
    """A text's tokens.  `ids`: int64 (n,).  `invented`: bytes before the text that the tokenizer made up, b"" or b" ".

    The bytes of the tokens, end to end, are `invented` and the text.
    """

    ids: NDArray[np.int64]
    invented: bytes = b""


@dataclass(frozen=True, eq=False)
class TextTokenizer:
    """A tokenizer of transformers, as what it makes of texts and what its tokens stand for.

    `backend`: a `tokenizers.Tokenizer` of our own, so that the caller's keeps its settings.
    """

    name: str
    backend: Any
    vocabulary: Vocabulary

    @classmethod
    def of(cls, tokenizer: Any) -> "TextTokenizer":
        """From an object of transformers, or of tokenizers.

        Raises `BadInput` where it has no fast backend, or where its tokens do not stand for bytes.
        """
        name = shown_name(Path(str(getattr(tokenizer, "name_or_path", "") or "the tokenizer")).name)
        backend = _own_backend(tokenizer, name)
        parts = json.loads(backend.to_str())
        return cls(name, backend, _vocabulary(parts, name))

    @property
    def sha256(self) -> str:
        """SHA-256 of the parts of its serialised JSON that decide which ids a text has."""
        return self.vocabulary.sha256

    @cached_property
    def prepended(self) -> tuple[int, ...]:
        """The ids that the tokenizer itself puts before a text, such as a BOS token."""
        plain, whole = (self.backend.encode("a", add_special_tokens=add).ids for add in (False, True))
        starts = [k for k in range(len(whole)) if whole[k : k + len(plain)] == plain]
        return tuple(whole[: starts[0]] if starts else ())

    def encode(self, text: bytes, name: str = "the text") -> Tokens:
        """The tokens of a text; what looks like a special token in it is plain text.

        Time O(size); memory of the text, of its ids, and what the tokenizer needs for 256 KiB (`encode_long`).

        Raises `BadInput` where the text is not UTF-8, or where the tokens' bytes are not the text, with the first
        difference.
        """
        _require_unicode(text, name)
        ids = encode_long(text, self._ids_of, self.vocabulary.lengths)
        joined = self.vocabulary.bytes_of(ids)
        invented = b" " if joined == b" " + text else b""
        if invented + text != joined:
            raise BadInput(_difference(joined, text, name, self.name))
        special = self.vocabulary.special[ids]
        if special.any():
            k = int(np.argmax(special))
            token = visible(self.backend.id_to_token(int(ids[k])))
            raise BadInput(f"{self.name} reads a part of {name} as its special token {token!r} (token {k}).")
        return Tokens(ids, invented)

    def _ids_of(self, text: bytes) -> NDArray[np.int64]:
        return np.array(self.backend.encode(text.decode(), add_special_tokens=False).ids, np.int64)


def vocabulary_of(tokenizer: Any) -> Vocabulary:
    """The bytes of each id of a tokenizer of transformers or tokenizers; see `TextTokenizer.of`."""
    return TextTokenizer.of(tokenizer).vocabulary


def load_tokenizer(source: str, revision: str | None = None) -> TextTokenizer:
    """The tokenizer of a model: a folder, a name on the hub, a `.gguf` file, or a `tokenizer.json`."""
    place = Source.of(source, revision)
    if place.path is not None and place.path.suffix == ".json":
        with decoding(f"{place.path} is not a tokenizer", "; give the tokenizer.json of a model"):
            return TextTokenizer.of(Tokenizer.from_file(str(place.path)))
    return TextTokenizer.of(load_any_tokenizer(place))


def load_any_tokenizer(place: Source) -> Any:
    """The tokenizer as transformers loads it."""
    from transformers import AutoTokenizer  # noqa: PLC0415  # takes seconds to import

    with loading(place, "tokenizer"):
        return AutoTokenizer.from_pretrained(place.name, trust_remote_code=False, **place.arguments)


def _own_backend(tokenizer: Any, name: str) -> Any:
    """A copy that reads special tokens as text, and neither cuts nor pads."""
    found = tokenizer if isinstance(tokenizer, Tokenizer) else getattr(tokenizer, "backend_tokenizer", None)
    if not isinstance(found, Tokenizer):
        if not callable(tokenizer):
            raise UsageError(f"a tokenizer of transformers is needed, got {type(tokenizer).__name__}.")
        raise BadInput(
            f"{name} is a {type(tokenizer).__name__} without a fast backend, which cannot say what its tokens stand "
            "for; give a tokenizer with a tokenizer.json, which AutoTokenizer makes of most models."
        )
    copy = Tokenizer.from_str(found.to_str())
    copy.no_truncation()
    copy.no_padding()
    copy.encode_special_tokens = True
    return copy


def _vocabulary(parts: dict[str, Any], name: str) -> Vocabulary:
    """The bytes of each id, by the parts of a `tokenizer.json`."""
    model = parts["model"]
    _require_bytes(model, name)
    byte_level = "ByteLevel" in {kind for part in _DECIDE for kind in _kinds(parts[part])}
    fallback = bool(model.get("byte_fallback"))
    vocabulary = model["vocab"]  # ids by token; of Unigram a list of tokens with their scores
    ids = vocabulary if isinstance(vocabulary, dict) else {token: k for k, (token, _) in enumerate(vocabulary)}
    known = {k: _bytes_of_level(token) if byte_level else _bytes_of_piece(token, fallback) for token, k in ids.items()}
    special = {ids.get(model.get("unk_token")), model.get("unk_id")} - {None}
    for token in parts["added_tokens"]:
        k, content = token["id"], token["content"]
        if fallback and _BYTE.fullmatch(content):
            continue
        known[k] = content.encode() if byte_level or token["special"] else _bytes_of_piece(content, False)
        if token["special"]:
            special.add(k)
    pieces = [known.get(k, b"") for k in range(max(known, default=-1) + 1)]
    return Vocabulary.of(pieces, sorted(special), _sha256(parts))


def _require_bytes(model: dict[str, Any], name: str) -> None:
    """Raise `BadInput` for a model whose tokens do not say where a text has spaces."""
    kind = model["type"]
    if kind not in ("BPE", "Unigram"):
        lost = "a text's spaces (a token of it does not say what stands between it and the next)"
        raise BadInput(
            f"{name} is a {kind} tokenizer, which loses {lost}; a byte-level BPE or SentencePiece's (▁ for a space) is "
            "needed."
        )
    for part in ("continuing_subword_prefix", "end_of_word_suffix"):
        if model.get(part):
            raise BadInput(
                f"{name} marks words by {model[part]!r} and loses what stands between them; a byte-level BPE or "
                "SentencePiece's (▁ for a space) is needed."
            )


def _kinds(part: Any) -> Iterator[str]:
    """The types of a part of a tokenizer and of all that it is made of."""
    if isinstance(part, dict):
        yield part.get("type", "")
        for value in part.values():
            yield from _kinds(value)
    elif isinstance(part, list):
        for value in part:
            yield from _kinds(value)


def _bytes_of_level(token: str) -> bytes:
    """A token of byte-level BPE; one with other characters is plain text, as the tokenizer's own decoder has it."""
    return bytes(BYTE_OF_CHARACTER[c] for c in token) if all(c in BYTE_OF_CHARACTER for c in token) else token.encode()


def _bytes_of_piece(token: str, fallback: bool) -> bytes:
    """A token of SentencePiece."""
    if fallback and (match := _BYTE.fullmatch(token)):
        return bytes([int(match[1], 16)])
    return token.replace(_SPACE, " ").encode()


def _sha256(parts: dict[str, Any]) -> str:
    kept = {name: parts[name] for name in (*_DECIDE[:2], "model", "added_tokens")}
    return hashlib.sha256(json.dumps(kept, sort_keys=True).encode()).hexdigest()


def _require_unicode(text: bytes, name: str) -> None:
    try:
        text.decode()
    except UnicodeDecodeError as error:
        found = text[error.start : error.end].hex(" ").upper()
        raise BadInput(
            f"{name} is not UTF-8 at byte {error.start:,} ({found}), and tokenizers read characters; convert it "
            "(iconv -f LATIN1 -t UTF-8) or cut it where a character begins."
        ) from None


def _difference(joined: bytes, text: bytes, name: str, tokenizer: str) -> str:
    """Where the bytes of a text's tokens are not the text."""
    if joined[:1] == b" " and text[:1] != b" ":
        joined = joined[1:]  # the invented space
    n = min(len(joined), len(text))
    differs = np.flatnonzero(np.frombuffer(joined, np.uint8, n) != np.frombuffer(text, np.uint8, n))
    k = int(differs[0]) if len(differs) else n
    has, gets = (_quoted(part[k : k + _SHOWN]) for part in (text, joined))
    return (
        f"{tokenizer} does not keep {name}: at byte {k:,} the text has {has}, its tokens {gets}; give a text without "
        "it, or a model whose tokenizer keeps all bytes."
    )


def _quoted(part: bytes) -> str:
    return f"'{visible(part.decode(errors='surrogateescape'))}'" if part else "nothing"
