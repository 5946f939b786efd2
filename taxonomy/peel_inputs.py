"""From files to a peel: log, index and training text in; evidence, verdicts and a signature out."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from errtax.lm.errors import BadInput, UsageError
from errtax.lm.log_files import log_sha256
from errtax.lm.log_reader import LogSource, open_log_file
from errtax.lm.ngram.index import NgramIndex, require_tokenizer
from errtax.lm.ngram.model import NgramModel, require_unit
from errtax.lm.ngram.open_model import open_model_for_log, sha256_of_model
from errtax.lm.prediction_log import PredictionLog
from errtax.lm.split import streams_of_part
from errtax.lm.text import Text, Unit, read_text
from errtax.oracle.ngram import knows_best
from errtax.oracle.rare import training_words
from errtax.oracle.verbatim import SourceText
from errtax.oracle.word_rule import PATTERN, describe_words, require_words
from errtax.taxonomy.aligned import WHOLE_TEXT
from errtax.taxonomy.identity import AS_LOGGED, Identity
from errtax.taxonomy.layers.layer import BEST_SYMBOLS, COMPARED, NGRAM_MODEL, OF_TOKENS, TRAINING_WORDS, Source
from errtax.taxonomy.layers.registry import CHARACTERS, find_layer
from errtax.taxonomy.peel import Peel, require_tokens
from errtax.taxonomy.peel_flow import Oracles, PeelFlow
from errtax.taxonomy.settings import Settings

logger = logging.getLogger("errtax")


_KEPT = ("parameters", "step", "streams", "symbols", "tokenizer_sha256", "partners")
"""What a peel's file says of its log in the log's own words."""


@dataclass(frozen=True)
class PeelInputs:
    """The files of one peel, or a log and a model in memory.  Without an index one is built from the training text."""

    preds: Path | PredictionLog
    ngram: Path | NgramModel | None = None
    train_text: Path | None = None
    text: Path | None = None  # if given, the log must be a log of it
    engine: str | None = None  # for an ARPA file: native or kenlm
    words: str = PATTERN  # what a word is: a regular expression, or icu (`word_rule`)
    identity: Identity = AS_LOGGED  # what the user says of the model

    def __post_init__(self) -> None:
        require_words(self.words)


def peel_files(inputs: PeelInputs, settings: Settings) -> Peel:
    """The peel of a prediction log, in memory: the flow's one-block case."""
    flow = flow_of(inputs, settings)
    (peel,) = flow.blocks(max(len(flow), 1))
    return replace(peel, sources=flow.head.sources, signature=flow.head.signature)


def flow_of(inputs: PeelInputs, settings: Settings, sources: Mapping[str, str] | None = None) -> PeelFlow:
    """The way of a prediction log through the peel.

    Says which layers are left out because their oracle is missing, and at its end how many positions are not predicted.
    `sources`: what the peel is made from, where it is known already; else the files are read for their digests, and for
    the log's seal.
    """
    sealed = None if sources is None else False  # the rows that are read have checksums of their own
    log: LogSource = open_log_file(inputs.preds, sealed) if isinstance(inputs.preds, Path) else inputs.preds
    head = log.head
    require_tokens(head, settings)
    if head.unit is Unit.TOKEN and settings.made_for == CHARACTERS:
        said = "these layers are made for characters; --preset token has layers made for tokens"
        logger.info("%s holds tokens: %s.", head.name, said)
    text = None if inputs.text is None else read_text(inputs.text, head.unit.of_text)
    train = None if inputs.train_text is None else read_text(inputs.train_text, head.unit.of_text)
    opened = _model(inputs, train, head, settings)
    model = opened if _needs_model(settings) and head.has_ids else None
    words = training_words(train, opened, inputs.words) if _needs(settings, TRAINING_WORDS) else None
    best = model if knows_best(model) else None
    training = _training(train, opened, head) if _compares(settings) else None
    if settings.exclude_verbatim and training is None:
        raise UsageError("--exclude-verbatim needs the training text: give --train-text train.txt.")
    found = {COMPARED: training, NGRAM_MODEL: model, BEST_SYMBOLS: best, TRAINING_WORDS: words, OF_TOKENS: head.surface}
    _announce_missing(settings, found, opened, head)
    split = {} if text is None or inputs.text is None or head.surface is not None else _streams_of(inputs.text, text)
    metadata = {**split, **head.metadata, **inputs.identity.metadata}
    return PeelFlow(
        log=log,
        oracles=Oracles(model, words, inputs.words, training),
        settings=settings,
        sources=_sources_of(inputs, metadata, train, opened, model) if sources is None else sources,
        metadata=metadata,
        text=text,
    )


