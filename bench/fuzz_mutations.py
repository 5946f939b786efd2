"""Damage to the bytes of any file, and changes to texts, JSON, weights and indexes that keep them well-formed.

Every function takes a file's bytes and a generator, and returns other bytes.
"""

import io
import json
import struct
import zlib
from collections.abc import Callable
from copy import deepcopy
from typing import Any

import numpy as np
from numpy.random import Generator

Change = Callable[[bytes, Generator], bytes]


def flip(data: bytes, rng: Generator) -> bytes:
    """One bit anywhere."""
    changed = bytearray(data)
    changed[rng.integers(len(data))] ^= 1 << int(rng.integers(8))
    return bytes(changed)


def flip_end(data: bytes, rng: Generator) -> bytes:
    """One bit in the footer of a Parquet file, else in the last tenth of the file."""
    length = struct.unpack("<I", data[-8:-4])[0] + 8 if data[-4:] == b"PAR1" else max(len(data) // 10, 1)
    return data[:-length] + flip(data[-length:], rng)


def _slice(data: bytes, rng: Generator, longest: int = 2000) -> tuple[int, int]:
    start = int(rng.integers(len(data)))
    return start, min(start + int(rng.integers(1, rng.choice([4, 64, longest]))), len(data))


def overwrite(data: bytes, rng: Generator) -> bytes:
    """Bytes at random for some bytes."""
    start, stop = _slice(data, rng)
    return data[:start] + rng.bytes(stop - start) + data[stop:]


def zero(data: bytes, rng: Generator) -> bytes:
    """Zeros for some bytes."""
    start, stop = _slice(data, rng)
    return data[:start] + bytes(stop - start) + data[stop:]


def remove(data: bytes, rng: Generator) -> bytes:
    """Without some bytes."""
    start, stop = _slice(data, rng)
    return data[:start] + data[stop:]


def repeat(data: bytes, rng: Generator) -> bytes:
    """Some bytes twice."""
    start, stop = _slice(data, rng)
    return data[:stop] + data[start:]


def copy(data: bytes, rng: Generator) -> bytes:
    """Some bytes over others."""
    (start, stop), to = _slice(data, rng), int(rng.integers(len(data)))
    return (data[:to] + data[start:stop] + data[to + stop - start :])[: len(data)]


def cut(data: bytes, rng: Generator) -> bytes:
    """Without the end, or without the beginning."""
    at = int(rng.integers(len(data)))
    return data[:at] if rng.random() < 0.8 else data[at:]


FLIPS: tuple[Change, ...] = (flip, flip_end)
DAMAGES: tuple[Change, ...] = (overwrite, zero, remove, repeat, copy, cut)

_DEEP: Any = json.loads("[" * 200 + "]" * 200)
_ODD: list[Any] = [
    *(None, True, False, "", "x" * 20_000, "a\nb\x1b[31m", "\ud800", "\0", "é" * 300, "lstm", "byte", "1"),
    *(0, -1, 1, 2, 3, 255, 256, 1e308, -1e308, 0.5, 2**31, 2**32, 2**63, -(2**63), 2**64, 10**30, 10**5000),
    *(float("nan"), float("inf"), -float("inf"), 5e-324, [], {}, [1], [None], {"x": 1}, [[]], _DEEP, [0] * 5000),
]


def odd_value(rng: Generator) -> Any:
    """A value that nobody expects."""
    return deepcopy(_ODD[rng.integers(len(_ODD))])  # it may be changed in its turn


def _places(value: Any, found: list[tuple[Any, Any]]) -> list[tuple[Any, Any]]:
    """All containers with their keys, of a value that JSON gave."""
    for key in value if isinstance(value, dict) else range(len(value)):
        found.append((value, key))
        if isinstance(value[key], dict | list):
            _places(value[key], found)
    return found


def change_json(data: bytes, rng: Generator) -> bytes:
    """A field of another value, missing, twice or new; now and then text that is no JSON of a file of ours."""
    if rng.random() < 0.1:
        texts = (b"", b"null", b"[]", b"{}", b"\xef\xbb\xbf" + data, data + b"x", b"[" * 100_000, b'{"a":' * 50_000)
        more = (data.decode().encode("utf-16"), data.replace(b'"', b"'"), b"\xff" + data, b"9" * 100_000, data * 2)
        return (texts + more)[rng.integers(len(texts + more))]
    document = json.loads(data)
    for _ in range(rng.choice([1, 1, 1, 2, 5])):
        places = _places(document, [])
        if not places:
            break
        holder, key = places[rng.integers(len(places))]
        _change_place(holder, key, rng)
    text = dumped(document)
    if rng.random() < 0.1:  # a key twice
        text = text.replace("{", '{"schema": 1, ' if rng.random() < 0.5 else '{"unit": "char", ', 1)
    return text.encode()


def _change_place(holder: Any, key: Any, rng: Generator) -> None:
    draw = rng.random()
    if draw < 0.15:
        del holder[key]
    elif draw < 0.25 and isinstance(holder, dict):
        holder[str(rng.choice(["new", "", "schema", "epoch", "a\nb", "x" * 5000]))] = odd_value(rng)
    elif draw < 0.35 and isinstance(holder, list):
        new = deepcopy(holder[key]) if rng.random() < 0.5 else odd_value(rng)
        holder.insert(int(rng.integers(len(holder) + 1)), new)
    elif draw < 0.6 and isinstance(holder[key], int | float):
        holder[key] = holder[key] * int(rng.choice([-1, 2, 10, 1000])) + int(rng.integers(-1, 2))
    else:
        holder[key] = odd_value(rng)


def dumped(value: Any) -> str:
    """As JSON, whatever the length of its numbers."""
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) > 2**70:
        return "9" * 5000 if value > 10**100 else "9" * 31
    if isinstance(value, dict):
        return "{" + ", ".join(f"{json.dumps(str(key))}: {dumped(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(dumped, value)) + "]"
    return json.dumps(value)


