"""Agents at real servers: `registry mcp` as a process, on its standard streams and on a port, with a node behind it."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Iterator
from contextlib import AbstractAsyncContextManager, contextmanager
from pathlib import Path
from typing import Any

import httpx
import httpx2
import pytest
from mcp import Client
from mcp.client.stdio import StdioServerParameters
from mcp.client.streamable_http import streamable_http_client
from mcp_types import ElicitResult
from terminal import first_answer

from integration.cli_support import ADDRESSES, PUBLISH, Shell
from integration.support import Anvil

SECONDS = 120


@pytest.fixture(scope="module")
def buyer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shell]:
    """Somebody with 100 dollars, on a node where penguins are sold."""
    node = Anvil()
    author = Shell(node.url, tmp_path_factory.mktemp("shell"))
    author.ok("deploy", "--local-dollar", "--yes")
    author.ok("fund", "100 USD", "--account", ADDRESSES["buyer"])
    author.ok(*PUBLISH)
    (author.folder / "root").mkdir()
    yield author.as_("buyer")
    node.stop()


def stdio(shell: Shell, *words: str) -> StdioServerParameters:
    """A server that the client starts."""
    program = str(Path(sys.executable).parent / "registry")
    return StdioServerParameters(command=program, args=["mcp", *words], env=shell.environment, cwd=str(shell.folder))


@contextmanager
def on_a_port(shell: Shell, *words: str) -> Iterator[dict[str, str]]:
    """A server on a port: its url and token."""
    process = shell.process("mcp", "--http", "0", "--json", *words)
    try:
        yield first_answer("mcp", process)
    finally:
        process.terminate()
        assert process.wait(20) == 0


def over_http(place: dict[str, str], **headers: str) -> AbstractAsyncContextManager[Any]:
    """What the client connects to, with the token."""
    http = httpx2.AsyncClient(headers={"Authorization": f"Bearer {place['token']}", **headers}, timeout=SECONDS)
    return streamable_http_client(place["url"], http_client=http)


async def _agree(_context: Any, _question: Any) -> ElicitResult:
    return ElicitResult(action="accept", content={"agree": True})


async def call(client: Client, tool: str, **arguments: Any) -> dict[str, Any]:
    answer = await client.call_tool(tool, arguments)
    assert not answer.is_error, answer.content
    return dict(answer.structured_content or {})


async def shop(server: Any, order: str) -> int:
    """Find the penguins, buy a month, download and verify them; how many calls it took."""
    async with Client(server, elicitation_callback=_agree, read_timeout_seconds=SECONDS) as client:
        found = await call(client, "search_assets", text="penguins")
        did = found["assets"][0]["did"]
        offers = (await call(client, "describe_asset", asset=did))["licences"]
        number = next(str(one["number"]) for one in offers if one["publisher"]["name"] == "commercial")
        price = (await call(client, "quote_licence", asset=did, licence=number))["total"]
        bought = await call(client, "buy_licence", asset=did, licence=number, order=order, max_total=price)
        assert bought["paid"] == "12.5 USD" and bought["left_today"]["USD"].endswith("USD")
        await call(client, "download_asset", asset=did, folder=order)
        checked = await call(client, "verify_asset", asset=did, folder=order)
        assert checked["verified"] and checked["files"] == 3
    return 6


def test_penguins_are_bought_over_standard_streams_and_over_http(buyer: Shell) -> None:
    words = ("--root", str(buyer.folder / "root"), "--budget", "60 USD")
    assert asyncio.run(shop(stdio(buyer, *words), "first")) == 6
    with on_a_port(buyer, *words) as place:
        assert asyncio.run(shop(over_http(place), "second")) == 6
    csv = Path("penguins.csv")
    assert (buyer.folder / "root" / "first" / csv).read_bytes() == (buyer.folder / "root" / "second" / csv).read_bytes()


def test_two_servers_of_one_home_cannot_spend_a_budget_twice(buyer: Shell) -> None:
    """25 were spent before, so one purchase of 12.5 is left of 40: of two at the same moment one is refused."""
    before = buyer.json("balance", "USD")

    async def race() -> list[bool]:
        servers = [Client(stdio(buyer, "--budget", "40 USD", "--yes"), read_timeout_seconds=SECONDS) for _ in range(2)]
        async with servers[0] as one, servers[1] as other:
            asked = {"asset": "1", "licence": "commercial", "max_total": "12.5 USD"}
            orders = [(one, {**asked, "order": "race 1"}), (other, {**asked, "order": "race 2"})]
            answers = await asyncio.gather(*(server.call_tool("buy_licence", order) for server, order in orders))
            refused = [answer.is_error for answer in answers]
            # The other's payment may have used up the permit that the refused one was tried with: what holds it is the
            # budget, as it hears when it asks again.
            for server, order in (orders[place] for place, error in enumerate(refused) if error):
                again = await server.call_tool("buy_licence", order)
                assert again.is_error and "BudgetExceeded" in str(again.content), again.content
            return refused

    assert sorted(asyncio.run(race())) == [False, True]
    assert before != buyer.json("balance", "USD")


def test_a_port_answers_who_has_the_token_and_no_page_of_a_browser(buyer: Shell) -> None:
    hello = {"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {}}
    accept = {"Accept": "application/json, text/event-stream"}
    with on_a_port(buyer.as_(None)) as place:
        bearer = {"Authorization": f"Bearer {place['token']}", **accept}

        def status(**headers: str) -> int:
            return httpx.post(place["url"], json=hello, headers=headers, timeout=SECONDS).status_code

        assert status(**accept) == status(Authorization="Bearer x", **accept) == 401
        assert status(**bearer, Origin="https://evil.example") == 403
        assert status(**bearer, Origin=place["url"].removesuffix("/mcp")) == 403
        assert status(**bearer, Host="evil.example") == 421

        async def tools() -> list[str]:
            async with Client(over_http(place), read_timeout_seconds=SECONDS) as client:
                return [tool.name for tool in (await client.list_tools()).tools]

        assert len(asyncio.run(tools())) == 7


def test_a_server_that_cannot_start_says_why(buyer: Shell) -> None:
    assert "signer" in buyer.as_(None).refused("mcp", "--budget", "1 USD")["message"]
    assert "second budget" in buyer.refused("mcp", "--budget", "1 USD", "--budget", "2 USD")["message"]
    with on_a_port(buyer.as_(None)) as place:
        port = place["url"].split(":")[2].split("/")[0]
        assert "listened" in buyer.as_(None).refused("mcp", "--http", port)["message"]
    ended = subprocess.run(
        [str(Path(sys.executable).parent / "registry"), "mcp"],
        env=buyer.environment,
        cwd=buyer.folder,
        input=b"not JSON\n",
        capture_output=True,
        timeout=SECONDS,
    )
    assert ended.returncode == 0 and b"Traceback" not in ended.stderr
