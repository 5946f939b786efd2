"""Watching a training by transformers' `Trainer`: what is logged, and that nothing of the training changes."""

import json
from pathlib import Path
from typing import Any

import pytest

from errtax.lm.errors import UsageError

pytest.importorskip("transformers", reason="needs transformers: pip install 'errtax[hf]'")
pytest.importorskip("accelerate", reason="Trainer needs accelerate: pip install 'errtax[hf]'")

import torch
from transformers import Trainer, TrainerCallback, TrainingArguments, default_data_collator

import watching
from errtax.training import PeelCallback


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return watching.make_files(tmp_path_factory.mktemp("texts"))


class Report(TrainerCallback):  # type: ignore[misc]
    """Stands for TensorBoard and the like: keeps what is logged."""

    def __init__(self) -> None:
        self.logs: list[tuple[int, dict[str, float]]] = []

    def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **kwargs: Any) -> None:
        self.logs.append((state.global_step, dict(logs)))


def trainer_of(files: Path, output: Path, steps: int = 8, **arguments: Any) -> tuple[Trainer, Report]:
    model, tokenizer = watching.small_gpt2()
    ids = watching.ids_of((files / "train.txt").read_text(), tokenizer)
    rows = [{"input_ids": ids[at : at + 24], "labels": ids[at : at + 24]} for at in range(0, 24 * 40, 24)]
    report = Report()
    given = {"logging_steps": 2, "save_steps": 4, "report_to": "none", "use_cpu": True, "seed": 3, **arguments}
    chosen = TrainingArguments(
        str(output), max_steps=steps, per_device_train_batch_size=4, disable_tqdm=True, save_strategy="steps", **given
    )
    made = {"train_dataset": rows, "processing_class": tokenizer, "data_collator": default_data_collator}
    return Trainer(model, chosen, callbacks=[report], **made), report


def watch(trainer: Trainer, files: Path, **settings: Any) -> PeelCallback:
    options = {"ngram": files / "train.ngram", "every": 2, **watching.SETTINGS, **settings}
    callback = PeelCallback(trainer, files / "val.txt", **options)
    trainer.add_callback(callback)
    return callback


def looks_of(output: Path) -> list[dict[str, Any]]:
    html = (output / "watch" / "index.html").read_text("utf-8")
    data = html.split('<script type="application/json" id="errtax">')[1].split("</script>")[0]
    looks: list[dict[str, Any]] = json.loads(data)["looks"]
    return looks


def test_the_trainer_reports_the_classes_and_trains_as_without(files: Path, tmp_path: Path) -> None:
    plain, plain_report = trainer_of(files, tmp_path / "plain")
    plain.train()
    trainer, report = trainer_of(files, tmp_path / "watched")
    watch(trainer, files)
    trainer.train()
    one, two = plain.model.state_dict(), trainer.model.state_dict()
    assert all(torch.equal(one[name], two[name]) for name in one)
    ours = [(step, logs) for step, logs in report.logs if "errtax/errors" in logs]
    assert [step for step, _ in ours] == [2, 4, 6, 8]
    for (_, logs), look in zip(ours, looks_of(tmp_path / "watched"), strict=True):
        assert all(logs[f"errtax/{each['name']}"] == each["rate"][0] for each in look["classes"])
        assert logs["errtax/bits"] == look["bits"][0]

    def losses(logs: list[tuple[int, dict[str, float]]]) -> list[tuple[int, float]]:
        return [(step, each["loss"]) for step, each in logs if "loss" in each]

    assert losses(report.logs) == losses(plain_report.logs) and len(losses(report.logs)) == 4
    history = [each for each in trainer.state.log_history if "errtax/ngram" in each]
    assert [each["step"] for each in history] == [2, 4, 6, 8]


def test_a_resumed_training_replaces_the_steps_after_its_checkpoint(files: Path, tmp_path: Path) -> None:
    class Stop(TrainerCallback):  # type: ignore[misc]
        def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
            if state.global_step == 7:
                raise KeyboardInterrupt

    whole, _ = trainer_of(files, tmp_path / "whole", save_steps=4)
    watch(whole, files, every=1)
    whole.train()
    trainer, _ = trainer_of(files, tmp_path / "run")
    watch(trainer, files, every=1)
    trainer.add_callback(Stop())
    with pytest.raises(KeyboardInterrupt):
        trainer.train()
    folder = tmp_path / "run" / "watch"
    before = {path.name: path.read_bytes() for path in folder.glob("step-*")}
    assert [look["step"] for look in looks_of(tmp_path / "run")] == [1, 2, 3, 4, 5, 6, 7]
    assert 'id="again"' in (folder / "index.html").read_text("utf-8")  # it waits for what comes
    again, report = trainer_of(files, tmp_path / "run")
    watch(again, files, every=1)
    again.train(resume_from_checkpoint=str(tmp_path / "run" / "checkpoint-4"))
    assert [step for step, logs in report.logs if "errtax/bits" in logs] == [5, 6, 7, 8]
    assert looks_of(tmp_path / "run") == looks_of(tmp_path / "whole")
    assert all((folder / name).read_bytes() == data for name, data in before.items() if name < "step-0000005")


def test_other_processes_write_nothing(files: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    trainer, report = trainer_of(files, tmp_path / "run", steps=2)
    monkeypatch.setattr(trainer, "is_world_process_zero", lambda: False)
    watch(trainer, files)
    trainer.train()
    assert not (tmp_path / "run" / "watch").exists()
    assert not [logs for _, logs in report.logs if "errtax/errors" in logs]
    zero, _ = trainer_of(files, tmp_path / "other", steps=2)
    callback = watch(zero, files)
    state = zero.state
    state.is_world_process_zero, state.global_step = False, 2
    callback.on_train_begin(zero.args, state, zero.control)
    callback.on_step_end(zero.args, state, zero.control, model=zero.model)
    callback.on_train_end(zero.args, state, zero.control, model=zero.model)
    assert not list((tmp_path / "other" / "watch").glob("step-*"))


def test_a_failing_watch_does_not_stop_the_trainer(
    files: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*args: object, **kwargs: object) -> None:
        raise MemoryError("no room")

    trainer, report = trainer_of(files, tmp_path / "run")
    watch(trainer, files)
    monkeypatch.setattr("errtax.lm.hf.sample.predict_text", fail)
    trainer.train()
    assert trainer.state.global_step == 8
    assert sum("no room" in record.getMessage() for record in caplog.records) == 3
    assert not [logs for _, logs in report.logs if "errtax/errors" in logs]


def test_without_a_tokenizer_it_is_refused(files: Path, tmp_path: Path) -> None:
    trainer, _ = trainer_of(files, tmp_path / "run")
    tokenizer, trainer.processing_class = trainer.processing_class, None
    with pytest.raises(UsageError, match="a tokenizer of transformers is needed"):
        watch(trainer, files)
    watch(trainer, files, tokenizer=tokenizer)
