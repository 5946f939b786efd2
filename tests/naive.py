"""Slow, obvious twins of the fast parts: modified Kneser-Ney from dictionaries of n-grams, and the peel in plain loops.

Nothing here is shared with the package: no suffix tree, no arrays, no evidence columns.
"""

import math
import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

UNK, BOS, EOS = -3, -2, -1
"""Special symbols; a text's own symbols are codes >= 0."""

Gram = tuple[int, ...]
Discount = tuple[float, float, float]


# --- modified Kneser-Ney ---------------------------------------------------------------------------------------------


def discount_of(n: Mapping[int, int], fallback: Discount) -> Discount:
    """D1, D2, D3+ (Chen & Goodman, eq. 26) in float32, or the fallback where lmplz refuses."""
    if any(n.get(j, 0) == 0 for j in (1, 2, 3)):
        return fallback
    f = np.float32
    y = f(n[1]) / f(n[1] + 2 * n[2])
    found = [f(j) - f(j + 1) * y * f(n.get(j + 1, 0)) / f(n[j]) for j in (1, 2, 3)]
    if any(d < 0 or d > j for j, d in zip((1, 2, 3), found, strict=True)):
        return fallback
    return float(found[0]), float(found[1]), float(found[2])


def discounted(count: int, discount: Discount) -> float:
    return discount[min(count, 3) - 1] if count else 0.0


def sentences_of(codes: Sequence[int], end_of_line: int | None) -> list[Gram]:
    """The sentences of a training text; the last line has no `</s>` where it has no end."""
    if end_of_line is None:
        return [(BOS, *codes, EOS)]
    sentences: list[Gram] = []
    line: list[int] = []
    for code in codes:
        if code == end_of_line:
            sentences.append((BOS, *line, EOS))
            line = []
        else:
            line.append(code)
    return [*sentences, (BOS, *line)] if line else sentences


