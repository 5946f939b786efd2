"""`errtax align`."""

from pathlib import Path

import click

from errtax.cli.frame import command as declare
from errtax.cli.frame import emit, force_option
from errtax.cli.paths import LOG, OUTPUT


@declare("align", "errtax align a.parquet b.parquet -o spans/")
@click.argument("preds", type=LOG, nargs=-1, required=True, metavar="PREDS...")
@click.option("-o", "--output", type=OUTPUT, default="spans", show_default=True, help="Folder to write.")
@force_option
def command(preds: tuple[Path, ...], output: Path, force: bool) -> None:
    """Sum the log-probabilities of several models' tokens (PREDS) between the ends of tokens that all share.

    Writes a log of these spans for each model: the same rows, whatever the tokenizers.
    """
    from errtax.lm.files import require_absent
    from errtax.lm.spans import align_logs

    require_absent(output, force=True)
    found = align_logs(preds, output, force)
    logs = [{"model": log.model, "log": str(log.path), "tokens": log.tokens} for log in found.logs]
    lines = (f"{log.path}  {found.spans:,} spans of {log.tokens:,} tokens" for log in found.logs)
    document = {"schema": "errtax.align/1", "signature": found.signature, "spans": found.spans, "bytes": found.bytes}
    emit({**document, "logs": logs}, *lines, found.signature)
