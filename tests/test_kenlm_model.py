"""KenLM's own module and folders of its models: what they say of our models, and what cannot be opened."""

import json
import math
import os
import random
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from arpa_models import Model, models, score_all, score_lines, write_model
from errtax.lm.errors import BadInput, UsageError
from errtax.lm.files import sha256_of_file
from errtax.lm.ngram.arpa import ArpaModel
from errtax.lm.ngram.index import NgramIndex
from errtax.lm.ngram.kenlm_model import KenlmModel, load_model
from errtax.lm.ngram.kenlm_tools import MANIFEST, build_kenlm, find_tools, kenlm_problems, read_manifest
from errtax.lm.ngram.model import NgramModel
from errtax.lm.text import TEXT_UNITS, Sentences, Text, Unit, text_of_bytes
from golden.make import TEXTS as GOLDENS
from schemas import undescribed

GOLDEN = Path(__file__).parent / "golden"
FILES = sorted(
    path
    for name, golden in GOLDENS.items()
    for order in golden.orders
    for path in GOLDEN.glob(f"{name}.{order}.arpa*")
    if golden.unit == "char" and order > 1  # KenLM's module refuses order 1
)
PROSE = (GOLDEN / "prose.txt").read_bytes()
MEMORY = "64M"


@pytest.fixture(scope="module")
def module() -> Any:
    return pytest.importorskip("kenlm", reason="the kenlm module is not installed: pip install errtax[kenlm]")


@pytest.fixture(scope="module")
def tools() -> Any:
    try:
        return find_tools()
    except UsageError as error:
        pytest.skip(str(error))


def open_kenlm(path: Path, unit: Unit, sentences: Sentences | None = None) -> KenlmModel:
    try:
        return KenlmModel.open(path, unit, sentences)
    except UsageError as error:
        if "compiled for orders up to" in str(error):
            pytest.skip(str(error))
        raise


def scores(model: NgramModel, text: Text, **options: Any) -> np.ndarray:
    return np.concatenate(list(model.score_blocks(model.codes_of(text), **options)))


# --- the module against our reader ------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
@pytest.mark.parametrize("sentences", list(Sentences))
def test_our_reader_scores_as_kenlm_does(module: Any, path: Path, sentences: Sentences) -> None:
    text = text_of_bytes((PROSE.decode()[:300] + "☃☃ab" + PROSE.decode()[:40:-1]).encode(), Unit.CHAR)
    theirs = open_kenlm(path, Unit.CHAR, sentences)
    ours = ArpaModel.open(path, Unit.CHAR, sentences)
    assert theirs.order == ours.order
    found, expected = scores(ours, text), scores(theirs, text, block=97)
    assert found.shape == expected.shape and np.abs(found - expected).max() < 1e-5


def test_the_highest_order_is_what_full_scores_says(module: Any) -> None:
    path = GOLDEN / "prose.3.arpa"
    words = [chr(c) for c in random.Random(1).choices(b"themil.w~", k=400)]
    expected = [score for score, _, _ in module.Model(str(path)).full_scores(" ".join(words), bos=True, eos=False)]
    text = text_of_bytes("".join(words).encode(), Unit.CHAR)
    for model in (open_kenlm(path, Unit.CHAR), ArpaModel.open(path, Unit.CHAR)):
        assert np.abs(scores(model, text)[:, -1] / math.log(10) - expected).max() < 1e-5


words_of_models = st.sampled_from(["a", "bb", "é", "<sp>", "12", "unseen", "<s>", "</s>", "<unk>"])


@given(models(min_order=2), st.lists(st.lists(words_of_models, max_size=6), min_size=1, max_size=4))
def test_any_model_scores_as_kenlm_does(
    module: Any, tmp_path_factory: pytest.TempPathFactory, model: Model, lines: list[list[str]]
) -> None:
    """Without `<unk>` or with n-grams of it, and with suffixes missing."""
    assume(max(map(len, model)) > 1)
    path = write_model(tmp_path_factory.getbasetemp() / "any.arpa", model)
    text = text_of_bytes("\n".join(map(" ".join, lines)).encode(), Unit.WORD)
    assume(len(text) > 0)
    try:
        theirs = KenlmModel.open(path, Unit.WORD)
    except BadInput as error:  # its hash tables have little room for suffixes that are not in the file
        assume("Avoid pruning n-grams" not in str(error))
        raise
    found = scores(ArpaModel.open(path, Unit.WORD), text)
    assert np.allclose(found, scores(theirs, text, block=5), rtol=1e-6, atol=2e-5)
    known = [["<unk>" if word in ("<s>", "</s>") else word for word in line] for line in lines]
    expected = score_lines(model, known, theirs.order, ended=False)
    assert np.allclose(found[:, -1] / math.log(10), expected, rtol=1e-6, atol=2e-5)


