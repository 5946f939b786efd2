"""The page that follows a training: classes of errors over steps, n-gram models, what the last step won and lost.

One file without requests, as `errtax.reports.page`; while the training goes on it reads itself again (`watch.js`).
"""

from collections.abc import Sequence
from dataclasses import replace
from html import escape

import numpy as np

from errtax.lm.text import Unit
from errtax.reports.document import asset, document
from errtax.reports.excerpts import excerpt
from errtax.reports.numbers import bits, count, percent, with_ends
from errtax.reports.page import definitions
from errtax.reports.page_tables import comparison_html, html_table, layer_style, wide_table
from errtax.reports.palette import LETTERS
from errtax.reports.studies.pace import Pace
from errtax.reports.studies.watch_charts import class_panel, ngram_panels, occurs, order_style, overview
from errtax.reports.table import Column, Depth, Row, Table
from errtax.reports.tables import comparison_table
from errtax.taxonomy.intervals import Interval
from errtax.taxonomy.peel import Peel
from errtax.taxonomy.studies.watch import Look, Watched

_UNITS = {Unit.BYTE: "bytes", Unit.CHAR: "characters", Unit.TOKEN: "tokens"}
_ROWS, _EXAMPLES = 40, 8  # of the table of steps; of what was won, and of what was lost


def watch_page(watched: Watched, pace: Pace, ended: bool = False) -> str:
    """The page as HTML; `ended`: the training is over, and the page stays as it is."""
    looks, peel = watched.looks, watched.last
    if not looks or peel is None:
        raise ValueError("nothing was looked at yet")
    last, unit = looks[-1], _UNITS.get(peel.log.unit, "symbols")
    body = [
        f"<main><h1>{escape(_finding(last, unit))}</h1>",
        f'<p class="about {"ended" if ended else "live"}">{escape(_about(watched, pace, unit, ended))}</p>',
        _choices(ended),
        '<div class="panels wide">',
        overview(looks, unit),
        *ngram_panels(looks),
        '</div><div class="panels small">',
        *(class_panel(looks, k) for k in range(len(last.classes)) if k == 0 or occurs(looks, k)),
        "</div>",
        *_against(watched),
        "<h2>Steps</h2>",
        html_table(looks_table(looks, unit)),
        f"<h2>Definitions</h2>{_meaning(unit)}{definitions(peel.settings)}",
        f'<h2>Signature</h2><p class="s">{escape(peel.signature)}</p></main>',
    ]
    style = asset("base.css") + asset("watch.css") + layer_style([peel.settings]) + order_style(len(last.apart))
    title = f"Step {last.step:,} of {watched.model_name}"
    return document(title, body, watched.to_json(), style, asset("watch.js"))


def _finding(look: Look, unit: str) -> str:
    errors, *classes = look.classes
    largest = max(classes, key=lambda each: each.count)
    wrong = f"Step {look.step:,}: wrong on {_rate(errors.rate)} of {look.positions:,} {unit}"
    if not errors.count:
        return f"{wrong}."
    share = 100 * largest.count / errors.count
    return f"{wrong}; the largest class is {largest.title}, {share:.0f} % of the errors."


def _about(watched: Watched, pace: Pace, unit: str, ended: bool) -> str:
    spends = f"{with_ends(watched.looks[-1].bits, '.3f')} bits per {unit.removesuffix('s')}"
    took = f"looking took {pace.spent:,.1f} s beside {max(pace.training, 0):,.0f} s of training"
    share = 100 * pace.spent / max(pace.training, 1e-9)
    often = f"every {pace.every:,} steps" if pace.every > 1 else "every step"
    state = "has ended" if ended else "goes on"
    return f"{watched.model_name}: {spends}. The training {state}; {often} at most, {took} ({share:.1f} %)."


def _choices(ended: bool) -> str:
    """Which axis is shown, and whether the page reads itself again."""
    options = "".join(
        f'<label><input type="radio" name="x" id="x-{axis}"{" checked" if axis == "log" else ""}>{axis}</label>'
        for axis in ("log", "linear")
    )
    axes = f"<fieldset><legend>steps on an axis that is</legend>{options}</fieldset>"
    again = "" if ended else '<label><input type="checkbox" id="again" checked>read again every 30 seconds</label>'
    return f'<div class="choices">{axes}{again}</div>'


