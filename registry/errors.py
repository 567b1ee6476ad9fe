"""Every error the package raises, in one tree.

Each error inherits `RegistryError` and the fitting builtin, so ``except RegistryError`` and
``except ValueError`` both work. Each carries the values at fault as attributes, and its message
ends with what to do next.

::

    RegistryError
    ├── InputError (ValueError)            what was handed in is wrong; nothing was done
    │   ├── InvalidDID, InvalidCID, InvalidNumber, InvalidAmount, InvalidLicence, InvalidAddress
    │   ├── InvalidDDO                     .faults: every fault with its JSON pointer
    │   ├── DDOTooLarge
    │   ├── InvalidRecord                  .faults: every fault of a run record or a lock with its JSON pointer
    │   ├── InvalidSettings                .line of the file of settings, 0 if no line is at fault
    │   ├── InvalidEntitlements            .faults: every line of a list that is wrong
    │   ├── AmbiguousAsset                 a name that several assets have; .choices
    │   ├── InvalidContent                 an empty or unreadable folder, a link out of it, an odd name
    │   ├── WouldOverwrite (FileExistsError)   .path: what is there is something else
    │   └── Immutable (PermissionError), NotAFile (IsADirectoryError), NotAFolder (NotADirectoryError)
    ├── NotFoundError (LookupError)        AssetNotFound, LicenceNotFound, FileNotInAsset (FileNotFoundError)
    ├── ContentError (OSError)             bytes could not be had, or not be trusted
    │   ├── BlockNotFound, Unverified, Unavailable, LimitExceeded, UnsupportedCodec
    │   ├── HubUnavailable, HubLied        a hub does not answer, or says what the chain does not
    │   ├── PrivateAddress (PermissionError)   a URL of somebody else leads to this machine or a private network
    │   ├── PinRefused, TooFewReplicas     a pinning service said no; fewer keep it than were wanted
    │   └── WrongKey                       encrypted content that this key does not open
    ├── ImportFailed                       what was to be imported; see `registry.imports`
    │   ├── SourceNotFound (LookupError)   no such repository, revision or file
    │   ├── SourceClosed (PermissionError) gated, private or disabled for whoever asks
    │   ├── SourceDiffers (ValueError)     .path: bytes that are not what the source promised
    │   └── LicenceUnclear (ValueError)    nobody said under which licence it may be published
    ├── SignerError (PermissionError)      NoSigner, UnknownAccount, WrongPassword
    ├── AccessDenied (PermissionError)
    ├── GatewayError                       .gateway: a key gateway failed or refused; .code says why
    ├── TooFewShares (ConnectionError)     .causes: what each of the key gateways did instead
    ├── PaymentError (RegistryError)       checked before anything is sent
    │   ├── InsufficientBalance, InsufficientAllowance, PriceChanged, BondAboveMaximum, UnknownToken
    ├── ChainError (RegistryError)
    │   ├── ConnectionFailed (ConnectionError), WrongChain, NotDeployed
    │   ├── Underpriced, GasLimitExceeded, NonceStuck (TimeoutError), TransactionTimeout (TimeoutError)
    │   ├── TransactionReverted, Reorganised
    │   ├── NodeRefused, NodeIncomplete, NodesDisagree, ForkBelowFinal   what an index cannot take from a node
    │   ├── Undecodable                    a log that its contract cannot have written
    │   ├── EventGap                       an event that cannot follow on those before it
    │   ├── DeploymentError
    │   └── NoDao (LookupError)
    ├── TeamError                          a team's proposal cannot be signed or executed as it is
    │   ├── InvalidProposal (ValueError)   .faults: what is wrong with its file, with JSON pointers
    │   │   └── TamperedProposal           it is not the transaction that its hash promises
    │   ├── UnsafeCall (GovernanceError, PermissionError)   not all of it can be read, or it runs foreign code
    │   ├── NotAnOwner (PermissionError), InsufficientSignatures (PermissionError)
    │   └── WrongNonce (ValueError)
    ├── GovernanceError                    the DAO cannot do it like this; nothing was sent
    │   ├── InvalidDraft (ValueError)      .line of the file that describes the proposal, 0 if no line is at fault
    │   ├── DescriptionTooLong (ValueError), UnpinnedBody (OSError)
    │   ├── UnknownTarget (LookupError), CallWouldRevert, BelowThreshold (PermissionError)
    │   ├── ProposalNotFound (LookupError), CodeChanged
    │   ├── WrongProposalState             TooEarly
    │   ├── MayNotCancel (PermissionError)
    │   ├── VoteRefused                    AlreadyVoted, LateVote, VotingNotBegun, NoVotes
    │   ├── WrongProof (ValueError)        it does not lead to the root on chain
    │   ├── InvalidBallot (ValueError)     WrongBallotSignature, ReplayedBallot
    │   └── StillOpen (TimeoutError)       it was watched to the deadline
    ├── SandboxError                       a stranger's program or file; see `registry.sandbox`
    │   ├── SandboxUnavailable (PermissionError)  .hint: the line that makes this machine reach the tier
    │   ├── SandboxFailed (OSError)        the sandbox itself, not what runs in it
    │   ├── RunFailed                      .log: the end of what the program wrote
    │   ├── WrongEnvironment (ValueError)  a lock that cannot be built as it says
    │   └── CannotReproduce (LookupError)  .missing: what a run needs and is not to be had
    ├── ContractError                      a custom error of the contracts; see `registry.chain.reverts`
    ├── IndexFault                         an index that cannot be used, or belongs to another registry
    └── JournalError                       the record of unfinished work is in use or damaged
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from registry.redaction import redacted, shown


class RegistryError(Exception):
    """Base of every error of this package.

    `message` says what happened with the value at fault, `hint` the way out; both are shown, without what must not be
    seen of addresses. A class has a hint for those of its cases that have none nearer.
    """

    hint: str = "Look it up by its name: 'registry explain'."

    def __init__(self, message: str, *, hint: str = "") -> None:
        for name, value in vars(self).items():  # what the class at fault keeps
            setattr(self, name, redacted(value))
        self.message = redacted(message)
        self.hint = redacted(hint or self.hint)
        super().__init__(f"{self.message} {self.hint}")

    def __reduce__(self) -> tuple[Any, ...]:
        """Errors travel between processes, those of dask and data loaders say, as they are instead of made anew."""
        return _as_it_was, (type(self), self.args, self.__dict__)


def _as_it_was(kind: type[RegistryError], args: tuple[Any, ...], state: dict[str, Any]) -> RegistryError:
    # Whichever of the builtins beside it decides the layout.
    error = OSError.__new__(kind) if issubclass(kind, OSError) else BaseException.__new__(kind)
    error.args = args
    error.__dict__.update(state)
    return error


# --- Input ---------------------------------------------------------------------------------------


class InputError(RegistryError, ValueError):
    """A value handed in is wrong; nothing was done with it."""

    hint = "Correct the value and try again."


class InvalidDID(InputError):
    """Not a ``did:nft:`` identifier of an asset."""

    hint = "It looks like did:nft:eip155:<chain>_erc721:<registry address>_<asset number>."

    def __init__(self, did: str, reason: str) -> None:
        self.did = did
        super().__init__(f"{did!r} is not the DID of an asset: {reason}.")


class InvalidCID(InputError):
    """Not a content identifier, or not of a kind that can be verified here."""

    hint = "It looks like bafkrei... or bafybei... (CIDv1) or Qm... (CIDv0)."

    def __init__(self, cid: object, reason: str) -> None:
        self.cid = cid
        super().__init__(f"{cid!r} is not a usable CID: {reason}.")


class AmbiguousAsset(InputError):
    """A name that several assets have."""

    def __init__(self, name: str, choices: Sequence[str]) -> None:
        self.name, self.choices = name, tuple(choices)
        listed = ", ".join(self.choices[:5]) + (", ..." if len(self.choices) > 5 else "")
        super().__init__(f"{len(self.choices)} assets are called {name!r}.", hint=f"Name one of: {listed}.")


class InvalidNumber(InputError):
    """A number, moment or span of time that could be read in two ways, or in none."""

    hint = "Write digits, with a point before decimals and, if wanted, _ between thousands."

    def __init__(self, text: str, what: str, reason: str) -> None:
        self.text, self.reason = text, reason
        super().__init__(f"{text[:80]!r} is not a {what}: {reason}.")


class InvalidAmount(InputError):
    """An amount of money that has no exact value in its token."""

    hint = 'Write it as "12.5 USDC", a Decimal, or an integer of the smallest unit.'

    def __init__(self, amount: object, reason: str) -> None:
        self.amount = amount
        super().__init__(f"{amount!r} is not an amount: {reason}.")


class InvalidLicence(InputError):
    """Licence terms that contradict each other or do not fit their fields."""

    hint = "Make one with Licence.hold, Licence.period or Licence.uses."

    def __init__(self, name: str, reason: str, *, hint: str = "") -> None:
        self.name = name
        super().__init__(f"Licence {name!r}: {reason}.", hint=hint)


class InvalidAddress(InputError):
    """Not a 20-byte address, or one with a wrong checksum."""

    hint = "It has 0x and 40 hexadecimal digits."

    def __init__(self, address: object, reason: str) -> None:
        self.address = address
        super().__init__(f"{address!r} is not an address: {reason}.")


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault of a document: where (RFC 6901 JSON pointer) and what."""

    pointer: str
    message: str

    def __str__(self) -> str:
        return f"{self.pointer or '/'}: {self.message}"


