"""What a gateway keeps secret: the age identities that its shares are sealed to, and its Ethereum account.

They lie in one age file under a passphrase, or under a key file that is kept elsewhere (a secret store, a stick). In
memory they are only here and in the signer.
"""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import pyrage

from registry.chain.signers import KeySigner
from registry.errors import InputError, SignerError, UnknownAccount, WrongPassword
from registry.gated.passphrases import opened
from registry.system.disk import write_whole
from registry.types import Address

FILE: Final = "keys.age"

PASSPHRASE_VARIABLE: Final = "REGISTRY_GATEWAY_PASSPHRASE"
"""Environment variable with the passphrase, for a gateway that nobody watches starting."""

_SHORTEST: Final = 12


class KeyLock:
    """What opens the file of keys: a passphrase, or the age identity in a key file."""

    def __init__(self, *, passphrase: str | None = None, key_file: Path | None = None) -> None:
        """Raises `InputError` unless there is exactly one, `UnknownAccount` and `SignerError` for the key file."""
        if (passphrase is None) == (key_file is None):
            raise InputError(
                "The keys of a gateway are under a passphrase or a key file, one of them.",
                hint=f"Set {PASSPHRASE_VARIABLE}, or name a key file.",
            )
        self._passphrase = passphrase
        self._identity = None if key_file is None else _read_key_file(key_file)

    def __repr__(self) -> str:
        return f"Lock({'passphrase' if self._identity is None else 'key file'})"

    def seal(self, data: bytes) -> bytes:
        """Encrypt; raises `InputError` for a passphrase that can be guessed."""
        if self._identity is not None:
            return bytes(pyrage.encrypt(data, [self._identity.to_public()]))
        if self._passphrase is None or len(self._passphrase) < _SHORTEST:
            raise InputError(
                "The passphrase can be guessed.", hint=f"Take at least {_SHORTEST} characters, or a key file."
            )
        return bytes(pyrage.passphrase.encrypt(data, self._passphrase))

    def open(self, data: bytes, path: Path) -> bytes:
        """Decrypt what is in the file at `path`. Raises `WrongPassword`, and `InputError` for too much work."""
        if self._identity is None:
            return opened(data, self._passphrase or "", path)
        try:
            return bytes(pyrage.decrypt(data, [self._identity]))
        except pyrage.DecryptError:
            raise WrongPassword(path) from None


def make_key_file(path: Path) -> None:
    """Write a new key file for its owner's eyes only; raises `InputError` if there is one."""
    identity = pyrage.x25519.Identity.generate()
    text = f"# opens the keys of a key gateway\n# public key: {identity.to_public()}\n{identity}\n"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(text)
    except FileExistsError:
        raise InputError(f"There is a key file at {path} already.", hint="Use it, or name another place.") from None
    except OSError as error:
        raise InputError(f"The key file {path} cannot be written: {error.strerror}.") from error


class Keys:
    """The keys in use. `signer` is the gateway's Ethereum account."""

    def __init__(self, path: Path, lock: KeyLock, identities: Sequence[Any], signer: KeySigner, secret: str) -> None:
        self._path = path
        self._lock = lock
        self._identities = list(identities)
        self._secret = secret
        self.signer: Final = signer

    def __repr__(self) -> str:
        return f"Keys({self.recipient}, {self.address})"

    def __reduce__(self) -> str:
        # A pickle would hold the keys.
        raise TypeError("The keys of a gateway cannot be pickled.")

    @classmethod
    def make(cls, path: Path, lock: KeyLock) -> Keys:
        """Make new keys in a new file; raises `InputError` if there is one."""
        if path.exists():
            raise InputError(f"There are keys at {path} already.", hint="Serve with them, or take another folder.")
        secret = "0x" + secrets.token_bytes(32).hex()
        made = cls(path, lock, [pyrage.x25519.Identity.generate()], KeySigner(secret), secret)
        made._save()
        return made

    @classmethod
    def open(cls, path: Path, lock: KeyLock) -> Keys:
        """Open the file; raises `UnknownAccount` if there is none, `WrongPassword`, `SignerError` if it is damaged."""
        try:
            sealed = path.read_bytes()
        except FileNotFoundError:
            raise UnknownAccount(str(path)) from None
        except OSError as error:
            raise SignerError(f"The keys in {path} cannot be read: {error.strerror}.") from error
        try:
            content = json.loads(lock.open(sealed, path))
            identities = [pyrage.x25519.Identity.from_str(text) for text in content["identities"]]
            return cls(path, lock, identities, KeySigner(content["signer"]), content["signer"])
        except WrongPassword:
            raise
        # Whatever is said about the content could quote it.
        except Exception:
            raise SignerError(f"{path} holds no keys of a gateway.", hint="Restore a backup.") from None

    @property
    def recipient(self) -> str:
        """The public key that shares for this gateway are sealed to."""
        return str(self._identities[0].to_public())

    @property
    def address(self) -> Address:
        """The Ethereum account."""
        return self.signer.address

    def open_share(self, sealed: str) -> bytes:
        """What is sealed to one of the identities; raises `InputError` if it is not."""
        try:
            return bytes(pyrage.decrypt(sealed.encode(), self._identities))
        except pyrage.DecryptError:
            raise InputError(
                f"The share is not sealed to {self.recipient}.", hint="Ask GET /v1/gateway for its age_recipient."
            ) from None

    def add_identity(self) -> None:
        """Begin a rotation: shares are sealed to a new identity from now on, and all earlier ones still open."""
        self._identities.insert(0, pyrage.x25519.Identity.generate())
        self._save()

    def forget_identities(self) -> None:
        """End a rotation: keep the identity in use and the one before it, for deposits that are on the way."""
        del self._identities[2:]
        self._save()

    def _save(self) -> None:
        content = {"version": 1, "identities": [str(one) for one in self._identities], "signer": self._secret}
        write_whole(self._path, self._lock.seal(json.dumps(content).encode()))


def seal(data: bytes, recipient: str) -> str:
    """Encrypt to a public key of age, as text; raises `InputError` if it is none."""
    try:
        return bytes(pyrage.encrypt(data, [pyrage.x25519.Recipient.from_str(recipient)], armored=True)).decode()
    except (pyrage.RecipientError, ValueError):
        raise InputError(f"{recipient!r} is not a public key of age.", hint="It is age1 and 58 characters.") from None


def _read_key_file(path: Path) -> Any:
    try:
        lines = path.read_text(encoding="utf-8-sig").split("\n")
        identity = next(line.strip() for line in lines if line.startswith("AGE-SECRET-KEY-1"))
        return pyrage.x25519.Identity.from_str(identity)
    except FileNotFoundError:
        raise UnknownAccount(str(path)) from None
    except (OSError, UnicodeDecodeError, StopIteration, pyrage.IdentityError):
        raise SignerError(f"{path} holds no identity of age.", hint="Make one with: age-keygen -o FILE") from None
