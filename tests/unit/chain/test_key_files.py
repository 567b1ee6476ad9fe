"""Key files as clients and wallets write them: what opens, and what is refused in a sentence before it is tried."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from eth_account import Account
from hypothesis import given
from hypothesis import strategies as st

from registry.chain.key_files import decrypted, read_key_file
from registry.chain.signers import KeySigner, as_signer
from registry.errors import RegistryError, SignerError, WrongPassword

KEY = "0x" + "4c" * 32
ADDRESS = KeySigner(KEY).address
SCRYPT = json.loads(json.dumps(Account.encrypt(KEY, "pässword", kdf="scrypt", iterations=2)))
PBKDF2 = json.loads(json.dumps(Account.encrypt(KEY, "pässword", kdf="pbkdf2", iterations=2)))


def renamed(names: dict[str, str], value: Any) -> Any:
    """The same with other names of fields."""
    if not isinstance(value, dict):
        return value
    return {names.get(name, name): renamed(names, part) for name, part in value.items()}


def without(name: str, value: dict[str, Any]) -> dict[str, Any]:
    return {key: part for key, part in value.items() if key != name}


def crypto(change: dict[str, Any], of: dict[str, Any] = SCRYPT) -> dict[str, Any]:
    return {**of, "crypto": {**of["crypto"], **change}}


def params(of: dict[str, Any] = SCRYPT, **change: Any) -> dict[str, Any]:
    return crypto({"kdfparams": {**of["crypto"]["kdfparams"], **change}}, of)


BARE = ADDRESS[2:].lower()
# What each writes beside the fields of all, and how.
WRITTEN: dict[str, Any] = {
    "geth": {**SCRYPT, "address": BARE},
    "geth, light": {**SCRYPT, "address": BARE, "id": "c8f1d3ba-0000-4000-8000-000000000000"},
    "nethermind": renamed(
        {"crypto": "Crypto", "kdfparams": "KDFParams", "version": "Version"}, {**SCRYPT, "address": ADDRESS}
    ),
    "besu and web3signer, by web3j": {**SCRYPT, "address": BARE},
    "parity": {**PBKDF2, "address": BARE, "name": "mine", "meta": "{}"},
    "ethers": {
        **renamed({"crypto": "Crypto"}, SCRYPT),
        "address": BARE,
        "x-ethers": {"client": "ethers.js", "gethFilename": "UTC--2026", "mnemonicCounter": "00", "version": "0.1"},
    },
    "MyEtherWallet": {**renamed({"crypto": "Crypto"}, SCRYPT), "address": BARE.upper()},
    "0x before the address": {**SCRYPT, "address": "0x" + BARE},
    "0X before the address": {**SCRYPT, "address": "0X" + BARE.upper()},
    "without an address": without("address", SCRYPT),
    "an empty address": {**SCRYPT, "address": ""},
    "0x before all digits": crypto({name: "0x" + SCRYPT["crypto"][name] for name in ("ciphertext", "mac")}),
    "digits in upper case": crypto({name: SCRYPT["crypto"][name].upper() for name in ("ciphertext", "mac")}),
}


@pytest.fixture
def write(tmp_path: Path) -> Callable[[Any], Path]:
    def write(content: Any) -> Path:
        path = tmp_path / "key.json"
        path.write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode())
        return path

    return write


@pytest.mark.parametrize("client", WRITTEN)
def test_a_key_file_opens_whoever_wrote_it(write: Callable[[Any], Path], client: str) -> None:
    path = write(WRITTEN[client])
    assert KeySigner.from_keyfile(path, "pässword").address == ADDRESS
    with pytest.raises(WrongPassword, match=r"key\.json"):
        KeySigner.from_keyfile(path, "password")


def test_a_file_with_the_mark_of_windows_in_front_opens(write: Callable[[Any], Path]) -> None:
    assert KeySigner.from_keyfile(write(b"\xef\xbb\xbf" + json.dumps(SCRYPT).encode()), "pässword").address == ADDRESS


@pytest.mark.parametrize("text", [KEY, KEY[2:], KEY.upper().replace("X", "x") + "\r\n", f" {KEY}\n"])
def test_a_file_of_a_key_alone_needs_no_password(
    write: Callable[[Any], Path], text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As Besu keeps that of a node, and ``geth account import`` takes it."""
    monkeypatch.delenv("REGISTRY_PASSWORD", raising=False)
    opened = as_signer(write(text.encode()))
    assert opened is not None and opened.address == ADDRESS


