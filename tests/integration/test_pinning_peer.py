"""Our client of pinning services against somebody else's service (npm mock-ipfs-pinning-service)."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from registry.errors import NotFoundError, PinRefused, TooFewReplicas, Unavailable
from registry.ipfs.cid import CID
from registry.ipfs.pinning import PinningService
from registry.ipfs.replicas import ReplicaPolicy

PEERS = Path(__file__).parents[1] / "peers"
# Its own command line would listen on all addresses of the machine.
START = """
const { setup } = require("mock-ipfs-pinning-service");
setup({ token: "secret", loglevel: "error" }).then((service) => {
  const server = require("http").createServer(service);
  server.listen(0, "127.0.0.1", () => console.log(`\\nport ${server.address().port}`));
});
"""
DATA, OTHER = CID.raw(b"data"), CID.raw(b"other")


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    if not (PEERS / "node_modules").is_dir():
        raise RuntimeError("run: make tests/peers/node_modules")
    process = subprocess.Popen(["node", "-e", START], cwd=PEERS, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        for line in process.stdout:
            if line.startswith("port "):
                break
        else:
            raise RuntimeError("the service does not start")
        yield f"http://127.0.0.1:{line.split()[1]}"
    finally:
        process.kill()
        process.wait()


@pytest.fixture
def peer(url: str) -> Iterator[PinningService]:
    service = PinningService(url, "secret", name="the peer")
    yield service
    for pin in list(service.list()):
        service.remove(pin.request_id)


def test_a_pin_is_added_found_replaced_and_removed(peer: PinningService) -> None:
    added = peer.add(DATA, name="penguins", origins=["/ip4/127.0.0.1/tcp/4001"], meta={"did": "did:nft:1"})
    assert (added.cid, added.status, added.name) == (DATA, "queued", "penguins")
    assert peer.get(added.request_id, DATA) == added
    assert list(peer.list(cids=[DATA])) == [added] == list(peer.list(name="penguins", statuses=["queued"]))
    assert list(peer.list(statuses=["pinned"])) == []
    replaced = peer.replace(added.request_id, OTHER)
    assert [pin.cid for pin in peer.list()] == [OTHER]
    peer.remove(replaced.request_id)
    assert list(peer.list()) == []
    with pytest.raises(NotFoundError):
        peer.get(replaced.request_id)


def test_without_its_token_nothing_is_told(url: str) -> None:
    with pytest.raises(PinRefused) as caught:
        list(PinningService(url, "another").list())
    assert caught.value.status == 401


def test_its_queue_never_moves_and_nobody_waits_for_ever(peer: PinningService) -> None:
    with pytest.raises(Unavailable, match="has it queued"):
        peer.wait(peer.add(DATA), deadline=0.2, poll=0.05)
    for _ in range(2):
        with pytest.raises(TooFewReplicas, match="has it queued"):
            ReplicaPolicy(1, [peer], deadline=0.2, poll=0.05).ensure(DATA)
    assert len(list(peer.list())) == 1  # what is in the queue already is not asked for again
