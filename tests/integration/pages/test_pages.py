"""The pages of a hub as people meet them: in a browser, with script and without, on a phone, by a keyboard."""

from __future__ import annotations

import gzip
import html
import json
import re
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from chromium import Chromium
from pages_world import World, build, pages, serious, served

from registry import Gated
from registry.hub.pages.site import PAGES

SMALL = 60_000
ALL = 150_000
"""Bytes of a page's HTML, and of all that it loads as it is sent."""


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    made = build(tmp_path_factory.mktemp("world"))
    secret = tmp_path_factory.mktemp("secret")
    (secret / "README.md").write_text("# The secret of the house\n")
    (secret / "secret.csv").write_text("a,b\nplaintext,1\n")
    author = made.registry
    made.assets["gated"] = author.publish(secret, name="Secret", type="dataset", license="MIT", gated=Gated())
    made.assets["hidden"] = author.publish(
        secret, name="Hidden", type="dataset", license="MIT", gated=Gated(hide_names=True)
    )
    return made


@pytest.fixture(scope="module")
def url(world: World) -> Iterator[str]:
    with served(world.registry) as found:
        # Once, so that every preview is made.
        for path in pages(world).values():
            httpx.get(found + path, timeout=60)
        yield found


@pytest.fixture(scope="module")
def listed(world: World) -> dict[str, str]:
    return pages(world)


def test_every_page_reads_without_script(browser: Chromium, url: str, listed: dict[str, str]) -> None:
    told = {
        "browse": "Palmer penguins",
        "search": "4 assets",
        "asset": "30 days of access for 12.50 USD",
        "model": "1,000 uses for 4 USD",
        "files": "penguins.csv",
        "table": "Torgersen",
        "parquet": "cardiologist",
        "json": "bill_length_mm",
        "image": "Drawn anew",
        "sound": "hive-3-morning.wav",
        "notebook": "Gentoo",
        "code": "import",
        "reading": "Each is hashed before it is believed",
        "versions": "Changed: tags",
        "diff": "islands.geojson",
        "run": "means.py",
        "sales": "12.50 USD",
        "talk": "Each of an account that paid its owner: 50 USD together.",
        "offering": "each of at least 10 subjects",
        "kept": "nobody gets a block of them",
        "offerings": "Compute on data that stay",
        "person": "Alpine land cover",
        "team": "2 of 3 must sign",
        "mine": "Trams of Zürich",
        "inbox": "To compare two classifiers for a thesis.",
        "dao": "Nakamoto",
        "proposal": "could take unlimited USD",
        "executed": "Executed",
        "publish": "Which node keeps it?",
        "about": "Final block",
        "nothing": "There is no asset 999 here.",
    }
    assert set(told) == set(listed)
    browser.script(False)
    try:
        for name, path in listed.items():
            browser.open(url + path)
            assert told[name] in browser.evaluate("document.body.innerText"), name
            assert not browser.evaluate("document.querySelectorAll('button.copy').length"), (
                "no button that does nothing"
            )
    finally:
        browser.script(True)


def test_no_page_asks_anybody_else_or_breaks_its_own_policy(
    browser: Chromium, url: str, listed: dict[str, str]
) -> None:
    for path in listed.values():
        browser.open(url + path)
        assert all(one.startswith((url, "data:")) for one in browser.requests), browser.requests
        assert not browser.refused and not [one for one in browser.said if "404" not in one], (path, browser.said)


def test_axe_finds_nothing_serious_by_day_and_by_night(browser: Chromium, url: str, listed: dict[str, str]) -> None:
    found: dict[str, Any] = {}
    for width, dark in ((1_360, False), (390, True)):
        browser.look(width, 900, dark=dark, phone=width < 500)
        for name, path in listed.items():
            browser.open(url + path)
            found |= {f"{name} {width} {id}": markup for id, markup in serious(browser).items()}
    assert not found, json.dumps(found, indent=1)


def test_no_page_is_wider_than_its_screen(browser: Chromium, url: str, listed: dict[str, str]) -> None:
    for width in (320, 834, 1_920):
        browser.look(width, 900, phone=width < 500)
        for name, path in listed.items():
            browser.open(url + path)
            assert browser.evaluate("document.documentElement.scrollWidth") <= width, (name, width)


def test_a_page_is_small(url: str, listed: dict[str, str]) -> None:
    """The HTML of each, and all that comes with it as it is sent: style, script, two fonts."""
    first = httpx.get(url + "/").text
    shared = [part.split('"')[0] for part in first.split('="')[1:] if part.startswith("/static/")]
    shared += [f"{shared[0].rpartition('/')[0]}/source-serif-4.woff2"]
    assert len(set(shared)) == 5
    sent = sum(_sent(url + path) for path in set(shared))
    for name, path in listed.items():
        html = httpx.get(url + path, timeout=40).content
        assert len(html) <= SMALL, (name, len(html))
        assert sent + len(gzip.compress(html, 5)) <= ALL, name


