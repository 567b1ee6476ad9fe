"""Keys at rest: nothing in plain text, one account's keys are not another's, a recovery file is for any age tool."""

from __future__ import annotations

import errno
import os
import re
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import keyring
import pyrage
import pytest
from keyring.backend import KeyringBackend

from registry.errors import InputError, JournalError, WrongPassword
from registry.gated.identity import Identity
from registry.gated.key_store import FileKeys, Job, KeyringKeys, MemoryKeys, open_keys, read_recovery, write_recovery

ANN, BOB = "0x" + "Aa" * 20, "0x" + "Bb" * 20


class Wallet(KeyringBackend):
    """A keyring of a system, as far as the package uses it."""

    priority = 10  # type: ignore[assignment]

    def __init__(self) -> None:
        super().__init__()
        self.kept: dict[tuple[str, str], str] = {}

    def get_password(self, service: str, username: str) -> str | None:
        return self.kept.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        self.kept[service, username] = password

    def delete_password(self, service: str, username: str) -> None:
        del self.kept[service, username]


@pytest.fixture
def wallet() -> Wallet:
    before, made = keyring.get_keyring(), Wallet()
    keyring.set_keyring(made)
    yield made
    keyring.set_keyring(before)


def secrets_in(folder: Path, key: Identity) -> list[Path]:
    """The files that have the key in them, as text or as bytes."""
    needles = (key.reveal().encode(), key.secret_bytes(), key.secret_bytes().hex().encode())
    files = [path for path in folder.rglob("*") if path.is_file()]
    return [path for path in files if any(needle in path.read_bytes() for needle in needles)]


def test_a_folder_of_keys_opens_with_its_passphrase_only(tmp_path: Path) -> None:
    key = Identity.generate()
    FileKeys(tmp_path, lambda: "correct horse").put(ANN, key)
    assert FileKeys(tmp_path, lambda: "correct horse").get(ANN, key.recipient) == key
    assert FileKeys(tmp_path, lambda: "correct horse").get(BOB, key.recipient) is None
    assert secrets_in(tmp_path, key) == []
    with pytest.raises(WrongPassword):
        FileKeys(tmp_path, lambda: "battery staple").get(ANN, key.recipient)
    with pytest.raises(InputError, match="need a passphrase"):
        FileKeys(tmp_path, lambda: None).get(ANN, key.recipient)
    kept = FileKeys(tmp_path, lambda: None)
    kept.put(BOB, key)  # keeping one needs no passphrase
    assert kept.clear(ANN) == 1
    assert kept.clear() == 1
    assert [path for path in tmp_path.iterdir() if path.stat().st_mode & 0o077] == []


def test_the_keyring_of_the_system_has_them_and_the_disk_does_not(tmp_path: Path, wallet: Wallet) -> None:
    key, other = Identity.generate(), Identity.generate()
    keys = open_keys(tmp_path)
    assert isinstance(keys, KeyringKeys)
    keys.put(ANN, key)
    keys.put(BOB, other)
    assert keys.get(ANN, key.recipient) == key
    assert keys.get(BOB, key.recipient) is None
    assert secrets_in(tmp_path, key) == []
    assert keys.clear(ANN) == 1
    assert list(wallet.kept.values()) == [other.reveal()]
    assert keys.clear() == 1 and wallet.kept == {}


def test_where_keys_are_kept_can_be_chosen(tmp_path: Path, wallet: Wallet, monkeypatch: pytest.MonkeyPatch) -> None:
    assert isinstance(open_keys(None), MemoryKeys)
    monkeypatch.setenv("REGISTRY_KEYS_PASSPHRASE", "correct horse")
    assert isinstance(open_keys(tmp_path), FileKeys)
    monkeypatch.setenv("REGISTRY_KEYS", "keyring")
    assert isinstance(open_keys(tmp_path), KeyringKeys)
    monkeypatch.setenv("REGISTRY_KEYS", "memory")
    assert isinstance(open_keys(tmp_path), MemoryKeys)
    monkeypatch.setenv("REGISTRY_KEYS", "paper")
    with pytest.raises(InputError, match="paper"):
        open_keys(tmp_path)


def test_who_is_asked_for_the_passphrase_is_not_passed_over_for_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REGISTRY_KEYS", "file")
    monkeypatch.setenv("REGISTRY_KEYS_PASSPHRASE", "what the environment says")
    asked, told = (open_keys(tmp_path / name, ask) for name, ask in (("a", lambda: "what I say"), ("b", None)))
    for keys, right in ((asked, "what I say"), (told, "what the environment says")):
        assert isinstance(keys, FileKeys) and keys._passphrase() == right


def test_a_recovery_file_is_an_age_file_of_an_age_identity(tmp_path: Path) -> None:
    key, place = Identity.generate(), tmp_path / "recovery.age"
    write_recovery(place, key, "correct horse")
    text = pyrage.passphrase.decrypt(place.read_bytes(), "correct horse").decode()
    assert text.splitlines()[-1] == key.reveal()
    assert read_recovery(place, "correct horse") == key
    with pytest.raises(WrongPassword):
        read_recovery(place, "battery staple")
    with pytest.raises(InputError, match="exists already"):
        write_recovery(place, key, "correct horse")
    with pytest.raises(InputError, match="empty"):
        write_recovery(tmp_path / "other.age", key, "")
    with pytest.raises(InputError, match="cannot be read"):
        read_recovery(tmp_path / "nothing.age", "correct horse")


