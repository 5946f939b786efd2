"""The page that follows a training: classes of errors over steps, n-gram models, what the last step won and lost.

One file without scripts and requests, as `errtax.reports.page`; while the training goes on it reads itself again.
"""

from collections.abc import Sequence
from html import escape

from errtax.lm.text import Unit
from errtax.reports.document import asset, document
from errtax.reports.numbers import bits, count, percent, with_ends
from errtax.reports.page import definitions
from errtax.reports.page_tables import comparison_html, html_table, layer_style
from errtax.reports.palette import LETTERS
from errtax.reports.studies.pace import Pace
from errtax.reports.studies.step_charts import Chart, Line
from errtax.reports.table import Column, Depth, Row, Table
from errtax.reports.tables import comparison_table
from errtax.taxonomy.comparison import Comparison
from errtax.taxonomy.statistics import Interval
from errtax.taxonomy.studies.watch import ClassRate, Look, Watched

_REFRESH = 30  # seconds
_UNITS = {Unit.BYTE: "bytes", Unit.CHAR: "characters", Unit.TOKEN: "tokens"}
_ROWS = 40  # of the table of steps


def watch_page(watched: Watched, pace: Pace, ended: bool = False) -> str:
    """The page as HTML; `ended`: the training is over, and the page stays as it is."""
    looks, peel = watched.looks, watched.last
    if not looks or peel is None:
        raise ValueError("nothing was looked at yet")
    last, unit = looks[-1], _UNITS.get(peel.log.unit, "symbols")
    body = [
        f"<main><h1>{escape(_finding(last, unit))}</h1>",
        f'<p class="about {"ended" if ended else "live"}">{escape(_about(watched, pace, ended))}</p>',
        _axes(),
        '<div class="panels wide">',
        _overview(looks, unit),
        *_ngrams(looks),
        '</div><div class="panels small">',
        *(_class_panel(looks, k) for k in range(len(last.classes))),
        "</div>",
        *_against(watched.comparison),
        "<h2>Steps</h2>",
        html_table(looks_table(looks, unit)),
        f"<h2>Definitions</h2>{_meaning(unit)}{definitions(peel.settings)}",
        f'<h2>Signature</h2><p class="s">{escape(peel.signature)}</p></main>',
    ]
    style = asset("base.css") + asset("watch.css") + layer_style([peel.settings]) + _order_style(len(last.apart))
    title = f"Step {last.step:,} of {peel.log.metadata.get('model', 'a training')}"
    return document(title, body, watched.to_json(), style, refresh=0 if ended else _REFRESH)


def _finding(look: Look, unit: str) -> str:
    errors, *classes = look.classes
    largest = max(classes, key=lambda each: each.count)
    wrong = f"Step {look.step:,}: wrong on {_rate(errors.rate)} of {look.positions:,} {unit}"
    if not errors.count:
        return f"{wrong}."
    share = 100 * largest.count / errors.count
    return f"{wrong}; the largest class is {largest.title}, {share:.0f} % of the errors."


def _about(watched: Watched, pace: Pace, ended: bool) -> str:
    look = watched.looks[-1]
    took = f"looking took {pace.spent:,.1f} s beside {max(pace.training, 0):,.0f} s of training"
    share = 100 * pace.spent / max(pace.training, 1e-9)
    often = f"every {pace.every:,} steps" if pace.every > 1 else "every step"
    state = "The training has ended" if ended else "The training goes on"
    return f"{state}. {with_ends(look.bits, '.3f')} bits per symbol; {often} at most, {took} ({share:.1f} %)."


def _axes() -> str:
    options = "".join(
        f'<label><input type="radio" name="x" id="x-{axis}"{" checked" if axis == "log" else ""}>{axis}</label>'
        for axis in ("log", "linear")
    )
    return f'<fieldset class="axes"><legend>steps on an axis that is</legend>{options}</fieldset>'


def _figure(kind: str, caption: str, said: str, chart: Chart, now: str = "") -> str:
    value = f'<span class="now">{escape(now)}</span>' if now else ""
    head = f'<figcaption>{caption}{value}<span class="said">{escape(said)}</span></figcaption>'
    return f'<figure class="{kind}">{head}{chart.svg()}</figure>'


