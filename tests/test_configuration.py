"""Configuration files: every value is checked against its option, and what would run code needs the user's word."""

from pathlib import Path

import pytest

from commands import Errtax, refused

ORACLE = """
from pathlib import Path
from errtax.oracle.custom import oracle
Path("ran").touch()
@oracle("digits-of-config", rule="the correct symbol is a digit")
def digits_of_config(view):
    return [character.isdigit() for character in view.string]
"""
PEEL = ("peel", "--preds", "preds.parquet", "--force")


@pytest.fixture(autouse=True)
def no_oracles_yet(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("errtax.oracle.custom.REGISTRY", {})


@pytest.mark.parametrize("named", ['["own.py"]', '"own.py"', '["own_module"]', '["/dev/null", "own.py"]'])
@pytest.mark.parametrize(
    ("file", "head"), [("errtax.toml", ""), ("errtax.toml", "[peel]\n"), ("pyproject.toml", "[tool.errtax.peel]\n")]
)
def test_a_file_does_not_run_code(errtax: Errtax, file: str, head: str, named: str) -> None:
    Path("own.py").write_text(ORACLE)
    Path("own_module.py").write_text(ORACLE)
    Path(file).write_text(f"{head}oracles = {named}\n")
    refused(errtax(*PEEL), 2, "--allow-config-code", "ERRTAX_ALLOW_CONFIG_CODE=1", "oracles")
    assert not Path("ran").exists()


def test_a_file_cannot_give_the_users_word(errtax: Errtax) -> None:
    Path("own.py").write_text(ORACLE)
    for key in ("allow-config-code", "allow_config_code"):
        Path("errtax.toml").write_text(f"oracles = ['own.py']\n{key} = true\n")
        refused(errtax(*PEEL), 2, "unknown key", key)
    assert not Path("ran").exists()


def test_with_the_users_word_it_runs(errtax: Errtax, monkeypatch: pytest.MonkeyPatch) -> None:
    Path("own.py").write_text(ORACLE)
    Path("errtax.toml").write_text("oracles = ['own.py']\n")
    assert "digits of config" in errtax(*PEEL, "--allow-config-code").out
    assert Path("ran").exists()
    monkeypatch.setenv("ERRTAX_ALLOW_CONFIG_CODE", "0")
    refused(errtax(*PEEL), 2, "--allow-config-code")
    monkeypatch.setenv("ERRTAX_ALLOW_CONFIG_CODE", "1")
    assert errtax(*PEEL).code == 0


def test_what_the_user_names_runs(errtax: Errtax, monkeypatch: pytest.MonkeyPatch) -> None:
    Path("own.py").write_text(ORACLE)
    assert errtax(*PEEL, "--oracles", "own.py").code == 0
    monkeypatch.setenv("ERRTAX_ORACLES", "own.py")
    Path("errtax.toml").write_text("oracles = ['other.py']\n")
    assert errtax(*PEEL).code == 0  # the environment is before the file, and is the user's own


TABLES = {
    "errtax.toml": ["[peel.engine]\nx = 1", "[peel]\nfigure = {}", "peel = 1", "[pele]\nx = 1", "ngram = [[]]"],
    "pyproject.toml": [
        "tool = 1",
        "tool = []",
        "[tool]\nerrtax = 1",
        "[[tool.errtax]]\nngram = 'x'",
        "[tool.errtax]\npeel = 2",
    ],
}


@pytest.mark.parametrize(("file", "content"), [(file, content) for file in TABLES for content in TABLES[file]])
def test_tables_where_none_belong_and_none_where_one_belongs(errtax: Errtax, file: str, content: str) -> None:
    Path(file).write_text(content + "\n")
    done = errtax(*PEEL)
    refused(done, 2, f"errtax: {file}: ")
    assert len(done.err.splitlines()) == 1


NO_TOML = ["tool = ", "x = " + "[" * 5000, "x = " + "9" * 5000, "[stats]\nseed = " + "9" * 5000]


@pytest.mark.parametrize("content", ["[tool]\n", "[tool.other]\nngram = 1\n", *NO_TOML])
def test_a_file_of_somebody_else_is_none_of_our_business(errtax: Errtax, content: str) -> None:
    Path("pyproject.toml").write_text(content)
    assert errtax(*PEEL).code == 0


@pytest.mark.parametrize("content", NO_TOML)
def test_what_is_no_toml_is_refused(errtax: Errtax, content: str) -> None:
    Path("errtax.toml").write_text(content)
    done = errtax(*PEEL)
    refused(done, 3, "errtax.toml is not valid TOML")
    assert len(done.err.splitlines()) == 1


def test_no_more_replicates_than_fit(errtax: Errtax) -> None:
    assert errtax(*PEEL).code == 0
    Path("errtax.toml").write_text("[stats]\nreplicates = 999999999\n")
    refused(errtax("stats", "preds.peel.parquet"), 2, "errtax.toml: replicates = 999999999", "100<=x<=1000000")


WRONG = ["1", "1.5", "nan", "inf", "-inf", "true", "''", "'x'", '"\\u0000"', "1979-05-27", "07:32:00"]
WRONG += [
    "[]",
    "[1]",
    "['x']",
    "[nan]",
    "[true]",
    "[[1]]",
    "[{a = 1}]",
    "{a = 1}",
    "99999999999999999999",
    "'1-999999999999'",
]
KINDS = {
    ("peel", "ngram-max"): {"1"},
    ("peel", "engine"): set(),
    ("peel", "train-text"): {"''", "'x'", "'1-999999999999'"},
    ("peel", "boosts"): {"1", "1.5", "[1]"},
    ("peel", "memory-windows"): {"1", "[1]"},
    ("peel", "layers"): {"'x'", "['x']", "'1-999999999999'"},
    ("peel", "limits"): {"''", "'x'", "[]", "['x']", "'1-999999999999'"},
    ("peel", "force"): {"true"},
    ("score", "orders"): {"1", "[]", "[1]"},
    ("build-ngram", "memory"): {"1"},
    ("build-ngram", "kenlm-compat"): {"true"},
    ("gates", "left"): {"1", "1.5"},
    ("cells", "cell"): {"[]"},
    ("distance", "pair"): {"''", "'x'", "[]", "['x']", "'1-999999999999'"},
}
"""Per option, of which values it is at least not said that they are of the wrong kind."""


@pytest.mark.parametrize(("command", "key"), KINDS)
@pytest.mark.parametrize("value", WRONG)
def test_values_of_the_wrong_kind_are_refused_with_their_key(
    errtax: Errtax, command: str, key: str, value: str
) -> None:
    Path("errtax.toml").write_text(f'[{command}]\n"{key}" = {value}\n')
    done = errtax(command, "no-such-argument", "--no-such-option")
    assert done.code == 2
    if value not in KINDS[command, key] | {"99999999999999999999"}:
        refused(done, 2, f"errtax.toml: {key} = ")
        assert len(done.err.splitlines()) == 1
