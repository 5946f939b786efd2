"""KenLM's tools, played by scripts: what is asked of them, and what is said when they fail."""

from pathlib import Path
from typing import Any

import pytest

from errtax.lm.errors import ErrtaxError, UsageError
from errtax.lm.ngram import kenlm_tools
from errtax.lm.ngram.kenlm_tools import build_kenlm, find_tools, write_tokens
from errtax.lm.text import Sentences, Unit, text_of_bytes
from test_kenlm_model import PROSE


def play(folder: Path, monkeypatch: pytest.MonkeyPatch, **scripts: str) -> None:
    for name in ("lmplz", "build_binary"):
        path = folder / name
        path.write_text("#!/bin/sh\n" + scripts.get(name, "exit 0") + "\n")
        path.chmod(0o755)
    monkeypatch.setenv("ERRTAX_KENLM_BIN", str(folder))


NOTES = """=== 1/5 Counting ===
/x/lm/model.cc:49 in void lm::CheckCounts(const std::vector<long unsigned int>&) threw FormatLoadException because `c'.
This model has order 9 but KenLM was compiled to support up to 6.  If your build system...
"""
PLAYED: list[tuple[dict[str, str], type[ErrtaxError], str]] = [
    (
        {"build_binary": f"cat >&2 <<'E'\n{NOTES}E\nexit 1"},
        UsageError,
        "at order 4: it was compiled for orders up to 6",
    ),
    ({"lmplz": "kill -9 $$"}, UsageError, "lmplz at order 4 was killed by signal 9; if memory ran out"),
    ({"lmplz": "echo first >&2; echo 'disk full' >&2; exit 1"}, UsageError, "lmplz at order 4 failed: disk full"),
    ({"lmplz": "exit 3"}, UsageError, "lmplz at order 4 failed: it does not say why"),
]


@pytest.mark.parametrize(("scripts", "kind", "message"), PLAYED)
def test_failures_of_the_tools(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    scripts: dict[str, str],
    kind: type[ErrtaxError],
    message: str,
) -> None:
    (tmp_path / "bin").mkdir()
    (tmp_path / "out").mkdir()
    probe = "touch $3" if "build_binary" not in scripts else ""
    play(tmp_path / "bin", monkeypatch, **{"build_binary": probe, **scripts})
    with pytest.raises(kind, match=message):
        build_kenlm(text_of_bytes(PROSE, Unit.CHAR), 4, tmp_path / "out" / "m.kenlm")
    assert list((tmp_path / "out").iterdir()) == []


def test_missing_tools_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    play(tmp_path, monkeypatch)
    assert find_tools() == (tmp_path / "lmplz", tmp_path / "build_binary")
    (tmp_path / "lmplz").unlink()
    with pytest.raises(UsageError, match=r"^lmplz not found in .*cmake -DKENLM_MAX_ORDER=21"):
        find_tools()
    monkeypatch.delenv("ERRTAX_KENLM_BIN")
    monkeypatch.setenv("PATH", str(tmp_path / "nothing"))
    with pytest.raises(UsageError, match=r"^lmplz and build_binary not found in the PATH"):
        find_tools()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"order": 0}, "order must be at least 1, got 0"),
        ({"binary": "rest"}, "one of probing, trie, got 'rest'"),
        ({"output": Path("/nowhere/m.kenlm")}, "folder /nowhere does not exist"),
    ],
)
def test_arguments_that_do_not_fit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: dict[str, Any], message: str
) -> None:
    play(tmp_path, monkeypatch)
    with pytest.raises(UsageError, match=message):
        build_kenlm(**{"text": text_of_bytes(b"a", Unit.CHAR), "order": 2, "output": tmp_path / "m", **options})


@pytest.mark.parametrize(
    ("unit", "sentences", "content", "expected"),
    [
        (Unit.CHAR, Sentences.STREAM, "a b\nc", "a <sp> b <nl> c\n"),
        (Unit.CHAR, Sentences.LINES, "a b\n\nc\n", "a <sp> b\n\nc\n"),
        (Unit.CHAR, Sentences.LINES, "a\nc", "a\nc"),
        (Unit.BYTE, Sentences.STREAM, "é\t", "<c3> <a9> <tab>\n"),
        (Unit.WORD, Sentences.LINES, "to be\nor  to", "to be\nor to"),
        (Unit.WORD, Sentences.STREAM, "to be\nor  to", "to be or to\n"),
        (Unit.TOKEN, Sentences.LINES, "5 17\n5\n", "5 17\n5\n"),
    ],
)
@pytest.mark.parametrize("block", [1, 2, 1000])
def test_the_text_that_lmplz_reads(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    unit: Unit,
    sentences: Sentences,
    content: str,
    expected: str,
    block: int,
) -> None:
    monkeypatch.setattr(kenlm_tools, "_BLOCK", block)
    write_tokens(text_of_bytes(content.encode(), unit, "t", sentences), tmp_path / "tokens")
    lines = [" ".join(line.split()) for line in (tmp_path / "tokens").read_text().split("\n")]
    assert "\n".join(lines) == expected