def test_a_file_learns_its_words_from_texts(module: Any) -> None:
    model = open_kenlm(GOLDEN / "prose.3.arpa", Unit.WORD)
    first, second = (text_of_bytes(content, Unit.WORD) for content in (b"t h unseen e\n", b"e t\nh other\n"))
    codes = model.codes_of(first)
    assert model.words == ["t", "h", "e"]
    expected = score_all(model, codes)
    model.codes_of(second)
    assert np.array_equal(score_all(model, codes), expected)
    assert (
        np.abs(scores(ArpaModel.open(GOLDEN / "prose.3.arpa", Unit.WORD), second) - scores(model, second)).max() < 1e-5
    )


# --- folders ----------------------------------------------------------------------------------------------------------

TEXTS = {
    Unit.BYTE: PROSE + "é\n\n\tx".encode(),
    Unit.CHAR: PROSE + "é\u00a0\v\x00".encode(),
    Unit.WORD: PROSE + b"\n\nthe end\nthe wheel",
    Unit.TOKEN: b"5 17 5 17 50256\n5 17 3\n\n0 3 5 17 3\n" * 3 + b"17 5",
}
TESTED = {
    Unit.BYTE: PROSE[100:300] + b"\xff\n\n" + PROSE[:50],
    Unit.CHAR: PROSE[100:300] + "☃\n\n\v".encode() + PROSE[:50],
    Unit.WORD: PROSE[100:300] + b"\nsome unseen words\n\n" + PROSE[:50],
    Unit.TOKEN: b"5 17 3\n\n9 17 5 17 0\n3",
}


@pytest.mark.parametrize("sentences", list(Sentences))
@pytest.mark.parametrize("unit", TEXT_UNITS)
def test_a_folder_scores_as_our_index_does(
    module: Any, tools: Any, tmp_path: Path, unit: Unit, sentences: Sentences
) -> None:
    text = text_of_bytes(TEXTS[unit], unit, "folder/train.txt", sentences)
    manifest = build_kenlm(text, 4, tmp_path / "train.kenlm", memory=MEMORY)
    model = KenlmModel.open(tmp_path / "train.kenlm")
    assert (model.unit, model.sentences, model.order, model.text_sha256) == (unit, sentences, 4, text.sha256)
    assert model.description.startswith("kenlm,order=4,sha256=")
    assert manifest == read_manifest(tmp_path / "train.kenlm") and kenlm_problems(tmp_path / "train.kenlm") == []
    index = NgramIndex.build(text, 4)
    tested = text_of_bytes(TESTED[unit], unit, "test.txt", sentences)
    unknown = np.flatnonzero(tested.codes != (tested.end_of_line or -1))[[0, 3, 8]]
    assert np.abs(scores(model, tested, block=7) - scores(index, tested)).max() < 1e-5
    assert np.abs(scores(model, tested, block=7, unknown=unknown) - scores(index, tested, unknown=unknown)).max() < 1e-5


@pytest.mark.parametrize("binary", ["probing", "trie"])
def test_what_a_folder_holds(module: Any, tools: Any, tmp_path: Path, binary: str) -> None:
    text = text_of_bytes(PROSE, Unit.CHAR, "some/train.txt")
    made: list[tuple[int, int]] = []
    build_kenlm(text, 3, tmp_path / "m", binary=binary, memory=MEMORY, on_order=lambda *step: made.append(step))
    assert made == [(1, 3), (2, 3), (3, 3)]
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["1.arpa", "2.bin", "3.bin", "kenlm.json", "m"]
    manifest = json.loads((tmp_path / "m" / MANIFEST).read_text())
    assert undescribed(manifest) == []
    assert manifest["schema"] == "errtax.kenlm/1" and manifest["text"] == "train.txt"
    assert (manifest["unit"], manifest["sentences"], manifest["order"]) == ("char", "stream", 3)
    assert manifest["fallback"] == [0.5, 1, 1.5] and manifest["fallback_orders"] == [1]
    # a file of it alone: the same model, its lower orders with cut contexts
    whole, alone = KenlmModel.open(tmp_path / "m"), KenlmModel.open(tmp_path / "m" / "3.bin", Unit.CHAR)
    found, expected = scores(alone, text), scores(whole, text)
    assert np.array_equal(found[:, 2], expected[:, 2])
    assert np.abs(found[:, 1] - expected[:, 1]).max() > 0.01


