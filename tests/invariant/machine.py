"""The random walk: every action, by those with the right and those without, on the chain and on the model at once.

`RegistryMachine` has the rules and compares each verdict; what else must hold, its subclasses in the tests add.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any, ClassVar

import hypothesis.strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from .evm import ZERO, Contract, Failure, Log, Outcome
from .model import ALL_ROLES, BPS, COIN, HOLD, PERIOD, RETIRED, UNIT, UNLIMITED, USE, Refused
from .world import AUTHOR, BUYER, DAO, FRIEND, PEOPLE, STRANGER, TREASURY, World, licence_terms

MAX_ASSETS = 6  # enough for assets to be confused with one another; more make each step slower
MAX_LICENCES_HERE = 5
DAY = 86_400

# "rightful" is whoever owns the asset at that moment, or the admin: else most actions would only ever be refused.
RIGHTFUL = "rightful"
people = st.sampled_from(list(PEOPLE.values()))
callers = st.sampled_from([RIGHTFUL, RIGHTFUL, RIGHTFUL, *PEOPLE.values()])
# Mostly the place of one that is there (`asset_at`, `licence_at`). 2^248 + 1 is not there, but shifts to the key of 1.
asset_ids = st.sampled_from([0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 3, 4, 5, 9, 2**248 + 1])
numbers = st.sampled_from([0, 1, 2, 0, 1, 2, 0, 1, 2, 0, 1, 2, 3, 4, 31, 256])
offers_there = st.tuples(asset_ids, numbers)
tokens_there = st.tuples(asset_ids, st.sampled_from([0, 0, 0, 0, 1, 2, 3]))  # and what is held there
redeemable_there = st.tuples(asset_ids, st.sampled_from([1, 1, 1, 1, 0, 2, 2, 3, 31]))
uses_there = st.tuples(
    asset_ids, st.sampled_from([2, 2, 2, 2, 2, 2, 0, 1, 3, 4, 31])
)  # the first assets sell uses there
units = st.sampled_from([1, 1, 1, 1, 1, 1, 2, 2, 3, 5, 0, 2**32 - 1])
digests = st.sampled_from([bytes([i]) * 32 for i in range(1, 9)] + [bytes(32)])
mostly_true = st.sampled_from([True, True, True, False])
mostly_false = st.sampled_from([False, False, False, False, True])
pauses = st.sampled_from([0, 0, 0, "in an hour", 2**48 - 1])
prices = st.sampled_from([0, 1, 3, 41, 999_999, 2_500_000, 10**12, 2**96 - 1])
royalty_terms = st.sampled_from(
    [(False, 0), (True, 0), (True, 500), (True, 1), (False, 500), (True, 3_000), (True, 3_001)]
)
# Places of assets as in `asset_ids`, and those that cannot be parents: the asset itself, one that is not there before
# the batch is done, and whichever rests or was delisted.
OWN, AFTER_NEXT, RESTING, DELISTED = -1, -2, -3, -4
parents = st.sampled_from(
    [(), (), (), (0,), (1,), (2,), (3,), (0, 0), (0, 1), (2, 0), (2, 1, 3), (1, 3, 4), (RESTING,), (DELISTED,)]
) | st.lists(st.sampled_from([0, 1, 2, 3, 4, OWN, AFTER_NEXT, RESTING, DELISTED, 99, 2**64 + 1]), max_size=4).map(tuple)
amounts = {
    HOLD: st.sampled_from([0, 0, 0, 0, 1]),
    PERIOD: st.sampled_from([1, DAY, 30 * DAY, 2**32 - 1, 0]),
    USE: st.sampled_from([1, 2, 10, 2**32 - 1, 0]),
}
caps = st.sampled_from([0, 0, 1, 4, 2**32 - 1])
limits = st.sampled_from([0, 0, 1, 3, 2**16 - 1])


def terms_of(kind: int) -> st.SearchStrategy[tuple[int, ...]]:
    """(price, payment token, kind, amount, cap, limit)."""
    payment = st.sampled_from([0, 1, 1, 1, 2])
    return st.tuples(prices, payment, st.just(kind), amounts[kind], caps, limits)


terms = st.sampled_from([HOLD, PERIOD, USE]).flatmap(terms_of)
# What the first assets offer is sure to be published: plain, sold for coins or dollars, with and without cap and limit.
plain_offers = st.tuples(
    *(
        st.tuples(
            st.sampled_from([0, 3, 999_999]),
            st.sampled_from([0, 1]),
            st.just(kind),
            st.just(amount),
            st.sampled_from([0, 4, 2**32 - 1]),
            st.sampled_from([0, 0, 3]),
        )
        for kind, amount in ((HOLD, 0), (PERIOD, 30 * DAY), (USE, 10))
    )
)
Access = tuple[int, int, str]  # asset, licence, account


class RegistryMachine(RuleBasedStateMachine):
    """Rules and verdicts. `gains` and `loses` say whose access a step may give or end; a subclass holds it to that."""

    tally: ClassVar[Counter[tuple[str, str]]] = Counter()  # (function, error or "done") over all runs

    def __init__(self) -> None:
        super().__init__()
        self.world = world = World()
        self.chain, self.registry, self.market = world.chain, world.registry, world.market
        self.model = world.model()
        self.logs: list[Log] = []
        self.used: list[tuple[Any, ...]] = []  # receipts that were handed in, with their signatures
        self.gains: set[Access] = set()
        self.loses: set[Access] = set()
        self.changed = True  # whether the last step changed anything
        self.holders = [*PEOPLE.values(), self.registry.address, self.market.address]
        self.accounts = [
            *PEOPLE.values(),
            TREASURY,
            *(contract.address for contract in world.contracts),
            *(world.lineage_splitter(1 + i) for i in range(MAX_ASSETS + 1)),  # a batch may be one too many
        ]

    # Helpers

    def act(
        self,
        contract: Contract,
        function: str,
        *args: Any,
        sender: str,
        verdict: Callable[[], Any],
        value: int = 0,
    ) -> Outcome | None:
        """Do it on both sides and compare; the outcome if it was done, None if both refused it."""
        expected: Failure | None = None
        try:
            verdict()
        except Refused as refused:
            expected = Failure(refused.name, refused.values)
        outcome = self.chain.transact(contract, function, *args, sender=sender, value=value)
        assert outcome.failure == expected, f"{function}: the chain says {outcome.failure}, the model {expected}"
        self.tally[function, expected.name if expected else "done"] += 1
        self.logs.extend(outcome.logs)
        self.changed = self.changed or expected is None
        return outcome if expected is None else None

    def who(self, caller: str, asset_id: int) -> str:
        if caller != RIGHTFUL:
            return caller
        asset = self.model.assets.get(asset_id)
        # An asset may belong to a contract by now, which cannot act here.
        return asset.owner if asset is not None and asset.owner in PEOPLE.values() else AUTHOR

    def asset_at(self, drawn: int) -> int:
        """One of the assets there are, or an id that none has."""
        return 1 + drawn % len(self.model.assets) if drawn < MAX_ASSETS and self.model.assets else drawn

    def licence_at(self, drawn: tuple[int, int]) -> tuple[int, int]:
        """One of the licences there are, or a number that none has."""
        asset_id, number = self.asset_at(drawn[0]), drawn[1]
        asset = self.model.assets.get(asset_id)
        count = len(asset.licences) if asset is not None else 0
        return asset_id, number % count if number < MAX_LICENCES_HERE and count else number

    def holder(self, caller: str, asset_id: int, number: int) -> str:
        """For `RIGHTFUL` somebody who has tokens or uses of the licence, if there is one."""
        if caller != RIGHTFUL:
            return caller
        asset = self.model.assets.get(asset_id)
        if asset is not None and number < len(asset.licences):
            licence = asset.licences[number]
            for person in PEOPLE.values():
                if licence.tokens[person] or licence.grants[person].uses:
                    return person
        return BUYER

    def somebody(self, draw: str) -> str:
        """An account by its name in `everybody`."""
        return {"registry": self.registry.address, "market": self.market.address}.get(draw, draw)

    # Publishing

    @initialize(first=plain_offers, second=plain_offers)
    def start(self, first: Any, second: Any) -> None:
        for digest, offers in ((b"\x11" * 32, first), (b"\x22" * 32, second)):
            self._publish((digest, FRIEND, (True, 500), (), offers, 0), AUTHOR, AUTHOR)
        # A third one is made from both, of which one asks more by now.
        self.act(
            self.registry,
            "setDerivativeTerms",
            2,
            (True, 1_250),
            sender=AUTHOR,
            verdict=lambda: self.model.set_derivative_terms(AUTHOR, 2, (True, 1_250)),
        )
        self._publish((b"\x33" * 32, BUYER, (True, 0), (1, 2), second, 1_750), FRIEND, FRIEND)
        # Some access and some tokens are about, so that most walks get to the using of them.
        for number, (account, count, as_tokens) in enumerate([(FRIEND, 2, True), (BUYER, 2, True), (FRIEND, 1, False)]):
            self._grant(1, number, AUTHOR, account, count, as_tokens)
        self._grant(1, 1, AUTHOR, STRANGER, 1, False)

    everybody = st.sampled_from([*PEOPLE.values(), *PEOPLE.values(), ZERO, "registry", "market"])
    publications = st.tuples(
        digests,
        st.sampled_from([ZERO, ZERO, BUYER, "market", "registry"]),
        royalty_terms,
        parents,
        st.lists(terms, max_size=3).map(tuple),
        st.sampled_from([3_000, 3_000, 3_000, 500, 0]),
    )

    def publication(self, draw: tuple[Any, ...]) -> tuple[Any, ...]:
        digest, payout, royalty, parents, offers, most = draw
        listed = [self.parent_at(parent) for parent in parents]
        return self.world.publication(digest, self.somebody(payout), royalty, listed, offers, most)

    def parent_at(self, drawn: int) -> int:
        """One of the assets there are, the one that comes next, or an id that none has."""
        if drawn in (OWN, AFTER_NEXT):
            return self.model.next_id + (drawn == AFTER_NEXT)
        for asset_id, asset in self.model.assets.items():
            if (drawn == RESTING and asset.state) or (drawn == DELISTED and asset.delisted):
                return asset_id
        return self.asset_at(max(drawn, 0))

    def _publish(self, draw: tuple[Any, ...], caller: str, owner: str) -> None:
        owner, publication = self.somebody(owner), self.publication(draw)
        expected = self.model.next_id
        outcome = self.act(
            self.registry,
            "publish",
            owner,
            publication,
            sender=caller,
            verdict=lambda: self.model.publish(caller, owner, [publication]),
        )
        # Ids count up and none comes twice, not even after a publication that failed.
        assert outcome is None or int.from_bytes(outcome.data) == expected

    @precondition(lambda self: len(self.model.assets) < MAX_ASSETS)
    @rule(caller=people, owner=everybody, draw=publications)
    def publish(self, caller: str, owner: str, draw: tuple[Any, ...]) -> None:
        self._publish(draw, caller, owner)

    @precondition(lambda self: len(self.model.assets) < MAX_ASSETS)
    @rule(caller=people, owner=everybody, draws=st.lists(publications, max_size=2))
    def publish_many(self, caller: str, owner: str, draws: list[tuple[Any, ...]]) -> None:
        owner, publications = self.somebody(owner), [self.publication(draw) for draw in draws]
        expected = self.model.next_id
        outcome = self.act(
            self.registry,
            "publishMany",
            owner,
            publications,
            sender=caller,
            verdict=lambda: self.model.publish(caller, owner, publications),
        )
        assert outcome is None or int.from_bytes(outcome.data) == expected

    # Owners and their helpers

    @rule(asset_id=asset_ids, caller=callers, receiver=everybody, honest=mostly_true)
    def transfer(self, asset_id: int, caller: str, receiver: str, honest: bool) -> None:
        asset_id = self.asset_at(asset_id)
        caller, receiver = self.who(caller, asset_id), self.somebody(receiver)
        asset = self.model.assets.get(asset_id)
        sender = asset.owner if asset is not None and honest else STRANGER
        self.act(
            self.registry,
            "transferFrom",
            sender,
            receiver,
            asset_id,
            sender=caller,
            verdict=lambda: self.model.transfer(caller, sender, receiver, asset_id),
        )

    @rule(asset_id=asset_ids, caller=callers, account=people)
    def approve(self, asset_id: int, caller: str, account: str) -> None:
        asset_id = self.asset_at(asset_id)
        caller = self.who(caller, asset_id)
        self.act(
            self.registry,
            "approve",
            account,
            asset_id,
            sender=caller,
            verdict=lambda: self.model.approve(caller, account, asset_id),
        )

    @rule(caller=people, operator=everybody, approved=st.booleans())
    def set_operator(self, caller: str, operator: str, approved: bool) -> None:
        operator = self.somebody(operator)
        self.act(
            self.registry,
            "setApprovalForAll",
            operator,
            approved,
            sender=caller,
            verdict=lambda: self.model.set_operator(caller, operator, approved),
        )

    @rule(asset_id=asset_ids, caller=callers, digest=digests, late=mostly_false)
    def update_metadata(self, asset_id: int, caller: str, digest: bytes, late: bool) -> None:
        asset_id = self.asset_at(asset_id)
        caller = self.who(caller, asset_id)
        asset = self.model.assets.get(asset_id)
        expected = (asset.version if asset is not None else 1) - late
        self.act(
            self.registry,
            "updateMetadata",
            asset_id,
            digest,
            expected,
            sender=caller,
            verdict=lambda: self.model.update_metadata(caller, asset_id, digest, expected),
        )

    # Mostly back to work: an asset at rest hides what comes after.
    @rule(asset_id=asset_ids, caller=callers, state=st.sampled_from([0, 0, 0, 1, 1, RETIRED]))
    def set_state(self, asset_id: int, caller: str, state: int) -> None:
        asset_id = self.asset_at(asset_id)
        caller = self.who(caller, asset_id)
        self.act(
            self.registry,
            "setState",
            asset_id,
            state,
            sender=caller,
            verdict=lambda: self.model.set_state(caller, asset_id, state),
        )

    @rule(asset_id=asset_ids, caller=callers, account=people, roles=st.integers(0, ALL_ROLES + 2))
    def set_roles(self, asset_id: int, caller: str, account: str, roles: int) -> None:
        asset_id = self.asset_at(asset_id)
        caller = self.who(caller, asset_id)
        self.act(
            self.registry,
            "setRoles",
            asset_id,
            account,
            roles,
            sender=caller,
            verdict=lambda: self.model.set_roles(caller, asset_id, account, roles),
        )

    @rule(asset_id=asset_ids, caller=people)
    def renounce_roles(self, asset_id: int, caller: str) -> None:
        asset_id = self.asset_at(asset_id)
        self.act(
            self.registry,
            "renounceRoles",
            asset_id,
            sender=caller,
            verdict=lambda: self.model.renounce_roles(caller, asset_id),
        )

    @rule(asset_id=asset_ids, caller=callers, payout=everybody)
    def set_payout(self, asset_id: int, caller: str, payout: str) -> None:
        asset_id = self.asset_at(asset_id)
        caller, payout = self.who(caller, asset_id), self.somebody(payout)
        self.act(
            self.registry,
            "setPayout",
            asset_id,
            payout,
            sender=caller,
            verdict=lambda: self.model.set_payout(caller, asset_id, payout),
        )

    @rule(asset_id=asset_ids, caller=callers, royalty=royalty_terms)
    def set_derivative_terms(self, asset_id: int, caller: str, royalty: tuple[bool, int]) -> None:
        asset_id = self.asset_at(asset_id)
        caller = self.who(caller, asset_id)
        self.act(
            self.registry,
            "setDerivativeTerms",
            asset_id,
            royalty,
            sender=caller,
            verdict=lambda: self.model.set_derivative_terms(caller, asset_id, royalty),
        )

    @rule(asset_id=asset_ids, caller=callers, delisted=st.booleans())
    def set_delisted(self, asset_id: int, caller: str, delisted: bool) -> None:
        asset_id = self.asset_at(asset_id)
        caller = DAO if caller == RIGHTFUL else caller
        self.act(
            self.registry,
            "setDelisted",
            asset_id,
            delisted,
            sender=caller,
            verdict=lambda: self.model.set_delisted(caller, asset_id, delisted),
        )

    # Offers

    @rule(asset_id=asset_ids, caller=callers, offer=terms)
    def add_licence(self, asset_id: int, caller: str, offer: tuple[int, ...]) -> None:
        asset_id = self.asset_at(asset_id)
        caller = self.who(caller, asset_id)
        asset = self.model.assets.get(asset_id)
        if asset is not None and len(asset.licences) > 4:
            return
        outcome = self.act(
            self.registry,
            "addLicence",
            asset_id,
            licence_terms(offer),
            sender=caller,
            verdict=lambda: self.model.add_licence(caller, asset_id, licence_terms(offer)),
        )
        assert outcome is None or int.from_bytes(outcome.data) == len(self.model.assets[asset_id].licences) - 1

    @rule(offer=offers_there, caller=callers, price=prices)
    def set_price(self, offer: tuple[int, int], caller: str, price: int) -> None:
        asset_id, number = self.licence_at(offer)
        caller = self.who(caller, asset_id)
        self.act(
            self.registry,
            "setPrice",
            asset_id,
            number,
            price,
            sender=caller,
            verdict=lambda: self.model.set_price(caller, asset_id, number, price),
        )

    @rule(offer=offers_there, caller=callers, is_open=mostly_true)
    def set_open(self, offer: tuple[int, int], caller: str, is_open: bool) -> None:
        asset_id, number = self.licence_at(offer)
        caller = self.who(caller, asset_id)
        self.act(
            self.registry,
            "setOpen",
            asset_id,
            number,
            is_open,
            sender=caller,
            verdict=lambda: self.model.set_open(caller, asset_id, number, is_open),
        )

    # Issuing

    @rule(offer=offers_there, caller=callers, account=everybody, count=units, as_tokens=st.booleans())
    def grant(self, offer: tuple[int, int], caller: str, account: str, count: int, as_tokens: bool) -> None:
        asset_id, number = self.licence_at(offer)
        caller, account = self.who(caller, asset_id), self.somebody(account)
        self._grant(asset_id, number, caller, account, count, as_tokens)

    def _grant(self, asset_id: int, number: int, caller: str, account: str, count: int, as_tokens: bool) -> None:
        self.gains.add((asset_id, number, account))
        self.act(
            self.registry,
            "grant",
            asset_id,
            number,
            account,
            count,
            as_tokens,
            sender=caller,
            verdict=lambda: self.model.grant(caller, asset_id, number, account, count, as_tokens),
        )

    def total(self, asset_id: int, number: int, count: int) -> tuple[str, int]:
        """(token, total) of an order, whether or not it can be filled."""
        asset = self.model.assets.get(asset_id)
        if asset is None or number >= len(asset.licences):
            return COIN, 0
        licence = asset.licences[number]
        total = licence.price * count
        return (self.model.payments[licence.payment][0] if total else COIN), total

    def digest_of(self, asset_id: int) -> bytes:
        """The document of an asset that is there."""
        asset = self.model.assets.get(asset_id)
        return bytes(32) if asset is None else asset.digest

    # The most that is paid, and the coins sent, relative to the total.
    margins = st.sampled_from([0, 0, 0, 1, 10**18, -1])

    purchases = st.fixed_dictionaries(
        {
            "buyer": people,
            "account": st.sampled_from([None, None, None, None, None, ZERO, BUYER, STRANGER]),
            "count": units,
            "margin": margins,
            "surplus": margins,
            "stray": mostly_false,
            "seen": st.sampled_from(["any", "this", "this", "older"]),
        }
    )

    @rule(offer=offers_there, purchase=purchases)
    def buy_access(self, offer: tuple[int, int], purchase: dict[str, Any]) -> None:
        self._buy(*self.licence_at(offer), as_tokens=False, **purchase)

    @rule(offer=offers_there, purchase=purchases)
    def buy_tokens(self, offer: tuple[int, int], purchase: dict[str, Any]) -> None:
        self._buy(*self.licence_at(offer), as_tokens=True, **purchase)

    def _buy(
        self,
        asset_id: int,
        number: int,
        *,
        as_tokens: bool,
        buyer: str,
        account: str | None,
        count: int,
        margin: int,
        surplus: int,
        stray: bool,
        seen: str = "any",
    ) -> None:
        token, total = self.total(asset_id, number, count)
        # Coins for what costs dollars are a mistake that must cost nothing.
        value = total + surplus if token == COIN else int(stray)
        value = max(0, min(value, self.model.money[COIN][buyer]))
        digest = {"any": bytes(32), "older": b"\x99" * 32}.get(seen) or self.digest_of(asset_id)
        order = (asset_id, number, buyer if account is None else account, count, max(0, total + margin), digest)
        self.gains = {(asset_id, number, order[2])}
        self.act(
            self.market,
            "buyTokens" if as_tokens else "buyAccess",
            order,
            sender=buyer,
            value=value,
            verdict=lambda: self.model.buy(buyer, order, as_tokens, value=value),
        )

    @rule(
        offer=offers_there,
        buyer=people,
        count=units,
        as_tokens=st.booleans(),
        allowance=st.sampled_from([None, None, 0, UNLIMITED]),
        good=mostly_true,
    )
    def buy_with_permit(
        self, offer: tuple[int, int], buyer: str, count: int, as_tokens: bool, allowance: int | None, good: bool
    ) -> None:
        asset_id, number = self.licence_at(offer)
        token, total = self.total(asset_id, number, count)
        approved = total if allowance is None else allowance
        # A permit is bad once somebody else has handed it in: its nonce is gone.
        nonce = self.model.permits[token, buyer] - (not good)
        v, r, s = self.world.sign_permit(buyer, token, approved, nonce % 2**256, self.chain.timestamp)
        order = (asset_id, number, buyer, count, total, bytes(32))
        self.gains = {(asset_id, number, buyer)}
        self.act(
            self.market,
            "buyTokensWithPermit" if as_tokens else "buyAccessWithPermit",
            order,
            (token, approved, self.chain.timestamp, v, r, s),
            sender=buyer,
            verdict=lambda: self.model.buy(buyer, order, as_tokens, permit=(token, approved, good)),
        )

    @rule(caller=people, dollar=st.integers(0, 1), amount=st.sampled_from([0, 2_500_000, UNLIMITED, UNLIMITED]))
    def approve_money(self, caller: str, dollar: int, amount: int) -> None:
        token = (self.world.dollar, self.world.other_dollar)[dollar]
        self.act(
            token,
            "approve",
            self.market.address,
            amount,
            sender=caller,
            verdict=lambda: self.model.approve_money(caller, token.address, amount),
        )

    # Using

    @rule(
        offer=tokens_there,
        caller=callers,
        receiver=everybody,
        part=st.sampled_from([UNIT, UNIT, UNIT // 2, 1, 3 * UNIT, 0, "all"]),
    )
    def transfer_tokens(self, offer: tuple[int, int], caller: str, receiver: str, part: int | str) -> None:
        asset_id, number = self.licence_at(offer)
        caller = self.holder(caller, asset_id, number)
        asset = self.model.assets.get(asset_id)
        if asset is None or number >= len(asset.licences) or not asset.licences[number].minted:
            return  # there is no token yet that could be asked
        receiver = self.somebody(receiver)
        amount = asset.licences[number].tokens[caller] if isinstance(part, str) else part
        self.gains = {(asset_id, number, receiver)}
        self.loses = {(asset_id, number, caller)}
        self.act(
            self.world.datatoken(asset_id, number),
            "transfer",
            receiver,
            amount,
            sender=caller,
            verdict=lambda: self.model.transfer_tokens(caller, asset_id, number, receiver, amount),
        )

    @rule(offer=offers_there, caller=people, door=st.sampled_from(["sell", "consumeFor", "mint", "burn"]))
    def knock_at_an_inner_door(self, offer: tuple[int, int], caller: str, door: str) -> None:
        """What only sellers, the contract of receipts or the registry may call."""
        asset_id, number = self.licence_at(offer)

        def not_the_registry() -> None:
            raise Refused("NotRegistry", caller)

        if door == "sell":
            issue = (asset_id, number, caller, 1, False, caller, bytes(32))
            self.act(self.registry, door, issue, sender=caller, verdict=lambda: self.model.sell(caller))
            return
        if door == "consumeFor":

            def not_the_receipts() -> None:
                raise Refused("NotReceipts", caller)

            args = (asset_id, number, BUYER, caller, 1, bytes(32))
            self.act(self.registry, door, *args, sender=caller, verdict=not_the_receipts)
            return
        asset = self.model.assets.get(asset_id)
        if asset is not None and number < len(asset.licences) and asset.licences[number].minted:
            token = self.world.datatoken(asset_id, number)
            self.act(token, door, caller, UNIT, sender=caller, verdict=not_the_registry)

    @rule(offer=redeemable_there, caller=callers, account=st.sampled_from([None, None, ZERO, BUYER]), count=units)
    def redeem(self, offer: tuple[int, int], caller: str, account: str | None, count: int) -> None:
        asset_id, number = self.licence_at(offer)
        caller = self.holder(caller, asset_id, number)
        account = caller if account is None else account
        self.gains = {(asset_id, number, account)}
        self.act(
            self.registry,
            "redeem",
            asset_id,
            number,
            count,
            account,
            sender=caller,
            verdict=lambda: self.model.redeem(caller, asset_id, number, count, account),
        )

    @rule(offer=uses_there, caller=callers, uses=st.sampled_from([1, 1, 2, 10, 0, 2**32 - 1]))
    def consume(self, offer: tuple[int, int], caller: str, uses: int) -> None:
        asset_id, number = self.licence_at(offer)
        caller = self.holder(caller, asset_id, number)
        self.loses = {(asset_id, number, caller)}
        self.act(
            self.registry,
            "consume",
            asset_id,
            number,
            uses,
            b"\x55" * 32,
            sender=caller,
            verdict=lambda: self.model.consume(caller, asset_id, number, uses),
        )

    @rule(
        offer=uses_there,
        holder=callers,
        uses=st.sampled_from([1, 1, 2, 10, 0]),
        caller=people,
        service=st.sampled_from([None, None, ZERO, STRANGER]),
        key=st.integers(0, 2),
        flaw=st.sampled_from([None, None, "nonce", "deadline", "signer", "content"]),
    )
    def consume_with_receipt(
        self,
        offer: tuple[int, int],
        holder: str,
        uses: int,
        caller: str,
        service: str | None,
        key: int,
        flaw: str | None,
    ) -> None:
        asset_id, number = self.licence_at(offer)
        holder = self.holder(holder, asset_id, number)
        nonce = (key << 64) | (self.model.nonces[holder, key] + (flaw == "nonce"))
        deadline = self.model.now - (flaw == "deadline")
        receipt = (asset_id, number, holder, uses, caller if service is None else service, bytes(32), nonce, deadline)
        signer = holder if flaw != "signer" else next(one for one in PEOPLE.values() if one != holder)
        signed = receipt if flaw != "content" else (*receipt[:3], uses + 1, *receipt[4:])
        signature = self.world.sign_receipt(signer, signed)
        self._hand_in(caller, receipt, signature, flaw not in ("signer", "content"))

    @precondition(lambda self: self.used)
    @rule(data=st.data(), caller=st.sampled_from([None, *PEOPLE.values()]))
    def replay_receipt(self, data: st.DataObject, caller: str | None) -> None:
        receipt, signature, first = data.draw(st.sampled_from(self.used))
        done = self._hand_in(first if caller is None else caller, receipt, signature, True)
        assert not done, "a receipt worked twice"

    def _hand_in(self, caller: str, receipt: tuple[Any, ...], signature: bytes, signed: bool) -> bool:
        self.loses = {(receipt[0], receipt[1], receipt[2])}
        outcome = self.act(
            self.world.receipts,
            "consumeWithReceipt",
            receipt,
            signature,
            sender=caller,
            verdict=lambda: self.model.consume_with_receipt(caller, receipt, signed),
        )
        if outcome is not None:
            self.used.append((receipt, signature, caller))
        return outcome is not None

    @rule(caller=people, key=st.integers(0, 2))
    def cancel_receipt(self, caller: str, key: int) -> None:
        self.act(
            self.world.receipts,
            "cancelReceipt",
            key,
            sender=caller,
            verdict=lambda: self.model.cancel_receipt(caller, key),
        )

    @rule(seconds=st.sampled_from([1, 59, DAY, 30 * DAY - 1, 30 * DAY, 2**32]))
    def time_passes(self, seconds: int) -> None:
        self.model.now += seconds
        self.chain.set_time(self.model.now)
        self.changed = True
        self.loses = {
            (asset_id, number, account)
            for asset_id, asset in self.model.assets.items()
            for number, licence in enumerate(asset.licences)
            for account in self.holders
            if licence.kind == PERIOD
        }

    # Settings: one rule for all of them, so that they do not crowd out the trade

    @rule(
        caller=callers,
        setting=st.one_of(
            st.tuples(st.just("setPaymentToken"), st.sampled_from(["coin", "dollar", "other", "nobody"]), mostly_true),
            st.tuples(st.just("setSeller"), st.sampled_from(["market", "market", "dollar", "nobody"]), mostly_true),
            st.tuples(st.just("setFee"), st.sampled_from([0, 1, 250, 500, 501, 2**16, BPS])),
            st.tuples(
                st.just("setTreasury"), st.sampled_from([TREASURY, TREASURY, STRANGER, ZERO, "market", "registry"])
            ),
            st.tuples(st.just("pausePublications"), pauses),
            st.tuples(st.just("pauseSales"), pauses),
        ),
    )
    def change_setting(self, caller: str, setting: tuple[Any, ...]) -> None:
        caller = DAO if caller == RIGHTFUL else caller
        function, *drawn = setting
        named = {
            "coin": COIN,
            "nobody": STRANGER,
            "in an hour": self.model.now + 3_600,
            "dollar": self.world.dollar.address,
            "other": self.world.other_dollar.address,
        }
        args = [named.get(arg, self.somebody(arg)) if isinstance(arg, str) else arg for arg in drawn]
        settings: dict[str, tuple[Contract, Callable[..., Any]]] = {
            "setPaymentToken": (self.registry, self.model.set_payment_token),
            "setSeller": (self.registry, self.model.set_seller),
            "setFee": (self.registry, self.model.set_fee),
            "setTreasury": (self.registry, self.model.set_treasury),
            "pausePublications": (self.registry, self.model.pause_publications),
            "pauseSales": (self.registry, self.model.pause_sales),
        }
        contract, verdict = settings[function]
        outcome = self.act(contract, function, *args, sender=caller, verdict=lambda: verdict(caller, *args))
        if outcome is not None and function == "setPaymentToken":
            assert self.model.payments[int.from_bytes(outcome.data)][0] == args[0]
