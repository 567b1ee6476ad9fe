"""Shares: from percentages or weights to what a splitter keeps, and how it divides. No chain, no network."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from math import lcm
from typing import TYPE_CHECKING, Final

from registry.did import DID
from registry.errors import InputError, InvalidAddress, InvalidNumber
from registry.money import Amount
from registry.text.html import Shown
from registry.text.numbers import decimal
from registry.types import ZERO_ADDRESS, Address, to_address

if TYPE_CHECKING:
    from registry.chain.fees import Cost
    from registry.chain.logs import TxReceipt

MAX_PAYEES: Final = 256
"""Payees of one splitter, as in `SplitterFactory.sol`."""

MAX_WEIGHT: Final = 2**32 - 1
"""A share is kept as uint32."""

_PERCENT = re.compile(r"(\S+?) ?%")
_DIGITS: Final = 40


@dataclass(frozen=True, slots=True)
class Share:
    """One payee of a splitter.

    `fraction` is exact: `weight` over the sum of all weights. In the splitter of an asset's royalties `asset` is the
    ancestor, and `account` its payout now.
    """

    account: Address
    weight: int
    fraction: Fraction
    asset: DID | None = None

    def __str__(self) -> str:
        return f"{percent(self.fraction)} to {self.account}"


@dataclass(frozen=True, slots=True)
class Split(Shown):
    """A splitter: where it is, whom it pays in which shares, and whether its code is there yet.

    Money can be sent to `address` before that. `asset` is set if it divides the royalties of that asset. `tx` is the
    transaction that made it, None if it was there before or for a dry run; `cost` is what making it takes, if anything.
    """

    address: Address
    payees: tuple[Share, ...]
    deployed: bool
    asset: DID | None = None
    tx: TxReceipt | None = None
    cost: Cost | None = None

    @property
    def shares(self) -> dict[Address, Fraction]:
        """The exact share of each account; they sum to 1."""
        found: dict[Address, Fraction] = {}
        for payee in self.payees:
            found[payee.account] = found.get(payee.account, Fraction(0)) + payee.fraction
        return found

    @property
    def weights(self) -> tuple[int, ...]:
        """The shares as the contract keeps them, in the order of payment."""
        return tuple(payee.weight for payee in self.payees)

    def __str__(self) -> str:
        what = f"royalties of {self.asset}" if self.asset else f"splitter {self.address}"
        shown = ", ".join(map(str, self.payees[:4])) + (f" and {len(self.payees) - 4} more" if self.payees[4:] else "")
        return f"{what}: {shown}{'' if self.deployed else ' (not made yet)'}"


@dataclass(frozen=True, slots=True)
class Pending(Shown):
    """What an account has to expect from a splitter.

    `waiting` is its share of what was not distributed yet; `parked` could not be paid and waits for its claim.
    `assets` are the ancestors that it is the payout of, empty for a splitter of people.
    """

    account: Address
    waiting: Amount
    parked: Amount
    assets: tuple[DID, ...] = ()

    @property
    def total(self) -> Amount:
        """Both together."""
        return self.waiting + self.parked


@dataclass(frozen=True, slots=True)
class Parked(Shown):
    """Money that a splitter could not pay to an account, and keeps for its `claim`."""

    split: Address
    account: Address
    amount: Amount


@dataclass(frozen=True, slots=True)
class Part:
    """One receiver of a forecast.

    `why` is ``"fee"``, ``"revenue"``, ``"royalty"`` or ``"share"``; `asset` is the ancestor of a royalty; `through` are
    the splitters on the way, the first one first.
    """

    account: Address
    amount: Amount
    why: str
    asset: DID | None = None
    through: tuple[Address, ...] = ()


@dataclass(frozen=True, slots=True)
class Forecast(Shown):
    """Who would get what of an amount, to the unit.

    `kept` counts smallest units: those that make no whole one for anybody yet and wait in the splitters, or, below
    zero, those that waited there before and make whole ones with these. The parts and `kept` sum to `amount`.
    """

    amount: Amount
    parts: tuple[Part, ...]
    kept: int

    def of(self, account: str) -> Amount:
        """What one account gets in all."""
        wanted = to_address(account)
        return Amount(sum(part.amount.units for part in self.parts if part.account == wanted), self.amount.token)

    @property
    def undivided(self) -> str:
        """`kept` in words; empty if all is divided."""
        wait = "wait" if self.kept > 0 else "waited"
        return f"{self.kept} of the smallest unit, which {wait} for more" if self.kept else ""


@dataclass(frozen=True, slots=True)
class Payment:
    """What one payee got in a distribution; `parked` if it could not be paid and waits for its claim."""

    account: Address
    amount: Amount
    parked: bool
    asset: DID | None = None


@dataclass(frozen=True, slots=True)
class Distribution(Shown):
    """What `distribute` did; for a dry run `payments` and `txs` are empty and `cost` is the estimate.

    `txs` are the transactions in order, the making of the splitter included.
    """

    split: Split
    payments: tuple[Payment, ...]
    txs: tuple[TxReceipt, ...]
    cost: Cost | None

    @property
    def parked(self) -> tuple[Payment, ...]:
        """The payments that failed and wait for their claims."""
        return tuple(payment for payment in self.payments if payment.parked)

    def __str__(self) -> str:
        if not self.payments:
            return f"nothing was distributed by {self.split.address}"
        sums: dict[str, Amount] = {}
        for payment in self.payments:
            key = payment.amount.token.address or ""
            sums[key] = sums[key] + payment.amount if key in sums else payment.amount
        people = len({payment.account for payment in self.payments})
        told = f"distributed {' and '.join(map(str, sums.values()))} among {people} account{'s' * (people != 1)}"
        return told + (f", {len(self.parked)} parked" if self.parked else "")


@dataclass(frozen=True, slots=True)
class Claim(Shown):
    """What was parked for `account` and was sent `to` where it wished; `tx` is None for a dry run."""

    split: Address
    account: Address
    to: Address
    amount: Amount
    cost: Cost
    tx: TxReceipt | None

    def __str__(self) -> str:
        return f"{'would claim' if self.tx is None else 'claimed'} {self.amount} for {self.account} to {self.to}"


def weights(
    shares: Mapping[str, str | Decimal | int], *, names: Mapping[str, str] | None = None
) -> tuple[tuple[Address, int], ...]:
    """Turn shares into payees and whole weights, ascending by address as the contract wants them.

    `shares` maps accounts, or names that `names` maps to accounts, to percentages (``"33.3 %"`` or a Decimal), which
    must sum to exactly 100 % and are kept exactly in the smallest whole numbers; or to weights (int), which are kept as
    they are. Raises `InputError` that names the culprit, and `InvalidAddress`.

    >>> weights({"0x" + "11" * 20: "50 %", "0x" + "22" * 20: "50 %"})[0][1]
    1
    """
    if not isinstance(shares, Mapping) or not shares:
        raise InputError("A split needs at least one payee.", hint='Pass accounts and shares: {"0x...": "60 %", ...}.')
    if len(shares) > MAX_PAYEES:
        raise InputError(
            f"A split of {len(shares)} payees is too large.", hint=f"It has {MAX_PAYEES} at most; pay splits of splits."
        )
    accounts: dict[Address, str] = {}
    parsed: dict[Address, Fraction | int] = {}
    for name, share in shares.items():
        account = _account(name, names or {})
        if account == ZERO_ADDRESS:
            raise InputError(f"Payee {name!r} is the zero address.", hint="Nobody could ever spend its share.")
        if account in accounts:
            raise InputError(
                f"{name!r} and {accounts[account]!r} are the same account {account}.", hint="Add their shares."
            )
        accounts[account], parsed[account] = name, _share(name, share)
    if len({type(share) for share in parsed.values()}) > 1:
        odd = next(name for account, name in accounts.items() if isinstance(parsed[account], int))
        raise InputError(f"{odd!r} has a weight and others have percentages.", hint="Use one of them for all.")
    ascending = sorted(parsed, key=lambda account: int(account, 16))
    whole = _whole([parsed[account] for account in ascending])
    for account, weight in zip(ascending, whole, strict=True):
        if weight > MAX_WEIGHT:
            raise InputError(
                f"The share of {accounts[account]!r} needs the weight {weight:,}, over {MAX_WEIGHT:,}.",
                hint="Use percentages with fewer decimals, or smaller weights.",
            )
    return tuple(zip(ascending, whole, strict=True))


def divide(total: int, shares: Sequence[int]) -> list[int]:
    """What each payee has had once `total` units ever arrived and were distributed, as `Splitter.sol` computes it."""
    whole = sum(shares)
    return [total * share // whole if whole else 0 for share in shares]


def percent(fraction: Fraction) -> str:
    """A fraction as a percentage: exact if it has few decimals, else as ``"1/3 (33.3333 %)"``."""
    scaled = fraction * 100
    rest = scaled.denominator
    for prime in (2, 5):
        while rest % prime == 0:
            rest //= prime
    if rest == 1 and scaled.denominator <= 10**8:
        text = f"{scaled.numerator * 10**27 // scaled.denominator / Decimal(10**27):f}"
        return f"{text.rstrip('0').rstrip('.') if '.' in text else text} %"
    rounded = Decimal(round(scaled * 10_000)) / 10_000
    return f"{fraction} ({rounded:f} %)"


class Book:
    """The accounting of one splitter in one token, rebuilt from its events alone.

    A splitter says how much it distributed and in which chunk, not to each. That is enough. What each payee has had is
    a floor of its share of all that ever arrived, so it never falls when more arrives; and totals that give the same
    sum give each payee the same.
    """

    __slots__ = ("_first", "_high", "_low", "_shares", "_whole", "distributed", "had", "parked")

    def __init__(self, shares: Sequence[int]) -> None:
        self._shares, self._whole = tuple(shares), sum(shares)
        self._first, self._low, self._high = 0, 0, _ENDLESS
        self.had = [0] * len(self._shares)
        self.distributed = 0
        self.parked: dict[Address, int] = {}

    @property
    def in_round(self) -> bool:
        """Whether some payees of a round of chunks still wait for their turn."""
        return self._first != 0

    def distribute(self, amount: int, chunk: range | None = None) -> list[tuple[int, int]] | None:
        """Take in a distribution of `amount` among the places of a `chunk`, or among all payees.

        Returns places and units of those who got something, and None if nothing that came before explains it.
        """
        places = chunk if chunk is not None else range(len(self._shares))
        if places.start != self._first or not self._first < places.stop <= len(self._shares):
            return None
        found = self._fit(places.stop, amount)
        return None if found is None else self._take(places.stop, *found)

    def due(self, arrived: int) -> list[int]:
        """What each payee would get if all that ever `arrived` were distributed now."""
        return [max(0, then - had) for then, had in zip(divide(arrived, self._shares), self.had, strict=True)]

    def _fit(self, end: int, amount: int) -> tuple[int, int] | None:
        """The least and the largest total for which the payees up to `end` get `amount`."""
        part = self._shares[self._first : end]
        target = sum(self.had[self._first : end]) + amount
        if not sum(part):
            return (self._low, self._high) if not amount else None
        low = max(self._low, self._least(part, target))
        high = min(self._high, self._least(part, target + 1) - 1)
        return (low, high) if low <= high else None

    def _least(self, part: Sequence[int], target: int) -> int:
        """The least total of which the payees in `part` get `target` units or more."""
        weight = sum(part)
        least = -(-target * self._whole // weight)
        # Each of them has its part rounded down, so it may take some more until the last unit is whole.
        totals = range(least, least + len(part) * self._whole // weight + 1)
        at = bisect_left(totals, target, key=lambda total: sum(total * share // self._whole for share in part))
        return totals[at]

    def _take(self, end: int, low: int, high: int) -> list[tuple[int, int]]:
        paid = []
        for place in range(self._first, end):
            now = low * self._shares[place] // self._whole
            if now > self.had[place]:
                paid.append((place, now - self.had[place]))
            self.had[place] = now
        self.distributed += sum(units for _place, units in paid)
        if end == len(self._shares):
            self._first, self._low, self._high = 0, 0, _ENDLESS
        else:
            self._first, self._low, self._high = end, low, high
        return paid


_ENDLESS: Final = 2**128


def _account(name: str, names: Mapping[str, str]) -> Address:
    if not isinstance(name, str):
        raise InvalidAddress(name, "it is not text")
    if name in names:
        return to_address(names[name])
    if not name.startswith("0x"):
        known = f"Names are: {', '.join(names)}." if names else "Pass names={...} to use names."
        raise InputError(f"Payee {name!r} is neither an address nor a name.", hint=known)
    return to_address(name)


def _share(name: str, share: object) -> Fraction | int:
    """A percentage as a fraction, a weight as an int."""
    how = 'Write "33.3 %", a Decimal of per cent, or a whole number as weight.'
    if isinstance(share, float):
        raise InputError(f"The share {share!r} of {name!r} is a float, which has no exact value.", hint=how)
    if isinstance(share, int) and not isinstance(share, bool):
        if share <= 0:
            raise InputError(f"The share {share} of {name!r} is not above zero.", hint="Leave out who gets nothing.")
        return share
    value: Decimal | None = None
    if isinstance(share, Decimal) and share.is_finite():
        value = share
    elif isinstance(share, str) and len(share) <= _DIGITS and (match := _PERCENT.fullmatch(share.strip())):
        try:
            value = decimal(match[1])
        except InvalidNumber as error:
            raise InputError(f"The share {share!r} of {name!r} is no percentage: {error.reason}.", hint=how) from None
    if value is None:
        raise InputError(f"The share {share!r} of {name!r} is neither a percentage nor a weight.", hint=how)
    if value <= 0:
        raise InputError(f"The share {share} of {name!r} is not above zero.", hint="Leave out who gets nothing.")
    # Before anything is multiplied out: Decimal("1E-999999") is short to write and huge to hold.
    if value > 100 or int(value.as_tuple().exponent) < -_DIGITS:
        raise InputError(f"The share {share} of {name!r} cannot be kept.", hint="It is at most 100 %, in few decimals.")
    return Fraction(value) / 100


def _whole(shares: Sequence[Fraction | int]) -> list[int]:
    fractions = [share for share in shares if isinstance(share, Fraction)]
    if not fractions:
        return [int(share) for share in shares]
    whole = sum(fractions, Fraction(0))
    if whole != 1:
        raise InputError(
            f"The shares come to {percent(whole)}, not to 100 %.",
            hint="Change one of them; for shares without exact decimals, like thirds, pass whole weights instead.",
        )
    scale = lcm(*(fraction.denominator for fraction in fractions))
    return [int(fraction * scale) for fraction in fractions]
