"""A job: which code is to run on whose data with what, for whom, at which host; and the order that its consumer signs.

Both are documents of one spelling. The digest of a job is its name, what its use is paid for, and what its receipt is
about, so none of them is good for another job.
"""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from registry.content.uses import SignedReceipt
from registry.did import DID
from registry.documents.canonical import canonical_bytes
from registry.documents.typed_data import typed_data
from registry.errors import InputError, InvalidAddress
from registry.gated.identity import public_bytes
from registry.sandbox.runs.document import CIDText, Document, Json
from registry.text.html import Shown
from registry.types import to_address

__all__ = ["MOST_SECONDS_OPEN", "Account", "ComputeJob", "JobOrder"]

MOST_SECONDS_OPEN: Final = 30 * 86_400
"""How long an order may be open."""

_DATA: Final = r"^did:nft:eip155:[1-9][0-9]{0,15}_erc721:0x[0-9a-f]{40}_(0|[1-9][0-9]{0,19})$"


def _account(text: str) -> str:
    try:
        same = to_address(text) == text
    except InvalidAddress as error:
        raise ValueError(error.message) from None
    if not same:
        raise ValueError("is not an address in its usual form")
    return text


def _recipient(text: str) -> str:
    try:
        public_bytes(text)
    except InputError as error:
        raise ValueError(error.message) from None
    return text


Account = Annotated[str, Field(max_length=42), AfterValidator(_account)]
_Asset = Annotated[str, Field(pattern=_DATA)]
_Version = Annotated[int, Field(ge=1, le=2**32 - 1)]


class ComputeJob(Document):
    """What is to be run.

    =============== ====================================================================================
    offering        the asset whose terms it keeps to, and `terms`: the CID of its document
    data            the asset that is computed on, its version, and the `content` that its document names
    code            CID of the program: a file of Python, or a folder with its run.toml and lock
    params, seed    what the program is given
    consumer        the account it is for, and the age `recipient` that the result is sealed to
    host            the account that is to run it and sign for it
    until           seconds since 1970 until which it may be begun
    nonce           makes it another job than the same one before
    =============== ====================================================================================
    """

    called = "a job"

    version: Literal["1.0.0"] = "1.0.0"
    offering: _Asset
    terms: CIDText
    data: _Asset
    data_version: _Version
    content: CIDText
    code: CIDText
    params: Json
    seed: Annotated[int, Field(ge=0, le=2**32 - 1)] = 0
    consumer: Account
    recipient: Annotated[str, Field(max_length=62), AfterValidator(_recipient)]
    host: Account
    until: Annotated[int, Field(ge=0, le=2**48 - 1)]
    nonce: Annotated[str, Field(pattern=r"^[0-9a-f]{32}$")]

    @property
    def digest(self) -> bytes:
        """32 bytes that stand for it."""
        return bytes(self.cid.digest)

    @property
    def id(self) -> str:
        """Its name: the digest in digits."""
        return self.digest.hex()

    def message(self) -> dict[str, Any]:
        """The EIP-712 message that the consumer signs."""
        did = DID.parse(self.offering)
        return typed_data(
            "ComputeJob",
            {"assetId": "uint256", "host": "address", "job": "bytes32", "until": "uint64"},
            {"assetId": did.asset_id, "host": self.host, "job": self.digest, "until": self.until},
            name="AI Asset Registry Compute",
            version="1",
            chain_id=did.chain_id,
            contract=did.registry,
        )


class JobOrder(Shown, Document):
    """A job with its consumer's signature, and the use that is paid for it where the consumer has no other access, or
    the word that it is paid for in `escrow`. Its `repr` has neither signature nor use: whoever has them may hand the
    order in."""

    called = "an order"

    job: ComputeJob
    signature: Annotated[str, Field(pattern=r"^([0-9a-f]{2})+$", max_length=2 * 65, repr=False)]
    use: Annotated[Json | None, Field(repr=False)] = None
    escrow: Literal[True] | None = None

    @model_validator(mode="after")
    def _use_can_be_read(self) -> Self:
        try:
            self.receipt()
        except InputError as error:
            raise ValueError(error.message) from None
        if self.escrow and self.use is not None:
            raise ValueError("is paid for by a use, and in escrow")
        return self

    def receipt(self) -> SignedReceipt | None:
        """The use that is paid for it."""
        return None if self.use is None else SignedReceipt.from_json(canonical_bytes(self.use).decode())