_LITERALS = (
    *'"" "x" 0 -1 1 3 20 999999999 1e999 -nan inf 0.5 true false [] [[1]] [1,2] ["x"] [1.5] {a=1} 1979-05-27'.split(),  # noqa: SIM905
    *'1979-05-27T07:32:00Z "\\u0000" "a\\u001b[31m" ["ngram",1] [nan] [true] "ngram" "all" "1-5" "0" [""] [-1]'.split(),  # noqa: SIM905
    *('"preds.parquet"', '"nowhere"', '"""a\nb"""', "'" + "x" * 5000 + "'", "9" * 40, "9" * 5000),
    *("[" * 3000 + "]" * 3000, "[" + "1, " * 5000 + "]"),
)
_KEYS = [
    *"ngram train-text preds oracles layers memory-windows boosts preset replicates seed block worst layer".split(),  # noqa: SIM905
    *'slice json quiet debug threads order unit device words force ngram-max new "" "a\\nb" peel.layers'.split(),  # noqa: SIM905
    *("stats", "peel", "max", "pie", "text", "engine", "output"),
]


def change_toml(data: bytes, rng: Generator) -> bytes:
    """A key of another value, a new key or table; or damage to the text."""
    if rng.random() < 0.15:
        return (*FLIPS, *DAMAGES)[rng.integers(8)](data, rng)
    lines = data.decode().splitlines()
    for _ in range(rng.choice([1, 1, 2, 4])):
        at, value = int(rng.integers(len(lines))), _LITERALS[rng.integers(len(_LITERALS))]
        draw = rng.random()
        if draw < 0.5 and "=" in lines[at]:
            lines[at] = lines[at].split("=")[0] + "= " + value
        elif draw < 0.9:
            lines.insert(at, f"{_KEYS[rng.integers(len(_KEYS))]} = {value}")
        else:
            lines.insert(at, f"[{_KEYS[rng.integers(len(_KEYS))]}]")
    return "\n".join(lines).encode()


def change_weights(data: bytes, rng: Generator) -> bytes:
    """Tensors of another shape, type or value, missing, new, or no tensors; written by torch, so without a seal."""
    import torch  # noqa: PLC0415  # only here

    state = torch.load(io.BytesIO(data), weights_only=True)
    for _ in range(rng.choice([1, 1, 2])):
        places = [place for place in _places(state, []) if isinstance(place[0], dict | list)]
        holder, key = places[rng.integers(len(places))]
        draw = rng.random()
        if draw < 0.15:
            del holder[key]
        elif draw < 0.25 and isinstance(holder, dict):
            holder[("new", 3, "", "a\nb")[rng.integers(4)]] = odd_value(rng)
        elif torch.is_tensor(holder[key]):
            holder[key] = _other_tensor(holder[key], rng)
        else:
            holder[key] = odd_value(rng)
    if rng.random() < 0.05:
        state = odd_value(rng)
    buffer = io.BytesIO()
    torch.save(state, buffer, _use_new_zipfile_serialization=rng.random() < 0.95)
    return buffer.getvalue()


