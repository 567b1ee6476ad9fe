"""Names of IPNS: a name is a public key, and what it leads to is what the holder of the key signed last.

A record is believed for its signature alone (the one over its data, version 2), only before its end, and never when one
of a higher sequence was seen before: whoever hands out records can be slow or a liar, but cannot take anybody back.

https://specs.ipfs.tech/ipns/ipns-record/
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, Self

from registry.errors import InputError
from registry.ipfs import multibase
from registry.ipfs.cid import CID, LIBP2P_KEY
from registry.ipfs.dag import decode
from registry.ipfs.dagpb import fields

__all__ = ["LONGEST_RECORD", "RECORD_TYPE", "IpnsName", "IpnsRecord", "is_content_path", "read_record"]

LONGEST_RECORD: Final = 10 * 1024
RECORD_TYPE: Final = "application/vnd.ipfs.ipns-record"

_PREFIX: Final = b"ipns-signature:"
_ED25519: Final = 1
_RSA: Final = 0
_TIME: Final = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?Z")


@dataclass(frozen=True, slots=True)
class IpnsName:
    """The name of a key: `multihash` is its hash, or, of a short key, the key itself."""

    multihash: bytes

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read ``k51...``, ``12D3Koo...`` or ``Qm...``, with or without ``/ipns/`` or ``ipns://`` before it. Raises
        `InputError`."""
        name = text.removeprefix("ipns://").removeprefix("/ipns/").rstrip("/")
        try:
            if name.startswith(("12D3", "16U", "Qm")):  # the hash alone, in base58
                return cls(CID(1, LIBP2P_KEY, multibase.decode("z", name)).multihash)
            cid = CID.link(name)
        except ValueError as error:
            raise _no_name(text, getattr(error, "message", str(error))) from None
        if cid.codec != LIBP2P_KEY:
            raise _no_name(text, "it is a CID, which is content and not a key")
        return cls(cid.multihash)

    def __str__(self) -> str:
        return "k" + multibase.base36(bytes(CID(1, LIBP2P_KEY, self.multihash)))


def _no_name(text: str, reason: str) -> InputError:
    return InputError(f"{text[:100]!r} is no name of IPNS: {reason}.", hint="It looks like k51... or 12D3Koo...")


@dataclass(frozen=True, slots=True)
class IpnsRecord:
    """What the holder of `name` signed: the path that it leads to, until when (UTC), which of the holder's records it
    is, and for how many seconds it need not be asked for again."""

    name: IpnsName
    value: str
    until: datetime
    sequence: int
    ttl: float

    @property
    def is_over(self) -> bool:
        """Whether its time is over."""
        return datetime.now(UTC) >= self.until


def read_record(name: IpnsName, data: bytes) -> IpnsRecord:
    """A record with its signature checked; whether it is over is left to whoever uses it. Raises ValueError with what
    is wrong."""
    if len(data) > LONGEST_RECORD:
        raise ValueError(f"it has {len(data):,} bytes, more than {LONGEST_RECORD:,}")
    outer = _outer(data)
    signed, signature = outer.get(9), outer.get(8)
    if not isinstance(signed, bytes) or not isinstance(signature, bytes):
        raise ValueError("it has no signature of version 2")
    if not _is_signed(_key_of(name, outer.get(7)), signature, _PREFIX + signed):
        raise ValueError("its signature is not that of the name's key")
    return _checked(name, decode(signed), outer)


def _outer(data: bytes) -> dict[int, int | bytes]:
    found: dict[int, int | bytes] = {}
    for number, _, value in fields(data):
        if number in found:
            raise ValueError(f"it has field {number} twice")
        found[number] = value
    return found


def _checked(name: IpnsName, inner: Any, outer: dict[int, int | bytes]) -> IpnsRecord:
    """The record in signed data, which what stands beside it may not contradict."""
    if not isinstance(inner, dict):
        raise ValueError("its data is no map")
    value, validity, kind = inner.get("Value"), inner.get("Validity"), inner.get("ValidityType")
    sequence, ttl = inner.get("Sequence"), inner.get("TTL")
    if not isinstance(value, bytes) or not isinstance(validity, bytes):
        raise ValueError("it has no value, or no end")
    if kind != 0 or type(sequence) is not int or type(ttl) is not int or sequence < 0 or ttl < 0:
        raise ValueError("its data has numbers that no record has")
    for number, told in ((1, value), (3, kind), (4, validity), (5, sequence), (6, ttl)):
        if outer.get(number, told) != told:
            raise ValueError("it says something else beside what is signed")
    match = _TIME.fullmatch(validity.decode("ascii"))
    if match is None:
        raise ValueError(f"its end {validity.decode('ascii', 'replace')!r} is no time")
    until = datetime.fromisoformat(f"{match[1]}+00:00").replace(microsecond=int((match[2] or "0").ljust(6, "0")[:6]))
    path = value.decode("utf-8")
    if not is_content_path(path):
        raise ValueError(f"it leads to {path[:80]!r}, which is no path of content")
    return IpnsRecord(name, path, until, sequence, ttl / 1e9)


def is_content_path(text: str) -> bool:
    """Whether a text is a path that a name may lead to."""
    return re.fullmatch(r"/(ipfs|ipns)/[^\x00-\x1f\x7f\s?#]{1,2000}", text) is not None


# --- Keys ----------------------------------------------------------------------------------------


def _key_of(name: IpnsName, embedded: int | bytes | None) -> tuple[int, bytes]:
    """The kind and bytes of the key: in the name itself, or in the record if its hash is the name."""
    cid = CID(1, LIBP2P_KEY, name.multihash)
    encoded = cid.inline
    if encoded is None:
        if not isinstance(embedded, bytes) or not cid.is_checkable or not cid.verify(embedded):
            raise ValueError("it does not have the key that the name is the hash of")
        encoded = embedded
    parts = {number: value for number, _, value in fields(encoded)}
    kind, key = parts.get(1, _RSA), parts.get(2)
    if not isinstance(kind, int) or not isinstance(key, bytes):
        raise ValueError("its key is malformed")
    return kind, key


def _is_signed(key: tuple[int, bytes], signature: bytes, data: bytes) -> bool:
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
    from cryptography.hazmat.primitives.serialization import load_der_public_key

    kind, encoded = key
    try:
        if kind == _ED25519:
            Ed25519PublicKey.from_public_bytes(encoded).verify(signature, data)
            return True
        if kind == _RSA:
            public = load_der_public_key(encoded)
            if not isinstance(public, RSAPublicKey) or not 2048 <= public.key_size <= 8192:
                raise ValueError("its key is no RSA key of 2,048 to 8,192 bits")
            public.verify(signature, data, PKCS1v15(), hashes.SHA256())
            return True
    except InvalidSignature:
        return False
    raise ValueError(f"its key is of kind {kind}; read are Ed25519 and RSA")
