"""The values of a file of JSON, or of JSON lines, from programs that we do not know."""

import json
from pathlib import Path
from typing import Any

from errtax.lm.errors import BadInput
from errtax.lm.files import require_input


def read_values(path: Path) -> list[Any]:
    """The one value of a JSON file, or those of its lines; NaN and infinities, which Python writes, are read.

    Raises `BadInput`, with the line, for a file that is empty, cut off or not JSON.  Memory O(file).
    """
    data = require_input(path).read_bytes()
    if not data.strip():
        raise BadInput(f"{path} is empty; JSON is needed.")
    try:
        return [_parsed(data)]
    except (ValueError, RecursionError) as error:
        first = data.lstrip().partition(b"\n")[0]
        if b"\n" not in data.strip() or not _is_json(first):
            raise BadInput(f"{path} is not JSON ({_reason(error)}); is it cut off?") from None
    return [_line(path, number, line) for number, line in enumerate(data.splitlines(), 1) if line.strip()]


def _line(path: Path, number: int, line: bytes) -> Any:
    try:
        return _parsed(line)
    except (ValueError, RecursionError) as error:
        raise BadInput(f"{path}: line {number} is not JSON ({_reason(error)}); is it cut off?") from None


def _parsed(data: bytes) -> Any:
    return json.loads(data.decode("utf-8"))


def _is_json(data: bytes) -> bool:
    try:
        _parsed(data)
    except (ValueError, RecursionError):
        return False
    return True


def _reason(error: Exception) -> str:
    return "nested too deeply" if isinstance(error, RecursionError) else str(error).partition("\n")[0]
