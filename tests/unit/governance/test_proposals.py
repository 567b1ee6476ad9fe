"""From a draft to a decision carried out, and everything that is refused on the way."""

from __future__ import annotations

from dataclasses import replace

import pytest

from registry import Registry
from registry.chain import reverts
from registry.chain.call import Call
from registry.errors import (
    BelowThreshold,
    CallWouldRevert,
    CodeChanged,
    DescriptionTooLong,
    InputError,
    InvalidDraft,
    MayNotCancel,
    NoDao,
    ProposalNotFound,
    StillOpen,
    TooEarly,
    UnknownTarget,
    UnpinnedBody,
    WrongChain,
    WrongProposalState,
)
from registry.governance.drafts import ProposalDraft
from registry.governance.standing import Proposal, ProposalState, Proposed
from registry.ipfs.store import MemoryStore

from .support import DAY, settle


def fee(client: Registry) -> int:
    return int(client.sales_rules[1])


def write_code(client: Registry, account: str, code: bytes) -> None:
    """Put other code there in a block of its own: what EVM rules allow to no contract today, they may on some chain."""
    tester = client.chain.w3.provider.ethereum_tester  # type: ignore[attr-defined]
    evm = tester.backend.chain
    state = evm.get_vm().state
    state.set_code(bytes.fromhex(account[2:]), code)
    state.persist()
    evm.header = evm.header.copy(state_root=state.state_root)
    tester.mine_block()


# --- The life of a proposal ----------------------------------------------------------------------


def test_a_proposal_goes_through_all_its_states_and_then_the_fee_is_another(
    author: Registry, halved: ProposalDraft
) -> None:
    made = author.governance.propose(halved)
    states = [author.governance.proposal(made.id).state]
    author.chain.advance(DAY + 10)
    states.append(author.governance.proposal(made.id).state)
    author.governance.vote(made.id, "for")
    author.chain.advance(6 * DAY)
    states.append(author.governance.proposal(made.id).state)
    author.governance.queue(made.id)
    states.append(author.governance.proposal(made.id).state)
    author.chain.advance(3 * DAY)
    author.governance.execute(made.id)
    states.append(author.governance.proposal(made.id).state)
    assert [state.name for state in states] == ["PENDING", "ACTIVE", "SUCCEEDED", "QUEUED", "EXECUTED"]
    assert fee(author) == 50


def test_what_the_verbs_of_a_client_do_can_be_proposed(author: Registry) -> None:
    treasury = author.governance.dao.timelock
    asset = author.publish(None, name="Model", type="model", license="MIT", owner=treasury)
    with author.governance.collect() as act:
        act.suspend(asset.did)
    settle(author, author.governance.draft(act, title="Suspend the model"))
    assert author.get(asset.did).state.name == "SUSPENDED"


def test_a_grant_leaves_the_treasury(author: Registry, stranger: Registry) -> None:
    author.fund("100 USD", account=author.governance.dao.timelock)
    before = stranger.balance("USD")
    settle(author, author.governance.draft(author.governance.payment(stranger.address, "40 USD"), title="A grant"))
    assert stranger.balance("USD") - before == author.amount("40 USD")


def test_proposing_twice_is_proposing_once(author: Registry, halved: ProposalDraft) -> None:
    first = author.governance.propose(halved)
    again = author.governance.propose(halved)
    assert (again.id, again.tx) == (first.id, None)
    assert len(author.governance.proposals()) == 1


def test_each_step_that_was_done_is_not_done_again(author: Registry, open_vote: Proposal) -> None:
    author.governance.vote(open_vote, "for")
    author.chain.advance(6 * DAY)
    assert author.governance.queue(open_vote).tx is not None
    assert author.governance.queue(open_vote).tx is None
    author.chain.advance(3 * DAY)
    assert author.governance.execute(open_vote).tx is not None
    assert author.governance.execute(open_vote).tx is None


def test_looking_first_sends_nothing(author: Registry, halved: ProposalDraft) -> None:
    height = author.chain.block().number
    seen = author.governance.propose(halved, dry_run=True)
    assert seen.tx is None and seen.cost.gas > 0
    assert author.chain.block().number == height and not author.governance.proposals()


