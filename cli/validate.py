"""`errtax validate`."""

from pathlib import Path

import click

from errtax.cli.frame import command as declare
from errtax.cli.frame import emit
from errtax.cli.paths import FILE


@declare("validate", "errtax validate preds.parquet")
@click.argument("file", type=FILE)
def command(file: Path) -> int:
    """Check a prediction log, peel, scores, distances, overlap, cells, n-gram index, split.json or run.

    Looks at schema, ranges, sums and checksums.  Prints one line per problem; exit code 1 when there is any, 3 when the
    file cannot be read as one of these.
    """
    from errtax.taxonomy.studies.validation import problems_of

    kind, problems = problems_of(file)
    document = {"schema": "errtax.validate/1", "file": str(file), "kind": kind, "problems": problems}
    emit(document, *(problems or [f"{file} is a valid {kind} file"]))
    return 1 if problems else 0
