"""A Safe that ape knows by an alias, with the real ape-safe: those of its owners whom ape knows sign its proposals."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from ape import accounts as wallet
from eth_account import Account

from registry import Registry
from registry.chain.connection import Chain
from registry.chain.journal import Journal
from registry.chain.local import deploy_local
from registry.chain.signers import as_signer
from registry.errors import InputError, NoSigner, NotAnOwner, SignerError
from registry.ipfs.store import MemoryStore
from registry.teams.proposal_file import TeamProposal
from registry.teams.team_results import NewTeam

SOMEBODY = Account.from_key(b"\x11" * 32)
# People whom ape does not know.
ABSENT = ["0x" + digit * 40 for digit in "123"]


@pytest.fixture(scope="module")
def client(networks: Any, author: Any) -> Registry:
    """On ape's chain, as one of ape's accounts."""
    chain = Chain.from_web3(networks.active_provider.web3, "ape")
    return Registry.on(
        chain,
        signer=as_signer(author),
        deployment=deploy_local(chain),
        store=MemoryStore(),
        journal=Journal.in_memory(),
    )


@pytest.fixture
def found(client: Registry) -> Iterator[Callable[..., tuple[NewTeam, Any]]]:
    """Make a team of two out of these owners, and keep its Safe as `ape safe add` does: the team, and ape's account."""
    container, aliases = wallet.containers["safe"], []

    def make(*owners: str) -> tuple[NewTeam, Any]:
        team = client.teams.create(list(owners), threshold=2, shares=dict.fromkeys(owners, 1))
        aliases.append(f"team-{team.address.lower()}")
        container.save_account(aliases[-1], team.address)
        return team, wallet.load(aliases[-1])

    yield make
    for alias in aliases:
        container.delete_account(alias)


def propose(client: Registry, team: NewTeam, name: str = "Ours") -> TeamProposal:
    """To publish something."""
    with client.teams.collect(team) as act:
        act.publish(None, name=name, type="dataset", license="MIT")
    return client.teams.propose(team, act)


def test_a_safe_of_ape_signs_with_all_owners_that_ape_knows(
    client: Registry, found: Callable[..., tuple[NewTeam, Any]], author: Any, editor: Any
) -> None:
    team, safe = found(author.address, editor.address, ABSENT[0])
    assert safe.address == team.address
    proposal = propose(client, team)
    signed = client.teams.sign(proposal, signer=safe)
    assert set(signed.signers) == {author.address, editor.address}
    client.teams.execute(signed)
    assert client.chain.call(client.assets.functions.balanceOf(team.address)) == 1


def test_the_word_of_those_who_are_absent_comes_from_a_file(
    client: Registry, found: Callable[..., tuple[NewTeam, Any]], author: Any, editor: Any, tmp_path: Path
) -> None:
    team, safe = found(author.address, SOMEBODY.address, ABSENT[0])
    proposal = propose(client, team)
    mine = client.teams.sign(proposal, signer=safe)
    assert tuple(mine.signers) == (author.address,)
    file = client.teams.sign(proposal, signer=SOMEBODY).save(tmp_path / "signed.json")
    client.teams.execute(client.teams.merge(mine, TeamProposal.load(file)))
    with pytest.raises(NotAnOwner):
        client.teams.sign(propose(client, team, "Another"), signer=editor)


def test_a_safe_of_ape_signs_for_the_safe_that_owns_it(
    client: Registry, found: Callable[..., tuple[NewTeam, Any]], author: Any, editor: Any, seller: Any
) -> None:
    inner, account = found(author.address, editor.address)
    outer, other = found(inner.address, seller.address)
    proposal = propose(client, outer)
    with pytest.raises(InputError, match="not"):
        client.teams.sign(proposal, signer=account)
    signed = client.teams.sign(proposal, signer=account, owner=inner.address)
    client.teams.execute(client.teams.sign(signed, signer=other))


def test_a_safe_whose_owners_ape_does_not_know_cannot_sign(
    client: Registry, found: Callable[..., tuple[NewTeam, Any]]
) -> None:
    team, safe = found(*ABSENT)
    proposal = propose(client, team)
    with pytest.raises(NoSigner, match="none of its owners"):
        client.teams.sign(proposal, signer=safe)


def test_a_safe_is_no_signer_of_transactions(
    client: Registry, found: Callable[..., tuple[NewTeam, Any]], author: Any, editor: Any
) -> None:
    _, safe = found(author.address, editor.address)
    with pytest.raises(SignerError, match=r"collect"):
        client.as_account(safe)