def test_a_folder_of_order_1(module: Any, tools: Any, tmp_path: Path) -> None:
    text = text_of_bytes(PROSE, Unit.CHAR)
    build_kenlm(text, 1, tmp_path / "m", memory=MEMORY)
    found = scores(KenlmModel.open(tmp_path / "m"), text, block=50)
    assert np.abs(found - scores(NgramIndex.build(text, 1), text)).max() < 1e-5


def test_force_replaces_a_folder_of_models_only(tools: Any, tmp_path: Path) -> None:
    text, output = text_of_bytes(PROSE, Unit.CHAR), tmp_path / "m.kenlm"
    build_kenlm(text, 3, output, memory=MEMORY)
    with pytest.raises(UsageError, match="exists already; give --force"):
        build_kenlm(text, 2, output, memory=MEMORY)
    build_kenlm(text, 2, output, memory=MEMORY, force=True)
    assert sorted(path.name for path in output.iterdir()) == ["1.arpa", "2.bin", "kenlm.json"]
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "a.jpg").touch()
    with pytest.raises(UsageError, match="exists and is not a folder of KenLM models"):
        build_kenlm(text, 2, tmp_path / "photos", memory=MEMORY, force=True)
    assert (tmp_path / "photos" / "a.jpg").exists()
    (output / "notes.txt").touch()
    with pytest.raises(UsageError, match=r"other files than KenLM models \(notes.txt\)"):
        build_kenlm(text, 2, output, memory=MEMORY, force=True)
    (output / "notes.txt").unlink()
    assert {path.name for path in tmp_path.iterdir()} == {"m.kenlm", "photos"}


def test_what_lmplz_refuses(tools: Any, tmp_path: Path) -> None:
    output = tmp_path / "m.kenlm"
    with pytest.raises(
        BadInput, match=r"lmplz at order 3 failed: Could not calculate Kneser-Ney discounts for .*--discount-fallback 0"
    ):
        build_kenlm(text_of_bytes(b"ababab", Unit.CHAR), 3, output, fallback=None, memory=MEMORY)
    with pytest.raises(BadInput, match="line 2 has the word <s>"):
        build_kenlm(text_of_bytes(b"a b\n<s> c\n", Unit.WORD), 3, output, memory=MEMORY)
    with pytest.raises(UsageError, match=r"lmplz at order 3 failed: Sort block size \d+ is below the minimum"):
        build_kenlm(text_of_bytes(PROSE, Unit.CHAR), 3, output, memory="1K")
    assert list(tmp_path.iterdir()) == []


def test_an_old_folder_survives_a_failure(tools: Any, tmp_path: Path) -> None:
    output = tmp_path / "m.kenlm"
    build_kenlm(text_of_bytes(PROSE, Unit.CHAR), 2, output, memory=MEMORY)
    with pytest.raises(UsageError):
        build_kenlm(text_of_bytes(PROSE, Unit.CHAR), 2, output, memory="1K", force=True)
    assert kenlm_problems(output) == [] and list(tmp_path.iterdir()) == [output]


# --- what cannot be opened --------------------------------------------------------------------------------------------


def test_a_missing_module_is_a_usage_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "kenlm", None)
    with pytest.raises(UsageError, match=r"pip install 'errtax\[kenlm\]'"):
        KenlmModel.open(GOLDEN / "prose.3.arpa", Unit.CHAR)


def test_a_file_needs_a_unit() -> None:
    with pytest.raises(UsageError, match=r"prose\.3\.arpa does not say what its words are; give --unit byte, char,"):
        KenlmModel.open(GOLDEN / "prose.3.arpa")


