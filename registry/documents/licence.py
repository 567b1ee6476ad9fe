"""Licence terms as a publisher writes them, checked against the widths of their fields on chain.

Four kinds: *hold* gives access for as long as one token is held, *period* for a time from redemption, *uses* for a
number of uses, and *stream* by the second, of which what is not used is refunded. The price is kept as it was written,
exactly; it becomes an amount when the payment tokens of a chain are known (`Licence.price_in`).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from enum import IntEnum
from typing import Final

from registry.documents.ddo import LicenceText
from registry.errors import InvalidAmount, InvalidDDO, InvalidLicence
from registry.money import MAX_PRICE, Amount, Token, find_token, format_decimal, split_price

Price = str | int | Decimal | Amount
"""``"12.5 USDC"``, 0, a Decimal of whole tokens beside ``token=``, or an `Amount`."""

MAX_UINT16: Final = 2**16 - 1
MAX_UINT24: Final = 2**24 - 1
MAX_UINT32: Final = 2**32 - 1

_MINUTE, _HOUR, _DAY = 60, 3_600, 86_400


class LimitWarning(UserWarning):
    """A licence has a cap or a limit that does not keep what it seems to."""


class Kind(IntEnum):
    """What a licence gives; the numbers are those of the contracts."""

    HOLD = 0
    PERIOD = 1
    USE = 2
    STREAM = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Licence:
    """An offer of access; made with `hold`, `period`, `uses`, `stream`, `run` or `free`.

    ============ ==============================================================================
    quantity     seconds of a period, or that the price of a stream pays for; number of uses; 0 for hold (uint32)
    price        whole tokens, exact; 0 for free
    token        symbol, address or `Token` of the price; None exactly when it is free
    cap          most that are ever sold (uint32); None is without limit
    limit        most that one account may buy (uint16); None is without limit
    minimum      seconds of the smallest stay (uint24), which are not refunded, for a stream
    runs         whether the seconds are those of runs on data that stay: such a stream gives no access
    description  and `terms`: words for the document, see `registry.documents.ddo.LicenceText`
    ============ ==============================================================================

    Raises `InvalidLicence` when values contradict each other or do not fit.
    """

    name: str
    kind: Kind
    quantity: int = 0
    price: Decimal = Decimal(0)
    token: str | Token | None = None
    cap: int | None = None
    limit: int | None = None
    minimum: int = 0
    runs: bool = False
    description: str = ""
    terms: str = ""
    text: LicenceText = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        try:
            words = LicenceText(name=self.name, description=self.description, terms=self.terms)
        except InvalidDDO as error:
            said = "; ".join(f"its {fault.pointer[1:]} {fault.message}" for fault in error.faults)
            raise InvalidLicence(str(self.name)[:256], said) from None
        object.__setattr__(self, "text", words)
        if not isinstance(self.kind, Kind):
            raise InvalidLicence(self.name, f"{self.kind!r} is not a kind of licence")
        if self.kind is Kind.HOLD:
            if self.quantity != 0:
                raise InvalidLicence(self.name, "access by holding has neither a period nor a number of uses")
        else:
            unit = "uses" if self.kind is Kind.USE else "seconds"
            _check_whole(self.name, f"the number of {unit}", self.quantity, MAX_UINT32)
        if self.kind is Kind.STREAM and (self.cap is not None or self.limit is not None):
            raise InvalidLicence(self.name, "access by the second has neither a cap nor a limit per account")
        if self.kind is not Kind.STREAM and self.minimum:
            raise InvalidLicence(self.name, "only access by the second has a smallest stay")
        if self.kind is not Kind.STREAM and self.runs:
            raise InvalidLicence(self.name, "only what is sold by the second can be for runs")
        if self.minimum:
            _check_whole(self.name, "the seconds of the smallest stay", self.minimum, MAX_UINT24)
        if self.cap is not None:
            _check_whole(self.name, "the cap", self.cap, MAX_UINT32)
        if self.limit is not None:
            _check_whole(self.name, "the limit per account", self.limit, MAX_UINT16)
        if self.cap is not None and self.limit is not None and self.limit > self.cap:
            raise InvalidLicence(
                self.name, f"the limit per account ({self.limit}) is above the cap of all sales ({self.cap})"
            )
        self._check_price()

    def _check_price(self) -> None:
        if not isinstance(self.price, Decimal) or not self.price.is_finite() or self.price < 0:
            raise InvalidLicence(self.name, f"the price {self.price!r} is not a finite Decimal from 0 up")
        if bool(self.price) != (self.token is not None):
            raise InvalidLicence(self.name, "a price needs a token, and only a price above 0 has one")
        # Tokens may have no decimals at all, so this is the most that a whole price can be.
        if self.price > MAX_PRICE:
            raise InvalidLicence(self.name, f"the price is over {MAX_PRICE:,} (uint96)")

    @classmethod
    def hold(
        cls,
        name: str,
        *,
        price: Price = 0,
        token: str | Token | None = None,
        cap: int | None = None,
        limit: int | None = None,
        description: str = "",
        terms: str = "",
    ) -> Licence:
        """Access for as long as its token is held; giving the token away gives the access away.

        >>> Licence.hold("research").in_words()
        'access for as long as it is held, free of charge'
        """
        value, paid_in = _read_price(name, price, token)
        return cls(
            name=name,
            kind=Kind.HOLD,
            price=value,
            token=paid_in,
            cap=cap,
            limit=limit,
            description=description,
            terms=terms,
        )

    @classmethod
    def free(
        cls,
        name: str,
        *,
        cap: int | None = None,
        limit: int | None = None,
        description: str = "",
        terms: str = "",
    ) -> Licence:
        """Access for as long as it is held, for nothing."""
        return cls.hold(name, cap=cap, limit=limit, description=description, terms=terms)

    @classmethod
    def period(
        cls,
        name: str,
        *,
        days: int | None = None,
        hours: int | None = None,
        seconds: int | None = None,
        price: Price = 0,
        token: str | Token | None = None,
        cap: int | None = None,
        limit: int | None = None,
        description: str = "",
        terms: str = "",
    ) -> Licence:
        """Access for a time from redemption: exactly one of `days`, `hours` and `seconds`, as a whole number.

        >>> Licence.period("month", days=30, price="12.5 USDC", cap=100).in_words()
        '30 days of access for 12.5 USDC, at most 100 sold'
        """
        given = [(n, unit) for n, unit in ((days, _DAY), (hours, _HOUR), (seconds, 1)) if n is not None]
        if len(given) != 1:
            raise InvalidLicence(str(name), f"{len(given)} of days, hours and seconds are given instead of one")
        ((number, unit),) = given
        if not isinstance(number, int) or isinstance(number, bool):
            raise InvalidLicence(str(name), f"the period {number!r} is not a whole number; use a smaller unit")
        value, paid_in = _read_price(name, price, token)
        return cls(
            name=name,
            kind=Kind.PERIOD,
            quantity=number * unit,
            price=value,
            token=paid_in,
            cap=cap,
            limit=limit,
            description=description,
            terms=terms,
        )

    @classmethod
    def uses(
        cls,
        name: str,
        *,
        uses: int,
        price: Price = 0,
        token: str | Token | None = None,
        cap: int | None = None,
        limit: int | None = None,
        description: str = "",
        terms: str = "",
    ) -> Licence:
        """Access for a number of uses.

        >>> Licence.uses("call", uses=10, price="0.01 ETH").in_words()
        '10 uses for 0.01 ETH'
        """
        value, paid_in = _read_price(name, price, token)
        return cls(
            name=name,
            kind=Kind.USE,
            quantity=uses,
            price=value,
            token=paid_in,
            cap=cap,
            limit=limit,
            description=description,
            terms=terms,
        )

    @classmethod
    def stream(
        cls,
        name: str,
        *,
        price: Price,
        per: str | int,
        minimum: str | int = 0,
        token: str | Token | None = None,
        description: str = "",
        terms: str = "",
    ) -> Licence:
        """Access by the second, paid in advance: `price` `per` so much time, and what is not used is refunded.

        Times are seconds, or text such as ``"30 days"``; of a subscription `minimum` at least is paid.

        >>> Licence.stream("live", price="12.5 USD", per="30 days", minimum="1 day").in_words()
        'access by the second for 12.5 USD per 30 days, refunded after 1 day'
        """
        value, paid_in = _read_price(name, price, token)
        return cls(
            name=name,
            kind=Kind.STREAM,
            quantity=seconds_of(name, per),
            price=value,
            token=paid_in,
            minimum=seconds_of(name, minimum),
            description=description,
            terms=terms,
        )

    @classmethod
    def run(
        cls,
        name: str,
        *,
        price: Price,
        per: str | int = 1,
        minimum: str | int = 0,
        token: str | Token | None = None,
        description: str = "",
        terms: str = "",
    ) -> Licence:
        """Runs of code on data that stay where they are, paid by escrow: `price` `per` so much time of a run.

        Of a run `minimum` at least is paid. Such a licence gives no access to anything.

        >>> Licence.run("jobs", price="2 USD", per="100 seconds", minimum="50 seconds").in_words()
        'runs for 2 USD per 100 seconds, 50 seconds at least'
        """
        made = cls.stream(
            name, price=price, per=per, minimum=minimum, token=token, description=description, terms=terms
        )
        return replace(made, runs=True)

    @property
    def loopholes(self) -> tuple[str, ...]:
        """How its cap or its limit can be got round, in sentences without their subject; nothing for most licences."""
        if not self.is_free or self.kind is Kind.STREAM:
            return ()
        found = []
        if self.cap is not None and self.limit is None:
            found.append(f"is free and has no limit: one account can take all {self.cap:,} at once")
        if self.limit is not None:
            found.append(f"is free: whoever uses several accounts takes more than {self.limit:,}")
        return tuple(found)

    @property
    def is_free(self) -> bool:
        """Whether it costs nothing."""
        return not self.price

    @property
    def price_text(self) -> str:
        """The price as text, ``"12.5 USDC"``, or ``"0"``."""
        if self.token is None:
            return "0"
        return f"{format_decimal(self.price)} {self.token.symbol if isinstance(self.token, Token) else self.token}"

    def price_in(self, tokens: Iterable[Token] | Mapping[str, Token]) -> Amount | None:
        """Return the price in one of the payment `tokens` of a chain, None when free.

        Raises `UnknownToken`, and `InvalidAmount` when the token has fewer decimals than the price, or the registry
        cannot keep as many units of it.
        """
        if self.token is None:
            return None
        known = tuple(tokens.values() if isinstance(tokens, Mapping) else tokens)
        return Amount.parse(self.price, known, token=find_token(self.token, known)).as_price()

    def in_words(self) -> str:
        """Return the offer as a sentence without its name."""
        if self.kind is Kind.HOLD:
            access = "access for as long as it is held"
        elif self.kind is Kind.STREAM:
            price = "free of charge" if self.is_free else f"for {self.price_text} per {duration(self.quantity)}"
            if self.runs:
                return f"runs {price}" + (f", {duration(self.minimum)} at least" if self.minimum else "")
            stay = f" after {duration(self.minimum)}" if self.minimum else " to the second"
            return f"access by the second {price}" + ("" if self.is_free else f", refunded{stay}")
        elif self.kind is Kind.PERIOD:
            access = f"{duration(self.quantity)} of access"
        else:
            access = _counted(self.quantity, "use")
        comma = "," if self.kind is Kind.HOLD else ""
        sentence = f"{access}, free of charge" if self.is_free else f"{access}{comma} for {self.price_text}"
        if self.cap is not None:
            sentence += f", at most {self.cap:,} {'given out' if self.is_free else 'sold'}"
        if self.limit is not None:
            sentence += f", at most {self.limit:,} for one account"
        return sentence


def _read_price(name: object, price: Price, token: str | Token | None) -> tuple[Decimal, str | Token | None]:
    """Return the price in whole tokens and its token, None for both a price of 0 and no token."""
    shown = str(name)[:256]
    if isinstance(price, Amount):
        value, found = price.decimal, price.token
        if token is not None and token not in (found, found.symbol, found.address):
            raise InvalidLicence(shown, f"the price {price} is not in {token!r}")
        return value, found if value else None
    if isinstance(price, str):
        try:
            value, symbol = split_price(price)
        except InvalidAmount as error:
            raise InvalidLicence(shown, f"the price {error.message.rstrip('.')}") from None
        wanted = token.symbol if isinstance(token, Token) else token
        if symbol is not None and wanted is not None and symbol != wanted:
            raise InvalidLicence(shown, f"the price {price!r} is not in {wanted}")
        chosen = token if token is not None else symbol
    elif isinstance(price, float):
        raise InvalidLicence(shown, f'the price {price!r} is a float, which is not exact; write it as "{price} USDC"')
    elif isinstance(price, bool) or not isinstance(price, int | Decimal):
        raise InvalidLicence(shown, f"the price {price!r} is neither text nor a Decimal")
    elif isinstance(price, int) and price != 0:
        raise InvalidLicence(shown, f'the price {price!r} has no unit; write it as "{price} USDC"')
    else:
        value, chosen = Decimal(price), token
        if not value.is_finite() or (value and value.adjusted() > len(str(MAX_PRICE))):
            raise InvalidLicence(shown, f"the price {price} is not a number that fits uint96")
    if not value:
        return Decimal(0), None
    if chosen is None:
        raise InvalidLicence(shown, f'the price {price} names no token; write it as "{price} USDC"')
    return value, chosen


def _check_whole(name: str, what: str, value: object, high: int) -> None:
    if not isinstance(value, int) or isinstance(value, bool):
        raise InvalidLicence(name, f"{what} ({value!r}) is not a whole number")
    if not 1 <= value <= high:
        raise InvalidLicence(name, f"{what} ({value}) is not from 1 to {high:,}")


def duration(seconds: int) -> str:
    """Return seconds in the largest unit that holds them exactly."""
    for unit, name in ((_DAY, "day"), (_HOUR, "hour"), (_MINUTE, "minute")):
        if seconds % unit == 0:
            return _counted(seconds // unit, name)
    return _counted(seconds, "second")


def seconds_of(name: str, time: str | int) -> int:
    """Return a time in seconds: a whole number of them, or text such as ``"30 days"`` or ``"12 hours"``.

    Raises `InvalidLicence` with the `name` of the licence.
    """
    if isinstance(time, int) and not isinstance(time, bool):
        return time
    found = _TIME.fullmatch(time.strip()) if isinstance(time, str) else None
    if found is None:
        raise InvalidLicence(str(name)[:256], f'the time {time!r} is not like "30 days", "12 hours" or "90 seconds"')
    return int(found[1]) * _UNITS[found[2]]


_UNITS: Final = {"day": _DAY, "hour": _HOUR, "minute": _MINUTE, "second": 1}
_TIME: Final = re.compile(r"([0-9]{1,10}) ?(day|hour|minute|second)s?")


def _counted(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'s' * (number != 1)}"
