"""A hub: run one, index for one, see how one is, hold two against each other."""

from __future__ import annotations

import os
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from registry.cli.command import OUTFOLDER, Group, Real, Whole, command, dry_run_option

if TYPE_CHECKING:
    from registry.cli.app import App
    from registry.client import Registry
    from registry.errors import RegistryError
    from registry.index.home_index import LocalIndex
    from registry.index.index_reader import IndexReader
    from registry.sandbox.ingress.ingress_rules import AppOrigin

database_option = click.option(
    "--database",
    metavar="WHERE",
    help="File of SQLite, or postgresql://...; by default 'hub.sqlite' in the folder 'hub' at --home.",
)
search_option = click.option(
    "--search-folder",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Where the search is kept; by default at home.",
)
engine_option = click.option(
    "--engine",
    type=click.Choice(["auto", "fts5", "tantivy"]),
    default="auto",
    show_default=True,
    help="What searches: auto is tantivy beyond 100,000 assets, where it is installed.",
)
final_option = click.option(
    "--final-after",
    type=Whole(1),
    metavar="BLOCKS",
    help="Blocks until one is final; by default as the node says.",
)
witness_option = click.option(
    "--second-rpc", metavar="URL", help="A second node that must agree on what is final, and on its events."
)
verify_option = click.option(
    "--verify",
    is_flag=True,
    help="Prove the receipts of each block that may have an event, so that nothing is left out.",
)
app_option = click.option(
    "--app",
    "apps",
    multiple=True,
    metavar="ASSET=ORIGIN",
    help="Show an app on its page, in a frame: as 'registry app run' says; repeatable. Nothing else is shown so.",
)


@click.group("hub", cls=Group)
def hub() -> None:
    """Run a hub: an index that anybody can search over HTTP, and check. See docs/hub.md."""


@command(
    "serve",
    group=hub,
    examples=[
        "registry hub serve",
        "registry hub serve --database postgresql://hub@/hub --host 0.0.0.0 --public-url https://hub.example.org",
        "registry hub serve --pull https://another.example.org",
        "registry hub serve --read-only --database postgresql://reader@/hub",
    ],
)
@database_option
@search_option
@engine_option
@final_option
@witness_option
@verify_option
@click.option("--host", default="127.0.0.1", show_default=True, metavar="HOST", help="Address to listen on.")
@click.option("--port", type=Whole(0, 65535), default=8455, show_default=True, metavar="N", help="0: any.")
@click.option("--public-url", metavar="URL", help="Where people reach it.")
@click.option(
    "--proxy", "proxies", multiple=True, metavar="ADDRESS", help="A reverse proxy whose X-Forwarded-For is believed."
)
@click.option(
    "--pull", "peers", multiple=True, metavar="URL", help="A hub whose comments, likes and requests are taken over."
)
@click.option("--read-only", is_flag=True, help="Answer from a database that another process keeps.")
@click.option("--pages/--no-pages", default=True, show_default=True, help="Whether people find pages there.")
@click.option("--rate", type=Real(0.01), metavar="N", help="Requests a second of one network: 50.")
@click.option("--burst", type=Whole(1), metavar="N", help="Requests at once of one network: 200.")
@app_option
def serve(
    app: App,
    host: str,
    port: int,
    public_url: str | None,
    proxies: tuple[str, ...],
    peers: tuple[str, ...],
    read_only: bool,
    pages: bool,
    rate: float | None,
    burst: int | None,
    apps: tuple[str, ...],
    **place: Any,
) -> None:
    """Serve until interrupted (Ctrl-C, SIGTERM); what is under way is finished first.

    It listens to this machine alone unless --host says otherwise: put a reverse proxy with TLS before it.
    """
    from registry.cli.listening import require_public_url, url_at

    try:
        from registry.hub.follower import Hub
        from registry.hub.hooks import Hooks
        from registry.hub.hub_server import HubServer
        from registry.hub.hub_settings import HubSettings
        from registry.hub.pages.site import Site
        from registry.system.serving import listen
    except ModuleNotFoundError as error:
        raise _without(error) from error
    require_public_url(host, public_url, named_by="feeds")
    registry = app.registry()
    shown = _shown(registry, apps)
    with app.progress():
        index = _open(app, registry, place, keeps=_keeps(read_only, peers))
    sock = listen(host, port)
    url = public_url or url_at(host, sock)
    made = Hub(
        index,
        HubSettings(url, apps=shown, **_given(rate=rate, burst=burst)),
        chain_id=registry.chain.chain_id,
        follows=not read_only,
        hooks=None if read_only else Hooks(_folder(app) / "hooks.json"),
        verifies=bool(place["verify"]),
        second_node=bool(place["second_rpc"]),
        keeps=registry.store,
        peers=peers,
    )
    try:
        server = HubServer(made, sock, site=Site(made, registry) if pages else None, proxies=proxies)
        app.console.answer(f"Serving at {url} (Ctrl-C to stop)", {"url": url, "registry": registry.deployment.registry})
        sys.stdout.flush()
        server.run()
    finally:
        index.close()


