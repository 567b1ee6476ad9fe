"""The whole story on the command line, against a real node."""

from __future__ import annotations

import base64
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import requests

from .cli_support import ADDRESSES, KEYS, MODEL, PENGUINS, PUBLISH, Shell, masked
from .support import Anvil

SNAPSHOTS = Path(__file__).parents[1] / "snapshots" / "cli"
CSV = (PENGUINS / "penguins.csv").read_bytes()


@pytest.fixture(scope="module")
def market(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shell]:
    """A node with a registry; asset 1 are the penguins, and the buyer has play money."""
    node = Anvil()
    author = Shell(node.url, tmp_path_factory.mktemp("market"))
    author.ok("deploy", "--local-dollar", "--yes")
    author.ok("fund", "1000 USD", "--account", ADDRESSES["buyer"])
    author.ok(*PUBLISH)
    yield author
    node.stop()


@pytest.fixture
def author(market: Shell) -> Shell:
    return market


@pytest.fixture
def buyer(market: Shell) -> Shell:
    return market.as_("buyer")


@pytest.fixture
def stranger(market: Shell) -> Shell:
    return market.as_("stranger")


@pytest.fixture
def nobody(market: Shell) -> Shell:
    return market.as_(None)


def publish(author: Shell, name: str, *more: str) -> str:
    """Publish an asset of a test's own and return its DID."""
    made = author.json("publish", str(MODEL), "--name", name, "--type", "model", "--license", "MIT", *more)
    return str(made["did"])


# --- The story -----------------------------------------------------------------------------------


def test_the_story_for_machines(author: Shell, buyer: Shell, stranger: Shell, nobody: Shell, tmp_path: Path) -> None:
    did = publish(author, "story", "--licence", "month: 30 days, 12.5 USD", "--licence", "calls: 10 uses, 0.002 ETH")
    found = nobody.json("show", did)
    assert found["did"] == did
    assert found["owner"] == ADDRESSES["author"]
    assert [offer["price"] for offer in found["licences"]] == ["12.5 USD", "0.002 ETH"]

    assert stranger.refused("cat", did, "weights.json")["error"] == "AccessDenied"
    before = buyer.json("balance", "USD")["balances"]
    bought = buyer.json("buy", did, "month", "--yes")
    assert {name: told for name, told in bought["price"].items() if not name.endswith("_exact")} == {
        "total": "12.5 USD",
        "fee": "0.125 USD",
        "royalty": "0 USD",
        "payout": ADDRESSES["author"],
    }
    assert bought["holding"]["active"] is True
    after = buyer.json("balance", "USD")["balances"]
    assert float(before[0].split()[0]) - float(after[0].split()[0]) == 12.5

    weights = (MODEL / "weights.json").read_bytes()
    assert buyer.ok("cat", did, "weights.json").encode() == weights
    assert base64.b64decode(buyer.json("open", f"asset://{did}/weights.json")["base64"]) == weights
    assert nobody.json("verify", did)["files"] == len(list(MODEL.iterdir()))
    assert {file["path"] for file in buyer.json("download", did, str(tmp_path / "copy"))} == {
        path.name for path in MODEL.iterdir()
    }
    assert nobody.json("verify", did, str(tmp_path / "copy"))["did"] == did
    (tmp_path / "copy" / "weights.json").write_bytes(weights.replace(b"0", b"1", 1))
    assert nobody.refused("verify", did, str(tmp_path / "copy"))["error"] == "Unverified"

    assert buyer.json("buy", did, "calls", "--yes")["holding"]["uses"] == 10
    buyer.json("consume", did, "calls", "--uses", "2", "--ref", "job 17")
    receipt = tmp_path / "receipt.json"
    receipt.write_text(buyer.ok("receipt", "sign", did, "calls", "--uses", "3", "--service", ADDRESSES["stranger"]))
    assert author.refused("receipt", "submit", str(receipt))["error"] == "WrongService"
    assert stranger.json("receipt", "submit", str(receipt))["tx"] is not None
    assert stranger("receipt", "submit", str(receipt)).exit_code == 1
    held = buyer.json("access", did)
    assert held["has_access"] is True
    assert [holding["uses"] for holding in held["holdings"]] == [0, 5]

    author.json("transfer", did, ADDRESSES["stranger"], "--yes")
    assert nobody.json("show", did)["owner"] == ADDRESSES["stranger"]
    assert author.refused("suspend", did)["error"] == "NotAssetOwner"
    assert buyer.json("access", did)["has_access"] is True
    assert nobody.json("resolve", did)["controller"].endswith(ADDRESSES["stranger"])


