"""The folder of a training that is watched: for each step that was looked at a prediction log and its peel.

`sample.jsonl`: what the model is asked about.  `step-0000200.parquet`, `step-0000200.peel.parquet`: after 200 steps.
`index.html`: the page.  A step counts once its peel stands there; whatever a killed process left is removed.
"""

import logging
from dataclasses import dataclass
from pathlib import Path

from errtax.lm.errors import UsageError
from errtax.lm.files import require_output_folder, write_text

SAMPLE, PAGE = "sample.jsonl", "index.html"
_PEEL = ".peel.parquet"
logger = logging.getLogger("errtax")


@dataclass(frozen=True)
class WatchFolder:
    """`path`: the folder, on this machine."""

    path: Path

    def open(self, sample: str) -> None:
        """Make the folder, and keep the sample in it.

        Raises `UsageError` where it already holds steps of another sample: their numbers could not be compared.
        """
        require_output_folder(self.path).mkdir(parents=True, exist_ok=True)
        kept = self.path / SAMPLE
        if self.steps and not (kept.is_file() and kept.read_text("utf-8") == sample):
            raise UsageError(f"{self.path} holds steps of another sample; give another folder, or remove this one.")
        write_text(kept, sample)

    @property
    def page(self) -> Path:
        """The page."""
        return self.path / PAGE

    def log(self, step: int) -> Path:
        """Where the prediction log after so many steps stands."""
        return self.path / f"step-{step:07}.parquet"

    def peel(self, step: int) -> Path:
        """Where its peel stands."""
        return self.path / f"step-{step:07}{_PEEL}"

    @property
    def steps(self) -> list[int]:
        """The steps that were looked at, in ascending order."""
        names = [path.name.removesuffix(_PEEL).removeprefix("step-") for path in self.path.glob(f"step-*{_PEEL}")]
        return sorted(int(name) for name in names if name.isdigit() and self.log(int(name)).is_file())

    def begin(self, step: int) -> list[int]:
        """Remove what is unfinished and what stands after a step, from which a training goes on; return what is left.

        The steps after it are those of a training that was interrupted and is repeated from an earlier checkpoint.
        """
        done = self.steps
        kept = [each for each in done if each <= step]
        if len(done) > len(kept):
            said = f"{len(done) - len(kept)} steps of an earlier training after step {step:,}"
            logger.info("%s: %s are removed; they come again.", self.path, said)
        wanted = {path for each in kept for path in (self.log(each), self.peel(each))}
        for path in [*self.path.glob("step-*"), *self.path.glob(".step-*")]:
            if path not in wanted and path.is_file():
                path.unlink()
        return kept
