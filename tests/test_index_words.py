"""An index carries the word counts of its text, so that an index alone is enough for a whole peel."""

from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import errtax as library
from commands import TEXT, Errtax, refused
from crafted_index import write_container
from errtax.lm.errors import BadInput
from errtax.lm.ngram import build as index_build
from errtax.lm.ngram.container import read_container
from errtax.lm.ngram.index import NgramIndex, require_tokenizer
from errtax.lm.text import Unit, text_of_bytes
from errtax.lm.word_counting import count_words
from errtax.oracle.rare import training_words, word_rule_of
from errtax.taxonomy.peel_file import read_peel
from test_ngram_index import zipf

CONTENT = "The naïve cat – the cat's 猫 – sat_1 on the mat.\n".encode() * 20
PEEL = ("peel", "preds.parquet", "--json", "--force")


def without_words(path: Path, new: Path) -> None:
    """The index as it was written before there were words in it."""
    header, arrays = read_container(path, "an index")
    del header["info"]["surface_words"], header["info"]["tokenizer_sha256"]
    kept = {name: array for name, array in arrays.items() if not name.startswith("surface")}
    write_container(new, header, kept)


# --- the index -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("unit", [Unit.BYTE, Unit.CHAR])
@pytest.mark.parametrize("rule", [r"\w+", r"[\w']+"])
def test_an_index_has_the_counts_of_its_text(tmp_path: Path, unit: Unit, rule: str) -> None:
    text = text_of_bytes(CONTENT, unit)
    due = count_words(text, word_rule_of(rule))
    made = NgramIndex.build(text, 3, words=word_rule_of(rule))
    made.save(tmp_path / "x.ngram")
    streamed = NgramIndex.build_file(text, tmp_path / "y.ngram", 3, words=word_rule_of(rule))
    for index in (made, NgramIndex.open(tmp_path / "x.ngram"), streamed):
        assert index.word_counts == due
        assert index.word_counts.rule == rule
    assert (tmp_path / "x.ngram").read_bytes() == (tmp_path / "y.ngram").read_bytes()
    assert due["the"] == 40
    assert due["cat's"] == (0 if rule == r"\w+" else 20)


@pytest.mark.parametrize("unit", [Unit.WORD, Unit.TOKEN])
def test_words_and_tokens_have_no_counts(unit: Unit) -> None:
    assert NgramIndex.build(text_of_bytes(b"1 2 3\n" * 9, unit), 2).word_counts is None


def test_little_memory_gives_the_same_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    numbers = np.random.default_rng(1).permutation(90_000)[:60_000].tolist()
    text = text_of_bytes(" ".join(map(str, numbers)).encode(), Unit.BYTE)
    NgramIndex.build(text, 2).save(tmp_path / "x.ngram")
    monkeypatch.setattr(index_build, "MEMORY", 100_000)
    NgramIndex.build_file(text, tmp_path / "y.ngram", 2)
    assert (tmp_path / "x.ngram").read_bytes() == (tmp_path / "y.ngram").read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["x.ngram", "y.ngram"]


def test_a_build_by_another_rule_is_not_resumed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Stopped(Exception):
        pass

    text = zipf(60_000)
    with monkeypatch.context() as patched:
        patched.setattr(index_build, "memory_in_use", lambda: -index_build.RESERVE)
        patched.setattr(index_build, "estimate_discounts", lambda *args: (_ for _ in ()).throw(Stopped))
        with pytest.raises(Stopped):
            NgramIndex.build_file(text, tmp_path / "x.ngram", 8, memory=2_000_000)
    assert (tmp_path / "x.ngram.partial.state").exists()
    index = NgramIndex.build_file(text, tmp_path / "x.ngram", 8, words=word_rule_of("[a-z]+"))
    assert index.word_counts is not None
    assert index.word_counts.rule == "[a-z]+"
    assert index.word_counts["w"] > 1000


def test_an_older_index_opens_without_counts(tmp_path: Path) -> None:
    NgramIndex.build(text_of_bytes(CONTENT, Unit.BYTE), 3).save(tmp_path / "x.ngram")
    without_words(tmp_path / "x.ngram", tmp_path / "y.ngram")
    index = NgramIndex.open(tmp_path / "y.ngram")
    assert index.word_counts is None
    assert NgramIndex.problems(tmp_path / "y.ngram") == []
    assert training_words(None, index) is None


def unsorted(header: Any, arrays: Any) -> None:
    arrays["surface_bytes"] = arrays["surface_bytes"][::-1].copy()


def end_outside(header: Any, arrays: Any) -> None:
    arrays["surface_ends"][-1] += 1


def end_far_outside(header: Any, arrays: Any) -> None:
    arrays["surface_ends"][3] = 1 << 60


def no_count(header: Any, arrays: Any) -> None:
    arrays["surface_counts"][2] = 0


def one_missing(header: Any, arrays: Any) -> None:
    del arrays["surface_counts"]


def other_type(header: Any, arrays: Any) -> None:
    arrays["surface_ends"] = arrays["surface_ends"].astype(np.int32)


def no_rule(header: Any, arrays: Any) -> None:
    header["info"]["surface_words"] = ""


def no_string(header: Any, arrays: Any) -> None:
    header["info"]["tokenizer_sha256"] = 7