@dataclass
class KneserNey:
    """Models of the orders 1..N over `<s> text </s>`, or over each of its lines."""

    text: Sequence[int]
    order: int
    kenlm_compat: bool = True
    fallback: Discount = (0.5, 1.0, 1.5)
    end_of_line: int | None = None
    raw: dict[Gram, int] = field(default_factory=dict)
    adjusted: dict[Gram, int] = field(default_factory=dict)
    raw_discounts: dict[int, Discount] = field(default_factory=dict)
    adjusted_discounts: dict[int, Discount] = field(default_factory=dict)
    followers: dict[Gram, set[int]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        raw: Counter[Gram] = Counter()
        left: defaultdict[Gram, set[int]] = defaultdict(set)
        followers: defaultdict[Gram, set[int]] = defaultdict(set)
        sentences = sentences_of(self.text, self.end_of_line)
        for sequence in sentences:
            for start in range(len(sequence)):
                for stop in range(start + 1, min(start + self.order, len(sequence)) + 1):
                    gram = sequence[start:stop]
                    raw[gram] += 1
                    if start:
                        left[gram].add(sequence[start - 1])
                    followers[gram[:-1]].add(gram[-1])
        del raw[(BOS,)]  # <s> is never predicted
        followers[()].discard(BOS)
        self.raw = dict(raw)
        self.adjusted = {gram: n if gram[0] == BOS else len(left[gram]) for gram, n in raw.items()}
        self.followers = dict(followers)
        for k in range(1, self.order + 1):
            self.raw_discounts[k] = discount_of(Counter(n for g, n in raw.items() if len(g) == k), self.fallback)
            statistic = Counter(n for g, n in self.adjusted.items() if len(g) == k)
            last = self._last_flushed(sentences, k)
            if self.kenlm_compat and last is not None:
                statistic[self.adjusted[last]] -= 1
                statistic[raw[last]] += 1
            self.adjusted_discounts[k] = discount_of(statistic, self.fallback)

    def _last_flushed(self, sentences: Sequence[Gram], k: int) -> Gram | None:
        """The last k-gram of lmplz's last N-gram: N-grams are padded with <s> on the left, sorted from their ends."""
        ids = {UNK: 0, BOS: 1, EOS: 2}
        for sequence in sentences:
            for symbol in sequence:
                ids.setdefault(symbol, len(ids))
        grams = []
        for sequence in sentences:
            padded = (BOS,) * (self.order - 1) + sequence
            grams += [padded[i - self.order + 1 : i + 1] for i in range(self.order, len(padded))]
        last = max(grams, key=lambda gram: [ids[symbol] for symbol in reversed(gram)])
        tail = last[self.order - k :]
        return None if tail[:2] == (BOS, BOS) or tail == (BOS,) else tail

    @property
    def vocabulary(self) -> list[int]:
        ends = [] if self.end_of_line is not None and self.end_of_line not in self.text else [EOS]
        return [UNK, *ends, *sorted(set(self.text) - {self.end_of_line})]

    def probability(self, context: Gram, symbol: int, top: int) -> float:
        """P of the model whose highest order is `top`; `context` is its last top - 1 symbols or fewer."""
        k = len(context) + 1
        counts, table = (self.raw, self.raw_discounts) if k == top else (self.adjusted, self.adjusted_discounts)
        if k > 1 and context not in self.followers:
            return self.probability(context[1:], symbol, top)
        discount = table[k]
        after = [counts[(*context, s)] for s in self.followers[context]]
        mass = sum(discounted(n, discount) for n in after) / sum(after)
        lower = 1 / len(self.vocabulary) if k == 1 else self.probability(context[1:], symbol, top)
        n = counts.get((*context, symbol), 0)
        return (n - discounted(n, discount)) / sum(after) + mass * lower

    def scores(self, text: Sequence[int]) -> list[list[float]]:
        """`[i][n - 1]`: natural log-probability of symbol i by the model of order n; a line's end is `</s>`."""
        known = set(self.text)
        history: Gram = (BOS,)
        rows = []
        for code in text:
            is_end = self.end_of_line is not None and code == self.end_of_line
            symbol = EOS if is_end else code if code in known else UNK
            contexts = [history[max(len(history) - n + 1, 0) :] for n in range(1, self.order + 1)]
            ps = [self.probability(h, symbol, n) for n, h in enumerate(contexts, 1)]
            rows.append([math.log(p) if p else -math.inf for p in ps])  # 0 where a discount is 0
            history = (BOS,) if is_end else (*history, symbol)
        return rows


# --- the peel --------------------------------------------------------------------------------------------------------

MISSING = "\U0010ffff"
"""Stands in a track at a position that the log skips."""

QUOTES = '"“”«»‘`„‚‹›‛‟⹂「」『』｢｣〝〞〟﹁﹂﹃﹄＂'
LAYER_BITS = {"ngram": 1, "memory": 2, "rare": 4, "word": 8, "punctuation": 16, "boost": 32}


@dataclass(frozen=True)
class Rules:
    """Thresholds, by default those of `--preset paper`."""

    layers: tuple[str, ...] = ("ngram", "memory", "rare", "word", "punctuation", "boost")
    criterion: str = "p<0.5"
    threshold: float = 0.5
    ngram_max: int = 9
    windows: tuple[int, ...] = (100, 500, 1000, 5000)
    min_length: int = 5
    rare: tuple[int, ...] = (0, 1, 2, 3, 4, 5)
    reach: int = 3
    boosts: tuple[float, ...] = (0.1, 0.2, 0.3, 0.4, 0.5)


@dataclass(frozen=True)
class Fact:
    """What the oracles see at one position; None: nothing to say."""

    memory_distance: int | None = None
    word_length: int | None = None
    word_offset: int | None = None
    word: str | None = None
    after: str | None = None
    newline_distance: int | None = None
    punctuation: bool = False


@dataclass(frozen=True)
class Verdict:
    error: bool
    layer: str | None
    slice: str | None
    claims: int


def track_of(positions: Sequence[int], codes: Sequence[int]) -> str:
    """A log as a string with one character a position of the text."""
    track = [MISSING] * (positions[-1] + 1)
    for position, code in zip(positions, codes, strict=True):
        track[position] = chr(code)
    return "".join(track)


def facts_of(
    track: str, as_bytes: bool, pattern: str = r"\w+", horizon: float = math.inf
) -> dict[int, Fact]:  # fmt: skip
    """The facts of each position of a track that is there; `pattern`: of words."""
    facts: dict[int, Fact] = {}
    for run in re.finditer(f"[^{MISSING}]+", track):
        facts |= _facts_of_run(track, run, as_bytes, pattern, horizon)
    return facts


def facts_of_documents(
    positions: Sequence[int], codes: Sequence[int], docs: Sequence[int], as_bytes: bool, horizon: float = math.inf
) -> dict[int, Fact]:
    """The facts of a log whose rows have documents: those of each maximal run of one id, seen as a log of its own."""
    facts: dict[int, Fact] = {}
    start = 0
    for stop in range(1, len(docs) + 1):
        if stop == len(docs) or docs[stop] != docs[start]:
            track = track_of(positions[start:stop], codes[start:stop])
            facts |= facts_of(track, as_bytes, horizon=horizon)
            start = stop
    return facts


def word_spans(characters: str, pattern: str) -> list[tuple[int, int]]:
    """The matches of a pattern in each line, without its end; a line ends at LF alone."""
    spans, start = [], 0
    for line in characters.split("\n"):
        spans += [(start + match.start(), start + match.end()) for match in re.finditer(pattern, line)]
        start += len(line) + 1
    return spans


def cut_word(widths: Sequence[int], span: tuple[int, int], horizon: float) -> list[tuple[int, int]]:
    """A word in pieces of at most `horizon` symbols, but at least one character."""
    pieces, start = [], span[0]
    for m in range(span[0] + 1, span[1]):
        if sum(widths[start : m + 1]) > horizon:
            pieces.append((start, m))
            start = m
    return [*pieces, (start, span[1])]


def _facts_of_run(
    track: str, run: re.Match[str], as_bytes: bool, pattern: str, horizon: float
) -> dict[int, Fact]:  # fmt: skip
    characters = run[0].encode("latin-1").decode("utf-8", "surrogateescape") if as_bytes else run[0]
    widths = [len(c.encode("utf-8", "surrogateescape")) if as_bytes else 1 for c in characters]
    first = _sums(run.start(), widths)
    spans = [piece for span in word_spans(characters, pattern) for piece in cut_word(widths, span, horizon)]
    word_at = {m: span for span in spans for m in range(*span)}
    newline: int | None = None  # character index of the latest newline
    facts = {}
    for m, c in enumerate(characters):
        near = newline is not None and first[m] - first[newline] <= horizon
        distance: int | None = None
        length = offset = None
        word = None
        if m in word_at:
            begin, end = word_at[m]
            word, length, offset = characters[begin:end], end - begin, m - begin
            found = track.rfind(track[first[begin] : first[end]], 0, first[begin])
            distance = first[begin] - found if found >= 0 and first[begin] - found <= horizon else None
        fact = Fact(
            memory_distance=distance,
            word_length=length,
            word_offset=offset,
            word=word,
            after=kind_of(characters, m - 1, word_at) if m else None,
            newline_distance=m - newline if newline is not None and near else None,
            punctuation=unicodedata.category(c).startswith(("P", "S")),
        )
        for position in range(first[m], first[m + 1]):
            facts[position] = fact
        if kind_of(characters, m, word_at) == "newline":
            newline = m
    return facts


def _sums(start: int, widths: Sequence[int]) -> list[int]:
    sums = [start]
    for width in widths:
        sums.append(sums[-1] + width)
    return sums


def kind_of(characters: str, m: int, word_at: Mapping[int, tuple[int, int]]) -> str | None:
    """What character m is to the symbol after it."""
    c = characters[m]
    if c == "\n" or (c == "\r" and characters[m + 1 : m + 2] != "\n"):
        return "newline"
    if c.isspace() and c != "\r":
        return "space"
    if c in QUOTES:
        return "quote"
    if c in "'’＇":
        return None if m - 1 in word_at and m + 1 in word_at else "quote"
    return None


def smallest_context(logprobs: Sequence[float]) -> int | None:
    """The least n >= 1 with p > 0.5 given n symbols of context; `logprobs[n]` is that model's."""
    for n in range(1, len(logprobs)):
        if logprobs[n] > math.log(0.5):
            return n
    return None


def slice_of(  # noqa: PLR0911, PLR0912
    layer: str, fact: Fact, context: int | None, training: Mapping[str, int], p: float, rules: Rules
) -> str | None:  # fmt: skip
    """The slice of a layer that takes an error, or None."""
    if layer == "ngram" and context is not None and context <= rules.ngram_max:
        return f"{context}-gram"
    if layer == "memory" and fact.word is not None and fact.word_offset != 0 and len(fact.word) >= rules.min_length:
        for w in rules.windows:
            if fact.memory_distance is not None and fact.memory_distance <= w:
                return f"{w} memory"
    if layer == "rare" and fact.word is not None:
        for r in rules.rare:
            if training.get(fact.word, 0) <= r:
                return f"{r}-train"
    if layer == "word":
        if fact.after in ("space", "quote"):
            return "after space or quote"
        if fact.newline_distance is not None and fact.newline_distance <= rules.reach:
            return "after newline"
    if layer == "punctuation" and fact.punctuation:
        return "punctuation"
    if layer == "boost":
        for b in rules.boosts:
            if p + b >= rules.threshold:
                return f"{b:g} boost"
    return None


def peel_position(
    fact: Fact,
    context: int | None,
    training: Mapping[str, int],
    logprob: float | None,
    top_is_wrong: bool,
    rules: Rules,
) -> Verdict:
    """The verdict on one position; `logprob` None: not predicted."""
    if logprob is None:
        return Verdict(False, None, None, 0)
    p = math.exp(logprob)
    if not (top_is_wrong if rules.criterion == "argmax" else p < rules.threshold):
        return Verdict(False, None, None, 0)
    slices = {layer: slice_of(layer, fact, context, training, p, rules) for layer in rules.layers}
    claims = sum(LAYER_BITS[layer] for layer, part in slices.items() if part is not None)
    for layer, part in slices.items():
        if part is not None:
            return Verdict(True, layer, part, claims)
    return Verdict(True, "rest", "rest", claims)