def _sent(url: str) -> int:
    with httpx.stream("GET", url) as answer:
        return sum(map(len, answer.iter_raw()))


def test_one_finds_an_asset_reads_it_and_copies_how_to_load_it(browser: Chromium, url: str) -> None:
    browser.look(1_360, 900)
    browser.open(url)
    for kind in ("keyDown", "keyUp"):
        browser.do("Input.dispatchKeyEvent", type=kind, key="/", text="/" if kind == "keyDown" else "")
    browser.until("document.activeElement.id == 'q'")
    browser.do("Input.insertText", text="penguin measurements")
    _press(browser, "Enter", 13)
    browser.until("location.search.includes('penguin') && document.querySelector('.hits a')")
    assert "penguin measurements" in browser.evaluate("document.querySelector('.state h1').innerText")
    browser.evaluate("document.querySelector('.hits a').click()")
    browser.until("document.querySelector('h1')?.innerText == 'Palmer penguins' && document.querySelector('.copy')")
    browser.do("Browser.grantPermissions", permissions=["clipboardReadWrite", "clipboardSanitizedWrite"], origin=url)
    browser.do("Page.bringToFront")
    block = "[...document.querySelectorAll('[data-copy]')].find(e => e.innerText.includes('pandas'))"
    browser.evaluate(f"{block}.querySelector('button').click()")
    browser.until("[...document.querySelectorAll('.copy')].some(b => b.innerText == 'Copied')")
    assert "read_csv" in browser.evaluate("navigator.clipboard.readText()")
    # A link within a drawing has no click() of its own.
    click = "dispatchEvent(new MouseEvent('click', {bubbles: true, cancelable: true}))"
    browser.evaluate(f"document.querySelector('.family a[href]:not([aria-current])').{click}")
    browser.until("location.pathname != '/a/1' && document.querySelector('h1')")
    assert browser.evaluate("document.querySelector('.tabs [aria-current]').innerText") == "Card"


def _press(browser: Chromium, key: str, code: int) -> None:
    for kind in ("keyDown", "keyUp"):
        browser.do("Input.dispatchKeyEvent", type=kind, key=key, code=key, windowsVirtualKeyCode=code, text="\r")


def test_every_answer_to_a_browser_has_its_policy(url: str, listed: dict[str, str]) -> None:
    for path in [*listed.values(), "/nowhere", "/?limit=0"]:
        answer = httpx.get(url + path, headers={"accept": "text/html"}, timeout=40)
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'" in policy and "script-src 'self';" in policy and "connect-src 'self'" in policy
        assert "unsafe" not in policy and "http" not in policy
        assert answer.headers["x-content-type-options"] == "nosniff" and "set-cookie" not in answer.headers
        assert "access-control-allow-origin" not in answer.headers
        assert answer.text.startswith("<!doctype html>"), path


def test_machines_are_refused_in_json_and_people_in_words(url: str) -> None:
    assert httpx.get(url + "/v1/nowhere").json()["error"]["code"] == "not_found"
    assert "Not found" in httpx.get(url + "/nowhere", headers={"accept": "text/html"}).text
    refused = httpx.get(url + "/?max_price=x")
    assert refused.status_code == 422 and "max_price" in refused.text


def test_a_page_that_is_as_it_was_is_not_sent_again(url: str) -> None:
    first = httpx.get(url + "/a/1")
    again = httpx.get(url + "/a/1", headers={"if-none-match": first.headers["etag"]})
    assert again.status_code == 304 and not again.content
    style = first.text.split('rel="stylesheet" href="')[1].split('"')[0]
    assert "immutable" in httpx.get(url + style).headers["cache-control"]


def test_a_page_of_hits_that_is_not_full_says_why_and_leads_on(url: str) -> None:
    page = httpx.get(f"{url}/", timeout=60).text
    assert "at most two assets of one owner" in page and 'rel="next"' in page
    assert "at most two assets of one owner" not in httpx.get(f"{url}/?type=model", timeout=60).text


def test_a_page_leads_to_what_it_says_as_json(url: str, listed: dict[str, str]) -> None:
    for name in ("search", "asset", "files", "sales", "talk", "person", "mine", "dao"):
        page = httpx.get(url + listed[name], timeout=40).text
        (told,) = re.findall(r'<a href="([^"]+)" type="application/json">', page)
        answer = httpx.get(url + html.unescape(told), timeout=40)
        assert answer.status_code == 200 and answer.headers["content-type"] == "application/json", told


