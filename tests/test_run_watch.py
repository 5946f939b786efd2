"""`errtax train --watch`: the page of a run, on the paper's layers."""

import json
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

from errtax.cli.main import cli

torch = pytest.importorskip("torch")

TEXT = "the cat sat on the mat; it was happy – quite, quite “happy”. naïve café! "


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("runs")
    words = TEXT.split(" ")
    (path / "train.txt").write_text(" ".join(words[(7 * k + k // 13) % len(words)] for k in range(4000)), "utf-8")
    (path / "val.txt").write_text(" ".join(words[(5 * k + k // 11) % len(words)] for k in range(800)), "utf-8")
    return path


def train(folder: Path, output: Path, *more: object) -> Any:
    size = ("--hidden", 8, "--layers", 1, "--batch", 10, "--unroll", 20, "--threads", 1, "--dropout", 0.1)
    done = CliRunner().invoke(cli, [str(a) for a in ("train", folder, "-o", output, *size, "--json", *more)])
    assert done.exit_code == 0, (done.output, done.exception)
    return json.loads(done.stdout)


def looks_of(output: Path) -> list[dict[str, Any]]:
    html = (output / "watch" / "index.html").read_text("utf-8")
    data = html.split('<script type="application/json" id="errtax">')[1].split("</script>")[0]
    looks: list[dict[str, Any]] = json.loads(data)["looks"]
    return looks


@pytest.mark.parametrize("unit", ["byte", "char"])
def test_a_watched_run_is_the_same_and_its_looks_are_peels(folder: Path, tmp_path: Path, unit: str) -> None:
    train(folder, tmp_path / "plain", "--epochs", 2, "--unit", unit)
    found = train(folder, tmp_path / "run", "--epochs", 2, "--unit", unit, "--watch", 40)
    assert found["watch"] == str(tmp_path / "run" / "watch" / "index.html")
    one, two = (torch.load(tmp_path / name / "last.pt", weights_only=True)["model"] for name in ("plain", "run"))
    assert all(torch.equal(one[name], two[name]) for name in one)
    looks = looks_of(tmp_path / "run")
    log = pq.read_table(tmp_path / "run" / "watch" / f"step-{looks[0]['step']:07}.parquet")
    assert log.schema.metadata[b"step"] == str(looks[0]["step"]).encode()
    frame = log.to_pandas()
    for _, window in frame.groupby("doc"):
        assert len(window) == 512 and window["logprob"].isna().tolist() == [True] * 256 + [False] * 256
    val = (folder / "val.txt").read_bytes() if unit == "byte" else (folder / "val.txt").read_text("utf-8")
    texts = [json.loads(line)["text"] for line in (tmp_path / "run" / "watch" / "sample.jsonl").open()]
    assert len(texts) == len(set(frame["doc"])) == len(val) // 512
    whole = [text if isinstance(val, str) else text.encode("utf-8", "surrogateescape") for text in texts]
    assert all(text in val for text in whole)
    peel = (
        "peel",
        tmp_path / "run" / "watch" / f"step-{looks[0]['step']:07}.parquet",
        "-o",
        tmp_path / "again.parquet",
    )
    done = CliRunner().invoke(cli, [str(a) for a in (*peel, "--train-text", folder / "train.txt", "--json")])
    counts = {layer["name"]: layer["count"] for layer in json.loads(done.stdout)["layers"]}
    mine = {each["name"]: each["count"] for each in looks[0]["classes"]}
    assert mine.items() >= counts.items() and mine["errors"] == json.loads(done.stdout)["errors"]


def test_probabilities_are_those_of_a_checkpoint(folder: Path, tmp_path: Path) -> None:
    """Each window read from a clean state, as a text of its own."""
    train(folder, tmp_path / "run", "--epochs", 1, "--watch", 50, "--checkpoint-every", 50)
    step = looks_of(tmp_path / "run")[0]["step"]
    frame = pq.read_table(tmp_path / "run" / "watch" / f"step-{step:07}.parquet").to_pandas()
    window = frame[frame["doc"] == 2]
    (tmp_path / "window.txt").write_bytes(b"".join(window["symbol"]))
    checkpoint = tmp_path / "run" / "checkpoints" / f"step-{step:07}.pt"
    options = ("--checkpoint", checkpoint, "--text", tmp_path / "window.txt", "-o", tmp_path / "log.parquet")
    done = CliRunner().invoke(cli, [str(a) for a in ("predict", tmp_path / "run", *options)])
    assert done.exit_code == 0, done.output
    log = pq.read_table(tmp_path / "log.parquet").to_pandas()
    assert window["logprob"].tolist()[256:] == pytest.approx(log["logprob"].tolist()[256:], abs=1e-5)
    assert window["rank"].tolist()[256:] == log["rank"].tolist()[256:]


def test_a_resumed_run_goes_on_and_a_new_one_begins_anew(folder: Path, tmp_path: Path) -> None:
    train(folder, tmp_path / "run", "--epochs", 1, "--watch", 30)
    first = looks_of(tmp_path / "run")
    train(folder, tmp_path / "run", "--epochs", 2, "--watch", 30, "--resume")
    both = looks_of(tmp_path / "run")
    assert both[: len(first)] == first and len(both) > len(first)
    assert "The training has ended" in (tmp_path / "run" / "watch" / "index.html").read_text("utf-8")
    train(folder, tmp_path / "run", "--epochs", 1, "--watch", 50, "--force")
    steps = [look["step"] for look in looks_of(tmp_path / "run")]
    assert steps[0] == 50 and sorted((tmp_path / "run" / "watch").glob("*.peel.parquet"))[0].name.startswith(
        "step-0000050"
    )


def test_a_validation_text_without_a_whole_window_is_refused(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "short.txt").write_text(TEXT)
    arguments = ("train", folder, "--val", tmp_path / "short.txt", "-o", tmp_path / "run", "--hidden", 4, "--watch", 10)
    done = CliRunner().invoke(cli, [str(a) for a in arguments])
    assert "to be watched it needs 512" in str(done.exception)
