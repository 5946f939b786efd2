"""A fixed sample of a validation text, which a model in training is asked about again and again.

As `errtax.lm.hf.sample` for models of symbols: windows from evenly spaced places, the second half of each predicted.
"""

import json
import tempfile
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from errtax.lm.errors import BadInput
from errtax.lm.neural.models import Model, build_model
from errtax.lm.neural.prediction import (
    PredictOptions,
    log_metadata,
    predicted_windows,
    row_batches,
    scratch_scores,
    write_window,
)
from errtax.lm.neural.run import Run, checkpoint_path
from errtax.lm.neural.streams import Streams
from errtax.lm.neural.undisturbed import undisturbed
from errtax.lm.prediction_log import bytes_of, log_schema
from errtax.lm.table import table_writer
from errtax.lm.text import Codes, Text, text_of_bytes

WINDOW, WINDOWS = 512, 32
"""Symbols of a window, and windows: 8,192 predictions."""


@dataclass(frozen=True, eq=False)
class RunSample:
    """`rows`: the windows' codes, (windows, symbols)."""

    run: Run
    rows: Codes

    @classmethod
    def of(cls, run: Run, codes: Codes, window: int = WINDOW, windows: int = WINDOWS) -> "RunSample":
        """The sample of a text; of a short one fewer windows.  Raises `BadInput` for one without a whole window."""
        n = min(windows, len(codes) // window)
        if not n:
            raise BadInput(f"the validation text has {len(codes):,} symbols; to be watched it needs {window}.")
        starts = [k * (len(codes) - window) // max(n - 1, 1) for k in range(n)]
        rows: Any = np.stack([codes[start : start + window] for start in starts])
        return cls(run, rows)

    @cached_property
    def text(self) -> Text:
        """All windows, one after another."""
        return text_of_bytes(bytes_of(self.rows.reshape(-1), self.run.unit), self.run.unit, "the sample")

    @property
    def content(self) -> str:
        """The windows as JSON lines."""
        texts = (bytes_of(row, self.run.unit).decode("utf-8", "surrogateescape") for row in self.rows)
        return "".join(json.dumps({"text": text}) + "\n" for text in texts)

    def try_out(self, path: Path) -> None:
        """Write the log of a model of the run's kind that is not trained."""
        with torch.random.fork_rng([]):
            network = build_model(self.run.config)
        self.predict(network, 1, path)

    def predict(self, network: Model, step: int, path: Path) -> None:
        """Write the log of a network after so many steps, each window a document."""
        length = self.rows.shape[1]
        streams, device = Streams(self.rows, self.rows[:, :0]), next(network.parameters()).device
        options = PredictOptions(weights=checkpoint_path(Path(), step))
        made = log_metadata(self.run, self.text, 1, options)
        least = {"window": str(length), "least_context": str(length // 2)}
        metadata = {**made, **least, "signature": f"{made['signature']}|window:{length}|context:{length // 2}+"}
        with (
            undisturbed(network),
            tempfile.TemporaryDirectory(prefix="errtax-") as scratch,
            table_writer(path, log_schema(self.run.unit, documents=True), metadata, True) as writer,
        ):
            scores = scratch_scores(Path(scratch), self.rows.shape)
            for part in predicted_windows(network, self.run, streams, device):
                write_window(part, scores, slice(None))
            unpredicted: NDArray[Any] = scores.rank[:, : length // 2]
            unpredicted[:] = 0
            for batch in row_batches(self.text, scores, self.run, length):
                writer.write_batch(batch)
