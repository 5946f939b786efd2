"""How like other models a model is, in the course of its training (Karpathy et al. 2015, section 4.4, Figure 8).

All checkpoints read the text in step, some columns at a time, and so do the models they are compared with: n-NNs, and
n-gram models of all orders.  What is held is O(columns x rows x (checkpoints + references) x symbols), whatever the
length of the text.

Symbols: C checkpoints, R references, K symbols of the alphabet, P positions at a time.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from errtax.lm.errors import BadInput, UsageError
from errtax.lm.neural.feedforward import FeedforwardConfig
from errtax.lm.neural.prediction import Predicted, predicted_windows
from errtax.lm.neural.run import Run, checkpoints, choose_device, load_best, load_weights, read_run
from errtax.lm.neural.streams import Streams
from errtax.lm.ngram.distributions import TextDistributions
from errtax.lm.ngram.index import NgramIndex
from errtax.lm.text import Text, Unit

_POSITIONS = 1 << 11  # at a time
_PIECE = 1 << 9  # of them in double precision
_ENDLESS = 1e250


@dataclass(frozen=True)
class Reference:
    """A model to compare with."""

    name: str
    kind: str  # n-gram, n-NN or recurrent
    context: int  # symbols that it sees, n; 0: all


@dataclass(frozen=True, eq=False)
class Divergences:
    """`divergence[c, r]`: mean over positions of KL(p || q) + KL(q || p), nats, of checkpoint c and reference r.

    `losses[c]`, `reference_losses[r]`: mean cross-entropy in nats of the predicted, known symbols.
    """

    run: Run
    steps: list[int]
    references: list[Reference]
    divergence: NDArray[np.float64]
    losses: NDArray[np.float64]
    reference_losses: NDArray[np.float64]
    positions: int

    @property
    def kinds(self) -> list[str]:
        """The kinds of references, each once."""
        return list(dict.fromkeys(reference.kind for reference in self.references))

    def nearest(self, kind: str = "n-gram") -> list[Reference]:
        """The reference of a kind that each checkpoint is most like."""
        of_kind = [r for r, reference in enumerate(self.references) if reference.kind == kind]
        return [self.references[of_kind[int(row[of_kind].argmin())]] for row in self.divergence] if of_kind else []


@dataclass(frozen=True)
class ReferenceComparison:
    """What to compare a run's checkpoints with."""

    ngram: NgramIndex | None = None
    networks: tuple[Path, ...] = ()  # runs of errtax train --model nn (or of any other model)


def chosen_checkpoints(folder: Path) -> dict[int, Path]:
    """The checkpoints of a run by step; `BadInput` where there are none."""
    found = checkpoints(folder)
    if not found:
        raise BadInput(f"{folder} has no checkpoints; train with errtax train --checkpoint-every log,epoch.")
    return found


def compare_checkpoints(
    folder: Path,
    text: Text,
    streams: Streams,
    comparison: ReferenceComparison,
    logprobs: NDArray[np.float32],
    on_step: Callable[[int, int], None] = lambda done, total: None,
) -> Divergences:
    """How like the references each checkpoint is on a text, read in these rows.

    Also fills `logprobs[c, i]`: natural log of the probability of symbol i, NaN where nothing was predicted.
    """
    run, device = read_run(folder), choose_device("cpu")
    paths = chosen_checkpoints(folder)
    models = [_reader(load_weights(run, weights, device), run, streams) for weights in paths.values()]
    references, readers = _references(comparison, run, streams, text)
    sums = _Sums(len(paths), len(references))
    logprobs[:] = np.nan
    length = streams.rows.shape[1]
    for parts in zip(*models, strict=True):
        part = parts[0]
        columns = np.arange(part.first, part.first + len(part.targets))
        positions = (columns[:, None] + length * np.arange(len(streams.rows))).reshape(-1)
        p = torch.stack([other.logits.flatten(0, 1).log_softmax(1) for other in parts], 1)  # (P, C, K)
        q = [reader(positions) for reader in readers]  # each (P, n, K)
        targets = part.targets.flatten()
        logprobs[:, positions] = sums.add(p, torch.cat(q, 1) if q else p[:, :0], targets).T.numpy()
        on_step(part.first + len(part.targets), length)
    return sums.means(run, list(paths), references)