class InvalidDDO(InputError):
    """A document that is not a DDO; `faults` lists all that is wrong with it."""

    hint = "Mend these fields and try again."

    def __init__(self, faults: Sequence[Fault]) -> None:
        self.faults = tuple(faults)
        listed = "; ".join(str(fault) for fault in self.faults[:20]) + ("; ..." if len(self.faults) > 20 else "")
        super().__init__(f"The document has {len(self.faults)} fault{'s' * (len(self.faults) != 1)}: {listed}.")


class DDOTooLarge(InputError):
    """A DDO over the limit of one block."""

    hint = "Move long texts and images into the content folder and refer to them."

    def __init__(self, size: int, limit: int) -> None:
        self.size, self.limit = size, limit
        super().__init__(f"The DDO has {size:,} bytes; at most {limit:,} fit in one block.")


class InvalidRecord(InputError):
    """A run record, or the lock of an environment, that is none; `faults` lists all that is wrong with it."""

    hint = "Make it anew with 'registry run' or 'registry sandbox lock'; they are not written by hand."

    def __init__(self, what: str, faults: Sequence[Fault]) -> None:
        self.what, self.faults = what, tuple(faults)
        listed = "; ".join(str(fault) for fault in self.faults[:20]) + ("; ..." if len(self.faults) > 20 else "")
        super().__init__(f"{what} has {len(self.faults)} fault{'s' * (len(self.faults) != 1)}: {listed}.")


