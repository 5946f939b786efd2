"""JSON files of ours are read strictly: a wrong field is named, whatever stands in it."""

import json
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

import pytest

from errtax.lm.errors import BadInput, UsageError
from errtax.lm.records import read_json, record_of


class Colour(StrEnum):
    RED = "red"


@dataclass(frozen=True)
class Circle:
    radius: float


@dataclass(frozen=True)
class Square:
    side: float

    def __post_init__(self) -> None:
        if self.side < 0:
            raise UsageError("side must be at least 0.")


@dataclass(frozen=True)
class Drawing:
    name: str
    size: int
    colour: Colour
    shape: Circle | Square
    others: list[Circle]
    edges: tuple[float, float]
    marks: dict[str, int]
    note: str | None = None
    tags: list[str] = field(default_factory=list)


WHOLE = Drawing("a", 3, Colour.RED, Square(2.0), [Circle(1.5)], (0.5, 1.0), {"x": 1})


def test_a_record_comes_back() -> None:
    assert record_of(Drawing, json.loads(json.dumps(asdict(WHOLE)))) == WHOLE
    assert record_of(Circle, {"radius": 2}) == Circle(2.0)
    without = {key: value for key, value in asdict(WHOLE).items() if key not in ("note", "tags")}
    assert record_of(Drawing, json.loads(json.dumps(without))) == WHOLE


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"name": 3}, "name is of type int, str is expected"),
        ({"name": None}, "name is of type NoneType"),
        ({"size": True}, "size is of type bool"),
        ({"size": 1.0}, "size is of type float"),
        ({"size": 2**63}, "size is out of range"),
        ({"colour": "blue"}, "blue"),
        ({"colour": 1}, "colour is of type int"),
        ({"shape": {"radius": 1, "side": 1}}, "shape has other fields"),
        ({"shape": [1]}, "shape has other fields"),
        ({"shape": {"side": -1}}, "at least 0"),
        ({"shape": {"radius": "1"}}, r"shape\.radius is of type str"),
        ({"others": {"radius": 1}}, "others is of type dict"),
        ({"others": [{"radius": None}]}, r"others\[\]\.radius"),
        ({"others": [1]}, r"others\[\] is of type int, an object"),
        ({"edges": [1]}, "edges has 1 values where 2 are expected"),
        ({"marks": {"x": "1"}}, r"marks\.x is of type str"),
        ({"note": 1}, "note is of type int"),
        ({"more": 1}, "more is unknown"),
        ({"shape": {"radius": float("inf")}}, r"shape\.radius is out of range"),
    ],
)
def test_a_wrong_field_is_named(change: dict[str, Any], message: str) -> None:
    fields = json.loads(json.dumps(asdict(WHOLE)))
    with pytest.raises(ValueError, match=message):
        record_of(Drawing, {**fields, **change})


@pytest.mark.parametrize("value", [None, [], 3, "x"])
def test_what_is_no_object_is_refused(value: Any) -> None:
    with pytest.raises(ValueError, match="an object is expected"):
        record_of(Drawing, value)
    with pytest.raises(ValueError, match="name is missing"):
        record_of(Drawing, {})


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"\xff", "utf-8"),
        (b"{", "Expecting"),
        (b"[]", '"schema" is not'),
        (b'{"schema": "b/1"}', '"schema" is not'),
        (b'{"schema": "a/1", "x": 1, "x": 2}', "'x' is given twice"),
        (b'{"schema": "a/1", "x": NaN}', "NaN is not JSON"),
        (b'{"schema": "a/1", "x": -Infinity}', "-Infinity is not JSON"),
        (b'{"schema": "a/1", "x": ["\\ud800"]}', "surrogates"),
        (b"[" * 100_000, "recursion"),
        (b'{"schema": "a/1", "x": ' + b"9" * 5000 + b"}", "digits"),
    ],
)
def test_what_is_no_json_of_ours_is_refused(tmp_path: Path, content: bytes, reason: str) -> None:
    (tmp_path / "x.json").write_bytes(content)
    with pytest.raises(BadInput, match=r"x\.json is not a thing \(.*" + reason + r".*\); make it again\.$"):
        read_json(tmp_path / "x.json", "a/1", "a thing", "; make it again")
