"""What a peel's model is called, and how large it is: said by the log, by the user, or by where the file lies."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import overload

from errtax.lm.errors import UsageError
from errtax.lm.prediction_log import PredictionLog
from errtax.lm.visible import shown_name
from errtax.taxonomy.peel import ChangedPeel, Peel, PeelSource


@dataclass(frozen=True)
class Identity:
    """What the user says of a model; None is left as the log has it.  `step`: of the training, for `trend`."""

    model: str | None = None
    parameters: int | None = None
    step: int | None = None

    def __post_init__(self) -> None:
        """Raises `UsageError` for an empty name, and for numbers that no model has."""
        if self.model is not None and not isinstance(self.model, str):
            raise UsageError(f"a model's name is a text; got {self.model!r}.")
        if self.model is not None and not self.model.strip():
            raise UsageError("a model's name is empty; give it one, or leave it out.")
        for name, value in (("parameters", self.parameters), ("step", self.step)):
            if value is not None and (isinstance(value, bool) or not isinstance(value, int) or value < 1):
                raise UsageError(f"{name} is a whole number from 1; got {value!r}.")

    @property
    def metadata(self) -> dict[str, str]:
        """What is said, by the keys of a log's metadata."""
        said = {"model": self.model, "parameters": self.parameters, "step": self.step}
        return {name: str(value) for name, value in said.items() if value is not None}

    @overload
    def of(self, peel: Peel) -> Peel: ...

    @overload
    def of(self, peel: PeelSource) -> PeelSource: ...

    def of(self, peel: PeelSource) -> PeelSource:
        """The same peel with this said of its model."""
        said = self.metadata
        if not said:
            return peel
        if not isinstance(peel, Peel):
            return ChangedPeel(peel, self.of)
        log = replace(peel.log, metadata={**peel.log.metadata, **said})
        return replace(peel, log=log, sources={**peel.sources, **{k: v for k, v in said.items() if k != "model"}})


AS_LOGGED = Identity()
"""Nothing is said."""


def identities(
    n: int,
    models: Sequence[str] | None = None,
    parameters: Sequence[int] | None = None,
    steps: Sequence[int] | None = None,
) -> list[Identity]:
    """What is said of n models, each list in their order; `UsageError` for a list of another length."""
    for name, values in (("model", models), ("parameters", parameters), ("step", steps)):
        if values and len(values) != n:
            raise UsageError(f"{name}: {len(values)} given for {n} models; give one for each, in their order.")
    return [
        Identity(models[k] if models else None, parameters[k] if parameters else None, steps[k] if steps else None)
        for k in range(n)
    ]


def distinct_peels(peels: Sequence[PeelSource]) -> list[PeelSource]:
    """The same peels, no two models of the same name."""
    logs = [peel.head.log for peel in peels]
    rows = zip(peels, logs, distinct_names(logs), strict=True)
    return [peel if name == log.model else Identity(name).of(peel) for peel, log, name in rows]


def distinct_names(logs: Sequence[PredictionLog]) -> list[str]:
    """The models' names, no two alike: where need be with the file's name, its whole path, or a number."""
    files = [
        (shown_name(_stem(log)), shown_name(log.name.removesuffix(Path(log.name).name) + _stem(log)), str(number))
        for number, log in enumerate(logs, 1)
    ]
    ways = [(log.model, *(f"{log.model} [{file}]" for file in names)) for log, names in zip(logs, files, strict=True)]
    often = [Counter(names) for names in zip(*ways, strict=True)]
    return [next((name for k, name in enumerate(names) if often[k][name] == 1), names[-1]) for names in ways]


def _stem(log: PredictionLog) -> str:
    return Path(log.name).name.removesuffix(".parquet").removesuffix(".peel")
