"""What the tests of documents share: a token list and one full document."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import settings

from registry.did import DID
from registry.documents.ddo import DDO, Content, ContentFile, LicenceText
from registry.ipfs.cid import CID
from registry.money import Token
from registry.types import Address

from .support import REGISTRY

settings.register_profile("documents", deadline=None, derandomize=True)
settings.load_profile("documents")


@pytest.fixture(scope="session")
def usdc() -> Token:
    return Token("USDC", 6, Address("0xA0b86991c6218b36c1d19D4a2e9Eb0cE3606eB48"), 1)


@pytest.fixture(scope="session")
def ether() -> Token:
    return Token("ETH", 18, None, 0)


@pytest.fixture(scope="session")
def tokens(usdc: Token, ether: Token) -> tuple[Token, ...]:
    return (ether, usdc)


@pytest.fixture(scope="session")
def did() -> DID:
    return DID(1, REGISTRY, 42)


@pytest.fixture(scope="session")
def penguins(did: DID) -> DDO:
    return DDO(
        type="dataset",
        name="Palmer penguins",
        description="Measurements of 344 penguins.\nThree species.",
        image="https://example.org/penguin.png",
        external_url="https://example.org/",
        author="K. Gorman",
        created="2026-11-23T17:00:00Z",
        license="CC0-1.0",
        tags=("penguins", "biology"),
        content=Content(
            cid=CID.raw(b"folder"),
            size=12,
            profile="unixfs-v1-2025",
            files=(ContentFile(path="data/penguins.csv", size=12, cid=CID.raw(b"csv"), media_type="text/csv"),),
        ),
        licences=(LicenceText(name="research", terms="For study only."), LicenceText(name="month")),
        parents=(did,),
        conforms_to=(CID.raw(b"standard"),),
        additional={"rows": 344, "nested": {"list": [1, 2.5, None, True]}},
    )


@pytest.fixture(scope="session")
def examples() -> Path:
    return Path(__file__).resolve().parents[3] / "examples"
