"""What `distance` and `overlap` read: logs, and orders of an n-gram model beside them."""

from pathlib import Path
from typing import TYPE_CHECKING

from errtax.cli.frame import notice

if TYPE_CHECKING:
    from errtax.taxonomy.studies.predictors import Sources


def sources_of(preds: tuple[Path, ...], ngram: Path | None, orders: tuple[int, ...] | None) -> "Sources":
    """The models that take part; a word about an n-gram model that does not."""
    from errtax.taxonomy.studies.predictors import Sources

    if ngram and not orders:
        notice(f"No n-gram model takes part: --orders says which orders of {ngram} do, for example --orders 10,20.")
    return Sources(preds, ngram, orders or ())
