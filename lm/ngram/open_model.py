"""Opening a model of whichever kind a path names."""

import logging
import zlib
from enum import StrEnum
from pathlib import Path

from errtax.lm.errors import BadInput, UsageError
from errtax.lm.files import first_bytes, require_input, sha256_of_file
from errtax.lm.locations import require_local
from errtax.lm.ngram import container, kenlm_model
from errtax.lm.ngram.arpa import ArpaModel
from errtax.lm.ngram.index import NgramIndex
from errtax.lm.ngram.kenlm_model import KenlmModel
from errtax.lm.ngram.kenlm_tools import MANIFEST
from errtax.lm.ngram.model import NgramModel
from errtax.lm.text import Sentences, Unit


class ModelKind(StrEnum):
    """What a file or folder holds."""

    INDEX = "an index of errtax build-ngram"
    FOLDER = "a folder of errtax build-ngram --engine kenlm"
    BINARY = "a binary file of KenLM's build_binary"
    ARPA = "an ARPA file (.gz or not)"


logger = logging.getLogger("errtax")
ENGINES = ("native", "kenlm")
_HEAD = 1 << 20  # any text may stand before \data\, but not a book


def open_model(
    path: Path, unit: Unit | None = None, sentences: Sentences | None = None, engine: str | None = None
) -> NgramModel:
    """The model at `path`: see `ModelKind` for what can be opened.

    `unit` and `sentences` are what a single KenLM or ARPA file does not say; where a model says it, they must agree
    with it.  `engine`: `kenlm` scores an ARPA file through KenLM's Python module, otherwise it is read natively; an
    index is always native, KenLM's own formats always KenLM's.

    Raises `BadInput` for anything else, `UsageError` for arguments that do not fit.
    """
    kind = kind_of(path)
    if engine not in (None, *ENGINES):
        raise UsageError(f"engine must be one of {', '.join(ENGINES)}, got {engine!r}.")
    fits = {ModelKind.INDEX: ("native",), ModelKind.ARPA: ENGINES}.get(kind, ("kenlm",))
    if engine not in (None, *fits):
        raise UsageError(f"{path} is {kind}, which only --engine {fits[0]} can read.")
    if kind is ModelKind.INDEX:
        return _open_index(path, unit, sentences)
    model: NgramModel
    if kind is ModelKind.ARPA and engine != "kenlm":
        model = ArpaModel.open(path, unit, sentences)
    else:
        model = KenlmModel.open(path, unit, sentences)
    if kind in (ModelKind.ARPA, ModelKind.BINARY) and model.order > 1:
        logger.warning(
            "%s holds the model of order %d alone; the lower orders are that model with shorter contexts, not those "
            "that lmplz or an index has for them.",
            path,
            model.order,
        )
    return model


def kind_of(path: Path) -> ModelKind:
    """What a path holds, by its first bytes; `BadInput` with a list of what can be opened for anything else."""
    if path.is_dir():
        if (path / MANIFEST).is_file():
            require_local(path, "models of KenLM are read from")
            return ModelKind.FOLDER
    else:
        head = first_bytes(path, _HEAD)
        if head.startswith(container.MAGIC[:6]):
            return ModelKind.INDEX
        if head.startswith(kenlm_model.MAGIC):
            return ModelKind.BINARY
        if b"\\data\\" in _unzipped(head):
            return ModelKind.ARPA
    raise BadInput(f"{path} is not a model; {', '.join(ModelKind)} can be opened.")


def _unzipped(head: bytes) -> bytes:
    if not head.startswith(b"\x1f\x8b"):
        return head
    try:
        return zlib.decompressobj(wbits=31).decompress(head, _HEAD)
    except zlib.error:
        return b""


def _open_index(path: Path, unit: Unit | None, sentences: Sentences | None) -> NgramModel:
    index = NgramIndex.open(path, verify=True)
    found = index.unit, index.sentences
    for asked, due in zip((unit, sentences), found, strict=True):
        if asked not in (None, due):
            raise UsageError(f"{path} is a model of units of {' and '.join(found)}; {asked} was asked for.")
    return index


def open_model_for_log(path: Path, unit: Unit, engine: str | None = None) -> NgramModel:
    """The model at `path` for a log; a file of KenLM's does not say its unit, so it is taken to be the log's."""
    says = kind_of(path) in (ModelKind.INDEX, ModelKind.FOLDER)
    return open_model(path, None, None, engine) if says else open_model(path, unit, Sentences.STREAM, engine)


def sha256_of_model(path: Path) -> str:
    """The hexadecimal SHA-256 of a model's file; of a folder of models, that of the file that lists them."""
    return sha256_of_file(path / MANIFEST if path.is_dir() else require_input(path))
