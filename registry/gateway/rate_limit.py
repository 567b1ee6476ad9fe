"""How often somebody may ask."""

from __future__ import annotations

from registry.gateway.refusal import Refusal
from registry.system.throttle import Throttle

__all__ = ["RateLimit"]


class RateLimit(Throttle):
    """A throttle that refuses as a gateway does."""

    def take(self, who: str, count: int = 1) -> int:
        """Count requests of `who`; raises `Refusal` (429) if there were too many."""
        wait = super().take(who, count)
        if wait:
            raise Refusal(429, "too_many", "Too many requests.", hint=f"Ask again in {wait} s.", retry_after=wait)
        return wait
