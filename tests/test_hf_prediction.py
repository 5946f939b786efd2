"""Prediction logs of transformers: against one forward pass per token, the model's own loss, and each other."""

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

from errtax.lm.errors import BadInput, UsageError
from errtax.lm.log_reader import read_log
from errtax.lm.split import Scheme, SplitOptions, split_file

torch = pytest.importorskip("torch")
pytest.importorskip("transformers", reason="needs transformers: pip install 'errtax[hf]'")

import hf_models  # noqa: E402
from errtax.lm.hf.documents import Document, Documents, documents_of, read_documents  # noqa: E402
from errtax.lm.hf.model import LanguageModel  # noqa: E402
from errtax.lm.hf.prediction import HfOptions, predict_text  # noqa: E402
from errtax.lm.hf.tokenizer import TextTokenizer  # noqa: E402
from errtax.lm.log_parts import Predicted  # noqa: E402

TOKENIZERS = {"bytes": TextTokenizer.of(hf_models.byte_level()), "metaspace": TextTokenizer.of(hf_models.metaspace())}
MODELS = {
    name: LanguageModel.of(hf_models.llama(len(tokenizer.vocabulary) + 5), "tiny")
    for name, tokenizer in TOKENIZERS.items()
}
"""With five outputs more than there are tokens, as padded models have."""
SHORT = hf_models.TEXT[: len(hf_models.TEXT) // 3]


def log_of(
    folder: Path, name: str, documents: Documents | str = hf_models.TEXT, **options: Any
) -> tuple[dict[str, Any], Predicted]:
    """The columns of a log as arrays, and its sums."""
    given = documents_of(documents) if isinstance(documents, str) else documents
    predicted = predict_text(MODELS[name], TOKENIZERS[name], given, folder / "log.parquet", HfOptions(**options), True)
    return columns_of(folder / "log.parquet"), predicted


def columns_of(path: Path) -> dict[str, Any]:
    table = pq.read_table(path)
    return {column: table[column].to_pylist() for column in table.column_names}


def naive_logprobs(name: str, ids: list[int]) -> Any:
    """The log-probabilities of all tokens after `ids`, by one forward pass on exactly these."""
    with torch.no_grad():
        return MODELS[name].network(input_ids=torch.tensor([ids])).logits[0, -1].double().log_softmax(0)


@pytest.mark.parametrize("name", TOKENIZERS)
@pytest.mark.parametrize("prefix", ["none", "auto", "7"])
@pytest.mark.parametrize(("window", "stride", "batch"), [(12, 5, 1), (12, 10, 3), (64, None, 2)])
def test_each_row_equals_one_forward_pass_on_its_context(
    tmp_path: Path, name: str, prefix: str, window: int, stride: int | None, batch: int
) -> None:
    log, _ = log_of(tmp_path, name, SHORT, unit="token", window=window, stride=stride, prefix=prefix, batch=batch)
    tokenizer, vocabulary = TOKENIZERS[name], TOKENIZERS[name].vocabulary
    tokens = tokenizer.encode(SHORT.encode())
    before = {"none": [], "auto": list(tokenizer.prepended), "7": [7]}[prefix]
    skipped = len(tokens.ids) - len(log["token"])
    ids = tokens.ids.tolist()
    assert log["token"] == ids[skipped:]
    assert b"".join(log["symbol"]) == SHORT.encode()
    assert log["start"] == np.cumsum([0, *map(len, log["symbol"])])[:-1].tolist()
    for row in range(len(ids) - skipped):
        k, context = row + skipped, log["context"][row]
        if k == 0 and not before:
            assert log["logprob"][row] is log["context"][row] is log["rank"][row] is None
            continue
        logprobs = naive_logprobs(name, [*before, *ids[k - context : k]])
        if row == 0 and tokens.invented and not skipped:  # the invented space is given
            outside = [j for j in range(len(logprobs)) if j >= len(vocabulary) or vocabulary.piece(j)[:1] != b" "]
            logprobs[outside] = -torch.inf
            logprobs = logprobs.log_softmax(0)
        assert log["logprob"][row] == pytest.approx(float(logprobs[ids[k]]), abs=2e-5)
        assert log["rank"][row] == 1 + int((logprobs > logprobs[ids[k]]).sum())
        best = int(logprobs.argmax())
        assert log["argmax_token"][row] == best
        assert log["argmax"][row] == (vocabulary.piece(best) if best < len(vocabulary) else b"<%d>" % best)
        assert log["argmax_logprob"][row] == pytest.approx(float(logprobs.max()), abs=2e-5)
        p = logprobs.exp()
        assert log["entropy"][row] == pytest.approx(float(-(p * logprobs.clamp(min=-1e9)).sum()), abs=1e-4)
        special = [j for j in range(len(p)) if j >= len(vocabulary) or vocabulary.special[j]]
        assert log["special"][row] == pytest.approx(float(p[special].sum()), abs=1e-5)


@pytest.mark.parametrize("name", TOKENIZERS)
def test_the_mean_of_a_text_of_one_window_is_the_models_own_loss(tmp_path: Path, name: str) -> None:
    text = "x" + hf_models.TEXT[:40]
    _, predicted = log_of(tmp_path, name, text, unit="token", window=64, prefix="none")
    ids = torch.tensor([TOKENIZERS[name].encode(text.encode()).ids.tolist()])
    with torch.no_grad():
        loss = float(MODELS[name].network(input_ids=ids, labels=ids).loss)
    assert predicted.predicted == ids.shape[1] - 1
    assert predicted.mean == pytest.approx(loss, rel=1e-6)


def naive_byte_logprobs(name: str, ids: list[int], contexts: list[int | None], before: list[int]) -> list[float]:
    """The byte log of some tokens by its definition: a sum over the vocabulary for each byte; NaN: not predicted."""
    vocabulary = TOKENIZERS[name].vocabulary
    pieces = [vocabulary.piece(k) for k in range(len(vocabulary))]
    found, share = [], 1.0
    for k, context in enumerate(contexts):
        right = pieces[ids[k]]
        if context is None:
            found += [math.nan] * len(right)
            share = 1.0
            continue
        p = naive_logprobs(name, [*before, *ids[k - context : k]]).exp()[: len(pieces)].numpy().copy()
        p[vocabulary.special] = 0
        p /= p.sum()
        mass = [
            math.fsum(p[j] for j, piece in enumerate(pieces) if piece.startswith(right[:n]))
            for n in range(len(right) + 1)
        ]
        found += [math.log(mass[n + 1] / mass[n] * (share if n == 0 else 1)) for n in range(len(right))]
        share = p[ids[k]] / mass[-1]
    return found


@pytest.mark.parametrize("name", TOKENIZERS)
@pytest.mark.parametrize("prefix", ["none", "auto"])
@pytest.mark.parametrize("batch", [1, 3])
def test_the_byte_log_is_that_of_its_definition(tmp_path: Path, name: str, prefix: str, batch: int) -> None:
    text = SHORT
    tokens, _ = log_of(tmp_path, name, text, unit="token", window=12, stride=5, prefix=prefix)
    log, _ = log_of(tmp_path, name, text, window=12, stride=5, prefix=prefix, batch=batch)
    found = TOKENIZERS[name].encode(text.encode())
    contexts = [*range(len(found.ids) - len(tokens["token"])), *tokens["context"]]
    if prefix == "none" and contexts[0] is not None:
        contexts[0] = None
    before = list(TOKENIZERS[name].prepended) if prefix == "auto" else []
    expected = naive_byte_logprobs(name, found.ids.tolist(), contexts, before)[len(found.invented) :]
    assert b"".join(log["symbol"]) == text.encode()
    assert [math.nan if value is None else value for value in log["logprob"]] == pytest.approx(
        expected, abs=1e-4, nan_ok=True
    )
    assert {i for i, value in enumerate(log["logprob"]) if value is None} == {
        i for i, value in enumerate(log["context"]) if value is None
    }


@pytest.mark.parametrize("name", TOKENIZERS)
def test_bytes_and_tokens_have_the_same_bits(tmp_path: Path, name: str) -> None:
    """Σ log p of the bytes + log e of the last token = Σ of the tokens' log p − log of the mass that is not special."""
    text = "The cat" + hf_models.TEXT
    tokens, _ = log_of(tmp_path, name, text, unit="token", window=20, stride=7, prefix="7")
    log, _ = log_of(tmp_path, name, text, window=20, stride=7, prefix="7")
    special = np.array(tokens["special"])
    ids, vocabulary = tokens["token"], TOKENIZERS[name].vocabulary
    all_ids = TOKENIZERS[name].encode(text.encode()).ids.tolist()
    assert len(all_ids) == len(ids)
    p = naive_logprobs(name, [7, *ids[-1 - tokens["context"][-1] : -1]]).exp().numpy()
    last = vocabulary.piece(ids[-1])
    begins = [j for j in np.flatnonzero(~vocabulary.special) if vocabulary.piece(int(j)).startswith(last)]
    share = math.log(p[ids[-1]] / math.fsum(p[begins]))
    by_tokens = math.fsum(tokens["logprob"]) - math.fsum(np.log1p(-special))
    assert math.fsum(log["logprob"]) + share == pytest.approx(by_tokens, rel=1e-6)


def test_padding_and_batches_change_nothing(tmp_path: Path) -> None:
    documents = documents_of(["The cat sat.", "", "x", "It was happy, quite happy!\n" * 4, "é"])
    one, _ = log_of(tmp_path, "bytes", documents, window=12, stride=4, prefix="7")
    many, _ = log_of(tmp_path, "bytes", documents, window=12, stride=4, prefix="7", batch=4)
    assert one["logprob"] == pytest.approx(many["logprob"], abs=1e-5)
    assert one["doc"] == many["doc"] == [0] * 12 + [2] + [3] * 108 + [4] * 2


def test_documents_are_read_each_by_itself(tmp_path: Path) -> None:
    texts = ["The cat sat on the mat.", "naïve 猫!", "The dog sat."]
    for unit in ("byte", "token"):
        for name in TOKENIZERS:
            joined, _ = log_of(tmp_path, name, documents_of(texts), unit=unit, window=12, stride=4)
            alone = [log_of(tmp_path, name, text, unit=unit, window=12, stride=4)[0]["logprob"] for text in texts]
            assert joined["logprob"] == [value for part in alone for value in part]
            assert joined["position"] == list(range(len(joined["logprob"])))


def test_json_lines(tmp_path: Path) -> None:
    path = tmp_path / "test.jsonl"
    path.write_text('{"text": "The cat", "id": 3}\n\n{"text": "\\u00e9"}\n')
    documents = read_documents(path)
    assert [part.text for part in documents.parts] == [b"The cat", "é".encode()]
    assert documents.separate
    for line, message in [
        ("x", "line 4 is not JSON"),
        ("[1]", "line 4 is not a document"),
        ('{"txt": "a"}', "line 4 is not a document"),
        ('{"text": "\\ud800"}', "line 4 is not valid Unicode"),
    ]:
        path.write_text('{"text": "The cat", "id": 3}\n\n{"text": "\\u00e9"}\n' + line)
        with pytest.raises(BadInput, match=message):
            read_documents(path)


def test_streams_are_read_after_their_validation_part(tmp_path: Path) -> None:
    """Each piece of the test part continues its stream, in the middle of a token or of a character."""
    book = tmp_path / "book.txt"
    book.write_text("The naïve 猫 sat – é the 猫猫😀 happy. " * 16)  # most streams end inside a character
    split_file(book, tmp_path / "wp", SplitOptions(Scheme.STREAMS, (0.2, 0.4, 0.4), streams=7, steps=1))
    path = tmp_path / "wp" / "test.txt"
    documents = read_documents(path)
    assert len(documents.parts) == 7
    assert any(part.whole[0] > 0 for part in documents.parts)
    assert any(part.whole[1] < len(part.before + part.text) for part in documents.parts)
    assert documents.text == path.read_bytes()
    log, _ = log_of(tmp_path, "bytes", documents, window=12, stride=4)
    assert b"".join(log["symbol"]) == documents.text
    length = len(documents.text) // 7
    for k, part in enumerate(documents.parts):
        start, stop = part.whole
        whole = (part.before + part.text)[start:stop]
        ids = TOKENIZERS["bytes"].encode(whole).ids.tolist()
        ends = np.cumsum([len(TOKENIZERS["bytes"].vocabulary.piece(i)) for i in ids])
        rows = log["logprob"][k * length : (k + 1) * length]
        contexts = [value for value in log["context"][k * length : (k + 1) * length]]
        by_token: list[int | None] = [0 if i else None for i in range(len(ids))]
        own = len(part.before) - start
        for r, context in enumerate(contexts):
            if context is not None:
                by_token[int(np.searchsorted(ends, own + r, "right"))] = context
                assert context >= 12 - 4
        first = int(np.searchsorted(ends, own, "right"))
        by_token[first - 1] = min(first - 1, 8)  # only its share is used
        for i in range(first - 1):
            by_token[i] = None
        expected = naive_byte_logprobs("bytes", ids, by_token, [])[own:]
        missing = len(part.before + part.text) - stop
        assert rows[len(rows) - missing :] == [None] * missing
        assert rows[: len(rows) - missing] == pytest.approx(expected, abs=1e-4)
    tokens, _ = log_of(tmp_path, "bytes", documents, unit="token", window=12, stride=4)
    assert None not in tokens["logprob"]
    assert len(set(tokens["doc"])) == 7  # the bytes of a character that a cut has parted are in no token
    for unit in ("byte", "token"):
        log_of(tmp_path, "bytes", documents, unit=unit, window=12, stride=4)
        assert len(read_log(tmp_path / "log.parquet")) == len(log["logprob"] if unit == "byte" else tokens["logprob"])


def test_limit_counts_bytes_and_keeps_characters() -> None:
    documents = Documents("t", (Document("aé".encode()), Document(b"bc")))
    assert documents.limited(3).text == "aé".encode()
    assert documents.limited(2).text == b"a"
    assert documents.limited(4).text == "aéb".encode()
    assert documents.limited(None) is documents
    with pytest.raises(UsageError, match="--limit"):
        documents.limited(0)


@pytest.mark.parametrize("name", TOKENIZERS)
def test_tokens_with_less_than_the_least_context_are_read_and_not_predicted(tmp_path: Path, name: str) -> None:
    """Documents of one window: what is predicted is what it is without the option, and the rest is null."""
    texts, longest = [SHORT, "The cat", SHORT[:40]], {}
    for unit in ("token", "byte"):
        whole, _ = log_of(tmp_path, name, documents_of(texts), unit=unit, prefix="3")
        log, sums = log_of(tmp_path, name, documents_of(texts), unit=unit, prefix="3", least_context=9)
        seen = [context is not None and context >= 9 for context in whole["context"]]
        assert [value is not None for value in log["logprob"]] == seen == [value is not None for value in log["rank"]]
        assert sums.predicted == sum(seen) < len(seen)
        first = [
            k for k, context in enumerate(whole["context"]) if context == 9
        ]  # the token before it is not predicted
        for k, (one, other) in enumerate(zip(log["logprob"], whole["logprob"], strict=True)):
            if one is not None and not (unit == "byte" and k in first):
                assert one == pytest.approx(other, abs=1e-5)
        longest[unit] = max(context or 0 for context in log["context"])
        assert log["symbol"] == whole["symbol"] and log["doc"] == whole["doc"]
    assert longest["token"] == longest["byte"] > 9
    with pytest.raises(BadInput, match="no document of more than 99 tokens, so there is nothing to predict"):
        log_of(tmp_path, name, documents_of(texts), least_context=99)
    with pytest.raises(UsageError, match="--least-context counts tokens, from 0; got -1"):
        HfOptions(least_context=-1)


class Stop(Exception):
    pass


@pytest.mark.parametrize("unit", ["byte", "token"])
@pytest.mark.parametrize("after", [1, 4])
def test_an_interrupted_run_resumes_to_the_same_log(tmp_path: Path, unit: str, after: int) -> None:
    model, tokenizer, documents = MODELS["bytes"], TOKENIZERS["bytes"], documents_of(hf_models.TEXT)
    options = HfOptions(unit, 12, 4, batch=2)
    predict_text(model, tokenizer, documents, tmp_path / "whole.parquet", options)
    steps: Iterator[int] = iter(range(after))

    def stop(done: int, total: int) -> None:
        if next(steps, None) is None:
            raise Stop

    output = tmp_path / "cut.parquet"
    with pytest.raises(Stop) as stopped:
        predict_text(model, tokenizer, documents, output, options, on_step=stop)
    assert stopped.value.__notes__ == ["What is done is kept in cut.parquet.part; the same command goes on from there."]
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        *("cut.parquet.part", "cut.parquet.part.state", "whole.parquet")
    ]
    for other in (HfOptions(unit, 12, 5, batch=2), HfOptions("byte" if unit == "token" else "token", 12, 4, batch=2)):
        with pytest.raises(UsageError, match="interrupted prediction with another"):
            predict_text(model, tokenizer, documents, output, other)
    with pytest.raises(UsageError, match="interrupted prediction with another"):
        predict_text(model, tokenizer, documents_of(hf_models.TEXT + "."), output, options)
    other_model = LanguageModel.of(hf_models.llama(len(tokenizer.vocabulary) + 5, seed=3), "tiny")
    with pytest.raises(UsageError, match="with another weights"):
        predict_text(other_model, tokenizer, documents, output, options)
    seen: list[int] = []
    predict_text(model, tokenizer, documents, output, options, on_step=lambda done, total: seen.append(done))
    assert seen[0] > 12 + 8 * (after - 1)
    assert output.read_bytes() == (tmp_path / "whole.parquet").read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["cut.parquet", "whole.parquet"]


