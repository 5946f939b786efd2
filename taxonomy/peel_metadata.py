"""What the file of a peel says of itself beside its columns: settings, bits, oracles and sources, as data."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from errtax.lm.errors import BadInput
from errtax.oracle.custom import OracleRule
from errtax.taxonomy.layers.registry import LAYERS, claim_bits
from errtax.taxonomy.peel import Peel
from errtax.taxonomy.settings import Settings

_SOURCES = (
    *("parameters", "step", "streams", "symbols", "words", "text_sha256", "train_sha256", "preds_sha256"),
    *("tokenizer_sha256", "partners", "whole_text_sha256", "ngram_sha256", "ngram_model", "ngram_order"),
    *("ngram_alone", "horizon", "copy_horizon", "documents", "verbatim_left_out"),
)
_AGAIN = "peel the log again with errtax peel"


@dataclass(frozen=True)
class PeelMetadata:
    """`absent`: the columns of evidence that no oracle gave.  `bits`: those of the file's column `claims`, by layer."""

    settings: Settings
    absent: frozenset[str]
    bits: Mapping[str, int]
    signature: str
    sources: Mapping[str, str]

    def claims(self, stored: NDArray[np.uint32]) -> NDArray[np.uint32]:
        """The file's claims in the bits of this version."""
        bits = claim_bits(self.settings)
        if self.bits == bits:
            return stored
        claims = np.zeros(len(stored), np.uint32)
        for name, bit in self.bits.items():
            claims[(stored & np.uint32(bit)) > 0] |= np.uint32(bits.get(name, 0))
        return claims


def write_metadata(peel: Peel) -> dict[str, str]:
    """The metadata of a peel, but for schema, unit and model."""
    custom = [asdict(rule) for rule in peel.settings.custom]
    asked = [layer.name for layer in LAYERS if layer.source and layer.source.given(peel.evidence)]
    return {
        "signature": peel.signature,
        "settings": json.dumps(peel.settings.to_json()),
        "claims": json.dumps(claim_bits(peel.settings)),
        "oracles": ",".join(asked),
        **({"custom_oracles": json.dumps(custom)} if custom else {}),
        **peel.sources,
    }


def require_metadata(path: Path, metadata: Mapping[str, str]) -> None:
    """Raise `BadInput` where a file does not say how it was made."""
    for key in ("signature", "settings", "claims"):
        if key not in metadata:
            raise BadInput(f"{path} is not a valid peel table: its metadata has no {key}; {_AGAIN}.")


def read_metadata(metadata: Mapping[str, str]) -> PeelMetadata:
    """What `write_metadata` wrote.  Raises `BadInput` with what makes no sense."""
    asked = metadata.get("oracles", "").split(",")
    absent = {name for layer in LAYERS if layer.source and layer.name not in asked for name in layer.source.columns}
    try:
        custom = _custom_of(metadata)
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise BadInput(f"its metadata do not say what its own oracles mean ({error}); {_AGAIN}") from None
    try:
        settings = Settings.from_json(json.loads(metadata["settings"]), custom)
        bits = {name: _bit(bit) for name, bit in json.loads(metadata["claims"]).items()}
        [
            int(metadata.get(key, "1"))
            for key in ("ngram_order", "horizon", "copy_horizon", "documents", "verbatim_left_out")
        ]
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise BadInput(f"its metadata do not say how the errors were peeled ({error}); {_AGAIN}") from None
    sources = {key: value for key, value in metadata.items() if key in _SOURCES}
    return PeelMetadata(settings, frozenset(absent), bits, metadata["signature"], sources)


def _custom_of(metadata: Mapping[str, str]) -> tuple[OracleRule, ...]:
    found = json.loads(metadata.get("custom_oracles", "[]"))
    return tuple(
        OracleRule(
            name=rule["name"],
            title=rule["title"],
            rule=rule["rule"],
            limits=tuple(rule["limits"]),
            parameters=tuple((key, value) for key, value in rule["parameters"]),
        )
        for rule in found
    )


def _bit(value: Any) -> int:
    if not isinstance(value, int) or not 0 <= value < 1 << 32:
        raise ValueError(f"{value!r} is not a layer's bit")
    return value