def test_the_story_for_people(author: Shell, buyer: Shell, nobody: Shell) -> None:
    did = publish(author, "people", "--licence", "month: 30 days, 12.5 USD")
    assert "30 days of access for 12.5 USD" in nobody.ok("show", did)
    bought = buyer.ok("buy", did, "--yes")
    assert "access until" in bought
    assert "12.375 USD to" in bought
    assert "weights.json" in nobody.ok("files", did)
    assert "what" in nobody.ok("verify", did)
    assert "Done: transfer" in author.ok("transfer", did, ADDRESSES["stranger"], "--yes")


def test_what_the_owner_decides(author: Shell, buyer: Shell, nobody: Shell) -> None:
    did = publish(author, "owner", "--licence", "month: 30 days, 12.5 USD")
    author.ok("update", did, "--description", "Better words.", "--tag", "birds", "--tag", "ice")
    author.ok("add-licence", did, "lifetime: hold, 99 USD", "--description", "For ever.")
    author.ok("reprice", did, "lifetime", "100 USD")
    found = nobody.json("show", did)
    assert (found["version"], found["ddo"]["tags"]) == (3, ["birds", "ice"])
    assert [(o["name"], o["price"], o["description"]) for o in found["licences"]] == [
        ("month", "12.5 USD", ""),
        ("lifetime", "100 USD", "For ever."),
    ]
    assert len(nobody.json("history", did)) == 3
    author.ok("close-licence", did, "1")
    assert buyer.refused("buy", did, "lifetime", "--yes")["error"] == "LicenceClosed"
    author.ok("open-licence", did, "lifetime")
    author.ok("suspend", did)
    assert buyer.refused("buy", did, "month", "--yes")["error"] == "NotForSale"
    author.ok("resume", did)
    author.ok("roles", did, ADDRESSES["buyer"], "--set", "editor,minter")
    assert nobody.json("roles", did, ADDRESSES["buyer"])["roles"] == ["editor", "minter"]
    buyer.ok("grant", did, "month", "--to", ADDRESSES["stranger"])
    assert nobody.json("access", did, "--account", ADDRESSES["stranger"])["has_access"] is True
    author.ok("roles", did, ADDRESSES["buyer"], "--none")
    assert nobody.json("roles", did, ADDRESSES["buyer"])["roles"] == []
    author.ok("payout", did, ADDRESSES["stranger"])
    assert nobody.json("show", did)["payout"] == ADDRESSES["stranger"]
    author.ok("payout", did, "--owner")
    assert author("payout", did).exit_code == 2
    author.ok("retire", did, "--yes")
    assert nobody.json("show", did)["state"] == "retired"


def test_datatokens_are_bought_handed_out_and_redeemed(author: Shell, buyer: Shell, nobody: Shell) -> None:
    did = publish(author, "tokens", "--licence", "month: 30 days, 12.5 USD")
    buyer.ok("approve", "25 USD")
    bought = buyer.json("buy", did, "--units", "2", "--as-tokens", "--no-approve", "--yes")
    assert bought["holding"]["tokens"] == str(2 * 10**18)
    buyer.ok("redeem", did, "month", "--account", ADDRESSES["stranger"])
    assert nobody.json("access", did, "--account", ADDRESSES["stranger"])["has_access"] is True