VALIDATOR = {
    "crypto": {
        "kdf": {
            "function": "pbkdf2",
            "params": {"dklen": 32, "c": 2, "prf": "hmac-sha256", "salt": "00"},
            "message": "",
        },
        "checksum": {"function": "sha256", "params": {}, "message": "00"},
        "cipher": {"function": "aes-128-ctr", "params": {"iv": "00"}, "message": "00"},
    },
    "pubkey": "9612",
    "path": "m/12381/60/0/0",
    "version": 4,
}
REFUSED: dict[str, tuple[Any, str]] = {
    "lighthouse, teku, prysm": (VALIDATOR, "EIP-2335"),
    "a validator's that says 3": ({**VALIDATOR, "version": 3}, "EIP-2335"),
    "geth of 2014": ({**SCRYPT, "version": "1"}, "version '1' and not 3"),
    "no version": (without("version", SCRYPT), "version 'None'"),
    "the sale of 2014": ({"encseed": "00", "ethaddr": BARE, "bkp": ""}, "no 'crypto'"),
    "aes-128-cbc": (crypto({"cipher": "aes-128-cbc"}), "'aes-128-cbc' and not 'aes-128-ctr'"),
    "argon2": (crypto({"kdf": "argon2id"}), "neither 'scrypt' nor 'pbkdf2'"),
    "no kdf": ({**SCRYPT, "crypto": {"cipher": "aes-128-ctr"}}, "neither 'scrypt' nor 'pbkdf2'"),
    "scrypt of 64 GiB": (params(n=2**26), "than any wallet"),
    "scrypt of a whole number of 1,000 digits": (params(n=10**1_000), "than any wallet"),
    "scrypt of wide blocks": (params(r=2**20), "than any wallet"),
    "scrypt of many lanes": (params(p=2**20), "than any wallet"),
    "scrypt of an hour": (params(n=2**20, r=1, p=64), "than any wallet"),
    "scrypt of n that is no power of 2": (params(n=3), "power of 2"),
    "scrypt of n as text": (params(n="262144"), "its n is '262144'"),
    "scrypt of no n": (params(n=0), "its n is '0'"),
    "scrypt of true": (params(r=True), "its r is 'True'"),
    "a derived key of 2 GiB": (params(dklen=2**31), "dklen is 2147483648 and not 32"),
    "rounds for a day": (params(PBKDF2, c=10**10), "10,000,000 are the most"),
    "rounds of another hash": (params(PBKDF2, prf="hmac-sha1"), "'hmac-sha1' and not 'hmac-sha256'"),
    "a salt that is no hexadecimal": (params(salt="salt"), "not a key file"),
    "no salt": (crypto({"kdfparams": without("salt", SCRYPT["crypto"]["kdfparams"])}), "salt"),
    "no mac": ({**SCRYPT, "crypto": without("mac", SCRYPT["crypto"])}, "mac"),
    "the address of somebody else": ({**SCRYPT, "address": "11" * 20}, "the key of another account"),
    "a file of megabytes": (b"{" + b" " * 2**17, "more than 65536 bytes"),
    "brackets without end": (b"[" * 60_000, "nested deeper"),
    "a key and something else": (f"{KEY} {KEY}".encode(), "not a key file"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_would_open_as_another_key_or_never_is_refused_in_a_sentence(
    write: Callable[[Any], Path], what: str
) -> None:
    content, told = REFUSED[what]
    with pytest.raises(SignerError, match=told) as caught:
        KeySigner.from_keyfile(write(content), "pässword")
    assert not isinstance(caught.value, WrongPassword)
    assert KEY[2:] not in str(caught.value) and len(str(caught.value)) < 500


def test_a_folder_is_no_key_file(tmp_path: Path) -> None:
    with pytest.raises(SignerError, match="directory"):
        KeySigner.from_keyfile(tmp_path, "x")


@given(st.data())
def test_a_key_file_spoilt_anywhere_is_refused_by_an_error_of_ours(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    content: Any = copy.deepcopy(data.draw(st.sampled_from([SCRYPT, PBKDF2])))
    place = content
    while True:
        name = data.draw(st.sampled_from(sorted(place)))
        if not isinstance(place[name], dict) or data.draw(st.booleans()):
            break
        place = place[name]
    odd = st.none() | st.booleans() | st.integers(-2, 9) | st.text(max_size=4) | st.lists(st.integers(), max_size=2)
    place[name] = data.draw(odd | st.dictionaries(st.text(max_size=3), st.integers(), max_size=2))
    path = tmp_path_factory.getbasetemp() / "spoilt.json"
    path.write_text(json.dumps(content))
    try:
        read = read_key_file(path)
        assert isinstance(read, dict) and decrypted(path, read, "pässword").hex() == KEY[2:]
    except RegistryError:
        pass