def test_a_table_says_how_the_values_of_each_column_are_spread(url: str, listed: dict[str, str]) -> None:
    page = html.unescape(httpx.get(url + listed["table"], timeout=40).text)
    assert "<small>2700 to 6300</small><small>2 missing</small>" in page
    assert "3 values, <bdi>Adelie</bdi> 44 %" in page and "344 rows, 8 columns; the first 50 rows" in page
    assert "How values are spread is of all rows" in page
    assert page.count('<svg class="spread"') == 8


def test_a_proposal_has_a_timeline_with_its_times(url: str, listed: dict[str, str]) -> None:
    for name, passed in (("executed", 5), ("proposal", 1)):
        page = httpx.get(url + listed[name], timeout=40).text
        way = page[page.index('<ol class="timeline">') :]
        steps = re.findall(r"<li( class=\"ahead\")?><span>([^<]+)</span>( <small><time)?", way[: way.index("</ol>")])
        assert [one[1] for one in steps] == [
            "Voting begins",
            "Voting ends",
            "Queued",
            "May be carried out",
            "Carried out",
        ]
        assert [not one[0] for one in steps].count(True) == passed
        assert all(one[2] for one in steps if not one[0]), "what is passed has its time"


def test_nothing_of_gated_content_is_shown_but_names(url: str, world: World) -> None:
    number = world.assets["gated"].did.asset_id
    for path in ("", "/files", "/files/secret.csv", "/files/README.md"):
        page = httpx.get(f"{url}/a/{number}{path}", timeout=40).text
        assert "plaintext" not in page and "secret of the house" not in page and "ncrypted" in page
    assert "secret.csv" in httpx.get(f"{url}/a/{number}/files").text
    assert httpx.get(f"{url}/a/{number}/image/secret.csv").status_code == 404
    hidden = world.assets["hidden"].did.asset_id
    assert "secret.csv" not in httpx.get(f"{url}/a/{hidden}/files").text
    assert httpx.get(f"{url}/a/{hidden}/files/secret.csv").status_code == 404


def test_an_offering_says_what_runs_what_comes_out_and_the_line_that_runs_it(
    url: str, world: World, listed: dict[str, str]
) -> None:
    """The lines are Python, and name a price that the client takes."""
    offering = html.unescape(httpx.get(url + listed["offering"], timeout=40).text)
    number = world.assets["ward"].did.asset_id
    lines = re.findall(r'data-copy="([^"]*registry\.compute[^"]*)"', httpx.get(url + listed["offering"]).text)[0]
    compile(html.unescape(lines), "page", "exec")
    assert f"on=[{number}]" in html.unescape(lines) and 'max_total="10 USD"' in html.unescape(lines)
    assert "a table of group, mass, n: at most 2 rows, each of at least 10 subjects" in offering
    assert "others once the owner has read them" in offering and "sandbox of tier 2" in offering
    # What the escrow sells is no subscription: no wallet is offered it, and the command is that of a run.
    assert "Runs for 2 USD per 100 seconds, 50 seconds at least." in offering
    assert f"--on {number} --escrow --licence 2 --dry-run" in offering
    assert not re.findall(r'data-act="subscribe"|data-act="buy"[^>]*data-licence="2"', offering)
    assert 'data-act="buy"' in offering and f"registry buy {number} 2" not in offering
    assert "stay with their owner" in httpx.get(url + listed["kept"], timeout=40).text
    for path in ("/compute", "/?computable=true"):
        page = httpx.get(url + path, timeout=40).text
        assert "Ward 7" in page and "Palmer" not in page
    assert [one.name for one in world.registry.search(computable=True)] == ["Ward 7, measurements of 1,204 patients"]


def test_what_came_in_is_told_of_assets_that_pay_their_owner_and_of_shares(url: str, world: World) -> None:
    for who, amount in (("author", "61.875 USD"), ("ann", "83.66 USD")):
        page = httpx.get(f"{url}/mine?account={world.registry.as_account(who).address.lower()}", timeout=40).text
        assert amount in page[page.index("<h2>Earned</h2>") :], who


def test_every_kind_of_page_was_looked_at(listed: dict[str, str]) -> None:
    seen = {path.partition("?")[0] for path in listed.values()}
    kinds = {kind.replace("{id:int}", "*").split("{")[0] for kind in PAGES}
    covered = {kind for kind in kinds if any(_like(path, kind) for path in seen)}
    # The first two are parts of pages; the others are looked at where there are key gateways, in test_open.py.
    assert kinds - covered == {"/a/*/image/", "/a/*/sound/", "/a/*/open", "/a/*/invite"}


def _like(path: str, kind: str) -> bool:
    parts, wanted = path.split("/"), kind.split("/")
    whole = len(parts) == len(wanted) or (kind.endswith("/") and len(parts) >= len(wanted))
    return whole and all(w in ("*", "", p) for p, w in zip(parts, wanted, strict=False))