def test_a_log_is_sound_and_says_how_it_was_made(tmp_path: Path) -> None:
    model = LanguageModel(MODELS["metaspace"].network, "org/tiny", "step1000", 1000)
    predict_text(model, TOKENIZERS["metaspace"], documents_of(hf_models.TEXT), tmp_path / "log.parquet")
    log = read_log(tmp_path / "log.parquet")
    assert log.text_sha256 == log.metadata["text_sha256"]
    told = {
        name: log.metadata[name]
        for name in ("model", "step", "revision", "window", "stride", "prefix", "dtype", "unit")
    }
    assert told == {
        **{"model": "org/tiny@step1000", "step": "1000", "revision": "step1000"},
        **{"window": "64", "stride": "32", "prefix": "1", "dtype": "float32", "unit": "byte"},
    }
    assert log.metadata["parameters"] == str(model.parameters)
    assert log.metadata["tokenizer_sha256"] == TOKENIZERS["metaspace"].sha256
    assert "bytes:canonical" in log.metadata["signature"]


def test_a_model_of_other_positions(tmp_path: Path) -> None:
    model = LanguageModel.of(hf_models.gpt2(len(TOKENIZERS["bytes"].vocabulary)))
    model.network.train()
    for batch in (1, 3):
        predict_text(
            model,
            TOKENIZERS["bytes"],
            documents_of(["The cat sat", "on the mat, quite happy"]),
            tmp_path / f"{batch}.parquet",
            HfOptions(window=12, stride=4, prefix="7", batch=batch),
        )
    assert model.network.training
    one, three = (columns_of(tmp_path / f"{batch}.parquet")["logprob"] for batch in (1, 3))
    assert one == pytest.approx(three, abs=1e-5)


