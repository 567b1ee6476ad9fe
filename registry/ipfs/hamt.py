"""The arithmetic of sharded folders: where a name stands in a hash array mapped trie (UnixFS HAMTShard).

A name's place is its murmur3 hash, read from the top: each level takes log2(fanout) bits. A link's name begins with
its slot in upper-case hexadecimal; the slots in use are the bits of the shard's bitfield.
"""

from __future__ import annotations

from typing import Final

__all__ = ["MURMUR3_X64_64", "bitfield", "levels", "murmur3", "prefix_length", "slot", "slots"]

#: The multicodec of the only hash that sharded folders use.
MURMUR3_X64_64: Final = 0x22

_MASK: Final = (1 << 64) - 1
_C1: Final = 0x87C37B91114253D5
_C2: Final = 0x4CF5AD432745937F


def _rotate(number: int, by: int) -> int:
    return (number << by | number >> (64 - by)) & _MASK


def _finish(number: int) -> int:
    number = (number ^ number >> 33) * 0xFF51AFD7ED558CCD & _MASK
    number = (number ^ number >> 33) * 0xC4CEB9FE1A85EC53 & _MASK
    return number ^ number >> 33


def _mix1(word: int) -> int:
    return _rotate(word * _C1 & _MASK, 31) * _C2 & _MASK


def _mix2(word: int) -> int:
    return _rotate(word * _C2 & _MASK, 33) * _C1 & _MASK


def murmur3(data: bytes) -> int:
    """The first 64 bits of MurmurHash3_x64_128 with seed 0, as a number."""
    h1 = h2 = 0
    whole = len(data) - len(data) % 16
    for at in range(0, whole, 16):
        h1 ^= _mix1(int.from_bytes(data[at : at + 8], "little"))
        h1 = (_rotate(h1, 27) + h2) * 5 + 0x52DCE729 & _MASK
        h2 ^= _mix2(int.from_bytes(data[at + 8 : at + 16], "little"))
        h2 = (_rotate(h2, 31) + h1) * 5 + 0x38495AB5 & _MASK
    h1 ^= _mix1(int.from_bytes(data[whole : whole + 8], "little"))
    h2 ^= _mix2(int.from_bytes(data[whole + 8 :], "little"))
    h1 ^= len(data)
    h2 ^= len(data)
    h1 = h1 + h2 & _MASK
    h2 = h2 + h1 & _MASK
    return _finish(h1) + _finish(h2) & _MASK


def levels(fanout: int) -> int:
    """How many levels a 64-bit hash can feed. Raises ValueError for a fanout that is not 8, 16, ... 1024."""
    if fanout not in (8, 16, 32, 64, 128, 256, 512, 1024):
        raise ValueError(f"the shard has a fanout of {fanout}, not a power of two from 8 to 1024")
    return 64 // (fanout.bit_length() - 1)


def slot(hashed: int, level: int, fanout: int) -> int:
    """The slot of a hash at a level, counted from 0 at the root."""
    bits = fanout.bit_length() - 1
    return hashed >> (64 - bits * (level + 1)) & (fanout - 1)


def prefix_length(fanout: int) -> int:
    """How many hexadecimal digits begin a link's name."""
    return len(f"{fanout - 1:X}")


def bitfield(used: list[int]) -> bytes:
    """The bytes of a bitfield with these slots set: big-endian, leading zero bytes left out."""
    number = sum(1 << index for index in used)
    return number.to_bytes((number.bit_length() + 7) // 8, "big")


def slots(field: bytes, fanout: int) -> list[int]:
    """The slots set in a bitfield, ascending. Raises ValueError if it has more bits than the fanout."""
    number = int.from_bytes(field, "big")
    if len(field) > fanout // 8:
        raise ValueError("the shard's bitfield is longer than its fanout")
    found = []
    while number:
        lowest = number & -number
        found.append(lowest.bit_length() - 1)
        number ^= lowest
    return found
