"""The random walk over splitters: money comes in any amount, and anybody distributes, fails, recovers and claims.

`SplitterMachine` has a splitter of fixed payees, `LineageMachine` one whose payees are the payouts of assets.
"""

from __future__ import annotations

from collections import Counter
from typing import ClassVar

import hypothesis.strategies as st
from eth_abi import encode
from eth_utils import keccak
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from .evm import ZERO, Contract, Failure, Log, Outcome, read_error
from .model import COIN, MAX_ANCESTORS, MAX_ROYALTY_BPS, Refused
from .odd_money import OddMoney
from .splitter_model import LIMIT, Event, SplitterModel, Token
from .world import AUTHOR, DAO, PEOPLE, STRANGER, World, clone_address

ALL = 2**256 - 1
ANSWERS = 0  # the manner of a registry that does
MAX_PAYEES = 256
NAMES = [
    "coin", "BlockingToken", "liar", "HookToken", "LocalDollar", "FeeToken", "FalseToken", "NoReturnToken",
    "HugeReturnToken", "BrokenPermitToken", "MockToken2", "MockToken24", "silent", "wordy", "endless", "wary",
    "mumbler", "counter", "intruder",
]  # fmt: skip
# Where most goes wrong, most is to be seen.
names = st.tuples(st.sampled_from([*NAMES[:4] * 3, *NAMES]), st.sampled_from(["coin", "BlockingToken", *NAMES])).map(
    lambda pair: list(dict.fromkeys(pair))
)

amounts = (
    st.sampled_from([1, 1, 2, 3, 7, 99, 100, 10**6, 10**18, 2**64 - 1, 2**100, LIMIT])
    | st.integers(1, 1_000)
    | st.integers(1, 2**100)
)
share_sizes = st.sampled_from([1, 1, 2, 3, 10, 2**32 - 1, 2**31, 2**16]) | st.integers(1, 2**32 - 1)
places = st.integers(0, 14)  # of the five people and the ten odd receivers, or of payees
# What came before there was a splitter, and whether it was made and that was divided at once, one payee being blocked.
openings = st.tuples(st.sampled_from([True, True, False]), amounts)
chunks = st.sampled_from([1, 1, 1, 2, 3, 5, 0, 255, 256, ALL])


class Base(World):
    """A chain with a registry, all the odd money, and a factory of splitters."""

    def __init__(self) -> None:
        super().__init__()
        self.factory = self.chain.deploy("SplitterFactory", sender=DAO)
        self.splitter_code: str = self.chain.call(self.factory, "implementation")
        self.odd = OddMoney(self.chain)
        self.chain.set_balance(DAO, 2**127)


BASE = Base()
CROWD = ["0x" + keccak(number.to_bytes(32))[12:].hex() for number in range(MAX_PAYEES)]


