"""Predictions from Python: any model and tokenizer with the interface of transformers."""

import tempfile
from collections.abc import Iterable
from os import PathLike
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from errtax.lm.hf.documents import documents_of, read_documents
from errtax.lm.hf.model import LanguageModel, load_model
from errtax.lm.hf.prediction import HfOptions, predict_text
from errtax.lm.hf.sources import Source
from errtax.lm.hf.tokenizer import TextTokenizer, load_tokenizer
from errtax.lm.locations import location


def predict(
    model: Any,
    tokenizer: Any,
    text: str | bytes | PathLike[str] | Iterable[str | bytes],
    output: str | PathLike[str] | None = None,
    *,
    limit: int | None = None,
    name: str | None = None,
    force: bool = False,
    **options: Any,
) -> Any:
    """The prediction log of a causal language model on a text, as `errtax.peel` takes it.

    `model`, `tokenizer`: objects of transformers, or where they come from: a folder, a `.gguf` file, a name on the hub.
    `text`: the text itself, or a `pathlib.Path` of a file, or several documents, between which nothing is carried.
    `output`: a file to write, whose path is returned; without it the log is returned, an Arrow table.  `limit`: bytes
    of the text.  `name`: what the model is called.  `options`: `unit` ("byte" or "token"), `window`, `stride`,
    `prefix`, `batch`, `bytes`, as those of `errtax predict --hf`.

    Raises `BadInput` for texts, tokenizers and models that do not fit each other, `UsageError` for options.
    """
    chosen = HfOptions(**options)
    documents = (read_documents(location(text)) if isinstance(text, PathLike) else documents_of(text)).limited(limit)
    used = load_tokenizer(tokenizer) if isinstance(tokenizer, str) else TextTokenizer.of(tokenizer)
    loaded = load_model(Source.of(model)) if isinstance(model, str) else LanguageModel.of(model, name)
    if output is not None:
        written = location(output)
        predict_text(loaded, used, documents, written, chosen, force)
        return written
    with tempfile.TemporaryDirectory(prefix="errtax-") as folder:
        predict_text(loaded, used, documents, Path(folder) / "log.parquet", chosen)
        return pq.read_table(Path(folder) / "log.parquet", memory_map=False)
