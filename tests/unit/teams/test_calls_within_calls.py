"""A call that hurts is told with its warning, however it is wrapped, or nobody signs it."""

from __future__ import annotations

import tracemalloc
from dataclasses import replace
from typing import Any

import pytest
from eth_abi.abi import encode
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from registry import Registry
from registry.calls.dangers import _CHECKS
from registry.calls.words import Words
from registry.chain.artifacts import artifact, names
from registry.chain.call import Call
from registry.chain.calldata import INSIDE, MAX_BYTES, function_of, functions, interface, selector_of, signature_of
from registry.chain.logs import abi_type
from registry.chain.safe import NAMES, safe_contract
from registry.errors import InputError, UnsafeCall
from registry.teams.proposal_file import TeamProposal
from registry.teams.team_results import NewTeam
from registry.types import ZERO_ADDRESS, Address, to_address

STRANGER = to_address("0x" + "5a" * 20)
OTHER_SAFE = to_address("0x" + "6b" * 20)


def bound(function: Any) -> Call:
    """A bound function of a contract as a call."""
    return Call(to_address(str(function.address)), bytes.fromhex(str(function._encode_transaction_data())[2:]))


def wrapped(signature: str, calls: list[Call], at: Address, registry: Registry) -> Call:
    """The call of a wrapper that makes these calls; one that takes a single call gets the first of them."""
    inside, entry = INSIDE[signature], None
    for name in (*names(), *NAMES.values()):
        entry = entry or next((e for e in interface(name) if e.get("name") and signature == _spelled(e)), None)
    assert entry is not None
    many = any(part["name"] == inside.data and part["type"] == "bytes[]" for part in entry["inputs"])
    columns = {inside.to: [c.to for c in calls], inside.data: [c.data for c in calls], inside.value: [0 for _ in calls]}
    values = []
    for part in entry["inputs"]:
        if part["name"] in columns and part["name"]:
            column = columns[part["name"]]
            values.append(column if many else column[0])
        else:
            values.append(_nothing(abi_type(part)))
    return Call(at, selector_of(signature) + encode([abi_type(part) for part in entry["inputs"]], values))


def _spelled(entry: dict[str, Any]) -> str:
    return signature_of(entry) if entry["type"] == "function" else ""


def _nothing(kind: str) -> Any:
    if kind.endswith("[]"):
        return []
    return {"address": ZERO_ADDRESS, "bytes": b"", "bytes32": bytes(32), "string": ""}.get(kind, 0)


def batch(calls: list[Call], at: Address) -> Call:
    """The same for `multiSend`."""
    packed = b"".join(
        b"\0" + bytes.fromhex(c.to[2:]) + c.value.to_bytes(32, "big") + len(c.data).to_bytes(32, "big") + c.data
        for c in calls
    )
    return Call(at, selector_of("multiSend(bytes)") + encode(["bytes"], [packed]))


def hurting(ann: Registry, team: NewTeam) -> dict[str, Call]:
    """Calls that hurt a team, by what is to be said of them."""
    assert team.asset is not None
    usd = ann.erc20(ann.deployment.tokens["USD"]).functions
    safe, assets = safe_contract(ann.chain, team.address).functions, ann.assets.functions
    governor = ann.chain.contract("RegistryGovernor", STRANGER).functions
    number = team.asset.asset_id
    return {
        "becomes the owner of asset 1": bound(assets.transferFrom(team.address, STRANGER, number)),
        "becomes the owner of asset 1 'Model'": bound(assets.safeTransferFrom(team.address, STRANGER, number, b"hi")),
        f"{STRANGER} could take asset": bound(assets.approve(STRANGER, number)),
        "every token of this collection": bound(assets.setApprovalForAll(STRANGER, True)),
        "may act for the owner": bound(assets.setRoles(number, STRANGER, 7)),
        "the approval has no bound": bound(usd.approve(STRANGER, 2**128 - 1)),
        "0x5a5A": bound(usd.approve(STRANGER, 1)),
        "can do all of it without any owner": bound(safe.enableModule(STRANGER)),
        "can refuse all of it": bound(safe.setGuard(STRANGER)),
        "says what it has signed": bound(safe.setFallbackHandler(STRANGER)),
        "this changes who decides": bound(safe.addOwnerWithThreshold(STRANGER, 1)),
        "1 of its owners": bound(safe.changeThreshold(1)),
        "sets a Safe up": bound(safe.setup([STRANGER], 1, ZERO_ADDRESS, b"", STRANGER, ZERO_ADDRESS, 0, STRANGER)),
        "take it all back": bound(safe.simulateAndRevert(STRANGER, b"\x01\x02")),
        "can stop every proposal": bound(governor.setGuardian(STRANGER, 1)),
    }


