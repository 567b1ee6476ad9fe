"""X25519 identities of age: the key of an asset's version, of a gateway, of one request. None shows by accident."""

from __future__ import annotations

from typing import Final

from registry.errors import InputError

__all__ = ["Identity", "seal", "unseal"]

_SECRET: Final = "age-secret-key-"
_PUBLIC: Final = "age"


class Identity:
    """A secret key; `recipient` is the public one, as age writes it (``age1...``)."""

    __slots__ = ("_secret", "recipient")

    def __init__(self, secret: bytes) -> None:
        """Take 32 bytes; raises `InputError` without showing them."""
        from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

        if not isinstance(secret, bytes) or len(secret) != 32:
            raise InputError("This is not an X25519 key.", hint="It has 32 bytes.")
        self._secret = secret
        self.recipient: Final = _bech32(
            _PUBLIC, X25519PrivateKey.from_private_bytes(secret).public_key().public_bytes_raw()
        )

    @classmethod
    def generate(cls) -> Identity:
        """A new key from the system's randomness."""
        import pyrage

        return cls.parse(str(pyrage.x25519.Identity.generate()))

    @classmethod
    def parse(cls, text: str) -> Identity:
        """Read ``AGE-SECRET-KEY-1...``; raises `InputError` without showing it."""
        import bech32

        prefix, data = bech32.bech32_decode(text.strip())
        secret = bech32.convertbits(data, 5, 8, False) if data else None
        if prefix != _SECRET or secret is None or len(secret) != 32:
            raise InputError("This is not an age identity.", hint="It looks like AGE-SECRET-KEY-1...")
        return cls(bytes(secret))

    def reveal(self) -> str:
        """The key as age writes it: whoever reads this text can open everything that was sealed to it."""
        return _bech32(_SECRET, self._secret).upper()

    def secret_bytes(self) -> bytes:
        """The 32 bytes of the key, for splitting and for opening age files; see `reveal`."""
        return self._secret

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Identity) and other.recipient == self.recipient

    def __hash__(self) -> int:
        return hash(self.recipient)

    def __repr__(self) -> str:
        return f"Identity({self.recipient})"

    def __reduce__(self) -> str:
        # A pickle would hold the key.
        raise TypeError("An identity cannot be pickled.")


def public_bytes(recipient: str) -> bytes:
    """The 32 bytes of an ``age1...``; raises `InputError`."""
    import bech32

    prefix, data = bech32.bech32_decode(recipient)
    found = bech32.convertbits(data, 5, 8, False) if data else None
    if prefix != _PUBLIC or found is None or len(found) != 32 or recipient != recipient.lower():
        raise InputError(f"{recipient!r} is not an age recipient.", hint="It looks like age1...")
    return bytes(found)


def seal(text: str, recipient: str) -> str:
    """A short text as an armored age file for one recipient. Raises `InputError` for what is no recipient."""
    import pyrage

    public_bytes(recipient)
    sealed: bytes = pyrage.encrypt(text.encode("utf-8"), [pyrage.x25519.Recipient.from_str(recipient)], armored=True)
    return sealed.decode("ascii")


def unseal(armor: str, identity: Identity) -> str:
    """The text of `seal`. Raises `InputError` for what is not sealed to this identity, or not text."""
    import pyrage

    try:
        key = pyrage.x25519.Identity.from_str(identity.reveal())
        opened: bytes = pyrage.decrypt(armor.encode("ascii"), [key])
        return opened.decode("utf-8")
    except (pyrage.DecryptError, ValueError) as error:
        raise InputError(f"This is not sealed to {identity.recipient}.", hint="Ask for it anew.") from error


def _bech32(prefix: str, data: bytes) -> str:
    import bech32

    words = bech32.convertbits(data, 8, 5)
    assert words is not None
    text: str = bech32.bech32_encode(prefix, words)
    return text