def test_a_job_that_was_killed_while_it_wrote_a_line_loses_that_line(tmp_path: Path) -> None:
    job = Job(tmp_path / "job.jsonl")
    job.begin("age1key")
    job["a.csv"] = ["cid", 1]
    with (tmp_path / "job.jsonl").open("a") as file:
        file.write('["b.csv", ["ci')
    again = Job(tmp_path / "job.jsonl")
    assert dict(again) == {"": "age1key", "a.csv": ["cid", 1]}
    again["c.csv"] = ["cid", 3]
    assert dict(Job(tmp_path / "job.jsonl")) == {"": "age1key", "a.csv": ["cid", 1], "c.csv": ["cid", 3]}


# --- Disks that are full, and several at once ----------------------------------------------------


def test_a_full_disk_is_an_error_of_ours_and_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kept, key = FileKeys(tmp_path, lambda: "correct horse"), Identity.generate()
    kept.put(ANN, key)
    before = sorted(tmp_path.iterdir())

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(JournalError, match="No space left"):
            kept.put(ANN, Identity.generate())
        with pytest.raises(JournalError, match="No space left"):
            kept.jobs.job("a").begin("x")
    assert sorted(path for path in tmp_path.iterdir() if path.name != "jobs") == before
    assert kept.get(ANN, key.recipient) == key


def test_what_a_killed_run_has_half_written_goes_after_a_while(tmp_path: Path) -> None:
    kept = FileKeys(tmp_path, lambda: "correct horse")
    kept.put(ANN, Identity.generate())
    new, old = tmp_path / f".a.age.{'0' * 16}", tmp_path / f".b.age.{'1' * 16}"
    for path, age in ((new, 60), (old, 3700)):
        path.write_bytes(b"")
        os.utime(path, (time.time() - age,) * 2)
    kept.put(ANN, Identity.generate())
    assert new.exists() and not old.exists()


def test_a_passphrase_is_right_on_a_machine_that_is_slow_for_a_moment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    key, place = Identity.generate(), tmp_path / "recovery.age"
    write_recovery(place, key, "correct horse")
    decrypt, refusals = pyrage.passphrase.decrypt, iter(range(2))

    def measured(data: bytes, passphrase: str) -> bytes:
        if next(refusals, None) is not None:
            raise pyrage.DecryptError("Excessive work parameter for passphrase.")
        return bytes(decrypt(data, passphrase))

    monkeypatch.setattr(pyrage.passphrase, "decrypt", measured)
    assert read_recovery(place, "correct horse") == key
    assert next(refusals, None) is None


def test_a_file_that_asks_for_hours_of_work_is_refused_at_once_and_not_for_its_passphrase(tmp_path: Path) -> None:
    place = tmp_path / "recovery.age"
    write_recovery(place, Identity.generate(), "correct horse")
    place.write_bytes(re.sub(rb"(-> scrypt \S+) \d+", rb"\1 40", place.read_bytes(), count=1))
    with pytest.raises(InputError, match="more work"):
        read_recovery(place, "correct horse")


def test_a_recovery_file_takes_nothing_from_the_folder_that_it_is_written_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pyrage.passphrase, "encrypt", lambda text, _: text)  # it takes a second, and shows nothing here
    own = tmp_path / ".settings-of-my-own-notes"
    parts = [own, tmp_path / f".notes-{'a' * 16}", tmp_path / f".notes.{'a' * 16}"]
    for path in parts:
        path.write_text("mine")
        os.utime(path, (0, 0))
    write_recovery(tmp_path / "key.age", Identity.generate(), "correct horse")
    assert all(path.read_text() == "mine" for path in parts)


def test_a_line_that_a_killed_run_has_half_written_hides_no_other(tmp_path: Path) -> None:
    file = tmp_path / "a.jsonl"
    job = Job(file)
    job["one"] = 1
    with file.open("a") as half:
        half.write('["two", ')
    job["three"] = 3
    assert dict(Job(file)) == {"one": 1, "three": 3}


def test_several_that_begin_to_keep_keys_at_once_share_one_passphrase_file(tmp_path: Path) -> None:
    together, keys = threading.Barrier(3), [Identity.generate() for _ in range(3)]

    def put(key: Identity) -> None:
        kept = FileKeys(tmp_path, lambda: "correct horse")
        together.wait(timeout=30)
        kept.put(ANN, key)

    with ThreadPoolExecutor(3) as pool:
        list(pool.map(put, keys))
    again = FileKeys(tmp_path, lambda: "correct horse")
    assert [again.get(ANN, key.recipient) for key in keys] == keys


def test_who_does_a_job_alone_sees_what_others_have_noted_before(tmp_path: Path) -> None:
    first, second = Job(tmp_path / "a.jsonl"), Job(tmp_path / "a.jsonl")
    with first.alone():
        first["done"] = 1
    assert "done" not in second
    with second.alone():
        assert second["done"] == 1
