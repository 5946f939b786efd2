"""From a text to an index: sequence, partitions of the tree, counts of counts, discounts; in memory or into a file."""

import json
import logging
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from errtax.lm import store
from errtax.lm.errors import BadInput, UsageError
from errtax.lm.fetched import adopt, staged
from errtax.lm.files import locked, require_absent, require_folder, target_of
from errtax.lm.locations import Remote
from errtax.lm.machine import free_memory, memory_in_use
from errtax.lm.ngram.container import ContainerWriter
from errtax.lm.ngram.index_file import MAX_ORDER, SCHEMA, IndexArrays, IndexInfo, begin_index, finish_index
from errtax.lm.ngram.partitions import OnSuffixes, PartitionedBuild, Progress, tell_nobody
from errtax.lm.ngram.sequence import occurrences, repeat_final_flush, tail_strings, training_sequence
from errtax.lm.ngram.smoothing import Discounts, estimate_discounts
from errtax.lm.ngram.suffix_tree import Counts, Tree
from errtax.lm.special import SPECIAL
from errtax.lm.text import Alphabet, Text, refuse_special_words
from errtax.lm.word_counting import DEFAULT, MEMORY, WordRule, count_words

logger = logging.getLogger("errtax")
Fallback = tuple[float, float, float] | None
Fill = Callable[[PartitionedBuild, ContainerWriter], None]
RESERVE = 50_000_000
"""What the process takes besides the arrays that are planned with: kernels that are still to be loaded, heaps."""


@dataclass
class Source:
    """A text made ready: its alphabet, its sequence, and the build that grows the tree."""

    text: Text
    order: int
    alphabet: Alphabet
    tree: PartitionedBuild
    rule: WordRule  # of the words that are counted

    @property
    def has_surface(self) -> bool:
        """Whether the text has its characters, so that words can be counted by a rule about them."""
        return self.text.spelt is not None


def prepare(text: Text, order: int, fallback: Fallback, on_suffixes: OnSuffixes, rule: WordRule) -> Source:
    """A text made ready.  Raises `UsageError`, `BadInput` for what no model can be made of."""
    if not 1 <= order <= MAX_ORDER:
        raise UsageError(f"order must lie in 1..{MAX_ORDER}, got {order}.")
    refuse_special_words(text)
    if fallback is not None and not (len(fallback) == 3 and all(0 <= d <= j for j, d in enumerate(fallback, 1))):
        raise UsageError(f"fallback discounts are three numbers D_j with 0 <= D_j <= j; got {fallback}.")
    alphabet = Alphabet.by_first_appearance(text.codes)
    if text.end_of_line is not None:
        alphabet = Alphabet(alphabet.codes[alphabet.codes != text.end_of_line])
    if not len(alphabet):
        raise BadInput(f"{text.name} has no {text.unit} in it; a text of at least one is needed.")
    symbols = training_sequence(text.codes, alphabet, text.end_of_line)
    tree = PartitionedBuild(symbols, len(alphabet) + SPECIAL, order, on_suffixes=on_suffixes)
    return Source(text, order, alphabet, tree, rule)


def build(
    text: Text, order: int, fallback: Fallback, kenlm_compat: bool, n_partitions: int = 1, rule: WordRule = DEFAULT
) -> tuple[IndexInfo, IndexArrays]:
    """The index of a text, in memory; see `NgramIndex.build`."""
    source = prepare(text, order, fallback, tell_nobody, rule)
    tree = source.tree
    with ThreadPoolExecutor(1) as pool:  # beside the build, which leaves a core idle now and then
        counted = pool.submit(count_words, text.spelt, rule) if text.spelt is not None else None
        parts = [tree.grow(*ends) for ends in tree.even_ranges(n_partitions)]
        top, discounts = _finish(source, fallback, kenlm_compat)
    surface = None if counted is None else counted.result()
    nodes = np.concatenate([*(part.nodes for part in parts), top])
    positions, labels = (
        columns[0] if len(columns) == 1 else np.concatenate(columns)
        for columns in ([part.leaf_position for part in parts], [part.leaf_label for part in parts])
    )
    arrays = Tree(tree.symbols, nodes, positions, labels)
    for array in arrays:
        array.setflags(write=False)
    return _info(source, kenlm_compat, discounts), IndexArrays(source.alphabet, text.words, discounts, arrays, surface)


