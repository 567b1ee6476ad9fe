"""Votes: who holds them, who casts them, and to whom one gives one's own."""

from __future__ import annotations

from dataclasses import dataclass

from registry.calls.words import in_votes
from registry.chain.fees import NOTHING
from registry.governance.governed import Governed, R
from registry.results import Done
from registry.text.html import Shown
from registry.types import ZERO_ADDRESS, Address, to_address


@dataclass(frozen=True, slots=True)
class VotingPower(Shown):
    """What an account holds of the token, to whom it gave the votes of that, and what it can cast.

    All are in units of 1e-18 vote. `power` is as of `at` (seconds since 1970), the others are of now; `delegate` is
    None if the account gave its votes to nobody, so that they count for nothing.
    """

    account: Address
    held: int
    delegate: Address | None
    power: int
    at: int

    @property
    def idle(self) -> bool:
        """Whether the account holds votes that nobody can cast."""
        return self.held > 0 and self.delegate is None

    @property
    def hint(self) -> str:
        """What to do about idle votes; empty if none are."""
        if not self.idle:
            return ""
        return f"{in_votes(self.held)} votes count for nothing until they are delegated: 'registry dao delegate'."

    def __str__(self) -> str:
        to = {None: "nobody", self.account: "itself"}.get(self.delegate, str(self.delegate))
        return f"{self.account} holds {in_votes(self.held)}, delegates to {to}, and casts {in_votes(self.power)} votes"


class Delegation(Governed[R]):
    """Verbs for votes that one holds."""

    def voting_power(self, account: str | None = None, *, at: int | None = None) -> VotingPower:
        """What `account` (default: the signer) holds and can cast, now or at a time in the past.

        Raises `ERC5805FutureLookup` for a time that has not passed.
        """
        holder = to_address(account) if account else self.registry.address
        chain, functions = self.registry.chain, self.token.functions
        power = functions.getVotes(holder) if at is None else functions.getPastVotes(holder, at)
        delegate = to_address(chain.call(functions.delegates(holder)))
        return VotingPower(
            account=holder,
            held=int(chain.call(functions.balanceOf(holder))),
            delegate=None if delegate == ZERO_ADDRESS else delegate,
            power=int(chain.call(power)),
            at=chain.block().timestamp if at is None else at,
        )

    def delegate(self, to: str | None = None, *, dry_run: bool = False) -> Done:
        """Let `to` (default: oneself) cast the votes of all that the signer holds, now and later.

        The tokens stay where they are, and can be delegated anew at any time. The zero address lets nobody. Nothing is
        sent where that is so already.
        """
        target = to_address(to) if to else self.registry.address
        who = {self.registry.address: "oneself", ZERO_ADDRESS: "nobody"}.get(target, target)
        what = f"delegate votes to {who}"
        if self.registry.chain.call(self.token.functions.delegates(self.registry.address)) == target:
            return Done(what, NOTHING, None, before=True)
        return self.registry.act(what, self.token.functions.delegate(target), dry_run=dry_run)
