"""Uses of a licence, and the receipts that are signed for them."""

from __future__ import annotations

import json
import secrets
from dataclasses import dataclass, field, replace
from typing import Any, Final

from registry.assets.catalogue import Catalogue
from registry.chain.receipt_contract import receipts_of
from registry.did import DID
from registry.documents.canonical import parse_json
from registry.documents.typed_data import typed_data
from registry.errors import InputError
from registry.results import AssetRef, Done, Offer
from registry.session import Session, whole
from registry.text import numbers
from registry.text.html import Shown
from registry.types import ZERO_ADDRESS, Address, to_address

RECEIPT_SECONDS: Final = 24 * 3600
"""How long a receipt is good for unless the holder says otherwise."""


@dataclass(frozen=True, slots=True)
class SignedReceipt(Shown):
    """A holder's signed word that `uses` may be consumed, to be handed to a service.

    `service` is the only account that may hand it in (the zero address for any); `ref` (32 bytes) says what for;
    `deadline` is in seconds since 1970. It works once. Its `repr` leaves the signature out: whoever has it may hand
    the receipt in, and notebooks are passed on.
    """

    did: DID
    licence: int
    account: Address
    uses: int
    service: Address
    ref: bytes
    nonce: int
    deadline: int
    signature: bytes = field(repr=False)

    def to_json(self) -> str:
        """The receipt as text, to be sent to the service."""
        return json.dumps(
            {
                "did": str(self.did),
                "licence": self.licence,
                "account": self.account,
                "uses": self.uses,
                "service": self.service,
                "ref": self.ref.hex(),
                "nonce": str(self.nonce),
                "deadline": self.deadline,
                "signature": self.signature.hex(),
            }
        )

    @classmethod
    def from_json(cls, text: str) -> SignedReceipt:
        """Read a receipt; raises `InputError` if it is malformed, `InvalidDID`, `InvalidAddress`."""
        data, faults = parse_json(text.encode("utf-8", "surrogatepass"))
        try:
            if faults:
                raise ValueError(str(faults[0]))
            receipt = cls(
                did=DID.parse(data["did"]),
                licence=data["licence"],
                account=to_address(data["account"]),
                uses=data["uses"],
                service=to_address(data["service"]),
                ref=bytes.fromhex(data["ref"]),
                nonce=numbers.whole(data["nonce"]),
                deadline=data["deadline"],
                signature=bytes.fromhex(data["signature"]),
            )
            receipt.check()
            return receipt
        except InputError:
            raise
        except (ValueError, TypeError, KeyError) as error:
            raise InputError(f"This is not a receipt: {error}.", hint="Ask the holder for a new one.") from error

    def check(self) -> None:
        """Raise `InputError` for a field that does not fit what the contract takes."""
        whole(self.licence, "a licence", low=0, high=2**8 - 1)
        whole(self.uses, "uses")
        whole(self.nonce, "a receipt", low=0, high=2**256 - 1)
        whole(self.deadline, "seconds", low=0, high=2**48 - 1)
        if len(self.ref) != 32:
            raise InputError(f"The reference of the receipt has {len(self.ref)} bytes.", hint="It has 32.")

    def message(self) -> dict[str, Any]:
        """The EIP-712 message that the holder signs."""
        return typed_data(
            "Receipt",
            _RECEIPT,
            dict(zip(_RECEIPT, self.values(), strict=True)),
            name="AI Asset Registry",
            version="1",
            chain_id=self.did.chain_id,
            contract=receipts_of(self.did.registry),
        )

    def values(self) -> tuple[Any, ...]:
        """The signed fields as the contract takes them."""
        return (
            self.did.asset_id,
            self.licence,
            self.account,
            self.uses,
            self.service,
            self.ref,
            self.nonce,
            self.deadline,
        )


