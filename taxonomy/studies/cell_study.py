"""Reading a trained model's cells along a text: what `errtax cells` computes."""

from collections.abc import Callable, Iterable
from pathlib import Path

import errtax
from errtax.lm.errors import UsageError
from errtax.lm.neural.activations import CellWindow, read_cells
from errtax.lm.neural.recurrent import CellKind, RecurrentConfig
from errtax.lm.neural.run import Run, read_for, read_run
from errtax.lm.neural.streams import Span
from errtax.oracle.features import FeatureReader, known_features
from errtax.oracle.text_kind import reading_of
from errtax.taxonomy.studies.cells import CellOptions, CellStudy, choose_cells, place, show, track
from errtax.taxonomy.studies.tracking import BINS, TrackedCell


def study_cells(
    folder: Path, path: Path, options: CellOptions, on_step: Callable[[int, int], None] = lambda done, total: None
) -> CellStudy:
    """The cells of the run in `folder` on the text at `path`; rows with a passage are read once more, up to it.

    Memory does not grow with the text beyond the text itself.  Raises `UsageError` for a cell or feature that there is
    not, and for a position after the end of the text.
    """
    run = read_run(folder)
    config = _require_cells(run, folder, options.cells)
    features = known_features(options.features)
    text, streams = read_for(run, path)
    if options.start is not None and not 0 <= options.start < len(text):
        raise UsageError(f"--from {options.start} is not in the text, whose positions are 0 to {len(text) - 1}.")
    reading = options.reading or reading_of(text.codes)

    def windows(span: Span | None = None) -> Iterable[CellWindow]:
        return read_cells(folder, streams, options.device, on_step, span)

    reader = FeatureReader(features, reading, streams.before)
    tracking, passages = track(windows(), reader, streams.rows.shape, (config.hidden,) * config.layers)
    placed = [
        (choice, place(choice, passages, options, streams.rows)) for choice in choose_cells(tracking, options.cells)
    ]
    return CellStudy(
        tracking=tracking,
        panels=show(windows, streams.rows, placed, tracking),
        model=config.name,
        value="tanh(c)" if config.cell is CellKind.LSTM else "h",
        unit=run.unit,
        reading=reading,
        signature=f"errtax:{errtax.__version__}|unit:{run.unit}|n:{len(text)}|{run.described}|streams:{len(streams.rows)}"
        f"|cells:{config.layers * config.hidden}|bins:{BINS}|reading:{reading}"
        f"|features:{','.join(item.name for item in features)}|text:{text.sha256[:8]}|train:{run.train_sha256[:8]}",
        sources={"text_sha256": text.sha256, "train_sha256": run.train_sha256},
    )


def _require_cells(run: Run, folder: Path, cells: Iterable[TrackedCell]) -> RecurrentConfig:
    """The run's configuration, once it is known to have these cells."""
    config = run.config
    if not isinstance(config, RecurrentConfig):
        raise UsageError(f"{folder} holds {config.name}, which has no cells; give an LSTM, GRU or RNN.")
    for cell in cells:
        if not (1 <= cell.layer <= config.layers and 1 <= cell.unit <= config.hidden):
            layers = "layer 1" if config.layers == 1 else f"layers 1 to {config.layers}"
            raise UsageError(
                f"there is no cell {cell} in {config.name}; a cell is layer:unit, both from 1, "
                f"and this model has {layers} of units 1 to {config.hidden}."
            )
    return config
