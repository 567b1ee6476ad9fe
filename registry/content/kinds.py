"""Which kind the content of an asset is of: plain, sealed, or kept by its owner. Each is loaded when it is needed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from registry.assets.drafting import Draft
from registry.content.unlocking import is_gated

if TYPE_CHECKING:
    from registry.content.plain import ContentShelf
    from registry.gated.policy import Gated
    from registry.results import Asset
    from registry.session import Session

__all__ = ["shelf_for"]


def shelf_for(session: Session, what: Asset | Draft, gated: Gated | None = None) -> ContentShelf:
    """How the content of an asset or a draft is packed and read, as its document or the draft says. With `gated` the
    next content of an asset is to be sealed."""
    if isinstance(what, Draft):
        sealed, kept = what.gated is not None and what.path is not None, what.kept
    else:
        sealed, kept = gated is not None or is_gated(what), what.ddo.content is not None and what.ddo.content.kept
    if sealed:
        from registry.content.sealed import Sealed

        return Sealed(session)
    if kept:
        from registry.content.kept import Kept

        return Kept(session)
    from registry.content.plain import Plain

    return Plain(session)
