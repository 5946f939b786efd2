"""The overlap of errors: a Venn diagram, and the symbols that the first two models know most differently."""

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from errtax.lm.text import Unit
from errtax.reports.figure import drawable, new_figure, wrap_name
from errtax.reports.palette import series
from errtax.reports.studies.venn import draw_venn
from errtax.reports.wording import literal, wrap_signature
from errtax.taxonomy.studies.overlap import Overlap


def overlap_figure(overlap: Overlap) -> Figure:
    """The Venn diagram (left) and the largest advantages each way (right), with the signature at the foot."""
    figure = new_figure(11.2, 5.8)
    draw_venn(figure.add_axes((0.015, 0.06, 0.475, 0.85)), overlap)
    axes = draw_advantages(figure.add_axes((0.555, 0.17, 0.385, 0.74)), overlap)
    handles, labels = axes.get_legend_handles_labels()
    figure.legend(handles, labels, loc="lower center", bbox_to_anchor=(0.747, 0.03), ncols=2, frameon=False, fontsize=8)
    signature = literal(wrap_signature(overlap.signature, 150))
    figure.text(0.5, 0.015, signature, ha="center", size=5.5, color="#555555")
    return figure


def draw_advantages(axes: Axes, overlap: Overlap) -> Axes:
    """One row per symbol: its mean probability by both models, joined by a line; above, where the first is ahead."""
    table = overlap.by_symbol
    ahead = table.advantages(overlap.min_count).tolist()
    behind = table.disadvantages(overlap.min_count)[::-1].tolist()
    rows = [*range(len(ahead)), *range(len(ahead) + 1, len(ahead) + 1 + len(behind))]
    symbols = [*ahead, *behind]
    axes.hlines(rows, table.mean[0, symbols], table.mean[1, symbols], color="#B0B0B0", linewidth=2, zorder=1)
    for k in (0, 1):
        colour, marker, _ = series(k)
        label = wrap_name(overlap.members[k], 38)
        axes.scatter(table.mean[k, symbols], rows, s=34, color=colour, marker=marker, label=label, zorder=3 - k)
    names = [_drawn(table.name(s, Unit(overlap.unit))) for s in symbols]
    axes.set_yticks(rows, names, size=9, weight="bold")
    for row, s in zip(rows, symbols, strict=True):
        axes.text(1.13, row, f"{table.n[s]:,}", ha="right", va="center", size=7.5, color="#555555")
    axes.text(1.13, -0.75, "n", ha="right", va="bottom", size=8, style="italic", color="#555555")
    axes.set(xlim=(-0.02, 1.02), ylim=(max(rows, default=0) + 0.7, -0.7))
    axes.grid(axis="x", color="#E4E4E4", linewidth=0.6)
    axes.set_axisbelow(True)
    axes.tick_params(axis="y", length=0)
    if ahead and behind:
        axes.axhline(len(ahead), color="#555555", linewidth=0.8, linestyle=":")
    _say_who_is_ahead(axes, overlap, len(ahead), len(behind))
    axes.set_xlabel("mean probability of the correct symbol")
    axes.set_ylabel("correct symbol")
    axes.set_title(f"Largest advantages, symbols with n ≥ {overlap.min_count}", size=11, weight="bold")
    return axes


def _say_who_is_ahead(axes: Axes, overlap: Overlap, ahead: int, behind: int) -> None:
    if not ahead and not behind:
        axes.text(0.5, 0.0, "no such symbol", ha="center", va="center", color="#555555")
    for k, (n, row, edge) in enumerate(((ahead, ahead - 0.15, "bottom"), (behind, ahead + 0.15, "top"))):
        if n:
            text = f"{wrap_name(overlap.members[k], 44, 1)} ahead"
            axes.text(1.01, row, text, ha="right", va=edge, size=7.5, style="italic", color=series(k)[0])


def _drawn(name: str) -> str:
    """A symbol's name as the picture can show it; its code point where the font has no glyph for it."""
    return literal(drawable(name))