def test_proposals_are_found_by_the_first_digits_of_their_id(author: Registry, proposed: Proposed) -> None:
    whole = f"0x{proposed.id:064x}"
    for name in (proposed.id, str(proposed.id), whole, whole[:10], whole[:12].upper().replace("0X", "0x")):
        assert author.governance.proposal(name).id == proposed.id
    for odd in ("0x", "0x12", "12ab34cd", "0xzzzzzzzz", str(proposed.id + 1), "0x" + "ab" * 32):
        with pytest.raises(ProposalNotFound):
            author.governance.proposal(odd)


def test_proposals_are_listed_by_state_the_newest_first(author: Registry, halved: ProposalDraft) -> None:
    first = author.governance.propose(halved)
    second = author.governance.propose(replace(halved, title="Halve it again"))
    assert [one.id for one in author.governance.proposals()] == [second.id, first.id]
    assert [one.id for one in author.governance.proposals(state="pending")] == [second.id, first.id]
    assert author.governance.proposals(state=ProposalState.ACTIVE) == ()
    with pytest.raises(InputError, match="no state"):
        author.governance.proposals(state="sleeping")


def test_a_proposal_says_what_is_missing_and_what_comes_next(author: Registry, open_vote: Proposal) -> None:
    cleo = author.as_account("cleo")
    assert "400,000 of the 400,000 votes of the quorum are missing" in open_vote.lacks
    cleo.governance.vote(open_vote, "against")
    told = author.governance.proposal(open_vote)
    assert told.lacks == "400,000 of the 400,000 votes of the quorum are missing, and it has no more votes for it " + (
        "than against"
    )
    author.governance.vote(open_vote, "for")
    assert author.governance.proposal(open_vote).lacks == ""
    author.chain.advance(6 * DAY)
    assert "registry dao queue" in author.governance.proposal(open_vote).next


def test_times_are_told_in_the_zone_of_the_reader(
    author: Registry, proposed: Proposed, monkeypatch: pytest.MonkeyPatch
) -> None:
    import time

    monkeypatch.setenv("TZ", "Asia/Kathmandu")
    time.tzset()
    assert author.governance.proposal(proposed.id).next.endswith("+0545")
    monkeypatch.undo()
    time.tzset()


def test_a_proposal_that_fails_says_why(author: Registry, open_vote: Proposal) -> None:
    author.chain.advance(6 * DAY)
    lost = author.governance.proposal(open_vote)
    assert lost.state is ProposalState.DEFEATED and "votes of the quorum are missing" in lost.next
    with pytest.raises(WrongProposalState, match="defeated"):
        author.governance.queue(open_vote)


# --- Refused before anything is sent -------------------------------------------------------------


def test_who_has_too_few_votes_cannot_propose(stranger: Registry) -> None:
    draft = stranger.governance.draft(stranger.assets.functions.setFee(50), title="Halve the fee")
    with pytest.raises(BelowThreshold) as refused:
        stranger.governance.propose(draft)
    assert (refused.value.votes, refused.value.needed) == ("0", "10,000")
    assert not stranger.governance.proposals()


def test_a_call_of_an_account_without_code_is_refused(author: Registry, stranger: Registry) -> None:
    with pytest.raises(UnknownTarget) as refused:
        author.governance.draft(Call(stranger.address, b"\x12\x34\x56\x78"), title="Nothing")
    assert (refused.value.target, refused.value.number) == (stranger.address, 1)


def test_a_call_that_would_be_refused_is_not_proposed_unless_forced(author: Registry) -> None:
    draft = author.governance.draft(author.assets.functions.setFee(501), title="Too much")
    with pytest.raises(CallWouldRevert) as refused:
        author.governance.propose(draft)
    assert refused.value.number == 1 and isinstance(refused.value.cause, reverts.FeeAboveCap)
    assert not author.governance.proposals()
    assert author.governance.propose(draft, force=True).tx is not None


def test_a_body_over_one_block_is_refused(author: Registry) -> None:
    call = author.assets.functions.setFee(50)
    with pytest.raises(DescriptionTooLong) as refused:
        author.governance.draft(call, title="Long", body="a" * 2**20)
    assert refused.value.limit == 2**20 < refused.value.size
    assert author.governance.draft(call, title="Long", body="a" * (2**20 - 2_000)).document


