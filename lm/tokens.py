"""Token ids of some other program's tokenizer: decimal numbers in a text, a NumPy array, or a Parquet column."""

import hashlib
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from errtax.lm.errors import BadInput
from errtax.lm.files import require_input
from errtax.lm.kernels import kernel
from errtax.lm.table import numpy_of, open_parquet
from errtax.lm.words import Bytes, count_items, is_separator

Tokens = NDArray[np.uint32]
MAX_TOKEN = 2**31 - 1
COLUMNS = ("input_ids", "tokens", "token", "ids", "id")
"""Names of a Parquet column of tokens, the first that is there is taken."""
SUFFIXES = (".npy", ".parquet")
_ALLOWED = f"a token id is a whole number from 0 to {MAX_TOKEN}"


def parse_tokens(data: bytes, name: str, end_of_line: int | None) -> Tokens:
    """The ids in a text of decimal numbers between blanks.

    `end_of_line`: the code put where a line ends; None where line ends are only blanks.  Raises `BadInput`, with the
    line, for anything else than digits and blanks, and for an id above `MAX_TOKEN`.

    >>> parse_tokens(b"5 17\\n5\\n", "text", 99)
    array([ 5, 17, 99,  5, 99], dtype=uint32)
    """
    symbols = np.frombuffer(data, np.uint8)
    line = -1 if end_of_line is None else end_of_line
    codes = np.empty(count_items(symbols, line), np.uint32)
    bad = _parse(symbols, line, codes)
    if bad >= 0:
        line_number = 1 + data.count(b"\n", 0, bad)
        found = re.split(rb"[\0\t\n\r ]", data[bad : bad + 40])[0].decode("utf-8", "backslashreplace")
        raise BadInput(
            f"{name}: line {line_number} has {found!r} where a token id is needed; "
            f"{_ALLOWED}, in decimal digits between blanks."
        )
    return codes


def read_token_files(files: Sequence[Path], end_of_line: int, lines: bool | None) -> tuple[Tokens, bool, str]:
    """Ids of `.npy` and `.parquet` files joined, whether they end lines, and the SHA-256 of the files' bytes.

    `.npy`: an array of integers of one dimension, without lines; one of uint32 is mapped, not read.  `.parquet`: the
    only column of integers, or the first one named in `COLUMNS`; a column of lists has a sentence per row.  `lines`:
    whether `end_of_line` follows each row; None where the file decides.

    Raises `BadInput` for what is not so, for ids out of range, and for files with rows beside files without.
    """
    pieces, kinds, digest = [], [], hashlib.sha256()
    for file in files:
        read = _read_npy if file.suffix == ".npy" else _read_parquet
        codes, with_rows = read(file, None if lines is False else end_of_line)
        if lines and not with_rows:
            raise BadInput(
                f"{file} holds one stream of tokens, without line ends; for a sentence per line give lists of ids in "
                "Parquet, or a text with one sentence per line."
            )
        pieces.append(codes)
        kinds.append(with_rows)
        _update(digest, file)
    if len(set(kinds)) > 1 and lines is None:
        streams, rows = files[kinds.index(False)], files[kinds.index(True)]
        raise BadInput(f"{streams} is one stream of tokens, {rows} has a sentence per row; give files of one kind.")
    joined = pieces[0] if len(pieces) == 1 else np.concatenate(pieces)
    return joined, kinds[0] and lines is not False, digest.hexdigest()


def _update(digest: Any, file: Path) -> None:
    with require_input(file).open("rb") as opened:
        while piece := opened.read(1 << 20):
            digest.update(piece)


def _read_npy(path: Path, end_of_line: int | None) -> tuple[Tokens, bool]:
    try:
        values: NDArray[Any] = np.lib.format.open_memmap(require_input(path), mode="r")
    except Exception as error:  # a damaged header raises whatever Python's parser does
        raise BadInput(f"{path} is not a readable NumPy array ({str(error).splitlines()[0]}).") from None
    if values.ndim != 1 or values.dtype.kind not in "iu":
        raise BadInput(
            f"{path} holds {values.dtype} of shape {values.shape}; token ids are integers, in one dimension."
        )
    return _checked(np.asarray(values), f"{path}: item", 0), False


def _read_parquet(path: Path, end_of_line: int | None) -> tuple[Tokens, bool]:
    file = open_parquet(path)
    name = _token_column(path, file.schema_arrow)
    in_lists = not pa.types.is_integer(file.schema_arrow.field(name).type)
    pieces, row = [np.empty(0, np.uint32)], 0
    for batch in file.iter_batches(columns=[name]):
        column = batch.column(0)
        values = column.flatten() if in_lists else column
        if column.null_count or values.null_count:
            raise BadInput(f"{path}: column {name!r} has nulls; each row needs its token ids.")
        ends = np.cumsum(numpy_of(pc.list_value_length(column)), dtype=np.int64) if in_lists else None
        codes = _checked(numpy_of(values), f"{path}: column {name!r}, row", row, ends)
        pieces.append(codes if ends is None or end_of_line is None else _with_ends(codes, ends, end_of_line))
        row += len(column)
    return np.concatenate(pieces), in_lists


def _token_column(path: Path, schema: Any) -> str:
    fields = [field for field in schema if _holds_integers(field.type)]
    if len(fields) == 1:
        return str(fields[0].name)
    names = {field.name for field in fields}
    for name in COLUMNS:
        if name in names:
            return name
    found = ", ".join(f"{field.name} ({field.type})" for field in schema) or "none"
    raise BadInput(
        f"{path} has no column that must be the tokens (columns: {found}); "
        f"give it one column of integers or of lists of integers, or call it one of {', '.join(COLUMNS)}."
    )


def _holds_integers(kind: Any) -> bool:
    in_list = pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind)
    return bool(pa.types.is_integer(kind.value_type if in_list else kind))


def _with_ends(codes: Tokens, ends: NDArray[np.int64], end_of_line: int) -> Tokens:
    # ends[r]: one past the last token of row r
    with_ends = np.full(len(codes) + len(ends), end_of_line, np.uint32)
    inside = np.ones(len(with_ends), bool)
    inside[ends + np.arange(len(ends))] = False
    with_ends[inside] = codes
    return with_ends


def _checked(values: NDArray[Any], where: str, first: int, ends: NDArray[np.int64] | None = None) -> Tokens:
    """The values as codes, once they are known to be token ids; `where`, `first` and `ends` tell where one is not."""
    if len(values) and (int(values.min()) < 0 or int(values.max()) > MAX_TOKEN):
        bad = int(np.argmax((values < 0) | (values > MAX_TOKEN)))
        place = bad if ends is None else int(np.searchsorted(ends, bad, side="right"))
        raise BadInput(f"{where} {first + place} holds {values[bad]}; {_ALLOWED}.")
    return values.astype(np.uint32, copy=False)


@kernel
def _parse(symbols: Bytes, end_of_line: int, codes: Tokens) -> int:
    # fills `codes`; returns where the first item starts that is not a token id, or -1
    k, i = 0, 0
    while i < len(symbols):
        if is_separator(symbols[i]):
            if symbols[i] == 10 and end_of_line >= 0:
                codes[k] = end_of_line
                k += 1
            i += 1
            continue
        start, value = i, np.int64(0)
        while i < len(symbols) and not is_separator(symbols[i]):
            if symbols[i] < 48 or symbols[i] > 57:
                return start
            value = 10 * value + symbols[i] - 48
            if value > 2147483647:
                return start
            i += 1
        codes[k] = value
        k += 1
    return -1