def _finish(source: Source, fallback: Fallback, kenlm_compat: bool) -> tuple[Any, Discounts]:
    """The top of the tree, and the discounts from the counts of counts of the whole."""
    top, adjusted, raw, covered = source.tree.finish()
    symbols, order = source.tree.symbols, source.order
    once = occurrences(symbols, order) - covered  # n-grams on no node occur once
    for k in tail_strings(symbols, order):
        once[k] -= 1
    for counts in (adjusted, raw):
        counts[:, 1] += once
    if kenlm_compat:
        repeat_final_flush(symbols, adjusted)
    return top, estimate_discounts(adjusted, raw, fallback)


def _info(source: Source, kenlm_compat: bool, discounts: Discounts) -> IndexInfo:
    text = source.text
    return IndexInfo(
        str(text.unit),
        source.order,
        kenlm_compat,
        str(text.sentences),
        " + ".join(Path(part).name for part in text.name.split(" + ")),
        text.sha256,
        len(text),
        discounts.fallback_adjusted,
        discounts.fallback_raw,
        surface_words=source.rule.name if source.has_surface else "",
        tokenizer_sha256=text.tokenizer_sha256,
    )


# --- into a file -----------------------------------------------------------------------------------------------------


def build_file(
    text: Text,
    path: Path,
    order: int,
    fallback: Fallback,
    kenlm_compat: bool,
    memory: int | None = None,
    on_suffixes: OnSuffixes = tell_nobody,
    rule: WordRule = DEFAULT,
) -> None:
    """Build the index of a text into `path`; see `NgramIndex.build_file`."""
    _write(path, partial(prepare, text, order, fallback, on_suffixes, rule), fallback, kenlm_compat, memory)


def assemble_file(
    text: Text,
    path: Path,
    order: int,
    fallback: Fallback,
    kenlm_compat: bool,
    fill: Fill,
    memory: int | None = None,
    rule: WordRule = DEFAULT,
) -> None:
    """The same of a tree that was grown elsewhere, and that `fill` writes; `memory`: of counting words."""
    _write(path, partial(prepare, text, order, fallback, tell_nobody, rule), fallback, kenlm_compat, memory, fill)


def _write(
    path: Path,
    make: Callable[[], Source],
    fallback: Fallback,
    kenlm_compat: bool,
    memory: int | None,
    fill: Fill | None = None,
) -> None:
    require_folder(path)
    path = target_of(require_absent(path, force=True))
    stage = staged(path)
    unfinished = stage.with_name(stage.name + ".partial")
    # with a journal beside it, an unfinished build stays to be resumed
    with locked(unfinished) as file:
        source = make()
        journal = Journal(unfinished, file, source)
        if fill is not None:
            writer = journal.begin(memory)
            fill(source.tree, writer)
        else:
            writer = journal.resume() or journal.begin(memory)
            _grow_all(source.tree, writer, journal, memory)
        top, discounts = _finish(source, fallback, kenlm_compat)
        writer.append("nodes", top)
        finish_index(writer, _info(source, kenlm_compat, discounts), discounts)
        os.fsync(file.fileno())
        if isinstance(path, Remote):
            store.put(unfinished, path.uri)
            adopt(unfinished, path)
        journal.forget()
        if not isinstance(path, Remote):
            os.replace(unfinished, path)


