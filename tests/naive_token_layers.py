"""Slow twins of the layers made for tokens: one token at a time, in plain loops."""

from collections.abc import Sequence
from dataclasses import dataclass

from errtax.taxonomy.settings import Settings
from naive_tokens import distance_back, judge_tokens

Row = tuple[int, int]
"""A token's position in the text, and its document."""


@dataclass(frozen=True)
class Fact:
    """What the oracles see of one token; None: nothing."""

    copies: dict[int, int]  # k to tokens back, where there is a copy
    word: str | None
    begins_word: bool
    memory: int | None
    punctuation: bool
    space: bool


def copy_back(ids: Sequence[int], rows: Sequence[Row], i: int, k: int) -> int | None:
    """Tokens back to the one after the latest earlier occurrence of the k tokens before i, if it is the same as i."""
    if i < k or any(not _adjoin(rows, j) for j in range(i - k + 1, i + 1)):
        return None
    for end in range(i - 2, k - 2, -1):
        run = range(end - k + 1, end + 1)
        if any(not _adjoin(rows, j) for j in run[1:]) or [ids[j] for j in run] != list(ids[i - k : i]):
            continue
        if any(rows[j][1] != rows[i][1] for j in range(run[0], i)):  # another document begins in between
            return None
        follows = _adjoin(rows, end + 1) and ids[end + 1] == ids[i]
        return rows[i][0] - rows[end + 1][0] if follows else None
    return None


def _adjoin(rows: Sequence[Row], i: int) -> bool:
    """Whether token i follows on the one before, in one document."""
    return rows[i][0] == rows[i - 1][0] + 1 and rows[i][1] == rows[i - 1][1]


def facts_of(pieces: list[bytes], ids: Sequence[int]) -> list[Fact]:
    """The facts of a text without gaps, in one document."""
    text = b"".join(pieces).decode("utf-8", "surrogateescape")
    first_byte, place = [], 0
    for character in text:
        first_byte.append(place)
        place += len(character.encode("utf-8", "surrogateescape"))
    rows = [(k, 0) for k in range(len(ids))]
    found, begin = [], 0
    for i, (piece, judged) in enumerate(zip(pieces, judge_tokens(pieces), strict=True)):
        word, c = judged.word, text[judged.character]
        copies = {k: d for k in (1, 2, 3) if (d := copy_back(ids, rows, i, k)) is not None}
        found.append(
            Fact(
                copies,
                None if word is None else text[slice(*word)],
                word is not None and first_byte[word[0]] >= begin,
                None if word is None else distance_back(text, word) or None,
                _is_punctuation(c),
                all(text[m].isspace() for m in _characters_of(first_byte, place, begin, begin + len(piece))),
            )
        )
        begin += len(piece)
    return found


def _is_punctuation(character: str) -> bool:
    import unicodedata

    return unicodedata.category(character)[0] in "PS"


def _characters_of(first_byte: list[int], total: int, begin: int, end: int) -> list[int]:
    """The characters that some bytes hold, or a part of."""
    ends = [*first_byte[1:], total]
    return [m for m, start in enumerate(first_byte) if start < end and ends[m] > begin]


def slice_of(  # noqa: PLR0911, PLR0912
    layer: str, fact: Fact, rank: int, best: int, counts: dict[str, int], settings: Settings
) -> str | None:
    """The slice of a layer that takes an error, or None.  `best`: the smallest n of context that expects the token."""
    if layer == "ngram" and 0 < best <= settings.ngram_max:
        return f"{best}-gram"
    if layer == "copy":
        for k in (3, 2, 1):
            if fact.copies.get(k, settings.copy_window + 1) <= settings.copy_window:
                return f"{k}-copy"
    if layer == "memory" and fact.memory is not None and len(fact.word or "") >= settings.memory_min_length:
        for window in settings.memory_windows:
            if fact.memory <= window:
                return f"{window} memory"
    if layer == "rare" and fact.word is not None:
        for limit in settings.rare_counts:
            if counts.get(fact.word, 0) <= limit:
                return f"{limit}-train"
    if layer in ("piece", "word") and fact.word is not None and fact.begins_word == (layer == "word"):
        if rank < 2:
            return f"{'unranked' if rank == 0 else 'first-ranked'} {layer}"
        low = 2
        for high in settings.rank_limits:
            if rank <= high:
                return f"{low}-{high} {layer}"
            low = high + 1
        return f"{low}+ {layer}"
    if layer == "punctuation" and fact.punctuation:
        return "punctuation"
    if layer == "space" and fact.space:
        return "white space"
    return None
