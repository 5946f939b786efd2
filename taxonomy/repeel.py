"""Another peel from the same evidence: other layers, another order, other thresholds, without a new run."""

from dataclasses import replace
from typing import overload

from errtax.lm.errors import UsageError
from errtax.lm.visible import whole_number
from errtax.taxonomy.layers.registry import find_layer
from errtax.taxonomy.peel import (
    ChangedPeel,
    Peel,
    PeelSource,
    available_layers,
    layers_without_evidence,
    peel_log,
    require_tokens,
)
from errtax.taxonomy.settings import PRESETS, Settings
from errtax.taxonomy.signature import make_signature


@overload
def repeel(peel: Peel, settings: Settings) -> Peel: ...


@overload
def repeel(peel: PeelSource, settings: Settings) -> PeelSource: ...


def repeel(peel: PeelSource, settings: Settings) -> PeelSource:
    """The peel by other settings.  Time O(rows x slices).

    Oracles that are not built in may have other limits here, but must be those of the peel.  Raises `UsageError` for a
    layer whose oracle was missing when the evidence was collected, for contexts longer than its n-gram model had, and
    for distances beyond the horizon up to which they were looked for.
    """
    head = peel.head
    settings = settings if settings.custom else replace(settings, custom=head.settings.custom)
    _require_evidence(head, settings)
    changed = available_layers(settings, head.evidence)
    documents = len(peel.log.document_starts) if isinstance(peel, Peel) else int(head.sources.get("documents", 1))
    sources = head.sources
    if isinstance(peel, Peel) and "text_sha256" not in sources:
        sources = {**sources, "text_sha256": peel.log.text_sha256}
    signature = make_signature(str(head.log.unit), len(peel), changed, sources, documents)

    def again(block: Peel) -> Peel:
        made = peel_log(block.log, block.evidence, settings)
        return replace(made, sources=block.sources, signature=signature)

    return again(peel) if isinstance(peel, Peel) else ChangedPeel(peel, again)


def by_preset(known: Settings, preset: str | None) -> Settings:
    """Those of a preset for a peel that has others; without one its own.

    Its layers stay, except between layers made for characters and those made for tokens, as do its own oracles and
    what it leaves out.
    """
    if preset is None:
        return known
    asked = PRESETS[preset]
    layers = known.layers if asked.made_for == known.made_for else asked.layers
    return asked.changed(layers=layers, custom=known.custom, exclude_verbatim=known.exclude_verbatim)


def _require_evidence(head: Peel, settings: Settings) -> None:
    require_tokens(head.log, settings)
    known = head.settings.custom
    if [(r.name, bool(r.limits)) for r in settings.custom] != [(r.name, bool(r.limits)) for r in known]:
        names = ", ".join(rule.name for rule in known) or "none"
        raise UsageError(f"this peel has evidence of these oracles beside the built-in ones: {names}; peel again.")
    absent = {layer.name for layer in layers_without_evidence(settings, head.evidence)}
    wanted = sorted(absent & {*settings.layers})
    if wanted:
        raise UsageError(f"this peel has no evidence for the layer {wanted[0]}; peel the log again with errtax peel.")
    if settings.exclude_verbatim != head.settings.exclude_verbatim:
        least = head.settings.exclude_verbatim
        found = f"positions are left out while a log is peeled, and this peel has --exclude-verbatim {least}"
        raise UsageError(f"{found}; peel the log again with errtax peel.")
    longest = longest_context(head)
    if "ngram" in settings.layers and longest is not None and settings.ngram_max > longest:
        message = f"this peel's n-gram model had contexts of up to {longest} symbols"
        raise UsageError(f"{message}; --ngram-max is {settings.ngram_max}.")
    horizon, rows = (whole_number(head.sources.get(key)) for key in ("horizon", "copy_horizon"))
    for layer in (find_layer(name, settings) for name in settings.layers):
        if horizon is not None and layer.reach(settings) > horizon:
            message = f"this peel's evidence reaches {horizon:,} positions back; the layer {layer.name} asks for"
            raise UsageError(f"{message} {layer.reach(settings):,}; peel the log again with errtax peel.")
        if rows is not None and layer.reach_in_rows(settings) > rows:
            message = f"this peel's evidence reaches {rows:,} tokens back; the layer {layer.name} asks for"
            raise UsageError(f"{message} {layer.reach_in_rows(settings):,}; peel the log again with errtax peel.")


def longest_context(peel: Peel) -> int | None:
    """The longest context of the n-gram model that a peel was made with; None where there was none."""
    order = peel.sources.get("ngram_order")
    return int(order) - 1 if order else None