def test_a_dry_run_sends_nothing(author: Shell, buyer: Shell, nobody: Shell) -> None:
    assert author.json("deploy", "--check")["problems"] == []
    before = author.json("balance")["balances"], buyer.json("balance")["balances"]
    author.ok("publish", str(MODEL), "--name", "never", "--type", "model", "--license", "MIT", "--dry-run")
    buyer.ok("buy", "1", "commercial", "--dry-run")
    author.ok("update", "1", "--description", "never", "--dry-run")
    author.ok("transfer", "1", ADDRESSES["buyer"], "--dry-run")
    author.ok("retire", "1", "--dry-run")
    author.ok("deploy", "--dry-run")
    assert (author.json("balance")["balances"], buyer.json("balance")["balances"]) == before
    assert nobody.json("show", "1")["state"] == "active"


def test_publishing_again_finds_what_was_published(author: Shell) -> None:
    first, second = author.json(*PUBLISH), author.json(*PUBLISH)
    assert first["did"] == second["did"]
    assert second["tx"] is None


def test_what_is_left_out_is_told_in_a_line(author: Shell, tmp_path: Path) -> None:
    for name in ("a.csv", ".env", "sub/.git"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(name)
    terms = ("--name", "Half", "--type", "dataset", "--license", "MIT")
    told = author.process("publish", str(tmp_path), *terms)
    out, err = (text.decode() for text in told.communicate())
    assert told.returncode == 0 and "DID" in out
    assert "2 names that begin with a dot were left out" in err and "'.env', 'sub/.git'" in err and "--hidden" in err
    machine = author.process("publish", str(tmp_path), *terms, "--json")
    out, err = (text.decode() for text in machine.communicate())
    assert json.loads(out)["left_out"] == [str(tmp_path / ".env"), str(tmp_path / "sub" / ".git")]
    assert json.loads(err)["warning"] == "LeftOutWarning"
    whole = author.json("publish", str(tmp_path), *terms, "--hidden")
    assert whole["left_out"] == [] and whole["content"] == author.json("cid", str(tmp_path), "--hidden")["cid"]
    assert (
        author.json("update", whole["did"], "--path", str(tmp_path), "--dry-run")["left_out"]
        == json.loads(out)["left_out"]
    )


@pytest.mark.parametrize("ending", ["json", "jsonl", "toml"])
def test_a_manifest_is_published_in_one_go(author: Shell, nobody: Shell, tmp_path: Path, ending: str) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "a.csv").write_text(f"x\n{ending}\n")
    drafts = [
        {
            "path": "data",
            "name": f"{ending} {number}",
            "type": "dataset",
            "license": "CC0-1.0",
            "tags": ["many"],
            "licences": [
                "research: free",
                {"spec": "month: 30 days, 5 USD", "description": "A month."},
            ],
        }
        for number in range(3)
    ]
    manifest = tmp_path / f"drafts.{ending}"
    if ending == "json":
        manifest.write_text(json.dumps(drafts))
    elif ending == "jsonl":
        manifest.write_text("\n".join(json.dumps(draft) for draft in drafts) + "\n\n")
    else:
        rows = []
        for draft in drafts:
            rows.append("[[asset]]")
            rows += [f"{key} = {json.dumps(value)}" for key, value in draft.items() if key != "licences"]
            rows.append('licences = ["research: free", {spec = "month: 30 days, 5 USD", description = "A month."}]')
        manifest.write_text("\n".join(rows))
    preview = author.json("publish-many", str(manifest), "--dry-run")
    assert [document["ddo"]["name"] for document in preview["documents"]] == [draft["name"] for draft in drafts]
    made = author.json("publish-many", str(manifest), "--batch", "2")
    assert len({asset["did"] for asset in made}) == 3
    assert len({asset["tx"]["tx_hash"] for asset in made}) == 2
    again = author.json("publish-many", str(manifest))
    assert [asset["did"] for asset in again] == [asset["did"] for asset in made]
    assert [asset["tx"] for asset in again] == [None] * 3
    assert nobody.json("licences", made[2]["did"])[1]["description"] == "A month."


