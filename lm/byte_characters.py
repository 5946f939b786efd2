"""The characters that byte-level BPE writes for bytes (Radford et al. 2019, GPT-2's `bytes_to_unicode`).

Bytes that Latin-1 shows, other than space and soft hyphen, are themselves; the others are characters from U+0100 on.
"""

_SHOWN = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
_OTHERS = [byte for byte in range(0x100) if byte not in _SHOWN]
BYTE_OF_CHARACTER = {chr(byte): byte for byte in _SHOWN} | {chr(0x100 + k): byte for k, byte in enumerate(_OTHERS)}
"""The byte that each of 256 characters stands for."""
