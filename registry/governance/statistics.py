"""How a DAO decides, in numbers: voters, turnout, delegation, and how unequal the votes are."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from registry.calls.words import in_votes
from registry.errors import InputError
from registry.governance.governed import Governed, R
from registry.index.power import gini, nakamoto, rounded
from registry.system.picture import picture
from registry.text.html import Shown
from registry.types import ZERO_ADDRESS, Address, to_address

if TYPE_CHECKING:
    from rich.table import Table

    from registry.chain.logs import Event

_SIDES: Final = (("for", 1, "#38a169"), ("abstain", 2, "#d69e2e"), ("against", 0, "#c53030"))


@dataclass(frozen=True, slots=True)
class Turnout:
    """What became of the votes on a proposal, in units of 1e-18 vote.

    `turnout` is what was cast (against it too) as a share of `supply`, all there was when the voting began; `quorum` is
    what for and abstain together had to come to. Both are of now, and zero, while the voting has not begun.
    """

    proposal: int
    title: str
    voters: int
    against: int
    in_favour: int
    abstain: int
    quorum: int
    supply: int

    @property
    def turnout(self) -> Decimal:
        """Votes cast as a share of all, 0 to 1, to 4 decimals."""
        cast = self.against + self.in_favour + self.abstain
        return rounded(Fraction(cast, self.supply)) if self.supply else Decimal(0)

    @property
    def quorate(self) -> bool:
        """Whether enough took part."""
        return self.quorum > 0 and self.in_favour + self.abstain >= self.quorum


@dataclass(frozen=True, slots=True)
class DaoStatistics(Shown):
    """A DAO in numbers, from its events up to `block`; votes and tokens in units of 1e-18.

    ============== ===================================================================================
    supply         all there is of the token
    holders        accounts that hold some, contracts such as the treasury among them
    delegated      votes that somebody can cast; the rest counts for nothing
    delegates      what each can cast, the most first
    voters         accounts that ever voted
    proposals      the turnout of each, in order
    gini_of_votes  of `delegates`, see `gini`
    gini_of_tokens of the holders' balances
    nakamoto       how few delegates have more than half of the delegated votes, see `nakamoto`
    ============== ===================================================================================
    """

    block: int
    supply: int
    holders: int
    delegated: int
    delegates: tuple[tuple[Address, int], ...]
    voters: int
    proposals: tuple[Turnout, ...]
    gini_of_votes: Decimal
    gini_of_tokens: Decimal
    nakamoto: int

    @property
    def delegation(self) -> Decimal:
        """Delegated votes as a share of the supply, 0 to 1, to 4 decimals."""
        return rounded(Fraction(self.delegated, self.supply)) if self.supply else Decimal(0)

    @property
    def facts(self) -> dict[str, str]:
        """The numbers by name, for people."""
        count = len(self.delegates)
        return {
            "supply": in_votes(self.supply),
            "holders": f"{self.holders:,}",
            "delegated": f"{in_votes(self.delegated)} ({percentage(self.delegation)}) to {count:,} delegates",
            "voters so far": f"{self.voters:,}",
            "proposals": f"{len(self.proposals):,}",
            "Gini coefficient": f"{self.gini_of_votes:f} of the votes, {self.gini_of_tokens:f} of the tokens",
            "Nakamoto coefficient": f"{self.nakamoto} of {count:,} delegates have more than half the votes",
        }

    def table(self) -> Table:
        """The proposals as a table."""
        from rich.table import Table

        table = Table("proposal", "voters", "for", "against", "abstain", "turnout", "quorum", title="Turnout")
        for column in table.columns[1:6]:
            column.justify = "right"
        for found in self.proposals:
            table.add_row(
                found.title,
                f"{found.voters:,}",
                *(in_votes(amount) for amount in (found.in_favour, found.against, found.abstain)),
                percentage(found.turnout),
                f"{in_votes(found.quorum)}, {'reached' if found.quorate else 'missed'}",
            )
        return table

    def chart(self, path: str | PathLike[str], *, overwrite: bool = False) -> Path:
        """Draw the turnout of each proposal, and the Lorenz curve of the votes; ``.svg`` or ``.png`` by the name.

        The curve shows which share of the votes the smaller delegates have together; a straight line is equality.
        Raises `InputError` without matplotlib, for other endings, and while nobody has any vote.
        """
        if not self.delegates:
            raise InputError("There is nothing to draw: nobody has a vote yet.", hint="Delegate first.")
        height = 4.5 + 0.35 * len(self.proposals)
        with picture(path, f"The DAO at block {self.block:,}", size=(10, height), overwrite=overwrite) as (
            figure,
            target,
        ):
            above, below = figure.subplots(2, 1, height_ratios=[1 + 0.35 * len(self.proposals), 3.5])
            left = [0.0] * len(self.proposals)
            for name, side, colour in _SIDES:
                parts = [
                    float(Fraction((found.against, found.in_favour, found.abstain)[side] * 100, found.supply or 1))
                    for found in self.proposals
                ]
                above.barh(range(len(parts)), parts, left=left, color=colour, label=name)
                left = [before + part for before, part in zip(left, parts, strict=True)]
            above.set_yticks(range(len(left)), labels=[_short(found.title) for found in self.proposals])
            above.invert_yaxis()
            above.set_xlim(0, 100)
            above.set_xlabel("turnout, % of all votes")
            above.legend(loc="lower right", frameon=False, fontsize=8)
            amounts = sorted(amount for _account, amount in self.delegates)
            curve = [0.0]
            for amount in amounts:
                curve.append(curve[-1] + float(Fraction(amount * 100, self.delegated)))
            shares = [100 * place / len(amounts) for place in range(len(curve))]
            below.plot(shares, curve, color="#2b6cb0", label=f"Gini coefficient {self.gini_of_votes:f}")
            below.plot([0, 100], [0, 100], color="#a0aec0", linestyle="--", label="equality")
            below.set_xlabel("% of the delegates, the smallest first")
            below.set_ylabel("% of the votes")
            below.legend(loc="upper left", frameon=False, fontsize=8)
            for panel in (above, below):
                panel.spines[["top", "right"]].set_visible(False)
        return target

    def __str__(self) -> str:
        return "; ".join(f"{name}: {value}" for name, value in self.facts.items())


class Statistics(Governed[R]):
    """The DAO in numbers."""

    def supply(self) -> int:
        """All there is of the token, in units of 1e-18. Raises `ChainError`."""
        return int(self.registry.chain.call(self.token.functions.totalSupply()))

    def statistics(self) -> DaoStatistics:
        """Read the events of the token and the governor up to now; raises `ChainError` if the node refuses them."""
        last = self.registry.chain.block().number
        balances: defaultdict[Address, int] = defaultdict(int)
        for event in self._emitted(self.token.events.Transfer(), last):
            balances[to_address(event.args["from"])] -= event.args["value"]
            balances[to_address(event.args["to"])] += event.args["value"]
        # What came from nowhere is all there is.
        supply = -balances.pop(ZERO_ADDRESS, 0)
        power = {
            to_address(event.args["delegate"]): int(event.args["newVotes"])
            for event in self._emitted(self.token.events.DelegateVotesChanged(), last)
        }
        delegates = sorted(
            ((account, amount) for account, amount in power.items() if amount), key=lambda found: (-found[1], found[0])
        )
        held = [amount for amount in balances.values() if amount]
        cast = self._votes_cast(last)
        return DaoStatistics(
            block=last,
            supply=supply,
            holders=len(held),
            delegated=sum(amount for _account, amount in delegates),
            delegates=tuple(delegates),
            voters=len({voter for voters in cast.values() for voter, _support, _weight in voters}),
            proposals=tuple(self._turnouts(cast, last)),
            gini_of_votes=gini([amount for _account, amount in delegates]),
            gini_of_tokens=gini(held),
            nakamoto=nakamoto([amount for _account, amount in delegates]),
        )

    def _votes_cast(self, last: int) -> dict[int, list[tuple[Address, int, int]]]:
        cast: defaultdict[int, list[tuple[Address, int, int]]] = defaultdict(list)
        for kind in (self.governor.events.VoteCast(), self.governor.events.VoteCastWithParams()):
            for event in self._emitted(kind, last):
                vote = (to_address(event.args["voter"]), int(event.args["support"]), int(event.args["weight"]))
                cast[int(event.args["proposalId"])].append(vote)
        return cast

    def _turnouts(self, cast: dict[int, list[tuple[Address, int, int]]], last: int) -> Sequence[Turnout]:
        chain, now = self.registry.chain, self.registry.chain.block(last).timestamp
        found = []
        for event in self._emitted(self.governor.events.ProposalCreated(), last):
            number, begins = int(event.args["proposalId"]), int(event.args["voteStart"])
            voters = cast.get(number, [])
            against, in_favour, abstain = (
                sum(weight for _voter, support, weight in voters if support == side) for side in range(3)
            )
            quorum = supply = 0
            if begins < now:
                quorum = int(chain.call(self.governor.functions.quorum(begins)))
                supply = int(chain.call(self.token.functions.getPastTotalSupply(begins)))
            title = _title(str(event.args["description"]), number)
            found.append(Turnout(number, title, len(voters), against, in_favour, abstain, quorum, supply))
        return found

    def _emitted(self, kind: Any, last: int) -> Iterator[Event]:
        return self.registry.chain.events(kind, from_block=self.dao.block, to_block=last)


def percentage(share: Decimal) -> str:
    """A share as a percentage with two decimals at most."""
    return f"{(share * 100).normalize():f} %"


def _title(description: str, number: int) -> str:
    """The first words of a description, as a line of text that no terminal obeys."""
    from registry.calls.words import clean

    line = next((line.strip("# ").strip() for line in description.splitlines() if line.strip("# ").strip()), "")
    named = line.partition("#proposer=")[0].strip()
    return clean(named[:80]) or f"proposal {str(number)[:8]}..."


def _short(text: str) -> str:
    return text if len(text) <= 32 else f"{text[:30]}..."
