"""Logs whose positions differ: comparing on common positions is comparing the rows cut by hand."""

import json
import math
import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from commands import TEXT, Errtax
from cuts import Cut
from errtax.lm.errors import BadInput
from errtax.lm.prediction_log import PredictionLog
from errtax.lm.text import Unit
from errtax.taxonomy import aligned
from errtax.taxonomy.aligned import WHOLE_TEXT, Aligned
from errtax.taxonomy.check import check
from errtax.taxonomy.comparison import compare, compare_all
from errtax.taxonomy.limits import Limit
from errtax.taxonomy.peel import Peel
from errtax.taxonomy.trend import trend
from strategies import parted_logs
from test_peel import peel_of


@st.composite
def peels_apart(draw: st.DrawFn) -> list[Peel]:
    """Three peels of one text: rows are missing from each, and more are not predicted."""
    log, peels = draw(parted_logs()), []
    for k in range(3):
        kept = np.array(
            draw(st.lists(st.sampled_from([True, True, True, False]), min_size=len(log), max_size=len(log)))
        )
        wrong = np.array(
            draw(st.lists(st.sampled_from([0.0, 0.0, -2.0, math.nan]), min_size=len(log), max_size=len(log)))
        )
        whole = peel_of(replace(log, logprobs=log.logprobs + wrong, metadata={"model": f"model {k}"}))
        peels.append(replace(whole.at(np.flatnonzero(kept)), sources={"parameters": str(10**k)}))
    return peels


def by_hand(peels: Sequence[Peel]) -> tuple[list[Peel], list[int]]:
    """The rows of each whose position all have, predicted by all or by none; how many predicted ones are left out."""
    seen = [
        {p: not math.isnan(x) for p, x in zip(each.log.positions.tolist(), each.log.logprobs.tolist(), strict=True)}
        for each in peels
    ]
    common = {p for p in seen[0] if all(p in each and each[p] == seen[0][p] for each in seen)}
    cut = [each.at([row for row, p in enumerate(each.log.positions.tolist()) if p in common]) for each in peels]
    return cut, [sum(known for p, known in each.items() if p not in common) for each in seen]


def plain(document: Any) -> Any:
    """A document without what says that rows were left out."""
    if isinstance(document, dict):
        return {key: plain(value) for key, value in document.items() if key != "left_out"}
    if isinstance(document, list):
        return [plain(value) for value in document]
    return re.sub(r"\|common:\d+", "", document) if isinstance(document, str) else document


def results(peels: Sequence[Any]) -> list[Any]:
    limits = [Limit("errors:1pp", "errors", 1.0, "pp", True), Limit("ngram:3", "ngram", 3.0, "", False)]
    return [
        *(each.to_json() for each in compare_all(peels[0], peels[1:])[1]),
        trend(peels).to_json(),
        *(each.to_json() for each in check(peels[1], limits, peels[0])),
    ]


@given(peels=peels_apart(), size=st.sampled_from([1, 2, 3, 1000]))
def test_common_positions_are_those_cut_by_hand(peels: list[Peel], size: int) -> None:
    cut, left_out = by_hand(peels)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(aligned, "LEAST_COMMON", 0.0)
        pair, pair_left_out = by_hand(peels[:2])
        if not all(len(each) and not np.isnan(each.log.logprobs).all() for each in (*cut, *pair)):
            return
        found = Aligned([Cut(peel, size) for peel in peels])
        rows = [[each.log.positions.tolist() for each in blocks] for blocks in found.blocks()]
        assert [p for blocks in rows for p in blocks[0]] == cut[0].log.positions.tolist()
        assert all(each == blocks[0] for blocks in rows for each in blocks)
        assert found.left_out == left_out and found.common == int((~np.isnan(cut[0].log.logprobs)).sum())
        due = results(cut[:2] + cut[2:])
        assert plain(results([Cut(peel, size) for peel in peels])[:3]) == plain(due[:3])
        verdicts = [
            each.to_json() for each in check(peels[1], [Limit("errors:1pp", "errors", 1.0, "pp", True)], peels[0])
        ]
        assert verdicts[0]["left_out"] == dict(zip(("baseline", "model"), pair_left_out, strict=True))
        backwards = compare(peels[1], peels[0])
        assert (backwards.left_out, -backwards.saved) == (tuple(pair_left_out[::-1]), compare(peels[0], peels[1]).saved)


def test_no_row_in_common_is_refused_and_so_are_few() -> None:
    peel = parts_of([range(200)])
    for rows, words in ((range(0), "only 0 positions"), (range(5), "only 5 positions")):
        with pytest.raises(BadInput, match=words):
            compare(peel, parts_of([rows, range(300, 360)]))
    assert compare(peel, parts_of([range(40), range(300, 360)])).left_out == (160, 60)


