"""The layers of the onion, one module each: all that errtax knows of a layer stands in its module."""