class InvalidSettings(InputError):
    """A file of settings that cannot be used; `line` is where, 0 if no line is at fault."""

    hint = "Mend it and try again; nothing was sent."

    def __init__(self, source: object, reason: str, *, line: int = 0, hint: str = "") -> None:
        self.source, self.reason, self.line = source, reason, line
        where = f"{source}, line {line}" if line else str(source)
        super().__init__(f"{where}: {reason}.", hint=hint)


class InvalidEntitlements(InputError):
    """A list of who may claim what, or its proofs, that is wrong; `faults` lists every line at fault."""

    hint = "Mend these lines and try again."

    def __init__(self, source: object, faults: Sequence[Fault]) -> None:
        self.source, self.faults = source, tuple(faults)
        listed = "; ".join(str(fault) for fault in self.faults[:20]) + ("; ..." if len(self.faults) > 20 else "")
        super().__init__(f"{source} is not a list of entitlements: {listed}.")


class InvalidContent(InputError):
    """A path that cannot be published as it is."""

    hint = "Correct the folder, or leave the path out of it."

    def __init__(self, path: object, reason: str, *, hint: str = "") -> None:
        self.path = path
        super().__init__(f"{str(path)!r} cannot be published: {reason}.", hint=hint)


class WouldOverwrite(InputError, FileExistsError):
    """A file or folder that is there already, and is not what would be written; it was left as it is."""

    hint = "Name another place, or move what is there away first; nothing was written."

    def __init__(self, path: object, what: str = "with other content") -> None:
        self.path = str(path)
        super().__init__(f"{self.path!r} exists already{what and ', ' + what}.")


class Immutable(InputError, PermissionError):
    """A write to a place that cannot change, as all that has a CID."""

    hint = "Write to a new place, and publish what comes out as a new version."

    def __init__(self, path: str, reason: str = "content that has an address never changes", *, hint: str) -> None:
        self.path = path
        super().__init__(f"{path!r} cannot be written: {reason}.", hint=hint)


class NotAFile(InputError, IsADirectoryError):
    """A folder, or a symbolic link, where a file is needed."""

    hint = "Name a file in it."

    def __init__(self, path: str, kind: str, *, hint: str = "") -> None:
        self.path, self.kind = path, kind
        super().__init__(f"{path!r} is a {kind}, not a file.", hint=hint)


class NotAFolder(InputError, NotADirectoryError):
    """A file, or a symbolic link, where a folder is needed."""

    hint = "Read it instead."

    def __init__(self, path: str, kind: str) -> None:
        self.path, self.kind = path, kind
        super().__init__(f"{path!r} is a {kind}, not a folder.")


# --- Not found -----------------------------------------------------------------------------------


class NotFoundError(RegistryError, LookupError):
    """What was asked for does not exist."""

    hint = "Check the name and the network."


class AssetNotFound(NotFoundError):
    """No asset has this identifier on this chain."""

    hint = "Check the DID and the network."

    def __init__(self, did: str, reason: str = "no such asset was published") -> None:
        self.did = did
        super().__init__(f"Asset {did} was not found: {reason}.")


class LicenceNotFound(NotFoundError):
    """The asset has no such licence."""

    hint = "Choose one of those that the error lists."

    def __init__(self, did: str, licence: object, known: Sequence[str]) -> None:
        self.did, self.licence, self.known = did, licence, tuple(known)
        super().__init__(f"Asset {did} has no licence {licence!r}.", hint=f"It has: {', '.join(self.known) or 'none'}.")


class FileNotInAsset(NotFoundError, FileNotFoundError):
    """The asset's content has no such file."""

    hint = "Choose one of those that the error lists."

    def __init__(self, path: str, known: Sequence[str]) -> None:
        self.path, self.known = path, tuple(known)
        shown = ", ".join(self.known[:8]) + (" and others" if len(self.known) > 8 else "")
        super().__init__(f"There is no file {path!r}.", hint=f"There are: {shown or 'none'}.")


# --- Content -------------------------------------------------------------------------------------


class ContentError(RegistryError, OSError):
    """Bytes could not be had, or could not be trusted."""

    hint = "Try another source, or ask who published it."


