"""What a publisher says of how content is locked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

__all__ = ["Gated"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Gated:
    """Content is encrypted, and its key split so that `threshold` of the `gateways` (base URLs) make it.

    Without gateways the key stays with the publisher alone, who can appoint some later with `Registry.reissue`. With
    `hide_names` the names of the files and their sizes are encrypted too, all but the sum.
    """

    gateways: Sequence[str] = ()
    threshold: int = 1
    hide_names: bool = False
