"""Files in vLLM's format, from a model whose distributions are known, as token and byte logs."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from commands import Errtax, refused

pytest.importorskip("transformers", reason="needs transformers: pip install 'errtax[hf]'")

import hf_models
from errtax.lm.byte_log import ByteProjector
from import_files import Scored, scored, vllm_request, write_json


@pytest.fixture(scope="module", params=["byte_level", "metaspace"])
def of(request: Any, tmp_path_factory: pytest.TempPathFactory) -> Scored:
    return scored(tmp_path_factory.mktemp("model"), getattr(hf_models, request.param)())


def imported(errtax: Errtax, of: Scored, value: Any, text: bytes | None = None, *more: object) -> Any:
    write_json(Path("out.json"), value)
    Path("t").write_bytes(of.text if text is None else text)
    return errtax("import", "vllm", "out.json", "--text", "t", "--tokenizer", of.folder, *more)


def test_token_logs_equal_the_model(errtax_alone: Errtax, of: Scored) -> None:
    """`<s>` before the text and the space that SentencePiece invents have no row of their own."""
    done = imported(errtax_alone, of, vllm_request(of))
    assert done.code == 0, done.err
    log = pd.read_parquet("preds.parquet")
    ids, rows = of.ids[of.prefix :], of.logprobs[of.prefix :]
    first = int(of.tokenizer.vocabulary.piece(int(ids[0])) == b" ")
    assert first == 0 or of.prefix
    ids, rows = ids[first:], rows[first:]
    assert b"".join(log["symbol"]) == of.text
    assert log["token"].tolist() == ids.tolist()
    np.testing.assert_allclose(log["logprob"], rows[np.arange(len(ids)), ids])
    known = ~np.isnan(rows[:, 0])
    assert known.sum() == len(ids) - (of.prefix == 0)
    assert log["argmax_token"][known].tolist() == rows[known].argmax(1).tolist()
    np.testing.assert_allclose(log["argmax_logprob"][known], rows[known].max(1), rtol=1e-6)
    better = (rows > rows[np.arange(len(ids)), ids][:, None]).sum(1)
    assert log["rank"][known].tolist() == (better + 1)[known].tolist()
    assert (log["start"] == np.cumsum([0, *map(len, log["symbol"])])[:-1]).all()
    assert errtax_alone("validate", "preds.parquet").code == 0


def test_whole_vocabularies_give_the_byte_log(errtax_alone: Errtax, of: Scored) -> None:
    done = imported(errtax_alone, of, vllm_request(of, top=-1))
    assert done.code == 0, done.err
    log = pd.read_parquet("preds.parquet")
    ids, rows = of.ids[of.prefix :], of.logprobs[of.prefix :]
    invented = of.tokenizer.encode(of.text).invented
    expected = ByteProjector(of.tokenizer.vocabulary, invented).add(ids, np.nan_to_num(rows), ~np.isnan(rows[:, 0]))
    assert b"".join(log["symbol"]) == of.text
    np.testing.assert_allclose(log["logprob"], expected.logprob, rtol=1e-6)
    assert (log["argmax"] == [bytes([b]) for b in expected.argmax]).all()


@pytest.mark.parametrize("shape", ["list", "lines", "server"])
def test_dumps_and_answers_of_the_server(errtax_alone: Errtax, of: Scored, shape: str) -> None:
    """Two requests, each a document; ids that are not stated are each entry's first."""
    request = vllm_request(of)
    text = of.text + b"\n" + of.text
    Path("t").write_bytes(text)
    if shape == "list":
        write_json(Path("out.json"), [request, request])
    elif shape == "lines":
        Path("out.json").write_text(2 * (json.dumps(request) + "\n"))
    else:
        choice = {"index": 0, "text": "", "logprobs": None, "prompt_logprobs": request["prompt_logprobs"]}
        write_json(Path("out.json"), {"model": "tiny", "choices": [choice, choice]})
    done = errtax_alone("import", "vllm", "out.json", "--text", "t", "--tokenizer", of.folder)
    assert done.code == 0, done.err
    log = pd.read_parquet("preds.parquet")
    assert b"".join(log["symbol"]) == text
    assert sorted(set(log["doc"])) == [0, 1]
    one, other = (log[log["doc"] == k].reset_index(drop=True) for k in (0, 1))
    gap = len(other) - len(one)
    assert gap in (1, 2) and other["logprob"][:gap].isna().all()
    assert b"".join(other["symbol"][:gap]) == b"\n"
    assert other["token"][gap:].tolist() == one["token"].tolist()
    np.testing.assert_array_equal(other["logprob"][gap:], one["logprob"])


def test_without_alternatives_only_ranks_are_known(errtax_alone: Errtax, of: Scored) -> None:
    assert imported(errtax_alone, of, vllm_request(of, top=0)).code == 0
    assert set(pd.read_parquet("preds.parquet").columns) == {
        "position", "symbol", "logprob", "token", "rank", "start"
    }  # fmt: skip


def test_decoded_tokens_are_not_looked_at(errtax_alone: Errtax, of: Scored) -> None:
    request = vllm_request(of)
    assert imported(errtax_alone, of, request).code == 0
    before = pd.read_parquet("preds.parquet")
    for entry in request["prompt_logprobs"][1:]:
        for value in entry.values():
            value["decoded_token"] = ""
    assert imported(errtax_alone, of, request, None, "--force").code == 0
    pd.testing.assert_frame_equal(pd.read_parquet("preds.parquet"), before)