def test_a_document_goes_out_and_comes_in_again(author: Shell, nobody: Shell, tmp_path: Path) -> None:
    out = tmp_path / "asset.json"
    out.write_text(nobody.ok("show", "1", "--ddo"))
    assert author.refused("publish", "--ddo", str(out))["error"] == "InvalidDDO"
    assert "/licences/0" in author.refused("publish", str(PENGUINS), "--ddo", str(out))["message"]
    specs = [part for part in PUBLISH if ": " in part]
    words = [word for spec in specs for word in ("--licence", spec)]
    made = author.json("publish", str(PENGUINS), "--ddo", str(out), *words)
    # The same document: what was published is found.
    assert (made["did"], made["tx"]) == (nobody.json("show", "1")["did"], None)


def test_ocean_documents_go_out_and_come_in(author: Shell, nobody: Shell, tmp_path: Path) -> None:
    did = publish(author, "ocean asset", "--description", "A model that goes to sea.")
    exported = tmp_path / "ocean.json"
    exported.write_text(nobody.ok("ocean", "export", did))
    document = json.loads(exported.read_text())
    assert document["metadata"]["name"] == "ocean asset"
    imported = nobody.json("ocean", "import", str(exported), "--out", str(tmp_path / "asset.json"))
    created = imported["ddo"].pop("created")
    assert created == document["metadata"]["created"]
    assert imported["ddo"] == nobody.json("show", did)["ddo"]
    assert json.loads((tmp_path / "asset.json").read_text()) == {**imported["ddo"], "created": created}


# --- Asking --------------------------------------------------------------------------------------


@pytest.mark.parametrize(("answer", "code"), [("y", 0), ("n", 1)])
def test_a_purchase_is_shown_and_asked_for_on_a_terminal(author: Shell, buyer: Shell, answer: str, code: int) -> None:
    did = publish(author, f"asked {code}", "--licence", "month: 30 days, 12.5 USD")
    ended, seen = buyer.seated("buy", did, answers=[("[y/N]: ", answer)])
    assert ended == code, seen
    assert "Buy 'month' of" in seen and "12.5 USD" in seen
    assert ("Nothing was sent" in seen) is (code == 1)
    assert buyer.json("access", did)["has_access"] is (code == 0)


def test_nobody_to_ask_is_a_refusal_that_names_the_flag(buyer: Shell, author: Shell) -> None:
    error = buyer.refused("buy", "1", "commercial")
    assert "--yes" in error["hint"]
    assert "--yes" in author.refused("transfer", "1", ADDRESSES["buyer"])["hint"]
    assert "--yes" in author.refused("retire", "1")["hint"]


def test_a_reader_who_has_enough_ends_it_quietly(author: Shell) -> None:
    process = author.process("cat", "1", "penguins.csv")
    assert process.stdout is not None and process.stderr is not None
    assert process.stdout.read(7) == CSV[:7]
    process.stdout.close()
    assert process.stderr.read() == b""
    assert process.wait(30) == 0


def test_ctrl_c_loses_nothing(start_anvil: Callable[..., Anvil], tmp_path: Path) -> None:
    node = start_anvil()
    author = Shell(node.url, tmp_path)
    author.ok("deploy", "--local-dollar", "--yes")
    node.rpc("evm_setAutomine", False)
    process = author.process(*PUBLISH)
    deadline = time.monotonic() + 30
    while not int(node.rpc("txpool_status")["pending"], 16) and time.monotonic() < deadline:
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    _out, err = process.communicate(timeout=30)
    assert process.returncode == 130
    assert b"Nothing is lost" in err
    assert b"Traceback" not in err
    node.rpc("evm_setAutomine", True)
    node.rpc("evm_mine")
    made = author.json(*PUBLISH)
    assert made["did"].endswith("_1")
    assert author.json(*PUBLISH)["did"] == made["did"]
    assert author.refused("show", "2")["error"] == "AssetNotFound"


