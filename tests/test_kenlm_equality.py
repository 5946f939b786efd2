"""Scores, distributions and ARPA files against models that KenLM itself made (golden/README.md)."""

import gzip
import math
import re
import subprocess
from pathlib import Path

import numpy as np
import pytest

from arpa import Entry, read_arpa, score
from errtax.lm.errors import UsageError
from errtax.lm.ngram.arpa_writer import write_arpa
from errtax.lm.ngram.index import NgramIndex
from errtax.lm.ngram.kenlm_tools import find_tools
from errtax.lm.text import TEXT_UNITS, Sentences, Text, Unit, text_of_bytes
from golden.make import NAMES, TEXTS, Golden, lmplz_input

FOLDER = Path(__file__).parent / "golden"
MODELS = [(name, order) for name, golden in TEXTS.items() for order in golden.orders]


def model_path(name: str, order: int) -> Path:
    path = FOLDER / f"{name}.{order}.arpa"
    return path if path.exists() else path.with_suffix(".arpa.gz")


def read_golden(name: str) -> tuple[bytes, Golden, Text]:
    data, golden = (FOLDER / f"{name}.txt").read_bytes(), TEXTS[name]
    return data, golden, text_of_bytes(data, Unit(golden.unit), sentences=Sentences(golden.sentences))


def held_out(data: bytes, golden: Golden) -> bytes:
    """Known stretches, unknown order, unseen symbols, and in lines blank ones and a last one without end."""
    if golden.unit in ("word", "token"):
        unseen = b"unseen" if golden.unit == "word" else b"123456789"
        lines = data.split(b"\n")
        turned = [b" ".join(line.split()[::-1]) for line in lines[:30]]
        mixed = [b" ".join([*line.split()[:3], unseen, *line.split()[2:]]) for line in lines[:30]]
        return b"\n".join([*lines[:30], *turned, b"", b"  ", *mixed, lines[0]])
    if golden.unit == "byte":
        return data[:40] + b"\xfe" + data[::-1][:300] + b"\xfe\xfe" + data[50:350] + data[::3] + data[-60:]
    text = data.decode()
    return (text[:40] + "☃" + text[::-1][:300] + "☃☃" + text[50:350] + text[::3] + text[-60:]).encode()


def golden_scores(name: str, order: int, data: bytes) -> list[float]:
    """What KenLM's rule makes of the golden model: log10 p of each symbol, and of `</s>` where a line ends."""
    golden, model = TEXTS[name], read_arpa(model_path(name, order))
    tokens = lmplz_input(data, golden).decode("latin-1" if golden.unit == "byte" else "utf-8")
    if golden.sentences == "stream":
        return score(model, re.split("[\0\t\n\r ]+", tokens.strip(" \n")), order)
    scores: list[float] = []
    lines = tokens.split("\n")
    for k, line in enumerate(lines):
        words = [word for word in re.split("[\0\t\r ]+", line) if word]
        ended = score(model, [*words, "</s>"], order)
        scores += ended if k + 1 < len(lines) else ended[:-1]
    return scores


def largest_difference(name: str, order: int, kenlm_compat: bool) -> float:
    data, golden, text = read_golden(name)
    index = NgramIndex.build(text, order, kenlm_compat=kenlm_compat)
    other = held_out(data, golden)
    codes = index.codes_of(text_of_bytes(other, text.unit, sentences=text.sentences))
    found = index.score(codes)[:, order - 1] / math.log(10)
    return float(np.abs(found - np.array(golden_scores(name, order, other))).max())


def test_the_models_are_there() -> None:
    assert len(TEXTS) >= 8
    assert {golden.unit for golden in TEXTS.values()} == set(TEXT_UNITS)
    assert {order for _, order in MODELS} >= set(range(1, 21))
    assert sum(path.stat().st_size for path in FOLDER.glob("*.arpa*")) < 1_500_000


@pytest.mark.parametrize(("name", "order"), MODELS)
def test_scores_are_kenlms(name: str, order: int) -> None:
    assert largest_difference(name, order, kenlm_compat=True) <= 1e-5


def test_without_compatibility_the_scores_differ() -> None:
    """So that the test above can fail: the final flush is what the corrected statistic leaves out."""
    assert max(largest_difference("code", order, kenlm_compat=False) for order in TEXTS["code"].orders) > 1e-2


@pytest.mark.parametrize("order", [2, 5])
def test_the_distribution_is_kenlms(order: int) -> None:
    model = read_arpa(model_path("prose", order))
    index = NgramIndex.build(read_golden("prose")[2], order)
    for context in ("", "the mill", "wheel☃", "☃", "qq"):
        p = index.distribution([ord(c) for c in context])[order - 1]
        tokens = [NAMES.get(c, c) for c in context]
        for code, probability in zip(index.alphabet.codes, p[3:], strict=True):
            word = NAMES.get(chr(code), chr(code))
            golden = score(model, [*tokens, word], order)[-1]
            assert math.log10(probability) == pytest.approx(golden, abs=1e-5)
        assert math.log10(p[2]) == pytest.approx(score(model, [*tokens, "</s>"], order)[-1], abs=1e-5)