# The chain is only read.
@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_whatever_is_around_a_call_that_hurts_it_is_told_with_its_warning(
    data: st.DataObject, ann: Registry, team: NewTeam
) -> None:
    warning, call = data.draw(st.sampled_from(sorted(hurting(ann, team).items(), key=lambda item: item[0])))
    depth = data.draw(st.integers(0, 8))
    longer = data.draw(st.one_of(st.none(), st.integers(0, depth)))
    for level in range(depth + 1):
        if longer == level:
            # A byte behind the end, which decoders of contracts do not mind.
            spoiled = call = Call(call.to, call.data + b"\0", call.value)
        if level == depth:
            break
        signature = data.draw(st.sampled_from([*sorted(INSIDE), "multiSend(bytes)"]))
        around = [Call(ann.address, b"", 1) for _ in range(data.draw(st.integers(0, 2)))]
        if signature == "multiSend(bytes)":
            call = batch([*around, call, *around], ann.deployment.safe["multisend"])
        elif signature.startswith("multicall") and call.to in (ann.deployment.registry, ann.deployment.authority):
            call = wrapped(signature, [call], call.to, ann)
        elif not signature.startswith(("multicall", "setup")):
            call = wrapped(signature, [call], OTHER_SAFE, ann)
    made = TeamProposal(1337, team.address, "1.4.1", call.to, call.value, call.data, 0, 9)
    if longer is None:
        assert warning in "\n".join(line for line in str(ann.teams.describe(made)).splitlines() if "!" in line)
        return
    try:
        told = str(ann.teams.describe(made, allow_unread=data.draw(st.booleans())))
    except UnsafeCall as refused:
        assert refused.data.hex() in str(refused) and refused.data
        return
    # Within what is only spoken of, and with the word of who signs, unread bytes are shown, every one of them.
    assert "this cannot be read" in told and spoiled.data.hex() in told


def test_the_attack_five_multicalls_deep_is_told(ann: Registry, team: NewTeam) -> None:
    """The asset of the team was handed to a stranger below the depth to which calls were told."""
    call = hurting(ann, team)["becomes the owner of asset 1"]
    for _ in range(5):
        call = wrapped("multicall(bytes[])", [call], ann.deployment.registry, ann)
    told = str(ann.teams.describe(ann.teams.propose(team, call)))
    assert "transferFrom of AssetRegistry" in told
    assert f"! {STRANGER} becomes the owner of asset 1 'Model'" in told


def test_a_hundred_deep_is_told_and_what_is_too_much_is_refused_at_once(ann: Registry, team: NewTeam) -> None:
    call = hurting(ann, team)["becomes the owner of asset 1"]
    for _ in range(100):
        call = wrapped("multicall(bytes[])", [call], ann.deployment.registry, ann)
    assert f"{STRANGER} becomes the owner" in str(ann.teams.describe(ann.teams.propose(team, call, nonce=7)))
    for _ in range(300):
        call = wrapped("multicall(bytes[])", [call], ann.deployment.registry, ann)
    with pytest.raises(UnsafeCall, match="more than 2,097,152 bytes") as caught:
        ann.teams.propose(team, call, nonce=7, allow_unread=True)
    assert caught.value.data == call.data and call.data.hex() in str(caught.value)
    assert len(call.data) * 20 < MAX_BYTES


def test_many_small_calls_are_refused_before_they_are_told(ann: Registry, team: NewTeam) -> None:
    call = batch([Call(ann.address, b"", 0)] * 1001, ann.deployment.safe["multisend"])
    with pytest.raises(UnsafeCall, match="more than 1,000"):
        ann.teams.propose(team, call, nonce=7, allow_unread=True)


