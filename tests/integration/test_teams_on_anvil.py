"""A 2-of-3 team on a real node: it owns, sells, decides by files, and nobody else moves anything."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from eth_utils.crypto import keccak

from registry import Licence, Registry
from registry.assets.drafting import Draft
from registry.chain import reverts
from registry.chain.call import Call
from registry.chain.connection import Chain
from registry.chain.journal import Journal
from registry.chain.local import deploy_local
from registry.chain.plan import FACTORY
from registry.chain.safe import safe_contract
from registry.chain.signers import dev_signer
from registry.errors import (
    InsufficientSignatures,
    NotAnOwner,
    TamperedProposal,
    TeamError,
    UnsafeCall,
    WrongChain,
    WrongNonce,
)
from registry.results import State
from registry.teams.proposal_file import TeamProposal
from registry.teams.team_results import NewTeam
from registry.types import to_address

ANN, BOB, CLEO, BUYER, STRANGER = range(5)


class World:
    """A registry on anvil; `world[ANN]` is its client as one of the dev accounts."""

    def __init__(self, url: str, home: Path) -> None:
        self.chain = Chain.connect(url)
        self.home = home
        self.deployment = deploy_local(self.chain)
        self.base = Registry.on(self.chain, signer=dev_signer(0), deployment=self.deployment, home=home)

    def __getitem__(self, number: int) -> Registry:
        return self.base.as_account(dev_signer(number))

    def sign(self, proposal: TeamProposal, *who: int) -> TeamProposal:
        """Each signs the bare proposal, and the files are merged in the order given."""
        return self.base.teams.merge(*(self[number].teams.sign(proposal) for number in who))

    def found(self, **more: Any) -> NewTeam:
        people = [self[number].address for number in (ANN, BOB, CLEO)]
        shares = dict(zip(people, ("50 %", "33.3 %", "16.7 %"), strict=True))
        return self[ANN].teams.create(people, threshold=2, shares=shares, **more)


@pytest.fixture
def world(anvil: Any, tmp_path: Path) -> World:
    return World(anvil.url, tmp_path / "home")


@pytest.fixture
def team(world: World) -> NewTeam:
    licences = [Licence.period("month", days=30, price="12 USD")]
    return world.found(publish=Draft(name="Model", type="model", license="MIT", licences=licences))


def test_the_life_of_a_team(world: World, team: NewTeam, tmp_path: Path) -> None:
    ann, buyer, asset = world[ANN], world[BUYER], team.asset or 0
    assert ann.get(asset).owner == team.address
    with ann.teams.collect(team) as act:
        act.update(asset, description="better")
        act.reprice(asset, "month", "15 USD")
        second = act.publish(None, name="Second", type="dataset", license="MIT")
    batch = ann.teams.propose(team, act, note="spring")
    # Each signs the file that was sent round; the order does not matter.
    path = batch.save(tmp_path / "batch.json")
    for number in (CLEO, ANN):
        world[number].teams.sign(TeamProposal.load(path)).save(path)
    done = world[STRANGER].teams.execute(TeamProposal.load(path))
    found = ann.get(asset)
    assert (found.version, found.ddo.description, str(found.licences[0].price)) == (2, "better", "15 USD")
    assert done.assets == (second.did,)
    # A sale pays the splitter, and the splitter the three.
    buyer.fund("100 USD")
    before = [ann.units(ann.tokens[1], owner) for owner in team.owners]
    buyer.buy(asset, "month")
    splitter = ann.chain.contract("RevenueSplitter", team.splitter or "")
    buyer.act("distribute", splitter.functions.distribute(ann.deployment.tokens["USD"]))
    got = [ann.units(ann.tokens[1], owner) - held for owner, held in zip(team.owners, before, strict=True)]
    assert got == [14_850_000 * share // 1000 for share in (500, 333, 167)]
    # Then the team itself is paid, pays out, and hands the asset over.
    with ann.teams.collect(team) as act:
        act.set_payout(asset, None)
    ann.teams.execute(world.sign(ann.teams.propose(team, act), BOB, ANN))
    buyer.buy(asset, "month")
    usd = ann.erc20(ann.deployment.tokens["USD"])
    paid = ann.teams.propose(team, usd.functions.transfer(world[BOB].address, 14_850_000))
    ann.teams.execute(world.sign(paid, CLEO, BOB))
    assert ann.units(ann.tokens[1], team.address) == 0
    with ann.teams.collect(team) as act:
        act.transfer(asset, buyer.address)
    ann.teams.execute(world.sign(ann.teams.propose(team, act), ANN, BOB))
    assert ann.get(asset).owner == buyer.address
    with ann.teams.collect(team) as act, pytest.raises(reverts.NotAssetOwner):
        act.suspend(asset)


def test_all_kinds_of_signature(world: World) -> None:
    ann, bob, cleo, buyer = (world[number] for number in (ANN, BOB, CLEO, BUYER))
    inner = ann.teams.create([cleo.address, buyer.address], threshold=2)
    outer = ann.teams.create([ann.address, bob.address, inner.address, world[STRANGER].address], threshold=4)
    proposal = ann.teams.reject(outer)
    parts = [
        world[STRANGER].teams.approve_hash(proposal),
        buyer.teams.sign(proposal, owner=inner.address),
        bob.teams.sign(proposal, kind="eth_sign"),
        ann.teams.sign(proposal),
    ]
    with pytest.raises(InsufficientSignatures):
        ann.teams.execute(ann.teams.merge(*parts))
    parts.append(cleo.teams.sign(proposal, owner=inner.address))
    assert ann.teams.execute(ann.teams.merge(*parts)).tx is not None
    assert ann.teams.get(outer.address).nonce == 1


def test_rejected_and_replaced(world: World, team: NewTeam, tmp_path: Path) -> None:
    ann = world[ANN]
    with ann.teams.collect(team) as act:
        act.suspend(team.asset or 0)
    wanted = world.sign(ann.teams.propose(team, act), ANN, BOB)
    no = world.sign(ann.teams.reject(team), BOB, CLEO)
    wanted.save(tmp_path)
    no.save(tmp_path)
    assert [entry.state for entry in ann.teams.pending(tmp_path, team)] == ["executable", "executable"]
    ann.teams.execute(no)
    assert sorted(entry.state for entry in ann.teams.pending(tmp_path, team)) == ["executed", "replaced"]
    with pytest.raises(WrongNonce):
        ann.teams.execute(wanted)
    assert ann.get(team.asset or 0).for_sale


def test_row_29_what_was_tampered_with_or_cannot_be_read_is_never_signed(
    world: World, team: NewTeam, start_anvil: Callable[..., Any], tmp_path: Path
) -> None:
    ann = world[ANN]
    with ann.teams.collect(team) as act:
        act.reprice(team.asset or 0, "month", "15 USD")
    proposal = world.sign(ann.teams.propose(team, act), ANN, BOB)
    body = json.loads(proposal.to_bytes())
    for change in ({"data": body["data"][:-1] + "7"}, {"value": "1"}, {"nonce": 1}, {"chainId": 1}, {"operation": 1}):
        path = tmp_path / "bad.json"
        path.write_text(json.dumps({**body, **change}))
        with pytest.raises(TamperedProposal):
            TeamProposal.load(path)
    with pytest.raises(UnsafeCall):
        ann.teams.sign(replace(proposal, operation=1, signatures=()))
    with pytest.raises(NotAnOwner):
        world[STRANGER].teams.sign(proposal)
    # The same people are the same team on another chain, and nothing that was signed here counts there. A team that
    # publishes while it is made is another one there, since it names the splitter, and that the chain.
    plain = ann.teams.create(team.owners, threshold=2)
    with ann.teams.collect(plain) as act:
        act.publish(None, name="Second", type="dataset", license="MIT")
    proposal = world.sign(ann.teams.propose(plain, act), ANN, BOB)
    other = start_anvil("--chain-id", "4242")
    there = Registry.on(
        (chain := Chain.connect(other.url)), signer=dev_signer(ANN), deployment=deploy_local(chain), home=tmp_path / "b"
    )
    assert there.teams.create(team.owners, threshold=2).address == plain.address != team.address
    with pytest.raises(WrongChain):
        there.teams.execute(proposal)
    with pytest.raises(TamperedProposal):
        there.teams.execute(replace(proposal, chain_id=4242))


def test_a_stranger_who_founds_the_team_first_does_no_harm(world: World) -> None:
    people = [world[number].address for number in (ANN, BOB, CLEO)]
    theirs = world[STRANGER].teams.create(people, threshold=2, shares={world[STRANGER].address: 1})
    ours = world.found()
    assert ours.address == theirs.address
    assert ours.owners == tuple(people)
    assert ours.splitter != theirs.splitter
    # What a team publishes while it is made is a part of its address, and with it where the revenue goes.
    model = Draft(name="Model", type="model", license="MIT")
    theirs = world[STRANGER].teams.create(people, threshold=2, shares={world[STRANGER].address: 1}, publish=model)
    ours = world.found(publish=model)
    assert ours.address != theirs.address
    assert world.base.get(ours.asset or 0).payout == ours.splitter != theirs.splitter


_VICTIM = """
import os, signal, sys
from registry import Registry
from registry.chain.connection import Chain
from registry.chain.journal import Journal
from registry.chain.local import deploy_local
from registry.chain.signers import dev_signer
from registry.teams.proposal_file import TeamProposal as Proposal