def test_what_does_not_fit_is_refused(tmp_path: Path) -> None:
    output = tmp_path / "log.parquet"
    text = documents_of("The cat sat")
    tokenizer = TOKENIZERS["bytes"]
    with pytest.raises(BadInput, match=r"the tokenizer gives the id .* has outputs for 100 tokens"):
        predict_text(LanguageModel.of(hf_models.llama(100)), tokenizer, text, output)
    with pytest.raises(UsageError, match="--window 65 is longer than what tiny reads, 64 tokens"):
        predict_text(MODELS["bytes"], tokenizer, text, output, HfOptions(window=65))
    with pytest.raises(BadInput, match="one token alone"):
        predict_text(MODELS["bytes"], tokenizer, documents_of("a"), output)
    with pytest.raises(BadInput, match="the text has no text to predict"):
        predict_text(MODELS["bytes"], tokenizer, documents_of(""), output)
    with pytest.raises(UsageError, match="--prefix 999999: the ids of tiny are 0 to "):
        predict_text(MODELS["bytes"], tokenizer, text, output, HfOptions(prefix="999999"))
    with pytest.raises(UsageError, match="--prefix is auto, none or the id"):
        HfOptions(prefix="<s>")
    from transformers import BertConfig, BertLMHeadModel

    config = BertConfig(
        vocab_size=400,
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=16,
        is_decoder=False,
    )
    with pytest.raises(BadInput, match="is not a causal language model"):
        predict_text(LanguageModel.of(BertLMHeadModel(config)), tokenizer, text, output)
    broken = hf_models.llama(400)
    broken.lm_head.weight.data.fill_(math.nan)
    for unit in ("byte", "token"):
        with pytest.raises(BadInput, match=r"not numbers|no distribution"):
            predict_text(LanguageModel.of(broken), tokenizer, text, output, HfOptions(unit))
    assert not list(tmp_path.iterdir())
