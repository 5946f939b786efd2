"""Limits: how they are written, when they are broken, and what is told to people and machines."""

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

from errtax.cli.main import cli
from errtax.lm.errors import BadInput, UsageError
from errtax.taxonomy.check import check
from errtax.taxonomy.limits import Limit, parse_limits
from errtax.taxonomy.peel import Peel, peel_log
from errtax.taxonomy.peel_file import read_peel
from errtax.taxonomy.settings import Settings
from errtax.taxonomy.summary import summarise

N = 40_000
SETTINGS = Settings(layers=("word", "punctuation", "boost"))


def invoke(*arguments: object) -> Any:
    return CliRunner().invoke(cli, [str(argument) for argument in arguments])


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Peels of a model, of one that is the same but for noise, and of one that is worse behind spaces."""
    folder = tmp_path_factory.mktemp("check")
    rng = np.random.default_rng(4)
    text = "".join(rng.choice(["the ", "cat ", "sat. ", "on\n", "houses "], N // 4))[:N]
    symbols = np.array(list(text))
    p = rng.random(N)
    after_space = np.roll(symbols == " ", 1)
    noisy = np.where(rng.random(N) < 0.01, rng.random(N), p)
    worse = np.where(after_space & (rng.random(N) < 0.1), 0.01, p)
    for name, values in (("old", p), ("noisy", noisy), ("worse", worse)):
        table = pd.DataFrame({"position": range(N), "symbol": symbols, "logprob": np.log(values)})
        table.to_parquet(folder / f"{name}.parquet")
        done = invoke("peel", "--preds", folder / f"{name}.parquet", "-o", folder / f"{name}.peel.parquet", "-q")
        assert done.exit_code == 0, done.output
    return folder


@pytest.mark.parametrize("wrong", ["", "ngram", "ngram:", "ngram:x", "ngram:+-3", ":3", "ngram:3 pp"])
def test_what_is_no_limit_is_refused(wrong: str) -> None:
    with pytest.raises(UsageError, match="is not a limit"):
        Limit.parse(wrong)


@pytest.mark.parametrize(
    ("mistaken", "said"),
    [
        ("errors:0.45", "errors:45%"),
        ("errors:0.45", "errors:0.45pp"),
        ("ngram:+0.3", "ngram:+0.3pp"),
        ("ngram:+2.5", "ngram:+2.5pp"),
        ("errors:1.9bits", "bits:1.9bits"),
        ("bits:45%", "errors:45%"),
        ("bits:+2pp", "errors:+2%"),
        ("errors:101%", "more than 100 %"),
        ("word:+100.1pp", "more than 100 %"),
        ("word:-101pp", "more than 100 %"),
    ],
)
def test_what_can_only_be_a_mistake_is_refused_with_what_was_meant(mistaken: str, said: str) -> None:
    with pytest.raises(UsageError, match=re.escape(said)):
        Limit.parse(mistaken)


def test_percent_are_points_of_the_positions() -> None:
    assert replace(Limit.parse("errors:45%"), text="") == replace(Limit.parse("errors:45pp"), text="")
    assert Limit.parse("errors:100%").value == 100


def test_a_name_has_one_limit_of_a_kind() -> None:
    both = parse_limits(["errors:45%", "errors:+20", "errors:+0.1%", "errors:90000", "word:45%"])
    assert len(both) == 5
    with pytest.raises(UsageError, match=r"'errors:45%' and 'errors:44pp' are two limits of one kind"):
        parse_limits(["errors:45%", "errors:44pp"])


def test_limits_are_in_counts_points_and_bits(folder: Path) -> None:
    peel = read_peel(folder / "old.peel.parquet")
    summary = summarise(peel)
    word = next(layer for layer in summary.layers if layer.name == "word")
    values = {
        "errors:1": summary.errors,
        "errors:1pp": 100 * summary.errors / summary.positions,
        "bits:1": summary.bits,
        "word:1": word.count,
        "word:1bits": word.bits,
        "after newline:1pp": 100 * word.slices[1].count / summary.positions,
    }
    for text, value in values.items():
        (verdict,) = check(peel, [Limit.parse(text)])
        assert verdict.value == pytest.approx(value, rel=1e-9)
        name, _, unit = text.partition(":1")
        digits = 6 if unit or name == "bits" else 0  # counts are whole numbers
        above, below = (Limit.parse(f"{name}:{value * factor:.{digits}f}{unit}") for factor in (0.99, 1.01))
        assert [v.broken for v in check(peel, [above, below])] == [True, False]


def test_a_rise_breaks_a_limit_and_chance_may_not(folder: Path) -> None:
    old, noisy, worse = (read_peel(folder / f"{name}.peel.parquet") for name in ("old", "noisy", "worse"))
    limits = [Limit.parse("word:+0.05pp"), Limit.parse("punctuation:+0")]
    found = check(worse, limits, old, require_significant=True)
    assert [verdict.broken for verdict in found] == [True, False]
    assert found[0].p is not None
    assert found[0].p < 0.01
    assert found[0].change is not None
    assert found[0].change.low is not None
    assert 0 < found[0].change.low < found[0].change.value
    rises = [v for v in check(noisy, [Limit.parse(f"{n}:+0") for n in ("word", "boost", "memory")], old) if v.exceeded]
    assert rises, "noise makes some class a little larger"
    assert all(v.broken for v in rises)
    again = check(noisy, [verdict.limit for verdict in rises], old, require_significant=True)
    assert not any(verdict.broken for verdict in again)
    assert "exceeded, but not significantly" in again[0].sentence
    assert check(old, [Limit.parse("errors:-1")], old)[0].broken  # at least one error fewer was asked for


def test_what_cannot_be_checked_is_refused(folder: Path) -> None:
    old = read_peel(folder / "old.peel.parquet")
    with pytest.raises(UsageError, match="--baseline"):
        check(old, [Limit.parse("word:+1")])
    with pytest.raises(UsageError, match="no layer or slice 'words' in this peel; did you mean 'word'"):
        check(old, [Limit.parse("words:1")])
    with pytest.raises(UsageError, match="there are errors, bits, memory, word"):
        check(old, [Limit.parse("xyz:1")])


def with_impossible(peel: Peel, share: float) -> Peel:
    """The peel of a model that gives probability 0 to a share of the symbols."""
    rows = np.random.default_rng(1).random(len(peel.log)) < share
    return peel_log(replace(peel.log, logprobs=np.where(rows, -np.inf, peel.log.logprobs)), peel.evidence, SETTINGS)


@pytest.mark.parametrize("require_significant", [False, True])
def test_bits_without_end_break_every_limit(folder: Path, require_significant: bool) -> None:
    finite = read_peel(folder / "old.peel.parquet")
    finite = peel_log(finite.log, finite.evidence, SETTINGS)
    endless = with_impossible(finite, 0.02)
    limits = [Limit.parse(text) for text in ("bits:+0.01bits", "bits:99bits", "word:+1bits", "errors:100%")]
    broken = [True, True, True, False]
    for baseline in (finite, endless):  # the change is infinite, or no number at all
        found = check(endless, limits, baseline, require_significant)
        assert [verdict.broken for verdict in found] == broken
        written = [verdict.to_json() for verdict in found]
        assert json.dumps(written, allow_nan=False)
        assert written[0]["value"] is None and written[0]["change"][0] is None and written[0]["p"] is None
        assert written[3]["value"] is not None
    back = check(finite, [Limit.parse("bits:+0.01bits"), Limit.parse("bits:99bits")], endless, require_significant)
    assert [verdict.broken for verdict in back] == [True, False]  # against what has no end nothing can be said


def test_absolute_limits_and_falls_are_never_excused(folder: Path) -> None:
    old, noisy = (read_peel(folder / f"{name}.peel.parquet") for name in ("old", "noisy"))
    errors = int(noisy.error.sum())
    limits = [Limit.parse(text) for text in (f"errors:{errors - 1}", "word:-1", "errors:-0.9pp", "errors:+100%")]
    found = check(noisy, limits, old, require_significant=True)
    assert [verdict.broken for verdict in found] == [True, True, True, False]
    assert [verdict.p is None for verdict in found] == [True, True, True, False]


def test_the_command_says_it_with_its_exit_code_and_files(folder: Path, tmp_path: Path) -> None:
    baseline = ("--baseline", folder / "old.peel.parquet")
    outputs = ("--markdown", tmp_path / "c.md", "--junit", tmp_path / "c.xml")
    limits = ("--max", "word:+0.05pp", "--max", "errors:99pp")
    arguments = ["check", folder / "worse.peel.parquet", *baseline, *limits, *outputs, "--json"]
    done = CliRunner().invoke(cli, list(map(str, arguments)), standalone_mode=False)
    assert done.return_value == 1  # the exit code
    document = json.loads(done.stdout)
    assert document["schema"] == "errtax.check/1"
    assert [limit["broken"] for limit in document["limits"]] == [True, False]
    suite = ElementTree.parse(tmp_path / "c.xml").getroot()
    assert (suite.get("tests"), suite.get("failures")) == ("2", "1")
    assert [len(case) for case in suite] == [1, 0]
    assert "**broken**" in (tmp_path / "c.md").read_text()
    assert isinstance(invoke("check", folder / "worse.peel.parquet", "--max", "word:+1").exception, UsageError)
    other = tmp_path / "other.parquet"
    pd.DataFrame({"position": [0], "symbol": ["x"], "logprob": [-1.0]}).to_parquet(other)
    assert invoke("peel", "--preds", other, "-o", tmp_path / "o.peel.parquet", "-q").exit_code == 0
    refused = invoke("check", tmp_path / "o.peel.parquet", *baseline, "--max", "word:+1")
    assert isinstance(refused.exception, BadInput)
