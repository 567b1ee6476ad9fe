"""A decision of the DAO on the command line, from the file that proposes it to the day it is carried out."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from registry.chain.connection import Chain
from registry.chain.local import deploy_local, found_local
from registry.chain.signers import dev_signer
from registry.governance.drafts import MAX_BODY

from .cli_support import ADDRESSES, Shell, masked
from .support import Anvil

SNAPSHOTS = Path(__file__).parents[1] / "snapshots" / "cli"
DAY = 86_400

PROPOSAL = f"""\
title: Halve the fee
body: |
  Half the fee pays for the *same* work.
actions:
  - contract: AssetRegistry
    function: setFee
    arguments: {{feeBps: 50}}
  - pay: 40 USD
    to: "{ADDRESSES["stranger"]}"
"""


class House:
    """A node with a DAO of the author and the buyer; the stranger has no vote."""

    def __init__(self, anvil: Anvil, folder: Path) -> None:
        self.anvil = anvil
        chain = Chain.connect(anvil.url)
        votes = {ADDRESSES["author"]: 600, ADDRESSES["buyer"]: 300}
        self.deployment = found_local(chain, deploy_local(chain), votes, guardian=dev_signer(3).address)
        self.deployment.save(folder / "deployments")
        self.author = Shell(anvil.url, folder)
        self.buyer, self.stranger = self.author.as_("buyer"), self.author.as_("stranger")
        for shell in (self.author, self.buyer):
            shell.ok("dao", "delegate", "--yes")
        assert self.deployment.dao is not None
        self.author.ok("fund", "100 USD", "--account", self.deployment.dao.timelock)
        self.file = folder / "fee.yaml"
        self.file.write_text(PROPOSAL)
        self.pass_(10)

    def pass_(self, seconds: int) -> None:
        self.anvil.rpc("evm_increaseTime", seconds)
        self.anvil.rpc("evm_mine")

    def propose(self) -> str:
        made: dict[str, Any] = self.author.json("dao", "propose", "fee.yaml", "--yes")
        return str(made["id"])


@pytest.fixture
def house(anvil: Anvil, tmp_path: Path) -> House:
    return House(anvil, tmp_path)


def test_a_decision_on_the_command_line(house: House, tmp_path: Path) -> None:
    author, buyer, stranger = house.author, house.buyer, house.stranger
    tried = author.json("dao", "simulate", "fee.yaml")
    assert tried["succeeds"] and tried["by"] == "eth_simulateV1 of the node"
    assert {change["what"]: change["after"] for change in tried["settings"]}["AssetRegistry salesRules.feeBps"] == "50"
    seen = author.json("dao", "propose", "fee.yaml", "--dry-run")
    assert seen["tx"] is None and stranger.json("dao", "list") == []
    proposal = house.propose()
    assert [one["state"] for one in stranger.json("dao", "list")] == ["pending"]
    assert stranger.json("dao", "show", proposal)["text"].startswith("Half the fee")
    assert stranger.json("dao", "simulate", proposal)["succeeds"]

    assert author.refused("dao", "vote", proposal, "for", "--yes")["error"] == "VotingNotBegun"
    house.pass_(DAY + 60)
    assert stranger.refused("dao", "vote", proposal, "for", "--yes")["error"] == "NoVotes"
    assert author.json("dao", "vote", proposal, "for", "--reason", "It pays", "--yes")["votes"] == str(600 * 10**18)
    assert author.refused("dao", "vote", proposal, "for", "--yes")["error"] == "AlreadyVoted"

    (tmp_path / "ballots").mkdir()
    ballot = buyer.json("dao", "ballot", proposal, "against", "--out", "ballots", "--yes")
    assert Path(ballot["path"]).parent == Path("ballots")
    (checked,) = stranger.json("dao", "check-ballots", proposal, "ballots")
    assert (checked["problem"], checked["votes"]) == (None, str(300 * 10**18))
    relayed = stranger.json("dao", "relay", proposal, "ballots", ballot["cid"])
    assert [one["voter"] for one in relayed["counted"]] == [ADDRESSES["buyer"]] and relayed["refused"] == []
    assert len(stranger.json("dao", "relay", proposal, "ballots")["before"]) == 1

    assert stranger.refused("dao", "queue", proposal)["error"] == "WrongProposalState"
    house.pass_(6 * DAY)
    stranger.ok("dao", "queue", proposal)
    assert stranger.refused("dao", "execute", proposal)["error"] == "TooEarly"
    assert stranger.refused("dao", "watch", proposal, "--timeout", "0")["error"] == "StillOpen"
    house.pass_(3 * DAY)
    stranger.ok("dao", "execute", proposal)
    assert [one["state"] for one in stranger.json("dao", "watch", proposal)] == ["executed"]
    assert stranger.json("balance", "USD")["balances"] == ["40 USD"]


def test_other_commands_can_be_proposed(house: House) -> None:
    assert house.deployment.dao is not None
    treasury = house.deployment.dao.timelock
    made = house.author.json("publish", str(house.file), "--name", "M", "--type", "model", "--license", "MIT")
    house.author.ok("transfer", str(made["did"]), treasury, "--yes")
    words = ("--title", "Suspend it", "--pay", f"{ADDRESSES['stranger']}=5 USD", "suspend", "1")
    proposed = house.author.json("dao", "propose", *words, "--yes")
    told = house.author.json("dao", "show", proposed["id"])
    assert [call["function"] for call in told["calls"]] == ["setState", "transfer"]
    refused = house.author.refused("dao", "propose", "--title", "T", "demo", "--yes")
    assert refused["message"] == "The DAO cannot 'demo'."


def test_what_is_wrong_is_told_and_nothing_is_sent(house: House) -> None:
    author = house.author
    house.file.write_text(PROPOSAL.replace("feeBps: 50", "feeBps: 501"))
    assert author.refused("dao", "propose", "fee.yaml", "--yes")["error"] == "CallWouldRevert"
    house.file.write_text(PROPOSAL.replace("setFee", "setFees"))
    refused = author.refused("dao", "propose", "fee.yaml", "--yes")
    assert refused["error"] == "InvalidDraft" and "fee.yaml, line 6" in refused["message"]
    house.file.write_text(PROPOSAL)
    assert house.stranger.refused("dao", "propose", "fee.yaml", "--yes")["error"] == "BelowThreshold"
    assert author.refused("dao", "show", "0x12345678")["error"] == "ProposalNotFound"
    assert author.refused("dao", "list", "--state", "asleep")["error"] == "InputError"
    assert author.refused("dao", "propose", "--title", "T", "--yes")["error"] == "InputError"
    assert author.json("dao", "list") == []
    proposal = house.propose()
    unanswered = author("dao", "propose", "fee.yaml")
    assert unanswered.exit_code == 1 and "Nobody can answer" in unanswered.stderr
    assert house.buyer.refused("dao", "cancel", proposal, "--yes")["error"] == "MayNotCancel"
    author.ok("dao", "cancel", proposal, "--yes")
    assert author.json("dao", "list")[0]["state"] == "canceled"
    (house.author.folder / "bad.json").write_text("{}")
    assert author.refused("dao", "relay", proposal, "bad.json")["error"] == "InvalidBallot"


def test_what_a_proposal_says_comes_from_its_file_or_from_options_and_is_read_before_anything_is_sent(
    house: House,
) -> None:
    author, folder = house.author, house.author.folder
    for option, value in (("--title", "T"), ("--body", "why.md"), ("--pay", f"{ADDRESSES['stranger']}=5 USD")):
        ended = author("dao", "propose", option, value, "fee.yaml", "--yes")
        assert ended.exit_code == 2 and "A YAML file has title, body, payments and calls in it." in ended.stderr
    words = ("dao", "propose", "--title", "T", "--pay", f"{ADDRESSES['stranger']}=5 USD", "--body", "why.md")
    assert "why.md" in author.refused(*words, "--yes")["message"]
    (folder / "why.md").write_bytes(b"\xff\xfe")
    assert "cannot be read" in author.refused(*words, "--yes")["message"]
    (folder / "why.md").write_bytes(b"#" * (MAX_BODY + 1))
    assert author.refused(*words, "--yes")["error"] == "DescriptionTooLong"
    assert author.json("dao", "list") == []
    (folder / "why.md").write_bytes("\ufeff# It was \u201cearned\u201d\n".encode())
    proposed = author.json(*words, "--yes")
    assert author.json("dao", "show", proposed["id"])["text"] == "# It was \u201cearned\u201d\n"


def test_who_takes_a_proposal_back_is_asked_and_may_only_look(house: House) -> None:
    proposal = house.propose()
    assert house.author.json("dao", "cancel", proposal, "--dry-run")["tx"] is None
    ended, seen = house.author.seated("dao", "cancel", proposal, answers=[("[y/N]: ", "n")])
    assert ended == 1 and "Cancel the " in seen and house.author.json("dao", "list")[0]["state"] == "pending"
    ended, seen = house.author.seated("dao", "cancel", proposal, answers=[("[y/N]: ", "y")])
    assert ended == 0, seen
    assert "canceled: 0 for, 0 against" in house.buyer.ok("dao", "watch", proposal)


def test_the_words_for_people_are_those_of_the_snapshot(house: House) -> None:
    proposal = house.propose()
    commands = (("show", proposal), ("list",), ("simulate", proposal))
    told = masked("\n".join(house.author.ok("dao", *words) for words in commands))
    told = told.replace(proposal[:10], "<proposal>")
    file = SNAPSHOTS / "dao.txt"
    if os.environ.get("UPDATE_SNAPSHOTS"):
        file.write_text(told, encoding="utf-8")
    assert told == file.read_text(encoding="utf-8"), "UPDATE_SNAPSHOTS=1 rewrites it"
