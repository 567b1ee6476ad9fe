"""A registry is given to its DAO on the command line, on a real node, and its people use what that gives them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from web3.types import RPCEndpoint

from registry import Registry
from registry.chain.connection import Chain
from registry.chain.foundation import WHOLE
from registry.chain.journal import Journal
from registry.chain.local import deploy_local, found_local
from registry.chain.signers import dev_signer
from registry.ipfs.store import MemoryStore

from .cli_support import ADDRESSES, PUBLISH, Shell
from .support import Anvil

DAY = 86_400


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shell]:
    """The author's shell: a registry with an asset, not yet given away, and what its DAO shall start with."""
    node = Anvil()
    shell = Shell(node.url, tmp_path_factory.mktemp("dao"))
    shell.ok("deploy", "--local-dollar", "--yes")
    for who in ("buyer", "stranger"):
        shell.ok("fund", "1000 USD", "--account", ADDRESSES[who])
    shell.ok(*PUBLISH)
    (shell.folder / "list.csv").write_text(
        f"account,amount,start,cliff,duration\n{ADDRESSES['stranger']},40,2026-01-01,0,36500\n{ADDRESSES['buyer']},2.5,,,\n"
    )
    end = datetime.fromtimestamp(Chain.connect(node.url).block().timestamp + 50 * DAY, UTC).date()
    (shell.folder / "dao.yaml").write_text(
        f"""\
token: {{name: Penguin Vote, symbol: PV}}
allocations:
  {ADDRESSES["author"]}: 600
  {ADDRESSES["buyer"]}: 300
treasury: 57.5
distribution: {{file: list.csv, until: {end}}}
rules:
  guardian: {ADDRESSES["stranger"]}
  guardian-until: {end}
bonds: [50 USD]
"""
    )
    yield shell
    node.stop()


