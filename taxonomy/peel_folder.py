"""Of which files a peel consists: one, or parts in a folder, and whether these belong together."""

from collections.abc import Sequence
from pathlib import Path

from errtax.lm.errors import BadInput
from errtax.lm.log_files import files_of_folder
from errtax.lm.table import TableFile, metadata_of

COUNTED = "counted"
"""In the metadata of a part that was not merged: what its rows add to the whole."""
OF_A_PART = ("part", COUNTED, "doctor")
"""What the metadata of parts differ in."""


def peel_paths(path: Path) -> list[Path]:
    """The files of a peel: itself, or the Parquet files in a folder, in the order of their names."""
    if not path.is_dir():
        return [path]
    found = files_of_folder(path)
    if not found:
        raise BadInput(f"{path} is a folder without any .parquet file; a peel is needed.")
    return found


def problems_of_parts(files: Sequence[TableFile]) -> list[str]:
    """Why these files are not all parts of one peel."""
    stated = [metadata_of(file.schema_arrow) for file in files]
    n = len(files)
    if n == 1 and "part" not in stated[0]:
        return []
    due = stated[0].get("part", "1/1").partition("/")[2]
    if [each.get("part") for each in stated] != [f"{k}/{due}" for k in range(1, n + 1)] or str(n) != due:
        found = ", ".join(each.get("part", "a whole peel") for each in stated[:5])
        return [f"a peel of {due} parts needs all of them, each once, in one folder; found {found}"]
    own = dict.fromkeys(OF_A_PART, "")
    if any({**each, **own} != {**stated[0], **own} for each in stated):
        return ["its parts are of different peels"]
    same = all(file.schema_arrow.equals(files[0].schema_arrow) for file in files)
    return [] if same else ["its parts have different columns"]
