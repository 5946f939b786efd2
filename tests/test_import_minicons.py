"""What minicons itself returns, against transformers; tables of it; damaged ones."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from commands import Errtax, refused

pytest.importorskip("transformers", reason="needs transformers: pip install 'errtax[hf]'")

import hf_models
from import_files import scored, write_json

LINES = ["The cat sat on the mat, and the dog sat on the log.", "It was naïve: quite, quite happy!", "cat"]
ROW = ["The", 0.0, 0]


@pytest.fixture(scope="module", params=["byte_level", "metaspace"])
def model(request: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("model")
    scored(folder, getattr(hf_models, request.param)())
    return folder


@pytest.mark.parametrize("rank", [False, True])
def test_scores_of_minicons_equal_transformers(errtax_alone: Errtax, model: Path, rank: bool) -> None:
    """Each sentence is a document; the first token, which minicons gives 0.0, is null."""
    scorer = pytest.importorskip("minicons.scorer", reason="needs minicons: pip install minicons")
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    network, tokenizer = AutoModelForCausalLM.from_pretrained(model), AutoTokenizer.from_pretrained(model)
    tokenizer.pad_token = tokenizer.eos_token
    lines = LINES[:2]
    made = scorer.IncrementalLMScorer(network, "cpu", tokenizer=tokenizer).token_score(lines, rank=rank)
    assert made[0][0][1] == 0.0
    write_json(Path("m.json"), made)
    text = "\n".join(lines) + "\n"
    Path("t").write_text(text)
    done = errtax_alone("import", "minicons", "m.json", "--text", "t")
    assert done.code == 0, done.err
    log = pd.read_parquet("preds.parquet")
    assert b"".join(log["symbol"]) == text.encode()
    expected = []
    for line in lines:
        ids = torch.tensor(tokenizer(line)["input_ids"])
        with torch.no_grad():
            logs = network(ids[None]).logits[0].log_softmax(1)
        expected.append(logs[torch.arange(len(ids) - 1), ids[1:]].numpy())
    assert log["doc"][log["logprob"].notna()].tolist() == np.repeat([0, 1], [len(e) for e in expected]).tolist()
    np.testing.assert_allclose(log["logprob"].dropna(), np.concatenate(expected), atol=1e-4)
    assert ("rank" in log) == rank
    assert not rank or log["rank"].dropna().min() >= 1
    assert errtax_alone("validate", "preds.parquet").code == 0
    assert errtax_alone("import", "minicons", "m.json", "--text", "t", "--tokenizer", model, "--force").code == 0
    with_ids = pd.read_parquet("preds.parquet")
    np.testing.assert_array_equal(with_ids["logprob"].dropna(), log["logprob"].dropna())
    assert "token" in with_ids


@pytest.mark.parametrize(
    "pieces", [["The", "Ġcat", "Ċ", "x"], ["▁The", "▁cat", "<0x0A>", "x"], ["The", " cat", "\n", "x"]]
)
def test_spellings_of_blanks(errtax_alone: Errtax, pieces: list[str]) -> None:
    write_json(Path("m.json"), [[[piece, -1.0 if k else 0.0, k] for k, piece in enumerate(pieces)]])
    Path("t").write_text("The cat\nx")
    assert errtax_alone("import", "minicons", "m.json", "--text", "t").code == 0
    log = pd.read_parquet("preds.parquet")
    assert log["symbol"].tolist() == [b"The", b" cat", b"\n", b"x"]
    assert log["logprob"].isna().tolist() == [True, False, False, False]
    assert log["rank"].fillna(0).tolist() == [0, 1, 2, 3]


def test_pieces_that_lost_their_blanks(errtax_alone: Errtax) -> None:
    """What stands before a stripped piece counts to it."""
    write_json(Path("m.json"), [["The", 0.0], ["cat", -1.0], ["s", -2.0], ["sat", -3.0]])
    Path("t").write_text("The cats  sat\n")
    assert errtax_alone("import", "minicons", "m.json", "--text", "t").code == 0
    assert pd.read_parquet("preds.parquet")["symbol"].tolist() == [b"The", b" cat", b"s", b"  sat", b"\n"]


@pytest.mark.parametrize(
    ("base", "score"), [("e", -1.5), ("2", -1.5 / np.log(2)), ("10", -1.5 / np.log(10)), ("p", np.exp(-1.5))]
)
def test_bases(errtax_alone: Errtax, base: str, score: float) -> None:
    write_json(Path("m.json"), [["The", 0.0], [" cat", score]])
    Path("t").write_text("The cat")
    assert errtax_alone("import", "minicons", "m.json", "--text", "t", "--base", base).code == 0
    assert pd.read_parquet("preds.parquet")["logprob"].iloc[1] == pytest.approx(-1.5)


def test_a_table(errtax_alone: Errtax) -> None:
    rows = [(0, "The", 0.0, 0), (0, "Ġcat", 1.5, 4), (1, "A", 0.0, 0), (1, "Ġdog", 2.5, 1)]
    pd.DataFrame(rows, columns=["sentence", "token", "surprisal", "rank"]).to_csv("m.csv", index=False)
    Path("t").write_text("The cat\nA dog\n")
    done = errtax_alone("import", "minicons", "m.csv", "--text", "t")
    assert done.code == 0, done.err
    log = pd.read_parquet("preds.parquet")
    assert log["symbol"].tolist() == [b"The", b" cat", b"\n", b"A", b" dog", b"\n"]
    assert log["logprob"].fillna(0).tolist() == [0, -1.5, 0, 0, -2.5, 0]
    assert log["doc"].tolist() == [0, 0, 1, 1, 1, 1]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (json.dumps([[ROW, ["cat", float("nan"), 1]]]), ["sentence 0, token 1", "NaN"]),
        (json.dumps([[ROW, ["cat", float("-inf"), 1]]]), ["sentence 0, token 1", "probability 0"]),
        (json.dumps([[ROW, ["cat", 2.5, 1]]]), ["sentence 0, token 1", "above 0", "surprisal"]),
        (json.dumps([[ROW, ["cat"]]]), ["sentence 0, token 1", "[token, score]"]),
        (json.dumps([[ROW, ["dog", -1.0, 1]]]), ["sentence 0, token 1", "'dog'", "another text"]),
        (json.dumps([[ROW, ["\ufffd", -1.0, 1]]]), ["--tokenizer"]),
        (json.dumps([[ROW]]), ["covers 3 of the 7 bytes"]),
        (json.dumps([ROW[:1]]), ["sentence 0, token 0", "[token, score]"]),
        (json.dumps([]), ["token_score"]),
        (json.dumps([[ROW, ["cat", -1.0, 1]]])[:-3], ["JSON", "cut off"]),
    ],
)
def test_bad_files_are_refused_with_the_token(errtax_alone: Errtax, content: str, words: list[str]) -> None:
    Path("m.json").write_text(content)
    Path("t").write_text("The cat")
    refused(errtax_alone("import", "minicons", "m.json", "--text", "t"), 3, "m.json", *words)