def test_data_that_points_at_itself_a_thousand_times_costs_nothing(ann: Registry, team: NewTeam) -> None:
    """Decoders copy a part as often as it is pointed at: 500 KB become 2 GB."""
    many, tail = 8_000, 250_000
    head = b"".join((32 * many).to_bytes(32, "big") for _ in range(many))
    data = (32).to_bytes(32, "big") + many.to_bytes(32, "big") + head + tail.to_bytes(32, "big") + b"\1" * 250_016
    tracemalloc.start()
    try:
        with pytest.raises(UnsafeCall, match="not exactly what multicall takes"):
            ann.teams.propose(team, Call(ann.deployment.registry, selector_of("multicall(bytes[])") + data), nonce=7)
        assert tracemalloc.get_traced_memory()[1] < 40 * len(data)
    finally:
        tracemalloc.stop()


# --- What cannot be read -----------------------------------------------------------------------------


def test_an_unknown_function_of_a_known_contract_is_refused_whoever_agrees(ann: Registry, team: NewTeam) -> None:
    for contract in (ann.deployment.registry, ann.deployment.marketplace, team.address):
        call = Call(contract, bytes.fromhex("deadbeef") + b"\x07" * 200)
        for made in (call, wrapped("execute(address,bytes)", [call], ann.deployment.authority, ann)):
            with pytest.raises(UnsafeCall, match="has no such function") as caught:
                ann.teams.propose(team, replace(made, abi=("harmless()",)), nonce=7, allow_unread=True)
            assert call.data.hex() in str(caught.value)


def test_code_of_others_never_runs_as_a_safe_at_any_depth(ann: Registry, team: NewTeam) -> None:
    data = encode(
        ["address", "uint256", "bytes", "uint8"], [ann.deployment.registry, 0, selector_of("paymentTokens()"), 1]
    )
    inner = Call(OTHER_SAFE, selector_of("execTransactionFromModule(address,uint256,bytes,uint8)") + data)
    call = wrapped("execute(address,bytes)", [inner], ann.deployment.authority, ann)
    with pytest.raises(UnsafeCall, match="delegatecall"):
        ann.teams.propose(team, call, nonce=7, allow_unread=True)


def test_a_strangers_contract_is_called_by_a_name_that_its_proposer_gives(ann: Registry, team: NewTeam) -> None:
    call = Call(STRANGER, selector_of("stake(uint256,bytes)") + encode(["uint256", "bytes"], [7, b"\xab" * 100]))
    with pytest.raises(UnsafeCall, match="nobody here knows") as caught:
        ann.teams.propose(team, call, nonce=7)
    assert call.data.hex() in str(caught.value) and "--allow-unread" in str(caught.value)
    made = ann.teams.propose(team, replace(call, abi=("stake(uint256,bytes)",)), nonce=7)
    assert TeamProposal.from_bytes(made.to_bytes()) == made
    told = str(ann.teams.describe(made))
    assert "stake of unknown account" in told and "ab" * 100 in told
    assert (
        "! this contract is not one of the registry's; the name of the function is what the proposal calls it" in told
    )
    assert ann.teams.sign(made).signers == (ann.address,)
    # The name is no part of what is signed; without it nobody signs.
    with pytest.raises(UnsafeCall):
        ann.teams.sign(replace(made, abi=()))


def test_a_bound_function_names_itself(ann: Registry, team: NewTeam) -> None:
    entry = {"type": "function", "name": "stake", "inputs": [{"name": "units", "type": "uint256"}], "outputs": []}
    pool = ann.chain.w3.eth.contract(address=STRANGER, abi=[{**entry, "stateMutability": "nonpayable"}])
    made = ann.teams.propose(team, pool.functions.stake(77), nonce=7)
    assert made.abi == ("stake(uint256)",) and "77" in str(ann.teams.describe(made))


def test_or_by_bytes_that_each_who_signs_agrees_to(ann: Registry, bob: Registry, team: NewTeam) -> None:
    call = Call(STRANGER, b"\xfa\xce" + b"\x01" * 300)
    made = ann.teams.propose(team, call, nonce=1, allow_unread=True)
    for act in (ann.teams.sign, ann.teams.approve_hash, ann.teams.describe):
        with pytest.raises(UnsafeCall):
            act(made)  # type: ignore[operator]
    told = str(ann.teams.describe(made, allow_unread=True))
    assert call.data.hex() in told and "! this cannot be read" in told
    signed = bob.teams.sign(ann.teams.sign(made, allow_unread=True), allow_unread=True)
    assert len(signed.signers) == 2


