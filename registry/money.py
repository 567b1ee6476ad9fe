"""Exact money: a whole number of a token's smallest unit, and the text that stands for it.

No floats anywhere: 0.1 has no exact binary value, so a float price is refused instead of rounded.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import total_ordering
from typing import Final

from registry.errors import InputError, InvalidAddress, InvalidAmount, InvalidNumber, UnknownToken
from registry.text import numbers
from registry.types import Address, to_address

MAX_UNITS: Final = 2**256 - 1
"""What tokens count with."""

MAX_PRICE: Final = 2**96 - 1
"""The registry keeps the price of one unit of a licence as uint96."""

DOLLARS: Final = frozenset({"USD", "USDB", "USDC", "USDT", "DAI", "USDS", "PYUSD"})
"""Payment tokens that are worth a dollar. The DAO decides which tokens are taken, so none can pass for one of these."""

_SYMBOL = re.compile(r"[^\s\d,._+-][^\s,]{0,31}")
_LONGEST: Final = 160


@dataclass(frozen=True, slots=True)
class Token:
    """A payment token: ERC-20 at `address`, or the chain's native coin when that is None.

    `index` is its place in the registry's list of payment tokens (uint16). Raises `InputError` for values
    out of range and `InvalidAddress`.
    """

    symbol: str
    decimals: int
    address: Address | None
    index: int

    def __post_init__(self) -> None:
        if not isinstance(self.symbol, str) or not _SYMBOL.fullmatch(self.symbol) or not self.symbol.isprintable():
            raise InputError(f"{self.symbol!r} is not a token symbol.", hint="It has 1 to 32 characters and no spaces.")
        for name, value, limit in (("decimals", self.decimals, 255), ("index", self.index, 2**16 - 1)):
            if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= limit:
                raise InputError(f"Token {self.symbol}: {name} {value!r} is not a whole number from 0 to {limit}.")
        if self.address is not None:
            object.__setattr__(self, "address", to_address(self.address))

    @property
    def is_native(self) -> bool:
        """Whether this is the coin of the chain and no contract."""
        return self.address is None


@total_ordering
@dataclass(frozen=True, slots=True, eq=True)
class Amount:
    """`units` of the smallest unit of `token`; raises `InvalidAmount` outside 0 .. 2**256-1.

    >>> str(Amount(12_500_000, Token("USDC", 6, None, 0)))
    '12.5 USDC'
    """

    units: int
    token: Token

    def __post_init__(self) -> None:
        if not isinstance(self.units, int) or isinstance(self.units, bool):
            raise InvalidAmount(self.units, "it is not a whole number of units")
        if self.units < 0:
            raise InvalidAmount(self.units, "it is negative")
        if self.units > MAX_UNITS:
            raise InvalidAmount(self.units, "it is over 2**256-1 units (uint256)")

    @classmethod
    def parse(
        cls,
        value: str | int | Decimal | Amount,
        tokens: Iterable[Token] | Mapping[str, Token],
        *,
        token: Token | str | None = None,
    ) -> Amount:
        """Read an amount exactly.

        `value` is text ``"12.5 USDC"``; or, when `token` says which, text ``"12.5"``, a Decimal of whole
        tokens, or an int of smallest units. `tokens` are those the registry takes.

        Raises `InvalidAmount` (floats, signs, commas, NaN, more decimals than the token has, over uint256,
        no token named) and `UnknownToken`.
        """
        known = tuple(tokens.values() if isinstance(tokens, Mapping) else tokens)
        if isinstance(value, Amount):
            chosen = find_token(value.token, known)
            _refuse_other_token(value, chosen, token, known)
            return cls(value.units, chosen)
        if isinstance(value, str):
            whole, symbol = split_price(value)
            if symbol is None and token is None:
                raise InvalidAmount(value, "it names no token")
            chosen = find_token(token if symbol is None and token is not None else symbol or "", known)
            _refuse_other_token(value, chosen, token, known)
            return cls(_units(value, whole, chosen), chosen)
        if isinstance(value, float):
            raise InvalidAmount(value, "a float has no exact decimal value")
        if not isinstance(value, int | Decimal) or isinstance(value, bool):
            raise InvalidAmount(value, f"it is {type(value).__name__}, not text, Decimal or int")
        if token is None:
            raise InvalidAmount(value, "it names no token")
        chosen = find_token(token, known)
        if isinstance(value, int):
            return cls(value, chosen)
        _check_decimal(value, value)
        return cls(_units(value, value, chosen), chosen)

    def as_price(self) -> Amount:
        """Return this, or raise `InvalidAmount` if it is more than a unit of a licence may cost."""
        if self.units > MAX_PRICE:
            most = Amount(MAX_PRICE, self.token)
            raise InvalidAmount(str(self), f"a licence costs at most {most}, which are 2**96-1 units (uint96)")
        return self

    @property
    def decimal(self) -> Decimal:
        """The exact amount in whole tokens."""
        return Decimal((0, tuple(int(digit) for digit in str(self.units)), -self.token.decimals))

    def __str__(self) -> str:
        digits = str(self.units).rjust(self.token.decimals + 1, "0")
        cut = len(digits) - self.token.decimals
        fraction = digits[cut:].rstrip("0")
        return f"{digits[:cut]}{'.' if fraction else ''}{fraction} {self.token.symbol}"

    def __bool__(self) -> bool:
        return self.units != 0

    def __add__(self, other: Amount) -> Amount:
        return Amount(self.units + self._same(other), self.token)

    def __sub__(self, other: Amount) -> Amount:
        return Amount(self.units - self._same(other), self.token)

    def __mul__(self, times: int) -> Amount:
        if not isinstance(times, int) or isinstance(times, bool):
            raise InvalidAmount(times, "an amount can be multiplied only by a whole number")
        return Amount(self.units * times, self.token)

    __rmul__ = __mul__

    def __lt__(self, other: Amount) -> bool:
        return self.units < self._same(other)

    def _same(self, other: object) -> int:
        if not isinstance(other, Amount):
            raise InvalidAmount(other, f"it cannot be combined with {self}")
        if other.token != self.token:
            raise InvalidAmount(str(other), f"it is in another token than {self}")
        return other.units


def split_price(text: str) -> tuple[Decimal, str | None]:
    """Split ``"12.5 USDC"`` into an exact Decimal and the symbol, None if there is none.

    Thousands may be set apart by ``_``. Raises `InvalidAmount`.
    """
    if not isinstance(text, str):
        raise InvalidAmount(text, "it is not text")
    if len(text) > _LONGEST:
        raise InvalidAmount(text[:_LONGEST] + "...", f"it has {len(text)} characters, over {_LONGEST}")
    words = text.split()
    if not 1 <= len(words) <= 2:
        raise InvalidAmount(text, "it is not a number, a space and a symbol")
    number, symbol = words[0], words[1] if len(words) == 2 else None
    try:
        value = numbers.decimal(number)
    except InvalidNumber as error:
        raise InvalidAmount(text, error.reason) from None
    if symbol is not None and not _SYMBOL.fullmatch(symbol):
        raise InvalidAmount(text, f"{symbol!r} is not a token symbol")
    return value, symbol


def find_token(wanted: Token | str, tokens: Iterable[Token]) -> Token:
    """Return the token of `tokens` that `wanted` is, by equality, address or exact symbol.

    Raises `UnknownToken`, or `InvalidAmount` when two tokens share the symbol, since one of them may be a fake.
    """
    known = tuple(tokens)
    if isinstance(wanted, Token):
        found = [token for token in known if token == wanted]
    elif isinstance(wanted, str) and wanted.startswith("0x"):
        try:
            found = [token for token in known if token.address == to_address(wanted)]
        except InvalidAddress:
            found = []
    else:
        found = [token for token in known if token.symbol == wanted]
    if not found:
        raise UnknownToken(wanted.symbol if isinstance(wanted, Token) else wanted, [token.symbol for token in known])
    if len(found) > 1:
        raise InvalidAmount(wanted, "more than one payment token has this symbol, so name the token by its address")
    return found[0]


def format_decimal(value: Decimal) -> str:
    """Return a finite, non-negative Decimal as plain digits without trailing zeros or exponent."""
    text = f"{value:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def _check_decimal(value: Decimal, shown: object) -> None:
    if not value.is_finite():
        raise InvalidAmount(shown, "it is not a finite number")
    if value.is_signed() and value:
        raise InvalidAmount(shown, "it is negative")
    # Before anything is multiplied out: Decimal("1E+999999") is short to write and huge to hold.
    if value and value.adjusted() > _LONGEST:
        raise InvalidAmount(shown, "it is over 2**256-1 units (uint256)")


def _units(shown: object, whole: Decimal, token: Token) -> int:
    """Return `whole` tokens in smallest units, by digits and not by Decimal arithmetic, which rounds."""
    _, digits, exponent = whole.as_tuple()
    if not isinstance(exponent, int):
        raise InvalidAmount(shown, "it is not a finite number")
    significant = "".join(map(str, digits)).rstrip("0")
    if not significant:
        return 0
    shift = exponent + len(digits) - len(significant) + token.decimals
    if shift < 0:
        raise InvalidAmount(shown, f"it has more decimals than the {token.decimals} of {token.symbol}")
    if len(significant) + shift > len(str(MAX_UNITS)):
        raise InvalidAmount(shown, "it is over 2**256-1 units (uint256)")
    return int(significant + "0" * shift)


def _refuse_other_token(shown: object, chosen: Token, token: Token | str | None, known: tuple[Token, ...]) -> None:
    if token is not None and find_token(token, known) != chosen:
        raise InvalidAmount(str(shown), f"it is in {chosen.symbol}, not in the token asked for")
