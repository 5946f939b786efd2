"""Sound logs for bench/doctor.py: weak and strong models, bytes, characters and tokens, nine languages, invented texts.

Texts: those given by ERRTAX_WARPEACE and ERRTAX_LINUX, this Python's sources, and what the machine has in other
languages, messages (/usr/share/locale) and manuals (/usr/share/man); what is missing is left out.  ERRTAX_LOGS:
NAME=LOG, parted by colons: byte logs of models that take long to run, such as `errtax predict --hf` writes, of what
`python bench/doctor_logs.py NAME` prints.  ERRTAX_TOKENIZER: a .gguf file, whose tokens these bytes are summed to, too.
"""

import glob
import gzip
import os
import re
import struct
import sys
import sysconfig
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from errtax.lm.byte_log import ByteProjector
from errtax.lm.log_reader import read_log
from errtax.lm.ngram.index import NgramIndex
from errtax.lm.text import Text, Unit, text_of_bytes
from errtax.lm.vocabulary import Vocabulary

LANGUAGES = os.environ.get("ERRTAX_LANGUAGES", "de,fr,ru,pl,ja,it,es,tr,ko").split(",")
"""da,hu,ro,fi,sr were kept for a test of the limits of `reference`, pt,nl,sv,uk,zh_CN,cs for those of `contained`."""
CHARS = ("ru", "ja", "ko", "de", "uk", "zh_CN", "sv")
TEST = 120_000
ORDER = 20
"""Of the references; lower ones are their first columns."""


@dataclass(eq=False)
class Sound:
    """A log and what the reference says of its symbols.

    `token_starts`: the first byte of each token, in byte logs of models of tokens.  `trained`: the symbols that the
    reference was built of.  `extra`: what a bench notes.
    """

    name: str
    unit: str
    codes: np.ndarray
    x: np.ndarray
    scores: np.ndarray
    known: np.ndarray
    best: np.ndarray | None = None
    token_starts: np.ndarray | None = None
    trained: np.ndarray | None = None
    extra: dict[str, Any] = field(default_factory=dict)


def texts() -> dict[str, bytes]:
    """What there is, by name."""
    found = {}
    for name in ("WARPEACE", "LINUX"):
        if path := os.environ.get(f"ERRTAX_{name}"):
            found[name.lower()] = Path(path).read_bytes()[:3_000_000]
    sources = sorted(Path(sysconfig.get_paths()["stdlib"]).glob("*.py"))
    found["python"] = b"".join(path.read_bytes() for path in sources)[:2_000_000]
    for name in LANGUAGES:
        if len(content := language(name)) > 300_000:
            found[name] = content[:1_500_000]
    return found | {"invented": invented(1_000_000, 1), "small alphabet": invented(400_000, 2, b"acgt", 3)}


def language(name: str) -> bytes:
    """Messages in a language, without placeholders, each once, in an order that mixes the programs."""
    parts = set()
    for path in glob.glob(f"/usr/share/locale/{name}/LC_MESSAGES/*.mo"):
        parts.update(messages(Path(path).read_bytes()))
    for path in glob.glob(f"/usr/share/man/{name}/man*/*.gz"):
        with gzip.open(path) as file:
            parts.update(re.sub(rb"(?m)^[.'].*\n|\\f.|\\", b"", file.read()).split(b"\n\n"))
    lines = sorted(parts, key=hash_of)
    return b"\n".join(line for line in lines if len(line) > 20)


def hash_of(line: bytes) -> int:
    """The same in every process."""
    return int.from_bytes(line[:8].ljust(8, b"\0"), "little") * 2654435761 % 2**32 + len(line)


def messages(data: bytes) -> Iterator[bytes]:
    """The translations in a file of gettext's."""
    order = "<" if data[:4] == b"\xde\x12\x04\x95" else ">"
    n, _, table = struct.unpack(order + "3I", data[8:20])
    for k in range(1, n):
        length, place = struct.unpack(order + "2I", data[table + 8 * k : table + 8 * k + 8])
        yield data[place : place + length].replace(b"\0", b"\n")