def _other_tensor(tensor: Any, rng: Generator) -> Any:
    import torch  # noqa: PLC0415  # only here

    types = (torch.float64, torch.float16, torch.bfloat16, torch.int64, torch.uint8, torch.bool, torch.complex64)
    if tensor.is_meta or tensor.is_sparse or tensor.numel() > 10**6:  # made so by the change before
        return torch.empty(0)
    some = tensor.clone()
    if some.numel() and some.dtype.is_floating_point:
        some.view(-1)[rng.integers(some.numel())] = float(rng.choice([np.nan, np.inf, -1e38, 1e38, 0.0]))
    choices: list[Callable[[], Any]] = [
        lambda: tensor.to(types[rng.integers(len(types))]),
        lambda: tensor.reshape(-1),
        lambda: tensor.unsqueeze(0),
        lambda: tensor[:-1] if tensor.ndim else tensor.reshape(1),
        lambda: torch.cat([tensor, tensor]) if tensor.ndim else tensor.reshape(1, 1),
        lambda: torch.zeros(()).expand(10**6, 10**6),
        lambda: torch.zeros(()).expand(tensor.shape),
        lambda: torch.empty(0),
        lambda: torch.empty(tensor.shape, device="meta"),
        lambda: tensor.t() if tensor.ndim == 2 else tensor,
        lambda: tensor.to_sparse() if tensor.ndim else tensor,
        tensor.tolist,
        lambda: tensor * float("nan"),
        lambda: tensor * 1e30,
        lambda: some,
        lambda: None,
    ]
    return choices[rng.integers(len(choices))]()


_PREFIX = struct.Struct("<8sQQI")


def change_index(data: bytes, rng: Generator) -> bytes:
    """Arrays at random, in part or as a whole, or another header; all checksums are made right again."""
    magic, offset, length, _ = _PREFIX.unpack(data[: _PREFIX.size])
    header, body = json.loads(data[offset : offset + length]), bytearray(data[:offset])
    for _ in range(rng.choice([1, 1, 2, 3])):
        if rng.random() < 0.25:
            places = [place for place in _places(header, []) if place[1] != "crc32"]
            holder, key = places[rng.integers(len(places))]
            _change_place(holder, key, rng)
        else:
            _change_array(header, body, rng)
    for extent in _extents(header):
        extent["crc32"] = zlib.crc32(body[extent["offset"] : extent["offset"] + _n_bytes(extent)])
    encoded = dumped(header).encode()
    return _PREFIX.pack(magic, offset, len(encoded), zlib.crc32(encoded)) + bytes(body[_PREFIX.size :]) + encoded


def _extents(header: Any) -> list[dict[str, Any]]:
    """Those that can still be found."""
    arrays = header.get("arrays") if isinstance(header, dict) else None
    extents = arrays.values() if isinstance(arrays, dict) else ()
    return [extent for extent in extents if isinstance(extent, dict) and _n_bytes(extent) >= 0]


def _n_bytes(extent: dict[str, Any]) -> int:
    """-1 where the extent is none."""
    try:
        dtype = extent["dtype"]
        size = np.dtype(dtype if isinstance(dtype, str) else [tuple(field) for field in dtype]).itemsize
        whole = size * extent["length"] + 0 * extent["offset"]
    except (TypeError, ValueError, KeyError):
        return -1
    return whole if isinstance(whole, int) and extent["offset"] >= 0 else -1


def _change_array(header: Any, body: bytearray, rng: Generator) -> None:
    extents = [extent for extent in _extents(header) if _n_bytes(extent) and extent["offset"] < len(body)]
    if not extents:
        return
    sizes = np.array([min(_n_bytes(extent), 5000) for extent in extents], float)
    extent = extents[rng.choice(len(extents), p=sizes / sizes.sum())]
    start, n = extent["offset"], min(_n_bytes(extent), len(body) - extent["offset"])
    draw = rng.random()
    if draw < 0.2:
        body[start : start + n] = rng.bytes(n)
    elif draw < 0.4:
        body[start : start + n] = copy(bytes(body[start : start + n]), rng)
    else:
        for _ in range(rng.choice([1, 2, 20, 300])):
            at = start + int(rng.integers(n))
            body[at] = int(rng.choice([0, 1, 255, body[at] ^ 1, (body[at] + 1) & 255, rng.integers(256)]))