class BlockNotFound(ContentError, LookupError):
    """No source that was asked has the block."""

    hint = "Add a source that holds it, or ask its publisher."

    def __init__(self, cid: object, source: str = "the local store") -> None:
        self.cid, self.source = cid, source
        super().__init__(f"Block {cid} is not in {source}.")


class Unverified(ContentError):
    """Bytes whose hash is not the one promised; they were thrown away."""

    hint = "The copy is damaged or forged; fetch it from another source."

    def __init__(self, cid: object, source: str, reason: str = "the bytes do not hash to it") -> None:
        self.cid, self.source = cid, source
        super().__init__(f"Content from {source} was refused for {cid}: {reason}.")


class Unavailable(ContentError):
    """No source answered in time. `retry_after` is how many seconds it asked to be left alone, if it did."""

    hint = "Check the connection or add another source."

    def __init__(self, what: object, causes: Sequence[str] = (), *, retry_after: float | None = None) -> None:
        self.what, self.causes, self.retry_after = what, tuple(causes), retry_after
        super().__init__(f"{what} could not be fetched" + (f" ({'; '.join(self.causes)})." if self.causes else "."))


class HubUnavailable(ContentError):
    """A hub does not answer, or answers nonsense."""

    hint = "Name another hub, or none: the index of this process needs none."

    def __init__(self, what: object, causes: Sequence[str] = ()) -> None:
        self.what, self.causes = what, tuple(causes)
        super().__init__(f"{what} could not be fetched" + (f" ({'; '.join(self.causes)})." if self.causes else "."))


class HubLied(ContentError):
    """A hub told something of an asset that its document or the chain does not; what it told was dropped."""

    hint = "Ask another hub, and tell the people who rely on this one."

    def __init__(self, hub: str, did: str, field: str, said: object, true: object) -> None:
        self.hub, self.did, self.field, self.said, self.true = hub, did, field, said, true
        super().__init__(
            f"What the hub {hub} says of {did} was refused: its {field} is {str(true)[:200]!r}, "
            f"and not {str(said)[:200]!r}."
        )


class PrivateAddress(ContentError, PermissionError):
    """A URL that somebody else wrote leads to this machine or a private network; nothing was sent there."""

    hint = "If you mean to go there, name the address, or a network that holds it, in REGISTRY_REACH."

    def __init__(self, host: str, address: str) -> None:
        self.host, self.address = host, address
        where = host if host == address else f"{host} ({address})"
        super().__init__(
            f"{where} is an address of this machine or of a private network, which REGISTRY_REACH does not name."
        )


class LimitExceeded(ContentError):
    """Content that is larger (in bytes, blocks, entries) or deeper than a limit that protects the reader."""

    hint = "Raise the limit only if you trust it."

    def __init__(self, what: str, value: int, limit: int) -> None:
        self.what, self.value, self.limit = what, value, limit
        super().__init__(f"{what} is {value:,}, over the limit of {limit:,}.")


class UnsupportedCodec(ContentError):
    """A block in a format that this package does not read."""

    hint = "Files and folders are raw (0x55) or dag-pb (0x70)."

    def __init__(self, cid: object, codec: int) -> None:
        self.cid, self.codec = cid, codec
        super().__init__(f"{cid} has codec 0x{codec:x}.")


class PinRefused(ContentError):
    """A pinning service would not do what was asked, or failed to; `status` is its HTTP status (0 for none)."""

    hint = "Ask another service."

    def __init__(self, service: str, what: str, reason: str, *, status: int = 0, hint: str = "") -> None:
        self.service, self.what, self.reason, self.status = service, what, reason, status
        super().__init__(f"{service} refused {what}: {reason}.", hint=hint)


class TooFewReplicas(ContentError):
    """Fewer services keep something than were wanted; `made` names those that do."""

    hint = "Run it again, which asks for the missing ones only, or name further services."

    def __init__(self, cid: object, made: Sequence[str], wanted: int, causes: Sequence[str]) -> None:
        self.cid, self.made, self.wanted, self.causes = cid, tuple(made), wanted, tuple(causes)
        super().__init__(
            f"{len(self.made)} of the {wanted} services that shall keep {cid} do ({'; '.join(self.causes)})."
        )


class WrongKey(ContentError):
    """Encrypted content that is not for this key."""

    hint = "Ask for the key of the version that it is of."

    def __init__(self, what: str, recipient: str) -> None:
        self.what, self.recipient = what, recipient
        super().__init__(f"{what} is not sealed to {recipient}.")


# --- People and money ----------------------------------------------------------------------------


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
        said = what or f"The key of {did} needs {threshold} shares and {got} could be had"
        super().__init__(f"{said} ({'; '.join(self.causes)}).", hint=hint)


class PaymentError(RegistryError):
    """A payment that cannot succeed; found before anything was sent."""

    hint = "Look at the price and at what the account holds, and try again."


class InsufficientBalance(PaymentError):
    """The account has less than the price."""

    hint = "Fund it and try again."

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

    hint = "Look at the licence again and raise max_total if you still want it."

    def __init__(self, licence: str, price: str, maximum: str) -> None:
        self.licence, self.price, self.maximum = licence, price, maximum
        super().__init__(f"Licence {licence!r} costs {price} now, more than the {maximum} you agreed to.")


