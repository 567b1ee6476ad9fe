"""What an agent may spend in a day: set aside in the journal of its home before anything is signed."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from registry.errors import BudgetExceeded, InputError, NotFoundError, PaymentError
from registry.money import Amount, Token

if TYPE_CHECKING:
    from registry.chain.fees import Cost
    from registry.chain.logs import TxReceipt
    from registry.session import Session

__all__ = ["DayBudget", "Spent"]

DAY: Final = 24 * 3600.0
"""Seconds that a budget is for: those that end now, so that no midnight gives it twice."""

FEES: Final = "fees"
"""The purse that fees of the network come from."""

_MARGIN: Final = 2
"""Fees are set aside so many times: they may rise until it is sent, and an approval may come first."""

_UNPAID: Final = (InputError, NotFoundError, PaymentError)
"""With these a verb says that nothing was paid."""


class Spent:
    """What is set aside for one thing; whoever does it says with `tell` what it came to in the end."""

    def __init__(self) -> None:
        self.price: Amount | None = None
        self.fee: int | None = None

    def tell(self, price: Amount | None, *txs: TxReceipt | None) -> None:
        """Note the price that was paid, and the fees of the transactions."""
        self.price, self.fee = price, sum(tx.fee_wei for tx in txs if tx is not None)


class DayBudget:
    """What may be spent within a day with one registry: `amounts` for prices, one of each token, and `fees` in the
    chain's coin for the network. It is counted in the home's journal, for all servers of that home together.

    Raises `InvalidAmount`, `UnknownToken`, and `InputError` for two amounts in one token.
    """

    def __init__(self, session: Session, amounts: Sequence[str], fees: str) -> None:
        self._journal, self._chain = session.journal, session.chain.identity
        self.fees = session.amount(fees)
        if self.fees.token.address is not None:
            raise InputError(f"{fees!r} cannot pay fees.", hint="They are in the coin of the chain: --fees '0.01 ETH'.")
        self.amounts: dict[Token, Amount] = {}
        for text in amounts:
            amount = session.amount(text)
            if amount.token in self.amounts:
                raise InputError(f"{text!r} is a second budget in {amount.token.symbol}.", hint="Give one sum of each.")
            self.amounts[amount.token] = amount

    def left(self) -> dict[str, str]:
        """What is left now, in words: of each token, and for fees."""
        limits = {_purse(token): amount for token, amount in self.amounts.items()} | {FEES: self.fees}
        return {
            FEES if purse == FEES else limit.token.symbol: str(self._left(purse, limit))
            for purse, limit in limits.items()
        }

    def check(self, most: Amount) -> None:
        """Raise `BudgetExceeded` if a price is more than what is left, so that nobody is asked for what cannot be."""
        left = self._left(_purse(most.token), self._limit(most.token))
        if most > left:
            raise BudgetExceeded(str(most), str(left))

    @contextmanager
    def reserved(self, what: str, most: Amount | None, cost: Cost) -> Iterator[Spent]:
        """Set aside the most that a price may be and what a preview says of the fees; correct it by what is told at the
        end. Of what failed, the price is free again if it was certainly not paid, the fee never.

        Raises `BudgetExceeded` before anything is set aside, and `InsufficientBalance` for a preview that is short.
        """
        if cost.short is not None:
            raise cost.short
        spent, price = Spent(), None
        if most:
            price = self._set_aside(_purse(most.token), most, self._limit(most.token), what)
        coin = self.fees.token
        try:
            fee = self._set_aside(FEES, Amount(_MARGIN * cost.max_fee_wei, coin), self.fees, what)
            yield spent
        except _UNPAID:
            if price is not None:
                self._journal.take(price, 0)
            raise
        if price is not None and spent.price is not None:
            self._journal.take(price, spent.price.units)
        if spent.fee is not None:
            self._journal.take(fee, spent.fee)

    def _set_aside(self, purse: str, amount: Amount, limit: Amount, what: str) -> int:
        since = time.time() - DAY
        aside = self._journal.set_aside(self._chain, purse, amount.units, limit.units, what, since=since)
        if aside is None:
            raise BudgetExceeded(str(amount), str(self._left(purse, limit)), FEES if purse == FEES else "prices")
        return aside

    def _limit(self, token: Token) -> Amount:
        return self.amounts.get(token, Amount(0, token))

    def _left(self, purse: str, limit: Amount) -> Amount:
        spent = self._journal.spent(self._chain, purse, since=time.time() - DAY)
        return Amount(max(0, limit.units - spent), limit.token)


def _purse(token: Token) -> str:
    return (token.address or "coin").lower()
