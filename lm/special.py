"""The three symbols that every n-gram model keeps for itself: their ids and their names.

KenLM numbers them so; the ids of a text's own symbols follow, by first appearance, from `SPECIAL` on.
"""

UNK, BOS, EOS = 0, 1, 2
END = UNK
"""Stands once after the sequence S: what follows the last symbol where the last line has no end."""

UNK_NAME, BOS_NAME, EOS_NAME = "<unk>", "<s>", "</s>"
SPECIAL_NAMES = (UNK_NAME, BOS_NAME, EOS_NAME)
"""By id."""
SPECIAL = len(SPECIAL_NAMES)
"""The first id of a text's own symbols."""
