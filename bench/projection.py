"""What it costs to turn a model's distributions over tokens into a byte log: time as a share of the model's forward
pass, one thread, in alternation on the same windows; and the peak memory on a short and on a long text, of random
distributions over as many tokens as SmolLM2 has.

    python bench/projection.py --model SmolLM2-135M-Instruct.Q4_1.gguf --text wp/test.txt [--windows 4]
    python bench/projection.py --memory [--sizes 20,2000]

Times are those of the thread's processor time, so that other programs on the machine count less.
"""

import argparse
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from measure import time_process

from errtax.lm.byte_log import ByteProjector
from errtax.lm.kernels import limit_threads

N_TOKENS = 49_152
WINDOW = 768


def vocabulary(rng: np.random.Generator) -> list[bytes]:
    """All bytes, and random words of frequent letters, most of them after a space."""
    found = {bytes([b]) for b in range(256)}
    while len(found) < N_TOKENS:
        letters = np.minimum(rng.exponential(6, rng.integers(1, 10)), 25).astype(np.uint8)
        found.add((b" " if rng.random() < 0.6 else b"") + (97 + letters).tobytes())
    return sorted(found)


def write_synthetic(size: int, output: Path) -> None:
    """The byte log of a random text of about so many bytes, whose distributions come one after another."""
    import errtax  # noqa: PLC0415

    rng = np.random.default_rng(0)
    pieces = vocabulary(rng)
    mean = sum(map(len, pieces)) / len(pieces)
    ids = rng.integers(0, len(pieces), round(size / mean))
    some = rng.normal(0, 3, (64, len(pieces))).astype(np.float32)

    def distributions() -> Iterator[Any]:
        for at in range(0, len(ids), len(some)):
            yield some[: len(ids) - at]

    errtax.byte_log(distributions(), pieces, ids, output=output)


def measure_memory(sizes: list[int]) -> None:
    for size in sizes:
        with tempfile.TemporaryDirectory() as folder:
            command = [sys.executable, __file__, "--synthetic", str(size * 1000), str(Path(folder) / "log.parquet")]
            print(f"{size:,} kB: {time_process(command, 1, warm_up=False)}", flush=True)


def seconds_of(function: Callable[[], Any]) -> tuple[float, Any]:
    start = time.thread_time()
    found = function()
    return time.thread_time() - start, found


def measure_time(model: Path, text: Path, n_windows: int) -> None:
    import torch  # noqa: PLC0415
    from transformers import AutoModelForCausalLM  # noqa: PLC0415

    from errtax.lm.hf.tokenizer import load_tokenizer  # noqa: PLC0415

    torch.set_num_threads(1)
    tokenizer = load_tokenizer(str(model))
    network: Any = AutoModelForCausalLM.from_pretrained(model.parent, gguf_file=model.name, dtype=torch.float32)
    network.eval()
    content = text.read_bytes()[: 8 * WINDOW * (n_windows + 1)]
    ids = np.asarray(tokenizer.encode(content.decode(errors="ignore").encode()).ids)
    projector = ByteProjector(tokenizer.vocabulary)
    forward, projection, n_bytes = [], [], 0
    with torch.inference_mode(), limit_threads(1):
        for k in range(n_windows + 1):
            window = torch.from_numpy(ids[k * WINDOW : (k + 1) * WINDOW + 1])
            spent, logits = seconds_of(lambda window=window: network(window[None, :-1], use_cache=False).logits[0])  # type: ignore[misc]
            more, rows = seconds_of(lambda window=window, logits=logits: projector.add(window[1:], logits.numpy()))  # type: ignore[misc]
            if k:  # the first warms up
                forward.append(spent / WINDOW)
                projection.append(more / WINDOW)
                n_bytes += len(rows.logprob)
    ratios = [b / a for a, b in zip(forward, projection, strict=True)]
    for name, found in (("forward pass", forward), ("projection", projection)):
        low, middle, high = (1e3 * each for each in (min(found), statistics.median(found), max(found)))
        print(f"{name}: {middle:.2f} ms per token [{low:.2f}, {high:.2f}]")
    print(f"projection / forward pass: {statistics.median(ratios):.3f} [{min(ratios):.3f}, {max(ratios):.3f}]")
    print(f"{n_windows} windows of {WINDOW} tokens, {n_bytes:,} bytes, {len(tokenizer.vocabulary):,} tokens")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, help="a .gguf file")
    parser.add_argument("--text", type=Path)
    parser.add_argument("--windows", type=int, default=4)
    parser.add_argument("--memory", action="store_true")
    parser.add_argument("--sizes", default="20,2000", help="of the texts, in kB")
    parser.add_argument("--synthetic", nargs=2, metavar=("BYTES", "OUTPUT"), help="only write one log")
    options = parser.parse_args()
    if options.synthetic:
        write_synthetic(int(options.synthetic[0]), Path(options.synthetic[1]))
        return
    if options.memory:
        measure_memory([int(size) for size in options.sizes.split(",")])
    if options.model:
        measure_time(options.model, options.text, options.windows)


if __name__ == "__main__":
    main()
