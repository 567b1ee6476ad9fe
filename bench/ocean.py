"""The incumbent's half: Ocean Protocol's published contracts, from the npm package `@oceanprotocol/contracts`.

Deployed as Ocean deploys them: community fee collector, router, fixed-rate exchange, dispenser, the NFT template and
the two datatoken templates in use (1, and 2 "Enterprise"), the factory. Fees stand at the router's defaults; the
payment token is not among the approved ones, so a sale pays 0.2 % to the community and an order 0.03 datatokens.

Each act is what Ocean's own client library does, or the cheapest that its contracts offer in as many transactions:

*   publish: `createNftWithErc20WithFixedRate` (template 2) and then `setMetaData`, as no bundle does both for an asset
    that is sold. The author is minter and payment collector, there is no market fee, and a validator's proof goes with
    the pointer, which is plain text; the decryptor is named by its URL and address, as Ocean's libraries do.
*   buy: `buyFromFreAndOrder` (template 2), the one purchase with access in a single transaction. It leaves the fee in
    the exchange for a later transaction to collect, so Ocean's figure lacks the payment of the treasury. The notes say
    what template 1 takes in two transactions: less for a renewal, as no money passes through the datatoken.
*   buy free: `buyFromDispenserAndOrder`.
*   redeem: `startOrder` on template 1 with the only datatoken held, bought at a fixed rate before.
*   consume: `reuseOrder`. It writes an event and no state, so it cannot count uses; nothing of Ocean's does.
*   provider fees are signed but zero in all of them.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final

from eth_typing import ChecksumAddress, HexStr
from hexbytes import HexBytes
from web3 import Web3
from web3.constants import ADDRESS_ZERO
from web3.contract import Contract

from bench.gas import Gas
from bench.stage import (
    ALLOWANCE,
    ASSET_NAME,
    ASSET_SYMBOL,
    LICENCE_NAME,
    LICENCE_SYMBOL,
    NEXT_POINTER,
    POINTER,
    PRICE,
    Stage,
)
from registry.errors import RegistryError

PACKAGE: Final = Path(__file__).resolve().parent / "node_modules" / "@oceanprotocol" / "contracts"

_UNIT: Final = 10**18
_RATE: Final = _UNIT * 10
_CAP: Final = 1_000 * _UNIT
_TRANSFERABLE: Final = 1
_ENTERPRISE: Final = 2
_DECRYPTOR: Final = "https://v4.provider.oceanprotocol.com"
_TOKEN_URI: Final = "https://example.org/nft/"


def version() -> str:
    """The version of the installed package. Raises RegistryError when it is not installed."""
    return str(_read("package.json")["version"])


def measure(stage: Stage, gas: Gas) -> None:
    """Deploy the incumbent on `stage` and record what each act uses."""
    ocean = _deploy(stage)
    cast = stage.cast
    _warm_up(ocean)

    first = ocean.publish(cast.author)
    gas.record("publish_first", *first.tx_hashes, note="two transactions")
    following = ocean.publish(cast.author)
    gas.record("publish_next", *following.tx_hashes, note="two transactions")
    gas.absent("publish_batch_100_each", "not possible: a transaction publishes one asset, without its metadata")

    redeemable = ocean.publish(cast.author, template=_TRANSFERABLE)
    ocean.allow(ocean.exchange, cast.buyer)
    two_steps = [(ocean.buy_datatoken(redeemable, cast.buyer), ocean.redeem(redeemable, cast.buyer)) for _ in range(2)]
    order = two_steps[0][1]
    gas.record("redeem", order)
    gas.record(
        "consume", ocean.reuse(redeemable, cast.buyer, order), note="writes an event; no use is counted on chain"
    )

    ocean.allow(first.datatoken, cast.buyer)
    for name, steps in zip(("buy_first", "buy_renew"), two_steps, strict=True):
        note = f"in two transactions, with template 1: {gas.total(*steps):,}"
        gas.record(name, ocean.buy(first, cast.buyer), note=note)

    free = ocean.publish_free(cast.author)
    gas.record("buy_free", ocean.take(free, cast.buyer))

    mint = following.datatoken.functions.mint(cast.heir, _UNIT)
    gas.record("datatoken_first_mint", stage.send(mint, sender=cast.author), note="the deployment was paid in publish")

    gas.record("transfer_0", ocean.transfer(ocean.publish_bare(cast.author), cast.author, cast.heir))
    laden = ocean.publish_bare(cast.author)
    for _ in range(20):
        ocean.add_licence(laden, cast.author)
    gas.record("transfer_20", ocean.transfer(laden, cast.author, cast.other_heir))

    gas.record("update_metadata", ocean.describe(first.nft, cast.author, NEXT_POINTER))


@dataclass(frozen=True, slots=True)
class _Asset:
    """An NFT contract with its datatoken and, where there is one, its exchange; and the transactions it took."""

    nft: Contract
    datatoken: Contract
    exchange_id: HexBytes
    tx_hashes: tuple[HexBytes, ...]


@dataclass(frozen=True, slots=True)
class _Ocean:
    """The deployed protocol, and the acts of its users."""

    stage: Stage
    factory: Contract
    exchange: Contract
    dispenser: Contract

    def publish(self, author: ChecksumAddress, *, template: int = _ENTERPRISE) -> _Asset:
        """Publish for sale at a fixed rate: the bundle, then the metadata."""
        nft, erc20, fixed_rate = _nft(author), _erc20(author, template), self._fixed_rate(author)
        bundle = self.factory.functions.createNftWithErc20WithFixedRate(nft, erc20, fixed_rate)
        tx_hash = self.stage.send(bundle, sender=author)
        asset = self._created(tx_hash, template)
        return _Asset(
            nft=asset.nft,
            datatoken=asset.datatoken,
            exchange_id=asset.exchange_id,
            tx_hashes=(tx_hash, self.describe(asset.nft, author, POINTER)),
        )

    def publish_free(self, author: ChecksumAddress) -> _Asset:
        """Publish for free, with a dispenser."""
        terms = (self.dispenser.address, _UNIT, _UNIT, True, ADDRESS_ZERO)
        bundle = self.factory.functions.createNftWithErc20WithDispenser(
            _nft(author), _erc20(author, _ENTERPRISE), terms
        )
        return self._created(self.stage.send(bundle, sender=author), _ENTERPRISE)

    def publish_bare(self, author: ChecksumAddress) -> Contract:
        """An NFT with a pointer and no datatoken."""
        name, symbol, template, uri, transferable, owner = _nft(author)
        # No further deployer and no further updater than the owner.
        call = self.factory.functions.deployERC721Contract(
            name, symbol, template, ADDRESS_ZERO, ADDRESS_ZERO, uri, transferable, owner
        )
        nft = self._created_nft(self.stage.send(call, sender=author))
        self.describe(nft, author, POINTER)
        return nft

    def add_licence(self, nft: Contract, author: ChecksumAddress) -> None:
        """Add a datatoken that is sold at a fixed rate."""
        tx_hash = self.stage.send(nft.functions.createERC20(*_erc20(author, _ENTERPRISE)), sender=author)
        datatoken = self._created_datatoken(tx_hash, _ENTERPRISE)
        self.stage.send(datatoken.functions.createFixedRate(*self._fixed_rate(author)), sender=author)

    def describe(self, nft: Contract, author: ChecksumAddress, pointer: str) -> HexBytes:
        """Set the metadata to a pointer, in clear, with the proof of one validator."""
        document_hash = Web3.keccak(text=pointer)
        v, r, s = self._sign(document_hash)
        call = nft.functions.setMetaData(
            0, _DECRYPTOR, author, b"\x00", pointer.encode(), document_hash, [(self.stage.cast.provider, v, r, s)]
        )
        return self.stage.send(call, sender=author)

    def allow(self, seller: Contract, buyer: ChecksumAddress) -> None:
        """Approve the payment token for purchases from a contract: a datatoken of template 2, or the exchange."""
        self.stage.send(self.stage.token.functions.approve(seller.address, ALLOWANCE), sender=buyer)

    def buy(self, asset: _Asset, buyer: ChecksumAddress) -> HexBytes:
        """Buy and order in one transaction."""
        terms = (self.exchange.address, asset.exchange_id, 2 * PRICE, 0, ADDRESS_ZERO)
        call = asset.datatoken.functions.buyFromFreAndOrder(self._order(buyer), terms)
        return self._ordered(asset, self.stage.send(call, sender=buyer))

    def take(self, asset: _Asset, buyer: ChecksumAddress) -> HexBytes:
        """Take a free datatoken and order in one transaction."""
        call = asset.datatoken.functions.buyFromDispenserAndOrder(self._order(buyer), self.dispenser.address)
        return self._ordered(asset, self.stage.send(call, sender=buyer))

    def buy_datatoken(self, asset: _Asset, buyer: ChecksumAddress) -> HexBytes:
        """Buy one datatoken and keep it."""
        call = self.exchange.functions.buyDT(asset.exchange_id, _UNIT, 2 * PRICE, ADDRESS_ZERO, 0)
        return self.stage.send(call, sender=buyer)

    def redeem(self, asset: _Asset, buyer: ChecksumAddress) -> HexBytes:
        """Order with a datatoken in hand."""
        call = asset.datatoken.functions.startOrder(*self._order(buyer))
        return self._ordered(asset, self.stage.send(call, sender=buyer))

    def reuse(self, asset: _Asset, buyer: ChecksumAddress, order: HexBytes) -> HexBytes:
        """Use an order again."""
        call = asset.datatoken.functions.reuseOrder(order, self._provider_fee())
        return self.stage.send(call, sender=buyer)

    def transfer(self, nft: Contract, owner: ChecksumAddress, heir: ChecksumAddress) -> HexBytes:
        """Transfer the asset."""
        tx_hash = self.stage.send(nft.functions.transferFrom(owner, heir, 1), sender=owner)
        _expect(nft.functions.ownerOf(1).call() == heir, "the NFT has its new owner")
        return tx_hash

    def _fixed_rate(self, owner: ChecksumAddress) -> tuple[ChecksumAddress, Sequence[str], Sequence[int]]:
        """Exchange; base token, owner, market fee collector, allowed swapper; decimals of base token and of datatoken,
        rate, market fee, whether the exchange mints."""
        return (
            self.exchange.address,
            [self.stage.token.address, owner, ADDRESS_ZERO, ADDRESS_ZERO],
            [6, 18, _RATE, 0, 1],
        )

    def _order(self, consumer: ChecksumAddress) -> tuple[Any, ...]:
        """Consumer, service, provider fee, consume market's fee (none)."""
        return (consumer, 0, self._provider_fee(), (ADDRESS_ZERO, ADDRESS_ZERO, 0))

    def _provider_fee(self) -> tuple[Any, ...]:
        """A provider's signature over a fee of zero."""
        provider, data = self.stage.cast.provider, b'{"timeout":0}'
        digest = Web3.solidity_keccak(
            ["bytes", "address", "address", "uint256", "uint256"], [data, provider, ADDRESS_ZERO, 0, 0]
        )
        return (provider, ADDRESS_ZERO, 0, *self._sign(digest), 0, data)

    def _sign(self, digest: HexBytes) -> tuple[int, bytes, bytes]:
        """The provider's `eth_sign` of a digest: v, r, s."""
        # web3 annotates the answer as text; what it returns is bytes.
        signature = HexBytes(self.stage.w3.eth.sign(self.stage.cast.provider, hexstr=HexStr(digest.to_0x_hex())))
        return signature[64], bytes(signature[:32]), bytes(signature[32:64])

    def _created(self, tx_hash: HexBytes, template: int) -> _Asset:
        receipt = self.stage.w3.eth.get_transaction_receipt(tx_hash)
        exchanges = [
            log["topics"][1]
            for log in receipt["logs"]
            if log["address"] == self.exchange.address and log["topics"][0] == _EXCHANGE_CREATED
        ]
        return _Asset(
            nft=self._created_nft(tx_hash),
            datatoken=self._created_datatoken(tx_hash, template),
            exchange_id=exchanges[0] if exchanges else HexBytes(b""),
            tx_hashes=(tx_hash,),
        )

    def _created_nft(self, tx_hash: HexBytes) -> Contract:
        address = self._event("NFTCreated", tx_hash)["newTokenAddress"]
        return self._at(address, _artifact("templates/ERC721Template.sol"))

    def _created_datatoken(self, tx_hash: HexBytes, template: int) -> Contract:
        address = self._event("TokenCreated", tx_hash)["newTokenAddress"]
        return self._at(address, _template(template))

    def _at(self, address: ChecksumAddress, artifact: dict[str, Any]) -> Contract:
        contract: Contract = self.stage.w3.eth.contract(address=address, abi=artifact["abi"])
        return contract

    def _event(self, name: str, tx_hash: HexBytes) -> Any:
        receipt = self.stage.w3.eth.get_transaction_receipt(tx_hash)
        logs = [log for log in receipt["logs"] if log["address"] == self.factory.address]
        for log in logs:
            event = self.factory.events[name]()
            if log["topics"][0] == HexBytes(event.topic):
                return event.process_log(log)["args"]
        raise RegistryError(f"{tx_hash.to_0x_hex()} has no event {name}.", hint="Compare the package's version.")

    def _ordered(self, asset: _Asset, tx_hash: HexBytes) -> HexBytes:
        receipt = self.stage.w3.eth.get_transaction_receipt(tx_hash)
        started = HexBytes(asset.datatoken.events.OrderStarted().topic)
        _expect(any(log["topics"][0] == started for log in receipt["logs"]), "the order was started")
        return tx_hash


