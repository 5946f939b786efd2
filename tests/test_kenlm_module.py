"""`errtax.kenlm.Model` against KenLM's own module: scores, full scores and states, on ARPA files and on indexes."""

import copy
import gzip
import itertools
import pickle
import random
from pathlib import Path
from typing import Any

import pytest

from commands import Errtax
from errtax import kenlm
from errtax.lm.errors import UsageError
from errtax.lm.ngram.arpa_writer import write_arpa
from errtax.lm.ngram.index import NgramIndex
from errtax.lm.text import Sentences, Unit, text_of_bytes

theirs = pytest.importorskip("kenlm")
GOLDEN = Path(__file__).parent / "golden"
FILES = [
    (name, order)
    for name in ("prose", "names", "chinese", "pattern", "words", "verses", "tokens")
    for order in (2, 3, 4, 5, 6)
    if list(GOLDEN.glob(f"{name}.{order}.arpa*"))
]


def file_of(name: str, order: int) -> Path:
    return next(GOLDEN.glob(f"{name}.{order}.arpa*"))


def sentences_of(path: Path) -> list[str]:
    """Words of the model, in orders it knows and in others, with unknown ones among them; and what has none."""
    data = path.read_bytes()
    text = (gzip.decompress(data) if path.suffix == ".gz" else data).decode()
    grams = [line.split("\t")[1] for line in text.splitlines() if line.count("\t")]
    rng = random.Random(3)
    words = [gram for gram in grams if " " not in gram and gram not in ("<s>", "</s>", "<unk>")]
    made = ["", "nowhere", "nowhere nowhere", " ".join(words[:7])]
    for _ in range(30):
        pieces = [rng.choice([rng.choice(words), rng.choice(grams), "nowhere"]) for _ in range(rng.randint(1, 6))]
        made.append(" ".join(word for word in " ".join(pieces).split(" ") if word not in ("<s>", "</s>")))
    return made


def check_equal(mine: kenlm.Model, real: Any, sentences: list[str]) -> None:
    assert mine.order == real.order
    for sentence, (bos, eos) in itertools.product(sentences, itertools.product((True, False), repeat=2)):
        due = list(real.full_scores(sentence, bos=bos, eos=eos))
        found = list(mine.full_scores(sentence, bos=bos, eos=eos))
        assert [each[1:] for each in found] == [each[1:] for each in due], sentence
        assert [each[0] for each in found] == pytest.approx([each[0] for each in due], abs=1e-5)
        assert mine.score(sentence, bos=bos, eos=eos) == pytest.approx(real.score(sentence, bos=bos, eos=eos), abs=1e-4)
    for sentence in sentences[1:]:
        assert mine.perplexity(sentence) == pytest.approx(real.perplexity(sentence), rel=1e-4)
        assert all((word in mine) == (word in real) for word in [*sentence.split(), "nowhere"])


def check_states(mine: kenlm.Model, real: Any, sentences: list[str]) -> None:
    """Each state is followed; two of ours are equal where two of KenLM's are."""
    pairs = []
    for begin, sentence in itertools.product(("BeginSentenceWrite", "NullContextWrite"), sentences):
        state, due = kenlm.State(), theirs.State()
        getattr(mine, begin)(state)
        getattr(real, begin)(due)
        pairs.append((copy.copy(state), copy.copy(due)))
        for word in [*sentence.split(), "</s>"]:
            state_after, due_after = kenlm.State(), theirs.State()
            found = mine.BaseFullScore(state, word, state_after)
            full = real.BaseFullScore(due, word, due_after)
            assert (found.ngram_length, found.oov) == (full.ngram_length, full.oov)
            assert found.log_prob == pytest.approx(full.log_prob, abs=1e-5)
            assert mine.BaseScore(state, word, kenlm.State()) == found.log_prob
            state, due = state_after, due_after
            pairs.append((copy.deepcopy(state), copy.copy(due)))
    random.Random(5).shuffle(pairs)
    for (one, due), (other, due_other) in itertools.combinations(pairs[:150], 2):
        assert (one == other) == (due == due_other)
        assert one != other or hash(one) == hash(other)


