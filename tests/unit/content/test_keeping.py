"""Assets that others keep copies of: pinned, audited, and restored in a drill."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from ipfs.pinning_support import Service
from selling import RESEARCH

from registry import Published, Registry
from registry.errors import InputError, TooFewReplicas
from registry.ipfs.cid import CID
from registry.ipfs.copy import copy
from registry.ipfs.pinning import PinningService
from registry.ipfs.server import Server
from registry.ipfs.store import LocalStore
from registry.sandbox.runs.code import Compare
from registry.sandbox.runs.lock import Lock, Wheel
from registry.sandbox.runs.record import Environment, Input, Machine, Output, Program, RunRecord, Usage


class Keeper:
    """A pinning service with a store of its own and a gateway over it."""

    def __init__(self, folder: Path) -> None:
        self.store = LocalStore(folder)
        self.service = Service(course=("queued", "pinned"))
        self.gateway = Server(self.store).__enter__()

    def client(self, *, gateway: bool = True) -> PinningService:
        name = self.store.path.name
        return self.service.client(name=name, gateway=self.gateway.url if gateway else "")

    def fetch(self, source: Registry, published: Published) -> None:
        """Do what such a service does in its own time."""
        for root in (published.cid, published.content):
            assert root is not None
            copy(root, source.store, self.store)

    def stop(self) -> None:
        self.service.stop()
        self.gateway.stop()


@pytest.fixture
def keepers(tmp_path: Path) -> Iterator[list[Keeper]]:
    made = [Keeper(tmp_path / name) for name in ("ann's", "bob's")]
    yield made
    for keeper in made:
        keeper.stop()


def test_an_asset_is_kept_by_two_audited_and_a_loss_is_found(
    publish: Callable[..., Published], author: Registry, keepers: list[Keeper]
) -> None:
    published = publish(RESEARCH)
    clients = [keeper.client() for keeper in keepers]
    made = author.pin(published.did, replicas=2, services=clients, poll=0.001)
    assert {(receipt.service, receipt.cid) for receipt in made} == {
        (name, str(root)) for name in ("ann's", "bob's") for root in (published.cid, published.content)
    }
    assert author.receipts.of(str(published.did)) == made
    for keeper in keepers:
        keeper.fetch(author, published)
    checked = author.audit(published.did)
    assert checked.sound and checked.sample == checked.blocks == 5
    lost = author.files(published.did)[0].cid
    keepers[1].store.file_of(lost).unlink()
    found = author.audit(published.did)
    assert [replica.sound for replica in found.replicas] == [True, False]
    assert [finding.cid for finding in found.replicas[1].findings] == [lost]


def test_pinning_again_asks_for_nothing_new(
    publish: Callable[..., Published], author: Registry, keepers: list[Keeper]
) -> None:
    did = publish(RESEARCH).did
    for _ in range(2):
        author.pin(did, services=[keepers[0].client()], poll=0.001)
    assert keepers[0].service.count("POST") == 2  # the document and the content
    with pytest.raises(InputError, match="2 replicas cannot be made with 1"):
        author.pin(did, replicas=2, services=[keepers[0].client()])
    keepers[1].service.lie = lambda method, path: (403, {}, b"")
    with pytest.raises(TooFewReplicas, match=r"bob's refused"):
        author.pin(did, replicas=2, services=[keeper.client() for keeper in keepers], poll=0.001)


def test_an_audit_says_whom_it_could_not_ask(
    publish: Callable[..., Published], author: Registry, keepers: list[Keeper], folder: Path
) -> None:
    published = publish(RESEARCH)
    with pytest.raises(InputError, match="No service with a gateway"):
        author.audit(published.did)
    author.pin(published.did, services=[keepers[0].client()], poll=0.001)
    author.pin(published.did, services=[keepers[1].client(gateway=False)], poll=0.001)
    keepers[0].fetch(author, published)
    found = author.audit(published.did)
    assert found.unchecked == ("bob's",) and str(found).endswith("not asked: bob's")
    (folder / "penguins.csv").write_text("species,mass\n")
    author.update(published.did, path=folder)
    with pytest.raises(InputError, match="as it is now"):
        author.audit(published.did)


def test_receipts_outlive_the_process_where_there_is_a_home(
    publish: Callable[..., Published], author: Registry, keepers: list[Keeper], tmp_path: Path
) -> None:
    did = publish(RESEARCH).did
    author.home = tmp_path / "home"
    made = author.pin(did, services=[keepers[0].client()], poll=0.001)
    again = author.as_account("buyer")
    assert again.receipts.of(str(did)) == made


def test_the_drill_restores_an_asset_from_its_archives(
    publish: Callable[..., Published], author: Registry, tmp_path: Path
) -> None:
    published = publish(RESEARCH)
    document, content = author.rehearse(published.did, tmp_path / "backup")
    assert (document.cid, content.cid, content.files) == (published.cid, published.content, 2)
    assert sorted(path.name for path in (tmp_path / "backup").iterdir()) == sorted(
        f"{root}.car" for root in (published.cid, published.content)
    )
    with pytest.raises(InputError, match="exists already"):
        author.rehearse(published.did, tmp_path / "backup")


def test_of_an_asset_that_a_run_made_all_that_runs_it_again_is_kept(
    author: Registry, keepers: list[Keeper], tmp_path: Path
) -> None:
    def stored(text: bytes) -> CID:
        cid = CID.raw(text)
        author.store.put(cid, text)
        return cid

    wheel = Wheel(name="greeting-1.0-py3-none-any.whl", size=5, sha256="ab" * 32, cid=stored(b"wheel"))
    lock = Lock(python="3.11", platform="linux-x86_64", wheels=(wheel,))
    made = tmp_path / "made.csv"
    made.write_bytes(b"1,2\n")
    result = stored(b"1,2\n")
    record = RunRecord(
        created="2026-11-29T03:00:00Z",
        code=Program(name="code", cid=stored(b"code"), entry="run.py"),
        environment=Environment(
            python="3.11.7", platform="linux-x86_64", libc="glibc 2.36", lock=stored(lock.to_bytes()), variables={}
        ),
        machine=Machine(processor="x", threads=1),
        inputs=(Input(name="loose", cid=stored(b"input"), size=5),),
        params={},
        limits={},
        outputs=(Output(path="made.csv", size=4, cid=result, compared=Compare()),),
        result=result,
        usage=Usage(seconds=1, cpu_seconds=1, memory=1, tier=2),
    )
    stored(record.to_bytes())
    published = author.publish(made, name="Made", type="dataset", license="CC0-1.0", made_by=record)
    receipts = author.pin(published.did, services=[keepers[0].client()], poll=0.001)
    kept = [receipt.cid for receipt in receipts]
    named = {str(root) for root, _ in record.roots()} | {str(wheel.cid), str(published.cid), str(published.content)}
    assert set(kept) == named and len(kept) == len(named)
