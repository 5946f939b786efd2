"""A forecast as a table, and what to think of it."""

from errtax.reports.numbers import count
from errtax.reports.table import Column, Depth, Row, Table
from errtax.taxonomy.forecast import ClassForecast, Forecast


def forecast_table(forecast: Forecast) -> Table:
    """One row per class: its errors in each model, those expected, and how far the last model was missed."""
    models = tuple(
        Column(f"{model} {x:,.0f}", count, names=(model,))
        for model, x in zip(forecast.models, forecast.scale, strict=True)
    )
    fitted = forecast.exponent is not None
    expected = (Column(f"at {forecast.at:,.0f}", _range, names=("low", "high")), Column("saved", _range))
    floor = (Column("floor", count, rank=1, names=("floor",)),) if fitted else ()
    missed = _left_out(len(forecast.scale))

    def cells(each: ClassForecast) -> tuple[object, ...]:
        beyond = (each.floor,) if fitted else ()
        left_out = (each.missed if len(forecast.scale) > 3 else each.left_out,)
        return (*each.counts, (each.low, each.high), each.saved, *beyond, *(left_out if fitted else ()))

    rows = [
        Row(each.title, cells(each), Depth.TOTAL if each.name == "errors" else Depth.PLAIN, name=each.name)
        for each in (*forecast.classes[1:], forecast.classes[0])
    ]
    title = f"errors of {forecast.positions:,} positions, by {forecast.by}"
    return Table(title, "class", (*models, *expected, *floor, *missed), tuple(rows))


def _left_out(sizes: int) -> tuple[Column, ...]:
    """What was predicted of the last model from those before it: a fit is off by so much, two sizes have a range."""
    if sizes > 3:
        return (Column("last left out: missed by", lambda by: f"{by:+,.0f}", names=("missed",)),)
    names = ("left_out_low", "left_out_high")
    return (Column("last left out: expected", _range, names=names),) if sizes > 2 else ()


def _range(ends: tuple[float, float]) -> str:
    low, high = (f"{round(end):,}" for end in sorted(ends))
    return low if low == high else f"{low} to {high}"


def forecast_lines(forecast: Forecast) -> list[str]:
    """What was done, and how far to trust it."""
    whole = forecast.classes[0]
    if forecast.exponent is None:
        return [
            "Two sizes: a range of scenarios from the power law through both, without a floor, to no change. It is not "
            "an interval; a third size makes a forecast."
        ]
    sizes = f"one exponent for all classes, from {len(forecast.scale)} sizes"
    law = f"E(N) = floor + amount · N^-{forecast.exponent:.3g}, {sizes}."
    if whole.floor is None:
        law += " Errors do not fall with size here, so there is no floor, and little to forecast."
    if whole.missed is None or whole.left_out is None:
        return [law]
    if len(forecast.scale) > 3:
        share = 100 * whole.missed / max(whole.counts[-1], 1)
        return [law, f"From the sizes before it, the errors of the last model were predicted {share:+.1f} % off."]
    low, high = sorted(whole.left_out)
    return [
        law,
        f"Without the last model there are two sizes, whose range of scenarios was {low:,.0f} to {high:,.0f} errors; "
        f"it made {whole.counts[-1]:,}. A fourth size would say more of this forecast.",
    ]
