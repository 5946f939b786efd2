"""The classes of KenLM's Python module (`python/kenlm.pyx`), under their own names, on `states`."""

from collections.abc import Iterator
from os import PathLike, fspath
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from errtax.lm.errors import UsageError
from errtax.lm.locations import location
from errtax.lm.ngram.states import Ids, Scores, open_scorer
from errtax.lm.special import BOS_NAME, EOS_NAME, UNK_NAME


class FullScoreReturn(NamedTuple):
    """A word's log10 probability, the words of the longest n-gram that matched, and whether the word is unknown."""

    log_prob: float
    ngram_length: int
    oov: bool


class State:
    """What a model remembers of the words before; made empty, and filled by a model's methods.

    Equal states have the same continuations.
    """

    def __init__(self) -> None:
        self.ids: tuple[int, ...] = ()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, State) and self.ids == other.ids

    def __hash__(self) -> int:
        return hash(self.ids)

    def __lt__(self, other: "State") -> bool:
        return self.ids < other.ids

    def __le__(self, other: "State") -> bool:
        return self.ids <= other.ids

    def __copy__(self) -> "State":
        copied = State()
        copied.ids = self.ids
        return copied

    def __deepcopy__(self, memo: dict[int, Any]) -> "State":
        return self.__copy__()


class Model:
    """An n-gram model: the highest order of an index of lines, or an ARPA file.

    Raises `BadInput` for a file that is neither, `UsageError` for an index without sentences.  `config` is there for
    calls that give one; nothing of it applies.
    """

    def __init__(self, path: str | bytes | PathLike[str], config: object = None) -> None:
        name = path.decode() if isinstance(path, bytes) else fspath(path)
        self.path = str(Path(name).absolute()) if "://" not in name else name
        self._scorer = open_scorer(location(name))
        numbers = self._scorer.numbers
        self._bos, self._eos, self._unk = (numbers[name] for name in (BOS_NAME, EOS_NAME, UNK_NAME))

    @property
    def order(self) -> int:
        """The words of the longest n-grams."""
        return self._scorer.order

    def score(self, sentence: str | bytes, bos: bool = True, eos: bool = True) -> float:
        """log10 p(sentence </s> | <s>); `bos`: whether `<s>` stands before it, `eos`: whether `</s>` is predicted."""
        _, scores = self._along(sentence, bos, eos)
        return float(scores.log10.sum())

    def perplexity(self, sentence: str | bytes) -> float:
        """10^(-score / words), `</s>` being one of them."""
        ids, scores = self._along(sentence, bos=True, eos=True)
        return float(10.0 ** (-scores.log10.sum() / (len(ids) - 1)))

    def full_scores(
        self, sentence: str | bytes, bos: bool = True, eos: bool = True
    ) -> Iterator[tuple[float, int, bool]]:
        """(log10 p, words of the longest n-gram that matched, whether it is unknown) of each word."""
        ids, scores = self._along(sentence, bos, eos)
        words = ids[len(ids) - len(scores.log10) :].tolist()
        for log10, length, word in zip(scores.log10.tolist(), scores.length.tolist(), words, strict=True):
            yield log10, length, word == self._unk

    def BeginSentenceWrite(self, state: State) -> None:  # KenLM's name
        """Make it the state at the start of a sentence."""
        state.ids = (self._bos,)

    def NullContextWrite(self, state: State) -> None:
        """Make it the state of which nothing is remembered."""
        state.ids = ()

    def BaseScore(self, in_state: State, word: str | bytes, out_state: State) -> float:
        """log10 p(word | in_state); `out_state`, which may be the same object, is the state after it."""
        return self.BaseFullScore(in_state, word, out_state).log_prob

    def BaseFullScore(self, in_state: State, word: str | bytes, out_state: State) -> FullScoreReturn:
        """The same with the length of the n-gram that matched, and whether the word is unknown."""
        ids = np.array([*in_state.ids, self._number(_text(word))], np.int64)
        log10, length = self._scorer.scores(ids, len(ids) - 1)
        kept = self._scorer.kept(ids)
        out_state.ids = tuple(ids[len(ids) - kept :].tolist())
        return FullScoreReturn(float(log10[0]), int(length[0]), bool(ids[-1] == self._unk))

    def __contains__(self, word: str | bytes) -> bool:
        return self._number(_text(word)) != self._unk

    def __repr__(self) -> str:
        return f"<Model from {Path(self.path).name}>"

    def __reduce__(self) -> tuple[type["Model"], tuple[str]]:
        return (type(self), (self.path,))

    def _number(self, word: str) -> int:
        return self._scorer.numbers.get(word, self._unk)

    def _along(self, sentence: str | bytes, bos: bool, eos: bool) -> tuple[Ids, Scores]:
        # as KenLM: the white space of ASCII separates words, no other
        words = [self._number(word.decode()) for word in _text(sentence).encode().split()]
        ids = np.array([*[self._bos] * bos, *words, *[self._eos] * eos], np.int64)
        return ids, self._scorer.scores(ids, int(bos))


LanguageModel = Model
"""KenLM's older name."""


def _text(given: str | bytes) -> str:
    if not isinstance(given, str | bytes):
        raise UsageError(f"a sentence or word is a string; got {type(given).__name__}.")
    return given.decode() if isinstance(given, bytes) else given
