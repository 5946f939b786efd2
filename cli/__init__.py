"""The command line: a skin over the library.  One module a command; heavy imports inside the commands."""
