"""Scores by KenLM itself, through its Python module: a folder of models of all orders, a binary file or an ARPA file.

For comparison, and for models that exist only in KenLM's format; the native engine gives the same numbers faster.
"""

import importlib
import itertools
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from errtax.lm.errors import BadInput, UsageError
from errtax.lm.files import require_input, sha256_of_file
from errtax.lm.ngram.arpa import ArpaModel
from errtax.lm.ngram.arpa_kernels import LN10
from errtax.lm.ngram.kenlm_tools import MANIFEST, kenlm_problems, read_manifest
from errtax.lm.ngram.model import require_unit
from errtax.lm.ngram.token_names import end_of_line, name_symbols
from errtax.lm.special import EOS_NAME, UNK_NAME
from errtax.lm.table import arrow_of_names
from errtax.lm.text import Codes, Sentences, Text, Unit, default_sentences, recode

_SMALL = 1 << 30  # bytes of models that are worth a look at their checksums before they are used
MAGIC = b"mmap lm http://kheafield.com/code "
"""With it KenLM's binary files begin."""

_REASON = re.compile(r"threw [\w:]+(?: because `.*?')?\.\s+(.*?)(?:\s+Byte: \d+)?\)$")
_MAX_ORDER = re.compile(r"has order (\d+) but KenLM was compiled to support up to (\d+)")


@dataclass(frozen=True, eq=False)
class KenlmModel:
    """Models in KenLM's own data structures, as an `NgramModel`.

    A folder made by `build_kenlm` has a model of each order, and column n of the scores is the model of order n.  A
    single file has one model, of order N; column n < N is that model asked with its context cut to n - 1 symbols,
    which is not what `lmplz -o n` would estimate.

    The module scores word by word, in one thread: one to two million scores per second.
    """

    unit: Unit
    sentences: Sentences
    order: int
    text_sha256: str
    description: str
    unigrams: ArpaModel | None
    """The model of order 1 of a folder, which KenLM cannot load."""
    models: list[Any]
    """`kenlm.Model`s of the orders 2..N of a folder, or the one of a file."""
    words: list[str]
    """words[code]: the model's numbering of words; of a file, which does not list them, those met so far."""

    @classmethod
    def open(cls, path: Path, unit: Unit | None = None, sentences: Sentences | None = None) -> "KenlmModel":
        """The model in a folder of `build_kenlm`, in a binary file of KenLM's or in an ARPA file.

        `unit` must be given for files, which do not say it; `sentences` is the unit's default where a file is opened
        without.

        Raises `UsageError` where the `kenlm` module is missing or was compiled for lower orders, or an argument is
        missing or contradicts the folder; `BadInput` where KenLM cannot read a file.
        """
        if path.is_dir():
            return cls._open_folder(path, unit, sentences)
        if unit is None:
            raise UsageError(f"{path} does not say what its words are; give --unit byte, char, word or token.")
        file = require_input(path)
        model = load_model(file)
        described = f"kenlm,order={model.order},sha256={sha256_of_file(file)[:8]}"
        return cls(unit, sentences or default_sentences(unit), model.order, "", described, None, [model], [])

    @classmethod
    def _open_folder(cls, path: Path, unit: Unit | None, sentences: Sentences | None) -> "KenlmModel":
        manifest = read_manifest(path)
        found = Unit(manifest["unit"]), Sentences(manifest["sentences"])
        for asked, due in zip((unit, sentences), found, strict=True):
            if asked not in (None, due):
                raise UsageError(f"{path} has models of units of {' and '.join(found)}; {asked} was asked for.")
        if sum(entry["bytes"] for entry in manifest["files"].values()) <= _SMALL and (bad := kenlm_problems(path)):
            raise BadInput(f"{path} is damaged: {bad[0]}; build it again.")
        models = [load_model(path / f"{n}.bin") for n in range(2, manifest["order"] + 1)]
        unigrams = ArpaModel.open(path / "1.arpa", *found)
        described = f"kenlm,order={manifest['order']},sha256={sha256_of_file(path / MANIFEST)[:8]}"
        words = unigrams.tables.words.to_pylist() if found[0] is Unit.WORD else []
        return cls(*found, manifest["order"], manifest["text_sha256"], described, unigrams, models, words)

    def codes_of(self, text: Text) -> Codes:
        """The text's codes; those of words in the model's numbering, `UNKNOWN` for one that it lacks."""
        require_unit(self, text.unit, text.name)
        if self.unit is not Unit.WORD:
            return text.codes
        if self.unigrams is None:
            have = set(self.words)
            self.words.extend(word for word in text.words.to_pylist() if word not in have and word in self.models[0])
        return recode(text, arrow_of_names(self.words))

    def knows(self, codes: Codes) -> NDArray[np.bool_]:
        """Which symbols the model has, or end a line."""
        if self.unigrams is not None:
            return self.unigrams.knows(codes)
        distinct: Any
        distinct, ranks = np.unique(codes, return_inverse=True)
        return np.array([name in self.models[0] for name in self._tokens(distinct)])[ranks]

    def score_blocks(
        self, codes: Codes, unknown: NDArray[np.int64] | None = None, block: int = 1 << 18
    ) -> Iterator[NDArray[np.float32]]:
        """`logp[i, n - 1]` in blocks of at most `block` positions; see `NgramModel`."""
        unigrams = iter(()) if self.unigrams is None else self.unigrams.score_blocks(codes, unknown, block)
        scorer = _CutContexts(self.models[0]) if self.unigrams is None else _EachOrder(self.models)
        for start in range(0, len(codes), block):
            tokens = self._tokens(codes[start : start + block])
            if unknown is not None:
                for position in unknown[(unknown >= start) & (unknown < start + len(tokens))] - start:
                    tokens[position] = UNK_NAME
            scores = (scorer.score(tokens) * LN10).astype(np.float32)
            yield np.hstack([*itertools.islice(unigrams, 1), scores])

    def _tokens(self, codes: Codes) -> list[str]:
        distinct, ranks = np.unique(codes, return_inverse=True)
        end = end_of_line(self.unit, self.sentences)
        names = name_symbols(distinct, self.unit, self.words)
        names = [EOS_NAME if code == end else name for code, name in zip(distinct.tolist(), names, strict=True)]
        return [names[rank] for rank in ranks.tolist()]


