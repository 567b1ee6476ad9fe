"""Votes: they count once they are delegated, and the one who holds them is told so."""

from __future__ import annotations

import pytest

from registry import Registry
from registry.chain import reverts
from registry.errors import InvalidAddress, NoSigner
from registry.types import ZERO_ADDRESS


def test_votes_count_once_they_are_delegated(ann: Registry, stranger: Registry) -> None:
    ann.act("give", ann.governance.token.functions.transfer(stranger.address, 7 * 10**18))
    power = stranger.governance.voting_power()
    assert (power.held, power.delegate, power.power) == (7 * 10**18, None, 0)
    assert power.idle and "7 votes count for nothing" in power.hint
    stranger.governance.delegate()
    power = stranger.governance.voting_power()
    assert (power.delegate, power.power, power.idle, power.hint) == (stranger.address, 7 * 10**18, False, "")
    again = stranger.governance.delegate()
    assert again.before and again.tx is None  # nobody pays for what is so already


def test_somebody_else_can_cast_them(bob: Registry, cleo: Registry) -> None:
    assert bob.governance.delegate(cleo.address, dry_run=True).tx is None
    assert bob.governance.voting_power().power == 10**24
    bob.governance.delegate(cleo.address)
    assert bob.governance.voting_power().power == 0
    assert not bob.governance.voting_power().idle
    assert bob.governance.voting_power(cleo.address).power == 15 * 10**23
    assert str(bob.governance.voting_power()).endswith(f"delegates to {cleo.address}, and casts 0 votes")
    bob.governance.delegate(ZERO_ADDRESS)
    assert bob.governance.voting_power().idle
    assert cleo.governance.voting_power().power == 5 * 10**23


def test_the_past_stays_as_it_was(bob: Registry, cleo: Registry) -> None:
    before = bob.chain.block().timestamp
    bob.governance.delegate(cleo.address)
    assert bob.governance.voting_power(at=before).power == 10**24
    with pytest.raises(reverts.ERC5805FutureLookup, match="past"):
        bob.governance.voting_power(at=bob.chain.block().timestamp + 100)


def test_who_delegates_signs_and_names_an_account(reader: Registry, ann: Registry) -> None:
    with pytest.raises(NoSigner):
        reader.governance.delegate()
    with pytest.raises(InvalidAddress):
        ann.governance.delegate("0x12")
    assert reader.governance.voting_power(ann.address).power == 15 * 10**23


def test_the_guardian_pulls_the_brake_once(guardian: Registry, author: Registry) -> None:
    governance = guardian.governance
    assert governance.guardianship().guardian == guardian.address
    with pytest.raises(reverts.NotGuardian):
        author.governance.brake(60)
    with pytest.raises(ValueError, match="604,800"):
        governance.brake(7 * 86_400 + 1)
    with pytest.raises(ValueError, match="nothing to pause"):
        governance.brake(60, sales=False)
    governance.brake(7 * 86_400, publications=True)
    now = governance.guardianship()
    assert not now.armed and now.sales_paused_until == now.publications_paused_until > author.chain.block().timestamp
    with pytest.raises(reverts.PublicationsArePaused):
        author.publish(None, name="X", type="dataset", license="MIT")
    with pytest.raises(reverts.AccessManagedUnauthorized):
        author.governance.release()
    governance.release()
    author.publish(None, name="X", type="dataset", license="MIT")
    with pytest.raises(reverts.BrakeIsSpent, match="rearm"):
        governance.brake(60)
    with pytest.raises(reverts.AccessManagedUnauthorized):
        governance.rearm()


def test_a_pause_ends_by_itself(guardian: Registry, author: Registry) -> None:
    guardian.governance.brake(3600, sales=False, publications=True)
    author.chain.advance(3601)
    author.publish(None, name="X", type="dataset", license="MIT")


def test_a_guardian_has_an_end(guardian: Registry) -> None:
    guardian.chain.advance(181 * 86_400)
    assert guardian.governance.guardianship().guardian is None
    with pytest.raises(reverts.NotGuardian):
        guardian.governance.brake(60)
