"""Keeping content: pins here and with services, audits, the store's upkeep, and serving it. Needs no chain, except to
look an asset up."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any, Final

import click

from registry.cli.command import Group, Real, Whole, command
from registry.cli.ipfs import ROOT, dns_option, find, ipfs, names_of, parse, size_of, source_option, ticker
from registry.cli.ipfs_data import dag, files, name

if TYPE_CHECKING:
    from rich.table import Table

    from registry.cli.app import App
    from registry.ipfs.replicas import PinReceipt, PinReceipts

SERVE_TOKEN: Final = "REGISTRY_SERVE_TOKEN"
"""Environment variable with the token that a server asks for."""

service_option = click.option(
    "--service",
    "services",
    multiple=True,
    metavar="SERVICE",
    help="A pinning service: pinata, filebase, cluster, filecoin-pin, or https://ENDPOINT[,https://GATEWAY]; "
    "repeatable. Its token is taken from REGISTRY_PIN_TOKEN_<NAME> or REGISTRY_PIN_TOKEN.",
)


def is_asset(root: str) -> bool:
    """Whether a root is an asset (a number or a DID) rather than a CID."""
    return root.startswith("did:") or (root.isascii() and root.isdigit())


def receipts(app: App) -> PinReceipts:
    """Who keeps what, as it is remembered at home."""
    from registry.ipfs.replicas import PinReceipts

    return PinReceipts(app.home / "pins")


def receipts_table(found: tuple[PinReceipt, ...]) -> Table:
    """Receipts by service."""
    from registry.cli.console import table_of, when

    table = table_of("", "service", "CID", "since", "for")
    for receipt in found:
        table.add_row(receipt.service, receipt.cid, when(int(receipt.pinned)), receipt.subject)
    return table


@click.group("pin", cls=Group)
def pin() -> None:
    """Have content kept: in the store here, and by services elsewhere.

    A ROOT is a CID or an asset (its number or DID); of an asset the document and the content are meant.
    """


for group in (pin, dag, files, name):
    ipfs.add_command(group)


@command(
    "add",
    group=pin,
    examples=[
        f"registry ipfs pin add {ROOT}",
        "registry ipfs pin add 1 --service pinata --service filebase --replicas 2",
        f"registry ipfs pin add {ROOT} --service https://pins.example.com,https://gateway.example.com",
    ],
)
@click.argument("root")
@service_option
@click.option("--replicas", type=Whole(1), help="How many of the services; by default all that are named.")
@click.option("--origin", "origins", multiple=True, metavar="MULTIADDR", help="A node that has it; repeatable.")
@click.option("--name", default="", help="A name to find it by.")
@click.option("--wait", type=Real(), default=600.0, show_default=True, metavar="SECONDS", help="For each service.")
@source_option
def pin_add(
    app: App,
    root: str,
    services: tuple[str, ...],
    replicas: int | None,
    origins: tuple[str, ...],
    name: str,
    wait: float,
    sources: tuple[str, ...],
) -> None:
    """Keep a ROOT in the store here, with what is missing fetched first; or with --service have others keep it.

    What a service keeps already is found and not asked for again, so running it again is safe.
    """
    from registry.text.numbers import digits_or_text

    if services and is_asset(root):
        registry = app.registry()
        with app.progress():
            made = registry.pin(
                digits_or_text(root),
                replicas=replicas or len(services),
                services=services,
                origins=origins,
                deadline=wait,
            )
        app.console.result(made, table=receipts_table(made))
    elif services:
        _have_kept(app, root, services, replicas or len(services), origins, name, wait)
    else:
        _keep_here(app, root, name, sources)


def _have_kept(
    app: App, root: str, services: tuple[str, ...], replicas: int, origins: tuple[str, ...], name: str, wait: float
) -> None:
    from registry.ipfs.pinning import open_service
    from registry.ipfs.replicas import ReplicaPolicy

    cid = parse(root)[0]
    with app.console.progress() as update:
        policy = ReplicaPolicy(
            replicas,
            [open_service(service) for service in services],
            receipts=receipts(app),
            deadline=wait,
            progress=update,
        )
        made = policy.ensure(cid, name=name, origins=origins)
    app.console.result(made, table=receipts_table(made))


def _keep_here(app: App, root: str, name: str, sources: tuple[str, ...]) -> None:
    from registry.ipfs.copy import copy
    from registry.ipfs.sources import open_sources
    from registry.ipfs.store import Fallback

    store, through, places = app.store(), app.blocks(sources), open_sources(sources or None)
    roots = asset_roots(app, root) if is_asset(root) else [find(root, through)]
    with app.console.progress(unit="bytes") as update:
        for cid in roots:
            with store.writing():
                if places:
                    tick = ticker(update, f"fetching {cid}", size_of(cid, through))
                    copy(cid, Fallback(places), store, progress=tick)
                store.pin(cid, name=name or root)
    app.console.answer(" ".join(map(str, roots)), {"pinned": roots})


def asset_roots(app: App, asset: str) -> list[Any]:
    """The CIDs of an asset's document and content."""
    from registry.text.numbers import digits_or_text

    found = app.registry().get(digits_or_text(asset))
    return [found.cid] + ([found.ddo.content.cid] if found.ddo.content else [])


