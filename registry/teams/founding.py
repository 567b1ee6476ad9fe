"""Found a team, and look one up."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING, Final

from registry.assets.catalogue import Catalogue
from registry.assets.drafting import Draft, Planner
from registry.chain.fees import NOTHING
from registry.chain.safe import SAFE_VERSION
from registry.errors import InputError
from registry.revenue.splits import weights
from registry.teams.team_results import NewTeam, Team
from registry.teams.team_verbs import R, TeamVerbs
from registry.types import ZERO_ADDRESS, Address, to_address

if TYPE_CHECKING:
    from web3.contract.contract import ContractFunction

    from registry.chain.logs import TxReceipt

SENTINEL: Final = "0x" + "0" * 39 + "1"
"""What the Safe marks the ends of its lists with; it cannot be an owner."""


class Founding(TeamVerbs[R]):
    """Found a team, and look one up."""

    def create(
        self,
        owners: Iterable[str],
        *,
        threshold: int,
        shares: Mapping[str, str | Decimal | int] | None = None,
        publish: Draft | None = None,
        salt: int = 0,
        dry_run: bool = False,
    ) -> NewTeam:
        """Found a team: its Safe, the splitter of `shares`, and a first asset that it owns, in one transaction.

        `shares` are percentages (``"33.3 %"``, 100 in all) or whole weights by account; the revenue of the asset
        goes to their splitter unless the draft names another payout. The same people, threshold and `salt` are always
        the same team: run again, or after a stranger who made parts of it, only what is missing is done.

        Raises `InputError`, what publishing raises, and what the contracts answer.
        """
        listed = tuple(to_address(owner) for owner in owners)
        _check_owners(listed, threshold, salt)
        team = (list(listed), threshold, list(weights(shares)) if shares else [], salt)
        registry, factory = self._registry, self._factory.functions
        outbox = registry.actor.outbox("found a team", dry_run=dry_run)
        safe, splitter = self._accounts(factory.teamOf(team))
        plan = None
        if publish is not None:
            payout = publish.payout or (splitter if shares else None)
            plan = Planner(registry).planned(replace(publish, payout=payout), dry_run=dry_run)
            safe, _ = self._accounts(factory.publishingTeamOf(team, plan.publication))
            if not dry_run:
                Catalogue(registry).keep(plan.ddo)
        intent = f"team:{self._factory.address}:{safe}:{splitter}" + (f":{plan.cid}" if plan else "")
        outbox.settle(intent)
        published = Planner(registry).published_as(safe, plan) if plan else None
        there = self._chain.has_code(safe) and (not shares or self._chain.has_code(splitter))
        tx: TxReceipt | None = None
        cost = NOTHING
        call = factory.createTeam(team) if plan is None else factory.createTeamAndPublish(team, plan.publication)
        if not there if plan is None else published is None:
            outcome = outbox.send(call, intent=intent)
            cost, tx = outcome.cost, outcome.receipt
            if tx is not None:
                published = next((event.args["assetId"] for event in tx.named("MetadataPublished")), None)
        founded = Team(safe, listed, threshold, None, 0, SAFE_VERSION)
        known = self._team(safe) if self._chain.has_code(safe) else founded
        return NewTeam(
            address=safe,
            owners=known.owners,
            threshold=known.threshold,
            splitter=splitter if shares else None,
            nonce=known.nonce,
            version=known.version,
            asset=None if published is None else registry.did(published),
            cost=cost,
            tx=tx,
        )

    def _accounts(self, asked: ContractFunction) -> tuple[Address, Address]:
        """The Safe and the splitter that the factory would make."""
        safe, splitter = self._chain.call(asked)
        return to_address(safe), to_address(splitter)

    def get(self, address: str) -> Team:
        """The team at an address, as it is now; raises `TeamError` if there is no Safe."""
        found = self._team(to_address(address))
        events = self._chain.events(
            self._factory.events.TeamCreated,
            filters={"safe": found.address},
            from_block=self._registry.deployment.block,
        )
        for event in events:
            # Anybody may call the factory with the team's people and shares of his own.
            if int(event.args["splitter"], 16) and self._chain.receipt(event.tx_hash).sender in found.owners:
                return replace(found, splitter=to_address(event.args["splitter"]))
        return found


def _check_owners(owners: Sequence[Address], threshold: int, salt: int) -> None:
    if not owners:
        raise InputError("A team has one owner or more.", hint="Name the accounts that own together.")
    for number, owner in enumerate(owners):
        if owner in (ZERO_ADDRESS, SENTINEL):
            raise InputError(f"{owner} cannot be an owner.", hint="Name an account that somebody has.")
        if owner in owners[:number]:
            raise InputError(f"{owner} is named twice.", hint="Each owner has one vote.")
    if not isinstance(threshold, int) or isinstance(threshold, bool) or not 1 <= threshold <= len(owners):
        raise InputError(f"{threshold!r} of {len(owners)} owners cannot decide.", hint=f"It is 1 to {len(owners)}.")
    if not isinstance(salt, int) or isinstance(salt, bool) or not 0 <= salt < 2**256:
        raise InputError(f"{salt!r} is not a salt.", hint="It is a whole number from 0 to 2**256-1.")
