"""For notebooks: a peel with its tables and pictures at hand.

>>> import errtax, pandas as pd
>>> text = "the cat sat on the mat and the cat sat still"
>>> log = pd.DataFrame({"position": range(len(text)), "symbol": list(text), "logprob": -1.0})
>>> peel = errtax.peel(log, layers=["word", "boost"])
>>> peel
<peel of log: 44 errors of 44 positions; word model 22.7 %, boost 77.3 %>
>>> int(peel.table().loc["word", "errors"])
10
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from html import escape
from os import PathLike
from pathlib import Path
from typing import Any

import pandas as pd
from matplotlib.figure import Figure

from errtax.lm.errors import UsageError
from errtax.lm.files import require_input, write_text
from errtax.lm.ngram.model import NgramModel
from errtax.lm.prediction_log import PredictionLog, log_of_frame
from errtax.lm.visible import visible
from errtax.oracle.word_rule import PATTERN
from errtax.reports.bars import bars_figure, difference_figure
from errtax.reports.excerpts import excerpt, worst_rows
from errtax.reports.figure import save_figure, svg_of
from errtax.reports.page import report_page
from errtax.reports.page_tables import comparison_html, summary_html
from errtax.reports.pie import pie_figure
from errtax.reports.results import results_of
from errtax.reports.wording import findings
from errtax.taxonomy.bootstrap import STANDARD, Resampling
from errtax.taxonomy.comparison import Comparison, compare
from errtax.taxonomy.difference import Difference
from errtax.taxonomy.naming import choose_layers
from errtax.taxonomy.peel import Peel
from errtax.taxonomy.peel_file import frame_of_peel, read_peel, write_peel
from errtax.taxonomy.peel_inputs import PeelInputs, peel_files
from errtax.taxonomy.repeel import repeel
from errtax.taxonomy.settings import PRESETS, Criterion, Settings
from errtax.taxonomy.statistics import Interval, PartStatistics, Statistics, statistics
from errtax.taxonomy.summary import Summary, summarise

StrPath = str | PathLike[str]


def peel(
    log: StrPath | pd.DataFrame | PredictionLog,
    ngram: StrPath | NgramModel | None = None,
    train: StrPath | None = None,
    *,
    preset: str = "paper",
    words: str = PATTERN,
    **settings: Any,
) -> "PeelView":
    """The peel of a prediction log: a file, or a frame with the columns position, symbol and logprob.

    `ngram`: an index, or any model that `errtax build-ngram` or KenLM makes; without it one is built from `train`, the
    training text's file.  `settings`: in place of the preset's: `layers`, `criterion`, and thresholds of the layers by
    the names of their flags (`ngram_max=5`, `memory_windows=[100, 500]`).  `layers` may name oracles of your own, too.
    `words`: what a word is, a regular expression or `icu` (`pip install 'errtax[icu]'`), for texts that put no spaces
    between words.

    Raises `BadInput` for a log, model or text that does not fit, `UsageError` for settings that do not.
    """
    if preset not in PRESETS:
        raise UsageError(f"there is no preset {preset!r}; there are {', '.join(PRESETS)}.")
    source = Path(log) if isinstance(log, str | PathLike) else log
    if isinstance(source, pd.DataFrame):
        source = log_of_frame(source, "log")
    inputs = PeelInputs(
        source,
        Path(ngram) if isinstance(ngram, str | PathLike) else ngram,
        None if train is None else require_input(Path(train)),
        words=words,
    )
    return PeelView(peel_files(inputs, _changed(PRESETS[preset], settings)))


def read(path: StrPath) -> "PeelView":
    """The peel in a file that `errtax peel` or `PeelView.save` wrote."""
    return PeelView(read_peel(Path(path)))


def _changed(base: Settings, given: dict[str, Any]) -> Settings:
    """Settings with other values; lists will do for tuples, and a string for a criterion."""
    changes, custom = dict(given), base.custom
    if "layers" in given:
        asked = given["layers"].split(",") if isinstance(given["layers"], str) else list(map(str, given["layers"]))
        changes["layers"], custom = choose_layers(asked, custom=custom)
    if "criterion" in given and not isinstance(given["criterion"], Criterion):
        changes["criterion"] = Criterion.parse(str(given["criterion"]))
    return base.changed(**{**changes, "custom": custom})


@dataclass(frozen=True, eq=False)
class PeelView:
    """A peel to be looked at.  `peel` is the record itself, `summary` and `statistics` what follows from it."""

    peel: Peel

    @cached_property
    def summary(self) -> Summary:
        """Counts, shares and bits."""
        return summarise(self.peel)

    @cached_property
    def statistics(self) -> Statistics:
        """All shares with 95 % intervals; see `table` and `fair`."""
        return statistics([self.peel])

    @property
    def signature(self) -> str:
        """How the numbers were made."""
        return self.peel.signature

    @property
    def plot(self) -> "Plots":
        """The pictures: `plot.pie()`, `plot.bars()`."""
        return Plots([self.summary])

    def table(self, slices: bool = False) -> pd.DataFrame:
        """A row a layer, by name; with `slices` also a row a slice, the index being (layer, slice).

        Columns: errors; share of the errors, and the ends of its 95 % interval; bits, excess and recoverable bits per
        symbol of the text.
        """
        layers = self.statistics.layers
        if not slices:
            return pd.DataFrame([_row(layer) for layer in layers], index=_index([layer.name for layer in layers]))
        parts = [(layer.name, part) for layer in layers for part in layer.slices]
        index = pd.MultiIndex.from_tuples([(name, part.name) for name, part in parts], names=["layer", "slice"])
        return pd.DataFrame([_row(part) for _, part in parts], index=index)

    def fair(self) -> pd.DataFrame:
        """A row a layer that shares the errors: its share whatever the order of layers.

        Columns: fair (Shapley's share, with its interval), unique and solo (the least and the most in any order), and
        fair_bits per symbol.
        """
        layers = [layer for layer in self.statistics.layers if layer.fair is not None]
        rows = [
            {
                **_interval("fair", layer.fair),
                **{name: getattr(layer, name).value for name in ("unique", "solo", "fair_bits")},
            }
            for layer in layers
        ]
        return pd.DataFrame(rows, index=_index([layer.name for layer in layers]))

    def compare(self, other: "PeelView", resampling: Resampling = STANDARD) -> "ComparisonView":
        """What `other` saves against this one, the baseline, on the same positions; see `ComparisonView`."""
        return ComparisonView(compare(self.peel, other.peel, resampling), self.peel.settings)

    def repeel(self, **settings: Any) -> "PeelView":
        """The peel by other settings from the same evidence; the names are those of `errtax.peel`."""
        return PeelView(repeel(self.peel, _changed(self.peel.settings, settings)))

    def worst(self, n: int = 20, layer: str | None = None, slice: str | None = None) -> pd.DataFrame:
        """The n errors with the least probability, in their context, with the oracles' evidence in words."""
        rows = worst_rows(self.peel, n, layer, slice)
        return pd.DataFrame([vars(excerpt(self.peel, int(row))) for row in rows])

    def to_pandas(self) -> pd.DataFrame:
        """The peel table: a row a position, with the columns of the file (`docs/files.md`)."""
        frame: pd.DataFrame = frame_of_peel(self.peel)
        return frame

    def save(self, path: StrPath, force: bool = False) -> None:
        """Write the peel table; every command that takes a PEEL reads it."""
        write_peel(Path(path), self.peel, force)

    def report(self, path: StrPath, force: bool = False) -> None:
        """Write the HTML page of `errtax report`."""
        write_text(Path(path), report_page(results_of([self.peel])), force)

    def __repr__(self) -> str:
        """Model, errors and layers, in a line."""
        summary = self.summary
        layers = ", ".join(f"{layer.title} {100 * layer.share:.1f} %" for layer in summary.layers)
        positions = f"{summary.positions:,} positions"
        if summary.unpredicted > 1:
            positions += f", {summary.unpredicted:,} more not predicted"
        return f"<peel of {summary.model}: {summary.errors:,} errors of {positions}; {layers}>"

    def _repr_html_(self) -> str:
        """What a notebook shows: the finding, the pie, the table, the signature."""
        found = escape(" ".join(findings(self.summary)))
        signature = f'<p style="font-size:75%">{escape(visible(self.signature))}</p>'
        return f"<p>{found}</p>{self.plot.pie().svg}{summary_html(self.summary)}{signature}"


@dataclass(frozen=True, eq=False)
class ComparisonView:
    """A paired comparison to be looked at; `comparison` is the record itself."""

    comparison: Comparison
    settings: Settings

    @property
    def finding(self) -> str:
        """What it says, in a sentence."""
        return self.comparison.finding()

    @property
    def plot(self) -> "Picture":
        """The errors saved, by layer and slice."""
        return Picture(difference_figure([self.comparison]))

    def table(self, slices: bool = False) -> pd.DataFrame:
        """A row a layer and one for all errors; with `slices` a row a slice, the index being (layer, slice).

        Columns: before, after, fixed, kept, new; saved with the ends of its 95 % interval; p, adjusted by Holm; tied;
        and the same of bits per symbol: bits_before, bits_after, bits_saved, bits_p, bits_tied.
        """
        layers = self.comparison.layers
        if not slices:
            rows = [*layers, self.comparison.total]
            return pd.DataFrame([_difference(row) for row in rows], index=_index([row.name for row in rows]))
        parts = [(layer.name, part) for layer in layers for part in layer.slices]
        index = pd.MultiIndex.from_tuples([(name, part.name) for name, part in parts], names=["layer", "slice"])
        return pd.DataFrame([_difference(part) for _, part in parts], index=index)

    def __repr__(self) -> str:
        """The finding."""
        return f"<comparison: {self.finding}>"

    def _repr_html_(self) -> str:
        return f"<p>{escape(self.finding)}</p>{self.plot.svg}{comparison_html(self.comparison)}"


@dataclass(frozen=True, eq=False)
class Picture:
    """A figure that a notebook shows as SVG; `figure` is matplotlib's."""

    figure: Figure

    @cached_property
    def svg(self) -> str:
        """The picture as an SVG element."""
        text = svg_of(self.figure).decode()
        return text[text.index("<svg") :]

    def save(self, path: StrPath, force: bool = False) -> None:
        """Write it as .png, .svg or .pdf, by the file's ending."""
        save_figure(self.figure, Path(path), force)

    def _repr_svg_(self) -> str:
        return self.svg


@dataclass(frozen=True)
class Plots:
    """The pictures of one or more models."""

    summaries: Sequence[Summary]

    def pie(self) -> Picture:
        """The paper's pie in two rings: layers inside, slices outside."""
        return Picture(pie_figure(self.summaries))

    def bars(self) -> Picture:
        """The same as bars."""
        return Picture(bars_figure(self.summaries))


def _index(names: Sequence[str]) -> pd.Index:
    return pd.Index(names, name="layer")


def _interval(name: str, interval: Interval | None) -> dict[str, float | None]:
    value, low, high = interval or (None, None, None)
    return {name: value, f"{name}_low": low, f"{name}_high": high}


def _row(part: PartStatistics) -> dict[str, Any]:
    return {
        "errors": int(part.count.value),
        **_interval("share", part.share),
        "bits": part.bits.value,
        "excess": part.excess.value,
        "recoverable": None if part.recoverable is None else part.recoverable.value,
    }


def _difference(row: Difference) -> dict[str, Any]:
    counts = {name: getattr(row, name) for name in ("before", "after", "fixed", "kept", "new")}
    bits = {"bits_before": row.bits.before, "bits_after": row.bits.after, **_interval("bits_saved", row.bits.saved)}
    errors = {**counts, **_interval("saved", row.net), "p": row.adjusted, "tied": row.tied}
    return {**errors, **bits, "bits_p": row.bits.adjusted, "bits_tied": row.bits.tied}
