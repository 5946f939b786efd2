#!/usr/bin/env bash
# One step of release.yml: what was installed works by itself. errtax and python are those of the PATH; the version is $1.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
said=$(errtax --version)
[ "$said" = "errtax, version $1" ] || { echo "errtax --version says '$said', version $1 is due" >&2; exit 1; }
python - <<'PYTHON'
import numpy as np, pandas as pd

text = "It was a dark and stormy night; the rain fell in torrents. " * 9
open("train.txt", "w").write(text)
p = np.random.default_rng(1).uniform(0.01, 0.99, len(text))
log = {"position": np.arange(len(text)), "symbol": [bytes([b]) for b in text.encode()], "logprob": np.log(p)}
pd.DataFrame(log).to_parquet("preds.parquet")
PYTHON
errtax peel preds.parquet --train-text train.txt
errtax report preds.peel.parquet --pie pie.png
test -s report.html && test -s pie.png
errtax validate preds.peel.parquet
