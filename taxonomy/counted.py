"""What rows add to a peel beside themselves, and the signature that only all of them give."""

import base64
import json
import logging
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from errtax.lm.errors import BadInput
from errtax.lm.log_reader import LogTally
from errtax.lm.ngram.totals import NgramTotals
from errtax.lm.prediction_log import PredictionLog
from errtax.taxonomy.doctor import SUSPICION, findings
from errtax.taxonomy.doctor_sums import DoctorSums
from errtax.taxonomy.peel import Peel
from errtax.taxonomy.signature import make_signature

logger = logging.getLogger("errtax")
_MOSTLY = 0.5
"""Of a text's letters: with more than that share of Chinese, Japanese, Thai, … a notice says what words are."""


@dataclass(frozen=True, eq=False)
class Counted:
    """Sums over rows, in their order; those of neighbouring rows can be added."""

    ngram: NgramTotals = field(default_factory=NgramTotals)
    letters: NDArray[np.int64] = field(default_factory=lambda: np.zeros(2, np.int64))
    """Of scripts without spaces between words, of all scripts."""
    doctor: DoctorSums = field(default_factory=DoctorSums)
    verbatim: int = 0
    """Predicted rows that are left out, because the training text has the passage."""

    def __add__(self, other: "Counted") -> "Counted":
        return Counted(
            self.ngram + other.ngram,
            self.letters + other.letters,
            self.doctor + other.doctor,
            self.verbatim + other.verbatim,
        )

    def to_metadata(self) -> dict[str, str]:
        """As a file of rows keeps it."""
        numbers = {"ngram": asdict(self.ngram), "letters": self.letters.tolist(), "verbatim": self.verbatim}
        return {"counted": json.dumps(numbers), "doctor": base64.b64encode(self.doctor.to_bytes()).decode()}

    @staticmethod
    def of_metadata(metadata: Mapping[str, str]) -> "Counted":
        """What `to_metadata` gave; anything else raises one of many errors."""
        numbers = json.loads(metadata["counted"])
        doctor = DoctorSums.of_bytes(base64.b64decode(metadata["doctor"]))
        letters = np.array(numbers["letters"], np.int64).reshape(2)
        return Counted(NgramTotals.of_json(numbers["ngram"]), letters, doctor, int(numbers.get("verbatim", 0)))


def signed(head: Peel, tally: LogTally, counted: Counted) -> Peel:
    """The peel without rows, signed; what only all rows tell is among its sources, and said aloud.

    Raises `BadInput` where nothing is predicted, or all of it left out.
    """
    if tally.problems:
        raise BadInput(f"{head.log.name}: {tally.problems[0]}.")
    if "least_context" not in head.log.metadata:  # else the first rows of each document were not asked about
        tally.announce_unpredicted(head.log.name)
    _announce_words(counted.letters)
    _announce_suspicions(head.log, counted.doctor)
    sources = {**head.sources, "text_sha256": tally.text_sha256}
    if tally.documents > 1:
        sources["documents"] = str(tally.documents)
    if least := head.settings.exclude_verbatim:
        if counted.verbatim == tally.rows - tally.unpredicted:
            found = f"{head.log.name}: all predicted positions are in passages of {least} symbols and more that the"
            raise BadInput(f"{found} training text has; nothing is left to count with --exclude-verbatim {least}.")
        sources["verbatim_left_out"] = str(counted.verbatim)
        said = f"{counted.verbatim:,} of {tally.rows - tally.unpredicted:,} predicted positions left out"
        logger.info(
            "%s: %s: in passages of %s symbols and more that the training text has.", head.log.name, said, least
        )
    if alone := counted.ngram.best():
        sources["ngram_alone"] = json.dumps(alone._asdict())
    signature = make_signature(str(head.log.unit), tally.rows, head.settings, sources, tally.documents)
    return replace(head, sources=sources, signature=signature)


def _announce_suspicions(log: PredictionLog, sums: DoctorSums) -> None:
    for each in findings(sums, log.surface is not None):
        if each.level == SUSPICION:
            logger.warning("%s: %s", log.name, each.sentence)


def _announce_words(letters: NDArray[np.int64]) -> None:
    without, total = letters.tolist()
    if without > _MOSTLY * total:
        found = f"{100 * without / total:.0f} % of the text's letters are of scripts that put no spaces between words"
        logger.warning("%s: a whole clause counts as one word here; --words icu finds the words in it.", found)
