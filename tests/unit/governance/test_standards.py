"""Standards: proposed by anybody, adopted by the DAO, declared by those who answer for an asset."""

from __future__ import annotations

from pathlib import Path

import pytest

from registry import Registry
from registry.chain import reverts
from registry.errors import InputError, NotFoundError
from registry.governance.standards import StandardKind, StandardStatus, decoded, encoded
from registry.hub import wallet_script

from .support import settle

ASSET = 1


@pytest.fixture
def described(author: Registry) -> Registry:
    """The author, with an asset, and the first version of a standard."""
    author.publish(None, name="Penguins", type="dataset", license="MIT")
    author.governance.propose_standard("model-card", "# What a model card says\n", kind="metadata")
    return author


def adopt(client: Registry, name: str, version: int | None = None) -> None:
    with client.governance.collect() as dao:
        dao.governance.adopt_standard(name, version)
    settle(client, client.governance.draft(dao, title=f"Adopt {name}", body="It is read."))


def test_a_standard_is_proposed_with_its_document(stranger: Registry, reader: Registry, tmp_path: Path) -> None:
    file = tmp_path / "conduct.md"
    file.write_text("Be kind.")
    done, cid = stranger.governance.propose_standard("conduct", file, kind=StandardKind.CONDUCT)
    assert done.tx is not None
    found = reader.governance.standard("conduct")
    assert (found.version, found.status, found.proposer) == (1, StandardStatus.PROPOSED, stranger.address)
    assert reader.governance.document(found.cid) == "Be kind." and found.cid == cid
    stranger.governance.propose_standard("conduct", "Be kinder.", kind="conduct")
    assert [one.version for one in reader.governance.standards()] == [1, 2]
    assert str(reader.governance.standard("conduct")) == "standard 'conduct' version 2 (conduct, proposed)"
    preview, _cid = stranger.governance.propose_standard("other", "Text.", kind="licence", dry_run=True)
    assert preview.tx is None
    with pytest.raises(NotFoundError, match="no standard 'other'"):
        reader.governance.standard("other")
    with pytest.raises(NotFoundError, match="version 3"):
        reader.governance.standard("conduct", 3)


def test_the_dao_names_the_wallet_scripts_that_it_stands_for(author: Registry, stranger: Registry) -> None:
    assert wallet_script.adopted(author) == frozenset()
    stranger.governance.propose_standard(wallet_script.STANDARD, "sha256-" + "B" * 43 + "=", kind="conduct")
    assert wallet_script.adopted(author) == frozenset(), "proposed is not adopted"
    assert wallet_script.propose(author).tx is not None
    adopt(author, wallet_script.STANDARD, 2)
    assert wallet_script.adopted(stranger) == {wallet_script.DIGEST}


def test_only_the_dao_adopts(described: Registry) -> None:
    with pytest.raises(reverts.AccessManagedUnauthorized):
        described.governance.adopt_standard("model-card")
    with pytest.raises(reverts.WrongStandardStatus, match="registry standard show"):
        described.governance.declare(ASSET, "model-card")
    adopt(described, "model-card")
    assert described.governance.standard("model-card").status is StandardStatus.ADOPTED


def test_an_asset_declares_what_it_conforms_to(described: Registry, stranger: Registry, editor: Registry) -> None:
    adopt(described, "model-card")
    with pytest.raises(reverts.MayNotDeclare):
        stranger.governance.declare(ASSET, "model-card")
    described.set_roles(ASSET, editor.address, ["editor"])
    editor.governance.declare(ASSET, "model-card")
    (found,) = stranger.governance.conformances(ASSET)
    assert (found.version, found.declarer, found.current) == (1, editor.address, True)
    assert found.in_words() == "model-card version 1"
    described.update(ASSET, description="Another.")
    (found,) = stranger.governance.conformances(ASSET)
    assert not found.current and "declared for version 1 of its document" in found.in_words()
    described.governance.withdraw_declaration(ASSET, "model-card")
    assert stranger.governance.conformances(ASSET) == ()


def test_a_later_proposal_does_not_hide_the_adopted_version(described: Registry, stranger: Registry) -> None:
    adopt(described, "model-card")
    stranger.governance.propose_standard("model-card", "Mine.", kind="metadata")
    assert described.governance.standard("model-card").version == 1
    described.governance.declare(ASSET, "model-card")
    with described.governance.collect() as dao:
        dao.governance.deprecate_standard("model-card", 1)
    settle(described, described.governance.draft(dao, title="Deprecate", body="Old."))
    (found,) = described.governance.conformances(ASSET)
    assert found.status is StandardStatus.DEPRECATED and "which is deprecated" in found.in_words()


def test_what_is_adopted_next_is_the_one_version_that_is_proposed(described: Registry, stranger: Registry) -> None:
    adopt(described, "model-card")
    with pytest.raises(NotFoundError, match="no proposed version of the standard 'model-card'"):
        adopt(described, "model-card")
    described.governance.propose_standard("model-card", "# What a model card says by now\n", kind="metadata")
    adopt(described, "model-card")
    assert described.governance.standard("model-card").version == 2
    described.governance.propose_standard("model-card", "# And more\n", kind="metadata")
    stranger.governance.propose_standard("model-card", "Mine.", kind="metadata")
    with pytest.raises(InputError, match="are proposed: 3, 4"):
        adopt(described, "model-card")
    adopt(described, "model-card", 3)
    assert described.governance.standard("model-card").version == 3


@pytest.mark.parametrize("name", ["", " padded", "x" * 33, "é" * 17, "two\nlines", "nul\0"])
def test_names_that_are_none_are_refused(author: Registry, name: str) -> None:
    with pytest.raises(InputError, match="name of a standard"):
        author.governance.propose_standard(name, "Text.", kind="metadata")


def test_a_name_that_a_stranger_made_of_bytes_is_shown_as_such() -> None:
    assert decoded(encoded("model-card/2")) == "model-card/2"
    assert decoded(b"\xff" * 32) == f"0x{'ff' * 32}"
    assert decoded(b"\x1b[31m".ljust(32, b"\0")).startswith("0x1b")


def test_there_are_three_kinds(author: Registry) -> None:
    with pytest.raises(InputError, match="metadata, licence, conduct"):
        author.governance.propose_standard("x", "Text.", kind="law")