def _percent(value: float) -> str:
    return f"{value:.3g} %"


def _nats(value: float) -> str:
    return f"{value:.3g}".replace("-", "−")


def _rate(rate: Interval) -> str:
    return percent(Interval(*(None if end is None else end / 100 for end in rate)), 1)  # type: ignore[arg-type]


def _steps(looks: Sequence[Look]) -> list[int]:
    return [look.step for look in looks]


def _overview(looks: Sequence[Look], unit: str) -> str:
    """All classes, one on top of the other: together they are all errors."""
    lines = [
        Line(
            f"k-{each.name}",
            each.title,
            [look.classes[k].rate.value for look in looks],
            f"{LETTERS[each.name]} {each.title}",
        )
        for k, each in enumerate(looks[-1].classes)
        if k
    ]
    chart = Chart("Errors by class", _steps(looks), lines[::-1], _percent, 620, 300, right=105, stacked=True)
    return _figure("overview", "Errors by class", f"% of the {unit}, one class on top of the other", chart)


def _class_panel(looks: Sequence[Look], k: int) -> str:
    each = looks[-1].classes[k]
    rates = [look.classes[k].rate for look in looks]
    line = Line(
        f"k-{each.name}",
        each.title,
        [rate.value for rate in rates],
        low=[rate.low for rate in rates],
        high=[rate.high for rate in rates],
    )
    chip = "" if each.name == "errors" else f'<b class="chip">{escape(LETTERS[each.name])}</b>'
    said = "" if len(looks) < 2 else _change(looks[-2].classes[k], each, looks[-2].step)
    chart = Chart(each.title, _steps(looks), [line], _percent)
    return _figure(
        f"k-{each.name}", f"<span>{chip}{escape(each.title)}</span>", said, chart, f"{each.rate.value:.2f} %"
    )


def _change(before: ClassRate, now: ClassRate, step: int) -> str:
    difference = now.rate.value - before.rate.value
    return f"{difference:+.2f} points since step {step:,}".replace("-", "−")


def _ngrams(looks: Sequence[Look]) -> list[str]:
    """How far the n-gram models of each order are, and which of them the model has left behind."""
    last = looks[-1]
    if not last.apart:
        return []
    panels = []
    ahead = sum(value < 0 for value in last.behind)
    for what, title, said in (
        ("apart", "Apart from n-gram models", f"mean |Δ log p|, nats; least from order {last.nearest}"),
        (
            "behind",
            "Behind (above 0) or ahead",
            f"loss less that of each order, nats; ahead of {ahead} of {len(last.behind)}",
        ),
    ):
        lines = [
            Line(f"o{n}", f"order {n}", [getattr(look, what)[n - 1] for look in looks], str(n))
            for n in range(1, len(last.apart) + 1)
        ]
        chart = Chart(title, _steps(looks), lines, _nats, 330, 236, right=22, from_zero=what == "apart")
        panels.append(_figure("orders", title, said, chart))
    return panels


def _order_style(orders: int) -> str:
    """A colour for each order, nearer to `--near` the longer its context."""
    shares = {n: 100 * (n - 1) / max(orders - 1, 1) for n in range(1, orders + 1)}
    return "".join(
        f".o{n}{{--c:color-mix(in oklab,var(--near) {part:.0f}%,var(--far))}}\n" for n, part in shares.items()
    )


def _against(comparison: Comparison | None) -> list[str]:
    if comparison is None:
        return []
    before, after = comparison.baseline.model, comparison.other.model
    won, lost = comparison.total.fixed, comparison.total.new
    said = (
        f'<p><b class="won">{won:,} won</b> (wrong at {escape(before)}, right now), <b class="lost">{lost:,} lost</b>. '
        f"{escape(comparison.finding())}</p>"
    )
    table = comparison_table(comparison).depths(Depth.LAYER, Depth.TOTAL)
    more = f"<details><summary>All slices, and bits</summary>{comparison_html(comparison)}</details>"
    return [f"<h2>{escape(after.capitalize())} against {escape(before)}</h2>", said, html_table(table), more]


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