class SplitterMachine(RuleBasedStateMachine):
    """Rules and verdicts; what must hold after each step, its subclasses in the tests add."""

    tally: ClassVar[Counter[tuple[str, str]]] = Counter()  # (action, error or "done") over all runs
    maker = "SplitterFactory"

    def __init__(self) -> None:
        super().__init__()
        self.base, self.chain, self.odd = BASE, BASE.chain, BASE.odd
        self._snapshot = self.chain.snapshot()
        self._snapshot.__enter__()
        self.logs: list[Log] = []
        self.tokens: list[Token] = []
        self.touched: set[str] = set()  # tokens that the last step may have moved
        self.armed: tuple[str, int] | None = None  # what the re-entering receiver does: give coins back, or intrude
        self.gifts = self.intrusions()  # calls of the re-entering receiver that went through: gifts alone may
        self.refuses = False  # the receiver with a switch
        self.table: list[tuple[str, int]] = []
        self.pool = [*PEOPLE.values(), *self.odd.receivers]
        self.splitter = ZERO
        self.model: SplitterModel

    def teardown(self) -> None:
        self._snapshot.__exit__(None, None, None)

    # The splitter

    @initialize(
        names=names,
        places=st.lists(places, min_size=1, max_size=12, unique=True),
        shares=st.lists(share_sizes, min_size=12, max_size=12),
        crowd=st.sampled_from([0] * 60 + [MAX_PAYEES]),
        opening=openings,
    )
    def start(
        self, names: list[str], places: list[int], shares: list[int], crowd: int, opening: tuple[bool, int]
    ) -> None:
        payees = [self.pool[place] for place in places]
        payees += CROWD[: max(0, crowd - len(payees))]
        payees.sort(key=lambda account: int(account, 16))
        self.pool += CROWD[: min(crowd, 2)]
        self.table = [(payee, shares[i % 12]) for i, payee in enumerate(payees)]
        arguments = b"".join(bytes.fromhex(payee[2:]) + share.to_bytes(4) for payee, share in self.table)
        arguments += sum(share for _, share in self.table).to_bytes(5)
        address = clone_address(self.base.factory.address, self.base.splitter_code, arguments)
        assert self.chain.call(self.base.factory, "splitterOf", self.table) == address
        self.begin(address, [share for _, share in self.table], names, opening)

    def begin(self, address: str, shares: list[int], names: list[str], opening: tuple[bool, int]) -> None:
        self.splitter = address
        self.contract: Contract = self.chain.at("RevenueSplitter", address)
        self.model = SplitterModel(
            address=address,
            shares=shares,
            payees=self.payees,
            has_code=self.chain.has_code,
            takes_coins=self.takes_coins,
            silent=self.silent,
        )
        for name in names:
            token = self.odd.token(name)
            self.tokens.append(token)
            for account in self.accounts():
                token.balances[account] = self.balance(token, account)
        distributed, amount = opening
        for place in range(len(self.tokens)):
            self._arrive(self.token_at(place), amount)
        if distributed:
            self.make()
            self._block("payee", 0, True)
            for place in range(len(self.tokens)):
                self._distribute(self.token_at(place))

    def payees(self) -> list[str]:
        return [payee for payee, _ in self.table]

    def silent(self) -> set[int]:
        """The places of payees that cannot be paid now."""
        return set()

    def accounts(self) -> list[str]:
        """All whose money is followed: of a crowd the first and the last."""
        payees = self.payees()
        return list(dict.fromkeys([*payees[:16], *payees[-16:], *self.pool, self.splitter]))

    def balance(self, token: Token, account: str) -> int:
        if token.address == COIN:
            return self.chain.balance(account)
        return self.chain.words(self.chain.at("LocalDollar", token.address), "balanceOf", account)[0]

    def made(self) -> bool:
        return self.chain.has_code(self.splitter)

    def create(self) -> Outcome:
        return self.chain.transact(self.base.factory, "createSplitter", self.table, sender=STRANGER)

    @rule()
    def make(self) -> None:
        again = self.made()
        outcome = self.create()
        assert outcome.failure is None and outcome.data[12:].hex() == self.splitter[2:]
        assert len(outcome.logs) == (not again), "made twice"
        self.logs.extend(outcome.logs)
        self.touched = {token.address for token in self.tokens}

    # How accounts take coins

    def takes_coins(self, account: str, amount: int, bounded: bool) -> bool:
        odd = self.odd
        if account in (odd.refusing.address, odd.burning, odd.failing_bomb) or account in self.deaf():
            return False
        if account == odd.switch:
            return not self.refuses
        if account == odd.big_bomb:
            return not bounded
        if account == odd.reentrant.address and self.armed is not None:
            # Intruding fails at the guard; giving works if there is so much, and neither makes the payment fail.
            how, back = self.armed
            coin = next(token for token in self.tokens if token.address == COIN)
            if how == "give" and coin.balances[account] >= back:
                coin.move(account, self.splitter, back)
                self.gifts += 1
        return True

    def intrusions(self) -> int:
        return self.chain.words(self.odd.reentrant, "successes")[0]

    def keys(self) -> list[str]:
        """Names of payees that are no accounts."""
        return []

    def deaf(self) -> frozenset[str]:
        """Contracts that have no way to take coins."""
        return frozenset(contract.address for contract in self.base.contracts)

    # Money comes

    def token_at(self, drawn: int) -> Token:
        return self.tokens[drawn % len(self.tokens)]

    @rule(which=st.integers(0, 1), amount=amounts)
    def arrive(self, which: int, amount: int) -> None:
        self._arrive(self.token_at(which), amount)

    def _arrive(self, token: Token, amount: int) -> None:
        expected: Failure | None = None
        came = amount
        if token.address == COIN:
            outcome = self.chain.send(self.splitter, b"", sender=DAO, value=amount)
        else:
            contract = next(one for one in self.odd.contracts.values() if one.address == token.address)
            if token.hooks and self.made():
                expected = Failure("")  # a splitter has no hook
            if token.burns:
                self.chain.transact(contract, "mint", DAO, amount, sender=DAO)
                outcome = self.chain.transact(contract, "transfer", self.splitter, amount, sender=DAO)
                came -= amount // 100
            else:
                if self.splitter in token.blocked:
                    expected = Failure("Blocked", (self.splitter,))
                expected = Failure("Paused") if token.paused else expected
                outcome = self.chain.transact(contract, "mint", self.splitter, amount, sender=DAO)
        assert outcome.failure == expected
        self.tally["arrive", "refused" if expected else "done"] += 1
        if expected is None:
            token.balances[self.splitter] += came
            if token.address == COIN:
                token.balances[DAO] -= came
        self.touched.add(token.address)

    # Money goes

    def done(self, action: str, outcome: Outcome, expected: tuple[int, list[Event]] | Failure, token: Token) -> None:
        """Compare what the chain did with what the model did."""
        if isinstance(expected, Failure):
            assert outcome.failure == expected, f"{action}: the chain says {outcome.failure}, the model {expected}"
            self.tally[action, expected.name] += 1
            return
        assert outcome.failure is None, f"{action}: the chain says {outcome.failure}, the model does it"
        mine = [log for log in outcome.logs if log.address == self.splitter]
        events = self.contract.artifact.events
        told = [(events[log.topics[0]].name, events[log.topics[0]].decode(log.topics, log.data)) for log in mine]
        assert told == expected[1]
        self.logs.extend(mine)
        assert self.intrusions() == self.gifts, "a payee got in while it was paid"
        self.touched.add(token.address)
        self.tally[action, "done"] += 1
        for name, _ in told:
            self.tally["event", name] += 1

    @precondition(lambda self: self.made())
    @rule(which=st.integers(0, 1))
    def distribute(self, which: int) -> None:
        self._distribute(self.token_at(which))

    def _distribute(self, token: Token) -> None:
        expected = self.model.distribute(token, ALL)
        outcome = self.chain.transact(self.contract, "distribute", token.address, sender=STRANGER)
        self.done("distribute", outcome, expected, token)
        assert int.from_bytes(outcome.data) == expected[0]

    @precondition(lambda self: self.made())
    @rule(which=st.integers(0, 1), count=chunks)
    def distribute_chunk(self, which: int, count: int) -> None:
        token = self.token_at(which)
        expected = self.model.distribute(token, count) if count else Failure("EmptyChunk")
        outcome = self.chain.transact(self.contract, "distributeChunk", token.address, count, sender=STRANGER)
        self.done("distributeChunk", outcome, expected, token)
        assert isinstance(expected, Failure) or int.from_bytes(outcome.data) == expected[0]

    @precondition(lambda self: self.made())
    @rule(
        which=st.integers(0, 1),
        count=chunks.filter(bool),
        gas=st.integers(40_000, 500_000) | st.integers(500_000, 1_500_000),
    )
    def distribute_with_little_gas(self, which: int, count: int, gas: int) -> None:
        """Whoever gives too little gas gets nothing done; no payment is made to fail."""
        token = self.token_at(which)
        call = ("distributeChunk", token.address, count)
        with self.chain.snapshot():
            failure = self.chain.transact(self.contract, *call, sender=STRANGER, gas=gas).failure
        if failure is not None:
            # The clone runs out of gas itself, or what it delegates to does, which leaves no reason.
            assert failure.name in ("NotEnoughGas", "Halt", ""), failure
            self.tally["distribute with little gas", failure.name] += 1
            return
        expected = self.model.distribute(token, count)
        outcome = self.chain.transact(self.contract, *call, sender=STRANGER, gas=gas)
        self.done("distribute with little gas", outcome, expected, token)

    @precondition(lambda self: self.made())
    @rule(
        which=st.integers(0, 1),
        place=places,
        receiver=st.sampled_from(["same", "same", "reentrant", "splitter", ZERO, AUTHOR]) | places,
        helped=st.booleans(),
    )
    def claim(self, which: int, place: int, receiver: str | int, helped: bool) -> None:
        token = self.token_at(which)
        doers = {one.address: one for one in (self.odd.refusing, self.odd.reentrant)}
        parked = self.model.books[token.address].parked
        # Mostly somebody for whom something waits.
        owed = [one for one, amount in parked.items() if amount]
        if not owed and place:
            return
        payee = [*owed * 3, AUTHOR][place % (3 * len(owed) + 1)]
        # Those that have no way to call are helped by a stranger.
        helpless = payee not in doers and (self.chain.has_code(payee) or payee in self.keys())
        caller = STRANGER if helped or helpless else payee
        named = {"same": payee, "splitter": self.splitter, "reentrant": self.odd.reentrant.address}
        to = named.get(receiver, receiver) if isinstance(receiver, str) else self.pool[receiver % len(self.pool)]
        contract = doers.get(caller)
        if to == self.odd.burning:
            return  # it would burn all the gas of the claimer, which is without end here
        expected: tuple[int, list[Event]] | Failure
        try:
            expected = self.model.claim(caller, token, payee, to)
        except Refused as refused:
            expected = Failure(refused.name, refused.values)
        data = self.contract.artifact.functions["claim"].encode((token.address, payee, to))
        if contract is None:
            outcome = self.chain.send(self.splitter, data, sender=caller)
        else:
            value = () if contract is self.odd.refusing else (0,)
            outcome = self.chain.transact(contract, "act", self.splitter, *value, data, sender=STRANGER)
            if outcome.failure is not None:
                assert outcome.failure.name in ("ActFailed", "CallFailed")
                outcome = Outcome(b"", (), read_error(outcome.failure.values[1]))
        self.done("claim", outcome, expected, token)

    # What fails, and ceases to

    @rule(refuses=st.booleans())
    def throw_the_switch(self, refuses: bool) -> None:
        self.refuses = refuses
        outcome = self.chain.send(self.odd.switch, int(refuses).to_bytes(32), sender=STRANGER)
        assert outcome.failure is None

    @precondition(
        lambda self: any(token.address == self.odd.contracts["BlockingToken"].address for token in self.tokens)
    )
    @rule(
        place=places,
        flag=st.sampled_from([True, True, False]),
        what=st.sampled_from(["pause", "splitter", "payee", "payee", "payee"]),
    )
    def block(self, place: int, flag: bool, what: str) -> None:
        self._block(what, place, flag)

    def _block(self, what: str, place: int, flag: bool) -> None:
        contract = self.odd.contracts["BlockingToken"]
        token = next((token for token in self.tokens if token.address == contract.address), None)
        if token is None or not self.payees():
            return
        if what == "pause":
            token.paused = flag
            self.chain.transact(contract, "setPaused", flag, sender=DAO)
            return
        account = self.splitter if what == "splitter" else self.payees()[place % len(self.payees())]
        (token.blocked.add if flag else token.blocked.discard)(account)
        self.chain.transact(contract, "setBlocked", account, flag, sender=DAO)

    @precondition(lambda self: any(token.address == COIN for token in self.tokens))
    @rule(
        how=st.sampled_from(["nothing", "give", "distribute", "distributeChunk", "claim"]),
        which=st.integers(0, 1),
        amount=st.sampled_from([1, 10**6]),
    )
    def arm(self, how: str, which: int, amount: int) -> None:
        """Tell the re-entering receiver what to do when it is paid."""
        functions = self.contract.artifact.functions
        token = self.token_at(which).address
        data = {
            "distribute": lambda: functions["distribute"].encode((token,)),
            "distributeChunk": lambda: functions["distributeChunk"].encode((token, 1)),
            "claim": lambda: functions["claim"].encode((token, self.odd.reentrant.address, AUTHOR)),
        }.get(how, lambda: b"")()
        value = amount if how == "give" else 0
        target = ZERO if how == "nothing" else self.splitter
        self.armed = None if how == "nothing" else (how, value)
        self.chain.transact(self.odd.reentrant, "arm", target, value, data, sender=DAO)


