"""Logs of several models' tokens as logs of spans that all share: sums of log-probabilities between common ends.

Boundaries are the ends, in bytes, that the tokens of all logs have in common, so each token lies in one span, and the
log-probabilities of a span's tokens add up to its own (chain rule).  Models of different tokenizers are then compared
on the same things.  Logs of bytes and of characters may take part: each symbol is a token.
"""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import reduce
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

import errtax
from errtax.lm.errors import BadInput, UsageError
from errtax.lm.files import replacing_folder, require_each_once
from errtax.lm.log_columns import document_column, encode_symbols
from errtax.lm.log_files import log_stem
from errtax.lm.log_reader import LogFile, open_log_file
from errtax.lm.prediction_log import BLOCK_ROWS, LOG, PredictionLog, right_first
from errtax.lm.surface import Surface
from errtax.lm.table import TableWriter, table_writer
from errtax.lm.text import Unit
from errtax.lm.token_log import TokenRows, token_batch
from errtax.lm.visible import listed, visible

_SHOWN = 12  # bytes that a message quotes
_KEPT = ("parameters", "step", "revision", "window", "stride", "prefix", "dtype", "bytes")


class AlignedLog(NamedTuple):
    """A log of spans that was written: the model, its file, and the tokens of the log that it was made from."""

    model: str
    path: Path
    tokens: int


class Alignment(NamedTuple):
    """What `align_logs` has written."""

    spans: int
    bytes: int
    logs: tuple[AlignedLog, ...]
    signature: str


def align_logs(paths: Sequence[Path], folder: Path, force: bool = False, rows: int = BLOCK_ROWS) -> Alignment:
    """Write a log of spans for each log, `folder/STEM.parquet`.

    Raises `BadInput` for logs of different texts, or of parts of a text, with the first difference.  Time O(tokens);
    memory: a few blocks of `rows` rows of each log.
    """
    if len(paths) < 2:
        raise UsageError(f"spans are what several logs share; got {len(paths)}, two or more are needed.")
    require_each_once(paths)
    logs = [_Stretch(open_log_file(path), rows) for path in paths]
    names = listed(log.head.model for log in logs)
    with replacing_folder(folder, force) as temporary, ExitStack() as stack:
        files = _file_names(paths)
        writers = [_Writer(temporary / name, log, names, stack) for name, log in zip(files, logs, strict=True)]
        digest, size, n = sha256(), 0, 0
        for spans in _spans(logs):
            digest.update(spans[0].symbol.joined.tobytes())
            size, n = size + len(spans[0].symbol.joined), n + len(spans[0])
            for writer, part in zip(writers, spans, strict=True):
                writer.write(part)
        signature = f"errtax:{errtax.__version__}|unit:span({names})|n:{n}|text:{digest.hexdigest()[:8]}"
        for writer in writers:
            writer.finish(digest.hexdigest(), signature)
    made = [AlignedLog(log.head.model, folder / name, len(log.file)) for name, log in zip(files, logs, strict=True)]
    return Alignment(n, size, tuple(made), signature)


def _file_names(paths: Sequence[Path]) -> list[str]:
    """A file's name for each log, no two alike: `preds.parquet`, `preds-2.parquet`."""
    names: list[str] = []
    for path in paths:
        stem, k = log_stem(path), 1
        while (name := f"{stem}{f'-{k}' if k > 1 else ''}.parquet") in names:
            k += 1
        names.append(name)
    return names


@dataclass
class _Writer:
    """The file of one log of spans; it appears with the folder."""

    path: Path
    log: "_Stretch"
    partners: str
    stack: ExitStack
    file: TableWriter | None = None

    def write(self, spans: TokenRows) -> None:
        batch = token_batch(spans)
        if self.file is None:
            self.file = self.stack.enter_context(table_writer(self.path, batch.schema, {}, False))
        self.file.write_batch(batch)

    def finish(self, text_sha256: str, signature: str) -> None:
        head = self.log.head
        known = {key: head.metadata[key] for key in _KEPT if key in head.metadata}
        stated = {"errtax.schema": LOG.name, "unit": str(Unit.SPAN), "model": head.model, **known}
        if self.file is not None:
            self.file.metadata |= {**stated, "partners": self.partners, "text_sha256": text_sha256}
            self.file.metadata["signature"] = signature


