"""A gateway in one file, and back: its database, its keys as they lie (encrypted), and its journal."""

from __future__ import annotations

import hashlib
import io
import json
import os
import shutil
import sqlite3
import tarfile
import tempfile
import time
from contextlib import closing
from pathlib import Path
from typing import IO, Final

from registry.documents.canonical import parse_json
from registry.errors import InputError, JournalError, WouldOverwrite
from registry.gateway.audit_log import AuditLog
from registry.gateway.database import FILE as DATABASE
from registry.gateway.database import Database
from registry.gateway.keys import FILE as KEYS

_JOURNAL: Final = "journal.sqlite"
_INDEX: Final = "backup.json"
_INDEX_MAX: Final = 64 * 1024
_FORMAT: Final = 1


def backup(folder: Path, target: Path) -> tuple[int, str]:
    """Write the gateway in `folder`, also one that is serving, to the new file `target`.

    Returns the length and the last hash of the audit log. Nothing in it is readable that was not before: shares stay
    sealed and keys under their lock. Raises `InputError` if there is such a file, or no gateway.
    """
    require_gateway(folder)
    at = int(time.time())
    with tempfile.TemporaryDirectory(dir=folder) as made:
        parts = {name: Path(made) / name for name in (KEYS, DATABASE, _JOURNAL)}
        # Keys first: a rotation that runs meanwhile adds an identity before it seals a share to it.
        parts[KEYS].write_bytes((folder / KEYS).read_bytes())
        for name in (DATABASE, _JOURNAL):
            if (folder / name).exists():
                with closing(sqlite3.connect(folder / name)) as source, closing(sqlite3.connect(parts[name])) as copy:
                    source.backup(copy)
                    copy.execute("PRAGMA journal_mode = DELETE")
        head = _check(parts[DATABASE])
        present = {name: path for name, path in parts.items() if path.exists()}
        digests = {name: _digest(path) for name, path in present.items()}
        index = json.dumps({"format": _FORMAT, "at": at, "files": digests, "audit": head}, indent=1).encode()
        try:
            handle = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:
            raise WouldOverwrite(target, "") from None
        except OSError as error:
            raise InputError(f"{target} cannot be written: {error.strerror}.") from error
        with os.fdopen(handle, "wb") as file:
            with tarfile.open(fileobj=file, mode="w") as archive:
                _put(archive, _INDEX, index)
                for name, path in present.items():
                    archive.add(path, name)
            file.flush()
            os.fsync(file.fileno())
    return head


def restore(source: Path, folder: Path) -> tuple[int, str, int]:
    """Make the gateway in the file `source` anew in `folder`, which must not hold one.

    Returns the length and the last hash of the audit log, and how many invitations were ended: those that had not
    started when the backup was made, since their owners may have revoked them since. Raises `InputError` for a file
    that is no backup or a folder that is taken, `JournalError` for one that is damaged; then nothing is left behind.
    """
    if (folder / KEYS).exists() or (folder / DATABASE).exists():
        raise InputError(f"There is a gateway in {folder} already.", hint="Move it away first, or take another folder.")
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    with tempfile.TemporaryDirectory(dir=folder) as made:
        try:
            # Neither packed nor sparse: no part is larger than the file that it comes from.
            with tarfile.open(source, mode="r:") as archive:
                at, digests = _index(_part(archive, _INDEX))
                for name, digest in digests.items():
                    with (Path(made) / name).open("wb") as copy:
                        shutil.copyfileobj(_part(archive, name), copy)
                    if _digest(Path(made) / name) != digest:
                        raise JournalError(f"{name} in the backup {source} is damaged.", hint="Use another backup.")
        except OSError as error:
            raise InputError(f"{source} cannot be read: {error}.") from error
        except (tarfile.TarError, ValueError, KeyError, TypeError) as error:
            raise InputError(f"{source} is not a backup of a gateway: {error}.") from error
        head = _check(Path(made) / DATABASE)
        ended = _end_invitations(Path(made) / DATABASE, at)
        # The keys last: a folder without them is no gateway.
        for name in (DATABASE, _JOURNAL, KEYS):
            part = Path(made) / name
            if part.exists():
                part.chmod(0o600)
                part.replace(folder / name)
    return *head, ended


def require_gateway(folder: Path) -> None:
    """Raise `InputError` if there is no gateway in a folder."""
    if not (folder / KEYS).exists() or not (folder / DATABASE).exists():
        raise InputError(f"There is no gateway in {folder}.", hint="Make one with 'registry gateway init'.")


def _check(path: Path) -> tuple[int, str]:
    database = Database(path)
    try:
        if faults := database.faults():
            raise JournalError(f"The database is damaged: {faults[0]}.", hint="Use another backup.")
        head = AuditLog(database).verify()
        database.rows("PRAGMA journal_mode = DELETE")
        return head
    finally:
        database.close()


def _put(archive: tarfile.TarFile, name: str, data: bytes) -> None:
    entry = tarfile.TarInfo(name)
    entry.size, entry.mode = len(data), 0o600
    archive.addfile(entry, io.BytesIO(data))


def _part(archive: tarfile.TarFile, name: str) -> IO[bytes]:
    # Read by name: nothing is unpacked to where the archive says.
    member = archive.getmember(name)
    file = archive.extractfile(member) if member.isreg() and not member.issparse() else None
    if file is None:
        raise ValueError(f"{name} is not a file")
    return file


def _index(index: IO[bytes]) -> tuple[int, dict[str, str]]:
    """When a backup was made (0: it does not say), and the digest of each part. Raises ValueError."""
    read, faults = parse_json(index.read(_INDEX_MAX))
    found = read if isinstance(read, dict) and not faults else {}
    digests, at = found.get("files"), found.get("at", 0)
    if not isinstance(digests, dict) or not {KEYS, DATABASE} <= set(digests) <= {KEYS, DATABASE, _JOURNAL}:
        raise ValueError("it lacks a part")
    if type(at) is not int:
        raise ValueError("it does not say when it was made")
    return at, digests


def _end_invitations(path: Path, at: int) -> int:
    with closing(Database(path)) as database:
        ended = database.run("UPDATE invitations SET revoked = 1 WHERE starts > ? AND NOT revoked", at)
        database.rows("PRAGMA journal_mode = DELETE")
        return ended


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