class LineageMachine(SplitterMachine):
    """A splitter whose payees are the payouts of the ancestors on the day.

    Some of them are of a registry that is a stranger, and that may be silent.
    """

    maker = "Lineage"

    @initialize(
        names=names,
        payouts=st.lists(places, min_size=MAX_ANCESTORS, max_size=MAX_ANCESTORS),
        asked=st.lists(st.sampled_from([0, 1, 7, 333, 500, 1_000, MAX_ROYALTY_BPS]), max_size=MAX_ANCESTORS),
        strange=st.lists(st.booleans(), min_size=MAX_ANCESTORS, max_size=MAX_ANCESTORS),
        opening=openings,
        mute=st.booleans(),
    )
    def start(
        self,
        names: list[str],
        payouts: list[int],
        asked: list[int],
        strange: list[bool],
        opening: tuple[bool, int],
        mute: bool,
    ) -> None:
        """With `mute` the stranger does not answer while the opening is divided, so that something waits for it."""
        while sum(asked) > MAX_ROYALTY_BPS:
            asked = asked[:-1]
        base, registry = self.base, self.base.registry
        self.owners = [list(PEOPLE.values())[i % len(PEOPLE)] for i in range(len(asked))]
        self.payouts: list[str | None] = [self.pool[place] for place in payouts[: len(asked)]]
        self.strange = strange[: len(asked)]
        # All assets of the stranger ask the same and are paid to the same account.
        stranger_asks = next((bps for bps, odd in zip(asked, self.strange, strict=True) if odd), 0)
        asked = [stranger_asks if odd else bps for bps, odd in zip(asked, self.strange, strict=True)]
        while sum(asked) > MAX_ROYALTY_BPS:
            asked.pop()
            self.owners.pop()
            self.payouts.pop()
            self.strange.pop()
        self.stranger = self.chain.deploy("PretendRegistry", stranger_asks, AUTHOR, sender=DAO)
        self.ancestors: list[tuple[str, int]] = []
        digest, own = b"\1" * 32, 0
        for i, (owner, payout, bps) in enumerate(zip(self.owners, self.payouts, asked, strict=True)):
            if self.strange[i]:
                self.payouts[i] = AUTHOR
                self.ancestors.append((self.stranger.address, 100 + i))
                continue
            own += 1
            base.do(registry, "publish", owner, base.publication(digest, payout or ZERO, (True, bps)), sender=owner)
            self.ancestors.append((registry.address, own))
        self.child = own + 1
        publication = (digest, ZERO, (False, 0), self.ancestors, MAX_ROYALTY_BPS, ())
        base.do(registry, "publish", AUTHOR, publication, sender=AUTHOR)
        self._set_manner(1 if mute else ANSWERS)
        self.begin(base.lineage_splitter(self.child), asked, names, opening)
        self._set_manner(ANSWERS)
        self.contract = self.chain.at("LineageSplitter", self.splitter)

    def _set_manner(self, manner: int) -> None:
        self.manner = manner
        self.base.do(self.stranger, "setManner", manner)

    def silent(self) -> set[int]:
        """Who names this splitter as payout, or whose registry does not answer."""
        return {
            i
            for i, payout in enumerate(self.payouts)
            if payout == self.splitter or (self.strange[i] and self.manner != ANSWERS)
        }

    def key(self, place: int) -> str:
        registry, asset_id = self.ancestors[place]
        return "0x" + keccak(encode(("address", "uint256"), (registry, asset_id)))[12:].hex()

    def keys(self) -> list[str]:
        return [self.key(i) for i in range(len(self.ancestors))]

    def payees(self) -> list[str]:
        silent = self.silent()
        return [
            self.key(i) if i in silent else payout or owner
            for i, (owner, payout) in enumerate(zip(self.owners, self.payouts, strict=True))
        ]

    def accounts(self) -> list[str]:
        return [*self.pool, *(contract.address for contract in self.base.contracts), self.splitter, *self.keys()]

    def create(self) -> Outcome:
        return self.chain.transact(
            self.base.lineage, "createSplitter", self.base.registry.address, self.child, sender=STRANGER
        )

    def own(self, place: int) -> int | None:
        """One of the ancestors that are published here."""
        places = [i for i, odd in enumerate(self.strange) if not odd]
        return places[place % len(places)] if places else None

    @precondition(lambda self: self.owners)
    @rule(place=places, receiver=st.sampled_from(list(PEOPLE.values())))
    def ancestor_changes_hands(self, place: int, receiver: str) -> None:
        i = self.own(place)
        if i is None or self.owners[i] == receiver:
            return
        sender, self.owners[i], self.payouts[i] = self.owners[i], receiver, None
        asset_id = self.ancestors[i][1]
        self.base.do(self.base.registry, "transferFrom", sender, receiver, asset_id, sender=sender)
        self.touched = {token.address for token in self.tokens}

    @precondition(lambda self: self.owners)
    @rule(place=places, payout=places | st.sampled_from(["registry", "splitter", "splitter", "owner"]))
    def ancestor_names_another_payout(self, place: int, payout: int | str) -> None:
        i = self.own(place)
        if i is None:
            return
        named = {"registry": self.base.registry.address, "splitter": self.splitter, "owner": ZERO}
        account = named[payout] if isinstance(payout, str) else self.pool[payout % len(self.pool)]
        self.payouts[i] = account if account != ZERO else None
        self.base.do(self.base.registry, "setPayout", self.ancestors[i][1], account, sender=self.owners[i])
        self.touched = {token.address for token in self.tokens}

    @precondition(lambda self: any(self.strange))
    @rule(manner=st.sampled_from([ANSWERS, ANSWERS, *range(1, 6)]), payout=places)
    def stranger_changes_its_manner(self, manner: int, payout: int) -> None:
        self._set_manner(manner)
        account = self.pool[payout % len(self.pool)]
        self.base.do(self.stranger, "setPayout", account)
        self.payouts = [account if odd else one for odd, one in zip(self.strange, self.payouts, strict=True)]
        self.touched = {token.address for token in self.tokens}

    @precondition(lambda self: self.made() and self.ancestors)
    @rule(which=st.integers(0, 1), place=places)
    def claim_for_an_ancestor(self, which: int, place: int) -> None:
        token = self.token_at(which)
        parked = self.model.books[token.address].parked
        # Mostly one for whom something waits.
        waiting = [i for i in range(len(self.ancestors)) if parked[self.key(i)]]
        i = [*waiting * 3, 0][place % (3 * len(waiting) + 1)]
        registry, asset_id = self.ancestors[i]
        expected: tuple[int, list[Event]] | Failure
        to = self.payouts[i] or self.owners[i]
        if to == self.odd.burning:
            return  # it would burn all the gas of the claimer, which is without end here
        try:
            if i in self.silent():
                raise Refused("NoPayout", registry, asset_id)
            expected = self.model.send_parked(token, self.key(i), to)
        except Refused as refused:
            expected = Failure(refused.name, refused.values)
        outcome = self.chain.transact(self.contract, "claimFor", token.address, registry, asset_id, sender=STRANGER)
        self.done("claimFor", outcome, expected, token)
