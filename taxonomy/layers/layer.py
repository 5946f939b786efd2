"""What a layer is: its names, the errors that it claims, and into which of its slices; its thresholds; its looks.

Karpathy et al. 2015, section 4.3 and Figure 6.  A layer turns evidence into the number of a slice per position, -1
where it has no claim; it knows nothing of other layers or of their order.  Lists of layers, settings, signatures,
options of the command line, tables, pictures and the page follow from these records.
"""

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from errtax.lm.errors import UsageError

if TYPE_CHECKING:  # options are declared from layers, and help is instant: nothing here loads the oracles
    from errtax.oracle.evidence import Evidence

Slices = NDArray[np.int8]
"""Number of the slice that claims each position; -1: no claim."""
Number = int | float
Threshold = Number | tuple[Number, ...]
_FEW = 16
NO_CODE = 255
"""In a column of codes: nothing that any limit could reach."""
MOST = 100
"""Values in a list of thresholds: so many slices fit a layer."""


class Values(Protocol):
    """The thresholds of all layers by the names of their parameters, and `criterion`: see `Settings`."""

    def __getattr__(self, name: str) -> Any:
        """The value of a parameter."""
        ...


@dataclass(frozen=True)
class Parameter:
    """A threshold of a layer, or an increasing list of them, one per slice.

    `name`: in Python and in files; as a flag, with hyphens.  `text`: its value in the preset of this name, where it is
    not the `default`; `token`: the same of that preset.  `low`, `high`: the least and the greatest value allowed.
    `flags`: other names of the flag.  `slider`: how a page moves it, or the last of a list, the others keeping their
    places below.
    """

    name: str
    default: Threshold
    help: str
    low: Number = 0
    high: Number = math.inf
    text: Threshold | None = None
    token: Threshold | None = None
    flags: tuple[str, ...] = ()
    slider: "Slider | None" = None

    @property
    def listed(self) -> bool:
        """Whether its value is a list."""
        return isinstance(self.default, tuple)

    @property
    def kind(self) -> type[int] | type[float]:
        """What its numbers are."""
        first = self.default[0] if isinstance(self.default, tuple) else self.default
        return int if isinstance(first, int) else float

    def in_preset(self, preset: str) -> Threshold:
        """Its value in a preset."""
        own = {"text": self.text, "token": self.token}.get(preset)
        return self.default if own is None else own

    def checked(self, given: Any) -> Threshold:
        """A value that somebody gave, as a number or a tuple of numbers.  Raises `UsageError` for anything else."""
        if not self.listed:
            number = self._number(given)
            if not self.low <= number <= self.high:
                allowed = f"at least {self.low}" if self.high == math.inf else f"in {self.low}..{self.high}"
                raise UsageError(f"{self.name} must be {allowed}; got {given!r}.")
            return number
        if isinstance(given, str):
            given = given.split(",")
        if not isinstance(given, Iterable):
            found = f"the setting {self.name!r} is a list, as in {self.name}={list(self.default)}"  # type: ignore[arg-type]
            raise UsageError(f"{found}; got {given!r}.")
        numbers = tuple(map(self._number, given))
        ordered = all(map(math.isfinite, numbers)) and list(numbers) == sorted(set(numbers))
        if not numbers or not ordered or numbers[0] < self.low or numbers[-1] > self.high or len(numbers) > MOST:
            found = f"{self.name} must be increasing numbers of at least {self.low}, at most {MOST} of them"
            raise UsageError(f"{found}; got {joined(numbers) or 'none'}.")
        return numbers

    def _number(self, given: Any) -> Number:
        try:
            made = self.kind(given)
            same = made == float(given)
        except (TypeError, ValueError, OverflowError):
            same = False
        if not same:
            raise UsageError(f"the setting {self.name!r} takes values of type {self.kind.__name__}; got {given!r}.")
        return made


@dataclass(frozen=True)
class Slider:
    """A control of a page: `label`; a value in words, `{}` standing for the number; its positions.

    `positions(longest)`: `longest` is the longest context of the peel's n-gram model.  The peel's own value is added.
    """

    label: str
    words: str
    positions: Callable[[int], Sequence[Number]]


@dataclass(frozen=True)
class Clause:
    """How a page finds claims of a layer by itself: by the codes of one column of evidence, a flag or a number.

    A flag claims the rows whose code is in `values`.  A number claims those of at least `least` that are at most a
    limit; each value of the parameter `limits` is the limit of a slice, or, if it `counts`, each number from 1 to its
    value.  Without a `column` the number is what the probability of the symbol lacks.

    `name`: of the slice, `{}` standing for its limit.  `fixed`: limits that no parameter of the settings holds.
    `at_least`: other columns, and what they must have at least: a number, or a parameter.  `says`: what a row's number
    means, in words.
    """

    column: str
    name: str
    values: tuple[int, ...] = ()
    limits: str = ""
    counts: bool = False
    least: int = 0
    fixed: tuple[Number, ...] = ()
    at_least: tuple[tuple[str, int | str], ...] = ()
    says: str = ""


