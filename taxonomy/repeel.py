"""Another peel from the same evidence: other layers, another order, other thresholds, without a new run."""

from dataclasses import replace

from errtax.lm.errors import UsageError
from errtax.taxonomy.peel import Peel, layers_without_evidence, peel_log
from errtax.taxonomy.settings import Settings
from errtax.taxonomy.signature import sign


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
    absent = {layer.name for layer in layers_without_evidence(settings, peel.evidence)}
    wanted = sorted(absent & {*settings.layers})
    if wanted:
        raise UsageError(f"this peel has no evidence for the layer {wanted[0]}; peel the log again with errtax peel.")
    longest = longest_context(peel)
    if "ngram" in settings.layers and longest is not None and settings.ngram_max > longest:
        found = f"this peel's n-gram model had contexts of up to {longest} symbols"
        raise UsageError(f"{found}; --ngram-max is {settings.ngram_max}.")
    again = replace(peel_log(peel.log, peel.evidence, settings), sources=peel.sources)
    return replace(again, signature=sign(again))


def longest_context(peel: Peel) -> int | None:
    """The longest context of the n-gram model that a peel was made with; None where there was none."""
    order = peel.sources.get("ngram_order")
    return int(order) - 1 if order else None
