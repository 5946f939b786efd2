"""A marimo notebook: what a layer is, and how far the breakdown depends on its thresholds.

`marimo edit thresholds.py` opens it; `python thresholds.py` runs it.
"""

import marimo

app = marimo.App(width="medium", app_title="Whose definition is it?")


@app.cell
def _():
    import marimo as mo

    return (mo,)


@app.cell
def _(mo):
    mo.md("""
    # Whose definition is it?

    How many errors of a model n-grams explain depends on how long an n-gram may be, and on what counts as an error. In
    marimo the sliders below peel again as you move them; the evidence is gathered once.
    """)
    return


@app.cell
def _(mo):
    mo.md("""
    ## A text and a log

    A chant that counts, of words in any order. Any model's probabilities would do; here they are those of errtax's own
    n-gram models, of orders 2 and 4.
    """)
    return


@app.cell
def _():
    import random
    from pathlib import Path

    import numpy as np
    import pandas as pd

    import errtax
    from errtax.lm.text import Unit, read_text

    def chant(seed, lines):
        draw = random.Random(seed)
        words = ["stone", "stove", "river", "rivet", "light", "lightning", "seven", "seventy"]
        return "".join(f"{draw.randint(1, 99)} {' and '.join(draw.choices(words, k=4))}.\n" for _ in range(lines))

    for _name, _seed, _lines in (("train.txt", 1, 2000), ("test.txt", 2, 400)):
        Path(_name).write_text(chant(_seed, _lines))
    test = read_text(Path("test.txt"), Unit.CHAR)
    index = errtax.NgramIndex.build(read_text(Path("train.txt"), Unit.CHAR), order=10)
    scores = index.score(test.codes)

    def log(order):
        columns = {"position": np.arange(len(test)), "symbol": list(test.string), "logprob": scores[:, order - 1]}
        return pd.DataFrame(columns)

    log(2).head()
    return errtax, index, log


@app.cell
def _(mo):
    mo.md("""
    ## The peel

    By the definitions of the paper: an error is a symbol with p < 0.5, and n-grams see up to nine symbols.
    """)
    return


@app.cell
def _(errtax, index, log):
    small = errtax.peel(log(2), ngram=index, train_text="train.txt", model="order 2")
    large = errtax.peel(log(4), ngram=index, train_text="train.txt", model="order 4")
    small
    return large, small


@app.cell
def _(mo):
    mo.md("""
    ## Other definitions
    """)
    return


@app.cell
def _(mo):
    longest = mo.ui.slider(1, 9, value=3, label="longest n-gram")
    threshold = mo.ui.slider(0.1, 0.9, step=0.1, value=0.5, label="an error has p below")
    mo.vstack([longest, threshold])
    return longest, threshold


@app.cell
def _(longest, small, threshold):
    small.repeel(ngram_max=longest.value, criterion=f"p<{threshold.value}").table()[["errors", "share"]].round(3)
    return


@app.cell
def _(mo):
    mo.md("""
    ## The comparison

    Two more symbols of context: what did they buy off? Both are n-gram models, so it must have been n-gram errors.
    """)
    return


@app.cell
def _(large, small):
    found = small.compare(large)
    found.table()[["before", "after", "fixed", "kept", "new"]]
    return (found,)


@app.cell
def _(found, mo):
    mo.md(f"""
    > {found.finding}
    """)
    return


@app.cell
def _(mo):
    mo.md("""
    ## The report

    The page that `errtax report` writes has such sliders for all thresholds.
    """)
    return


@app.cell
def _(large, small):
    small.report("report.html", force=True)
    large.save("large.peel.parquet", force=True)
    return


if __name__ == "__main__":
    app.run()
