"""Models estimated by KenLM's own tools, one of each order, in one folder.

`NAME.kenlm/` has `kenlm.json` (`errtax.kenlm/1`), `1.arpa` and `2.bin` .. `N.bin`.  KenLM estimates one order per run,
and its queries know no model of order 1, so that one stays an ARPA file.
"""

import json
import os
import re
import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from errtax.lm.errors import BadInput, UsageError
from errtax.lm.files import replacing_folder, require_absent, require_input, sha256_of_file, target_of
from errtax.lm.locations import require_local
from errtax.lm.machine import free_memory
from errtax.lm.ngram.smoothing import FALLBACK
from errtax.lm.ngram.token_names import name_symbols
from errtax.lm.text import Alphabet, Text, refuse_special_words

SCHEMA = "errtax.kenlm/1"
MANIFEST = "kenlm.json"
BINARIES = ("probing", "trie")
_BLOCK = 1 << 18  # symbols written at a time
_HOW_TO_GET = (
    "Set ERRTAX_KENLM_BIN to their folder, or build them: "
    "apt install cmake g++ libboost-program-options-dev libboost-system-dev libboost-thread-dev libboost-test-dev; "
    "pip download --no-binary kenlm --no-deps kenlm && tar xf kenlm-*.tar.gz && cd kenlm-*/ && mkdir b && cd b && "
    "cmake -DKENLM_MAX_ORDER=21 .. && make lmplz build_binary"
)
_FALLBACK_NOTE = re.compile(r"Substituting fallback discounts for order (\d+)")
_MAX_ORDER_NOTE = re.compile(r"compiled to support up to (\d+)")


class KenlmTools(NamedTuple):
    """Where KenLM's programs are."""

    lmplz: Path
    build_binary: Path


def find_tools() -> KenlmTools:
    """`lmplz` and `build_binary` in the folder ERRTAX_KENLM_BIN, or on the PATH.

    Raises `UsageError` with the names of those that are missing, and how to get them.
    """
    folder = os.environ.get("ERRTAX_KENLM_BIN") or None
    found = {name: shutil.which(name, path=folder) for name in KenlmTools._fields}
    if missing := [name for name, path in found.items() if path is None]:
        raise UsageError(f"{' and '.join(missing)} not found in {folder or 'the PATH'}. {_HOW_TO_GET}")
    return KenlmTools(*(Path(str(path)) for path in found.values()))


class _Options(NamedTuple):
    fallback: tuple[float, float, float] | None
    binary: str
    memory: str


def build_kenlm(
    text: Text,
    order: int,
    output: Path,
    fallback: tuple[float, float, float] | None = FALLBACK,
    binary: str = "probing",
    force: bool = False,
    memory: str | None = None,
    on_order: Callable[[int, int], None] = lambda done, total: None,
) -> dict[str, Any]:
    """Let KenLM estimate models of the orders 1..`order` into the folder `output`; returns what `kenlm.json` says.

    `fallback`: discounts of orders whose counts give none; None fails there.  `binary`: KenLM's data structure,
    `probing` (fast) or `trie` (small).  `memory`: what lmplz may use to sort, as in its option -S; by
    default as much as the text can fill, up to half of what is free, since it takes hold of all of it.  `on_order`:
    called with the number of models made and due.

    The folder appears when all is done, and nothing is left behind on any failure.  One order is on disk as ARPA at
    a time; our own memory holds the text and one block of names.

    Raises `UsageError` where a tool is missing, was compiled for lower orders or cannot run; where `output` exists
    and `force` is not given, or is not a folder of this kind; `BadInput` for texts that lmplz refuses.
    """
    if binary not in BINARIES:
        raise UsageError(f"binary must be one of {', '.join(BINARIES)}, got {binary!r}.")
    if order < 1:
        raise UsageError(f"order must be at least 1, got {order}.")
    require_local(output, "models of KenLM are written to")
    memory = memory or f"{max(1 << 28, min(16 * order * len(text), free_memory() // 2))}b"
    tools, options = find_tools(), _Options(fallback, binary, memory)
    refuse_special_words(text)
    with _replacing_folder(output, force) as folder:
        _require_order(tools, order, folder)
        tokens = folder / "tokens"
        write_tokens(text, tokens)
        fallback_orders: set[int] = set()
        for done, n in enumerate(range(order, 0, -1), 1):  # the longest first: what fails does so early
            fallback_orders |= _estimate(tools, tokens, n, folder, options)
            on_order(done, order)
        tokens.unlink()
        manifest = _manifest(text, order, options, tools, folder) | {"fallback_orders": sorted(fallback_orders)}
        (folder / MANIFEST).write_text(json.dumps(manifest, indent=1) + "\n", encoding="utf-8")
    return manifest


def _manifest(text: Text, order: int, options: _Options, tools: KenlmTools, folder: Path) -> dict[str, Any]:
    names = ["1.arpa", *(f"{n}.bin" for n in range(2, order + 1))]
    return {
        "schema": SCHEMA,
        "unit": str(text.unit),
        "sentences": str(text.sentences),
        "order": order,
        "text": " + ".join(Path(part).name for part in text.name.split(" + ")),
        "text_sha256": text.sha256,
        "text_symbols": len(text),
        "binary": options.binary,
        "fallback": None if options.fallback is None else list(options.fallback),
        "lmplz_sha256": sha256_of_file(tools.lmplz),  # the tools do not tell their version
        "files": {
            name: {"bytes": (folder / name).stat().st_size, "sha256": sha256_of_file(folder / name)} for name in names
        },
    }


