"""Which layers there are, and in which order they take errors away unless somebody says otherwise."""

from importlib import import_module

from errtax.taxonomy.layers import token_ngram
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

Its bit is the next one from 2^20 on: the smaller ones belong to those here and to oracles of the user's own.
"""
TOKEN_ORDER = ("token_ngram", "copy", "token_memory", "rare", "piece", "token_word", "punctuation", "space", "boost")
"""The same of layers that are made for tokens; some have the names of layers made for characters."""

ON_REQUEST = ("verbatim",)
"""Modules of layers for characters and for tokens that are in no peel unless somebody asks for them."""


def _layers_of(order: tuple[str, ...]) -> tuple[Layer, ...]:
    return tuple(import_module(f"errtax.taxonomy.layers.{name}").LAYER for name in order)


CHARACTERS, TOKENS = MADE_FOR = ("characters", "tokens")
"""What the layers of a peel are made for."""
LAYERS, TOKEN_LAYERS = _layers_of(ORDER), _layers_of(TOKEN_ORDER)
OTHER_LAYERS = _layers_of(ON_REQUEST)
LAYER_BY_NAME = {layer.name: layer for layer in (*LAYERS, *OTHER_LAYERS)}
LAYER_NAMES = tuple(layer.name for layer in LAYERS)
_NAMES = {CHARACTERS: LAYER_NAMES, TOKENS: tuple(layer.name for layer in TOKEN_LAYERS)}
PARAMETERS: dict[str, Parameter] = {
    each.name: each for layer in (*LAYERS, *TOKEN_LAYERS, *OTHER_LAYERS) for each in layer.parameters
}

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
RESERVED = tuple(dict.fromkeys((*LAYER_NAMES, *_NAMES[TOKENS], *ON_REQUEST, REST, "errors", "bits")))
"""Names that no oracle of the user's own may have."""


def layer_names(made_for: str = CHARACTERS) -> tuple[str, ...]:
    """The built-in layers that are made for characters, or for tokens."""
    return (*_NAMES[made_for], *ON_REQUEST)


def default_layers(made_for: str = CHARACTERS) -> tuple[str, ...]:
    """The layers of a peel that names none: of tokens nothing is left that is worth a boost."""
    return tuple(name for name in _NAMES[made_for] if made_for == CHARACTERS or name not in OUTSIDE)


def built_in(settings: Values) -> tuple[Layer, ...]:
    """The built-in layers of some settings."""
    if settings.made_for == CHARACTERS:
        return (*LAYERS, *OTHER_LAYERS)
    return (token_ngram.layer_of(settings), *TOKEN_LAYERS[1:], *OTHER_LAYERS)


def all_layers(settings: Values) -> tuple[Layer, ...]:
    """The built-in layers and those of the settings' own oracles, chosen or not."""
    return (*built_in(settings), *(layer_of(rule, k) for k, rule in enumerate(settings.custom)))


def find_layer(name: str, settings: Values) -> Layer:
    """The layer of that name among `all_layers` and `rest`."""
    if settings.made_for == CHARACTERS and name in LAYER_BY_NAME:
        return LAYER_BY_NAME[name]
    return next(layer for layer in (*all_layers(settings), REST_LAYER) if layer.name == name)


def claim_bits(settings: Values) -> dict[str, int]:
    """The bit of each layer in the column `claims`; it does not depend on which of them are chosen."""
    return {layer.name: layer.bit for layer in all_layers(settings)}


def with_own(names: tuple[str, ...], made_for: str = CHARACTERS) -> tuple[str, ...]:
    """The default order with own oracles in it: before the layers that take what is left."""
    known = default_layers(made_for)
    inside = [name for name in known if name not in OUTSIDE]
    return (*inside, *names, *(name for name in known if name in OUTSIDE))


def with_verbatim(names: tuple[str, ...]) -> tuple[str, ...]:
    """The layers with what stands in the training text first: nothing else need explain what was learnt by heart."""
    return names if set(ON_REQUEST) <= {*names} else (*ON_REQUEST, *names)
