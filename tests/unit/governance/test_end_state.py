"""After the founding nobody is above the DAO: every function of every contract, and who may call it.

Whoever adds a function has to say here for whom it is; then it is tried as the deployer, who must be refused, and as
whom it is for, who must not be.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import pytest
from eth_utils.crypto import keccak

from registry import Licence, Registry
from registry.chain import reverts
from registry.chain.artifacts import artifact, names
from registry.chain.connection import Chain
from registry.chain.dao_plan import check_powers, found
from registry.chain.foundation import DAY, WHOLE, EntitlementList, Foundation, GovernorRules
from registry.chain.journal import Journal
from registry.chain.local import DEPLOYER, deploy_local
from registry.chain.logs import abi_type
from registry.chain.powers import powers
from registry.chain.sender import Sender
from registry.chain.signers import dev_signer
from registry.errors import ContractError, RegistryError
from registry.governance.entitlements import Entitlement, Entitlements
from registry.ipfs.store import MemoryStore
from registry.types import Address

from .support import settle

PLAY_MONEY: Final = {"LocalDollar", "BlockingDollar"}
"""Of chains for tests; no part of a deployment."""

WHO: Final[dict[str, dict[str, str]]] = {
    "AssetRegistry": {
        "anyone": "mintItem multicall publish publishCollection publishMany redeem renounceRoles setApprovalForAll",
        "holder": "consume",
        "owner": "addLicence approve grant safeTransferFrom setDerivativeTerms setOpen setPayout setPrice setRoles "
        "setState transferFrom updateMetadata",
        "seller": "sell",
        "receipts": "consumeFor",
        "DAO": "setContractURI setFee setPaymentToken setSeller",
        "treasuries": "setTreasury",
        "brake": "pausePublications pauseSales",
        "curation": "setDelisted",
        "authority": "setAuthority",
    },
    "Marketplace": {"anyone": "buyAccess buyAccessWithPermit buyTokens buyTokensWithPermit"},
    "Streams": {
        "anyone": "extend extendWithPermit settle subscribe subscribeWithPermit",
        "subscriber": "cancel",
        "payee": "claim",
    },
    "ComputeEscrow": {
        "anyone": "expire lapse open openWithPermit settle",
        "party": "accept cancel deliver dispute giveUp",
        "payee": "claim",
        "DAO": "nameCouncil",
        "DAO or council": "decide",
        "authority": "setAuthority",
    },
    "Receipts": {"anyone": "cancelReceipt consumeWithReceipt"},
    "Directory": {"DAO": "setEntries", "authority": "setAuthority"},
    "Treasuries": {"DAO": "approveTreasury", "DAO or guardian": "switchTreasury", "authority": "setAuthority"},
    "RegistryAuthority": {
        "anyone": "multicall renounceRole",
        "DAO": "grantRole labelRole revokeRole setGrantDelay setRoleAdmin setRoleGuardian setTargetAdminDelay "
        "setTargetClosed setTargetFunctionRole updateAuthority",
        "DAO with what to call": "execute",
        # Nobody holds a role with a delay, so nothing is ever scheduled here.
        "nobody": "cancel consumeScheduledOp schedule",
    },
    "RegistryTimelock": {
        "anyone": "onERC1155BatchReceived onERC1155Received onERC721Received renounceRole",
        "governor": "cancel execute executeBatch schedule scheduleBatch",
        "DAO": "grantRole revokeRole updateDelay",
    },
    "RegistryGovernor": {
        "anyone": "castVote castVoteBySig castVoteWithReason castVoteWithReasonAndParams "
        "castVoteWithReasonAndParamsBySig castVotesBySig execute queue",
        "voters": "propose",
        "guardian or proposer": "cancel",
        "guardian": "cancelById",
        "DAO": "relay setGuardian setLateQuorumVoteExtension setProposalThreshold setSpendingCap setVotingDelay "
        "setVotingPeriod updateQuorumNumerator",
        # What is sent to a governor that executes through a timelock is refused, be it a token.
        "nobody": "onERC1155BatchReceived onERC1155Received onERC721Received updateTimelock",
    },
    "RegistryToken": {"anyone": "approve delegate delegateBySig permit transfer transferFrom"},
    "Standards": {
        "anyone": "proposeStandard",
        "owner": "declare withdraw",
        "DAO": "adopt deprecate",
        "authority": "setAuthority",
    },
    "Curation": {
        "anyone": "flag lapse",
        "payee": "claim",
        "owner": "answer appeal",
        "DAO": "decideAppeal delist nameCouncil setBond",
        "DAO or council": "decideFlag endorse unendorse",
        "DAO until it is over": "relist",
        "authority": "setAuthority",
    },
    "Brake": {"guardian": "brake", "DAO": "rearm", "DAO or guardian": "release", "authority": "setAuthority"},
    "TokenDistributor": {"anyone": "claim sweep"},
    "TokenVesting": {"anyone": "release", "beneficiary": "delegateVotes transferOwnership"},
    "Datatoken": {"anyone": "approve permit transfer transferFrom", "registry": "burn mint"},
    "Lineage": {"anyone": "createSplitter declareParents"},
    "LineageSplitter": {"anyone": "claimFor distribute distributeChunk", "payee": "claim"},
    "RevenueSplitter": {"anyone": "distribute distributeChunk", "payee": "claim"},
    "SplitterFactory": {"anyone": "createSplitter"},
    "TeamFactory": {"anyone": "createTeam createTeamAndPublish", "nobody": "publishInSetup"},
}
"""For whom each function that is not a view is. `anyone` acts for themselves, or does what is due to others."""

REFUSALS: Final = {
    "AccessControlUnauthorizedAccount",
    "AccessManagedUnauthorized",
    "AccessManagerUnauthorizedAccount",
    "AccessManagerUnauthorizedCall",
    "AccessManagerUnauthorizedConsume",
    "GovernorInsufficientProposerVotes",
    "GovernorOnlyExecutor",
    "MayNotDeclare",
    "MissingAssetRole",
    "NotAssetOwner",
    "ERC721InsufficientApproval",
    "ERC721InvalidApprover",
    "NotGuardian",
    "NotReceipts",
    "NotSeller",
    "NotOwnerOfAsset",
    "NotParty",
    "NotRegistry",
    "OwnableUnauthorizedAccount",
    "TimelockUnauthorizedCaller",
}
"""That the caller is the wrong one, and no other fault."""

OTHERWISE: Final = {
    # Refused for the deployer by what it lacks: there is nothing that it could use, cancel, claim.
    "AssetRegistry.consume": "NotEnoughUses",
    "RegistryAuthority.cancel": "AccessManagerNotScheduled",
    # It asks the caller, which is no contract.
    "RegistryAuthority.consumeScheduledOp": "The transaction was reverted: no reason was given.",
    "RegistryGovernor.cancel": "GovernorUnableToCancel",
    "RegistryGovernor.cancelById": "GovernorUnableToCancel",
    "RegistryGovernor.onERC1155BatchReceived": "GovernorDisabledDeposit",
    "RegistryGovernor.onERC1155Received": "GovernorDisabledDeposit",
    "RegistryGovernor.onERC721Received": "GovernorDisabledDeposit",
    "RegistryGovernor.updateTimelock": "TimelockIsFixed",
    "TeamFactory.publishInSetup": "NotInSetup",
    "Streams.cancel": "StreamIsOver",
    "Streams.claim": "NothingToClaim",
    "ComputeEscrow.claim": "NothingToClaim",
    "Curation.claim": "NothingToClaim",
    "LineageSplitter.claim": "NothingToClaim",
    "RevenueSplitter.claim": "NothingToClaim",
}

ASSET: Final = 1
CASE: Final = 1


@pytest.fixture(scope="module")
def place() -> Registry:
    """A DAO with all that a DAO can have: a delisted asset, a flag, a vesting wallet, and a proposal to cancel."""
    chain = Chain.in_process()
    base = deploy_local(chain)
    author, buyer, stranger, guardian, curator = (dev_signer(number) for number in range(5))
    today = chain.block().timestamp // DAY * DAY
    vested = Entitlement(stranger.address, 1000 * WHOLE, today, 30 * DAY, 365 * DAY)
    listed = Entitlements((vested, Entitlement(guardian.address, 5 * WHOLE)))
    foundation = Foundation(
        allocations={author.address: 60_000 * WHOLE, curator.address: 30_000 * WHOLE},
        treasury=10_000 * WHOLE,
        listed=EntitlementList(listed.root, listed.total, today + 100 * DAY),
        rules=GovernorRules(guardian=guardian.address, guardian_until=today + 100 * DAY),
        bonds={base.tokens["USD"]: 10**6},
    )
    deployment = found(chain, base, foundation).carry_out(Sender(chain, dev_signer(DEPLOYER)))
    client = Registry(chain, deployment, signer=author, store=MemoryStore(), journal=Journal.in_memory())
    client.publish(None, name="Penguins", type="dataset", license="MIT", licences=[Licence.uses("own", uses=3)])
    client.grant(ASSET, "own", to=buyer.address, as_tokens=True)
    for voter in (author, curator):
        client.signed_by(voter).governance.delegate()
    chain.advance(10)
    delist = client.governance.curation_contract.functions.delist(ASSET, keccak(b"why"), 0)
    settle(client, client.governance.draft(delist, title="Delist", body="It was copied."))
    client.act("propose", client.governance.governor.functions.propose(*actions(client), DESCRIPTION))
    flagging = client.signed_by(buyer)
    flagging.fund("10 USD")
    flagging.governance.flag(ASSET, "It is not theirs.")
    client.governance.claim(listed.proven(), account=stranger.address)
    wallet = client.governance.claims(listed.proven(), account=stranger.address)[0].receiver
    payees = client.revenue.create({author.address: "50 %", buyer.address: "50 %"})
    client.__dict__["where"] = where_of(client) | {"RevenueSplitter": payees.address, "TokenVesting": wallet}
    return client


DESCRIPTION: Final = f"Words. #proposer={dev_signer(0).address}"


def actions(client: Registry) -> tuple[list[str], list[int], list[bytes]]:
    """What is proposed, and could be cancelled."""
    call = client.assets.functions.setFee(1)._encode_transaction_data()
    return [client.deployment.registry], [0], [bytes.fromhex(call[2:])]


def where_of(client: Registry) -> dict[str, Address]:
    """Where each contract of the manifest is."""
    made, dao = client.deployment, client.deployment.dao
    assert dao is not None and dao.distributor is not None
    datatoken = client.chain.call(client.assets.functions.datatokenOf(ASSET, 0))
    lineage = client.chain.contract("Lineage", made.lineage)
    implementation = client.chain.call(lineage.functions.splitterImplementation())
    return {
        "AssetRegistry": made.registry,
        "Marketplace": made.marketplace,
        "Streams": made.streams,
        "ComputeEscrow": made.escrow,
        "Receipts": client.receipt_contract.address,
        "Directory": made.directory,
        "Treasuries": dao.treasuries,
        "RegistryAuthority": made.authority,
        "Lineage": made.lineage,
        "LineageSplitter": implementation,
        "SplitterFactory": made.splitters,
        "TeamFactory": made.teams,
        "RegistryToken": dao.token,
        "RegistryTimelock": dao.timelock,
        "RegistryGovernor": dao.governor,
        "Standards": dao.standards,
        "Curation": dao.curation,
        "Brake": dao.brake,
        "TokenDistributor": dao.distributor,
        "Datatoken": datatoken,
    }


def functions_of(contract: str) -> Iterator[dict[str, Any]]:
    """What can change something, and what only looks as if it could."""
    for entry in artifact(contract).abi:
        if entry["type"] == "function" and (
            entry["stateMutability"] not in ("view", "pure") or entry["name"] == "updateTimelock"
        ):
            yield entry


CLASSIFIED: Final = [
    (contract, entry, who)
    for contract, groups in WHO.items()
    for who, listed in groups.items()
    for entry in functions_of(contract)
    if entry["name"] in listed.split()
]


def test_every_function_of_every_contract_is_for_somebody() -> None:
    assert set(names()) == set(WHO) | PLAY_MONEY
    for contract, groups in WHO.items():
        listed = [name for group in groups.values() for name in group.split()]
        assert len(set(listed)) == len(listed), f"{contract} names a function twice"
        assert set(listed) == {entry["name"] for entry in functions_of(contract)}, contract


def argument(part: dict[str, Any], client: Registry) -> Any:
    """A value that gets as far as to the question who is calling."""
    kind, name = part["type"], part["name"].rstrip("_")
    if kind.endswith("[]"):
        return []
    if kind == "tuple":
        return tuple(argument(inner, client) for inner in part["components"])
    if kind == "address":
        return client.deployment.registry if name in ("target", "token", "newAuthority") else dev_signer(7).address
    if kind.startswith(("uint", "int")):
        return {
            "assetId": ASSET,
            "caseId": CASE,
            "id": ASSET,
            "tokenId": ASSET,
            "roleId": 7,
            "duration": 60,
            "uses": 1,
        }.get(name, 0)
    if kind == "bool":
        return False
    if kind == "string":
        return ""
    if kind == "bytes":
        return b""
    return bytes([7]) * int(kind.removeprefix("bytes"))


def tried(client: Registry, contract: str, entry: dict[str, Any], account: str) -> str:
    """What a call by an account is refused with now; nothing if it is not."""
    values = [argument(part, client) for part in entry["inputs"]]
    if entry["name"] in ("propose", "cancel") and contract == "RegistryGovernor":
        values[:3] = actions(client)
        values[3] = keccak(text=DESCRIPTION) if entry["name"] == "cancel" else f"#proposer={account}".rjust(60)
    if entry["name"] in ("transferFrom", "safeTransferFrom") and contract == "AssetRegistry":
        values[:2] = client.address, dev_signer(7).address
    if contract == "RegistryAuthority":
        set_fee = keccak(text="setFee(uint256)")[:4] + bytes(32)
        named = {"target": client.deployment.registry, "data": set_fee, "caller": account}
        values = [
            named.get(part["name"], value)
            if entry["name"] in ("execute", "schedule", "cancel", "consumeScheduledOp")
            else value
            for part, value in zip(entry["inputs"], values, strict=True)
        ]
    signature = f"{entry['name']}({','.join(abi_type(part) for part in entry['inputs'])})"
    where: dict[str, str] = client.__dict__["where"]
    function = client.chain.contract(contract, where[contract]).get_function_by_signature(signature)(*values)
    try:
        client.chain.call(function, sender=account)
    except ContractError as error:
        return error.name
    except RegistryError as error:
        return error.message
    return ""


for_somebody = pytest.mark.parametrize(
    ("contract", "entry", "who"),
    [found for found in CLASSIFIED if found[2] != "anyone"],
    ids=lambda value: value["name"] if isinstance(value, dict) else str(value),
)


def assert_refused(client: Registry, contract: str, entry: dict[str, Any], account: str) -> None:
    refused = tried(client, contract, entry, account)
    expected = OTHERWISE.get(f"{contract}.{entry['name']}")
    right = refused == expected if expected else refused in REFUSALS
    assert right, f"{contract}.{entry['name']}: {refused or 'allowed'}"


@for_somebody
def test_the_deployer_can_call_nothing_that_is_for_somebody(
    place: Registry, contract: str, entry: dict[str, Any], who: str
) -> None:
    assert_refused(place, contract, entry, dev_signer(DEPLOYER).address)


@for_somebody
def test_the_guardian_can_cancel_and_brake_and_nothing_else(
    place: Registry, contract: str, entry: dict[str, Any], who: str
) -> None:
    guardian = dev_signer(3).address
    if "guardian" in who:
        assert tried(place, contract, entry, guardian) not in {*REFUSALS, "GovernorUnableToCancel"}
    else:
        assert_refused(place, contract, entry, guardian)


def test_no_role_reaches_the_authority_of_a_contract_through_the_authority_itself(place: Registry) -> None:
    dao = place.deployment.dao
    assert dao is not None
    manager = place.chain.contract("RegistryAuthority", place.deployment.authority).functions
    change = keccak(text="setAuthority(address)")[:4] + bytes.fromhex(place.deployment.registry[2:]).rjust(32, b"\0")
    # The DAO itself moves a contract with `updateAuthority`; it is the only one that could do so this way too.
    for account in (dao.brake, dao.curation, dao.governor, dev_signer(3).address, dev_signer(DEPLOYER).address):
        for target in (
            place.deployment.registry,
            place.deployment.directory,
            dao.treasuries,
            dao.brake,
            dao.curation,
            dao.standards,
        ):
            with pytest.raises(reverts.AccessManagerUnauthorizedCall):  # type: ignore[attr-defined]
                place.chain.call(manager.execute(target, change), sender=account)


@pytest.mark.parametrize(
    ("contract", "entry", "who"),
    [found for found in CLASSIFIED if found[2] not in ("anyone", "nobody", "payee", "holder", "subscriber", "party")],
    ids=lambda value: value["name"] if isinstance(value, dict) else str(value),
)
def test_whom_it_is_for_can_call_it(place: Registry, contract: str, entry: dict[str, Any], who: str) -> None:
    dao = place.deployment.dao
    assert dao is not None
    holders = {
        "owner": [place.address],
        "seller": [place.deployment.marketplace, place.deployment.streams, place.deployment.escrow],
        "receipts": [place.receipt_contract.address],
        "treasuries": [dao.treasuries],
        "registry": [place.deployment.registry],
        "authority": [place.deployment.authority],
        "DAO": [dao.timelock],
        "DAO with what to call": [dao.timelock],
        "DAO or council": [dao.timelock],
        "DAO until it is over": [dao.timelock],
        "DAO or guardian": [dao.timelock, dev_signer(3).address],
        "brake": [dao.brake],
        "curation": [dao.curation],
        "governor": [dao.governor],
        "guardian": [dev_signer(3).address],
        "guardian or proposer": [dev_signer(3).address],
        "beneficiary": [dev_signer(2).address],
        "voters": [],
    }
    for account in holders[who]:
        assert tried(place, contract, entry, account) not in REFUSALS


def test_the_chain_itself_tells_who_holds_which_power(place: Registry) -> None:
    made = place.deployment
    assert made.dao is not None
    assert check_powers(place.chain, made) == []
    found = powers(place.chain, made.authority, made.dao.timelock)
    assert found.members == {
        0: {made.dao.timelock},
        1: {made.dao.brake},
        2: {made.dao.curation},
        3: {made.dao.treasuries},
    }
    assert found.proposers == {made.dao.governor}
    assert place.sales_rules[0] == made.dao.timelock


def test_the_deployer_has_no_votes_and_no_tokens(place: Registry) -> None:
    assert place.governance.voting_power(dev_signer(DEPLOYER).address).held == 0
