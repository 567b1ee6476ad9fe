"""Sharing revenue: splitters, what they owe, what they paid, and what an asset or an account earned."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Final

from registry.did import DID
from registry.errors import InputError, NotFoundError
from registry.money import Amount, Token
from registry.results import AssetRef
from registry.revenue.accounts import Account, Accounts, split_of
from registry.revenue.splits import (
    Claim,
    Distribution,
    Forecast,
    Parked,
    Part,
    Payment,
    Pending,
    Split,
    divide,
    weights,
)
from registry.revenue.statement import Flow, Line, Statement, merge
from registry.session import Session, whole
from registry.types import ZERO_ADDRESS, Address, to_address

if TYPE_CHECKING:
    from web3.contract.contract import ContractFunction

    from registry.chain.acting import Outbox
    from registry.chain.logs import TxReceipt

CHUNK: Final = 100
"""Payees paid in one transaction unless it is said otherwise: 100 that each burn all gas they are given still fit."""

Shares = Mapping[str, str | Decimal | int]
"""Accounts or names, and what each gets: see `registry.revenue.splits.weights`."""


class Revenue:
    """The verbs of sharing revenue, as `Registry.revenue`.

    A split is a contract with payees and shares that never change. Anybody may have it pay; it pays each payee exact
    sums, and keeps what one could not be paid for that one to claim. Where a `split` is asked for, its address, a
    `Split`, or an asset does: of an asset, the splitter of the royalties that it owes its ancestors.
    """

    def __init__(self, session: Session) -> None:
        self._session = session
        self._chain = session.chain

    # --- Making ----------------------------------------------------------------------------------

    def create(self, shares: Shares, *, names: Mapping[str, str] | None = None, dry_run: bool = False) -> Split:
        """Make the splitter of these shares, or find it if it is there already.

        `shares` maps accounts, or names that `names` maps to accounts, to percentages (``"33.3 %"``, Decimal) that sum
        to exactly 100 %, or to whole weights; at most 256.

        Raises `InputError` and `InvalidAddress` that name the culprit, and `NoSigner`.
        """
        split = self.address_of(shares, names=names)
        if split.deployed:
            return split
        outbox = self._session.actor.outbox("make a splitter", dry_run=dry_run)
        outcome = outbox.send(self._creation(split), intent=f"split:{split.address}")
        return replace(split, deployed=outcome.receipt is not None, tx=outcome.receipt, cost=outcome.cost)

    def address_of(self, shares: Shares, *, names: Mapping[str, str] | None = None) -> Split:
        """The splitter of these shares, made or not: its `address` can be paid before it is made.

        Raises what `create` raises for the shares.
        """
        table = weights(shares, names=names)
        self._refuse_contracts(account for account, _weight in table)
        address = to_address(self._chain.call(Accounts(self._session).factory.functions.splitterOf(list(table))))
        return split_of(address, table, deployed=self._chain.has_code(address))

    def get(self, split: Split | AssetRef) -> Split:
        """The splitter at an address, or that of an asset's royalties.

        Raises `NotFoundError` for an address with no splitter of this registry's, or whose splitter was not made yet,
        and for an asset without ancestors; `AssetNotFound`.
        """
        ledger = Accounts(self._session)
        if isinstance(split, Split):
            if split.asset is not None:
                return ledger.royalties(split.asset)
            return replace(split, deployed=self._chain.has_code(split.address))
        if isinstance(split, str) and split.startswith("0x"):
            found = ledger.find(split)
            if found is None:
                raise NotFoundError(
                    f"There is no splitter at {to_address(split)}.",
                    hint="If it was not made yet, make it of its shares: the address is the same.",
                )
            return found
        return ledger.royalties(self._session.did(split))

    # --- Asking ----------------------------------------------------------------------------------

    def forecast(self, target: Split | AssetRef, amount: str | Amount) -> Forecast:
        """Who would get what of a future amount that arrives at a splitter, or of a future sale of an asset.

        Of a sale: the fee, the royalty of each ancestor, and the rest to the payout; payouts that are splitters are
        followed. Rounded as the contracts do, on top of all that arrived before: it is what the accounts get more if
        everything is distributed, from the outer splitters to the inner ones.

        Raises `InvalidAmount`, `UnknownToken`, `NotFoundError` and `AssetNotFound`.
        """
        paid = self._session.amount(amount)
        cascade = _Cascade(self._session, paid.token)
        if isinstance(target, Split) or (isinstance(target, str) and target.startswith("0x")):
            split = self.get(target)
            cascade.settle(split)
            cascade.pay(split, paid.units, "share", ())
        else:
            self._forecast_sale(cascade, self._session.did(target), paid)
        parts = tuple(replace(part, amount=Amount(units, paid.token)) for part, units in cascade.parts.items() if units)
        return Forecast(paid, parts, paid.units - sum(part.amount.units for part in parts))

    def pending(self, split: Split | AssetRef, token: str | Token) -> tuple[Pending, ...]:
        """What each payee of a splitter has to expect in a token, one entry for each account.

        Raises what `get` raises, `UnknownToken`, and `InputError` for an address that is no token.
        """
        ledger = Accounts(self._session)
        found, money = self.get(split), ledger.token(token)
        account = ledger.accounts([found], [money])[found.address]
        parked = account.book(money).parked
        people: dict[Address, list[DID]] = {}
        for payee in found.payees:
            people.setdefault(payee.account, []).extend([payee.asset] if payee.asset else [])
        if found.deployed:
            functions = ledger.splitter(found.address).functions
            money_address = money.address or ZERO_ADDRESS
            owed = {who: int(self._chain.call(functions.pending(money_address, who))) for who in people}
        else:
            held = self._session.units(money, found.address)
            owed = dict.fromkeys(people, 0)
            for payee, units in zip(found.payees, divide(held, found.weights), strict=True):
                owed[payee.account] += units
        return tuple(
            Pending(
                who,
                Amount(owed[who] - parked.get(who, 0), money),
                Amount(parked.get(who, 0), money),
                tuple(assets),
            )
            for who, assets in people.items()
        )

    def parked(
        self,
        split: Split | AssetRef | None = None,
        *,
        account: str | None = None,
        token: str | Token | None = None,
    ) -> tuple[Parked, ...]:
        """Money that splitters could not pay and keep for claims.

        Of one `split`, or of all that ever had an `account` (default: the signer) as payee. `token` is one of the
        payment tokens, by default all of them; another ERC-20 by its address.
        """
        ledger = Accounts(self._session)
        tokens = self._tokens(ledger, token)
        who = to_address(account) if account is not None else None
        if split is None:
            who = who or self._session.address
            splits = self._splits_paying(ledger, who)
        else:
            splits = [self.get(split)]
        return tuple(
            Parked(address, payee, Amount(units, money))
            for address, found in ledger.accounts(splits, tokens).items()
            for money in tokens
            for payee, units in found.book(money).parked.items()
            if units and who in (None, payee)
        )

    # --- Paying ----------------------------------------------------------------------------------

    def distribute(
        self,
        split: Split | AssetRef,
        token: str | Token | None = None,
        *,
        chunk: int | None = None,
        dry_run: bool = False,
    ) -> Distribution:
        """Have a splitter pay its payees what arrived; for anybody. It is made first if it is not there yet.

        `token` is by default every payment token of which something waits; another ERC-20 is named by its address.
        `chunk` payees are paid in a transaction, by default up to 100; interrupted and run again, it goes on where it
        stopped. What a payee cannot be paid is parked for its `claim` and hinders nobody.

        Raises what `get` raises, `UnknownToken`, and `NoSigner`.
        """
        if chunk is not None:
            whole(chunk, "payees in a chunk")
        ledger = Accounts(self._session)
        found = self.get(split)
        tokens = self._tokens(ledger, token)
        account = ledger.accounts([found], tokens)[found.address]
        wanted = [money for money in tokens if sum(account.book(money).due(ledger.arrived(account, money)))]
        outbox = self._session.actor.outbox("distribute", dry_run=dry_run)
        if not wanted:
            return Distribution(found, (), (), None)
        size = chunk if chunk is not None else CHUNK
        if dry_run:
            calls = self._distributions(found, wanted, size) if found.deployed else [self._creation(found)]
            return Distribution(found, (), (), outbox.preview(*calls))
        txs: list[TxReceipt] = []
        if not found.deployed:
            txs.append(outbox.send(self._creation(found), intent=f"split:{found.address}").done)
            self._chain.forget_code()
            found = replace(found, deployed=True)
        for money in wanted:
            txs += self._round(outbox, found, money, size)
            # A round that somebody left unfinished pays what had come when it began.
            if account.book(money).in_round:
                anew = Accounts(self._session)
                later = anew.accounts([found], [money])[found.address]
                if sum(later.book(money).due(anew.arrived(later, money))):
                    txs += self._round(outbox, found, money, size)
        hashes = {tx.tx_hash for tx in txs}
        lines = Accounts(self._session).accounts([found], wanted)[found.address].lines
        payments = tuple(
            Payment(line.account, line.amount, line.flow is Flow.PARKED, line.asset)
            for line in lines
            if line.tx_hash in hashes and line.flow is not Flow.CLAIM
        )
        return Distribution(found, payments, tuple(txs), txs[-1].cost if len(txs) == 1 else None)

    def claim(
        self,
        split: Split | AssetRef,
        token: str | Token,
        *,
        account: str | None = None,
        to: str | None = None,
        dry_run: bool = False,
    ) -> Claim:
        """Have what a splitter keeps for an `account` (default: the signer) sent to it.

        Anybody may: so a splitter, a vault or another payee that makes no calls gets it. Only the payee itself may have
        it sent elsewhere (`to`).

        Raises what `get` raises, `InputError` for what is another's and would go elsewhere, `NotFoundError` for a
        splitter that was not made yet, and the contract's `NothingToClaim`, `InvalidClaimReceiver` and `ClaimRefused`.
        """
        ledger = Accounts(self._session)
        found, money = self.get(split), ledger.token(token)
        payee = to_address(account) if account is not None else self._session.address
        receiver = to_address(to) if to is not None else payee
        if receiver != payee != self._session.address:
            raise InputError(
                f"What waits for {payee} goes to {payee} and nowhere else.", hint="Leave out where it should go."
            )
        if not found.deployed:
            raise NotFoundError(
                f"The splitter {found.address} was not made yet, so nothing is parked there.", hint="Distribute first."
            )
        call = ledger.splitter(found.address).functions.claim(money.address or ZERO_ADDRESS, payee, receiver)
        done = self._session.act(f"claim {money.symbol}", call, dry_run=dry_run)
        if done.tx is None:
            units = int(self._chain.call(call, sender=self._session.address))
        else:
            units = sum(int(event.args["amount"]) for event in done.tx.named("Claimed"))
        return Claim(found.address, payee, receiver, Amount(units, money), done.cost, done.tx)

    # --- Telling ---------------------------------------------------------------------------------

    def statement(
        self,
        subject: Split | AssetRef,
        *,
        token: str | Token | None = None,
        since: str | date | datetime | None = None,
        until: str | date | datetime | None = None,
    ) -> Statement:
        """What an asset, an account or a splitter earned, read from events alone; needs no signer.

        Of an asset: its sales (gross, fee, royalty to its ancestors, net to its payout of the day) and the royalties
        that assets derived from it paid; of a collection those of its items, too. Of an account: all that it got as
        payout, ancestor's payout, payee or treasury, and its claims. Of a splitter: what it paid, parked and had
        claimed, and in `arrived` what is known to have come in.

        `token` is one of the payment tokens, by default all; another ERC-20 by its address. `since` is included,
        `until` is not: ISO text, a date or a time, UTC unless it says otherwise. Each splitter's books are read from
        the start all the same, since that is what makes the sums exact.

        Raises `AssetNotFound`, `UnknownToken`, `InputError`, `InvalidAddress`.
        """
        ledger = Accounts(self._session)
        tokens = self._tokens(ledger, token)
        start, end = ledger.at(since), ledger.at(until)
        arrived: tuple[Line, ...] = ()
        if isinstance(subject, Split) or (isinstance(subject, str) and subject.startswith("0x")):
            split = self.get(subject) if isinstance(subject, Split) else ledger.find(subject)
            address = split.address if split is not None else to_address(str(subject))
            income = self._income(ledger, address, tokens)
            if split is None:
                return Statement(f"account {address}", merge(income, since=start, until=end))
            lines = ledger.accounts([split], tokens)[split.address].lines
            arrived = merge(income, since=start, until=end)
            what = f"royalties of {split.asset}" if split.asset else f"splitter {address}"
            return Statement(what, merge(lines, since=start, until=end), arrived)
        did = self._session.did(subject)
        ledger.payout(did)
        lines = ledger.sales([did.asset_id], tokens)
        children = [ledger.royalties(self._session.did(child)) for child in ledger.debtors([did])]
        for account in ledger.accounts(children, tokens).values():
            lines += [line for line in account.lines if line.asset and did in (line.asset, line.asset.collection)]
        return Statement(f"asset {did}", merge(lines, since=start, until=end))

    # --- Below the verbs -------------------------------------------------------------------------

    def _income(self, ledger: Accounts, account: Address, tokens: tuple[Token, ...]) -> list[Line]:
        """All lines of an account, as payout, treasury, payee and claimant."""
        lines = ledger.fees(account, tokens)
        lines += [line for line in ledger.sales(ledger.assets_paid_to(account), tokens) if line.account == account]
        for found in ledger.accounts(self._splits_paying(ledger, account), tokens).values():
            lines += [line for line in found.lines if line.account == account]
        return lines

    def _splits_paying(self, ledger: Accounts, account: Address) -> list[Split]:
        """All splitters that pay an account, or may have paid it while it was the payout of an ancestor."""
        paying = [self._session.did(one) for one in ledger.assets_paid_to(account)]
        children = ledger.debtors(paying + ledger.ancestors_abroad_paid_to(account))
        return ledger.splits_of(account) + [ledger.royalties(self._session.did(child)) for child in children]

    def _tokens(self, ledger: Accounts, token: str | Token | None) -> tuple[Token, ...]:
        # Also those that the registry takes no more: money in them may still be on its way.
        return self._session.all_tokens if token is None else (ledger.token(token),)

    def _round(self, outbox: Outbox, split: Split, token: Token, size: int) -> list[TxReceipt]:
        """Pay one round, or the rest of it, `size` payees in a transaction."""
        functions, address = Accounts(self._session).splitter(split.address).functions, token.address or ZERO_ADDRESS
        if size >= len(split.payees):
            return [outbox.send(functions.distribute(address)).done]
        txs: list[TxReceipt] = []
        before = self._chain.call(functions.received(address))
        # A round ends when its total is written; somebody else may have begun or ended it.
        while self._chain.call(functions.received(address)) == before:
            txs.append(outbox.send(functions.distributeChunk(address, size)).done)
            if not txs[-1].named("Distributed"):
                break
            done = min(size * len(txs), len(split.payees))
            self._session.progress(f"distributing {token.symbol}", done, len(split.payees))
        return txs

    def _distributions(self, split: Split, tokens: Sequence[Token], size: int) -> list[ContractFunction]:
        """What pays one round of each token, or its first chunk."""
        functions = Accounts(self._session).splitter(split.address).functions
        return [
            functions.distributeChunk(money.address or ZERO_ADDRESS, size)
            if size < len(split.payees)
            else functions.distribute(money.address or ZERO_ADDRESS)
            for money in tokens
        ]

    def _creation(self, split: Split) -> ContractFunction:
        ledger = Accounts(self._session)
        if split.asset is not None:
            return ledger.lineage.functions.createSplitter(self._session.deployment.registry, split.asset.asset_id)
        return ledger.factory.functions.createSplitter([(payee.account, payee.weight) for payee in split.payees])

    def _refuse_contracts(self, accounts: Iterable[Address]) -> None:
        """Nobody could ever take money out of these again."""
        deployment = self._session.deployment
        dead = {
            deployment.registry: "the registry",
            deployment.marketplace: "the marketplace",
            deployment.streams: "the seller of time",
            deployment.escrow: "the escrow of jobs",
            deployment.authority: "the registry's authority",
            deployment.lineage: "the registry's lineage",
            deployment.splitters: "the factory of splitters",
        }
        dead |= {token.address: f"the token {token.symbol}" for token in self._session.all_tokens if token.address}
        for account in accounts:
            if account in dead:
                raise InputError(
                    f"Payee {account} is {dead[account]} itself.", hint="What is paid there is lost; name its owner."
                )

    def _forecast_sale(self, cascade: _Cascade, did: DID, price: Amount) -> None:
        info = self._session.read(did, self._session.assets.functions.assetInfo(did.asset_id))
        payout, royalty_bps = to_address(info[6]), int(info[9])
        treasury, fee_bps, _until = self._session.sales_rules
        fee = price.units * fee_bps // 10_000
        royalty = price.units * royalty_bps // 10_000
        split = Accounts(self._session).royalties(did) if royalty_bps else None
        receivers = [(treasury, fee, "fee")]
        receivers.append((payout, price.units - fee - royalty, "revenue"))
        if split is not None:
            cascade.settle(split)
        for account, _units, _why in receivers:
            cascade.settle_at(account)
        if split is not None:
            cascade.pay(split, royalty, "royalty", ())
        for account, units, why in receivers:
            cascade.pay_account(account, units, why, None, ())


class _Cascade:
    """Lets money flow through splitters on paper, each on top of what it holds in truth."""

    def __init__(self, session: Session, token: Token) -> None:
        self._session = session
        self._token = token
        self._ledger = Accounts(session)
        self._splits: dict[Address, Split | None] = {}
        self._arrived: dict[Address, int] = {}
        self._had: dict[Address, list[int]] = {}
        self._units: dict[Part, int] = {}
        self._measuring = False

    @property
    def parts(self) -> dict[Part, int]:
        """Units by receiver; the amounts of the parts themselves are empty."""
        return self._units

    def settle(self, split: Split) -> None:
        """Pay out what waits already, which is not part of the forecast; it may flow on into other splitters."""
        if split.address in self._arrived:
            return
        self._splits[split.address] = split
        account = self._account(split)
        book = account.book(self._token)
        self._arrived[split.address] = self._ledger.arrived(account, self._token)
        self._had[split.address] = list(book.had)
        for payee in split.payees:
            self.settle_at(payee.account)
        self._flow(split, "share", ())

    def settle_at(self, account: Address) -> None:
        """`settle` the splitter at an account, if it is one."""
        split = self._at(account)
        if split is not None:
            self.settle(split)

    def pay(self, split: Split, units: int, why: str, through: tuple[Address, ...]) -> None:
        """Let units arrive at a settled splitter and be distributed."""
        self._measuring = True
        self._arrive(split, units, why, through)

    def pay_account(
        self, account: Address, units: int, why: str, asset: DID | None, through: tuple[Address, ...]
    ) -> None:
        """Let units arrive at an account, and flow on if it is a splitter."""
        self._measuring = True
        self._receive(account, units, why, asset, through)

    def _arrive(self, split: Split, units: int, why: str, through: tuple[Address, ...]) -> None:
        self._arrived[split.address] += units
        # What flows in a circle stays where the circle closes, until the next distribution.
        if split.address not in through:
            self._flow(split, why, (*through, split.address))

    def _flow(self, split: Split, why: str, through: tuple[Address, ...]) -> None:
        before = self._had[split.address]
        ideal = divide(self._arrived[split.address], split.weights)
        self._had[split.address] = now = [max(pair) for pair in zip(ideal, before, strict=True)]
        for payee, then, earlier in zip(split.payees, now, before, strict=True):
            self._receive(payee.account, then - earlier, why, payee.asset, through)

    def _receive(self, account: Address, units: int, why: str, asset: DID | None, through: tuple[Address, ...]) -> None:
        if not units:
            return
        split = self._at(account)
        if split is not None:
            if split.address in self._arrived:
                self._arrive(split, units, why, through)
            return
        if self._measuring:
            part = Part(account, Amount(0, self._token), why, asset, through)
            self._units[part] = self._units.get(part, 0) + units

    def _at(self, account: Address) -> Split | None:
        if account not in self._splits:
            self._splits[account] = self._ledger.find(account)
        return self._splits[account]

    def _account(self, split: Split) -> Account:
        return self._ledger.accounts([split], [self._token])[split.address]
