"""Token and span logs: one byte per token is the byte log, one character per token that of characters; a naive twin."""

from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from commands import Errtax
from errtax.lm.errors import BadInput
from errtax.lm.log_reader import open_log_file, read_log
from errtax.lm.ngram.index import NgramIndex
from errtax.lm.prediction_log import PredictionLog
from errtax.lm.surface import Surface
from errtax.lm.table import table_writer
from errtax.lm.text import Text, Unit, text_of_bytes
from errtax.lm.token_log import TokenRows, token_batch
from errtax.lm.word_counts import WordCounts
from errtax.oracle.evidence import collect_evidence
from errtax.oracle.rare import count_words
from errtax.oracle.text_view import TextView
from errtax.taxonomy import peel_flow
from errtax.taxonomy.peel import whole_peel
from errtax.taxonomy.peel_columns import frame_of_peel
from errtax.taxonomy.peel_file import read_peel, write_peel
from errtax.taxonomy.peel_flow import Oracles, PeelFlow
from errtax.taxonomy.settings import Settings
from naive_tokens import distance_back, judge_tokens
from strategies import PIECES, data, logs, parted_logs, settings

TRAIN = "the don't naïve Natasha 猫犬 said\n the “Natasha” x\r\n".encode() * 3


def as_tokens(log: PredictionLog, unit: Unit = Unit.TOKEN) -> PredictionLog:
    """The log with each symbol as a token of its own, whose id is the symbol's code; spans are judged by rank."""
    assume(log.unpredicted < len(log))  # else it is none
    single = [log.part(k, k + 1).content for k in range(len(log))]
    codes, best = log.codes.astype(np.uint32), log.argmax_codes
    made = replace(log, unit=unit, codes=codes, surface=Surface.of(single), has_ids=unit is Unit.TOKEN)
    if best is None or unit is Unit.TOKEN:
        return replace(made, argmax_codes=None if best is None else best.astype(np.uint32))
    ranks = np.where(best == log.codes, 1, 2).astype(np.int32)
    assert made.surface is not None
    return replace(made, codes=made.surface.numbers(), argmax_codes=None, ranks=ranks)


def token_index(text: Text, order: int) -> NgramIndex:
    return NgramIndex.build(replace(text, unit=Unit.TOKEN, codes=text.codes.astype(np.uint32)), order)


def peeled(log: PredictionLog, chosen: Settings, rows: int, index: NgramIndex | None, words: WordCounts) -> Any:
    flow = PeelFlow(log, Oracles(index, words), chosen, {}, {})
    frames = [frame_of_peel(block) for block in flow.blocks(rows)]
    table = {name: [value for frame in frames for value in frame[name]] for name in frames[0]}
    return {name: [None if pd.isna(value) else value for value in column] for name, column in table.items()}


SYMBOLS = ("symbol", "argmax", "token", "argmax_token", "rank")
"""Columns that say what a symbol is."""


@given(parted_logs(), settings(), st.integers(1, 12))
def test_one_symbol_per_token_gives_the_same_peel(log: PredictionLog, chosen: Settings, rows: int) -> None:
    """Bytes or characters, whatever the blocks; distances of memory count bytes in the one, characters in the other."""
    chosen = chosen.changed(layers=tuple(dict.fromkeys(("ngram", *chosen.layers))), ngram_max=3)
    tokens, text = as_tokens(log), text_of_bytes(TRAIN, log.unit)
    words = count_words(text)
    due = peeled(log, chosen, len(log), NgramIndex.build(text, 4), words)
    if log.unit is Unit.BYTE and max(log.content) >= 0x80:
        chosen = chosen.changed(layers=tuple(name for name in chosen.layers if name != "memory"))
        due = peeled(log, chosen, len(log), NgramIndex.build(text, 4), words)
        del due["memory_distance"], due["claims"]
    found = peeled(tokens, chosen, rows, token_index(text, 4), words)
    for name in due:
        if name not in SYMBOLS:
            assert found[name] == due[name], name


