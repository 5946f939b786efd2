"""errtax: why is my language model wrong?  Error analysis around n-gram oracles.

The folders are the method.  A language model (`errtax.lm`) writes a prediction log, oracles
(`errtax.oracle`) add evidence to it, the taxonomy (`errtax.taxonomy`) peels the errors layer by layer,
reports (`errtax.reports`) show the result, and the CLI (`errtax.cli`) is a skin over all of it.
"""

__version__ = "0.1.0"
