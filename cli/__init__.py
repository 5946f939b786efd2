"""The command line: a skin over the library.  One module per command; heavy imports inside the commands."""