@given(logs(), settings(), st.integers(1, 12))
def test_spans_of_one_symbol_are_tokens_without_ngrams(log: PredictionLog, chosen: Settings, rows: int) -> None:
    chosen = chosen.changed(layers=tuple(name for name in chosen.layers if name != "ngram") or ("word",))
    words = count_words(text_of_bytes(TRAIN, Unit.BYTE))
    due = peeled(as_tokens(log), chosen, len(log), None, words)
    found = peeled(as_tokens(log, Unit.SPAN), chosen, rows, None, words)
    assert all(found[name] == due[name] for name in due if name not in SYMBOLS)


WORDS = [*(piece.encode() for piece in PIECES), b"a", b" the", b"  "]
pieces = st.lists(st.sampled_from(WORDS), min_size=1, max_size=20)


@st.composite
def tokenised(draw: st.DrawFn) -> list[bytes]:
    """A text cut anywhere: inside characters, with several words in a token, white space alone or first."""
    content = draw(st.one_of(pieces.map(b"".join), data(20)))
    cuts = draw(st.sets(st.integers(1, max(len(content) - 1, 1))))
    ends = [0, *sorted(cut for cut in cuts if cut < len(content)), len(content)]
    return [content[a:b] for a, b in pairwise(ends)]


def log_of_pieces(found: list[bytes]) -> PredictionLog:
    surface = Surface.of(found)
    n = len(found)
    return PredictionLog(
        "log", Unit.TOKEN, np.arange(n), surface.numbers(), np.full(n, -1.0), surface=surface, starts=surface.ends[:-1]
    )


@given(tokenised())
@example([b"a", b"\n  ", b"b", b" ", b"\xe7\x8c", b"\xab \n", b"  c d"])
def test_a_token_is_judged_by_its_first_character_that_is_no_space(found: list[bytes]) -> None:
    text = b"".join(found).decode("utf-8", "surrogateescape")
    view = TextView.of_log(log_of_pieces(found))
    counts = count_words(text_of_bytes(TRAIN, Unit.BYTE))
    evidence = collect_evidence(view, None, counts)
    for k, due in enumerate(judge_tokens(found)):
        word = due.word
        assert view.spread(np.arange(len(text)))[k] == due.character
        assert evidence.word_length[k] == (-1 if word is None else word[1] - word[0])
        assert evidence.word_offset[k] == (-1 if word is None else due.character - word[0])
        assert max(evidence.memory_distance[k], 0) == (0 if word is None else distance_back(text, word))
        assert evidence.newline_distance[k] == due.newline
        assert (evidence.after[k] == 1) == (due.before.isspace() and due.before not in "\r\n")
        assert word is None or evidence.word_count is None or evidence.word_count[k] == counts[text[slice(*word)]]


@given(tokenised(), st.booleans(), settings(), st.integers(1, 7), st.sampled_from([3, 9, 100]))
@example([b" the", b"n", b" t", b"he", b"n x"], False, Settings(), 2, 100)
def test_blocks_of_tokens_do_not_matter(
    found: list[bytes], one_word: bool, chosen: Settings, rows: int, horizon: int
) -> None:
    """Words longer than the horizon, and tokens between which no word ends, included."""
    log = log_of_pieces([b"aa", b"a", b"aaaa"] * 9 + found if one_word else found * 3)
    words = count_words(text_of_bytes(TRAIN, Unit.BYTE))
    windows = tuple(min(window, horizon) for window in chosen.memory_windows)
    chosen = chosen.changed(criterion=Settings().criterion, layers=("memory", "rare", "word", "punctuation"))
    chosen = chosen.changed(memory_windows=tuple(sorted(set(windows))))
    with patch.object(peel_flow, "HORIZON", horizon):
        assert peeled(log, chosen, rows, None, words) == peeled(log, chosen, len(log), None, words)


