"""The preset token: copies, pieces, what n-grams rank first; against slow twins, in any blocks, as commands."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

import errtax as errtax_api
import naive_token_layers as naive
from commands import Errtax
from errtax.lm.errors import UsageError
from errtax.lm.ngram.index import NgramIndex
from errtax.lm.part import parts_of
from errtax.lm.prediction_log import PredictionLog
from errtax.lm.surface import Surface
from errtax.lm.text import Text, Unit, text_of_bytes
from errtax.lm.token_log import TokenRows
from errtax.oracle import copy
from errtax.oracle.excerpts import excerpt_of
from errtax.oracle.rare import count_words
from errtax.oracle.text_view import TextView
from errtax.taxonomy.layers.registry import find_layer
from errtax.taxonomy.peel import Peel, whole_peel
from errtax.taxonomy.peel_columns import frame_of_peel
from errtax.taxonomy.peel_file import PeelFile, read_peel, write_peel
from errtax.taxonomy.peel_flow import Oracles, PeelFlow
from errtax.taxonomy.repeel import repeel
from errtax.taxonomy.settings import PRESETS, Criterion, Settings
from strategies import Rows
from test_token_logs import TRAIN, log_of_pieces, tokenised, write_tokens

TOKEN = PRESETS["token"]


# --- copies ----------------------------------------------------------------------------------------------------------


@st.composite
def placed(draw: st.DrawFn) -> tuple[list[int], list[naive.Row]]:
    """Ids of few kinds with gaps and documents, whose ids return."""
    ids = draw(st.lists(st.integers(0, 2), min_size=1, max_size=30))
    if draw(st.booleans()):
        ids = ids[:6] * 4
    position, document, rows = -1, 0, []
    for _ in ids:
        position += 1 + draw(st.sampled_from([0, 0, 0, 0, 1, 5]))
        document = draw(st.integers(0, 1)) if draw(st.integers(0, 5)) == 0 else document
        rows.append((position, document))
    return ids, rows


def log_of_rows(ids: list[int], rows: list[naive.Row]) -> PredictionLog:
    log = log_of_pieces([b"a"] * len(ids))
    positions, docs = (np.array(column, np.int64) for column in zip(*rows, strict=True))
    return replace(log, positions=positions, docs=docs, codes=np.array(ids, np.uint32), starts=None)


@given(placed(), st.integers(1, 3), st.integers(1, 12))
@example(([1] * 9, [(k, 0) for k in range(9)]), 3, 100)  # overlapping occurrences
@example(([1, 2], [(0, 0), (1, 0)]), 3, 5)  # k larger than the text
@example(([0, 1, 2, 0, 1], [(0, 0), (1, 0), (2, 0), (3, 0), (4, 0)]), 1, 3)  # just inside the window
@example(([0, 1, 2, 0, 1], [(0, 0), (1, 0), (2, 0), (3, 0), (4, 0)]), 1, 2)  # just outside
def test_copies_are_those_of_the_slow_twin(found: tuple[list[int], list[naive.Row]], k: int, horizon: int) -> None:
    ids, rows = found
    view = TextView.of_log(log_of_rows(ids, rows))
    distances = copy.distances_to_copy(view, k, horizon, (0, len(view)))[view.rows]
    for i, distance in enumerate(distances.tolist()):
        due = naive.copy_back(ids, rows, i, k)
        assert distance == (due if due is not None and due <= horizon else 0), i


# --- all layers ------------------------------------------------------------------------------------------------------

LAYERS = ("ngram", "copy", "memory", "rare", "piece", "word", "punctuation", "space")


@st.composite
def token_settings(draw: st.DrawFn) -> Settings:
    return TOKEN.changed(
        layers=tuple(draw(st.permutations(LAYERS))[: draw(st.integers(1, 8))]),
        ngram_max=draw(st.integers(1, 3)),
        copy_window=draw(st.sampled_from([1, 3, 10, 1000])),
        rank_limits=draw(st.sampled_from([(5, 50), (2,), (3, 4, 5)])),
        memory_windows=draw(st.sampled_from([(5, 20), (100,)])),
        memory_min_length=draw(st.integers(1, 3)),
    )


def index_of(ids: list[int]) -> NgramIndex:
    return NgramIndex.build(Text("train", Unit.TOKEN, np.array(ids, np.uint32), ""), 4)


def ranked(pieces: list[bytes], ranks: list[int]) -> PredictionLog:
    log = log_of_pieces(pieces)
    return replace(log, ranks=np.resize(np.array(ranks, np.int32), len(log)))


ranks = st.lists(st.sampled_from([1, 2, 3, 4, 5, 6, 50, 51, 900]), min_size=1, max_size=9)


SURFACE = TOKEN.changed(layers=("space", "piece", "word"))


@given(tokenised(), ranks, token_settings())
@example([b"\xc3", b"\xa9t", b"\xc3", b"\xa9 x"], [2], SURFACE)  # the second half of a word's first character
@example([b'"\xc3', b"\xa9t"], [2], SURFACE)
@example([b"a", b" \n", b"\xe3\x80", b"\x80b"], [2], SURFACE)  # half a wide space
@example([b"the", b" cat", b"s", b" the", b" cat", b"s", b" "] * 2, [2], TOKEN)
def test_every_layer_is_that_of_the_slow_twin(found: list[bytes], given_ranks: list[int], chosen: Settings) -> None:
    log = ranked(found, given_ranks)
    ids = log.codes.tolist()
    index, words = index_of(ids[::-1] + ids[:5]), count_words(text_of_bytes(TRAIN, Unit.BYTE))
    peel = whole_peel(PeelFlow(log, Oracles(index, words), chosen, {}, {}))
    best, _ = index.smallest_best(log.codes)
    counts = {word: words[word] for word in ("the", "don", "t", "naïve", "Natasha", "猫犬", "said", "x")}
    assert peel.log.ranks is not None
    for i, fact in enumerate(naive.facts_of(found, ids)):
        rank = int(peel.log.ranks[i])
        slices = {name: naive.slice_of(name, fact, rank, int(best[i]), counts, chosen) for name in chosen.layers}
        due = next(((name, part) for name, part in slices.items() if part is not None), ("rest", "rest"))
        assert peel.error[i] == (rank > 1)
        if rank > 1:
            layer = peel.layer_names[peel.layer[i]]
            assert (layer, peel.slice_names(layer)[peel.slice[i]]) == due


def rows_of(flow: PeelFlow, rows: int) -> dict[str, list[Any]]:
    frames = [frame_of_peel(block).astype(object) for block in flow.blocks(rows)]
    table = {name: [value for frame in frames for value in frame[name]] for name in frames[0]}
    return {name: [None if value != value else value for value in column] for name, column in table.items()}  # noqa: PLR0124


@given(placed(), tokenised(), ranks, token_settings(), st.integers(1, 7), st.sampled_from([3, 9, 50]))
def test_blocks_do_not_matter(
    ids_and_rows: tuple[list[int], list[naive.Row]],
    found: list[bytes],
    given_ranks: list[int],
    chosen: Settings,
    rows: int,
    horizon: int,
) -> None:
    """Nor do gaps and documents, wherever they are."""
    places = ids_and_rows[1]
    pieces = (found * 30)[: len(places)]
    log = log_of_rows([0] * len(pieces), places[: len(pieces)])
    surface = Surface.of(pieces)
    log = replace(log, surface=surface, codes=surface.numbers(), ranks=np.resize(np.array(given_ranks), len(pieces)))
    index, words = index_of(log.codes.tolist()[::-1]), count_words(text_of_bytes(TRAIN, Unit.BYTE))
    chosen = chosen.changed(copy_window=min(chosen.copy_window, horizon))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(copy, "HORIZON", horizon)
        whole, parts = (rows_of(PeelFlow(log, Oracles(index, words), chosen, {}, {}), n) for n in (len(log), rows))
        tables = []
        for part in parts_of(3):  # as tasks that know nothing of each other
            flow = PeelFlow(log, Oracles(index, words), chosen, {}, {})
            flow.part = excerpt_of(Rows(log), part, flow.oracles.words, flow.reach)
            tables += [rows_of(flow, rows)] if len(flow) else []
    assert whole == parts
    assert whole == {name: [value for table in tables for value in table[name]] for name in whole}


# --- evidence that is read again -------------------------------------------------------------------------------------

TEXT = [b"The", b" cat", b"s", b" sat", b".", b"\n", b"The", b" cat", b"s", b" ran", b"!", b" ", b"Na", b"ta", b"sha"]
TEXT *= 4


def peel_by(settings: Settings, log: PredictionLog | None = None) -> Peel:
    log = ranked(TEXT, [1, 2, 3, 9, 60, 2, 7]) if log is None else log
    index, words = index_of([0, 1, 2, 3, 9, 9, 1, 2, 3]), count_words(text_of_bytes(TRAIN, Unit.BYTE))
    sources = {"ngram_order": "4"}
    flow = PeelFlow(log, Oracles(index, words), settings.changed(ngram_max=3), sources, {})
    (peel,) = flow.blocks(1000)
    return replace(peel, sources=flow.head.sources, signature=flow.head.signature)


@pytest.mark.parametrize("criterion", [Criterion.ARGMAX, Criterion.PROBABILITY])
def test_a_peel_by_other_layers_has_the_evidence_of_these(tmp_path: Path, criterion: Criterion) -> None:
    due = peel_by(TOKEN.changed(criterion=criterion))
    for made in (peel_by(PRESETS["paper"]), peel_by(TOKEN)):
        write_peel(tmp_path / "p.parquet", made, force=True)
        again = repeel(read_peel(tmp_path / "p.parquet"), due.settings.changed(layers=due.settings.layers))
        assert frame_of_peel(again).equals(frame_of_peel(due))
        assert again.signature == due.signature
    back = repeel(due, PRESETS["paper"].changed(ngram_max=3))
    assert frame_of_peel(back).equals(frame_of_peel(peel_by(PRESETS["paper"])))
    write_peel(tmp_path / "p.parquet", due, force=True)
    assert PeelFile(tmp_path / "p.parquet").all_problems() == []
    assert read_peel(tmp_path / "p.parquet").settings == due.settings


def test_ngrams_of_tokens_follow_the_criterion() -> None:
    first, likely = (peel_by(TOKEN.changed(criterion=c)) for c in (Criterion.ARGMAX, Criterion.PROBABILITY))
    assert "ngram(top1;1-3)" in first.signature and "ngram(1-3)" in likely.signature
    evidence = first.evidence
    assert evidence.ngram_best is not None and evidence.ngram_context is not None
    assert (evidence.ngram_best > 0).sum() > (evidence.ngram_context > 0).sum()
    assert ((first.claims & 1) > 0).tolist() == (first.error & (evidence.ngram_best > 0)).tolist()
    assert ((likely.claims & 1) > 0).tolist() == (likely.error & (evidence.ngram_context > 0)).tolist()


def test_ranks_that_the_log_does_not_say() -> None:
    log = replace(log_of_pieces(TEXT), argmax_codes=np.full(len(TEXT), 99, np.uint32))
    peel = peel_by(TOKEN.changed(layers=("word", "piece")), log)
    names = {
        peel.slice_names(peel.layer_names[layer])[part] for layer, part in zip(peel.layer, peel.slice, strict=True)
    }
    assert names == {"unranked word", "unranked piece", "rest"}


def test_windows_beyond_the_horizon_are_refused() -> None:
    peel = peel_by(TOKEN)
    assert peel.sources["copy_horizon"] == str(copy.HORIZON)
    with pytest.raises(UsageError, match="reaches 10,000 tokens back; the layer copy asks for 10,001"):
        repeel(peel, peel.settings.changed(copy_window=10_001))
    far = peel_by(TOKEN.changed(copy_window=20_000))
    assert far.sources["copy_horizon"] == "20000"
    assert repeel(far, far.settings.changed(copy_window=15_000)).settings.copy_window == 15_000


# --- commands --------------------------------------------------------------------------------------------------------


def rows_to_write(shift: int = 0) -> TokenRows:
    symbol = Surface.of(TEXT)
    n = len(symbol)
    return TokenRows(
        position=np.arange(n),
        symbol=symbol,
        start=symbol.ends[:-1],
        logprob=np.log(np.random.default_rng(shift).uniform(0.01, 0.99, n)),
        token=symbol.numbers(),
        rank=np.resize([1, 2, 3, 9, 60, 2, 7 + shift], n),
    )


def layers_of(said: str) -> dict[str, int]:
    return {layer["name"]: layer["count"] for layer in json.loads(said)["layers"]}


def test_peel_by_the_preset_token(errtax: Errtax) -> None:
    for k in range(2):
        write_tokens(Path(f"t{k}.parquet"), rows_to_write(k), unit="token")
    Path("ids.txt").write_text(" ".join(map(str, range(11))))
    assert errtax("build-ngram", "ids.txt", "--unit", "token", "--sentences", "stream", "--order", 4).code == 0
    options = ("--ngram", "ids.ngram", "--ngram-max", 3, "--train-text", "train.txt")
    plain = errtax("peel", "t0.parquet", *options, "-o", "paper.parquet")
    assert plain.code == 0
    assert plain.err.count("--preset token") == 1 and "t0.parquet holds tokens: " in plain.err
    made = [errtax("peel", f"t{k}.parquet", "--preset", "token", *options, "--json") for k in range(2)]
    assert all(each.code == 0 and "--preset" not in each.err for each in made)
    assert list(layers_of(made[0].out)) == list(LAYERS)
    assert "err:argmax" in json.loads(made[0].out)["signature"]
    again = errtax("repeel", "paper.parquet", "--preset", "token", "--ngram-max", 3, "--json")
    assert layers_of(again.out) == layers_of(made[0].out)
    view = errtax_api.read("paper.parquet").repeel(preset="token", ngram_max=3)
    assert view.signature == json.loads(again.out)["signature"]
    back = errtax("repeel", "t0.peel.parquet", "--preset", "paper", "--ngram-max", 3, "--json")
    assert layers_of(back.out) == layers_of(errtax("repeel", "paper.parquet", "--json").out)
    fewer = errtax("repeel", "t0.peel.parquet", "--layers", "C,I,boost", "--copy-window", 5, "--criterion", "p<0.5")
    assert fewer.code == 0 and "copy(k=3,2,1;5),piece(rank<=5,50),boost(" in fewer.out.replace("\n", "")
    shown = json.loads(errtax("show", "t0.peel.parquet", "--layer", "copy", "--json").out)["errors"]
    assert shown and all("tokens ago, after the same" in each["evidence"] for each in shown)
    assert errtax("compare", "t0.peel.parquet", "t1.peel.parquet").code == 0
    assert errtax("stats", "t0.peel.parquet").code == errtax("validate", "t0.peel.parquet").code == 0
    assert errtax("check", "t0.peel.parquet", "--max", "6-50 word:99").code == 0
    trial = errtax("peel", "t0.parquet", "--preset", "token", *options, "--dry-run", "--json", "--force")
    assert trial.code == 0 and json.loads(trial.out)["rows"] == len(TEXT)


def test_parts_are_peeled_alike(errtax: Errtax) -> None:
    write_tokens(Path("t.parquet"), rows_to_write(), unit="token")
    options = ("peel", "t.parquet", "--preset", "token", "--copy-window", 20)
    whole = errtax(*options, "-o", "whole.parquet", "--json")
    for k in (2, 1, 3):
        assert errtax(*options, "--part", f"{k}/3", "-o", "parts").code == 0
    assert errtax("merge", "parts", "-o", "merged.parquet").code == whole.code == 0
    one, other = (read_peel(Path(f"{name}.parquet")) for name in ("whole", "merged"))
    assert frame_of_peel(one).equals(frame_of_peel(other))
    assert one.signature == other.signature and one.sources == other.sources


def test_what_the_preset_token_cannot_peel(errtax: Errtax) -> None:
    write_tokens(Path("t.parquet"), rows_to_write(), unit="token")
    refused = errtax("peel", "preds.parquet", "--preset", "token")
    assert refused.code == 2 and "--preset token is for logs of tokens; preds.parquet has units of byte." in refused.err
    refused = errtax("peel", "t.parquet", "--layers", "copy")
    assert refused.code == 2 and "the layer 'copy' is made for tokens: give --preset token, too." in refused.err
    left = errtax("peel", "t.parquet", "--preset", "token")
    assert left.code == 0
    assert "left out: ngram (needs --ngram X.ngram: errtax build-ngram train.txt --tokenizer T); rare" in left.err
    assert errtax("peel", "preds.parquet", "--train-text", "train.txt").code == 0
    refused = errtax("repeel", "preds.peel.parquet", "--preset", "token")
    assert refused.code == 2 and "is for logs of tokens" in refused.err


# --- the page --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("named", [True, False])
def test_the_page_counts_what_the_library_counts(show: Any, named: bool) -> None:
    """Whether the log has the best tokens, or only ranks; of any of the layers."""
    log = ranked(TEXT, [1, 2, 3, 9, 60, 2, 7])
    if named:
        wrong = np.asarray(log.ranks) > 1
        best = np.where(wrong, np.roll(log.codes, 1), log.codes)
        assert log.surface is not None
        log = replace(log, argmax_codes=best, argmax_surface=log.surface.take(np.argsort(log.codes)[best]))
    peel = peel_by(TOKEN, log)
    for layers in (peel.settings.layers, ("piece", "word", "copy"), ("space", "ngram")):
        due = repeel(peel, peel.settings.changed(layers=layers))
        page = show([peel], f"#layers={','.join(layers)}")
        rows = {cells[0].removeprefix("▸"): cells[1].replace(",", "") for cells in page.rows()}
        for number, name in enumerate(due.layer_names):
            if name in layers:
                layer = find_layer(name, due.settings)
                assert rows[f"{layer.letter}{layer.title}"] == str(int((due.layer == number).sum()))
        assert rows["all errors"] == str(int(due.error.sum()))
        assert page.messages() == []