# --- Refusals ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "error", "said"),
    [
        (("show", "99"), "AssetNotFound", "_99"),
        (("show", "did:nft:x"), "InvalidDID", "'did:nft:x'"),
        (("show", "did:nft:eip155:5_erc721:0x" + "1" * 40 + "_1"), "WrongChain", "chain 5"),
        (("show", "did:nft:eip155:1337_erc721:0x" + "1" * 40 + "_1"), "AssetNotFound", "another registry"),
        (("show", str(2**64)), "InvalidDID", "number"),
        (("show", "1", "--chain-id", "1"), "WrongChain", "chain 1"),
        (("show", "1", "--rpc", "ftp://x"), "InputError", "ftp://x"),
        (("show", "1", "--rpc", "http://127.0.0.1:1"), "ConnectionFailed", "127.0.0.1:1"),
        (("show", "1", "--deployment", "missing.json"), "DeploymentError", "missing.json"),
        (("buy", "1", "gold", "--yes"), "LicenceNotFound", "'gold'"),
        (("buy", "1", "--yes"), "LicenceNotFound", "without a name"),
        (("buy", "1", "commercial", "--yes", "--max-total", "1 USD"), "PriceChanged", "1 USD"),
        (("buy", "1", "commercial", "--yes", "--max-total", "1,5 USD"), "InvalidAmount", "'1,5 USD'"),
        (("buy", "1", "commercial", "--yes", "--units", "0"), "InputError", "0"),
        (("buy", "1", "commercial", "--yes", "--account", "0x12"), "InvalidAddress", "0x12"),
        (("cat", "1", "pinguins.csv"), "FileNotInAsset", "pinguins.csv"),
        (("reprice", "1", "commercial", "2 EUR"), "UnknownToken", "EUR"),
        (("reprice", "1", "commercial", "2.1234567 USD"), "InvalidAmount", "decimals"),
        (("add-licence", "1", "x: thirty days, free"), "InvalidLicence", "thirty days"),
        (("add-licence", "1", "x: 30 dayz"), "UnknownToken", "dayz"),
        (("publish-many", "missing.jsonl"), "InputError", "missing.jsonl"),
        (("receipt", "submit", "missing.json"), "InputError", "missing.json"),
        (("consume", "1", "predictions", "--ref", "0xzz"), "InputError", "0xzz"),
        (("consume", "1", "predictions", "--ref", "x" * 33), "InputError", "33 bytes"),
        (("roles", "1", ADDRESSES["buyer"], "--set", "king"), "InputError", "king"),
        (("approve", "1 ETH"), "InputError", "1 ETH"),
        (("fund", "1 ETH"), "InputError", "1 ETH"),
        (("download", "1", "."), "WouldOverwrite", "."),
        (("deploy", "--fee-bps", "501"), "InputError", "501"),
        (("deploy", "--payment-token", ADDRESSES["buyer"]), "DeploymentError", "no token"),
        (("explain", "Nope"), "InputError", "'Nope'"),
    ],
)
def test_a_refusal_has_a_name_the_value_and_a_way_out(
    author: Shell, words: tuple[str, ...], error: str, said: str
) -> None:
    refused = author.refused(*words)
    assert refused["error"] == error
    assert said in refused["message"]


def test_no_chain_names_the_two_ways_out(author: Shell) -> None:
    error = author.refused("show", "1", environment={"REGISTRY_RPC": None})
    assert "registry demo" in error["hint"]
    assert "--rpc http://127.0.0.1:8545" in error["hint"]


