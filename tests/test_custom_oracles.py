"""Oracles that are not built in: against loops, in file, signature and command line; the examples of the docs."""

import json
import re
import sys
from collections.abc import Iterator
from dataclasses import replace
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from errtax.cli.main import main
from errtax.lm.errors import UsageError
from errtax.lm.prediction_log import PredictionLog
from errtax.lm.text import Unit
from errtax.oracle import custom, plug_ins
from errtax.oracle.custom import REGISTRY, OracleRule, find_oracles, load_oracles, oracle
from errtax.oracle.evidence import collect_evidence
from errtax.oracle.text_view import TextView
from errtax.taxonomy.attribution import claims_of, fair_parts
from errtax.taxonomy.layers.registry import LAYER_NAMES
from errtax.taxonomy.naming import choose_layers
from errtax.taxonomy.peel import Peel, peel_log
from errtax.taxonomy.peel_file import peel_problems, read_peel, write_peel
from errtax.taxonomy.repeel import repeel
from errtax.taxonomy.settings import Settings
from errtax.taxonomy.signature import sign
from errtax.taxonomy.statistics import statistics
from errtax.taxonomy.summary import summarise
from strategies import data, log_of

DOCS = Path(__file__).parents[1] / "docs" / "oracles.md"
EXAMPLES = [block for block in re.findall(r"```python\n(.*?)```", DOCS.read_text("utf-8"), re.DOTALL)]


@pytest.fixture(autouse=True)
def registry() -> Iterator[None]:
    """What a test registers is gone after it."""
    before = dict(REGISTRY)
    yield
    REGISTRY.clear()
    REGISTRY.update(before)


@pytest.fixture
def examples(tmp_path: Path) -> Path:
    """The two oracles of the documentation, as a file."""
    path = tmp_path / "my_oracles.py"
    path.write_text("\n".join(EXAMPLES), "utf-8")
    return path


def peel_with(content: bytes, *layers: str, unit: Unit = Unit.BYTE, log: PredictionLog | None = None) -> Peel:
    """A peel of a text on which the model is wrong everywhere."""
    log = log or log_of(unit, content)
    rules = find_oracles([name for name in layers if name not in LAYER_NAMES])
    settings = Settings(layers=layers, custom=rules)
    return peel_log(log, collect_evidence(TextView.of_log(log), None, None, rules), settings)


def slices(peel: Peel) -> list[str]:
    return [
        "" if layer < 0 else peel.slice_names(peel.layer_names[layer])[part]
        for layer, part in zip(peel.layer, peel.slice, strict=True)
    ]


# --- the examples of the documentation -------------------------------------------------------------------------------


def test_digits(examples: Path) -> None:
    assert load_oracles(str(examples)) == ("digits", "copied")
    peel = peel_with("a1 é2".encode(), "digits", "boost")
    assert slices(peel) == ["0.2 boost", "digits", "0.2 boost", "0.2 boost", "0.2 boost", "digits"]


@given(st.lists(st.sampled_from(["abc", "abcd", "_x1", "for", "12", "é", " ", " ", "(", "\n"]), max_size=30))
def test_a_copied_identifier_by_a_loop(tmp_path_factory: pytest.TempPathFactory, pieces: list[str]) -> None:
    path = tmp_path_factory.mktemp("oracles") / "copied.py"
    path.write_text(EXAMPLES[1], "utf-8")
    REGISTRY.pop("copied", None)
    load_oracles(str(path))
    text = "".join(["x", *pieces])
    peel = peel_with(text.encode(), "copied", unit=Unit.CHAR)
    due = [-1] * len(text)
    words = [(m.start(), m.group()) for m in re.finditer(r"\w+", text)]
    for k, (start, word) in enumerate(words):
        earlier = [at for at, other in words[:k] if other == word]
        if earlier and word not in ("for", "12"):
            if not word.isidentifier():
                continue
            for i in range(start + 2, start + len(word)):
                due[i] = start - earlier[-1]
    assert peel.evidence.custom["copied"].tolist() == due
    assert [part != "rest" for part in slices(peel)] == [value >= 0 for value in due]


# --- evidence and claims ---------------------------------------------------------------------------------------------


