"""What `build-ngram` and `merge` share: the index that is wanted, how it is built, and what is said of it."""

import json
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from errtax.cli.frame import emit, notice, progress
from errtax.cli.outputs import Outputs
from errtax.cli.parts import Cluster, parts_beside, tell_part
from errtax.lm.errors import UsageError

if TYPE_CHECKING:
    from errtax.lm.ngram.index import NgramIndex
    from errtax.lm.part import Part
    from errtax.lm.text import Text


@dataclass(frozen=True)
class Wanted:
    """The options of an index, and the texts that it is built from."""

    texts: tuple[Path, ...]
    unit: str
    sentences: str | None
    tokenizer: str | None
    words: str
    order: int
    discount_fallback: tuple[float, float, float] | None
    kenlm_compat: bool

    def reader(self) -> "Callable[[], Text]":
        """What reads the text; with a tokenizer one stream of tokens.  Raises `UsageError`."""
        from errtax.lm.text import Sentences, Unit, read_texts

        for text in self.texts:
            if text.suffix in (".npy", ".parquet") and self.unit != "token":
                notice(f"{text} is read as plain bytes; --unit token reads its token ids.")
        if self.tokenizer is None:
            return partial(
                read_texts, self.texts, Unit(self.unit), Sentences(self.sentences) if self.sentences else None
            )
        if self.unit not in ("byte", "token") or self.sentences == "lines":
            raise UsageError("--tokenizer makes one stream of tokens, by --engine native; leave the others out.")
        return partial(_tokens_of, self.texts, self.tokenizer)

    def from_anywhere(self) -> "Wanted":
        """The same for a process in another folder.  Raises `UsageError` for stdin."""
        if Path("-") in self.texts:
            raise UsageError("a text in parts is read by several tasks, so it must be a file or a folder.")
        tokenizer = self.tokenizer
        if tokenizer is not None and Path(tokenizer).exists():
            tokenizer = str(Path(tokenizer).absolute())
        return replace(self, texts=tuple(text.absolute() for text in self.texts), tokenizer=tokenizer)

    def to_note(self) -> str:
        """As a string that `of_note` reads."""
        return json.dumps({**asdict(self), "texts": [str(text) for text in self.texts]})

    @staticmethod
    def of_note(note: str) -> "Wanted":
        """What `to_note` wrote; anything else raises one of many errors."""
        from errtax.lm.locations import location

        fields = json.loads(note)
        fallback = fields["discount_fallback"]
        fields |= {"texts": tuple(map(location, fields["texts"])), "discount_fallback": fallback and tuple(fallback)}
        return Wanted(**fields)


class IndexOutputs(NamedTuple):
    """What is written beside the index: an ARPA file of one order, or nothing."""

    outputs: Outputs
    arpa: Path | None = None
    arpa_order: int | None = None


def _tokens_of(texts: tuple[Path, ...], tokenizer: str) -> "Text":
    from errtax.lm.hf.tokenizer import load_tokenizer
    from errtax.lm.text import Unit, read_texts, text_of_tokens

    text, made = read_texts(texts, Unit.BYTE), load_tokenizer(tokenizer)
    return text_of_tokens(text, made.encode(text.codes.tobytes(), text.name).ids, made.sha256)


def emit_index_part(wanted: Wanted, part: "Part", folder: Path, memory: int | None, force: bool) -> None:
    """Build a part of an index, unless it is there, and say so."""
    from errtax.lm.ngram.build_parts import BuildPart, write_build_part
    from errtax.oracle.word_rule import require_words

    require_words(wanted.words)
    wanted = wanted.from_anywhere()
    spec = BuildPart(wanted.reader(), wanted.order, part, folder, memory, wanted.to_note())
    tell_part(part, spec.path, write_build_part(spec, force))


def emit_index(
    wanted: Wanted, output: Path, beside: IndexOutputs, memory: int | None, cluster: Cluster | None = None
) -> None:
    """Build an index, here or on a cluster, and show what it is."""
    from errtax.lm.files import discard
    from errtax.lm.ngram.index import NgramIndex
    from errtax.oracle.rare import word_rule_of
    from errtax.oracle.word_rule import require_words

    require_words(wanted.words)
    start = time.perf_counter()
    if cluster is not None:
        parts = _build_on(cluster, wanted, output, memory)
        _assemble(wanted, output, parts, beside, start)
        discard(parts_beside(output))
        return
    text = wanted.reader()()
    how = wanted.order, wanted.discount_fallback, wanted.kenlm_compat, memory
    with progress("sorting") as update:
        index = NgramIndex.build_file(text, output, *how, update, word_rule_of(wanted.words))
    _emit_built(index, output, len(text), beside, start)


def _build_on(cluster: Cluster, wanted: Wanted, output: Path, memory: int | None) -> list[Path]:
    from errtax.lm.ngram.build_parts import BuildPart, build_on
    from errtax.lm.part import Part

    wanted = wanted.from_anywhere()
    spec = BuildPart(wanted.reader(), wanted.order, Part(1, 1), parts_beside(output), memory, wanted.to_note())
    with cluster.pool("Building") as pool, progress("sorting") as update:
        return build_on(pool, spec, cluster.tasks, update)


def emit_merged_index(folder: Path, output: Path, force: bool) -> None:
    """Make an index of the parts in a folder, and show it as `build-ngram` would."""
    from errtax.lm.errors import decoding
    from errtax.lm.files import require_absent
    from errtax.lm.ngram.build_parts import require_index_parts

    start = time.perf_counter()
    require_absent(output, force)
    parts, note = require_index_parts(folder)
    with decoding(f"{folder} does not say what its parts were made from", "; build them again"):
        wanted = Wanted.of_note(note)
    _assemble(wanted, output, parts, IndexOutputs(Outputs(force)), start)


def _assemble(wanted: Wanted, output: Path, parts: list[Path], beside: IndexOutputs, start: float) -> None:
    from errtax.lm.ngram.build_parts import merge_parts
    from errtax.lm.ngram.index import NgramIndex
    from errtax.oracle.rare import word_rule_of

    text = wanted.reader()()
    how = wanted.order, wanted.discount_fallback, wanted.kenlm_compat
    merge_parts(text, output, *how, parts, word_rule_of(wanted.words))
    _emit_built(NgramIndex.open(output, verify=False), output, len(text), beside, start)


def _emit_built(index: "NgramIndex", output: Path, symbols: int, beside: IndexOutputs, start: float) -> None:
    from errtax.lm.ngram.index import SCHEMA

    seconds = time.perf_counter() - start
    if sentence := index.info.describe_fallback():
        notice(sentence)
    document: dict[str, Any] = {"schema": SCHEMA, "index": str(output), **index.to_json(), "symbols": symbols}
    document |= {"bytes": output.stat().st_size, "seconds": seconds}
    what = f"orders 1-{index.order}, {symbols:,} symbols of {len(index.alphabet):,} kinds"
    lines = [f"{output}  {what}, {document['bytes'] / 1e6:.1f} MB, {seconds:.1f} s"]
    outputs, arpa, arpa_order = beside
    if arpa is not None:
        from errtax.lm.ngram.arpa_writer import write_arpa

        counts = outputs.file(arpa, lambda path, index, force: write_arpa(index, path, arpa_order, force), index) or []
        document["arpa"] = {"path": str(arpa), "ngrams": counts}
        lines.append(f"{arpa}  order {len(counts)}, {sum(counts):,} n-grams")
    emit(document, *lines)