# --- ARPA files ------------------------------------------------------------------------------------------------------


def content_of(path: Path) -> bytes:
    return gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()


def headings(arpa: bytes) -> list[bytes]:
    """All lines that are not n-grams, in their order."""
    return [line for line in arpa.split(b"\n") if b"\t" not in line]


@pytest.mark.parametrize(("name", "order"), MODELS)
def test_arpa_files_are_lmplzs(name: str, order: int, tmp_path: Path) -> None:
    index = NgramIndex.build(read_golden(name)[2], max(order, 3))
    counts = write_arpa(index, tmp_path / "x.arpa", order)
    golden = model_path(name, order)
    assert headings((tmp_path / "x.arpa").read_bytes()) == headings(content_of(golden))
    found, expected = read_arpa(tmp_path / "x.arpa"), read_arpa(golden)
    assert found.keys() == expected.keys()
    assert sum(counts) == len(found)
    for gram, entry in expected.items():
        assert found[gram] == pytest.approx(entry, abs=2e-6), gram


def laid_out_as_by_lmplz(model: dict[tuple[str, ...], Entry], order: int) -> dict[tuple[str, ...], Entry]:
    """The model with the back-off weights where lmplz puts them.

    lm/builder/interpolate.cc, `Enter`: every n-gram that does not end in `</s>` or `<unk>`, in suffix order, takes the
    next of the contexts' weights.  The last n-gram of a text whose last line has no end may be no context; it takes
    the weight of the one after it, and so on.
    """
    ids = {gram[0]: k for k, gram in enumerate(gram for gram in model if len(gram) == 1)}
    contexts = {gram[:-1] for gram in model}
    moved = dict(model)
    for k in range(1, order):
        grams = [gram for gram in model if len(gram) == k and gram[-1] not in ("</s>", "<unk>")]
        grams.sort(key=lambda gram: [ids[word] for word in reversed(gram)])
        weights = [model[gram][1] for gram in grams if gram in contexts]
        for j, gram in enumerate(grams):
            moved[gram] = model[gram][0], weights[j] if j < len(weights) else 0.0
    return moved


@pytest.mark.parametrize("name", TEXTS)
def test_arpa_files_of_every_order_are_lmplzs(name: str, tmp_path: Path) -> None:
    """Orders 1 to 20 of every text, made by lmplz now: the golden files have some orders of each."""
    try:
        lmplz = find_tools().lmplz
    except UsageError as error:
        pytest.skip(str(error))
    data, golden, text = read_golden(name)
    index = NgramIndex.build(text, 20)
    for order in range(1, 21):
        command = [str(lmplz), "-o", str(order), "--discount_fallback", "-S", "64M"]
        made = subprocess.run(command, input=lmplz_input(data, golden), capture_output=True, check=True).stdout
        (tmp_path / "golden.arpa").write_bytes(made)
        write_arpa(index, tmp_path / "x.arpa", order, force=True)
        assert headings((tmp_path / "x.arpa").read_bytes()) == headings(made)
        found, expected = read_arpa(tmp_path / "x.arpa"), read_arpa(tmp_path / "golden.arpa")
        assert found.keys() == expected.keys()
        laid_out = laid_out_as_by_lmplz(found, order)
        moved = sum(laid_out[gram] != found[gram] for gram in found)
        assert moved == 0 or (name == "words" and order > 5)
        numbers, due = (np.array([model[gram] for gram in expected]) for model in (laid_out, expected))
        assert np.abs(numbers - due).max() <= 2e-6


def test_arpa_numbers_are_the_shortest_that_read_back(tmp_path: Path) -> None:
    write_arpa(NgramIndex.build(read_golden("words")[2], 3), tmp_path / "x.arpa")
    written = (tmp_path / "x.arpa").read_text("utf-8").split("\n")
    numbers = [field for line in written if "\t" in line for field in line.split("\t")[::2]]
    assert len(numbers) > 500
    for number in numbers:
        assert len(number) <= len(str(np.float32(number))), number


def test_an_order_that_is_not_there_is_refused(tmp_path: Path) -> None:
    index = NgramIndex.build(read_golden("words")[2], 3)
    with pytest.raises(UsageError, match=r"1\.\.3, the orders of the index; got 4"):
        write_arpa(index, tmp_path / "x.arpa", 4)
    assert not list(tmp_path.iterdir())