def _rate(rate: Interval) -> str:
    return percent(Interval(*(None if end is None else end / 100 for end in rate)), 1)  # type: ignore[arg-type]


def _against(watched: Watched) -> list[str]:
    """What the last step won and lost against the one before."""
    comparison, before, last = watched.comparison, watched.before, watched.last
    if comparison is None or before is None or last is None:
        return []
    names = comparison.other.model.capitalize(), comparison.baseline.model
    won, lost = comparison.total.fixed, comparison.total.new
    finding = comparison.finding()
    table = comparison_table(comparison).depths(Depth.LAYER, Depth.TOTAL)
    table = replace(table, rows=tuple(row for row in table.rows if any(row.cells[:2])))  # classes of no errors
    return [
        f"<h2>{escape(names[0])} against {escape(names[1])}</h2>",
        f'<p><b class="won">{won:,} won</b> (wrong at {escape(names[1])}, right now), '
        f'<b class="lost">{lost:,} lost</b>. {escape(finding[0].upper() + finding[1:])}</p>',
        html_table(table),
        *_examples("won", "Won: the largest changes", before, last),
        *_examples("lost", "Lost: the largest changes", last, before),
        f"<details><summary>All slices, and bits</summary>{comparison_html(comparison)}</details>",
    ]


def _examples(kind: str, title: str, wrong: Peel, right: Peel) -> list[str]:
    """Errors of one peel that are none in the other, those that differ most in their probability."""
    p = np.exp(right.log.logprobs)
    differing = np.flatnonzero(wrong.error & ~right.error & right.predicted)
    chosen = differing[np.argsort(np.exp(wrong.log.logprobs[differing]) - p[differing], kind="stable")[:_EXAMPLES]]
    if not len(chosen):
        return []
    rows = []
    for row in chosen.tolist():
        found, other = excerpt(wrong, row), float(p[row])
        chip = f'<b class="chip k-{found.layer}">{escape(LETTERS[found.layer])}</b>'
        ends = (found.p, other) if kind == "won" else (other, found.p)
        context = f"{escape(found.before)}<b>{escape(found.symbol)}</b>{escape(found.after)}"
        rows.append(
            f'<tr><td class="t">{chip}{escape(found.slice)}</td><td>{ends[0]:.2g} → {ends[1]:.2g}</td>'
            f'<td class="x"><bdi>{context}</bdi></td><td class="e-words">{escape(found.evidence)}</td></tr>'
        )
    head = ("slice", "p, before → now", "context", "evidence")
    return [f'<details><summary class="{kind}">{title}</summary>{wide_table(head, rows)}</details>']


def looks_table(looks: Sequence[Look], unit: str = "symbols") -> Table:
    """One row per step, the latest first; of many, forty that are evenly spaced."""
    last = looks[-1]
    chosen = sorted(
        {round(k * (len(looks) - 1) / max(min(len(looks), _ROWS) - 1, 1)) for k in range(min(len(looks), _ROWS))}
    )
    columns = (
        Column("bits", bits),
        *([Column("nearest order", count)] if last.apart else []),
        *(Column(each.title, lambda rate: f"{rate.value:.2f}") for each in last.classes),
    )
    rows = [
        Row(
            f"{look.step:,}",
            (look.bits.value, *([look.nearest] if last.apart else []), *(each.rate for each in look.classes)),
        )
        for look in (looks[k] for k in reversed(chosen))
    ]
    return Table(f"errors in % of {last.positions:,} {unit}", "step", columns, tuple(rows))


def _meaning(unit: str) -> str:
    return (
        f"<p>The same {unit} are predicted at each step: the second halves of whole windows from fixed places of the "
        "held-out text. Rates are errors in % of them; bands and brackets are 95 % intervals over the windows. Apart "
        "from an n-gram model: the mean of |log p − log q|, p and q being what the model and that n-gram model give to "
        "the right symbol; behind: the mean of log q − log p. Order n has n − 1 symbols of context. Won and lost are "
        "counted in pairs, on the same positions.</p>"
    )
