"""The HTML report: what it weighs, how long it takes to write, to open and to peel again in the browser.

    python bench/report.py PEEL.parquet [OTHER.parquet]      # yours; then 5,000,000 positions made of it

Needs chromium, chromium-driver and selenium for the last two.
"""

import statistics
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
from measure import time_process

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from browser import Page, start_browser
from errtax.taxonomy.peel import Peel, peel_log
from errtax.taxonomy.peel_file import read_peel, write_peel
from errtax.taxonomy.signature import sign

_PEELS = """
const done = arguments[arguments.length - 1], found = [];
(async () => {
  for (let k = 0; k < 20; k++) {
    const heard = new Promise((resolve) => addEventListener("hashchange", resolve, { once: true }));
    location.hash = k % 2 ? "#ngram_max=4"
      : "#ngram_max=5&memory_windows=200&memory_min_length=3&rare_counts=3&newline_reach=1&threshold=0.4";
    await heard;
    found.push(+document.body.dataset.milliseconds);
  }
  const settled = async () => {
    while (document.body.dataset.settled !== "yes") await new Promise((resolve) => setTimeout(resolve, 20));
    return +document.body.dataset.resampled;
  };
  const first = await settled(); // draws what is drawn once
  location.hash = "#ngram_max=3";
  await new Promise((resolve) => setTimeout(resolve, 50));
  done([found, [first, await settled()]]);
})();
"""


def repeated(peel: Peel, n: int) -> Peel:
    """A peel of n positions: the same again and again, with a little noise in the probabilities."""
    rows = np.arange(n) % len(peel.log)
    noise = np.random.default_rng(1).normal(1, 0.05, n)
    positions = np.arange(n)
    log = replace(peel.log, positions=positions, codes=peel.log.codes[rows], logprobs=peel.log.logprobs[rows] * noise)
    best = None if log.argmax_codes is None else log.argmax_codes[rows]
    best_logprobs = None if log.argmax_logprobs is None else log.argmax_logprobs[rows]
    log = replace(log, argmax_codes=best, argmax_logprobs=best_logprobs)
    again = peel_log(log, peel.evidence.at(rows), peel.settings)
    sources = {key: value for key, value in peel.sources.items() if "sha256" not in key}  # it is another text
    again = replace(again, sources=sources)
    return replace(again, signature=sign(again))


def measure(peels: list[Path], folder: Path) -> None:
    """One line on the report of these peels."""
    out = folder / "report.html"
    written = time_process([sys.executable, "-m", "errtax", "report", *map(str, peels), "-o", str(out), "--force"], 3)
    n = len(read_peel(peels[0]).log)
    print(
        f"{len(peels)} model(s), {n:,} positions: {out.stat().st_size / 1e6:.2f} MB, written in {written}", flush=True
    )
    driver = start_browser()
    page, opened = Page(driver, out), []
    for _ in range(5):
        page.open()
        opened.append(int(page.run("return document.body.dataset.opened")) / 1000)  # since it was asked for
    peeled, resampled = driver.execute_async_script(_PEELS)
    driver.quit()
    median = statistics.median(peeled)
    print(
        f"  open and ready {statistics.median(opened):.2f} s, a re-peel {median:.0f} ms (largest {max(peeled):.0f}), "
        f"resampling {resampled[1]} ms (the first {resampled[0]})",
        flush=True,
    )


if __name__ == "__main__":
    given = [Path(name) for name in sys.argv[1:]]
    with tempfile.TemporaryDirectory() as name:
        measure(given[:1], Path(name))
        if given[1:]:
            measure(given, Path(name))
        long = Path(name) / "long.parquet"
        write_peel(long, repeated(read_peel(given[0]), 5_000_000))
        measure([long], Path(name))
