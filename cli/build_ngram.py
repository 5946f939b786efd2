"""`errtax build-ngram`."""

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from errtax.cli.frame import command as declare
from errtax.cli.frame import emit, force_option, jobs_option, progress
from errtax.cli.indexes import IndexOutputs, Wanted, emit_index, emit_index_part
from errtax.cli.outputs import Outputs
from errtax.cli.parts import Cluster, part_folder, part_option, ray_options
from errtax.cli.paths import FILE, OUTPUT, TEXT_OUTPUT
from errtax.cli.types import ANY_UNIT, ENGINE, FLOATS, MEMORY, SENTENCES

if TYPE_CHECKING:
    from errtax.lm.part import Part


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
    "--tokenizer",
    metavar="T",
    help="Make the text into tokens, for peels of a model's tokens: a folder, a hub name or a tokenizer.json.",
)
@click.option(
    "--sentences",
    type=SENTENCES,
    help="The whole text as one sentence, or one per line [default: lines for words and tokens, else stream].",
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
@click.option(
    "--memory", type=MEMORY, help="Most memory that the build may use [default: four fifths of what is free]."
)
@click.option(
    "--words",
    default=r"\w+",
    show_default=True,
    metavar="PATTERN|icu",
    help="What a word is, of a text of bytes or characters: the index counts them, for peels with the same --words.",
)
@click.option("--arpa", type=TEXT_OUTPUT, help="Also write the model of one order as an ARPA file.")
@click.option("--arpa-order", type=int, help="The order of that model [default: --order].")
@click.option("--engine", type=ENGINE, default="native", show_default=True, help="kenlm runs lmplz once per order.")
@part_option
@ray_options
@jobs_option
@force_option
def command(
    texts: tuple[Path, ...],
    output: Path | None,
    unit: str,
    tokenizer: str | None,
    sentences: str | None,
    engine: str,
    arpa: Path | None,
    arpa_order: int | None,
    words: str,
    memory: int | None,
    part: "Part | None",
    cluster: Cluster | None,
    force: bool,
    **options: Any,
) -> None:
    """Build modified Kneser-Ney models of all orders 1..N from TEXT: one file, equal to KenLM's models."""
    name = "stdin" if str(texts[0]) == "-" else texts[0].stem
    wanted = Wanted(texts, unit, sentences, tokenizer, words, **options)
    _require_native(engine, wanted, arpa, arpa_order, part is not None or cluster is not None)
    if part is not None:
        emit_index_part(wanted, part, part_folder(output, name, cluster), memory, force)
        return
    output = output or Path(f"{name}{'.kenlm' if engine == 'kenlm' else '.ngram'}")
    outputs = _require_outputs(output, arpa, force)
    if engine == "kenlm":
        _build_kenlm(wanted, output, memory, force)
    else:
        emit_index(wanted, output, IndexOutputs(outputs, arpa, arpa_order), memory, cluster)


def _require_outputs(output: Path, arpa: Path | None, force: bool) -> Outputs:
    from errtax.lm.files import require_absent

    require_absent(output, force)
    if arpa is not None and arpa.absolute() == output.absolute():
        raise click.UsageError("--arpa and -o name the same file.")
    return Outputs(force, texts=[(arpa, "")])


def _require_native(engine: str, wanted: Wanted, arpa: Path | None, arpa_order: int | None, in_parts: bool) -> None:
    """Raise `UsageError` where the engine cannot do what is asked, or an ARPA file cannot be written."""
    if engine == "kenlm" and in_parts:
        raise click.UsageError("--part and --ray are for --engine native; lmplz builds a model in one process.")
    if engine == "kenlm" and wanted.tokenizer is not None:
        raise click.UsageError("--tokenizer makes one stream of tokens, by --engine native; leave the others out.")
    if arpa is not None and engine == "kenlm":
        raise click.UsageError("--arpa is written by --engine native; with kenlm, the folder keeps binary models.")
    if arpa is None and arpa_order is not None:
        raise click.UsageError("--arpa-order is the order of a file that --arpa names; give both.")
    if arpa_order is not None and not 1 <= arpa_order <= wanted.order:
        raise click.UsageError(f"--arpa-order must lie in 1..{wanted.order}, the orders of the index.")


def _build_kenlm(wanted: Wanted, output: Path, memory: int | None, force: bool) -> None:
    from errtax.lm.ngram.kenlm_tools import build_kenlm

    if not wanted.kenlm_compat:
        raise click.UsageError("--no-kenlm-compat is for --engine native; lmplz has only its own statistic.")
    start = time.perf_counter()
    text = wanted.reader()()
    sort_memory = {} if memory is None else {"memory": f"{memory}b"}
    with progress("lmplz") as update:
        manifest = build_kenlm(
            text, wanted.order, output, wanted.discount_fallback, force=force, **sort_memory,
            on_order=lambda done, total: update(done, total, ""),
        )  # fmt: skip
    size = sum(file.stat().st_size for file in output.iterdir())
    seconds = time.perf_counter() - start
    what = f"orders 1-{wanted.order} by KenLM, {len(text):,} symbols"
    document = {**manifest, "models": str(output), "bytes": size, "seconds": seconds}
    emit(document, f"{output}  {what}, {size / 1e6:.1f} MB, {seconds:.1f} s")
