"""The wheel holds every part below `errtax` and nothing else at the top."""

import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PARTS = ("oracle", "lm", "taxonomy", "cli", "reports")


def test_parts_are_links() -> None:
    for part in PARTS:
        link = ROOT / "src" / "errtax" / part
        assert link.is_symlink() and link.resolve() == (ROOT / part).resolve()


def test_wheel_holds_each_part_below_errtax_and_nowhere_else(tmp_path: Path) -> None:
    pytest.importorskip("build")
    pytest.importorskip("setuptools")
    kept = shutil.ignore_patterns(".*", "build", "dist", "*.egg-info", "__pycache__", "tests", "errtax-demo")
    source = shutil.copytree(ROOT, tmp_path / "source", symlinks=True, ignore=kept)  # the build leaves things behind
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(tmp_path), str(source)]
    subprocess.run(command, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    names = zipfile.ZipFile(wheel).namelist()
    assert {name.split("/")[0] for name in names if ".dist-info" not in name} == {"errtax"}
    assert "errtax/py.typed" in names
    for part in PARTS:
        sources = {path.relative_to(ROOT / part).as_posix() for path in (ROOT / part).rglob("*.py")}
        assert {f"errtax/{part}/{name}" for name in sources} <= set(names)
