"""A transformer's log in parts that tasks write without word of each other.

A part is a range of the whole text's batches of windows, so a model is asked the same, side by side with the same, as
in one process: on the same kind of device, by as many threads, its rows are those of the whole log to the last digit.
Nothing goes from one part to another.  Where the rows of bytes begin inside a document, the batch before is read once
more.  Each task reads and tokenises the whole text, and loads the model.
"""

import hashlib
import json
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import errtax
from errtax.lm.errors import UsageError
from errtax.lm.executors.tasks import Pool, Watch, parts_for
from errtax.lm.hf.documents import Documents, read_documents
from errtax.lm.hf.model import load_model
from errtax.lm.hf.prediction import HfOptions, PartOfLog, Step, predict_text
from errtax.lm.hf.sources import Source
from errtax.lm.hf.tokenizer import load_tokenizer
from errtax.lm.log_parts import Predicted
from errtax.lm.part import WHOLE, Part
from errtax.lm.part_files import is_complete, run_parts

_LEAST = 1 << 16  # bytes of text in a part, unless somebody says how many parts


@dataclass(frozen=True)
class HfPart:
    """One part of a log, to be written into `folder`.

    `model`: a folder, a `.gguf` file, or a name on the hub; `limit`: bytes of the text that are predicted, None: all.
    """

    model: str
    text: Path
    options: HfOptions
    folder: Path
    part: Part = WHOLE
    limit: int | None = None
    revision: str | None = None
    dtype: str = "float32"
    device: str = "auto"

    @property
    def path(self) -> Path:
        """The part's file."""
        return self.folder / self.part.name()

    @property
    def documents(self) -> Documents:
        """What the model is to read."""
        return read_documents(self.text).limited(self.limit)

    def key(self, documents: Documents) -> str:
        """What all parts of one log have in common, as a digest; it takes no model to tell."""
        named = [_from_anywhere(self.model), self.revision, self.dtype, self.device, asdict(self.options)]
        return hashlib.sha256(json.dumps([errtax.__version__, documents.sha256, *named]).encode()).hexdigest()


def predict_whole(spec: HfPart, output: Path, force: bool, on_step: Step) -> Predicted:
    """Write the log of all parts at once; return its sums."""
    return _predict(spec, spec.documents, output, force, on_step)


def write_hf_part(spec: HfPart, force: bool = False, on_step: Step = lambda done, total: None) -> bool:
    """Predict a part of a text and write its log, unless that is done already; whether it was written now.

    An interrupted part is resumed.  `force`: anew, whatever is there.
    """
    documents = spec.documents
    key = spec.key(documents)
    if not force and is_complete(spec.path, spec.part, key):
        return False
    spec.folder.mkdir(exist_ok=True)
    _predict(spec, documents, spec.path, True, on_step, key)
    return True


def predict_on(pool: Pool[Any], spec: HfPart, n: int | None, watch: Watch) -> None:
    """Predict a text on a pool, n parts or one for each free place, each into its file in `spec.folder`.

    Parts that are there are not done again.  Raises what the first part raises that fails.
    """
    if str(spec.text) == "-":
        raise UsageError("a text in parts is read by several tasks, so it must be a file or a folder.")
    documents = spec.documents
    n = n or min(parts_for(pool.slots, len(documents.text), _LEAST), pool.slots)
    spec = replace(spec, model=_from_anywhere(spec.model), text=spec.text.absolute(), folder=spec.folder.absolute())
    run_parts(pool, write_hf_part, spec, spec.key(documents), n, watch)


def _from_anywhere(model: str) -> str:
    """The same model for a process in another folder."""
    return str(Path(model).absolute()) if Path(model).exists() else model


def _predict(
    spec: HfPart, documents: Documents, output: Path, force: bool, on_step: Step, key: str | None = None
) -> Predicted:
    tokenizer = load_tokenizer(spec.model, spec.revision)
    model = load_model(Source.of(spec.model, spec.revision), spec.dtype, spec.device)
    of = None if key is None else PartOfLog(spec.part, key)
    return predict_text(model, tokenizer, documents, output, spec.options, force, on_step, of)
