"""A reader of ARPA files and their backoff rule, as short as they come."""

import gzip
from pathlib import Path

Entry = tuple[float, float]


def read_arpa(path: Path) -> dict[tuple[str, ...], Entry]:
    """log10 probability and log10 backoff of each n-gram."""
    content = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    model: dict[tuple[str, ...], Entry] = {}
    for line in content.decode("utf-8").split("\n"):
        fields = line.split("\t")
        if len(fields) > 1:
            model[tuple(fields[1].split(" "))] = float(fields[0]), float(fields[2]) if len(fields) > 2 else 0.0
    return model


def log10_probability(model: dict[tuple[str, ...], Entry], context: tuple[str, ...], word: str) -> float:
    """The longest n-gram that the model has, less the backoffs of the contexts that it lacks."""
    if (*context, word) in model:
        return model[*context, word][0]
    if not context:
        return model["<unk>",][0]
    return model.get(context, (0.0, 0.0))[1] + log10_probability(model, context[1:], word)


def score(model: dict[tuple[str, ...], Entry], words: list[str], order: int) -> list[float]:
    """log10 p of each word of a sentence after `<s>`."""
    known = [word if (word,) in model else "<unk>" for word in words]
    history = ["<s>", *known]
    return [
        log10_probability(model, tuple(history[max(i + 2 - order, 0) : i + 1]), known[i]) for i in range(len(known))
    ]
