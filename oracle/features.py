"""Features of a text that a model may keep track of: one number per symbol, read in windows, in memory of fixed size.

A feature has a name, a kind, a rule in words and a scanner.  `start(reading)` returns `scan(codes) -> values`, which
is called with one window of a text after the other and carries its state in its closure; the value at t is the state
after symbol t, so an opening quote is inside and the closing one is not.  Those that errtax has stand in
`errtax.oracle.scanners`.  One of your own, here the symbols since the last full stop:

>>> @feature("sentence-position", FeatureKind.NUMBER, "symbols since the last full stop")
... def sentence_position(reading):
...     since = 0
...     def scan(codes):
...         nonlocal since
...         values = np.empty(len(codes), np.float32)
...         for t, code in enumerate(codes):
...             since = 0 if code == ord(".") else since + 1
...             values[t] = since
...         return values
...     return scan
>>> from errtax.oracle.text_kind import Reading
>>> rows = np.frombuffer(b"One. Two", np.uint8).reshape(1, -1)
>>> reader = FeatureReader(known_features(["sentence-position"]), Reading.PROSE, rows[:, :0])
>>> reader.read(rows).ravel().tolist()
[1.0, 2.0, 3.0, 0.0, 1.0, 2.0, 3.0, 4.0]
>>> del REGISTRY["sentence-position"]  # only this example wants it gone

A package offers such features to `errtax cells` by naming their module as an entry point:

    [project.entry-points."errtax.features"]
    sentences = "my_package.sentences"
"""

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from errtax.lm.errors import UsageError
from errtax.lm.text import Codes
from errtax.oracle import scanners
from errtax.oracle.feature_spec import Feature, FeatureKind, Group, Scan, Start
from errtax.oracle.plug_ins import load_plug_ins, origin_of
from errtax.oracle.text_kind import Reading

__all__ = ["REGISTRY", "Feature", "FeatureKind", "FeatureReader", "Scan", "feature", "features", "known_features"]
ENTRY_POINTS = "errtax.features"
_WINDOW = 1000


REGISTRY: dict[str, tuple[Group, int]] = {}
"""Each registered feature's group, and its column there."""


def features(*members: Feature) -> Callable[[Start], Start]:
    """Register the decorated `start` for several features at once; its scanner returns a column for each.

    A function of the same name in the same module replaces what it registered before, as when a notebook is run again.
    """

    def register(start: Start) -> Start:
        group = Group(members, start)
        for column, member in enumerate(members):
            if member.name in REGISTRY and origin_of(REGISTRY[member.name][0].start) != origin_of(start):
                raise UsageError(f"there is a feature {member.name!r} already; give this one another name.")
            REGISTRY[member.name] = (group, column)
        return start

    return register


def feature(name: str, kind: FeatureKind, rule: str) -> Callable[[Start], Start]:
    """Register the decorated `start` for one feature."""
    return features(Feature(name, kind, rule))


features(*scanners.FEATURES)(scanners.built_in)


def known_features(names: Sequence[str] | None = None) -> tuple[Feature, ...]:
    """The features of these names, in their order; without names all: errtax's own, and those of plug-ins.

    Raises `UsageError` for a name that no feature has.
    """
    _register_packages()
    chosen = tuple(dict.fromkeys(REGISTRY if names is None else names))
    missing = [name for name in chosen if name not in REGISTRY]
    if missing or not chosen:
        raise UsageError(f"there is no feature {', '.join(map(repr, missing))}; there are {', '.join(REGISTRY)}.")
    return tuple(REGISTRY[name][0].features[REGISTRY[name][1]] for name in chosen)


@cache
def _register_packages() -> None:
    load_plug_ins(ENTRY_POINTS, "features")


class FeatureReader:
    """Reads features off rows of text side by side, window after window.

    `before`: (B, W) codes, what stands before each row; read, but without values.
    """

    def __init__(self, chosen: Sequence[Feature], reading: Reading, before: Codes) -> None:
        self.features = tuple(chosen)
        self._binary = np.array([item.kind is FeatureKind.BINARY for item in chosen])
        groups: dict[Group, list[tuple[int, int]]] = {}
        for into, item in enumerate(chosen):
            group, column = REGISTRY[item.name]
            groups.setdefault(group, []).append((into, column))
        self._parts = [
            (group, [group.start(reading) for _ in before], [pair[0] for pair in pairs], [pair[1] for pair in pairs])
            for group, pairs in groups.items()
        ]
        for start in range(0, before.shape[1], _WINDOW):
            self.read(before[:, start : start + _WINDOW])

    def read(self, codes: Codes) -> NDArray[np.float32]:
        """The values (T, B, F) of the next window, codes (B, T); F features in the order in which they were chosen."""
        values = np.empty((codes.shape[1], len(codes), len(self.features)), np.float32)
        for group, scans, into, columns in self._parts:
            values[:, :, into] = _read_group(group, scans, codes)[:, :, columns]
        self._check(values)
        return values

    def _check(self, values: NDArray[np.float32]) -> None:
        binary = values[:, :, self._binary]
        wrong: NDArray[np.bool_] = ~np.asarray(np.isfinite(values).all((0, 1)))
        wrong[self._binary] |= ((binary != 0) & (binary != 1)).any((0, 1))
        if wrong.any():
            item = self.features[int(np.argmax(wrong))]
            needed = "0 and 1" if item.kind is FeatureKind.BINARY else "finite numbers"
            raise UsageError(f"feature {item.name!r} is of kind {item.kind} but has other values than {needed}.")


def _read_group(group: Group, scans: Sequence[Scan], codes: Codes) -> NDArray[np.float32]:
    """(T, B, k) values of the k features of a group."""
    n, k = codes.shape[1], len(group.features)
    values = np.empty((n, len(codes), k), np.float32)
    for b, scan in enumerate(scans):
        found: NDArray[Any] = np.asarray(scan(codes[b]))
        if found.size != n * k or found.shape[0] != n:
            name, due = group.features[0].name, (n,) if k == 1 else (n, k)
            raise UsageError(f"the scanner of feature {name!r} returned shape {found.shape}; {due} is needed.")
        values[:, b] = found.reshape(n, k)
    return values
