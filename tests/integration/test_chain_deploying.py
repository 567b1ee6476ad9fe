"""Deployment on a real node, with and without the factory, killed and started again."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from registry.chain.addresses import CANONICAL, Deployment, find
from registry.chain.connection import Chain
from registry.chain.deploy import plan
from registry.chain.journal import Journal
from registry.chain.local import deploy_local
from registry.chain.plan import FACTORY
from registry.chain.safe import safe_part
from registry.chain.sender import Sender
from registry.chain.signers import dev_signer
from registry.errors import ChainError, DeploymentError

_VICTIM = """
import os, signal, sys
from registry.chain.connection import Chain
from registry.chain.deploy import plan
from registry.chain.journal import Journal
from registry.chain.addresses import CANONICAL
from registry.chain.safe import safe_part
from registry.chain.sender import Sender
from registry.chain.signers import dev_signer
url, home, stop = sys.argv[1], sys.argv[2], int(sys.argv[3])
chain, signer = Chain.connect(url), dev_signer(2)
count = 0

class Doomed(Journal):
    def accept(self, entry):
        global count
        count += 1
        if count == stop:
            os.kill(os.getpid(), signal.SIGKILL)
        super().accept(entry)

plan(chain, signer.address, treasury=dev_signer(3).address).carry_out(Sender(chain, signer, Doomed.at(home)))
"""


def test_the_addresses_are_those_of_every_other_chain(anvil: Any) -> None:
    here, inside = Chain.connect(anvil.url), Chain.in_process()
    on_anvil, in_process = deploy_local(here), deploy_local(inside)
    assert on_anvil.registry == in_process.registry
    assert on_anvil.marketplace == in_process.marketplace
    assert on_anvil.tokens == in_process.tokens
    before = here.block().number
    assert deploy_local(here) == on_anvil
    assert here.block().number == before


def test_a_chain_without_the_factory_gets_it(anvil: Any, tmp_path: Path) -> None:
    anvil.rpc("anvil_setCode", FACTORY, "0x")
    chain, signer = Chain.connect(anvil.url), dev_signer(2)
    made = plan(chain, signer.address, treasury=dev_signer(3).address)
    assert not made.steps[0].done
    deployment = made.carry_out(Sender(chain, signer, Journal.at(tmp_path)))
    assert made.check() == []
    deployment.save(tmp_path)
    assert find(1337, [tmp_path]) == deployment == Deployment.load(tmp_path / "1337.json")


def test_other_code_in_place_of_the_factory_is_refused(anvil: Any) -> None:
    anvil.rpc("anvil_setCode", FACTORY, "0x60006000fd")
    chain, signer = Chain.connect(anvil.url), dev_signer(2)
    with pytest.raises((DeploymentError, ChainError)):
        plan(chain, signer.address, treasury=dev_signer(3).address).carry_out(Sender(chain, signer))


@pytest.mark.parametrize("stop", [1, 3, 5, 8, 10, 12])
def test_killed_after_any_broadcast_it_goes_on(anvil: Any, tmp_path: Path, stop: int) -> None:
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    command = [sys.executable, "-c", _VICTIM, anvil.url, str(tmp_path), str(stop)]
    assert subprocess.run(command, env=environment, check=False, timeout=60).returncode == -signal.SIGKILL
    chain, signer = Chain.connect(anvil.url), dev_signer(2)
    made = plan(chain, signer.address, treasury=dev_signer(3).address)
    made.carry_out(Sender(chain, signer, Journal.at(tmp_path)))
    assert made.check() == []
    # One transaction a step, but for the factory that anvil has, however often it was started.
    assert chain.w3.eth.get_transaction_count(signer.address) == len(made.steps) - 1  # type: ignore[arg-type]
    assert len(made.steps) - 1 >= stop


def _at_their_own_places(anvil: Any, chain: Chain) -> None:
    """Put the published code of the Safe where live chains have it."""
    for key, address in CANONICAL.items():
        anvil.rpc("anvil_setCode", address, "0x" + safe_part(key).runtime.hex())
    chain.forget_code()


def test_the_safe_of_the_whole_world_is_used_where_it_is(anvil: Any) -> None:
    chain, signer = Chain.connect(anvil.url), dev_signer(2)
    _at_their_own_places(anvil, chain)
    made = plan(chain, signer.address, treasury=dev_signer(3).address)
    deployment = made.carry_out(Sender(chain, signer))
    assert deployment.safe == CANONICAL
    factory = chain.contract("TeamFactory", deployment.teams).functions
    assert factory.safeSingleton().call() == CANONICAL["singleton"]
    assert factory.safeFactory().call() == CANONICAL["factory"]


def test_a_deployment_stays_what_it_is_when_the_safe_arrives_later(anvil: Any) -> None:
    chain, signer = Chain.connect(anvil.url), dev_signer(2)
    before = plan(chain, signer.address, treasury=dev_signer(3).address).carry_out(Sender(chain, signer))
    assert before.safe != CANONICAL
    _at_their_own_places(anvil, chain)
    made = plan(chain, signer.address, treasury=dev_signer(3).address)
    assert made.complete
    assert made.check() == []
    assert made.teams == before.teams


def test_other_code_at_a_place_of_the_safe_is_not_used(anvil: Any) -> None:
    chain, signer = Chain.connect(anvil.url), dev_signer(2)
    _at_their_own_places(anvil, chain)
    anvil.rpc("anvil_setCode", CANONICAL["multisend"], "0x60006000fd")
    chain.forget_code()
    assert plan(chain, signer.address, treasury=dev_signer(3).address).safe != CANONICAL


def test_time_moves_on_anvil(anvil: Any) -> None:
    chain = Chain.connect(anvil.url)
    before = chain.block()
    assert chain.advance(86_400).timestamp - before.timestamp >= 86_400


def test_events_come_from_a_node_as_from_the_process(anvil: Any, start_anvil: Callable[..., Any]) -> None:
    seen = []
    for chain in (Chain.connect(anvil.url), Chain.in_process()):
        deployment = deploy_local(chain)
        events = chain.contract("AssetRegistry", deployment.registry).events
        seen.append([(event.name, dict(event.args)) for event in chain.events(events.FeeChanged)])
        seen[-1] += [(event.name, dict(event.args)) for event in chain.events(events.PaymentTokenChanged)]
    assert seen[0] == seen[1]
    assert len(seen[0]) == 3