def _keeps(read_only: bool, peers: tuple[str, ...]) -> bool:
    """Whether the hub keeps the tables. Raises `click.UsageError` for a reader of them that has hubs to pull from."""
    if read_only and peers:
        raise click.UsageError("--pull is for the hub that keeps the database, not for one with --read-only.")
    return not read_only


def _shown(registry: Registry, apps: tuple[str, ...]) -> dict[int, AppOrigin]:
    """Where which app runs, by the number of its asset. Raises `InputError`."""
    from registry.errors import InputError
    from registry.sandbox.ingress.ingress_rules import AppOrigin
    from registry.text.numbers import digits_or_text

    shown: dict[int, AppOrigin] = {}
    for text in apps:
        asset, equals, origin = text.partition("=")
        if not equals:
            raise InputError(
                f"{text!r} names no origin of an app.", hint="It looks like 7=http://app-1f2e.localhost:8457."
            )
        shown[registry.did(digits_or_text(asset)).asset_id] = AppOrigin(origin)
    return shown


def _given(**options: Any) -> dict[str, Any]:
    return {name: value for name, value in options.items() if value is not None}


@command(
    "open",
    group=hub,
    examples=[
        "registry hub open --hub https://hub.example.org",
        "registry hub open --hub https://hub.example.org --port 0",
    ],
)
@click.option("--hub", "elsewhere", metavar="URL", help="The hub; by default the first of $REGISTRY_HUB.")
@click.option("--port", type=Whole(0, 65535), default=8456, show_default=True, metavar="N", help="0: any.")
@app_option
def open_(app: App, elsewhere: str | None, port: int, apps: tuple[str, ...]) -> None:
    """Open the pages of a hub on this machine: markup, style and scripts are those of this package, and the hub gives
    facts alone.

    Assets and holdings are held against your own node (--rpc), and a page that would show something untrue of them
    names the hub instead. Proposals are read from your node, content from your store. Ends with Ctrl-C.
    """
    from registry.cli.listening import url_at
    from registry.errors import InputError
    from registry.index.hubs import HUB_VARIABLE

    try:
        from registry.hub.elsewhere import HubElsewhere
        from registry.hub.hub_server import HubServer
        from registry.hub.hub_settings import HubSettings
        from registry.hub.pages.site import Site
        from registry.system.serving import listen
    except ModuleNotFoundError as error:
        raise _without(error) from error

    source = elsewhere or os.environ.get(HUB_VARIABLE, "").partition(",")[0].strip()
    if not source:
        raise InputError("No hub is named.", hint=f"Add --hub https://..., or set ${HUB_VARIABLE}.")
    registry = app.registry()
    shown = _shown(registry, apps)
    sock = listen("127.0.0.1", port)
    url = url_at("127.0.0.1", sock)
    try:
        made = HubElsewhere(source, registry, HubSettings(url, seconds=60.0, apps=shown))
    except BaseException:
        sock.close()
        raise
    server = HubServer(made, sock, site=Site(made, registry))
    app.console.answer(f"The pages of {made.url}, made here: {url} (Ctrl-C to stop)", {"url": url, "hub": made.url})
    sys.stdout.flush()
    server.run()


