"""A registry of AI assets that belongs to those who use it.

    from registry import Licence, Registry

    registry = Registry.local()
    asset = registry.publish("penguins/", name="Penguins", type="dataset", license="CC0-1.0",
                             licences=[Licence.period("month", days=30, price="12.5 USD")])

Names are loaded when they are first used: importing the package touches no chain.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from registry.apps.logging_in import login
    from registry.assets.drafting import Draft
    from registry.client import Registry
    from registry.content.uses import SignedReceipt
    from registry.did import DID
    from registry.documents.compute_terms import DataBudget, ResultColumn, ResultFile, Terms
    from registry.documents.ddo import DDO
    from registry.documents.licence import Kind, Licence
    from registry.errors.base import RegistryError
    from registry.gated.policy import Gated
    from registry.ipfs.cid import CID
    from registry.money import Amount, Token
    from registry.results import Asset, Done, Holding, Offer, Preview, Published, Purchase, Quote, State, Verification

_HOMES = {
    "content.uses": ("SignedReceipt",),
    "apps.logging_in": ("login",),
    "assets.drafting": ("Draft",),
    "client": ("Registry",),
    "documents.compute_terms": ("DataBudget", "ResultColumn", "ResultFile", "Terms"),
    "documents.ddo": ("DDO",),
    "did": ("DID",),
    "errors.base": ("RegistryError",),
    "gated.policy": ("Gated",),
    "ipfs.cid": ("CID",),
    "documents.licence": ("Kind", "Licence"),
    "money": ("Amount", "Token"),
    "results": (
        "Asset",
        "Done",
        "Holding",
        "Offer",
        "Preview",
        "Published",
        "Purchase",
        "Quote",
        "State",
        "Verification",
    ),
}
_HOME_OF = {name: module for module, names in _HOMES.items() for name in names}

__all__ = [
    "CID",
    "DDO",
    "DID",
    "Amount",
    "Asset",
    "DataBudget",
    "Done",
    "Draft",
    "Gated",
    "Holding",
    "Kind",
    "Licence",
    "Offer",
    "Preview",
    "Published",
    "Purchase",
    "Quote",
    "Registry",
    "RegistryError",
    "ResultColumn",
    "ResultFile",
    "SignedReceipt",
    "State",
    "Terms",
    "Token",
    "Verification",
    "login",
]


def __getattr__(name: str) -> object:
    if name not in _HOME_OF:
        raise AttributeError(f"module 'registry' has no attribute {name!r}")
    return getattr(import_module(f"registry.{_HOME_OF[name]}"), name)


def __dir__() -> list[str]:
    return sorted([*__all__, "errors"])
