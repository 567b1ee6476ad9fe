"""Key files: the JSON of version 3 that clients and wallets write, or a key in hexadecimal alone, as nodes keep it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Final

from registry.errors import SignerError, UnknownAccount, WrongPassword
from registry.ipfs.nesting import load_json

BARE: Final = re.compile(r"\s*(0x)?[0-9a-fA-F]{64}\s*", re.ASCII)
"""A private key and nothing else, as Besu, web3signer and ``geth account import`` take it."""

_LARGEST: Final = 2**16
"""A key file has some 500 bytes, and with the pictures of the names that some wallets add some thousands."""

_MEMORY: Final = 2**30
"""What scrypt may take, in bytes: four times what clients write (n 262,144, r 8)."""

_STEPS: Final = 2**25
"""What scrypt may take, in n * r * p: sixteen times what clients write."""

_LANES: Final = 2**10
"""What scrypt may take, in r * p: so many blocks are made before the first step; clients write 8 to 48."""

_ROUNDS: Final = 10_000_000
"""What PBKDF2 may take: ten times what clients write."""


def read_key_file(path: Path) -> str | dict[str, Any]:
    """Return the key of a file that holds nothing else, or the JSON in it with names in lower case.

    Raises `UnknownAccount` if there is no file, and `SignerError` if it is no key file, without showing what is in it.
    """
    try:
        with path.open("rb") as file:
            data = file.read(_LARGEST + 1)
    except FileNotFoundError:
        raise UnknownAccount(str(path)) from None
    except OSError as error:
        raise _refused(path, error.strerror or str(error)) from None
    if len(data) > _LARGEST:
        raise _refused(path, f"it has more than {_LARGEST} bytes")
    if BARE.fullmatch(text := data.decode("utf-8-sig", "replace")):
        return text.strip()
    try:
        content = _lower(load_json(data))
    except ValueError as error:
        raise _refused(path, str(error)) from None
    if not isinstance(content, dict) or not isinstance(content.get("crypto"), dict):
        raise _refused(path, "it has no 'crypto' object")
    return content


def decrypted(path: Path, content: dict[str, Any], password: str) -> bytes:
    """Return the key in what `read_key_file` read; raises `WrongPassword`, or `SignerError` if it is no key file."""
    from eth_account import Account

    try:
        _check(content)
        key = bytes(Account.decrypt(content, password))
        claimed = str(content.get("address") or "").lower().removeprefix("0x")
        if claimed and claimed != Account.from_key(key).address.lower()[2:]:
            raise ValueError(f"it says that it is of 0x{claimed[:40]} and holds the key of another account")
    except ValueError as error:
        if "MAC" in str(error):
            raise WrongPassword(path) from None
        raise _refused(path, str(error)) from None
    # What the library says to other fields that are not as they should be.
    except Exception as error:
        raise _refused(path, f"{type(error).__name__} {error}") from None
    return key


def _lower(value: Any) -> Any:
    """Names in lower case: wallets write Crypto too, and Nethermind KDFParams."""
    return {name.lower(): _lower(part) for name, part in value.items()} if isinstance(value, dict) else value


def _check(content: dict[str, Any]) -> None:
    """Raise `ValueError` for what would open as another key, or take the memory or the hours of this machine."""
    crypto, version = content["crypto"], content.get("version")
    if version == 4 or "pubkey" in content or "checksum" in crypto:
        raise ValueError("it is the key of a validator (EIP-2335, BLS), which signs blocks and no transactions")
    if version != 3:
        raise ValueError(f"it is of version {str(version)[:16]!r} and not 3")
    if crypto.get("cipher") != "aes-128-ctr":
        raise ValueError(f"its cipher is {str(crypto.get('cipher'))[:16]!r} and not 'aes-128-ctr'")
    params = crypto.get("kdfparams")
    names = {"scrypt": ("n", "r", "p"), "pbkdf2": ("c",)}.get(str(crypto.get("kdf")))
    if names is None or not isinstance(params, dict):
        raise ValueError("its kdf is neither 'scrypt' nor 'pbkdf2' with 'kdfparams'")
    for name in (*names, "dklen"):
        number = params.get(name)
        if not isinstance(number, int) or isinstance(number, bool) or number < 1:
            raise ValueError(f"its {name} is {str(number)[:32]!r} and no whole number from 1 on")
    if params["dklen"] != 32:
        raise ValueError(f"its dklen is {str(params['dklen'])[:32]} and not 32")
    if names == ("c",):
        if params["c"] > _ROUNDS:
            raise ValueError(f"it asks for {params['c']:,} rounds of PBKDF2, and {_ROUNDS:,} are the most")
        if params.get("prf") != "hmac-sha256":
            raise ValueError(f"its prf is {str(params.get('prf'))[:16]!r} and not 'hmac-sha256'")
        return
    n, r, p = (params[name] for name in names)
    if 128 * n * r > _MEMORY or n * r * p > _STEPS or r * p > _LANES:
        asked = ", ".join(f"{name} {str(params[name])[:16]}" for name in names)
        raise ValueError(f"it asks for more of scrypt ({asked}) than any wallet: 1 GiB, or sixteen times what is usual")


def _refused(path: Path, reason: str) -> SignerError:
    return SignerError(
        f"{path} is not a key file: {reason}.", hint="It is the JSON that wallets export as keystore, version 3."
    )
