"""`errtax build-ngram`."""

from pathlib import Path

import click

from errtax.cli.frame import FILE, emit, force_option, notice
from errtax.cli.frame import command as declare
from errtax.cli.types import FLOATS, UNIT


def _fallback(ctx: click.Context, param: click.Parameter, value: str) -> tuple[float, ...] | None:
    if value == "none":
        return None
    numbers: tuple[float, ...] = FLOATS.convert(value, param, ctx)
    if len(numbers) != 3 or not all(0 <= number <= j for j, number in enumerate(numbers, 1)):
        raise click.BadParameter("three discounts with 0 <= Dj <= j are needed, or 'none'.", ctx, param)
    return numbers


@declare("build-ngram", "errtax build-ngram train.txt --order 20")
@click.argument("texts", type=FILE, nargs=-1, required=True, metavar="TEXT...")
@click.option("-o", "--output", type=FILE, help="Index to write [default: TEXT.ngram].")
@click.option(
    "--order",
    type=int,
    default=20,
    show_default=True,
    help="Highest order; all lower ones are in the index too.",
)
@click.option("--unit", type=UNIT, default="byte", show_default=True, help="What one symbol is.")
@click.option(
    "--discount-fallback",
    callback=_fallback,
    default="0.5,1,1.5",
    show_default=True,
    help="Discounts for orders whose counts give none; 'none' fails there.",
)
@click.option(
    "--kenlm-compat/--no-kenlm-compat",
    default=True,
    show_default=True,
    help="Repeat lmplz's last-n-gram quirk, for equality to the last digit.",
)
@force_option
def command(
    texts: tuple[Path, ...],
    output: Path | None,
    order: int,
    unit: str,
    discount_fallback: tuple[float, float, float] | None,
    kenlm_compat: bool,
    force: bool,
) -> None:
    """Build modified Kneser-Ney models of all orders 1..N from TEXT: one file, equal to KenLM's models."""
    import time

    from errtax.lm.files import require_absent
    from errtax.lm.ngram_index import SCHEMA, NgramIndex
    from errtax.lm.text import Unit, read_texts

    output = output or Path(f"{'stdin' if str(texts[0]) == '-' else texts[0].stem}.ngram")
    require_absent(output, force)
    start = time.perf_counter()
    text = read_texts(texts, Unit(unit))
    index = NgramIndex.build(text, order, discount_fallback, kenlm_compat)
    index.save(output, force)
    seconds = time.perf_counter() - start
    if sentence := index.describe_fallback():
        notice(sentence)
    size = output.stat().st_size
    document = {
        "schema": SCHEMA,
        "index": str(output),
        "order": order,
        "unit": unit,
        "symbols": len(text),
        "alphabet": len(index.alphabet),
        "nodes": len(index.tree.depth),
        "leaves": len(index.tree.leaf_label),
        "bytes": size,
        "seconds": seconds,
        "fallback_orders": index.info.fallback_adjusted,
    }
    what = f"orders 1-{order}, {len(text):,} symbols of {len(index.alphabet)} kinds"
    emit(document, f"{output}  {what}, {size / 1e6:.1f} MB, {seconds:.1f} s")