class _Stretch:
    """The tokens of a log from byte `begin` of the text on, as far as they are read."""

    def __init__(self, file: LogFile, rows: int) -> None:
        self.file, self.head = file, file.head
        self.begin, self.data = 0, np.empty(0, np.uint8)
        self.ends, self.logprobs = np.empty(0, np.int64), np.empty(0)  # by token, the byte after it
        self.first: NDArray[np.bool_] | None = None  # which tokens were ranked first, where the log says so
        self.docs: Any = None  # id of the document of each token
        self._blocks, self._position = file.blocks(rows), 0

    @property
    def end(self) -> int:
        """The byte after all that is read."""
        return self.begin + len(self.data)

    def read(self) -> bool:
        """Read the next block, if there is one.  Raises `BadInput` where a part of the text is missing."""
        log = next(self._blocks, None)
        if log is None:
            return False
        surface = log.surface or Surface.of_column(encode_symbols(log.codes, log.unit))
        ends = self.end + np.cumsum(surface.lengths)
        self._require_whole(log, ends - surface.lengths)
        judged = log.argmax_codes is not None or log.ranks is not None
        self.data = np.concatenate([self.data, surface.joined])
        self.ends = np.concatenate([self.ends, ends])
        self.logprobs = np.concatenate([self.logprobs, log.logprobs])
        if judged:
            first = right_first(log)
            self.first = first if self.first is None else np.concatenate([self.first, first])
        if log.docs is not None:
            docs = document_column(log)
            self.docs = docs if self.docs is None else pa.concat_arrays([self.docs, docs])
        self._position += len(log)
        return True

    def _require_whole(self, log: PredictionLog, starts: NDArray[np.int64]) -> None:
        """Raise `BadInput` unless the rows continue the text from its first byte on."""
        wrong = log.positions != self._position + np.arange(len(log))
        if log.starts is not None:
            wrong |= log.starts != starts
        if wrong.any():
            k = int(np.argmax(wrong))
            found = f"{log.name} lacks a part of the text before position {log.positions[k]} (byte {starts[k]})"
            raise BadInput(f"{found}; spans are made of logs of the whole text, unpredicted tokens with null.")

    def drop(self, end: int) -> None:
        """Forget what comes before this byte, at which a token ends."""
        rows = int(np.searchsorted(self.ends, end, "right"))
        self.data, self.begin = self.data[end - self.begin :], end
        self.ends, self.logprobs = self.ends[rows:], self.logprobs[rows:]
        self.first = None if self.first is None else self.first[rows:]
        self.docs = None if self.docs is None else self.docs[rows:]

    def quoted(self, byte: int) -> str:
        """The text from a byte on, for a message."""
        found = self.data[byte - self.begin : byte - self.begin + _SHOWN].tobytes()
        return repr(visible(found.decode("utf-8", "replace"))) if found else "nothing more"


def _spans(logs: Sequence[_Stretch]) -> Iterator[list[TokenRows]]:
    """The spans of each log, block by block, the same ones of all."""
    n, checked = 0, 0  # spans so far; bytes that are known to be alike
    while True:
        nearest = min(log.end for log in logs)
        more = [log.read() for log in logs if log.end == nearest]
        _require_same_text(logs, checked)
        checked = min(log.end for log in logs)
        common = reduce(np.intersect1d, [log.ends[log.ends <= checked] for log in logs])
        if len(common):
            begins = np.concatenate([[logs[0].begin], common[:-1]])
            docs = next((log for log in logs if log.docs is not None), None)
            _require_documents(logs, common)
            ids = None if docs is None else docs.docs.take(pa.array(_first_tokens(docs, begins)))
            yield [_summed(log, begins, common, n, ids) for log in logs]
            n += len(common)
            for log in logs:
                log.drop(int(common[-1]))
        elif not any(more):
            return


def _require_same_text(logs: Sequence[_Stretch], checked: int) -> None:
    """Raise `BadInput` where two logs have different bytes from `checked` on, or one ends before another."""
    first = logs[0]
    for other in logs[1:]:
        stop = min(first.end, other.end)
        a, b = (log.data[checked - log.begin : stop - log.begin] for log in (first, other))
        differs = a != b
        ended = first.end != other.end and stop == checked
        if differs.any() or ended:
            byte = checked + int(np.argmax(differs)) if differs.any() else stop
            what = f"{first.head.name} and {other.head.name} are logs of different texts: at byte {byte}"
            raise BadInput(f"{what} the first has {first.quoted(byte)}, the second {other.quoted(byte)}.")


def _require_documents(logs: Sequence[_Stretch], common: NDArray[np.int64]) -> None:
    """Raise `BadInput` where a document of a log begins inside what would be a span."""
    for log in logs:
        if log.docs is None or len(log.docs) < 2:
            continue
        numbers = np.asarray(log.docs.dictionary_encode().indices.fill_null(-1))
        begins = log.ends[:-1][np.diff(numbers) != 0]
        lost = np.setdiff1d(begins[begins <= common[-1]], common)
        if len(lost):
            found = f"{log.head.name} begins a document at byte {lost[0]}, where another log has no end of a token"
            raise BadInput(f"{found}; predict the same documents with all models.")


def _first_tokens(log: _Stretch, begins: NDArray[np.int64]) -> NDArray[np.int64]:
    """The first token of each span."""
    return np.searchsorted(log.ends, begins, "right")


def _summed(log: _Stretch, begins: NDArray[np.int64], ends: NDArray[np.int64], n: int, docs: Any) -> TokenRows:
    """The spans of one log: NaN where a part is; `rank` 1 where all tokens were ranked first, else 2."""
    starts = _first_tokens(log, begins)
    stop = int(np.searchsorted(log.ends, ends[-1], "right"))
    logprob = np.add.reduceat(log.logprobs[:stop], starts)
    rank = None
    if log.first is not None:
        right = np.logical_and.reduceat(log.first[:stop], starts)
        rank = np.where(np.isnan(logprob), 0, np.where(right, 1, 2))
    surface = Surface(log.data, np.append(begins, ends[-1]) - log.begin)
    position = np.arange(n, n + len(ends))
    return TokenRows(position=position, symbol=surface, start=begins, logprob=logprob, rank=rank, doc=docs)
