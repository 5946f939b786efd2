"""A figure as notebooks show it."""

from dataclasses import dataclass
from functools import cached_property
from os import PathLike

from matplotlib.figure import Figure

from errtax.lm.locations import location
from errtax.reports.figure import save_figure, svg_of
from errtax.reports.python_words import speaks_python


@dataclass(frozen=True, eq=False)
class Picture:
    """A figure that a notebook shows as SVG; `figure` is matplotlib's."""

    figure: Figure

    @cached_property
    def svg(self) -> str:
        """The picture as an SVG element."""
        text = svg_of(self.figure).decode()
        return text[text.index("<svg") :]

    @speaks_python
    def save(self, path: str | PathLike[str], force: bool = False) -> None:
        """Write it as .png, .svg or .pdf, by the file's ending."""
        save_figure(self.figure, location(path), force)

    def _repr_svg_(self) -> str:
        return self.svg
