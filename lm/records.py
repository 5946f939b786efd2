"""JSON files that errtax writes (`run.json`, `split.json`, `sweep.json`, …), read back strictly.

A file of ours may have been edited by hand, cut or made up; whatever is in it, what comes out of here has the types
that its dataclass declares, or is refused with the name of the field that has not.
"""

import json
import types
from collections.abc import Iterable
from dataclasses import MISSING, fields, is_dataclass
from enum import Enum
from math import isfinite
from pathlib import Path
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

from errtax.lm.errors import UsageError, decoding

T = TypeVar("T")
_LARGEST = 1 << 63


def read_json(path: Path, schema: str, what: str, advice: str) -> dict[str, Any]:
    """The object in a JSON file of the given `schema`, without that key.

    Raises `BadInput`, `{path} is not {what} (the reason){advice}.`, for anything else: no UTF-8, no JSON, NaN, a key
    given twice, another schema.
    """
    with decoding(f"{path} is not {what}", advice):
        found = json.loads(
            path.read_text(encoding="utf-8"), parse_constant=_refuse_constant, object_pairs_hook=_each_once
        )
        if not isinstance(found, dict) or found.pop("schema", None) != schema:
            raise ValueError(f'"schema" is not "{schema}"')
        json.dumps(found, ensure_ascii=False).encode()  # half a surrogate pair could not be written again
        return found


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def _each_once(pairs: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise ValueError(f"{key!r} is given twice")
        found[key] = value
    return found


def record_of(kind: type[T], value: object, name: str = "") -> T:
    """A dataclass from what `json.loads` made of `dataclasses.asdict` of one; nested ones, tuples, enums included.

    Raises `ValueError`, with the path of the field, where a field is missing, unknown, of another type, not finite or
    beyond 64 bits, and where the dataclass itself refuses its values.

    >>> from dataclasses import dataclass
    >>> @dataclass
    ... class Point:
    ...     at: tuple[int, ...]
    >>> record_of(Point, {"at": [1, 2]})
    Point(at=(1, 2))
    """
    made: T = _value_of(kind, value, name)
    return made


def _value_of(kind: Any, value: Any, name: str) -> Any:
    if is_dataclass(kind):
        return _dataclass_of(kind, value, name)
    origin, arguments = get_origin(kind), get_args(kind)
    if origin in (Union, types.UnionType):
        return _union_of(arguments, value, name)
    if origin is dict and isinstance(value, dict):
        return {key: _value_of(arguments[1], item, f"{name}.{key}") for key, item in value.items()}
    if origin in (list, tuple) and isinstance(value, list):
        fixed = origin is tuple and arguments[-1] is not Ellipsis
        if fixed and len(value) != len(arguments):
            raise ValueError(f"{name} has {len(value)} values where {len(arguments)} are expected")
        kinds = arguments if fixed else [arguments[0]] * len(value)
        return origin(_value_of(each, item, f"{name}[]") for each, item in zip(kinds, value, strict=True))
    if isinstance(kind, type) and issubclass(kind, Enum) and isinstance(value, str):
        return kind(value)
    if kind is float and type(value) is int:
        value = float(value)
    if type(value) is not kind:
        raise ValueError(
            f"{name or 'it'} is of type {type(value).__name__}, {getattr(kind, '__name__', kind)} is expected"
        )
    if (kind is float and not isfinite(value)) or (kind is int and not -_LARGEST <= value < _LARGEST):
        raise ValueError(f"{name} is out of range")
    return value


def _dataclass_of(kind: Any, value: Any, name: str) -> Any:
    if not isinstance(value, dict):
        raise ValueError(f"{name or 'it'} is of type {type(value).__name__}, an object is expected")
    hints, known = get_type_hints(kind), {field.name: field for field in fields(kind)}
    paths = {key: f"{name}.{key}".lstrip(".") for key in [*known, *value]}
    for key, path in paths.items():
        if key not in known:
            raise ValueError(f"{path} is unknown")
        if key not in value and known[key].default is MISSING and known[key].default_factory is MISSING:
            raise ValueError(f"{path} is missing")
    try:
        return kind(**{key: _value_of(hints[key], value[key], paths[key]) for key in known if key in value})
    except UsageError as error:
        raise ValueError(str(error)) from None


def _union_of(kinds: tuple[Any, ...], value: Any, name: str) -> Any:
    if value is None and type(None) in kinds:
        return None
    left = [kind for kind in kinds if kind is not type(None)]
    if len(left) > 1:  # of several dataclasses the one with these fields
        keys = value.keys() if isinstance(value, dict) else ()
        left = [kind for kind in left if is_dataclass(kind) and {field.name for field in fields(kind)} == set(keys)]
    if not left:
        raise ValueError(f"{name} has other fields than any of its kind")
    return _value_of(left[0], value, name)