@command(
    "index", group=hub, examples=["registry hub index", "registry hub index --again", "registry hub index --refold"]
)
@database_option
@search_option
@engine_option
@final_option
@witness_option
@verify_option
@click.option("--again", is_flag=True, help="Throw the index away and read the chain anew.")
@click.option("--refold", is_flag=True, help="Make the tables again from the events that are there; asks no node.")
def index(app: App, again: bool, refold: bool, **place: Any) -> None:
    """Bring an index up to the head of the chain, and end."""
    from registry.index.indexer import refold as fold_again

    registry = app.registry()
    with app.progress():
        made = _open(app, registry, place, again=again)
    try:
        with app.progress():
            if refold:
                fold_again(made.indexer.store, made.indexer.contracts, progress=registry.progress)
            standing = made.catch_up()
        facts = {
            "block": standing.number if standing else None,
            "final": standing.final if standing else None,
            "waits": standing.waits if standing else "another process is at it",
            "root": made.catalogue.root().root,
        }
        app.console.result(facts, facts={name: str(value) for name, value in facts.items() if value != ""})
    finally:
        made.close()


@command(
    "export",
    group=hub,
    examples=[
        "registry hub export postgresql://hub@db/hub",
        "registry hub export backup.sqlite --database postgresql://hub@db/hub",
    ],
)
@click.argument("target", metavar="WHERE")
@database_option
def export(app: App, target: str, database: str | None) -> None:
    """Copy an index into another, empty database, so that a hub goes on there: from SQLite to PostgreSQL, or back.

    It is copied as it is at one moment, whoever writes it meanwhile, and asks no node. WHERE is a file of SQLite or
    postgresql://... The copy has the same root, or there is none.
    """
    from contextlib import closing

    from registry.index.copying import copy_index
    from registry.index.stores import filled_store, is_server, open_store

    place = database or str(_folder(app) / "hub.sqlite")
    if not is_server(place) and not Path(place).exists():
        raise _nothing_at(place)
    with closing(open_store(place)) as source, filled_store(target) as copy, app.progress():
        assets, root = copy_index(source, copy, progress=app.tick)
    app.console.result({"assets": assets, "root": root.hex()}, facts={"assets": f"{assets:,}", "root": root.hex()})


@command("status", group=hub, examples=["registry hub status https://hub.example.org"])
@click.argument("url")
def status(app: App, url: str) -> None:
    """Show what a hub is, and how far."""
    from registry.index.remote import RemoteHub

    found = RemoteHub(url).facts()
    facts = {
        "registry": f"{found.registry} on chain {found.chain_id}",
        "version": f"{found.version}, ranking {found.ranking}, {found.engine}",
        "last block": f"{found.head.number}, {found.lag} behind its node",
        "final block": str(found.final),
        "waits": found.waits,
        "assets": f"{found.assets:,}",
        "documents": ", ".join(f"{count:,} {name}" for name, count in sorted(found.documents.items())),
        "statements": f"{found.statements:,}",
        "checks": ", ".join(
            word for word, holds in (("receipts", found.verifies), ("a second node", found.second_node)) if holds
        ),
    }
    app.console.result(found.to_dict(), facts={name: text for name, text in facts.items() if text})


