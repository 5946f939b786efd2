"""Codes of the evidence column `after`: what the character before a symbol is."""

SPACE, QUOTE, NEWLINE = 1, 2, 3
AFTER_NAMES = ("", "space", "quote", "newline")
"""Their names, by code; 0 is any other character."""
