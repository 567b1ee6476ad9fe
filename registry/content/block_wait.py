"""Waiting for blocks: what was done just now has to be as deep in the chain as key gateways want it."""

from __future__ import annotations

import contextlib
import time
from typing import TYPE_CHECKING, Final

from registry.chain.connection import TEST_CHAINS
from registry.errors import GatewayError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from registry.documents.ddo import KeyGateway
    from registry.session import Session

FRESH_SECONDS: Final = 180.0
"""How long to wait at most."""

FRESH_POLL: Final = 3.0

STILL_SECONDS: Final = 60.0
"""How long a chain may make no block at all: longer than any that makes them by the clock."""

STILL_TEST_SECONDS: Final = 15.0
"""The same on chains for tests, which more often make blocks with transactions alone."""


class BlockWait:
    """One wait: it tells how far it is, and ends where no blocks come."""

    def __init__(self, session: Session, gateways: Sequence[KeyGateway]) -> None:
        self._session, self._gateways = session, gateways
        self._first = self._head = -1
        self._depth = 0
        self.hint = ""
        self.begin()

    def begin(self) -> None:
        """Wait from now on."""
        self._until, self._moved = time.monotonic() + FRESH_SECONDS, time.monotonic()

    @property
    def is_over(self) -> bool:
        """Whether it has lasted as long as it may, or the chain stands still; then `hint` says what helps."""
        return bool(self.hint) or time.monotonic() > self._until

    def pause(self) -> None:
        """Tell how many blocks have come, and let some time pass."""
        if self._first < 0:
            self._first, self._depth = self._session.chain.block().number, self._wanted()
        head = self._session.chain.block().number
        if head != self._head:
            self._head, self._moved = head, time.monotonic()
        most = STILL_TEST_SECONDS if self._session.chain.chain_id in TEST_CHAINS else STILL_SECONDS
        if time.monotonic() - self._moved > most:
            self.hint = (
                f"The chain made no block in {most:g} s; the gateways want {self._depth or 'some'} more after what was "
                "done. One that makes blocks with transactions alone (anvil without --block-time) needs some: 'cast "
                f"rpc anvil_mine {max(self._depth, 1)}', and run it again; or gateways with --depth 0."
            )
            return
        # A stage is over when all of it is done, and this one is when the gateways say so.
        came = min(head - self._first, max(self._depth - 1, 0))
        self._session.progress("waiting for blocks", came, self._depth)
        time.sleep(FRESH_POLL)

    def _wanted(self) -> int:
        """How many blocks the first gateway that answers wants; 0 if none says."""
        from registry.gated.share_client import GatewayClient

        for gateway in self._gateways:
            with contextlib.suppress(GatewayError):
                client = GatewayClient(gateway.url, self._session.reach, deadline=FRESH_POLL)
                try:
                    return client.about().depth
                finally:
                    client.close()
        return 0