class BondAboveMaximum(PaymentError):
    """A bond is above the most that the claimant agreed to."""

    hint = "Raise max_bond if you still want it."

    def __init__(self, bond: str, maximum: str) -> None:
        self.bond, self.maximum = bond, maximum
        super().__init__(f"The bond is {bond}, more than the {maximum} you agreed to.")


class UnknownToken(PaymentError, LookupError):
    """A payment token that the registry does not take."""

    hint = "Choose one of those that the error lists."

    def __init__(self, token: object, known: Sequence[str]) -> None:
        self.token, self.known = token, tuple(known)
        super().__init__(f"The registry takes no payment in {token!r}.", hint=f"It takes: {', '.join(self.known)}.")


# --- Chain ---------------------------------------------------------------------------------------


class ChainError(RegistryError):
    """The chain could not be reached, or did not do what was asked."""

    hint = "Check the node and try again: nothing is sent twice."


class ConnectionFailed(ChainError, ConnectionError):
    """No node answers at the address, of which `url` is what may be seen; `status` is that of its HTTP answer, None if
    it gave none; `retry_after` how many seconds it asked to be left alone, if it did."""

    hint = "Check the address and that the node runs."

    def __init__(self, url: str, reason: str, *, status: int | None = None, retry_after: float | None = None) -> None:
        self.url = shown(url) if "://" in url else url
        self.status, self.retry_after = status, retry_after
        super().__init__(f"No node answers at {self.url}: {reason}.")


class WrongChain(ChainError):
    """The node serves another chain than the one meant."""

    hint = "Connect to the other network."

    def __init__(self, expected: int, actual: int, what: str) -> None:
        self.expected, self.actual = expected, actual
        super().__init__(f"{what} is on chain {expected}, but the node serves chain {actual}.")


class NotDeployed(ChainError, LookupError):
    """The contracts are not known on this chain."""

    hint = "Run 'registry deploy', or pass deployment= the file that records it."

    def __init__(self, chain_id: int, reason: str) -> None:
        self.chain_id = chain_id
        super().__init__(f"The registry is not known on chain {chain_id}: {reason}.")


class Underpriced(ChainError):
    """The node wants a higher fee."""

    hint = "Try again, or raise max_fee_gwei."

    def __init__(self, reason: str) -> None:
        super().__init__(f"The node refused the fee: {reason}.")


class GasLimitExceeded(ChainError):
    """A call would take more gas than whoever pays for it allows."""

    hint = "Look at what it runs: a part of it may be a stranger's code."

    def __init__(self, gas: int, limit: int) -> None:
        self.gas, self.limit = gas, limit
        super().__init__(f"The call would take {gas:,} gas, more than the {limit:,} that it may.")


class TransactionTimeout(ChainError, TimeoutError):
    """A transaction was sent but not seen in a block in time, or not as deep as wanted; it may still be.

    `block` is the one that it is in, None for none.
    """

    hint = "Run the same command again: it waits for this transaction and does not send a second one."

    def __init__(self, tx_hash: str, seconds: float, *, block: int | None = None) -> None:
        self.tx_hash, self.seconds, self.block = tx_hash, seconds, block
        where = "was not in a block" if block is None else f"is in block {block}, but lacked confirmations"
        super().__init__(f"Transaction {tx_hash} {where} after {seconds:g} s.")


class NonceStuck(ChainError, TimeoutError):
    """An earlier transaction of the account holds up this one."""

    hint = "Wait for the earlier transaction or replace it with a higher fee ('registry unstick')."

    def __init__(self, account: str, nonce: int, next_nonce: int) -> None:
        self.account, self.nonce, self.next_nonce = account, nonce, next_nonce
        super().__init__(
            f"Account {account} has a transaction with nonce {nonce} waiting, but the chain is still at {next_nonce}."
        )


class TransactionReverted(ChainError):
    """A transaction failed on chain without a reason that this package knows."""

    hint = "Try it with dry_run=True, and check the addresses and the network."

    def __init__(self, reason: str, tx_hash: str | None = None) -> None:
        self.reason, self.tx_hash = reason, tx_hash
        super().__init__(f"The transaction {tx_hash or ''} was reverted: {reason}.".replace("  ", " "))


class Reorganised(ChainError):
    """The chain dropped a block that a result stood on."""

    hint = "Run the same command again; ask for more confirmations on this chain."

    def __init__(self, tx_hash: str, block: int) -> None:
        self.tx_hash, self.block = tx_hash, block
        super().__init__(f"The chain dropped block {block} with transaction {tx_hash}.")


class NodeRefused(ChainError):
    """A node answered a question with an error."""

    hint = "Ask again later, or name another node."

    def __init__(self, url: str, method: str, reason: str) -> None:
        self.url, self.method, self.reason = url, method, reason
        super().__init__(f"The node {url} refused {method}: {reason}.")


