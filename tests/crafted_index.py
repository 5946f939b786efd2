"""Indexes that are damaged, but whose checksums are right: each is refused in one line, or can be used.

A program, so that a crash of the process is seen: `python tests/crafted_index.py FIRST LAST` makes the indexes of these
seeds, opens each and asks it for all that an index can be asked for, and prints how many were refused and used.
"""

import faulthandler
import json
import struct
import sys
import tempfile
import warnings
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from errtax.lm.errors import BadInput
from errtax.lm.ngram.arpa_writer import write_arpa
from errtax.lm.ngram.container import ContainerWriter, read_container
from errtax.lm.ngram.distributions import TextDistributions
from errtax.lm.ngram.index import NgramIndex
from errtax.lm.text import TEXT_UNITS, Sentences, Text, Unit, text_of_bytes

PROSE = b"It was a dark and stormy night;\nthe rain fell in torrents.\n'Except', she said, \"at times.\"\n" * 4 + b"It"
BASES: tuple[tuple[Unit, Sentences, int], ...] = (
    (Unit.BYTE, Sentences.STREAM, 6),
    (Unit.BYTE, Sentences.LINES, 4),
    (Unit.CHAR, Sentences.STREAM, 2),
    (Unit.WORD, Sentences.LINES, 3),
    (Unit.TOKEN, Sentences.LINES, 3),
)
HANG = 60
NUMBERS = ("leaf_position", "leaf_label", "symbols", "alphabet", "word_ends", "word_bytes")
Arrays = dict[str, NDArray[Any]]
Header = dict[str, Any]


def text_of(unit: Unit, sentences: Sentences) -> Text:
    content = b"1 2 3\n2 3 1 1\n" * 9 if unit is Unit.TOKEN else PROSE
    return text_of_bytes(content, unit, "prose", sentences)


def any_number(rng: Generator, dtype: np.dtype[Any], near: int) -> Any:
    """A number of this type: anything, or one that is nearly right."""
    largest = int(np.iinfo(dtype).max) if dtype.kind in "iu" else near
    anything, nearly = int(rng.integers(0, largest, endpoint=True)), int(rng.integers(0, near + 1))
    choices = (0, 1, near, near + 1, largest, nearly, anything)
    return choices[rng.integers(len(choices))] & largest


def change_nodes(rng: Generator, header: Header, arrays: Arrays) -> None:
    nodes = arrays["nodes"]
    names = [str(name) for name in nodes.dtype.names or ()]
    for _ in range(rng.choice([1, 2, 20, len(nodes)])):
        name, near = str(rng.choice(names)), len(nodes) if rng.random() < 0.5 else len(arrays["leaf_label"])
        nodes[name][rng.integers(len(nodes))] = any_number(rng, nodes.dtype[name], near)


def change_last_nodes(rng: Generator, header: Header, arrays: Arrays) -> None:
    tail = {**arrays, "nodes": arrays["nodes"][-int(rng.integers(1, 30)) :]}
    change_nodes(rng, header, tail)


def random_nodes(rng: Generator, header: Header, arrays: Arrays) -> None:
    arrays["nodes"] = np.frombuffer(rng.bytes(arrays["nodes"].nbytes), arrays["nodes"].dtype).copy()


def share_children(rng: Generator, header: Header, arrays: Arrays) -> None:
    nodes = arrays["nodes"]
    parents = np.flatnonzero(nodes["shape"] & 64)
    for _ in range(rng.choice([1, 5, 500])):
        nodes["child"][rng.choice(parents)] = nodes["child"][rng.choice(parents)]


def mix_nodes(rng: Generator, header: Header, arrays: Arrays) -> None:
    nodes = arrays["nodes"]
    for _ in range(rng.choice([1, 3, 100])):
        a, b = rng.integers(len(nodes), size=2)
        nodes[[a, b]] = nodes[[b, a]]


def change_numbers(rng: Generator, header: Header, arrays: Arrays) -> None:
    name = str(rng.choice([name for name in arrays if name.startswith("surface") or name in NUMBERS]))
    array = arrays[name]
    for _ in range(rng.choice([1, 2, 50, max(len(array), 1)]) if len(array) else 0):
        array[rng.integers(len(array))] = any_number(rng, array.dtype, len(arrays["symbols"]))


def mix_numbers(rng: Generator, header: Header, arrays: Arrays) -> None:
    rng.shuffle(arrays[str(rng.choice(["leaf_position", "leaf_label", "symbols", "alphabet"]))])


def change_discounts(rng: Generator, header: Header, arrays: Arrays) -> None:
    array = arrays[str(rng.choice(["discounts_adjusted", "discounts_raw"]))]
    if array.dtype == np.float64:
        array[rng.integers(len(array))] = rng.choice([np.nan, np.inf, -1.0, 0.0, 0.5, 1e300, 3.0])


def change_lengths(rng: Generator, header: Header, arrays: Arrays) -> None:
    name = str(rng.choice(list(arrays)))
    array = arrays[name]
    arrays[name] = array[: rng.integers(len(array) + 1)] if rng.random() < 0.7 else np.repeat(array, 2)


