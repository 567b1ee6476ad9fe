"""Proposals of teams."""

from __future__ import annotations

from collections.abc import Sequence

from registry.errors.base import Fault, RegistryError, told


class TeamError(RegistryError):
    """A team's proposal cannot be signed or executed as it is."""

    hint = "Look at the proposal with 'registry team show'."


class InvalidProposal(TeamError, ValueError):
    """A file that is no proposal; `faults` lists all that is wrong with it."""

    hint = "Ask who proposed it for the file."

    def __init__(self, source: object, faults: Sequence[Fault]) -> None:
        self.source, self.faults = source, tuple(faults)
        super().__init__(f"{source} is not a proposal of a team: {told(self.faults)}.")


class TamperedProposal(InvalidProposal):
    """A proposal that is not the transaction which its hash promises, or which was signed."""

    hint = "Do not sign it, and ask who proposed it for the file."


class NotAnOwner(TeamError, PermissionError):
    """A signature of an account that is no owner of the team."""

    hint = "Sign with an account of one of the owners that the error lists."

    def __init__(self, account: str, team: str, owners: Sequence[str]) -> None:
        self.account, self.team, self.owners = account, team, tuple(owners)
        super().__init__(
            f"{account} is not an owner of the team {team}.", hint=f"Its owners are {', '.join(self.owners)}."
        )


class InsufficientSignatures(TeamError, PermissionError):
    """Fewer owners have signed than the team asks for."""

    hint = "Ask the owners that the error lists to sign."

    def __init__(self, team: str, signed: Sequence[str], threshold: int, missing: Sequence[str]) -> None:
        self.team, self.signed, self.threshold, self.missing = team, tuple(signed), threshold, tuple(missing)
        super().__init__(
            f"{len(self.signed)} of the {threshold} signatures that the team {team} asks for are there.",
            hint=f"Ask {', '.join(self.missing)} to sign.",
        )


class WrongNonce(TeamError, ValueError):
    """A proposal whose turn has passed, or has not come yet."""

    hint = "Propose it anew if its turn has passed; else execute or reject those before it."

    def __init__(self, team: str, nonce: int, next_nonce: int, reason: str = "") -> None:
        self.team, self.nonce, self.next_nonce = team, nonce, next_nonce
        passed = nonce < next_nonce
        why = reason or ("another transaction took its place" if passed else "earlier ones come first")
        super().__init__(
            f"The proposal has nonce {nonce}, the team {team} is at {next_nonce}: {why}.",
            hint="Propose it anew if it is still wanted." if passed else "Execute or reject those before it.",
        )
