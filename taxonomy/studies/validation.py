"""Which kind of file is this, and what is wrong with it?

Among the studies, because it knows every kind of file that errtax writes: theirs, and the weights of trained models.
"""

import logging
from functools import partial
from importlib.util import find_spec
from pathlib import Path

from errtax.lm.errors import BadInput
from errtax.lm.files import first_bytes, require_input, sha256_of_file
from errtax.lm.locations import require_local
from errtax.lm.log_reader import log_problems
from errtax.lm.ngram import kenlm_tools
from errtax.lm.ngram.arpa import ArpaModel
from errtax.lm.ngram.container import MAGIC
from errtax.lm.ngram.index import SCHEMA, NgramIndex
from errtax.lm.ngram.kenlm_model import load_model
from errtax.lm.ngram.open_model import ModelKind, kind_of
from errtax.lm.prediction_log import LOG
from errtax.lm.scores import SCORES_NAME, scores_problems
from errtax.lm.split import read_split
from errtax.lm.table import metadata_of, open_parquet, require_seal, table_problems
from errtax.taxonomy.peel_columns import PEEL
from errtax.taxonomy.peel_file import peel_problems
from errtax.taxonomy.peel_folder import peel_paths
from errtax.taxonomy.studies.cells_file import CELLS, cells_problems
from errtax.taxonomy.studies.distance_file import DISTANCE, distance_problems
from errtax.taxonomy.studies.dynamics_file import CLASSES, DIVERGENCE
from errtax.taxonomy.studies.gates_file import GATES
from errtax.taxonomy.studies.overlap import SCHEMA as OVERLAP_NAME
from errtax.taxonomy.studies.overlap_file import overlap_problems
from errtax.taxonomy.studies.sweep_file import RESULTS
from errtax.taxonomy.studies.trace_file import TRACE, trace_problems


def problems_of(path: Path) -> tuple[str, list[str]]:
    """The file's kind (its schema's name) and its problems, one line each.

    Raises `BadInput` for a file that is not one of ours, or too damaged to be read.
    """
    if path.is_dir() and (path / "kenlm.json").is_file():
        return kenlm_tools.SCHEMA, kenlm_tools.kenlm_problems(path)
    if path.is_dir() and not (path / "run.json").exists() and any(path.glob("*.parquet")):
        return _table_problems(path)  # in parts
    if path.is_dir() or path.name == "run.json":
        require_run(path if path.is_dir() else path.parent)
        return "errtax.run/1", []
    return _problems_of_file(path)


def _problems_of_file(path: Path) -> tuple[str, list[str]]:
    start = first_bytes(path, 8)
    if start[:6] == MAGIC[:6]:
        NgramIndex.open(path, verify=False)
        return SCHEMA, NgramIndex.problems(path)
    if start[:4] == b"PAR1":
        return _table_problems(path)
    if path.name == "split.json":
        return "errtax.split/1", split_problems(path)
    return _model_problems(path)


def _model_problems(path: Path) -> tuple[str, list[str]]:
    """An ARPA file is read whole; KenLM opens its binary files, which have no checksums."""
    try:
        kind = kind_of(path)
    except BadInput:
        known = "Parquet, index, ARPA or KenLM model, split.json or run.json"
        raise BadInput(f"{path} is not a file that errtax writes or reads ({known}).") from None
    if kind is ModelKind.ARPA:
        ArpaModel.open(path)
    elif find_spec("kenlm"):
        load_model(require_input(path))
    else:
        logging.getLogger("errtax").warning("Without the kenlm module only the first bytes of %s are looked at.", path)
    return {ModelKind.ARPA: "ARPA", ModelKind.BINARY: "KenLM binary"}.get(kind, str(kind)), []


def _table_problems(path: Path) -> tuple[str, list[str]]:
    paths = peel_paths(path)
    for each in paths:
        require_seal(each)
    schema = metadata_of(open_parquet(paths[0]).schema_arrow).get("errtax.schema", LOG.name)
    checks = {LOG.name: log_problems, PEEL.name: peel_problems, SCORES_NAME: scores_problems}
    checks |= {DISTANCE.name: distance_problems, OVERLAP_NAME: overlap_problems}
    checks |= {CELLS.name: cells_problems, TRACE.name: trace_problems}
    checks |= {schema.name: partial(table_problems, schema=schema) for schema in (GATES, DIVERGENCE, CLASSES, RESULTS)}
    if schema not in checks:
        raise BadInput(f"{path} says it is {schema!r}; this version knows {', '.join(checks)}.")
    return schema, checks[schema](path)


def split_problems(path: Path) -> list[str]:
    """Whether the parts beside a `split.json` are those that it describes."""
    split = read_split(path.parent)
    problems = []
    for name, part in split.parts.items() if split else ():
        file = path.parent / f"{name}.txt"
        if not file.is_file():
            problems.append(f"{file} is missing")
        elif sha256_of_file(file) != part.sha256:
            problems.append(f"{file} is not the part that split.json describes (sha256 differs)")
    return problems


def require_run(folder: Path) -> None:
    """Raise `BadInput` unless the folder holds a run that can predict."""
    from errtax.lm.neural.run import choose_device, load_best  # noqa: PLC0415  # all else is validated without torch

    load_best(require_local(folder, "a run is read from"), choose_device("cpu"))
