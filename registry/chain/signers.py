"""Who signs: a key, a key file or an ape account behind one small protocol.

No key is ever logged, shown by ``repr`` or part of an error.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Protocol, cast, runtime_checkable

from registry.chain.key_files import BARE, decrypted, read_key_file
from registry.errors import CannotSignTypedData, InputError, SignerError, UnknownAccount
from registry.types import Address, to_address

if TYPE_CHECKING:
    from eth_account.signers.local import LocalAccount

PASSWORD_VARIABLE: Final = "REGISTRY_PASSWORD"
"""Environment variable with the password of a key file, for runs that nobody watches."""

DEV_MNEMONIC: Final = "test test test test test test test test test test test junk"
"""The mnemonic that anvil, hardhat and ape fund on chains for tests. Its keys are public."""

DEV_ACCOUNTS: Final = 10


@runtime_checkable
class Signer(Protocol):
    """What the package asks of an account."""

    @property
    def address(self) -> str:
        """The account, checksummed."""

    def sign_transaction(self, tx: dict[str, Any]) -> bytes:
        """Return the signed transaction as the bytes that a node takes.

        `tx` has the fields of JSON-RPC (camel case) with integers as values, complete with nonce,
        gas, fees and chainId.
        """

    def sign_typed_data(self, full_message: dict[str, Any]) -> bytes:
        """Return the 65-byte signature (r, s, v) of an EIP-712 message."""


class KeySigner:
    """Signs with a private key held in memory."""

    __slots__ = ("_account", "address")

    def __init__(self, private_key: str | bytes) -> None:
        """Take the key as 32 bytes or 64 hexadecimal digits; raises `InputError` without showing it."""
        from eth_account import Account

        try:
            self._account: LocalAccount = Account.from_key(private_key)
        # Whatever the library says could quote the key.
        except Exception:
            raise InputError("This is not a private key.", hint="It is 0x and 64 hexadecimal digits.") from None
        self.address: Address = to_address(self._account.address)

    @classmethod
    def from_keyfile(cls, path: str | Path, password: str | None = None) -> KeySigner:
        """Open an Ethereum key file: version 3 of the keystore, or a key in hexadecimal, which needs no password.

        Raises `UnknownAccount` if there is no file, `WrongPassword`, or `SignerError` if it is no key file or needs a
        password and there is none, neither as `password` nor as ``REGISTRY_PASSWORD``.
        """
        path = Path(path)
        content = read_key_file(path)
        if isinstance(content, str):
            return cls(content)
        secret = password if password is not None else os.environ.get(PASSWORD_VARIABLE)
        if secret is None:
            raise SignerError(f"Key file {path} needs a password.", hint=f"Pass password= or set {PASSWORD_VARIABLE}.")
        return cls(decrypted(path, content, secret))

    def __repr__(self) -> str:
        return f"KeySigner({self.address})"

    def __reduce__(self) -> str:
        # A pickle would hold the key.
        raise TypeError("A signer cannot be pickled.")

    def sign_transaction(self, tx: dict[str, Any]) -> bytes:
        """Return the signed transaction as the bytes that a node takes."""
        return bytes(self._account.sign_transaction(tx).raw_transaction)

    def sign_typed_data(self, full_message: dict[str, Any]) -> bytes:
        """Return the 65-byte signature (r, s, v) of an EIP-712 message."""
        return bytes(self._account.sign_typed_data(full_message=full_message).signature)

    def sign_text(self, message: bytes) -> bytes:
        """Return the 65-byte signature of bytes as a personal message (EIP-191, version 0x45)."""
        from eth_account.messages import encode_defunct

        return bytes(self._account.sign_message(encode_defunct(primitive=message)).signature)


class ApeSigner:
    """Signs with an account of ape: a key file, Ledger, Trezor or test account."""

    __slots__ = ("_account", "address")

    def __init__(self, ape_account: Any) -> None:
        self._account = ape_account
        self.address: Address = to_address(str(ape_account.address))

    def __repr__(self) -> str:
        return f"ApeSigner({self.address})"

    def sign_transaction(self, tx: dict[str, Any]) -> bytes:
        """Return the signed transaction; raises `SignerError` if the account's owner declines."""
        from ape_ethereum.transactions import DynamicFeeTransaction, StaticFeeTransaction

        kind = DynamicFeeTransaction if "maxFeePerGas" in tx else StaticFeeTransaction
        # ape calls the sender "from" and wants it, eth-account does not.
        fields = {key: value for key, value in tx.items() if key != "type"}
        made = kind.model_validate({**fields, "from": self.address})
        return bytes(self._asked("transaction", self._account.sign_transaction, made).serialize_transaction())

    def sign_typed_data(self, full_message: dict[str, Any]) -> bytes:
        """Return the 65-byte signature; raises `SignerError` if the account's owner declines, and its kind
        `CannotSignTypedData` for an account that knows no such messages, as old hardware wallets."""
        from eth_account.messages import encode_typed_data

        try:
            return self._signed(encode_typed_data(full_message=full_message))
        except NotImplementedError:
            raise CannotSignTypedData(self.address) from None

    def sign_text(self, message: bytes) -> bytes:
        """Return the 65-byte signature of bytes as a personal message; raises `SignerError` if declined."""
        from eth_account.messages import encode_defunct

        try:
            return self._signed(encode_defunct(primitive=message))
        except NotImplementedError:
            raise SignerError(f"Account {self.address} cannot sign messages.", hint="Use another account.") from None

    def _signed(self, message: Any) -> bytes:
        return bytes(self._asked("message", self._account.sign_message, message).encode_rsv())

    def _asked(self, what: str, sign: Callable[[Any], Any], made: Any) -> Any:
        """What the account says to something; whatever goes wrong in it is a `SignerError`."""
        try:
            signed = sign(made)
        except NotImplementedError:
            raise
        # Plugins of ape raise what the libraries of their devices do.
        except Exception as error:
            raise self._unsigned(what, f"{type(error).__name__} {error}".strip()) from error
        if signed is None:
            raise self._unsigned(what, "declined")
        return signed

    def _unsigned(self, what: str, why: str) -> SignerError:
        return SignerError(f"Account {self.address} did not sign the {what}: {why}.", hint="Confirm it and try again.")


