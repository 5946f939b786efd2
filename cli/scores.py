"""What `score` and `merge` say of a table of scores."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from errtax.cli.frame import emit, notice, progress
from errtax.cli.parts import Cluster, parts_beside, tell_part

if TYPE_CHECKING:
    from errtax.lm.score_parts import Scored, ScorePart


def emit_scored(scored: "Scored", output: Path) -> None:
    """The cross-entropies of a table of scores."""
    from errtax.lm.scores import SCORES_NAME
    from errtax.reports.scores import entropy_rows, entropy_table

    document: dict[str, Any] = {"schema": SCORES_NAME, "signature": scored.signature, "scores": str(output)}
    document |= {"symbols": scored.symbols, "unknown": scored.unknown, "cross_entropy": entropy_rows(scored.entropies)}
    emit(document, entropy_table(scored.entropies), scored.signature, str(output))


def announce_unknown(unknown: int, symbols: int, path: Path) -> None:
    """How many symbols the model at `path` does not know, where there are any."""
    if unknown:
        hint = f" Is {path} a model of such a text?" if unknown > symbols // 2 else ""
        notice(f"{unknown:,} of {symbols:,} symbols are not in the model and count as <unk>.{hint}")


def emit_score_part(spec: "ScorePart", force: bool) -> None:
    """Score a part of a text, unless it is there, and say so."""
    from errtax.lm.score_parts import write_score_part

    tell_part(spec.part, spec.path, write_score_part(spec, force))


def emit_scores(spec: "ScorePart", output: Path, cluster: Cluster | None, force: bool) -> None:
    """Score a whole text, here or on a cluster, and show what came out.  `spec`: its part and folder do not matter."""
    from errtax.lm.files import discard, require_absent
    from errtax.lm.score_parts import score_on

    require_absent(output, force)
    if cluster is None:
        _emit_scores_here(spec, output, force)
        return
    folder = parts_beside(output)
    with cluster.pool("Scoring") as pool, progress("scoring") as update:
        score_on(pool, replace(spec, folder=folder), cluster.tasks, update)
    emit_merged_scores(folder, output, force)
    discard(folder)


def _emit_scores_here(spec: "ScorePart", output: Path, force: bool) -> None:
    from errtax.lm.ngram.open_model import open_model
    from errtax.lm.score_parts import Scored
    from errtax.lm.scores import count_unknown, score_text, scores_signature
    from errtax.lm.text import read_text

    model = open_model(spec.ngram, spec.unit, spec.sentences, spec.engine)
    symbols = read_text(spec.text, model.unit, model.sentences)
    unknown = count_unknown(symbols, model)
    announce_unknown(unknown, len(symbols), spec.ngram)
    with progress("scoring") as update:
        entropies = score_text(symbols, model, output, spec.orders, force, update)
    emit_scored(Scored(scores_signature(symbols, model), len(symbols), unknown, entropies), output)


def emit_merged_scores(folder: Path, output: Path, force: bool) -> None:
    """Write the table that all parts in a folder are, and show it as `score` would."""
    from errtax.lm.locations import location
    from errtax.lm.score_parts import merge_scores

    with progress("merging") as update:
        scored = merge_scores(folder, output, force, update)
    announce_unknown(scored.unknown, scored.symbols, location(scored.model))
    emit_scored(scored, output)
