"""Positions without a prediction are counted aloud: pandas writes NaN as null, and a NaN must not pass as right."""

import json
import logging

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import errtax as package
from commands import Errtax, refused
from errtax.lm.errors import BadInput


def forget(rows: slice) -> pd.DataFrame:
    """The log of the folder, with NaN in some rows, in nulls.parquet."""
    frame = pd.read_parquet("preds.parquet")
    frame.loc[rows, "logprob"] = np.nan
    frame.to_parquet("nulls.parquet")
    return frame


def test_peel_and_validate_say_how_many(errtax: Errtax) -> None:
    forget(slice(10, 19))  # both ends included
    made = errtax("peel", "--preds", "nulls.parquet", "--train-text", "train.txt", "--json")
    assert "nulls.parquet: 10 of 300 positions not predicted (null); they are not counted. pandas" in made.err
    document = json.loads(made.out)
    assert (document["positions"], document["unpredicted"]) == (290, 10)
    for path in ("nulls.parquet", "nulls.peel.parquet"):
        checked = errtax("validate", path)
        assert checked.code == 0
        assert "10 of 300 positions not predicted" in checked.err


@pytest.mark.parametrize("rows", [slice(0, 0), slice(1, 0)])
def test_one_is_the_first_and_needs_no_word(errtax: Errtax, rows: slice) -> None:
    forget(rows)
    assert "not predicted" not in errtax("validate", "nulls.parquet").err


def test_few_are_a_notice_and_many_a_warning(errtax: Errtax, caplog: pytest.LogCaptureFixture) -> None:
    for last, level in ((2, logging.INFO), (3, logging.WARNING)):
        caplog.clear()
        forget(slice(0, last))
        with caplog.at_level(logging.INFO, "errtax"):
            package.peel("nulls.parquet", train="train.txt")
        said = [record for record in caplog.records if "not predicted" in record.getMessage()]
        assert [record.levelno for record in said] == [level]


def test_none_is_an_error(errtax: Errtax) -> None:
    forget(slice(None))
    words = ["nulls.parquet", "none of its 300 positions is predicted", "NaN"]
    refused(errtax("peel", "--preds", "nulls.parquet", "--train-text", "train.txt"), 3, *words)
    assert errtax("validate", "nulls.parquet").code == 1
    refused(errtax("distance", "--preds", "nulls.parquet"), 3, *words)


def test_a_peel_in_which_none_is_predicted_is_refused(errtax: Errtax) -> None:
    frame = pd.read_parquet("preds.parquet").assign(logprob=-0.1)
    frame.to_parquet("sure.parquet")
    assert errtax("peel", "--preds", "sure.parquet", "--train-text", "train.txt", "--ngram-max", "3").code == 0
    table = pq.read_table("sure.peel.parquet")
    place = table.schema.get_field_index("logprob")
    nulls = pa.nulls(len(table), table.schema.field(place).type)
    pq.write_table(table.set_column(place, table.schema.field(place), nulls), "null.peel.parquet")
    for command in (["stats"], ["check", "--max", "errors:1"], ["report"]):
        refused(errtax(*command, "null.peel.parquet"), 3, "none of its 300 positions is predicted")


def test_python_says_it_too(errtax: Errtax) -> None:
    frame = forget(slice(10, 19))
    peel = package.peel(frame, train="train.txt")
    assert peel.summary.unpredicted == 10
    assert "of 290 positions, 10 more not predicted;" in repr(peel)
    with pytest.raises(BadInput, match="none of its 300 positions"):
        package.peel(frame.assign(logprob=np.nan), train="train.txt")
