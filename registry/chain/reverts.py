"""Every custom error of the contracts as an exception class, made from the manifest.

``except reverts.NotAssetOwner as error: error.assetId`` works for each error of each contract: the
class is called like the error, inherits `ContractError` and the fitting builtin, and has the
error's parameters as attributes. `decode` turns what a node returns for a revert into one of them.

A class here says that a contract refused. `registry.errors` has some of the same names for what is
found out before anything is sent.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

from registry.chain.artifacts import artifact, names
from registry.errors import ContractError, RegistryError, TransactionReverted
from registry.types import to_address

# First match wins: what an `except` of plain Python would expect to catch.
_BUILTINS: Final[tuple[tuple[re.Pattern[str], type[Exception]], ...]] = (
    (re.compile(r"Unauthorized|^Not[A-Z]\w*(Owner|place|istry)$|^Missing\w*Role$|OnlyForOneself"), PermissionError),
    (
        re.compile(r"^NotGuardian$|^NotOwnerOfAsset$|^MayNot|OnlyExecutor|RestrictedProposer"),
        PermissionError,
    ),
    (re.compile(r"UnableToCancel|InsufficientProposerVotes|^OnlyDao|CannotStay"), PermissionError),
    (re.compile(r"WrongService|LockedRole|LockedFunction|IncorrectOwner|InsufficientApproval"), PermissionError),
    (re.compile(r"NotFound$|Nonexistent|NotScheduled"), LookupError),
    (
        re.compile(r"Expired|Invalid|Unknown|TooLong|TooHigh|TooMany|Above|^No[A-Z]|Nothing|Empty|Unexpected"),
        ValueError,
    ),
    (
        re.compile(r"TooLow|Conflict|NotAContract|Downcast|OutOfBounds|FutureLookup|WithoutCode|SuffixMissing"),
        ValueError,
    ),
    (re.compile(r"InsufficientDelay|NotAllowed$"), ValueError),
)

# OpenZeppelin documents some of these in its interfaces, where the compiler does not look, others for its developers.
_SENTENCES: Final[dict[str, str]] = {
    "AccessControlBadConfirmation": "A role is renounced by the account that holds it.",
    "AccessControlUnauthorizedAccount": "The account lacks the role that this needs.",
    "AccessManagedInvalidAuthority": "The authority of a contract must itself be a contract.",
    "AccessManagedRequiredDelay": "The account must schedule this call and wait for its delay.",
    "AccessManagedUnauthorized": "The authority does not let this account call this function.",
    "AccessManagerAlreadyScheduled": "This operation is scheduled already.",
    "AccessManagerBadConfirmation": "A role is renounced by the account that holds it.",
    "AccessManagerExpired": "The scheduled operation was not executed in time.",
    "AccessManagerInvalidInitialAdmin": "The first administrator cannot be this account.",
    "AccessManagerLockedFunction": "This function's role cannot be changed.",
    "AccessManagerLockedRole": "This role cannot be changed.",
    "AccessManagerNotReady": "The scheduled operation's delay has not passed.",
    "AccessManagerNotScheduled": "This operation is not scheduled.",
    "AccessManagerUnauthorizedAccount": "The account lacks the role that this needs.",
    "AccessManagerUnauthorizedCall": "The authority does not let this account make this call.",
    "AccessManagerUnauthorizedCancel": "Only its caller, an administrator or a guardian may cancel an operation.",
    "AccessManagerUnauthorizedConsume": "Only the target of an operation may consume it.",
    "CheckpointUnorderedInsertion": "What is written down by time cannot be added to the past.",
    "CloneArgumentsTooLong": "The arguments of a clone do not fit in its code.",
    "ERC20ExceededSafeSupply": "There would be more of the token than votes can be counted for.",
    "ERC20InsufficientAllowance": "The owner of the tokens lets this account take fewer than that.",
    "ERC20InsufficientBalance": "The account holds fewer tokens than that.",
    "ERC5805FutureLookup": "Votes can be asked for the past only.",
    "GovernorAlreadyCastVote": "The account has voted on this proposal already.",
    "GovernorAlreadyQueuedProposal": "The proposal is queued already.",
    "GovernorDisabledDeposit": "The governor takes no deposits: the timelock is the treasury.",
    "GovernorInsufficientProposerVotes": "Who proposes has fewer votes than that takes.",
    "GovernorInvalidProposalLength": "A proposal has at least one action, each with target, value and data.",
    "GovernorInvalidQuorumFraction": "The quorum is no fraction of the votes.",
    "GovernorInvalidSignature": "The ballot was not signed by its voter for this proposal and vote.",
    "GovernorInvalidVoteParams": "This vote takes no further parameters.",
    "GovernorInvalidVoteType": "A vote is 0 (against), 1 (for) or 2 (abstain).",
    "GovernorInvalidVotingPeriod": "A voting lasts longer than no time.",
    "GovernorNonexistentProposal": "There is no such proposal.",
    "GovernorOnlyExecutor": "Only the DAO itself does this, by a proposal that is executed.",
    "GovernorProposalQueueingFailed": "The timelock did not take the proposal.",
    "GovernorProposalQueueingNotRequired": "This proposal needs no queue.",
    "GovernorRestrictedProposer": "The description names another proposer.",
    "GovernorUnableToCancel": "Only its proposer, before the voting begins, or the guardian may cancel a proposal.",
    "GovernorUnexpectedProposalState": "The proposal does not stand where this could be done.",
    "InvalidCliffDuration": "A cliff is no longer than the duration.",
    "InvalidShortString": "The short text is not well formed.",
    "OwnableInvalidOwner": "This account cannot be the owner.",
    "OwnableUnauthorizedAccount": "Only the owner may do this.",
    "StringTooLong": "The text does not fit in one word.",
    "TimelockInsufficientDelay": "The delay is shorter than the timelock's.",
    "TimelockInvalidOperationLength": "Each action has a target, a value and data.",
    "TimelockUnauthorizedCaller": "Only the timelock itself does this, by a proposal that is executed.",
    "TimelockUnexecutedPredecessor": "Another operation has to be executed before.",
    "TimelockUnexpectedOperationState": "The operation is not ready: its delay may not have passed.",
    "VotesExpiredSignature": "The signed delegation has expired.",
}

_HINTS: Final[dict[str, str]] = {
    "AccessManagedUnauthorized": "Ask an administrator of the registry for the role.",
    "AlreadyClaimed": "Nothing is to be done; 'registry dao claims' shows where it went.",
    "AlreadyHeld": "Nothing is to be done: the access is there.",
    "AnswerPending": "Decide after the answer, or after that time.",
    "AppealOpen": "Wait for its decision.",
    "AssetIsRetired": "Publish a new asset instead.",
    "AssetNotFound": "Check the number of the asset and the network.",
    "BondAboveMaximum": "Raise max_bond if you still want it.",
    "BondTokenNotAllowed": "'registry curation bonds' shows which are taken.",
    "BrakeIsSpent": "Propose to the DAO to make it ready again (rearm).",
    "CannotAnswer": "The DAO hears an appeal if the asset is delisted.",
    "CapExceeded": "Order fewer units or another licence.",
    "CaseNotOpen": "'registry curation cases --open' lists those that are.",
    "ClaimRefused": "Claim to an account that takes the native coin.",
    "ClaimsAreOpen": "Sweep after that time.",
    "ClaimsAreOver": "What was not claimed went to the treasury: ask the DAO.",
    "CouncilTooLong": "Name an earlier end, and name it again then.",
    "DelistingLasts": "Appeal, or wait until then.",
    "DerivativesNotAllowed": "Ask the parent's owner to allow derivatives, or leave it out.",
    "ERC20InsufficientAllowance": "Approve the spender for the amount, or buy with a permit.",
    "ERC20InsufficientBalance": "Fund the account and try again.",
    "ERC2612ExpiredSignature": "Sign a new permit with a later deadline.",
    "ERC5805FutureLookup": "Ask for a time before now.",
    "ERC721InsufficientApproval": "Let the owner transfer it, or be approved first.",
    "ERC721InvalidReceiver": "The receiving contract must implement onERC721Received.",
    "GovernorAlreadyCastVote": "A vote cannot be changed.",
    "GovernorInsufficientProposerVotes": "Delegate to yourself, or ask somebody with more votes to propose.",
    "GovernorInvalidSignature": "Ask the voter for a new ballot.",
    "GovernorNonexistentProposal": "Check the chain; a proposal whose target's code changed has another id.",
    "GovernorOnlyExecutor": "Propose it: 'registry dao propose'.",
    "GovernorRestrictedProposer": "Let who is named there propose it.",
    "GovernorUnableToCancel": "Vote against it.",
    "GovernorUnexpectedProposalState": "'registry dao show' says where it stands and what comes next.",
    "GuardianCannotStay": "The vote decides who follows.",
    "InvalidClaimReceiver": "Claim to an account of yours.",
    "InvalidAccountNonce": "This signature was used before; have a new one made.",
    "InvalidEnd": "Choose an end between a day and a year from now, or none.",
    "InvalidPause": "Pause for at most seven days.",
    "InvalidProof": "Take the list that was published for this distributor, unchanged.",
    "InvalidReceiptSignature": "Have the holder sign a new receipt.",
    "LicenceClosed": "Choose another licence of the asset, or ask its owner to open it.",
    "LicenceNotFound": "List the licences of the asset.",
    "LimitExceeded": "Order at most what is left.",
    "MayNotDeclare": "Ask the asset's owner, or for the role of an editor.",
    "MissingAssetRole": "Ask the owner for the role.",
    "NotAssetOwner": "Use the owner's account, or ask for a role.",
    "NotEnoughUses": "Buy more uses.",
    "NotDelisted": "Nothing is to be done: it can be sold.",
    "NotForSale": "Its owner or the curators have to let it be sold again.",
    "NotGuardian": "The guardian is named by the DAO, for a time: 'registry dao propose'.",
    "NotLapsed": "Wait until then.",
    "NotOwnerOfAsset": "Use the owner's account.",
    "NothingToWithdraw": "A bond comes back when its case is decided for you, or lapses.",
    "NotEnoughGas": "Distribute in smaller chunks, or with more gas.",
    "NothingToClaim": "Only the payee whose money is parked can claim it; 'registry split parked' lists it.",
    "OnlyDaoDecidesAppeals": "Propose the decision to the DAO.",
    "OnlyForOneself": "Each account takes this licence for itself.",
    "PaymentRefused": "The receiver has to accept the payment; tell the asset's owner.",
    "PaymentTokenNotAllowed": "Choose a token that the registry takes.",
    "ProposerSuffixMissing": "Propose with 'registry dao propose', which writes it.",
    "PublicationsArePaused": "Try again when publications go on.",
    "ReceiptExpired": "Have the holder sign a new receipt.",
    "RoyaltiesTooHigh": "Derive from fewer parents, or from some that ask for less.",
    "SalesArePaused": "Try again when sales go on.",
    "RelayToTimelock": "Propose the call itself: the timelock makes it.",
    "SafeERC20FailedOperation": "Check the balance of and the approval for this token.",
    "SettingOutOfBounds": "Choose a value between the minimum and the maximum.",
    "SpendingNeedsMoreVotes": "More have to vote for it, or propose to spend less.",
    "TargetWithoutCode": "Check the address and the network.",
    "TimelockIsFixed": "Found another DAO, and let this one hand over to it.",
    "TimelockUnauthorizedCaller": "Propose it: 'registry dao propose'.",
    "TimelockUnexpectedOperationState": "'registry dao show' says when it can be executed.",
    "TooManyAncestors": "Derive from fewer parents.",
    "TotalAboveMaximum": "Look at the price again and raise max_total if you still want it.",
    "ValueTooLow": "Send at least the total.",
    "VersionConflict": "Read the asset again and apply the change to the current version.",
    "VotesExpiredSignature": "Sign a new one, or send the delegation yourself.",
    "WrongStandardStatus": "'registry standard show' says where it stands; only adopted versions can be declared.",
    "WrongService": "Let the service that it names hand it in.",
}

# https://docs.soliditylang.org/en/latest/control-structures.html#panic-via-assert-and-error-via-require
_PANICS: Final[dict[int, str]] = {
    0x00: "a panic that the compiler inserted",
    0x01: "an assertion failed",
    0x11: "an addition, subtraction or multiplication overflowed",
    0x12: "a division by zero",
    0x21: "a number stands for no member of an enum",
    0x22: "stored bytes are wrongly encoded",
    0x31: "pop of an empty array",
    0x32: "an index out of bounds",
    0x41: "too much memory was asked for",
    0x51: "a call of an unset internal function",
}

_ERROR = bytes.fromhex("08c379a0")
_PANIC = bytes.fromhex("4e487b71")


@dataclass(frozen=True, slots=True)
class _Known:
    cls: type[ContractError]
    fields: tuple[str, ...]
    types: tuple[str, ...]
    sentence: str


class _Decoded(ContractError):
    """Gives the parameters of the error as attributes."""

    def __getattr__(self, name: str) -> Any:
        # Reached only for what is no ordinary attribute; "values" itself must not recurse.
        try:
            return self.__dict__["values"][name]
        except KeyError:
            raise AttributeError(f"{type(self).__name__} has no parameter {name!r}") from None


def decode(data: bytes | str) -> RegistryError:
    """Return the exception that revert `data` stands for; never raises.

    A custom error of the contracts gives its class, everything else `TransactionReverted`: texts
    (``Error(string)``), panics with their meaning, no data, and data that nobody here knows.
    """
    raw = _to_bytes(data)
    if not raw:
        return TransactionReverted("no reason was given")
    selector, body = raw[:4], raw[4:]
    try:
        if selector == _ERROR:
            return TransactionReverted(str(_abi(("string",), body)[0]))
        if selector == _PANIC:
            code = _abi(("uint256",), body)[0]
            return TransactionReverted(f"panic 0x{code:02x}, {_PANICS.get(code, 'of unknown meaning')}")
        known = _by_selector().get(selector)
        if known is not None:
            values = {
                field: to_address(value) if kind == "address" else value
                for field, kind, value in zip(known.fields, known.types, _abi(known.types, body), strict=True)
            }
            return known.cls(
                known.cls.__name__, values, _message(known, values), hint=_HINTS.get(known.cls.__name__, "")
            )
    # A hostile contract may return a known selector with a body that does not fit it.
    except Exception:
        return TransactionReverted(f"the data of the error is malformed: {_shown(raw)}")
    return TransactionReverted(f"an unknown error: {_shown(raw)}")


def selectors() -> dict[bytes, type[ContractError]]:
    """Return the class of each error of the contracts by its 4-byte selector."""
    return {selector: known.cls for selector, known in _by_selector().items()}


def all_names() -> tuple[str, ...]:
    """Return the names of all errors of the contracts."""
    return tuple(sorted(_classes()))


def explain(name: str) -> tuple[str, str]:
    """Return what the contracts' error `name` means, and the way out (or ``""``); raises `LookupError`."""
    known = [found for found in _by_selector().values() if found.cls.__name__ == name]
    if not known:
        raise LookupError(f"the contracts have no error {name!r}")
    return next((found.sentence for found in known if found.sentence), ""), _HINTS.get(name, "")


