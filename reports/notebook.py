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

import inspect
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cached_property
from html import escape
from os import PathLike
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
from numpy.typing import ArrayLike

from errtax.lm.errors import UsageError
from errtax.lm.files import require_input, write_text
from errtax.lm.locations import location
from errtax.lm.log_objects import log_of_object
from errtax.lm.ngram.model import NgramModel
from errtax.lm.prediction_log import BLOCK_ROWS, PredictionLog
from errtax.lm.visible import visible
from errtax.oracle.word_rule import PATTERN
from errtax.reports.bars import bars_figure, difference_figure
from errtax.reports.excerpts import worst_errors
from errtax.reports.frames import frame_of
from errtax.reports.page import report_page
from errtax.reports.page_tables import comparison_html, summary_html
from errtax.reports.picture import Picture
from errtax.reports.pie import pie_figure
from errtax.reports.python_words import speaks_python
from errtax.reports.results import results_of
from errtax.reports.tables import comparison_table, fair_table, statistics_table
from errtax.reports.views import CalibrationView, CheckView, ForecastView, TrendView
from errtax.reports.wording import findings
from errtax.taxonomy.bootstrap import STANDARD, Resampling
from errtax.taxonomy.calibration import calibration
from errtax.taxonomy.check import check
from errtax.taxonomy.comparison import Comparison, compare
from errtax.taxonomy.forecast import forecast as taxonomy_forecast
from errtax.taxonomy.identity import Identity, distinct_peels, identities
from errtax.taxonomy.layers.registry import PARAMETERS
from errtax.taxonomy.limits import parse_limits
from errtax.taxonomy.naming import choose_layers
from errtax.taxonomy.peel import Peel, PeelSource, whole_peel
from errtax.taxonomy.peel_columns import frame_of_peel
from errtax.taxonomy.peel_file import PeelFile, write_peel
from errtax.taxonomy.peel_inputs import PeelInputs, peel_files
from errtax.taxonomy.repeel import by_preset, repeel
from errtax.taxonomy.settings import PRESETS, Criterion, Settings
from errtax.taxonomy.statistics import Statistics, statistics
from errtax.taxonomy.summary import Summary, summarise
from errtax.taxonomy.trend import trend as taxonomy_trend

StrPath = str | PathLike[str]


@speaks_python
def peel(  # noqa: PLR0913  # an argument for each option that the command has
    log: StrPath | pd.DataFrame | pa.Table | Mapping[str, Any] | PredictionLog | ArrayLike,
    ngram: StrPath | NgramModel | None = None,
    train: StrPath | None = None,
    *,
    train_text: StrPath | None = None,
    text: str | bytes | None = None,
    preset: str = "paper",
    words: str = PATTERN,
    model: str | None = None,
    parameters: int | None = None,
    step: int | None = None,
    **settings: Any,
) -> "PeelView":
    """The peel of a prediction log.

    `log`: a file, or a frame, Arrow table or dict with the columns position, symbol and logprob; or an array of natural
    log-probabilities, shape (n,), of the n symbols of `text`.  `ngram`: an index, or any model that `errtax
    build-ngram` or KenLM makes; without it one is built from `train_text` (or `train`), the training text's file.
    `settings`: in place of the preset's: `layers`, `criterion`, and thresholds of the layers by the names of their
    flags (`ngram_max=5`, `memory_windows=[100, 500]`).  `layers` may name oracles of your own, too.  `words`: what a
    word is, a regular expression or `icu` (`pip install 'errtax[icu]'`), for texts that put no spaces between words.
    `model`, `parameters`, `step`: what the model is called and how large it is, where the log does not say it.

    Raises `BadInput` for a log, model or text that does not fit, `UsageError` for settings that do not.
    """
    _require_meant(settings)
    _require_preset(preset)
    if train is not None and train_text is not None:
        raise UsageError("the training text is given as train and as train_text; give it once.")
    trained_on = train_text if train is None else train
    inputs = PeelInputs(
        location(log) if isinstance(log, str | PathLike) and text is None else log_of_object(log, text),
        location(ngram) if isinstance(ngram, str | PathLike) else ngram,
        None if trained_on is None else _existing(trained_on),
        words=words,
    )
    said = Identity(model, parameters, step)
    return PeelView(said.of(peel_files(inputs, _changed(PRESETS[preset], settings))))


def _existing(path: StrPath) -> Path:
    """The location of a file that is there."""
    found = location(path)
    require_input(found)
    return found


