"""What a sweep's models are over their seeds: the mean of several trainings, and how far they lie apart."""

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from errtax.taxonomy.quantiles import student_quantile
from errtax.taxonomy.studies.sweep_record import Result, model_of

_LEVEL = 0.95


@dataclass(frozen=True)
class OverSeeds:
    """A model trained from several seeds; losses in nats per symbol."""

    name: str
    runs: int
    test_loss: float  # mean
    deviation: float  # standard deviation of one training, n - 1 degrees of freedom
    low: float  # Student's 95 % interval of the mean of all seeds, on this text
    high: float
    paper: float | None
    errors: float  # mean
    errors_deviation: float

    @property
    def difference(self) -> float | None:
        """The mean minus the paper's."""
        return None if self.paper is None else self.test_loss - self.paper


def over_seeds(results: Sequence[Result]) -> list[OverSeeds]:
    """Those of the models that have more than one run, in the order of their first."""
    runs: dict[str, list[Result]] = {}
    for result in results:
        runs.setdefault(model_of(result.name), []).append(result)
    return [_over(name, found) for name, found in runs.items() if len(found) > 1]


def _over(name: str, runs: Sequence[Result]) -> OverSeeds:
    losses, errors = [run.test_loss for run in runs], [run.errors for run in runs]
    mean = statistics.fmean(losses)
    deviation = statistics.stdev(losses) if all(map(math.isfinite, losses)) else math.nan
    reach = student_quantile((1 + _LEVEL) / 2, len(runs) - 1) * deviation / math.sqrt(len(runs))
    return OverSeeds(
        name=name,
        runs=len(runs),
        test_loss=mean,
        deviation=deviation,
        low=mean - reach,
        high=mean + reach,
        paper=runs[0].paper,
        errors=statistics.fmean(errors),
        errors_deviation=statistics.stdev(errors),
    )