@pytest.mark.parametrize(("name", "order"), FILES)
def test_an_arpa_file_is_scored_as_by_kenlm(name: str, order: int) -> None:
    path = file_of(name, order)
    mine, real = kenlm.Model(path), theirs.Model(str(path))
    sentences = sentences_of(path)
    check_equal(mine, real, sentences)
    check_states(mine, real, sentences[:30])


WORDS = b"the cat sat on the mat\nthe dog sat on the cat\n\na cat and a dog and a mat\nthe mat\n" * 2
LETTERS = "the cat sat\nthe mat\né sat\n".encode() * 3


@pytest.mark.parametrize("order", [1, 2, 3, 4, 5, 6])
@pytest.mark.parametrize(("data", "unit"), [(WORDS, Unit.WORD), (LETTERS.replace(b" ", b""), Unit.CHAR)])
def test_an_index_is_scored_as_kenlm_scores_its_arpa_file(data: bytes, unit: Unit, order: int, tmp_path: Path) -> None:
    index = NgramIndex.build(text_of_bytes(data, unit, sentences=Sentences.LINES), order)
    index.save(tmp_path / "train.ngram")
    if order == 1:
        assert kenlm.Model(tmp_path / "train.ngram").order == 1
        return
    write_arpa(index, tmp_path / "train.arpa", order)
    mine, real = kenlm.Model(str(tmp_path / "train.ngram")), theirs.Model(str(tmp_path / "train.arpa"))
    sentences = sentences_of(tmp_path / "train.arpa")
    check_equal(mine, real, sentences)
    check_states(mine, real, sentences[:30])


def test_the_examples_of_the_module(tmp_path: Path) -> None:
    """What its documentation and example.py show."""
    path = file_of("prose", 3)
    model, real = kenlm.LanguageModel(str(path).encode()), theirs.LanguageModel(str(path))
    sentence = "language modeling is fun ."
    words = ["<s>", *sentence.split(), "</s>"]
    for i, (prob, length, oov) in enumerate(model.full_scores(sentence)):
        due = list(real.full_scores(sentence))[i]
        assert (length, oov) == due[1:] and prob == pytest.approx(due[0], abs=1e-5)
        assert oov == (words[i + 1] not in model)
    state, state2 = kenlm.State(), kenlm.State()
    model.BeginSentenceWrite(state)
    accum = 0.0
    accum += model.BaseScore(state, "a", state2)
    accum += model.BaseScore(state2, "sentence", state)
    accum += model.BaseScore(state, "</s>", state2)
    assert accum == pytest.approx(model.score("a sentence"), abs=1e-5)
    assert model.score("a fragment </s>", bos=False, eos=False) == model.score("a fragment", bos=False, eos=True)
    assert pickle.loads(pickle.dumps(model)).score(sentence) == model.score(sentence)
    assert repr(model) == "<Model from prose.3.arpa>"
    with pytest.raises(UsageError, match="got int"):
        model.score(3)  # type: ignore[arg-type]


def test_an_index_without_sentences_is_refused(tmp_path: Path) -> None:
    NgramIndex.build(text_of_bytes(b"abracadabra", Unit.BYTE), 3).save(tmp_path / "x.ngram")
    with pytest.raises(UsageError, match="--sentences lines"):
        kenlm.Model(tmp_path / "x.ngram")


def test_an_index_of_the_command_is_one_of_sentences(errtax: Errtax, tmp_path: Path) -> None:
    Path("train.txt").write_bytes(WORDS)
    assert errtax("build-ngram", "train.txt", "--unit", "word", "--order", 3).code == 0
    model = kenlm.Model("train.ngram")
    assert model.score("the cat sat on the mat") > model.score("the mat on sat cat the")
