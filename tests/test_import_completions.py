"""Answers in the format of OpenAI-style completions, from a model whose distributions are known."""

from copy import deepcopy
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from commands import Errtax, refused

pytest.importorskip("transformers", reason="needs transformers: pip install 'errtax[hf]'")

import hf_models
from import_files import Scored, completion, scored, write_json


@pytest.fixture(scope="module", params=["byte_level", "metaspace"])
def of(request: Any, tmp_path_factory: pytest.TempPathFactory) -> Scored:
    return scored(tmp_path_factory.mktemp("model"), getattr(hf_models, request.param)())


def imported(errtax: Errtax, of: Scored, value: Any, *more: object, text: bytes | None = None) -> Any:
    write_json(Path("out.json"), value)
    Path("t").write_bytes(of.text if text is None else text)
    return errtax("import", "completions", "out.json", "--text", "t", *more)


@pytest.mark.parametrize("with_tokenizer", [False, True])
def test_token_logs_equal_the_model(errtax_alone: Errtax, of: Scored, with_tokenizer: bool) -> None:
    """With characters of several bytes and of several tokens, which `text_offset` counts otherwise."""
    done = imported(errtax_alone, of, completion(of), *(["--tokenizer", of.folder] if with_tokenizer else []))
    assert done.code == 0, done.err
    log = pd.read_parquet("preds.parquet")
    ids, rows = of.ids[of.prefix :], of.logprobs[of.prefix :]
    assert b"".join(log["symbol"]) == of.text
    assert ("token" in log) == with_tokenizer
    assert not with_tokenizer or log["token"].tolist() == ids.tolist()
    np.testing.assert_allclose(log["logprob"], rows[np.arange(len(ids)), ids])
    better = (rows > rows[np.arange(len(ids)), ids][:, None]).sum(1)
    known = ~np.isnan(rows[:, 0])
    assert log["rank"][known].tolist() == np.minimum(better + 1, 4)[known].tolist()
    np.testing.assert_allclose(log["argmax_logprob"][known], rows[known].max(1), rtol=1e-6)
    assert errtax_alone("validate", "preds.parquet").code == 0


def test_offsets_of_the_file_are_not_bytes(of: Scored) -> None:
    """The file is as misleading as real ones: else the test above shows nothing."""
    offsets = completion(of)["choices"][0]["logprobs"]["text_offset"]
    vocabulary = of.tokenizer.vocabulary
    starts = np.cumsum([0, *(len(vocabulary.piece(int(i))) for i in of.ids[of.prefix :])])[:-1]
    assert offsets != starts.tolist() and offsets[-1] < starts[-1]


def test_collisions_leave_rank_and_best_token_unknown(errtax_alone: Errtax, of: Scored) -> None:
    """Two tokens that look alike leave one key, with the lower value: the best token may have been the other."""
    answer = completion(of)
    top = answer["choices"][0]["logprobs"]["top_logprobs"]
    for row in (4, 9):
        top[row] = dict(sorted(top[row].items(), key=lambda pair: pair[1])[:2])
    done = imported(errtax_alone, of, answer)
    assert done.code == 0, done.err
    assert "in 2 of" in done.err and "same text" in done.err
    log = pd.read_parquet("preds.parquet")
    assert log["rank"][[4, 9]].isna().all() and log["argmax_logprob"][[4, 9]].isna().all()
    assert log["rank"][[5, 8]].notna().all() and log["logprob"][[4, 9]].notna().all()


@pytest.mark.parametrize("ids", ["names", "lists"])
def test_ids_of_vllm(errtax_alone: Errtax, of: Scored, ids: str) -> None:
    """`return_tokens_as_token_ids` writes `token_id:17`; `return_token_ids` adds lists beside decoded pieces."""
    answer = completion(of)
    choice, own = answer["choices"][0], of.ids[of.prefix :].tolist()
    if ids == "names":
        choice["logprobs"]["tokens"] = [f"token_id:{i}" for i in own]
        choice["logprobs"]["top_logprobs"] = None
    else:
        choice["logprobs"]["tokens"] = ["\ufffd"] * len(own)
        choice["prompt_token_ids"] = own
    done = imported(errtax_alone, of, answer, "--tokenizer", of.folder)
    assert done.code == 0, done.err
    assert pd.read_parquet("preds.parquet")["token"].tolist() == own
    refused(imported(errtax_alone, of, answer, "--force"), 2 if ids == "names" else 3, "--tokenizer")


def test_what_the_model_wrote_itself_is_left_out(errtax_alone: Errtax, of: Scored) -> None:
    answer = completion(of)
    found = answer["choices"][0]["logprobs"]
    for name, value in (
        ("tokens", " dog"),
        ("token_logprobs", -1.0),
        ("text_offset", 0),
        ("top_logprobs", {" dog": -1.0}),
    ):
        found[name].append(value)
    answer["choices"][0]["text"] += " dog"
    answer["usage"] = {"completion_tokens": 1}
    assert imported(errtax_alone, of, answer).code == 0
    assert b"".join(pd.read_parquet("preds.parquet")["symbol"]) == of.text