class Doomed(Journal):
    def accept(self, entry):
        os.kill(os.getpid(), signal.SIGKILL)

url, home, path = sys.argv[1:]
chain = Chain.connect(url)
registry = Registry.on(chain, signer=dev_signer(4), deployment=deploy_local(chain), home=home, journal=Doomed.at(home))
registry.teams.execute(Proposal.load(path))
"""


def test_killed_after_the_broadcast_it_is_finished(world: World, team: NewTeam, anvil: Any, tmp_path: Path) -> None:
    ann = world[ANN]
    path = world.sign(ann.teams.reject(team), ANN, BOB).save(tmp_path / "p.json")
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    command = [sys.executable, "-c", _VICTIM, anvil.url, str(world.home), str(path)]
    ended = subprocess.run(command, env=environment, check=False, timeout=60, capture_output=True)
    assert ended.returncode == -signal.SIGKILL, ended.stderr
    client = Registry.on(
        world.chain,
        signer=dev_signer(STRANGER),
        deployment=world.deployment,
        journal=Journal.at(world.home),
        home=world.home,
    )
    assert client.teams.execute(TeamProposal.load(path)).tx is not None
    assert world.chain.w3.eth.get_transaction_count(client.address) == 1  # type: ignore[arg-type]


def test_the_command_line_from_founding_to_execution(world: World, anvil: Any, tmp_path: Path) -> None:
    record = world.deployment.save(tmp_path / "deployments")
    keys = {number: "0x" + bytes(dev_signer(number)._account.key).hex() for number in (ANN, BOB, STRANGER)}

    def run(number: int, *words: str, code: int = 0) -> Any:
        environment = {**os.environ, "REGISTRY_KEY": keys[number], "REGISTRY_HOME": str(world.home)}
        environment |= {"REGISTRY_RPC": anvil.url, "REGISTRY_DEPLOYMENT": str(record)}
        command = [sys.executable, "-c", "from registry.cli import main; main()", "team", *words, "--json", "--yes"]
        ended = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=120)
        assert ended.returncode == code, ended.stderr
        return json.loads(ended.stdout if code == 0 else ended.stderr)

    people = [world[number].address for number in (ANN, BOB, CLEO)]
    shares = [word for person in people for word in ("--share", f"{person}=1")]
    asset = ["--name", "Model", "--type", "model", "--license", "MIT", "--licence", "month: 30 days, 12 USD"]
    team = run(ANN, "create", *people, "--threshold", "2", *shares, *asset)
    assert run(ANN, "show", team["address"])["threshold"] == 2
    out = str(tmp_path / "files" / "p.json")
    (tmp_path / "files").mkdir()
    words = ["reprice", "1", "month", "15 USD", "+", "payout", "1", people[0]]
    made = run(ANN, "propose", team["address"], "--out", out, "--note", "spring", *words)
    assert len(run(BOB, "describe", out)["calls"]) == 2
    assert run(STRANGER, "sign", out, code=1)["error"] == "NotAnOwner"
    assert run(STRANGER, "execute", out, code=1)["error"] == "InsufficientSignatures"
    run(BOB, "sign", out, "--eth-sign")
    run(ANN, "sign", made["cid"], "--out", str(tmp_path / "ann.json"))
    run(ANN, "merge", out, str(tmp_path / "ann.json"), "--out", out)
    assert [entry["state"] for entry in run(ANN, "pending", team["address"], str(tmp_path / "files"))] == ["executable"]
    assert run(STRANGER, "execute", out)["tx"]["tx_hash"]
    assert str(world.base.licences(1)[0].price) == "15 USD"
    no = run(ANN, "reject", team["address"], "--nonce", "1", "--out", str(tmp_path / "no.json"))
    assert (no["nonce"], no["data"]) == (1, "0x")
    assert run(ANN, "propose", team["address"], "show", "1", code=1)["error"] == "InputError"


# --- Safes of others -------------------------------------------------------------------------------

PEERS = Path(__file__).parents[1] / "peers" / "node_modules"
PACKAGES = {
    "1.3.0": "@gnosis.pm/safe-contracts",
    "1.4.1": "@safe-global/safe-contracts",
    "1.5.0": "@safe-global/safe-smart-account",
}
SAFES = {
    "1.3.0 GnosisSafe": ("proxies/GnosisSafeProxy", "handler/CompatibilityFallbackHandler"),
    "1.3.0 GnosisSafeL2": ("proxies/GnosisSafeProxy", "handler/CompatibilityFallbackHandler"),
    "1.4.1 Safe": ("proxies/SafeProxy", "handler/CompatibilityFallbackHandler"),
    "1.4.1 SafeL2": ("proxies/SafeProxy", "handler/CompatibilityFallbackHandler"),
    "1.5.0 Safe": ("proxies/SafeProxy", "handler/CompatibilityFallbackHandler"),
    "1.5.0 SafeL2": ("proxies/SafeProxy", "handler/ExtensibleFallbackHandler"),
}
"""Version and kind, and what its authors put before and beside it."""


def published(version: str, name: str) -> bytes:
    """What creates a contract of the Safe, as its authors publish it on npm."""
    folder = PEERS / PACKAGES[version]
    if not folder.is_dir():
        raise RuntimeError("run: make tests/peers/node_modules")
    file = folder / "build" / "artifacts" / "contracts" / f"{name}.sol" / f"{name.rpartition('/')[2]}.json"
    return bytes.fromhex(json.loads(file.read_text(encoding="utf-8"))["bytecode"][2:])


def made_of(world: World, code: bytes) -> str:
    """The address of a contract, which is made unless it is there."""
    address = to_address(keccak(b"\xff" + bytes.fromhex(FACTORY[2:]) + bytes(32) + keccak(code))[12:])
    if not world.chain.has_code(address):
        world[ANN].actor.outbox("make a contract").send(Call(FACTORY, bytes(32) + code))  # type: ignore[arg-type]
    return address


def safe_of(world: World, owners: Sequence[str], singleton: bytes, proxy: bytes, handler: bytes) -> str:
    """A Safe in which all of these owners decide together, made elsewhere."""
    address = made_of(world, proxy + bytes(12) + bytes.fromhex(made_of(world, singleton)[2:]))
    zero = "0x" + "00" * 20
    beside = made_of(world, handler)
    setup = safe_contract(world.chain, address).functions.setup(owners, len(owners), zero, b"", beside, zero, 0, zero)
    world[ANN].actor.outbox("set a Safe up").send(setup)
    return address


def safe_like(world: World, kind: str, owners: Sequence[str]) -> str:
    version, singleton = kind.split()
    return safe_of(world, owners, *(published(version, name) for name in (singleton, *SAFES[kind])))


def test_safes_of_all_versions_and_kinds_that_were_made_elsewhere_are_paid_and_decide_here(world: World) -> None:
    ann, bob, buyer = world[ANN], world[BOB], world[BUYER]
    month = Licence.period("month", days=30, price="12 USD")
    buyer.fund("100 USD")
    for kind in SAFES:
        safe = safe_like(world, kind, [ann.address, bob.address])
        found = ann.teams.get(safe)
        assert (found.version, found.threshold) == (kind.split()[0], 2)
        did = ann.publish(None, name=kind, type="dataset", license="MIT", licences=[month], payout=safe).did
        buyer.buy(did, "month", account=safe)
        assert buyer.has_access(did, account=safe)
        assert buyer.units(buyer.tokens[1], safe) == 11_880_000
        ann.transfer(did, safe)
        with ann.teams.collect(found) as act:
            act.suspend(did)
            act.transfer(did, bob.address)
        signed = ann.teams.merge(
            bob.teams.sign(ann.teams.propose(found, act), kind="eth_sign"),
            ann.teams.approve_hash(ann.teams.propose(found, act)),
        )
        done = buyer.teams.execute(signed)
        assert (ann.get(did).state, ann.get(did).owner) == (State.SUSPENDED, bob.address), kind
        assert ann.teams.get(safe).nonce == 1
        again = world[STRANGER].teams.execute(signed)
        assert again.before and again.tx == done.tx, f"what {kind} did is found again"
        assert [entry.state for entry in ann.teams.pending([signed], safe)] == ["executed"]


@pytest.mark.parametrize(
    ("outer", "inner"),
    [("1.3.0 GnosisSafeL2", "1.4.1 Safe"), ("1.5.0 Safe", "1.3.0 GnosisSafe"), ("1.5.0 Safe", "1.5.0 SafeL2")],
)
def test_a_safe_of_one_version_owns_one_of_another_and_is_asked_as_that_does(
    world: World, outer: str, inner: str
) -> None:
    ann, bob = world[ANN], world[BOB]
    owner = safe_like(world, inner, [bob.address])
    safe = safe_like(world, outer, [owner, ann.address])
    proposal = ann.teams.reject(safe)
    signed = ann.teams.sign(bob.teams.sign(proposal, owner=owner))
    assert ann.teams.describe(signed).signed == signed.signers
    assert ann.teams.execute(signed).tx is not None


def test_what_says_that_it_is_a_safe_and_has_other_code_is_never_signed_for(world: World) -> None:
    ann, bob = world[ANN], world[BOB]
    singleton, proxy, handler = (
        published("1.3.0", name)
        for name in ("GnosisSafeL2", "proxies/GnosisSafeProxy", "handler/CompatibilityFallbackHandler")
    )
    owners = [ann.address, bob.address]
    true = safe_of(world, owners, singleton, proxy, handler)
    honest = world.sign(ann.teams.reject(true), ANN, BOB)

    def other(code: bytes) -> bytes:
        """The same that does the same, compiled from other source: its last bytes name that."""
        at = code.rindex(b"ipfs") + 20
        return code[:at] + bytes([code[at] ^ 1]) + code[at + 1 :]

    lies = {
        "the contract that its proxy runs": safe_of(world, owners, other(singleton), proxy, handler),
        "its proxy": safe_of(world, owners, singleton, other(proxy), handler),
    }
    for what, safe in lies.items():
        assert ann.teams.get(safe).version == "1.3.0", "it can still be looked at"
        with pytest.raises(TeamError, match=f"{safe}.* says that it is a Safe 1.3.0, and its code"):
            ann.teams.reject(safe)
        bare = replace(honest, safe=to_address(safe), signatures=())
        for verb in (ann.teams.sign, ann.teams.approve_hash, ann.teams.describe, ann.teams.merge, ann.teams.execute):
            with pytest.raises(TeamError, match="says that it is a Safe"):
                verb(bare)
        [entry] = ann.teams.pending([bare], safe)
        assert (entry.state, "its code is none" in entry.reason) == ("refused", True), what
    # One whose proxy was true when it was signed for, and runs something else since.
    world.chain.line.ask("anvil_setStorageAt", [true, "0x0", "0x" + "00" * 12 + world.base.deployment.registry[2:]])
    with pytest.raises(TeamError):
        ann.teams.execute(honest)
    # And an owner that is none: its word would be for whatever it is.
    outer = ann.teams.create([ann.address, lies["its proxy"]], threshold=2)
    with pytest.raises(TeamError, match="says that it is a Safe"):
        bob.teams.sign(ann.teams.reject(outer), owner=lies["its proxy"])
