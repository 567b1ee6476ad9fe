"""How files become blocks. The same bytes have another CID under another profile, so a profile is published with
the CID (IPIP-499, "UnixFS CID Profiles")."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, Literal

__all__ = ["COLLECTION_V1", "KUBO_V1", "PROFILES", "UNIXFS_V0_2015", "UNIXFS_V1_2025", "Profile"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """A balanced UnixFS layout.

    `chunk` is the bytes of a leaf, `width` the most links of a file node. A folder becomes a HAMT of `fanout` when its
    size passes `hamt_threshold` bytes, where the size is that of its block (`hamt_by` "block") or the sum of its names
    and binary CIDs ("links").
    """

    name: str
    cid_version: Literal[0, 1]
    raw_leaves: bool
    chunk: int
    width: int
    hamt_by: Literal["links", "block"]
    hamt_threshold: int = 256 * 1024
    fanout: int = 256


UNIXFS_V1_2025: Final = Profile(
    name="unixfs-v1-2025", cid_version=1, raw_leaves=True, chunk=1024 * 1024, width=1024, hamt_by="block"
)
UNIXFS_V0_2015: Final = Profile(
    name="unixfs-v0-2015", cid_version=0, raw_leaves=False, chunk=256 * 1024, width=174, hamt_by="links"
)
#: What ``ipfs add --cid-version=1`` does without a profile.
KUBO_V1: Final = Profile(name="kubo-v1", cid_version=1, raw_leaves=True, chunk=256 * 1024, width=174, hamt_by="links")

#: Small chunks, for files of which a few hundred bytes are read here and there: the lists of collections.
COLLECTION_V1: Final = Profile(
    name="collection-v1", cid_version=1, raw_leaves=True, chunk=16 * 1024, width=128, hamt_by="block"
)

#: By name, the default first.
PROFILES: Final[Mapping[str, Profile]] = MappingProxyType(
    {p.name: p for p in (UNIXFS_V1_2025, UNIXFS_V0_2015, KUBO_V1, COLLECTION_V1)}
)
