"""Which layers there are, and in which order they take errors away unless somebody says otherwise."""

from importlib import import_module

from errtax.taxonomy.layers.layer import Layer, Parameter, Values, no_claims
from errtax.taxonomy.layers.own import layer_of

ORDER = (
    "ngram",
    "memory",
    "rare",
    "word",
    "punctuation",
    "boost",
)
"""The modules of this folder that hold a `LAYER`: a new layer is a module, and its name here.

Its bit is the next one from 2^16 on: the smaller ones belong to those above and to oracles of the user's own.
"""
LAYERS: tuple[Layer, ...] = tuple(import_module(f"errtax.taxonomy.layers.{name}").LAYER for name in ORDER)
LAYER_BY_NAME = {layer.name: layer for layer in LAYERS}
LAYER_NAMES = tuple(LAYER_BY_NAME)
PARAMETERS: dict[str, Parameter] = {each.name: each for layer in LAYERS for each in layer.parameters}

REST = "rest"
"""Errors that no chosen layer claims: only there when layers are left out or the boost ladder ends below 0.5."""
REST_LAYER = Layer(
    name=REST,
    title="rest",
    letter="–",
    colour="#8A8A8A",
    bit=0,
    rule="no layer claims it",
    slices=lambda s: [REST],
    slice_of=lambda evidence, p, settings: no_claims(p),
    takes_rest=True,
)
OUTSIDE = tuple(layer.name for layer in (*LAYERS, REST_LAYER) if layer.takes_rest)
"""Layers that take what is left."""
RESERVED = (*LAYER_NAMES, REST, "errors", "bits")
"""Names that no oracle of the user's own may have."""


def all_layers(settings: Values) -> tuple[Layer, ...]:
    """The built-in layers and those of the settings' own oracles, chosen or not."""
    return (*LAYERS, *(layer_of(rule, k) for k, rule in enumerate(settings.custom)))


def find_layer(name: str, settings: Values) -> Layer:
    """The layer of that name among `all_layers` and `rest`."""
    if name in LAYER_BY_NAME:
        return LAYER_BY_NAME[name]
    return next(layer for layer in (*all_layers(settings), REST_LAYER) if layer.name == name)


def claim_bits(settings: Values) -> dict[str, int]:
    """The bit of each layer in the column `claims`; it does not depend on which of them are chosen."""
    return {layer.name: layer.bit for layer in all_layers(settings)}


def with_own(names: tuple[str, ...]) -> tuple[str, ...]:
    """The default order with own oracles in it: before the layers that take what is left."""
    inside = [layer.name for layer in LAYERS if not layer.takes_rest]
    return (*inside, *names, *(name for name in LAYER_NAMES if name not in inside))
