"""`errtax validate`."""

from pathlib import Path
from typing import Any

import click

from errtax.cli.frame import command as declare
from errtax.cli.frame import emit
from errtax.cli.paths import FILE


@declare("validate", "errtax validate preds.parquet")
@click.argument("file", type=FILE)
@click.option("--ngram", type=FILE, help="Also examine a log beside this index, or model of KenLM (docs/doctor.md).")
@click.option("--train-text", type=FILE, help="Also: does the training text hold the text under test?")
def command(file: Path, ngram: Path | None, train_text: Path | None) -> int:
    """Check a prediction log, peel, scores, distances, overlap, cells, n-gram index, split.json or run.

    Looks at schema, ranges, sums and checksums; with --ngram also for what is likely to be wrong with a log: off by
    one, log10 or bits given as nats, a token's value on its first byte or spread over all, another language.  Prints
    one line per problem; exit code 1 when there is any, or a suspicion (not a hint), 3 when the file cannot be read.
    """
    from errtax.taxonomy.studies.validation import problems_of

    kind, problems = problems_of(file)
    document: dict[str, Any] = {"schema": "errtax.validate/1", "file": str(file), "kind": kind, "problems": problems}
    lines, suspected = problems or [f"{file} is a valid {kind} file"], False
    if (ngram or train_text) and not problems:
        from errtax.taxonomy.examination import examine_file

        found, suspected = examine_file(file, kind, ngram, train_text)
        document["findings"] = [each.to_json() for each in found]
        lines = lines + ([each.sentence for each in found] or ["nothing is suspected"])
    emit(document, *lines)
    return 1 if problems or suspected else 0
