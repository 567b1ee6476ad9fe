"""What a transaction costs: EIP-1559 fees from the fee history, a plain gas price on older chains."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from registry.errors import InputError, InsufficientBalance
from registry.text.numbers import decimal

HISTORY: Final = 10
"""Blocks whose tips are looked at."""

PERCENTILE: Final = 50.0
"""Of the tips within each block, weighted by gas."""

TIP_MIN: Final = 1_000_000
"""0.001 gwei: the least tip where gas costs anything, since some nodes drop transactions without one."""

TIP_MAX: Final = 100_000_000_000
"""100 gwei: no market asks more of a patient sender; a history that says so is broken or hostile. A node may name more
when it refuses less."""

Gwei = int | float | str
"""An amount as users write it: 30, 0.1 or "0.1"."""

_DECIMALS = 18


@dataclass(frozen=True, slots=True)
class Fees:
    """Fees in wei a unit of gas. `tip` is None on a chain without EIP-1559, where `maximum` is the gas price.

    `expected` is what is paid if the next block is like the last.
    """

    maximum: int
    tip: int | None
    expected: int

    def fields(self) -> dict[str, int]:
        """Return the fee fields of a transaction."""
        if self.tip is None:
            return {"gasPrice": self.maximum}
        return {"maxFeePerGas": self.maximum, "maxPriorityFeePerGas": self.tip, "type": 2}

    def raised(self, percent: int, *, least: int = 0) -> Fees:
        """Return fees that are `percent` higher (rounded up), and whose maximum is at least `least`."""

        def more(value: int) -> int:
            return -(-value * (100 + percent) // 100)

        tip = None if self.tip is None else more(self.tip)
        return Fees(max(more(self.maximum), least, tip or 0), tip, more(self.expected))


class FeeMarket:
    """What the user sets of the fees of a chain, and what was learnt of them, in wei a unit of gas.

    `max_fee`, `tip` and `gas_price` are set or None. `least_tip` is what the node is known to take, `plain` whether it
    takes plain gas prices only.
    """

    def __init__(self, *, max_fee: Gwei | None = None, tip: Gwei | None = None, gas_price: Gwei | None = None) -> None:
        """All in gwei. Raises `InputError` for what is no amount of gwei, and for a `gas_price` beside the others."""
        self.max_fee, self.tip, self.gas_price = (
            None if value is None else _wei_of(value, name)
            for name, value in (("max_fee", max_fee), ("tip", tip), ("gas_price", gas_price))
        )
        if gas_price is not None and (max_fee is not None or tip is not None):
            raise InputError(
                "gas_price stands for the whole price, and cannot be set beside max_fee or tip.",
                hint="Set it on chains without EIP-1559, and the other two elsewhere.",
            )
        self.least_tip = 0
        self.plain = False

    def within(self, fees: Fees) -> Fees:
        """Return `fees` as the user wants them."""
        if self.gas_price is not None:
            return Fees(self.gas_price, None, self.gas_price)
        more = 0 if self.tip is None or fees.tip is None else self.tip - fees.tip
        most = fees.maximum + more
        if self.max_fee is not None:
            most = min(most, self.max_fee)
        tip = None if fees.tip is None else min(fees.tip + more, most)
        return Fees(most, tip, min(fees.expected + more, most))


@dataclass(frozen=True, slots=True)
class Cost:
    """What a transaction costs, in wei.

    `gas` is the limit it is sent with, `max_fee_wei` the most that its fee can be, `expected_fee_wei`
    the likely fee, `total_value` what the account must hold: the value that goes with the call and
    the highest fee.

    Of a preview `short` says that the account has less than it takes; a run would raise it. A price that it has not
    cannot be tried: then all the numbers are 0.
    """

    gas: int
    max_fee_wei: int
    expected_fee_wei: int
    total_value: int
    short: InsufficientBalance | None = None

    def __add__(self, other: Cost) -> Cost:
        return Cost(
            self.gas + other.gas,
            self.max_fee_wei + other.max_fee_wei,
            self.expected_fee_wei + other.expected_fee_wei,
            self.total_value + other.total_value,
            self.short or other.short,
        )

    def __str__(self) -> str:
        value = self.total_value - self.max_fee_wei
        sent = f"{_coin(value)} and " if value else ""
        fee = f"a fee of about {_coin(self.expected_fee_wei)} (at most {_coin(self.max_fee_wei)})"
        if self.expected_fee_wei == self.max_fee_wei:
            fee = f"a fee of {_coin(self.max_fee_wei)}"
        told = f"{sent}{fee} of the native coin, {self.gas:,} gas"
        if self.short is None:
            return told
        remark = f"account {self.short.account} has {self.short.held}, and this takes {self.short.needed}"
        return f"{told}; but {remark}" if self.gas else f"a fee that can be told once it can be paid: {remark}"


NO_FEES: Final = Fees(0, None, 0)
NOTHING: Final = Cost(0, 0, 0, 0)
"""What it costs to send nothing."""


def _wei_of(value: Gwei, name: str) -> int:
    """Gwei as wei."""
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        raise InputError(f"{value!r} is not a number of gwei for {name}.", hint="Write 30, or 0.1.")
    wei = decimal(str(value), f"number of gwei for {name}") * 10**9
    if wei != int(wei) or wei > TIP_MAX * 10_000:
        raise InputError(f"{value} gwei is no {name} that anybody pays.", hint="It is at most 1,000,000 gwei, in wei.")
    return int(wei)


def _coin(wei: int) -> str:
    """Write wei as coins with four significant digits."""
    whole, part = divmod(wei, 10**_DECIMALS)
    digits = f"{part:018d}"
    if whole:
        return f"{whole:,}.{digits[:4]}".rstrip("0").rstrip(".")
    shown = len(digits) - len(digits.lstrip("0")) + 4
    return f"0.{digits[:shown]}".rstrip("0").rstrip(".")