class NodeIncomplete(ChainError):
    """A node left something out, or gave what cannot be: an index takes nothing of it."""

    hint = "Nothing was taken. Name another node, or a second one beside it."

    def __init__(self, url: str, block: int, reason: str) -> None:
        self.url, self.block, self.reason = url, block, reason
        super().__init__(f"The node {url} is not whole at block {block}: {reason}.")


class NodesDisagree(ChainError):
    """Two nodes have different blocks where both should be final."""

    hint = "Nothing was taken as final. Look which of the two is wrong."

    def __init__(self, number: int, ours: str, theirs: str, url: str, other: str) -> None:
        self.number, self.ours, self.theirs = number, ours, theirs
        super().__init__(f"Block {number} is {ours} at {url} and {theirs} at {other}.")


class ForkBelowFinal(ChainError):
    """The chain of a node forks off below what was final: an index stops, and touches nothing."""

    hint = "Ask another node. If the chain did change, build the index again: 'registry hub index --again'."

    def __init__(self, number: int, ours: str, theirs: str) -> None:
        self.number, self.ours, self.theirs = number, ours, theirs
        super().__init__(f"Block {number} was final as {ours}, and the node has {theirs}.")


class EventGap(ChainError):
    """An event does not follow on those before it: one between them was left out."""

    hint = "Name another node, or a second one beside it."

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(f"An event was left out: {reason}.")


class Undecodable(ChainError):
    """A log that a contract of ours cannot have written."""

    hint = "The node is wrong, or another contract stands at this address."

    def __init__(self, event: str, reason: str) -> None:
        self.event, self.reason = event, reason
        super().__init__(f"A log is no {event}: {reason}.")


class DeploymentError(ChainError):
    """What is on chain is not what the plan says."""

    hint = "Compare the plan and the file that records the deployment with the chain, and run it again."


class NoDao(ChainError, LookupError):
    """The registry was not given to a DAO, as far as its record tells."""

    hint = "Run 'registry dao found', or pass deployment= the file that records its DAO."

    def __init__(self, chain_id: int, registry: str) -> None:
        self.chain_id, self.registry = chain_id, registry
        super().__init__(f"The record of the registry {registry} on chain {chain_id} names no DAO.")


class ContractError(RegistryError):
    """A custom error of the contracts: `name`, and `values` by parameter name."""

    hint = "Look it up by its name: 'registry explain'."

    def __init__(self, name: str, values: dict[str, Any], message: str = "", *, hint: str = "") -> None:
        self.name, self.values = name, values
        shown = ", ".join(f"{key}={value}" for key, value in values.items())
        super().__init__(message or f"The contract refused: {name}({shown}).", hint=hint)


# --- Teams ---------------------------------------------------------------------------------------


class TeamError(RegistryError):
    """A team's proposal cannot be signed or executed as it is."""

    hint = "Look at the proposal with 'registry team show'."


class InvalidProposal(TeamError, ValueError):
    """A file that is no proposal; `faults` lists all that is wrong with it."""

    hint = "Ask who proposed it for the file."

    def __init__(self, source: object, faults: Sequence[Fault]) -> None:
        self.source, self.faults = source, tuple(faults)
        listed = "; ".join(str(fault) for fault in self.faults[:20]) + ("; ..." if len(self.faults) > 20 else "")
        super().__init__(f"{source} is not a proposal of a team: {listed}.")


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


# --- The DAO -------------------------------------------------------------------------------------


class GovernanceError(RegistryError):
    """The DAO cannot do it like this; nothing was sent."""

    hint = "'registry dao show' says where a proposal stands and what comes next."


class UnsafeCall(TeamError, GovernanceError, PermissionError):
    """A call that is not signed or voted for, because some of it cannot be read, or because it runs foreign code."""

    hint = "Do not sign it. Ask who proposed it for calls that can be read to their last byte."

    def __init__(self, to: str, reason: str, data: bytes = b"", *, final: bool = True) -> None:
        self.to, self.reason, self.data, self.final = to, reason, bytes(data), final
        shown = f" Its data, {len(data):,} bytes: 0x{self.data.hex()}" if data else ""
        super().__init__(f"The call of {to} is not to be signed: {reason}.{shown}", hint="" if final else _UNREAD)


_UNREAD = (
    "Have its proposer name the function (Call.abi in Python, --abi, abi: in YAML), or agree to bytes that nobody here "
    "can read (allow_unread=True, --allow-unread)."
)


class InvalidDraft(GovernanceError, ValueError):
    """A proposal that is written down wrongly; `line` is where in the file, 0 if no line is at fault."""

    hint = "Mend it and try again; nothing was sent."

    def __init__(self, source: object, reason: str, *, line: int = 0, hint: str = "") -> None:
        self.source, self.reason, self.line = source, reason, line
        where = f"{source}, line {line}" if line else str(source)
        super().__init__(f"{where}: {reason}.", hint=hint)


class DescriptionTooLong(GovernanceError, ValueError):
    """The body of a proposal is larger than one block."""

    hint = "Publish long texts as an asset, and name its DID in the body."

    def __init__(self, size: int, limit: int) -> None:
        self.size, self.limit = size, limit
        super().__init__(f"The body of the proposal has {size:,} bytes; at most {limit:,} fit in one block.")


