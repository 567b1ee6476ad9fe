"""What every verb of the DAO stands on: a client of the registry, and the contracts of its DAO."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Generic, TypeVar

from registry.errors import NoDao
from registry.session import Session

if TYPE_CHECKING:
    from web3.contract import Contract

    from registry.chain.addresses import Dao

R = TypeVar("R", bound=Session)


class Governed(Generic[R]):
    """The DAO of a registry, as the client `registry` sees and uses it; the verbs are added by the classes above."""

    def __init__(self, registry: R) -> None:
        self.registry = registry

    @cached_property
    def dao(self) -> Dao:
        """Where its contracts are; raises `NoDao` for a registry that has none."""
        if self.registry.deployment.dao is None:
            raise NoDao(self.registry.chain.chain_id, self.registry.deployment.registry)
        return self.registry.deployment.dao

    def check(self) -> tuple[str, ...]:
        """What differs from a DAO that this package founded: code that is not its own, and powers held beyond it.

        Nothing of the record is believed but the addresses. Reads the chain from the first contract on.
        """
        from registry.chain.dao_plan import check_powers
        from registry.chain.provenance import check_code

        _ = self.dao
        chain, deployment = self.registry.chain, self.registry.deployment
        return (*check_code(chain, deployment), *check_powers(chain, deployment))

    @cached_property
    def token(self) -> Contract:
        """The RegistryToken contract."""
        return self.registry.chain.contract("RegistryToken", self.dao.token)

    @cached_property
    def timelock(self) -> Contract:
        """The RegistryTimelock contract, which is the treasury too."""
        return self.registry.chain.contract("RegistryTimelock", self.dao.timelock)

    @cached_property
    def governor(self) -> Contract:
        """The RegistryGovernor contract."""
        return self.registry.chain.contract("RegistryGovernor", self.dao.governor)

    @cached_property
    def brake_contract(self) -> Contract:
        """The Brake contract."""
        return self.registry.chain.contract("Brake", self.dao.brake)

    @cached_property
    def curation_contract(self) -> Contract:
        """The Curation contract."""
        return self.registry.chain.contract("Curation", self.dao.curation)

    @cached_property
    def standards_contract(self) -> Contract:
        """The Standards contract."""
        return self.registry.chain.contract("Standards", self.dao.standards)