def test_gaps_count_the_characters_that_the_starts_leave_out() -> None:
    found = [b"cat", b" is", b" a", b" cat"]
    log = replace(log_of_pieces(found), positions=np.array([0, 1, 5, 6]), starts=np.array([0, 3, 30, 32]))
    evidence = collect_evidence(TextView.of_log(log), None, None)
    assert evidence.memory_distance[3] == 33  # the words begin at bytes 0 and 33
    without = collect_evidence(TextView.of_log(replace(log, starts=None)), None, None)
    assert without.memory_distance[3] == 3 + 3 + 3 + 2 + 1  # three tokens are missing, of unknown length


# --- files -----------------------------------------------------------------------------------------------------------


def write_tokens(path: Path, rows: TokenRows, **metadata: str) -> Path:
    batch = token_batch(rows)
    with table_writer(path, batch.schema, {"errtax.schema": "errtax.log/1", **metadata}, True) as writer:
        writer.write_batch(batch)
    return path


def some_rows() -> TokenRows:
    symbol = Surface.of([b"The", b" cat", b" sat", b"\xe7\x8c", b"\xab\n"])
    return TokenRows(
        position=np.arange(5),
        symbol=symbol,
        start=symbol.ends[:-1],
        logprob=np.array([np.nan, -0.1, -1.0, -2.0, -3.0]),
        token=np.array([5, 70_000, 7, 8, 9]),
        argmax_token=np.array([0, 70_000, 8, 8, 7]),
        argmax=Surface.of([b"", b" cat", b"\xe7\x8c", b"\xe7\x8c", b" sat"]),
        rank=np.array([0, 1, 2, 1, 4]),
        context=np.arange(5),
    )


def test_a_token_log_is_read_and_peeled_and_its_peel_keeps_what_it_says(tmp_path: Path) -> None:
    path = write_tokens(tmp_path / "t.parquet", some_rows(), tokenizer_sha256="a" * 64)
    log = read_log(path)
    assert log.unit is Unit.TOKEN and log.has_ids
    assert log.codes.tolist() == [5, 70_000, 7, 8, 9]
    assert log.content == "The cat sat猫\n".encode()
    chosen = Settings(layers=("memory", "word"), criterion=Settings().criterion.ARGMAX)
    flow = PeelFlow(open_log_file(path), Oracles(None, None), chosen, {"tokenizer_sha256": "a" * 64}, {})
    write_peel(tmp_path / "t.peel.parquet", flow)
    peel = read_peel(tmp_path / "t.peel.parquet")
    assert peel.error.tolist() == [False, False, True, False, True]  # by id: rank 2 and 4
    assert {"token", "argmax_token", "argmax", "start", "rank", "context"} <= set(frame_of_peel(peel))
    for name in ("codes", "argmax_codes", "starts", "ranks", "contexts"):
        assert np.array_equal(getattr(peel.log, name)[1:], getattr(log, name)[1:]), name
    assert peel.log.surface is not None and log.surface is not None and peel.log.surface.same(log.surface).all()
    assert "|unit:token|" in peel.signature.replace("errtax", "|errtax")
    assert whole_peel(peel).error.tolist() == peel.error.tolist()


def test_without_a_unit_the_column_token_says_it(tmp_path: Path) -> None:
    rows = some_rows()
    assert read_log(write_tokens(tmp_path / "a.parquet", rows)).unit is Unit.TOKEN
    plain = replace(rows, token=None, argmax_token=None, argmax=None)
    assert not read_log(write_tokens(tmp_path / "b.parquet", plain, unit="token")).has_ids
    assert read_log(write_tokens(tmp_path / "c.parquet", plain, unit="span")).unit is Unit.SPAN
    with pytest.raises(BadInput, match="each row holds one byte"):
        read_log(write_tokens(tmp_path / "d.parquet", plain))


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"symbol": Surface.of([b"The", b"", b" sat", b"x", b"y"])}, "row 1 is empty"),
        ({"start": np.array([0, 3, 8, 11, 13])}, "row 2 begins at byte 8, the row before it ends at byte 7"),
        ({"rank": np.array([0, 1, -2, 1, 4])}, "'rank' is -2 in row 2"),
        ({"token": np.array([5, 6, 7, 8, 1 << 31])}, "'token' is 2147483648 in row 4"),
    ],
)
def test_what_cannot_be_is_refused_with_its_row(tmp_path: Path, changed: dict[str, Any], message: str) -> None:
    path = write_tokens(tmp_path / "t.parquet", replace(some_rows(), **changed), unit="token")
    with pytest.raises(BadInput, match=message):
        read_log(path)


