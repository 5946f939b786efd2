"""What a model is to read: a text, the streams of a split's test part, or documents of JSON lines.

Nothing is carried from one document to the next.  A piece of `errtax split --scheme streams` is a document of its own
that stands after the validation part of its stream: the model reads the end of that part first, so that each symbol is
predicted from what stood before it in the book, as `predict RUN` does.
"""

import hashlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from errtax.lm.errors import BadInput, UsageError
from errtax.lm.files import require_input
from errtax.lm.neural.streams import streams_of
from errtax.lm.text import Unit, read_text

_JSON_LINES = (".jsonl", ".ndjson")


@dataclass(frozen=True)
class Document:
    """`text`: the bytes that the log is about; `before`: bytes that the model reads before them.

    `cut`: it is a piece of a text that may begin and end inside a character.
    """

    text: bytes
    before: bytes = b""
    cut: bool = False

    @property
    def whole(self) -> tuple[int, int]:
        """The bytes of `before` + `text` from its first character on to the end of its last, as start and stop.

        A character that a cut has parted has no token.
        """
        data = self.before + self.text
        if not self.cut:
            return 0, len(data)
        start = next((k for k, byte in enumerate(data[:3]) if byte & 0xC0 != 0x80), min(3, len(data)))
        return start, max(start, end_of_characters(data))


@dataclass(frozen=True)
class Documents:
    """`name`: of the text in messages; `separate`: the log has a column `doc`, the documents' numbers from 0."""

    name: str
    parts: tuple[Document, ...]
    separate: bool = False

    @property
    def text(self) -> bytes:
        """The bytes that the log is about, end to end."""
        return b"".join(part.text for part in self.parts)

    @property
    def sha256(self) -> str:
        """The SHA-256 of all that is read."""
        digest = hashlib.sha256()
        for part in self.parts:
            digest.update(f"{len(part.before)} {len(part.text)} {part.cut}\n".encode() + part.before + part.text)
        return digest.hexdigest()

    def limited(self, most: int | None) -> "Documents":
        """The first bytes of the text, cut before a character that would reach beyond `most` bytes."""
        if most is None:
            return self
        if most < 1:
            raise UsageError(f"--limit counts bytes of the text, at least 1; got {most}.")
        return replace(self, parts=tuple(_first(self.parts, most)))


def read_documents(path: Path) -> Documents:
    """The documents in a file: JSON lines by its ending, the streams of a test part by the `split.json` beside it.

    A folder stands for the `test.txt` of its split.  Raises `BadInput` for what cannot be read, or is empty.
    """
    if path.is_dir():
        if not (path / "split.json").is_file():
            raise BadInput(f"{path} is a folder without a split.json; give a text, or a folder of errtax split.")
        path = path / "test.txt"
    if path.suffix in _JSON_LINES:
        return _json_documents(path)
    text = read_text(path, Unit.BYTE)
    streams = streams_of(path, text)
    if len(streams.rows) == 1:
        return Documents(str(path), (Document(text.codes.tobytes()),))
    pieces = zip(streams.rows, streams.before, strict=True)
    return Documents(str(path), tuple(Document(row.tobytes(), before.tobytes(), True) for row, before in pieces))


def documents_of(text: str | bytes | Iterable[str | bytes]) -> Documents:
    """A text at hand as one document, or several texts as one each."""
    if isinstance(text, str | bytes):
        return Documents("the text", (Document(_bytes_of("the text", text)),))
    named = ((f"document {k}", each) for k, each in enumerate(text))
    return Documents("the text", tuple(Document(_bytes_of(name, each)) for name, each in named), separate=True)


def _bytes_of(name: str, text: str | bytes) -> bytes:
    if isinstance(text, bytes):
        return text
    if not isinstance(text, str):
        raise UsageError(f"{name} is {type(text).__name__}; a str, bytes, or a list of them is needed.")
    try:
        return text.encode()
    except UnicodeEncodeError as error:
        raise BadInput(f"{name} is not valid Unicode: {error.reason} at character {error.start}.") from None


def _json_documents(path: Path) -> Documents:
    parts = []
    with require_input(path).open("rb") as file:
        for number, line in enumerate(file, 1):
            if line.strip():
                parts.append(Document(_text_of_line(f"{path}: line {number}", line)))
    if not any(part.text for part in parts):
        raise BadInput(f"{path} has no text in it; each line is a JSON object with a key 'text'.")
    return Documents(str(path), tuple(parts), separate=True)


def _text_of_line(where: str, line: bytes) -> bytes:
    try:
        found = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise BadInput(f"{where} is not JSON ({error}).") from None
    if not isinstance(found, dict) or not isinstance(found.get("text"), str):
        raise BadInput(f"{where} is not a document: a JSON object with a string under 'text' is needed.")
    return _bytes_of(where, found["text"])


def _first(parts: Iterable[Document], most: int) -> Iterator[Document]:
    left = most
    for part in parts:
        if left <= 0:
            return
        text = part.text[:left]
        kept = text if part.cut or len(text) == len(part.text) else text[: end_of_characters(text)]
        yield replace(part, text=kept)
        left -= len(part.text)


def end_of_characters(data: bytes) -> int:
    """Where the last character of UTF-8 ends that is not cut off."""
    for back in range(1, min(3, len(data)) + 1):
        lead = data[-back]
        if lead & 0xC0 != 0x80:  # not a continuation: the first byte of the last character
            width = 4 if lead >= 0xF0 else 3 if lead >= 0xE0 else 2 if lead >= 0xC0 else 1
            return len(data) - back if width > back else len(data)
    return len(data)
