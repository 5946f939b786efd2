"""`errtax split`."""

from dataclasses import asdict
from pathlib import Path

import click

from errtax.cli.frame import command as declare
from errtax.cli.frame import emit, force_option
from errtax.cli.paths import FILE, OUTPUT
from errtax.cli.types import FLOATS


@declare("split", "errtax split warpeace_input.txt -o wp --scheme streams")
@click.argument("text", type=FILE)
@click.option("-o", "--output", type=OUTPUT, help="Folder to write [default: TEXT's name without its ending].")
@click.option(
    "--scheme",
    type=click.Choice(["contiguous", "streams", "lines"]),
    default="contiguous",
    show_default=True,
    help="streams: equal streams, each cut into its own train, val, test (Karpathy et al. 2015).",
)
@click.option("--fractions", type=FLOATS, default="0.8,0.1,0.1", show_default=True, help="Train, val, test.")
@click.option("--streams", type=int, default=100, show_default=True, help="Number of streams.")
@click.option("--steps", type=int, default=100, show_default=True, help="Bytes per step; streams hold whole steps.")
@force_option
def command(
    text: Path,
    output: Path | None,
    scheme: str,
    fractions: tuple[float, float, float],
    streams: int,
    steps: int,
    force: bool,
) -> None:
    """Cut TEXT into train.txt, val.txt, test.txt and describe them in split.json."""
    from errtax.lm.split import SCHEMA, Scheme, SplitOptions, split_file

    folder = output or Path(text.name).with_suffix("")
    if folder == text:
        folder = folder.with_name(f"{folder.name}.split")
    split = split_file(text, folder, SplitOptions(Scheme(scheme), fractions, streams, steps), force)
    sizes = (f"{folder / (name + '.txt')}  {part.bytes:,} bytes" for name, part in split.parts.items())
    emit({"schema": SCHEMA, "folder": str(folder), **asdict(split)}, *sizes)