def _reader(model: torch.nn.Module, run: Run, streams: Streams) -> Iterator[Predicted]:
    steps = max(_POSITIONS // len(streams.rows), 1)
    windows: Iterator[Predicted] = predicted_windows(model, run, streams, torch.device("cpu"), steps)
    return windows


def _references(
    comparison: ReferenceComparison, run: Run, streams: Streams, text: Text
) -> tuple[list[Reference], list[Callable[[NDArray[np.int64]], Tensor]]]:
    """The references, and for each group of them what gives log-probabilities (P, n, K) at positions of the text."""
    references: list[Reference] = []
    readers: list[Callable[[NDArray[np.int64]], Tensor]] = []
    if comparison.ngram is not None:
        index = comparison.ngram
        if index.unit is not run.unit or run.unit not in (Unit.BYTE, Unit.CHAR):
            raise UsageError(f"the index counts in units of {index.unit}, the run in units of {run.unit}.")
        distributions = TextDistributions(index, text.codes, np.array(run.alphabet, np.uint32))
        references += [Reference(f"{n}-gram", "n-gram", n) for n in range(1, index.order)]
        readers.append(lambda positions: torch.from_numpy(distributions.at(positions)[:, 1:]).log())
    for folder in comparison.networks:
        other = read_run(folder)
        if other.alphabet != run.alphabet or other.unit is not run.unit:
            raise BadInput(f"{folder} was trained on other symbols than the run; train both on the same split.")
        windows = _reader(load_best(folder, torch.device("cpu")), other, streams)
        context = other.config.context if isinstance(other.config, FeedforwardConfig) else 0
        name = other.config.name
        if any(reference.name == name for reference in references):
            name += f" [{folder}]"
        references.append(Reference(name, "n-NN" if context else "recurrent", context))
        readers.append(partial(_next_logprobs, windows))
    return references, readers


def _next_logprobs(windows: Iterator[Predicted], positions: NDArray[np.int64]) -> Tensor:
    """What a model that reads in step with the others says of the next positions, (P, 1, K)."""
    return next(windows).logits.flatten(0, 1).log_softmax(1)[:, None]


class _Sums:
    """Running sums over positions, in double precision."""

    def __init__(self, n_checkpoints: int, n_references: int) -> None:
        self.divergence = torch.zeros(n_checkpoints, n_references, dtype=torch.float64)
        self.losses = torch.zeros(n_checkpoints, dtype=torch.float64)
        self.reference_losses = torch.zeros(n_references, dtype=torch.float64)
        self.positions = self.known = 0

    def add(self, log_p: Tensor, log_q: Tensor, targets: Tensor) -> Tensor:
        """Add P positions; log_p (P, C, K), log_q (P, R, K), targets (P,).  Returns log p of the targets, (P, C)."""
        self.positions += len(targets)
        known = targets >= 0
        self.known += int(known.sum())
        at = targets.clamp(min=0)[:, None, None]
        chosen = log_p.gather(2, at.expand(-1, log_p.shape[1], 1)).squeeze(2)
        self.losses -= chosen[known].double().sum(0)
        self.reference_losses -= log_q.gather(2, at.expand(-1, log_q.shape[1], 1)).squeeze(2)[known].double().sum(0)
        for start in range(0, len(targets), _PIECE):
            self._add_divergence(log_p[start : start + _PIECE].double(), log_q[start : start + _PIECE].double())
        return chosen.masked_fill(~known[:, None], -torch.inf)

    def _add_divergence(self, log_p: Tensor, log_q: Tensor) -> None:
        """KL(p || q) + KL(q || p) = sum of (p - q)(log p - log q): four products, each summed over P and K at once.

        An n-gram model may give a symbol probability 0: then the sum is infinite, and `_ENDLESS` holds its place.
        """
        log_p, log_q = log_p.clamp(min=-_ENDLESS), log_q.clamp(min=-_ENDLESS)
        p, q = log_p.exp(), log_q.exp()
        self.divergence += (p * log_p).sum((0, 2))[:, None] + (q * log_q).sum((0, 2))
        log_p, log_q, p, q = (x.transpose(0, 1).flatten(1) for x in (log_p, log_q, p, q))  # (C or R, P K)
        self.divergence -= p @ log_q.T + log_p @ q.T

    def _divergence(self) -> Tensor:
        """Rounding may leave a little less than nothing between two models that are the same."""
        endless = self.divergence > _ENDLESS / 1e100
        return (self.divergence / max(self.positions, 1)).clamp(min=0).masked_fill(endless, torch.inf)

    def means(self, run: Run, steps: list[int], references: list[Reference]) -> Divergences:
        known = max(self.known, 1)
        return Divergences(
            run,
            steps,
            references,
            self._divergence().numpy(),
            (self.losses / known).numpy(),
            (self.reference_losses / known).numpy(),
            self.positions,
        )