@dataclass(frozen=True)
class Source:
    """What a layer cannot do without: columns of `Evidence`, which are None where their oracle could not be asked.

    `flags`: the options for it, in words.
    """

    columns: tuple[str, ...]
    flags: str

    def given(self, evidence: "Evidence") -> bool:
        """Whether the evidence is there."""
        return all(getattr(evidence, name) is not None for name in self.columns)


NGRAM_MODEL = Source(("ngram_context", "ngram_logprob"), "--ngram X.ngram or --train-text train.txt")
BEST_SYMBOLS = Source(("ngram_best", "ngram_best_logprob"), "--ngram X.ngram")
OF_TOKENS = Source(("copy_3", "copy_2", "copy_1", "piece", "space"), "a log of tokens")
COMPARED = Source(("verbatim_length", "verbatim_count", "verbatim_place"), "--train-text train.txt")
TRAINING_WORDS = Source(("word_count",), NGRAM_MODEL.flags)


@dataclass(frozen=True, kw_only=True)
class Layer:
    """One layer: `slice_of(evidence, p, settings)` numbers the claims, `slices(settings)` names them.

    `bit`: its own in the column `claims`, for good.  `rule`: which errors it claims, in words.  `inside`: what stands
    in brackets after its name in a signature; by default the values of its parameters.  `in_words(evidence, row)`:
    what its evidence says of a row, empty for nothing.  `logprob`: the column with the log-probability that its oracle
    gives to the symbol.  `takes_rest`: it takes what the others leave, and so has no part in what is shared among them.
    `reach(settings)`: how many positions back its evidence must have been looked for (characters, with tokens and
    spans); `reach_in_rows(settings)`: how many rows.
    `clauses`: how the page finds its claims, the first that holds first; without them the page has the slices as they
    are by the settings.  `page_columns(evidence, starts, settings)`: the columns that they ask for and that the text
    alone does not tell, by row or by word, `starts` being the first row of each word.  `page_scales(settings)`: what
    the codes of these columns stand for, in ascending order.
    """

    name: str
    title: str
    letter: str
    colour: str
    bit: int
    rule: str
    slices: Callable[[Values], list[str]]
    slice_of: Callable[["Evidence", NDArray[np.float64], Values], Slices]
    parameters: tuple[Parameter, ...] = ()
    inside: Callable[[Values], str] | None = None
    in_words: Callable[["Evidence", int], str] = lambda evidence, row: ""
    source: Source | None = None
    logprob: str = ""
    takes_rest: bool = False
    reach: Callable[[Values], int] = lambda settings: 0
    reach_in_rows: Callable[[Values], int] = lambda settings: 0
    clauses: tuple[Clause, ...] = ()
    page_columns: Callable[["Evidence", NDArray[np.int64], Values], dict[str, NDArray[Any]]] = lambda *_: {}
    page_scales: Callable[[Values], dict[str, Sequence[Number]]] = lambda settings: {}

    def describe(self, settings: Values) -> str:
        """The layer and its thresholds in a signature, for example `memory(100,500,1000,5000;len>=5)`."""
        inside = self.inside or (lambda s: ";".join(joined(getattr(s, p.name)) for p in self.parameters))
        text = inside(settings)
        return f"{self.name}({text})" if text else self.name


def smallest(value: NDArray[Any], limits: tuple[Number, ...], valid: NDArray[np.bool_]) -> Slices:
    """The number of the first limit that is >= value, where valid; else -1."""
    below = count_below(limits, value)
    return where(valid & (below < len(limits)), below)


def where(valid: NDArray[np.bool_], slices: Slices) -> Slices:
    """The slices, -1 where not valid; by arithmetic, in a tenth of the time of `np.where`, which branches."""
    return (slices + np.int8(1)) * valid - np.int8(1)


def count_below(limits: tuple[Number, ...], value: NDArray[Any]) -> Slices:
    """How many of some increasing limits, up to `MOST`, are less than each value."""
    if len(limits) > _FEW:
        return np.searchsorted(np.array(limits), value).astype(np.int8)
    below = np.zeros(len(value), np.int8)
    for limit in limits:  # of a few limits, in a fifth of the time that searching takes
        below += value > limit
    return below


def coded(value: NDArray[Any], positions: Sequence[Number]) -> NDArray[np.uint8]:
    """A code per number: the place of the first position that is at least as large.

    `NO_CODE` for numbers below 0, which say nothing, and for those above all positions.
    """
    codes = np.searchsorted(positions, value)
    return np.where((value >= 0) & (codes < len(positions)), codes, NO_CODE).astype(np.uint8)


def no_claims(p: NDArray[np.float64]) -> Slices:
    """No claim anywhere."""
    return np.full(len(p), -1, np.int8)


def joined(values: Threshold) -> str:
    """Numbers as a signature and a flag have them.

    >>> joined((0.1, 1.0)), joined(3)
    ('0.1,1', '3')
    """
    return ",".join(repr(value).removesuffix(".0") for value in (values if isinstance(values, tuple) else (values,)))
