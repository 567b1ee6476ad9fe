"""A new identity for a gateway, when the old one may be known or has served long enough."""

from __future__ import annotations

from pathlib import Path

from registry.gateway.audit_log import AuditLog
from registry.gateway.database import FILE, Database
from registry.gateway.keys import Keys, seal


def rotate(folder: Path, keys: Keys) -> int:
    """Seal all shares of the gateway in `folder` to a new identity; returns how many there are.

    Killed anywhere, all shares still open: the old identities go last. The one before is kept for deposits that are on
    the way. Who had both the old identity and the old file of shares keeps what they held: publish new versions then.
    """
    database = Database(folder / FILE)
    try:
        keys.add_identity()
        with database.writing(durable=True):
            shares = database.shares()
            for share in shares:
                database.reseal(share.id, seal(keys.open_share(share.sealed), keys.recipient))
            AuditLog(database).write("rotate", identity=keys.recipient, shares=len(shares))
        keys.forget_identities()
        return len(shares)
    finally:
        database.close()
