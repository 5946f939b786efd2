"""Watching a training in a loop of one's own: the figures of the commands, and nothing disturbed."""

import json
import logging
import random
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

import errtax
from errtax.cli.main import cli
from errtax.lm.errors import BadInput, UsageError

pytest.importorskip("transformers", reason="needs transformers: pip install 'errtax[hf]'")

import torch

import errtax.training
import watching
from errtax.training import PeelWatch


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return watching.make_files(tmp_path_factory.mktemp("texts"))


@pytest.fixture(scope="module")
def watched(files: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """A training of 12 steps that is looked at every 3, with the numbers that were logged and its checkpoints."""
    folder = tmp_path_factory.mktemp("run")
    model, tokenizer = watching.small_gpt2()
    logged: dict[int, dict[str, float]] = {}
    watch = PeelWatch(
        *(model, tokenizer, files / "val.txt", folder / "watch"),
        ngram=files / "train.ngram",
        every=3,
        log=logged.__setitem__,
        **watching.SETTINGS,
    )
    returned = {}
    for step in watching.training(model, watching.ids_of((files / "train.txt").read_text(), tokenizer), 12):
        found = watch.step(step)
        if found:
            returned[step] = found
        if step in (3, 12):
            model.save_pretrained(folder / f"step{step}")
            tokenizer.save_pretrained(folder / f"step{step}")
    watch.finish()
    return {"folder": folder, "logged": logged, "returned": returned, "state": model.state_dict()}


def run(*arguments: object) -> Any:
    done = CliRunner().invoke(cli, list(map(str, arguments)))
    assert done.exit_code == 0, done.output
    return done


def test_every_third_step_is_logged_and_returned(watched: dict[str, Any]) -> None:
    assert list(watched["logged"]) == [3, 6, 9, 12]
    assert watched["logged"] == watched["returned"]
    numbers = watched["logged"][12]
    classes = ["ngram", "copy", "memory", "rare", "piece", "word", "punctuation", "space"]
    apart = [f"errtax/apart_{n}" for n in range(1, 6)]
    assert list(numbers) == ["errtax/errors", *(f"errtax/{name}" for name in classes), "errtax/bits", *apart]
    assert sum(numbers[f"errtax/{name}"] for name in classes) == pytest.approx(numbers["errtax/errors"])
    assert numbers["errtax/bits"] < watched["logged"][3]["errtax/bits"]


def test_the_sample_is_of_whole_windows_whose_second_halves_are_predicted(watched: dict[str, Any], files: Path) -> None:
    log = pq.read_table(watched["folder"] / "watch" / "step-0000003.parquet").to_pandas()
    val = (files / "val.txt").read_bytes()
    places = []
    for _, window in log.groupby("doc"):
        assert len(window) == 32 and window["logprob"].isna().tolist() == [True] * 16 + [False] * 16
        assert window["context"].dropna().tolist() == list(range(16, 32))
        places.append(val.find(b"".join(window["symbol"])))
    assert len(places) == 6 and places == sorted(places) and places[0] == 0
    assert np.diff(places).min() > len(val) // 8


def test_the_figures_are_those_of_the_commands_on_the_same_checkpoint(
    watched: dict[str, Any], files: Path, tmp_path: Path
) -> None:
    folder = watched["folder"] / "watch"
    options = ("--unit", "token", "--window", 32, "--stride", 16, "--least-context", 16)
    for step in (3, 12):
        checkpoint = watched["folder"] / f"step{step}"
        log, peel = tmp_path / f"{step}.parquet", tmp_path / f"{step}.peel.parquet"
        run("predict", "--hf", checkpoint, "--text", folder / "sample.jsonl", *options, "-o", log)
        index = ("--ngram", files / "train.ngram", "--ngram-max", 4)
        table = json.loads(run("peel", log, "--preset", "token", *index, "-o", peel, "--json").stdout)
        for one, other in ((log, f"step-{step:07}.parquet"), (peel, f"step-{step:07}.peel.parquet")):
            assert pq.read_table(folder / other).equals(pq.read_table(one))
        rates = {f"errtax/{layer['name']}": 100 * layer["count"] / table["positions"] for layer in table["layers"]}
        assert watched["logged"][step].items() >= rates.items()
        assert watched["logged"][step]["errtax/bits"] == pytest.approx(table["bits"], abs=1e-12)


def test_a_trend_along_the_peels_has_the_same_figures(watched: dict[str, Any]) -> None:
    peels = sorted((watched["folder"] / "watch").glob("*.peel.parquet"))
    trend = json.loads(run("trend", *peels, "--by", "step", "--json").stdout)
    assert [each["step"] for each in trend["models"]] == [3, 6, 9, 12]
    data = page_data(watched["folder"] / "watch" / "index.html")
    for k, look in enumerate(data["looks"]):
        assert [c["name"] for c in look["classes"]] == [c["name"] for c in trend["classes"]]
        for mine, theirs in zip(look["classes"], trend["classes"], strict=True):
            assert mine["count"] == theirs["counts"][k]
            assert mine["rate"] == pytest.approx(theirs["rates"][k], abs=1e-9)
            assert watched["logged"][look["step"]][f"errtax/{mine['name']}"] == mine["rate"][0]


def page_data(page: Path) -> Any:
    html = page.read_text("utf-8")
    data = html.split('<script type="application/json" id="errtax">')[1].split("</script>")[0]
    return json.loads(data)


def test_the_page_holds_the_series_the_distances_and_the_last_comparison(watched: dict[str, Any], files: Path) -> None:
    folder = watched["folder"] / "watch"
    html, data = (folder / "index.html").read_text("utf-8"), page_data(folder / "index.html")
    assert [look["step"] for look in data["looks"]] == [3, 6, 9, 12]
    assert "Step 12: wrong on" in html and "The training has ended" in html and 'id="again"' not in html
    assert all(f"step {step}: " in html for step in (3, 6, 9, 12))
    comparison = errtax.read(folder / "step-0000009.peel.parquet").compare(
        errtax.read(folder / "step-0000012.peel.parquet")
    )
    total = comparison.comparison.total
    assert f"{total.fixed:,} won" in html and f"{total.new:,} lost" in html
    assert data["comparison"]["total"]["p"] == total.p
    log = pq.read_table(folder / "step-0000012.parquet").to_pandas()
    tokens = log["token"].to_numpy()
    index = errtax.NgramIndex.open(files / "train.ngram")
    scores = np.concatenate([index.score(tokens[at : at + 32]) for at in range(0, len(tokens), 32)])
    if scores[0, 0] != scores[0, -1]:  # a window is a text of its own, that begins with <s>; its second half is alike
        known = log["logprob"].notna().to_numpy()
        difference = scores[known].astype(float) - log["logprob"].to_numpy()[known, None]
        assert data["looks"][-1]["apart"] == pytest.approx(np.abs(difference).mean(0).tolist(), abs=1e-6)
        assert data["looks"][-1]["behind"] == pytest.approx(difference.mean(0).tolist(), abs=1e-6)


@pytest.mark.parametrize("unit", ["token", "byte"])
def test_the_training_is_the_same_with_and_without(files: Path, tmp_path: Path, unit: str) -> None:
    ends = []
    for watching_it in (False, True):
        model, tokenizer = watching.small_gpt2()
        before = [module.training for module in model.modules()]
        settings: dict[str, Any] = {**watching.SETTINGS, "every": 1, "unit": unit}
        watch = PeelWatch(model, tokenizer, files / "val.txt", tmp_path / "watch", **settings) if watching_it else None
        states = []
        for step in watching.training(model, watching.ids_of((files / "train.txt").read_text(), tokenizer), 4):
            gradients = [each.grad.clone() for each in model.parameters()]
            random_state, numpy_state = random.getstate(), np.random.get_state(legacy=False)
            if watch is not None:
                assert watch.step(step) is not None
            assert all(torch.equal(a, b.grad) for a, b in zip(gradients, model.parameters(), strict=True))
            assert random.getstate() == random_state and str(np.random.get_state(legacy=False)) == str(numpy_state)
            states.append([module.training for module in model.modules()])
        assert states == [before] * 4
        ends.append({name: value.clone() for name, value in model.state_dict().items()})
    assert ends[0].keys() == ends[1].keys()
    assert all(torch.equal(ends[0][name], ends[1][name]) for name in ends[0])
    assert {value.dtype for value in ends[1].values()} == {torch.float32}


class Bare(torch.nn.Module):  # type: ignore[misc]
    """A model whose call gives the logits themselves, as many are that people write."""

    def __init__(self, inside: Any) -> None:
        super().__init__()
        self.inside = inside

    def forward(self, tokens: Any) -> Any:
        return self.inside(input_ids=tokens).logits


def test_a_model_with_another_interface_is_called_by_a_function(files: Path, tmp_path: Path) -> None:
    inside, tokenizer = watching.small_gpt2()
    settings: dict[str, Any] = {**watching.SETTINGS, "every": 1, "batch": 4}
    plain = PeelWatch(inside, tokenizer, files / "val.txt", tmp_path / "plain", **settings)
    model = torch.nn.DataParallel(Bare(inside))
    with pytest.raises(UsageError, match="Bare does not take ids as transformers' models do"):
        PeelWatch(model, tokenizer, files / "val.txt", tmp_path / "watch", **settings)
    settings["forward"] = lambda module, ids: module(ids)
    bare = PeelWatch(model, tokenizer, files / "val.txt", tmp_path / "bare", **settings)
    assert bare.step(1) == pytest.approx(plain.step(1), abs=1e-6)
    assert errtax.read(tmp_path / "bare" / "step-0000001.peel.parquet").summary.model == "Bare"
    assert inside.transformer.h[0].attn.training is False and inside.training


class Fails(torch.nn.Module):  # type: ignore[misc]
    """A model that fails at some calls."""

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.inside, self.failing = model, True
        self.config = model.config

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor | None = None) -> Any:
        if self.failing:
            raise RuntimeError("out of memory\nin two lines")
        return self.inside(input_ids=input_ids, attention_mask=attention_mask)