def invented(n: int, seed: int, letters: bytes = b"abcdefghijklmnopqrstuvwxyz", longest: int = 9) -> bytes:
    """Words of random letters, by Zipf's law, of which each has its favourite successors."""
    rng = np.random.default_rng(seed)
    words = [bytes(rng.choice(list(letters), rng.integers(1, longest)).tolist()) for _ in range(3000)]
    often = 1 / np.arange(2, len(words) + 2)
    drawn = iter(rng.choice(len(words), n, p=often / often.sum()).tolist())
    after = rng.choice(len(words), (len(words), 6), p=often / often.sum())
    k, parts, size = 0, [], 0
    while size < n:
        k = int(after[k, rng.integers(6)]) if rng.random() < 0.6 else next(drawn)
        parts.append(words[k] + (b". " if rng.random() < 0.08 else b" "))
        size += len(parts[-1])
    return b"".join(parts)


def scores_of(index: NgramIndex, codes: np.ndarray) -> np.ndarray:
    """y of all orders; (n, orders)."""
    return np.concatenate([block.copy() for block in index.score_blocks(codes)])


def sound_logs() -> Iterator[Sound]:
    """All of them, text by text."""
    for name, content in texts().items():
        yield from of_text(name, content, Unit.BYTE, name in ("warpeace", "linux"))
        if name in CHARS:
            yield from of_text(name, content, Unit.CHAR, False)
    for name, ids in tokens_of_texts(texts())[1].items():
        yield from of_ids(name, ids)
    if os.environ.get("ERRTAX_WARPEACE"):
        yield from of_tokens("warpeace", texts()["warpeace"])
    for entry in filter(None, os.environ.get("ERRTAX_LOGS", "").split(":")):
        name, _, path = entry.partition("=")
        yield from of_log(name, Path(path), texts()[name])
        if os.environ.get("ERRTAX_TOKENIZER"):
            yield from of_summed(name, Path(path), texts()[name])


