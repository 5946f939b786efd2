"""`errtax.byte_log`: byte logs from arrays of a Python program, and that `errtax.peel` takes them."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

import errtax
from errtax.lm import table
from errtax.lm.byte_log import ByteProjector
from errtax.lm.errors import BadInput, UsageError
from errtax.lm.log_reader import log_problems, read_log
from errtax.lm.prediction_log import PredictionLog
from errtax.lm.vocabulary import Vocabulary

PIECES = [b"<s>", b"a", b"ab", b"b", b" ", b" the", " ö".encode(), b"\xc3", b"\xb6"]
IDS = np.array([5, 4, 1, 2, 7, 8, 5, 6, 3] * 3)
SCORES = np.random.default_rng(2).normal(0, 2, (len(IDS), len(PIECES) + 3)).astype(np.float32)
TEXT = b"".join(PIECES[k] for k in IDS)


def made(distributions: Any = SCORES, token_bytes: Any = PIECES, ids: Any = IDS, **more: Any) -> PredictionLog:
    log = errtax.byte_log(distributions, token_bytes, ids, special=[0], **more)
    assert isinstance(log, PredictionLog)
    return log


def test_rows_are_those_of_the_projector() -> None:
    log = made(text=TEXT)
    rows = ByteProjector(Vocabulary.of(PIECES, special=[0])).add(IDS, SCORES)
    np.testing.assert_array_equal(log.logprobs, rows.logprob)
    np.testing.assert_array_equal(log.argmax_codes, rows.argmax)
    np.testing.assert_array_equal(log.argmax_logprobs, rows.argmax_logprob)
    assert (log.codes.tobytes(), log.positions.tolist()) == (TEXT, list(range(len(TEXT))))


@pytest.mark.parametrize(
    "as_given",
    [
        iter,
        lambda scores: [scores[:1], scores[1], scores[2:11], scores[11:]],
        lambda scores: scores.tolist(),
        lambda scores: scores.astype(np.float64),
    ],
)
def test_distributions_come_whole_or_in_pieces(as_given: Callable[[Any], Any]) -> None:
    np.testing.assert_allclose(made(as_given(SCORES)).logprobs, made().logprobs, rtol=1e-12)


def test_tensors_are_arrays() -> None:
    torch = pytest.importorskip("torch")
    logits = torch.tensor(SCORES, requires_grad=True)
    np.testing.assert_array_equal(made(logits, ids=torch.tensor(IDS)).logprobs, made().logprobs)
    rounded = logits.to(torch.bfloat16)
    np.testing.assert_array_equal(made(rounded).logprobs, made(rounded.float().detach().numpy()).logprobs)


def test_without_a_row_for_the_first_token_it_is_not_predicted() -> None:
    log = made(SCORES[1:])
    first = len(PIECES[IDS[0]])
    assert np.isnan(log.logprobs).tolist() == [True] * first + [False] * (len(TEXT) - first)


@given(st.lists(st.booleans(), min_size=len(IDS), max_size=len(IDS)), st.integers(1, 5))
def test_rows_are_of_the_tokens_that_are_predicted(predicted: list[bool], size: int) -> None:
    expected = ByteProjector(Vocabulary.of(PIECES, special=[0])).add(IDS, SCORES, predicted)

    def pieces() -> Iterator[Any]:
        kept = SCORES[predicted]
        yield from (kept[at : at + size] for at in range(0, len(kept), size))

    np.testing.assert_array_equal(made(pieces(), predicted=predicted).logprobs, expected.logprob)


def test_a_written_log_is_the_same_and_says_what_it_is(tmp_path: Path) -> None:
    digest = "ab" * 32
    vocabulary = Vocabulary.of(PIECES, special=[0], sha256=digest)
    path = tmp_path / "log.parquet"
    found = errtax.byte_log(SCORES[1:], vocabulary, IDS, output=path, model="GPT\n0", parameters=7, step=3)
    assert found == path and log_problems(path) == []
    read, log = read_log(path), made(SCORES[1:])
    np.testing.assert_array_equal(read.logprobs, log.logprobs)
    np.testing.assert_array_equal(read.argmax_codes, log.argmax_codes)
    said = {name: read.metadata[name] for name in ("unit", "parameters", "step", "tokenizer_sha256")}
    assert said == {"unit": "byte", "parameters": "7", "step": "3", "tokenizer_sha256": digest}
    assert "\n" not in read.metadata["model"]
    assert "|bytes:canonical|tokenizer:abababababab" in read.metadata["signature"]
    with pytest.raises(UsageError, match="exists"):
        errtax.byte_log(SCORES, vocabulary, IDS, output=path)


def test_rows_are_written_in_row_groups_however_they_come(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(table, "_GROUP", 20)
    path = errtax.byte_log(iter(SCORES), PIECES, IDS, special=[0], output=tmp_path / "log.parquet")
    assert isinstance(path, Path)
    metadata = pq.ParquetFile(path).metadata
    groups = [metadata.row_group(k).num_rows for k in range(metadata.num_row_groups)]
    assert len(groups) > 2 and all(20 <= n < 24 for n in groups[:-1])
    np.testing.assert_array_equal(read_log(path).logprobs, made().logprobs)


def test_a_log_can_be_peeled(tmp_path: Path) -> None:
    (tmp_path / "train.txt").write_bytes(TEXT)
    path = errtax.byte_log(SCORES, PIECES, IDS, special=[0], output=tmp_path / "log.parquet")
    ours = errtax.peel(made(), train_text=tmp_path / "train.txt")
    theirs = errtax.peel(path, train_text=tmp_path / "train.txt")
    assert ours.summary.errors == theirs.summary.errors > 0
    assert ours.table()["errors"].tolist() == theirs.table()["errors"].tolist()


def test_bytes_before_the_text_have_no_rows() -> None:
    log = made(prefix=b" ", text=TEXT[1:])
    assert log.codes.tobytes() == TEXT[1:]
    np.testing.assert_array_equal(log.logprobs, made().logprobs[1:])


def test_what_does_not_fit_is_refused_in_one_line() -> None:
    with pytest.raises(UsageError, match="there are 25 rows of scores for 27 tokens that are predicted"):
        made(SCORES[2:])
    with pytest.raises(UsageError, match="more rows of scores than the 26 tokens"):
        made(SCORES, ids=IDS[:-1])
    with pytest.raises(BadInput, match=r"do not spell the text: at byte 4 they have b' aab"):
        made(text=TEXT[:4] + b"x" + TEXT[5:])
    with pytest.raises(BadInput, match=r"at byte 54 they have b'', the text b'!'"):
        made(text=TEXT + b"!")
    with pytest.raises(UsageError, match=r"ids are those of a text's tokens, shape \(n,\)"):
        made(ids=[IDS])
    with pytest.raises(UsageError, match=r"predicted has shape \(2,\)"):
        made(predicted=[True, False])
    with pytest.raises(UsageError, match=r"distributions have shape \(n, V\), got \(11,\)"):
        made(np.zeros(11))