@command(
    "script",
    group=hub,
    examples=["registry hub script https://hub.example.org", "registry hub script --propose --dry-run"],
)
@click.argument("url", required=False)
@click.option(
    "--propose",
    "proposes",
    is_flag=True,
    help="Propose the script of this package to the DAO.",
)
@dry_run_option
def script(app: App, url: str | None, proposes: bool, dry_run: bool) -> None:
    """Hold the wallet script that a hub serves against this package's and those that the DAO adopted.

    The DAO names them in the standard 'wallet-script'. What a hub answers here is not what it must answer a browser:
    the pages of 'registry hub open' have the script of this package, whatever the hub serves.
    """
    from registry.hub import wallet_script

    registry = app.registry(to="propose a standard") if proposes else app.registry()
    done = wallet_script.propose(registry, dry_run=dry_run) if proposes else None
    known = wallet_script.adopted(registry)
    found = wallet_script.check(url, known) if url else None
    stands = "adopted" if wallet_script.DIGEST in known else "not among those adopted" if known else "it names none"
    facts = {
        "this package": wallet_script.DIGEST,
        "the DAO": stands,
        "the hub": "" if found is None else "the same" if found.sent == wallet_script.DIGEST else "an adopted one",
        "proposed": "" if done is None else "nothing was sent" if done.tx is None else "yes: the DAO has to adopt it",
    }
    answer = {"package": wallet_script.DIGEST, "adopted": sorted(known), "hub": found, "proposed": done}
    app.console.result(answer, facts={name: text for name, text in facts.items() if text})


@command(
    "pages",
    group=hub,
    examples=[
        "registry hub pages",
        "registry hub pages --out pages/",
        "registry hub pages --check https://hub.example.org",
    ],
)
@click.option("--out", type=OUTFOLDER, metavar="DIR", help="Write them there, as a folder of that CID.")
@click.option("--check", "url", metavar="URL", help="Hold what a hub serves against them.")
def pages(app: App, out: str | None, url: str | None) -> None:
    """Say the CID of what pages load: style, scripts and fonts of this package, which 'registry hub open' serves.

    What a hub answers to --check is not what it must answer a browser.
    """
    try:
        from registry.hub.served_pages import check_served, export_pages, recorded_cid
    except ModuleNotFoundError as error:
        raise _without(error) from error

    cid = export_pages(Path(out)) if out else recorded_cid()
    if url:
        check_served(url)
    facts = {
        "the pages of this package": f"ipfs://{cid}",
        "written to": out or "",
        "the hub": "the same" if url else "",
    }
    answer = {"cid": cid, "folder": out, "hub": url}
    app.console.result(answer, facts={name: text for name, text in facts.items() if text})


@command(
    "compare",
    group=hub,
    examples=[
        "registry hub compare https://a.example https://b.example",
        "registry hub compare https://a.example --lists",
    ],
)
@click.argument("first")
@click.argument("second", required=False)
@click.option("--lists", is_flag=True, help="Read the whole list of each, too: one may know an asset and hide it.")
def compare(app: App, first: str, second: str | None, lists: bool) -> None:
    """Find the assets of which two hubs say different things at the last block that is final for both, and which of
    them is wrong by the chain.

    Without SECOND the hub is compared with an index of your own, which is read from your node first.
    """
    from registry.cli.console import table_of
    from registry.index.hubs import index_of, opened_hub
    from registry.index.proof import compare as differences

    registry = app.registry()
    with ExitStack() as opened:
        hubs: list[IndexReader] = [opened.enter_context(opened_hub(registry, url)) for url in (first, second) if url]
        if second is None:
            with app.progress():
                hubs.append(index_of(registry).catalogue)
        with app.progress():
            found = differences(hubs[0], hubs[1], registry.chain, registry.deployment.registry, lists=lists)
    if not found.differences and not app.console.as_json:
        app.console.say(f"They agree on every asset: {found.assets:,} at block {found.block}.")
        return
    table = table_of(f"at block {found.block}", "asset", "the first", "the second", "wrong")
    for one in found.differences:
        table.add_row(one.did, one.first, one.second, ", ".join(name or "your own index" for name in one.wrong))
    app.console.result(found, table=table)
    if found.more:
        app.console.say("There are more.")


@click.group("hook", cls=Group)
def hook() -> None:
    """Web hooks of a hub: what is posted to whom."""


