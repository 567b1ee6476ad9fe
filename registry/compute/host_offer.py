"""What a host signs for a job that is paid by escrow: the terms on which it will run it, for one consumer, once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Final, Self

from pydantic import Field

from registry.compute.job_document import Account
from registry.documents.typed_data import typed_data
from registry.sandbox.runs.document import Document
from registry.text.html import Shown

__all__ = ["HOST_OFFER", "HostOffer", "offer_message"]

HOST_OFFER: Final = {
    "assetId": "uint256",
    "licence": "uint256",
    "host": "address",
    "consumer": "address",
    "job": "bytes32",
    "bond": "uint96",
    "runTime": "uint32",
    "graceTime": "uint32",
    "reviewTime": "uint32",
    "acceptBy": "uint48",
}
"""The fields of the EIP-712 message, as the contract has them."""

_Seconds = Annotated[int, Field(ge=0, le=30 * 86_400)]


def offer_message(values: Mapping[str, Any], chain_id: int, escrow: str) -> dict[str, Any]:
    """The EIP-712 message of an offer, good for one contract on one chain."""
    return typed_data(
        "HostOffer",
        HOST_OFFER,
        values,
        name="AI Asset Registry Compute",
        version="1",
        chain_id=chain_id,
        contract=escrow,
    )


class HostOffer(Shown, Document):
    """A host's word for one job.

    ============== =====================================================================================
    asset_id       the offering, and `licence`: the number of the one that says what a second costs
    job            name of the job
    bond           what the host puts up, in units of what the licence is priced in
    run_time       seconds that it may run at most; `grace_time` more it may take to deliver
    review_time    seconds that the consumer has to look at the result
    accept_by      seconds since 1970 until which it may be opened and begun
    ============== =====================================================================================
    """

    called = "an offer of a host"

    asset_id: Annotated[int, Field(ge=1, lt=2**64)]
    licence: Annotated[int, Field(ge=0, le=255)]
    host: Account
    consumer: Account
    job: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    # As text: canonical JSON has no numbers of so many bits.
    bond: Annotated[str, Field(pattern=r"^[1-9][0-9]{0,28}$")]
    run_time: Annotated[int, Field(ge=1, le=30 * 86_400)]
    grace_time: _Seconds
    review_time: _Seconds
    accept_by: Annotated[int, Field(ge=0, le=2**48 - 1)]
    signature: Annotated[str, Field(pattern=r"^([0-9a-f]{2})*$", max_length=8_192, repr=False)] = ""

    def values(self) -> tuple[Any, ...]:
        """As the contract takes them."""
        return (
            *(self.asset_id, self.licence, self.host, self.consumer, bytes.fromhex(self.job), int(self.bond)),
            *(self.run_time, self.grace_time, self.review_time, self.accept_by),
        )

    def message(self, chain_id: int, escrow: str) -> dict[str, Any]:
        """What the host signs."""
        return offer_message(dict(zip(HOST_OFFER, self.values(), strict=True)), chain_id, escrow)

    def signed(self, signature: bytes) -> Self:
        """The same, with the host's signature."""
        return self.model_copy(update={"signature": signature.hex()})