_EXCHANGE_CREATED: Final = Web3.keccak(text="ExchangeCreated(bytes32,address,address,address,uint256)")


def _deploy(stage: Stage) -> _Ocean:
    protocol = stage.cast.protocol
    collector = stage.deploy(_artifact("communityFee/OPFCommunityFeeCollector.sol"), stage.cast.treasury, protocol)
    # The router wants the address of an approved token and of a pool template; pools are no longer in use.
    unused = collector.address
    router = stage.deploy(_artifact("pools/FactoryRouter.sol"), protocol, unused, unused, collector.address, [])
    exchange = stage.deploy(_artifact("pools/fixedRate/FixedRateExchange.sol"), router.address)
    dispenser = stage.deploy(_artifact("pools/dispenser/Dispenser.sol"), router.address)
    nft_template = stage.deploy(_artifact("templates/ERC721Template.sol"))
    transferable, enterprise = stage.deploy(_template(_TRANSFERABLE)), stage.deploy(_template(_ENTERPRISE))
    factory = stage.deploy(_artifact("ERC721Factory.sol"), nft_template.address, transferable.address, router.address)
    for call in (
        factory.functions.addTokenTemplate(enterprise.address),
        router.functions.addFactory(factory.address),
        router.functions.addFixedRateContract(exchange.address),
        router.functions.addDispenserContract(dispenser.address),
        stage.token.functions.transfer(collector.address, ALLOWANCE),
    ):
        stage.send(call, sender=protocol)
    return _Ocean(stage=stage, factory=factory, exchange=exchange, dispenser=dispenser)