def test_without_a_signer_nothing_is_sent_and_the_ways_to_sign_are_named(nobody: Shell) -> None:
    for words in (PUBLISH, ("buy", "1", "commercial", "--yes"), ("cat", "1", "penguins.csv"), ("deploy",)):
        error = nobody.refused(*words)
        assert error["error"] == "NoSigner"
        assert "REGISTRY_KEY" in error["hint"]


def test_too_little_money_is_seen_before_anything_is_sent(stranger: Shell) -> None:
    before = stranger.json("balance")["balances"]
    assert stranger.refused("buy", "1", "commercial", "--yes")["error"] == "InsufficientBalance"
    assert stranger.json("balance")["balances"] == before


def test_a_chain_without_a_registry_says_how_to_deploy(anvil: Anvil, tmp_path: Path, market: Shell) -> None:
    fresh = Shell(anvil.url, tmp_path)
    assert "registry deploy" in fresh.refused("show", "1")["hint"]
    # A record that outlived its chain is no registry either.
    record = market.folder / "deployments" / "1337.json"
    assert fresh.refused("show", "1", "--deployment", str(record))["error"] == "NotDeployed"
    assert fresh.refused("deploy", "--check", "--deployment", str(record))["error"] == "DeploymentError"


def test_a_key_is_never_shown(market: Shell) -> None:
    broken = KEYS["author"][:-1]
    error = market.refused("balance", environment={"REGISTRY_KEY": broken})
    assert broken not in json.dumps(error)
    assert broken[2:] not in json.dumps(error)


def test_a_key_file_signs_with_its_password_only(market: Shell, tmp_path: Path) -> None:
    from eth_account import Account

    file = tmp_path / "key.json"
    file.write_text(json.dumps(Account.encrypt(KEYS["buyer"], "open sesame", iterations=2)))
    who = market.as_(None)
    words = ("balance", "--keyfile", str(file))
    ended = who(*words, "--json", environment={"REGISTRY_PASSWORD": "open sesame"})
    assert json.loads(ended.stdout)["account"] == ADDRESSES["buyer"]
    assert who.refused(*words, environment={"REGISTRY_PASSWORD": "wrong"})["error"] == "WrongPassword"
    assert who.refused(*words)["error"] == "SignerError"
    assert market.refused(*words, environment={"REGISTRY_PASSWORD": "open sesame"})["error"] == "InputError"
    assert who.refused("balance", "--keyfile", str(tmp_path / "none.json"))["error"] == "UnknownAccount"


def test_who_sits_at_a_terminal_is_asked_for_the_password_and_may_slip_twice(market: Shell, tmp_path: Path) -> None:
    from eth_account import Account

    file = tmp_path / "key.json"
    file.write_text(json.dumps(Account.encrypt(KEYS["buyer"], "open sesame", iterations=2)))
    who, words = market.as_(None), ("balance", "--keyfile", str(file))
    slips = [(f"Password of {file}: ", "wrong")] * 2
    ended, seen = who.seated(*words, answers=[*slips, (f"Password of {file}: ", "open sesame")])
    assert ended == 0 and seen.count("That is not its password.") == 2 and ADDRESSES["buyer"] in seen
    assert "sesame" not in seen
    ended, seen = who.seated(*words, answers=[*slips, slips[0]])
    assert ended == 1 and "WrongPassword" in seen and ADDRESSES["buyer"] not in seen


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("a.json", "{", "not JSON"),
        ("a.json", "{}", "not an array"),
        ("a.json", "[]", "no drafts"),
        ("a.json", "[1]", "draft 1"),
        ("a.jsonl", '{"name": "x"}\n{', "line 2"),
        ("a.jsonl", '{"name": "x", "type": "dataset"}', "'license'"),
        ("a.jsonl", '{"name": "x", "type": "dataset", "license": "MIT", "licences": ["y"]}', "no name before"),
        ("a.jsonl", '{"name": "x", "type": "dataset", "license": "MIT", "licences": [{"sepc": "y"}]}', "sepc"),
        ("a.jsonl", '{"name": "x", "type": "dataset", "license": "MIT", "path": 7}', "path 7"),
        ("a.jsonl", '{"name": "x", "type": "dataset", "license": "MIT", "royalty_bps": "7"}', "royalty_bps '7'"),
        ("a.jsonl", '{"name": "x", "type": "poem", "license": "MIT"}', "/type"),
        ("a.jsonl", '{"name": "x", "type": "model", "license": "MIT", "colour": "red"}', "/colour"),
        ("a.jsonl", '{"name": "x", "type": "model", "license": "MIT", "path": "none"}', "none"),
        ("a.toml", "[asset", "not TOML"),
        ("a.toml", "[other]\nx = 1", "[[asset]]"),
        ("a.csv", "x", "no manifest by its name"),
    ],
)
def test_a_faulty_manifest_publishes_nothing(author: Shell, tmp_path: Path, name: str, text: str, said: str) -> None:
    (tmp_path / name).write_text(text)
    before = author.json("balance")["balances"]
    assert said in author.refused("publish-many", str(tmp_path / name))["message"]
    assert author.json("balance")["balances"] == before