@command("ls", group=pin, examples=["registry ipfs pin ls", "registry ipfs pin ls --service pinata --json"])
@service_option
@click.option("--receipts", "kept", is_flag=True, help="What services were seen to keep, as remembered at home.")
def pin_ls(app: App, services: tuple[str, ...], kept: bool) -> None:
    """List what the store here keeps, or what services say that they do."""
    from registry.cli.console import table_of, when
    from registry.ipfs.pinning import open_service

    if kept:
        known = receipts(app)
        found = tuple(receipt for subject in known.subjects() for receipt in known.of(subject))
        app.console.result(found, table=receipts_table(found))
    elif services:
        there = [pin for service in services for pin in open_service(service).list()]
        table = table_of("", "service", "status", "CID", "name", "request")
        for remote in there:
            table.add_row(remote.service, remote.status, str(remote.cid), remote.name, remote.request_id)
        app.console.result(there, table=table)
    else:
        pins = app.store().pins()
        table = table_of("", "CID", "since", "name")
        for one in pins:
            table.add_row(str(one.cid), when(int(one.created)), one.name)
        app.console.result(pins, table=table)


@command("rm", group=pin, examples=[f"registry ipfs pin rm {ROOT}", f"registry ipfs pin rm {ROOT} --service pinata"])
@click.argument("cid")
@service_option
def pin_rm(app: App, cid: str, services: tuple[str, ...]) -> None:
    """Let go of a CID: here its blocks stay until 'gc', a service may forget it at once."""
    from registry.ipfs.pinning import open_service

    root = parse(cid)[0]
    where = ", ".join(services) or "the store"
    app.agree(f"Let go of {root} in {where}?")
    removed = 0
    if not services:
        app.store().unpin(root)
        removed = 1
    for service in map(open_service, services):
        for found in list(service.list(cids=[root])):
            service.remove(found.request_id)
            removed += 1
    app.console.answer(f"{removed} pins of {root} removed", {"cid": root, "removed": removed})


@command(
    "audit",
    group=ipfs,
    examples=["registry ipfs audit 1", f"registry ipfs audit {ROOT} --replica https://gateway.example.com --share 0.1"],
)
@click.argument("root")
@click.option(
    "--replica", "replicas", multiple=True, metavar="PLACE", help="Ask here; by default those with a receipt."
)
@click.option("--share", type=Real(), default=0.01, show_default=True, help="Share of the blocks to fetch back.")
@click.option("--at-least", type=Whole(1), default=16, show_default=True, help="But at least so many.")
@click.option("--seed", type=Whole(), help="Repeat the draw of an earlier audit; by default it cannot be foreseen.")
@source_option
def audit(
    app: App,
    root: str,
    replicas: tuple[str, ...],
    share: float,
    at_least: int,
    seed: int | None,
    sources: tuple[str, ...],
) -> None:
    """Fetch random blocks of a ROOT back from each service that keeps it, and hash them.

    Ends with 1 if any block is missing or wrong. Says how probable it is that such an audit misses a loss.
    """
    from registry.errors import InputError
    from registry.ipfs.audit import audit as look
    from registry.ipfs.sources import open_source
    from registry.text.numbers import digits_or_text

    if is_asset(root) and not replicas:
        registry = app.registry()
        with app.progress():
            done = registry.audit(digits_or_text(root), share=share, at_least=at_least, seed=seed)
    else:
        store = app.blocks(sources)
        roots = asset_roots(app, root) if is_asset(root) else [find(root, store)]
        named = {place: open_source(place) for place in replicas} or {
            receipt.service: open_source(receipt.gateway)
            for receipt in receipts(app).of(str(roots[0]))
            if receipt.gateway
        }
        if not named:
            raise InputError(f"No service with a gateway has a receipt for {root}.", hint="Name one with --replica.")
        with app.console.progress() as update:
            done = look(roots, store, named, share=share, at_least=at_least, seed=seed, progress=update)
    show_audit(app, done)
    if not done.sound:
        click.get_current_context().exit(1)


