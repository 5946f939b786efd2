"""`predict --hf` in parts: the log that they are is that of one process, row by row and to the last digit."""

import json
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from commands import Errtax, files, refused

pytest.importorskip("transformers", reason="needs transformers: pip install 'errtax[hf]'")

import hf_models

LINE = ("predict", "--hf", "tiny", "--window", 12, "--stride", 5, "--batch", 2, "--jobs", 1)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("model") / "tiny"
    tokenizer = hf_models.byte_level()
    hf_models.llama(len(tokenizer)).save_pretrained(path)
    tokenizer.save_pretrained(path)
    return path


@pytest.fixture
def predict(errtax_alone: Errtax, model: Path) -> Errtax:
    """A folder with a model, a text, and documents; some are shorter than a window, one has no token to predict."""
    Path("tiny").symlink_to(model)
    Path("test.txt").write_bytes(hf_models.TEXT.encode())
    texts = [hf_models.TEXT[:100], "The cat", "", "T", "sat on the mat, naïve " * 5, "on"]
    Path("documents.jsonl").write_text("".join(json.dumps({"text": text}) + "\n" for text in texts))
    return errtax_alone


@pytest.mark.parametrize("n", [1, 3, 8])
@pytest.mark.parametrize("text", ["test.txt", "documents.jsonl"])
@pytest.mark.parametrize(
    "more",
    [("--unit", "byte"), ("--unit", "token"), ("--prefix", "7"), ("--least-context", 3)],
    ids=lambda each: f"{each[0]} {each[1]}",
)
def test_parts_of_a_log_are_the_log_of_one_command(
    predict: Errtax, text: str, more: tuple[str, object], n: int
) -> None:
    line = (*LINE, "--text", text, *more)
    local = predict(*line, "-o", "preds.parquet", "--json")
    assert local.code == 0, local.err
    Path("preds.parquet").rename("local.parquet")
    for k in range(n, 0, -1):
        done = predict(*line, "--part", f"{k}/{n}")
        assert done.code == 0, done.err
    assert "there already" in predict(*line, "--part", f"{n}/{n}").out
    merged = predict("merge", "preds.parquet.parts", "--json")
    assert (merged.code, merged.out) == (0, local.out)
    ours, due = pq.read_table("preds.parquet"), pq.read_table("local.parquet")
    assert ours.equals(due) and ours.schema.metadata == due.schema.metadata
    assert predict("validate", "preds.parquet").code == 0


def test_more_parts_than_batches(predict: Errtax) -> None:
    Path("test.txt").write_text("The cat sat on the mat")
    assert predict(*LINE, "--text", "test.txt", "-o", "local.parquet").code == 0
    for k in range(1, 21):
        assert predict(*LINE, "--text", "test.txt", "--part", f"{k}/20").code == 0
    assert predict("merge", "preds.parquet.parts").code == 0
    assert pq.read_table("preds.parquet").equals(pq.read_table("local.parquet"))


def test_only_rows_of_bytes_inside_a_document_read_the_batch_before(
    predict: Errtax, monkeypatch: pytest.MonkeyPatch
) -> None:
    from errtax.lm.hf.model import LanguageModel

    asked, real = list[int](), LanguageModel.scores

    def counted(self: LanguageModel, windows: Any) -> Any:
        asked.append(len(windows))
        return real(self, windows)

    monkeypatch.setattr(LanguageModel, "scores", counted)

    def passes(*more: object) -> int:
        asked.clear()
        assert predict(*LINE, *more, "--force", "-o", "out").code == 0
        return len(asked)

    for unit, text, repeated in (("byte", "test.txt", 1), ("token", "test.txt", 0)):
        line = ("--text", text, "--unit", unit)
        none = passes(*line, "--part", "1/1")
        parts = sum(passes(*line, "--part", f"{k}/2") for k in (1, 2))
        fixed = 3  # a look at the width, and two at whether the model is causal
        assert parts - 2 * fixed - (none - fixed) == repeated


def test_an_interrupted_part_is_resumed(predict: Errtax, monkeypatch: pytest.MonkeyPatch) -> None:
    from errtax.lm.hf.scores import ByteScores

    line, real, left = (*LINE, "--text", "test.txt"), ByteScores.rows, [5]
    assert predict(*line, "-o", "local.parquet").code == 0

    def rows(self: ByteScores, *given: Any) -> Any:
        left[0] -= 1
        if left[0] == 0:
            raise KeyboardInterrupt
        return real(self, *given)

    monkeypatch.setattr(ByteScores, "rows", rows)
    assert predict(*line, "--part", "2/2").code != 0
    assert {path.name for path in Path("preds.parquet.parts").iterdir()} == {
        "part-00002.parquet.part",
        "part-00002.parquet.part.state",
    }
    assert json.loads(Path("preds.parquet.parts/part-00002.parquet.part.state").read_text())["done"] > 0
    for k in (1, 2):
        assert predict(*line, "--part", f"{k}/2").code == 0
    assert predict("merge", "preds.parquet.parts").code == 0
    assert pq.read_table("preds.parquet").equals(pq.read_table("local.parquet"))


def test_parts_of_a_log_are_looked_at(predict: Errtax) -> None:
    line = (*LINE, "--text", "test.txt")
    assert predict(*line, "--part", "1/2").code == 0
    refused(predict("merge", "preds.parquet.parts"), 3, "preds.parquet.parts lacks 1 of 2 parts: 2; run --part 2/2")
    refused(predict(*line, "--unit", "token", "--part", "1/2"), 2, "is not part 1/2 of this")
    refused(
        predict("peel", "preds.parquet.parts"), 3, "its parts are not one log yet; run errtax merge preds.parquet.parts"
    )
    Path("tiny").unlink()
    hf_models.llama(320, seed=5).save_pretrained("tiny")
    hf_models.byte_level().save_pretrained("tiny")
    assert predict(*line, "--part", "2/2").code == 0
    refused(predict("merge", "preds.parquet.parts"), 3, "its parts are of different prediction logs")
    assert "preds.parquet" not in files()


def test_a_run_is_not_cut(predict: Errtax) -> None:
    Path("run").mkdir()
    for more in (("--part", "1/2"), ("--ray", "local")):
        words = "a run carries its state from symbol to symbol", "leave --part and --ray out"
        refused(predict("predict", "run", "--text", "test.txt", *more), 2, *words)
    refused(predict(*LINE, "--text", "test.txt", "--part", "1/2", "--ray", "auto"), 2, "give one of them")