def changed(of: Scored, row: int, **values: Any) -> dict[str, Any]:
    request = vllm_request(of)
    request["prompt_logprobs"][row][str(of.ids[row])] |= values
    return request


def without(request: dict[str, Any], row: int) -> dict[str, Any]:
    del request["prompt_logprobs"][row]
    return request


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda of: changed(of, 5, logprob=float("nan")), ["prompt_logprobs[5]", "NaN"]),
        (lambda of: changed(of, 5, logprob=float("-inf")), ["prompt_logprobs[5]", "probability 0"]),
        (lambda of: changed(of, 5, logprob=-9999.0), ["prompt_logprobs[5]", "probability 0", "-9999"]),
        (lambda of: changed(of, 5, logprob=0.5), ["prompt_logprobs[5]", "above 0"]),
        (lambda of: changed(of, 5, logprob="-1"), ["prompt_logprobs[5]", "'-1'"]),
        (lambda of: changed(of, 5, rank=0), ["prompt_logprobs[5]", "rank"]),
        (lambda of: without(vllm_request(of), 7), ["entries for", "cut off"]),
        (lambda of: vllm_request(of) | {"prompt_logprobs": [None, None, {}]}, ["prompt_logprobs[2]"]),
        (lambda of: vllm_request(of) | {"prompt_logprobs": None}, ["no prompt_logprobs", "SamplingParams"]),
        (lambda of: {"outputs": []}, ["no prompt_logprobs"]),
        (lambda of: [1], ["int"]),
        (lambda of: vllm_request(of) | {"prompt_token_ids": "x"}, ["prompt_token_ids"]),
        (
            lambda of: vllm_request(of) | {"prompt_token_ids": [*of.ids[:-1].tolist(), 100_000]},
            ["does not have the prompt's own token 100000"],
        ),
    ],
)
def test_bad_files_are_refused_with_the_entry(errtax_alone: Errtax, of: Scored, make: Any, words: list[str]) -> None:
    refused(imported(errtax_alone, of, make(of)), 3, "out.json", *words)
    assert not Path("preds.parquet").exists()


@pytest.mark.parametrize("content", ["", "{", '[{"prompt_logprobs": [null, {"1": {"logp', "[" * 100_000])
def test_files_that_are_no_json(errtax_alone: Errtax, of: Scored, content: str) -> None:
    Path("out.json").write_text(content)
    Path("t").write_bytes(of.text)
    refused(errtax_alone("import", "vllm", "out.json", "--text", "t", "--tokenizer", of.folder), 3, "out.json", "JSON")


def test_another_text_names_the_first_entry_that_differs(errtax_alone: Errtax, of: Scored) -> None:
    k = 9
    start = len(of.tokenizer.vocabulary.bytes_of(of.ids[of.prefix : k])) - len(of.tokenizer.encode(of.text).invented)
    text = of.text[:start] + b"#" + of.text[start + 1 :]
    refused(imported(errtax_alone, of, vllm_request(of), text), 3, f"prompt_logprobs[{k}]", f"byte {start:,}", "'#")
    refused(imported(errtax_alone, of, vllm_request(of), of.text + b"more"), 3, f"covers {len(of.text)} of", "'more'")
    refused(imported(errtax_alone, of, vllm_request(of), of.text[:-9]), 3, "prompt_logprobs[", "at byte")


def test_another_tokenizer(errtax_alone: Errtax, of: Scored, tmp_path: Path) -> None:
    hf_models.byte_level(290).save_pretrained(tmp_path / "other")
    write_json(Path("out.json"), vllm_request(of))
    Path("t").write_bytes(of.text)
    done = errtax_alone("import", "vllm", "out.json", "--text", "t", "--tokenizer", tmp_path / "other")
    refused(done, 3, "prompt_logprobs[", "tokenizer")
    refused(errtax_alone("import", "vllm", "out.json", "--text", "t"), 2, "--tokenizer")


def test_special_tokens_in_the_text(errtax_alone: Errtax, of: Scored) -> None:
    """A server reads a literal `<|endoftext|>` or `</s>` as its special token."""
    request = vllm_request(of)
    special = 0 if of.prefix == 0 else 2
    k = 10
    request["prompt_token_ids"][k] = special
    request["prompt_logprobs"][k] = {str(special): {"logprob": -1.0, "rank": 1}}
    refused(imported(errtax_alone, of, request), 3, f"prompt_logprobs[{k}]", "special token")


def test_rows_that_are_off_by_one(errtax_alone: Errtax, tmp_path: Path) -> None:
    """With a model that is often right: its logits are those of the text's own tokens, made likely."""
    of = scored(tmp_path, hf_models.byte_level())
    rng = np.random.default_rng(0)
    right = rng.random(len(of.ids)) < 0.5
    of.logprobs[np.arange(len(of.ids)), of.ids] = np.where(right, -1e-3, of.own)
    of.logprobs[0] = np.nan
    assert imported(errtax_alone, of, vllm_request(of)).code == 0
    moved = of._replace(logprobs=np.concatenate([of.logprobs[:1], of.logprobs[2:], of.logprobs[1:2]]))
    refused(imported(errtax_alone, moved, vllm_request(moved), None, "--force"), 3, "off by one", "after it")