def of_text(name: str, content: bytes, unit: Unit, rich: bool) -> Iterator[Sound]:
    """Logs of the last part of a text, by models of its beginning; the reference has read some of it."""
    text = text_of_bytes(content.decode("utf-8", "ignore").encode(), unit)
    codes = np.asarray(text.codes)
    test = codes[-min(TEST, len(codes) // 4) :]
    train = codes[: len(codes) - len(test)]
    reference = build(train[-400_000:], unit, ORDER)
    scores = scores_of(reference, test)
    known = reference.knows(test)

    def log(model: str, x: np.ndarray) -> Sound:
        trained = train[-400_000:]
        return Sound(f"{name} {unit}: {model}", str(unit), test, x.astype(np.float64), scores, known, trained=trained)

    large = build(train, unit, 12)
    strong = scores_of(large, test)
    weak = scores_of(build(train[:30_000], unit, 5), test)
    chosen = (1, 2, 3, 4, 5, 6, 8, 12) if rich else (1, 3, 6, 12)
    for order in chosen:
        yield log(f"{order}-gram of more text", strong[:, order - 1])
    yield log("the reference itself, order 5", scores[:, 4])
    yield log("5-gram of little text", weak[:, 4])
    mixed = np.logaddexp(strong[:, 7] + np.log(0.6), weak[:, 2] + np.log(0.4))
    yield log("mixture", mixed)
    yield log("uniform", np.full(len(test), -np.log(len(np.unique(codes)))))
    if rich:
        yield log("cache", cached(strong[:, 7], test))


def cached(y: np.ndarray, codes: np.ndarray) -> np.ndarray:
    """An n-gram model and, after what has just been read, a copy of what followed: sure where it may be wrong."""
    after: dict[bytes, int] = {}
    x = np.empty(len(y))
    for i in range(len(y)):
        context = codes[max(i - 6, 0) : i].tobytes()
        guess = after.get(context)
        x[i] = y[i] if guess is None else np.logaddexp(y[i] + np.log(0.3), np.log(0.7) if guess == codes[i] else -99)
        after[context] = codes[i]
    return x


def of_log(text: str, path: Path, content: bytes) -> Iterator[Sound]:
    """A log of bytes beside references of much and of little text."""
    log = read_log(path)
    for size in (1_000_000, 100_000):
        reference = build(np.frombuffer(content[:size], np.uint8), Unit.BYTE, ORDER)
        scores, known = scores_of(reference, log.codes), reference.knows(log.codes)
        name = f"{text} byte: {path.stem} (reference of {size:,})"
        trained = np.frombuffer(content[:size], np.uint8)
        yield Sound(name, "byte", log.codes, log.logprobs, scores, known, log.argmax_logprobs, trained=trained)


def of_summed(text: str, path: Path, content: bytes) -> Iterator[Sound]:
    """A log of bytes summed to tokens, as their model has it, beside references of much and of little text."""
    from transformers import AutoTokenizer  # noqa: PLC0415  # only here

    file = Path(os.environ["ERRTAX_TOKENIZER"])
    tokenizer = AutoTokenizer.from_pretrained(file.parent, gguf_file=file.name)
    log = read_log(path)
    string = log.codes.astype(np.uint8).tobytes().decode("utf-8", "ignore")
    tokens = tokenizer(string, add_special_tokens=False, return_offsets_mapping=True)
    ids = np.array(tokens.input_ids, np.uint32)
    places = np.cumsum([0, *(len(letter.encode()) for letter in string)])[np.array(tokens.offset_mapping)]
    x = np.array([log.logprobs[first:last].sum() for first, last in places.tolist()])  # NaN where nothing is predicted
    for size in (1_000_000, 300_000, 100_000):
        train = tokenizer(content[:size].decode("utf-8", "ignore"), add_special_tokens=False).input_ids
        trained = np.array(train, np.uint32)
        reference = build(trained, Unit.TOKEN, ORDER)
        scores, known = scores_of(reference, ids), reference.knows(ids)
        name = f"{text}, summed token: {path.stem} (reference of {size:,})"
        yield Sound(name, "token", ids, x, scores, known, trained=trained)


def codes_of(content: bytes, unit: Unit) -> np.ndarray:
    """Bytes, or characters."""
    if unit is Unit.BYTE:
        return np.frombuffer(content, np.uint8)
    return np.frombuffer(content.decode().encode("utf-32-le"), np.uint32)


def tokens_of_texts(contents: dict[str, bytes]) -> tuple[Any, dict[str, np.ndarray]]:
    """A byte-level BPE of 16,000 tokens of all languages, and the ids of each text's last 1,200,000 bytes."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers  # noqa: PLC0415  # only here

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    letters = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=16_000, initial_alphabet=letters, show_progress=False)
    strings = {name: content.decode("utf-8", "ignore") for name, content in contents.items() if "small" not in name}
    tokenizer.train_from_iterator((string[:150_000] for string in strings.values()), trainer)
    parts = {name: string.encode()[-1_200_000:].decode("utf-8", "ignore") for name, string in strings.items()}
    return tokenizer, {name: np.array(tokenizer.encode(part).ids, np.uint32) for name, part in parts.items()}


def of_ids(name: str, ids: np.ndarray) -> Iterator[Sound]:
    """Token logs of n-gram models; the reference has read 100,000 tokens."""
    test = ids[-min(30_000, len(ids) // 4) :]
    train = ids[: len(ids) - len(test)]
    trained = train[-100_000:]
    reference = build(trained, Unit.TOKEN, ORDER)
    scores, known = scores_of(reference, test), reference.knows(test)
    strong = scores_of(build(train, Unit.TOKEN, 5), test)
    weak = scores_of(build(train[:20_000], Unit.TOKEN, 3), test)
    models = {
        "5-gram of more text": strong[:, 4],
        "2-gram of more text": strong[:, 1],
        "3-gram of little text": weak[:, 2],
        "mixture": np.logaddexp(strong[:, 2] + np.log(0.6), weak[:, 0] + np.log(0.4)),
    }
    for model, x in models.items():
        yield Sound(f"{name} token: {model}", "token", test, x.astype(np.float64), scores, known, trained=trained)


def build(codes: np.ndarray, unit: Unit, order: int) -> NgramIndex:
    """An index of some symbols."""
    if unit is Unit.TOKEN:
        return NgramIndex.build(Text("tokens", unit, codes.astype(np.uint32), ""), order)
    content = codes.tobytes() if unit is Unit.BYTE else codes.astype("<u4").tobytes().decode("utf-32-le").encode()
    return NgramIndex.build(text_of_bytes(content, unit), order)


def of_tokens(name: str, content: bytes) -> Iterator[Sound]:
    """The token log and the byte log of a model of tokens: an interpolated trigram of the words and pieces of a BPE."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers  # noqa: PLC0415  # only here

    from errtax.lm.hf.tokenizer import vocabulary_of  # noqa: PLC0415  # only here

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=1500, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False
    )
    string = content.decode("utf-8", "ignore")
    tokenizer.train_from_iterator([string[:500_000]], trainer)
    ids = np.array(tokenizer.encode(string).ids)
    n = len(ids)
    train, test = ids[: n * 9 // 10], ids[n * 9 // 10 :][:12_000]
    size = tokenizer.get_vocab_size()
    vocabulary = vocabulary_of(tokenizer)
    logp, best, rows = trigram(train, test, size, vocabulary)
    reference = build(train[: n // 3], Unit.TOKEN, ORDER)
    scores, known = scores_of(reference, test.astype(np.uint32)), reference.knows(test.astype(np.uint32))
    yield Sound(f"{name}, small vocabulary token: trigram", "token", test.astype(np.uint32), logp, scores, known, best)
    weak = scores_of(build(train[: n // 10], Unit.TOKEN, 5), test.astype(np.uint32))
    yield Sound(
        f"{name}, small vocabulary token: 2-gram",
        "token",
        test.astype(np.uint32),
        weak[:, 1].astype(float),
        scores,
        known,
    )
    yield byte_sound(f"{name} byte: trigram of tokens", content, test, vocabulary, rows)


def byte_sound(name: str, content: bytes, test: np.ndarray, vocabulary: Vocabulary, rows: Any) -> Sound:
    """A byte log of a model of tokens, beside a reference of bytes."""
    codes = np.frombuffer(vocabulary.bytes_of(test), np.uint8)
    reference = build(np.frombuffer(content[:400_000], np.uint8), Unit.BYTE, ORDER)
    starts = np.zeros(len(codes), bool)
    starts[np.cumsum(vocabulary.lengths[test])[:-1]] = starts[0] = True
    known = reference.knows(codes)
    return Sound(name, "byte", codes, rows[0], scores_of(reference, codes), known, rows[1], starts)


def trigram(
    train: np.ndarray, test: np.ndarray, size: int, vocabulary: Vocabulary
) -> tuple[np.ndarray, np.ndarray, Any]:
    """log p of the tokens, that of the best, and the rows of the byte log, by whole distributions."""
    one = np.bincount(train, minlength=size) + 0.1
    one = one / one.sum()
    two: dict[int, Any] = {}
    order = np.lexsort((train[1:], train[:-1]))
    before, after = train[:-1][order], train[1:][order]
    cuts = np.searchsorted(before, np.arange(size + 1))
    three: dict[tuple[int, int], list[int]] = {}
    for a, b, c in zip(train[:-2].tolist(), train[1:-1].tolist(), train[2:].tolist(), strict=True):
        three.setdefault((a, b), []).append(c)
    projector = ByteProjector(vocabulary)
    logp, best, rows = [], [], []
    for start in range(0, len(test), 500):
        scores = np.zeros((min(500, len(test) - start), size))
        for i in range(len(scores)):
            p = one.copy()
            if start + i > 0:
                last = int(test[start + i - 1])
                if last not in two:
                    two[last] = np.bincount(after[cuts[last] : cuts[last + 1]], minlength=size)
                p = (two[last] + 20 * p) / (two[last].sum() + 20)
            if start + i > 1:
                follow = three.get((int(test[start + i - 2]), int(test[start + i - 1])), [])
                p = (np.bincount(follow, minlength=size) + 10 * p) / (len(follow) + 10)
            scores[i] = np.log(p)
        part = test[start : start + len(scores)]
        logp.append(scores[np.arange(len(part)), part])
        best.append(scores.max(axis=1))
        rows.append(projector.add(part, scores))
    joined = [np.concatenate([getattr(row, key) for row in rows]) for key in ("logprob", "argmax_logprob")]
    return np.concatenate(logp), np.concatenate(best), joined


if __name__ == "__main__":
    part = texts()[sys.argv[1]][-60_000:].decode("utf-8", "ignore")[:15_000]
    sys.stdout.buffer.write(part.encode())
