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
    ├── ContentError (OSError)             bytes could not be fetched, or not be trusted
    │   ├── BlockNotFound, Unverified, Unavailable, LimitExceeded, UnsupportedCodec,
    │   │   UnsupportedHash
    │   ├── HubUnavailable, HubLied        a hub does not answer, or says what the chain does not
    │   ├── PrivateAddress (PermissionError)   a URL of somebody else leads to this machine or a private network
    │   ├── PinRefused, TooFewReplicas     a pinning service said no; fewer keep it than were wanted
    │   └── WrongKey                       encrypted content that this key does not open
    ├── ImportFailed                       what was to be imported; see `registry.imports`
    │   ├── SourceNotFound (LookupError)   no such repository, revision or file
    │   ├── SourceClosed (PermissionError) gated, private or disabled for whoever asks
    │   ├── SourceDiffers (ValueError)     .path: bytes that are not what the source promised
    │   ├── SourceIncomplete               .faults: repositories of an account that cannot be taken, and why
    │   └── LicenceUnclear (ValueError)    nobody said under which licence it may be published
    ├── SignerError (PermissionError)      NoSigner, UnknownAccount, WrongPassword
    │   └── CannotSignTypedData (NotImplementedError)   an old hardware wallet
    ├── AccessDenied (PermissionError)
    ├── GatewayError                       .gateway: a key gateway failed or refused; .code says why
    ├── TooFewShares (ConnectionError)     .causes: what each of the key gateways did instead
    ├── PaymentError (RegistryError)       checked before anything is sent
    │   ├── InsufficientBalance, InsufficientAllowance, PriceChanged, BondAboveMaximum, UnknownToken
    │   └── BudgetExceeded                 what an agent may spend in a day; .left of it
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
    │   └── CannotReproduce (LookupError)  .missing: what a run needs and cannot be found
    ├── ComputeError                       a job on data that stay where they are; see `registry.compute`
    │   ├── JobRefused (PermissionError)   .reasons: what its terms do not allow; nothing was run
    │   ├── JobNotFound (LookupError), WrongJobState
    │   ├── EngineFailed                   machines that were to execute a run: a worker died
    │   ├── HostError                      .host: a host of jobs failed or refused; .code says why
    │   └── ForgedReceipt (ValueError)     a receipt that its host did not sign, or of something else
    ├── ContractError                      a custom error of the contracts; see `registry.chain.reverts`
    ├── IndexFault                         an index that cannot be used, or belongs to another registry
    │   └── SearchTimeout (TimeoutError)   .seconds: what one question may take of an index
    └── JournalError                       the record of unfinished work is in use or damaged
