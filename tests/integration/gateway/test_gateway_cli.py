"""``registry gateway``: what its operator sees, and that nothing secret is ever written."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import httpx
import pyrage
import pytest
from terminal import first_answer, runner, seated

from integration.gateway.support import (
    AUTHOR,
    BUYER,
    CALLS,
    HEARD,
    MONTH,
    STRANGER,
    Town,
    Voice,
    Wish,
    no_secret_in,
    shares,
)
from registry.chain.signers import dev_signer
from registry.cli import cli


class Operator:
    """Somebody at a terminal with a gateway to look after."""

    def __init__(self, town: Town) -> None:
        self.town = town
        self.folder = town.folder / "operated"
        self.key_file = town.folder / "operator.key"
        self.record = town.deployment.save(town.folder)
        self.said: list[str] = []

    def settings(self) -> list[str]:
        """Where the chain and the contracts are."""
        return [
            "--rpc",
            self.town.anvil.url,
            "--deployment",
            str(self.record),
            "--home",
            str(self.town.folder / "home"),
        ]

    def run(self, *arguments: str, keys: bool = False, fails: bool = False) -> Any:
        """Run a command with --json and return its value, or the error."""
        given = [*arguments, "--folder", str(self.folder)] + (["--key-file", str(self.key_file)] if keys else [])
        done = runner().invoke(cli, [*self.settings(), "gateway", *given, "--json"])
        self.said += [done.stdout, done.stderr]
        assert (done.exit_code != 0) == fails, done.output
        return json.loads(done.stderr if fails else done.stdout)

    def serve(self, *options: str) -> tuple[subprocess.Popen[str], Voice]:
        """Start it, as from a shell."""
        command = [str(Path(sys.executable).parent / "registry"), *self.settings(), "gateway", "serve", "--port", "0"]
        command += ["--folder", str(self.folder), "--key-file", str(self.key_file), "--depth", "2", *options, "--json"]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.town.stack.callback(process.kill)
        told = first_answer("gateway serve", process)
        self.said.append(json.dumps(told))
        return process, Voice(told["url"])

    def end(self, process: subprocess.Popen[str]) -> int:
        """Tell it to end, and keep what it wrote."""
        process.send_signal(signal.SIGTERM)
        out, err = process.communicate(timeout=60)
        self.said += [out, err]
        return process.returncode


@pytest.fixture
def operator(town: Town) -> Operator:
    return Operator(town)


def test_a_gateway_is_made_served_looked_after_and_moved(operator: Operator, town: Town) -> None:
    made = operator.run("init", keys=True)
    assert made["age_recipient"].startswith("age1") and made["signer"].startswith("0x")
    assert "already" in operator.run("init", keys=True, fails=True)["message"]
    asset = town.publish(MONTH)
    share = shares(1, 1)[0]

    process, gateway = operator.serve()
    assert gateway.about["age_recipient"] == made["age_recipient"]
    assert gateway.deposit(dev_signer(AUTHOR), str(asset.did), share).status_code == 200
    assert "being served" in operator.run("rotate", keys=True, fails=True)["message"]
    backup = town.folder / "backup.tar"
    noted = operator.run("backup", str(backup))["audit_hash"]
    assert operator.end(process) == 0
    with pytest.raises(httpx.TransportError):
        gateway.say("GET", "/v1/health")

    [kept] = operator.run("shares")
    assert kept["asset"] == str(asset.did) and "sealed" not in kept
    audit = operator.run("audit", "--last", "10", "--known", noted)
    assert [one["event"] for one in audit["shown"]] == ["start", "deposit", "stop"]
    status = operator.run("status", keys=True)
    assert (status["shares"], status["faults"], status["audit_hash"]) == (1, [], audit["hash"])

    rotated = operator.run("rotate", keys=True)
    assert rotated["shares"] == 1 and rotated["age_recipient"] != made["age_recipient"]
    operator.folder = town.folder / "moved"
    assert operator.run("restore", str(backup))["audit_hash"] == noted
    process, gateway = operator.serve()
    wish = Wish(str(asset.did))
    assert wish.open(gateway.release(dev_signer(AUTHOR), wish)) == share
    assert operator.end(process) == 0


def test_two_processes_do_not_serve_one_gateway(operator: Operator) -> None:
    operator.run("init", keys=True)
    process, _ = operator.serve()
    assert "being served already" in operator.run("serve", keys=True, fails=True)["message"]
    operator.end(process)


def test_it_listens_to_this_machine_unless_clients_know_its_name(operator: Operator) -> None:
    operator.run("init", keys=True)
    said = operator.run("serve", "--host", "0.0.0.0", keys=True, fails=True)
    assert "--public-url" in said["hint"]


def test_what_is_missing_is_said(operator: Operator, town: Town) -> None:
    assert "no gateway" in operator.run("status", fails=True)["message"]
    assert "no gateway" in operator.run("serve", keys=False, fails=True)["message"]
    operator.run("init", keys=True)
    operator.key_file.rename(town.folder / "elsewhere.key")
    assert operator.run("serve", keys=True, fails=True)["error"] == "UnknownAccount"


def test_keys_under_a_passphrase_ask_for_it_where_somebody_sits(operator: Operator) -> None:
    registry = [str(Path(sys.executable).parent / "registry"), *operator.settings(), "gateway"]
    asked, again = "Passphrase of the gateway: ", "Repeat for confirmation: "

    def sit(command: str, *answers: tuple[str, str]) -> tuple[int, str]:
        ended, seen = seated([*registry, command, "--folder", str(operator.folder)], answers)
        assert "sesame" not in seen
        return ended, seen

    ended, seen = sit("init", (asked, "sesame"), (again, "sesame"))
    assert ended == 1 and "can be guessed" in seen
    right = (asked, "open sesame, please")
    assert sit("init", right, (again, right[1]))[0] == 0
    made = sit("status", right)
    assert made[0] == 0 and "age1" in made[1]
    assert "no terminal" in operator.run("rotate", fails=True)["message"]
    ended, seen = sit("rotate", (asked, "wrong"))
    assert ended == 1 and "WrongPassword" in seen and sit("status", right) == made
    assert sit("rotate", right)[0] == 0
    assert sit("status", right) != made


def test_no_log_error_or_answer_leaks_a_key_or_a_share(operator: Operator, town: Town) -> None:
    """A life of a gateway with every kind of refusal; then all that it wrote is searched for its secrets."""
    operator.run("init", keys=True)
    HEARD.secrets.append(operator.key_file.read_text().split("\n")[2])
    buyer, asset, share = town.person(BUYER), town.publish(MONTH, CALLS), shares(1, 1)[0]
    did, owner, key, stranger = str(asset.did), dev_signer(AUTHOR), dev_signer(BUYER), dev_signer(STRANGER)
    process, gateway = operator.serve("--account-burst", "12", "--account-rate", "0.01")
    wishes = [Wish(did) for _ in range(3)]
    HEARD.secrets.extend(str(wish.identity) for wish in wishes)
    codes = set()

    def note(answer: httpx.Response) -> None:
        codes.add((answer.status_code, answer.json().get("error", {}).get("code")))

    note(gateway.deposit(owner, did, share))
    note(gateway.deposit(stranger, did, share))
    note(gateway.release(stranger, wishes[0]))
    note(gateway.release(owner, wishes[0]))
    note(gateway.release(key, wishes[1], domain="evil.example"))
    note(gateway.say("POST", "/v1/shares", {"sealed": share}))
    note(gateway.say("POST", "/v1/releases", None, content=b"{"))
    note(gateway.say("POST", "/v1/releases", None, content=b" " * 70_000))
    buyer.buy(did, "calls", max_total="0.002 ETH")
    town.mine(5)
    use = Wish(did, version=1).pay(buyer, "calls")
    note(gateway.release(key, use))  # its account has no coins
    for _ in range(13):
        note(gateway.ask(owner, did))
    town.anvil.rpc("anvil_setBalance", gateway.about["signer"], hex(10**18))
    for _ in range(6):
        time.sleep(0.5)
        answer = gateway.release(key, use)
        note(answer)
        if answer.status_code == 200:
            break
        town.mine(3)
    for path in ("/metrics", "/v1/health", "/openapi.json", "/v1/nothing"):
        gateway.say("GET", path)
    operator.run("status", keys=True)
    operator.run("backup", str(town.folder / "backup.tar"))
    operator.end(process)
    operator.run("audit", "--last", "1000")
    assert {status for status, _ in codes} >= {200, 400, 401, 403, 413, 422, 429, 503}, codes
    secret = [str(one) for one in _identities(operator)] + HEARD.secrets
    written = [text.encode() for text in operator.said] + HEARD.answers
    for path in town.folder.rglob("*"):
        if path.is_file() and path != operator.key_file:
            written.append(path.read_bytes())
    assert len(secret) > 3 and sum(map(len, written)) > 10_000
    for data in written:
        no_secret_in(data)
        for one in secret:
            assert one.encode() not in data


def _identities(operator: Operator) -> list[str]:
    from registry.gateway.keys import FILE, KeyLock, Keys

    keys = Keys.open(operator.folder / FILE, KeyLock(key_file=operator.key_file))
    return [*map(str, keys._identities), keys._secret[2:]]


def test_the_search_for_secrets_finds_one() -> None:
    HEARD.secrets.append("a planted secret")
    with pytest.raises(AssertionError):
        no_secret_in(b"log: a planted secret")
    HEARD.secrets.remove("a planted secret")
    planted = str(pyrage.x25519.Identity.generate())
    for written in (planted, planted.lower(), planted.replace("KEY-1", "KEY-PQ-1")):
        with pytest.raises(AssertionError):
            no_secret_in(f"log: {written}.".encode())
    no_secret_in(b"An identity begins with AGE-SECRET-KEY-1.")
