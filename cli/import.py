"""`errtax import`."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from errtax.cli.frame import command as declare
from errtax.cli.frame import emit, force_option, notice
from errtax.cli.paths import FILE, OUTPUT
from errtax.lm.imports.names import BASES, NAMES

if TYPE_CHECKING:
    from errtax.lm.imports.log import Imported
    from errtax.lm.imports.records import Tokenizer


class _Columns(click.ParamType):  # type: ignore[type-arg,unused-ignore]  # generic in some versions of click
    """`logprob=score,symbol=word` as a dict."""

    name = "OURS=THEIRS,..."

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> dict[str, str]:
        """The file's name of each column by ours."""
        if isinstance(value, dict):
            return value
        pairs = [part.partition("=") for part in str(value).split(",")]
        if not all(ours.strip() and theirs for ours, _, theirs in pairs):
            self.fail(f"{value!r} is not a list such as logprob=score,symbol=word.", param, ctx)
        return {ours.strip(): theirs for ours, _, theirs in pairs}


@declare("import", "errtax import kenlm query.txt --text test.txt -o preds.parquet")
@click.argument("source", type=click.Choice(NAMES))
@click.argument("file", type=FILE)
@click.option("--text", type=FILE, required=True, help="The text that was scored.")
@click.option("--tokenizer", help="The model's tokenizer: a folder, tokenizer.json, .gguf, or a name on the hub.")
@click.option("-o", "--output", type=OUTPUT, default="preds.parquet", show_default=True, help="Log to write.")
@click.option("--base", type=click.Choice(BASES), help="Base of the file's logs; p for probabilities [default: e].")
@click.option("--columns", type=_Columns(), help="The table's names of our columns.")
@click.option("--model", default="", help="What the log calls the model [default: what the file says, or its name].")
@force_option
def command(
    source: str,
    file: Path,
    text: Path,
    tokenizer: str | None,
    output: Path,
    base: str | None,
    columns: dict[str, str] | None,
    model: str,
    force: bool,
) -> None:
    """Write the prediction log of FILE, which SOURCE has made of a text.

    Whole distributions over tokens give a byte log, log-probabilities of tokens a token log.  Each token is looked for
    in the text, byte for byte.
    """
    from errtax.lm.files import require_absent
    from errtax.lm.imports.log import ImportOptions, import_log
    from errtax.lm.imports.registry import source_of

    found = source_of(source)
    require_absent(output, force)
    tokens = _tokenizer(tokenizer)
    options = ImportOptions(base, columns or {}, model)
    made = import_log(found, file, text, output, tokens, options, force)
    for remark in made.remarks:
        notice(remark)
    emit(*_result(made))


def _tokenizer(name: str | None) -> "Tokenizer | None":
    if name is None:
        return None
    from errtax.lm.hf.tokenizer import load_tokenizer

    return load_tokenizer(name)


def _result(made: "Imported") -> tuple[dict[str, Any], str]:
    """The JSON document, and what people see."""
    from errtax.lm.prediction_log import LOG

    document = {"schema": LOG.name, "log": str(made.output), "unit": str(made.unit), "rows": made.rows}
    document |= {"predicted": made.predicted, "nats": made.nats, "remarks": list(made.remarks)}
    text = f"{made.output}  {made.predicted:,} of {made.rows:,} {made.unit}s predicted, {made.nats:.4f} nats each"
    return document, text
