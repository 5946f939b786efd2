"""Wheel and source distribution hold every part below `errtax`, and nothing else at the top."""

import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PARTS = ("oracle", "lm", "taxonomy", "cli", "reports")


def test_parts_are_links() -> None:
    for part in PARTS:
        link = ROOT / "src" / "errtax" / part
        assert link.is_symlink() and link.resolve() == (ROOT / part).resolve()


def test_distributions_hold_each_part_below_errtax_and_nowhere_else(tmp_path: Path) -> None:
    pytest.importorskip("build")
    pytest.importorskip("setuptools")
    kept = shutil.ignore_patterns(".*", "build", "dist", "*.egg-info", "__pycache__", "errtax-demo")
    source = shutil.copytree(ROOT, tmp_path / "source", symlinks=True, ignore=kept)  # the build leaves things behind
    command = [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(tmp_path), str(source)]
    subprocess.run(command, check=True, capture_output=True)  # the wheel is built from the source distribution
    (wheel,), (sdist,) = tmp_path.glob("*.whl"), tmp_path.glob("*.tar.gz")
    names = set(zipfile.ZipFile(wheel).namelist())
    assert {name.split("/")[0] for name in names if ".dist-info" not in name} == {"errtax"}
    due = {f"errtax/{name}" for name in ("__init__.py", "__main__.py", "kenlm.py", "training.py", "py.typed")}
    for part in PARTS:
        found = [path.relative_to(ROOT).as_posix() for path in (ROOT / part).rglob("*.*") if path.is_file()]
        due |= {f"errtax/{name}" for name in found if "__pycache__" not in name}
    assert {name for name in names if ".dist-info" not in name} == due
    with tarfile.open(sdist) as archive:
        members = {member.name.partition("/")[2]: member for member in archive.getmembers()}
    assert not any(member.issym() for member in members.values())
    assert {f"src/{name}" for name in due} | {"LICENSE", "CHANGELOG.md", "CITATION.cff", "README.md"} <= set(members)
    assert not [name for name in members if name.startswith("tests")]