class Uses(Session):
    """Uses of a licence: redeemed, consumed, and signed for."""

    def redeem(
        self,
        asset: AssetRef,
        licence: str | int | Offer | None = None,
        *,
        units: int = 1,
        account: str | None = None,
        dry_run: bool = False,
    ) -> Done:
        """Burn `units` of one's own datatokens for the access they stand for, of `account` (default: oneself)."""
        offer = Catalogue(self).offer(asset, licence)
        receiver = to_address(account) if account else self.address
        call = self.assets.functions.redeem(offer.did.asset_id, offer.number, whole(units, "units"), receiver)
        return self.act(f"redeem {units} x {offer.name!r} of {offer.did}", call, dry_run=dry_run)

    def consume(
        self,
        asset: AssetRef,
        licence: str | int | Offer | None = None,
        *,
        uses: int = 1,
        ref: bytes = b"",
        dry_run: bool = False,
    ) -> Done:
        """Consume one's own uses; `ref` (up to 32 bytes) says what for."""
        offer = Catalogue(self).offer(asset, licence)
        call = self.assets.functions.consume(offer.did.asset_id, offer.number, whole(uses, "uses"), _ref(ref))
        return self.act(f"consume {uses} of {offer.name!r} of {offer.did}", call, dry_run=dry_run)

    def sign_receipt(
        self,
        asset: AssetRef,
        licence: str | int | Offer | None = None,
        *,
        uses: int = 1,
        service: str | None = None,
        ref: bytes = b"",
        seconds: int = RECEIPT_SECONDS,
    ) -> SignedReceipt:
        """Sign, without a transaction, that `service` (None: anybody) may consume uses once within `seconds`."""
        offer = Catalogue(self).offer(asset, licence)
        return sign_receipt(self, offer, uses=uses, service=service, ref=ref, seconds=seconds)

    def submit_receipt(self, receipt: SignedReceipt, *, dry_run: bool = False) -> Done:
        """Consume the uses that a holder signed for.

        Raises `ReceiptExpired`, `WrongService`, `InvalidReceiptSignature`, `NotEnoughUses`, and
        `InvalidAccountNonce` for one that was handed in before.
        """
        return submit_receipt(self, receipt, dry_run=dry_run)


def sign_receipt(
    session: Session, offer: Offer, *, uses: int = 1, service: str | None = None, ref: bytes, seconds: int
) -> SignedReceipt:
    """See `Uses.sign_receipt`."""
    deadline = session.chain.block().timestamp + whole(seconds, "seconds")
    unsigned = SignedReceipt(
        did=offer.did,
        licence=offer.number,
        account=session.address,
        uses=whole(uses, "uses"),
        service=to_address(service) if service else ZERO_ADDRESS,
        ref=_ref(ref),
        # A key of its own for each receipt, so that they can be handed in in any order.
        nonce=secrets.randbits(191) << 64,
        deadline=deadline,
        signature=b"",
    )
    signer = session.actor.signing("sign a receipt")
    return replace(unsigned, signature=signer.sign_typed_data(unsigned.message()))


def submit_receipt(session: Session, receipt: SignedReceipt, *, dry_run: bool = False) -> Done:
    """See `Uses.submit_receipt`."""
    did = session.did(receipt.did)
    receipt.check()
    call = session.receipt_contract.functions.consumeWithReceipt(receipt.values(), receipt.signature)
    return session.act(f"consume {receipt.uses} uses of {did} for {receipt.account}", call, dry_run=dry_run)


_RECEIPT: Final = {
    "assetId": "uint256",
    "licence": "uint8",
    "account": "address",
    "uses": "uint32",
    "service": "address",
    "ref": "bytes32",
    "nonce": "uint256",
    "deadline": "uint48",
}
"""The fields that a holder signs, in the order of the contract's struct."""


def _ref(ref: bytes) -> bytes:
    if len(ref) > 32:
        raise InputError(f"A reference of {len(ref)} bytes is too long.", hint="It has 32 bytes at most: use a digest.")
    return ref.ljust(32, b"\0")
