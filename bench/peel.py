"""Wall time of `errtax --help` and `errtax peel`, whole processes with a warm kernel cache, and of the evidence alone.

python bench/peel.py PREDS TRAIN [--ngram X.ngram] [--runs 5]
"""

import argparse
import tempfile
from pathlib import Path

from measure import errtax, time_function, time_process

from errtax.lm.log_reader import read_log
from errtax.oracle.evidence import collect_evidence
from errtax.oracle.text_view import TextView


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("preds", type=Path)
    parser.add_argument("train", type=Path)
    parser.add_argument("--ngram", type=Path)
    parser.add_argument("--runs", type=int, default=5)
    options = parser.parse_args()
    print("errtax --help             ", time_process(errtax("--help"), options.runs))
    log = read_log(options.preds)
    print(
        "evidence, no index        ",
        time_function(lambda: collect_evidence(TextView.of_log(log), None, None), options.runs),
    )
    with tempfile.TemporaryDirectory() as name:
        base = errtax(
            "peel", "--preds", options.preds, "--train-text", options.train, "-o", f"{name}/p.parquet", "--force"
        )
        print("errtax peel, no index     ", time_process(base, options.runs))
        if options.ngram:
            print("errtax peel, with an index", time_process([*base, "--ngram", str(options.ngram)], options.runs))


if __name__ == "__main__":
    main()
