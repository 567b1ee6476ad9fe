"""Unsigned varints (multiformats/unsigned-varint): seven bits a byte, least significant group first."""

from __future__ import annotations

__all__ = ["decode", "encode"]

_LONGEST = 10  # bytes of a 64-bit number; multiformats stops at 9, protobuf at 10


def encode(number: int) -> bytes:
    """The shortest varint of a number of at least 0."""
    if number < 0x80:
        return bytes((number,))
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


def decode(data: bytes, at: int = 0) -> tuple[int, int]:
    """The number that starts at an offset, and the offset after it.

    Refuses with ValueError what has a second spelling or no end: cut short, padded, or above 64 bits.
    """
    if at < len(data) and data[at] < 0x80:  # as nearly all are
        return data[at], at + 1
    number = 0
    for index, byte in enumerate(data[at : at + _LONGEST]):
        number |= (byte & 0x7F) << (7 * index)
        if byte < 0x80:
            if byte == 0 and index:
                raise ValueError("a number is padded with zeros")
            if number >> 64:
                raise ValueError("a number is above 64 bits")
            return number, at + index + 1
    raise ValueError("a number is cut short or above 64 bits")