def test_a_wrong_call_is_2_for_people_and_for_machines(author: Shell) -> None:
    for words in (("publish",), ("roles",), ("buy", "1", "--nope"), ("update", "1"), ("nope",)):
        process = author.process(*words, "--json")
        _out, err = process.communicate(timeout=30)
        assert process.returncode == 2, words
        assert json.loads(err)["error"] == "UsageError"
    assert author("update", "1").exit_code == 2


def test_debug_shows_where_it_arose(author: Shell) -> None:
    ended = author("show", "99", "--debug")
    assert ended.exit_code == 1
    assert "Traceback" in ended.stderr
    assert "AssetNotFound" in ended.stderr


@contextmanager
def behind_a_key(node: str, key: str) -> Iterator[str]:
    """The node at an address with a key in its path and a password, as those who run nodes for others have them."""

    class Door(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked = self.rfile.read(int(self.headers["Content-Length"]))
            known = self.path == f"/v3/{key}" and "Authorization" in self.headers
            kind = {"Content-Type": "application/json"}
            answer = (
                requests.post(node, asked, headers=kind, timeout=30).content
                if known
                else f"no key {self.path}".encode()
            )
            self.send_response(200 if known else 401)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Door) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://ann:{key}@127.0.0.1:{server.server_address[1]}/v3/{key}"
        server.shutdown()


def test_nothing_that_is_written_has_the_key_of_a_node_in_it(anvil: Anvil, tmp_path: Path) -> None:
    key = "S3cretMark42"
    with behind_a_key(anvil.url, key) as address:
        author = Shell(address, tmp_path)
        commands = [
            ("deploy", "--local-dollar", "--yes"),
            PUBLISH,
            ("show", "1"),
            ("buy", "1", "research", "--yes"),
            ("open", "1"),
            ("approve", "1 NONE"),
            ("show", "99", "--debug"),
            ("dao", "check"),
            ("statement", "--account", ADDRESSES["author"]),
        ]
        said = [author(*words, *more) for words in commands for more in ((), ("--json",))]
        lost = Shell(address.replace("/v3/", "/v4/"), tmp_path)
        said += [lost("show", "1", *more) for more in ((), ("--json",), ("--debug",))]
    said += [author("show", "1", *more) for more in ((), ("--json",), ("--debug",))]  # nobody listens any more
    assert {ended.exit_code for ended in said} == {0, 1, 2} and "ConnectionFailed" in said[-1].stderr
    for ended in said:
        assert key not in ended.stdout + ended.stderr, ended.stdout + ended.stderr
    written = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert any(path.suffix == ".sqlite" for path in written) and any(path.suffix == ".json" for path in written)
    assert not [path for path in written if key.encode() in path.read_bytes()]


