"""What each command answers with ``--json``: a type of the package, or a shape.

A shape is a dict of names to what they hold, a list for many of one kind, a tuple for one of several; a name that ends
in ``?`` may be missing. `registry.cli.json_schemas` makes schemas of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from registry.assets.collection_verbs import CollectionPreview, CollectionVerification, PublishedCollection
from registry.calls.words import CallInWords
from registry.chain.addresses import Dao, Deployment
from registry.chain.fees import Cost
from registry.chain.logs import TxReceipt
from registry.cli.demo import DemoOutcome
from registry.cli.explain import Explained
from registry.compute.commission import JobPlan
from registry.compute.host_protocol import HostAbout
from registry.compute.job_escrow import OpenedJob
from registry.content.exporting import CachedRepository
from registry.content.inviting import Invited
from registry.content.table_changes import TableChanges
from registry.did import DID
from registry.documents.comparing import DocumentChanges
from registry.documents.compute_terms import Terms
from registry.documents.ddo import DDO, Encryption
from registry.documents.signed_statements import AccessAnswer, AccessRequest, Comment, Fold, Like, Withdrawal
from registry.gated.protocol import Gateway
from registry.governance.ballot import Ballot
from registry.governance.curation import Case, Filed
from registry.governance.delegation import VotingPower
from registry.governance.distribution import TokenClaim, Vesting
from registry.governance.simulation import Change, Effect
from registry.governance.standards import Conformance, Standard
from registry.governance.standing import Proposal, Proposed, Vote
from registry.governance.statistics import DaoStatistics
from registry.governance.voting import CheckedBallot, Relayed
from registry.hub.wallet_script import ServedScript
from registry.index.finding import Held
from registry.index.models import Activity, Hit, Holder, HubFacts, SaleLine, Suggestion, TeamShown
from registry.index.proof import Comparison
from registry.ipfs.audit import ReplicaAudit
from registry.ipfs.builder import FileEntry
from registry.ipfs.car import Archive
from registry.ipfs.cid import CID
from registry.ipfs.local_store import Cleared, Health
from registry.ipfs.node import Entry
from registry.ipfs.pinning import RemotePin
from registry.ipfs.pins import Pin
from registry.ipfs.recovery import Rehearsal
from registry.ipfs.replicas import PinReceipt
from registry.market.streams import Settlement, Subscribed, Subscription
from registry.money import Amount, Token
from registry.results import Asset, AssetVersion, Done, Holding, Offer, Published, Purchase, Verification
from registry.revenue.lineage import DerivativeTerms, Family
from registry.revenue.splits import Claim, Distribution, Forecast, Parked, Pending, Split
from registry.revenue.statement import Line, Sum
from registry.sandbox.container import ContainerEngine
from registry.sandbox.machine import Reach
from registry.sandbox.runs.lock import Lock
from registry.sandbox.runs.record import RunRecord
from registry.sandbox.runs.reproducing import Verdict
from registry.teams.proposal_file import TeamProposal
from registry.teams.team_results import NewTeam, Team
from registry.types import Address

__all__ = ["ANSWERS", "SHAPES", "With"]


class With(NamedTuple):
    """An object of `kind`, with `more` beside its fields and `without` some of them."""

    kind: Any
    more: Mapping[str, Any]
    without: tuple[str, ...] = ()


_SAID: Final = {"cid": CID, "taken_by": [str]}
_REQUEST: Final = With(AccessRequest, {"cid": str, "answer": (With(AccessAnswer, {}), None)})
_CALLS: Final = {"target": Address, "value": str, "data": str}

SHAPES: Final[Mapping[type, Any]] = {
    Ballot: {
        "format": str,
        "chainId": int,
        "governor": Address,
        "proposal": str,
        "voter": Address,
        "choice": str,
        "nonce": str,
        "signature": str,
    },
    CheckedBallot: {"voter": Address, "choice": str, "votes": str, "counted": bool, "problem": (str, None)},
    Effect: {"call": str, "gas": int, "events": [str], "refused": (str, None)},
    PinReceipt: {
        "subject": str,
        "cid": str,
        "service": str,
        "endpoint": str,
        "gateway": str,
        "request_id": str,
        "pinned": float,
    },
    Proposal: {
        "id": str,
        "proposer": Address,
        "title": str,
        "body": (CID, None),
        "state": str,
        "begins": int,
        "ends": int,
        "eta": (int, None),
        "for": str,
        "against": str,
        "abstain": str,
        "quorum": str,
        "missing": str,
        "next": str,
        "actions": [_CALLS],
    },
    Proposed: {"id": str, "title": str, "body": CID, "tx": (str, None)},
    Relayed: {
        "proposal": str,
        "counted": [CheckedBallot],
        "before": [CheckedBallot],
        "refused": [CheckedBallot],
        "gas": int,
        "txs": [str],
    },
    TeamProposal: {
        "format": str,
        "chainId": int,
        "safe": Address,
        "safeVersion": str,
        "to": Address,
        "value": str,
        "data": str,
        "operation": int,
        "nonce": int,
        "note": str,
        "safeTxHash": str,
        "signatures": [{"owner": Address, "kind": str, "data": str}],
        "abi?": [str],
        "agreesTo?": [TeamProposal],
    },
    Vote: {
        "proposal": str,
        "voter": Address,
        "choice": str,
        "votes": str,
        "reason": str,
        "warnings": [str],
        "tx": (str, None),
    },
}
"""How the types are written that write themselves."""

_PREVIEW: Final = {"documents": [{"cid": CID, "ddo": DDO}], "cost": Cost, "left_out": [str], "notes": [str]}
_PUBLISHED: Final = (Published, _PREVIEW)
_NAMED: Final = {"name": str, "did": DID}
_NETWORK: Final = {
    "name": str,
    "chain_id": int,
    "registry": Address,
    "version": str,
    "node": (str, None),
    "sources": [str],
}
_FILE: Final = {"size": int, "base64": str}
_PAGE: Final = {
    "hits": [Hit],
    "total": int,
    "more": bool,
    "facets": dict[str, dict[str, int]],
    "near": [str],
    "after": str,
    "lies": [str],
}
_IMPORTED: Final = {
    "source": str,
    "type": str,
    "license": (str, None),
    "cid": (CID, None),
    "files": int,
    "size": int,
    "fields": dict[str, Any],
    "leftOut": [str],
    "related": [str],
    "notes": [str],
    "warnings": [str],
    "unchecked": [str],
}
_IMPORTED_ALL: Final = {
    "source": str,
    "type": (str, None),
    "license": (str, None),
    "files": int,
    "size": int,
    "items": [_IMPORTED],
    "leftOut": dict[str, str],
    "notes": [str],
}
_HASHED: Final = {"cid": CID, "size": int, "profile": str, "left_out": [str]}
_CHANGED: Final = {"root": CID, "path": str}
_WRITTEN: Final = With(TeamProposal, {"cid": CID, "path": (str, None)})
_PROPOSAL: Final = With(TeamProposal, {"calls": [CallInWords], "domainHash": str, "messageHash": str})
_SAID_OF_REQUEST: Final = {
    "request": str,
    "done": (str, None),
    "said": (With(AccessAnswer, _SAID), None),
}
_JOB: Final = {
    "job": str,
    "state": str,
    "why": str,
    "consumer": Address,
    "data": str,
    "code": CID,
    "params": dict[str, Any],
    "bytes": int,
}
_ORDERED: Final = {
    "job": str,
    "state": str,
    "over": bool,
    "url": str,
    "offering": str,
    "code": CID,
    "params": dict[str, Any],
    "until": int,
}
_ESCROWED: Final = {
    "id": str,
    "job": str,
    "status": str,
    "ends": int,
    "did": DID,
    "total": Amount,
    "bond": Amount,
    "seconds": int,
    "result": str,
    "consumer": Address,
    "host": Address,
}
_JOB_END: Final = {
    "job": str,
    "state": str,
    "files": [str],
    "escrow?": {"id": str, "status": str, "ends": int},
}
_COMPARED: Final = {
    "in_words": str,
    "answers": [{"job": str, "host": Address, "state": str, "agrees": bool, "root": (CID, None), "fault": str}],
    "differing": [str],
    "transactions": [Done],
}
_ANYTHING: Final = dict[str, Any]

ANSWERS: Final[Mapping[str, Any]] = {
    # Start
    "demo": DemoOutcome,
    "deploy": (
        {"deployment": Deployment, "recorded": (str, None)},
        {"deployment": Deployment, "problems": [str]},
        {"steps": [dict[str, str]], "gas": int},
    ),
    "fund": {"account": Address, "balance": Amount},
    "connect": _NETWORK,
    "networks": (_NETWORK, {"networks": [_NETWORK], "in_use": (str, None)}),
    "name add": _NAMED,
    "name list": [_NAMED],
    "name remove": _NAMED,
    # Look
    "show": (With(Asset, {"cid": CID, "name": str, "for_sale": bool, "conformances": [Conformance]}), DDO),
    "licences": [Offer],
    "history": [AssetVersion],
    "diff": (DocumentChanges, With(DocumentChanges, {"tables": [TableChanges]})),
    "resolve": _ANYTHING,
    "files": [{"path": str, "size": int, "cid": CID, "media_type": (str, None)}],
    "access": {"account": Address, "has_access": bool, "holdings": [Holding]},
    "balance": {"account": Address, "balances": [Amount]},
    "tokens": [Token],
    "cid": _HASHED,
    "explain": [Explained],
    # Find
    "search": _PAGE,
    "browse": _PAGE,
    "mine": {"account": Address, "assets": [Hit], "owned": [Held], "teams": [TeamShown]},
    "similar": [Hit],
    "suggest": [Suggestion],
    "holders": [Holder],
    "sales": [SaleLine],
    "activity": [Activity],
    "watch": Activity,
    "hub compare": Comparison,
    "hub export": {"assets": int, "root": str},
    "hub hook add": {"name": str, "secret": str},
    "hub hook list": [{"name": str, "url": str, "kinds": [str], "tries": int}],
    "hub hook remove": {"removed": str},
    "hub index": {"block": (int, None), "final": (int, None), "waits": str, "root": str},
    "hub open": {"url": str, "hub": str},
    "hub pages": {"cid": CID, "folder": (str, None), "hub": (str, None)},
    "hub script": {"package": str, "adopted": [str], "hub": (ServedScript, None), "proposed": (Done, None)},
    "hub serve": {"url": str, "registry": Address},
    "hub status": HubFacts,
    # Publish
    "publish": _PUBLISHED,
    "publish-many": ([Published], _PREVIEW),
    "update": Done,
    "add-licence": Done,
    "reprice": Done,
    "close-licence": Done,
    "open-licence": Done,
    "collection mint": Done,
    "collection proof": {
        "item": DID,
        "collection": DID,
        "index": int,
        "document": str,
        "digest": bytes,
        "leaf": bytes,
        "root": bytes,
        "proof": [bytes],
    },
    "collection publish": (PublishedCollection, CollectionPreview),
    "collection show": {
        "did": DID,
        "root": bytes,
        "size": int,
        "first": str,
        "last": str,
        "name": str,
        "licences": [Offer],
    },
    "collection verify": (CollectionVerification, Verification),
    # Import and export
    "import": (
        _IMPORTED,
        _IMPORTED_ALL,
        Published,
        _PREVIEW,
        {"imported": _IMPORTED_ALL, "collection": (PublishedCollection, CollectionPreview)},
    ),
    "export croissant": ({"path": str}, _ANYTHING),
    "export hf-cache": CachedRepository,
    # Buy and use
    "buy": Purchase,
    "approve": Done,
    "redeem": Done,
    "consume": Done,
    "receipt sign": ({"receipt": str}, _ANYTHING),
    "receipt submit": Done,
    "grant": Done,
    "subscribe": Subscribed,
    "extend": Subscribed,
    "cancel": {"refund": Amount, "done": Done},
    "settle": Settlement,
    "subscription": Subscription,
    "cat": {"path": str, **_FILE},
    "download": [FileEntry],
    "verify": Verification,
    # Run
    "run": {"outputs": str, "record": str, "cid": CID, "run": RunRecord},
    "app run": {"url": str, "origin": str, "did": (str, None)},
    "reproduce": {"verdict": str, "outputs": [Verdict], "notes": [str], "record": CID},
    "compute approve": _JOB,
    "compute bid": {"job": str, "offer": str, "until": int},
    "compute cancel": (_JOB, _JOB_END, Done),
    "compute close": Done,
    "compute compare": _COMPARED,
    "compute decide": Done,
    "compute decline": _JOB,
    "compute dispute": Done,
    "compute fetch": (_JOB, _JOB_END),
    "compute host": With(HostAbout, {"url": str}),
    "compute jobs": ([_JOB], [_ORDERED], [_ESCROWED]),
    "compute logs": {"log": str},
    "compute offer": _PUBLISHED,
    "compute open": [{"path": str, "size": int, "cid": CID}],
    "compute order": {"job": str, "order": str, "host": Address},
    "compute pay": OpenedJob,
    "compute redundant": _COMPARED,
    "compute run": (JobPlan, _JOB_END),
    "compute settle": Done,
    "compute submit": _JOB_END,
    "compute terms": Terms,
    "compute verify": _ANYTHING,
    "compute withdraw": (Done, {"waits": Amount}),
    "compute work": [_JOB],
    "sandbox check": {
        "reach": Reach,
        "tiers": dict[str, dict[str, str]],
        "untried": dict[str, str],
        "engine": (ContainerEngine, None),
        "help": str,
        "sound": bool,
    },
    "sandbox crate": {"metadata": str, "record": CID},
    "sandbox lock": Lock,
    # Own
    "transfer": Done,
    "roles": ({"account": Address, "roles": [str]}, Done),
    "payout": Done,
    "suspend": Done,
    "resume": Done,
    "retire": Done,
    "team create": NewTeam,
    "team describe": _PROPOSAL,
    "team execute": {
        "proposal": TeamProposal,
        "cost": Cost,
        "tx": (TxReceipt, None),
        "assets": [DID],
        "before": bool,
    },
    "team merge": _WRITTEN,
    "team pending": [
        {
            "state": str,
            "missing": int,
            "reason": str,
            "path": str,
            "proposal": (TeamProposal, None),
        }
    ],
    "team propose": _WRITTEN,
    "team reject": _WRITTEN,
    "team show": Team,
    "team sign": _WRITTEN,
    # Share
    "split claim": Claim,
    "split create": Split,
    "split distribute": Distribution,
    "split forecast": Forecast,
    "split parked": [Parked],
    "split pending": [Pending],
    "split show": Split,
    "split statement": {
        "subject": str,
        "total": [With(Sum, {"earned": Amount, "received": Amount})],
        "lines": [Line],
        "arrived": [Line],
    },
    "family": Family,
    "derivatives": (DerivativeTerms, Done),
    "invite": Invited,
    "uninvite": {"id": str, "revoked": [str]},
    # Talk
    "comment": With(Comment, _SAID),
    "like": With(Like, _SAID),
    "talk fold": With(Fold, _SAID),
    "talk show": {
        "comments": [With(Comment, {"cid": str, "level": int, "folded": bool, "withdrawn": bool})],
        "likes": [str],
        "requests": [_REQUEST],
    },
    "talk withdraw": With(Withdrawal, _SAID),
    "requests ask": With(AccessRequest, _SAID),
    "requests decline": _SAID_OF_REQUEST,
    "requests grant": _SAID_OF_REQUEST,
    "requests inbox": [_REQUEST],
    "requests invite": _SAID_OF_REQUEST,
    "requests sent": [_REQUEST],
    # Content
    "ipfs add": {**_HASHED, "dag_size": int, "blocks": int, "files": int},
    "ipfs audit": {
        "sound": bool,
        "roots": [CID],
        "blocks": int,
        "sample": int,
        "misses_1_percent": float,
        "misses_10_percent": float,
        "replicas": [ReplicaAudit],
        "unchecked": Any,
    },
    "ipfs car export": (Archive, Rehearsal),
    "ipfs car import": Archive,
    "ipfs cat": _FILE,
    "ipfs cid": _HASHED,
    "ipfs dag get": Any,
    "ipfs dag put": {"cid": CID, "codec": str},
    "ipfs dag resolve": {"cid": CID, "rest": str},
    **{f"ipfs files {verb}": _CHANGED for verb in ("cp", "mkdir", "mv", "rm", "write")},
    "ipfs files read": _FILE,
    "ipfs files stat": Entry,
    "ipfs fsck": Health,
    "ipfs gc": Cleared,
    "ipfs get": {"cid": CID, "target": str, "files": int, "size": int},
    "ipfs ls": [Entry],
    "ipfs name resolve": {"name": str, "path": str},
    "ipfs pin add": ([PinReceipt], {"pinned": [CID]}),
    "ipfs pin ls": ([PinReceipt], [RemotePin], [Pin]),
    "ipfs pin rm": {"cid": CID, "removed": int},
    "ipfs serve": {"url": str, "pairing?": str},
    "ipfs verify": (
        {"cid": CID, "path": str, "profile": str, "left_out": [str]},
        {"cid": CID, "blocks": int, "size": int},
    ),
    "keys clear": {"forgotten": int},
    "keys export": {"path": str},
    "keys import": {"recipient": str},
    "keys reissue": Encryption,
    "gateway audit": {"entries": int, "hash": str, "shown": [_ANYTHING]},
    "gateway backup": {"target": str, "audit_entries": int, "audit_hash": str},
    "gateway init": {"folder": str, "age_recipient": str, "signer": Address, "registry": Address},
    "gateway restore": {"folder": str, "audit_entries": int, "audit_hash": str, "invitations_ended": int},
    "gateway rotate": {"age_recipient": str, "shares": int},
    "gateway serve": With(Gateway, {"url": str}),
    "gateway shares": [
        {
            "id": int,
            "asset": str,
            "version": int,
            "index": int,
            "threshold": int,
            "depositor": Address,
            "stored": int,
        }
    ],
    "gateway status": {
        "folder": str,
        "registry": (str, None),
        "shares": int,
        "invitations": int,
        "uses": int,
        "uses_not_released": int,
        "gas_of_24_hours": int,
        "audit_entries": int,
        "audit_hash": str,
        "faults": [str],
        "age_recipient?": str,
        "signer?": Address,
        "signer_balance_wei?": str,
    },
    # Decide
    "dao ballot": With(Ballot, {"cid": CID, "path": str}),
    "dao brake": Done,
    "dao cancel": Done,
    "dao check": {"dao": Dao, "problems": [str]},
    "dao check-ballots": [CheckedBallot],
    "dao claim": [Done],
    "dao claims": [TokenClaim],
    "dao delegate": Done,
    "dao execute": Done,
    "dao found": ({"deployment": Deployment, "recorded": str}, {"steps": [dict[str, str]], "gas": int}),
    "dao list": [Proposal],
    "dao power": With(VotingPower, {"idle": bool, "hint": str}),
    "dao proofs": {"entries": int, "total": str, "root": bytes, "written": str, "cid?": CID},
    "dao propose": Proposed,
    "dao queue": Done,
    "dao relay": Relayed,
    "dao release": Done,
    "dao show": With(Proposal, {"text": (str, None), "calls": [CallInWords], "warnings": [str]}),
    "dao simulate": {
        "succeeds": bool,
        "by": str,
        "time": int,
        "gas": int,
        "effects": [Effect],
        "balances": [Change],
        "settings": [Change],
        "unbound": [Address],
    },
    "dao stats": DaoStatistics,
    "dao vesting": Vesting,
    "dao vesting-delegate": Done,
    "dao vesting-release": Done,
    "dao vote": Vote,
    "dao watch": [Proposal],
    "standard declare": Done,
    "standard list": [Standard],
    "standard propose": {"name": str, "cid": CID, "done": Done},
    "standard show": (Standard, {"cid": CID, "text": str}),
    "standard withdraw": Done,
    "curation answer": Done,
    "curation appeal": Filed,
    "curation bonds": {"costs": [Amount], "account": (str, None), "withdrawable": [Amount]},
    "curation cases": [Case],
    "curation flag": Filed,
    "curation lapse": Done,
    "curation relist": Done,
    "curation show": {"case": Case, "texts": dict[str, str]},
    "curation withdraw": [Done],
    # Agents, and more
    "mcp": {"url": str, "token?": str},
    "ocean export": _ANYTHING,
    "ocean import": (DDO, {"ddo": DDO, "licences": [str], "notes": [str]}),
    "unstick": {"replaced": (TxReceipt, None)},
}
"""By the words of each command; whatever a standard of others describes is any object."""
