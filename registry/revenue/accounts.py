"""Where money went, read from events: sales, payouts of the day, families, and the books of splitters."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from fractions import Fraction
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final, TypeVar

from eth_abi.abi import encode
from eth_hash.auto import keccak

from registry.did import DID
from registry.errors import ChainError, ConnectionFailed, InputError, NotFoundError, RegistryError
from registry.money import Amount, Token, find_token
from registry.revenue.splits import Book, Share, Split
from registry.revenue.statement import Flow, Line
from registry.session import Session
from registry.text import numbers
from registry.types import ZERO_ADDRESS, Address, terms_of, to_address

if TYPE_CHECKING:
    from web3.contract import Contract

    from registry.chain.logs import Event

FOREIGN: Final = 2**16 - 1
"""Index of a token that is none of the registry's, which has 256 at most."""

ADDRESSES: Final = 200
"""Splitters, or assets, asked about in one request."""

_T = TypeVar("_T")

_Place = tuple[int, int]
"""Block and place there: the order of events."""


@dataclass(frozen=True, slots=True)
class Declaration:
    """What an asset was derived from: its parents, and the royalty of each ancestor in basis points."""

    parents: tuple[DID, ...]
    ancestors: tuple[tuple[DID, int], ...]

    def royalty_of(self, ancestor: DID) -> int | None:
        """What each sale owes this ancestor; None if it is none."""
        return dict(self.ancestors).get(ancestor)


@dataclass(slots=True)
class Account:
    """The books of one splitter by the address of the token, and the lines that they gave."""

    split: Split
    books: dict[Address, Book] = field(default_factory=dict)
    lines: list[Line] = field(default_factory=list)

    def book(self, token: Token) -> Book:
        """The book in one token, empty if nothing was ever distributed."""
        return self.books.setdefault(token.address or ZERO_ADDRESS, Book(self.split.weights))