def test_the_founding_and_what_people_do_then(place: Shell, tmp_path: Path) -> None:
    author, buyer, stranger, nobody = place, place.as_("buyer"), place.as_("stranger"), place.as_(None)

    # Before, and what is wrong in the settings.
    assert nobody.refused("dao", "check")["error"] == "NoDao"
    (place.folder / "bad.yaml").write_text("allocations:\n  0x12: 5\n")
    wrong = author.refused("dao", "found", "bad.yaml")
    assert wrong["error"] == "InvalidSettings" and "line 2" in wrong["message"]
    plan = author.json("dao", "found", "dao.yaml", "--dry-run")
    assert [step["state"] for step in plan["steps"]] == ["to do"] * len(plan["steps"])
    assert buyer.refused("dao", "found", "dao.yaml", "--yes")["error"] == "InputError"

    # The founding, once.
    made = author.json("dao", "found", "dao.yaml", "--yes", "--proofs", "claims.json")
    dao = made["deployment"]["dao"]
    again = author.json("dao", "found", "dao.yaml", "--yes")
    assert again["deployment"]["dao"] == dao
    assert nobody.json("dao", "check")["problems"] == []
    assert "holds nothing" in nobody.ok("dao", "check")
    for words in (("deploy", "--check"), ("deploy", "--local-dollar", "--yes")):
        assert author.refused(*words)["error"] == "DeploymentError"

    # Votes.
    assert "count for nothing" in author.json("dao", "power")["hint"]
    author.ok("dao", "delegate")
    assert author.json("dao", "power")["idle"] is False
    buyer.ok("dao", "delegate", ADDRESSES["author"])
    assert "casts         900 votes" in nobody.ok("dao", "power", "--account", ADDRESSES["author"])

    # What was listed.
    rows = stranger.json("dao", "claims", "claims.json")
    assert [row["claimed"] for row in rows] == [False]
    author.ok("dao", "claim", "claims.json", "--account", ADDRESSES["stranger"])
    wallet = stranger.json("dao", "claims", "claims.json")[0]["receiver"]
    assert stranger.json("dao", "vesting", wallet)["owner"] == ADDRESSES["stranger"]
    stranger.ok("dao", "vesting-delegate", wallet)
    assert "40 votes" in stranger.ok("dao", "power")
    stranger.ok("dao", "vesting-release", wallet)
    assert stranger.refused("dao", "claim", "claims.json")["error"] == "InputError"
    assert nobody.json("dao", "proofs", "list.csv", "again.json")["entries"] == 2
    pinned = nobody.json("dao", "proofs", "list.csv", "again.json", "--pin")["cid"]
    assert stranger.json("dao", "claims", f"ipfs://{pinned}") == stranger.json("dao", "claims", "claims.json")
    assert (place.folder / "again.json").read_bytes() == (place.folder / "claims.json").read_bytes()

    # Standards.
    (place.folder / "card.md").write_text("# What a card says\n")
    assert stranger.json("standard", "propose", "card", "card.md", "--kind", "metadata")["name"] == "card"
    assert nobody.ok("standard", "show", "card", "--text") == "# What a card says\n"
    assert [one["status"] for one in nobody.json("standard", "list")] == ["proposed"]
    assert nobody.json("standard", "list", "--adopted") == []
    assert author.refused("standard", "declare", "1", "card")["error"] == "WrongStandardStatus"
    assert nobody.refused("standard", "show", "none")["error"] == "NotFoundError"

    # Curation.
    assert "50 USD" in nobody.ok("curation", "bonds")
    assert buyer.json("curation", "flag", "1", "--reason", "Copied.", "--dry-run")["number"] is None
    assert buyer.json("curation", "flag", "1", "--reason", "Copied.\x1b[2J")["number"] == 1
    author.ok("curation", "answer", "1", "--reason", "@card.md")
    shown = nobody.ok("curation", "show", "1")
    assert "Copied." in shown and "What a card says" in shown and "\x1b[2J" not in shown
    assert nobody.json("curation", "show", "1")["case"]["state"] == "open"
    assert len(nobody.json("curation", "cases", "1", "--open")) == 1
    assert "1 open flag" in nobody.ok("show", "1")
    assert nobody.json("show", "1")["listing"]["status"] == "flagged"
    assert author.refused("curation", "appeal", "1", "--reason", "No.")["error"] == "NotDelisted"
    assert buyer.refused("curation", "withdraw")["error"] == "InputError"
    Chain.connect(place.url).advance(91 * DAY)
    author.ok("curation", "lapse", "1")
    assert "Done: withdraw 50 USD" in buyer.ok("curation", "withdraw")
    assert author.refused("curation", "relist", "1")["error"] == "NotDelisted"

    # In numbers.
    found = nobody.json("dao", "stats", "--chart", str(tmp_path / "dao.svg"))
    assert found["nakamoto"] == 1 and (tmp_path / "dao.svg").read_bytes().startswith(b"<?xml")
    assert "Gini coefficient" in nobody.ok("dao", "stats")

    # The guardian's time is over by now.
    assert stranger.refused("dao", "brake", "--sales", "--for", "1 day")["error"] == "NotGuardian"
    assert stranger.refused("dao", "release")["error"] == "AccessManagedUnauthorized"


def test_votes_that_change_in_the_same_second_as_others_have_gas_enough(start_anvil: Callable[..., Anvil]) -> None:
    """A node that stands still estimates for the second of its last block, and the next block is in another."""
    chain = Chain.connect(start_anvil().url)
    people = [dev_signer(number) for number in range(3)]
    base = deploy_local(chain)
    deployment = found_local(chain, base, {one.address: 100 for one in people}, guardian=people[0].address)
    author, buyer, _stranger = (
        Registry(chain, deployment, signer=one, store=MemoryStore(), journal=Journal.in_memory()) for one in people
    )
    author.governance.delegate()
    # The node's clock moves on between the estimate and the block.
    ask = chain.w3.eth.estimate_gas

    def estimate(*asked: Any) -> int:
        spent = ask(*asked)
        chain.w3.provider.make_request(RPCEndpoint("evm_increaseTime"), [5])
        return spent

    chain.w3.eth.estimate_gas = estimate  # type: ignore[method-assign]
    buyer.governance.delegate(author.address)
    assert author.governance.voting_power().power == 200 * WHOLE
    buyer.act("give", buyer.governance.token.functions.transfer(people[2].address, WHOLE))
    assert author.governance.voting_power().power == 199 * WHOLE
