"""Visitors of an app: nothing that a page says counts, but signatures of what was asked."""

from __future__ import annotations

import re
import zlib
from pathlib import Path
from typing import Any

import pytest

from registry import Draft, Registry, apps
from registry.apps import components, visit
from registry.apps.offered import act_of, offers_to_take, require_taken_alone
from registry.apps.visit import Visit, own_domain
from registry.chain.signers import dev_signer
from registry.documents.licence import Licence
from registry.errors import InputError, NoSigner, SignerError, Unverified

BUYER, STRANGER = dev_signer(1), dev_signer(5)


@pytest.fixture(scope="module")
def registry() -> Registry:
    return Registry.local()


@pytest.fixture
def visitor(registry: Registry) -> Visit:
    return Visit(registry, "app.example")


def connect(visitor: Visit, account: str = BUYER.address) -> dict[str, Any]:
    """Name an account; returns what its wallet is asked."""
    visitor.heard({"kind": "account", "account": account})
    asked: dict[str, Any] = visitor.told()["ask"]
    return asked


def signed(asked: dict[str, Any], by: Any = BUYER) -> dict[str, Any]:
    return {"kind": "signed", "id": asked["id"], "signature": "0x" + by.sign_text(asked["text"].encode()).hex()}


def sign_in(visitor: Visit) -> None:
    visitor.heard(signed(connect(visitor)))
    assert visitor.account == BUYER.address


# --- Signing in ----------------------------------------------------------------------------------


def test_who_signs_what_was_asked_is_signed_in(visitor: Visit, registry: Registry) -> None:
    asked = connect(visitor, BUYER.address.lower())
    assert asked["method"] == "personal_sign" and asked["text"].startswith("app.example wants you to sign in")
    assert "URI: https://app.example\n" in asked["text"] and registry.deployment.registry.lower() in asked["text"]
    assert visitor.account is None
    visitor.heard(signed(asked))
    assert visitor.account == BUYER.address and visitor.told()["ask"] is None


def test_a_signature_counts_once_and_for_one_question(visitor: Visit, registry: Registry) -> None:
    asked = connect(visitor)
    other = Visit(registry, "app.example")
    connect(other)
    other.heard(signed(asked))
    other.heard({**signed(asked), "id": other.told()["ask"]["id"]})
    assert other.account is None and "Refused" in other.note
    visitor.heard(signed(asked))
    visitor.heard({"kind": "leave"})
    visitor.heard(signed(asked))
    assert visitor.account is None


def test_a_signature_of_another_key_is_refused(visitor: Visit) -> None:
    visitor.heard(signed(connect(visitor), STRANGER))
    assert visitor.account is None and f"is not that of {BUYER.address}" in visitor.note


@pytest.mark.parametrize(
    "signature", ["", "0x", "0xzz", "0x" + "00" * 65, "0x" + "ff" * 65, "0x" + "11" * 50_000, None]
)
def test_what_is_no_signature_signs_nobody_in(visitor: Visit, signature: object) -> None:
    visitor.heard({"kind": "signed", "id": connect(visitor)["id"], "signature": signature})
    assert visitor.account is None and visitor.tone == "bad"


