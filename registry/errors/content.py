"""Bytes that could not be fetched, or not be trusted."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from registry.errors.base import RegistryError


class ContentError(RegistryError, OSError):
    """Bytes could not be fetched, or could not be trusted."""

    hint = "Try another source, or ask who published it."


class BlockNotFound(ContentError, LookupError):
    """No source that was asked has the block."""

    hint = "Add a source that holds it (sources=, --source), or ask its publisher."

    def __init__(self, cid: object, source: str = "the local store") -> None:
        self.cid, self.source = cid, source
        super().__init__(f"Block {cid} is not in {source}.")


class Unverified(ContentError):
    """Bytes whose hash is not the one promised; they were thrown away."""

    hint = "The copy is damaged or forged; fetch it from another source."
    PUBLISHER: ClassVar[str] = "its publisher"
    """The source of bytes that hash to what was promised, and are still not what they should be."""

    def __init__(self, cid: object, source: str, reason: str = "the bytes do not hash to it") -> None:
        self.cid, self.source = cid, source
        if source == self.PUBLISHER:
            self.hint = "Every copy of it is like this; only a new version from who published it is not."
        super().__init__(f"Content from {source} was refused for {cid}: {reason}.")


class Unavailable(ContentError):
    """No source answered in time. `retry_after` is how many seconds it asked to be left alone, if it did."""

    hint = "Check the connection or add another source."

    def __init__(
        self, what: object, causes: Sequence[str] = (), *, retry_after: float | None = None, hint: str = ""
    ) -> None:
        self.what, self.causes, self.retry_after = what, tuple(causes), retry_after
        told = f"{what} could not be fetched" + (f" ({'; '.join(self.causes)})." if self.causes else ".")
        super().__init__(told, hint=hint)


class HubUnavailable(ContentError):
    """A hub does not answer, or answers nonsense."""

    hint = "Name another hub, or none: the index of this process needs none."

    def __init__(self, what: object, causes: Sequence[str] = ()) -> None:
        self.what, self.causes = what, tuple(causes)
        super().__init__(f"{what} could not be fetched" + (f" ({'; '.join(self.causes)})." if self.causes else "."))


class HubLied(ContentError):
    """A hub told something of an asset that its document or the chain does not; what it told was dropped."""

    hint = "Ask another hub, and tell the people who rely on this one."

    def __init__(self, hub: str, did: str, field: str, said: object, true: object) -> None:
        self.hub, self.did, self.field, self.said, self.true = hub, did, field, said, true
        super().__init__(
            f"What the hub {hub} says of {did} was refused: its {field} is {str(true)[:200]!r}, "
            f"and not {str(said)[:200]!r}."
        )


class PrivateAddress(ContentError, PermissionError):
    """A URL that somebody else wrote leads to this machine or a private network; nothing was sent there."""

    hint = "If you mean to go there, name the address, or a network that holds it, in REGISTRY_REACH."

    def __init__(self, host: str, address: str) -> None:
        self.host, self.address = host, address
        where = host if host == address else f"{host} ({address})"
        super().__init__(
            f"{where} is an address of this machine or of a private network, which REGISTRY_REACH does not name."
        )


class LimitExceeded(ContentError):
    """Content that is larger (in bytes, blocks, entries) or deeper than a limit that protects the reader."""

    hint = "Raise the limit only if you trust it."

    def __init__(self, what: str, value: int, limit: int) -> None:
        self.what, self.value, self.limit = what, value, limit
        super().__init__(f"{what} is {value:,}, over the limit of {limit:,}.")


class UnsupportedCodec(ContentError):
    """A block in a format that this package does not read."""

    hint = "Read are raw (0x55), dag-pb (0x70), dag-cbor (0x71), dag-json (0x129), CBOR (0x51) and JSON (0x200)."

    def __init__(self, cid: object, codec: int) -> None:
        self.cid, self.codec = cid, codec
        super().__init__(f"{cid} has codec 0x{codec:x}.")


class UnsupportedHash(ContentError):
    """A block under a hash that is not computed here, so that nobody could say whether its bytes are the right ones."""

    hint = "Blocks are fetched by sha2-256 and sha2-512."

    def __init__(self, cid: object, hash_code: int) -> None:
        self.cid, self.hash_code = cid, hash_code
        super().__init__(f"{cid} has the hash 0x{hash_code:x}.")


class PinRefused(ContentError):
    """A pinning service would not do what was asked, or failed to; `status` is its HTTP status (0 for none)."""

    hint = "Ask another service."

    def __init__(self, service: str, what: str, reason: str, *, status: int = 0, hint: str = "") -> None:
        self.service, self.what, self.reason, self.status = service, what, reason, status
        super().__init__(f"{service} refused {what}: {reason}.", hint=hint)


class TooFewReplicas(ContentError):
    """Fewer services keep something than were wanted; `made` names those that do."""

    hint = "Run it again, which asks for the missing ones only, or name further services."

    def __init__(self, cid: object, made: Sequence[str], wanted: int, causes: Sequence[str]) -> None:
        self.cid, self.made, self.wanted, self.causes = cid, tuple(made), wanted, tuple(causes)
        super().__init__(
            f"{len(self.made)} of the {wanted} services that were to keep {cid} do ({'; '.join(self.causes)})."
        )


class WrongKey(ContentError):
    """Encrypted content that is not for this key."""

    hint = "Ask for the key of the version that it is of."

    def __init__(self, what: str, recipient: str) -> None:
        self.what, self.recipient = what, recipient
        super().__init__(f"{what} is not sealed to {recipient}.")