@given(
    content=data(20),
    limits=st.sets(st.integers(0, 6), min_size=1).map(lambda s: tuple(sorted(s))),
    layers=st.permutations(["number", "flag", "word", "punctuation"]),
    seed=st.integers(0, 99),
)
def test_claims_are_those_of_a_loop(content: bytes, limits: tuple[int, ...], layers: list[str], seed: int) -> None:
    generator = np.random.default_rng(seed)
    numbers, flags = generator.integers(-2, 9, len(content)), generator.random(len(content)) < 0.5
    REGISTRY.clear()
    oracle("number", rule="", limits=limits)(lambda view: numbers)
    oracle("flag", rule="")(lambda view: flags)
    peel = peel_with(content, *layers)
    builtin = peel_with(content, "word"), peel_with(content, "punctuation")
    for row, (n, flag) in enumerate(zip(numbers.tolist(), flags.tolist(), strict=True)):
        fitting = [limit for limit in limits if 0 <= n <= limit]
        due = {
            "number": f"{fitting[0]} number" if fitting else None,
            "flag": "flag" if flag else None,
            "word": slices(builtin[0])[row].replace("rest", "") or None,
            "punctuation": slices(builtin[1])[row].replace("rest", "") or None,
        }
        first = next((due[name] for name in layers if due[name]), "rest")
        assert slices(peel)[row] == first
        players = [name for name in layers]
        claimed = claims_of(peel.claims[row : row + 1], peel.settings)[0].tolist()
        assert claimed == [bool(due[name]) for name in players]
    fair = fair_parts(claims_of(peel.claims, peel.settings)).sum(axis=0)
    found = {layer.name: layer.fair for layer in statistics(peel).layers}
    for name, value in zip(layers, fair, strict=True):
        assert found[name] is not None
        assert found[name].value * len(content) == pytest.approx(value)  # type: ignore[union-attr]


def test_values_of_characters_are_those_of_their_bytes() -> None:
    oracle("wide", rule="")(lambda view: [ord(c) > 127 for c in view.string])
    assert peel_with("aé猫".encode(), "wide").evidence.custom["wide"].tolist() == [False] + [True] * 5


def test_fractions_are_rounded_up_and_what_is_huge_is_cut() -> None:
    oracle("number", rule="", limits=(1, 2))(lambda view: [0.2, 1.0, 1.1, -0.5, 1e18])
    peel = peel_with(b"abcde", "number")
    assert peel.evidence.custom["number"].tolist() == [1, 1, 2, -1, 2**31 - 1]
    assert slices(peel) == ["1 number", "1 number", "2 number", "rest", "rest"]


def test_a_gap_of_the_log_is_no_row_of_the_evidence() -> None:
    oracle("first", rule="")(lambda view: view.positions == 4)
    log = log_of(Unit.BYTE, b"abcdef", positions=[1, 4, 5])
    assert peel_with(b"", "first", log=log).evidence.custom["first"].tolist() == [False, True, False]


# --- file and signature ----------------------------------------------------------------------------------------------


def made(tmp_path: Path) -> tuple[Peel, Path]:
    oracle("has-a", rule="an a", title="letter a")(lambda view: view.codes == ord("a"))
    oracle("at", rule="early", limits=(1, 3), parameters={"from": 0, "unit": "byte"})(lambda view: view.positions - 1)
    peel = peel_with(b"banana", "at", "has-a", "boost")
    peel = replace(peel, signature=sign(peel))
    write_peel(tmp_path / "x.parquet", peel)
    return peel, tmp_path / "x.parquet"


def test_the_signature_names_limits_and_parameters(tmp_path: Path) -> None:
    peel, _ = made(tmp_path)
    assert "|layers:at(1,3;from=0;unit=byte),has-a,boost(0.1,0.2,0.3,0.4,0.5)|" in peel.signature


def test_a_file_is_read_without_the_function(tmp_path: Path) -> None:
    peel, path = made(tmp_path)
    REGISTRY.clear()
    again = read_peel(path)
    assert again.settings == peel.settings
    assert slices(again) == slices(peel) == ["0.2 boost", "1 at", "1 at", "3 at", "3 at", "has-a"]
    for name in ("at", "has-a"):
        assert again.evidence.custom[name].tolist() == peel.evidence.custom[name].tolist()
        assert again.evidence.custom[name].dtype == peel.evidence.custom[name].dtype
    table = pq.read_table(path)
    assert table["oracle_at"].to_pylist() == [None, 0, 1, 2, 3, 4]
    assert table["oracle_has_a"].to_pylist() == [False, True, False, True, False, True]
    assert json.loads(table.schema.metadata[b"claims"])["has-a"] == 64 * 2 ** [
        r.name for r in peel.settings.custom
    ].index("has-a")
    assert [layer.title for layer in summarise(again).layers] == ["at", "letter a", "boost"]