@pytest.mark.parametrize("title", ["", "  \n", "x" * 201, "bell \x07"])
def test_a_title_is_one_line_that_prints(author: Registry, title: str) -> None:
    with pytest.raises(InvalidDraft, match="title"):
        author.governance.draft(author.assets.functions.setFee(50), title=title)


def test_a_body_that_was_not_pinned_is_not_proposed(author: Registry, halved: ProposalDraft) -> None:
    author.store = MemoryStore()
    with pytest.raises(UnpinnedBody):
        author.governance.propose(halved, pin=False)
    assert not author.governance.proposals()
    author.governance.pin(halved)
    assert author.governance.propose(halved, pin=False).tx is not None


def test_a_store_that_forgets_is_noticed_before_anything_is_sent(author: Registry, halved: ProposalDraft) -> None:
    class Forgetful(MemoryStore):
        def put(self, cid: object, data: bytes) -> None:
            """Keep nothing."""

    author.store = Forgetful()
    with pytest.raises(UnpinnedBody):
        author.governance.propose(halved)
    assert not author.governance.proposals()


def test_a_draft_belongs_to_a_chain_a_dao_and_who_drafted_it(
    author: Registry, curator: Registry, halved: ProposalDraft
) -> None:
    with pytest.raises(WrongChain):
        author.governance.propose(replace(halved, chain_id=1))
    with pytest.raises(InvalidDraft, match="for the DAO"):
        author.governance.propose(replace(halved, governor=author.address))
    with pytest.raises(InvalidDraft, match="drafted it"):
        curator.governance.propose(halved)


def test_a_guardian_is_named_by_a_proposal_of_its_own(author: Registry, stranger: Registry) -> None:
    """Beside anything else, the guardian of today could cancel it."""
    governor = author.governance.governor.functions
    named, other = (
        governor.setGuardian(stranger.address, author.chain.block().timestamp + DAY),
        governor.setVotingDelay(DAY),
    )
    for calls in ([named, other], [other, named], [named, named]):
        with pytest.raises(InvalidDraft, match="names a guardian beside other calls"):
            author.governance.draft(calls, title="Another guardian")
    alone = author.governance.draft(named, title="Another guardian")
    both = replace(alone, actions=(*alone.actions, *author.governance.draft(other, title="Slower").actions))
    with pytest.raises(InvalidDraft, match="names a guardian beside other calls"):
        author.governance.propose(both)
    assert author.governance.propose(alone).tx is not None


def test_a_registry_without_a_dao_says_so() -> None:
    with pytest.raises(NoDao, match="dao found"):
        Registry.local().governance.proposals()


def test_nothing_is_executed_before_its_time(author: Registry, open_vote: Proposal) -> None:
    with pytest.raises(WrongProposalState, match="being voted on"):
        author.governance.execute(open_vote)
    author.governance.vote(open_vote, "for")
    author.chain.advance(6 * DAY)
    author.governance.queue(open_vote)
    with pytest.raises(TooEarly) as refused:
        author.governance.execute(open_vote)
    assert refused.value.until == author.governance.proposal(open_vote).eta
    assert fee(author) == 100


def test_code_that_changed_after_the_vote_is_not_executed_and_named(author: Registry, guardian: Registry) -> None:
    target = author.chain.contract("Standards", author.governance.dao.standards)
    call = target.functions.proposeStandard(b"metadata".ljust(32, b"\0"), 0, b"\1" * 32)
    made = author.governance.propose(author.governance.draft(call, title="Propose a schema"))
    author.chain.advance(DAY + 10)
    author.governance.vote(made.id, "for")
    author.chain.advance(6 * DAY)
    author.governance.queue(made.id)
    author.chain.advance(3 * DAY)
    write_code(author, target.address, b"\0")
    height = author.chain.block().number
    for verb in (author.governance.execute, guardian.governance.cancel):
        with pytest.raises(CodeChanged) as refused:
            verb(made.id)
        assert refused.value.targets == (target.address,)
    assert author.chain.block().number == height
    warned = author.governance.describe(made.id).warnings
    assert any("its code is another" in warning for warning in warned)
    assert any("can never be executed" in warning for warning in warned)


