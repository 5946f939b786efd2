"""Names of sources and bases, for a command line that has not loaded anything yet; `registry` has the sources."""

NAMES = ("vllm", "completions", "llama", "minicons", "kenlm", "table", "lm-eval")
"""The sources in the order of the documentation; the last one is known and cannot be imported."""
BASES = ("e", "2", "10", "p")
"""Of logarithms; `p`: probabilities."""
