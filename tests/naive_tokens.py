"""Slow twins of what a token is judged by: one token, one character at a time."""

import re
from typing import NamedTuple

import numpy as np


class Judged(NamedTuple):
    """What is known of one token from the characters that it holds."""

    character: int
    word: tuple[int, int] | None  # characters of the word that this one lies in
    before: str  # the character before, "" at the start of the text or of a stretch
    newline: int  # characters since the last newline, from 1; 0: none


def judge_tokens(pieces: list[bytes]) -> list[Judged]:
    """Each token of a text without gaps: by its first character that is no white space, else by its first."""
    text = b"".join(pieces).decode("utf-8", "surrogateescape")
    owner = []  # by byte, the character
    for m, character in enumerate(text):
        owner += [m] * (1 if "\udc80" <= character <= "\udcff" else len(character.encode()))
    words = [match.span() for match in re.finditer(r"\w+", text)]
    found, byte = [], 0
    for piece in pieces:
        held = sorted(set(owner[byte : byte + len(piece)]))
        byte += len(piece)
        judge = next((m for m in held if not text[m].isspace()), held[0])
        word = next(((a, b) for a, b in words if a <= judge < b), None)
        newline = 0
        for m in range(judge - 1, -1, -1):
            if text[m] == "\n" or (text[m] == "\r" and text[m + 1 : m + 2] != "\n"):
                newline = judge - m
                break
        found.append(Judged(judge, word, text[judge - 1] if judge else "", newline))
    return found


def distance_back(text: str, word: tuple[int, int]) -> int:
    """Characters from a word back to the latest earlier place where it stands, maybe inside another word; 0: none."""
    spelt = text[word[0] : word[1]]
    for start in range(word[0] - len(spelt), -1, -1):
        if text[start : start + len(spelt)] == spelt:
            return word[0] - start
    return 0


def sums_between(ends: list[list[int]], logprobs: list[list[float]]) -> tuple[list[int], list[list[float]]]:
    """The ends that all lists share, and of each list the sums between two of them; NaN where a part is."""
    common = sorted(set.intersection(*map(set, ends)))
    sums = []
    for each, values in zip(ends, logprobs, strict=True):
        begin, row = 0, []
        for end in common:
            row.append(float(np.sum([p for e, p in zip(each, values, strict=True) if begin < e <= end])))
            begin = end
        sums.append(row)
    return common, sums