def test_a_question_is_too_old_after_ten_minutes(visitor: Visit, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = connect(visitor)
    now = visit.time.monotonic()
    monkeypatch.setattr(visit.time, "monotonic", lambda: now + 601)
    visitor.heard(signed(asked))
    assert visitor.account is None and "too long ago" in visitor.note


def test_a_sign_in_ends_after_half_a_day(visitor: Visit, monkeypatch: pytest.MonkeyPatch) -> None:
    sign_in(visitor)
    now = visit.time.monotonic()
    monkeypatch.setattr(visit.time, "monotonic", lambda: now + 12 * 3600 + 1)
    assert visitor.account is None and visitor.note.startswith("Signed out")


@pytest.mark.parametrize(
    "said",
    [
        None,
        7,
        "signed",
        [],
        {},
        {"kind": "nothing"},
        {"kind": ["signed"]},
        {"kind": "account", "account": "0x12"},
        {"kind": "account", "account": {"a": 1}},
        {"kind": "signed", "id": None},
        {"kind": "failed", "why": {"x": 1}, "words": "\u202e" * 9_000},
        {"kind": "moved", "account": None},
    ],
)
def test_what_makes_no_sense_changes_nothing(visitor: Visit, said: object) -> None:
    visitor.heard(said)
    assert visitor.account is None and visitor.told()["ask"] is None and len(visitor.note) <= 200
    assert "\u202e" not in visitor.note


def test_another_account_in_the_wallet_ends_the_visit(visitor: Visit) -> None:
    sign_in(visitor)
    visitor.heard({"kind": "moved", "account": BUYER.address.lower()})
    assert visitor.account == BUYER.address
    visitor.heard({"kind": "moved", "account": STRANGER.address})
    assert visitor.account is None and STRANGER.address in visitor.note


def test_an_app_names_itself_or_is_on_this_machine() -> None:
    assert own_domain("evil.example", "app.example") == "app.example"
    for host in ("localhost:8501", "127.0.0.1:8501", "[::1]:8501", "localhost"):
        assert own_domain(host, None) == host
    for host in ("evil.example", "app.example:8501", "127.0.0.1.evil.example", "localhost@evil.example", ""):
        with pytest.raises(InputError, match="domain="):
            own_domain(host, None)


# --- What a visitor may do -----------------------------------------------------------------------


def test_no_key_of_the_server_acts_for_a_visitor(visitor: Visit, registry: Registry) -> None:
    assert registry.signer is not None and visitor.registry.signer is None
    with pytest.raises(NoSigner):
        visitor.registry.fund("1 USD")
    with pytest.raises(SignerError, match="Nobody has signed in"):
        _ = visitor.client
    sign_in(visitor)
    assert visitor.client.address == BUYER.address
    with pytest.raises(SignerError, match="sends its own transactions"):
        visitor.client.fund("1 USD")


def test_work_waits_for_the_wallet_and_goes_on_when_it_has_signed(visitor: Visit) -> None:
    sign_in(visitor)

    def two(client: Registry) -> list[bytes]:
        return [client.signer.sign_text(text) for text in (b"one", b"two")]  # type: ignore[union-attr]

    for text in ("one", "two"):
        assert visitor.work("both", two) is None
        asked = visitor.told()["ask"]
        assert asked["text"] == text
        visitor.heard(signed(asked))
    assert visitor.work("both", two) == [BUYER.sign_text(b"one"), BUYER.sign_text(b"two")]


def test_an_answer_that_a_host_hands_on_twice_is_taken_once(visitor: Visit) -> None:
    said = signed(connect(visitor))
    visitor.heard(said)
    visitor.heard(said)
    assert visitor.account == BUYER.address and not visitor.note


def test_who_declines_ends_the_work_and_stays_signed_in(visitor: Visit) -> None:
    sign_in(visitor)

    def one(client: Registry) -> bytes:
        return client.signer.sign_text(b"one")  # type: ignore[union-attr]

    assert visitor.work("one", one) is None
    visitor.heard({"kind": "failed", "why": "declined"})
    with pytest.raises(SignerError, match="did not sign"):
        visitor.work("one", one)
    assert visitor.account == BUYER.address


def test_questions_come_one_at_a_time_and_none_after_who_left(visitor: Visit) -> None:
    sign_in(visitor)

    def asks(text: bytes) -> Any:
        return lambda client: client.signer.sign_text(text)

    assert visitor.work("a", asks(b"a")) is None
    assert visitor.work("b", asks(b"b")) is None
    first = visitor.told()["ask"]
    assert first["text"] == "a"
    visitor.heard(signed(first))
    assert visitor.work("a", asks(b"a")) == BUYER.sign_text(b"a")
    assert visitor.work("b", asks(b"b")) is None
    visitor.heard({"kind": "leave"})
    sign_in(visitor)
    assert visitor.told()["ask"] is None, "what was asked before is over"


def test_where_a_page_cannot_be_asked_while_a_cell_runs_that_is_said(registry: Registry) -> None:
    visitor = Visit(registry, None, hears=0.1)
    visitor.heard({"kind": "account", "account": BUYER.address, "host": "lab.example:8888"})
    asked = visitor.told()["ask"]
    assert asked["text"].startswith("lab.example:8888 wants you to sign in")
    visitor.heard(signed(asked))
    with pytest.raises(SignerError, match="while a cell runs"):
        visitor.client.signer.sign_text(b"one")  # type: ignore[union-attr]
    assert visitor.told()["ask"] is None


@pytest.mark.parametrize("host", ["", None, "a b", "evil\nexample", "x" * 300, "a/b", {"a": 1}])
def test_a_page_that_does_not_say_where_it_is_signs_nobody_in(registry: Registry, host: object) -> None:
    visitor = Visit(registry, None)
    visitor.heard({"kind": "account", "account": BUYER.address, "host": host})
    assert visitor.told()["ask"] is None and visitor.tone == "bad"


def test_progress_is_shown_below_a_cell_and_to_no_visitor_of_an_app(registry: Registry) -> None:
    for domain, shown in ((None, True), ("app.example", False)):
        visitor = Visit(registry, domain)
        visitor.heard({"kind": "account", "account": BUYER.address, "host": "localhost:8888"})
        visitor.heard(signed(visitor.told()["ask"]))
        assert (visitor.client.progress is registry.progress) is shown


# --- What the page gets --------------------------------------------------------------------------


def test_an_act_names_what_the_wallet_script_holds_against_the_chain(registry: Registry) -> None:
    made = registry.publish(
        None,
        name="Penguins <img>",
        type="dataset",
        license="CC0-1.0",
        licences=[Licence.period("month", days=30, price="12.5 USD"), Licence.free("look")],
    )
    found = registry.get(made.did)
    act = act_of(registry, found, registry.offer(found, "month"), BUYER.address)
    assert (act["act"], act["total"], act["licence"], act["account"]) == ("buy", "12500000", "0", BUYER.address)
    assert act["document"].encode() == found.ddo.to_bytes() and act["digest"] == "0x" + found.digest.hex()
    assert all(isinstance(value, str) for value in act.values())
    assert act_of(registry, found, registry.offer(found, "look"), BUYER.address)["total"] == "0"


def test_an_act_on_an_item_brings_along_what_proves_it(registry: Registry) -> None:
    drafts = [Draft(name=f"Heron {number}", type="dataset", license="MIT") for number in range(2)]
    herons = registry.publish_collection(drafts, name="Herons", licences=[Licence.free("look")])
    item = herons.item(1)

    def told() -> dict[str, str]:
        return act_of(registry, registry.get(item), registry.offer(item, "look"), BUYER.address)

    proven, terms = registry.collections.prove(item), registry.get(herons.did).ddo.to_bytes()
    assert (told()["digest"], told()["terms"].encode()) == ("0x" + proven.listed.digest.hex(), terms)
    assert told()["proof"] == proven.listed.proof[0].hex()
    registry.mint(item)
    assert (told()["proof"], told()["terms"].encode()) == ("", terms)


def test_all_that_is_for_apps_and_notebooks_adds_little_to_the_wheel() -> None:
    files = [path for path in Path(apps.__path__[0]).rglob("*") if path.is_file() and path.suffix != ".pyc"]
    assert len(files) > 10 and sum(len(zlib.compress(path.read_bytes())) for path in files) <= 60_000


def test_as_a_function_the_script_exports_nothing() -> None:
    made = components.as_function(components.script("gradio"))
    assert not re.search(r"^(export|import)\b", made, re.MULTILINE) and "class Part" in made


def test_the_script_is_that_of_the_pages_and_nothing_from_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    made = components.script("streamlit")
    assert "import " not in made.replace("important", "") and "https://" not in made and "innerHTML" not in made
    components.script.cache_clear()
    monkeypatch.setattr(components, "DIGEST", "sha256-another")
    with pytest.raises(Unverified, match="wallet script"):
        components.script("streamlit")


def test_a_licence_for_runs_is_taken_by_nobody_alone(registry: Registry, tmp_path: Path) -> None:
    """It was shown as one to subscribe to, which the contract of subscriptions refuses."""
    runs, live = Licence.run("jobs", price="0.01 USD"), Licence.stream("live", price="1 USD", per="1 day")
    (tmp_path / "data.csv").write_text("a\n1\n")
    data = tmp_path / "data.csv"
    did = registry.publish(data, name="Ward", type="dataset", license="MIT", licences=[runs, live]).did
    found = registry.get(did)
    assert [offer.name for offer in offers_to_take(found)] == ["live"]
    told = act_of(registry, found, require_taken_alone(registry.offer(found, "live")), BUYER.address)
    assert told["label"].startswith("Subscribe to 'live'")
    with pytest.raises(InputError, match=r"'jobs' of .* sells runs, job by job"):
        require_taken_alone(registry.offer(found, "jobs"))
