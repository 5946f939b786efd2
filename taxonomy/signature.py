"""One string that says how the numbers of a peel were made, and parses back."""

from collections.abc import Iterable, Mapping, Sequence

import errtax
from errtax.lm.errors import BadInput
from errtax.oracle.custom import OracleRule
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


def listed(names: Iterable[str]) -> str:
    """Names within a field, parted by commas; `%`, `|`, `:` and `,` are written as in a URL.

    >>> listed(["{}", "a|b"])
    '{},a%7Cb'
    """
    escapes = str.maketrans({sign: f"%{ord(sign):02X}" for sign in "%|:,"})
    return ",".join(name.translate(escapes) for name in names)


def parse_signature(signature: str) -> Mapping[str, str]:
    """The fields of a signature.

    >>> parse_signature("errtax:0.1.0|unit:byte|n:3")["n"]
    '3'
    """
    pairs = [field.partition(":") for field in signature.split("|")]
    if not all(colon for _, colon, _ in pairs):
        raise BadInput(f"{signature!r} is not a signature: each field is key:value, fields are parted by '|'.")
    return {key: value for key, _, value in pairs}


def settings_of_signature(signature: str, custom: Sequence[OracleRule] = ()) -> Settings:
    """The settings that a peel's signature describes; `custom`: its oracles that are not built in."""
    fields = parse_signature(signature)
    try:
        return Settings.parse_layers(fields["layers"], fields["err"], custom)
    except (KeyError, ValueError) as error:
        raise BadInput(f"{signature!r} does not say how the errors were peeled ({error}).") from None