def change_types(rng: Generator, header: Header, arrays: Arrays) -> None:
    name = str(rng.choice(list(arrays)))
    if arrays[name].dtype.names is None:
        arrays[name] = arrays[name].astype(rng.choice(["u1", "u2", "u4", "u8", "f4", "i8"]))


def change_header(rng: Generator, header: Header, arrays: Arrays) -> None:
    info = header["info"]
    name = str(rng.choice([*info, "new"]))
    values: list[Any] = [None, "", "word", "token", "x" * 99, -1, 0, 1, 7, 10**30, 0.5, [], [99], {}, True, ["a"]]
    info[name] = values[rng.integers(len(values))]
    if rng.random() < 0.1:
        del info[name]


def change_extents(rng: Generator, header: Header, arrays: Arrays) -> None:
    header["extent"] = (
        str(rng.choice(list(arrays))),
        str(rng.choice(["offset", "length", "dtype", "crc32"])),
        [None, -1, 0, 64, 10**6, 10**18, "u1", "O", "V0", "<u8", [["child", "<u4"]], 1.5][rng.integers(12)],
    )


CHANGES: tuple[Callable[[Generator, Header, Arrays], None], ...] = (
    change_nodes, change_nodes, change_last_nodes, random_nodes, share_children, mix_nodes, change_numbers,
    mix_numbers, change_discounts, change_lengths, change_types, change_header, change_extents,
)  # fmt: skip


def write_container(path: Path, header: Header, arrays: Arrays) -> None:
    """Arrays and what the header says of them beside their places, as one file."""
    with path.open("wb") as file:
        writer = ContainerWriter(file)
        for name, array in arrays.items():
            writer.write(name, array)
        writer.finish(header)


def craft(source: Path, path: Path, rng: Generator) -> None:
    """Write a changed copy of an index, with checksums that fit."""
    header, found = read_container(source, "an index")
    arrays = {name: array.copy() for name, array in found.items()}
    for _ in range(rng.choice([1, 1, 2])):
        CHANGES[rng.integers(len(CHANGES))](rng, header, arrays)
    extent = header.pop("extent", None)
    write_container(path, header, arrays)
    if extent is not None:
        change_extent(path, *extent)


def change_extent(path: Path, name: str, field: str, value: Any) -> None:
    """Let the header of a file say something else of an array."""
    data = path.read_bytes()
    offset, length = struct.unpack("<QQ", data[8:24])
    header = json.loads(data[offset : offset + length])
    header["arrays"][name][field] = value
    content = json.dumps(header).encode()
    prefix = data[:8] + struct.pack("<QQI", offset, len(content), zlib.crc32(content))
    path.write_bytes(prefix + data[len(prefix) : offset] + content)


def use(path: Path, texts: dict[str, Text]) -> None:
    """Ask an index for everything; `BadInput` where it is refused."""
    index = NgramIndex.open(path, verify=True)
    codes = index.codes_of(texts[f"{index.unit} {index.sentences}"])
    scores = index.score(codes)
    assert (scores <= 1e-5).all(), "a probability above 1, or NaN"
    index.distribution(codes[:5])
    index.symbol_names()
    if index.word_counts is not None:
        assert all(count > 0 for count in index.word_counts.values()), "a word that never occurs"
    ngrams = [codes[k : k + min(index.order, 4)] for k in range(0, 40, 3)]
    index.count(np.stack(ngrams))
    for ngram in ngrams[:5]:
        index.positions(ngram)
        index.continuations(ngram[:-1])
    if index.sentences is Sentences.STREAM:
        TextDistributions(index, codes, index.alphabet.codes).at(np.arange(0, len(codes), 9))
    write_arpa(index, path.with_suffix(".arpa"), force=True)


def main(first: int, last: int) -> dict[str, int]:
    """Try the seeds `first`..`last - 1`."""
    faulthandler.enable()
    warnings.simplefilter("error", RuntimeWarning)
    texts = {f"{unit} {sentences}": text_of(unit, sentences) for unit in TEXT_UNITS for sentences in Sentences}
    done = {"refused": 0, "used": 0}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "x.ngram"
        sources = []
        for k, (unit, sentences, order) in enumerate(BASES):
            sources.append(Path(folder) / f"base-{k}.ngram")
            NgramIndex.build(text_of(unit, sentences), order).save(sources[-1])
        for seed in range(first, last):
            print(f"seed {seed}", file=sys.stderr, flush=True)
            faulthandler.dump_traceback_later(HANG, exit=True)
            craft(sources[seed % len(sources)], path, np.random.default_rng(seed))
            try:
                use(path, texts)
                done["used"] += 1
            except BadInput as error:
                if "\n" in str(error):
                    raise AssertionError("several lines") from error
                done["refused"] += 1
    faulthandler.cancel_dump_traceback_later()
    return done


if __name__ == "__main__":
    print(json.dumps(main(int(sys.argv[1]), int(sys.argv[2]))))
