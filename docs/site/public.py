"""What is public in Python, in one place: the names whose meaning a version keeps, as `docs/files.md` does for files.

Public is what `errtax`, `errtax.kenlm` and `errtax.training` offer, what their functions return and raise, and what the
pages of `docs/` import: texts, the n-gram engine, oracles and features of one's own, tokens as bytes.  All else in
`errtax.*` may change with any version.
"""

from collections.abc import Iterator
from typing import NamedTuple


class Group(NamedTuple):
    """A page of the reference: its file, its title, what it is about, and the names on it."""

    file: str
    title: str
    about: str
    names: tuple[str, ...]


GROUPS = (
    Group(
        "errtax",
        "errtax",
        "Peels from files, data frames and arrays. [From Python](../python.md) shows them at work.",
        ("errtax.peel", "errtax.read", "errtax.trend", "errtax.forecast", "errtax.predict", "errtax.byte_log"),
    ),
    Group(
        "results",
        "Peels and comparisons",
        "What `errtax.peel`, `errtax.read`, `errtax.trend` and `errtax.forecast` return, and what follows from it.",
        (
            "errtax.reports.notebook.PeelView",
            "errtax.reports.notebook.ComparisonView",
            "errtax.reports.notebook.Plots",
            "errtax.reports.picture.Picture",
            "errtax.reports.views.TrendView",
            "errtax.reports.views.ForecastView",
            "errtax.reports.views.CalibrationView",
            "errtax.reports.views.CheckView",
        ),
    ),
    Group(
        "errors",
        "Errors",
        "What the functions raise. All are `ValueError`s; their message is one line that says what to do.",
        ("errtax.lm.errors.UsageError", "errtax.lm.errors.BadInput", "errtax.lm.errors.StoreError"),
    ),
    Group(
        "ngram",
        "N-gram models",
        "The engine ([how it works](../engine.md)) and the texts that it reads.",
        (
            "errtax.NgramIndex",
            "errtax.lm.text.Unit",
            "errtax.lm.text.Sentences",
            "errtax.lm.text.Text",
            "errtax.lm.text.read_text",
        ),
    ),
    Group(
        "kenlm",
        "errtax.kenlm",
        "KenLM's Python module on these models ([from KenLM](../kenlm.md)).",
        (
            "errtax.kenlm.Model",
            "errtax.kenlm.LanguageModel",
            "errtax.kenlm.State",
            "errtax.kenlm.FullScoreReturn",
        ),
    ),
    Group(
        "training",
        "errtax.training",
        "Trainings that one can watch ([how](../transformers.md#training-one-can-watch)).",
        ("errtax.training.PeelCallback", "errtax.training.PeelWatch"),
    ),
    Group(
        "oracles",
        "Oracles and features",
        "For [oracles of your own](../oracles.md), and features of a text for [cells](../analyses.md#cells).",
        (
            "errtax.oracle.custom.oracle",
            "errtax.oracle.text_view.TextView",
            "errtax.oracle.text_view.Words",
            "errtax.oracle.text_view.CharacterClasses",
            "errtax.oracle.features.feature",
            "errtax.oracle.features.features",
            "errtax.oracle.features.FeatureKind",
        ),
    ),
    Group(
        "tokens",
        "Tokens as bytes",
        "What tokens stand for, and how the tokenizations of a text are summed "
        "([how](../transformers.md#from-distributions-over-tokens-to-bytes)).",
        ("errtax.lm.hf.tokenizer.vocabulary_of", "errtax.lm.byte_beam.beam_rows"),
    ),
)


def public_names() -> Iterator[str]:
    """All public names, with their modules."""
    for group in GROUPS:
        yield from group.names


def reference_pages() -> dict[str, str]:
    """Markdown by path: `reference/index.md`, and a page for each group."""
    pages = {f"reference/{group.file}.md": _page(group) for group in GROUPS}
    return {"reference/index.md": _index(), **pages}


def _page(group: Group) -> str:
    return f"# {group.title}\n\n{group.about}\n\n" + "".join(f"::: {name}\n\n" for name in group.names)


def _index() -> str:
    _, rule = (__doc__ or "").split("\n\n", 1)
    rows = [
        f"| [{group.title}]({group.file}.md) | {', '.join(f'[`{shorter(name)}`][{name}]' for name in group.names)} |"
        for group in GROUPS
    ]
    text = ["# Python", "", rule.replace("`docs/`", "this site"), "| page | names |", "|---|---|", *rows]
    return "\n".join(text) + "\n"


def shorter(name: str) -> str:
    """A name without its module, unless the module is one of the three that users import."""
    short = name.rpartition(".")[2]
    return name if name.startswith(("errtax.kenlm.", "errtax.training.")) or name.count(".") == 1 else short