class _WholeContext:
    """log10 p of words by one model, `<s>` before each sentence; the state carries over from one call to the next."""

    def __init__(self, model: Any) -> None:
        self.model = model
        self.state, self.spare = import_kenlm().State(), import_kenlm().State()
        model.BeginSentenceWrite(self.state)

    def score(self, tokens: Sequence[str]) -> list[float]:
        ask, state, spare, scores = self.model.BaseScore, self.state, self.spare, []
        for token in tokens:
            scores.append(ask(state, token, spare))
            state, spare = spare, state
            if token == EOS_NAME:
                self.model.BeginSentenceWrite(state)
        self.state, self.spare = state, spare
        return scores


class _EachOrder:
    """Column k: the model of order k + 2."""

    def __init__(self, models: Sequence[Any]) -> None:
        self.models = [_WholeContext(model) for model in models]

    def score(self, tokens: list[str]) -> NDArray[np.float64]:
        return np.array([model.score(tokens) for model in self.models]).reshape(len(self.models), len(tokens)).T


class _CutContexts:
    """Column k: one model, of order N, with at most the last k words as context.

    states[k] is the state after exactly the last k words from no context at all, so N calls per word give N columns.
    """

    def __init__(self, model: Any) -> None:
        self.model = model
        self.whole = _WholeContext(model)
        self.states = [import_kenlm().State() for _ in range(model.order)]
        model.NullContextWrite(self.states[0])
        self.n_before = 0  # words of this sentence so far

    def score(self, tokens: list[str]) -> NDArray[np.float64]:
        states, ask, n_most = self.states, self.model.BaseScore, self.model.order - 1
        scores = np.empty((len(tokens), n_most + 1))
        for i, (token, whole) in enumerate(zip(tokens, self.whole.score(tokens), strict=True)):
            # a context that is longer than the sentence so far begins with <s>: it is the whole one
            n_cut = min(self.n_before + 1, n_most)
            row = [whole] * (n_most + 1)
            for k in range(n_cut - 1, -1, -1):  # states[k + 1] has been asked and is free for what follows states[k]
                row[k] = ask(states[k], token, states[k + 1])
            scores[i] = row
            self.n_before = 0 if token == EOS_NAME else self.n_before + 1
        return scores


def import_kenlm() -> Any:
    """The `kenlm` module; `UsageError` where it is not installed."""
    try:
        return importlib.import_module("kenlm")
    except ImportError:
        raise UsageError(
            "the kenlm module is not installed: pip install 'errtax[kenlm]' "
            "(for orders above 6: MAX_ORDER=21 pip install --no-binary kenlm kenlm)."
        ) from None


def load_model(path: Path) -> Any:
    """The `kenlm.Model` in a file, without KenLM's remarks.

    Raises `UsageError` where the module was compiled for lower orders, `BadInput` where it cannot read the file.
    """
    kenlm = import_kenlm()
    config = kenlm.Config()
    config.show_progress = False
    config.arpa_complain = kenlm.ARPALoadComplain.NONE
    try:
        return kenlm.Model(str(path), config)
    except OSError as error:
        message = str(error)
    if found := _MAX_ORDER.search(message):
        raise UsageError(
            f"{path} has order {found[1]}, the kenlm module was compiled for orders up to {found[2]}; "
            f"recompile it: MAX_ORDER={max(21, int(found[1]))} pip install --force-reinstall --no-binary kenlm kenlm"
        )
    reason = _REASON.search(message)
    raise BadInput(f"KenLM cannot read {path}: {reason[1] if reason else message}")