def parts_of(positions: Sequence[range]) -> Peel:
    """A peel of some parts of a text."""
    rows = np.concatenate([np.array(part, np.int64) for part in positions])
    codes = np.frombuffer(TEXT, np.uint8)[rows % len(TEXT)]
    p = np.random.default_rng(len(rows)).uniform(0.1, 0.9, len(rows))
    return replace(peel_of(PredictionLog("log", Unit.BYTE, rows, codes, np.log(p))), sources={})


def test_stated_texts_must_agree_where_rows_differ() -> None:
    peel = parts_of([range(200)])
    a, b = (
        replace(each, sources={**each.sources, WHOLE_TEXT: sha})
        for each, sha in ((peel, "1"), (peel.part(5, 200), "2"))
    )
    with pytest.raises(BadInput, match=r"different texts \(text_sha256\)"):
        compare(a, b)
    assert compare(a, replace(b, sources=a.sources)).left_out == (5, 0)


# --- commands ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def logs(errtax: Errtax) -> Errtax:
    """a: all positions; b: without the first 20, and a gap; c: another 10 null."""
    frames = {}
    for k, name in enumerate("abc"):
        p = np.random.default_rng(k).uniform(0.05, 0.99, 300)
        symbols = [bytes([b]) for b in TEXT[:300]]
        frames[name] = pd.DataFrame({"position": np.arange(300), "symbol": symbols, "logprob": np.log(p)})
    frames["b"] = frames["b"].drop(index=[*range(20), *range(100, 130)])
    frames["c"].loc[280:289, "logprob"] = np.nan
    for name, frame in frames.items():
        table = pa.Table.from_pandas(frame, preserve_index=False).replace_schema_metadata({"model": name})
        pq.write_table(table, f"{name}.parquet")
        assert errtax("peel", f"{name}.parquet", "-q").code == 0
    return errtax


def test_other_units_and_tokenizers_are_said_to_be_what_they_are(logs: Errtax) -> None:
    table = pq.read_table("a.parquet")
    for name, shift in (("t", 0), ("u", 1)):
        ids = pa.array([symbol[0] + shift for symbol in table["symbol"].to_pylist()], pa.int32())
        made = table.append_column("token", ids).replace_schema_metadata({"tokenizer_sha256": name, "model": name})
        pq.write_table(made, f"{name}.parquet")
        assert logs("peel", f"{name}.parquet", "-q").code == 0
    code, _, err = logs("compare", "a.peel.parquet", "t.peel.parquet")
    assert code == 3 and "a.peel.parquet and t.peel.parquet have other units, byte and token" in err
    code, _, err = logs("compare", "t.peel.parquet", "u.peel.parquet")
    assert code == 3 and "are of different tokenizers" in err and "errtax align" in err


def test_commands_say_what_they_leave_out(logs: Errtax) -> None:
    peels = [f"{name}.peel.parquet" for name in "abc"]
    said = "Compared on the 240 positions that all predict; left out: 60 of a.peel.parquet, 10 of b.peel.parquet, 50 of"
    for line in (["compare", *peels], ["trend", *peels, "--parameters", "1,2,3"], ["report", *peels]):
        code, out, err = logs(*line, "--json")
        assert code == 0 and said in err.replace("\n", " "), err
        if line[0] == "compare":
            assert [each["left_out"] for each in json.loads(out)["comparisons"]] == [
                {"baseline": 60, "other": n} for n in (10, 50)
            ]
        if line[0] == "trend":
            assert [each["left_out"] for each in json.loads(out)["models"]] == [60, 10, 50]
    assert "left out" not in logs("compare", *peels, "-q").err
    page = Path("report.html").read_text()
    assert '"rows":240' in page.replace(" ", "") or '"rows":250' in page.replace(" ", "")
    code, out, err = logs("check", peels[1], "--baseline", peels[0], "--max", "errors:+99pp", "--json")
    assert code == 0 and json.loads(out)["limits"][0]["left_out"] == {"baseline": 50, "model": 0}


def test_overlap_and_distance_use_common_positions(logs: Errtax) -> None:
    code, out, err = logs("overlap", "a.parquet", "b.parquet", "c.parquet", "--json")
    assert code == 0 and "left out: 50 of a.parquet, 0 of b.parquet, 50 of c.parquet" in err
    found = json.loads(out)
    assert found["positions"] == 240 and [each["left_out"] for each in found["members"]] == [60, 10, 50]
    for name in "abc":  # by hand
        frame = pd.read_parquet(f"{name}.parquet").set_index("position")
        frame.loc[[p for p in range(20, 300) if not 100 <= p < 130]].reset_index().to_parquet(f"{name}.cut.parquet")
    due = json.loads(
        logs("overlap", "a.cut.parquet", "b.cut.parquet", "c.cut.parquet", "-o", "o.parquet", "--json").out
    )
    assert plain(found)["regions"] == json.loads(json.dumps(plain(due)["regions"]).replace(".cut", ""))
    code, out, err = logs("distance", "a.parquet", "b.parquet", "--pair", "''", "--json")
    curves = json.loads(out)["pairs"][0]["curves"]
    assert code == 0 and [each["left_out"] for each in curves] == [50, 0] and "left out" in err