_HALF_ORDER: Final = 0x7FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF5D576E7357A4501DDFE92F46681B20A0
"""Half the order of secp256k1: signatures above are copies that anybody can make of those below (EIP-2)."""


def recovered(full_message: dict[str, Any], signature: bytes) -> Address | None:
    """Return whose key signed an EIP-712 message, None for what contracts take for no signature.

    As OpenZeppelin's ECDSA has it: 65 bytes, v 27 or 28, s in the lower half.
    """
    from eth_account import Account
    from eth_account.messages import encode_typed_data

    if len(signature) != 65 or signature[64] not in (27, 28) or int.from_bytes(signature[32:64], "big") > _HALF_ORDER:
        return None
    try:
        found = Account.recover_message(encode_typed_data(full_message=full_message), signature=signature)
    # The library meets bytes that are no point of the curve with errors of many kinds.
    except Exception:
        return None
    return to_address(str(found))


def as_signer(value: object, *, password: str | None = None) -> Signer | None:
    """Return the signer that `value` stands for.

    Takes None (which stays None), a `Signer`, ``"0x"`` and 64 digits of a private key, a key file as
    path or text, an account of eth-account, or one of ape. The password of a key file is `password`
    or the variable ``REGISTRY_PASSWORD``. Raises `InputError`, `SignerError` and its kinds.
    """
    if value is None:
        return None
    packages = _packages(value)
    if "eth_account" in packages and hasattr(value, "key"):
        return KeySigner(bytes(value.key))
    if is_safe_of_ape(value):
        raise SignerError(
            f"{value.address} is a Safe: it has no key of its own.",  # type: ignore[attr-defined]
            hint="Let it propose with registry.teams.collect(address), and its owners sign with registry.teams.sign.",
        )
    if any(package == "ape" or package.startswith("ape_") for package in packages):
        return ApeSigner(value)
    if isinstance(value, Path):
        return KeySigner.from_keyfile(value, password)
    if isinstance(value, str):
        # What a file of settings with the line ends of Windows leaves behind is no part of a key.
        if BARE.fullmatch(value):
            return KeySigner(value.strip())
        # A key with a slip in it, or in quotes, must not be echoed as the name of a missing file.
        if re.search(r"[0-9a-fA-F]{32,}", value) and not Path(value).exists():
            raise InputError("This is neither a private key nor a key file.", hint="A key has 0x and 64 digits.")
        return KeySigner.from_keyfile(Path(value).expanduser(), password)
    # Of its class: a browser wallet has no address before it is asked for one.
    if all(hasattr(type(value), name) for name in ("sign_transaction", "sign_typed_data")):
        return cast(Signer, value)
    raise InputError(
        f"A {type(value).__name__} cannot sign.",
        hint="Pass a private key, a key file, or an account of eth-account or ape.",
    )


def is_safe_of_ape(value: object) -> bool:
    """Whether `value` is the account that ape-safe has of a Safe; ape is not loaded for this."""
    return "ape_safe" in _packages(value)


def _packages(value: object) -> set[str]:
    return {cls.__module__.partition(".")[0] for cls in type(value).__mro__}


@lru_cache(maxsize=DEV_ACCOUNTS)
def dev_signer(index: int) -> KeySigner:
    """Return one of the ten accounts that chains for tests fund; raises `UnknownAccount` beyond them.

    Everybody knows their keys: use them on such chains only.
    """
    if not 0 <= index < DEV_ACCOUNTS:
        raise UnknownAccount(index, [str(i) for i in range(DEV_ACCOUNTS)])
    from eth_account.hdaccount import key_from_seed

    return KeySigner(key_from_seed(_dev_seed(), f"m/44'/60'/0'/0/{index}"))


@lru_cache(maxsize=1)
def _dev_seed() -> bytes:
    from eth_account.hdaccount import seed_from_mnemonic

    return bytes(seed_from_mnemonic(DEV_MNEMONIC, ""))


def telling(signer: Signer, told: Callable[[], str]) -> Signer:
    """The signer as it is, or, if it shows what it signs on a page of its own, one that begins it with `told`."""
    made = getattr(type(signer), "telling", None)
    return signer if made is None else cast(Signer, made(signer, told()))


def sign_text(signer: Signer, message: bytes) -> bytes:
    """The signature of a personal message (EIP-191, version 0x45) by any signer that can make one.

    Raises `SignerError` for one that cannot, and for one whose owner declines.
    """
    sign = getattr(signer, "sign_text", None)
    if sign is None:
        raise SignerError(
            f"Account {signer.address} cannot sign messages here.",
            hint="Sign in with a key, a key file, an ape account, a Safe or a browser wallet.",
        )
    signature: bytes = sign(message)
    return signature
