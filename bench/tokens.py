"""What a peel by the preset token takes, of a million tokens of a text.

errtax build-ngram TRAIN --tokenizer FOLDER --order 10 -o X.ngram
python bench/tokens.py TEST --tokenizer FOLDER --ngram X.ngram [--rows 1000000] [--runs 3]

TEST is made into tokens and repeated up to so many rows, with random probabilities and ranks.  Times and peak memory of
whole commands with a warm kernel cache; reading, first-ranked symbols and scores alone in this process.
"""

import argparse
import tempfile
from pathlib import Path

import numpy as np
from measure import errtax, time_function, time_process

from errtax.lm.hf.tokenizer import load_tokenizer
from errtax.lm.log_reader import open_log_file
from errtax.lm.ngram.index import NgramIndex
from errtax.lm.surface import Surface
from errtax.lm.table import table_writer
from errtax.lm.token_log import TokenRows, token_batch


def rows_of(test: Path, tokenizer: str, n: int) -> TokenRows:
    """The tokens of a text, again and again, with random probabilities."""
    made, rng = load_tokenizer(tokenizer), np.random.default_rng(1)
    ids = np.resize(made.encode(test.read_bytes()).ids, n)
    symbol = Surface.of([made.vocabulary.piece(k) for k in ids.tolist()])
    p = rng.beta(0.3, 0.7, n)
    rank = np.where(p > 0.5, 1, np.minimum(1 + rng.geometric(0.05, n), 49_152))
    best = np.where(rank == 1, ids, (ids + 1) % ids.max())
    return TokenRows(
        position=np.arange(n),
        symbol=symbol,
        start=symbol.ends[:-1],
        logprob=np.log(p),
        token=ids,
        argmax_token=best,
        rank=rank,
        argmax=Surface.of([made.vocabulary.piece(k) or b"?" for k in best.tolist()]),
    )


def write_log(path: Path, rows: TokenRows, sha256: str) -> None:
    batch = token_batch(rows)
    metadata = {"errtax.schema": "errtax.log/1", "unit": "token", "model": "random", "tokenizer_sha256": sha256}
    with table_writer(path, batch.schema, metadata, True) as writer:
        writer.write_batch(batch)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("test", type=Path)
    parser.add_argument("--tokenizer", required=True)
    parser.add_argument("--ngram", type=Path, required=True)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--runs", type=int, default=3)
    options = parser.parse_args()
    index = NgramIndex.open(options.ngram)
    kinds = f"{index.info.text_symbols:,} tokens of {len(index.alphabet):,} kinds, order {index.order}"
    print(f"{options.rows:,} rows; vocabulary {len(load_tokenizer(options.tokenizer).vocabulary):,}; index: {kinds}")
    with tempfile.TemporaryDirectory() as name:
        log = Path(name) / "log.parquet"
        write_log(log, rows_of(options.test, options.tokenizer, options.rows), index.info.tokenizer_sha256)
        codes = np.concatenate([block.codes for block in open_log_file(log).blocks()])
        reading = time_function(lambda: sum(len(block) for block in open_log_file(log).blocks()), options.runs)
        print("reading the log     ", reading)
        print("first-ranked symbols", time_function(lambda: index.smallest_best(codes), options.runs))
        print("scores              ", time_function(lambda: [len(s) for s in index.score_blocks(codes)], options.runs))
        peel = errtax("peel", log, "--ngram", options.ngram, "--ngram-max", index.order - 1, "--force")
        for preset in ("token", "paper"):
            print(f"peel --preset {preset} ", time_process([*peel, "--preset", preset], options.runs))


if __name__ == "__main__":
    main()
