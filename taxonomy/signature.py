"""One string that says how the numbers of a peel were made: for people.  Nothing reads it; settings travel as data."""

from collections.abc import Mapping

import errtax
from errtax.lm.visible import listed, shown_name
from errtax.taxonomy.peel import Peel
from errtax.taxonomy.settings import Settings

ABSENT = "none"


def make_signature(unit: str, rows: int, settings: Settings, sources: Mapping[str, str], documents: int = 1) -> str:
    """For example `errtax:0.1.0|unit:byte|n:330000|err:p<0.5|layers:ngram(1-9),...|ngram:...|text:...|train:...`.

    `sources`: what a peel was made from, by the keys of its file's metadata.  Of more than one document it says how
    many, `docs:40`, and of words that are not the default's what they are, `words:icu 78.1`.  With spans, `unit` names
    the models that share them: `unit:span(gpt2,llama)`; positions left out as recall are `without:verbatim>=50`.
    """
    words, partners = sources.get("words", ""), sources.get("partners", "")
    fields = {
        "errtax": errtax.__version__,
        "unit": f"{unit}({_safe(partners)})" if partners else unit,
        "n": str(rows),
        **({"docs": str(documents)} if documents > 1 else {}),
        **({"words": listed([words])} if words else {}),
        "err": str(settings.criterion),
        "layers": settings.description,
        **({"without": f"verbatim>={settings.exclude_verbatim}"} if settings.exclude_verbatim else {}),
        "ngram": sources.get("ngram_model") or ABSENT,
        "text": sources.get("text_sha256", "")[:8] or ABSENT,
        "train": sources.get("train_sha256", "")[:8] or ABSENT,
    }
    return "|".join(f"{key}:{value}" for key, value in fields.items())


def sign(peel: Peel) -> str:
    """The signature of a whole peel, from its settings and sources."""
    stated = "text_sha256" in peel.sources
    sources = peel.sources if stated else {**peel.sources, "text_sha256": peel.log.text_sha256}
    return make_signature(str(peel.log.unit), len(peel.log), peel.settings, sources, len(peel.log.document_starts))


def _safe(partners: str) -> str:
    """Names from a file's metadata, which are listed already, in one field."""
    return shown_name(partners).replace("|", "%7C")
