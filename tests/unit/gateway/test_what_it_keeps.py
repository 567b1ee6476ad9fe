"""The files of a key gateway: keys under their lock, the audit log in its chain, backups, and rotation."""

from __future__ import annotations

import io
import pickle
import sqlite3
import tarfile
import time
from pathlib import Path
from typing import Any

import pyrage
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from shamir_mnemonic import generate_mnemonics

from registry.errors import InputError, JournalError, SignerError, UnknownAccount, WrongPassword
from registry.gateway import keys as module
from registry.gateway.audit_log import FIRST, AuditLog
from registry.gateway.backup import backup, restore
from registry.gateway.database import FILE, Database, StoredInvitation, StoredShare
from registry.gateway.keys import FILE as KEYS
from registry.gateway.keys import KeyLock, Keys, make_key_file, seal
from registry.gateway.rotation import rotate


@pytest.fixture
def key_file(tmp_path: Path) -> Path:
    make_key_file(tmp_path / "gateway.key")
    return tmp_path / "gateway.key"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "gateway").mkdir()
    return tmp_path / "gateway"


@pytest.fixture
def keys(folder: Path, key_file: Path) -> Keys:
    return Keys.make(folder / KEYS, KeyLock(key_file=key_file))


@pytest.fixture
def database(folder: Path) -> Any:
    made = Database(folder / FILE)
    yield made
    made.close()


def kept(keys: Keys, number: int = 1, text: bytes = b"a share") -> StoredShare:
    return StoredShare(f"did:{number}", 1, 0, 1, seal(text, keys.recipient), "0xowner", 1)


def test_what_is_noted_of_a_gateway_is_there_when_it_is_opened_again(folder: Path) -> None:
    for value in ("one", "another"):
        database = Database(folder / FILE)
        database.note("registry", value)
        database.close()
        database = Database(folder / FILE)
        assert (database.fact("registry"), database.fact("chain")) == (value, None)
        database.close()


# --- Keys ----------------------------------------------------------------------------------------


def test_keys_open_with_their_lock_only(folder: Path, keys: Keys, key_file: Path, tmp_path: Path) -> None:
    again = Keys.open(folder / KEYS, KeyLock(key_file=key_file))
    assert (again.recipient, again.address) == (keys.recipient, keys.address)
    make_key_file(tmp_path / "other.key")
    for wrong in (KeyLock(key_file=tmp_path / "other.key"), KeyLock(passphrase="not the passphrase")):
        with pytest.raises(WrongPassword):
            Keys.open(folder / KEYS, wrong)


