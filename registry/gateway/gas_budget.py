"""What handing receipts in may cost a gateway: gas, counted in the rows of the receipts before anything is signed."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

from registry.gateway.database import Database
from registry.gateway.refusal import Refusal
from registry.gateway.settings import Settings

DAY: Final = 24 * 3600

PAUSE: Final = 3600
"""Seconds that nothing is paid for an account after its transaction reverted; doubled for each further one of a day."""


class Budget:
    """The gas that receipts take, in the last 24 hours by `clock` (seconds since 1970).

    A receipt is named by its account and its nonce. What its transaction may take counts until it is known what it did;
    as long as it is not, the row has it below zero.
    """

    def __init__(self, database: Database, settings: Settings, *, clock: Callable[[], float] = time.time) -> None:
        self._database, self._settings, self._clock = database, settings, clock

    def reserve(self, account: str, nonce: str) -> None:
        """Count all that the transaction of a receipt may take, once. Raises `Refusal` (`hand_in`) for too much."""
        settings, now = self._settings, int(self._clock())
        # On the disk before the transaction is in the journal: a power cut must not make it free.
        with self._database.writing(durable=True):
            [(gas, failed)] = self._database.rows(
                "SELECT gas, failed FROM uses WHERE account = ? AND nonce = ?", account, nonce
            )
            if failed:
                raise hand_in("its transaction reverted")
            if gas:
                return
            until = self._paused_until(account, now)
            if until > now:
                raise hand_in(f"a transaction for this account reverted, and for {until - now:,} s none is paid")
            if self.spent(account) + settings.receipt_gas > settings.account_gas:
                raise hand_in(f"this account has had its {settings.account_gas:,} gas of a day")
            if self.spent() + settings.receipt_gas > settings.day_gas:
                raise hand_in(f"all accounts together have had their {settings.day_gas:,} gas of a day")
            self._set("state = 'submitted', gas = ?, sent = ?", account, nonce, -settings.receipt_gas, now)

    def settle(self, account: str, nonce: str, gas: int, succeeded: bool) -> None:
        """Count what the transaction took. If it reverted there is no second one, and a pause begins."""
        self._set("gas = ?, failed = ?", account, nonce, gas, 0 if succeeded else int(self._clock()))

    def unknown(self, account: str) -> list[str]:
        """The nonces of the receipts of an account of whose transactions of a day it is not known what they took."""
        query = "SELECT nonce FROM uses WHERE account = ? AND gas < 0 AND sent > ?"
        found = self._database.rows(query, account, int(self._clock()) - DAY)
        return [str(row[0]) for row in found]

    def spent(self, account: str = "") -> int:
        """The gas of the last 24 hours, of one account or of all."""
        return gas_of_day(self._database, account, now=self._clock())

    def _paused_until(self, account: str, now: int) -> int:
        query = "SELECT COUNT(*), MAX(failed) FROM uses WHERE account = ? AND failed > ?"
        count, last = self._database.rows(query, account, now - DAY)[0]
        return int(last) + PAUSE * 2 ** (int(count) - 1) if count else 0

    def _set(self, change: str, account: str, nonce: str, *values: int) -> None:
        statement = f"UPDATE uses SET {change}, changed = ? WHERE account = ? AND nonce = ?"  # nosec B608 # words above
        self._database.run(statement, *values, int(self._clock()), account, nonce)


def gas_of_day(database: Database, account: str = "", *, now: float | None = None) -> int:
    """The gas that receipts of one account, or of all, took or may yet take of what was signed in the last 24 hours."""
    since = int(time.time() if now is None else now) - DAY
    query = "SELECT COALESCE(SUM(ABS(gas)), 0) FROM uses WHERE sent > ? AND ? IN (account, '')"
    return int(database.rows(query, since, account)[0][0])


def hand_in(reason: str) -> Refusal:
    """A receipt that this gateway does not pay for: whoever hands it in pays, and is served."""
    return Refusal(
        403,
        "hand_in",
        f"This gateway does not hand the receipt in: {reason}.",
        hint="Hand it in from any account (consumeWithReceipt), and send the same request again.",
    )
