"""Random small ARPA models and the many ways to write them down, for hypothesis."""

import gzip
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from hypothesis import strategies as st
from numpy.typing import NDArray

from arpa import Entry, score
from errtax.lm.ngram.model import NgramModel
from errtax.lm.text import Codes

Model = dict[tuple[str, ...], Entry]
WORDS = ("a", "bb", "é", "<sp>", "12", "-1.5", "\u00a0", "\v")
"""Words that look like numbers, names and blanks (but not blanks to an ARPA file)."""


@dataclass(frozen=True)
class Layout:
    """How a model is written down."""

    separator: str = "\t"
    newline: str = "\n"
    trailing: str = ""
    before: str = ""
    omit_zero_backoff: bool = False
    spaced_counts: bool = False


@st.composite
def models(draw: st.DrawFn, min_order: int = 1, suffixes: bool = False) -> Model:
    """N-grams with all their prefixes, and with all their suffixes too if asked; log10 p and back-off of each."""
    words = draw(st.lists(st.sampled_from(WORDS), min_size=1, max_size=4, unique=True))
    words += ["<unk>"] * draw(st.booleans())
    numbers = st.floats(-4, 0, width=32).map(lambda x: round(x, 4))
    grams: list[tuple[str, ...]] = [(word,) for word in ["<s>", "</s>", *words]]
    last = grams
    for _ in range(1, draw(st.integers(min_order, 4))):
        longer = [(*gram, word) for gram in last if gram[-1] != "</s>" for word in [*words, "</s>"]]
        if suffixes:
            longer = [gram for gram in longer if gram[1:] in grams]
        if not longer:
            break
        last = draw(st.lists(st.sampled_from(longer), min_size=1, max_size=12, unique=True))
        grams = grams + last
    draws = st.lists(st.tuples(numbers, st.one_of(st.just(0.0), numbers)), min_size=len(grams), max_size=len(grams))
    order = len(grams[-1])
    model = dict(zip(grams, draw(draws), strict=True))
    return {gram: (p, 0.0 if len(gram) == order else backoff) for gram, (p, backoff) in model.items()}


layouts = st.builds(
    Layout,
    separator=st.sampled_from(["\t", " ", "  ", "\t "]),
    newline=st.sampled_from(["\n", "\r\n"]),
    trailing=st.sampled_from(["", " ", "\t"]),
    before=st.sampled_from(["", "# made by hand\n", "about \\data\\ and \\end\\\n\n\\3-grams:\n", "\ufeff"]),
    omit_zero_backoff=st.booleans(),
    spaced_counts=st.booleans(),
)


def write_model(path: Path, model: Model, layout: Layout = Layout(), reverse: bool = False) -> Path:
    """Write a model as ARPA; gzipped if the path ends in `.gz`."""
    order = max(map(len, model))
    by_order = [[gram for gram in model if len(gram) == n] for n in range(1, order + 1)]
    equals = "= " if layout.spaced_counts else "="
    lines = ["\\data\\", *(f"ngram {n}{equals}{len(grams)}" for n, grams in enumerate(by_order, 1)), ""]
    for n, grams in enumerate(by_order, 1):
        lines.append(f"\\{n}-grams:")
        for gram in reversed(grams) if reverse else grams:
            p, backoff = model[gram]
            fields = [f"{p:g}", layout.separator.join(gram) if " " in layout.separator else " ".join(gram)]
            if n < order and not (layout.omit_zero_backoff and backoff == 0):
                fields.append(f"{backoff:g}")
            lines.append(layout.separator.join(fields) + layout.trailing)
        lines.append("")
    content = layout.before + layout.newline.join([*lines, "\\end\\", ""])
    data = content.encode()
    path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)
    return path


def score_lines(model: Model, lines: list[list[str]], order: int, ended: bool = True) -> list[float]:
    """log10 p of each word and of each line's `</s>`, the last one's only if `ended`."""
    with_unknown = {("<unk>",): (-100.0, 0.0), **model}
    scores: list[float] = []
    for k, line in enumerate(lines):
        end = ["</s>"] if ended or k < len(lines) - 1 else []
        scores += score(with_unknown, [*line, *end], order)
    return scores


def score_all(model: NgramModel, codes: Codes) -> NDArray[np.float32]:
    """`logp[i, n - 1]` of all positions at once; shape (len(codes), order)."""
    blocks: list[Any] = list(model.score_blocks(codes))
    return np.concatenate(blocks or [np.empty((0, model.order), np.float32)])