def test_a_passphrase_locks_them_too(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = Keys.make(folder / KEYS, KeyLock(passphrase="correct horse battery"))
    content = (folder / KEYS).read_bytes()
    assert content.startswith(b"age-encryption.org/v1\n-> scrypt ")
    assert Keys.open(folder / KEYS, KeyLock(passphrase="correct horse battery")).address == made.address


def test_only_their_owner_can_read_the_files(folder: Path, keys: Keys, key_file: Path, database: Database) -> None:
    for path in (key_file, folder / KEYS, folder / FILE):
        assert path.stat().st_mode & 0o077 == 0, path
    assert keys._secret.encode() not in (folder / KEYS).read_bytes()


def test_keys_do_not_show(keys: Keys) -> None:
    for text in (repr(keys), str(keys), repr(keys.signer)):
        assert keys._secret[2:] not in text and "SECRET" not in text
    with pytest.raises(TypeError):
        pickle.dumps(keys)


@pytest.mark.parametrize("content", [b"", b"nonsense", b"age-encryption.org/v1\n"])
def test_damaged_keys_are_told_without_quoting_them(
    folder: Path, key_file: Path, content: bytes, tmp_path: Path
) -> None:
    lock = KeyLock(key_file=key_file)
    with pytest.raises(UnknownAccount):
        Keys.open(folder / KEYS, lock)
    (folder / KEYS).write_bytes(content)
    with pytest.raises((SignerError, WrongPassword)):
        Keys.open(folder / KEYS, lock)
    (folder / KEYS).write_bytes(lock.seal(b'{"identities": ["AGE-SECRET-KEY-1X"], "signer": "0x11"}'))
    with pytest.raises(SignerError) as told:
        Keys.open(folder / KEYS, lock)
    assert "SECRET" not in str(told.value) and "0x11" not in str(told.value)


def test_a_lock_is_one_thing_that_cannot_be_guessed(folder: Path, key_file: Path, tmp_path: Path) -> None:
    for both in ({}, {"passphrase": "x", "key_file": key_file}):
        with pytest.raises(InputError):
            KeyLock(**both)  # type: ignore[arg-type]
    with pytest.raises(InputError, match="guessed"):
        Keys.make(folder / KEYS, KeyLock(passphrase="short"))
    assert not (folder / KEYS).exists()
    with pytest.raises(InputError):
        make_key_file(key_file)
    (tmp_path / "empty.key").write_text("nothing")
    with pytest.raises(SignerError):
        KeyLock(key_file=tmp_path / "empty.key")
    with pytest.raises(UnknownAccount):
        KeyLock(key_file=tmp_path / "none.key")


def test_keys_are_not_made_twice(folder: Path, keys: Keys, key_file: Path) -> None:
    with pytest.raises(InputError):
        Keys.make(folder / KEYS, KeyLock(key_file=key_file))


# --- Rotation ------------------------------------------------------------------------------------


def test_a_rotation_seals_all_shares_to_a_new_identity(
    folder: Path, keys: Keys, database: Database, key_file: Path
) -> None:
    before, late = keys.recipient, seal(b"late", keys.recipient)
    for number in range(3):
        database.put_share(kept(keys, number))
    assert rotate(folder, keys) == 3
    assert keys.recipient != before
    newest = pyrage.x25519.Identity.from_str(str(keys._identities[0]))
    for share in database.shares():
        assert pyrage.decrypt(share.sealed.encode(), [newest]) == b"a share"
    again = Keys.open(folder / KEYS, KeyLock(key_file=key_file))
    assert again.open_share(late) == b"late", "a deposit that was on the way"
    rotate(folder, again)
    with pytest.raises(InputError):
        again.open_share(late)
    assert AuditLog(database).verify()[0] == 2


def test_a_rotation_killed_between_keys_and_shares_loses_nothing(
    folder: Path, keys: Keys, database: Database, key_file: Path
) -> None:
    database.put_share(kept(keys))
    keys.add_identity()  # and the process ends
    again = Keys.open(folder / KEYS, KeyLock(key_file=key_file))
    for _ in range(2):
        rotate(folder, again)
        assert again.open_share(database.shares()[0].sealed) == b"a share"


# --- Audit log -----------------------------------------------------------------------------------


def test_the_log_is_a_chain_that_a_noted_hash_can_be_found_in(database: Database) -> None:
    log = AuditLog(database)
    assert log.verify() == (0, FIRST)
    log.write("release", did="did:1", account="0x1", nothing=None)
    noted = log.head[1]
    log.write("refuse", did="did:1", code="no_access")
    assert AuditLog(database).verify(known=noted) == (2, log.head[1])
    assert [(one["number"], one["event"]) for one in log.entries()] == [(1, "release"), (2, "refuse")]
    assert [one["number"] for one in log.entries(last=1)] == [2]
    assert "nothing" not in next(log.entries())
    with pytest.raises(JournalError):
        log.verify(known="0" * 63 + "1")


def test_what_is_written_with_something_that_fails_is_not_written(database: Database) -> None:
    log = AuditLog(database)
    log.write("start")
    with pytest.raises(RuntimeError), database.writing():
        log.write("release")
        raise RuntimeError
    log.write("stop")
    assert [one["event"] for one in log.entries()] == ["start", "stop"]
    assert log.verify() == log.head


@settings(max_examples=40, deadline=None)
@given(data=st.data(), length=st.integers(1, 8))
def test_no_entry_can_be_changed_left_out_added_or_moved_unnoticed(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject, length: int
) -> None:
    database = Database(tmp_path_factory.mktemp("log") / FILE)
    try:
        log = AuditLog(database)
        for number in range(length):
            log.write("release", did=f"did:{number}")
        count, head = log.verify()
        at = data.draw(st.integers(1, length))
        change = data.draw(st.sampled_from(["text", "hash", "gone", "twice", "moved"]))
        if change == "text":
            database.run("UPDATE audit SET entry = replace(entry, 'release', 'refuse') WHERE number = ?", at)
        elif change == "hash":
            database.run("UPDATE audit SET hash = ? WHERE number = ?", "0" * 64, at)
        elif change == "gone":
            database.run("DELETE FROM audit WHERE number = ?", at)
        elif change == "twice":
            database.run("INSERT INTO audit SELECT ?, entry, hash FROM audit WHERE number = ?", length + 1, at)
        else:
            database.run("UPDATE audit SET number = number + 100 WHERE number = ?", at)
        with pytest.raises(JournalError):
            # Whoever cuts the end off is found out by the hash that was noted.
            AuditLog(database).verify(known=head)
        assert count == length
    finally:
        database.close()


# --- Backups -------------------------------------------------------------------------------------


def test_a_backup_of_a_gateway_in_use_is_restored_whole(
    folder: Path, keys: Keys, database: Database, key_file: Path, tmp_path: Path
) -> None:
    database.put_share(kept(keys))
    log = AuditLog(database)
    log.write("deposit", did="did:1")
    assert backup(folder, tmp_path / "copy.tar") == log.head
    log.write("release", did="did:1")
    assert restore(tmp_path / "copy.tar", tmp_path / "new")[0] == 1
    copy = Database(tmp_path / "new" / FILE)
    again = Keys.open(tmp_path / "new" / KEYS, KeyLock(key_file=key_file))
    assert again.open_share(copy.shares()[0].sealed) == b"a share"
    copy.close()
    # Whoever has the backup and no more has neither a share nor a key, in it or restored from it.
    assert (tmp_path / "copy.tar").stat().st_mode & 0o077 == 0
    make_key_file(tmp_path / "guess.key")
    files = [tmp_path / "copy.tar", *(path for path in (tmp_path / "new").rglob("*") if path.is_file())]
    for secret in (keys._secret.encode(), b"a share", key_file.read_bytes().strip()):
        assert not [path for path in files if secret in path.read_bytes()]
    with pytest.raises(WrongPassword):
        Keys.open(tmp_path / "new" / KEYS, KeyLock(key_file=tmp_path / "guess.key"))


def test_whoever_finds_a_backup_learns_no_share_and_no_key(
    folder: Path, keys: Keys, database: Database, tmp_path: Path
) -> None:
    """Not from the archive, nor from a gateway that is made of it, without the key file or the passphrase."""
    [share] = generate_mnemonics(1, [(1, 1)], b"\7" * 32, iteration_exponent=0)[0]
    database.put_share(kept(keys, text=share.encode()))
    keys.add_identity()
    backup(folder, tmp_path / "copy.tar")
    restore(tmp_path / "copy.tar", tmp_path / "found")
    secrets = [share, keys._secret[2:], *(str(one) for one in keys._identities)]
    secrets += [share.partition(" ")[2], *(str(one).lower() for one in keys._identities)]
    for path in (tmp_path / "copy.tar", *(tmp_path / "found").iterdir()):
        assert not [secret for secret in secrets if secret.encode() in path.read_bytes()], path
    make_key_file(tmp_path / "guess.key")
    for lock in (KeyLock(key_file=tmp_path / "guess.key"), KeyLock(passphrase="correct horse battery")):
        with pytest.raises(WrongPassword):
            Keys.open(tmp_path / "found" / KEYS, lock)
    copy = Database(tmp_path / "found" / FILE)
    [sealed] = copy.shares()
    copy.close()
    with pytest.raises(pyrage.DecryptError):
        pyrage.decrypt(sealed.sealed.encode(), [pyrage.x25519.Identity.generate()])
    assert keys.open_share(sealed.sealed).decode() == share


def test_nothing_is_written_over(folder: Path, keys: Keys, database: Database, tmp_path: Path) -> None:
    backup(folder, tmp_path / "copy.tar")
    with pytest.raises(InputError):
        backup(folder, tmp_path / "copy.tar")
    with pytest.raises(InputError):
        restore(tmp_path / "copy.tar", folder)
    with pytest.raises(InputError):
        backup(tmp_path / "none", tmp_path / "other.tar")


def test_a_damaged_backup_restores_nothing(folder: Path, keys: Keys, database: Database, tmp_path: Path) -> None:
    for number in range(20):
        database.put_share(kept(keys, number))
    AuditLog(database).write("start")
    backup(folder, tmp_path / "copy.tar")
    whole = (tmp_path / "copy.tar").read_bytes()
    at = whole.index(b"SQLite format 3") + 5000
    faults = {
        "a byte": whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :],
        "its end": whole[: len(whole) // 2],
        "all": b"not an archive",
    }
    for name, data in faults.items():
        (tmp_path / "bad.tar").write_bytes(data)
        with pytest.raises((InputError, JournalError)):
            restore(tmp_path / "bad.tar", tmp_path / name)
        assert not list((tmp_path / name).iterdir())


def archive_of(place: Path, parts: dict[str, bytes], *, mode: str = "w", sparse: int = 0) -> Path:
    """A file as somebody could write it who keeps the backups of others."""
    with tarfile.open(place, mode=mode) as archive:  # type: ignore[call-overload]
        for name, data in parts.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            if sparse and name == FILE:
                entry.pax_headers = {
                    "GNU.sparse.major": "0",
                    "GNU.sparse.minor": "1",
                    "GNU.sparse.size": str(sparse),
                    "GNU.sparse.map": f"{sparse - len(data)},{len(data)}",
                    "GNU.sparse.numblocks": "1",
                }
            archive.addfile(entry, io.BytesIO(data))
    return place


def test_a_backup_that_unpacks_to_more_than_it_is_fills_no_disk(
    folder: Path, keys: Keys, database: Database, tmp_path: Path
) -> None:
    AuditLog(database).write("start")
    backup(folder, tmp_path / "copy.tar")
    with tarfile.open(tmp_path / "copy.tar") as archive:
        parts = {one.name: archive.extractfile(one).read() for one in archive}  # type: ignore[union-attr]
    restore(archive_of(tmp_path / "same.tar", parts), tmp_path / "same")
    for number, bad in enumerate(
        (
            archive_of(tmp_path / "packed.tar", parts, mode="w:gz"),
            archive_of(tmp_path / "sparse.tar", parts, sparse=2**50),
            archive_of(tmp_path / "index.tar", {**parts, "backup.json": b"[" * 100_000}),
            archive_of(tmp_path / "large.tar", {**parts, "backup.json": b" " * 2**20 + b"{}"}),
            archive_of(tmp_path / "list.tar", {**parts, "backup.json": b'{"files": ["keys.age", "gateway.sqlite"]}'}),
            archive_of(
                tmp_path / "when.tar", {**parts, "backup.json": parts["backup.json"].replace(b'"at": ', b'"at": -0.')}
            ),
        )
    ):
        with pytest.raises(InputError, match="is not a backup"):
            restore(bad, tmp_path / str(number))
        assert not list((tmp_path / str(number)).iterdir())


def test_an_invitation_that_may_have_been_revoked_since_is_ended_by_restoring(
    folder: Path, keys: Keys, database: Database, tmp_path: Path
) -> None:
    """A backup has forgotten what was revoked since. What had started could not be."""
    now = int(time.time())
    for id, starts in (("running", now - 100), ("to come", now + 1000)):
        database.put_invitation(StoredInvitation(id, "did:1", "0xguest", starts, now + 5000, "0xowner", False))
    backup(folder, tmp_path / "copy.tar")
    database.revoke("to come")
    assert restore(tmp_path / "copy.tar", tmp_path / "new")[2] == 1
    copy = Database(tmp_path / "new" / FILE)
    assert [one.id for one in copy.invitations("did:1", "0xguest", now + 2000)] == ["running"]
    # Nor does whoever has it hand it in again.
    copy.put_invitation(StoredInvitation("to come", "did:1", "0xguest", now + 1000, now + 5000, "0xowner", False))
    assert copy.invitation("to come").revoked  # type: ignore[union-attr]
    copy.close()


# --- Database ------------------------------------------------------------------------------------


def test_a_file_of_another_format_or_none_at_all_is_not_touched(folder: Path) -> None:
    with sqlite3.connect(folder / FILE) as other:
        other.execute("PRAGMA user_version = 99")
    with pytest.raises(JournalError, match="format 99"):
        Database(folder / FILE)
    (folder / FILE).write_bytes(b"something else, and long enough to be looked at as a database" * 100)
    with pytest.raises(JournalError):
        Database(folder / FILE)


FORMAT_1 = """
CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE shares (asset TEXT NOT NULL, version INTEGER NOT NULL, number INTEGER NOT NULL, threshold INTEGER NOT NULL,
    sealed TEXT NOT NULL, depositor TEXT NOT NULL, stored INTEGER NOT NULL, PRIMARY KEY (asset, version)) WITHOUT ROWID;
CREATE TABLE invitations (id TEXT PRIMARY KEY, asset TEXT NOT NULL, account TEXT NOT NULL, starts INTEGER NOT NULL,
    ends INTEGER NOT NULL, owner TEXT NOT NULL, revoked INTEGER NOT NULL DEFAULT 0) WITHOUT ROWID;
CREATE TABLE nonces (nonce TEXT PRIMARY KEY, used_by TEXT NOT NULL, expires INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE uses (account TEXT NOT NULL, nonce TEXT NOT NULL, asset TEXT NOT NULL, licence INTEGER NOT NULL,
    version INTEGER NOT NULL, recipient TEXT NOT NULL, ref TEXT NOT NULL, state TEXT NOT NULL, block INTEGER,
    asked INTEGER NOT NULL, changed INTEGER NOT NULL, PRIMARY KEY (account, nonce)) WITHOUT ROWID;
CREATE TABLE audit (number INTEGER PRIMARY KEY, entry TEXT NOT NULL, hash TEXT NOT NULL);
INSERT INTO shares VALUES ('did:1', 1, 0, 2, 'sealed', '0xowner', 7), ('did:1', 2, 1, 2, 'later', '0xowner', 8);
INSERT INTO uses VALUES ('0xbuyer', '5', 'did:1', 0, 1, 'age1', 'ab', 'released', 12, 1, 2);
PRAGMA user_version = 1;
"""


def test_a_file_that_kept_one_share_of_a_version_is_brought_up_to_date(folder: Path) -> None:
    with sqlite3.connect(folder / FILE) as old:
        old.executescript(FORMAT_1)
    old.close()
    for _ in range(2):
        database = Database(folder / FILE)
        assert [(one.version, one.index, one.sealed) for one in database.shares()] == [
            (1, 0, "sealed"),
            (2, 1, "later"),
        ]
        assert database.rows("SELECT state, block, gas, sent FROM uses") == [("released", 12, 0, 0)]
        assert database.faults() == []
        database.put_share(database.shares()[0])
        database.close()
        with sqlite3.connect(folder / FILE) as new:
            new.execute("DELETE FROM shares WHERE id = (SELECT MAX(id) FROM shares)")
        new.close()


def test_used_nonces_are_forgotten_when_they_expire(database: Database) -> None:
    assert database.use_nonce("a", "first", 100, now=50) == "first"
    assert database.use_nonce("a", "second", 100, now=60) == "first"
    database.use_nonce("b", "third", 200, now=101)
    assert database.nonce_used_by("a") is None


def test_invitations_hold_from_their_start_to_their_end(database: Database) -> None:
    database.put_invitation(StoredInvitation("i", "did:1", "0xguest", 10, 20, "0xowner", False))
    found = [bool(database.invitations("did:1", "0xguest", now)) for now in (9, 10, 19, 20)]
    assert found == [False, True, True, False]
    database.revoke("i")
    database.put_invitation(StoredInvitation("i", "did:1", "0xguest", 10, 20, "0xowner", False))
    assert not database.invitations("did:1", "0xguest", 15)


def test_the_passphrase_has_a_variable_of_its_own() -> None:
    assert module.PASSPHRASE_VARIABLE == "REGISTRY_GATEWAY_PASSPHRASE"
