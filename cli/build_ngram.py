"""`errtax build-ngram`."""

import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from errtax.cli.frame import command as declare
from errtax.cli.frame import emit, force_option, notice, progress
from errtax.cli.outputs import Outputs
from errtax.cli.paths import FILE, OUTPUT, TEXT_OUTPUT
from errtax.cli.types import ANY_UNIT, ENGINE, FLOATS, MEMORY, SENTENCES

if TYPE_CHECKING:
    from errtax.lm.text import Text


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
    force: bool,
    **options: Any,
) -> None:
    """Build modified Kneser-Ney models of all orders 1..N from TEXT: one file, equal to KenLM's models."""
    name = "stdin" if str(texts[0]) == "-" else texts[0].stem
    output = output or Path(f"{name}{'.kenlm' if engine == 'kenlm' else '.ngram'}")
    outputs = _require_outputs(output, arpa, force)
    _require_arpa(engine, arpa, arpa_order, options["order"])
    for text in texts:
        if text.suffix in (".npy", ".parquet") and unit != "token":
            notice(f"{text} is read as plain bytes; --unit token reads its token ids.")
    read = _reader(texts, tokenizer, unit, sentences, engine)
    if engine == "kenlm":
        _build_kenlm(read, output, force, **options)
    else:
        _build_index(read, output, outputs, arpa, arpa_order, words, **options)


def _require_outputs(output: Path, arpa: Path | None, force: bool) -> Outputs:
    from errtax.lm.files import require_absent

    require_absent(output, force)
    if arpa is not None and arpa.absolute() == output.absolute():
        raise click.UsageError("--arpa and -o name the same file.")
    return Outputs(force, texts=[(arpa, "")])


def _reader(
    texts: tuple[Path, ...], tokenizer: str | None, unit: str, sentences: str | None, engine: str
) -> "Callable[[], Text]":
    """What reads the text; with a tokenizer one stream of tokens, for a native index.  Raises `UsageError`."""
    from errtax.lm.text import Sentences, Unit, read_texts

    if tokenizer is None:
        return partial(read_texts, texts, Unit(unit), Sentences(sentences) if sentences else None)
    if unit not in ("byte", "token") or sentences == "lines" or engine != "native":
        raise click.UsageError("--tokenizer makes one stream of tokens, by --engine native; leave the others out.")
    return partial(_tokens_of, texts, tokenizer)


def _tokens_of(texts: tuple[Path, ...], tokenizer: str) -> "Text":
    from errtax.lm.hf.tokenizer import load_tokenizer
    from errtax.lm.text import Unit, read_texts, text_of_tokens

    text, made = read_texts(texts, Unit.BYTE), load_tokenizer(tokenizer)
    return text_of_tokens(text, made.encode(text.codes.tobytes(), text.name).ids, made.sha256)


def _require_arpa(engine: str, arpa: Path | None, arpa_order: int | None, order: int) -> None:
    """Raise `UsageError` where an ARPA file is asked for that cannot be written."""
    if arpa is not None and engine == "kenlm":
        raise click.UsageError("--arpa is written by --engine native; with kenlm, the folder keeps binary models.")
    if arpa is None and arpa_order is not None:
        raise click.UsageError("--arpa-order is the order of a file that --arpa names; give both.")
    if arpa_order is not None and not 1 <= arpa_order <= order:
        raise click.UsageError(f"--arpa-order must lie in 1..{order}, the orders of the index.")


def _build_index(
    read: "Callable[[], Text]",
    output: Path,
    outputs: Outputs,
    arpa: Path | None,
    arpa_order: int | None,
    words: str,
    order: int,
    discount_fallback: tuple[float, float, float] | None,
    kenlm_compat: bool,
    memory: int | None,
) -> None:
    from errtax.lm.ngram.index import SCHEMA, NgramIndex
    from errtax.oracle.rare import word_rule_of
    from errtax.oracle.word_rule import require_words

    require_words(words)
    rule = word_rule_of(words)
    start = time.perf_counter()
    text = read()
    with progress("sorting") as update:
        index = NgramIndex.build_file(text, output, order, discount_fallback, kenlm_compat, memory, update, rule)
    seconds = time.perf_counter() - start
    if sentence := index.info.describe_fallback():
        notice(sentence)
    document = {"schema": SCHEMA, "index": str(output), **index.to_json(), "symbols": len(text)}
    document |= {"bytes": output.stat().st_size, "seconds": seconds}
    what = f"orders 1-{order}, {len(text):,} symbols of {len(index.alphabet):,} kinds"
    lines = [f"{output}  {what}, {document['bytes'] / 1e6:.1f} MB, {seconds:.1f} s"]
    if arpa is not None:
        from errtax.lm.ngram.arpa_writer import write_arpa

        counts = outputs.file(arpa, lambda path, index, force: write_arpa(index, path, arpa_order, force), index) or []
        document["arpa"] = {"path": str(arpa), "ngrams": counts}
        lines.append(f"{arpa}  order {len(counts)}, {sum(counts):,} n-grams")
    emit(document, *lines)


def _build_kenlm(
    read: "Callable[[], Text]",
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
