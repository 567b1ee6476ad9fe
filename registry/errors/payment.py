"""Who may act and who has access, and what is paid."""

from __future__ import annotations

from collections.abc import Sequence

from registry.errors.base import RegistryError


class SignerError(RegistryError, PermissionError):
    """There is no key to sign with, or it could not be opened."""

    hint = "Check the key, the key file or the name of the account."


class NoSigner(SignerError):
    """A transaction was asked of a client that can only read."""

    hint = "Pass signer= a key, a key file or an ape account."

    def __init__(self, action: str, *, hint: str = "") -> None:
        self.action = action
        super().__init__(f"To {action}, a signer is needed.", hint=hint)


class UnknownAccount(SignerError):
    """No account has this name or address."""

    hint = "Check its name or the path."

    def __init__(self, account: object, known: Sequence[str] = ()) -> None:
        self.account, self.known = account, tuple(known)
        super().__init__(f"There is no account {account!r}.", hint=f"Known: {', '.join(self.known)}." if known else "")


class CannotSignTypedData(SignerError, NotImplementedError):
    """The account signs transactions only, as old hardware wallets do, and a message by EIP-712 was asked of it."""

    hint = "Use a key, a key file or a wallet that signs typed data; a purchase does without, by an approval."

    def __init__(self, account: str) -> None:
        self.account = account
        super().__init__(f"Account {account} cannot sign typed data (EIP-712).")


class WrongPassword(SignerError):
    """The password does not open the key file."""

    hint = "Try again; the file was not changed."

    def __init__(self, path: object) -> None:
        self.path = path
        super().__init__(f"The password does not open {path}.")


class AccessDenied(RegistryError, PermissionError):
    """The account holds no licence that opens the asset."""

    hint = "Buy a licence first."

    def __init__(
        self, did: str, account: str, reason: str = "it holds no licence that is valid now", *, hint: str = ""
    ) -> None:
        self.did, self.account = did, account
        super().__init__(f"Account {account} may not open {did}: {reason}.", hint=hint)


class GatewayError(RegistryError):
    """A key gateway failed or refused; `code` is its own word for why ("" if it gave none), `status` that of HTTP."""

    hint = "Try again later, or ask the others; docs/key-gateway.md explains each code."

    def __init__(self, gateway: str, reason: str, *, code: str = "", status: int = 0, hint: str = "") -> None:
        self.gateway, self.reason, self.code, self.status = gateway, reason, code, status
        super().__init__(f"Key gateway {gateway}: {reason}.", hint=hint)


class TooFewShares(RegistryError, ConnectionError):
    """Fewer key gateways gave or took a share, or what else was asked of them, than are needed; `causes` says what each
    did instead, `liars` names those whose shares do not belong to the key."""

    hint = "Try again later, or ask its owner to give shares to further gateways."

    def __init__(
        self,
        did: str,
        got: int,
        threshold: int,
        causes: Sequence[str],
        liars: Sequence[str] = (),
        *,
        what: str = "",
        hint: str = "",
    ) -> None:
        self.did, self.got, self.threshold, self.causes, self.liars = did, got, threshold, tuple(causes), tuple(liars)
        said = what or f"The key of {did} needs {threshold} shares, and {got} could be collected"
        super().__init__(f"{said} ({'; '.join(self.causes)}).", hint=hint)


class PaymentError(RegistryError):
    """A payment that cannot succeed; found before anything was sent."""

    hint = "Look at the price and at what the account holds, and try again."


class InsufficientBalance(PaymentError):
    """The account has less than the price."""

    hint = "Fund it and try again; on a chain for tests 'registry fund' makes play money."

    def __init__(self, account: str, needed: str, held: str) -> None:
        self.account, self.needed, self.held = account, needed, held
        super().__init__(f"Account {account} needs {needed} and holds {held}.")


class InsufficientAllowance(PaymentError):
    """The marketplace may not take the price from the account."""

    hint = "Buy with approve=True, or approve that much first."

    def __init__(self, account: str, needed: str, allowed: str, spender: str) -> None:
        self.account, self.needed, self.allowed, self.spender = account, needed, allowed, spender
        super().__init__(f"Account {account} allows the marketplace {spender} {allowed}, but {needed} is needed.")


class PriceChanged(PaymentError):
    """The price is above the most that the buyer agreed to."""

    hint = "Look at the licence again and raise max_total (--max-total) if you still want it."

    def __init__(self, licence: str, price: str, maximum: str) -> None:
        self.licence, self.price, self.maximum = licence, price, maximum
        super().__init__(f"Licence {licence!r} costs {price} now, more than the {maximum} you agreed to.")


class BondAboveMaximum(PaymentError):
    """A bond is above the most that the claimant agreed to."""

    hint = "Raise max_bond (--max-bond) if you still want it."

    def __init__(self, bond: str, maximum: str) -> None:
        self.bond, self.maximum = bond, maximum
        super().__init__(f"The bond is {bond}, more than the {maximum} you agreed to.")


class BudgetExceeded(PaymentError):
    """An agent would spend more than it was given for a day; nothing was signed."""

    hint = "Wait until what was spent is a day old, or start the server with another --budget or --fees."

    def __init__(self, needed: str, left: str, purpose: str = "prices") -> None:
        self.needed, self.left, self.purpose = needed, left, purpose
        super().__init__(f"That may take {needed}, and {left} of today's budget for {purpose} is left.")


class UnknownToken(PaymentError, LookupError):
    """A payment token that the registry does not take."""

    hint = "Choose one of those that the error lists."

    def __init__(self, token: object, known: Sequence[str]) -> None:
        self.token, self.known = token, tuple(known)
        super().__init__(f"The registry takes no payment in {token!r}.", hint=f"It takes: {', '.join(self.known)}.")
