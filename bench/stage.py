"""What both halves of the benchmark stand on: the chain, the payment token and the people.

The conditions, the same for both halves
----------------------------------------
*   **Whole transactions.** A figure is the receipt's `gasUsed`: base cost, calldata and execution, less refunds.
    Approvals of the payment token are made before and not counted. An act of several transactions is their sum.
*   **Money.** One ERC-20 of 6 decimals (OpenZeppelin 5.7, which writes the lowered allowance), a price of 10
    tokens, and a protocol fee above zero, on either side of the sale. Buyers approve 1,000 tokens: the allowance
    stays above zero, so nothing is refunded for clearing it and nothing is saved by an infinite one.
*   **Warm protocol and payees.** Before anything is measured, `Cast.earlier_author` has published an asset of the same
    make and `Cast.earlier_buyer` has bought it, so no counter, list or treasury of the protocol is at zero. Treasury,
    author, buyer and whatever contract holds the fee have the token already. ("Warm" is about storage that is not zero;
    each transaction still pays the 2,100 and 2,600 gas for the first touch of a slot or account.)
*   **Cold subject.** What an act is about is new. "first" is the first sale of a fresh licence, to somebody who never
    held it, and "renew" the same buyer again; "publish_first" is by an author who owns no asset, "publish_next" by the
    same author again; a transfer goes to somebody who owns no asset; no datatoken of the kind was redeemed or minted
    before, and who redeems holds just the one. Nobody leaves dust behind to keep a slot warm.
*   **Same text.** Names, symbols and the pointer to the document are the constants of this module. The pointer is set
    once when publishing and replaced by another of its length in "update_metadata".
*   **Same start.** Each half begins at the same snapshot of the chain, taken when this module has set it up.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from eth_typing import ChecksumAddress
from hexbytes import HexBytes
from web3 import Web3
from web3.contract import Contract
from web3.contract.contract import ContractFunction
from web3.exceptions import ContractLogicError
from web3.types import TxReceipt

from registry.errors import DeploymentError, TransactionReverted

TOKEN: Final = 10**6
PRICE: Final = 10 * TOKEN
ALLOWANCE: Final = 1_000 * TOKEN

ASSET_NAME: Final = "Palmer Archipelago penguins"
ASSET_SYMBOL: Final = "PENGUINS"
LICENCE_NAME: Final = "Penguins, 30 days"
LICENCE_SYMBOL: Final = "PENGUINS-30"
POINTER: Final = "QmT78zSuBmuS4z925WZfrqQ1qHaJ56DQaTfyMUF7F8ff5o"
NEXT_POINTER: Final = "QmUNLLsPACCz1vLxQVkXqqLX5R1X345qqfHbsf67hvA3Nn"

# Given with every transaction, so that no estimate comes between the call and the chain.
_GAS_LIMIT: Final = 16_000_000


@dataclass(frozen=True, slots=True)
class Cast:
    """The people, each an unlocked account of the chain with ether."""

    protocol: ChecksumAddress
    """Deploys and owns the protocols and the payment token."""
    treasury: ChecksumAddress
    """Receives protocol fees, where the fees go to an account."""
    author: ChecksumAddress
    """Publishes and is paid; owns no asset when a half begins."""
    buyer: ChecksumAddress
    """Buys; holds no licence when a half begins."""
    earlier_author: ChecksumAddress
    """Publishes before anything is measured."""
    earlier_buyer: ChecksumAddress
    """Buys from `earlier_author` before anything is measured."""
    heir: ChecksumAddress
    """Receives transferred assets; owns none of the kind before."""
    other_heir: ChecksumAddress
    """As `heir`, for the second transfer."""
    provider: ChecksumAddress
    """Serves the content and signs for it."""


@dataclass(frozen=True, slots=True)
class Stage:
    """The chain with the payment token on it, as each half finds it."""

    w3: Web3
    token: Contract
    cast: Cast

    def send(self, call: ContractFunction, *, sender: ChecksumAddress) -> HexBytes:
        """Send `call` and return the hash of its transaction, which succeeded.

        Raises TransactionReverted with the contract's reason.
        """
        tx_hash = call.transact({"from": sender, "gas": _GAS_LIMIT})
        succeeded(self.w3, tx_hash, call=call, sender=sender)
        return tx_hash

    def deploy(self, artifact: Mapping[str, Any], *args: Any) -> Contract:
        """Deploy from an artifact (`abi`, `bytecode`, `contractName`) as `Cast.protocol`."""
        return deploy(self.w3, artifact, *args, sender=self.cast.protocol)


def set_stage(w3: Web3, payment_token: Mapping[str, Any]) -> Stage:
    """Deploy the payment token, which anybody may mint (`LocalDollar`), and hand it out."""
    accounts = list(w3.eth.accounts)
    protocol, treasury, author, buyer, earlier_author, earlier_buyer, heir, other_heir, provider, *_ = accounts
    cast = Cast(
        protocol=protocol,
        treasury=treasury,
        author=author,
        buyer=buyer,
        earlier_author=earlier_author,
        earlier_buyer=earlier_buyer,
        heir=heir,
        other_heir=other_heir,
        provider=provider,
    )
    token = deploy(w3, payment_token, sender=cast.protocol)
    stage = Stage(w3=w3, token=token, cast=cast)
    for holder in (cast.protocol, cast.treasury, cast.author, cast.buyer, cast.earlier_author, cast.earlier_buyer):
        stage.send(token.functions.mint(holder, ALLOWANCE), sender=cast.protocol)
    return stage


def deploy(w3: Web3, artifact: Mapping[str, Any], *args: Any, sender: ChecksumAddress) -> Contract:
    """Deploy a contract and return it. Raises DeploymentError when it leaves no code."""
    factory = w3.eth.contract(abi=artifact["abi"], bytecode=artifact["bytecode"])
    tx_hash = factory.constructor(*args).transact({"from": sender, "gas": _GAS_LIMIT})
    receipt = w3.eth.wait_for_transaction_receipt(tx_hash, poll_latency=0.01)
    address = receipt["contractAddress"]
    if receipt["status"] != 1 or address is None:
        raise DeploymentError(
            f"{artifact.get('contractName', 'The contract')} was not deployed: {tx_hash.to_0x_hex()} failed.",
            hint="Compare the constructor's arguments with its ABI.",
        )
    return w3.eth.contract(address=address, abi=artifact["abi"])


def succeeded(
    w3: Web3, tx_hash: HexBytes, *, call: ContractFunction | None = None, sender: ChecksumAddress | None = None
) -> TxReceipt:
    """The receipt of a transaction that succeeded.

    Raises TransactionReverted otherwise; given the call and its sender, with the contract's own reason.
    """
    receipt = w3.eth.wait_for_transaction_receipt(tx_hash, poll_latency=0.01)
    if receipt["status"] == 1:
        return receipt
    reason = "no reason given"
    if call is not None and sender is not None:
        try:
            call.call({"from": sender, "gas": _GAS_LIMIT}, block_identifier=receipt["blockNumber"] - 1)
        except ContractLogicError as error:
            reason = str(error.message)
    raise TransactionReverted(f"{call.fn_name}: {reason}" if call is not None else reason, tx_hash.to_0x_hex())