def test_the_text_of_tokens_is_compared_with_the_one_they_name(tmp_path: Path) -> None:
    path = write_tokens(tmp_path / "t.parquet", some_rows(), text_sha256="0" * 64)
    with pytest.raises(BadInput, match="text_sha256 differs"):
        read_log(path)
    assert pq.read_schema(path).names[0] == "position"


# --- commands --------------------------------------------------------------------------------------------------------


def test_an_index_of_a_tokenizer_gives_all_layers_and_another_is_refused(errtax: Errtax) -> None:
    tokenizers = pytest.importorskip("tokenizers")
    paths = []
    for size in (280, 300):
        made = tokenizers.ByteLevelBPETokenizer()
        made.train(["train.txt"], vocab_size=size, show_progress=False)
        paths.append(Path(f"{size}.json"))
        made.save(str(paths[-1]))
        assert (
            errtax("build-ngram", "train.txt", "--tokenizer", paths[-1], "--order", 5, "-o", f"{size}.ngram").code == 0
        )
    index = NgramIndex.open(Path("280.ngram"))
    backend = tokenizers.Tokenizer.from_file(str(paths[0]))
    ids = backend.encode(Path("train.txt").read_text("utf-8")).ids
    assert index.unit is Unit.TOKEN and index.info.text_symbols == len(ids) and index.info.tokenizer_sha256
    assert index.word_counts is not None and index.word_counts["stormy"] == 8
    assert np.array_equal(index.positions([ids[3]]), np.flatnonzero(np.array(ids) == ids[3]))
    sha256 = index.info.tokenizer_sha256
    found = backend.encode(Path("test.txt").read_text("utf-8"))
    symbol = Surface.of([piece.replace("Ġ", " ").replace("Ċ", "\n").encode() for piece in found.tokens])
    assert symbol.joined.tobytes() == Path("test.txt").read_bytes()
    n, p = len(symbol), np.random.default_rng(2).uniform(0.01, 0.99, len(symbol))
    rows = TokenRows(
        position=np.arange(n),
        symbol=symbol,
        start=symbol.ends[:-1],
        logprob=np.log(p),
        token=np.array(found.ids),
        argmax_token=np.where(p > 0.5, np.array(found.ids), 1),
        argmax_logprob=np.log(np.maximum(p, 0.5)),
    )
    log = write_tokens(Path("t.parquet"), rows, unit="token", tokenizer_sha256=sha256)
    made = errtax("peel", "--preds", log, "--ngram", "280.ngram", "--ngram-max", 4, "--text", "test.txt")
    assert made.code == 0 and "left out" not in made.err
    peel = read_peel(Path("t.peel.parquet"))
    assert peel.log.codes.tolist() == found.ids
    assert (peel.evidence.ngram_context is not None) and (peel.evidence.ngram_context > 0).any()
    assert peel.evidence.word_count is not None and peel.evidence.word_count.max() > 7
    assert errtax("calibration", "t.peel.parquet").code == 0
    assert errtax("show", "t.peel.parquet").code == 0
    assert errtax("validate", "t.peel.parquet").code == 0
    other = errtax("peel", "--preds", log, "--ngram", "300.ngram", "--ngram-max", 4, "--force")
    assert other.code == 3 and "tokens of another tokenizer" in other.err
    Path("other.txt").write_bytes(Path("test.txt").read_bytes().replace(b"rain", b"hail"))
    other = errtax("peel", "--preds", log, "--layers", "word", "--text", "other.txt", "--force")
    assert other.code == 3 and "is a log of another text than other.txt" in other.err