def test_pieces_of_characters_need_the_tokenizer(errtax_alone: Errtax, of: Scored) -> None:
    """llama-cpp-python and vLLM write them as an empty string or as U+FFFD."""
    answer = completion(of)
    found = answer["choices"][0]["logprobs"]
    found["tokens"] = ["" if "bytes:" in piece else piece for piece in found["tokens"]]
    assert "" in found["tokens"]
    refused(imported(errtax_alone, of, answer), 3, "does not say what it stands for", "--tokenizer")
    assert imported(errtax_alone, of, answer, "--tokenizer", of.folder).code == 0
    log = pd.read_parquet("preds.parquet")
    assert log["token"].tolist() == of.ids[of.prefix :].tolist()


def test_echo_of_llama_cpp_python_without_bos_is_off_by_one(errtax_alone: Errtax, tmp_path: Path) -> None:
    of = scored(tmp_path, hf_models.byte_level())
    right = np.random.default_rng(0).random(len(of.ids)) < 0.5
    of.logprobs[np.arange(len(of.ids)), of.ids] = np.where(right, -1e-3, of.own)
    of.logprobs[0] = np.nan
    assert imported(errtax_alone, of, completion(of)).code == 0
    done = imported(errtax_alone, of, completion(of, shift=1), "--force")
    refused(done, 3, "off by one", "after it", "llama-cpp-python")


def test_a_file_whose_numbers_are_all_one_row_early_is_off_by_one(errtax_alone: Errtax, of: Scored) -> None:
    """Both lists: the best token is then never a neighbour's, but its own token is missing among the alternatives."""
    answer = completion(of)
    logprobs = answer["choices"][0]["logprobs"]
    for key in ("token_logprobs", "top_logprobs"):
        logprobs[key] = [*logprobs[key][1:], logprobs[key][-1]]
    refused(imported(errtax_alone, of, answer), 3, "off by one", "token_logprobs[0]", "write null there")


def test_several_choices_are_documents(errtax_alone: Errtax, of: Scored) -> None:
    answer = completion(of)
    answer["choices"] = [answer["choices"][0], deepcopy(answer["choices"][0])]
    assert imported(errtax_alone, of, answer, text=of.text + b"\n\n" + of.text).code == 0
    log = pd.read_parquet("preds.parquet")
    assert b"".join(log["symbol"]) == of.text + b"\n\n" + of.text
    one, other = (log["logprob"][log["doc"] == k].to_numpy() for k in (0, 1))
    np.testing.assert_array_equal(other, np.concatenate([[np.nan], one]))  # the blanks between them


def with_logprobs(of: Scored, **changes: Any) -> dict[str, Any]:
    answer = completion(of)
    answer["choices"][0]["logprobs"] |= changes
    return answer


def with_value(of: Scored, value: Any) -> dict[str, Any]:
    answer = completion(of)
    answer["choices"][0]["logprobs"]["token_logprobs"][6] = value
    return answer


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda of: with_value(of, -9999.0), ["token_logprobs[6]", "probability 0"]),
        (lambda of: with_value(of, float("-inf")), ["token_logprobs[6]", "probability 0"]),
        (lambda of: with_value(of, float("nan")), ["token_logprobs[6]", "NaN"]),
        (lambda of: with_value(of, 1.5), ["token_logprobs[6]", "above 0"]),
        (lambda of: with_value(of, "x"), ["token_logprobs[6]", "'x'"]),
        (lambda of: with_logprobs(of, token_logprobs=[None, -1.0]), ["2 token_logprobs", "cut off"]),
        (lambda of: with_logprobs(of, top_logprobs=[None, {}]), ["2 top_logprobs", "cut off"]),
        (lambda of: with_logprobs(of, tokens=None), ["are missing", "echo"]),
        (lambda of: {"choices": [{"text": "x", "logprobs": None}]}, ["are missing", "echo"]),
        (lambda of: {"choices": [{"logprobs": {"content": []}}]}, ["chat"]),
        (lambda of: {"choices": []}, ["no choices"]),
        (lambda of: [], ["no tokens"]),
        (lambda of: 3, ["no choices"]),
    ],
)
def test_bad_files_are_refused_with_the_row(errtax_alone: Errtax, of: Scored, make: Any, words: list[str]) -> None:
    refused(imported(errtax_alone, of, make(of)), 3, "out.json", *words)
    assert not Path("preds.parquet").exists()


def test_another_text_and_another_tokenizer(errtax_alone: Errtax, of: Scored, tmp_path: Path) -> None:
    text = of.text.replace(b"sat on the log", b"sat at the log", 1)
    refused(imported(errtax_alone, of, completion(of), text=text), 3, "token_logprobs[", "another text")
    hf_models.byte_level(290).save_pretrained(tmp_path / "other")
    done = imported(errtax_alone, of, completion(of), "--tokenizer", tmp_path / "other")
    refused(done, 3, "token_logprobs[", "tokenizer")
