"""The brake: a pause of new sales and publications, and of nothing else."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from registry.errors import InputError
from registry.governance.governed import Governed, R
from registry.results import Done
from registry.session import whole
from registry.text.html import Shown
from registry.types import ZERO_ADDRESS, Address, to_address

MAX_PAUSE: Final = 7 * 86_400
"""Seconds, as in `Brake.sol`."""


@dataclass(frozen=True, slots=True)
class Guardianship(Shown):
    """Who may brake and cancel proposals, and what the brake does now; times are seconds since 1970, 0 for none.

    `guardian` is None once its time is over. `armed` says whether the brake can be pulled.
    """

    guardian: Address | None
    until: int
    armed: bool
    publications_paused_until: int
    sales_paused_until: int


class Emergency(Governed[R]):
    """Verbs of the guardian."""

    def guardianship(self) -> Guardianship:
        """Who may brake now, and what is paused."""
        registry, brake = self.registry, self.brake_contract
        guardian = to_address(registry.chain.call(self.governor.functions.guardian()))
        return Guardianship(
            guardian=None if guardian == ZERO_ADDRESS else guardian,
            until=int(registry.chain.call(self.governor.functions.guardianUntil())),
            armed=bool(registry.chain.call(brake.functions.armed())),
            publications_paused_until=int(registry.chain.call(registry.assets.functions.publicationsPausedUntil())),
            sales_paused_until=registry.sales_rules[2],
        )

    def brake(self, seconds: int, *, sales: bool = True, publications: bool = False, dry_run: bool = False) -> Done:
        """Pause new sales or publications for so many seconds, at most 7 days: by the guardian, once.

        The DAO makes the brake ready again. Raises `NotGuardian`, `BrakeIsSpent`, and `InputError` for no pause at all.
        """
        whole(seconds, "seconds of a pause", high=MAX_PAUSE)
        paused = " and ".join(
            what for what, wanted in (("new publications", publications), ("new sales", sales)) if wanted
        )
        if not paused:
            raise InputError("There is nothing to pause.", hint="Pause sales, publications, or both.")
        call = self.brake_contract.functions.brake(publications, sales, seconds)
        return self.registry.act(f"pause {paused} for {seconds:,} seconds", call, dry_run=dry_run)

    def release(self, *, sales: bool = True, publications: bool = True, dry_run: bool = False) -> Done:
        """End the pause of sales, publications or both before its time: by the guardian or the DAO.

        Raises `InputError` for neither.
        """
        ended = " and ".join(what for what, on in (("publications", publications), ("sales", sales)) if on)
        if not ended:
            raise InputError("There is nothing to let go on.", hint="Let sales, publications, or both go on.")
        call = self.brake_contract.functions.release(publications, sales)
        return self.registry.act(f"end the pause of {ended}", call, dry_run=dry_run)

    def rearm(self, *, dry_run: bool = False) -> Done:
        """Make the brake ready again: by the DAO."""
        return self.registry.act("make the brake ready", self.brake_contract.functions.rearm(), dry_run=dry_run)
