"""Licences by the table and the user's word, and cards as the strangers' data that they are."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.documents.ddo import DDO
from registry.errors import InputError, LicenceUnclear
from registry.imports.card import Card, read_card
from registry.imports.licences import named


@pytest.mark.parametrize(
    ("name", "spdx"),
    [
        *(("apache-2.0", "Apache-2.0"), ("MIT", "MIT"), ("cc-by-sa-4.0", "CC-BY-SA-4.0"), ("cc0-1.0", "CC0-1.0")),
        *(("bsd-3-clause", "BSD-3-Clause"), ("wtfpl", "WTFPL"), ("etalab-2.0", "etalab-2.0"), ("odbl", "ODbL-1.0")),
        *(("gpl-3.0", "GPL-3.0-only"), ("odc-by", "ODC-By-1.0"), ("pddl", "PDDL-1.0"), ("c-uda", "C-UDA-1.0")),
    ],
)
def test_a_licence_of_the_hub_is_one_of_spdx(name: str, spdx: str) -> None:
    found = named("x", [name])
    assert found.reference == spdx
    assert bool(found.notes) == spdx.endswith("-only"), "what was narrowed is said"


@pytest.mark.parametrize("ids", [[], ["other"], ["unknown"], ["cc"], ["bsd"], ["gpl"], ["mit", "apache-2.0"], ["a b"]])
def test_what_is_ambiguous_is_for_the_user_to_say(ids: list[str]) -> None:
    with pytest.raises(LicenceUnclear, match="--license"):
        named("x", ids, accept=True)
    assert named("x", ids, given="MIT").reference == "MIT"
    assert "your word" in named("x", ids, given="MIT").notes[0]
    with pytest.raises(InputError, match="neither an SPDX"):
        named("x", ids, given="MIT; DROP")


@pytest.mark.parametrize("name", ["llama3.1", "gemma", "openrail", "bigscience-bloom-rail-1.0", "nobodys-own-1.0"])
def test_what_spdx_does_not_have_is_accepted_first(name: str) -> None:
    with pytest.raises(LicenceUnclear, match=r"Read it at https://example\.org/terms, then add --accept-licence"):
        named("x", [name], link="https://example.org/terms")
    found = named("x", [name], link="https://example.org/terms", accept=True)
    assert (found.reference, found.url) == (f"LicenseRef-{name}", "https://example.org/terms")


@pytest.mark.parametrize(
    ("front", "fault"),
    [
        ("a: &a [1]\nb: *a", "aliases"),
        ("a: " + "[" * 6_000, "too deep"),
        ("\n".join(f"k{n}: {n}" for n in range(40_000)), "too deep or too long"),
        ("license: [mit", "not YAML"),
        ("- a\n- b", "no mapping"),
        ("license: \x00", "not YAML"),
    ],
)
def test_odd_yaml_is_told_and_believed_in_nothing(front: str, fault: str) -> None:
    begun = time.process_time()
    card = read_card(f"---\n{front}\n---\n# Title\n\nWords.\n".encode())
    assert fault in card.fault and card.licences == ()
    assert (card.title, card.summary) == ("Title", "Words.")
    assert time.process_time() - begun < 20


def test_a_tag_of_yaml_runs_nothing() -> None:
    card = read_card(
        b"---\nlicense: !!python/object/apply:os.system ['echo ran > /tmp/ran']\ntags: !!binary aGk=\n---\n"
    )
    assert card.fault == "" and card.tags == ("aGk=",)


def test_a_card_that_is_too_long_is_content_and_no_card() -> None:
    assert read_card(b"x" * (2**20 + 1)) == Card(fault="it has more than 1,048,576 bytes")


@given(st.text(max_size=300), st.text(max_size=300), st.lists(st.text(max_size=40), max_size=5))
def test_whatever_a_card_says_a_document_can_hold(title: str, body: str, tags: list[str]) -> None:
    import json

    front = f"license: mit\npretty_name: {json.dumps(title)}\ntags: {json.dumps(tags)}"
    card = read_card(f"---\n{front}\n---\n{body}".encode("utf-8", "replace"))
    DDO(type="dataset", name=card.title or "x", description=card.summary, license="MIT", tags=card.tags)
