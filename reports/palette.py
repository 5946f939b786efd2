"""A colour and a letter per layer, the same in every picture (Okabe & Ito's palette); never colour alone."""

from errtax.taxonomy.layers.own import colour_of, letter_of
from errtax.taxonomy.layers.registry import LAYERS, OTHER_LAYERS, REST_LAYER, TOKEN_LAYERS


class _Colours(dict[str, str]):
    """Oracles that are not built in have a colour by their name."""

    def __missing__(self, name: str) -> str:
        return colour_of(name)


class _Letters(dict[str, str]):
    """Oracles that are not built in have two letters: `Di` for digits."""

    def __missing__(self, name: str) -> str:
        return letter_of(name)


COLOURS = _Colours({layer.name: layer.colour for layer in (*TOKEN_LAYERS, *LAYERS, *OTHER_LAYERS, REST_LAYER)})
LETTERS = _Letters({layer.name: layer.letter for layer in (*TOKEN_LAYERS, *LAYERS, *OTHER_LAYERS, REST_LAYER)})
_SERIES_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
_SERIES_MARKERS = ("o", "s", "^", "D", "v", "P", "X")
_SERIES_LINES = ("-", "--", ":", "-.", "-", "--", ":")


def series(k: int) -> tuple[str, str, str]:
    """Colour, marker and line style of model k in a picture that has several: no two of 49 are alike.

    >>> series(0), series(7)
    (('#0072B2', 'o', '-'), ('#0072B2', 's', '--'))
    """
    shifted = (k + k // len(_SERIES_COLOURS)) % len(_SERIES_COLOURS)
    return _SERIES_COLOURS[k % len(_SERIES_COLOURS)], _SERIES_MARKERS[shifted], _SERIES_LINES[shifted]


def shade(colour: str, k: int, n: int) -> str:
    """The colour of slice k of n: from the layer's own colour, lighter with k."""
    amount = 0.12 + 0.5 * k / max(n - 1, 1)
    channels = [int(colour[i : i + 2], 16) for i in (1, 3, 5)]
    return "#" + "".join(f"{round(c + (255 - c) * amount):02x}" for c in channels)
