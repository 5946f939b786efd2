"""All that a report on some peels shows: sums, statistics, comparisons, a trend, and the pictures of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from matplotlib.figure import Figure

from errtax.lm.visible import whole_number
from errtax.reports.bars import bars_figure, difference_figure
from errtax.reports.pie import pie_figure
from errtax.reports.trend import trend_figure
from errtax.taxonomy.aligned import CommonPeel
from errtax.taxonomy.block_sums import PeelSums
from errtax.taxonomy.comparison import Comparison, compare_all
from errtax.taxonomy.identity import distinct_peels
from errtax.taxonomy.peel import PeelSource
from errtax.taxonomy.statistics import Statistics, statistics_of
from errtax.taxonomy.summary import Summary, summary_of
from errtax.taxonomy.trend import Trend, trend_of


@dataclass(frozen=True, eq=False)
class Results:
    """The results of some peels; the first is the baseline of `comparisons`, one for each of the others."""

    peels: Sequence[PeelSource]
    summaries: Sequence[Summary]
    statistics: Sequence[Statistics]
    comparisons: Sequence[Comparison]
    trend: Trend | None

    @property
    def names(self) -> str:
        """The models."""
        return ", ".join(summary.model for summary in self.summaries)

    def figures(self) -> dict[str, Figure]:
        """The pictures by name: `pie`, `bars`, and where there is such a thing `difference` and `trend`."""
        figures = {"pie": pie_figure(self.summaries), "bars": bars_figure(self.summaries)}
        figures |= {"difference": difference_figure(self.comparisons)} if self.comparisons else {}
        return figures | ({"trend": trend_figure(self.trend)} if self.trend else {})

    def machine(self) -> dict[str, Any]:
        """The document for programs."""
        return {
            "schema": "errtax.report/1",
            "summaries": [summary.to_json() for summary in self.summaries],
            "statistics": [each.to_json() for each in self.statistics],
            "comparisons": [comparison.to_json() for comparison in self.comparisons],
        }


def results_of(peels: Sequence[PeelSource]) -> Results:
    """The results of some peels.

    On the positions that all predict.  Raises `BadInput` unless all are peels of the same text, made in the same way.
    """
    named = distinct_peels(peels)
    sums, comparisons = compare_all(named[0], named[1:])
    shown: Sequence[PeelSource] = named
    if any(each.left_out for each in sums):
        shown = [CommonPeel(named, k, each.rows, each.head) for k, each in enumerate(sums)]
    return Results(
        shown,
        [summary_of(each) for each in sums],
        [statistics_of(each) for each in sums],
        comparisons,
        _trend_of(sums),
    )


def _trend_of(sums: Sequence[PeelSums]) -> Trend | None:
    """The trend of three and more models, along what their logs say of them."""
    for by in ("parameters", "step") if len(sums) > 2 else ():
        heads = [each.head for each in sums]
        values = {whole_number(head.sources.get(by, head.log.metadata.get(by))) for head in heads}
        if len(values) == len(heads) and all(values):
            return trend_of(sums, by)
    return None