def test_orders_above_the_modules(module: Any, tmp_path: Path) -> None:
    path = tmp_path / "m.arpa"
    path.write_text("\\data\\\n" + "".join(f"ngram {n}=1\n" for n in range(1, 61)) + "\n")
    with pytest.raises(
        UsageError, match=r"has order 60, the kenlm module was compiled for .* \d+; .* MAX_ORDER=60 pip"
    ):
        load_model(path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("hello\n", 'm.arpa: first non-empty line was "hello" not'),
        ("\\data\\\nngram 1=1\n\n", "m.arpa: This ngram implementation assumes at least a bigram model"),
    ],
)
def test_what_the_module_refuses(module: Any, tmp_path: Path, content: str, message: str) -> None:
    (tmp_path / "m.arpa").write_text(content)
    with pytest.raises(BadInput, match=f"^KenLM cannot read .*{message}"):
        load_model(tmp_path / "m.arpa")


def folder_of(path: Path, **changes: Any) -> Path:
    """A folder as `build_kenlm` makes it of order 1, without KenLM."""
    path.mkdir()
    arpa = write_model(path / "1.arpa", {("<s>",): (-1.0, 0.0), ("</s>",): (-1.0, 0.0), ("a",): (-0.5, 0.0)})
    entry = {"bytes": arpa.stat().st_size, "sha256": sha256_of_file(arpa)}
    manifest = {"schema": "errtax.kenlm/1", "unit": "char", "sentences": "stream", "order": 1, "text_sha256": "ab"}
    (path / MANIFEST).write_text(json.dumps({**manifest, "files": {"1.arpa": entry}, **changes}))
    return path


def test_a_folder_of_order_1_needs_no_module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "kenlm", None)
    model = KenlmModel.open(folder_of(tmp_path / "m"), Unit.CHAR, Sentences.STREAM)
    assert scores(model, text_of_bytes(b"aab", Unit.CHAR))[:, 0] / math.log(10) == pytest.approx([-0.5, -0.5, -100])


DAMAGES: list[tuple[Callable[[Path], Any], str]] = [
    (lambda path: (path / MANIFEST).unlink(), "kenlm.json does not exist"),
    (lambda path: (path / MANIFEST).write_text("{"), "kenlm.json is not what errtax wrote"),
    (lambda path: (path / MANIFEST).write_text("[]"), "kenlm.json is not what errtax wrote"),
    (lambda path: (path / MANIFEST).write_text('{"schema": "errtax.kenlm/1"}'), "kenlm.json is not what errtax wrote"),
    (lambda path: (path / MANIFEST).write_text('{"schema": "errtax.kenlm/9"}'), r"of this version \(errtax.kenlm/9\)"),
    (lambda path: (path / "1.arpa").unlink(), "1.arpa does not exist"),
    (lambda path: os.truncate(path / "1.arpa", 10), "1.arpa has 10 bytes where .* are expected"),
]


@pytest.mark.parametrize(("damage", "message"), DAMAGES)
def test_damaged_folders(tmp_path: Path, damage: Callable[[Path], Any], message: str) -> None:
    path = folder_of(tmp_path / "m")
    damage(path)
    with pytest.raises(BadInput, match=message):
        KenlmModel.open(path)


def test_a_changed_file_has_another_checksum(tmp_path: Path) -> None:
    path = folder_of(tmp_path / "m")
    content = (path / "1.arpa").read_bytes()
    (path / "1.arpa").write_bytes(content.replace(b"-0.5", b"-0.6"))
    assert kenlm_problems(path) == ["1.arpa: its checksum is wrong"]


def test_a_folder_says_its_unit(tmp_path: Path) -> None:
    path = folder_of(tmp_path / "m")
    with pytest.raises(UsageError, match="has models of units of char and stream; word was asked for"):
        KenlmModel.open(path, Unit.WORD)
    with pytest.raises(UsageError, match="lines was asked for"):
        KenlmModel.open(path, None, Sentences.LINES)
    with pytest.raises(BadInput, match="t is in units of byte"):
        KenlmModel.open(path).codes_of(text_of_bytes(b"a", Unit.BYTE, "t"))


def test_what_a_model_knows(module: Any) -> None:
    text = text_of_bytes("the Zebra\n☃".encode(), Unit.CHAR)
    path = GOLDEN / "prose.3.arpa"
    found = [model.knows(text.codes).tolist() for model in (open_kenlm(path, Unit.CHAR), ArpaModel.open(path))]
    index = NgramIndex.build(text_of_bytes(PROSE, Unit.CHAR), 3)
    assert found[0] == found[1] == index.knows(text.codes).tolist()
    assert not found[0][-1] and found[0][0]
