"""What contracts owe to payees whom they could not pay, and the money that moves, in plain Python."""

from __future__ import annotations

from collections.abc import Callable

from .model import COIN, Refused


class LedgerModel:
    """Money by token and account, what is `parked` for a payee, and who is `blocked` by a token's issuer; the contract
    is one of the accounts. `takes_coins` says which accounts take native coin."""

    contract: str
    money: dict[str, dict[str, int]]
    parked: dict[str, dict[str, int]]
    blocked: dict[str, set[str]]
    takes_coins: Callable[[str], bool]

    def claim(self, caller: str, token: str, payee: str, to: str) -> int:
        if caller != payee and to != payee:
            raise Refused("NotPayee", payee, caller)
        amount = self.parked[token][payee]
        if amount == 0:
            raise Refused("NothingToClaim", token, payee)
        if token == COIN and not self.takes_coins(to):
            raise Refused("ClaimRefused", to, amount)
        for account in (self.contract, to):
            if account in self.blocked[token]:
                raise Refused("Blocked", account)
        self.parked[token][payee] = 0
        self._move(token, self.contract, to, amount)
        return amount

    def _pay(self, token: str, payee: str, amount: int) -> None:
        """Pay, or let it wait."""
        if {payee, self.contract} & self.blocked[token] or (token == COIN and not self.takes_coins(payee)):
            self.parked[token][payee] += amount
        else:
            self._move(token, self.contract, payee, amount)

    def _move(self, token: str, sender: str, receiver: str, amount: int) -> None:
        self.money[token][sender] -= amount
        self.money[token][receiver] += amount
