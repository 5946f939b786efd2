"""Text coloured by the values of a cell, symbol by symbol, as HTML.

21 classes of values, from −1 red to +1 blue.  Dark letters on light colours, or light letters on dark ones where the
reader prefers that: 4.5 : 1 in each class and more.  Not by colour alone: symbols with a positive value are underlined,
and each run of symbols of one class has its value as its title.

The text is untrusted: it is escaped, and controls, bidirectional marks, invisible characters and bytes that are not
UTF-8 are shown as visible ones, with their number.
"""

from collections.abc import Iterator, Sequence
from html import escape
from itertools import groupby

import numpy as np
from numpy.typing import NDArray

from errtax.lm.prediction_log import bytes_of
from errtax.lm.text import Codes, Unit
from errtax.lm.visible import SIGNS, visible

CLASSES = 21
_LIGHT = ("#f26b5b", "#ffffff", "#5a9bf5")
_DARK = ("#9c2a1f", "#1c1c1c", "#1d55b0")
_INK = {"light": "#111111", "dark": "#f4f4f4"}
_TAB_WIDTH = 8


def value_of(k: int) -> float:
    """The value in the middle of class k: -1.0, -0.9 ... 1.0."""
    return (2 * k - CLASSES + 1) / (CLASSES - 1)


def classes_of(values: NDArray[np.float32]) -> NDArray[np.int64]:
    """The class of each value in [-1, 1]; -1 for NaN, where there is no value."""
    known = np.nan_to_num(np.clip(values, -1, 1))
    return np.where(np.isnan(values), -1, np.rint((known + 1) * (CLASSES - 1) / 2)).astype(np.int64)


def colours(dark: bool) -> list[str]:
    """The background of each class, `#rrggbb`: mixed from the ends and the middle."""
    low, middle, high = _DARK if dark else _LIGHT
    return [_mix(middle, high if value_of(k) > 0 else low, abs(value_of(k))) for k in range(CLASSES)]


def _mix(first: str, second: str, amount: float) -> str:
    pairs = ((int(first[i : i + 2], 16), int(second[i : i + 2], 16)) for i in (1, 3, 5))
    return "#" + "".join(f"{round(a + (b - a) * amount):02x}" for a, b in pairs)


def text_style() -> str:
    """The style sheet of coloured text: light, and dark where the screen is."""
    light, dark = ("".join(f".v{k}{{background:{c}}}" for k, c in enumerate(colours(d))) for d in (False, True))
    positive = ",".join(f".v{k}" for k in range(CLASSES) if value_of(k) > 0)
    return (
        f".cells{{color:{_INK['light']};background:{_LIGHT[1]};font:.85rem/1.7 ui-monospace,monospace;padding:.6rem;"
        "white-space:pre-wrap;overflow-wrap:anywhere;unicode-bidi:bidi-override;direction:ltr;text-align:left;"
        "border:1px solid var(--line);border-radius:4px;margin:.4rem 0;print-color-adjust:exact;"
        f"-webkit-print-color-adjust:exact;forced-color-adjust:none}}\n{light}\n{positive}{{box-shadow:inset 0 -1px}}\n"
        "@media screen and (prefers-color-scheme:dark){\n"
        f".cells{{color:{_INK['dark']};background:{_DARK[1]}}}\n{dark}}}\n"
        "@media print{.cells{font-size:.7rem;border:0;padding:0}}\n"
    )


def glyphs(codes: Codes, unit: Unit) -> list[tuple[str, int]]:
    """The characters of a passage, each as it is shown, with the number of its last symbol.

    Several bytes of one character are one glyph, which takes the value after the last of them.  A newline is `↵` and
    a new line; a tab is `→` and blanks up to the next 8th column.

    >>> glyphs(np.frombuffer("né\\t\\x00\\u202e".encode() + b"\\xff", np.uint8), Unit.BYTE)
    [('n', 0), ('é', 2), ('→     ', 3), ('‹U+0000›', 4), ('‹U+202E›', 7), ('‹FF›', 8)]
    """
    shown, last, column = [], -1, 0
    for character in bytes_of(codes, unit).decode("utf-8", "surrogateescape"):
        invalid = 0xDC80 <= ord(character) <= 0xDCFF
        last += 1 if unit is Unit.CHAR or invalid else len(character.encode())
        glyph = _glyph(character, column)
        column = 0 if character == "\n" else column + len(glyph)
        shown.append((glyph, last))
    return shown


def _glyph(character: str, column: int) -> str:
    if character == "\n":
        return f"{SIGNS[character]}\n"
    if character == "\t":
        return SIGNS[character].ljust(_TAB_WIDTH - column % _TAB_WIDTH)
    return visible(character)


def coloured(codes: Codes, unit: Unit, values: NDArray[np.float32]) -> str:
    """A passage as a `<pre>`; `values[i]`: what the cell holds after symbol i."""
    classes = classes_of(values).tolist()
    shown = ((glyph, classes[last]) for glyph, last in glyphs(codes, unit))
    return f'<pre class="cells">{"".join(_runs(shown))}</pre>'


def _runs(shown: Iterator[tuple[str, int]]) -> Iterator[str]:
    for k, run in groupby(shown, key=lambda pair: pair[1]):
        text = escape("".join(glyph for glyph, _ in run))
        yield text if k < 0 else f'<span class="v{k}" title="{signed(value_of(k))}">{text}</span>'


def signed(value: float) -> str:
    """`+0.3`, `−0.3` or `0.0`."""
    return f"{value:+.1f}".replace("-", "−") if round(value, 1) else "0.0"


def legend(classes: Sequence[int] = tuple(range(0, CLASSES, 2))) -> str:
    """The scale of the colours."""
    scale = "".join(f'<span class="v{k}"> {signed(value_of(k))} </span>' for k in classes)
    return f'<pre class="cells">{scale}</pre>'