@speaks_python
def read(path: StrPath) -> "PeelView":
    """The peel in a file, or in a folder of parts, that `errtax peel` or `PeelView.save` wrote.

    One of more than a quarter of a million rows stays in its file.  Raises `BadInput` for what is not a peel.
    """
    if not isinstance(path, str | PathLike):
        raise UsageError(f"a peel is read from the name of a file or folder; got {type(path).__name__}.")
    file = PeelFile(location(path))
    file.require_sound()
    return PeelView(file if len(file) > BLOCK_ROWS else whole_peel(file))


@speaks_python
def trend(
    peels: "Sequence[PeelView | StrPath]",
    by: str = "parameters",
    *,
    model: Sequence[str] | None = None,
    parameters: Sequence[int] | None = None,
    step: Sequence[int] | None = None,
) -> TrendView:
    """How each class of errors falls over three or more models, `by` their parameters or training step.

    `peels`: views or files.  `model`, `parameters`, `step`: one for each, in their order, in place of the logs' own.
    Raises `UsageError` where there is no trend, `BadInput` for peels that cannot be compared.
    """
    return TrendView(taxonomy_trend(_sized(peels, by, model, parameters, step), by))


@speaks_python
def forecast(
    peels: "Sequence[PeelView | StrPath]",
    by: str = "parameters",
    *,
    at: float | None = None,
    model: Sequence[str] | None = None,
    parameters: Sequence[int] | None = None,
    step: Sequence[int] | None = None,
) -> ForecastView:
    """What the next size of a model would save, by class of errors; of two models a range of scenarios.

    `at`: parameters or steps, by default one more step; the rest as in `trend`.  Raises `UsageError` where there is no
    forecast, `BadInput` for peels that cannot be compared.
    """
    return ForecastView(taxonomy_forecast(_sized(peels, by, model, parameters, step), by, at))


def _sized(
    peels: "Sequence[PeelView | StrPath]",
    by: str,
    model: Sequence[str] | None,
    parameters: Sequence[int] | None,
    step: Sequence[int] | None,
) -> list[PeelSource]:
    """Peels along a scale, with what is said of their models."""
    if by not in ("parameters", "step"):
        raise UsageError(f"models go by parameters or step; got {by!r}.")
    views = [each if isinstance(each, PeelView) else read(each) for each in peels]
    said = identities(len(views), model, parameters, step)
    return [each.of(view.source) for each, view in zip(said, views, strict=True)]


def _require_meant(given: Mapping[str, Any]) -> None:
    """Raise `UsageError` for a name that is not a setting, and was meant to be an argument of `peel`."""
    own = [name for name in inspect.signature(peel).parameters if name != "settings"]
    known = ["layers", "criterion", *PARAMETERS]
    for name in given:
        close = get_close_matches(name, [*own, *known], 1)
        if name not in known and close and close[0] in own:
            raise UsageError(f"there is no argument {name!r}; did you mean {close[0]!r}?")


def _require_preset(name: str) -> None:
    if name not in PRESETS:
        raise UsageError(f"there is no preset {name!r}; there are {', '.join(PRESETS)}.")


def _changed(base: Settings, given: dict[str, Any]) -> Settings:
    """Settings with other values; lists will do for tuples, and a string for a criterion."""
    changes, custom = dict(given), base.custom
    if "layers" in given:
        layers = given["layers"]
        if not isinstance(layers, str | Sequence):
            raise UsageError(f"layers are a list of names, or names with commas between; got {layers!r}.")
        asked = layers.split(",") if isinstance(layers, str) else list(map(str, layers))
        changes["layers"], custom = choose_layers(asked, (), custom, base.made_for)
    if "criterion" in given and not isinstance(given["criterion"], Criterion):
        changes["criterion"] = Criterion.parse(str(given["criterion"]))
    return base.changed(**{**changes, "custom": custom})


