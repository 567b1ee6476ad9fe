"""What must outlive a process is for its owner's eyes only, whatever the umask says."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from registry import Registry
from registry.chain.addresses import Deployment
from registry.chain.call import Call
from registry.chain.connection import Chain
from registry.chain.journal import Journal
from registry.chain.sender import Sender
from registry.chain.signers import dev_signer
from registry.content.atomic_folder import beside
from registry.gated.identity import Identity
from registry.gated.key_store import FileKeys
from registry.gateway.audit_log import AuditLog
from registry.gateway.backup import backup, restore
from registry.gateway.keys import FILE as KEYS
from registry.gateway.keys import KeyLock, Keys, make_key_file
from registry.gateway.service import GatewayService
from registry.gateway.settings import Settings
from registry.home import private_lock

pytestmark = pytest.mark.skipif(os.name == "nt", reason="Windows has rights of its own, which folders inherit")


@pytest.fixture(autouse=True)
def umask_of_nothing() -> Iterator[None]:
    """The worst that a system can be set to: all that is made without a word is everybody's."""
    before = os.umask(0)
    yield
    os.umask(before)


def open_to_others(folder: Path) -> list[str]:
    """What below a folder, itself included, anybody but its owner may do anything with."""
    return [str(p.relative_to(folder)) for p in (folder, *folder.rglob("*")) if p.stat().st_mode & 0o077]


def a_transaction(chain: Chain, journal: Journal) -> None:
    Sender(chain, dev_signer(1), journal).send(Call(dev_signer(2).address, b"", 1), intent="a gift")


def test_the_journal_its_log_and_its_locks(tmp_path: Path) -> None:
    journal = Journal.at(tmp_path / "new" / "home")
    a_transaction(Chain.in_process(), journal)
    made = {path.name for path in journal.path.parent.iterdir()}
    assert made >= {"journal.sqlite", "journal.sqlite-wal", "journal.sqlite-shm", "journal.sqlite.lock", "locks"}
    assert open_to_others(journal.path.parent) == []


def test_a_journal_that_everybody_could_read_is_closed_to_them(tmp_path: Path) -> None:
    """As versions before this one left it, with its log open in another process."""
    chain, earlier = Chain.in_process(), Journal.at(tmp_path)
    a_transaction(chain, earlier)
    for path in tmp_path.rglob("*"):
        path.chmod(0o777 if path.is_dir() else 0o644)
    a_transaction(chain, Journal.at(tmp_path))
    left_open = set(open_to_others(tmp_path))
    assert not left_open & {"journal.sqlite", "journal.sqlite-wal", "journal.sqlite-shm", "journal.sqlite.lock"}
    assert not any(path.startswith("locks/") for path in left_open)


def test_the_home_folder_and_its_keys(tmp_path: Path, shared: Registry) -> None:
    home = tmp_path / "users" / "home"
    client = Registry.on(shared.chain, deployment=shared.deployment, signer=dev_signer(1), home=home)
    keys = FileKeys(home / "keys", lambda: "correct horse battery")
    keys.put(client.address, Identity.generate())
    with keys.jobs.job("a").alone():
        keys.jobs.job("a").begin("something")
    with beside(tmp_path / "target", home) as staging:
        (staging / "file").write_text("x")
    assert home.stat().st_mode & 0o077 == 0
    assert [path for path in open_to_others(home) if not path.startswith("blocks")] == []


def test_a_gateways_files_and_those_of_its_backup(tmp_path: Path, shared: Registry) -> None:
    folder = tmp_path / "gateway"
    folder.mkdir(mode=0o700)
    make_key_file(tmp_path / "gateway.key")
    keys = Keys.make(folder / KEYS, KeyLock(key_file=tmp_path / "gateway.key"))
    deployment: Deployment = shared.deployment
    made = GatewayService(folder, keys, shared.chain, deployment, Settings("http://127.0.0.1:8454", depth=0))
    AuditLog(made.database).write("start")
    with private_lock(folder / "serving.lock", timeout=0), made._journal.lock("a", "b", timeout=1):
        assert {path.name for path in folder.rglob("*") if path.is_file()} >= {
            "gateway.sqlite",
            "gateway.sqlite-wal",
            "gateway.sqlite-shm",
            "journal.sqlite",
            "journal.sqlite.lock",
            "keys.age",
            "serving.lock",
        }
        assert open_to_others(folder) == []
    backup(folder, tmp_path / "gateway.tar")
    restore(tmp_path / "gateway.tar", tmp_path / "restored")
    assert (tmp_path / "gateway.tar").stat().st_mode & 0o077 == 0
    assert open_to_others(tmp_path / "restored") == []
    made.close()