def _warm_up(ocean: _Ocean) -> None:
    """One asset of each make, published and bought by people who are not measured."""
    author, buyer = ocean.stage.cast.earlier_author, ocean.stage.cast.earlier_buyer
    paid = ocean.publish(author)
    ocean.allow(paid.datatoken, buyer)
    ocean.buy(paid, buyer)
    ocean.take(ocean.publish_free(author), buyer)
    held = ocean.stage.token.functions.balanceOf(ocean.exchange.address).call()
    _expect(held == PRICE * 2 // 1_000, "the seller is paid and a fee of 0.2 % is kept")


def _nft(owner: ChecksumAddress) -> tuple[str, str, int, str, bool, ChecksumAddress]:
    """`NftCreateData`: name, symbol, template, token URI, transferable, owner."""
    return (ASSET_NAME, ASSET_SYMBOL, 1, _TOKEN_URI, True, owner)


def _erc20(author: ChecksumAddress, template: int) -> tuple[Any, ...]:
    """`ErcCreateData`: template; name, symbol; minter, payment collector, market's fee address and token; cap, market's
    fee; nothing."""
    return (template, [LICENCE_NAME, LICENCE_SYMBOL], [author, author, ADDRESS_ZERO, ADDRESS_ZERO], [_CAP, 0], [])


def _template(number: int) -> dict[str, Any]:
    name = {_TRANSFERABLE: "ERC20Template", _ENTERPRISE: "ERC20TemplateEnterprise"}[number]
    return _artifact(f"templates/{name}.sol")


def _artifact(source: str) -> dict[str, Any]:
    """The artifact of the contract that a source file is named after."""
    return _read(f"artifacts/contracts/{source}/{Path(source).stem}.json")


@cache
def _read(path: str) -> dict[str, Any]:
    try:
        content: dict[str, Any] = json.loads((PACKAGE / path).read_text(encoding="utf-8"))
    except OSError as error:
        raise RegistryError(
            f"{PACKAGE / path} cannot be read: {error.strerror}.",
            hint=f"Run `npm install --no-audit --no-fund` in {PACKAGE.parents[2]}.",
        ) from error
    return content


def _expect(truth: bool, what: str) -> None:
    """What is measured must have happened."""
    if not truth:
        raise RegistryError(f"Ocean did not do what is measured: {what}.", hint="Compare the package's version.")
