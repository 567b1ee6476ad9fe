"""Reading in a browser: a file comes from the gateway that its reader named, and no block of it is believed before it
was hashed."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest
from chromium import Chromium
from pages_world import BlockGateway, serious, served

from registry import Gated, Registry
from registry.ipfs.cid import CID

LARGE = b"0123456789abcdef" * 80_000
PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c4890000000d49444154789c6360606060000000050001a5f645400000000049454e44ae426082"
)


class Library:
    """An asset with files of each kind, its page at `url` and a gateway that has it."""

    def __init__(self, author: Registry, place: Path) -> None:
        made = place / "files"
        (made / "below").mkdir(parents=True)
        (made / "below" / "note.txt").write_text("Larches, measured.\n")
        (made / "large.txt").write_bytes(LARGE)
        (made / "dot.png").write_bytes(PNG)
        (made / "page.html").write_text("<script>window.hacked = true</script>")
        (made / "drawing.svg").write_text("<svg xmlns='http://www.w3.org/2000/svg' onload='window.hacked = true'/>")
        (made / "data.bin").write_bytes(bytes(range(256)))
        self.asset = author.publish(made, name="Larches", type="dataset", license="MIT")
        self.gated = author.publish(made, name="Sealed", type="dataset", license="MIT", gated=Gated())
        self.gateway = BlockGateway(author.store)
        self.url = ""


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Library]:
    author = Registry.local()
    made = Library(author, tmp_path_factory.mktemp("library"))
    with made.gateway.serving(), served(author) as url:
        made.url = url
        yield made


@pytest.fixture(autouse=True)
def honest(library: Library) -> None:
    library.gateway.lie = lambda cid, block: block
    library.gateway.asked.clear()


def read(browser: Chromium, library: Library, path: str, *, act: str = "show") -> str:
    """Read a file on its page; returns what the page says then."""
    browser.look(1_000, 800)
    browser.open(f"{library.url}/a/{library.asset.did.asset_id}/read/{path}")
    browser.evaluate(
        f"document.getElementById('gateway').value = {json.dumps(library.gateway.url)};"
        "document.querySelector('form[method=post]').submit()"
    )
    browser.until("document.querySelector('[data-read]:not([hidden])')", seconds=40)
    browser.evaluate(f"document.querySelector('[data-part={act}]').click()")
    browser.until("document.querySelector('[data-part=said].notice')", seconds=40)
    return str(browser.evaluate("document.querySelector('[data-part=said]').innerText"))


SHOWN = "document.querySelector('[data-part=shown]')"


def test_a_file_is_shown_from_the_gateway_that_was_named(browser: Chromium, library: Library) -> None:
    assert "Every block is what its name says" in read(browser, library, "below/note.txt")
    assert browser.evaluate(f"{SHOWN}.innerText").strip() == "Larches, measured."
    assert len(library.gateway.asked) == 3, "the root, the folder below, and the file"
    elsewhere = [one for one in browser.requests if not one.startswith((library.url, library.gateway.url, "blob:"))]
    assert not elsewhere and not browser.refused


def test_of_a_large_text_the_beginning_is_fetched_and_no_more(browser: Chromium, library: Library) -> None:
    assert "the first 0.26 MB are shown" in read(browser, library, "large.txt")
    leaves = {str(CID.raw(LARGE[at : at + 2**20])) for at in range(0, len(LARGE), 2**20)}
    assert len(leaves) == 2 and len(leaves & set(library.gateway.asked)) == 1


def test_what_is_read_is_text_or_a_picture_or_is_only_saved(browser: Chromium, library: Library) -> None:
    assert "Every block" in read(browser, library, "dot.png")
    assert browser.evaluate(f"{SHOWN}.firstElementChild.tagName") == "IMG"
    for name in ("page.html", "drawing.svg"):
        read(browser, library, name)
        assert browser.evaluate(f"{SHOWN}.firstElementChild.tagName") == "PRE", "markup is shown as text"
        assert browser.evaluate("typeof window.hacked") == "undefined"
    assert "neither text nor a picture" in read(browser, library, "data.bin")
    assert browser.evaluate(f"{SHOWN}.childElementCount") == 0


@pytest.mark.parametrize(
    ("lie", "words"),
    [
        (lambda cid, block: block + b"!", "is something else"),
        (lambda cid, block: b"", "is something else"),
        (lambda cid, block: bytes(3 * 1024 * 1024), "is larger than"),
        (lambda cid, block: block.replace(b"measured", b"invented"), "is something else"),
    ],
    ids=["more", "nothing", "too much", "other words"],
)
def test_a_gateway_that_lies_is_found_out_and_nothing_is_shown(
    browser: Chromium, library: Library, lie: Callable[[CID, bytes], bytes], words: str
) -> None:
    library.gateway.lie = lie
    assert words in read(browser, library, "below/note.txt")
    assert browser.evaluate(f"{SHOWN}.childElementCount") == 0


def test_axe_finds_nothing_serious_once_a_file_is_read(browser: Chromium, library: Library) -> None:
    for path in ("below/note.txt", "dot.png", "data.bin"):
        read(browser, library, path)
        assert not serious(browser), path


LIE = """
  new MutationObserver(() => {
    const place = document.querySelector("[data-read]");
    if (place && place.dataset.NAME !== VALUE) place.dataset.NAME = VALUE;
  }).observe(document, { childList: true, subtree: true });
"""


@pytest.mark.parametrize("name", ["cid", "content", "document"])
def test_a_hub_that_names_another_file_than_the_document_is_found_out(
    browser: Chromium, library: Library, name: str
) -> None:
    lie = LIE.replace("NAME", name).replace("VALUE", json.dumps(str(CID.raw(b"other"))))
    script = browser.do("Page.addScriptToEvaluateOnNewDocument", source=lie)["identifier"]
    try:
        told = read(browser, library, "below/note.txt")
    finally:
        browser.unbind(script)
    assert "other content than the document" in told or "The document is not there" in told
    assert browser.evaluate(f"{SHOWN}.childElementCount") == 0 and not library.gateway.asked


def test_whom_it_reaches_is_named_on_the_page_alone(library: Library) -> None:
    url = f"{library.url}/a/{library.asset.did.asset_id}/read/below/note.txt"
    for site in ("cross-site", "none", ""):
        answer = httpx.post(url, data={"gateway": "https://evil.example"}, headers={"sec-fetch-site": site})
        assert answer.status_code == 403 and "evil" not in answer.headers["content-security-policy"]
    named = httpx.post(url, data={"gateway": "https://gw.example/x"}, headers={"sec-fetch-site": "same-origin"})
    assert "connect-src 'self' https://gw.example;" in named.headers["content-security-policy"]
    assert "connect-src 'self';" in httpx.get(f"{url}?gateway=https://evil.example").headers["content-security-policy"]


def test_encrypted_content_is_left_to_the_client(library: Library) -> None:
    number = library.gated.did.asset_id
    answer = httpx.get(f"{library.url}/a/{number}/read/below/note.txt", headers={"accept": "text/html"})
    assert answer.status_code == 404 and f"registry download {number}" in answer.text
    assert "/read/" not in httpx.get(f"{library.url}/a/{number}/files/below/note.txt").text