@pytest.mark.parametrize("name", ["stake", "stake(", "stake(foo)", "stake(uint256[0])", "f(" * 900, "1f()", ""])
def test_what_is_no_signature_is_refused(ann: Registry, team: NewTeam, name: str) -> None:
    with pytest.raises(InputError, match="not the signature"):
        ann.teams.propose(team, Call(STRANGER, b"\x01\x02\x03\x04", abi=(name,)), nonce=7)


def test_a_name_that_was_made_to_fit_a_selector_does_not_replace_ours(ann: Registry, team: NewTeam) -> None:
    """Four bytes are found again in minutes: `execTransaction` stays that, whatever the proposal calls it."""
    call = wrapped(
        next(name for name in INSIDE if name.startswith("execTransaction(")),
        [hurting(ann, team)["every token of this collection"]],
        OTHER_SAFE,
        ann,
    )
    reader = Words(ann, given=["harmless(uint256)"])._reader
    reader._given[call.data[:4]] = function_of("harmless(uint256)")
    told = reader.read(call)
    assert told.function == "execTransaction" and told.within[0].function == "setApprovalForAll"


def test_a_hash_is_signed_with_the_transaction_behind_it(ann: Registry, bob: Registry, team: NewTeam) -> None:
    """A team that owns another Safe agrees to what that does by a hash: its owners are to see what."""
    child = ann.teams.create([team.address], threshold=1, salt=3)
    approval = bound(ann.erc20(ann.deployment.tokens["USD"]).functions.approve(STRANGER, 2**256 - 1))
    inner = ann.teams.propose(child.address, approval)
    bare = bound(safe_contract(ann.chain, child.address).functions.approveHash(bytes.fromhex(inner.safe_tx_hash[2:])))
    with pytest.raises(UnsafeCall, match="only the hash"):
        ann.teams.propose(team, bare, nonce=7)
    with ann.teams.collect(team) as act:
        act.teams.approve_hash(inner)
    made = ann.teams.propose(team, act)
    again = TeamProposal.from_bytes(made.to_bytes())
    assert again == made and len(again.agrees_to) == 1
    told = str(bob.teams.describe(again))
    assert "approve of USD" in told and "the approval has no bound" in told
    with pytest.raises(UnsafeCall, match="only the hash"):
        bob.teams.sign(replace(again, agrees_to=(replace(inner, nonce=4),)))


# --- The lists are whole -----------------------------------------------------------------------------

SEALED = {
    *("consumeWithReceipt", "castVoteBySig", "castVoteWithReasonAndParams", "castVoteWithReasonAndParamsBySig"),
    *("castVotesBySig", "getVotesWithParams", "onERC1155BatchReceived", "onERC1155Received", "onERC721Received"),
    *("checkNSignatures", "checkSignatures", "encodeMessageDataForSafe", "getMessageHash", "getMessageHashForSafe"),
    *("isValidSignature", "tokensReceived", "safeTransferFrom", "consumeScheduledOp", "open", "openWithPermit"),
}
"""Functions whose bytes are signatures, messages, or for a receiver to read: nothing is called with them."""


def test_every_function_that_takes_bytes_is_known_to_make_calls_or_none() -> None:
    found = set()
    for name in (*names(), *NAMES.values()):
        for entry in (entry for entry in interface(name) if entry["type"] == "function"):
            if "bytes" in signature_of(entry).replace("bytes32", "").replace("bytes4", ""):
                found.add(signature_of(entry))
    assert {signature for signature in found if signature.partition("(")[0] not in SEALED} == {
        *INSIDE,
        "multiSend(bytes)",
    }
    assert not {signature for signature in INSIDE if signature not in found}


def test_every_warning_names_a_function_and_parameters_that_there_are(ann: Registry) -> None:
    there = {entry["name"] for entries in functions().values() for entry in entries}
    assert set(_CHECKS) - there == {"setModuleGuard"}, "known to newer Safes only"
    assert artifact("AssetRegistry").abi