@pytest.mark.parametrize(
    "change", [unsorted, end_outside, end_far_outside, no_count, one_missing, other_type, no_rule, no_string]
)
def test_crafted_counts_are_refused(tmp_path: Path, change: Any) -> None:
    path = tmp_path / "x.ngram"
    NgramIndex.build(text_of_bytes(CONTENT, Unit.BYTE), 3).save(path)
    header, found = read_container(path, "an index")
    arrays = {name: array.copy() for name, array in found.items()}
    change(header, arrays)
    write_container(path, header, arrays)
    with pytest.raises(BadInput, match=r"x\.ngram is damaged .*; build it again"):
        NgramIndex.open(path)


def test_a_log_of_another_tokenizer_is_refused(tmp_path: Path) -> None:
    index = NgramIndex.build(text_of_bytes(b"1 2 3\n" * 9, Unit.TOKEN), 2)
    require_tokenizer(index, "b" * 64, "a.parquet")
    named = NgramIndex(replace(index.info, tokenizer_sha256="a" * 64), index.arrays)
    named.save(tmp_path / "x.ngram")
    opened = NgramIndex.open(tmp_path / "x.ngram")
    assert asdict(opened.info)["tokenizer_sha256"] == "a" * 64
    require_tokenizer(opened, "a" * 64, "a.parquet")
    require_tokenizer(opened, "", "a.parquet")
    with pytest.raises(BadInput, match=r"another tokenizer \(bbbbbbbb\) than the model \(aaaaaaaa\)"):
        require_tokenizer(opened, "b" * 64, "a.parquet")


# --- the peel --------------------------------------------------------------------------------------------------------


def test_an_index_alone_gives_the_whole_peel(errtax: Errtax) -> None:
    assert errtax("build-ngram", "train.txt", "--order", 10).code == 0
    assert errtax(*PEEL, "--ngram", "train.ngram", "--train-text", "train.txt", "-o", "a.parquet").code == 0
    Path("train.txt").unlink()
    alone = errtax(*PEEL, "--ngram", "train.ngram", "-o", "b.parquet")
    assert (alone.code, alone.err) == (0, "")
    given, found = read_peel(Path("a.parquet")), read_peel(Path("b.parquet"))
    assert "rare" in found.settings.layers
    assert found.sources == given.sources
    assert found.signature == given.signature
    for name in ("layer", "slice", "claims"):
        assert np.array_equal(getattr(found, name), getattr(given, name))
    assert np.array_equal(found.evidence.word_count, given.evidence.word_count)  # type: ignore[arg-type]
    assert errtax(*PEEL, "--ngram", "train.ngram", "--layers", "rare,boost", "-o", "c.parquet").code == 0
    rare = read_peel(Path("c.parquet"))
    assert rare.settings.layers == ("rare", "boost")
    assert rare.sources["train_sha256"] == given.sources["train_sha256"]
    assert "ngram_model" not in rare.sources


def told(err: str) -> list[str]:
    """What a peel says, but for the doctor: the test text of this page is a part of its training text."""
    return [line for line in err.splitlines() if "holds the text under test" not in line]


def test_words_by_another_rule_need_the_text_or_an_index_of_them(errtax: Errtax) -> None:
    assert errtax("build-ngram", "train.txt").code == 0
    rule = ("--words", "[a-z]+")
    left = errtax(*PEEL, "--ngram", "train.ngram", *rule)
    assert left.code == 0
    assert left.err.startswith("Layers left out: rare (needs --train-text train.txt: the index counts other words")
    text = errtax(*PEEL, "--ngram", "train.ngram", *rule, "--train-text", "train.txt", "-o", "a.parquet")
    assert text.code == 0 and told(text.err) == []
    assert errtax("build-ngram", "train.txt", *rule, "-o", "own.ngram").code == 0
    own = errtax(*PEEL, "--ngram", "own.ngram", *rule, "-o", "b.parquet")
    assert own.code == 0 and told(own.err) == []
    counts = [read_peel(Path(name)).evidence.word_count for name in ("a.parquet", "b.parquet")]
    assert np.array_equal(*counts)  # type: ignore[arg-type]
    refused(errtax("build-ngram", "train.txt", "--words", "(a+)+", "-o", "x.ngram"), 2, "repeats alone")


def test_an_index_without_counts_needs_the_text(errtax: Errtax) -> None:
    assert errtax("build-ngram", "train.txt").code == 0
    without_words(Path("train.ngram"), Path("old.ngram"))
    left = errtax(*PEEL, "--ngram", "old.ngram")
    assert left.code == 0
    assert left.err.startswith("Layers left out: rare (needs --train-text train.txt: the model has no counts of words)")
    assert told(errtax(*PEEL, "--ngram", "old.ngram", "--train-text", "train.txt").err) == []


def test_another_training_text_is_counted(errtax: Errtax) -> None:
    Path("other.txt").write_bytes(b"night " * 77)
    assert errtax("build-ngram", "train.txt").code == 0
    done = errtax(*PEEL, "--ngram", "train.ngram", "--train-text", "other.txt", "-o", "a.parquet")
    assert "was built from another text" in done.err
    counts = read_peel(Path("a.parquet")).evidence.word_count
    assert counts is not None
    assert set(counts.tolist()) == {-1, 0, 77}


def test_python_needs_no_training_text(tmp_path: Path) -> None:
    (tmp_path / "train.txt").write_bytes(TEXT)
    index = NgramIndex.build(text_of_bytes(TEXT, Unit.CHAR), 10)
    text = TEXT[:300].decode()
    frame = pd.DataFrame({"position": range(len(text)), "symbol": list(text), "logprob": -1.0})
    found = library.peel(frame, ngram=index).peel
    due = library.peel(frame, ngram=index, train_text=tmp_path / "train.txt").peel
    assert "rare" in found.settings.layers
    assert found.signature == due.signature
    assert np.array_equal(found.claims, due.claims)
