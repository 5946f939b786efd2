"""`errtax check`."""

from pathlib import Path

import click

from errtax.cli.completion import complete_limits
from errtax.cli.frame import block_option, caution, correction_option, emit, force_option, jobs_option
from errtax.cli.frame import command as declare
from errtax.cli.outputs import Outputs
from errtax.cli.paths import FILE, TEXT_OUTPUT


@declare("check", "errtax check new.peel.parquet --baseline old.peel.parquet --max ngram:+0.3pp --require-significant")
@click.argument("peel", type=FILE)
@click.option("--baseline", type=FILE, help="Peel of the model that limits with a sign refer to.")
@click.option(
    "--max",
    "limits",
    multiple=True,
    required=True,
    metavar="NAME:VALUE",
    shell_complete=complete_limits,
    help="Limit, repeatable: errors:45%, ngram:+0.3pp, bits:+0.01bits, 0-train:+20.",
)
@click.option(
    "--require-significant",
    is_flag=True,
    help="A rise must be significantly above its limit to break it.",
)
@click.option("--markdown", type=TEXT_OUTPUT, help="Also a Markdown table, for a pull request.")
@click.option("--junit", type=TEXT_OUTPUT, help="Also JUnit XML, for a CI service.")
@block_option
@correction_option
@jobs_option
@force_option
def command(
    peel: Path,
    baseline: Path | None,
    limits: tuple[str, ...],
    require_significant: bool,
    markdown: Path | None,
    junit: Path | None,
    block: int | None,
    correction: str,
    force: bool,
) -> int:
    """Check a model's errors against limits; exit code 1 when one is broken.

    NAME is a layer, a slice, errors or bits; VALUE in counts, percent of the positions (% or pp) or bits per symbol
    (bits); with a sign it is the most that the value may rise above the baseline's.  --require-significant excuses
    neither limits without a sign nor falls (errors:-20), and what is not finite breaks every limit.
    """
    from errtax.reports.check import JUNIT_START, MARKDOWN_START, check_junit, check_markdown
    from errtax.taxonomy.bootstrap import Resampling
    from errtax.taxonomy.check import check, check_document
    from errtax.taxonomy.limits import parse_limits
    from errtax.taxonomy.peel_file import PeelFile

    outputs = Outputs(force, texts=[(markdown, MARKDOWN_START), (junit, JUNIT_START)])
    parsed, read, old = parse_limits(limits), PeelFile(peel), PeelFile(baseline) if baseline else None
    verdicts = check(read, parsed, old, require_significant, Resampling(block), correction)
    document = check_document(read, verdicts)
    caution(document["warning"])
    outputs.text(markdown, check_markdown(verdicts, read.head.log.model))
    outputs.text(junit, check_junit(verdicts, read.head.log.model))
    emit(document, *(verdict.sentence for verdict in verdicts))
    return 1 if document["broken"] else 0
