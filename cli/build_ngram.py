"""`errtax build-ngram`."""

import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import click

from errtax.cli.frame import command as declare
from errtax.cli.frame import emit, force_option, notice, progress
from errtax.cli.paths import FILE, OUTPUT
from errtax.cli.types import ANY_UNIT, ENGINE, FLOATS, MEMORY, SENTENCES


def _fallback(ctx: click.Context, param: click.Parameter, value: str) -> tuple[float, ...] | None:
    if value == "none":
        return None
    numbers: tuple[float, ...] = FLOATS.convert(value, param, ctx)
    if len(numbers) != 3 or not all(0 <= number <= j for j, number in enumerate(numbers, 1)):
        raise click.BadParameter("three discounts with 0 <= Dj <= j are needed, or 'none'.", ctx, param)
    return numbers


@declare("build-ngram", "errtax build-ngram train.txt --order 20")
@click.argument("texts", type=FILE, nargs=-1, required=True, metavar="TEXT...")
@click.option("-o", "--output", type=OUTPUT, help="Index to write [default: TEXT.ngram].")
@click.option(
    "--order",
    type=int,
    default=20,
    show_default=True,
    help="Highest order; all lower ones are in the index too.",
)
@click.option("--unit", type=ANY_UNIT, default="byte", show_default=True, help="What one symbol is.")
@click.option(
    "--sentences",
    type=SENTENCES,
    help="The whole text as one sentence, or one a line [default: lines for words and tokens, else stream].",
)
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
@click.option("--memory", type=MEMORY, help="What the build may use at most [default: four fifths of what is free].")
@click.option("--arpa", type=OUTPUT, help="Write the model of one order as an ARPA file too.")
@click.option("--arpa-order", type=int, help="The order of that model [default: --order].")
@click.option("--engine", type=ENGINE, default="native", show_default=True, help="kenlm runs lmplz once an order.")
@force_option
def command(
    texts: tuple[Path, ...],
    output: Path | None,
    unit: str,
    sentences: str | None,
    engine: str,
    arpa: Path | None,
    arpa_order: int | None,
    force: bool,
    **options: Any,
) -> None:
    """Build modified Kneser-Ney models of all orders 1..N from TEXT: one file, equal to KenLM's models."""
    from errtax.lm.files import require_absent, require_folder
    from errtax.lm.text import Sentences, Unit, read_texts

    suffix = ".kenlm" if engine == "kenlm" else ".ngram"
    output = output or Path(f"{'stdin' if str(texts[0]) == '-' else texts[0].stem}{suffix}")
    require_absent(output, force)
    if arpa is not None:
        if engine == "kenlm":
            raise click.UsageError("--arpa is written by --engine native; with kenlm, the folder keeps binary models.")
        require_folder(require_absent(arpa, force))
        if arpa.absolute() == output.absolute():
            raise click.UsageError("--arpa and -o name the same file.")
    elif arpa_order is not None:
        raise click.UsageError("--arpa-order is the order of a file that --arpa names; give both.")
    if arpa_order is not None and not 1 <= arpa_order <= options["order"]:
        raise click.UsageError(f"--arpa-order must lie in 1..{options['order']}, the orders of the index.")
    for text in texts:
        if text.suffix in (".npy", ".parquet") and unit != "token":
            notice(f"{text} is read as plain bytes; --unit token reads its token ids.")
    read = partial(read_texts, texts, Unit(unit), Sentences(sentences) if sentences else None)
    if engine == "kenlm":
        _build_kenlm(read, output, force, **options)
    else:
        _build_index(read, output, arpa, arpa_order, force, **options)


def _build_index(
    read: Callable[[], Any],
    output: Path,
    arpa: Path | None,
    arpa_order: int | None,
    force: bool,
    order: int,
    discount_fallback: tuple[float, float, float] | None,
    kenlm_compat: bool,
    memory: int | None,
) -> None:
    from errtax.lm.ngram.index import SCHEMA, NgramIndex

    start = time.perf_counter()
    text = read()
    with progress("sorting") as update:
        index = NgramIndex.build_file(text, output, order, discount_fallback, kenlm_compat, memory, update)
    seconds = time.perf_counter() - start
    if sentence := index.describe_fallback():
        notice(sentence)
    size = output.stat().st_size
    document = {
        "schema": SCHEMA,
        "index": str(output),
        "order": order,
        "unit": index.unit,
        "sentences": index.sentences,
        "symbols": len(text),
        "alphabet": len(index.alphabet),
        "nodes": len(index.tree.nodes),
        "leaves": len(index.tree.leaf_label),
        "bytes": size,
        "seconds": seconds,
        "fallback_orders": index.info.fallback_adjusted,
    }
    what = f"orders 1-{order}, {len(text):,} symbols of {len(index.alphabet):,} kinds"
    lines = [f"{output}  {what}, {size / 1e6:.1f} MB, {seconds:.1f} s"]
    if arpa is not None:
        from errtax.lm.ngram.arpa_writer import write_arpa

        counts = write_arpa(index, arpa, arpa_order, force)
        document["arpa"] = {"path": str(arpa), "ngrams": counts}
        lines.append(f"{arpa}  order {len(counts)}, {sum(counts):,} n-grams, {arpa.stat().st_size / 1e6:.1f} MB")
    emit(document, *lines)


def _build_kenlm(
    read: Callable[[], Any],
    output: Path,
    force: bool,
    order: int,
    discount_fallback: tuple[float, float, float] | None,
    kenlm_compat: bool,
    memory: int | None,
) -> None:
    from errtax.lm.ngram.kenlm_tools import build_kenlm

    if not kenlm_compat:
        raise click.UsageError("--no-kenlm-compat is for --engine native; lmplz has only its own statistic.")
    start = time.perf_counter()
    text = read()
    sort_memory = {} if memory is None else {"memory": f"{memory}b"}
    with progress("lmplz") as update:
        manifest = build_kenlm(
            text, order, output, discount_fallback, force=force, **sort_memory,
            on_order=lambda done, total: update(done, total, ""),
        )  # fmt: skip
    size = sum(file.stat().st_size for file in output.iterdir())
    seconds = time.perf_counter() - start
    what = f"orders 1-{order} by KenLM, {len(text):,} symbols"
    document = {**manifest, "models": str(output), "bytes": size, "seconds": seconds}
    emit(document, f"{output}  {what}, {size / 1e6:.1f} MB, {seconds:.1f} s")
