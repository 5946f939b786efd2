"""The README's way to a log of your own, run as it stands."""

import re
from pathlib import Path

import pytest

from commands import Errtax

README = Path(__file__).parents[1] / "README.md"


@pytest.mark.parametrize(
    "content", ["unix\nlines\n" * 20, "dos\r\nlines\r\nand a lone\rone\r\n" * 20, "ünïcödé 猫\r\n" * 20]
)
def test_the_snippet_makes_a_log_of_the_text_as_it_is(errtax_alone: Errtax, content: str) -> None:
    """The command compares the log with the text byte for byte."""
    import numpy as np

    snippet = next(
        code for code in re.findall(r"```python\n(.*?)```", README.read_text("utf-8"), re.S) if "my_model" in code
    )
    Path("test.txt").write_bytes(content.encode() * 20)
    exec(snippet, {"my_model": lambda text: np.full(len(text), 0.25)})
    assert errtax_alone("validate", "preds.parquet").code == 0
    done = errtax_alone("peel", "preds.parquet", "--text", "test.txt", "--train-text", "test.txt")
    assert done.code == 0, done.err
