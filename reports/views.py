"""What a peel is held against, to be looked at: a trend of several models, calibration, limits."""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

import pandas as pd

from errtax.reports.calibration import calibration_figure, calibration_table
from errtax.reports.check import check_junit, check_markdown
from errtax.reports.forecast import forecast_lines, forecast_table
from errtax.reports.frames import frame_of
from errtax.reports.picture import Picture
from errtax.reports.trend import trend_figure, trend_table
from errtax.taxonomy.calibration import Calibration
from errtax.taxonomy.check import Verdict
from errtax.taxonomy.forecast import Forecast
from errtax.taxonomy.intervals import Interval
from errtax.taxonomy.trend import Trend


def _ends(name: str, interval: Interval) -> dict[str, float | None]:
    return {name: interval.value, f"{name}_low": interval.low, f"{name}_high": interval.high}


@dataclass(frozen=True, eq=False)
class TrendView:
    """Classes of errors along a scale; `trend` is the record itself."""

    trend: Trend

    def table(self) -> pd.DataFrame:
        """One row per class of errors, `errors` being all of them.

        Columns: the slope, in percentage points for ten times the scale, with the ends of its 95 % interval on other
        text; the ends of that of other models, and their scatter about the line; then the rate in each model, in % of
        the positions, models in ascending order of the scale.
        """
        return frame_of(trend_table(self.trend), index="class")

    @property
    def plot(self) -> Picture:
        """The rates along the scale."""
        return Picture(trend_figure(self.trend))

    def __repr__(self) -> str:
        """The models and the slope of all errors."""
        slope = self.trend.classes[0].slope
        ends = "" if slope.low is None or slope.high is None else f" [{slope.low:.2f}, {slope.high:.2f}]"
        points = f"{slope.value:+.2f}{ends} points for ten times the {self.trend.by}"
        return f"<trend of {', '.join(self.trend.models)}: all errors {points}>"

    def _repr_html_(self) -> str:
        return f"<p>{escape(repr(self)[1:-1])}</p>{self.plot.svg}"


@dataclass(frozen=True, eq=False)
class ForecastView:
    """What the next size would save; `forecast` is the record itself."""

    forecast: Forecast

    def table(self) -> pd.DataFrame:
        """One row per class of errors, `errors` being all of them.

        Columns: the errors of each model; low and high, what is expected; of three models and more floor, and missed:
        how far the last one is from what those before it say.
        """
        return frame_of(forecast_table(self.forecast), index="class")

    def __repr__(self) -> str:
        """What is expected of all errors, and how it was found."""
        whole, at = self.forecast.classes[0], f"{self.forecast.at:,.0f} {self.forecast.by}"
        ends = f"{whole.low:,.0f}" if whole.low == whole.high else f"{whole.low:,.0f} to {whole.high:,.0f}"
        return f"<forecast: {ends} errors at {at}, {whole.counts[-1]:,} in the last model>"

    def _repr_html_(self) -> str:
        said = [repr(self)[1:-1], *forecast_lines(self.forecast)]
        return "".join(f"<p>{escape(line)}</p>" for line in said)


@dataclass(frozen=True, eq=False)
class CalibrationView:
    """Whether a model is right as often as it says; `calibration` is the record itself."""

    calibration: Calibration

    def table(self) -> pd.DataFrame:
        """One row per class of positions.  Columns: n; confidence, accuracy and error, each with its 95 % interval."""
        return frame_of(calibration_table(self.calibration), index="class")

    @property
    def plot(self) -> Picture:
        """Reliability diagrams."""
        return Picture(calibration_figure(self.calibration))

    def __repr__(self) -> str:
        """The calibration error of all positions."""
        whole = self.calibration.classes[0]
        return f"<calibration of {self.calibration.model}: error {whole.error.value:.4f} of {whole.n:,} positions>"

    def _repr_html_(self) -> str:
        return f"<p>{escape(repr(self)[1:-1])}</p>{self.plot.svg}"


@dataclass(frozen=True, eq=False)
class CheckView:
    """How limits fared; `verdicts` are the records themselves, in the order of the limits."""

    model: str
    verdicts: Sequence[Verdict]

    @property
    def broken(self) -> bool:
        """Whether any limit is broken."""
        return any(verdict.broken for verdict in self.verdicts)

    def table(self) -> pd.DataFrame:
        """One row per limit, in its unit.  Columns: value, baseline, change with its 95 % interval, p, outcome."""
        rows = [_verdict_row(verdict) for verdict in self.verdicts]
        return pd.DataFrame(rows, index=pd.Index([verdict.limit.text for verdict in self.verdicts], name="limit"))

    def markdown(self) -> str:
        """The table of `errtax check --markdown`."""
        return check_markdown(self.verdicts, self.model)

    def junit(self) -> str:
        """The XML of `errtax check --junit`."""
        return check_junit(self.verdicts, self.model)

    def __repr__(self) -> str:
        """One line per limit."""
        return "\n".join(verdict.sentence for verdict in self.verdicts)


def _verdict_row(verdict: Verdict) -> dict[str, Any]:
    change = verdict.change or Interval(float("nan"), None, None)
    numbers = {"value": verdict.value, "baseline": verdict.baseline, **_ends("change", change), "p": verdict.p}
    return {**numbers, "outcome": verdict.outcome}
