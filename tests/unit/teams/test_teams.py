"""Teams: founded once, they own, decide together, and execute exactly what was signed."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import pytest
from cutting import cut_everywhere

from registry import Registry
from registry.chain import reverts
from registry.chain.addresses import CANONICAL
from registry.chain.safe import is_part, safe_contract, safe_part
from registry.documents.licence import Licence
from registry.errors import (
    InputError,
    InsufficientSignatures,
    NotAnOwner,
    SignerError,
    TeamError,
    TransactionReverted,
    WrongNonce,
)
from registry.teams.proposal_file import TeamProposal
from registry.teams.team_results import NewTeam
from registry.types import ZERO_ADDRESS

from .support import found_team

# --- Founding ------------------------------------------------------------------------------------


def test_a_team_is_founded_with_its_splitter_and_its_asset(market_place: Registry, team: NewTeam) -> None:
    assert team.tx is not None
    assert (team.threshold, len(team.owners), team.nonce, team.version) == (2, 3, 0, "1.4.1")
    assert team.asset is not None
    asset = market_place.get(team.asset)
    assert asset.owner == team.address
    assert asset.payout == team.splitter
    splitter = market_place.chain.contract("RevenueSplitter", team.splitter or "")
    accounts, shares = splitter.functions.payees().call()
    assert dict(zip(accounts, shares, strict=True)) == dict(zip(team.owners, (500, 333, 167), strict=True))
    again = market_place.teams.get(team.address)
    assert (again.address, again.owners, again.splitter) == (team.address, team.owners, team.splitter)


def test_the_safe_is_the_published_one(market_place: Registry, team: NewTeam) -> None:
    from eth_utils.crypto import keccak
    from safe_eth.safe.safe_deployments import default_safe_deployments

    published = {"singleton": "SafeL2", "factory": "SafeProxyFactory", "handler": "CompatibilityFallbackHandler"}
    published["multisend"] = "MultiSendCallOnly"
    for key, address in market_place.deployment.safe.items():
        assert is_part(market_place.chain, address, key)
        # The canonical address follows from the code: Safe's own CREATE2 factory, salt 0.
        code = safe_part(key).creation
        made = keccak(bytes.fromhex("ff914d7Fec6aaC8cd542e72Bca78B30650d45643d7") + bytes(32) + keccak(code))
        assert made[12:].hex() == CANONICAL[key][2:].lower()
        assert CANONICAL[key] in str(default_safe_deployments["1.4.1"][published[key]])
    proxy = safe_contract(market_place.chain, team.address)
    assert proxy.functions.getModulesPaginated("0x" + "0" * 39 + "1", 10).call()[0] == []
    slot = market_place.chain.w3.eth.get_storage_at(team.address, 0)  # type: ignore[arg-type]
    assert bytes(slot)[-20:].hex() == market_place.deployment.safe["singleton"][2:].lower()


def test_founded_again_nothing_is_sent(ann: Registry, team: NewTeam) -> None:
    before = ann.chain.block().number
    again = found_team(ann)
    assert (again.address, again.asset, again.splitter, again.tx) == (team.address, team.asset, team.splitter, None)
    assert ann.chain.block().number == before


def test_a_stranger_who_makes_the_safe_and_the_splitter_first_does_no_harm(ann: Registry, stranger: Registry) -> None:
    people = [ann.as_account(name).address for name in ("ann", "bob", "cleo")]
    shares = dict.fromkeys(people, 1)
    plan = ann.teams.create(people, threshold=2, shares=shares, salt=7, dry_run=True)
    assert plan.tx is None
    assert not ann.chain.has_code(plan.address)
    # His shares for our people: the Safe is the same, the splitter is another.
    theirs = stranger.teams.create(people, threshold=2, shares={stranger.address: 1}, salt=7)
    assert theirs.address == plan.address
    assert theirs.splitter != plan.splitter
    stranger.teams.create(people, threshold=2, shares=shares, salt=7)
    ours = found_team(ann, salt=7, name="Late")
    # A Safe that publishes while it is set up is another one: its address commits to what it publishes.
    assert ours.address not in (plan.address, found_team(ann, salt=7, name="Later").address)
    assert ours.owners == tuple(people)
    assert ann.get(ours.asset or 0).payout == ours.splitter
    # What a stranger set up is never taken for the team's own.
    assert ann.teams.get(ours.address).splitter == ours.splitter


def test_row_17_the_same_address_never_belongs_to_other_people(
    market_place: Registry, ann: Registry, stranger: Registry
) -> None:
    """Wintermute: whoever could repeat the deployment on another chain became the owner there."""
    people = [ann.as_account(name).address for name in ("ann", "bob")]
    team = ann.teams.create(people, threshold=2, dry_run=True)
    other = Registry.local().as_account("stranger")
    there = other.teams.create(people, threshold=2)
    assert there.address == team.address
    assert there.owners == tuple(people)
    changed = [
        other.teams.create([*people, stranger.address], threshold=2, dry_run=True).address,
        other.teams.create(people, threshold=1, dry_run=True).address,
        other.teams.create([stranger.address], threshold=1, dry_run=True).address,
        other.teams.create(people, threshold=2, salt=1, dry_run=True).address,
    ]
    assert len({team.address, *changed}) == 5


@pytest.mark.parametrize(
    ("names", "threshold", "word"),
    [((), 1, "one owner"), (("ann", "ann"), 1, "twice"), (("ann",), 2, "2 of 1"), (("ann",), 0, "0 of 1")],
)
def test_impossible_teams_are_refused(ann: Registry, names: tuple[str, ...], threshold: int, word: str) -> None:
    owners = [ann.as_account(name).address for name in names]
    with pytest.raises(InputError, match=word):
        ann.teams.create(owners, threshold=threshold)


def test_accounts_that_cannot_own_are_refused(ann: Registry) -> None:
    for owner in (ZERO_ADDRESS, "0x" + "0" * 39 + "1"):
        with pytest.raises(InputError, match="cannot be an owner"):
            ann.teams.create([owner], threshold=1)
    with pytest.raises(TeamError, match="no Safe"):
        ann.teams.get(ann.address)
    with pytest.raises(TeamError, match="no Safe"):
        ann.teams.get(ann.deployment.registry)


# --- Collecting ----------------------------------------------------------------------------------


def test_the_verbs_of_the_client_work_and_send_nothing(ann: Registry, team: NewTeam) -> None:
    assert team.asset is not None
    before = ann.chain.block().number
    with ann.teams.collect(team) as act:
        done = act.reprice(team.asset, "month", "15 USD")
        assert done.tx is None
        published = act.publish(None, name="Second", type="dataset", license="MIT")
        third = act.publish(None, name="Third", type="dataset", license="MIT")
        assert act.retire(team.asset, dry_run=True).tx is None, "which writes nothing down"
        act.suspend(team.asset)
    assert ann.chain.block().number == before
    assert (published.did.asset_id, third.did.asset_id) == (team.asset.asset_id + 1, team.asset.asset_id + 2)
    assert act.actor.written is not None
    assert len(act.actor.written.calls) == 4
    with pytest.raises(InputError, match="collected already"):
        act.resume(team.asset)


def test_what_the_team_may_not_do_is_told_while_collecting(ann: Registry, bob: Registry, team: NewTeam) -> None:
    other = bob.publish(None, name="Bob's own", type="dataset", license="MIT")
    with ann.teams.collect(team) as act, pytest.raises(reverts.NotAssetOwner):
        act.set_payout(other.did, team.address)
    with ann.teams.collect(team) as act, pytest.raises(SignerError, match="team"):
        act.sign_receipt(team.asset or 0, "calls")


def test_a_batch_in_which_one_call_spoils_the_next_is_refused(ann: Registry, team: NewTeam) -> None:
    with ann.teams.collect(team) as act:
        act.update(team.asset or 0, description="better")
        act.add_licence(team.asset or 0, Licence.hold("seat", price="3 USD"))
    with pytest.raises(TransactionReverted, match="call 2 of 2"):
        ann.teams.propose(team, act)


def test_a_call_that_fails_in_a_batch_is_told_with_its_error(ann: Registry, team: NewTeam) -> None:
    asset = (team.asset or ann.did(1)).asset_id
    good = ann.assets.functions.setOpen(asset, 0, False)
    with pytest.raises(reverts.LicenceNotFound) as caught:
        ann.teams.propose(team, [good, ann.assets.functions.setPrice(asset, 9, 1), good])
    assert "call 2 of 3" in str(caught.value.__notes__)
    for nothing in ([], [3], ann):
        with pytest.raises(InputError):
            ann.teams.propose(team, nothing)  # type: ignore[arg-type]


# --- Deciding ------------------------------------------------------------------------------------


def test_two_of_three_decide_and_anybody_executes(
    market_place: Registry, stranger: Registry, signed: TeamProposal
) -> None:
    done = stranger.teams.execute(signed)
    assert done.tx is not None
    price = market_place.licences(1)[0].price
    assert str(price) == "15 USD"
    # Again, nothing is sent and the same transaction returned.
    assert stranger.teams.execute(signed).tx == done.tx
    assert market_place.teams.get(signed.safe).nonce == 1


def test_too_few_signatures_are_refused(ann: Registry, proposal: TeamProposal) -> None:
    with pytest.raises(InsufficientSignatures) as caught:
        ann.teams.execute(ann.teams.sign(proposal))
    assert (caught.value.signed, caught.value.threshold, len(caught.value.missing)) == ((ann.address,), 2, 2)


def test_a_stranger_cannot_sign(stranger: Registry, proposal: TeamProposal) -> None:
    for kind in ("eip712", "eth_sign"):
        with pytest.raises(NotAnOwner) as caught:
            stranger.teams.sign(proposal, kind=kind)  # type: ignore[arg-type]
        assert caught.value.account == stranger.address
    with pytest.raises(NotAnOwner):
        stranger.teams.approve_hash(proposal)


def test_signatures_in_any_order_make_one_file(
    ann: Registry, bob: Registry, cleo: Registry, proposal: TeamProposal
) -> None:
    parts = [client.teams.sign(proposal) for client in (cleo, ann, bob)]
    one, other = ann.teams.merge(*parts), ann.teams.merge(*reversed(parts))
    assert one == other
    assert one.to_bytes() == other.to_bytes()
    assert ann.teams.execute(one).tx is not None


def test_all_four_kinds_of_signature_count(
    market_place: Registry,
    ann: Registry,
    bob: Registry,
    cleo: Registry,
    rewound: Callable[[Registry], AbstractContextManager[Registry]],
) -> None:
    buyer = market_place.as_account("buyer")
    inner = ann.teams.create([cleo.address, buyer.address], threshold=2, salt=3)
    people = [ann.address, bob.address, inner.address, market_place.as_account("editor").address]
    outer = ann.teams.create(people, threshold=4)
    market_place.act(
        "pay", market_place.erc20(market_place.deployment.tokens["USD"]).functions.mint(outer.address, 7_000_000)
    )
    usd = market_place.erc20(market_place.deployment.tokens["USD"])
    proposal = ann.teams.propose(outer, usd.functions.transfer(buyer.address, 5_000_000))
    half = cleo.teams.sign(proposal, owner=inner.address)
    assert [pending.missing for pending in ann.teams.pending([half], outer)] == [4]
    editor = market_place.as_account("editor")
    parts = [
        ann.teams.sign(proposal),
        bob.teams.sign(proposal, kind="eth_sign"),
        half,
        buyer.teams.sign(proposal, owner=inner.address),
        editor.teams.approve_hash(proposal),
    ]
    whole = ann.teams.merge(*parts)
    assert sorted(signature.kind for signature in whole.signatures) == ["approved", "contract", "eip712", "eth_sign"]
    # A line that is lost while a contract is asked is no word of the contract.
    cut_everywhere(market_place, lambda client: client.teams.describe(whole).signed, rewound)
    assert TeamProposal.from_bytes(whole.to_bytes()) == whole
    before = market_place.units(market_place.tokens[1], buyer.address)
    market_place.teams.execute(whole)
    assert market_place.units(market_place.tokens[1], buyer.address) == before + 5_000_000


def test_a_team_that_is_an_owner_approves_by_its_own_proposal(ann: Registry, bob: Registry) -> None:
    inner = ann.teams.create([ann.address, bob.address], threshold=2, salt=4)
    outer = ann.teams.create([inner.address], threshold=1)
    wanted = ann.teams.reject(outer)
    with ann.teams.collect(inner) as act:
        act.teams.approve_hash(wanted)
    consent = bob.teams.sign(ann.teams.sign(ann.teams.propose(inner, act)))
    with pytest.raises(InsufficientSignatures):
        ann.teams.execute(wanted)
    ann.teams.execute(consent)
    # The approval is on chain, so it need not be in the file.
    assert ann.teams.execute(wanted).tx is not None


def test_a_rejection_takes_the_place_of_what_it_rejects(ann: Registry, bob: Registry, signed: TeamProposal) -> None:
    no = bob.teams.sign(ann.teams.sign(ann.teams.reject(signed.safe, signed.nonce)))
    ann.teams.execute(no)
    with pytest.raises(WrongNonce, match="took its place"):
        ann.teams.execute(signed)
    with pytest.raises(WrongNonce):
        ann.teams.sign(signed)
    assert [entry.state for entry in ann.teams.pending([signed, no], signed.safe)] == ["replaced", "executed"]


def test_a_later_nonce_waits_for_its_turn(ann: Registry, bob: Registry, signed: TeamProposal) -> None:
    later = bob.teams.sign(ann.teams.sign(ann.teams.reject(signed.safe, signed.nonce + 1)))
    with pytest.raises(WrongNonce, match="earlier ones"):
        ann.teams.execute(later)
    states = [
        (entry.proposal.nonce if entry.proposal else None, entry.state)
        for entry in ann.teams.pending([later, signed], signed.safe)
    ]
    assert states == [(0, "executable"), (1, "waiting")]
    ann.teams.execute(signed)
    ann.teams.execute(later)
    assert ann.teams.get(signed.safe).nonce == 2


def test_what_the_contract_refuses_since_is_told_before_anything_is_sent(
    ann: Registry, bob: Registry, team: NewTeam
) -> None:
    with ann.teams.collect(team) as act:
        act.set_payout(team.asset or 0, ann.address)
    payout = bob.teams.sign(ann.teams.sign(ann.teams.propose(team, act, nonce=1)))
    with ann.teams.collect(team) as act:
        act.transfer(team.asset or 0, bob.address)
    ann.teams.execute(bob.teams.sign(ann.teams.sign(ann.teams.propose(team, act))))
    before = ann.chain.block().number
    with pytest.raises(reverts.NotAssetOwner):
        ann.teams.execute(payout)
    assert ann.chain.block().number == before


def test_a_batch_happens_as_a_whole(ann: Registry, bob: Registry, team: NewTeam) -> None:
    asset = team.asset or ann.did(1)
    with ann.teams.collect(team) as act:
        act.reprice(asset, "month", "20 USD")
        act.set_payout(asset, bob.address)
        act.publish(None, name="In the batch", type="dataset", license="MIT")
        act.transfer(asset, bob.address)
    batch = ann.teams.propose(team, act)
    assert batch.to == ann.deployment.safe["multisend"]
    done = ann.teams.execute(bob.teams.sign(ann.teams.sign(batch)))
    assert ann.get(asset).owner == bob.address
    assert [ann.get(did).name for did in done.assets] == ["In the batch"]
    assert ann.get(done.assets[0]).owner == team.address


def test_the_team_buys_with_an_approval_in_the_same_batch(ann: Registry, bob: Registry, team: NewTeam) -> None:
    month = Licence.period("month", days=30, price="12.5 USD")
    asset = bob.publish(None, name="Bob's data", type="dataset", license="MIT", licences=[month])
    usd = ann.deployment.tokens["USD"]
    ann.act("fund the team", ann.erc20(usd).functions.transfer(team.address, 20_000_000))
    with ann.teams.collect(team) as act:
        act.buy(asset.did, "month")
    proposal = ann.teams.propose(team, act)
    told = str(ann.teams.describe(proposal))
    assert "approve of USD" in told
    assert "12.5 USD" in told
    ann.teams.execute(bob.teams.sign(ann.teams.sign(proposal)))
    assert ann.has_access(asset.did, account=team.address)


def test_a_sale_pays_the_people_of_the_team(market_place: Registry, team: NewTeam) -> None:
    buyer = market_place.as_account("buyer")
    before = [market_place.units(market_place.tokens[1], owner) for owner in team.owners]
    buyer.buy(team.asset or 0, "month")
    splitter = market_place.chain.contract("RevenueSplitter", team.splitter or "")
    market_place.act("distribute", splitter.functions.distribute(market_place.deployment.tokens["USD"]))
    revenue = 12_000_000 * 99 // 100
    got = [
        market_place.units(market_place.tokens[1], owner) - held
        for owner, held in zip(team.owners, before, strict=True)
    ]
    assert got == [revenue * share // 1000 for share in (500, 333, 167)]


def test_an_interrupted_execution_is_finished_and_not_repeated(market_place: Registry, signed: TeamProposal) -> None:
    class Killed(BaseException):
        pass

    journal = market_place.journal
    accept = journal.accept
    journal.accept = lambda entry: (_ for _ in ()).throw(Killed())  # type: ignore[method-assign]
    with pytest.raises(Killed):
        market_place.teams.execute(signed)
    journal.accept = accept  # type: ignore[method-assign]
    count = market_place.chain.w3.eth.get_transaction_count(market_place.address)  # type: ignore[arg-type]
    done = market_place.teams.execute(signed)
    assert done.tx is not None
    assert market_place.chain.w3.eth.get_transaction_count(market_place.address) == count  # type: ignore[arg-type]


def test_a_folder_of_files_is_listed_by_nonce(ann: Registry, signed: TeamProposal, tmp_path: Path) -> None:
    signed.save(tmp_path)
    ann.teams.reject(signed.safe, 0).save(tmp_path)
    ann.teams.reject(signed.safe, 4).save(tmp_path)
    (tmp_path / "cut.json").write_text('{"format": "registry.team.prop')
    (tmp_path / "odd.json").write_text('{"format": "registry.team.proposal.v9"}')
    for other in ("{}", "[]", '{"chain_id": 1337}', '{"format": "registry.network.v1"}'):
        (tmp_path / f"{len(other)}.json").write_text(other)
    found = ann.teams.pending(tmp_path, signed.safe)
    assert [(entry.state, Path(entry.path).name) for entry in found[:2]] == [
        ("refused", "cut.json"),
        ("refused", "odd.json"),
    ]
    assert "/format" in found[1].reason
    assert sorted(entry.state for entry in found[2:4]) == ["executable", "needs signatures"]
    assert found[4].state == "waiting" and len(found) == 5
    with pytest.raises(InputError, match="no folder"):
        ann.teams.pending(tmp_path / "none", signed.safe)


def test_a_proposal_travels_by_cid(ann: Registry, bob: Registry, signed: TeamProposal) -> None:
    assert bob.teams.from_cid(str(ann.teams.put(signed))) == signed