def show_audit(app: App, done: Any) -> None:
    """Write what an audit found."""
    from registry.cli.console import table_of

    table = table_of("", "replica", "blocks", "bytes", "missing or wrong")
    for replica in done.replicas:
        bad = ", ".join(f"{finding.cid} ({finding.error})" for finding in replica.findings[:8])
        table.add_row(replica.name, str(replica.checked), f"{replica.size:,}", bad or "none")
    value = {
        "sound": done.sound,
        "roots": done.roots,
        "blocks": done.blocks,
        "sample": done.sample,
        "misses_1_percent": done.misses(0.01),
        "misses_10_percent": done.misses(0.1),
        "replicas": done.replicas,
        "unchecked": done.unchecked,
    }
    app.console.result(value, table=table)
    if not app.console.as_json:
        app.console.say(str(done))


# --- The store -----------------------------------------------------------------------------------


@command("fsck", group=ipfs, examples=["registry ipfs fsck", "registry ipfs fsck --source https://ipfs.example.com"])
@source_option
def fsck(app: App, sources: tuple[str, ...]) -> None:
    """Hash every block of the store, and see that every pin has all its blocks.

    With a source, what is damaged or missing is fetched and written anew. Ends with 1 if something is still wrong.
    """
    from registry.ipfs.sources import open_sources
    from registry.ipfs.store import Fallback

    places = open_sources(sources or None)
    with app.console.progress() as update:
        found = app.store().fsck(
            Fallback(places) if places else None, progress=lambda done, total: update("checking blocks", done, total)
        )
    facts = {
        "blocks": f"{found.checked:,}",
        "damaged": ", ".join(map(str, found.damaged)) or "none",
        "missing": ", ".join(map(str, found.missing)) or "none",
        "repaired": f"{len(found.repaired):,}",
    }
    app.console.result(found, facts=facts)
    if not found.sound:
        click.get_current_context().exit(1)


@command("gc", group=ipfs, examples=["registry ipfs gc --yes", "registry ipfs gc --grace 0"])
@click.option("--grace", type=Real(), default=3600.0, show_default=True, metavar="SECONDS", help="Spare newer blocks.")
def gc(app: App, grace: float) -> None:
    """Remove the blocks that no pin reaches."""
    app.agree("Remove all blocks that no pin reaches?")
    cleared = app.store().gc(grace=grace)
    app.console.answer(
        f"{cleared.removed:,} blocks removed, {cleared.freed:,} bytes freed, {cleared.kept:,} blocks kept", cleared
    )


@command(
    "serve",
    group=ipfs,
    examples=[
        "registry ipfs serve",
        "registry ipfs serve --port 0 --json",
        "registry ipfs serve --pair https://hub.example.org",
    ],
)
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", type=Whole(0, 65535), default=8080, show_default=True, help="0 takes a free one.")
@click.option("--pair", metavar="ORIGIN", help="A hub whose pages may hand content in, with the token that is shown.")
@dns_option
def serve(app: App, host: str, port: int, pair: str | None, dns: str | None) -> None:
    """Serve the store: a trustless gateway, and a part of Kubo's RPC at /api/v0. Ctrl-C ends it.

    Names whose content changes are followed below /ipns/: by the records that were seen here, and those of the gateways
    and routers that are set up.

    An address that others reach needs a token, which clients send as a bearer: set REGISTRY_SERVE_TOKEN.

    With --pair the page "Publish" of that hub puts what you publish into this store: it asks for the token, which is
    good until this ends. No other page gets in, and that page reads and removes nothing but by its CID.
    """
    from registry.ipfs.server import Server

    names = names_of(app, app.sources, dns)
    server = Server(app.store(), host=host, port=port, token=os.environ.get(SERVE_TOKEN), pair=pair, names=names)
    told = f"{server.url}\nToken for the page of {pair}: {server.pairing}" if pair else server.url
    app.console.answer(told, {"url": server.url} | ({"pairing": server.pairing} if pair else {}))
    sys.stdout.flush()  # whoever started this waits for the address
    server.run()