"""

from __future__ import annotations

from registry.errors.base import Fault, RegistryError
from registry.errors.chain import (
    ChainError,
    ConnectionFailed,
    ContractError,
    DeploymentError,
    EventGap,
    ForkBelowFinal,
    GasLimitExceeded,
    NoDao,
    NodeIncomplete,
    NodeRefused,
    NodesDisagree,
    NonceStuck,
    NotDeployed,
    Reorganised,
    TransactionReverted,
    TransactionTimeout,
    Undecodable,
    Underpriced,
    WrongChain,
)
from registry.errors.compute import (
    ComputeError,
    EngineFailed,
    ForgedReceipt,
    HostError,
    JobNotFound,
    JobRefused,
    WrongJobState,
)
from registry.errors.content import (
    BlockNotFound,
    ContentError,
    HubLied,
    HubUnavailable,
    LimitExceeded,
    PinRefused,
    PrivateAddress,
    TooFewReplicas,
    Unavailable,
    UnsupportedCodec,
    UnsupportedHash,
    Unverified,
    WrongKey,
)
from registry.errors.governance import (
    AlreadyVoted,
    BelowThreshold,
    CallWouldRevert,
    CodeChanged,
    DescriptionTooLong,
    GovernanceError,
    InvalidBallot,
    InvalidDraft,
    LateVote,
    MayNotCancel,
    NoVotes,
    ProposalNotFound,
    ReplayedBallot,
    StillOpen,
    TooEarly,
    UnknownTarget,
    UnpinnedBody,
    UnsafeCall,
    VoteRefused,
    VotingNotBegun,
    WrongBallotSignature,
    WrongProof,
    WrongProposalState,
)
from registry.errors.imports import (
    ImportFailed,
    LicenceUnclear,
    SourceClosed,
    SourceDiffers,
    SourceIncomplete,
    SourceNotFound,
)
from registry.errors.input import (
    AmbiguousAsset,
    AssetNotFound,
    DDOTooLarge,
    FileNotInAsset,
    Immutable,
    InputError,
    InvalidAddress,
    InvalidAmount,
    InvalidCID,
    InvalidContent,
    InvalidDDO,
    InvalidDID,
    InvalidEntitlements,
    InvalidLicence,
    InvalidNumber,
    InvalidRecord,
    InvalidSettings,
    LicenceNotFound,
    NotAFile,
    NotAFolder,
    NotFoundError,
    WouldOverwrite,
)
from registry.errors.payment import (
    AccessDenied,
    BondAboveMaximum,
    BudgetExceeded,
    CannotSignTypedData,
    GatewayError,
    InsufficientAllowance,
    InsufficientBalance,
    NoSigner,
    PaymentError,
    PriceChanged,
    SignerError,
    TooFewShares,
    UnknownAccount,
    UnknownToken,
    WrongPassword,
)
from registry.errors.records import IndexFault, JournalError, SearchTimeout
from registry.errors.sandbox import (
    CannotReproduce,
    RunFailed,
    SandboxError,
    SandboxFailed,
    SandboxUnavailable,
    WrongEnvironment,
)
from registry.errors.teams import (
    InsufficientSignatures,
    InvalidProposal,
    NotAnOwner,
    TamperedProposal,
    TeamError,
    WrongNonce,
)

__all__ = [
    "AccessDenied",
    "AlreadyVoted",
    "AmbiguousAsset",
    "AssetNotFound",
    "BelowThreshold",
    "BlockNotFound",
    "BondAboveMaximum",
    "BudgetExceeded",
    "CallWouldRevert",
    "CannotReproduce",
    "CannotSignTypedData",
    "ChainError",
    "CodeChanged",
    "ComputeError",
    "ConnectionFailed",
    "ContentError",
    "ContractError",
    "DDOTooLarge",
    "DeploymentError",
    "DescriptionTooLong",
    "EngineFailed",
    "EventGap",
    "Fault",
    "FileNotInAsset",
    "ForgedReceipt",
    "ForkBelowFinal",
    "GasLimitExceeded",
    "GatewayError",
    "GovernanceError",
    "HostError",
    "HubLied",
    "HubUnavailable",
    "Immutable",
    "ImportFailed",
    "IndexFault",
    "InputError",
    "InsufficientAllowance",
    "InsufficientBalance",
    "InsufficientSignatures",
    "InvalidAddress",
    "InvalidAmount",
    "InvalidBallot",
    "InvalidCID",
    "InvalidContent",
    "InvalidDDO",
    "InvalidDID",
    "InvalidDraft",
    "InvalidEntitlements",
    "InvalidLicence",
    "InvalidNumber",
    "InvalidProposal",
    "InvalidRecord",
    "InvalidSettings",
    "JobNotFound",
    "JobRefused",
    "JournalError",
    "LateVote",
    "LicenceNotFound",
    "LicenceUnclear",
    "LimitExceeded",
    "MayNotCancel",
    "NoDao",
    "NoSigner",
    "NoVotes",
    "NodeIncomplete",
    "NodeRefused",
    "NodesDisagree",
    "NonceStuck",
    "NotAFile",
    "NotAFolder",
    "NotAnOwner",
    "NotDeployed",
    "NotFoundError",
    "PaymentError",
    "PinRefused",
    "PriceChanged",
    "PrivateAddress",
    "ProposalNotFound",
    "RegistryError",
    "Reorganised",
    "ReplayedBallot",
    "RunFailed",
    "SandboxError",
    "SandboxFailed",
    "SandboxUnavailable",
    "SearchTimeout",
    "SignerError",
    "SourceClosed",
    "SourceDiffers",
    "SourceIncomplete",
    "SourceNotFound",
    "StillOpen",
    "TamperedProposal",
    "TeamError",
    "TooEarly",
    "TooFewReplicas",
    "TooFewShares",
    "TransactionReverted",
    "TransactionTimeout",
    "Unavailable",
    "Undecodable",
    "Underpriced",
    "UnknownAccount",
    "UnknownTarget",
    "UnknownToken",
    "UnpinnedBody",
    "UnsafeCall",
    "UnsupportedCodec",
    "UnsupportedHash",
    "Unverified",
    "VoteRefused",
    "VotingNotBegun",
    "WouldOverwrite",
    "WrongBallotSignature",
    "WrongChain",
    "WrongEnvironment",
    "WrongJobState",
    "WrongKey",
    "WrongNonce",
    "WrongPassword",
    "WrongProof",
    "WrongProposalState",
]
