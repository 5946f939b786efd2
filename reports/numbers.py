"""How numbers are printed, everywhere: counts, shares, bits, changes, and their 95 % intervals."""

from errtax.taxonomy.intervals import Interval


def count(value: float) -> str:
    """A number of things: `12,345`."""
    return f"{value:,.0f}"


def share(value: float) -> str:
    """A part of one, in percent: `34.03 %`."""
    return f"{100 * value:.2f} %"


def bits(value: float) -> str:
    """Bits or nats per symbol."""
    return f"{value:.4f}"


def percent(interval: Interval | None, digits: int = 2) -> str:
    """A share with its interval, for example `34.03 [33.77, 34.31] %`; empty where there is none."""
    if interval is None:
        return ""
    value = f"{100 * interval.value:.{digits}f}"
    if interval.low is None or interval.high is None:
        return f"{value} %"
    return f"{value} [{100 * interval.low:.{digits}f}, {100 * interval.high:.{digits}f}] %"


def percent_ends(interval: Interval) -> str:
    """The ends of the interval of a share: `33.77 – 34.31 %`; empty where it has none."""
    if interval.low is None or interval.high is None:
        return ""
    return between((interval.low, interval.high))


def percent_value(interval: Interval) -> str:
    """A share without its interval."""
    return share(interval.value)


def between(ends: tuple[float, float]) -> str:
    """The least and the most of a share: `12.01 – 34.31 %`."""
    return f"{100 * ends[0]:.2f} – {100 * ends[1]:.2f} %"


def with_ends(interval: Interval, form: str) -> str:
    """A number with its interval, all in one format: `0.5012 [0.4950, 0.5080]` by `.4f`."""
    value = format(interval.value, form)
    if interval.low is None or interval.high is None:
        return value
    return f"{value} [{format(interval.low, form)}, {format(interval.high, form)}]"


def p_value(test: tuple[float | None, bool]) -> str:
    """The p of a test, and whether it says that two are `tied`."""
    p, tied = test
    if p is None:
        return ""
    return f"tied, {p:.2g}" if tied else f"{p:.2g}"
