"""Recurrent and feed-forward models: their equations, training, runs, and what happens inside them.

All of it needs torch: importing any module of this room without it raises `UsageError`, with the way out.
"""

from importlib.util import find_spec

from errtax.lm.errors import UsageError

if find_spec("torch") is None:
    raise UsageError("training and prediction need torch: pip install 'errtax[lm]'.")
