"""Gated content on the command line, with gateways in processes of their own, against a real node."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyrage
import pytest
from terminal import first_answer

from .cli_support import ADDRESSES, PENGUINS, Shell
from .support import Anvil

CSV = (PENGUINS / "penguins.csv").read_bytes()


class Person(Shell):
    """A shell whose keys are files under a passphrase."""

    @property
    def environment(self) -> dict[str, str]:
        return {**super().environment, "REGISTRY_KEYS_PASSPHRASE": "correct horse", "REGISTRY_RECOVERY_PASSPHRASE": "x"}

    def as_(self, who: str | None) -> Person:
        return Person(self.url, self.folder, who)


@pytest.fixture(scope="module")
def author(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Person]:
    node = Anvil()
    made = Person(node.url, tmp_path_factory.mktemp("gated"))
    made.ok("deploy", "--local-dollar", "--yes")
    made.ok("fund", "1000 USD", "--account", ADDRESSES["buyer"])
    yield made
    node.stop()


@pytest.fixture(scope="module")
def gateways(author: Person) -> Iterator[list[str]]:
    running, urls = [], []
    for name in ("north", "east", "south"):
        author.ok("gateway", "init", "--folder", name, "--key-file", f"{name}.key")
        words = ("gateway", "serve", "--folder", name, "--key-file", f"{name}.key", "--port", "0", "--depth", "0")
        process = author.process(*words, "--json")
        running.append(process)
        urls.append(first_answer("gateway serve", process)["url"])
    yield urls
    for process in running:
        process.send_signal(signal.SIGTERM)
        process.wait(60)


@pytest.fixture(scope="module")
def asset(author: Person, gateways: list[str]) -> str:
    words = ["publish", str(PENGUINS), "--name", "Gated", "--type", "dataset", "--license", "CC0-1.0"]
    words += ["--licence", "month: 30 days, 12.5 USD", "--threshold", "2"]
    for url in gateways:
        words += ["--gateway", url]
    made = author.json(*words)
    assert author.json(*words)["did"] == made["did"]
    return str(made["did"])


def test_a_buyer_reads_and_a_stranger_is_told_the_price(author: Person, asset: str) -> None:
    buyer, stranger = author.as_("buyer"), author.as_("stranger")
    assert "month" in stranger.refused("cat", asset, "penguins.csv")["hint"]
    buyer.ok("buy", asset, "month", "--max-total", "12.5 USD", "--yes")
    assert buyer.ok("cat", asset, "penguins.csv").encode() == CSV
    buyer.ok("get", asset, "copy")
    assert (author.folder / "copy" / "penguins.csv").read_bytes() == CSV
    buyer.ok("verify", asset, "copy")
    kept = [path for path in (author.folder / "home").rglob("*") if path.is_file()]
    assert not [path for path in kept if b"AGE-SECRET-KEY-1" in path.read_bytes()]


def test_friends_are_invited_and_invitations_that_have_not_begun_are_revoked(author: Person, asset: str) -> None:
    stranger = author.as_("stranger")
    moment = (datetime.now(UTC) + timedelta(days=365)).strftime("%Y-%m-%dT%H:%MZ")
    later = author.ok("invite", asset, ADDRESSES["stranger"], "--from", moment, "--days", "1", "--json")
    (author.folder / "later.json").write_text(later)
    assert len(author.json("uninvite", "later.json")["revoked"]) == 3
    now = author.ok("invite", asset, ADDRESSES["stranger"], "--days", "1", "--json")
    assert stranger.ok("cat", asset, "penguins.csv").encode() == CSV
    (author.folder / "now.json").write_text(now)
    assert "started" in author.refused("uninvite", "now.json")["message"]
    (author.folder / "odd.json").write_text("{}")
    assert "no invitation" in author.refused("uninvite", "odd.json")["message"]


def test_the_recovery_file_opens_the_blocks_with_any_age_tool(author: Person, asset: str, tmp_path: Path) -> None:
    place = tmp_path / "recovery.age"
    author.ok("keys", "export", asset, str(place))
    text = pyrage.passphrase.decrypt(place.read_bytes(), "x").decode()
    key = pyrage.x25519.Identity.from_str(text.splitlines()[-1])
    content = author.json("show", asset)["ddo"]["content"]
    author.ok("ipfs", "get", content["cid"], str(tmp_path / "blocks"))
    pyrage.decrypt_file(str(tmp_path / "blocks" / "penguins.csv.age"), str(tmp_path / "plain.csv"), [key])
    assert (tmp_path / "plain.csv").read_bytes() == CSV
    assert author.json("keys", "import", str(place))["recipient"] == content["encryption"]["recipient"]


def test_shares_are_given_anew_to_fewer_gateways(author: Person, asset: str, gateways: list[str]) -> None:
    found = author.json("keys", "reissue", asset, "--gateway", gateways[2], "--threshold", "1")
    assert [gateway["url"] for gateway in found["gateways"]] == [gateways[2]]
    author.ok("keys", "clear", "--yes")
    assert author.ok("cat", asset, "penguins.csv").encode() == CSV, "its owner has the key from the gateway"


def test_a_threshold_without_gateways_is_a_slip(author: Person) -> None:
    ended = author("publish", str(PENGUINS), "--name", "x", "--type", "dataset", "--license", "MIT", "--threshold", "2")
    assert ended.exit_code == 2
    assert os.linesep not in ended.stdout