def test_a_payment_to_what_became_a_contract_after_the_vote_is_made(author: Registry, stranger: Registry) -> None:
    """It runs nothing that was voted on, so whoever makes the splitter that is paid stops nothing."""
    people: dict[str, int] = {author.address: 1, stranger.address: 2}
    later = author.revenue.address_of(people).address
    author.actor.outbox("fund").send(Call(author.governance.dao.timelock, b"", 10))
    made = author.governance.propose(author.governance.draft(Call(later, b"", 1), title="Pay a team"))
    author.chain.advance(DAY + 10)
    author.governance.vote(made.id, "for")
    author.chain.advance(6 * DAY)
    author.governance.queue(made.id)
    author.chain.advance(3 * DAY)
    stranger.revenue.create(people)
    author.governance.execute(made.id)
    assert author.chain.balance(later) == 1


def test_only_the_proposer_before_the_vote_and_the_guardian_may_cancel(
    author: Registry, curator: Registry, guardian: Registry, halved: ProposalDraft
) -> None:
    made = author.governance.propose(halved)
    with pytest.raises(MayNotCancel, match="only its proposer"):
        curator.governance.cancel(made.id)
    assert author.governance.cancel(made.id).tx is not None
    again = author.governance.propose(replace(halved, title="Again"))
    author.chain.advance(DAY + 10)
    with pytest.raises(MayNotCancel, match="before the voting"):
        author.governance.cancel(again.id)
    assert guardian.governance.cancel(again.id).tx is not None
    assert guardian.governance.cancel(again.id).tx is None
    assert author.governance.proposal(again.id).state is ProposalState.CANCELED
    with pytest.raises(WrongProposalState, match="canceled"):
        author.governance.queue(again.id)


def test_a_guardian_whose_time_is_over_cannot_cancel(
    author: Registry, guardian: Registry, halved: ProposalDraft
) -> None:
    author.chain.advance(200 * DAY)
    made = author.governance.propose(halved)
    with pytest.raises(MayNotCancel):
        guardian.governance.cancel(made.id)


def test_spending_above_the_cap_takes_twice_the_quorum(author: Registry, stranger: Registry) -> None:
    dao, dollar = author.governance.dao, author.deployment.tokens["USD"]
    author.fund("1000 USD", account=dao.timelock)
    settle(
        author,
        author.governance.draft(author.governance.governor.functions.setSpendingCap(dollar, 100), title="A cap"),
    )
    made = author.governance.propose(
        author.governance.draft(author.governance.payment(stranger.address, "500 USD"), title="Much")
    )
    author.chain.advance(DAY + 10)
    author.as_account("cleo").governance.vote(made.id, "for")
    author.chain.advance(6 * DAY)
    with pytest.raises(reverts.SpendingNeedsMoreVotes) as refused:
        author.governance.queue(made.id)
    assert refused.value.needed == 2 * author.governance.proposal(made.id).quorum


# --- Watching ------------------------------------------------------------------------------------


def test_watching_tells_each_change_and_ends_with_the_proposal(author: Registry, open_vote: Proposal) -> None:
    seen = []
    for found in author.governance.watch(open_vote, timeout=60, poll=0.01):
        seen.append((found.state.name, found.for_votes > 0))
        if found.state is ProposalState.ACTIVE and not found.for_votes:
            author.governance.vote(open_vote, "for")
        elif found.state is ProposalState.ACTIVE:
            author.chain.advance(6 * DAY)
        elif found.state is ProposalState.SUCCEEDED:
            author.governance.queue(open_vote)
            author.chain.advance(3 * DAY)
        elif found.state is ProposalState.QUEUED:
            author.governance.execute(open_vote)
    assert seen == [
        ("ACTIVE", False),
        ("ACTIVE", True),
        ("SUCCEEDED", True),
        ("QUEUED", True),
        ("EXECUTED", True),
    ]


def test_watching_never_hangs(author: Registry, proposed: Proposed) -> None:
    watching = author.governance.watch(proposed.id, timeout=0, poll=0.01)
    assert next(watching).state is ProposalState.PENDING
    with pytest.raises(StillOpen, match="waiting for its vote"):
        next(watching)
