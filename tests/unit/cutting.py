"""A line to the chain that is lost once, at a request of one's choice."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import requests

from registry import Registry
from registry.chain.connection import Chain
from registry.chain.journal import Journal
from registry.chain.transport import TesterProvider
from registry.errors import ConnectionFailed


class Line(TesterProvider):
    """The way to a chain in this process; the request number `lost` does not come through, 0 for none."""

    def __init__(self, provider: Any, lost: int) -> None:
        super().__init__(provider.ethereum_tester, provider.api_endpoints)
        self._depth, self.asked, self.lost = 0, 0, 0
        self._wanted = lost

    def connect(self) -> Chain:
        """A chain that knows nothing yet; from here on requests count."""
        chain = Chain(self, "a line", confirmations=1)
        self.asked, self.lost = 0, self._wanted
        return chain

    def make_request(self, method: Any, params: Any) -> Any:
        # A request may take others within the node, and of nodes elsewhere nobody asks for their accounts.
        counts = not self._depth and method not in ("eth_accounts", "eth_chainId")
        self.asked += counts
        if counts and self.asked == self.lost:
            raise requests.ConnectionError("the line was lost")
        self._depth += 1
        try:
            return super().make_request(method, params)
        finally:
            self._depth -= 1


def cut_everywhere(
    place: Registry,
    act: Callable[[Registry], Any],
    rewound: Callable[[Registry], AbstractContextManager[Registry]],
    *,
    step: int = 1,
) -> int:
    """Do something with the line lost at its first request, at its second, and so on (with `step`, at some of them):
    each time it ends as `ConnectionFailed` or as if nothing had been lost. Returns how many requests it takes."""

    def run(lost: int) -> tuple[int, Any]:
        with rewound(place) as there:
            line = Line(there.chain.w3.provider, lost)
            client = Registry(
                line.connect(),
                there.deployment,
                signer=there.signer,
                store=there.store,
                journal=Journal.in_memory(),
                home=there.home,
            )
            try:
                return line.asked, act(client)
            except ConnectionFailed as error:
                return line.asked, error
            finally:
                asked.append(line.asked)

    asked: list[int] = []
    _, whole = run(0)
    total = asked[0]
    assert not isinstance(whole, ConnectionFailed) and total > 0
    for lost in range(1, total + 1, step):
        _, found = run(lost)
        assert isinstance(found, ConnectionFailed) or found == whole, f"request {lost} of {total}"
    return total
