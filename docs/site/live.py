"""A report and a comparison that work, made anew with the site: of small models that read its own pages.

The first model is an n-gram model of the pages' text.  The second is the same with a memory: where the last five
characters stood before in the text under test, half of its probability goes to what followed them there.
"""

from collections import Counter, defaultdict
from contextlib import chdir
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pandas as pd
from click.testing import CliRunner
from numpy.typing import NDArray

from errtax.cli.main import cli
from errtax.lm.ngram.index import NgramIndex
from errtax.lm.text import Unit, read_text

DOCS = Path(__file__).parents[1]
UNDER_TEST = (DOCS / "method.md",)
REMEMBERED = 5
STEPS = (
    "build-ngram train.txt --unit char",
    "peel plain.parquet --ngram train.ngram",
    "peel memory.parquet --ngram train.ngram",
    "report plain.peel.parquet -o report.html",
    "compare plain.peel.parquet memory.peel.parquet -o compare.html",
)
"""The commands; between the first and the others the two logs are written."""


@cache
def live_pages() -> dict[str, str]:
    """The page that shows both, and both, by path.  Made once, however often the site is."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        page = _page(make_reports(folder))
        made = {f"live/{each}.html": (folder / f"{each}.html").read_text("utf-8") for each in ("report", "compare")}
    return {"live.md": page, **made}


def make_reports(folder: Path) -> str:
    """Write `report.html` and `compare.html` into an empty folder; returns what the comparison found."""
    train = [path for path in sorted(DOCS.glob("*.md")) if path not in UNDER_TEST]
    with chdir(folder):
        for name, paths in (("train.txt", train), ("test.txt", UNDER_TEST)):
            Path(name).write_bytes(b"\n".join(path.read_bytes() for path in paths))
        _run(STEPS[0])
        _write_logs()
        said = [_run(step) for step in STEPS[1:]]
    return next(line for line in said[-1].splitlines() if "fewer errors" in line or "more errors" in line)


def _run(command: str) -> str:
    """The output of a command of errtax; raises `RuntimeError` where it fails."""
    done = CliRunner().invoke(cli, command.split())
    if done.exit_code:
        raise RuntimeError(f"errtax {command}: {done.output.strip() or done.exception}")
    return done.stdout


def _write_logs() -> None:
    text = read_text(Path("test.txt"), Unit.CHAR)
    p = np.exp(NgramIndex.open(Path("train.ngram")).score(text.codes)[:, 3].astype(float))
    for name, probability in (("plain", p), ("memory", with_memory(text.string, p))):
        symbols = {"position": np.arange(len(p)), "symbol": list(text.string), "logprob": np.log(probability)}
        pd.DataFrame(symbols).to_parquet(f"{name}.parquet")


def with_memory(text: str, p: NDArray[np.float64]) -> NDArray[np.float64]:
    """The probabilities of a model that also remembers what followed the same five characters in this text."""
    followed: defaultdict[str, Counter[str]] = defaultdict(Counter)
    mixed = p.copy()
    for i, symbol in enumerate(text):
        before = followed[text[max(i - REMEMBERED, 0) : i]]
        if before:
            mixed[i] = 0.5 * p[i] + 0.5 * before[symbol] / before.total()
        before[symbol] += 1
    return mixed


def _page(finding: str) -> str:
    steps = "\n".join(f"errtax {step}" for step in STEPS)
    return f"""---
hide: [navigation, toc]
---

# A live report

This page was made with the site: small models that have read its pages were peeled on two others, and what stands below
is the file that `errtax report` wrote. Move the sliders, choose a class of errors, click on a letter.

[Open the report by itself](live/report.html){{ .md-button }} [Open the comparison](live/compare.html){{ .md-button }}

<iframe class="report" src="live/report.html" title="A report of errtax" loading="lazy"></iframe>

## What was done

The text under test is the page of [definitions](method.md); an n-gram model of three characters of context has read the
others. The second model is the same with a memory: where the last five characters stood before in the text under test,
half of its probability goes to what followed them there. What does the memory buy off?

> {finding}

```sh
{steps}
```

[The report](report.md) explains what the page shows, [your own model](imports.md) how to make one of yours.
"""
