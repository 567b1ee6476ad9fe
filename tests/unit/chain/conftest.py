"""A chain in this process with everything on it, and the people who use it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from registry.chain.addresses import Deployment
from registry.chain.connection import Chain
from registry.chain.local import deploy_local
from registry.chain.signers import KeySigner, dev_signer


@pytest.fixture(scope="session")
def _shared() -> tuple[Chain, Deployment]:
    chain = Chain.in_process()
    return chain, deploy_local(chain)


@pytest.fixture
def chain(_shared: tuple[Chain, Deployment]) -> Iterator[Chain]:
    """The shared chain; what a test does to it is undone."""
    shared, _ = _shared
    tester = shared.w3.provider.ethereum_tester  # type: ignore[attr-defined]
    before = tester.take_snapshot()
    yield shared
    tester.revert_to_snapshot(before)
    shared.forget_code()


@pytest.fixture
def deployment(_shared: tuple[Chain, Deployment]) -> Deployment:
    return _shared[1]


@pytest.fixture(scope="session")
def dao() -> KeySigner:
    return dev_signer(9)


@pytest.fixture(scope="session")
def author() -> KeySigner:
    return dev_signer(0)


@pytest.fixture(scope="session")
def stranger() -> KeySigner:
    return dev_signer(5)
