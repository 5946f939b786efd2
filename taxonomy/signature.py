"""One string that says how the numbers of a peel were made: for people.  Nothing reads it; settings travel as data."""

from collections.abc import Iterable

import errtax
from errtax.taxonomy.peel import Peel
from errtax.taxonomy.settings import Settings

ABSENT = "none"


def make_signature(
    unit: str, rows: int, settings: Settings, ngram: str, text_sha256: str, train_sha256: str, documents: int = 1,
    words: str = "",
) -> str:  # fmt: skip
    """For example `errtax:0.1.0|unit:byte|n:330000|err:p<0.5|layers:ngram(1-9),...|ngram:...|text:...|train:...`.

    Of more than one document it says how many, `docs:40`, and of words that are not the default's what they are,
    `words:icu 78.1`.
    """
    fields = {
        "errtax": errtax.__version__,
        "unit": unit,
        "n": str(rows),
        **({"docs": str(documents)} if documents > 1 else {}),
        **({"words": listed([words])} if words else {}),
        "err": str(settings.criterion),
        "layers": settings.description,
        "ngram": ngram or ABSENT,
        "text": text_sha256[:8] or ABSENT,
        "train": train_sha256[:8] or ABSENT,
    }
    return "|".join(f"{key}:{value}" for key, value in fields.items())


def sign(peel: Peel) -> str:
    """The signature of a whole peel, from its settings and sources."""
    ngram, train_sha256, words = (peel.sources.get(key, "") for key in ("ngram_model", "train_sha256", "words"))
    text_sha256 = peel.sources.get("text_sha256") or peel.log.text_sha256
    unit, documents = str(peel.log.unit), len(peel.log.document_starts)
    return make_signature(unit, len(peel.log), peel.settings, ngram, text_sha256, train_sha256, documents, words)


def listed(names: Iterable[str]) -> str:
    """Names within a field, parted by commas; `%`, `|`, `:` and `,` are written as in a URL.

    >>> listed(["{}", "a|b"])
    '{},a%7Cb'
    """
    escapes = str.maketrans({sign: f"%{ord(sign):02X}" for sign in "%|:,"})
    return ",".join(name.translate(escapes) for name in names)