class Accounts:
    """Reads events of one registry for one answer; it keeps what it has read, so make a new one for the next."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._chain = session.chain
        self._times: dict[int, int] = {}

    # --- Contracts and tokens --------------------------------------------------------------------

    @cached_property
    def lineage(self) -> Contract:
        """The Lineage contract."""
        return self._chain.contract("Lineage", self._session.deployment.lineage)

    @cached_property
    def factory(self) -> Contract:
        """The SplitterFactory contract."""
        return self._chain.contract("SplitterFactory", self._session.deployment.splitters)

    def splitter(self, address: str) -> Contract:
        """A splitter of either kind."""
        return self._chain.contract("RevenueSplitter", address)

    def token(self, value: str | Token) -> Token:
        """A token by symbol or address: one that the registry ever took, or by address any other ERC-20.

        Raises `UnknownToken`, `InvalidAmount` for an ambiguous symbol, `InvalidAddress`, and `InputError` for an
        address that is no token.
        """
        if isinstance(value, Token):
            return value
        if not value.startswith("0x"):
            return find_token(value, self._session.all_tokens)
        address = to_address(value)
        for token in self._session.all_tokens:
            if (token.address or ZERO_ADDRESS) == address:
                return token
        try:
            return self._session._token(FOREIGN, address)
        except ConnectionFailed:
            raise
        except RegistryError as error:
            raise InputError(f"{address} does not answer like a token.", hint="Check the address.") from error

    # --- Splitters -------------------------------------------------------------------------------

    def find(self, address: str) -> Split | None:
        """The splitter at an address, None if there is other code or none.

        It counts only if its payees lead back to its address: others could say anything of themselves.
        """
        checked = to_address(address)
        if not self._chain.has_code(checked):
            return None
        contract = self.splitter(checked)
        try:
            accounts, shares = self._chain.call(contract.functions.payees())
        except ConnectionFailed:
            raise
        except RegistryError:
            return None
        table = [(to_address(account), int(share)) for account, share in zip(accounts, shares, strict=False)]
        try:
            if self._chain.call(self.factory.functions.splitterOf(table)) == checked:
                return split_of(checked, table, deployed=True)
        except ConnectionFailed:
            raise
        except RegistryError:
            # The factory takes no such table; that of an asset's royalties has rules of its own.
            pass
        return self._royalties_at(checked)

    def royalties(self, did: DID) -> Split:
        """The splitter of an asset's royalties, made or not; of an item that of its collection. Raises `NotFoundError`
        for an asset without ancestors."""
        registry, did = self._session.deployment.registry, did.collection or did
        table = self._chain.call(self.lineage.functions.ancestorsOf(registry, did.asset_id))
        if not table:
            self.payout(did)
            raise NotFoundError(
                f"Asset {did} owes no royalties: it was not derived from another one.",
                hint="Ask for the splitter that is its payout by its address.",
            )
        address = to_address(self._chain.call(self.lineage.functions.splitterOf(registry, did.asset_id)))
        assets = [self._ancestor(registry, asset_id) for registry, asset_id, _bps in table]
        return split_of(
            address,
            [(self._payee(asset, address), int(bps)) for asset, (_r, _i, bps) in zip(assets, table, strict=True)],
            deployed=self._chain.has_code(address),
            asset=did,
            assets=assets,
        )

    def _ancestor(self, registry: str, asset_id: int) -> DID:
        return DID(self._chain.chain_id, to_address(registry), int(asset_id))

    def _payee(self, asset: DID, splitter: Address) -> Address:
        """The payout of an ancestor as its registry says; the name that its part waits under if that says none."""
        if asset.registry == self._session.deployment.registry:
            payout = self.payout(asset)
        else:
            contract = self._chain.contract("AssetRegistry", asset.registry)
            try:
                payout = to_address(self._chain.call(contract.functions.payoutOf(asset.asset_id)))
            except ConnectionFailed:
                raise
            except RegistryError:
                payout = ZERO_ADDRESS
        return waiting_name(asset) if payout in (ZERO_ADDRESS, splitter) else payout

    def payout(self, did: DID) -> Address:
        """Who receives the revenue of an asset of this registry now."""
        return to_address(self._session.read(did, self._session.assets.functions.payoutOf(did.asset_id)))

    def splits_of(self, account: Address) -> list[Split]:
        """All splitters of people, made so far, that pay an account."""
        found = []
        for event in self._events(self.factory.events.SplitterCreated):
            table = [(to_address(share["payee"]), int(share["share"])) for share in event.args["shares"]]
            if account in dict(table):
                found.append(split_of(event.args["splitter"], table, deployed=True))
        return found

    # --- Events ----------------------------------------------------------------------------------

    @cached_property
    def families(self) -> dict[int, Declaration]:
        """All derived assets and what they declared."""
        registry = self._session.deployment.registry
        return {
            int(event.args["assetId"]): Declaration(
                tuple(self._ancestor(one["registry"], one["assetId"]) for one in event.args["parents"]),
                tuple(
                    (self._ancestor(one["registry"], one["assetId"]), int(one["royaltyBps"]))
                    for one in event.args["ancestors"]
                ),
            )
            for event in self._events(self.lineage.events.ParentsDeclared, registry=registry)
        }

    def descendants(self, did: DID) -> list[int]:
        """Assets that were derived from one, directly or not, in the order of their publication."""
        return [child for child, found in self.families.items() if found.royalty_of(did) is not None]

    def debtors(self, assets: Iterable[DID]) -> list[int]:
        """Assets that owe royalties to any of these assets, or to an item of one."""
        wanted = set(assets)
        return [
            child
            for child, found in self.families.items()
            if any(not wanted.isdisjoint(_with_collection(one)) for one, _bps in found.ancestors)
        ]

    def ancestors_abroad_paid_to(self, account: Address) -> list[DID]:
        """Assets of other registries that assets here were derived from, and that pay an account, or once did."""
        ours = self._session.deployment.registry
        abroad = {one for found in self.families.values() for one, _bps in found.ancestors if one.registry != ours}
        payouts = self.payouts(abroad)
        return [one for one in abroad if account in (payouts.all_of(one) or [self._payee(one, ZERO_ADDRESS)])]

    def payouts(self, assets: Iterable[DID]) -> Payouts:
        """Who was the payout of each of these assets at each moment, and of the collections that they are items of. Of
        another registry as far as it logs what ours does, and since ours was made."""
        changes: dict[DID, list[tuple[_Place, Address]]] = {one: [] for did in assets for one in _with_collection(did)}
        numbers: dict[str, list[int]] = {}
        for one in changes:
            numbers.setdefault(one.registry, []).append(one.asset_id)
        owners: dict[DID, Address] = {}
        found: list[Event] = []
        for registry, ids in numbers.items():
            events = self._chain.contract("AssetRegistry", registry).events
            for part in _parts(ids):
                found += self._events(events.Transfer, tokenId=part)
                found += self._events(events.PayoutChanged, assetId=part)
        for event in sorted(found, key=_place):
            if event.name == "Transfer":
                asset = self._ancestor(event.address, event.args["tokenId"])
                owners[asset] = account = event.args["to"]
            else:
                asset, account = self._ancestor(event.address, event.args["assetId"]), event.args["payout"]
                if account == ZERO_ADDRESS:
                    account = owners.get(asset, ZERO_ADDRESS)
            changes[asset].append((_place(event), account))
        return Payouts(changes)

    def assets_paid_to(self, account: Address) -> list[int]:
        """Assets that an account ever owned, or was made the payout of."""
        events = self._session.assets.events
        owned = {int(event.args["tokenId"]) for event in self._events(events.Transfer, to=account)}
        # The payout is no filter of the event, so all of them are read.
        named = {int(e.args["assetId"]) for e in self._events(events.PayoutChanged) if e.args["payout"] == account}
        return sorted(owned | named)

    def sales(self, ids: Sequence[int], tokens: Sequence[Token]) -> list[Line]:
        """The sales of some assets, of collections those of their items too, and what streams and jobs of them earned,
        each for the payout that it had then."""
        sold = self._sold_of(ids)
        named = self._jobs_of(sold)
        payouts = self.payouts(self._session.did(int(event.args["assetId"])) for event in sold)
        by_address = {token.address or ZERO_ADDRESS: token for token in tokens}
        lines = []
        for event in sold:
            token, parts = by_address.get(event.args["token"]), _divided(event)
            if token is None or (event.name != "Sale" and not any(parts)):
                continue
            fee, royalty, revenue = (Amount(units, token) for units in parts)
            job, asset = named.get(event.args.get("id", b"")), self._session.did(int(event.args["assetId"]))
            line = self._line(
                event,
                flow=Flow.SALE,
                account=job["payout"] if job else payouts.at(asset, _place(event)),
                amount=revenue,
                asset=asset,
                gross=fee + royalty + revenue,
                fee=fee,
                royalty=royalty,
            )
            lines.append(line)
        return lines

    def fees(self, account: Address, tokens: Sequence[Token]) -> list[Line]:
        """The fees of all sales, and of what streams and jobs earned, while an account was the treasury."""
        changed = [(_place(e), e.args["treasury"]) for e in self._events(self._session.assets.events.TreasuryChanged)]
        if account not in {treasury for _, treasury in changed}:
            return []
        by_address = {token.address or ZERO_ADDRESS: token for token in tokens}
        sold = self._sold()
        named = self._jobs_of(sold)
        lines = []
        for event in sold:
            token, units = by_address.get(event.args["token"]), _divided(event)[0]
            treasury = max((one for one in changed if one[0] < _place(event)), default=(None, None))[1]
            if job := named.get(event.args.get("id", b"")):
                treasury = job["treasury"]
            if token is not None and units and treasury == account:
                asset, amount = self._session.did(int(event.args["assetId"])), Amount(units, token)
                lines.append(self._line(event, flow=Flow.FEE, account=account, amount=amount, asset=asset))
        return lines

    def _sold_of(self, ids: Sequence[int]) -> list[Event]:
        """What was sold of some assets. Items of a collection are too many to be named in a question, so that all sales
        are read where one is among the assets."""
        published = self._session.assets.events.CollectionPublished
        parts = list(_parts(list(ids)))
        wholes = {int(event.args["collection"]) for part in parts for event in self._events(published, collection=part)}
        if not wholes:
            return [event for part in parts for event in self._sold(assetId=part)]
        wanted = wholes.union(ids)
        every = self._sold()
        return [one for one in every if not wanted.isdisjoint((one.args["assetId"], terms_of(one.args["assetId"])))]

    def _sold(self, **filters: Any) -> list[Event]:
        """All by which money was earned: at once, by the second, and by a job."""
        session = self._session
        earned = (session.stream_contract.events.Settled, session.escrow_contract.events.JobClosed)
        return [event for kind in (session.market.events.Sale, *earned) for event in self._events(kind, **filters)]

    def _jobs_of(self, sold: Iterable[Event]) -> dict[bytes, Mapping[str, Any]]:
        """What each job that was closed was when it was opened, by its name: it pays whom it named then."""
        opened = self._session.escrow_contract.events.JobOpened
        closed = [event.args["id"] for event in sold if event.name == "JobClosed"]
        return {e.args["id"]: e.args["job"] for part in _parts(closed) for e in self._events(opened, id=part)}

    def accounts(self, splits: Iterable[Split], tokens: Sequence[Token]) -> dict[Address, Account]:
        """The books of splitters in these tokens, by the address of the splitter.

        Other tokens are left out: anybody can make one, and distribute as much of it as they like.
        """
        found = {split.address: Account(split) for split in splits}
        by_address = {token.address or ZERO_ADDRESS: token for token in tokens}
        payouts = self.payouts({share.asset for one in found.values() for share in one.split.payees if share.asset})
        events: list[Event] = []
        for part in _parts(list(found)):
            contract = self.splitter(part[0])
            for kind in ("ChunkPaid", "Parked", "Distributed", "Claimed"):
                events += self._events(_Several(contract.events[kind], part), token=list(by_address))
        # What comes before a `Distributed` in the same call.
        chunks: dict[tuple[Address, Address], range] = {}
        parked: dict[tuple[Address, Address], list[Event]] = {}
        for event in sorted(events, key=_place):
            one, token = found[event.address], by_address[event.args["token"]]
            book = one.book(token)
            key = event.address, event.args["token"]
            waiting = parked.setdefault(key, [])
            if event.name == "ChunkPaid":
                first = int(event.args["first"])
                chunks[key] = range(first, first + int(event.args["count"]))
            elif event.name == "Parked":
                waiting.append(event)
            elif event.name == "Claimed":
                amount = int(event.args["amount"])
                payee = event.args["payee"]
                book.parked[payee] = book.parked.get(payee, 0) - amount
                line = self._line(
                    event,
                    flow=Flow.CLAIM,
                    account=payee,
                    amount=Amount(amount, token),
                    split=one.split.address,
                    to=event.args["to"],
                )
                one.lines.append(line)
            else:
                chunk = chunks.pop(key, None)
                one.lines += self._distribution(one.split, book, token, event, chunk, waiting, payouts)
                waiting.clear()
        return found

    def arrived(self, one: Account, token: Token) -> int:
        """All units of a token that ever arrived at a splitter, whether they were distributed or not.

        What was distributed and not parked has left; the rest is still there.
        """
        book = one.book(token)
        held = self._session.units(token, one.split.address)
        # A token whose balances shrink cannot take back what was counted.
        return max(book.distributed + held - sum(book.parked.values()), book.distributed)

    def at(self, moment: str | date | datetime | None) -> int | None:
        """A moment in seconds since 1970: text as ``2026-11-30`` or ``2026-11-30T12:00Z``, a date (its start in UTC),
        or a time, in UTC if it has no zone. Raises `InvalidNumber`.
        """
        if moment is None:
            return None
        if isinstance(moment, str):
            return numbers.moment(moment)
        if not isinstance(moment, datetime):
            moment = datetime(moment.year, moment.month, moment.day, tzinfo=UTC)
        return int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp())

    # --- Internal --------------------------------------------------------------------------------

    def _royalties_at(self, address: Address) -> Split | None:
        try:
            registry, asset_id = self._chain.call(self._chain.contract("LineageSplitter", address).functions.asset())
            expected = self._chain.call(self.lineage.functions.splitterOf(registry, asset_id))
            if registry != self._session.deployment.registry or expected != address:
                return None
            return self.royalties(self._session.did(int(asset_id)))
        except ConnectionFailed:
            raise
        except RegistryError:
            return None

    def _distribution(
        self,
        split: Split,
        book: Book,
        token: Token,
        event: Event,
        chunk: range | None,
        waiting: list[Event],
        payouts: Payouts,
    ) -> Iterator[Line]:
        """The lines of one `Distributed`, with the `ChunkPaid` and `Parked` that came before it in the same call."""
        paid = book.distribute(int(event.args["amount"]), chunk)
        if paid is None:
            raise ChainError(
                f"The events of splitter {split.address} do not explain the {event.args['amount']:,} units of "
                f"{token.symbol} that it distributed in block {event.block}.",
                hint="The node may have left events out; ask another one.",
            )
        parks = [(parked.args["payee"], int(parked.args["amount"])) for parked in waiting]
        for place, units in paid:
            payee = split.payees[place]
            account, asset = payee.account, payee.asset
            if asset is not None and asset.registry == self._session.deployment.registry:
                account = payouts.at(asset, _place(event))
            elif asset is not None and payouts.all_of(asset)[-1:] == [account]:
                # What another registry logs counts where it leads to the payout that it tells now.
                account = payouts.at(asset, _place(event), otherwise=account)
            if asset is not None and (account, units) not in parks and (waiting_name(asset), units) in parks:
                account = waiting_name(asset)
            failed = (account, units) in parks
            if failed:
                parks.remove((account, units))
                book.parked[account] = book.parked.get(account, 0) + units
            yield self._line(
                event,
                flow=Flow.PARKED if failed else Flow.SHARE if asset is None else Flow.ROYALTY,
                account=account,
                amount=Amount(units, token),
                asset=asset,
                source=split.asset,
                split=split.address,
            )

    def _line(self, event: Event, **fields: Any) -> Line:
        if event.block not in self._times:
            self._times[event.block] = self._chain.block(event.block).timestamp
        return Line(
            time=self._times[event.block],
            block=event.block,
            log_index=event.log_index,
            tx_hash=event.tx_hash,
            **fields,
        )

    def _events(self, event: Any, **filters: Any) -> list[Event]:
        start = self._session.deployment.block
        return list(self._chain.events(event, filters=filters or None, from_block=start, to_block=self._head))

    @cached_property
    def _head(self) -> int:
        """The last block read, one for all questions: else a sale could be seen without the transfer before it."""
        return self._chain.block().number


def waiting_name(asset: DID) -> Address:
    """The name under which the part of an ancestor is parked while its registry says no payout; nobody has its key."""
    return to_address("0x" + keccak(encode(("address", "uint256"), (asset.registry, asset.asset_id)))[12:].hex())


class Payouts:
    """Who was the payout of some assets, at each moment; of an item, until it was minted, that of its collection."""

    def __init__(self, changes: dict[DID, list[tuple[_Place, Address]]]) -> None:
        self._changes = changes

    def all_of(self, asset: DID) -> list[Address]:
        """Every account that was its payout, one after the other."""
        return [account for one in reversed(_with_collection(asset)) for _when, account in self._changes[one]]

    def at(self, asset: DID, place: _Place, *, otherwise: Address | None = None) -> Address:
        """The payout of an asset when an event at `place` happened. If it is not known, `otherwise`, or without it
        `ChainError`."""
        for one in _with_collection(asset):
            if before := [account for when, account in self._changes[one] if when < place]:
                return before[-1]
        if otherwise is not None:
            return otherwise
        raise ChainError(
            f"The node has no event of how asset {asset} was published.", hint="Ask a node with the whole history."
        )


class _Several:
    """An event of many contracts at once."""

    def __init__(self, event: Any, addresses: Sequence[Address]) -> None:
        self.abi = event.abi if hasattr(event, "abi") else event._get_event_abi()
        self.address = list(addresses)


def split_of(
    address: str,
    table: Sequence[tuple[Address, int]],
    *,
    deployed: bool,
    asset: DID | None = None,
    assets: Sequence[DID] = (),
) -> Split:
    """Make a `Split` of a table of payees and weights; `assets` are the ancestors in the same order."""
    whole = sum(weight for _account, weight in table)
    shares = tuple(
        Share(account, weight, Fraction(weight, whole or 1), assets[place] if assets else None)
        for place, (account, weight) in enumerate(table)
    )
    return Split(to_address(address), shares, deployed, asset)


def _with_collection(asset: DID) -> list[DID]:
    """An asset, and the collection that it is an item of."""
    return [asset] if asset.collection is None else [asset, asset.collection]


def _place(event: Event) -> _Place:
    return event.block, event.log_index


def _divided(event: Event) -> tuple[int, int, int]:
    """What the treasury, the ancestors and the payout had of a sale."""
    args = event.args
    if event.name == "Sale":
        return int(args["fee"]), int(args["royalty"]), int(args["total"]) - int(args["fee"]) - int(args["royalty"])
    fee, royalty, payout = (int(units) for units in args["parts"].values())
    return fee, royalty, payout


def _parts(items: list[_T]) -> Iterator[list[_T]]:
    for start in range(0, len(items), ADDRESSES):
        yield items[start : start + ADDRESSES]
