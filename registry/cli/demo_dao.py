"""The chapter of the demo in which those who use the registry begin to rule what they share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from registry.cli.console import Console
from registry.errors import TooEarly

if TYPE_CHECKING:
    from registry.client import Registry
    from registry.did import DID
    from registry.governance.drafts import ProposalDraft
    from registry.governance.standing import Proposal

DAY: Final = 86_400

VOTES: Final = {"author": 400_000, "buyer": 150_000, "ann": 250_000, "bob": 150_000, "cleo": 50_000}
"""Whole tokens of the people; the treasury has another 250,000."""


def play(console: Console, author: Registry, dataset: DID, refused: dict[str, str]) -> tuple[Registry, dict[str, str]]:
    """Found a DAO and let it decide; returns the registry that it rules, and what became of its four decisions."""
    with console.step("The deployer gives the registry to a DAO of its users, and keeps no power over it"):
        registry = _found(author)
    dao = registry.governance.dao
    console.facts(
        {
            "governor": dao.governor,
            "treasury": f"{dao.timelock}, a timelock: what is decided waits 2 days there",
            "votes": ", ".join(f"{name} {votes:,}" for name, votes in VOTES.items()),
        }
    )

    copy, case = _flag(console, registry, dataset)
    draft = _draft(console, registry, case)
    with console.step("It is submitted, and a voter reads it in words: its body is pinned, on chain is its CID"):
        made = registry.governance.propose(draft)
        told = registry.as_account("bob").governance.describe(made.id)
    console.say(str(told))
    _vote(console, registry, made.id)
    grant = _execute(console, registry, made.id, refused)
    decided = {
        "fee": f"{registry.sales_rules[1] / 100:g} % of a sale",
        "standard": f"metadata version 1 is {registry.governance.standard('metadata').status.name.lower()}",
        "copy": registry.governance.listing(copy).status.name.lower(),
        "grant": f"{grant} USD to Cleo",
        "bond": f"{', '.join(map(str, registry.governance.bonds_of()))} back to the author",
    }
    console.facts(decided)
    return registry, decided


def _flag(console: Console, registry: Registry, dataset: DID) -> tuple[DID, int]:
    with console.step("A stranger sells a copy of the penguins; the author flags it, with a bond of 50 USD"):
        copy = registry.as_account("stranger").publish(None, name="My penguins", type="dataset", license="CC0-1.0")
        case = registry.governance.flag(copy.did, f"A copy of {dataset}, sold as one's own.").number
        assert case is not None
    console.say(f"  Case {case}: the owner may answer for 7 days, then the DAO decides.")
    return copy.did, case


def _draft(console: Console, registry: Registry, case: int) -> ProposalDraft:
    from registry.chain.collecting import collected

    with console.step("The author drafts a proposal of four calls, and tries it on a fork of the chain"):
        registry.fund("500 USD", account=registry.governance.dao.timelock)
        registry.governance.propose_standard("metadata", "A data set says where it comes from.", kind="metadata")
        with registry.governance.collect() as act:
            act.act("halve the fee", act.assets.functions.setFee(50))
            act.governance.adopt_standard("metadata")
            act.governance.decide_flag(case, upheld=True, reason="It is the same data, byte for byte.")
        grant = registry.governance.payment(registry.as_account("cleo").address, "200 USD")
        draft = registry.governance.draft(
            [*collected(act), grant],
            title="Halve the fee, adopt a standard, delist a copy, pay Cleo",
            body="Half the fee pays for the work. Cleo wrote the standard.",
        )
        tried = registry.governance.simulate(draft)
    console.say(str(tried))
    return draft


def _vote(console: Console, registry: Registry, proposal: int) -> None:
    with console.step("A day later Ann and the author vote; Bob and the buyer sign ballots, which a stranger relays"):
        registry.chain.advance(DAY + 60)
        registry.governance.vote(proposal, "for")
        registry.as_account("ann").governance.vote(proposal, "for", reason="Cleo did good work")
        signed = [registry.as_account("bob").governance.ballot(proposal, "for")]
        signed.append(registry.as_account("buyer").governance.ballot(proposal, "against"))
        relayed = registry.as_account("stranger").governance.relay(proposal, signed)
    console.say(f"  {relayed}")
    _tell(console, registry.governance.proposal(proposal))


def _execute(console: Console, registry: Registry, proposal: int, refused: dict[str, str]) -> int:
    """Queue and execute what was decided; returns the grant, in dollars."""
    with console.step("Five days later the vote is over, and a stranger queues what was decided"):
        registry.chain.advance(6 * DAY)
        registry.as_account("stranger").governance.queue(proposal)
    with console.refusal("Before the two days have passed it cannot be carried out", TooEarly, refused):
        registry.governance.execute(proposal)
    with console.step("Two days later it is carried out"):
        registry.chain.advance(2 * DAY)
        done = registry.as_account("stranger").governance.execute(proposal)
    assert done.tx is not None
    return int(done.tx.named("Transfer")[-1].args["value"]) // 10**6


def _found(author: Registry) -> Registry:
    """Give the registry of the demo to a DAO whose votes are `VOTES`, each delegated to oneself."""
    from registry.chain.local import found_local
    from registry.client import GUARDIAN

    votes = {author.as_account(name).address: held for name, held in VOTES.items()}
    guardian = author.as_account(GUARDIAN).address
    founded = type(author)(
        author.chain,
        found_local(author.chain, author.deployment, votes, guardian=guardian),
        signer=author.signer,
        store=author.store,
        journal=author.journal,
    )
    for name in VOTES:
        founded.as_account(name).governance.delegate()
    return founded


def _tell(console: Console, found: Proposal) -> None:
    from registry.calls.words import in_votes

    console.facts(
        {
            "for": in_votes(found.for_votes),
            "against": in_votes(found.against_votes),
            "quorum": in_votes(found.quorum),
            "next": found.next,
        }
    )
