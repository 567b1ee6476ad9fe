"""A whole account of the Hugging Face Hub as one collection: what anybody sees of it, each repository at one commit."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from huggingface_hub import HfApi

from imports.hub import Hub
from registry import Licence, Registry
from registry.assets.collection_verbs import CollectionPreview, PublishedCollection
from registry.chain.journal import Journal
from registry.cli import cli
from registry.cli.app import App
from registry.errors import ImportFailed, InputError, LicenceUnclear, SourceIncomplete, SourceNotFound, Unavailable
from registry.imports.organisation import ImportChoice
from registry.ipfs.store import LocalStore
from registry.ipfs.unixfs import compute_cid

from .support import CARD, LARGE, written

MONTH = Licence.period("month", days=30, price="5 USD")
NET = {"README.md": b"---\nlicense: mit\nbase_model: acme/base\n---\n# The net\n", "w.safetensors": b"2"}
BASE = {"README.md": b"---\nlicense: mit\n---\n# The base\n", "w.safetensors": b"1"}


@pytest.fixture
def at_home(author: Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Registry:
    """The author, with a home and a store of their own; waiting takes no time."""
    monkeypatch.setattr("registry.imports.web.time.sleep", lambda seconds: None)
    return Registry(
        author.chain,
        author.deployment,
        signer=author.signer,
        store=LocalStore(tmp_path / "blocks"),
        journal=Journal.in_memory(),
        home=tmp_path,
    )


@pytest.fixture
def acme(hub: Hub, penguins: str) -> Hub:
    """An account with a data set and two models, and one private and one gated repository."""
    hub.repository("acme/net", NET, kind="models")
    hub.repository("acme/base", BASE, kind="models")
    hub.repository("acme/secret", {"README.md": CARD, "plan.csv": b"private"}, private=True)
    hub.repository("acme/gated", {"README.md": CARD, "people.csv": b"gated"}, gated=True)
    hub.repository("other/thing", BASE, kind="models")
    return hub


# --- What comes in -------------------------------------------------------------------------------


def test_an_account_becomes_one_collection_whose_items_name_their_commits(
    at_home: Registry, market_place: Registry, acme: Hub, penguins: str, files: dict[str, bytes], tmp_path: Path
) -> None:
    found, made = at_home.imports.publish_collection("hf:acme", licences=[MONTH], tags=["all"])
    assert isinstance(made, PublishedCollection) and made.size == 3 and made.tx is not None
    asset = at_home.get(made.did)
    assert (asset.name, asset.ddo.type, asset.ddo.license) == ("acme", "other", "CC0-1.0 AND MIT")
    assert asset.ddo.additional["source"] == {"type": "hf", "repository": "acme"} and asset.ddo.tags == ("all",)
    items = [at_home.get(made.item(place)) for place in range(3)]
    assert [item.name for item in items] == ["The base", "The net", "Palmer penguins"]
    assert [item.ddo.type for item in items] == ["model", "model", "dataset"]
    third = items[2].ddo
    assert third.license == "CC0-1.0" and third.additional["source"]["revision"] == penguins
    folder = written({path: data for path, data in files.items() if path != ".gitattributes"}, tmp_path / "folder")
    assert third.content is not None and third.content.cid == compute_cid(folder)
    assert [file.path for file in third.content.files] == ["README.md", "data/measured.bin", "data/penguins.csv"]
    assert found.items[2].added is not None and found.items[2].added.cid == third.content.cid
    buyer = market_place.as_account("buyer")
    buyer = Registry(
        buyer.chain, buyer.deployment, signer=buyer.signer, store=at_home.store, journal=Journal.in_memory()
    )
    buyer.buy(made.item(2), "month")
    assert buyer.open(made.item(2), "data/penguins.csv").read() == files["data/penguins.csv"]
    assert at_home.imports.published("hf:datasets/acme/penguins") == str(made.item(2))
    _, same = at_home.imports.publish_collection("hf:acme", licences=[MONTH], tags=["all"])
    assert isinstance(same, PublishedCollection) and same.did == made.did and same.tx is None


def test_what_the_user_alone_may_see_is_never_part_of_it(
    at_home: Registry, acme: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_TOKEN", Hub.TOKEN)
    found = at_home.imports.add_collection("hf:acme")
    names = {item.origin.repository for item in found.items}
    assert names == {"models/acme/base", "models/acme/net", "datasets/acme/penguins"}
    assert dict(found.left_out) == {"datasets/acme/gated": "it is not open to all"}
    assert acme.asked and not [one for one in acme.asked if "authorization" in one.headers]
    assert not acme.gets("people.csv") and not acme.gets("plan.csv")


def test_one_kind_or_some_names_are_taken_as_told(at_home: Registry, acme: Hub) -> None:
    def names(source: str, **how: Any) -> list[str]:
        return [one.origin.name for one in at_home.imports.add_collection(source, dry_run=True, **how).items]

    assert names("hf:models/acme") == ["hf:models/acme/base", "hf:models/acme/net"]
    assert names("hf:acme", type="dataset") == ["hf:datasets/acme/penguins"]
    assert names("hf:acme", choice=ImportChoice(leave_out=["models/*/n*"]))[:1] == ["hf:models/acme/base"]
    choice = ImportChoice(include=["*.safetensors"], leave_out=["datasets/*"])
    assert [one.files for one in at_home.imports.add_collection("hf:acme", choice=choice).items] == [1, 1]


def test_a_dry_run_reads_cards_alone_and_keeps_nothing(at_home: Registry, acme: Hub, tmp_path: Path) -> None:
    found, preview = at_home.imports.publish_collection("hf:acme", licences=[MONTH], dry_run=True)
    assert isinstance(preview, CollectionPreview) and preview.size == len(found.items) == 3
    assert found.files == 7 and found.size > len(LARGE) and preview.cost.gas > 0
    assert not acme.gets("measured.bin") and not acme.gets("safetensors") and not list(tmp_path.rglob("*.plan"))


def test_base_models_outside_of_it_are_parents_of_all_by_ones_own_word(at_home: Registry, acme: Hub) -> None:
    acme.repository("other/base", BASE, kind="models")
    acme.repository(
        "acme/net", {**NET, "README.md": NET["README.md"].replace(b"acme/base", b"other/base")}, kind="models"
    )
    _, base = at_home.imports.publish("hf:other/base", royalty_bps=500)
    _, made = at_home.imports.publish_collection("hf:models/acme", max_royalty_bps=500)
    assert isinstance(made, PublishedCollection) and at_home.get(made.did).ddo.parents == (base.did,)  # type: ignore[union-attr]
    assert at_home.get(made.item(0)).ddo.parents == ()


# --- Stopped and run again -----------------------------------------------------------------------


def test_stopped_it_goes_on_with_the_same_commits_and_is_published_once(
    at_home: Registry, acme: Hub, penguins: str, files: dict[str, bytes], tmp_path: Path
) -> None:
    at_home.progress = _stop_at(3 * 2**20)
    with pytest.raises(KeyboardInterrupt):
        at_home.imports.publish_collection("hf:acme", licences=[MONTH])
    assert len(list(tmp_path.rglob("*.plan"))) == 1
    moved = acme.repositories["datasets", "acme/penguins"].commit({**files, "README.md": CARD + b"\nMore.\n"})
    acme.repository("acme/another", BASE, kind="models")
    told: list[tuple[str, int, int]] = []
    at_home.progress = lambda *one: told.append(one)
    before = len(acme.asked)
    found, made = at_home.imports.publish_collection("hf:acme", licences=[MONTH])
    assert [one.origin.revision for one in found.items][2] == penguins != moved and len(found.items) == 3
    again = [one for one in acme.asked[before:] if one.path.startswith("/cdn/")]
    assert [one.headers.get("range") for one in again] == [f"bytes={3 * 2**20}-"]
    assert "goes on with the commits" in found.notes[0] and not list(tmp_path.rglob("*.plan"))
    counted = [done for what, done, total in told if what == "importing hf:acme"]
    assert counted == sorted(counted) and counted[-1] == found.size
    assert isinstance(made, PublishedCollection) and at_home.collections.verify(made.did).size == 3
    later, other = at_home.imports.publish_collection("hf:acme", licences=[MONTH])
    assert isinstance(other, PublishedCollection) and other.did != made.did and len(later.items) == 4


def test_a_plan_that_was_damaged_is_made_anew(at_home: Registry, acme: Hub, tmp_path: Path) -> None:
    at_home.progress = _stop_at(1)
    with pytest.raises(KeyboardInterrupt):
        at_home.imports.add_collection("hf:acme")
    at_home.progress = lambda *_: None
    for damage in ("", "[]", '{"taken": 7, "leftOut": []}'):
        next(tmp_path.rglob("*.plan")).write_text(damage)
        assert not at_home.imports.add_collection("hf:acme", dry_run=True).notes
    assert not at_home.imports.add_collection("hf:acme").notes and not list(tmp_path.rglob("*.plan"))


def test_a_hub_that_counts_requests_is_waited_for_and_it_is_told(
    at_home: Registry, acme: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    waited: list[float] = []
    monkeypatch.setattr("registry.imports.organisation.time.sleep", waited.append)
    told: list[str] = []
    at_home.progress = lambda what, *_: told.append(what)
    acme.refusals = [(429, {"Retry-After": "200"}), (429, {"Retry-After": "200"})]
    assert len(at_home.imports.add_collection("hf:acme").items) == 3
    assert waited == [200, 200] and any("waiting 200 s" in one for one in told)
    acme.refusals = [(429, {"Retry-After": "200"})] * 6
    with pytest.raises(Unavailable):
        at_home.imports.add_collection("hf:acme")


# --- What is wrong with some of it ---------------------------------------------------------------


def test_all_that_cannot_be_taken_is_told_before_anything_is_fetched(
    at_home: Registry, acme: Hub, tmp_path: Path
) -> None:
    acme.repository("acme/unclear", {"README.md": CARD.replace(b"cc0-1.0", b"other"), "a.csv": b"1"})
    acme.repository("acme/llama", {**BASE, "README.md": b"---\nlicense: llama3\n---\n"}, kind="models")
    acme.repository("acme/twins", {"README.md": CARD, "A.csv": b"1", "a.csv": b"2"})
    acme.repository("acme/empty", {})
    with pytest.raises(SourceIncomplete) as caught:
        at_home.imports.publish_collection("hf:acme")
    assert set(caught.value.faults) == {
        "datasets/acme/unclear",
        "datasets/acme/twins",
        "datasets/acme/empty",
        "models/acme/llama",
    }
    assert "--leave-out" in caught.value.hint and not acme.gets(".csv") and not list(tmp_path.rglob("*.plan"))
    choice = ImportChoice(license="CC-BY-4.0", accept_licence=True, leave_out=["*/twins", "*/empty"])
    found = at_home.imports.add_collection("hf:acme", choice=choice)
    licences = {one.origin.repository: one.license for one in found.items}
    # The user's word is for what is unclear: it replaces neither a licence that is clear nor one that has conditions.
    assert licences["datasets/acme/unclear"] == "CC-BY-4.0" and licences["datasets/acme/penguins"] == "CC0-1.0"
    assert licences["models/acme/llama"] == "LicenseRef-llama3"
    assert found.license == "CC-BY-4.0 AND CC0-1.0 AND LicenseRef-llama3 AND MIT"
    part = at_home.imports.add_collection("hf:acme", choice=ImportChoice(partial=True))
    assert len(part.items) == 3 and set(caught.value.faults) < set(part.left_out)


def test_licences_that_cannot_stand_in_one_expression_are_refused(at_home: Registry, acme: Hub) -> None:
    acme.repository("acme/page", {"README.md": CARD.replace(b"cc0-1.0", b"https://example.org/terms"), "a": b"1"})
    choice = ImportChoice(accept_licence=True)
    with pytest.raises(LicenceUnclear, match="an address alone"):
        at_home.imports.add_collection("hf:datasets/acme", choice=choice)
    only = ImportChoice(accept_licence=True, leave_out=["*/penguins"])
    assert at_home.imports.add_collection("hf:datasets/acme", choice=only).license == "https://example.org/terms"


@pytest.mark.parametrize("named", ["other/thing", "acme/../x", "acme", "/x", "acme/x@main", "acme/a b"])
def test_a_list_that_names_what_is_not_of_the_account_is_refused(at_home: Registry, acme: Hub, named: str) -> None:
    acme.listed["models"] = [named]
    with pytest.raises(ImportFailed, match="the list of its models has"):
        at_home.imports.add_collection("hf:acme")


def test_a_list_goes_over_pages_of_the_same_server_alone(at_home: Registry, acme: Hub) -> None:
    acme.page = 1
    assert len(at_home.imports.add_collection("hf:acme", dry_run=True).items) == 3
    acme.next_page = "http://127.0.0.2:9"
    with pytest.raises(ImportFailed, match="another server"):
        at_home.imports.add_collection("hf:acme", dry_run=True)


def test_an_account_that_shows_nothing_and_a_name_that_is_none_are_told(at_home: Registry, acme: Hub) -> None:
    with pytest.raises(SourceNotFound, match="nobody of that name"):
        at_home.imports.add_collection("hf:nobody")
    for source in ("hf:acme/net", "hf:acme@main", "git:https://example.org/acme", "hf:", "hf:people/acme", "acme"):
        with pytest.raises(InputError):
            at_home.imports.add_collection(source)
    with pytest.raises(SourceIncomplete):
        at_home.imports.add_collection("hf:acme", choice=ImportChoice(leave_out=["*"], partial=True))


# --- The stand-in, and the command line ----------------------------------------------------------


def test_the_stand_in_lists_an_account_as_the_hubs_own_client_reads_it(acme: Hub) -> None:
    acme.page = 1
    api = HfApi(endpoint=acme.url, token=False)
    assert [one.id for one in api.list_models(author="acme")] == ["acme/base", "acme/net"]
    assert [one.id for one in api.list_datasets(author="acme")] == ["acme/gated", "acme/penguins"]


def test_on_the_command_line_an_account_is_imported_and_published(
    at_home: Registry, acme: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, run: Callable[..., tuple[int, str]]
) -> None:
    code, told = run("import", "hf:acme", "--collection", "--dry-run")
    assert code == 0 and "datasets/acme/gated: it is not open to all" in told and "CC0-1.0 AND MIT" in told
    code, told = run("import", "hf:acme", "--collection", "--leave-out", "models/*", "--json")
    assert code == 0 and [item["files"] for item in json.loads(told)["items"]] == [3]
    assert run("import", "hf:acme", "--partial")[0] == 2
    assert run("import", "hf:acme", "--collection", "--licence", "month: 30 days, 5 USD")[0] == 2
    monkeypatch.setattr(App, "registry", lambda *_, **__: at_home)
    offer = ("--publish", "--licence", "month: 30 days, 5 USD")
    assert run("import", "hf:acme", "--collection", *offer, "--gated")[0] == 2
    code, told = run("import", "hf:acme", "--collection", *offer, "--dry-run")
    assert code == 0 and "cheaper" in told and "root" not in told
    code, told = run("import", "hf:acme", "--collection", *offer, "--json")
    assert code == 0 and json.loads(told)["collection"]["size"] == 3
    acme.repository("acme/unclear", {"README.md": CARD.replace(b"cc0-1.0", b"other"), "a": b"1"})
    code, told = run("import", "hf:acme", "--collection")
    assert code == 1 and "--leave-out" in told and "datasets/acme/unclear" in told


def _stop_at(size: int) -> Callable[[str, int, int], None]:
    def stop(what: str, done: int, total: int) -> None:
        if what.startswith("importing") and done > size:
            raise KeyboardInterrupt

    return stop


@pytest.fixture
def run(tmp_path: Path) -> Callable[..., tuple[int, str]]:
    """The command line, with a home of its own: its exit code and all that it says."""

    def make(*words: str) -> tuple[int, str]:
        done = CliRunner().invoke(cli, list(words), env={"REGISTRY_HOME": str(tmp_path / "home"), "COLUMNS": "200"})
        if done.exception is not None and not isinstance(done.exception, SystemExit):
            return 1, f"{done.output}{done.exception}"
        return done.exit_code, done.output

    return make
