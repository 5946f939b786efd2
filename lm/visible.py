"""Text that is safe to show: what cannot be seen, or would steer a terminal or break XML, becomes a visible sign.

One set of signs for terminals, pages, pictures and messages; all of them are in the fonts that systems come with.
"""

import os
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable

SIGNS = {"\n": "↵", "\r": "←", "\t": "→"}
_NAMES = {*SIGNS.values(), "·"}
LONGEST_NAME = 100
"""Characters of a name that are shown."""
LONGEST_MESSAGE = 2000


def visible(text: str) -> str:
    """`text` with control, format, private and unassigned characters and undecodable bytes shown as visible signs.

    Spaces of any width stay as they are.

    >>> visible("a\\tb\\n\\x1b\\u202e\\udcff")
    'a→b↵‹U+001B›‹U+202E›‹FF›'
    """
    return text if text.isprintable() else "".join(map(_sign, text))


def _sign(character: str) -> str:
    if character.isprintable() or unicodedata.category(character) == "Zs":
        return character
    code = ord(character)
    if 0xDC80 <= code <= 0xDCFF:  # a byte that is not UTF-8, by surrogateescape
        return f"‹{code - 0xDC00:02X}›"
    return SIGNS.get(character) or f"‹U+{code:04X}›"


def direction(text: str) -> str:
    """`rtl` where most letters of a text are written from right to left, else `ltr`.

    >>> direction("שלום עולם, I say"), direction("he said שלום"), direction("123")
    ('rtl', 'ltr', 'ltr')
    """
    found = Counter(map(unicodedata.bidirectional, text))
    return "rtl" if found["R"] + found["AL"] > found["L"] else "ltr"


def visible_symbol(symbol: str) -> str:
    """One character by itself, where a space would not be seen, as a name that no other symbol has.

    >>> [visible_symbol(symbol) for symbol in " \\n·A"]
    ['·', '↵', '‹U+00B7›', 'A']
    """
    if symbol in _NAMES:
        return f"‹U+{ord(symbol):04X}›"
    if symbol == " ":
        return "·"
    return visible(symbol) if unicodedata.category(symbol) != "Zs" else f"‹U+{ord(symbol):04X}›"


def cut(text: str, most: int) -> str:
    """`text`, with an ellipsis for its middle where it has more than `most` characters.

    >>> cut("0123456789", 7)
    '012…789'
    """
    if len(text) <= most:
        return text
    end = (most - 1) // 2
    return f"{text[: most - 1 - end]}…{text[len(text) - end :]}"


def shown_name(name: str) -> str:
    """A name from a file, in one line that is safe to show anywhere: at most `LONGEST_NAME` characters."""
    return cut(visible(cut(name, LONGEST_NAME)), LONGEST_NAME)


def shown_message(message: str) -> str:
    """A message that may quote names, texts and files, in one line of at most `LONGEST_MESSAGE` characters.

    See `without_secrets`.
    """
    return cut(visible(cut(without_secrets(message), LONGEST_MESSAGE)), LONGEST_MESSAGE)


_BEFORE_HOST = re.compile(r"(://)[^/\s@]+@")
_SIGNED = re.compile(
    r"([?&](?:x-amz-[\w-]+|awsaccesskeyid|\w*(?:signature|token|key|credential|sig))=)[^&\s'\"]+", re.I
)
_SECRET = re.compile(r"SECRET|TOKEN|PASSWORD|ACCESS_KEY|CREDENTIAL")
_SHORTEST_SECRET = 12


def without_secrets(text: str) -> str:
    """`text` without what opens doors: names and keys before a host, signatures, and secrets of the environment.

    No message should hold any; this is for those that somebody types or another library writes.

    >>> without_secrets("s3://me:key@bucket/a and https://host/a?X-Amz-Signature=0f&b=1")
    's3://…@bucket/a and https://host/a?X-Amz-Signature=…&b=1'
    """
    text = _SIGNED.sub(r"\1…", _BEFORE_HOST.sub(r"\1…@", text))
    for name, value in os.environ.items():
        if len(value) >= _SHORTEST_SECRET and _SECRET.search(name):
            text = text.replace(value, "…")
    return text


def whole_number(text: str | None) -> int | None:
    """The number that a file's metadata give as digits; None where that is not a number of at most 18 digits.

    >>> whole_number("46000"), whole_number("²"), whole_number("9" * 5000)
    (46000, None, None)
    """
    if text is None or len(text) > 18 or not (text.isascii() and text.isdigit()):
        return None
    return int(text)


def listed(names: Iterable[str]) -> str:
    """Names within a field, parted by commas; `%`, `|`, `:` and `,` are written as in a URL.

    >>> listed(["{}", "a|b"])
    '{},a%7Cb'
    """
    escapes = str.maketrans({sign: f"%{ord(sign):02X}" for sign in "%|:,"})
    return ",".join(name.translate(escapes) for name in names)
