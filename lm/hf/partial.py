"""The rows of an interrupted prediction, beside its output, so that the next run of the same goes on from there.

`OUTPUT.part` has a record for each row of the log; `OUTPUT.part.state` says of what, and how many batches are done.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import monotonic
from typing import Any

import numpy as np
from numpy.typing import NDArray

from errtax.lm.errors import BadInput, ErrtaxError, UsageError
from errtax.lm.fetched import staged
from errtax.lm.files import locked, reserve, write_text
from errtax.lm.records import read_json

SCHEMA = "errtax.partial/1"
_SECONDS = 5.0


class Partial:
    """Rows that are being filled.  `rows`: (n_rows,) records in a mapped file, zeros first.  `done`: batches."""

    def __init__(self, rows: NDArray[Any], state: Path, settings: dict[str, str], done: int) -> None:
        self.rows, self.done = rows, done
        self._state, self._settings, self._saved = state, settings, monotonic()

    def save(self, now: bool = False) -> None:
        """Keep what is done, every few seconds or at once."""
        if now or monotonic() - self._saved > _SECONDS:
            if isinstance(self.rows, np.memmap):
                self.rows.flush()
            write_text(self._state, json.dumps({"schema": SCHEMA, "done": self.done, "settings": self._settings}))
            self._saved = monotonic()


@contextmanager
def resuming(
    output: Path, settings: dict[str, str], n_rows: int, dtype: np.dtype[Any], force: bool
) -> Iterator[Partial]:
    """Yield the rows that an interrupted run with the same settings left for `output`, or new ones.

    They are kept where this block is interrupted, and removed where it ends or fails for its input.  Raises
    `UsageError` where a run with other settings was interrupted, unless `force` is given.
    """
    stage = staged(output)
    path = stage.with_name(stage.name + ".part")
    state = path.with_name(path.name + ".state")
    done = _done(state, settings, force) if path.exists() and path.stat().st_size == n_rows * dtype.itemsize else 0
    with locked(path) as file:
        if not done:
            _done(state, settings, force)
            state.unlink(missing_ok=True)
            file.truncate(0)
            reserve(file.fileno(), n_rows * dtype.itemsize)
        rows = np.memmap(path, dtype, "r+", shape=(n_rows,)) if n_rows else np.zeros(0, dtype)
        partial = Partial(rows, state, settings, done)
        partial.save(now=True)
        try:
            yield partial
        except ErrtaxError:
            state.unlink(missing_ok=True)
            raise
        except BaseException as error:
            partial.save(now=True)
            error.add_note(f"What is done is kept in {path.name}; the same command goes on from there.")
            raise
        path.unlink(missing_ok=True)
        state.unlink(missing_ok=True)


def _done(state: Path, settings: dict[str, str], force: bool) -> int:
    """The batches that an interrupted run with these settings has done."""
    if not state.exists():
        return 0
    try:
        found = read_json(state, SCHEMA, "the state of an interrupted prediction", "")
        known, done = dict(found["settings"]), int(found["done"])
    except (BadInput, KeyError, TypeError, ValueError):
        known, done = {}, 0
    if known == settings:
        return done
    if force:
        return 0
    differs = next((name for name, value in settings.items() if known.get(name) != value), "settings")
    raise UsageError(
        f"{state.name} is of an interrupted prediction with another {differs.replace('_', ' ')}; repeat that command "
        "to resume it, or give --force to begin anew, or another name with -o."
    )
