"""Content identifiers: what a block is called is what its bytes hash to (multiformats/cid).

Only hashes that can be checked here are parsed, so a `CID` that somebody named is one that `verify` can decide. Blocks
of others may link by any hash: such a link is a value, and refused when it is to be fetched.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from registry.errors import InvalidCID, UnsupportedHash
from registry.ipfs import multibase, varint

__all__ = [
    "CBOR",
    "CID",
    "DAG_CBOR",
    "DAG_JSON",
    "DAG_PB",
    "DOCUMENTS",
    "IDENTITY_LIMIT",
    "JSON",
    "LEAVES",
    "LIBP2P_KEY",
    "RAW",
]

# Codecs, from the multicodec table.
RAW: Final = 0x55
CBOR: Final = 0x51
DAG_PB: Final = 0x70
DAG_CBOR: Final = 0x71
LIBP2P_KEY: Final = 0x72
DAG_JSON: Final = 0x0129
JSON: Final = 0x0200

LEAVES: Final = (RAW, CBOR, JSON)
"""Codecs of blocks that link to nothing."""
DOCUMENTS: Final = (*LEAVES, DAG_CBOR, DAG_JSON)
"""Codecs of blocks that are a file of their bytes to whoever reads files."""

_IDENTITY: Final = 0x00
_SHA2_256: Final = 0x12
_SHA2_512: Final = 0x13
_HASHES: Final[dict[int, tuple[int, Callable[[bytes], Any]]]] = {
    _SHA2_256: (32, hashlib.sha256),
    _SHA2_512: (64, hashlib.sha512),
}

#: An identity CID carries its bytes in its own name; longer ones are a way round block limits.
IDENTITY_LIMIT: Final = 128
_LONGEST_DIGEST: Final = 128
_LONGEST_TEXT: Final = 2 * (IDENTITY_LIMIT + 32) + 1
_SHA2_256_PREFIX: Final = bytes((_SHA2_256, 32))


@dataclass(frozen=True, slots=True)
class CID:
    """A content identifier: `version` 0 or 1, `codec` (how to read the block) and `multihash` (hash code, length,
    digest). Two CIDs are equal only if all three are; compare ``a.v1() == b.v1()`` across versions.

    Raises `InvalidCID` for identity of more than 128 bytes and other digests that are longer, for a digest of the wrong
    length, and for a version 0 that is not dag-pb with sha2-256.
    """

    version: int
    codec: int
    multihash: bytes

    def __post_init__(self) -> None:
        if len(self.multihash) == 34 and self.multihash.startswith(_SHA2_256_PREFIX):
            hash_code, digest = _SHA2_256, 32  # nearly every CID there is
        else:
            hash_code, digest = self._measure()
        if self.version not in (0, 1):
            raise InvalidCID(_shown(self.multihash), f"its version is {self.version}, not 0 or 1")
        if self.version == 0 and (self.codec != DAG_PB or hash_code != _SHA2_256):
            raise InvalidCID(_shown(self.multihash), "version 0 is dag-pb with sha2-256 only")
        if not 0 <= self.codec < 1 << 63:
            raise InvalidCID(_shown(self.multihash), f"its codec {self.codec} is out of range")
        if hash_code == _IDENTITY and digest > IDENTITY_LIMIT:
            raise InvalidCID(_shown(self.multihash), f"it carries {digest} bytes itself, more than {IDENTITY_LIMIT}")

    def _measure(self) -> tuple[int, int]:
        try:
            hash_code, at = varint.decode(self.multihash)
            length, at = varint.decode(self.multihash, at)
        except ValueError as error:
            raise InvalidCID(_shown(self.multihash), str(error)) from None
        if len(self.multihash) - at != length:
            raise InvalidCID(
                _shown(self.multihash), f"its digest has {len(self.multihash) - at} bytes, not the {length} it states"
            )
        if hash_code == _IDENTITY:
            return hash_code, length
        if length > _LONGEST_DIGEST:
            raise InvalidCID(_shown(self.multihash), f"its digest has {length} bytes, more than {_LONGEST_DIGEST}")
        if hash_code in _HASHES and length != _HASHES[hash_code][0]:
            raise InvalidCID(_shown(self.multihash), f"its digest of {length} bytes is not a whole one")
        return hash_code, length

    # --- Making ----------------------------------------------------------------------------------

    @classmethod
    def parse(cls, value: str | bytes | CID) -> CID:
        """Read a CID: text in base32 (b), base58btc (z, and Qm for version 0), base36 (k), base16 (f) or base64 (m, u),
        or the binary form. Raises `InvalidCID`, also for a hash that cannot be checked here and for a name of IPNS.

        >>> CID.parse("QmbFMke1KXqnYyBBWxB74N4c5SBnJMVAiMNRcGu6x1AwQH").v1()
        CID('bafybeif7ztnhq65lumvvtr4ekcwd2ifwgm3awq4zfr3srh462rwyinlb4y')
        """
        if isinstance(value, CID):
            return value
        found = cls.link(value)
        if found.codec == LIBP2P_KEY:
            raise InvalidCID(_shown(value), "it is a name of IPNS, whose content changes, and not the content's own")
        if not found.is_checkable:
            raise InvalidCID(_shown(value), f"its hash 0x{found.hash_code:x} is not sha2-256 or sha2-512")
        return found

    @classmethod
    def link(cls, value: str | bytes) -> CID:
        """Read a CID as `parse` does, of any hash and codec: what a block of somebody else may link to. Raises
        `InvalidCID`."""
        if isinstance(value, bytes):
            return cls._from_bytes(value, value)
        if not isinstance(value, str):
            raise InvalidCID(value, f"it is {type(value).__name__}, not text or bytes")
        if not value:
            raise InvalidCID(value, "it is empty")
        if len(value) > _LONGEST_TEXT:
            raise InvalidCID(_shown(value), f"it has {len(value)} characters, more than any CID that is read here")
        try:
            if value.startswith("Qm") and len(value) == 46:
                return cls(0, DAG_PB, multibase.decode("z", value))
            if value.startswith("qm") and len(value) == 46:
                raise ValueError("it looks like a version 0 in small letters, and its capitals are part of it")
            data = multibase.decode(value[0], value[1:])
        except ValueError as error:
            if isinstance(error, InvalidCID):
                raise InvalidCID(value, "it is not the base58 of a sha2-256 digest") from None
            raise InvalidCID(value, str(error)) from None
        if data.startswith(_SHA2_256_PREFIX):
            raise InvalidCID(value, "a version 0 is written without the letter of its base")
        return cls._from_bytes(data, value)

    @classmethod
    def _from_bytes(cls, data: bytes, origin: object) -> CID:
        if len(data) == 34 and data.startswith(_SHA2_256_PREFIX):
            return cls(0, DAG_PB, data)
        try:
            version, at = varint.decode(data)
            if version != 1:
                raise InvalidCID(_shown(origin), f"its version is {version}, not 0 or 1")
            codec, at = varint.decode(data, at)
            return cls(1, codec, data[at:])
        except InvalidCID:
            raise
        except ValueError as error:
            raise InvalidCID(_shown(origin), str(error)) from None

    @classmethod
    def take(cls, data: bytes) -> tuple[CID, int]:
        """The CID that these bytes begin with, and where it ends. Raises `InvalidCID`."""
        if data.startswith(_SHA2_256_PREFIX):
            return cls(0, DAG_PB, data[:34]), 34
        try:
            _, at = varint.decode(data)  # the version, the codec, the hash
            _, at = varint.decode(data, at)
            _, at = varint.decode(data, at)
            length, at = varint.decode(data, at)
        except ValueError as error:
            raise InvalidCID(_shown(data[:40]), str(error)) from None
        return cls._from_bytes(data[: at + length], data[: at + length]), at + length

    @classmethod
    def of(cls, data: bytes, *, codec: int = RAW, version: int = 1) -> CID:
        """The sha2-256 CID of a block of the given codec."""
        return cls(version, codec, _SHA2_256_PREFIX + hashlib.sha256(data).digest())

    @classmethod
    def raw(cls, data: bytes) -> CID:
        """The CID of bytes kept as they are: CIDv1, raw, sha2-256."""
        return cls.of(data)

    @classmethod
    def from_digest(cls, digest: bytes, codec: int = RAW) -> CID:
        """The CIDv1 of a sha2-256 digest of 32 bytes, as a contract stores it. Raises `InvalidCID`."""
        if len(digest) != 32:
            raise InvalidCID(_shown(digest), f"a sha2-256 digest has 32 bytes, not {len(digest)}")
        return cls(1, codec, _SHA2_256_PREFIX + digest)

    # --- Using -----------------------------------------------------------------------------------

    @property
    def digest(self) -> bytes:
        """What the hash gave: 32 bytes of sha2-256, 64 of sha2-512, or the bytes themselves of an identity CID."""
        _, at = varint.decode(self.multihash)
        _, at = varint.decode(self.multihash, at)
        return self.multihash[at:]

    @property
    def inline(self) -> bytes | None:
        """The block itself if this is an identity CID, which needs no source; else None."""
        return self.digest if self.multihash[0] == _IDENTITY else None

    @property
    def hash_code(self) -> int:
        """The multicodec of its hash."""
        return varint.decode(self.multihash)[0]

    @property
    def is_checkable(self) -> bool:
        """Whether its hash can be computed here; what has another is refused when it is to be fetched."""
        return self.multihash[0] in _HASHES or self.multihash[0] == _IDENTITY

    def v1(self) -> CID:
        """The same block under CIDv1."""
        return self if self.version == 1 else CID(1, self.codec, self.multihash)

    def verify(self, data: bytes) -> bool:
        """Whether these bytes are the block that this CID names. Raises `UnsupportedHash`."""
        code = self.multihash[0]
        if code == _IDENTITY:
            return data == self.digest
        if code not in _HASHES:
            raise UnsupportedHash(self, self.hash_code)
        return bool(_HASHES[code][1](data).digest() == self.digest)

    def __bytes__(self) -> bytes:
        if self.version == 0:
            return self.multihash
        return b"\x01" + varint.encode(self.codec) + self.multihash

    def __str__(self) -> str:
        return multibase.base58(self.multihash) if self.version == 0 else "b" + multibase.base32(bytes(self))

    def __repr__(self) -> str:
        return f"CID({str(self)!r})"


def _shown(value: object) -> object:
    """The value as an error should show it: never a wall of text."""
    if isinstance(value, bytes):
        value = "0x" + value.hex()
    return value[:77] + "..." if isinstance(value, str) and len(value) > 80 else value