@dataclass(frozen=True, eq=False)
class PeelView:
    """A peel to be looked at.  `peel` is the record itself, `summary` and `statistics` what follows from it.

    `source`: where its rows come from: memory, or for a long one its file, read anew by whatever is asked of it.
    """

    source: PeelSource

    @cached_property
    def peel(self) -> Peel:
        """All rows in memory: what the model gave, evidence, verdicts."""
        return whole_peel(self.source)

    @cached_property
    def summary(self) -> Summary:
        """Counts, shares and bits."""
        return summarise(self.source)

    @cached_property
    def statistics(self) -> Statistics:
        """All shares with 95 % intervals; see `table` and `fair`."""
        return statistics(self.source)

    @property
    def signature(self) -> str:
        """How the numbers were made."""
        return self.source.head.signature

    @property
    def plot(self) -> "Plots":
        """The pictures: `plot.pie()`, `plot.bars()`."""
        return Plots([self.summary])

    def table(self, slices: bool = False) -> pd.DataFrame:
        """One row per layer, by name; with `slices` also one row per slice, the index being (layer, slice).

        Columns: errors; share of the errors, and the ends of its 95 % interval; bits, excess and recoverable bits per
        symbol of the text.
        """
        names = ("errors", "share", "bits", "excess", "recoverable")
        return frame_of(statistics_table(self.statistics), names, slices)

    def fair(self) -> pd.DataFrame:
        """One row per layer that shares the errors: its share whatever the order of layers.

        Columns: fair (Shapley's share, with its interval), unique and solo (the least and the most in any order), and
        fair_bits per symbol.
        """
        return frame_of(fair_table(self.statistics))

    @speaks_python
    def compare(
        self, other: "PeelView | StrPath", resampling: Resampling = STANDARD, correction: str = "holm"
    ) -> "ComparisonView":
        """What `other` saves against this one, the baseline, on the same positions; see `ComparisonView`."""
        one, two = distinct_peels([self.source, (other if isinstance(other, PeelView) else read(other)).source])
        return ComparisonView(compare(one, two, resampling, correction), one.head.settings)

    @speaks_python
    def calibration(self, resampling: Resampling = STANDARD) -> CalibrationView:
        """Whether the model is right as often as it says, by kind of position; needs the log's argmax columns."""
        return CalibrationView(calibration(self.source, resampling))

    @speaks_python
    def check(self, *limits: str, baseline: "PeelView | None" = None, require_significant: bool = False) -> CheckView:
        """How limits such as `errors:45%` or, against a baseline, `ngram:+0.3pp` fare; see `errtax check`."""
        against = None if baseline is None else baseline.source
        verdicts = check(self.source, parse_limits(limits), against, require_significant)
        return CheckView(self.source.head.log.model, verdicts)

    def named(self, model: str | None = None, parameters: int | None = None, step: int | None = None) -> "PeelView":
        """The same peel of a model that is called so, or has so many parameters, or is of this training step."""
        return PeelView(Identity(model, parameters, step).of(self.source))

    @speaks_python
    def repeel(self, *, preset: str | None = None, **settings: Any) -> "PeelView":
        """The peel by other settings from the same evidence; the names are those of `errtax.peel`.

        `preset`: its thresholds and criterion, but this peel's own layers, except between layers made for characters
        and those made for tokens.
        """
        if preset is not None:
            _require_preset(preset)
        return PeelView(repeel(self.source, _changed(by_preset(self.source.head.settings, preset), settings)))

    @speaks_python
    def worst(self, n: int = 20, layer: str | None = None, slice: str | None = None) -> pd.DataFrame:
        """The n errors with the least probability, in their context, with the oracles' evidence in words."""
        if isinstance(n, bool) or not isinstance(n, int) or n < 1:
            raise UsageError(f"worst shows a whole number of errors from 1; got {n!r}.")
        return pd.DataFrame([vars(each) for each in worst_errors(self.source, n, layer, slice)])

    def to_pandas(self) -> pd.DataFrame:
        """The peel table: one row per position, with the columns of the file (`docs/files.md`)."""
        frame: pd.DataFrame = frame_of_peel(self.peel)
        return frame

    @speaks_python
    def save(self, path: StrPath, force: bool = False) -> None:
        """Write the peel table; every command that takes a PEEL reads it."""
        write_peel(location(path), self.source, force)

    @speaks_python
    def report(self, path: StrPath, force: bool = False) -> None:
        """Write the HTML page of `errtax report`."""
        write_text(location(path), report_page(results_of([self.source])), force)

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
        finding = escape(" ".join(findings(self.summary)))
        signature = f'<p style="font-size:75%">{escape(visible(self.signature))}</p>'
        return f"<p>{finding}</p>{self.plot.pie().svg}{summary_html(self.summary)}{signature}"


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
        """One row per layer and one for all errors; with `slices` one row per slice, the index being (layer, slice).

        Columns: before, after, fixed, kept, new; saved with the ends of its 95 % interval; p, adjusted by Holm; tied;
        and the same of bits per symbol: bits_before, bits_after, bits_saved, bits_p, bits_tied.
        """
        return frame_of(comparison_table(self.comparison, bits=True), slices=slices)

    def __repr__(self) -> str:
        """The finding."""
        return f"<comparison: {self.finding}>"

    def _repr_html_(self) -> str:
        return f"<p>{escape(self.finding)}</p>{self.plot.svg}{comparison_html(self.comparison)}"


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
