"""A splitter in plain Python, and the odd tokens and accounts that it must live with.

The contract keeps one total and computes from it what each payee had. The model keeps the books that a clerk would:
what came, what each payee was given, what left and what is parked. Where both agree, the one formula is right.

Accounts are lower-case hex addresses, amounts the smallest unit of their token.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from .evm import ZERO, Failure
from .model import COIN, Refused

LIMIT = 2**120 - 1  # what a splitter can count of one token; the rest waits
Event = tuple[str, dict[str, Any]]


@dataclass
class Token:
    """A token, or the native coin, and what goes wrong when it is moved."""

    address: str
    pushes: bool = True  # whether a transfer works within the gas that a splitter gives it
    claims: Failure | None = None  # why a claim fails, whoever makes it
    burns: bool = False  # a hundredth of each transfer
    hooks: bool = False  # asks the sender and the receiver, if they have code
    blocked: set[str] = field(default_factory=set)
    paused: bool = False
    balances: dict[str, int] = field(default_factory=lambda: defaultdict(int))

    def obstacle(self, sender: str, receiver: str, has_code: Callable[[str], bool]) -> Failure | None:
        """What keeps a transfer between these two from working with any amount of gas."""
        if self.claims is not None:
            return self.claims
        if self.paused:
            return Failure("Paused")
        for account in (sender, receiver):
            if account in self.blocked:
                return Failure("Blocked", (account,))
        if self.hooks and (has_code(sender) or has_code(receiver)):
            return Failure("")
        return None

    def move(self, sender: str, receiver: str, amount: int) -> None:
        self.balances[sender] -= amount
        self.balances[receiver] += amount - (amount // 100 if self.burns else 0)


@dataclass
class Books:
    """What a splitter did with one token. `given` is by place in the list of payees, the rest by account."""

    given: list[int]
    out: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    parked: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    counted: int = 0  # what the last finished round divided, with all before
    round: tuple[int, int] | None = None  # the total that the open round divides, and whose turn it is


class SplitterModel:
    """One splitter. `payees` tells who they are now: those of a lineage splitter change with their assets.

    `silent` tells the places of those who cannot be paid now; what is theirs is parked under their name of then.
    """

    def __init__(
        self,
        *,
        address: str,
        shares: Sequence[int],
        payees: Callable[[], list[str]],
        has_code: Callable[[str], bool],
        takes_coins: Callable[[str, int, bool], bool],
        silent: Callable[[], set[int]] = set,
    ) -> None:
        """`takes_coins(account, amount, bounded)` answers for the account, and does what it does meanwhile."""
        self.address, self.shares, self.payees = address, tuple(shares), payees
        self.sum, self.silent = sum(shares), silent
        self._has_code, self._takes_coins = has_code, takes_coins
        self.books: dict[str, Books] = defaultdict(lambda: Books([0] * len(shares)))

    def arrived(self, token: Token) -> int:
        """All that ever came: what is here, and what left."""
        return token.balances[self.address] + sum(self.books[token.address].out.values())

    def distribute(self, token: Token, count: int) -> tuple[int, list[Event]]:
        """Give the next `count` payees what is theirs: the amount, and the events in order."""
        books, payees, silent = self.books[token.address], self.payees(), self.silent()
        total, first = books.round or (min(self.arrived(token), LIMIT), 0)
        if total == books.counted or self.sum == 0:
            return 0, []
        end = min(first + count, len(payees))
        paid, events = 0, list[Event]()
        if end - first < len(payees):
            events.append(("ChunkPaid", {"token": token.address, "first": first, "count": end - first}))
        for i in range(first, end):
            amount = total * self.shares[i] // self.sum - books.given[i]
            books.given[i] += amount
            if amount == 0:
                continue
            paid += amount
            if i in silent or self._pay(token, payees[i], amount, bounded=True) is not None:
                books.parked[payees[i]] += amount
                events.append(("Parked", {"token": token.address, "payee": payees[i], "amount": amount}))
        done = end == len(payees)
        books.counted, books.round = (total, None) if done else (books.counted, (total, end))
        return paid, [*events, ("Distributed", {"token": token.address, "amount": paid})]

    def claim(self, caller: str, token: Token, payee: str, receiver: str) -> tuple[int, list[Event]]:
        """Send what is parked for a payee: anybody to the payee itself, the payee to whom it likes."""
        if caller != payee and receiver != payee:
            raise Refused("NotPayee", payee, caller)
        return self.send_parked(token, payee, receiver)

    def send_parked(self, token: Token, payee: str, receiver: str) -> tuple[int, list[Event]]:
        books = self.books[token.address]
        owed = books.parked[payee]
        if owed == 0:
            raise Refused("NothingToClaim", token.address, payee)
        if receiver in (ZERO, self.address):
            raise Refused("InvalidClaimReceiver", receiver)
        failure = self._pay(token, receiver, owed, bounded=False)
        if failure is not None:
            raise Refused(failure.name, *failure.values)
        books.parked[payee] = 0
        return owed, [("Claimed", {"token": token.address, "payee": payee, "to": receiver, "amount": owed})]

    def pending(self, token: Token, account: str) -> int:
        books = self.books[token.address]
        amount = books.parked[account]
        if self.sum:
            total = min(self.arrived(token), LIMIT)
            for payee, share, given in zip(self.payees(), self.shares, books.given, strict=True):
                amount += total * share // self.sum - given if payee == account else 0
        return amount

    def _pay(self, token: Token, receiver: str, amount: int, *, bounded: bool) -> Failure | None:
        """Move the money, or say why it cannot be."""
        books = self.books[token.address]
        if token.address == COIN:
            token.move(self.address, receiver, amount)
            books.out[receiver] += amount
            if self._takes_coins(receiver, amount, bounded):
                return None
            token.move(receiver, self.address, amount)
            books.out[receiver] -= amount
            return Failure("ClaimRefused", (receiver, amount))
        failure = token.obstacle(self.address, receiver, self._has_code)
        if failure is not None or (bounded and not token.pushes):
            return failure or Failure("Halt")
        token.move(self.address, receiver, amount)
        books.out[receiver] += amount
        return None