def test_another_order_and_other_limits_from_the_file(tmp_path: Path) -> None:
    _, path = made(tmp_path)
    peel = read_peel(path)
    bare = repeel(peel, Settings(layers=("boost",)))
    assert bare.settings.custom == peel.settings.custom
    rules = tuple(
        OracleRule(r.name, r.title, r.rule, (0,) if r.limits else (), r.parameters) for r in peel.settings.custom
    )
    again = repeel(peel, Settings(layers=("has-a", "at"), custom=rules))
    assert slices(again) == ["rest", "has-a", "rest", "has-a", "rest", "has-a"]
    assert "at(0;from=0" in again.signature
    with pytest.raises(UsageError, match="evidence of these oracles beside the built-in ones: at, has-a"):
        repeel(peel, Settings(layers=("at",), custom=rules[:1]))


def test_a_file_that_lost_a_column_or_a_rule_is_told_so(tmp_path: Path) -> None:
    _, path = made(tmp_path)
    table = pq.read_table(path)
    pq.write_table(table.drop_columns(["oracle_at"]), tmp_path / "lost.parquet")
    assert peel_problems(tmp_path / "lost.parquet") == ["column 'oracle_at' is missing"]
    place = table.schema.get_field_index("oracle_at")
    nested = table.set_column(place, "oracle_at", pa.array([{"x": 1}] * len(table)))
    pq.write_table(nested, tmp_path / "nested.parquet")
    assert peel_problems(tmp_path / "nested.parquet") == [
        "column 'oracle_at' has type struct<x: int64>, int32 is needed"
    ]
    metadata = {**table.schema.metadata, b"custom_oracles": b'[{"name": "at"}]'}
    pq.write_table(table.replace_schema_metadata(metadata), tmp_path / "rule.parquet")
    assert "do not say what its own oracles mean ('title')" in peel_problems(tmp_path / "rule.parquet")[0]


