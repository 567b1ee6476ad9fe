"""Documents and files of attackers in a real browser: no script of theirs runs, nothing is fetched from elsewhere, and
nothing hangs."""

from __future__ import annotations

import time
from collections.abc import Iterator
from urllib.parse import quote

import httpx
import pytest
from chromium import Chromium
from hostile.documents import LEGAL
from hostile.files import FILES, HACK, IMAGE, SCRIPT, SVG, data_of
from pages_world import served

from registry import Licence, Registry

AUTHORS_WORDS = {
    "name": SCRIPT[:250],
    "author": IMAGE,
    "tags": (SCRIPT[:100], '" onclick="alert(1)', "</title>"),
    "description": f"{SCRIPT}\n\n{SVG}",
    "license": f'https://example.org/"onmouseover="{HACK}"',
    "external_url": f"https://example.org/'onmouseover='{HACK}'",
    "image": "https://169.254.169.254/latest/meta-data",
}
"""Script in every field that a document has."""


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    author = Registry.local(dao=True)
    folder = tmp_path_factory.mktemp("hostile") / "files"
    folder.mkdir()
    for name in FILES:
        (folder / name).write_bytes(data_of(name))
    licence = Licence.free(IMAGE[:200], description=SCRIPT, terms=f"javascript:{HACK}")
    priced = Licence.hold(SVG[:250], price="1 USD", description=SVG, terms=SCRIPT)
    author.publish(folder, type="dataset", licences=[licence, priced], **AUTHORS_WORDS)
    for fields in LEGAL.values():
        plain = {"name": "Plain", "type": "dataset", "license": "MIT"}
        author.publish(None, **{**plain, **fields})
    author.governance.flag(1, f"{SCRIPT} [x](javascript:{HACK}) {IMAGE}")
    author.fund("5 USD", account=author.governance.dao.timelock)
    draft = author.governance.draft(
        [author.governance.payment(author.address, "1 USD")], title=SCRIPT[:100], body=f"{SCRIPT}\n\n{IMAGE}\n\n{SVG}"
    )
    proposal = author.governance.propose(draft).id
    author.chain.advance(2 * 86_400)
    author.governance.vote(proposal, "for", reason=f"{SCRIPT}{IMAGE}")
    author.buy(1, 0)
    with served(author) as found:
        yield found


def calm(browser: Chromium, url: str, path: str, *, seconds: float = 60) -> str:
    """Open a page, wait until all of it is made; returns its text once nothing was found to be wrong."""
    until = time.monotonic() + seconds
    while True:
        browser.open(url + path)
        text = browser.evaluate("document.body.innerText")
        assert browser.evaluate("typeof window.hacked") == "undefined", path
        # That a picture is none may be said: which hosts were asked is seen below. One that is being made is asked for
        # again, like the page.
        making = any("503 (Service Unavailable)" in one for one in browser.said) or "in a moment" in text
        said = [one for one in browser.said if "404 (Not Found)" not in one and "503 (Service" not in one]
        assert not browser.dialogs and not said and not browser.refused, (path, said, browser.refused)
        elsewhere = [one for one in browser.requests if not one.startswith((url, "data:"))]
        assert not elsewhere, (path, elsewhere)
        handlers = (
            "[...document.querySelectorAll('*')].flatMap(e => [...e.attributes]).filter(a => /^on/i.test(a.name))"
        )
        assert browser.evaluate(f"{handlers}.length") == 0, path
        leads = "[...document.links].map(a => a.href).filter(h => !/^(https?|mailto):/.test(h))"
        assert browser.evaluate(leads) == [], path
        if not making:
            return str(text)
        assert time.monotonic() < until, f"{path} is still being made"
        time.sleep(0.5)


@pytest.mark.parametrize("name", list(FILES))
def test_a_file_of_an_attacker_is_shown_and_does_nothing(browser: Chromium, url: str, name: str) -> None:
    assert name in calm(browser, url, f"/a/1/files/{quote(name)}")


def test_the_pages_of_an_asset_with_script_in_every_field(browser: Chromium, url: str) -> None:
    text = calm(browser, url, "/a/1")
    assert "<script>" in text and "onerror" in text, "it is shown as it is"
    for path in ("/a/1/files", "/a/1/versions", "/a/1/sales", "/?q=script", "/?tag=" + quote("</title>"), "/"):
        calm(browser, url, path)


@pytest.mark.parametrize("number", range(2, 2 + len(LEGAL)), ids=list(LEGAL))
def test_an_unpleasant_document_is_shown_and_does_nothing(browser: Chromium, url: str, number: int) -> None:
    calm(browser, url, f"/a/{number}")


def test_proposals_votes_and_flags_with_script_in_them(browser: Chromium, url: str) -> None:
    calm(browser, url, "/dao")
    browser.open(url + "/dao")
    path = browser.evaluate("document.querySelector('.proposals a').getAttribute('href')")
    until = time.monotonic() + 60
    while calm(browser, url, path).count("<script>") < 3:
        assert time.monotonic() < until, "title, body and reason are shown as they are"


@pytest.mark.parametrize(
    "path",
    [
        "/?q=" + quote(SCRIPT),
        "/?tag=" + quote('"><script>alert(1)</script>'),
        "/?license=" + quote("javascript:alert(1)"),
        "/?sort=" + quote(SCRIPT),
        "/?" + quote(SCRIPT) + "=1",
        "/mine?account=" + quote(SCRIPT),
        "/u/" + quote(SCRIPT),
        "/dao/" + quote(SCRIPT),
        "/a/1/files/" + quote(SCRIPT),
        "/a/1/files/..%2f..%2f..%2fetc%2fpasswd",
        "/a/1/diff?a=" + quote(SCRIPT),
        "/static/x/..%2f..%2fdesk.py",
        "/" + quote(SCRIPT),
    ],
)
def test_what_an_address_says_comes_back_as_text(browser: Chromium, url: str, path: str) -> None:
    answer = httpx.get(url + path, headers={"accept": "text/html"})
    assert answer.status_code < 500 and "<script>" not in answer.text.replace('<script type="module"', "")
    browser.open(url + path)
    assert browser.evaluate("typeof window.hacked") == "undefined" and not browser.dialogs and not browser.refused


@pytest.mark.parametrize("name", ["page.png", "script.gif", "claims.png", "bomb.png", "cut.jpg", "drawing.svg"])
def test_no_picture_is_made_of_what_is_none(url: str, name: str) -> None:
    assert httpx.get(f"{url}/a/1/image/{name}", timeout=40).status_code == 404


def test_a_strangers_bytes_are_no_document_of_this_origin(url: str) -> None:
    """Only what begins like a sound is handed on as it is: to be saved, and in a sandbox if somebody opens it."""
    assert httpx.get(f"{url}/a/1/sound/page.wav").status_code == 404
    answer = httpx.get(f"{url}/a/1/sound/riff.wav")
    assert answer.status_code == 200 and answer.headers["content-type"] == "audio/wav"
    assert (
        answer.headers["content-disposition"] == "attachment" and answer.headers["x-content-type-options"] == "nosniff"
    )
    assert "sandbox" in answer.headers["content-security-policy"].split("; ")
