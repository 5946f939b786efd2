"""Where a model comes from: a folder, a `.gguf` file, or a name on the hub; and what to say where it cannot be had."""

import io
import re
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from errtax.lm.errors import BadInput, UsageError, reason_of
from errtax.lm.files import require_input
from errtax.lm.visible import shown_name

DTYPES = ("float32", "bfloat16", "float16")
"""Types of weights."""


_CHECKPOINT = re.compile(r"(?:step|checkpoint)[-_]?(\d{1,18})")
"""A version of a model that says after how many steps of training it was kept."""


@dataclass(frozen=True)
class Source:
    """`name`: what transformers is given.  `path`: the folder or file, None for a name on the hub.

    `shown`: what the model is called.  `arguments`: what else `from_pretrained` is given.
    """

    name: str
    path: Path | None
    shown: str
    arguments: dict[str, Any]

    @classmethod
    def of(cls, source: str, revision: str | None = None) -> "Source":
        """The source that a user means: what exists here is a folder or file, everything else a name on the hub."""
        path = Path(source)
        if path.exists():
            if revision is not None:
                raise UsageError(f"--revision is for models on the hub; {source} is here, in one version only.")
            if path.is_dir():
                whole = path.resolve()
                named = whole.parent if _CHECKPOINT.fullmatch(whole.name) else whole
                return cls(str(path), path, shown_name(named.name), {})
            if path.suffix == ".gguf":
                folder = str(require_input(path).parent)
                return cls(folder, path, shown_name(path.stem), {"gguf_file": path.name})
            if path.suffix == ".json":
                return cls(str(path.parent), path, shown_name(path.resolve().parent.name), {})
            raise BadInput(f"{source} is not a model: a folder, a .gguf file or a name on the hub is needed.")
        if not re.fullmatch(r"[\w.-]+(/[\w.-]+)?", source) or source.endswith((".gguf", ".json")):
            raise BadInput(f"{source} does not exist; a folder, a .gguf file or a name on the hub is needed.")
        return cls(source, None, shown_name(source), {} if revision is None else {"revision": revision})

    @property
    def revision(self) -> str | None:
        """Which version of a model on the hub, or of one whose checkpoints are folders in its own; None without."""
        is_checkpoint = self.path is not None and self.path.is_dir() and _CHECKPOINT.fullmatch(self.path.resolve().name)
        return self.path.resolve().name if self.path and is_checkpoint else self.arguments.get("revision")

    @property
    def step(self) -> int | None:
        """The training step that `step1000` or `checkpoint-1000` names; None where none is named."""
        found = _CHECKPOINT.search(self.revision or "")
        return int(found[1]) if found else None


@contextmanager
def loading(place: Source, what: str) -> Iterator[None]:
    """Turn whatever transformers raises while it loads into `BadInput`, one line that says what to do.

    Its own bars and warnings are not shown.
    """
    from transformers.utils import logging  # noqa: PLC0415  # takes seconds to import

    verbosity, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        with redirect_stderr(io.StringIO()):  # some bars cannot be turned off
            yield
    except ImportError as error:
        raise UsageError(f"{place.shown} needs more packages: pip install 'errtax[hf]' ({reason_of(error)}).") from None
    except Exception as error:
        advice = "; check the files in it"
        if place.path is None:
            advice = "; check the name and --revision, or download it first where the hub can be reached"
        raise BadInput(f"the {what} of {place.shown} cannot be loaded ({reason_of(error)}){advice}.") from None
    finally:
        logging.set_verbosity(verbosity)
        if bars:
            logging.enable_progress_bar()
