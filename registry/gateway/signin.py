"""Sign-in with Ethereum (EIP-4361): a signed text that names gateway, chain, asset and request."""

from __future__ import annotations

import re
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from typing import Any, Final

from registry.chain.signatures import is_wrapped, recover, text_digest
from registry.documents.fields import utc_text
from registry.gated.protocol import SIGN_IN_SECONDS, Auth, domain_of, door
from registry.gateway.refusal import Refusal
from registry.types import Address, to_address

SKEW: Final = 60
"""Seconds that the signer's clock may be ahead of ours."""

_OF_PROGRAMS: Final = (2000, 20)
"""Letters of a message, and lines, at most."""

_OF_PAGES: Final = (4000, 32)
"""The same for a page, which signs in at up to 16 gateways by one message."""

# What EIP-4361 allows there; siwe's expression takes control characters, by which a screen could show another message.
_STATEMENT: Final = re.compile(r"[A-Za-z0-9._~:/?#\[\]@!$&'()*+,;= -]*")
_REQUEST_ID: Final = re.compile(r"([^%]|%[0-9A-Fa-f]{2})*")
_MOMENT: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)", re.ASCII | re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class CheckedSignIn:
    """A sign-in message whose every word is right. `proven` says that the account's own key signed it; if not, the
    account may still be a contract that takes `signature` for `digest`."""

    account: Address
    nonce: str
    text: bytes
    digest: bytes
    signature: bytes
    proven: bool


class Doorkeeper:
    """Reads sign-in messages for one gateway on one chain."""

    def __init__(self, *, domain: str, url: str, chain_id: int, clock: Callable[[], float] = time.time) -> None:
        self._domain = domain
        self._url = url
        self._chain_id = chain_id
        self._clock = clock

    def read(self, auth: Auth | None, did: str, resource: str, *, page: str = "") -> CheckedSignIn:
        """Check all that can be checked without the chain and without spending the nonce.

        `resource` is what the message must name besides the asset. A program signs in at the gateway; a web page, of
        the origin `page`, signs in as itself, since that is what wallets compare, and names the gateways that it asks,
        each with its nonce. Raises `Refusal` (401).
        """
        if auth is None:
            raise _refused("nobody signed in", "Sign a message of EIP-4361 and send it as auth.")
        message, text = _read(auth.message, *(_OF_PAGES if page else _OF_PROGRAMS)), auth.message
        url, domain = page or self._url, domain_of(page) if page else self._domain
        if message.scheme not in (None, url.partition(":")[0]):
            raise _refused("the message is not of EIP-4361")
        whom = f"Sign on {page}, in one message for all gateways." if page else "Sign for this gateway."
        if message.domain != domain:
            raise _refused(f"it is for {message.domain!r}, not for {domain!r}", whom)
        if message.uri.rstrip("/") != url:
            raise _refused(f"its URI is {message.uri!r}, not {url!r}", whom)
        if message.chain_id != self._chain_id:
            raise _refused(f"it is for chain {message.chain_id}, not {self._chain_id}", "Sign for this chain.")
        named = message.resources or []
        if named[:2] != [did, resource] or (len(named) > 2 and not page):
            raise _refused("its resources are not this asset and this request", f"Name {did} and {resource}.")
        self._check_times(message.issued_at, message.not_before, message.expiration_time)
        nonce = self._own_nonce(named[2:]) if page else message.nonce
        account, signature = to_address(message.address), bytes.fromhex(auth.signature[2:])
        raw = text.encode()
        digest = text_digest(raw)
        return CheckedSignIn(account, nonce, raw, digest, signature, recover(digest, signature) == account)

    def _own_nonce(self, doors: list[str]) -> str:
        """The nonce of this gateway among those of the gateways that a page asks."""
        own = door(self._url, "")
        found = [one.removeprefix(own) for one in doors if one.startswith(own)]
        if len(found) != 1:
            raise _refused(f"it names {len(found) or 'no'} nonces of this gateway", f"Name {own} and one nonce.")
        return found[0]

    def _check_times(self, issued: str, not_before: str | None, expires: str | None) -> None:
        if expires is None:
            raise _refused("it never expires", f"Let it expire within {SIGN_IN_SECONDS} s.")
        now = self._clock()
        try:
            start, end = _seconds(issued), _seconds(expires)
            earliest = _seconds(not_before) if not_before is not None else start
        except (ValueError, OverflowError):
            raise _refused("its times cannot be read") from None
        # Both times are named: the signer's clock may be the one that is wrong, and nobody else would tell them.
        if start > now + SKEW or earliest > now + SKEW:
            reason = f"it is from the future, {utc(max(start, earliest))}, and here it is {utc(now)}"
            raise _refused(reason, "Compare the clock of the machine that signs, and sign again.")
        if end <= now:
            reason = f"it has expired: it is from {utc(start)}, good until {utc(end)}, and here it is {utc(now)}"
            raise _refused(reason, "Sign again; if it is new, compare the clock of the machine that signs.")
        if not 0 < end - start <= SIGN_IN_SECONDS:
            raise _refused(f"it is good for {end - start:.0f} s", f"{SIGN_IN_SECONDS} s are the most.")


def _read(text: str, longest: int, lines: int) -> Any:
    """A message of EIP-4361. What a person was shown must be what is read: one that could be read in two ways is
    refused."""
    if len(text) > longest or text.count("\n") > lines:
        raise _refused("the message is too long")
    try:
        message = _siwe_message().from_message(text, abnf=False)
        same = message.prepare_message() == text and _STATEMENT.fullmatch(message.statement or "")
        same = same and _REQUEST_ID.fullmatch(message.request_id or "")
    except (ValueError, TypeError, OverflowError):
        raise _refused("the message is not of EIP-4361") from None
    if not same:
        raise _refused("the message is not of EIP-4361")
    return message


@cache
def _siwe_message() -> Any:
    # Its grammar, which is not what reads a message here, redefines rules of its library, and that warns of it.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from siwe import SiweMessage
    return SiweMessage


def _seconds(moment: str) -> float:
    # As EIP-4361 has it (RFC 3339): Python and siwe read more, such as 07:59:50,5Z. A lower-case z is left out.
    if not _MOMENT.fullmatch(moment):
        raise ValueError(moment)
    read = datetime.fromisoformat(moment.replace("Z", "+00:00"))
    if read.tzinfo is None:
        raise ValueError(moment)
    return read.timestamp()


def utc(moment: float) -> str:
    """A moment in seconds since 1970 as messages have it."""
    return utc_text(datetime.fromtimestamp(moment, UTC))


def _refused(reason: str, hint: str = "") -> Refusal:
    return Refusal(401, "sign_in", f"The sign-in was refused: {reason}.", hint=hint)


def bad_signature(signature: bytes) -> Refusal:
    """The account did not sign it."""
    hint = "An account with a key signs r, s, v of 65 bytes with low s (EIP-2); a contract must take it by ERC-1271."
    if is_wrapped(signature):
        hint = "It is of a wallet that is not deployed (ERC-6492): deploy it, and sign without the wrapping."
    return Refusal(401, "signature", "The signature is not of the account that the message names.", hint=hint)
