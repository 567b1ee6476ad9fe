"""What a DAO starts with: who holds the token, and how it decides. Checked before anything is sent."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

from registry.errors import InputError
from registry.types import Address

DAY: Final = 86_400
"""Seconds."""

WHOLE: Final = 10**18
"""Smallest units of a whole token, and of a vote."""

MAX_SUPPLY: Final = 2**96 - 1
"""Smallest units, as in `RegistryToken.sol`."""

MAX_ALLOCATIONS: Final = 200
"""That fit in one transaction with the token on every chain; a list for more is claimed from a distributor."""


@dataclass(frozen=True, slots=True)
class GovernorRules:
    """How the DAO decides. Times are in seconds, votes in smallest units (`WHOLE` to a token).

    ====================== ============================================================== ==================
    voting_delay           from a proposal to its snapshot, when the voting starts        1 hour to 14 days
    voting_period          of voting                                                      1 to 30 days
    proposal_threshold     votes that a proposer needs; None: a thousandth of the supply  to 5 % of it
    quorum_percent         of the supply that must take part (for or abstain)             1 to 25
    quorum_floor           votes that must take part in any case; None: a hundredth       to a quarter of it
    late_quorum_extension  of voting left, at least, after the quorum was reached         to voting_period
    guardian               may cancel proposals and brake; None for nobody
    guardian_until         seconds since 1970 when that ends                              a year from now
    vote_token_cap         what the treasury may spend of the vote token with the         any
                           ordinary quorum; None: a hundredth of the supply
    ====================== ============================================================== ==================
    """

    voting_delay: int = DAY
    voting_period: int = 5 * DAY
    proposal_threshold: int | None = None
    quorum_percent: int = 4
    quorum_floor: int | None = None
    late_quorum_extension: int = 2 * DAY
    guardian: Address | None = None
    guardian_until: int = 0
    vote_token_cap: int | None = None

    def of(self, supply: int) -> GovernorRules:
        """The same rules with numbers for what was left to the supply."""
        threshold, floor, cap = self.proposal_threshold, self.quorum_floor, self.vote_token_cap
        return replace(
            self,
            proposal_threshold=supply // 1000 if threshold is None else threshold,
            quorum_floor=max(1, supply // 100) if floor is None else floor,
            vote_token_cap=supply // 100 if cap is None else cap,
        )

    def check(self, supply: int, now: int) -> None:
        """Raise `InputError` for a rule out of the contract's bounds."""
        rules = self.of(supply)
        _within("voting_delay", rules.voting_delay, 3600, 14 * DAY)
        _within("voting_period", rules.voting_period, DAY, 30 * DAY)
        _within("proposal_threshold", rules.proposal_threshold, 0, supply // 20)
        _within("quorum_percent", rules.quorum_percent, 1, 25)
        _within("quorum_floor", rules.quorum_floor, 1, supply // 4)
        _within("vote_token_cap", rules.vote_token_cap, 0, 2**256 - 1)
        _within("late_quorum_extension", rules.late_quorum_extension, 0, rules.voting_period)
        _within("guardian_until", rules.guardian_until, now if rules.guardian else 0, now + 365 * DAY)

    @property
    def words(self) -> tuple[Any, ...]:
        """The struct that the governor's constructor takes; of rules that have all their numbers."""
        return (
            self.voting_delay,
            self.voting_period,
            self.proposal_threshold,
            self.quorum_percent,
            self.quorum_floor,
            self.late_quorum_extension,
            self.guardian or "0x" + "00" * 20,
            self.guardian_until,
            self.vote_token_cap,
        )


@dataclass(frozen=True, slots=True)
class EntitlementList:
    """A list of entitlements to be claimed until `end` (seconds since 1970): its Merkle root and its sum."""

    root: bytes
    total: int
    end: int


@dataclass(frozen=True, slots=True)
class Foundation:
    """What a DAO starts with; amounts of the token are in smallest units (`WHOLE` to a token).

    ============ ======================================================================================
    allocations  what people have from the start
    treasury     what the treasury has
    listed       what is claimed by proof from a distributor; None for no distribution
    rules        how it decides
    delay        seconds that a decision waits in the timelock: 1 to 30 days
    bonds        what a flag or an appeal costs, by payment token, in smallest units
    ============ ======================================================================================
    """

    allocations: Mapping[Address, int]
    treasury: int = 0
    listed: EntitlementList | None = None
    name: str = "Registry Vote"
    symbol: str = "VOTE"
    rules: GovernorRules = field(default_factory=GovernorRules)
    delay: int = 2 * DAY
    bonds: Mapping[Address, int] = field(default_factory=dict)

    @property
    def supply(self) -> int:
        """All there ever is of the token."""
        return self.treasury + self.reachable

    @property
    def reachable(self) -> int:
        """What can vote: that of the treasury cannot before the DAO has decided something."""
        return sum(self.allocations.values()) + (self.listed.total if self.listed else 0)

    def check(self, now: int) -> None:
        """Raise `InputError` for what a contract would refuse, and for a DAO that could never decide anything."""
        if not self.name.strip() or not self.symbol.strip():
            raise InputError("The token of a DAO has a name and a symbol.", hint="Set token.name and token.symbol.")
        if len(self.allocations) > MAX_ALLOCATIONS:
            raise InputError(
                f"{len(self.allocations):,} allocations are too many.",
                hint=f"Allocate to {MAX_ALLOCATIONS} accounts at most, and distribute to the others by a list.",
            )
        for account, amount in self.allocations.items():
            if int(account, 16) == 0:
                raise InputError("Tokens cannot be allocated to the zero address.", hint="Name an account.")
            _within(f"allocation of {account}", amount, 1, MAX_SUPPLY)
        _within("treasury", self.treasury, 0, MAX_SUPPLY)
        _within("supply", self.supply, 1, MAX_SUPPLY)
        _within("delay", self.delay, DAY, 30 * DAY)
        if self.listed is not None:
            _within("end of the distribution", self.listed.end, now + 1, now + 3650 * DAY)
            _within("total of the distribution", self.listed.total, 1, MAX_SUPPLY)
        for token, bond in self.bonds.items():
            _within(f"bond in {token}", bond, 1, 2**128 - 1)
        self.rules.check(self.supply, now)
        rules = self.rules.of(self.supply)
        needed = max(
            -(-self.supply * rules.quorum_percent // 100), rules.quorum_floor or 0, rules.proposal_threshold or 0
        )
        if self.reachable < needed:
            raise InputError(
                f"The DAO could never decide: a vote takes {needed:,} votes, and {self.reachable:,} are outside of "
                "the treasury.",
                hint="Allocate more to people, or ask for a lower quorum.",
            )


def _within(setting: str, value: Any, low: int, high: int) -> None:
    if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
        raise InputError(f"{setting} cannot be {value!r}.", hint=f"It is a whole number from {low:,} to {high:,}.")
