"""What a sweep is to train, from a TOML file and from flags."""

import difflib
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

from errtax.lm.errors import BadInput, UsageError
from errtax.lm.neural.models import Shape
from errtax.lm.neural.run import Recipe
from errtax.taxonomy.studies.sweep_record import SEED, model_of


@dataclass(frozen=True)
class SweepSpec:
    """What to train: by default the models of the paper's Table 1, an RNN of budget 512 left out as there.

    `nn`, `ngrams`: the n of n-NN and n-gram baselines.  `seeds`: each model is trained again from these, beside the
    recipe's.  `skip`: patterns of names of trained runs.  `dropout`, `epochs`: by pattern, the first that fits counts;
    else none, and those of the recipe.  A pattern fits all seeds of a model, or the name of one run.
    """

    text: str = ""  # a folder made by errtax split
    models: tuple[str, ...] = ("lstm", "rnn", "gru")
    layers: tuple[int, ...] = (1, 2, 3)
    budgets: tuple[int, ...] = (64, 128, 256, 512)
    nn: tuple[int, ...] = ()
    nn_hidden: int = 256
    ngrams: tuple[int, ...] = ()
    seeds: tuple[int, ...] = ()
    skip: tuple[str, ...] = ("rnn-*-512",)
    dropout: Mapping[str, float] = field(default_factory=dict)
    epochs: Mapping[str, int] = field(default_factory=dict)
    recipe: Recipe = field(default_factory=Recipe)

    def __post_init__(self) -> None:
        self._require_types()
        unknown = [name for name in self.models if name not in ("lstm", "gru", "rnn")]
        if unknown:
            raise UsageError(f"models are lstm, gru and rnn (n-NNs are asked for by nn), got {unknown[0]!r}.")
        if min((*self.layers, *self.budgets, *self.nn, *self.ngrams, self.nn_hidden), default=1) < 1:
            raise UsageError("layers, budgets, nn, ngrams and nn_hidden are whole numbers of at least 1.")
        if min(self.seeds, default=0) < 0 or self.recipe.seed in self.seeds:
            raise UsageError(f"seeds are whole numbers of at least 0, others than the recipe's ({self.recipe.seed}).")
        if not self.names:
            raise UsageError("the sweep has no runs; check models, layers, budgets and skip.")
        if not self.text:
            raise UsageError('a sweep needs a text: the folder of errtax split, as text = "wp" or --text wp.')

    def _require_types(self) -> None:
        kinds = {"models": str, "skip": str} | dict.fromkeys(("layers", "budgets", "nn", "ngrams", "seeds"), int)
        for name, kind in kinds.items():
            values = getattr(self, name)
            if not isinstance(values, tuple) or any(type(value) is not kind for value in values):
                what = "names" if kind is str else "whole numbers"
                raise UsageError(f"{name} must be a list of {what}, got {values!r}.")
        if not isinstance(self.text, str) or type(self.nn_hidden) is not int or not isinstance(self.dropout, Mapping):
            raise UsageError("text must be a name, nn_hidden a whole number, dropout a table of patterns.")
        if not isinstance(self.epochs, Mapping):
            raise UsageError("epochs is a table of patterns here; those of all runs stand in [recipe].")
        for pattern, epochs in self.epochs.items():
            if type(epochs) is not int or epochs < 1:
                raise UsageError(f"epochs of {pattern!r} must be a whole number of at least 1, got {epochs!r}.")
        for pattern, share in self.dropout.items():
            if type(share) not in (int, float) or not 0 <= share < 1:
                raise UsageError(f"dropout of {pattern!r} must be a number in [0, 1), got {share!r}.")

    @property
    def shapes(self) -> dict[str, Shape]:
        """The models to train, by the name of their run: `lstm-2-64`, `3-nn`; `lstm-2-64-seed2` from a further seed."""
        shapes = {
            f"{model}-{layers}-{budget}": Shape(model, layers, budget=budget)
            for budget in self.budgets
            for model in self.models
            for layers in self.layers
        }
        shapes |= {f"{n}-nn": Shape("nn", hidden=self.nn_hidden, context=n) for n in self.nn}
        names = [f"{name}{suffix}" for suffix in ("", *(f"{SEED}{seed}" for seed in self.seeds)) for name in shapes]
        kept = [name for name in names if not any(_fits(pattern, name) for pattern in self.skip)]
        return {name: replace(shapes[model_of(name)], dropout=_first(self.dropout, name, 0.0)) for name in kept}

    def recipe_of(self, name: str) -> Recipe:
        """The recipe of one run."""
        _, _, seed = name.partition(SEED)
        epochs = _first(self.epochs, name, self.recipe.epochs)
        return replace(self.recipe, epochs=epochs, seed=int(seed) if seed else self.recipe.seed)

    @property
    def names(self) -> list[str]:
        """All runs, baselines included."""
        return list(dict.fromkeys([*self.shapes, *(f"{n}-gram" for n in self.ngrams)]))


def _fits(pattern: str, name: str) -> bool:
    return fnmatch(name, pattern) or fnmatch(model_of(name), pattern)


def _first(values: Mapping[str, Any], name: str, default: Any) -> Any:
    """The value of the first pattern that fits a name."""
    return next((value for pattern, value in values.items() if _fits(pattern, name)), default)


def read_spec(path: Path | None, given: Mapping[str, Any]) -> SweepSpec:
    """The specification in a TOML file, with what was `given` beside it in its place; unknown keys are errors."""
    try:
        content: Any = {} if path is None else tomllib.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise BadInput(f"{path} is not valid TOML ({error}).") from None
    if path is not None and "text" in content:
        content["text"] = str(path.parent / str(content["text"]))
    recipe: Any = content.pop("recipe", {})
    if not isinstance(recipe, dict):
        raise BadInput(f"{path}: recipe is a table: [recipe], and below it epochs = 25 and the like.")
    for key, value in given.items():
        (recipe if key in _names(Recipe) else content)[key] = value
    _require_known(content, _names(SweepSpec), path)
    _require_known(recipe, _names(Recipe), path)
    try:
        values: Any = {key: tuple(value) if isinstance(value, list) else value for key, value in content.items()}
        return SweepSpec(**values, recipe=Recipe(**recipe))
    except TypeError as error:
        raise BadInput(f"{path or 'the options'}: a value has the wrong type ({error}).") from None


def _names(kind: type) -> set[str]:
    return {field.name for field in fields(kind)}


def _require_known(found: Mapping[str, Any], known: set[str], path: Path | None) -> None:
    for key in found:
        if key not in known:
            close = difflib.get_close_matches(key, known, 1)
            hint = f"; did you mean {close[0]!r}?" if close else f"; known are {', '.join(sorted(known))}."
            raise BadInput(f"{path}: unknown key {key!r}{hint}")
