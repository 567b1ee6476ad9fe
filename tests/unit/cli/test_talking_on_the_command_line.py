"""What people say by commands: the same words to people and machines, and nothing that a terminal obeys."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from selling import MONTH
from terminal import runner

from registry import DID, Published, Registry
from registry.cli import cli
from registry.cli.app import App
from registry.index.home_index import open_local


@pytest.fixture
def shell(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """``shell(buyer, "comment", ...)``: the command line of somebody; ends with what it writes as JSON."""

    def run(by: Registry, *words: object, code: int = 0) -> Any:
        monkeypatch.setattr(App, "registry", lambda _app, *, to=None: by)
        ended = runner().invoke(cli, [*map(str, words), "--json"])
        assert ended.exit_code == code, ended.stderr
        return json.loads(ended.stdout if code == 0 else ended.stderr)

    return run


@pytest.fixture
def did(publish: Callable[..., Published], author: Registry, buyer: Registry) -> DID:
    made = publish(MONTH).did
    buyer.buy(made, "month")
    store = open_local(author).indexer.store
    with store.writing():
        if store.is_there():
            store.run("DELETE FROM statement")
    return made


def test_a_comment_its_answer_and_a_like(
    did: DID, author: Registry, buyer: Registry, shell: Callable[..., Any], tmp_path: Path
) -> None:
    review = tmp_path / "review.md"
    review.write_bytes(b"Two files lack a header.\r\nThe rest is fine.\r\n")
    said = shell(buyer, "comment", did, f"@{review}")
    shell(author, "comment", did, "Mended.", "--answers", said["cid"])
    shell(buyer, "like", did)
    told = shell(author, "talk", "show", did)
    assert [(one["text"], one["level"]) for one in told["comments"]] == [
        ("Two files lack a header.\nThe rest is fine.\n", 0),
        ("Mended.", 1),
    ]
    assert told["likes"] == [buyer.address.lower()] and told["requests"] == []
    shell(buyer, "like", did, "--no-longer")
    shell(author, "talk", "fold", did, said["cid"])
    shell(author, "talk", "withdraw", did, told["comments"][1]["cid"])
    told = shell(author, "talk", "show", did)
    assert told["likes"] == [] and told["comments"][0]["folded"] and told["comments"][1]["withdrawn"]
    refused = shell(author, "comment", did, f"@{tmp_path}/nothing.md", code=1)
    assert refused["error"] == "InputError" and "nothing.md" in refused["message"]


def test_people_read_it_indented(did: DID, author: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    first = author.talk.comment(did, "One\ntwo")
    author.talk.comment(did, "three", answers=first.cid)
    monkeypatch.setattr(App, "registry", lambda _app, *, to=None: author)
    told = runner().invoke(cli, ["talk", "show", str(did)]).stdout
    assert "2 comments, 0 likes, 0 of 0 requests wait." in told
    assert "\n  One\n  two\n" in told and "\n    three\n" in told


def test_a_request_from_asking_to_the_answer(
    did: DID, author: Registry, stranger: Registry, ann: Registry, shell: Callable[..., Any]
) -> None:
    asked = shell(stranger, "requests", "ask", did, "--use", "A paper.")
    other = shell(ann, "requests", "ask", did, "month", "--use", "A lecture.")
    # Asked in the same second, they have no order.
    assert {one["use"] for one in shell(author, "requests", "inbox")} == {"A paper.", "A lecture."}
    shell(author, "requests", "grant", asked["cid"], "--dry-run")
    assert not stranger.has_access(did)
    shell(author, "requests", "grant", asked["cid"], "--text", "Good luck.")
    shell(author, "requests", "decline", other["cid"], "--text", "No.")
    assert stranger.has_access(did) and not ann.has_access(did)
    assert shell(author, "requests", "inbox") == [] and len(shell(author, "requests", "inbox", "--answered")) == 2
    (answered,) = shell(ann, "requests", "sent")
    assert (answered["answer"]["outcome"], answered["answer"]["text"]) == ("declined", "No.")