def _grow_all(tree: PartitionedBuild, writer: ContainerWriter, journal: "Journal", memory: int | None) -> None:
    """Grow the tree, partition by partition, and keep what resuming needs after each."""
    used = memory_in_use() + RESERVE
    ranges = tree.ranges(used, memory or used + int(0.8 * free_memory()))
    if len(ranges) > 1:
        logger.info("Building in %d partitions.", len(ranges))
    for k, ends in enumerate(ranges):
        part = tree.grow(*ends)
        for name in ("leaf_position", "leaf_label", "nodes"):
            writer.append(name, getattr(part, name))
        del part
        if len(ranges) > 1:
            journal.keep(writer)
            logger.info("Partition %d of %d is done.", k + 1, len(ranges))


class Journal:
    """Keeps what resuming an interrupted build needs: beside `X.partial`, a file that says how far it is whole."""

    def __init__(self, partial: Path, file: BinaryIO, source: Source) -> None:
        self.path = partial.with_name(partial.name + ".state")
        self._new = self.path.with_name(self.path.name + ".new")
        self.file = file
        self.source = source
        text = source.text
        self.key = [SCHEMA, text.sha256, str(text.unit), str(text.sentences), source.order, text.name]
        self.key += [source.rule.name, text.tokenizer_sha256]

    def begin(self, memory: int | None) -> ContainerWriter:
        """Start clean.  The words are counted now, in half of what is left of `memory`, and never again."""
        self.forget()
        self.file.seek(0)
        self.file.truncate()
        source = self.source
        tree = source.tree
        surface = None
        if source.text.spelt is not None:
            left = MEMORY if memory is None else (memory - memory_in_use() - RESERVE) // 2
            surface = count_words(source.text.spelt, source.rule, min(max(left, 1 << 22), MEMORY), self.path.parent)
        given = source.alphabet, source.text.words, surface, tree.symbols
        return begin_index(self.file, *given, source.order, tree.node)

    def keep(self, writer: ContainerWriter) -> None:
        """Put on disk what is done, then word of it."""
        self.file.flush()
        os.fsync(self.file.fileno())
        progress = self.source.tree.progress
        sizes = {"next_bucket": progress.next_bucket, "n_nodes": progress.n_nodes, "n_leaves": progress.n_leaves}
        header = json.dumps({"key": self.key, "sizes": sizes, "writer": writer.state()})
        with self._new.open("wb") as out:
            np.savez(out, header=np.array(header), roots=progress.roots, **progress.counts._asdict())
            out.flush()
            os.fsync(out.fileno())
        os.replace(self._new, self.path)

    def resume(self) -> ContainerWriter | None:
        """A writer that continues after the last partition kept, if there is one of the same build.

        A state that cannot be read, or does not fit this build, is left out of account.
        """
        if not self.path.exists():
            return None
        try:
            writer = self._restored()
        except Exception:  # zipfile, numpy and json raise many kinds for a file that is cut, empty or damaged
            logger.warning("%s is damaged, so the build starts again.", self.path)
            return None
        if writer is not None:
            done = 100 * self.source.tree.progress.n_leaves // len(self.source.tree.symbols)
            logger.info("Resuming a build that was interrupted: %d%% is done.", done)
        return writer

    def _restored(self) -> ContainerWriter | None:
        tree, writer = self.source.tree, ContainerWriter(self.file)
        with np.load(self.path) as state:
            header = json.loads(str(state["header"]))
            if header["key"] != self.key or not writer.restore(header["writer"]):
                return None
            roots, counts = state["roots"], Counts(*(state[name] for name in Counts._fields))
        sizes = {name: int(header["sizes"][name]) for name in ("next_bucket", "n_nodes", "n_leaves")}
        known = tree.progress
        for array, due in zip((roots, *counts), (known.roots, *known.counts), strict=True):
            if (array.dtype, array.shape) != (due.dtype, due.shape):
                raise ValueError("an array of another build")
        if sizes["n_leaves"] != int(tree.sizes[: sizes["next_bucket"]].sum()):
            raise ValueError("numbers that do not fit the text")
        tree.resume(Progress(roots, counts, **sizes))
        return writer

    def forget(self) -> None:
        """Nothing to resume."""
        for path in (self.path, self._new):
            path.unlink(missing_ok=True)
