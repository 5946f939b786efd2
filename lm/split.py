"""Cutting a text into training, validation and test parts."""

import hashlib
import json
from dataclasses import asdict, dataclass
from enum import StrEnum
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from errtax.lm.errors import BadInput, UsageError, decoding
from errtax.lm.files import replacing, require_absent, require_input, require_output_folder, write_text
from errtax.lm.records import read_json, record_of
from errtax.lm.text import Codes

PARTS = ("train", "val", "test")
SCHEMA = "errtax.split/1"


class Scheme(StrEnum):
    """How the parts are laid out in the text."""

    STREAMS = "streams"
    CONTIGUOUS = "contiguous"
    LINES = "lines"


@dataclass(frozen=True)
class SplitOptions:
    """`streams` and `steps` are used by the scheme `streams` alone; both count in bytes."""

    scheme: Scheme = Scheme.CONTIGUOUS
    fractions: tuple[float, float, float] = (0.8, 0.1, 0.1)
    streams: int = 100
    steps: int = 100

    def __post_init__(self) -> None:
        if len(self.fractions) != 3 or any(f < 0 for f in self.fractions) or abs(sum(self.fractions) - 1) > 1e-6:
            raise UsageError(f"fractions must be three numbers that sum to 1 (train, val, test), got {self.fractions}.")
        if self.streams < 1 or self.steps < 1:
            raise UsageError(f"streams and steps must be at least 1, got {self.streams} and {self.steps}.")


def split_bytes(data: bytes, options: SplitOptions) -> tuple[bytes, bytes, bytes]:
    """Training, validation and test part of a text.

    - `streams` (Karpathy et al. 2015, recovered from their released file): the text is cut into equal streams
      of whole steps, the remainder is dropped; every stream gives its first part to training, its next to
      validation, its last to test; each part is the concatenation over the streams.
    - `contiguous`: head, middle, tail; a cut never falls inside a UTF-8 character.
    - `lines`: as `contiguous`, but cuts fall after a line's end.

    >>> split_bytes(b"abcdefghijkl", SplitOptions(Scheme.STREAMS, (0.5, 0.25, 0.25), streams=2, steps=1))
    (b'abcghi', b'dj', b'efkl')
    """
    if options.scheme is Scheme.STREAMS:
        return _split_streams(data, options)
    cuts = [round(sum(options.fractions[: k + 1]) * len(data)) for k in range(2)]
    if options.scheme is Scheme.LINES:
        cuts = [data.find(b"\n", max(cut - 1, 0)) + 1 or len(data) for cut in cuts]
    else:
        cuts = [_character_start(data, cut) for cut in cuts]
    return data[: cuts[0]], data[cuts[0] : cuts[1]], data[cuts[1] :]


def _split_streams(data: bytes, options: SplitOptions) -> tuple[bytes, bytes, bytes]:
    n_steps = len(data) // (options.streams * options.steps)
    train, val, _ = options.fractions
    # the small excess mends sums such as 0.8 + 0.1 = 0.9000000000000000222 and their downward twins
    cuts = [0, int(train * n_steps + 1e-9), int((train + val) * n_steps + 1e-9), n_steps]
    rows: NDArray[np.uint8] = np.frombuffer(data, np.uint8, n_steps * options.streams * options.steps)
    rows = rows.reshape(options.streams, n_steps * options.steps)
    train_part, val_part, test_part = (
        rows[:, a * options.steps : b * options.steps].tobytes() for a, b in pairwise(cuts)
    )
    return train_part, val_part, test_part


def _character_start(data: bytes, cut: int) -> int:
    while cut < len(data) and data[cut] & 0xC0 == 0x80 and cut:
        cut += 1
    return cut


@dataclass(frozen=True)
class Part:
    """One part of a split: its size and its SHA-256."""

    bytes: int
    sha256: str


