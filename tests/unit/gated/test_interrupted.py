"""Gated assets by processes that are killed, or are two at the same thing: no use is lost, nothing is doubled."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier
from typing import Any

import pytest

from registry import Gated, Published, Registry
from registry.chain.call import Call
from registry.errors import InputError, JournalError
from registry.gated import key_store
from registry.gated.gated_content import GatedContent
from registry.gated.identity import Identity
from registry.gated.key_store import FileKeys
from registry.session import Session

from .support import CALLS, MONTH, Guard

CSV = b"species,mass\nAdelie,3750\nGentoo,5000\n"
PASSPHRASE = "correct horse"


def process(client: Registry, home: Path) -> Registry:
    """The same person in another process: nothing in memory, the same keys and jobs at home."""
    return Registry(
        client.chain,
        client.deployment,
        signer=client.signer,
        store=client.store,
        journal=client.journal,
        home=home,
        keys=FileKeys(home / "keys", lambda: PASSPHRASE),
    )


@pytest.fixture(autouse=True)
def gateways_can_pay(author: Registry, guards: list[Guard]) -> None:
    for guard in guards:
        author.actor.outbox("fund a gateway").send(Call(guard.keys.address, b"", 10**18))


@pytest.fixture(autouse=True)
def passphrases_take_no_second(monkeypatch: pytest.MonkeyPatch) -> None:
    def written(path: Path, identity: Identity, _passphrase: str, *, force: bool = False) -> None:
        key_store._write(path, identity.reveal())

    monkeypatch.setattr(key_store, "write_recovery", written)
    monkeypatch.setattr(key_store, "read_recovery", lambda path, _passphrase: Identity.parse(path.read_text()))


class Killed(BaseException):
    """As if by kill -9: nothing is cleaned up that asks for an Exception."""


@pytest.mark.parametrize("way", ["open", "download"])
def test_who_is_killed_with_the_key_in_hand_gets_the_rest_for_the_same_use(
    publish: Callable[..., Published], buyer: Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    did = publish(CALLS).did
    buyer.buy(did, "calls")

    def get(client: Registry) -> bytes:
        if way == "open":
            with client.open(did, "penguins.csv") as file:
                return file.read()
        client.download(did, tmp_path / "copy")
        return (tmp_path / "copy" / "penguins.csv").read_bytes()

    def die(*_: object) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(GatedContent, "file", die)
        with pytest.raises(Killed):
            get(process(buyer, tmp_path / "home"))
    assert buyer.holding(did, "calls").uses == 1
    assert get(process(buyer, tmp_path / "home")) == CSV
    assert buyer.holding(did, "calls").uses == 1
    # It has served: the next one takes another use.
    with process(buyer, tmp_path / "home").open(did, "penguins.csv") as file:
        assert file.read() == CSV
    assert buyer.holding(did, "calls").uses == 0


def test_a_use_serves_until_the_file_is_closed(
    publish: Callable[..., Published], buyer: Registry, tmp_path: Path
) -> None:
    did = publish(CALLS).did
    buyer.buy(did, "calls")
    reading = process(buyer, tmp_path / "home").open(did, "penguins.csv")
    with process(buyer, tmp_path / "home").open(did, "penguins.csv") as other:
        assert (reading.read(), other.read()) == (CSV, CSV)
    assert buyer.holding(did, "calls").uses == 1
    reading.close()


def test_a_target_that_is_taken_costs_no_use(
    publish: Callable[..., Published], buyer: Registry, tmp_path: Path
) -> None:
    did = publish(CALLS).did
    buyer.buy(did, "calls")
    (tmp_path / "copy").write_text("mine")
    with pytest.raises(InputError, match="exists already"):
        process(buyer, tmp_path / "home").download(did, tmp_path / "copy")
    assert buyer.holding(did, "calls").uses == 2


def test_two_downloads_to_one_place_at_once_are_one(
    publish: Callable[..., Published], buyer: Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    did = publish(CALLS).did
    buyer.buy(did, "calls")
    there, refused = GatedContent.file, []

    def second(*_: Any) -> Any:
        monkeypatch.setattr(GatedContent, "file", there)
        with pytest.raises(InputError, match="another run"):
            process(buyer, tmp_path / "home").download(did, tmp_path / "copy")
        refused.append(True)
        return there(*_)

    monkeypatch.setattr(GatedContent, "file", second)
    process(buyer, tmp_path / "home").download(did, tmp_path / "copy")
    assert refused and (tmp_path / "copy" / "penguins.csv").read_bytes() == CSV
    assert buyer.holding(did, "calls").uses == 1
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


def test_what_a_killed_download_has_left_goes_with_the_next(
    publish: Callable[..., Published], buyer: Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    did = publish(MONTH).did
    buyer.buy(did, "month")
    with monkeypatch.context() as patch:
        patch.setattr("registry.content.atomic_folder._remove", lambda _staging: None)
        patch.setattr(GatedContent, "files", lambda _self: (_ for _ in ()).throw(Killed))
        with pytest.raises(Killed):
            process(buyer, tmp_path / "home").download(did, tmp_path / "copy")
    [left] = [path for path in tmp_path.iterdir() if path.name.startswith(".")]
    (left / "half").write_bytes(b"")
    process(buyer, tmp_path / "home").download(did, tmp_path / "copy")
    assert not left.exists() and not (tmp_path / "copy" / "half").exists()


def test_two_processes_that_publish_the_same_at_once_make_one_asset_with_one_key(
    author: Registry, guards: list[Guard], folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    together, planned = Barrier(2), Session.tokens
    monkeypatch.setattr(Session, "tokens", property(lambda self: (together.wait(timeout=30), planned.fget(self))[1]))  # type: ignore[attr-defined]
    gated = Gated(gateways=[guard.url for guard in guards], threshold=3)

    def publish(_: int) -> Published:
        client = process(author, tmp_path / "home")
        return client.publish(folder, name="At once", type="dataset", license="MIT", licences=[MONTH], gated=gated)

    with ThreadPoolExecutor(2) as pool:
        first, second = pool.map(publish, range(2))
    assert (first.did, first.content) == (second.did, second.content)
    monkeypatch.undo()
    buyer = author.as_account("buyer")
    buyer.buy(first.did, "month")
    # All three shares are of one splitting.
    assert buyer.open(first.did, "penguins.csv").read() == CSV


def test_a_disk_without_room_for_a_use_is_told_before_the_use_is_spent(
    publish: Callable[..., Published], buyer: Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    did = publish(CALLS).did
    buyer.buy(did, "calls")

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("registry.gated.key_store.os.fsync", full)
        with pytest.raises(JournalError, match="No space left"):
            process(buyer, tmp_path / "home").open(did, "penguins.csv")
    assert buyer.holding(did, "calls").uses == 2