def __getattr__(name: str) -> type[ContractError]:
    try:
        return _classes()[name]
    except KeyError:
        raise AttributeError(f"the contracts have no error {name!r}") from None


def __dir__() -> list[str]:
    return sorted([*globals(), *_classes()])


@lru_cache(maxsize=1)
def _classes() -> dict[str, type[ContractError]]:
    errors = {entry["name"] for name in names() for entry in artifact(name).abi if entry["type"] == "error"}
    return {error: _make(error) for error in errors}


def _make(name: str) -> type[ContractError]:
    builtins = tuple(builtin for pattern, builtin in _BUILTINS if pattern.search(name))[:1]
    body = {"__module__": __name__, "__doc__": f"The contracts' error {name}."}
    return type(name, (_Decoded, *builtins), body)


@lru_cache(maxsize=1)
def _by_selector() -> dict[bytes, _Known]:
    from eth_utils.crypto import keccak

    table: dict[bytes, _Known] = {}
    for contract in names():
        compiled = artifact(contract)
        for entry in compiled.abi:
            if entry["type"] != "error":
                continue
            name, types = entry["name"], tuple(parameter["type"] for parameter in entry["inputs"])
            signature = f"{name}({','.join(types)})"
            sentence = _SENTENCES.get(name) or compiled.errors.get(signature, "")
            selector = keccak(text=signature)[:4]
            # Several contracts may declare an error, and not all of them document it.
            if selector not in table or (sentence and not table[selector].sentence):
                fields = tuple(parameter["name"] or f"_{i}" for i, parameter in enumerate(entry["inputs"]))
                table[selector] = _Known(_classes()[name], fields, types, sentence)
    return table


def _message(known: _Known, values: dict[str, Any]) -> str:
    shown = ", ".join(
        f"{key}={'0x' + value.hex() if isinstance(value, bytes) else value}" for key, value in values.items()
    )
    if not known.sentence:
        return ""
    return f"{known.sentence.rstrip('.')} ({known.cls.__name__}{': ' if shown else ''}{shown})."


def _abi(types: tuple[str, ...], body: bytes) -> tuple[Any, ...]:
    from eth_abi.abi import decode as abi_decode

    return abi_decode(types, body)


def _to_bytes(data: bytes | str) -> bytes:
    if isinstance(data, str):
        try:
            return bytes.fromhex(data.removeprefix("0x"))
        except ValueError:
            return b""
    return bytes(data)


def _shown(raw: bytes) -> str:
    return f"0x{raw[:68].hex()}{'...' if len(raw) > 68 else ''}"
