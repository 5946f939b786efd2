"""What `validate` and `peel` say of a log."""

import json
import math
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from commands import Errtax
from doctor_texts import Made, invented


@pytest.fixture
def logs(errtax_alone: Errtax, made: Made) -> Errtax:
    """Logs sound.parquet, and late.parquet, off by one; the reference x.ngram; test.txt."""
    codes, x, _, _ = made
    for name, values in (("sound", x), ("late", np.append(math.log(0.3), x[:-1]))):
        columns = {"position": np.arange(len(x)), "symbol": [bytes([c]) for c in codes.tolist()], "logprob": values}
        pq.write_table(pa.table(columns), f"{name}.parquet")
    Path("test.txt").write_bytes(codes.tobytes())
    Path("train.txt").write_bytes(invented(30_000, 4))
    assert errtax_alone("build-ngram", "train.txt", "--order", 10, "-o", "x.ngram").code == 0
    return errtax_alone


def test_validate_says_what_is_suspected(logs: Errtax) -> None:
    assert logs("validate", "sound.parquet", "--ngram", "x.ngram").code == 0
    code, out, _ = logs("validate", "late.parquet", "--ngram", "x.ngram", "--json")
    (found,) = json.loads(out)["findings"]
    assert (code, found["name"], found["level"]) == (1, "lag", "suspicion")
    code, out, _ = logs("validate", "late.parquet", "--train-text", "train.txt")
    assert code == 1 and "suspicion: its values correlate" in out
    code, out, _ = logs("validate", "sound.parquet", "--ngram", "x.ngram", "--train-text", "test.txt", "--json")
    assert code == 1 and [each["name"] for each in json.loads(out)["findings"]] == ["contained"]
    assert "findings" not in json.loads(logs("validate", "late.parquet", "--json").out)
    table = pq.read_table("sound.parquet")
    for unit, words in (("token", "--train-text is text"), ("span", "spans have no n-grams")):
        pq.write_table(table.replace_schema_metadata({"unit": unit}), "t.parquet")
        code, _, err = logs("validate", "t.parquet", "--train-text", "train.txt")
        assert code == 2 and words in err
    code, _, err = logs("validate", "x.ngram", "--ngram", "x.ngram")
    assert code == 2 and "examine a prediction log" in err


def test_a_peel_warns(logs: Errtax) -> None:
    code, _, err = logs("peel", "late.parquet", "--ngram", "x.ngram")
    assert code == 0 and "late.parquet: suspicion: its values correlate" in err
    assert "suspicion" not in logs("peel", "sound.parquet", "--ngram", "x.ngram").err


@pytest.mark.parametrize("first", [math.nan, -0.5])
def test_a_text_of_one_symbol_has_no_language(logs: Errtax, first: float) -> None:
    Path("one.txt").write_text("a" * 500)
    columns = {"position": range(400), "symbol": ["a"] * 400, "logprob": [None if math.isnan(first) else first]}
    columns["logprob"] = [*columns["logprob"], *[-0.5] * 399]
    pq.write_table(pa.table(columns), "one.parquet")
    assert logs("validate", "one.parquet", "--train-text", "one.txt").code in (0, 1)
    assert logs("peel", "one.parquet", "--train-text", "one.txt").code == 0


def test_streams_begin_in_the_middle_of_a_text(logs: Errtax) -> None:
    """A byte that only one token goes on with has p = 1; at the beginning of a text nothing has."""
    table = pq.read_table("sound.parquet")
    values = table["logprob"].to_numpy().copy()
    values[0] = 0.0
    for streams, code in (("1", 1), ("2", 0)):
        made = table.set_column(2, "logprob", pa.array(values))
        pq.write_table(made.replace_schema_metadata({"streams": streams, "symbols": str(len(values))}), "one.parquet")
        assert logs("validate", "one.parquet", "--ngram", "x.ngram").code == code
    Path("ids.txt").write_text(" ".join(map(str, invented(30_000, 4))))
    assert logs("build-ngram", "ids.txt", "--unit", "token", "--order", 10, "-o", "ids.ngram").code == 0
    ids = pa.array([symbol[0] for symbol in table["symbol"].to_pylist()], pa.int32())
    for context, code in ((0, 1), (3, 0)):
        made = table.set_column(2, "logprob", pa.array(values)).append_column("token", ids)
        made = made.append_column("context", pa.array(np.full(len(values), context, np.int32)))
        pq.write_table(made, "tokens.parquet")
        assert logs("validate", "tokens.parquet", "--ngram", "ids.ngram").code == code


def test_ranks_of_tokens_are_read(logs: Errtax, made: Made) -> None:
    """The third, where the model says p > .4; in a peel, too."""
    table, x = pq.read_table("sound.parquet"), made[1]
    table = table.append_column("token", pa.array(made[0].astype(np.int32)))
    Path("ids.txt").write_text(" ".join(map(str, invented(30_000, 4))))
    assert logs("build-ngram", "ids.txt", "--unit", "token", "--order", 10, "-o", "ids.ngram").code == 0
    for name, third, code in (("right", x < math.log(0.3), 0), ("wrong", x > math.log(0.4), 1)):
        rank = pa.array(np.where(third, 3, 1), pa.int32())
        pq.write_table(table.append_column("rank", rank), f"{name}.parquet")
        assert logs("validate", f"{name}.parquet", "--ngram", "ids.ngram").code == code
        assert ("of rank k" in logs("peel", f"{name}.parquet", "--ngram", "ids.ngram").err) == bool(code)


def test_entropy_of_a_log_is_read(logs: Errtax, made: Made) -> None:
    table = pq.read_table("sound.parquet")
    entropy = np.where(np.arange(len(table)) % 3 == 0, 0.2, np.where(np.arange(len(table)) % 3 == 1, 0.8, 2.5))
    values = -entropy * np.random.default_rng(2).exponential(1, len(table)) / math.log(2)
    table = table.set_column(2, "logprob", pa.array(values)).append_column("entropy", pa.array(entropy))
    pq.write_table(table, "bits.parquet")
    code, out, _ = logs("validate", "bits.parquet", "--ngram", "x.ngram", "--json")
    assert code == 1 and "bits" in [each["name"] for each in json.loads(out)["findings"]]
