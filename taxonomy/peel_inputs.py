"""From files to a peel: log, index and training text in; evidence, verdicts and a signature out."""

import json
import logging
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from errtax.lm.errors import BadInput
from errtax.lm.files import sha256_of_file
from errtax.lm.log_files import log_sha256
from errtax.lm.ngram.index import NgramIndex
from errtax.lm.ngram.kenlm_tools import MANIFEST
from errtax.lm.ngram.model import NgramModel, require_unit
from errtax.lm.ngram.open_model import open_model_for_log
from errtax.lm.prediction_log import PredictionLog, announce_unpredicted, read_log, without_predictions
from errtax.lm.split import streams_of_part
from errtax.lm.text import Text, Unit, read_text
from errtax.oracle.evidence import collect_evidence
from errtax.oracle.ngram import NgramTally
from errtax.oracle.rare import count_words
from errtax.oracle.text_view import TextView
from errtax.oracle.word_rule import PATTERN, describe_words, require_words, share_without_spaces
from errtax.taxonomy.layers.layer import NGRAM_MODEL, TRAINING_WORDS, Source
from errtax.taxonomy.layers.registry import find_layer
from errtax.taxonomy.peel import Peel, peel_log
from errtax.taxonomy.settings import Settings
from errtax.taxonomy.signature import sign

logger = logging.getLogger("errtax")
_MOSTLY = 0.5
"""Of a text's letters: with more than that share of Chinese, Japanese, Thai, … a notice says what words are."""


@dataclass(frozen=True)
class PeelInputs:
    """The files of one peel, or a log and a model in memory.  Without an index one is built from the training text."""

    preds: Path | PredictionLog
    ngram: Path | NgramModel | None = None
    train_text: Path | None = None
    text: Path | None = None  # if given, the log must be a log of it
    engine: str | None = None  # for an ARPA file: native or kenlm
    words: str = PATTERN  # what a word is: a regular expression, or icu (`word_rule`)

    def __post_init__(self) -> None:
        require_words(self.words)


def peel_files(inputs: PeelInputs, settings: Settings) -> Peel:
    """The peel of a prediction log.

    Says which layers are left out because their oracle is missing, and how many positions are not predicted; `BadInput`
    where none is.
    """
    log = read_log(inputs.preds) if isinstance(inputs.preds, Path) else inputs.preds
    if problems := without_predictions(log.unpredicted, len(log)):
        raise BadInput(f"{log.name}: {problems[0]}.")
    announce_unpredicted(log)
    if inputs.text is not None:
        log = _of_text(log, inputs.text)
    train = None if inputs.train_text is None else read_text(inputs.train_text, log.unit)
    _announce_missing(inputs, settings)
    logger.debug("Read %s rows of %s.", f"{len(log):,}", log.name)
    model = _model(inputs, train, log, settings)
    view = TextView.of_log(log, inputs.words)
    _announce_words(view)
    words = count_words(train, inputs.words) if train is not None and _needs(settings, TRAINING_WORDS) else None
    tally = NgramTally(view, ~np.isnan(log.logprobs))
    peel = peel_log(log, collect_evidence(view, model, words, settings.custom, tally), settings)
    logger.debug("Peeled: %s errors.", f"{int(peel.error.sum()):,}")
    train_sha256 = train.sha256 if train else model.text_sha256 if model else ""
    word_rule = describe_words(inputs.words)
    preds_sha256 = log_sha256(inputs.preds) if isinstance(inputs.preds, Path) else None
    sources: dict[str, str] = {
        "text_sha256": log.text_sha256,
        **({"words": word_rule} if word_rule else {}),
        **({"preds_sha256": preds_sha256} if preds_sha256 else {}),
        **({"train_sha256": train_sha256} if train_sha256 else {}),
        **({"ngram_model": model.description, "ngram_order": str(model.order)} if model else {}),
        **({"ngram_sha256": _sha256_of_model(inputs.ngram)} if isinstance(inputs.ngram, Path) else {}),
        **{key: log.metadata[key] for key in ("parameters", "step", "streams", "symbols") if key in log.metadata},
        **({"ngram_alone": json.dumps(alone._asdict())} if (alone := tally.best()) else {}),
    }
    peel = replace(peel, sources=sources)
    return replace(peel, signature=sign(peel))


def _needs(settings: Settings, source: Source) -> bool:
    """Whether a chosen layer needs this evidence."""
    return any(find_layer(name, settings).source == source for name in settings.layers)


def _model(inputs: PeelInputs, train: Text | None, log: PredictionLog, settings: Settings) -> NgramModel | None:
    if not _needs(settings, NGRAM_MODEL):
        return None
    if inputs.ngram is not None:
        model, name = inputs.ngram, "the model"
        if isinstance(model, Path):
            name = str(model)
            model = open_model_for_log(model, log.unit, inputs.engine)
        require_unit(model, log.unit, log.name)
        if model.order <= settings.ngram_max:
            found = f"{name} has order {model.order}, so contexts of up to {model.order - 1} symbols"
            raise BadInput(
                f"{found}; the n-gram layer asks for {settings.ngram_max}. "
                f"Build it with --order {settings.ngram_max + 1}, or lower --ngram-max."
            )
        if train is not None and model.text_sha256 and model.text_sha256 != train.sha256:
            logger.warning("%s was built from another text than %s.", name, inputs.train_text)
        return model
    if train is None:
        return None
    logger.info("No --ngram: building an index of order %d in memory.", settings.ngram_max + 1)
    return NgramIndex.build(train, settings.ngram_max + 1)


def _sha256_of_model(path: Path) -> str:
    return sha256_of_file(path / MANIFEST if path.is_dir() else path)


def _announce_missing(inputs: PeelInputs, settings: Settings) -> None:
    chosen = [find_layer(name, settings) for name in settings.layers]
    missing = [
        f"{layer.name} (needs {layer.source.flags})"
        for layer in chosen
        if layer.source and all(getattr(inputs, name) is None for name in layer.source.inputs)
    ]
    if missing:
        logger.warning("Layers left out: %s.", "; ".join(missing))


def _announce_words(view: TextView) -> None:
    share = share_without_spaces(view.points[view.classes.word]) if view.word_rule == PATTERN else 0.0
    if share > _MOSTLY:
        found = f"{100 * share:.0f} % of the text's letters are of scripts that put no spaces between words"
        logger.warning("%s: a whole clause counts as one word here; --words icu finds the words in it.", found)


def _of_text(log: PredictionLog, path: Path) -> PredictionLog:
    """The log, with what the split beside the text tells of its streams.  Raises `BadInput` for another text's log."""
    text = read_text(path, log.unit)
    if log.positions[-1] >= len(text):
        found = f"{log.name} has position {log.positions[-1]}, {path} has {len(text)} symbols"
        raise BadInput(f"{found}; give the text that the log was made on.")
    differs = text.codes[log.positions] != log.codes
    if differs.any():
        position = int(log.positions[differs.argmax()])
        raise BadInput(f"{log.name} is a log of another text than {path}: they differ first at position {position}.")
    streams = streams_of_part(path, text.sha256) if text.unit is Unit.BYTE else 1
    known = {"streams": str(streams), "symbols": str(len(text))} if streams > 1 else {}
    return replace(log, metadata=known | log.metadata)