def read_manifest(path: Path) -> dict[str, Any]:
    """What the `kenlm.json` of a folder says; `BadInput` where the folder is not one of ours, or not whole."""
    try:
        manifest: dict[str, Any] = json.loads(require_input(path / MANIFEST).read_text(encoding="utf-8"))
        schema = manifest["schema"]
        sizes = {name: int(entry["bytes"]) for name, entry in manifest["files"].items()} if schema == SCHEMA else {}
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise BadInput(f"{path / MANIFEST} is not what errtax wrote ({error}); build the folder again.") from None
    if schema != SCHEMA:
        raise BadInput(f"{path} is not a folder of KenLM models of this version ({schema}); build it again.")
    for name, due in sizes.items():
        found = require_input(path / name).stat().st_size
        if found != due:
            raise BadInput(f"{path / name} has {found:,} bytes where {due:,} are expected; build the folder again.")
    return manifest


def kenlm_problems(path: Path) -> list[str]:
    """What is wrong with a folder of models, one line per problem (reads all of it)."""
    files = read_manifest(path)["files"].items()
    return [f"{name}: its checksum is wrong" for name, entry in files if sha256_of_file(path / name) != entry["sha256"]]


def write_tokens(text: Text, path: Path) -> None:
    """Write a text as lmplz reads it: names of symbols between blanks, one sentence per line."""
    alphabet = Alphabet.sorted(text.codes)
    words = [] if text.words is None else text.words.to_pylist()
    names = name_symbols(alphabet.codes, text.unit, words)
    if text.end_of_line is not None:
        names = ["\n" if code == text.end_of_line else name for code, name in zip(alphabet.codes, names, strict=True)]
    with path.open("w", encoding="utf-8", newline="\n") as file:
        for start in range(0, len(text), _BLOCK):
            ids = alphabet.encode(text.codes[start : start + _BLOCK])
            file.write(" " * (start > 0) + " ".join(map(names.__getitem__, ids.tolist())))
        if text.end_of_line is None:
            file.write("\n")


def _estimate(tools: KenlmTools, tokens: Path, n: int, folder: Path, options: _Options) -> set[int]:
    """Make the model of order n; the orders that took fallback discounts."""
    arpa, fallback = folder / f"{n}.arpa", options.fallback
    command = [tools.lmplz, "-o", n, "-S", options.memory, "-T", f"{folder}/", "--text", tokens, "--arpa", arpa]
    discounts = [] if fallback is None else ["--discount_fallback", *fallback]
    notes = _run([*command, *discounts], f"lmplz at order {n}")
    if n > 1:
        command = [tools.build_binary, "-T", f"{folder}/", options.binary, arpa, folder / f"{n}.bin"]
        _run(command, f"build_binary at order {n}")
        arpa.unlink()
    return {int(k) + 1 for k in _FALLBACK_NOTE.findall(notes)}


def _run(command: list[Any], what: str) -> str:
    """Run a tool; what it wrote to standard error."""
    try:
        done = subprocess.run([str(part) for part in command], capture_output=True, check=False)
    except OSError as error:
        raise UsageError(f"{command[0]} cannot be run: {error.strerror}.") from None
    notes = done.stderr.decode("utf-8", "replace")
    if done.returncode == 0:
        return notes
    if done.returncode < 0 and done.returncode != -signal.SIGABRT:  # what KenLM cannot catch it ends in abort()
        raise UsageError(f"{what} was killed by signal {-done.returncode}; if memory ran out, give it less to sort in.")
    if found := _MAX_ORDER_NOTE.search(notes):
        raise UsageError(
            f"{what}: it was compiled for orders up to {found[1]}; ask for no more, or compile KenLM with "
            "a larger cmake -DKENLM_MAX_ORDER."
        )
    if "BadDiscountException" in notes:
        raise BadInput(f"{what} failed: {reason_of(notes)} Fallback discounts help: --discount-fallback 0.5,1,1.5.")
    raise UsageError(f"{what} failed: {reason_of(notes)}")


def reason_of(notes: str) -> str:
    """The line in which KenLM says what went wrong: that after `... threw SomeException because ...`."""
    lines = [line.strip() for line in notes.splitlines() if line.strip()]
    thrown = [k for k, line in enumerate(lines) if " threw " in line]
    return "".join(lines[thrown[-1] + 1 :][:1] if thrown else lines[-1:]) or "it does not say why."


def _require_order(tools: KenlmTools, order: int, folder: Path) -> None:
    """Raise `UsageError` now, not after hours, where build_binary was compiled for lower orders."""
    if order == 1:
        return
    probe = folder / "probe.arpa"
    unigrams = "\\1-grams:\n-1\t<unk>\n-1\t<s>\n-1\t</s>\n\n"
    empty = "".join(f"\\{n}-grams:\n\n" for n in range(2, order + 1))
    counts = "ngram 1=3\n" + "".join(f"ngram {n}=0\n" for n in range(2, order + 1))
    probe.write_text(f"\\data\\\n{counts}\n{unigrams}{empty}\\end\\\n", encoding="ascii")
    _run([tools.build_binary, "probing", probe, folder / "probe.bin"], f"build_binary at order {order}")
    probe.unlink()
    (folder / "probe.bin").unlink()


@contextmanager
def _replacing_folder(path: Path, force: bool) -> Iterator[Path]:
    """`replacing_folder`, where nothing but KenLM models is replaced."""
    path = target_of(require_absent(path, force))
    if path.exists():
        if not (path / MANIFEST).is_file():
            raise UsageError(f"{path} exists and is not a folder of KenLM models; give another name with -o.")
        known = {MANIFEST, *read_manifest(path)["files"]}
        if others := sorted(file.name for file in path.iterdir() if file.name not in known):
            raise UsageError(f"{path} has other files than KenLM models ({others[0]}); give another name with -o.")
    with replacing_folder(path, force) as temporary:
        yield temporary
