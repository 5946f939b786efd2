"""`python -m errtax` is the command `errtax`."""

from errtax.cli.main import main

if __name__ == "__main__":
    main()