# --- Beside it -----------------------------------------------------------------------------------


def test_ape_registry_is_the_same_group(author: Shell) -> None:
    ape = (str(Path(sys.executable).parent / "ape"),)
    process = author.process("registry", "show", "1", "--json", command=ape)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    assert json.loads(out) == author.json("show", "1")
    process = author.process("registry", "show", "99", command=ape)
    _out, err = process.communicate(timeout=60)
    assert process.returncode == 1
    assert err.startswith(b"AssetNotFound")
    process = author.process("--help", command=ape)
    out, err = process.communicate(timeout=60)
    assert b"registry  A registry of AI assets" in out, err


def test_an_ape_account_signs(nobody: Shell) -> None:
    held = nobody.json("balance", "--ape-account", "TEST::1")
    assert held["account"] == ADDRESSES["buyer"]
    assert nobody.refused("balance", "--ape-account", "nobody-at-all")["error"] == "UnknownAccount"


def test_unstick_has_nothing_to_do_on_a_free_account(author: Shell) -> None:
    assert author.json("unstick") == {"replaced": None}


def snapshots(author: Shell, buyer: Shell) -> dict[str, str]:
    refused: Callable[..., Any] = lambda *words: author(*words).stderr  # noqa: E731
    return {
        "deploy": author.ok("deploy", "--local-dollar", "--dry-run"),
        "show": author.ok("show", "1"),
        "licences": author.ok("licences", "1"),
        "files": author.ok("files", "1"),
        "tokens": author.ok("tokens"),
        "buy": buyer.ok("buy", "1", "commercial", "--dry-run"),
        "verify": author.ok("verify", "1"),
        "explain": author.ok("explain", "NotAssetOwner"),
        "refused": refused("show", "99")
        + refused("buy", "1", "gold")
        + refused("add-licence", "1", "x: thirty days, free"),
    }


def test_the_words_for_people_are_those_of_the_snapshots(author: Shell, buyer: Shell) -> None:
    for name, text in snapshots(author, buyer).items():
        file = SNAPSHOTS / f"{name}.txt"
        if os.environ.get("UPDATE_SNAPSHOTS"):
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(masked(text), encoding="utf-8")
        assert masked(text) == file.read_text(encoding="utf-8"), f"{name}: UPDATE_SNAPSHOTS=1 rewrites it"


def test_the_demo_for_machines_is_one_value(nobody: Shell) -> None:
    process = nobody.process("demo", "--json", stdin=subprocess.DEVNULL)
    out, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    assert json.loads(out)["rows"] == 344


def test_an_asset_url_opens_in_pandas_by_the_environment_alone(buyer: Shell, market: Shell) -> None:
    did = market.json("show", "1")["did"]
    buyer.ok("buy", "1", "commercial", "--yes")
    code = f"import pandas; print(len(pandas.read_csv('asset://{did}/penguins.csv')))"
    reading = buyer.process("-c", code, command=(sys.executable,))
    out, err = reading.communicate(timeout=120)
    assert (out.decode(), err.decode()) == ("344\n", "")


def test_an_asset_is_pinned_and_audited_by_its_number(author: Shell, market: Shell) -> None:
    shown = author.json("show", "1")
    roots = [shown["cid"], shown["ddo"]["content"]["cid"]]
    assert author.json("ipfs", "pin", "add", "1")["pinned"] == roots
    found = author.json("ipfs", "audit", "1", "--replica", str(market.folder / "home" / "blocks"))
    assert found["sound"] and found["roots"] == roots
    assert author.refused("ipfs", "audit", "1")["error"] == "InputError"
    dead = author.refused("ipfs", "pin", "add", "1", "--service", "http://127.0.0.1:9", "--wait", "0.1")
    assert dead["error"] == "TooFewReplicas" and "to list its pins" in dead["message"]
