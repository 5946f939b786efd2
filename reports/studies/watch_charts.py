"""The charts of the page that follows a training: all classes together, each class, n-gram models of each order."""

from collections.abc import Sequence
from html import escape

from errtax.reports.palette import LETTERS
from errtax.reports.studies.step_charts import Chart, Line
from errtax.taxonomy.studies.watch import ClassRate, Look


def _figure(kind: str, caption: str, said: str, chart: Chart, now: str = "") -> str:
    value = f"<b>{escape(now)}</b> " if now else ""
    head = f'<figcaption>{caption}<span class="said">{value}{escape(said)}</span></figcaption>'
    return f'<figure class="{kind}">{head}{chart.svg()}</figure>'


def _percent(value: float) -> str:
    return f"{value:.3g} %"


def _nats(value: float) -> str:
    return f"{value:.3g}".replace("-", "−")


def _steps(looks: Sequence[Look]) -> list[int]:
    return [look.step for look in looks]


def overview(looks: Sequence[Look], unit: str) -> str:
    """All classes, one on top of the other: together they are all errors."""
    lines = [
        Line(
            f"k-{each.name}",
            each.title,
            [look.classes[k].rate.value for look in looks],
            f"{LETTERS[each.name]} {each.title}",
        )
        for k, each in enumerate(looks[-1].classes)
        if k and occurs(looks, k)
    ]
    chart = Chart("Errors by class", _steps(looks), lines[::-1], _percent, 620, 300, right=105, stacked=True)
    return _figure("overview", "Errors by class", f"% of the {unit}, one class on top of the other", chart)


def occurs(looks: Sequence[Look], k: int) -> bool:
    """Whether there was an error of the class at any step."""
    return any(look.classes[k].count for look in looks)


def class_panel(looks: Sequence[Look], k: int) -> str:
    """One class, the first being all errors, with the band of its intervals."""
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
    return f"{difference:+.2f} since {step:,}".replace("-", "−")


def ngram_panels(looks: Sequence[Look]) -> list[str]:
    """How far the n-gram models of each order are, and which of them the model has left behind."""
    last = looks[-1]
    if not last.apart:
        return []
    panels = []
    ahead = sum(value < 0 for value in last.behind)
    for what, title, said in (
        ("apart", "Apart from n-gram models", f"mean |Δ log p| in nats; least from order {last.nearest}"),
        (
            "behind",
            "Behind (above 0) or ahead",
            f"loss less theirs, in nats; ahead of {ahead} of {len(last.behind)}",
        ),
    ):
        lines = [
            Line(f"o{n}", f"order {n}", [getattr(look, what)[n - 1] for look in looks], str(n))
            for n in range(1, len(last.apart) + 1)
        ]
        chart = Chart(title, _steps(looks), lines, _nats, 330, 236, right=22, from_zero=what == "apart")
        panels.append(_figure("orders", title, said, chart))
    return panels


def order_style(orders: int) -> str:
    """A colour for each order, nearer to `--near` the longer its context."""
    shares = {n: 100 * (n - 1) / max(orders - 1, 1) for n in range(1, orders + 1)}
    return "".join(
        f".o{n}{{--c:color-mix(in oklab,var(--near) {part:.0f}%,var(--far))}}\n" for n, part in shares.items()
    )
