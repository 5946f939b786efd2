"""`errtax trace`."""

from pathlib import Path

import click

from errtax.cli.frame import command as declare
from errtax.cli.frame import emit, force_option, jobs_option
from errtax.cli.outputs import Outputs
from errtax.cli.paths import FILE, OUTPUT
from errtax.cli.types import MEMORY, UNIT


@declare("trace", "errtax trace test.txt --train-text train.txt")
@click.argument("text", type=FILE)
@click.option("--train-text", type=FILE, help="The training text: a file, or a folder of files.")
@click.option("--ngram", type=FILE, help="Or an index of it made by errtax build-ngram, which has its symbols.")
@click.option("--unit", type=UNIT, default="byte", show_default=True, help="What one symbol is, with --train-text.")
@click.option(
    "--at-least", type=click.IntRange(1), default=50, show_default=True, help="Symbols of the shortest passage."
)
@click.option(
    "--edits", type=click.IntRange(0, 100), default=0, show_default=True,
    help="Symbols of a passage that may be inserted, deleted or replaced; 20 in a row are equal.",
)  # fmt: skip
@click.option("--memory", type=MEMORY, help="About how much memory to use [default: 600M].")
@click.option("--longest", type=click.IntRange(0), default=20, show_default=True, help="How many passages to print.")
@click.option("-o", "--output", type=OUTPUT, help="Table of all passages [default: TEXT.trace.parquet].")
@jobs_option
@force_option
def command(
    text: Path,
    train_text: Path | None,
    ngram: Path | None,
    unit: str,
    at_least: int,
    edits: int,
    memory: int | None,
    longest: int,
    output: Path | None,
    force: bool,
) -> None:
    """Find the passages of TEXT that stand word for word, or nearly so, in the training text, and where.

    In a test text that is contamination, in a text that a model wrote memorisation.
    """
    from errtax.lm.text import Unit
    from errtax.reports.studies.traces import inside_table, passages_table, trace_document
    from errtax.taxonomy.studies.trace import Search, trace_files
    from errtax.taxonomy.studies.trace_file import write_trace

    stem = "stdin" if str(text) == "-" else text.stem
    target = output or Path(f"{stem}.trace.parquet")
    outputs = Outputs(force, [target])
    trace = trace_files(text, train_text, ngram, Search(at_least, edits, memory), Unit(unit))
    outputs.file(target, write_trace, trace)
    document = trace_document(trace, longest) | {"written": outputs.written}
    tables = (inside_table(trace), "", passages_table(trace, longest))
    emit(document, *tables, trace.signature, *outputs.written)
