"""The layers of the onion, a module each: all that errtax knows of a layer stands in its module."""
