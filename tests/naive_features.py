"""The slow, obvious twins of the features' state machine and of the scores of cells."""

import re
import string

import numpy as np
from numpy.typing import NDArray

OWN_CLOSERS = {"‹": "›", "‚": "‘", "「": "」", "『": "』", "｢": "｣", "〝": "〞〟", "﹁": "﹂", "﹃": "﹄", "＂": "＂"}
LETTERS = frozenset(string.ascii_letters + string.digits + "_")
TOKEN = re.compile(
    r"""
    (?P<comment> //[^\n]* | /\*(?:.*?\*/|.*\Z) )
  | (?P<string> "(?:\\\r*+(?:.|\Z)|[^"\\\n])*(?:["\n]|\Z)
              | (?<![A-Za-z0-9_\x80-\U0010ffff])'(?:\\\r*+(?:.|\Z)|[^'\\\n])*(?:['\n]|\Z) )
    """,
    re.VERBOSE | re.DOTALL,
)


def naive_features(text: str, code: bool) -> NDArray[np.float64]:
    """(n, 15) features after each character: those of every prefix, looked at on its own."""
    return np.array([features_of_prefix(text[: n + 1], code) for n in range(len(text))]).reshape(-1, 15)


def features_of_prefix(prefix: str, code: bool) -> list[float]:
    line = prefix.rsplit("\n", 1)[-1]
    space = re.search(r"[^ \t\r\n]*\Z", prefix)
    assert space is not None
    inside, bare = lexical_state(prefix) if code else ("", prefix)
    paren, bracket, brace = (len(stack) for stack in open_brackets(bare, code))
    return [
        len(line),
        len(space[0]),
        indentation(line),
        in_quotes(prefix),
        *(depth > 0 for depth in (paren, bracket, brace)),
        *(paren, bracket, brace, paren + bracket + brace),
        inside == "comment",
        inside == "string",
        inside in ("comment", "string"),
        code and any(is_if for is_if in open_brackets(bare, code)[0]),
    ]


def indentation(line: str) -> int:
    white = re.match(r"[ \t\r]*", line)
    assert white is not None
    return len(white[0].replace("\r", "").expandtabs(8))


def last_paragraph(text: str) -> str:
    """What stands behind the last blank line, if its end was reached."""
    found = list(re.finditer(r"(?<![^\n])[ \t\r]*\n", text))
    return text[found[-1].end() :] if found else text


def in_quotes(prefix: str) -> bool:
    opened = ""
    for character in last_paragraph(prefix):
        if opened in OWN_CLOSERS:
            opened = "" if character in OWN_CLOSERS[opened] else opened
        elif character in OWN_CLOSERS and not opened:
            opened = character
        elif character in "”»" or (character == '"' and opened) or (character == "“" and opened == "„"):
            opened = ""
        elif character in '"“„«':
            opened = character
    return bool(opened)


def lexical_state(prefix: str) -> tuple[str, str]:
    """In what the prefix ends, and the prefix with comments and strings replaced by a character that is nothing."""
    bare, inside = list(prefix), ""
    for token in TOKEN.finditer(prefix):
        kind, body = str(token.lastgroup), token[0]
        if kind == "comment":
            closed = not body.startswith("//") and len(body) >= 4 and body.endswith("*/")
        else:
            end = re.fullmatch(r"""(["'])(?:\\\r*+.|[^\\])*?(?:\1|\n)""", body, re.DOTALL)
            closed = end is not None
        if token.end() == len(prefix) and not closed:
            inside = kind
        bare[token.start() : token.end()] = "\0" * (len(body) - body.endswith("\n")) + "\n" * body.endswith("\n")
    return inside, "".join(bare)


def open_brackets(bare: str, code: bool) -> tuple[list[bool], list[bool], list[bool]]:
    """The open brackets of each kind: whether each is that of an `if (`."""
    stacks: dict[str, list[bool]] = {"(": [], "[": [], "{": []}
    for n, character in enumerate(bare if code else last_paragraph(bare)):
        if character in stacks:
            stacks[character].append(bool(re.search(r"(?<![A-Za-z0-9_#\x80-\U0010ffff])if[ \t\r\n]*\Z", bare[:n])))
        elif character in ")]}":
            stack = stacks["([{"[")]}".index(character)]]
            if stack:
                stack.pop()
            if code and character == "}" and (n == 0 or bare[n - 1] == "\n"):
                for each in stacks.values():
                    each.clear()
    return stacks["("], stacks["["], stacks["{"]
