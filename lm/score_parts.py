"""Scores of a text in parts that tasks write, and the table that they are."""

import hashlib
import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import errtax
from errtax.lm.errors import BadInput, UsageError, decoding
from errtax.lm.executors.tasks import Pool, Watch, parts_for
from errtax.lm.ngram.model import NgramModel
from errtax.lm.ngram.open_model import open_model, sha256_of_model
from errtax.lm.ngram.totals import NgramTotals
from errtax.lm.part import Part
from errtax.lm.part_files import is_complete, open_parts, run_parts
from errtax.lm.scores import arrow_schema, chosen_orders, count_unknown, score_rows, scores_metadata
from errtax.lm.table import metadata_of, table_writer
from errtax.lm.text import Sentences, Text, Unit, read_text

_LEAST = 1 << 20  # symbols of a part, unless somebody says how many parts


@dataclass(frozen=True)
class ScorePart:
    """One part of a text's scores, to be written into `folder`; the rest is what `errtax score` takes."""

    text: Path
    ngram: Path
    part: Part
    folder: Path
    orders: tuple[int, ...] | None = None
    unit: Unit | None = None
    sentences: Sentences | None = None
    engine: str | None = None

    @property
    def path(self) -> Path:
        """The part's file."""
        return self.folder / self.part.name()


class Scored(NamedTuple):
    """A table of scores.  `entropies`: nats per symbol by order; `unknown`: symbols that the model does not know."""

    signature: str
    symbols: int
    unknown: int
    entropies: dict[int, float]
    model: str = ""  # what its file is called


class _Scoring(NamedTuple):
    """What all parts have in common."""

    text: Text
    model: NgramModel
    orders: tuple[int, ...]
    metadata: dict[str, str]
    key: str


def _prepare(spec: ScorePart) -> _Scoring:
    if str(spec.text) == "-":
        raise UsageError("a text in parts is read by several tasks, so it must be a file or a folder.")
    model = open_model(spec.ngram, spec.unit, spec.sentences, spec.engine)
    text = read_text(spec.text, model.unit, model.sentences)
    orders, metadata = chosen_orders(model, spec.orders), scores_metadata(text, model)
    made = json.dumps([errtax.__version__, metadata, orders, sha256_of_model(spec.ngram)])
    return _Scoring(text, model, orders, metadata, hashlib.sha256(made.encode()).hexdigest())


def write_score_part(spec: ScorePart, force: bool = False) -> bool:
    """Score a part of a text and write it, unless that is done already; whether it was written now.

    `force`: anew, whatever is there.
    """
    text, model, orders, metadata, key = _prepare(spec)
    if not force and is_complete(spec.path, spec.part, key):
        return False
    spec.folder.mkdir(exist_ok=True)
    first, stop = spec.part.share(len(text))
    total = NgramTotals()
    with table_writer(spec.path, arrow_schema(text, orders), metadata, True) as writer:
        for batch, totals in score_rows(text, model, orders, first, stop) if first < stop else ():
            writer.write_batch(batch)
            total += totals
        unknown = count_unknown(text, model, first, stop)
        counted = {"orders": orders, "unknown": unknown, "ngram": asdict(total), "model": str(spec.ngram)}
        writer.metadata |= {"part": str(spec.part), "key": key, "counted": json.dumps(counted)}
    return True


def score_on(pool: Pool[Any], spec: ScorePart, n: int | None, watch: Watch) -> None:
    """Score a text on a pool, n parts or as many as there is room for, each into its file in `spec.folder`.

    Parts that are there are not done again.  Raises what the first part raises that fails.
    """
    spec = replace(spec, text=spec.text.absolute(), ngram=spec.ngram.absolute(), folder=spec.folder.absolute())
    scoring = _prepare(spec)
    n = n or parts_for(pool.slots, len(scoring.text), _LEAST)
    run_parts(pool, write_score_part, spec, scoring.key, n, watch)


def merge_scores(
    folder: Path, output: Path, force: bool, on_block: Callable[[int, int], None] = lambda done, total: None
) -> Scored:
    """Write the table that all parts in a folder are.

    Raises `BadInput` where parts are missing, and names them; or where they are of different tables.
    """
    files, alike = open_parts(folder, "tables of scores", ("part", "counted"))
    total, unknown, orders = NgramTotals(), 0, list[int]()
    for file in files:
        with decoding(f"{folder}: a part does not say what its rows add to the whole", "; score it again"):
            counted = json.loads(metadata_of(file.schema_arrow)["counted"])
            total, unknown = total + NgramTotals.of_json(counted["ngram"]), unknown + counted["unknown"]
            orders = counted["orders"]
    metadata = {key: value for key, value in alike.items() if key != "key"}
    rows = sum(file.num_rows for file in files)
    if str(rows) != metadata["symbols"]:
        raise BadInput(f"{folder}: its parts have {rows:,} rows, the text has {metadata['symbols']} symbols.")
    with table_writer(output, files[0].schema_arrow.remove_metadata(), metadata, force) as writer:
        done = 0
        for file in files:
            for batch in file.iter_batches():
                writer.write_batch(batch)
                done += len(batch)
                on_block(done, rows)
    entropies = dict(zip(orders, total.entropies, strict=True))
    return Scored(metadata["signature"], rows, unknown, entropies, counted["model"])
