"""Which model a path names, and what is said of paths that name none."""

import gzip
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from arpa_models import score_all
from errtax.lm.errors import BadInput, UsageError
from errtax.lm.ngram.arpa import ArpaModel
from errtax.lm.ngram.index import NgramIndex
from errtax.lm.ngram.kenlm_model import KenlmModel
from errtax.lm.ngram.kenlm_tools import build_kenlm, find_tools
from errtax.lm.ngram.open_model import ModelKind, kind_of, open_model
from errtax.lm.text import Sentences, Unit, text_of_bytes

GOLDEN = Path(__file__).parent / "golden"
TEXT = text_of_bytes((GOLDEN / "prose.txt").read_bytes(), Unit.CHAR)


@pytest.fixture
def index(tmp_path: Path) -> Path:
    NgramIndex.build(TEXT, 3).save(tmp_path / "prose.ngram")
    return tmp_path / "prose.ngram"


def test_an_index(index: Path) -> None:
    assert kind_of(index) is ModelKind.INDEX
    for engine in (None, "native"):
        model = open_model(index, engine=engine)
        assert isinstance(model, NgramIndex) and model.order == 3
    assert open_model(index, Unit.CHAR, Sentences.STREAM).unit is Unit.CHAR
    with pytest.raises(UsageError, match="units of char and stream; byte was asked for"):
        open_model(index, Unit.BYTE)
    with pytest.raises(UsageError, match="lines was asked for"):
        open_model(index, None, Sentences.LINES)
    with pytest.raises(UsageError, match=r"prose\.ngram is an index of errtax build-ngram, which only --engine native"):
        open_model(index, engine="kenlm")


@pytest.mark.parametrize("name", ["prose.3.arpa", "prose.5.arpa.gz"])
def test_an_arpa_file(name: str) -> None:
    assert kind_of(GOLDEN / name) is ModelKind.ARPA
    for engine in (None, "native"):
        assert isinstance(open_model(GOLDEN / name, engine=engine), ArpaModel)
    model = open_model(GOLDEN / name, Unit.WORD, Sentences.STREAM)
    assert (model.unit, model.sentences) == (Unit.WORD, Sentences.STREAM)


def test_an_arpa_file_through_the_module() -> None:
    pytest.importorskip("kenlm")
    model = open_model(GOLDEN / "prose.3.arpa", Unit.CHAR, engine="kenlm")
    assert isinstance(model, KenlmModel)
    ours = open_model(GOLDEN / "prose.3.arpa", Unit.CHAR)
    assert np.abs(score_all(ours, TEXT.codes) - score_all(model, TEXT.codes)).max() < 1e-5


def test_kenlms_own_formats(tmp_path: Path) -> None:
    pytest.importorskip("kenlm")
    try:
        find_tools()
    except UsageError as error:
        pytest.skip(str(error))
    build_kenlm(TEXT, 2, tmp_path / "m", memory="64M")
    assert kind_of(tmp_path / "m") is ModelKind.FOLDER and kind_of(tmp_path / "m" / "2.bin") is ModelKind.BINARY
    for engine in (None, "kenlm"):
        assert isinstance(open_model(tmp_path / "m", engine=engine), KenlmModel)
        assert isinstance(open_model(tmp_path / "m" / "2.bin", Unit.CHAR, engine=engine), KenlmModel)
    for path in (tmp_path / "m", tmp_path / "m" / "2.bin"):
        with pytest.raises(UsageError, match="which only --engine kenlm can read"):
            open_model(path, Unit.CHAR, engine="native")


CONTENTS: list[tuple[str, Any]] = [
    ("empty", b""),
    ("text", b"Well, then"),
    ("gzip", gzip.compress(b"Well, then")),
    ("broken gzip", b"\x1f\x8bxyz"),
    ("folder", None),
]


@pytest.mark.parametrize(("name", "content"), CONTENTS, ids=[row[0] for row in CONTENTS])
def test_what_is_no_model(tmp_path: Path, name: str, content: bytes | None) -> None:
    path = tmp_path / "x"
    path.mkdir() if content is None else path.write_bytes(content)
    with pytest.raises(
        BadInput, match=r"x is not a model; an index of .*, a folder .*, a binary file .*, an ARPA file"
    ):
        open_model(path)


def test_a_missing_path(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="does not exist"):
        open_model(tmp_path / "x")


def test_an_unknown_engine() -> None:
    with pytest.raises(UsageError, match="one of native, kenlm, got 'srilm'"):
        open_model(GOLDEN / "prose.3.arpa", engine="srilm")
