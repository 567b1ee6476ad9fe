"""One-time numbers for sign-in messages.

A nonce carries its own expiry and a tag under a key that lives as long as the process. So asking for one writes nothing
(nobody can fill the disk by asking), and none survives a restart or comes from another gateway. What is written down is
which were used, until they expire.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
import time
from collections.abc import Callable
from typing import Final

from registry.gated.protocol import Nonce
from registry.gateway.database import Database
from registry.gateway.refusal import Refusal

_TAG: Final = 16
_LENGTH: Final = 2 * (4 + 12 + _TAG)


class Nonces:
    """Makes nonces of an account, and takes each once."""

    def __init__(self, database: Database, seconds: int, *, clock: Callable[[], float] = time.time) -> None:
        self._database = database
        self._seconds = seconds
        self._clock = clock
        self._key = secrets.token_bytes(32)

    def make(self, account: str) -> Nonce:
        """A new nonce for a sign-in message of `account`."""
        expires = int(self._clock()) + self._seconds
        body = expires.to_bytes(4, "big") + secrets.token_bytes(12)
        return Nonce(nonce=(body + self._tag(body, account)).hex(), expires_at=expires)

    def spend(self, nonce: str, account: str, message: bytes) -> None:
        """Take the nonce of a signed `message`; raises `Refusal` (401) unless it is ours, in time, and new.

        The very same message may come again while it is good: whoever did not get the answer asks again.
        """
        if len(nonce) != _LENGTH or not all(letter in "0123456789abcdef" for letter in nonce):
            raise _refused("is not of this gateway")
        raw = bytes.fromhex(nonce)
        expires = int.from_bytes(raw[:4], "big")
        if expires <= self._clock():
            raise _refused("has expired")
        used_by = hashlib.sha256(message).hexdigest()
        before = self._database.nonce_used_by(nonce)
        if before is None:
            if not hmac.compare_digest(raw[-_TAG:], self._tag(raw[:-_TAG], account)):
                raise _refused("is not of this gateway and account, or it is from before a restart")
            before = self._database.use_nonce(nonce, used_by, expires, now=int(self._clock()))
        if before != used_by:
            raise _refused("was used before")

    def _tag(self, body: bytes, account: str) -> bytes:
        return hmac.digest(self._key, body + bytes.fromhex(account[2:]), "sha256")[:_TAG]


def _refused(reason: str) -> Refusal:
    return Refusal(401, "nonce", f"The nonce {reason}.", hint="Ask POST /v1/nonce for a new one and sign again.")