class UnpinnedBody(GovernanceError, OSError):
    """The body that a proposal names cannot be had, so nobody could read what they vote on."""

    hint = "Pin it in a store that can be written, or add a source that holds it."

    def __init__(self, cid: object, reason: str) -> None:
        self.cid, self.reason = cid, reason
        super().__init__(f"The body ipfs://{cid} of the proposal cannot be had: {reason}.")


class UnknownTarget(GovernanceError, LookupError):
    """A call with data to an account where there is no contract: it would do nothing and look like success."""

    hint = "Check the address and the network."

    def __init__(self, target: str, number: int) -> None:
        self.target, self.number = target, number
        super().__init__(f"Action {number} calls {target}, and there is no contract.")


class CallWouldRevert(GovernanceError):
    """An action that would fail if the proposal were executed now; `cause` is what it would be refused with."""

    hint = "Mend the action; with force it is proposed all the same."

    def __init__(self, number: int, what: str, cause: RegistryError) -> None:
        self.number, self.what, self.cause = number, what, cause
        super().__init__(
            f"Action {number}, {what}, would be refused: {cause.message}", hint=f"{cause.hint} {self.hint}"
        )


class BelowThreshold(GovernanceError, PermissionError):
    """Who proposes has fewer votes than that takes."""

    hint = "Delegate to yourself if you hold tokens, or ask somebody with more votes to propose."

    def __init__(self, account: str, votes: str, needed: str) -> None:
        self.account, self.votes, self.needed = account, votes, needed
        super().__init__(f"{account} has {votes} votes, and a proposal takes {needed}.")


class ProposalNotFound(GovernanceError, LookupError):
    """The DAO has no such proposal."""

    hint = "'registry dao list' shows them all; check the chain."

    def __init__(self, proposal: object, reason: str = "no such proposal was made") -> None:
        self.proposal = proposal
        super().__init__(f"Proposal {proposal} was not found: {reason}.")


class WrongProposalState(GovernanceError):
    """A proposal that is not where this can be done."""

    hint = "'registry dao show' says what comes next."

    def __init__(self, proposal: object, state: str, act: str, *, hint: str = "") -> None:
        self.proposal, self.state, self.act = proposal, state, act
        super().__init__(f"The {proposal} is {state}, so one cannot {act} it.", hint=hint)


class TooEarly(WrongProposalState):
    """A proposal whose delay has not passed; `until` is when it has (seconds since 1970), `moment` in words."""

    hint = "Wait until then; anybody may execute it."

    def __init__(self, proposal: object, until: int, moment: str) -> None:
        self.until = until
        super().__init__(proposal, f"queued until {moment}", "execute")


class CodeChanged(GovernanceError):
    """The code of a target is not what it was when the proposal was made, so nobody can queue, execute or cancel it."""

    hint = "Look at what changed; if the actions are still wanted, propose them anew."

    def __init__(self, proposal: object, targets: Sequence[str]) -> None:
        self.proposal, self.targets = proposal, tuple(targets)
        named = ", ".join(self.targets) or "one of its targets"
        super().__init__(f"The code of {named} changed since the {proposal} was made, and its id commits to that code.")


class MayNotCancel(GovernanceError, PermissionError):
    """Neither the guardian, nor who proposed while the vote had not begun."""

    hint = "Vote against it instead."

    def __init__(self, account: str, proposal: object, reason: str) -> None:
        self.account, self.proposal = account, proposal
        super().__init__(f"{account} may not cancel the {proposal}: {reason}.")


class VoteRefused(GovernanceError):
    """A vote that would not count."""

    hint = "'registry dao show' says when votes count."


class AlreadyVoted(VoteRefused):
    """Each account votes once."""

    hint = "A vote cannot be changed."

    def __init__(self, account: str, proposal: object) -> None:
        self.account, self.proposal = account, proposal
        super().__init__(f"{account} has voted on the {proposal} already.")


class LateVote(VoteRefused):
    """The voting is over."""

    hint = "Votes count no more."

    def __init__(self, proposal: object, state: str) -> None:
        self.proposal, self.state = proposal, state
        super().__init__(f"The voting on the {proposal} is over: it is {state}.")


class VotingNotBegun(VoteRefused):
    """The voting begins later; `begins` is when (seconds since 1970), `moment` in words."""

    hint = "Vote when it has begun."

    def __init__(self, proposal: object, begins: int, moment: str) -> None:
        self.proposal, self.begins = proposal, begins
        super().__init__(f"The voting on the {proposal} begins at {moment}.")


class NoVotes(VoteRefused):
    """The account had no votes when the voting began."""

    hint = "Tokens count once they are delegated, be it to oneself: do that before the next vote."

    def __init__(self, account: str, proposal: object) -> None:
        self.account, self.proposal = account, proposal
        super().__init__(f"{account} had no votes when the voting on the {proposal} began.")


