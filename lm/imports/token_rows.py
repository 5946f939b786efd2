"""Rows of a token log from the blocks of a file."""

from typing import Any

import numpy as np

from errtax.lm.errors import BadInput
from errtax.lm.imports.placement import Placement
from errtax.lm.imports.records import UNKNOWN_ID, Block, Floats, Ids, TokenScores
from errtax.lm.imports.values import checked
from errtax.lm.surface import Surface
from errtax.lm.text import Unit
from errtax.lm.token_log import TokenRows, token_batch, token_schema


class TokenLog:
    """The rows of a token log, as they come; those of the same columns as the first block's."""

    unit = Unit.TOKEN

    def __init__(self, first: TokenScores, placement: Placement) -> None:
        self._placement = placement
        self._data = np.frombuffer(placement.text, np.uint8)
        self._documents = first.document is not None
        with_ids = placement.tokenizer is not None and not first.spaced
        optional = {
            "token": with_ids,
            "argmax_token": with_ids and first.best_ids is not None,
            "argmax_logprob": first.best_logprobs is not None,
            "rank": first.ranks is not None,
        }
        self._columns = [name for name, there in optional.items() if there]
        self._last_document = 0
        self._made: list[Any] = []
        self.rows, self.predicted, self.total = 0, 0, 0.0

    @property
    def schema(self) -> Any:
        """The Arrow schema of the log."""
        return token_schema(*self._columns, "start", *(["doc"] if self._documents else []))

    def add(self, block: Block) -> None:
        """Add the rows of a block, and before them what no token covers."""
        if not isinstance(block, TokenScores):
            raise BadInput(
                f"{block.place(0)} has a whole distribution, which tokens before it have not; dump all alike."
            )
        placed = self._placement.place(block)
        part = block.part(placed.first, placed.stop)
        self._add_gap(placed.gap, int(placed.ends[0]), block.document)
        n = len(part)
        logprobs = checked(part.logprobs, part.place)
        best = part.best_ids
        if best is not None and "argmax_token" in self._columns:
            self._require_ids(best, part)
        values: dict[str, Any] = {"token": placed.ids, "rank": part.ranks, "argmax_token": best}
        values["argmax_logprob"] = None if part.best_logprobs is None else np.minimum(part.best_logprobs, 0.0)
        self._append(placed.ends, logprobs, values, block.document, n)

    def finish(self, name: str, rest: bool) -> None:
        """Add what the text has after its last token.  Raises `BadInput` where this is not only blanks."""
        self._placement.require_end(name, rest)
        self._add_gap(self._placement.at, len(self._placement.text), None)

    def take(self) -> list[Any]:
        """The rows made since the last call, as Arrow record batches."""
        made, self._made = self._made, []
        return made

    def _require_ids(self, best: Ids, part: TokenScores) -> None:
        missing = (best == UNKNOWN_ID) & ~np.isnan(part.logprobs)
        if missing.any():
            raise BadInput(f"{part.place(int(np.argmax(missing)))} does not say which token is the most probable.")

    def _add_gap(self, start: int, stop: int, document: int | None) -> None:
        """A row without a prediction for bytes that no token of the file covers; with ids, one per token."""
        if stop <= start:
            return
        ends, ids, tokenizer = np.array([start, stop]), None, self._placement.tokenizer
        if "token" in self._columns and tokenizer is not None:
            found = tokenizer.encode(self._placement.text[start:stop], self._placement.name)
            lengths = np.cumsum(tokenizer.vocabulary.lengths[found.ids]) - len(found.invented)
            ids, ends = found.ids[lengths > 0], start + np.concatenate([[0], lengths[lengths > 0]])
        n = len(ends) - 1
        self._append(ends, np.full(n, np.nan), {"token": ids}, document, n)

    def _append(self, ends: Ids, logprobs: Floats, values: dict[str, Any], document: int | None, n: int) -> None:
        absent = {"token": 0, "rank": 0, "argmax_token": 0, "argmax_logprob": np.nan}
        columns: dict[str, Any] = {}
        for name in self._columns:
            given = values.get(name)
            columns[name] = np.full(n, absent[name]) if given is None else given
        if self._documents:
            self._last_document = self._last_document if document is None else document
            columns["doc"] = np.full(n, self._last_document)
        position, symbol = np.arange(self.rows, self.rows + n), Surface(self._data, ends)
        rows = TokenRows(position=position, symbol=symbol, start=ends[:-1], logprob=logprobs, **columns)
        self._made.append(token_batch(rows))
        known = logprobs[~np.isnan(logprobs)]
        self.rows, self.predicted = self.rows + n, self.predicted + len(known)
        self.total -= float(known.sum())
