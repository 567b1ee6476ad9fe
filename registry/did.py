"""The identifier of an asset, from which a chain, a registry and a number can be read back.

``did:nft:eip155:<chain>_erc721:<registry, lower case>_<asset number>``: the did:nft method of
CIP-94, which is a CAIP-19 asset id with ``/`` written as ``_``. There is exactly one way to write
each identifier, so that two texts are equal when and only when they mean the same asset.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from registry.errors import InvalidAddress, InvalidDID
from registry.types import ASSET_ID_LIMIT, CHAIN_ID_MAX, Address, terms_of, to_address

_PREFIX: Final = "did:nft:"
_SCHEME: Final = "asset://"
_DECIMAL = re.compile(r"0|[1-9][0-9]*")
_HEX = re.compile(r"0x[0-9a-f]{40}")
_LONGEST: Final = 128
_SHORT = re.compile(r"[a-z][a-z0-9-]{0,62}")
_VERSION_ID = re.compile(r"\?versionId=([^?/]*)\Z")


@dataclass(frozen=True, slots=True, order=True)
class DID:
    """One asset of one registry on one chain.

    `registry` may be handed in in lower case and is kept checksummed. Raises `InvalidDID` when a
    part is out of its range: chain 1 .. 2**63-37 (EIP-2294), asset 0 .. 2**64-1.

    >>> str(DID(1, "0x06012c8cf97bead5deae237070f9587f8e7a266d", 42))
    'did:nft:eip155:1_erc721:0x06012c8cf97bead5deae237070f9587f8e7a266d_42'
    """

    chain_id: int
    registry: str
    asset_id: int

    def __post_init__(self) -> None:
        written = f"{_PREFIX}eip155:{self.chain_id!s:.40}_erc721:{self.registry!s:.60}_{self.asset_id!s:.40}"
        _check_number("chain number", self.chain_id, 1, CHAIN_ID_MAX, written)
        _check_number("asset number", self.asset_id, 0, ASSET_ID_LIMIT - 1, written)
        try:
            address = to_address(self.registry)
        except InvalidAddress as error:
            raise InvalidDID(written, f"the registry is not an address ({error.message.rstrip('.')})") from error
        object.__setattr__(self, "registry", address)

    @classmethod
    def parse(cls, text: str) -> DID:
        """Read a DID; raises `InvalidDID` that says which part is wrong."""
        if not isinstance(text, str):
            raise InvalidDID(repr(text), "it is not text")
        if len(text) > _LONGEST:
            raise InvalidDID(text[:_LONGEST] + "...", f"it has {len(text)} characters, over {_LONGEST}")
        if not text.startswith(_PREFIX):
            raise InvalidDID(text, f"it does not start with {_PREFIX}")
        parts = text[len(_PREFIX) :].split("_")
        if len(parts) != 3:
            raise InvalidDID(text, "it does not have three parts (chain, registry, number) joined by _")
        chain, token, number = parts
        if not chain.startswith("eip155:"):
            raise InvalidDID(text, "its chain is not written as eip155:<number>")
        if not token.startswith("erc721:"):
            raise InvalidDID(text, "its registry is not written as erc721:<address>")
        chain, registry = chain[len("eip155:") :], token[len("erc721:") :]
        for name, digits in (("chain number", chain), ("asset number", number)):
            if not _DECIMAL.fullmatch(digits):
                raise InvalidDID(text, f"its {name} {digits!r} is not a plain decimal without leading zeros")
        if not _HEX.fullmatch(registry):
            if _HEX.fullmatch(registry.lower()):
                raise InvalidDID(text, "its registry address is not in lower case")
            raise InvalidDID(text, f"its registry {registry!r} is not 0x and 40 hexadecimal digits")
        return cls(int(chain), registry, int(number))

    @property
    def address(self) -> Address:
        """Checksummed address of the registry."""
        return Address(self.registry)

    @property
    def collection(self) -> DID | None:
        """The collection that the asset is an item of, by its number; None for other assets."""
        number = terms_of(self.asset_id)
        return None if number == self.asset_id else DID(self.chain_id, self.registry, number)

    @property
    def index(self) -> int:
        """The place of an item in its collection, from 0; without a meaning for other assets."""
        return self.asset_id & 0xFFFFFFFF

    @property
    def caip2(self) -> str:
        """The chain as CAIP-2, e.g. ``eip155:1``."""
        return f"eip155:{self.chain_id}"

    @property
    def caip19(self) -> str:
        """The asset as CAIP-19, e.g. ``eip155:1/erc721:0x.../42``."""
        return f"{self.caip2}/erc721:{self.registry.lower()}/{self.asset_id}"

    def __str__(self) -> str:
        return _PREFIX + self.caip19.replace("/", "_")


def _check_number(name: str, value: object, low: int, high: int, text: str) -> None:
    if not isinstance(value, int) or isinstance(value, bool):
        raise InvalidDID(text, f"its {name} is not a whole number")
    if not low <= value <= high:
        raise InvalidDID(text, f"its {name} is not from {low} to {high}")


def is_short_name(text: str) -> bool:
    """Whether a user may call an asset so: a small letter, then small letters, digits and hyphens, 63 at most."""
    return _SHORT.fullmatch(text) is not None


def split_version(text: str) -> tuple[str, int | None]:
    """Split ``<number>@<version>``, ``<did>@<version>`` or ``<short name>@<version>``; the version is None where none
    is named, and in ``owner/name``, which may have an ``@`` itself. Raises `InvalidDID` for a version that is no number
    from 1."""
    name, at, digits = text.rpartition("@")
    if not at or not (name.isdecimal() or name.startswith(_PREFIX) or is_short_name(name)):
        return text, None
    return name, _version(text, digits)


def split_asset_url(url: str) -> tuple[DID | str, int | None, str]:
    """Split ``asset://<did>/<path>`` into the DID, the version if one is named, and the path of a file in the asset. In
    the place of the DID may stand a short name, which is given back as it is.

    A version stands behind the DID, ``asset://<did>@3/<path>``, or at the end, ``asset://<did>/<path>?versionId=3``.
    The scheme may be missing, since file systems strip it. The path comes back as it is written,
    without the slashes at its ends; it is ``""`` for the asset itself. Raises `InvalidDID`.
    """
    if not isinstance(url, str):
        raise InvalidDID(repr(url), "it is not text")
    named = _VERSION_ID.search(url)
    name, _, path = (url[: named.start()] if named else url).removeprefix(_SCHEME).partition("/")
    did, version = split_version(name)
    if named:
        if version is not None:
            raise InvalidDID(url, "it names a version twice")
        version = _version(url, named[1])
    return did if is_short_name(did) else DID.parse(did), version, path.strip("/")


def _version(text: str, digits: str) -> int:
    if not _DECIMAL.fullmatch(digits) or not 1 <= int(digits[:20]) < ASSET_ID_LIMIT:
        raise InvalidDID(text, f"its version {digits[:40]!r} is not a number from 1")
    return int(digits)
