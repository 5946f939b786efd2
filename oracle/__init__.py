"""Oracles: each looks at a text and says, position by position, what could have explained an error there."""
