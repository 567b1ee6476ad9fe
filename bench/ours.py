"""Our half: the contracts as the package ships them, used as the Python client uses them.

*   publish: `publish` with one priced licence for a period; the document's digest is part of it, in one transaction.
*   buy, buy free, redeem, consume, update: one transaction each.
*   datatoken_first_mint: the owner mints the first unit of a licence, which deploys its ERC-20.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

from eth_typing import ChecksumAddress
from hexbytes import HexBytes
from web3 import Web3
from web3.constants import ADDRESS_ZERO
from web3.contract import Contract
from web3.logs import DISCARD
from web3.types import RPCEndpoint

from bench.gas import Gas
from bench.revenue import measure_splits
from bench.stage import ALLOWANCE, ASSET_NAME, NEXT_POINTER, POINTER, PRICE, Stage
from registry.chain.artifacts import artifact
from registry.chain.connection import Chain
from registry.chain.local import deploy_local
from registry.chain.signers import dev_signer
from registry.client import Registry
from registry.compute.host_offer import HOST_OFFER, offer_message

_FEE_BPS: Final = 20  # as much as the incumbent takes
_HOLD, _PERIOD, _USE, _STREAM = 0, 1, 2, 3
_BATCH: Final = 100
_DAY: Final = 24 * 3600
_MONTH: Final = 30 * _DAY
_ANY_DOCUMENT: Final = HexBytes(bytes(32))


def measure(stage: Stage, gas: Gas) -> None:
    """Deploy, warm up, and record every act."""
    ours = _deploy(stage)
    cast = stage.cast
    _warm_up(ours)

    first = ours.publish(cast.author)
    gas.record("publish_first", first.tx_hash)
    following = ours.publish(cast.author)
    gas.record("publish_next", following.tx_hash)
    batch = ours.publish_many(cast.author)
    gas.record("publish_batch_100_each", batch, share=_BATCH)

    stage.send(stage.token.functions.approve(ours.market.address, ALLOWANCE), sender=cast.buyer)
    named = "the document named"
    gas.record("buy_first", ours.buy(first.number, 0, cast.buyer, document=_digest(ASSET_NAME)), note=named)
    gas.record("buy_renew", ours.buy(first.number, 0, cast.buyer, document=_digest(ASSET_NAME)), note=named)
    free = ours.add_licence(first.number, _terms(kind=_HOLD, price=0, amount=0, limit=1), cast.author)
    gas.record("buy_free", ours.buy(first.number, free, cast.buyer))

    grant = ours.registry.functions.grant(following.number, 0, cast.buyer, 1, True)
    gas.record("datatoken_first_mint", stage.send(grant, sender=cast.author), note="with its deployment")
    redeem = ours.registry.functions.redeem(following.number, 0, 1, cast.buyer)
    gas.record("redeem", stage.send(redeem, sender=cast.buyer))

    uses = ours.add_licence(first.number, _terms(kind=_USE, price=PRICE, amount=10), cast.author)
    ours.buy(first.number, uses, cast.buyer)
    consume = ours.registry.functions.consume(first.number, uses, 1, _digest(POINTER))
    gas.record("consume", stage.send(consume, sender=cast.buyer), note="written to storage")

    bare = ours.publish(cast.author, terms=[])
    gas.record("transfer_0", ours.transfer(bare.number, cast.author, cast.heir))
    laden = ours.publish(cast.author, terms=[_terms()] * 20)
    gas.record("transfer_20", ours.transfer(laden.number, cast.author, cast.other_heir))

    update = ours.registry.functions.updateMetadata(first.number, _digest(NEXT_POINTER), 1)
    gas.record("update_metadata", stage.send(update, sender=cast.author))

    _measure_collections(ours, gas)
    _measure_streams(ours, gas)
    _measure_compute(ours, gas)
    _measure_lineage(ours, gas)
    measure_splits(stage, gas)
    _measure_teams(ours, gas)


def _measure_collections(ours: _Ours, gas: Gas) -> None:
    """A million items: published, one of them bought while not minted, and minted by a proof of twenty hashes."""
    cast, send, registry = ours.stage.cast, ours.stage.send, ours.registry
    index, digest = 777_777, _digest("an item")
    root = Web3.keccak(Web3.keccak(index.to_bytes(32) + digest))
    proof = [_digest(f"beside {level}") for level in range(20)]
    for beside in proof:
        root = Web3.keccak(min(root, beside) + max(root, beside))
    publication = _publication("a collection", [_terms()])
    tx_hash = send(registry.functions.publishCollection(cast.author, publication, root, 1_000_000), sender=cast.author)
    gas.record("collection_publish_1m", tx_hash, note="next by the owner, with one priced licence")
    (event,) = registry.events.CollectionPublished().process_receipt(
        ours.stage.w3.eth.get_transaction_receipt(tx_hash), errors=DISCARD
    )
    item = 1 << 62 | event["args"]["collection"] << 32 | index
    gas.record("buy_item_first", ours.buy(item, 0, cast.buyer, document=root), note="the collection's root named")
    tx_hash = send(registry.functions.mintItem(item, digest, proof), sender=cast.buyer)
    gas.record("mint_item_20", tx_hash)


def _measure_streams(ours: _Ours, gas: Gas) -> None:
    """Access by the second of an asset that owes a royalty; each act when others of its kind came before."""
    cast, send, streams = ours.stage.cast, ours.stage.send, ours.streams.functions
    parent = ours.publish(cast.author, derivatives=(True, 1_000))
    terms = (PRICE, 1, _STREAM, _MONTH, 0, 0, _DAY, ours.streams.address)
    asset = ours.publish(cast.author, terms=[terms], parents=[parent.number]).number
    send(ours.stage.token.functions.mint(cast.buyer, _BATCH * ALLOWANCE), sender=cast.protocol)
    send(ours.stage.token.functions.approve(ours.streams.address, _BATCH * ALLOWANCE), sender=cast.buyer)

    def order(account: ChecksumAddress, *, months: int = 1) -> tuple[Any, ...]:
        return (asset, 0, account, months * _MONTH, ALLOWANCE, _digest(ASSET_NAME))

    subscribers = [Web3.to_checksum_address(_digest(f"subscriber {number}")[:20]) for number in range(_BATCH)]
    for subscriber in subscribers:
        send(streams.subscribe(order(subscriber)), sender=cast.buyer)
    opened = send(streams.subscribe(order(cast.buyer)), sender=cast.buyer)
    gas.record("stream_open_next", opened, note="the document named")
    gas.record("stream_top_up", send(streams.extend(order(cast.buyer)), sender=cast.buyer))
    for _ in range(2):
        # The second time, the receivers hold some already.
        ours.stage.w3.provider.make_request(RPCEndpoint("evm_increaseTime"), [2 * _DAY])
        settled = send(streams.settle(asset, 0, subscribers), sender=cast.buyer)
    gas.record("stream_settle_100", settled, note="fee, royalty and revenue paid out")
    gas.record("stream_cancel", send(streams.cancel(asset, 0), sender=cast.buyer), note="the refund included")


def _measure_compute(ours: _Ours, gas: Gas) -> None:
    """A job in escrow, of an asset that owes a royalty; all who are paid hold some already."""
    cast, send, escrow, token = ours.stage.cast, ours.stage.send, ours.escrow, ours.stage.token.functions
    parent = ours.publish(cast.author, derivatives=(True, 1_000))
    terms = (PRICE, 1, _STREAM, 100, 0, 0, 50, escrow.address)
    asset = ours.publish(cast.author, terms=[terms], parents=[parent.number]).number
    host = dev_signer(ours.stage.w3.eth.accounts.index(cast.provider))
    royalty_to = ours.registry.functions.royaltyInfo(asset, 1).call()[0]
    for payee in (host.address, royalty_to, escrow.address):
        send(token.mint(payee, ALLOWANCE), sender=cast.protocol)
    for party in (cast.buyer, cast.provider):
        send(token.approve(escrow.address, ALLOWANCE), sender=party)

    def opened(text: str) -> tuple[HexBytes, Any]:
        accept_by = ours.stage.w3.eth.get_block("latest")["timestamp"] + 3_600
        job = _digest(text)
        offer = (asset, 0, host.address, cast.buyer, job, 5 * PRICE, 600, 300, _DAY, accept_by)
        message = dict(zip(HOST_OFFER, offer, strict=True))
        signature = host.sign_typed_data(offer_message(message, ours.stage.w3.eth.chain_id, escrow.address))
        order = (offer, signature, _digest(ASSET_NAME), ALLOWANCE)
        tx_hash = send(escrow.functions.open(order), sender=cast.buyer)
        receipt = ours.stage.w3.eth.get_transaction_receipt(tx_hash)
        (event,) = escrow.events.JobOpened().process_receipt(receipt, errors=DISCARD)
        return tx_hash, event["args"]["job"]

    def running(text: str) -> tuple[HexBytes, HexBytes, Any]:
        tx_hash, job = opened(text)
        return tx_hash, send(escrow.functions.accept(job), sender=cast.provider), job

    before, began, job = running("a job")
    ours.stage.w3.provider.make_request(RPCEndpoint("evm_increaseTime"), [200])
    delivered = send(escrow.functions.deliver(job, _digest("result"), 150), sender=cast.provider)
    settled = send(escrow.functions.settle(job), sender=cast.buyer)
    gas.record("compute_job", before, began, delivered, settled, note="the document named")
    _, job = opened("another")
    gas.record("compute_cancel_open", send(escrow.functions.cancel(job), sender=cast.buyer))
    *_, job = running("a third")
    ours.stage.w3.provider.make_request(RPCEndpoint("evm_increaseTime"), [200])
    gas.record("compute_cancel_running", send(escrow.functions.cancel(job), sender=cast.buyer))


def _measure_lineage(ours: _Ours, gas: Gas) -> None:
    """A sale of a derived asset over one of an asset that owes nobody, both steady."""
    cast, send = ours.stage.cast, ours.stage.send
    parent = ours.publish(cast.author, derivatives=(True, 1_000))
    plain, child = ours.publish(cast.author), ours.publish(cast.author, parents=[parent.number])
    gas.record("publish_derived", child.tx_hash, note="from one parent, next by the owner")
    used = {}
    for asset in (plain, child):
        ours.buy(asset.number, 0, cast.buyer)
        used[asset.number] = gas.total(ours.buy(asset.number, 0, cast.buyer))
    gas.derive(
        "lineage_sale_overhead", used[child.number] - used[plain.number], "the royalties' splitter holds some already"
    )
    lineage = ours.stage.w3.eth.contract(address=ours.registry.functions.lineage().call(), abi=artifact("Lineage").abi)
    send(lineage.functions.createSplitter(ours.registry.address, child.number), sender=cast.author)


def _measure_teams(ours: _Ours, gas: Gas) -> None:
    """A team of three, and a payment that two of them signed, through the client: it knows how to sign for a Safe."""
    url = str(getattr(ours.stage.w3.provider, "endpoint_uri", ""))
    chain = Chain.connect(url)
    people = [Registry.on(chain, signer=dev_signer(number), deployment=deploy_local(chain)) for number in (0, 1, 2)]
    ann, bob, _cleo = people
    addresses = [person.address for person in people]
    shares = dict(zip(addresses, (50, 30, 20), strict=True))
    team = ann.teams.create(addresses, threshold=2, shares=shares, salt=1)
    if team.tx is None:
        raise AssertionError("the team was there before")
    gas.derive("team_create_3", team.tx.gas_used, "with its splitter; the incumbent is a Safe of three alone")
    dollar = ann.erc20(ann.tokens[1].address or "")
    ann.act("fund the team", dollar.functions.mint(team.address, 10_000_000))
    used = []
    for _ in range(2):
        proposal = ann.teams.propose(team, [dollar.functions.transfer(bob.address, 1_000_000)])
        executed = bob.teams.execute(bob.teams.sign(ann.teams.sign(proposal)))
        used.append(executed.tx.gas_used if executed.tx else 0)
    gas.derive("safe_exec_2of3", used[1], "a SafeL2, which logs what it does")


@dataclass(frozen=True, slots=True)
class _Published:
    number: int
    tx_hash: HexBytes


@dataclass(frozen=True, slots=True)
class _Ours:
    stage: Stage
    registry: Contract
    market: Contract
    streams: Contract
    escrow: Contract

    def publish(
        self,
        author: ChecksumAddress,
        *,
        terms: list[tuple[int, ...]] | None = None,
        derivatives: tuple[bool, int] = (False, 0),
        parents: Sequence[int] = (),
    ) -> _Published:
        licences = [_terms()] if terms is None else terms
        named = [(self.registry.address, parent) for parent in parents]
        publication = (_digest(ASSET_NAME), ADDRESS_ZERO, derivatives, named, 3_000, licences)
        tx_hash = self.stage.send(self.registry.functions.publish(author, publication), sender=author)
        receipt = self.stage.w3.eth.get_transaction_receipt(tx_hash)
        (event,) = self.registry.events.MetadataPublished().process_receipt(receipt, errors=DISCARD)
        return _Published(event["args"]["assetId"], tx_hash)

    def publish_many(self, author: ChecksumAddress) -> HexBytes:
        publications = [_publication(f"{ASSET_NAME} {number}", [_terms()]) for number in range(_BATCH)]
        return self.stage.send(self.registry.functions.publishMany(author, publications), sender=author)

    def add_licence(self, number: int, terms: tuple[int, ...], author: ChecksumAddress) -> int:
        self.stage.send(self.registry.functions.addLicence(number, terms), sender=author)
        return len(self.registry.functions.licencesOf(number).call()) - 1

    def buy(self, number: int, licence: int, buyer: ChecksumAddress, *, document: HexBytes = _ANY_DOCUMENT) -> HexBytes:
        order = (number, licence, buyer, 1, PRICE, document)
        tx_hash = self.stage.send(self.market.functions.buyAccess(order), sender=buyer)
        if not self.registry.functions.hasAccess(number, buyer).call():
            raise AssertionError("bought, and no access")
        return tx_hash

    def transfer(self, number: int, owner: ChecksumAddress, heir: ChecksumAddress) -> HexBytes:
        return self.stage.send(self.registry.functions.transferFrom(owner, heir, number), sender=owner)


def _deploy(stage: Stage) -> _Ours:
    cast = stage.cast
    authority = stage.deploy(asdict(artifact("RegistryAuthority")), cast.protocol)
    directory = stage.deploy(asdict(artifact("Directory")), authority.address)
    lineage = stage.deploy(asdict(artifact("Lineage")))
    fixed = (authority.address, directory.address, lineage.address)
    registry = stage.deploy(asdict(artifact("AssetRegistry")), *fixed, cast.treasury, _FEE_BPS)
    market = stage.deploy(asdict(artifact("Marketplace")), registry.address)
    streams = stage.deploy(asdict(artifact("Streams")), registry.address)
    escrow = stage.deploy(asdict(artifact("ComputeEscrow")), authority.address, registry.address)
    for seller in (market, streams, escrow):
        stage.send(registry.functions.setSeller(seller.address, True), sender=cast.protocol)
    stage.send(registry.functions.setPaymentToken(stage.token.address, True), sender=cast.protocol)
    return _Ours(stage, registry, market, streams, escrow)


def _warm_up(ours: _Ours) -> None:
    cast = ours.stage.cast
    earlier = ours.publish(cast.earlier_author)
    approve = ours.stage.token.functions.approve(ours.market.address, ALLOWANCE)
    ours.stage.send(approve, sender=cast.earlier_buyer)
    ours.buy(earlier.number, 0, cast.earlier_buyer)


def _publication(document: str, licences: list[tuple[int, ...]]) -> tuple[Any, ...]:
    return (_digest(document), ADDRESS_ZERO, (False, 0), [], 0, licences)


def _terms(*, kind: int = _PERIOD, price: int = PRICE, amount: int = _MONTH, limit: int = 0) -> tuple[int, ...]:
    return (price, 1 if price else 0, kind, amount, 0, limit, 0, ADDRESS_ZERO)


def _digest(text: str) -> HexBytes:
    return Web3.keccak(text=text)