# --- what goes wrong -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"name": "Digits", "rule": ""}, "small letters, digits and hyphens"),
        ({"name": "x", "rule": "", "limits": (3, 1)}, "whole numbers that increase"),
        ({"name": "x", "rule": "", "limits": (-1, 1)}, "from at least 0"),
        ({"name": "x", "rule": "", "limits": (0.5, 1)}, "must be whole numbers"),
        ({"name": "x", "rule": "", "limits": (float("nan"),)}, "must be whole numbers"),
        ({"name": "x", "rule": "", "limits": range(101)}, "100 are allowed"),
        ({"name": "x", "rule": "", "parameters": {"a": "1|2"}}, "for the signature"),
    ],
)
def test_a_wrong_declaration(given: dict[str, Any], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        oracle(**given)


def test_an_oracle_that_fails_is_named() -> None:
    oracle("broken", rule="")(lambda view: view.no_such_thing)  # type: ignore[attr-defined]
    with pytest.raises(UsageError, match=r"oracle 'broken' failed .AttributeError: .*no_such_thing"):
        peel_with(b"abc", "broken")


@pytest.mark.parametrize(
    ("limits", "values", "said"),
    [
        ((), [True], r"returned shape \(1,\); \(3,\) is needed"),
        ((), [1, 0, 1], "no limits, so it must return booleans; got int"),
        ((1,), [True] * 3, "must return finite numbers; got bool"),
        ((1,), [0.0, float("nan"), 1.0], "must return finite numbers"),
        ((1,), ["a", "b", "c"], "must return finite numbers"),
    ],
)
def test_a_wrong_answer(limits: tuple[int, ...], values: list[Any], said: str) -> None:
    oracle("wrong", rule="", limits=limits)(lambda view: values)
    with pytest.raises(UsageError, match=said):
        peel_with(b"abc", "wrong")


def test_a_name_is_taken_once_but_may_be_registered_again() -> None:
    def first(view: TextView) -> list[bool]:
        return [True] * len(view)

    def second(view: TextView) -> list[bool]:
        return [False] * len(view)

    oracle("taken", rule="a")(first)
    oracle("taken", rule="b")(first)
    assert find_oracles(["taken"])[0].rule == "b"
    with pytest.raises(UsageError, match="there is an oracle 'taken' already"):
        oracle("taken", rule="c")(second)


def test_names_of_errtax_itself_are_refused() -> None:
    rule = OracleRule("ngram", "mine", "")
    with pytest.raises(UsageError, match="oracle 'ngram' has one of errtax's own names"):
        Settings(custom=[rule])
    oracle("rest", rule="")(lambda view: view.codes == 0)
    with pytest.raises(UsageError, match="oracle 'rest' has one of errtax's own names"):
        choose_layers(["boost"])


def test_there_is_room_for_ten() -> None:
    for k in range(11):
        oracle(f"o{k}", rule="")(lambda view: view.codes == ord("a"))
    peel = peel_with(b"ab", *(f"o{k}" for k in range(10)))
    assert peel.claims.tolist() == [0b1111111111 << 6, 0]
    with pytest.raises(UsageError, match="room for 10 oracles of your own; got 11"):
        peel_with(b"ab", *(f"o{k}" for k in range(11)))


def test_packages_offer_oracles_and_broken_ones_are_left_out(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    points = [EntryPoint("a", "no_such_module_anywhere", custom.ENTRY_POINTS)]
    monkeypatch.setattr(plug_ins, "entry_points", lambda group: points)
    custom._register_packages.cache_clear()
    caplog.set_level("WARNING", "errtax")  # a command with --quiet may have been run in this process
    with pytest.raises(UsageError, match="there is no layer 'digits'; the built-in layers are ngram, memory"):
        choose_layers(["digits"])
    assert "no_such_module_anywhere are left out (ModuleNotFoundError" in caplog.text


# --- the command line ------------------------------------------------------------------------------------------------


@pytest.fixture
def preds(tmp_path: Path) -> Path:
    import pandas as pd

    text = "int foo = 1; int foo2 = foo + 22; return foo;"
    frame = pd.DataFrame({"position": range(len(text)), "symbol": list(text), "logprob": -1.0})
    frame.to_parquet(tmp_path / "preds.parquet")
    return tmp_path / "preds.parquet"


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Any:
    """`errtax ARGS`; returns exit code, stdout, stderr."""

    def run_command(*arguments: object) -> tuple[object, str, str]:
        monkeypatch.setattr(sys, "argv", ["errtax", *map(str, arguments)])
        capsys.readouterr()
        with pytest.raises(SystemExit) as raised:
            main()
        return raised.value.code or 0, *capsys.readouterr()

    return run_command


def test_from_the_command_line(run: Any, preds: Path, examples: Path, tmp_path: Path) -> None:
    out = tmp_path / "x.peel.parquet"
    code, said, _ = run("peel", "--preds", preds, "--oracles", examples, "-o", out, "--json", "--limits", "copied=20")
    document = json.loads(said)
    layers = ["memory", "word", "punctuation", "digits", "copied", "boost"]
    assert code == 0 and [layer["name"] for layer in document["layers"]] == layers
    counts = {layer["name"]: layer["count"] for layer in document["layers"]}
    assert (counts["digits"], counts["copied"]) == (2, 3)  # foo2, 22 (spaces come first); int, foo, foo
    REGISTRY.clear()
    code, said, _ = run("repeel", out, "--layers", "copied,digits", "--limits", "copied=1,100", "--json")
    parts = json.loads(said)["layers"][0]["slices"]
    assert code == 0 and [(part["name"], part["count"]) for part in parts] == [("1 copied", 0), ("100 copied", 3)]
    assert run("validate", out)[0] == 0
    assert "copied identifier: 20" in run("show", out, "--layer", "copied")[1]
    assert run("report", out, "-o", tmp_path / "r.html")[0] == 0
    assert "copied identifier" in (tmp_path / "r.html").read_text("utf-8")


@pytest.mark.parametrize(
    ("arguments", "code", "due"),
    [
        (["--layers", "digits"], 2, "there is no layer 'digits'"),
        (["--oracles", "absent.py"], 3, "absent.py does not exist"),
        (["--oracles", "json"], 3, "json registers no oracle"),
        (["--oracles", "no_such_module"], 3, "cannot be imported (ModuleNotFoundError"),
        (["--limits", "copied=1"], 2, "your oracles that have limits: none"),
    ],
)
def test_careless_arguments(run: Any, preds: Path, tmp_path: Path, arguments: list[str], code: int, due: str) -> None:
    found, _, said = run("peel", "--preds", preds, "-o", tmp_path / "y.parquet", *arguments)
    assert (found, due in said) == (code, True), said
    assert not (tmp_path / "y.parquet").exists()


def test_limits_must_be_numbers(run: Any, preds: Path, examples: Path) -> None:
    code, _, said = run("peel", "--preds", preds, "--oracles", examples, "--limits", "copied=a")
    assert code == 2
    assert "'copied=a' is not NAME=NUMBER" in said


def test_an_oracle_says_how_far_it_looks() -> None:
    oracle("near", rule="…", reach=3)(lambda view: np.zeros(len(view), bool))
    oracle("anywhere", rule="…")(lambda view: np.zeros(len(view), bool))
    assert [rule.reach for rule in find_oracles(["near", "anywhere"])] == [3, None]
    assert replace(find_oracles(["near"])[0], reach=None) == find_oracles(["near"])[0]  # evidence is the same
    for reach in (-1, 2.5, "3"):
        with pytest.raises(UsageError, match="the reach of oracle 'x' is a number of symbols, or None; got"):
            OracleRule("x", "x", "", reach=reach)  # type: ignore[arg-type]
