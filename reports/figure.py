"""The one module that opens picture files."""

import io
import textwrap
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties, findfont, get_font

from errtax.lm.errors import UsageError
from errtax.lm.files import replacing
from errtax.reports.wording import literal

FORMATS = (".png", ".svg", ".pdf")
_STYLE: dict[str, Any] = {
    "font.family": "sans-serif",
    "font.size": 9,
    "svg.fonttype": "none",
    "svg.hashsalt": "errtax",  # equal input gives equal bytes
    "axes.spines.top": False,
    "axes.spines.right": False,
}


def new_figure(width: float, height: float) -> Figure:
    """An empty figure, in inches, in the house style and outside pyplot's global state."""
    parameters: Any = mpl.rcParams
    parameters.update(_STYLE)
    return Figure(figsize=(width, height), layout=None, facecolor="white")


def drawable(text: str) -> str:
    """`text` with the code point in place of each character that the font of the house style cannot draw."""
    font = get_font(findfont(FontProperties(family=["sans-serif"])))
    return "".join(c if c == "\n" or font.get_char_index(ord(c)) else f"‹U+{ord(c):04X}›" for c in text)


def wrap_name(name: str, width: int, lines: int = 2) -> str:
    """A model's name as a picture has room for it: broken after `width` characters, cut after so many lines.

    >>> wrap_name("an LSTM of 45 units", 10), wrap_name("an LSTM of 45 units", 10, 1)
    ('an LSTM of\\n45 units', 'an LSTM…')
    """
    text = drawable(name)
    return literal("\n".join(textwrap.wrap(text, width, max_lines=lines, placeholder="…")) or text[:width])


def require_format(path: Path) -> Path:
    """`path`, once its ending is known to be one that can be written."""
    if path.suffix.lower() not in FORMATS:
        raise UsageError(f"{path}: pictures are written as {', '.join(FORMATS)}; give one of these endings.")
    return path


def save_figure(figure: Figure, path: Path, force: bool = True) -> None:
    """Write a figure as PNG, SVG or PDF, by the file's ending, all or nothing."""
    kind = require_format(path).suffix.lower()
    metadata = {".png": {"Software": None}, ".svg": {"Date": None}, ".pdf": {"CreationDate": None}}[kind]
    with replacing(path, force) as temporary:
        figure.savefig(temporary, dpi=200, metadata=metadata)


def svg_of(figure: Figure) -> bytes:
    """A figure as SVG; the same bytes for the same figure."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="svg", metadata={"Date": None})
    return buffer.getvalue()
