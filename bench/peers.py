"""What tokengrams and infini-gram take for the same text, each in a process of its own (see ngram.py).

    python bench/peers.py tokengrams|infini-gram TRAIN TEST FOLDER REPORT

Neither computes modified Kneser-Ney: tokengrams smooths raw counts with one discount, infini-gram backs off to the
longest context that occurs.  So the time a symbol is that of what each does offer, on a sample of the test text.
"""

import json
import resource
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np

SAMPLE, CONTEXT = 300, 19


def timed(function: Callable[[Any], object], repeat: Iterable[Any]) -> float:
    start = time.perf_counter()
    for item in repeat:
        function(item)
    return time.perf_counter() - start


def tokengrams(train: Path, test: Path, folder: Path) -> dict[str, object]:
    from tokengrams import MemmapIndex  # noqa: PLC0415

    tokens, index = folder / "tokens.bin", folder / "tokengrams.idx"
    np.frombuffer(train.read_bytes(), np.uint8).astype(np.uint16).tofile(tokens)
    start = time.perf_counter()
    built = MemmapIndex.build(str(tokens), str(index), vocab=256)
    seconds = time.perf_counter() - start
    codes = np.frombuffer(test.read_bytes(), np.uint8)
    places = np.random.default_rng(0).integers(CONTEXT, len(codes), SAMPLE)
    queries = [codes[p - CONTEXT : p].tolist() for p in places]
    score = timed(built.get_smoothed_probs, queries[:20]) / 20
    disk = (tokens.stat().st_size + index.stat().st_size) / 1e6
    return {"build": seconds, "disk": disk, "score": score * 1e6, "note": "raw counts, one discount"}


def infini_gram(train: Path, test: Path, folder: Path) -> dict[str, object]:
    import subprocess  # noqa: PLC0415

    from infini_gram.engine import InfiniGramEngine  # noqa: PLC0415

    data, index = folder / "data", folder / "infini"
    data.mkdir()
    index.mkdir()
    # one document; its tokens are bytes
    (data / "0.jsonl").write_text(json.dumps({"text": train.read_bytes().decode("latin-1")}) + "\n")
    options = {"data_dir": data, "save_dir": index, "token_dtype": "u8", "cpus": 2, "mem": 8, "ulimit": 1024}
    command = [sys.executable, "-m", "infini_gram.indexing"]
    command += [str(part) for name, value in options.items() for part in (f"--{name}", value)]
    start = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    seconds = time.perf_counter() - start
    engine = InfiniGramEngine(index_dir=str(index), eos_token_id=254, vocab_size=255, token_dtype="u8")
    codes = np.frombuffer(test.read_bytes(), np.uint8)
    places = np.random.default_rng(0).integers(CONTEXT, len(codes), SAMPLE)
    score = timed(lambda p: engine.infgram_prob(codes[p - CONTEXT : p].tolist(), int(codes[p])), places) / SAMPLE
    disk = sum(file.stat().st_size for file in index.rglob("*") if file.is_file()) / 1e6
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024 / 1e6  # of the indexer
    return {"build": seconds, "peak": peak, "disk": disk, "score": score * 1e6, "note": "longest context, no smoothing"}


if __name__ == "__main__":
    system, *paths = sys.argv[1:]
    measure = {"tokengrams": tokengrams, "infini-gram": infini_gram}[system]
    result = measure(*map(Path, paths[:3]))
    Path(paths[3]).write_text(json.dumps(result))
