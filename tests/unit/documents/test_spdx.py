"""Whoever names a licence that SPDX does not list is told, with what is close, and not refused: the list grows."""

from __future__ import annotations

import warnings
from pathlib import Path

import pytest

from registry import Registry
from registry.documents.spdx import UnknownLicenceWarning, spdx_ids, warn_of_unknown


@pytest.mark.parametrize(
    ("wrong", "near"),
    [
        ("NOPE", "Noweb"),
        ("mit", "MIT, "),
        ("GPL-3.0", "GPL-3.0-only, GPL-3.0-or-later"),
        ("CC-BY", "CC-BY-4.0"),
        ("MIT OR Apache2", "Apache-2.0"),
        ("X" * 300, "none"),
    ],
)
def test_near_ids_are_named(wrong: str, near: str) -> None:
    with pytest.warns(UnknownLicenceWarning, match=rf"SPDX lists no licence .*Close to it: .*{near}.*LicenseRef-NAME"):
        warn_of_unknown(wrong)


@pytest.mark.parametrize(
    "right",
    [
        "MIT",
        "GPL-2.0-or-later WITH Classpath-exception-2.0",
        "(MIT OR Apache-2.0) AND CC0-1.0",
        "AGPL-3.0-only+",
        "LicenseRef-Ours",
        "https://example.org/terms",
    ],
)
def test_what_is_listed_or_ones_own_is_taken_without_a_word(right: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warn_of_unknown(right)


def test_the_list_has_ids_in_their_own_letters_and_none_that_is_deprecated() -> None:
    known = spdx_ids()
    assert len(known) > 700 and known["cc-by-4.0"] == "CC-BY-4.0"
    assert all(name.lower() == small for small, name in known.items())
    assert "gpl-3.0" not in known and "gpl-3.0-only" in known


def test_publishing_and_changing_tell_it_and_go_on(author: Registry, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("1\n")
    with pytest.warns(UnknownLicenceWarning, match="NOPE"):
        did = author.publish(tmp_path / "a.csv", name="Odd", type="dataset", license="NOPE").did
    with pytest.warns(UnknownLicenceWarning, match="APACHE"):
        author.update(did, license="APACHE")
    with warnings.catch_warnings():
        warnings.simplefilter("error", UnknownLicenceWarning)
        author.update(did, description="Its licence is as it was.")
    assert author.get(did).ddo.license == "APACHE"
