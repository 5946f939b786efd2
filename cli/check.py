"""`errtax check`."""

from pathlib import Path

import click

from errtax.cli.frame import command as declare
from errtax.cli.frame import emit, force_option
from errtax.cli.paths import FILE, OUTPUT


@declare("check", "errtax check new.peel.parquet --baseline old.peel.parquet --max ngram:+0.3pp --require-significant")
@click.argument("peel", type=FILE)
@click.option("--baseline", type=FILE, help="Peel of the model that limits with a sign refer to.")
@click.option(
    "--max",
    "limits",
    multiple=True,
    required=True,
    metavar="NAME:VALUE",
    help="Limit, repeatable: errors:45%, ngram:+0.3pp, bits:+0.01bits, 0-train:+20.",
)
@click.option(
    "--require-significant",
    is_flag=True,
    help="A rise must be significantly above its limit to break it.",
)
@click.option("--markdown", type=OUTPUT, help="Also a Markdown table, for a pull request.")
@click.option("--junit", type=OUTPUT, help="Also JUnit XML, for a CI service.")
@force_option
def command(
    peel: Path,
    baseline: Path | None,
    limits: tuple[str, ...],
    require_significant: bool,
    markdown: Path | None,
    junit: Path | None,
    force: bool,
) -> int:
    """Check a model's errors against limits; exit code 1 when one is broken.

    NAME is a layer, a slice, errors or bits; VALUE in counts, percent of the positions (% or pp) or bits per symbol
    (bits); with a sign it is the most that the value may rise above the baseline's.  --require-significant excuses
    neither limits without a sign nor falls (errors:-20), and what is not finite breaks every limit.
    """
    from errtax.lm.files import require_outputs, write_text
    from errtax.reports.check import check_junit, check_markdown
    from errtax.taxonomy.check import SCHEMA, check
    from errtax.taxonomy.limits import parse_limits
    from errtax.taxonomy.peel_file import read_peel

    require_outputs([markdown, junit], force)
    parsed = parse_limits(limits)
    read = read_peel(peel)
    verdicts = check(read, parsed, read_peel(baseline) if baseline else None, require_significant)
    for path, draw in ((markdown, check_markdown), (junit, check_junit)):
        if path:
            write_text(path, draw(verdicts, read.log.model), force)
    broken = any(verdict.broken for verdict in verdicts)
    rows = [verdict.to_json() for verdict in verdicts]
    head = {"schema": SCHEMA, "signature": read.signature, "model": read.log.model}
    document = {**head, "broken": broken, "limits": rows}
    emit(document, *(verdict.sentence for verdict in verdicts))
    return 1 if broken else 0
