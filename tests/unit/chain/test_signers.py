"""Keys and key files: what opens, what is refused, and that no key ever shows."""

from __future__ import annotations

import json
import pickle
from pathlib import Path
from typing import Any

import pytest
from eth_account import Account
from eth_account.messages import encode_typed_data
from hypothesis import given
from hypothesis import strategies as st

from registry.chain.signers import ApeSigner, KeySigner, Signer, as_signer, dev_signer
from registry.errors import CannotSignTypedData, InputError, SignerError, UnknownAccount, WrongPassword

KEY = "0x" + "4c" * 32
TX = {
    "to": "0x" + "11" * 20,
    "value": 1,
    "data": "0x",
    "nonce": 3,
    "gas": 21_000,
    "chainId": 1337,
    "maxFeePerGas": 10**9,
    "maxPriorityFeePerGas": 1,
    "type": 2,
}
MESSAGE = {
    "types": {"EIP712Domain": [{"name": "name", "type": "string"}], "Word": [{"name": "text", "type": "string"}]},
    "primaryType": "Word",
    "domain": {"name": "registry"},
    "message": {"text": "yes"},
}


@pytest.fixture(scope="module")
def keyfile(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("keys") / "author.json"
    path.write_text(json.dumps(Account.encrypt(KEY, "right", kdf="pbkdf2", iterations=2)))
    return path


def test_a_key_signs_transactions_and_typed_data() -> None:
    signer = KeySigner(KEY)
    assert Account.recover_transaction(signer.sign_transaction(TX)) == signer.address
    signature = signer.sign_typed_data(MESSAGE)
    assert len(signature) == 65
    assert Account.recover_message(encode_typed_data(full_message=MESSAGE), signature=signature) == signer.address


def test_the_dev_accounts_are_those_of_the_standard_mnemonic() -> None:
    assert dev_signer(0).address == "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266"
    assert dev_signer(9).address == "0xa0Ee7A142d267C1f36714E4a8F75612F20a79720"
    with pytest.raises(UnknownAccount):
        dev_signer(10)


def test_no_key_is_shown_or_pickled() -> None:
    signer = KeySigner(KEY)
    assert KEY[2:] not in repr(signer) + str(signer)
    with pytest.raises(TypeError):
        pickle.dumps(signer)


@given(st.text(alphabet="0123456789abcdef", min_size=32, max_size=80).filter(lambda digits: len(digits) != 64))
def test_a_mistyped_key_is_refused_without_being_echoed(digits: str) -> None:
    with pytest.raises(InputError) as caught:
        as_signer("0x" + digits)
    assert digits not in str(caught.value)


@pytest.mark.parametrize("key", ["0x" + "00" * 32, "0x" + "ff" * 32])
def test_a_number_outside_the_curve_is_no_key(key: str) -> None:
    with pytest.raises(InputError) as caught:
        as_signer(key)
    assert key not in str(caught.value)


def test_a_key_file_opens_with_its_password(keyfile: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = KeySigner(KEY).address
    for signer in (as_signer(keyfile, password="right"), as_signer(str(keyfile), password="right")):
        assert isinstance(signer, KeySigner)
        assert signer.address == expected
    monkeypatch.setenv("REGISTRY_PASSWORD", "right")
    opened = as_signer(keyfile)
    assert opened is not None
    assert opened.address == expected


def test_a_wrong_password_is_refused_and_names_the_file(keyfile: Path) -> None:
    before = keyfile.read_bytes()
    with pytest.raises(WrongPassword, match=r"author\.json"):
        KeySigner.from_keyfile(keyfile, "wrong")
    assert keyfile.read_bytes() == before


def test_a_missing_password_says_where_to_put_it(keyfile: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("REGISTRY_PASSWORD", raising=False)
    with pytest.raises(SignerError, match="REGISTRY_PASSWORD"):
        as_signer(keyfile)


def test_a_missing_file_is_an_unknown_account(tmp_path: Path) -> None:
    with pytest.raises(UnknownAccount):
        as_signer(tmp_path / "nobody.json", password="x")
    with pytest.raises(UnknownAccount):
        KeySigner.from_keyfile(tmp_path / "nobody.json", "x")


@pytest.mark.parametrize(
    "content",
    ["", "{", "[]", "{}", '{"crypto": {}}', '{"crypto": {"kdf": "x"}, "version": 3}', '{"crypto": 1}', "\x00"],
)
def test_what_is_no_key_file_is_refused(tmp_path: Path, content: str) -> None:
    path = tmp_path / "odd.json"
    path.write_text(content)
    with pytest.raises(SignerError, match=r"odd\.json"):
        KeySigner.from_keyfile(path, "x")


@pytest.mark.parametrize("damage", ["mac", "ciphertext"])
def test_a_damaged_key_file_does_not_open(tmp_path: Path, keyfile: Path, damage: str) -> None:
    content = json.loads(keyfile.read_text())
    content["crypto"][damage] = "00" * 32
    path = tmp_path / "damaged.json"
    path.write_text(json.dumps(content))
    with pytest.raises(SignerError):
        KeySigner.from_keyfile(path, "right")


def test_other_accounts_become_signers_and_nothing_stays_nothing() -> None:
    local = as_signer(Account.from_key(KEY))
    assert isinstance(local, KeySigner)
    assert local.address == KeySigner(KEY).address
    assert as_signer(None) is None
    signer = dev_signer(1)
    assert as_signer(signer) is signer
    assert isinstance(signer, Signer)
    assert as_signer(KEY[2:]) is not None
    with pytest.raises(InputError, match="int"):
        as_signer(7)


def test_an_account_of_ape_signs_like_the_same_key() -> None:
    from ape import accounts

    account = accounts.test_accounts[0]
    signer = as_signer(account)
    assert isinstance(signer, ApeSigner)
    same = dev_signer(0)
    assert signer.address == same.address
    assert signer.sign_transaction(TX) == same.sign_transaction(TX)
    assert signer.sign_typed_data(MESSAGE) == same.sign_typed_data(MESSAGE)
    legacy = {key: value for key, value in TX.items() if "Fee" not in key and key != "type"} | {"gasPrice": 10**9}
    assert Account.recover_transaction(signer.sign_transaction(legacy)) == same.address


@pytest.fixture
def kept(tmp_path: Path) -> Any:
    """An account as ``ape accounts import`` keeps it, with its password in the environment."""
    from ape_accounts.accounts import KeyfileAccount

    path = tmp_path / "ann.json"
    path.write_text(json.dumps(Account.encrypt(KEY, "pässword", kdf="pbkdf2", iterations=2)))
    return KeyfileAccount(keyfile_path=path)


def test_an_unlocked_account_of_ape_signs_all_that_its_key_does(kept: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("APE_ACCOUNTS_ann_PASSPHRASE", "pässword")
    kept.unlock()
    kept.set_autosign(True)
    signer, same = as_signer(kept), KeySigner(KEY)
    assert isinstance(signer, ApeSigner) and signer.address == same.address
    assert signer.sign_transaction(TX) == same.sign_transaction(TX)
    assert signer.sign_typed_data(MESSAGE) == same.sign_typed_data(MESSAGE)
    assert signer.sign_text(b"hello") == same.sign_text(b"hello")


@pytest.mark.parametrize("act", ["sign_transaction", "sign_typed_data", "sign_text"])
def test_a_locked_account_that_nobody_can_unlock_is_an_error_of_ours(kept: Any, act: str) -> None:
    """There is no terminal to ask for the password."""
    signer = ApeSigner(kept)
    argument = {"sign_transaction": TX, "sign_typed_data": MESSAGE, "sign_text": b"hello"}[act]
    with pytest.raises(SignerError, match=f"{KeySigner(KEY).address} did not sign the"):
        getattr(signer, act)(argument)


class Device:
    """A hardware wallet as a plugin of ape has it; `answers` is what it raises at a message, None to decline."""

    address = KeySigner(KEY).address

    def __init__(self, answers: BaseException | None) -> None:
        self.answers = answers

    def sign_transaction(self, made: object) -> None:
        return None

    def sign_message(self, message: object) -> None:
        if self.answers is not None:
            raise self.answers


def test_a_device_that_knows_no_typed_data_says_so_by_a_kind_of_its_own() -> None:
    from ape.exceptions import APINotImplementedError

    answer: BaseException
    for answer in (NotImplementedError(), APINotImplementedError("sign_message")):
        signer = ApeSigner(Device(answer))
        with pytest.raises(CannotSignTypedData, match="EIP-712") as caught:
            signer.sign_typed_data(MESSAGE)
        assert isinstance(caught.value, SignerError) and isinstance(caught.value, NotImplementedError)
        with pytest.raises(SignerError, match="cannot sign messages"):
            signer.sign_text(b"hello")


def test_a_device_that_declines_or_breaks_off_is_an_error_of_ours() -> None:
    for answer, told in ((None, "declined"), (ConnectionError("the cable"), "ConnectionError the cable")):
        with pytest.raises(SignerError, match=f"did not sign the message: {told}"):
            ApeSigner(Device(answer)).sign_typed_data(MESSAGE)
    with pytest.raises(SignerError, match="did not sign the transaction: declined"):
        ApeSigner(Device(None)).sign_transaction(TX)
