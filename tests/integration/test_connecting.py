"""A second person on a second machine: one command and a DID lead to prices, files and bytes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from registry import Registry
from registry.chain.networks import MOST_BYTES, Network, Networks
from registry.errors import InputError

from .cli_support import KEYS, PENGUINS, PUBLISH, Shell
from .support import Anvil

CSV = (PENGUINS / "penguins.csv").read_text()


@dataclass(frozen=True)
class Machine(Shell):
    """A shell on a machine where nobody set anything up: neither node nor record, nor a gateway."""

    @property
    def environment(self) -> dict[str, str]:
        return {"REGISTRY_HOME": str(self.folder / "home"), "IPFS_GATEWAY": "", "COLUMNS": "160"}


@pytest.fixture(scope="module")
def author(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shell]:
    """Whoever deployed a registry and published the penguins in it."""
    node = Anvil()
    author = Shell(node.url, tmp_path_factory.mktemp("author"))
    author.ok("deploy", "--local-dollar", "--yes")
    author.ok(*PUBLISH)
    yield author
    node.stop()


@pytest.fixture
def did(author: Shell) -> str:
    return str(author.json("show", "1")["did"])


@pytest.fixture
def blocks(author: Shell) -> str:
    return str(author.folder / "home" / "blocks")


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine("", tmp_path, None)


def test_one_command_and_a_did_lead_to_prices_files_and_bytes(
    author: Shell, did: str, blocks: str, machine: Machine
) -> None:
    told = machine.ok("connect", did, "--rpc", author.url, "--source", blocks, "--name", "penguins")
    assert "of this package, by the hash of their code" in told
    assert "12.5 USD" in machine.ok("show", did) and "penguins.csv" in machine.ok("files", "1")
    assert machine.json("verify", "1")["files"] >= 1
    client = Registry.connect(home=machine.folder / "home", progress=None)
    assert client.get(did).did == Registry.connect("penguins", home=machine.folder / "home").get(1).did
    buyer = client.as_account(KEYS["buyer"])
    buyer.buy(did, "research")
    assert buyer.open(did, "penguins.csv").read().decode() == CSV


def test_a_source_may_be_named_for_one_command_alone(author: Shell, did: str, blocks: str, machine: Machine) -> None:
    machine.ok("connect", did, "--rpc", author.url)
    refused = machine("show", "1")
    assert refused.exit_code == 1 and "BlockNotFound" in refused.stderr and "--source" in refused.stderr
    assert "12.5 USD" in machine.ok("show", "1", "--source", blocks)


def test_a_file_takes_the_next_one_there(
    author: Shell, did: str, blocks: str, machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine.ok("connect", did, "--rpc", f"{author.url}/?key=secret", "--source", blocks, "--name", "penguins")
    given = json.loads(machine.ok("networks", "penguins", "--file"))
    assert "rpc" not in given and given["registry"].lower() in did
    shown = machine.ok("networks") + machine.ok("networks", "penguins") + machine.ok("networks", "--json")
    assert "secret" not in shown and author.url in shown
    file = machine.folder / "penguins.json"
    file.write_text(json.dumps({**given, "rpc": author.url, "sources": []}))
    other = Machine("", machine.folder / "other", None)
    other.folder.mkdir()
    refused = other("connect", str(file))
    assert refused.exit_code == 1 and "leads to this machine" in refused.stderr and not (other.folder / "home").exists()
    monkeypatch.setenv("REGISTRY_REACH", "127.0.0.0/8")
    reached = other("connect", str(file), "--source", blocks, environment={"REGISTRY_REACH": "127.0.0.0/8"})
    assert reached.exit_code == 0 and "12.5 USD" in other.ok("show", did)


def test_names_lead_back_and_one_registry_never_takes_the_place_of_another(
    author: Shell, did: str, machine: Machine, tmp_path: Path
) -> None:
    registry = machine.json("connect", did, "--rpc", author.url, "--name", "penguins")["registry"]
    second = Shell(author.url, tmp_path / "second", "buyer")
    second.folder.mkdir()
    second.ok("deploy", "--local-dollar", "--yes")
    address = json.loads(next((second.folder / "deployments").glob("*.json")).read_text())["registry"]
    taken = machine("connect", address, "--rpc", author.url, "--name", "penguins")
    assert taken.exit_code == 1 and "Give this one another name" in taken.stderr
    machine.ok("connect", address, "--rpc", author.url)
    listed = machine.json("networks")
    assert [one["name"] for one in listed["networks"]] == ["chain-1337", "penguins"] and listed[
        "in_use"
    ] == "chain-1337"
    machine.ok("connect", "penguins")
    assert machine.json("networks")["in_use"] == "penguins"
    assert machine.json("networks", "penguins")["registry"] == registry


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"rpc": "http://rpc.example.org"}, "neither https nor http on this machine"),
        ({"rpc": "https://10.0.0.1"}, "10.0.0.1"),
        ({"rpc": "https://user:pw@rpc.example.org"}, "characters that have no place there"),
        ({"sources": ["kubo:http://127.0.0.1:5001"]}, "not the plain address"),
        ({"sources": ["/etc"]}, "not the plain address"),
        ({"sources": "https://a.example"}, "something else where text belongs"),
        ({"sources": [f"https://{n}.example.org" for n in range(17)]}, "more than 16 sources"),
        ({"chain_id": "1"}, "no number of a chain"),
        ({"chain_id": True}, "no number of a chain"),
        ({"registry": "0x12"}, "0x12"),
        ({"name": "../penguins"}, "its name"),
        ({"name": 7}, "something else where text belongs"),
        ({"version": "latest"}, "the version of its contracts"),
        ({"format": "registry.network.v2"}, "its format is not"),
        ({"hub": "https://hub.example.org"}, "fields that no network has"),
    ],
)
def test_a_file_that_leads_astray_is_refused(tmp_path: Path, change: dict[str, Any], why: str) -> None:
    good = {"format": "registry.network.v1", "name": "penguins", "chain_id": 1337, "registry": "0x" + "11" * 20}
    good |= {"version": "0" * 16}
    file = tmp_path / "network.json"
    file.write_text(json.dumps(good))
    assert Network.read(file).name == "penguins"
    file.write_text(json.dumps({**good, **change}))
    with pytest.raises(InputError, match="does not describe a network") as caught:
        Network.read(file)
    assert why in str(caught.value)


@pytest.mark.parametrize("data", [b"", b"[]", b"{", b"[" * 10_000, b" " * (MOST_BYTES + 1), b"\xff\xfe"])
def test_what_is_no_file_of_a_network_is_refused(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "network.json").write_bytes(data)
    with pytest.raises(InputError, match="does not describe a network"):
        Network.read(tmp_path / "network.json")


def test_without_any_network_it_says_how_to_get_to_one(machine: Machine) -> None:
    assert "none come with this package" in machine.ok("networks")
    for words in (["show", "1"], ["connect", "penguins"], ["connect", "0x" + "11" * 20], ["connect", "nowhere.json"]):
        ended = machine(*words)
        assert ended.exit_code == 1 and ended.stderr
    with pytest.raises(InputError, match="No network is called 'penguins' here"):
        Networks(machine.folder).get("penguins")
    with pytest.raises(InputError, match="no network is in use"):
        Registry.connect(home=machine.folder / "home")


def test_a_file_and_the_chain_must_agree(author: Shell, did: str, machine: Machine) -> None:
    machine.ok("connect", did, "--rpc", author.url, "--name", "penguins")
    given = json.loads(machine.ok("networks", "--file"))
    file = machine.folder / "network.json"
    file.write_text(json.dumps({**given, "version": "f" * 16}))
    refused = machine("connect", str(file), "--rpc", author.url)
    assert refused.exit_code == 1 and "are of version" in refused.stderr
    file.write_text(json.dumps({**given, "chain_id": 1}))
    refused = machine("connect", str(file), "--rpc", author.url)
    assert refused.exit_code == 1 and "WrongChain" in refused.stderr
