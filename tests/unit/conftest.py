"""One market place on a chain in this process, and the people in it, for all tests of the client.

The chain is shared by a run, since starting it takes seconds; what a test does to it is undone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from inspect import isfunction
from typing import TYPE_CHECKING

import pytest
from selling import folder, name, publish

if TYPE_CHECKING:
    from registry import Registry
    from registry.types import Address

__all__ = ["folder", "name", "publish"]  # fixtures of whoever sells


@pytest.fixture(scope="session")
def rewound() -> Callable[[Registry], AbstractContextManager[Registry]]:
    """``with rewound(registry) as place``: the registry as it is now, and its chain set back afterwards."""
    from registry import Registry
    from registry.chain.journal import Journal

    @contextmanager
    def place(shared: Registry) -> Iterator[Registry]:
        _unpatch(shared.chain)
        _unpatch(shared.store)
        tester = shared.chain.w3.provider.ethereum_tester  # type: ignore[attr-defined]
        before = tester.take_snapshot()
        # A journal of its own: what the last test sent has never been on this chain.
        yield Registry(
            shared.chain, shared.deployment, signer=shared.signer, store=shared.store, journal=Journal.in_memory()
        )
        tester.revert_to_snapshot(before)
        shared.chain.forget_code()

    return place


def _unpatch(shared: object) -> None:
    """Take off what monkeypatch put back: a method that it replaced on one object is that object's own afterwards,
    and hides whatever a later test puts in its place on the class."""
    for method in [one for one in vars(shared) if isfunction(getattr(type(shared), one, None))]:
        delattr(shared, method)


@pytest.fixture(scope="session")
def shared() -> Registry:
    """A registry on its own chain. Its blocks outlive a test, what a test does to its chain does not."""
    from registry import Registry

    return Registry.local()


@pytest.fixture
def market_place(
    shared: Registry, rewound: Callable[[Registry], AbstractContextManager[Registry]]
) -> Iterator[Registry]:
    """The registry as it started, used by the author."""
    with rewound(shared) as place:
        yield place


@pytest.fixture
def author(market_place: Registry) -> Registry:
    return market_place.as_account("author")


@pytest.fixture
def editor(market_place: Registry) -> Registry:
    return market_place.as_account("editor")


@pytest.fixture
def buyer(market_place: Registry) -> Registry:
    return market_place.as_account("buyer")


@pytest.fixture
def stranger(market_place: Registry) -> Registry:
    return market_place.as_account("stranger")


@pytest.fixture
def reader(market_place: Registry) -> Registry:
    """Somebody who has no key at all."""
    return market_place.as_account(None)


@pytest.fixture
def ann(market_place: Registry) -> Registry:
    return market_place.as_account("ann")


@pytest.fixture
def bob(market_place: Registry) -> Registry:
    return market_place.as_account("bob")


@pytest.fixture
def cleo(market_place: Registry) -> Registry:
    return market_place.as_account("cleo")


@pytest.fixture
def dao(market_place: Registry) -> Registry:
    """Who holds all roles on the registry."""
    from registry.chain.local import DEPLOYER
    from registry.chain.signers import dev_signer

    return market_place.as_account(dev_signer(DEPLOYER))


@pytest.fixture(scope="session")
def treasury() -> Address:
    from registry.chain.local import TREASURY
    from registry.chain.signers import dev_signer

    return dev_signer(TREASURY).address
