"""What all imports have in common: the registry, the page, and what cannot be imported."""

from pathlib import Path

import numpy as np
import pytest

from commands import Errtax, refused
from errtax.lm.errors import BadInput
from errtax.lm.imports.names import BASES, NAMES
from errtax.lm.imports.records import Distributions, TokenScores
from errtax.lm.imports.registry import REFUSED, SOURCES, source_of, sources_markdown
from errtax.lm.imports.values import ShiftTest, checked, natural

ROOT = Path(__file__).parents[1]


def test_the_names_of_the_command_line_are_those_of_the_registry() -> None:
    assert (*SOURCES, *REFUSED) == NAMES
    assert all(source_of(name).name == name for name in SOURCES)


def test_the_page_has_the_table_of_the_registry() -> None:
    assert sources_markdown() in (ROOT / "docs" / "imports.md").read_text("utf-8")


def test_sums_of_requests_are_refused_with_a_way_out(errtax_alone: Errtax) -> None:
    Path("samples.jsonl").write_text("{}")
    Path("t").write_text("a")
    done = errtax_alone("import", "lm-eval", "samples.jsonl", "--text", "t")
    refused(done, 2, "one sum per request", "vLLM")


def test_no_output_is_replaced_without_force(errtax_alone: Errtax) -> None:
    for name in ("preds.parquet", "t", "q"):
        Path(name).write_text("a")
    refused(errtax_alone("import", "kenlm", "q", "--text", "t"), 2, "exists already")


@pytest.mark.parametrize("base", BASES)
def test_bases(base: str) -> None:
    p = np.array([0.25, 1.0, np.nan])
    given = p if base == "p" else np.log(p) / {"e": 1.0, "2": np.log(2), "10": np.log(10)}[base]
    np.testing.assert_allclose(natural(given, base), np.log(p))


@pytest.mark.parametrize(
    ("value", "word"), [(0.5, "above 0"), (-9999.0, "-infinity"), (-np.inf, "-infinity"), (np.inf, "above 0")]
)
def test_values_that_are_no_log_probabilities(value: float, word: str) -> None:
    with pytest.raises(BadInput, match=f"row 2: .*{word}"):
        checked(np.array([-1.0, np.nan, value]), lambda i: f"row {i}")
    assert checked(np.array([1e-6, np.nan, -3.0]), str).tolist()[::2] == [0.0, -3.0]


def shifted_hits(shift: int, as_pieces: bool, n: int = 300) -> ShiftTest:
    """A text of random ids; the best token of a row is the right one in 40 % of the rows, then moved."""
    rng = np.random.default_rng(3)
    ids = rng.integers(0, 50, n)
    best = np.where(rng.random(n) < 0.4, ids, rng.integers(0, 50, n))
    moved = np.roll(best, shift)
    test = ShiftTest()
    for start in range(0, n, 100):
        part = slice(start, start + 100)
        if as_pieces:
            pieces, others = [str(i) for i in ids[part]], [str(i) for i in moved[part]]
            values = np.full(100, -1.0)
            test.add(TokenScores(document=None, place=str, logprobs=values, pieces=pieces, best_pieces=others))
        else:
            scores = np.eye(50)[moved[part]]
            test.add(
                Distributions(document=None, place=str, ids=ids[part], scores=scores, predicted=np.ones(100, bool))
            )
    return test


@pytest.mark.parametrize("as_pieces", [False, True])
def test_files_that_are_off_by_one(as_pieces: bool) -> None:
    shifted_hits(0, as_pieces).require_sound("f")
    for shift, word in ((1, "before it"), (-1, "after it")):
        with pytest.raises(BadInput, match=f"f is off by one.*{word}"):
            shifted_hits(shift, as_pieces).require_sound("f")


def test_repetition_is_not_taken_for_a_shift() -> None:
    ids = np.repeat(np.arange(100), 2)
    test = ShiftTest()
    values = np.full(200, -1.0)
    test.add(TokenScores(document=None, place=str, logprobs=values, ids=ids, best_ids=ids))
    test.require_sound("f")
