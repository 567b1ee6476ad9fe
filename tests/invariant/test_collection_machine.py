"""Random walks over a collection and its items in step with their model: same verdicts, same state, after every step.

`DEEP_SECONDS` walks further and each time elsewhere (see `profile`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any, ClassVar

import hypothesis.strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from . import merkle
from .collection_model import NO_DIGEST, SUSPENDED, CollectionModel, Holding, Offer, Thing, item_id
from .evm import ZERO, Failure, Outcome
from .model import ALL_ROLES, BPS, HOLD, PERIOD, RETIRED, UNIT, USE, Refused
from .profile import may_miss, walk
from .world import AUTHOR, BUYER, DAO, FEE_BPS, FRIEND, PEOPLE, STRANGER, TREASURY, World, licence_terms

SIZE = 5
DAY = 86_400
ROYALTY = 1_250
# Two items have the same document, and one has none that could be minted.
DIGESTS = [b"\x01" * 32, b"\x02" * 32, b"\x01" * 32, NO_DIGEST, b"\x05" * 32]
WORLD = World()

RIGHTFUL = "rightful"
people = st.sampled_from(list(PEOPLE.values()))
callers = st.sampled_from([RIGHTFUL, RIGHTFUL, RIGHTFUL, *PEOPLE.values()])
# "collection" is the collection itself, 5 and 2^32 - 1 are places beyond its end.
places: st.SearchStrategy[Any] = st.sampled_from(["collection"] * 4 + [0, 0, 0, 0, 1, 1, 1, 2, 3, 3, 4, 5, 2**32 - 1])
numbers = st.sampled_from([0, 0, 0, 1, 1, 2, 2, 3, 31])
units = st.sampled_from([1, 1, 1, 2, 3, 0])
offers = st.tuples(
    *(
        st.tuples(
            st.sampled_from([0, 3, 999_999]),
            st.sampled_from([0, 1]),
            st.just(kind),
            st.just(amount),
            st.sampled_from([0, 3, 2**32 - 1]),
            st.sampled_from([0, 0, 2]),
        )
        for kind, amount in ((HOLD, 0), (PERIOD, 30 * DAY), (USE, 10))
    )
)


class CollectionMachine(RuleBasedStateMachine):
    """Rules and verdicts, and what must hold after each step."""

    tally: ClassVar[Counter[tuple[str, str]]] = Counter()  # (function, error or "done") over all runs

    def __init__(self) -> None:
        super().__init__()
        self.world, self.chain, self.registry, self.market = WORLD, WORLD.chain, WORLD.registry, WORLD.market
        self._snapshot = self.chain.snapshot()
        self._snapshot.__enter__()
        self.active: set[tuple[int, int, str]] = set()
        self.gains: set[tuple[int, int, str]] = set()
        self.loses: set[tuple[int, int, str]] = set()
        self.changed = True

    def teardown(self) -> None:
        self._snapshot.__exit__(None, None, None)

    @initialize(drawn=offers, derived=st.booleans(), payout=st.sampled_from([ZERO, ZERO, FRIEND]))
    def start(self, drawn: tuple[tuple[int, ...], ...], derived: bool, payout: str) -> None:
        world, registry = self.world, self.registry
        ordinary = world.publication(b"\x33" * 32, royalty=(True, ROYALTY))
        world.do(registry, "publish", STRANGER, ordinary, sender=STRANGER)
        number = 2
        whole = world.publication(b"\x11" * 32, payout, (True, 500), [1] if derived else [], drawn)
        root = merkle.root(DIGESTS)
        world.do(registry, "publishCollection", AUTHOR, whole, root, SIZE, sender=AUTHOR)
        assert self.chain.call(registry, "collectionOf", number) == (root, SIZE)
        self.model = CollectionModel(
            number=number,
            digests=DIGESTS,
            itself=Thing(AUTHOR, b"\x11" * 32, payout=payout if payout != ZERO else None),
            offers=[Offer(*terms) for terms in drawn],
            now=self.chain.timestamp,
            terms=(True, 500),
            royalty_bps=ROYALTY if derived else 0,
            admin=DAO,
        )
        self.ids = [number, *(item_id(number, index) for index in range(SIZE))]
        self.next_id = 3
        # One is minted, and some tokens and uses of it are about, so that most walks get to the using of them.
        self.mint(place=0, caller=STRANGER, flaw=None)
        for kind, as_tokens in ((1, True), (2, True), (2, False)):
            self.grant(place=0, number=kind, caller=RIGHTFUL, account=BUYER, count=1, as_tokens=as_tokens)

    # Helpers

    def act(self, function: str, *args: Any, sender: str, verdict: Callable[[], Any], **more: Any) -> Outcome | None:
        """Do it on both sides and compare; the outcome if it was done, None if both refused it."""
        expected: Failure | None = None
        try:
            verdict()
        except Refused as refused:
            expected = Failure(refused.name, refused.values)
        contract = more.pop("contract", self.registry)
        outcome = self.chain.transact(contract, function, *args, sender=sender, **more)
        assert outcome.failure == expected, f"{function}: the chain says {outcome.failure}, the model {expected}"
        self.tally[function, expected.name if expected else "done"] += 1
        self.changed = self.changed or expected is None
        return outcome if expected is None else None

    def at(self, place: int | str) -> int:
        return self.model.number if isinstance(place, str) else item_id(self.model.number, place)

    def who(self, caller: str, asset_id: int) -> str:
        if caller != RIGHTFUL:
            return caller
        try:
            return self.model.home(asset_id).owner
        except Refused:
            return AUTHOR

    def holder(
        self, has: Callable[[Holding, str], bool], asset_id: int, number: int, caller: str
    ) -> tuple[int, int, str]:
        """Somebody who has what is asked for, if there is one."""
        for (holder_of, of), holding in self.model.holdings.items():
            for person in PEOPLE.values():
                if has(holding, person):
                    return holder_of, of, person
        return asset_id, number, caller

    # Minting

    @rule(place=places, caller=people, flaw=st.sampled_from([None, None, None, "digest", "proof", "other", "inner"]))
    def mint(self, place: int | str, caller: str, flaw: str | None) -> None:
        asset_id = self.at(place)
        index = place if isinstance(place, int) and place < SIZE else 0
        digest, proof = DIGESTS[index], merkle.proof(DIGESTS, index)
        if flaw == "digest":
            digest = b"\x77" * 32
        elif flaw == "proof":
            proof = proof[:-1]
        elif flaw == "other":
            # The same document at another place: its proof is of another leaf.
            proof = merkle.proof(DIGESTS, (index + 2) % SIZE)
        elif flaw == "inner":
            digest, proof = merkle.levels(DIGESTS)[0][index], proof[1:]
        self.act(
            "mintItem",
            asset_id,
            digest,
            proof,
            sender=caller,
            verdict=lambda: self.model.mint(asset_id, digest, proof),
        )

    # Owners

    @rule(place=places, caller=callers, receiver=people)
    def transfer(self, place: int | str, caller: str, receiver: str) -> None:
        asset_id = self.at(place)
        caller = self.who(caller, asset_id)
        try:
            sender = self.model.home(asset_id).owner
        except Refused:
            sender = AUTHOR

        def verdict() -> None:
            try:
                self.model.transfer(caller, asset_id, receiver)
            except Refused as refused:
                if refused.name == "AssetNotFound":
                    raise Refused("ERC721NonexistentToken", asset_id) from refused
                raise

        self.act("transferFrom", sender, receiver, asset_id, sender=caller, verdict=verdict)

    @rule(place=places, caller=callers, digest=st.sampled_from([b"\x08" * 32, b"\x09" * 32]))
    def update(self, place: int | str, caller: str, digest: bytes) -> None:
        asset_id = self.at(place)
        caller = self.who(caller, asset_id)
        try:
            version = self.model.minted(asset_id).version
        except Refused:
            version = 1
        self.act(
            "updateMetadata",
            asset_id,
            digest,
            version,
            sender=caller,
            verdict=lambda: self.model.update(caller, asset_id, digest),
        )

    @rule(place=places, caller=callers, state=st.sampled_from([0, 0, 0, SUSPENDED, SUSPENDED, RETIRED]))
    def set_state(self, place: int | str, caller: str, state: int) -> None:
        if state == RETIRED and place == "collection" and self.model.itself.state != SUSPENDED:
            return  # seldom: it ends all sales
        asset_id = self.at(place)
        caller = self.who(caller, asset_id)
        self.act(
            "setState",
            asset_id,
            state,
            sender=caller,
            verdict=lambda: self.model.set_state(caller, asset_id, state),
        )

    @rule(place=places, caller=callers, payout=st.sampled_from([ZERO, STRANGER, FRIEND]))
    def set_payout(self, place: int | str, caller: str, payout: str) -> None:
        asset_id = self.at(place)
        caller = self.who(caller, asset_id)
        self.act(
            "setPayout",
            asset_id,
            payout,
            sender=caller,
            verdict=lambda: self.model.set_payout(caller, asset_id, payout),
        )

    @rule(place=places, caller=callers, account=people, roles=st.integers(0, ALL_ROLES))
    def set_roles(self, place: int | str, caller: str, account: str, roles: int) -> None:
        asset_id = self.at(place)
        caller = self.who(caller, asset_id)
        self.act(
            "setRoles",
            asset_id,
            account,
            roles,
            sender=caller,
            verdict=lambda: self.model.set_roles(caller, asset_id, account, roles),
        )

    @rule(place=places, caller=st.sampled_from([DAO, DAO, STRANGER]), delisted=st.sampled_from([True, False, False]))
    def set_delisted(self, place: int | str, caller: str, delisted: bool) -> None:
        asset_id = self.at(place)
        self.act(
            "setDelisted",
            asset_id,
            delisted,
            sender=caller,
            verdict=lambda: self.model.set_delisted(caller, asset_id, delisted),
        )

    # Terms

    @rule(place=places, caller=callers, number=numbers, price=st.sampled_from([0, 1, 41, 10**6]))
    def set_price(self, place: int | str, caller: str, number: int, price: int) -> None:
        asset_id = self.at(place)
        caller = self.who(caller, asset_id)
        self.act(
            "setPrice",
            asset_id,
            number,
            price,
            sender=caller,
            verdict=lambda: self.model.set_price(caller, asset_id, number, price),
        )

    @rule(place=places, caller=callers, number=numbers, is_open=st.sampled_from([True, True, False]))
    def set_open(self, place: int | str, caller: str, number: int, is_open: bool) -> None:
        asset_id = self.at(place)
        caller = self.who(caller, asset_id)
        self.act(
            "setOpen",
            asset_id,
            number,
            is_open,
            sender=caller,
            verdict=lambda: self.model.set_open(caller, asset_id, number, is_open),
        )

    @rule(place=places, caller=callers, kind=st.sampled_from([HOLD, PERIOD, USE]))
    def add_licence(self, place: int | str, caller: str, kind: int) -> None:
        asset_id = self.at(place)
        caller = self.who(caller, asset_id)
        terms = (7, 1, kind, (0, DAY, 2)[kind], 0, 0)
        if len(self.model.offers) > 3 and place == "collection":
            return
        self.act(
            "addLicence",
            asset_id,
            licence_terms(terms),
            sender=caller,
            verdict=lambda: self.model.add_licence(caller, asset_id, terms),
        )

    @rule(place=places, caller=callers, terms=st.sampled_from([(True, 500), (False, 0), (True, 3_000)]))
    def set_terms(self, place: int | str, caller: str, terms: tuple[bool, int]) -> None:
        asset_id = self.at(place)
        caller = self.who(caller, asset_id)
        self.act(
            "setDerivativeTerms",
            asset_id,
            terms,
            sender=caller,
            verdict=lambda: self.model.set_terms(caller, asset_id, terms),
        )

    # Issuing and using

    @rule(
        place=places,
        number=numbers,
        buyer=people,
        count=units,
        as_tokens=st.booleans(),
        seen=st.sampled_from(["any", "this", "this", "root", "older"]),
    )
    def buy(self, place: int | str, number: int, buyer: str, count: int, as_tokens: bool, seen: str) -> None:
        asset_id, model = self.at(place), self.model
        try:
            this = model.named(asset_id)
        except Refused:
            this = NO_DIGEST
        digest = {"any": NO_DIGEST, "this": this, "root": merkle.root(DIGESTS), "older": b"\x99" * 32}[seen]
        offer = model.offers[number] if number < len(model.offers) else None
        total = offer.price * count if offer else 0
        value = total if offer and offer.payment == 0 else 0
        before = self.purses(offer.payment if offer else 0)
        self.gains = {(asset_id, number, buyer)}
        outcome = self.act(
            "buyTokens" if as_tokens else "buyAccess",
            (asset_id, number, buyer, count, total, digest),
            sender=buyer,
            value=value,
            verdict=lambda: model.buy(buyer, asset_id, number, buyer, count, as_tokens, digest),
            contract=self.market,
        )
        after = self.purses(offer.payment if offer else 0)
        paid = Counter({account: after[account] - before[account] for account in after})
        fee, royalty = total * FEE_BPS // BPS, total * model.royalty_bps // BPS
        expected: Counter[str] = Counter()
        if outcome is not None:
            expected[buyer] -= total
            expected[TREASURY] += fee
            expected[self.world.lineage_splitter(model.number)] += royalty
            expected[model.home(asset_id).payee] += total - fee - royalty
        assert {one: sum_ for one, sum_ in paid.items() if sum_} == {one: s for one, s in expected.items() if s}

    def purses(self, payment: int) -> dict[str, int]:
        """What everybody has of a payment token."""
        accounts = [*PEOPLE.values(), TREASURY, self.market.address, self.world.lineage_splitter(self.model.number)]
        if payment == 0:
            return {account: self.chain.balance(account) for account in accounts}
        return {account: self.chain.words(self.world.dollar, "balanceOf", account)[0] for account in accounts}

    @rule(place=places, number=numbers, caller=callers, account=people, count=units, as_tokens=st.booleans())
    def grant(self, place: int | str, number: int, caller: str, account: str, count: int, as_tokens: bool) -> None:
        asset_id = self.at(place)
        caller = self.who(caller, asset_id)
        self.gains.add((asset_id, number, account))
        self.act(
            "grant",
            asset_id,
            number,
            account,
            count,
            as_tokens,
            sender=caller,
            verdict=lambda: self.model.grant(caller, asset_id, number, account, count, as_tokens),
        )

    @rule(place=places, number=numbers, caller=people, count=st.integers(1, 2), held=st.booleans())
    def redeem(self, place: int | str, number: int, caller: str, count: int, held: bool) -> None:
        asset_id = self.at(place)
        if held:
            asset_id, number, caller = self.holder(
                lambda holding, one: holding.tokens[one] > 0, asset_id, number, caller
            )
        self.gains = {(asset_id, number, caller)}
        self.act(
            "redeem",
            asset_id,
            number,
            count,
            caller,
            sender=caller,
            verdict=lambda: self.model.redeem(caller, asset_id, number, count),
        )

    @rule(place=places, number=numbers, caller=people, uses=st.sampled_from([1, 1, 10]), held=st.booleans())
    def consume(self, place: int | str, number: int, caller: str, uses: int, held: bool) -> None:
        asset_id = self.at(place)
        if held:
            has_uses = lambda holding, one: holding.grants[one].uses > 0  # noqa: E731
            asset_id, number, caller = self.holder(has_uses, asset_id, number, caller)
        self.loses = {(asset_id, number, caller)}
        self.act(
            "consume",
            asset_id,
            number,
            uses,
            bytes(32),
            sender=caller,
            verdict=lambda: self.model.consume(caller, asset_id, number, uses),
        )

    @rule(place=places, caller=people)
    def derive(self, place: int | str, caller: str) -> None:
        """What is made from an item owes what the collection asks for, and what the collection owes."""
        asset_id, model = self.at(place), self.model
        publication = self.world.publication(b"\x44" * 32, parents=[asset_id])
        home = self.registry.address

        def verdict() -> None:
            try:
                model.index(asset_id)
            except Refused as refused:
                raise Refused("ParentNotFound", home, asset_id) from refused
            if not model.terms[0] or model.is_delisted(asset_id) or model.state(asset_id):
                raise Refused("DerivativesNotAllowed", home, asset_id)
            if model.terms[1] + model.royalty_bps > 3_000:
                raise Refused("RoyaltiesTooHigh", self.next_id, model.terms[1] + model.royalty_bps, 3_000)

        if self.act("publish", caller, publication, sender=caller, verdict=verdict) is None:
            return
        table = [(home, asset_id, model.terms[1])] + ([(home, 1, ROYALTY)] if model.royalty_bps else [])
        assert self.chain.call(self.world.lineage, "ancestorsOf", home, self.next_id) == tuple(table)
        self.next_id += 1

    @rule(seconds=st.sampled_from([1, DAY, 30 * DAY]))
    def time_passes(self, seconds: int) -> None:
        self.model.now += seconds
        self.chain.set_time(self.model.now)
        self.changed = True
        self.loses = {
            (asset_id, number, account)
            for asset_id in self.ids
            for number, offer in enumerate(self.model.offers)
            for account in PEOPLE.values()
            if offer.kind == PERIOD
        }

    # What must hold

    @invariant()
    def the_chain_is_the_model(self) -> None:
        if self.changed:
            self.everything_is_as_the_model_has_it()
        self.changed, self.gains, self.loses = False, set(), set()

    def everything_is_as_the_model_has_it(self) -> None:
        model, chain, registry = self.model, self.chain, self.registry
        active: set[tuple[int, int, str]] = set()
        for asset_id in self.ids:
            assert chain.call(registry, "assetInfo", asset_id) == model.info(asset_id)
            home = model.home(asset_id)
            assert chain.call(registry, "payoutOf", asset_id) == home.payee
            receiver = self.world.lineage_splitter(model.number) if model.royalty_bps else ZERO
            assert chain.call(registry, "royaltyInfo", asset_id, 10_000) == (receiver, model.royalty_bps)
            index = model.index(asset_id)
            minted = index is None or index in model.items
            owner = chain.transact(registry, "ownerOf", asset_id, sender=STRANGER)
            assert (owner.failure is None) == minted
            assert not minted or owner.data[12:].hex() == home.owner[2:]
            some = dict.fromkeys(PEOPLE.values(), False)
            for number, offer in enumerate(model.offers):
                issued = offer.issued if offer.cap else 0
                terms = (
                    offer.price,
                    offer.amount,
                    offer.cap,
                    issued,
                    offer.limit,
                    offer.payment,
                    offer.kind,
                    offer.open,
                )
                assert chain.call(registry, "licenceOf", asset_id, number) == (*terms, 0)
                token = self.world.datatoken(asset_id, number)
                assert chain.has_code(token.address) == (model.holdings[asset_id, number].minted > 0)
                for account in PEOPLE.values():
                    access = chain.words(registry, "accessOf", asset_id, number, account)
                    assert access == model.access_of(asset_id, number, account)
                    if access[0]:
                        active.add((asset_id, number, account))
                        some[account] = True
            for account, held in some.items():
                assert chain.words(registry, "hasAccess", asset_id, account) == (held,)
                assert chain.words(registry, "rolesOf", asset_id, account) == (home.roles[account],)
        assert active - self.active <= self.gains, "access came from nowhere"
        assert self.active - active <= self.loses, "access was lost"
        self.active = active
        for account in PEOPLE.values():
            owned = [model.itself, *model.items.values()]
            derived = self.chain.words(registry, "balanceOf", account)[0]
            assert derived >= sum(thing.owner == account for thing in owned)
        for number, offer in enumerate(model.offers):
            assert not offer.cap or offer.issued <= offer.cap
            held = sum(sum(model.holdings[asset_id, number].tokens.values()) for asset_id in self.ids)
            assert held <= offer.issued * UNIT


SEEN = {
    ("mintItem", "done"), ("mintItem", "ItemIsMinted"), ("mintItem", "InvalidItemProof"), ("mintItem", "EmptyDigest"),
    ("mintItem", "AssetNotFound"), ("buyAccess", "done"), ("buyTokens", "done"), ("buyAccess", "AssetNotFound"),
    ("buyAccess", "NotForSale"), ("buyAccess", "OtherDocument"), ("buyAccess", "CapExceeded"),
    ("buyAccess", "LimitExceeded"), ("grant", "done"), ("grant", "CapOfCollection"), ("grant", "ItemNotMinted"),
    ("setPrice", "done"), ("setPrice", "TermsOfCollection"), ("setOpen", "TermsOfCollection"),
    ("addLicence", "TermsOfCollection"), ("setDerivativeTerms", "TermsOfCollection"), ("updateMetadata", "done"),
    ("updateMetadata", "ItemNotMinted"), ("setState", "done"), ("setState", "ItemNotMinted"), ("setPayout", "done"),
    ("setPayout", "ItemNotMinted"), ("setRoles", "ItemNotMinted"), ("setDelisted", "done"), ("redeem", "done"),
    ("consume", "done"), ("publish", "done"), ("publish", "DerivativesNotAllowed"), ("publish", "ParentNotFound"),
    ("transferFrom", "done"), ("transferFrom", "ERC721NonexistentToken"),
}  # fmt: skip


def test_collection_and_model_never_disagree() -> None:
    CollectionMachine.tally.clear()
    steps = walk(CollectionMachine, examples=120, steps=50)
    missing = SEEN - set(CollectionMachine.tally)
    assert len(missing) <= may_miss(steps, 3), f"never seen: {missing}"


def test_an_item_beyond_every_collection_is_not_there() -> None:
    """Ids that look like items of what is no collection, and of no asset at all."""
    with WORLD.chain.snapshot():
        ordinary = WORLD.publication(b"\x33" * 32)
        WORLD.do(WORLD.registry, "publish", AUTHOR, ordinary, sender=AUTHOR)
        for asset_id in (item_id(1, 0), item_id(2, 0), item_id(0, 0), 1 << 62, 3 << 62 | 1 << 32, 1 << 63):
            for function, args in (("assetInfo", ()), ("hasAccess", (BUYER,)), ("licencesOf", ()), ("payoutOf", ())):
                outcome = WORLD.chain.transact(WORLD.registry, function, asset_id, *args, sender=BUYER)
                assert outcome.failure == Failure("AssetNotFound", (asset_id,)), function
