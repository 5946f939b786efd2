"""What is installed: versions of errtax, Python and the packages that it uses."""

import os
import platform
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import errtax

SCHEMA = "errtax.info/1"
_CORE = ("numpy", "numba", "pyarrow", "pandas", "click", "rich", "matplotlib")
_EXTRAS = {"torch": "lm", "scikit-learn": "lm", "kenlm": "kenlm", "transformers": "hf"}


@dataclass(frozen=True)
class Installation:
    """`packages[name]`: the version, None for what is not installed."""

    packages: dict[str, str | None]

    def to_json(self) -> dict[str, Any]:
        """One document."""
        return {
            "schema": SCHEMA,
            "errtax": errtax.__version__,
            "python": platform.python_version(),
            "platform": platform.platform(),
            "cpus": os.cpu_count(),
            "packages": self.packages,
        }

    @property
    def lines(self) -> list[str]:
        """The same for people, with the way to what is missing."""
        head = f"errtax {errtax.__version__}, Python {platform.python_version()}, {os.cpu_count()} processors"
        return [head, *(f"  {name:13} {found or _hint(name)}" for name, found in self.packages.items())]


def installation() -> Installation:
    """What is installed here."""
    return Installation({name: _version_of(name) for name in (*_CORE, *_EXTRAS)})


def _version_of(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _hint(name: str) -> str:
    return f"not installed: pip install 'errtax[{_EXTRAS[name]}]'" if name in _EXTRAS else "missing"
