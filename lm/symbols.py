"""Columns of symbols for tables."""

from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from errtax.lm.log_columns import encode_symbols
from errtax.lm.special import EOS_NAME
from errtax.lm.table import arrow_of, arrow_of_names
from errtax.lm.text import END_OF_LINE, Text, Unit


def symbol_column(text: Text, start: int = 0, stop: int | None = None) -> Any:
    """The symbols `start` to `stop` of a text as an Arrow column.

    Binary of one byte each, or a string each: one character, a word, a token's id in decimal.  The end of a line is
    `</s>` with words and tokens, the newline itself with bytes and characters.

    >>> from errtax.lm.text import text_of_bytes
    >>> symbol_column(text_of_bytes(b"to be\\nor", Unit.WORD)).to_pylist()
    ['to', 'be', '</s>', 'or']
    """
    codes = text.codes[start:stop]
    if text.unit in (Unit.BYTE, Unit.CHAR):
        return encode_symbols(codes, text.unit)
    numbers = arrow_of(codes, null=codes == END_OF_LINE)
    strings = text.words.take(numbers) if text.unit is Unit.WORD else numbers.cast(pa.string())
    return pc.coalesce(strings, arrow_of_names([EOS_NAME])[0])
