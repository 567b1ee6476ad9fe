"""What the page of a wallet shows: the words of what is signed, and every byte of it."""

from __future__ import annotations

import json
import re
import threading
import urllib.request
from dataclasses import replace
from typing import Any

import pytest

from registry import Registry
from registry.chain.call import Call
from registry.chain.signers import KeySigner, dev_signer
from registry.chain.wallets import BrowserSigner
from registry.errors import UnsafeCall
from registry.teams.proposal_file import TeamProposal
from registry.teams.team_results import NewTeam


class Wallet:
    """Somebody who opens the page, reads it, and signs what it asks for."""

    def __init__(self, key: KeySigner) -> None:
        self.key = key
        self.read: list[str] = []

    def open(self, url: str) -> None:
        threading.Thread(target=self._use, args=(url,), daemon=True).start()

    def _use(self, url: str) -> None:
        with urllib.request.urlopen(url, timeout=10) as page:
            request = json.loads(re.findall(r"const request = (.*);\n", page.read().decode())[0])
        self.read.append(request.get("shown", ""))
        answer = json.dumps({"result": self._answer(request)}).encode()
        urllib.request.urlopen(f"{url}answer", data=answer, timeout=10).close()

    def _answer(self, request: dict[str, Any]) -> object:
        if request["method"] == "eth_requestAccounts":
            return [self.key.address]
        if request["method"] == "personal_sign":
            return "0x" + self.key.sign_text(bytes.fromhex(request["params"][0][2:])).hex()
        return "0x" + self.key.sign_typed_data(json.loads(request["params"][1])).hex()


@pytest.fixture
def wallet(ann: Registry) -> Wallet:
    keys = (dev_signer(number) for number in range(10))
    return Wallet(next(key for key in keys if key.address == ann.address))


@pytest.mark.parametrize("kind", ["eip712", "eth_sign"])
def test_the_page_says_what_a_proposal_would_do(
    ann: Registry, proposal: TeamProposal, wallet: Wallet, kind: Any
) -> None:
    signed = ann.teams.sign(proposal, kind=kind, signer=BrowserSigner(open=wallet.open, seconds=30))
    assert signed.signers == (ann.address,)
    shown = wallet.read[-1]
    assert str(ann.teams.describe(proposal)) in shown
    assert (proposal.data.hex() if kind == "eip712" else f"32 bytes: {proposal.safe_tx_hash}") in shown


def test_what_cannot_be_read_never_gets_to_the_page(ann: Registry, team: NewTeam, wallet: Wallet) -> None:
    made = ann.teams.propose(team, Call(ann.deployment.marketplace, b""), nonce=3)
    hidden = replace(made, data=b"\xde\xad\xbe\xef" * 9)
    with pytest.raises(UnsafeCall):
        ann.teams.sign(hidden, signer=BrowserSigner(open=wallet.open, seconds=30))
    assert not any("deadbeef" in text for text in wallet.read)


def test_a_message_that_a_screen_would_show_otherwise_is_shown_in_bytes(wallet: Wallet) -> None:
    signer = BrowserSigner(open=wallet.open, seconds=30)
    message = "pay \u202eNNA\u202c\r\x1b[2J 5".encode()
    assert signer.sign_text(message)
    assert "\u202e" not in wallet.read[-1] and "\x1b" not in wallet.read[-1] and message.hex() in wallet.read[-1]
    assert signer.sign_text(b"plain\nand simple")
    assert wallet.read[-1] == "plain\nand simple"
