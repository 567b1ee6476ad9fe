"""What a client and a key gateway say to each other, version 1: JSON over HTTP, the same models on both sides.

Shares travel sealed (age) to the one who is to have them, so a gateway learns its own share and nothing else, and
nobody on the way learns any. Whoever asks signs in with Ethereum (EIP-4361); the signed text names the gateway, the
chain, the asset and the digest of the very request, so it is good for nothing else. See docs/key-gateway.md.
"""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from typing import Annotated, Any, Final, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints

from registry.did import DID
from registry.documents.canonical import SAFE_INTEGER, canonical_bytes
from registry.documents.typed_data import typed_data
from registry.errors import InputError
from registry.types import to_address

VERSION: Final = 1

MAX_BODY: Final = 64 * 1024
"""Bytes of a request or an answer that either side reads; what is longer is refused unread."""

MAX_SHARES: Final = 16
"""Of SLIP-39: a secret is split among at most 16."""

MAX_KEPT: Final = 16
"""Shares of one version that a gateway keeps, and hands out together."""

SIGN_IN_SECONDS: Final = 600
"""How long a sign-in message may be good for at most."""


def _address(text: str) -> str:
    try:
        return to_address(text)
    except InputError as error:
        raise ValueError(error.message) from None


def _did(text: str) -> str:
    try:
        return str(DID.parse(text))
    except InputError as error:
        raise ValueError(error.message) from None


def _text(pattern: str, low: int, high: int) -> StringConstraints:
    return StringConstraints(strict=True, pattern=pattern, min_length=low, max_length=high)


AddressText = Annotated[str, StringConstraints(strict=True, max_length=42), AfterValidator(_address)]
DIDText = Annotated[str, StringConstraints(strict=True, max_length=256), AfterValidator(_did)]
Recipient = Annotated[str, _text(r"^age1[02-9ac-hj-np-z]{58}$", 62, 62)]
"""A public X25519 key as age writes it."""

Armor = Annotated[str, _text(r"^-----BEGIN AGE ENCRYPTED FILE-----\n[A-Za-z0-9+/=\n]+\n-----END AGE", 64, 8192)]
"""A small age file as text."""

Hex = Annotated[str, _text(r"^0x([0-9a-f]{2})*$", 2, 16_384)]
NonceText = Annotated[str, _text(r"^[A-Za-z0-9]{8,96}$", 8, 96)]
Whole = Annotated[int, Field(strict=True, ge=0, le=SAFE_INTEGER)]
Count = Annotated[int, Field(strict=True, ge=1, le=2**32 - 1)]
Index = Annotated[int, Field(strict=True, ge=0, lt=MAX_SHARES)]
Threshold = Annotated[int, Field(strict=True, ge=1, le=MAX_SHARES)]