@dataclass(frozen=True)
class Split:
    """What `split.json` holds: how the parts were made, their sizes in bytes and their SHA-256."""

    scheme: str
    fractions: tuple[float, float, float]
    streams: int
    steps: int
    text: str
    text_sha256: str
    symbols: int
    alphabet: list[int]
    parts: dict[str, Part]

    def is_part(self, name: str, sha256: str) -> bool:
        """Whether the part of this name (`train`, `val`, `test`) has this SHA-256."""
        return self.parts[name].sha256 == sha256

    def rows_of(self, codes: Codes) -> Codes:
        """A part as the pieces of its streams, (streams, symbols of each); `BadInput` where they cannot be equal."""
        if len(codes) % self.streams:
            raise BadInput(f"split.json says {self.streams} equal streams, but a part has {len(codes):,} bytes.")
        return codes.reshape(self.streams, -1)


def split_file(path: Path, folder: Path, options: SplitOptions, force: bool = False) -> Split:
    """Write `train.txt`, `val.txt`, `test.txt` and `split.json` into `folder`; return what `split.json` says.

    `alphabet` lists the byte values of the whole text, so that a model's output layer can be that of the paper
    (which counts the symbols of the whole file).
    """
    data = require_input(path).read_bytes()
    if not data:
        raise BadInput(f"{path} is empty; there is nothing to split.")
    # every reason to refuse comes before the first byte is written
    contents = split_bytes(data, options)
    for name, content, fraction in zip(PARTS, contents, options.fractions, strict=True):
        if fraction and not content:
            raise BadInput(
                f"{path}: {len(data)} bytes are too few, the part '{name}' would be empty; "
                "use a longer text, other --fractions, or --scheme contiguous."
            )
    targets = [folder / f"{name}.txt" for name in PARTS]
    for target in [*targets, folder / "split.json"]:
        require_absent(target, force)
    require_output_folder(folder).mkdir(parents=True, exist_ok=True)
    for target, content in zip(targets, contents, strict=True):
        with replacing(target) as temporary:
            temporary.write_bytes(content)
    # split.json comes last: where it is, the parts are whole
    alphabet = np.flatnonzero(np.bincount(np.frombuffer(data, np.uint8), minlength=256)).tolist()
    split = Split(
        scheme=str(options.scheme),
        fractions=options.fractions,
        streams=options.streams,
        steps=options.steps,
        text=path.name,
        text_sha256=hashlib.sha256(data).hexdigest(),
        symbols=len(data),
        alphabet=alphabet,
        parts={
            name: Part(len(content), hashlib.sha256(content).hexdigest())
            for name, content in zip(PARTS, contents, strict=True)
        },
    )
    write_text(folder / "split.json", json.dumps({"schema": SCHEMA, **asdict(split)}, indent=1) + "\n")
    return split


def read_split(folder: Path) -> Split | None:
    """The split described by `folder/split.json`, or None where there is none."""
    path = folder / "split.json"
    if not path.is_file():
        return None
    what, advice = "a split description", "; make it again with errtax split"
    fields = read_json(path, SCHEMA, what, advice)
    with decoding(f"{path} is not {what}", advice):
        split = record_of(Split, fields)
        if any(not 0 <= symbol <= 255 for symbol in split.alphabet) or len(set(split.alphabet)) != len(split.alphabet):
            raise ValueError("its alphabet is not of different bytes")
        if split.parts.keys() != set(PARTS):
            raise ValueError(f"its parts are not {', '.join(PARTS)}")
        sizes = [part.bytes for part in split.parts.values()] if split.scheme == Scheme.STREAMS else []
        if split.streams < 1 or any(size % split.streams for size in sizes):
            raise ValueError(f"its parts are not those of {split.streams} equal streams")
        return split


def streams_of_part(path: Path, sha256: str) -> int:
    """The streams that a text is the pieces of, as the `split.json` beside it tells; 1 for any other text."""
    split = read_split(path.parent)
    if split is None or split.scheme != Scheme.STREAMS or not any(split.is_part(name, sha256) for name in split.parts):
        return 1
    return split.streams
