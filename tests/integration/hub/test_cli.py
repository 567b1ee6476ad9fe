"""Finding assets and running a hub on the command line, on a node."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import httpx
import pytest
from terminal import first_answer

from integration.cli_support import ADDRESSES, PUBLISH, Shell
from integration.hub.support import get, wait_for
from integration.support import Anvil


@pytest.fixture(scope="module")
def author(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shell]:
    """Somebody who has published the penguins, of which a buyer has bought a month."""
    node = Anvil()
    shell = Shell(node.url, tmp_path_factory.mktemp("shell"))
    shell.ok("deploy", "--local-dollar", "--yes")
    shell.ok("fund", "100 USD", "--account", ADDRESSES["buyer"])
    shell.ok(*PUBLISH)
    shell.as_("buyer").ok("buy", "1", "commercial", "--yes")
    yield shell
    node.stop()


@pytest.fixture
def buyer(author: Shell) -> Shell:
    return author.as_("buyer")


def test_assets_are_found_by_words_and_facets(author: Shell) -> None:
    found = author.as_(None).json("search", "penguins", "--type", "dataset", "--max-price", "20 USD")
    assert [hit["name"] for hit in found["hits"]] == ["Palmer penguins"] and found["total"] == 1
    table = author.ok("search", "penguin")
    assert "Palmer penguins" in table and "on chain" in table and "1 found: dataset 1" in table
    assert "Nothing was found." in author.ok("search", "walrus")
    assert author.json("browse", "--format", "csv", "--free")["total"] == 1
    assert author.json("search", "penguins", "--not-free")["total"] == 0
    assert "pony" in author.refused("search", "--type", "pony")["message"]
    assert "dollars" in author.refused("search", "--max-price", "1 ETH")["message"]
    assert author.json("suggest", "pal")[0]["name"] == "Palmer penguins"
    assert author.json("similar", "1") == []
    assert author.ok("suggest", "pal").startswith("Palmer penguins  did:")
    assert author.json("search", "penguins", "--derived-from", "1")["total"] == 0
    assert "Nothing was found. Did you mean: penguin" in author.ok("search", "penguinz")
    refused = author("activity", "--dropped", "--account", ADDRESSES["buyer"])
    assert refused.exit_code == 2 and "not of an account" in refused.stderr


def test_what_is_mine(author: Shell, buyer: Shell) -> None:
    mine = buyer.json("mine")
    assert [one["licence"] for one in mine["owned"]] == ["commercial"] and mine["assets"] == []
    assert "until" in buyer.ok("mine") and "commercial" in buyer.ok("mine", "--ends-within", "31")
    assert "commercial" not in buyer.ok("mine", "--ends-within", "1")
    assert "Palmer penguins" in author.ok("mine")


def test_who_bought_and_what_happened(author: Shell) -> None:
    assert [one["account"] for one in author.json("holders", "1")] == [ADDRESSES["buyer"].lower()]
    assert "12.5 USD" in author.ok("sales", "1") and author.json("sales", "--account", ADDRESSES["author"]) == []
    assert author.json("activity", "1")[0]["event"] == "Sale"
    assert author.ok("watch", "--seconds", "0") == ""
    assert author.json("activity", "--dropped") == []


def test_an_asset_is_named_by_owner_and_name(author: Shell) -> None:
    named = f"{ADDRESSES['author']}/Palmer penguins"
    assert author.json("show", named)["did"] == author.json("show", "1")["did"]
    assert "called so" in author.refused("show", f"{ADDRESSES['author']}/Ponies")["message"]


@contextmanager
def serving(shell: Shell, how: str, *words: str) -> Iterator[str]:
    """The address at which a command of `registry hub` serves; a signal ends it well."""
    process = shell.process("hub", how, *words, "--port", "0", "--json")
    try:
        yield first_answer(f"hub {how}", process)["url"]
    finally:
        process.send_signal(signal.SIGTERM)
        ended = process.wait(60)
    assert ended == 0


def test_a_hub_is_made_served_asked_and_compared(author: Shell, tmp_path: Path) -> None:
    made = author.json("hub", "index")
    again = author.json("hub", "index", "--again")
    assert made["root"] == again["root"] == author.json("hub", "index", "--refold")["root"]
    copy = str(tmp_path / "copy.sqlite")
    assert author.json("hub", "export", copy) == {"assets": 1, "root": made["root"]}
    assert author.json("hub", "index", "--database", copy)["root"] == made["root"]
    assert "empty database" in author.refused("hub", "export", copy)["hint"]
    assert "no index at" in author.refused("hub", "export", copy, "--database", str(tmp_path / "none"))["message"]
    nothing, new = tmp_path / "empty.sqlite", tmp_path / "new.sqlite"
    nothing.touch()
    assert "no index to copy" in author.refused("hub", "export", str(new), "--database", str(nothing))["message"]
    assert not [path for path in tmp_path.iterdir() if path.name.startswith("new.")], "nothing is left half done"
    httpx.post(author.url, json={"jsonrpc": "2.0", "id": 1, "method": "anvil_mine", "params": ["0x5"]})
    with serving(author, "serve", "--final-after", "2") as url:
        wait_for(lambda: get(f"{url}/v1/search?q=penguin").json()["total"] == 1)
        assert author.json("hub", "status", url)["assets"] == 1
        assert "behind its node" in author.ok("hub", "status", url)
        assert author.json("search", "penguins", "--hub", url)["hits"][0]["hub"] == url
        for words in ((url, url), (url,), (url, "--lists")):
            assert "They agree on every asset: 1 at block" in author.ok("hub", "compare", *words)
        told = author.json("hub", "compare", url)
        assert (told["assets"], told["differences"], told["more"]) == (1, [], False)
    assert author.refused("search", "penguins", "--hub", url)["error"] == "HubUnavailable"
    assert os.stat(author.folder / "home" / "hub").st_mode & 0o077 == 0


def test_the_pages_of_a_hub_are_opened_on_this_machine(author: Shell, buyer: Shell) -> None:
    with serving(author, "serve") as hub:
        wait_for(lambda: get(f"{hub}/v1/search?q=penguin").json()["total"] == 1)
        with serving(buyer, "open", "--hub", hub) as here:
            assert here != hub and "Palmer penguins" in get(f"{here}/a/1").text
            mine = get(f"{here}/mine?account={ADDRESSES['buyer'].lower()}").text
            assert "commercial" in mine and "Access" in mine
            assert f"registry hub compare {hub} " in get(f"{here}/about").text
    assert author.refused("hub", "open", "--hub", hub)["error"] == "HubUnavailable"
    assert "REGISTRY_HUB" in author.refused("hub", "open")["hint"]


def test_hooks_are_noted_listed_and_removed(author: Shell) -> None:
    made = author.json("hub", "hook", "add", "https://example.org/hook", "--kind", "sale")
    assert len(made["secret"]) == 64
    listed = author.json("hub", "hook", "list")
    assert [one["name"] for one in listed] == [made["name"]] and "secret" not in json.dumps(listed)
    assert "well" in author.ok("hub", "hook", "list")
    author.ok("hub", "hook", "remove", made["name"])
    assert author.json("hub", "hook", "list") == []
    assert "https" in author.refused("hub", "hook", "add", "http://example.org/", "--kind", "sale")["hint"]


def test_a_hub_for_others_names_its_address(author: Shell) -> None:
    assert "--public-url" in author.refused("hub", "serve", "--host", "0.0.0.0")["hint"]


def test_a_hub_that_only_reads_pulls_nothing_and_says_so(author: Shell) -> None:
    ended = author("hub", "serve", "--read-only", "--pull", "http://127.0.0.1:9")
    assert ended.exit_code == 2 and "--pull is for the hub that keeps" in ended.stderr


def test_what_happens_is_told_to_machines_in_lines_until_somebody_interrupts(
    author: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    meanwhile = iter((lambda: author.ok("reprice", "1", "predictions", "0.003 ETH", "--yes"), _interrupt))
    clock = SimpleNamespace(monotonic=time.monotonic, sleep=lambda _: next(meanwhile)())
    monkeypatch.setattr("registry.index.finding.time", clock)
    ended = author("watch", "1", "--json")
    assert ended.exit_code == 130
    (told,) = map(json.loads, ended.stdout.splitlines())
    assert told["event"] == "LicenceChanged" and told["did"] == author.json("show", "1")["did"]


def _interrupt() -> None:
    raise KeyboardInterrupt
