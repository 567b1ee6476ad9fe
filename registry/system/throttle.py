"""How often somebody may ask, for servers that strangers ask."""

from __future__ import annotations

import ipaddress
import math
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Final

__all__ = ["Throttle", "network_of"]

_MOST_KEPT: Final = 20_000


class Throttle:
    """A bucket of `burst` requests for each who asks, which fills by `rate` a second.

    The buckets of those who asked longest ago are forgotten, so that strangers cannot fill the memory.
    """

    def __init__(self, rate: float, burst: int, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._rate = rate
        self._burst = burst
        self._clock = clock
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, who: str, count: int = 1) -> int:
        """Count requests of `who`, all or none; returns 0, or after how many seconds to ask again if there were too
        many."""
        now = self._clock()
        left, seen = self._buckets.pop(who, (float(self._burst), now))
        left = min(float(self._burst), left + (now - seen) * self._rate)
        allowed = left >= count
        self._buckets[who] = (left - count if allowed else left, now)
        if len(self._buckets) > _MOST_KEPT:
            self._buckets.popitem(last=False)
        return 0 if allowed else max(1, math.ceil((count - left) / self._rate))


def network_of(address: str) -> str:
    """Who is behind an address: itself, or the /64 of an IPv6 address, which one machine may have all of."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return address
    if found.version == 6 and found.ipv4_mapped is None:
        return str(ipaddress.ip_network((found, 64), strict=False))
    return str(found)
