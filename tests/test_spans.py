"""`errtax align`: spans between the ends that tokens of all logs share, against a naive twin; logs that do not fit."""

import json
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from commands import Errtax
from errtax.lm.errors import BadInput, UsageError
from errtax.lm.log_reader import read_log
from errtax.lm.spans import align_logs
from errtax.lm.surface import Surface
from errtax.lm.text import Unit
from errtax.lm.token_log import TokenRows
from naive_tokens import sums_between
from test_token_logs import tokenised, write_tokens


def rows_of(pieces: list[bytes], logprobs: list[float], ranks: list[int] | None = None) -> TokenRows:
    symbol = Surface.of(pieces)
    return TokenRows(
        position=np.arange(len(pieces)),
        symbol=symbol,
        start=symbol.ends[:-1],
        logprob=np.array(logprobs),
        rank=None if ranks is None else np.array(ranks),
    )


def cut(content: bytes, cuts: set[int]) -> list[bytes]:
    ends = [0, *sorted(c for c in cuts if c < len(content)), len(content)]
    return [content[a:b] for a, b in pairwise(ends)]


@hypothesis_settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(tokenised(), st.sets(st.integers(1, 60)), st.sets(st.integers(1, 60)), st.integers(1, 4), st.data())
def test_sums_are_those_between_common_ends(
    tmp_path: Path, one: list[bytes], cuts: set[int], more: set[int], block: int, draw: st.DataObject
) -> None:
    texts = [one, cut(b"".join(one), cuts), cut(b"".join(one), more)]
    values = st.sampled_from([-0.25, -1.5, float("-inf"), float("nan"), 0.0])
    given_p = [draw.draw(st.lists(values, min_size=len(t), max_size=len(t))) for t in texts]
    given_p[0][0] = -1.0
    for p in given_p:
        p[-1] = -1.0  # something is predicted
    ranks = [[0 if np.isnan(p) else 1 + k % 2 for k, p in enumerate(each)] for each in given_p]
    paths = [
        write_tokens(tmp_path / f"{k}.parquet", rows_of(*each), unit="token", model=f"m{k}")
        for k, each in enumerate(zip(texts, given_p, ranks, strict=True))
    ]
    ends = [np.cumsum([len(piece) for piece in text]).tolist() for text in texts]
    common, due = sums_between(ends, given_p)
    if np.isnan(due).all(axis=1).any():
        return  # a log in which nothing is predicted is none
    made = align_logs(paths, tmp_path / "spans", force=True, rows=block)
    assert made.spans == len(common)
    for k, written in enumerate(made.logs):
        log = read_log(written.path)
        assert log.unit is Unit.SPAN and not log.has_ids
        assert log.starts is not None and log.starts.tolist() == [0, *common[:-1]]
        assert log.content == b"".join(one)
        assert np.array_equal(log.logprobs, due[k], equal_nan=True)
        begin = 0
        for s, end in enumerate(common):
            inside = [r for e, r in zip(ends[k], ranks[k], strict=True) if begin < e <= end]
            assert log.ranks is not None
            assert log.ranks[s] == (0 if 0 in inside else 1 if set(inside) == {1} else 2)
            begin = end
        assert log.metadata["partners"] == "m0,m1,m2"


def test_logs_of_other_texts_are_refused_with_the_first_difference(tmp_path: Path) -> None:
    a = write_tokens(tmp_path / "a.parquet", rows_of([b"The", b" cat"], [-1, -1]), unit="token")
    b = write_tokens(tmp_path / "b.parquet", rows_of([b"Th", b"e c", b"ut"], [-1, -1, -1]), unit="token")
    c = write_tokens(tmp_path / "c.parquet", rows_of([b"The", b" cat", b"s"], [-1, -1, -1]), unit="token")
    with pytest.raises(BadInput, match=r"at byte 5 the first has 'at', the second 'ut'"):
        align_logs([a, b], tmp_path / "spans")
    with pytest.raises(BadInput, match=r"at byte 7 the first has nothing more, the second 's'"):
        align_logs([a, c], tmp_path / "spans")
    with pytest.raises(UsageError, match="two or more"):
        align_logs([a], tmp_path / "spans")
    assert not (tmp_path / "spans").exists()


def test_the_command_writes_a_log_for_each(tmp_path: Path, errtax: Errtax) -> None:
    for name, pieces in (("a", [b"The", b" cat", b" sat"]), ("b", [b"The c", b"at", b" sat"])):
        write_tokens(tmp_path / f"{name}.parquet", rows_of(pieces, [-1, -2, -0.1], [1, 2, 1]), unit="token", model=name)
    paths = [str(tmp_path / name) for name in ("a.parquet", "b.parquet")]
    found = json.loads(errtax("align", *paths, "-o", str(tmp_path / "spans"), "--json").out)
    assert found["schema"] == "errtax.align/1"
    assert found["spans"] == 2 and "unit:span(a,b)" in found["signature"]
    peels = []
    for name in ("a", "b"):
        assert errtax("validate", f"spans/{name}.parquet").code == 0
        made = errtax("peel", "--preds", f"spans/{name}.parquet", "--train-text", "train.txt")
        assert made.code == 0
        assert "ngram (spans have no ids of tokens, which an n-gram model needs)" in made.err
        peels.append(f"{name}.peel.parquet")
    assert "unit:span(a,b)" in made.out
    assert errtax("compare", *peels).code == 0
    assert errtax("repeel", peels[0], "--criterion", "argmax", "-o", "again.parquet").code == 0
    assert errtax("show", peels[0]).code == 0
    assert errtax("report", *peels).code == 0
    shared = ("spans/a.parquet", "spans/b.parquet")
    assert errtax("overlap", *shared, "--min-count", "1", "--figure", "overlap.png").code == 0
    assert "The cat" in pd.read_parquet("overlap.parquet")["symbol"].map(bytes.decode).tolist()
    refused = errtax("distance", *shared)
    assert refused.code == 2 and "give logs of bytes" in refused.err
    assert errtax("stats", peels[0]).code == 0