def _sources_of(
    inputs: PeelInputs,
    metadata: Mapping[str, str],
    train: Text | None,
    opened: NgramModel | None,
    model: NgramModel | None,
) -> dict[str, str]:
    """What a peel is made from, by the keys of its file's metadata; that of the log's text only its rows tell.

    `model`: the one that is `opened`, or None where only its words are asked for.
    """
    found = {
        "words": describe_words(inputs.words),
        "preds_sha256": log_sha256(inputs.preds) if isinstance(inputs.preds, Path) else None,
        "train_sha256": train.sha256 if train else opened.text_sha256 if opened else "",
        "ngram_model": model.description if model else None,
        "ngram_order": str(model.order) if model else None,
        "ngram_sha256": sha256_of_model(inputs.ngram) if opened and isinstance(inputs.ngram, Path) else None,
        **{key: metadata.get(key) for key in _KEPT},
        WHOLE_TEXT: metadata.get("text_sha256"),
    }
    return {key: value for key, value in found.items() if value}


def _streams_of(path: Path, text: Text) -> dict[str, str]:
    """What the split beside a text tells of its streams, as a log's metadata have it."""
    streams = streams_of_part(path, text.sha256) if text.unit is Unit.BYTE else 1
    return {"streams": str(streams), "symbols": str(len(text))} if streams > 1 else {}


def _needs(settings: Settings, source: Source) -> bool:
    """Whether a chosen layer needs this evidence."""
    return any(find_layer(name, settings).source == source for name in settings.layers)


def _needs_model(settings: Settings) -> bool:
    return _needs(settings, NGRAM_MODEL) or _needs(settings, BEST_SYMBOLS)


def _compares(settings: Settings) -> bool:
    """Whether passages of the training text are looked for."""
    return bool(settings.exclude_verbatim) or _needs(settings, COMPARED)


def _training(train: Text | None, model: NgramModel | None, log: PredictionLog) -> SourceText | None:
    """The training text in the letters of a log: itself, or what an index of such letters was built from."""
    if train is not None:
        return SourceText.of_text(train)
    usable = isinstance(model, NgramIndex) and model.unit is log.unit.of_text and model.end_of_line is None
    return SourceText.of_index(model) if isinstance(model, NgramIndex) and usable else None


def _model(inputs: PeelInputs, train: Text | None, log: PredictionLog, settings: Settings) -> NgramModel | None:
    """The model that is given, or one of the training text; None where nothing is asked of it."""
    asked = _needs_model(settings)
    if not asked and (train is not None or not (_needs(settings, TRAINING_WORDS) or _compares(settings))):
        return None
    if inputs.ngram is not None:
        model, name = inputs.ngram, "the model"
        if isinstance(model, Path):
            name = str(model)
            model = open_model_for_log(model, log.unit, inputs.engine)
        if log.has_ids:
            require_unit(model, log.unit, log.name)
            require_tokenizer(model, log.metadata.get("tokenizer_sha256", ""), log.name)
        if asked and log.has_ids and model.order <= settings.ngram_max:
            found = f"{name} has order {model.order}, so contexts of up to {model.order - 1} symbols"
            raise BadInput(
                f"{found}; the n-gram layer asks for {settings.ngram_max}. "
                f"Build it with --order {settings.ngram_max + 1}, or lower --ngram-max."
            )
        if train is not None and model.text_sha256 and model.text_sha256 != train.sha256:
            logger.warning("%s was built from another text than %s.", name, inputs.train_text)
        return model
    if train is None or train.unit is not log.unit:  # of tokens, only errtax build-ngram --tokenizer makes one
        return None
    logger.info("No --ngram: building an index of order %d in memory.", settings.ngram_max + 1)
    return NgramIndex.build(train, settings.ngram_max + 1)


def _announce_missing(
    settings: Settings, found: Mapping[Source, object], opened: NgramModel | None, log: PredictionLog
) -> None:
    chosen = [find_layer(name, settings) for name in settings.layers]
    missing = [
        f"{layer.name} ({_what_helps(layer.source, opened, log)})"
        for layer in chosen
        if layer.source and found[layer.source] is None
    ]
    if missing:
        logger.warning("Layers left out: %s.", "; ".join(missing))


def _what_helps(source: Source, opened: NgramModel | None, log: PredictionLog) -> str:
    if source in (NGRAM_MODEL, BEST_SYMBOLS) and not log.has_ids:
        whose = "spans have" if log.unit is Unit.SPAN else "this log has"
        return f"{whose} no ids of tokens, which an n-gram model needs"
    if source == BEST_SYMBOLS and opened is not None:
        return "needs an index of one stream of tokens, which says what it ranks first"
    if source in (NGRAM_MODEL, BEST_SYMBOLS) and log.unit is Unit.TOKEN:
        return "needs --ngram X.ngram: errtax build-ngram train.txt --tokenizer T"
    if opened is None or source != TRAINING_WORDS:
        return f"needs {source.flags}"
    counts = opened.word_counts if isinstance(opened, NgramIndex) else None
    if counts is None:
        return "needs --train-text train.txt: the model has no counts of words"
    return f"needs --train-text train.txt: the index counts other words, those of {counts.rule!r}"
