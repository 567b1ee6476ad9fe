"""The people and contracts of these tests, the model that starts out equal to them, and signing as wallets do it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import Any

from eth_abi import encode
from eth_keys import keys
from eth_utils import keccak

from registry.compute.host_offer import HOST_OFFER

from .evm import ZERO, Chain, Contract
from .model import MAX_ROYALTY_BPS, UNLIMITED, Model

START = 1_800_000_000
CHAIN_ID = 1
COINS = 10**21
DOLLARS = 10**13
FEE_BPS = 250

KEYS = {name: keys.PrivateKey(keccak(text=name)) for name in ("dao", "author", "friend", "buyer", "stranger")}
PEOPLE = {name: "0x" + key.public_key.to_canonical_address().hex() for name, key in KEYS.items()}
DAO, AUTHOR, FRIEND, BUYER, STRANGER = PEOPLE.values()
TREASURY = "0x" + "7e" * 20

_RECEIPT = (
    "Receipt(uint256 assetId,uint8 licence,address account,uint32 uses,address service,bytes32 ref,"
    "uint256 nonce,uint48 deadline)"
)
_RECEIPT_TYPES = ("uint256", "uint8", "address", "uint32", "address", "bytes32", "uint256", "uint48")
_OFFER = f"HostOffer({','.join(f'{kind} {name}' for name, kind in HOST_OFFER.items())})"
_FROZEN_TYPES = ("address", "uint96", "uint32", "uint24", "uint16", "uint16", "address", "address", "address")
_PERMIT = "Permit(address owner,address spender,uint256 value,uint256 nonce,uint256 deadline)"
_PERMIT_TYPES = ("address", "address", "uint256", "uint256", "uint256")
_DOMAIN = "EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"


def clone_address(maker: str, implementation: str, arguments: bytes, salt: int = 0) -> str:
    """Where a contract puts a clone (EIP-1167) that carries arguments behind its code, with a salt (EIP-1014)."""
    code = bytes.fromhex(f"61{len(arguments) + 0x2D:04x}3d81600a3d39f3363d3d373d3d3d363d73")
    code += bytes.fromhex(implementation[2:]) + bytes.fromhex("5af43d82803e903d91602b57fd5bf3") + arguments
    return "0x" + keccak(b"\xff" + bytes.fromhex(maker[2:]) + salt.to_bytes(32) + keccak(code))[12:].hex()


def licence_terms(offer: tuple[int, ...]) -> tuple[Any, ...]:
    """Terms as the registry takes them, of (price, payment token, kind, amount, cap, limit); no stream."""
    return (*offer, 0, ZERO)


def stream_terms(price: int, payment: int, amount: int, minimum: int, *, streams: str) -> tuple[Any, ...]:
    """Terms of a licence that is sold by the second: `price` for `amount` seconds, `minimum` of them not refunded."""
    return (price, payment, 3, amount, 0, 0, minimum, streams)


class World:
    """A chain with the contracts on it, two dollars to pay with, and money in everybody's hands."""

    def __init__(self) -> None:
        self.chain = chain = Chain(timestamp=START)
        self.authority = chain.deploy("RegistryAuthority", DAO, sender=DAO)
        self.directory = chain.deploy("Directory", self.authority.address, sender=DAO)
        self.lineage = chain.deploy("Lineage", sender=DAO)
        fixed = (self.authority.address, self.directory.address, self.lineage.address)
        self.registry = chain.deploy("AssetRegistry", *fixed, TREASURY, FEE_BPS, sender=DAO)
        self.market = chain.deploy("Marketplace", self.registry.address, sender=DAO)
        self.streams = chain.deploy("Streams", self.registry.address, sender=DAO)
        self.receipts = chain.at("Receipts", chain.call(self.registry, "receipts"))
        self.dollar = chain.deploy("LocalDollar", sender=DAO)
        self.other_dollar = chain.deploy("LocalDollar", sender=DAO)
        self.contracts = (self.registry, self.market, self.dollar, self.other_dollar, self.authority, self.lineage)
        self._splitter: str = chain.call(self.lineage, "splitterImplementation")
        self.implementation: str = chain.call(self.registry, "datatokenImplementation")
        for seller in (self.market, self.streams):
            self.do(self.registry, "setSeller", seller.address, True)
        self.do(self.registry, "setPaymentToken", self.dollar.address, True)
        for person in PEOPLE.values():
            chain.set_balance(person, COINS)
            for token in (self.dollar, self.other_dollar):
                self.do(token, "mint", person, DOLLARS)
                for seller in (self.market, self.streams):
                    self.do(token, "approve", seller.address, UNLIMITED, sender=person)

    def do(self, contract: Contract, function: str, *args: Any, sender: str = DAO) -> Any:
        """A step of the set-up, which must succeed."""
        outcome = self.chain.transact(contract, function, *args, sender=sender)
        assert outcome.failure is None, f"{function}{args} failed: {outcome.failure}"
        return outcome

    def model(self) -> Model:
        """The reference model in the state of this world."""
        dollars = (self.dollar.address, self.other_dollar.address)
        purse = dict.fromkeys(PEOPLE.values(), DOLLARS)
        allowance = dict.fromkeys(PEOPLE.values(), UNLIMITED)
        money: dict[str, dict[str, int]] = {token: defaultdict(int, purse) for token in dollars}
        money[ZERO] = defaultdict(int, dict.fromkeys(PEOPLE.values(), COINS))
        return Model(
            admin=DAO,
            registry=self.registry.address,
            marketplace=self.market.address,
            sellers={self.market.address},
            splitter_of=self.lineage_splitter,
            contracts=frozenset(contract.address for contract in self.contracts),
            treasury=TREASURY,
            fee_bps=FEE_BPS,
            now=START,
            payments=[(ZERO, True), (self.dollar.address, True)],
            money=money,
            allowances={token: defaultdict(int, allowance) for token in dollars},
        )

    def datatoken(self, asset_id: int, number: int) -> Contract:
        """The token of a licence, its address computed as anybody can: EIP-1014, a clone with immutable arguments."""
        arguments = asset_id.to_bytes(8) + bytes([number])
        address = clone_address(self.registry.address, self.implementation, arguments, CHAIN_ID)
        return self.chain.at("Datatoken", address)

    def lineage_splitter(self, asset_id: int) -> str:
        """Where the royalties of an asset go, whether or not anything is there."""
        arguments = bytes.fromhex(self.registry.address[2:]) + asset_id.to_bytes(8)
        return clone_address(self.lineage.address, self._splitter, arguments, CHAIN_ID)

    def publication(
        self,
        digest: bytes,
        payout: str = ZERO,
        royalty: tuple[bool, int] = (False, 0),
        parents: Iterable[int] = (),
        offers: Iterable[tuple[int, ...]] = (),
        most: int = MAX_ROYALTY_BPS,
    ) -> tuple[Any, ...]:
        """One asset to publish, as the registry takes it; the parents are of this registry."""
        named = [(self.registry.address, parent) for parent in parents]
        return digest, payout, royalty, named, most, [licence_terms(offer) for offer in offers]

    def sign_receipt(self, signer: str, receipt: tuple[Any, ...]) -> bytes:
        """EIP-712, with the last byte as wallets write it."""
        words = keccak(text=_RECEIPT) + encode(_RECEIPT_TYPES, receipt)
        return self._sign(signer, "AI Asset Registry", self.receipts.address, words)

    def sign_offer(self, signer: str, escrow: str, offer: tuple[Any, ...]) -> bytes:
        """A host's word for one job."""
        words = keccak(text=_OFFER) + encode(tuple(HOST_OFFER.values()), offer)
        return self._sign(signer, "AI Asset Registry Compute", escrow, words)

    def name_of_job(self, escrow: str, offer: tuple[Any, ...], frozen: tuple[Any, ...]) -> bytes:
        """The hash of a chain, a contract, and all that never changes of a job."""
        kinds = ("uint256", "address", *HOST_OFFER.values(), *_FROZEN_TYPES)
        return keccak(encode(kinds, (CHAIN_ID, escrow, *offer, *frozen)))

    def sign_permit(self, owner: str, token: str, value: int, nonce: int, deadline: int) -> tuple[int, bytes, bytes]:
        """EIP-2612 approval of the marketplace: v, r, s."""
        words = keccak(text=_PERMIT) + encode(_PERMIT_TYPES, (owner, self.market.address, value, nonce, deadline))
        signature = self._sign(owner, "Local Dollar", token, words)
        return signature[64], signature[:32], signature[32:64]

    def _sign(self, signer: str, name: str, contract: str, words: bytes) -> bytes:
        domain = keccak(
            keccak(text=_DOMAIN)
            + keccak(text=name)
            + keccak(text="1")
            + encode(("uint256", "address"), (CHAIN_ID, contract))
        )
        key = next(KEYS[person] for person, address in PEOPLE.items() if address == signer)
        signature = key.sign_msg_hash(keccak(b"\x19\x01" + domain + keccak(words))).to_bytes()
        return signature[:64] + bytes([signature[64] + 27])
