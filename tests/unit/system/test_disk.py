"""Files of others: read whole or refused, from where they are, without waiting and without end."""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

import registry
from registry.chain.addresses import Deployment
from registry.cli.look import read_json, read_text
from registry.cli.manifest import read_drafts
from registry.content.uses import SignedReceipt
from registry.errors import InputError, InvalidEntitlements, RegistryError
from registry.gated.key_store import read_recovery
from registry.governance.ballot import Ballot
from registry.governance.entitlements import read_csv, read_proofs
from registry.ipfs.nesting import load_json
from registry.system import disk
from registry.teams.proposal_file import TeamProposal

PACKAGE = Path(registry.__file__).parent

READERS: dict[str, Callable[[Path], object]] = {
    "proposal.json": TeamProposal.load,
    "ballot.json": Ballot.load,
    "list.csv": read_csv,
    "record.json": Deployment.load,
    "drafts.json": read_drafts,
    "drafts.toml": read_drafts,
    "text": lambda path: read_text(str(path)),
    "value.json": lambda path: read_json(str(path)),
    "key.age": lambda path: read_recovery(path, "x"),
}


@pytest.mark.parametrize("name", READERS)
def test_no_reader_waits_for_a_pipe_or_reads_a_device_or_a_folder(tmp_path: Path, name: str) -> None:
    pipe, folder = tmp_path / name, tmp_path / f"x{name}"
    os.mkfifo(pipe)
    folder.mkdir()
    device = tmp_path / f"y{name}"
    device.symlink_to("/dev/zero")
    for path in (pipe, folder, device, tmp_path / f"z{name}"):
        with pytest.raises(RegistryError):
            READERS[name](path)


@pytest.mark.parametrize("name", [name for name in READERS if name.endswith("json")])
def test_no_reader_breaks_on_nesting(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_text("[" * 100_000)
    with pytest.raises(RegistryError):
        READERS[name](path)


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-32"])
def test_no_encoding_hides_nesting_from_the_count(encoding: str) -> None:
    """The letter of number 0x122 is a quote and something else in UTF-16: what follows would pass for text."""
    with pytest.raises(ValueError, match=r"codec|nested deeper|Expecting"):
        load_json(('{"\u0122": ' + "[" * 100_000).encode(encoding))


def test_json_of_others_is_read_where_nesting_is_counted() -> None:
    """Elsewhere only what this package itself wrote; what looks into files of strangers does so in the sandbox."""
    own = {
        *("artifacts.py", "audit_log.py", "bubblewrap.py", "call.py", "canonical.py", "compare.py", "confine.py"),
        *(
            "dag.py",
            "entries.py",
            "hooks.py",
            "importing.py",
            "job_book.py",
            "key_store.py",
            "keys.py",
            "market.py",
            "nesting.py",
            "organisation.py",
        ),
        *("organisation.py", "peek.py", "probe.py", "replicas.py", "safe.py", "wallets.py"),
    }
    found = {path.name for path in PACKAGE.rglob("*.py") if "json.loads(" in path.read_text(encoding="utf-8")}
    assert found == own


def test_a_folder_of_papers_does_not_lead_out_of_itself(tmp_path: Path) -> None:
    inside, outside = tmp_path / "in", tmp_path / "secret.json"
    inside.mkdir()
    outside.write_text("{}")
    (inside / "a.json").write_text("{}")
    assert disk.listed(inside) == [inside / "a.json"]
    (inside / "b.json").symlink_to(outside)
    with pytest.raises(InputError, match=r"b\.json cannot be read"):
        disk.listed(inside)


def test_lists_with_proofs_are_plain_numbers_and_not_deep() -> None:
    account = "0x90F79bf6EB2c4f870365E785982E1f101E93b906"
    entry = {"account": account, "amount": "5", "start": "0", "cliff": "0", "duration": "0", "proof": []}
    body = {"format": "registry.entitlements.v1", "root": "0x00", "entitlements": [entry]}
    for amount in ("1_0", "050", " 5", "0x5", 5.0, True, "\u0665", None):
        wrong = {**body, "entitlements": [{**entry, "amount": amount}]}
        with pytest.raises(InvalidEntitlements, match="no list with proofs"):
            read_proofs(json.dumps(wrong), "list")
    with pytest.raises(InvalidEntitlements, match="nested deeper"):
        read_proofs('{"a": ' + "[" * 100_000, "list")


@pytest.mark.parametrize(
    "change",
    [
        *({"uses": 1.9}, {"uses": "1"}, {"uses": True}, {"licence": 0.0}, {"nonce": "1_0"}, {"nonce": "007"}),
        *({"nonce": 5}, {"deadline": "5"}, {"deadline": 1e3}, {"deadline": None}),
    ],
)
def test_the_numbers_of_a_receipt_are_what_they_are(change: dict[str, object]) -> None:
    account = "0x90F79bf6EB2c4f870365E785982E1f101E93b906"
    good = {
        "did": f"did:nft:eip155:1_erc721:{account.lower()}_1",
        "licence": 0,
        "account": account,
        "uses": 1,
        "service": account,
        "ref": "00" * 32,
        "nonce": "7",
        "deadline": 5,
        "signature": "",
    }
    assert SignedReceipt.from_json(json.dumps(good)).nonce == 7
    with pytest.raises(InputError):
        SignedReceipt.from_json(json.dumps({**good, **change}))


# --- Files that are written whole ------------------------------------------------------------------------


def test_a_disk_that_is_full_leaves_the_file_that_was_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target = tmp_path / "keys"
    disk.write_whole(target, b"old")

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        disk.write_whole(target, b"new")
    assert [path.read_bytes() for path in tmp_path.iterdir()] == [b"old"]


def test_a_file_is_on_the_disk_before_it_has_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    steps: list[str] = []
    fsync, replace = os.fsync, Path.replace
    monkeypatch.setattr(os, "fsync", lambda handle: (steps.append("fsync"), fsync(handle))[1])
    monkeypatch.setattr(Path, "replace", lambda path, to: (steps.append("replace"), replace(path, to))[1])
    disk.write_whole(tmp_path / "keys", b"new")
    assert steps == ["fsync", "replace"] and (tmp_path / "keys").stat().st_mode & 0o777 == 0o600


def test_nobody_else_makes_files_last_but_for_streams_blocks_and_lines_of_a_journal() -> None:
    found = {
        path.relative_to(PACKAGE).as_posix() for path in PACKAGE.rglob("*.py") if "fsync" in path.read_text("utf-8")
    }
    streams = {"gateway/backup.py", "ipfs/recovery.py"}
    assert found == {"system/disk.py", "ipfs/block_files.py", "gated/key_store.py", *streams}