def test_failures_are_warnings_and_after_three_in_a_row_nothing_is_tried(
    files: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    inside, tokenizer = watching.small_gpt2()
    model = Fails(inside).train()
    watch = PeelWatch(model, tokenizer, files / "val.txt", tmp_path / "watch", every=1, **watching.SETTINGS)
    with caplog.at_level(logging.WARNING, "errtax"):
        assert watch.step(1) is None and watch.step(2) is None
        model.failing = False
        assert watch.step(3) is not None  # in between it works: counted anew
        model.failing = True
        assert [watch.step(step) for step in (4, 5, 6, 7)] == [None] * 4
        model.failing = False
        assert watch.step(8) is None and watch.finish() is None
    said = [record.getMessage() for record in caplog.records if record.name == "errtax"]
    assert [line for line in said if line.startswith("Layers left out: ngram (needs ngram='X.ngram'")] == said[2:3]
    lines = [line for line in said if "out of memory" in line]
    assert len(lines) == 5 and not any("\n" in line for line in lines)
    assert "step 1 is not looked at (out of memory in two lines)" in lines[0]
    assert [("no longer watched" in line) for line in lines] == [False, False, False, False, True]
    assert all(module.training for module in model.modules())
    assert sorted(path.name for path in (tmp_path / "watch").glob("*step*")) == [
        "step-0000003.parquet",
        "step-0000003.peel.parquet",
    ]


def test_a_log_that_fails_stops_nothing(files: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    def log(step: int, numbers: dict[str, float]) -> None:
        raise OSError("no route to host")

    model, tokenizer = watching.small_gpt2()
    watch = PeelWatch(model, tokenizer, files / "val.txt", tmp_path / "watch", log=log, every=1, **watching.SETTINGS)
    assert watch.step(1) is None
    assert "no route to host" in caplog.text and watch.page.is_file()


def test_other_processes_do_nothing(files: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model, tokenizer = watching.small_gpt2()
    watch = PeelWatch(model, tokenizer, files / "val.txt", tmp_path / "watch", every=1, **watching.SETTINGS)
    monkeypatch.setattr(torch.distributed, "is_initialized", lambda: True)
    monkeypatch.setattr(torch.distributed, "get_rank", lambda: 1)
    watch.begin(0)
    assert watch.step(1) is None and watch.finish() is None and not watch.page.exists()
    monkeypatch.setattr(torch.distributed, "get_rank", lambda: 0)
    assert watch.step(1) is not None


def test_looks_become_rarer_where_they_take_too_long(files: Path, tmp_path: Path) -> None:
    """Of a clock on which a step of training takes 10 s and a look takes 3 s."""
    now = [0.0]
    model, tokenizer = watching.small_gpt2()
    settings: dict[str, Any] = {**watching.SETTINGS, "share": 0.02}
    watch = PeelWatch(
        *(model, tokenizer, files / "val.txt", tmp_path / "watch"),
        every=1,
        clock=lambda: now[0],
        log=lambda step, numbers: now.__setitem__(0, now[0] + 3.0),
        **settings,
    )
    looked = []
    watch.begin()
    for step in range(1, 241):
        now[0] += 10.0
        looked += [step] if watch.step(step) else []
        spent = 3 * len(looked)
        assert spent + 3 <= 0.02 * max(10 * step, 300) or len(looked) == 1
    assert looked == [1, 45, 60, 75, 90, 105, 120, 135, 150, 165, 180, 195, 210, 225, 240]
    assert watch.finish() is None  # the last step was looked at
    assert "3.1 %" not in watch.page.read_text("utf-8")


def test_an_interrupted_training_goes_on_in_its_folder(
    files: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    model, tokenizer = watching.small_gpt2()
    arguments = (model, tokenizer, files / "val.txt", tmp_path / "watch")
    settings: dict[str, Any] = {**watching.SETTINGS, "every": 1, "ngram": files / "train.ngram"}
    steps = watching.training(model, watching.ids_of((files / "train.txt").read_text(), tokenizer), 9)
    watch = PeelWatch(*arguments, **settings)
    for step in steps:
        watch.step(step)
        if step == 5:
            break
    before = {path.name: path.read_bytes() for path in (tmp_path / "watch").glob("step-*")}
    looks = page_data(watch.page)["looks"]
    for name in ("step-0000006.parquet", "step-0000006.parquet.part", ".step-0000006.parquet.tmp"):
        (tmp_path / "watch" / name).write_bytes(b"half")  # what a killed process left
    again = PeelWatch(*arguments, **settings)
    with caplog.at_level(logging.INFO, "errtax"):
        again.begin(3)
    assert "2 steps of an earlier training after step 3 are removed" in caplog.text
    names = {path.name for path in (tmp_path / "watch").glob("*step-*")}
    assert names == {f"step-000000{k}{end}" for k in (1, 2, 3) for end in (".parquet", ".peel.parquet")}
    assert all((tmp_path / "watch" / name).read_bytes() == before[name] for name in names)
    again.step(4)
    found = page_data(again.page)
    assert found["looks"][:3] == looks[:3] and [look["step"] for look in found["looks"]] == [1, 2, 3, 4]
    assert found["comparison"]["baseline"]["model"] == "step 3"
    idle = PeelWatch(*arguments, **settings)
    assert idle.finish() is None  # nothing was trained: what is there stays
    assert len(list((tmp_path / "watch").glob("*.peel.parquet"))) == 4
    fresh = PeelWatch(*arguments, **settings)
    fresh.step(1)  # without `begin` the first step says where the training begins
    assert [look["step"] for look in page_data(fresh.page)["looks"]] == [1]


def test_what_does_not_fit_is_refused_before_the_training(files: Path, tmp_path: Path) -> None:
    model, tokenizer = watching.small_gpt2()

    def watch(held_out: Any = None, name: str = "watch", **settings: Any) -> PeelWatch:
        return PeelWatch(
            model, tokenizer, held_out or files / "val.txt", tmp_path / name, **{**watching.SETTINGS, **settings}
        )

    with pytest.raises(UsageError, match=r"^window=65 is longer than what GPT2LMHeadModel reads"):
        watch(window=65)
    with pytest.raises(BadInput, match="no 32 tokens in one document"):
        watch(["The cat sat.", "on the mat"])
    with pytest.raises(UsageError, match="is watched every N steps"):
        watch(every=0)
    with pytest.raises(UsageError, match="no preset 'tokens'"):
        watch(preset="tokens")
    with pytest.raises(BadInput, match="in units of byte"):
        watch(unit="byte", ngram=files / "train.ngram")
    with pytest.raises(BadInput, match="does not exist"):
        watch(files / "nothing.txt")
    watch(every=1).step(1)
    with pytest.raises(UsageError, match="holds steps of another sample"):
        watch(windows=5)
    watch(windows=5, name="other")


def test_documents_are_sampled_one_by_one(tmp_path: Path) -> None:
    model, tokenizer = watching.small_gpt2()
    texts = [watching.sentences(200, 5), "short", watching.sentences(300, 6)]
    watch = PeelWatch(model, tokenizer, texts, tmp_path / "watch", every=1, **watching.SETTINGS)
    watch.step(1)
    windows = [
        json.loads(line)["text"] for line in (tmp_path / "watch" / "sample.jsonl").read_text("utf-8").splitlines()
    ]
    assert len(windows) == 6 and all(sum(window in text for text in texts) == 1 for window in windows)
    assert errtax.read(tmp_path / "watch" / "step-0000001.peel.parquet").statistics.units.kind == "doc"


def test_only_what_is_asked_for_is_imported() -> None:
    def loaded(code: str) -> list[str]:
        probe = (
            f"import sys\n{code}\nprint(*(name for name in ('torch', 'transformers', 'numpy') if name in sys.modules))"
        )
        return subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True).stdout.split()

    assert loaded("import errtax; errtax.training.__all__") == []
    assert loaded("from errtax.training import PeelWatch") == ["torch", "numpy"]
    assert dir(errtax.training) == ["PeelCallback", "PeelWatch"]
    with pytest.raises(AttributeError, match="no attribute 'Peel'"):
        errtax.training.Peel  # noqa: B018
