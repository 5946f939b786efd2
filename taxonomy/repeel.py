"""Another peel from the same evidence: other layers, another order, other thresholds, without a new run."""

import re
from dataclasses import replace

from errtax.lm.errors import UsageError
from errtax.taxonomy.peel import Peel, peel_log
from errtax.taxonomy.settings import Settings
from errtax.taxonomy.signature import parse_signature


def repeel(peel: Peel, settings: Settings) -> Peel:
    """The peel by other settings.  Time O(rows x slices).

    Oracles that are not built in may have other limits here, but must be those of the peel.  Raises `UsageError` for a
    layer whose oracle was missing when the evidence was collected, and for contexts longer than its n-gram model had.
    """
    known = peel.settings.custom
    settings = settings if settings.custom else replace(settings, custom=known)
    if [(r.name, bool(r.limits)) for r in settings.custom] != [(r.name, bool(r.limits)) for r in known]:
        found = ", ".join(rule.name for rule in known) or "none"
        raise UsageError(f"this peel has evidence of these oracles beside the built-in ones: {found}; peel again.")
    absent = {"ngram"} if peel.evidence.ngram_context is None else set()
    absent |= {"rare"} if peel.evidence.word_count is None else set()
    wanted = sorted(absent & {*settings.layers})
    if wanted:
        raise UsageError(f"this peel has no evidence for the layer {wanted[0]}; peel the log again with errtax peel.")
    longest = longest_context(peel.signature)
    if "ngram" in settings.layers and longest is not None and settings.ngram_max > longest:
        found = f"this peel's n-gram model had contexts of up to {longest} symbols"
        raise UsageError(f"{found}; --ngram-max is {settings.ngram_max}.")
    again = peel_log(peel.log, peel.evidence, settings)
    return replace(again, signature=sign_again(peel.signature, settings), sources=peel.sources)


def longest_context(signature: str) -> int | None:
    """The longest context of the n-gram model that a peel's signature names; None where it names none.

    >>> longest_context("errtax:0.1.0|ngram:mkn,order=10,compat|text:abc")
    9
    """
    found = re.search(r"(?:^|,)order=(\d+)", parse_signature(signature).get("ngram", "")) if signature else None
    return int(found[1]) - 1 if found else None


def sign_again(signature: str, settings: Settings) -> str:
    """A peel's signature with other settings in it."""
    if not signature:
        return ""
    fields = {**parse_signature(signature), "err": str(settings.criterion), "layers": settings.description}
    return "|".join(f"{key}:{value}" for key, value in fields.items())
