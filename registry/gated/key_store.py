"""Where keys are kept: in the OS keyring, or in a folder of files that a passphrase opens; never in plain text.

Each entry belongs to an account: people who share a machine do not share what they may open.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final, Protocol

from registry.errors import InputError, JournalError, WouldOverwrite, WrongPassword
from registry.gated.identity import Identity, seal, unseal
from registry.home import make_private, private_lock
from registry.system import disk
from registry.text.waits import waiting_for

__all__ = ["FileKeys", "KeyStore", "KeyringKeys", "MemoryKeys", "open_keys", "read_recovery", "write_recovery"]

PASSPHRASE_VARIABLE: Final = "REGISTRY_KEYS_PASSPHRASE"
"""Environment variable with the passphrase of the folder of keys."""

PLACE_VARIABLE: Final = "REGISTRY_KEYS"
"""Environment variable that says where keys are kept: ``keyring``, ``file`` or ``memory``."""

MAX_RECOVERY: Final = 16_384
"""Bytes of a recovery file; it has a few hundred."""

PATIENCE: Final = 600.0
"""Seconds to wait for another process that seals the same content, or asks for the same key."""

_SERVICE: Final = "asset-registry"


class Job(dict[str, Any]):
    """What a publication has sealed so far, written down line by line, so that killing it loses a file at most."""

    def __init__(self, file: Path | None) -> None:
        super().__init__()
        self._file = file
        self._threads = threading.RLock()
        self._read()

    def _read(self) -> None:
        self.clear()
        if self._file is None or not self._file.exists():
            return
        with _kept(self._file.parent):
            text = self._file.read_text(encoding="utf-8")
        for line in text.splitlines():
            with contextlib.suppress(ValueError):  # the line at which a run was killed
                name, value = json.loads(line)
                super().__setitem__(name, value)

    def __setitem__(self, name: str, value: Any) -> None:
        if self._file is not None:
            with _kept(self._file.parent):
                self._file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
                # On a line of its own, whatever a run that was killed has left.
                make_private(self._file)
                with self._file.open("ab", buffering=0) as file:
                    whole = f"\n{json.dumps([name, value])}\n".encode()
                    if file.write(whole) < len(whole):
                        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
                    if not name:
                        os.fsync(file.fileno())
        super().__setitem__(name, value)

    def begin(self, value: Any) -> None:
        """Forget all, and begin anew with `value` under ""."""
        self.clear()
        if self._file is not None:
            with _kept(self._file.parent):
                self._file.unlink(missing_ok=True)
        self[""] = value

    @contextlib.contextmanager
    def alone(self) -> Iterator[None]:
        """Keep other threads and processes out of this job meanwhile, and see what they have noted before.

        Raises `JournalError` if another one holds it for longer than `PATIENCE` seconds.
        """
        with self._threads:
            if self._file is None:
                yield
                return
            with _alone(self._file.with_suffix(".lock")):
                self._read()
                yield


@contextlib.contextmanager
def _kept(folder: Path) -> Iterator[None]:
    """What the disk refuses becomes an error of ours."""
    try:
        yield
    except OSError as error:
        raise JournalError(
            f"What must be kept in {str(folder)!r} cannot be: {error.strerror or error}.",
            hint="Check the free space and the permissions, and run it again.",
        ) from error


@contextlib.contextmanager
def _alone(lock: Path) -> Iterator[None]:
    """Keep other processes out, by a lock that the system frees with the process."""
    from filelock import Timeout

    with _kept(lock.parent):
        lock.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        held = private_lock(lock, timeout=PATIENCE, thread_local=False)
        try:
            with waiting_for(f"another run at the same work ({lock})", PATIENCE):
                held.acquire(poll_interval=0.02)
        except Timeout:
            raise JournalError(
                f"Another run has been at the same work for {PATIENCE:g} s ({lock}).", hint="Wait for it, or end it."
            ) from None
    try:
        yield
    finally:
        held.release()


class Jobs:
    """What publications have sealed, in a folder, or in memory without one."""

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder
        self._known: dict[str, Job] = {}

    def job(self, name: str) -> Job:
        """The job of this name, which has letters and digits."""
        if name not in self._known:
            self._known[name] = Job(self._folder / f"{name}.jsonl" if self._folder else None)
        return self._known[name]


class KeyStore(Protocol):
    """Keeps identities of accounts, by their recipient, and what publications have sealed to them."""

    jobs: Jobs

    def put(self, account: str, identity: Identity) -> None:
        """Keep it."""

    def get(self, account: str, recipient: str) -> Identity | None:
        """The identity, None if it is not kept. Raises `WrongPassword` and `InputError` if it cannot be opened."""

    def clear(self, account: str | None = None, recipient: str | None = None) -> int:
        """Forget those of an account, or all, or only that of a recipient; returns how many."""


class MemoryKeys:
    """Keeps them while the process lives."""

    def __init__(self) -> None:
        self.jobs = Jobs(None)
        self._kept: dict[tuple[str, str], Identity] = {}

    def put(self, account: str, identity: Identity) -> None:
        """Keep it."""
        self._kept[account, identity.recipient] = identity

    def get(self, account: str, recipient: str) -> Identity | None:
        """The identity, None if it is not kept."""
        return self._kept.get((account, recipient))

    def clear(self, account: str | None = None, recipient: str | None = None) -> int:
        """Forget those of an account, or all, or only that of a recipient; returns how many."""
        gone = [key for key in self._kept if account in (None, key[0]) and recipient in (None, key[1])]
        for key in gone:
            del self._kept[key]
        return len(gone)


class KeyringKeys:
    """Keeps them in the keyring of the system. A file at `folder` lists which, by their public halves."""

    def __init__(self, folder: Path) -> None:
        self.jobs = Jobs(folder / "jobs")
        self._index = folder / "keyring.json"
        self._lock = threading.Lock()

    def put(self, account: str, identity: Identity) -> None:
        """Keep it."""
        import keyring

        name = f"{account}:{identity.recipient}"
        with self._lock, _alone(self._index.with_suffix(".lock")):
            listed = self._listed()
            if name not in listed:
                _write(self._index, json.dumps(sorted({*listed, name})))
        with _keyring_errors():
            keyring.set_password(_SERVICE, name, identity.reveal())

    def get(self, account: str, recipient: str) -> Identity | None:
        """The identity, None if it is not kept."""
        import keyring

        with _keyring_errors():
            text = keyring.get_password(_SERVICE, f"{account}:{recipient}")
        return Identity.parse(text) if text else None

    def clear(self, account: str | None = None, recipient: str | None = None) -> int:
        """Forget those of an account, or all, or only that of a recipient; returns how many."""
        import keyring
        from keyring.errors import PasswordDeleteError

        with self._lock, _alone(self._index.with_suffix(".lock")):
            listed = self._listed()
            pairs = {name: name.split(":", 1) for name in listed}
            gone = [n for n, (who, key) in pairs.items() if account in (None, who) and recipient in (None, key)]
            for name in gone:
                with _keyring_errors(), contextlib.suppress(PasswordDeleteError):
                    keyring.delete_password(_SERVICE, name)
            _write(self._index, json.dumps(sorted(set(listed) - set(gone))))
        return len(gone)

    def _listed(self) -> list[str]:
        try:
            return [str(name) for name in json.loads(self._index.read_text(encoding="utf-8"))]
        except FileNotFoundError:
            return []


@contextlib.contextmanager
def _keyring_errors() -> Iterator[None]:
    from keyring.errors import KeyringError

    try:
        yield
    except KeyringError as error:
        raise InputError(
            f"The keyring of the system cannot be used ({type(error).__name__}).",
            hint=f"Unlock it, or set {PLACE_VARIABLE}=file and {PASSPHRASE_VARIABLE}.",
        ) from None


class FileKeys:
    """Keeps them in a folder, each as an age file for one key of the folder, which a passphrase opens.

    Keeping one needs no passphrase. `ask` gives it when one is read for the first time.
    """

    def __init__(self, folder: Path, ask: Callable[[], str | None]) -> None:
        self.jobs = Jobs(folder / "jobs")
        self._folder, self._ask = folder, ask
        self._own: Identity | None = None
        self._lock = threading.Lock()

    def put(self, account: str, identity: Identity) -> None:
        """Keep it. Raises `InputError` if there is no passphrase yet and none is given, `JournalError` if it cannot be
        written."""
        with self._lock:
            place = self._folder / f"{account.lower()}-{identity.recipient}.age"
            _write(place, seal(identity.reveal(), self._recipient()))

    def get(self, account: str, recipient: str) -> Identity | None:
        """The identity, None if it is not kept. Raises `WrongPassword`, or `InputError` without a passphrase."""
        with self._lock:
            place = self._folder / f"{account.lower()}-{recipient}.age"
            try:
                sealed = place.read_text(encoding="ascii")
            except FileNotFoundError:
                return None
            return Identity.parse(unseal(sealed, self._opened()))

    def clear(self, account: str | None = None, recipient: str | None = None) -> int:
        """Forget those of an account, or all, or only that of a recipient; returns how many."""
        gone = list(self._folder.glob(f"{account.lower() if account else '0x*'}-{recipient or 'age1*'}.age"))
        for place in gone:
            place.unlink(missing_ok=True)
        return len(gone)

    def _recipient(self) -> str:
        public = self._folder / "recipient.txt"
        with contextlib.suppress(FileNotFoundError):
            return public.read_text(encoding="ascii").strip()
        # Of two processes that begin at once one makes the identity, and the other one takes it.
        with _alone(self._folder / "identity.lock"):
            with contextlib.suppress(FileNotFoundError):
                return public.read_text(encoding="ascii").strip()
            made = Identity.generate()
            write_recovery(self._folder / "identity.age", made, self._passphrase(), force=True)
            _write(public, made.recipient)
            self._own = made
            return made.recipient

    def _opened(self) -> Identity:
        if self._own is None:
            self._own = read_recovery(self._folder / "identity.age", self._passphrase())
        return self._own

    def _passphrase(self) -> str:
        found = self._ask()
        if not found:
            raise InputError(
                f"The keys in {str(self._folder)!r} need a passphrase.",
                hint=f"Set {PASSPHRASE_VARIABLE}, or set {PLACE_VARIABLE}=keyring to use the keyring of the system.",
            )
        return found


def open_keys(folder: Path | None, ask: Callable[[], str | None] | None = None) -> KeyStore:
    """Where keys are kept on this machine: as ``REGISTRY_KEYS`` says, else the system's keyring if there is one, else
    files in `folder`. Without a folder nothing outlives the process. Raises `InputError` if the variable says anything
    else."""
    place = os.environ.get(PLACE_VARIABLE, "")
    if place not in ("", "keyring", "file", "memory"):
        raise InputError(f"{PLACE_VARIABLE} is {place!r}.", hint="Write keyring, file or memory.")
    if folder is None or place == "memory":
        return MemoryKeys()
    if place == "keyring" or (not place and not os.environ.get(PASSPHRASE_VARIABLE) and _has_keyring()):
        return KeyringKeys(folder)
    return FileKeys(folder, ask or (lambda: os.environ.get(PASSPHRASE_VARIABLE)))


def _has_keyring() -> bool:
    """Whether the system has a keyring that works and keeps its secrets."""
    import keyring
    from keyring.backends import chainer, fail, null

    found: Any = keyring.get_keyring()
    kinds = (fail.Keyring, null.Keyring)
    if isinstance(found, chainer.ChainerBackend):
        return any(not isinstance(one, kinds) for one in found.backends)
    return not isinstance(found, kinds) and not type(found).__module__.startswith("keyrings.alt")


# --- Recovery files ------------------------------------------------------------------------------


def write_recovery(path: Path, identity: Identity, passphrase: str, *, force: bool = False) -> None:
    """Write a key to a file that the passphrase opens: with this package, or with any age tool.

    Raises `InputError` for an empty passphrase, and for a file that is there already unless `force`.
    """
    import pyrage

    if not passphrase:
        raise InputError("The passphrase is empty.", hint="Choose one that nobody guesses.")
    if path.exists() and not force:
        raise WouldOverwrite(path, "")
    text = f"# public key: {identity.recipient}\n{identity.reveal()}\n"
    _save(path, pyrage.passphrase.encrypt(text.encode("ascii"), passphrase))


def read_recovery(path: Path, passphrase: str) -> Identity:
    """The key of a file of `write_recovery`. Raises `InputError` if it is none, and `WrongPassword`."""
    from registry.gated.passphrases import opened

    try:
        data = disk.read(path, MAX_RECOVERY)
    except OSError as error:
        raise InputError(f"{str(path)!r} cannot be read: {error.strerror}.", hint="Name the recovery file.") from error
    try:
        text = opened(data, passphrase, path).decode("ascii")
    except UnicodeDecodeError:
        raise WrongPassword(path) from None
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    if len(lines) != 1:
        raise InputError(f"{str(path)!r} has no key of an asset.", hint="Name the recovery file.")
    return Identity.parse(lines[0])


def _write(path: Path, text: str) -> None:
    """Write a file into a folder of keys; parts that killed runs have left there go."""
    disk.drop_parts(path.parent)
    _save(path, text.encode("utf-8"))


def _save(path: Path, data: bytes) -> None:
    """Write a file for its owner only, whole or not at all."""
    with _kept(path.parent):
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        disk.write_whole(path, data)