class _Request(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    def to_dict(self) -> dict[str, Any]:
        """The request as plain JSON."""
        return self.model_dump(mode="json", by_alias=True)


class _Answer(BaseModel):
    # A later gateway may say more than this client understands.
    model_config = ConfigDict(frozen=True, extra="ignore", populate_by_name=True)

    def to_dict(self) -> dict[str, Any]:
        """The answer as plain JSON."""
        return self.model_dump(mode="json", by_alias=True)


class Gateway(_Answer):
    """``GET /v1/gateway``: who a gateway is, and which registry it serves.

    `depth` is how many blocks deep a state of the chain must be for it; `domain` is the ``host:port`` that sign-in
    messages name; `signer` the Ethereum account that signs its answers.
    """

    version: Literal[1] = VERSION
    chain_id: Count
    registry: AddressText
    depth: Whole
    domain: Annotated[str, StringConstraints(strict=True, min_length=1, max_length=253)]
    age_recipient: Recipient
    signer: AddressText


class NonceRequest(_Request):
    """``POST /v1/nonce``."""

    account: AddressText


class Nonce(_Answer):
    """A nonce for one sign-in message, until `expires_at` (seconds since 1970)."""

    nonce: NonceText
    expires_at: Whole


class Auth(_Request):
    """A sign-in message (EIP-4361) as it was signed, and its signature (65 bytes, or what a contract takes)."""

    message: Annotated[str, StringConstraints(strict=True, min_length=1, max_length=8192)]
    signature: Hex


class Deposit(_Request):
    """``POST /v1/shares``: the share number `index` of the key of an asset's `version`, for one gateway to keep."""

    did: DIDText
    version: Count
    index: Index
    threshold: Threshold
    sealed: Armor
    auth: Auth | None = None

    def resource(self) -> str:
        """What the sign-in message must name besides the asset."""
        return f"urn:registry:deposit:{self.did}:{self.version}:{_sha256(self.sealed.encode())}"


class Stored(_Answer):
    """The gateway keeps it."""

    stored: Literal[True] = True


class Invitation(_Request):
    """The owner's word that `account` may open the asset from `start` to `end` (seconds since 1970)."""

    did: DIDText
    account: AddressText
    start: Whole = Field(alias="from")
    end: Whole = Field(alias="until")
    nonce: Whole

    @property
    def id(self) -> str:
        """Its name: the digest of what it says."""
        return _sha256(canonical_bytes(self.to_dict()))

    def message(self) -> dict[str, Any]:
        """The EIP-712 message that the owner signs."""
        did = DID.parse(self.did)
        return typed_data(
            "Invitation",
            {"assetId": "uint256", "account": "address", "from": "uint64", "until": "uint64", "nonce": "uint64"},
            {
                "assetId": did.asset_id,
                "account": self.account,
                "from": self.start,
                "until": self.end,
                "nonce": self.nonce,
            },
            name="AI Asset Registry Key Gateway",
            version="1",
            chain_id=did.chain_id,
            contract=did.registry,
        )


class SignedInvitation(_Request):
    """``POST /v1/invitations``."""

    invitation: Invitation
    signature: Hex


class Revocation(_Request):
    """``DELETE /v1/invitations/{id}``: ends an invitation that has not started; `did` is the asset it is of."""

    did: DIDText
    id: Annotated[str, _text(r"^[0-9a-f]{64}$", 64, 64)]
    auth: Auth | None = None

    def resource(self) -> str:
        """What the sign-in message must name besides the asset."""
        return f"urn:registry:revoke:{self.id}"


class Receipt(_Request):
    """A use that its holder signed away, as `registry.content.uses.SignedReceipt` writes it."""

    did: DIDText
    licence: Annotated[int, Field(strict=True, ge=0, le=255)]
    account: AddressText
    uses: Count
    service: AddressText
    ref: Annotated[str, _text(r"^[0-9a-f]{64}$", 64, 64)]
    nonce: Annotated[str, _text(r"^[0-9]{1,78}$", 1, 78)]
    deadline: Whole
    signature: Annotated[str, _text(r"^([0-9a-f]{2})*$", 0, 16_384)]


class ReleaseRequest(_Request):
    """``POST /v1/releases``: ask for a share, sealed to `recipient`, a key made for this request alone.

    `version` is the asset's version whose key it is, as its document says. With `licence` access is asked of that
    licence only; `receipt` gives a use for it, see `release_ref`.
    """

    did: DIDText
    version: Count
    recipient: Recipient
    licence: Annotated[int, Field(strict=True, ge=0, le=255)] | None = None
    receipt: Receipt | None = None
    auth: Auth | None = None

    def resource(self) -> str:
        """What the sign-in message must name besides the asset: the digest of the request."""
        unsigned = {name: value for name, value in self.to_dict().items() if name != "auth"}
        return f"urn:registry:release:{_sha256(canonical_bytes(unsigned))}"


class Release(_Answer):
    """Shares: `sealed` are the SLIP-39 mnemonics that the gateway keeps of the version, the newest first, each on a
    line, as an age file for the `recipient` of the request; `block` is the state of the chain that they were given by;
    `signature` is the gateway's over `signed_text`.

    There are several where keys were split anew, or somebody handed in a wrong one; the document says which is right.
    """

    version: Count
    sealed: Armor
    block: Whole
    signature: Hex

    def signed_text(self, request: ReleaseRequest) -> bytes:
        """What the gateway signs, as a personal message (EIP-191): its answer, and what it answers."""
        answer = {name: value for name, value in self.to_dict().items() if name != "signature"}
        return canonical_bytes({"answer": answer, "request": request.resource(), "type": "registry.release.v1"})


class Problem(_Answer):
    """What went wrong: `code` for machines, `message` and `hint` for people."""

    code: Annotated[str, StringConstraints(max_length=64)]
    message: Annotated[str, StringConstraints(max_length=2000)]
    hint: Annotated[str, StringConstraints(max_length=2000)] = ""


class ErrorAnswer(_Answer):
    """The body of every answer that is not a 2xx."""

    error: Problem


def release_ref(did: str, version: int, recipient: str) -> bytes:
    """The `ref` of a receipt that pays for a release: good for this asset, key and fresh recipient only.

    The `service` of such a receipt is the zero address: whichever gateway is first consumes it on chain, the others
    see there that it was.
    """
    return hashlib.sha256(f"registry.release.v1\n{did}\n{version}\n{recipient}".encode()).digest()


def sign_in_text(
    *,
    domain: str,
    account: str,
    uri: str,
    chain_id: int,
    nonce: str,
    issued_at: int,
    expires_at: int,
    resources: tuple[str, ...],
    statement: str,
) -> str:
    """The sign-in message of EIP-4361, version 1; times are in seconds since 1970."""
    lines = [
        f"{domain} wants you to sign in with your Ethereum account:",
        account,
        "",
        statement,
        "",
        f"URI: {uri}",
        "Version: 1",
        f"Chain ID: {chain_id}",
        f"Nonce: {nonce}",
        f"Issued At: {_moment(issued_at)}",
        f"Expiration Time: {_moment(expires_at)}",
        "Resources:",
        *(f"- {resource}" for resource in resources),
    ]
    return "\n".join(lines)


def door(url: str, nonce: str) -> str:
    """What a sign-in of a web page names for each gateway that it is for, with the nonce of that one; `url` is the
    gateway's base URL. So a person signs once, and each gateway finds itself and what it made."""
    return f"{url.rstrip('/')}/v1/releases?nonce={nonce}"


def domain_of(url: str) -> str:
    """The ``host:port`` of a gateway's base URL, as its sign-in messages name it."""
    return urlsplit(url).netloc


def _moment(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
