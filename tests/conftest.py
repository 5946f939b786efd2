"""Profiles of hypothesis, and the texts that tests share."""

import logging
import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from clusters import nodes  # noqa: F401  # fixture: a Ray cluster
from commands import errtax, errtax_alone, two_documents  # noqa: F401  # fixtures: run a command
from doctor_texts import made  # noqa: F401  # a fixture
from errtax.lm.split import Scheme, SplitOptions, split_bytes
from pages import driver, own_oracles, show  # noqa: F401  # fixtures: a browser, reports in it
from schemas import described, printed_documents  # noqa: F401  # fixtures: docs/schemas describes all JSON

os.environ["HF_HUB_OFFLINE"] = "1"  # tests never look for a model elsewhere; read when transformers is imported
_slow_is_fine = [HealthCheck.too_slow, HealthCheck.function_scoped_fixture, HealthCheck.filter_too_much]
_same_examples = "CI" in os.environ  # a check of one change must not fail by the luck of the draw
settings.register_profile(
    "default", deadline=None, max_examples=60, derandomize=_same_examples, suppress_health_check=_slow_is_fine
)
settings.register_profile(
    "brief", deadline=None, max_examples=20, derandomize=_same_examples, suppress_health_check=_slow_is_fine
)
settings.register_profile("ci", deadline=None, max_examples=300, derandomize=True, suppress_health_check=_slow_is_fine)
settings.register_profile("quick", deadline=None, max_examples=10, suppress_health_check=_slow_is_fine)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "default"))


@pytest.fixture(autouse=True)
def _all_is_heard() -> None:
    """What --quiet silences in one test, or in what several share, is heard in the next."""
    logger = logging.getLogger("errtax")
    logger.setLevel(logging.NOTSET)
    logger.handlers.clear()


@pytest.fixture(scope="session")
def warpeace() -> bytes:
    """War and Peace as the paper had it; the tests that need it are skipped, with a word, where it is not at hand."""
    path = os.environ.get("ERRTAX_WARPEACE", "")
    if not path:
        pytest.skip("War and Peace is not at hand: name the file warpeace_input.txt in ERRTAX_WARPEACE")
    return Path(path).read_bytes()


@pytest.fixture(scope="session")
def warpeace_parts(warpeace: bytes) -> tuple[bytes, bytes, bytes]:
    """Training, validation and test part, as in the paper."""
    return split_bytes(warpeace, SplitOptions(Scheme.STREAMS))