hub.add_command(hook)


@command("add", group=hook, examples=["registry hub hook add https://example.org/hook --kind sale --asset 7"])
@click.argument("url")
@click.option(
    "--kind",
    "kinds",
    multiple=True,
    required=True,
    type=click.Choice(["version", "sale", "vote", "ending"]),
    help="Of what; repeatable.",
)
@click.option("--asset", type=Whole(1), metavar="N", help="Of this asset alone.")
@click.option("--account", metavar="ADDRESS", help="Of this account alone.")
@click.option("--days", type=Whole(1, 365), default=7, show_default=True, help="Days before the end of access.")
def hook_add(app: App, url: str, kinds: tuple[str, ...], asset: int | None, account: str | None, days: int) -> None:
    """Note an address that is told of what happens from now on; its secret is shown this once."""
    from registry.hub.hooks import Hooks
    from registry.types import to_address

    head = app.chain().block().number if app.settings.get("rpc") else 0
    made = Hooks(_folder(app) / "hooks.json").add(
        url, kinds, asset=asset or 0, account=to_address(account).lower() if account else "", days=days, block=head
    )
    text = f"Noted as {made.name}. Posts are signed with the secret {made.secret}"
    app.console.answer(text, {"name": made.name, "secret": made.secret})


@command("list", group=hook, examples=["registry hub hook list"])
def hook_list(app: App) -> None:
    """List the hooks, without their secrets."""
    from registry.cli.console import table_of
    from registry.hub.hooks import GIVEN_UP, Hooks

    found = Hooks(_folder(app) / "hooks.json").all()
    table = table_of("", "name", "address", "of", "told up to block", "state")
    for one in found:
        state = "given up" if one.tries >= GIVEN_UP else f"failed {one.tries} times" if one.tries else "well"
        table.add_row(one.name, one.url, ", ".join(one.kinds), str(one.block), state)
    plain = [{"name": one.name, "url": one.url, "kinds": one.kinds, "tries": one.tries} for one in found]
    app.console.result(plain, table=table)


@command("remove", group=hook, examples=["registry hub hook remove 0123456789ab"])
@click.argument("name")
def hook_remove(app: App, name: str) -> None:
    """Forget a hook."""
    from registry.hub.hooks import Hooks

    Hooks(_folder(app) / "hooks.json").remove(name)
    app.console.answer(f"{name} is told no more.", {"removed": name})


def _without(error: ModuleNotFoundError) -> RegistryError:
    from registry.errors import InputError

    return InputError(
        f"The hub needs {error.name}, which is not installed.",
        hint="Install it with: pip install 'asset-registry[hub]'",
    )


def _nothing_at(place: str) -> RegistryError:
    from registry.errors import InputError

    return InputError(f"There is no index at {place}.", hint="Name another with --database, or 'registry hub index'.")


def _folder(app: App) -> Path:
    return app.home / "hub"


def _open(
    app: App, registry: Registry, place: dict[str, Any], *, again: bool = False, keeps: bool = True
) -> LocalIndex:
    """The index of a hub, as the options say."""
    from registry.chain.connection import Chain
    from registry.index.home_index import open_index
    from registry.index.indexer import Finality
    from registry.index.search.engines import open_engine
    from registry.index.stores import open_store

    folder = _folder(app)
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    store = open_store(place["database"] or str(folder / "hub.sqlite"))
    assets = int(store.rows("SELECT count(*) FROM asset")[0][0]) if store.is_there() else 0
    engine = open_engine(place["search_folder"] or folder / "search", place["engine"], assets)
    witness = Chain.connect(place["second_rpc"], chain_id=registry.chain.chain_id) if place["second_rpc"] else None
    return open_index(
        registry,
        store,
        engine,
        again=again,
        finality=Finality(place["final_after"]) if place["final_after"] else None,
        witness=witness,
        verify=bool(place["verify"]),
        keeps=keeps,
    )
