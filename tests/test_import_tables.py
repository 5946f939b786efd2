"""Tables of any origin: their formats, their columns, the bases of their logs, and what is refused."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.feather
import pytest

from commands import Errtax, refused

TEXT = 'The "cat",\n naïve\tcafé; 猫\n'
PIECES = ["The", ' "', "cat", '",', "\n", " na", "ïve", "\t", "café;", " 猫", "\n"]
LOGPROBS = [np.nan, *np.linspace(-9, -0.1, len(PIECES) - 1)]
FRAME = pd.DataFrame(
    {
        "position": np.arange(len(PIECES)),
        "symbol": PIECES,
        "logprob": LOGPROBS,
        "rank": pd.array([None, *range(10, 0, -1)], "Int64"),
    }
)


def write(frame: pd.DataFrame, name: str) -> str:
    path = Path(name)
    if path.suffix in (".csv", ".tsv"):
        frame.to_csv(path, index=False, sep="," if path.suffix == ".csv" else "\t")
    elif path.suffix == ".jsonl":
        path.write_text(frame.to_json(orient="records", lines=True))
    elif path.suffix == ".parquet":
        frame.to_parquet(path)
    else:
        table = pa.Table.from_pandas(frame)
        if path.suffix == ".feather":
            pyarrow.feather.write_feather(table, path)
        else:
            make: Any = pa.ipc.new_stream if path.stem == "stream" else pa.ipc.new_file
            with pa.OSFile(name, "wb") as sink, make(sink, table.schema) as writer:
                writer.write_table(table)
    Path("t").write_text(TEXT)
    return name


@pytest.mark.parametrize("name", ["a.csv", "a.tsv", "a.jsonl", "a.parquet", "a.arrow", "stream.arrow", "a.feather"])
def test_all_formats_give_the_same_log(errtax_alone: Errtax, name: str) -> None:
    done = errtax_alone("import", "table", write(FRAME, name), "--text", "t")
    assert done.code == 0, done.err
    log = pd.read_parquet("preds.parquet")
    assert log["symbol"].tolist() == [piece.encode() for piece in PIECES]
    np.testing.assert_allclose(log["logprob"], LOGPROBS)
    assert log["rank"].fillna(0).tolist() == [0, *range(10, 0, -1)]
    assert log["start"].tolist() == np.cumsum([0, *(len(piece.encode()) for piece in PIECES)])[:-1].tolist()
    assert errtax_alone("validate", "preds.parquet").code == 0


@pytest.mark.parametrize("column", ["logprob", "surprisal"])
@pytest.mark.parametrize("base", ["e", "2", "10", "p"])
def test_bases_and_names(errtax_alone: Errtax, base: str, column: str) -> None:
    logs = np.array(LOGPROBS)
    scores = np.exp(logs) if base == "p" else logs / {"e": 1.0, "2": np.log(2), "10": np.log(10)}[base]
    if column == "surprisal":
        if base == "p":
            return
        scores = -scores
    write(pd.DataFrame({"word": PIECES, "score": scores}), "a.csv")
    columns = f"symbol=word,{column}=score"
    assert errtax_alone("import", "table", "a.csv", "--text", "t", "--base", base, "--columns", columns).code == 0
    np.testing.assert_allclose(pd.read_parquet("preds.parquet")["logprob"], LOGPROBS)


def test_tokens_that_are_text_under_the_name_of_ids(errtax_alone: Errtax) -> None:
    write(FRAME.rename(columns={"symbol": "token"}), "a.csv")
    assert errtax_alone("import", "table", "a.csv", "--text", "t", "--columns", "symbol=token").code == 0
    log = pd.read_parquet("preds.parquet")
    assert log["symbol"].tolist() == [piece.encode() for piece in PIECES] and "token" not in log


def test_logs_under_base_p_are_said_to_be_none(errtax_alone: Errtax) -> None:
    done = errtax_alone("import", "table", write(FRAME, "a.csv"), "--text", "t", "--base", "p")
    refused(done, 3, "row 2", "leave out --base p")


def test_documents(errtax_alone: Errtax) -> None:
    """Longer than the rows that are read at a time, and documents that run across them."""
    n = 20_000
    frame = pd.DataFrame({"symbol": ["ab", " c"] * n, "logprob": -1.0, "doc": np.arange(2 * n) // 7_000})
    frame.to_parquet("a.parquet")
    Path("t").write_text("ab c" * n)
    done = errtax_alone("import", "table", "a.parquet", "--text", "t")
    assert done.code == 0, done.err
    log = pd.read_parquet("preds.parquet")
    assert log["symbol"].tolist() == [b"ab", b" c"] * n
    assert log["doc"].tolist() == frame["doc"].tolist()


def changed(column: str, row: int, value: Any) -> pd.DataFrame:
    frame = FRAME.astype(object)
    frame.loc[row, column] = value
    return frame


@pytest.mark.parametrize(
    ("frame", "words"),
    [
        (changed("logprob", 3, "nan"), ["row 4", "NaN"]),
        (changed("logprob", 3, "-inf"), ["row 4", "probability 0"]),
        (changed("logprob", 3, -9999.0), ["row 4", "probability 0"]),
        (changed("logprob", 3, 0.5), ["row 4", "above 0", "--base p"]),
        (changed("logprob", 3, "x"), ["row 4", "'x'", "not a number"]),
        (changed("rank", 3, 1.5), ["row 4", "rank is 1.5"]),
        (changed("position", 3, 1), ["row 4", "position 1 after 2"]),
        (FRAME.drop(columns="symbol").assign(token=PIECES), ["row 1", "not a number", "--columns symbol=token"]),
        (changed("symbol", 3, "dog"), ["row 4", "'dog'", "another text"]),
        (changed("symbol", 3, ""), ["row 4", "empty"]),
        (FRAME.drop(index=3), ["row 4", "another text"]),
        (FRAME[:5], ["covers 11 of", "head -c 11"]),
        (FRAME.assign(logprob=np.nan), ["predicts none"]),
        (FRAME[:0], ["no tokens"]),
        (FRAME.drop(columns="logprob"), ["logprob or surprisal", "--columns logprob=score"]),
        (FRAME.drop(columns="symbol"), ["--columns symbol=word"]),
    ],
)
def test_bad_tables_are_refused_with_the_row(errtax_alone: Errtax, frame: pd.DataFrame, words: list[str]) -> None:
    refused(errtax_alone("import", "table", write(frame, "a.csv"), "--text", "t"), 3, "a.csv", *words)
    assert not Path("preds.parquet").exists()


@pytest.mark.parametrize("name", ["a.csv", "a.jsonl", "a.parquet", "a.arrow", "stream.arrow", "a.feather"])
def test_files_that_are_cut_off(errtax_alone: Errtax, name: str) -> None:
    write(FRAME, name)
    content = Path(name).read_bytes()
    Path(name).write_bytes(content[: len(content) * 2 // 3 - 2])
    refused(errtax_alone("import", "table", name, "--text", "t"), 3)
    assert not Path("preds.parquet").exists()


def test_options_that_do_not_fit(errtax_alone: Errtax) -> None:
    write(FRAME, "a.csv")
    for columns, words in (("logprob=score", "no column 'score'"), ("p=logprob", "'p' is none"), ("x", "not a list")):
        refused(errtax_alone("import", "table", "a.csv", "--text", "t", "--columns", columns), 2, words)
    refused(errtax_alone("import", "kenlm", "a.csv", "--text", "t", "--columns", "logprob=rank"), 2, "--columns")
    Path("a.xyz").write_text("a")
    refused(errtax_alone("import", "table", "a.xyz", "--text", "t"), 3, ".parquet", ".xyz")
    FRAME.rename(columns={"symbol": "piece"}).assign(token=1).to_csv("ids.csv", index=False)
    refused(errtax_alone("import", "table", "ids.csv", "--text", "t"), 2, "--tokenizer")