class WrongProof(GovernanceError, ValueError):
    """A proof that the distributor would refuse: it belongs to another list."""

    hint = "Take the list that was published for this distributor, unchanged."

    def __init__(self, account: str, root: bytes, expected: bytes) -> None:
        self.account, self.root, self.expected = account, root, expected
        super().__init__(
            f"The proof of {account} leads to the root 0x{root.hex()}, but the distributor has 0x{expected.hex()}."
        )


class InvalidBallot(GovernanceError, ValueError):
    """A file that is no ballot, or a ballot of another vote."""

    hint = "Ask the voter for a new one."

    def __init__(self, source: object, reason: str, *, hint: str = "") -> None:
        self.source, self.reason = source, reason
        super().__init__(f"{source} is not a ballot of this vote: {reason}.", hint=hint)


class WrongBallotSignature(InvalidBallot):
    """A ballot that its voter did not sign for this governor on this chain."""


class ReplayedBallot(InvalidBallot):
    """A ballot whose number was used, by this very ballot or by another that the voter signed."""


class StillOpen(GovernanceError, TimeoutError):
    """A proposal that did not come to its end while it was watched."""

    hint = "Watch it again, for longer."

    def __init__(self, proposal: object, state: str, seconds: float) -> None:
        self.proposal, self.state, self.seconds = proposal, state, seconds
        super().__init__(f"The {proposal} is still {state} after {seconds:g} s.")


# --- The record ----------------------------------------------------------------------------------


class IndexFault(RegistryError):
    """An index cannot be used: it is damaged, in use, of another version or of another registry."""

    hint = "Build it again: 'registry hub index --again'."


class JournalError(RegistryError):
    """The record of unfinished work is in use by another process, or damaged."""

    hint = "Let the other process end and try again; look on chain what was sent before a damaged one is moved away."


# --- Sandbox -------------------------------------------------------------------------------------


class SandboxError(RegistryError):
    """A program or a file of a stranger could not be run or read."""


class SandboxUnavailable(SandboxError, PermissionError):
    """This machine does not reach the tier of the sandbox that is wanted; nothing was run in a lesser one."""

    hint = "See what this machine reaches: 'registry sandbox check'."

    def __init__(self, reason: str, *, hint: str = "") -> None:
        self.reason = reason
        super().__init__(f"The sandbox is not to be had: {reason}.", hint=hint)


class SandboxFailed(SandboxError, OSError):
    """The sandbox could not be set up or taken down. What was to run is not at fault."""

    hint = "See what this machine reaches: 'registry sandbox check'."

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(f"The sandbox failed: {reason.rstrip('.')}.")


class RunFailed(SandboxError):
    """A program ended with an error or at one of its limits. `log` is the end of what it wrote."""

    hint = "Read its log; raise the limit at which it was stopped only if you trust it."

    def __init__(self, how: str, log: str = "") -> None:
        self.how, self.log = how, log
        super().__init__(f"The program {how}." + (f" Its last words: {log.splitlines()[-1]}" if log else ""))


class WrongEnvironment(SandboxError, ValueError):
    """A locked environment that cannot be built as its lock says: another hash, a source distribution, another
    Python."""

    hint = "Lock it anew: 'registry sandbox lock'."

    def __init__(self, reason: str, *, hint: str = "") -> None:
        self.reason = reason
        super().__init__(f"The environment cannot be built: {reason}.", hint=hint)


class CannotReproduce(SandboxError, LookupError):
    """A run that cannot be tried here, because something that it needs is `missing`. Nothing was run."""

    hint = "Ask its publisher for what is missing."

    def __init__(self, what: str, missing: Sequence[str], *, hint: str = "") -> None:
        self.what, self.missing = what, tuple(missing)
        super().__init__(f"{what} cannot be tried: {'; '.join(self.missing)}.", hint=hint)


# --- Imports -------------------------------------------------------------------------------------


class ImportFailed(RegistryError):
    """Something could not be imported. What was fetched and checked stays, and is not fetched again."""

    hint = "Run it again: it goes on where it stopped."

    def __init__(self, source: str, reason: str, *, hint: str = "") -> None:
        self.source, self.reason = source, reason
        super().__init__(f"{source} cannot be imported: {reason.rstrip('.')}.", hint=hint)


class SourceNotFound(ImportFailed, LookupError):
    """There is no such repository, revision or file, or it is private and nobody says so."""

    hint = "Check the name and the revision; for a private one, name your token in HF_TOKEN."


class SourceClosed(ImportFailed, PermissionError):
    """A repository is there, and not for whoever asks: gated, private or disabled."""

    hint = "Ask for access at its page, then name your token in HF_TOKEN."


class SourceDiffers(ImportFailed, ValueError):
    """A file is not what the source promised before it was fetched: another hash, another size. Nothing was kept."""

    hint = "Try again later or through another network; if it stays, tell the owner of the source."

    def __init__(self, source: str, path: str, reason: str) -> None:
        self.path = path
        super().__init__(source, f"its file {path!r} {reason}")


class LicenceUnclear(ImportFailed, ValueError):
    """The source does not say under which licence it may be published, or names one that SPDX does not have."""

    hint = "Read its licence, then name it: --license SPDX-ID."
