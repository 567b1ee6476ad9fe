"""Content by its CID: what it is, where it comes from, and whether it is whole. Needs no chain."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from registry.cli.command import OUTFILE, OUTFOLDER, Group, Whole, command, hidden_option

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from registry.cli.app import App
    from registry.ipfs.cid import CID
    from registry.ipfs.mutable import MutableNames
    from registry.ipfs.store import BlockSource

ROOT = "bafybeibwzifw52ttrkqlikfzext5akxu7lz4xiwjgwzmqcpdzmp3n5vnbe"
"""A CID for examples."""

dns_option = click.option(
    "--dns", envvar="REGISTRY_DNS", metavar="URL", help="Who resolves domains: DNS over HTTPS in JSON."
)

source_option = click.option(
    "--source",
    "sources",
    multiple=True,
    metavar="PLACE",
    help="Where to read what is not in the store: https://GATEWAY, kubo:http://NODE, routing:https://ROUTER or the "
    "folder of a store; "
    "repeatable. By default the gateway of $IPFS_GATEWAY or ~/.ipfs/gateway, if there is one.",
)
profile_option = click.option(
    "--profile",
    default="unixfs-v1-2025",
    show_default=True,
    metavar="NAME",
    help="Rules by which files become blocks: unixfs-v1-2025, unixfs-v0-2015 or kubo-v1 (IPIP-499).",
)


def names_of(app: App, sources: Sequence[str] | None, dns: str | None) -> MutableNames:
    """Who follows names: by the records that were seen here, those of gateways and routers among the sources, and a
    resolver of domains."""
    from registry.ipfs.mutable import MutableNames, RecordSource
    from registry.ipfs.sources import open_sources

    places = [source for source in open_sources(sources) if isinstance(source, RecordSource)]
    return MutableNames(places, app.home / "ipns", dns=dns)


@click.group("ipfs", cls=Group)
def ipfs() -> None:
    """Work with content by its CID: add, get, check, pin, serve.

    A CID may have a path behind it (CID/data/train.csv) and ipfs:// before it. What comes from elsewhere is hashed
    block by block and kept in the store at home, so what was interrupted goes on where it stopped.
    """


def parse(text: str) -> tuple[CID, str]:
    """The CID and the path in ``[ipfs://]CID[/PATH]``. Raises `InvalidCID`."""
    from registry.ipfs.cid import CID

    root, _, path = text.removeprefix("ipfs://").removeprefix("/ipfs/").strip("/").partition("/")
    return CID.parse(root), path


def find(text: str, source: BlockSource) -> CID:
    """The CID of what ``[ipfs://]CID[/PATH]`` leads to."""
    from registry.ipfs.unixfs import resolve

    root, path = parse(text)
    return resolve(root, path, source) if path else root


def known_profile(name: str) -> Any:
    """The profile of a name. Raises `InputError`."""
    from registry.errors import InputError
    from registry.ipfs.profiles import PROFILES

    if name not in PROFILES:
        raise InputError(f"{name!r} is not a profile.", hint=f"Known are: {', '.join(PROFILES)}.")
    return PROFILES[name]


def ticker(update: Callable[[str, int, int], None], what: str, total: int) -> Callable[[int], None]:
    """A callback for bytes done."""
    return lambda done: update(what, done, max(done, total))


@command("cid", group=ipfs, examples=["registry ipfs cid data/", "registry ipfs cid data/ --profile unixfs-v0-2015"])
@click.argument("path", type=click.Path())
@profile_option
@hidden_option
def cid(app: App, path: str, profile: str, hidden: bool) -> None:
    """Compute the CID of a file or folder; nothing is stored."""
    from registry.ipfs.store import NullSink
    from registry.ipfs.unixfs import add_tree, content_size

    rules, size = known_profile(profile), content_size(path, hidden=hidden)
    with app.console.progress(unit="bytes") as update:
        tick = ticker(update, f"hashing {path}", size)
        found = add_tree(path, NullSink(), rules, hidden=hidden, progress=tick)
    value = {"cid": found.cid, "size": size, "profile": profile, "left_out": found.left_out}
    app.console.answer(str(found.cid), value)


@command(
    "add", group=ipfs, examples=["registry ipfs add data/", "registry ipfs add data/ --to kubo:http://127.0.0.1:5001"]
)
@click.argument("path", type=click.Path())
@profile_option
@hidden_option
@click.option("--to", metavar="NODE", help="Upload and pin it there too: kubo:http://127.0.0.1:5001.")
def add(app: App, path: str, profile: str, hidden: bool, to: str | None) -> None:
    """Add a file or folder to the store, and pin it.

    Interrupted and run again, blocks that are stored already are not written again.
    """
    from registry.errors import InputError
    from registry.ipfs.kubo import KuboRPC
    from registry.ipfs.sources import open_source
    from registry.ipfs.staging import add_pinned
    from registry.ipfs.unixfs import content_size

    rules, store = known_profile(profile), app.store()
    node = open_source(to) if to else None
    if node is not None and not isinstance(node, KuboRPC):
        raise InputError(f"{to!r} takes no uploads.", hint="Name a node: kubo:http://127.0.0.1:5001.")
    size = content_size(path, hidden=hidden)
    with app.console.progress(unit="bytes") as update:
        added = add_pinned(path, store, rules, hidden=hidden, progress=ticker(update, f"adding {path}", size))
        if node is not None:
            node.upload(added.cid, store, progress=ticker(update, f"uploading to {to}", added.dag_size))
    value = {
        "cid": added.cid,
        "size": added.size,
        "dag_size": added.dag_size,
        "blocks": added.blocks,
        "files": len(added.files),
        "profile": profile,
        "left_out": added.left_out,
    }
    app.console.answer(str(added.cid), value)


@command("get", group=ipfs, examples=[f"registry ipfs get {ROOT} data/", f"registry ipfs get {ROOT}/train.csv"])
@click.argument("cid")
@click.argument("target", required=False, type=OUTFOLDER)
@source_option
def get(app: App, cid: str, target: str | None, sources: tuple[str, ...]) -> None:
    """Write a file or folder to TARGET (by default its own name), which must not exist or be an empty folder.

    Interrupted and run again, it goes on where it stopped. Links are refused, and nothing lands outside of TARGET.
    """
    from registry.ipfs.unixfs import export

    source = app.blocks(sources)
    found = find(cid, source)
    place = Path(target) if target else Path(cid.strip("/").rpartition("/")[2])
    with app.console.progress(unit="bytes") as update:
        tick = ticker(update, f"getting {place}", size_of(found, source))
        files = export(found, source, place, resume=True, progress=tick)
    size = sum(file.size for file in files)
    value = {"cid": found, "target": str(place), "files": len(files), "size": size}
    app.console.answer(f"{place}: {len(files):,} files, {size:,} bytes", value)


def size_of(root: CID, source: BlockSource) -> int:
    """About how many bytes there are below a root, as it says itself; 0 if it is no file or folder."""
    from registry.ipfs.cid import DAG_PB, RAW
    from registry.ipfs.reader import Reader

    if root.codec not in (RAW, DAG_PB):
        return 0
    node = Reader(source).node(root)
    return node.size if node.kind == "file" else sum(link.tsize for link in node.links)


@command("cat", group=ipfs, examples=[f"registry ipfs cat {ROOT}/train.csv | head -3"])
@click.argument("cid")
@click.option("--start", type=Whole(signed=True), default=0, help="First byte; negative counts from the end.")
@click.option("--end", type=Whole(signed=True), help="The byte to stop before; negative counts from the end.")
@source_option
def cat(app: App, cid: str, start: int, end: int | None, sources: tuple[str, ...]) -> None:
    """Write a file, or a range of its bytes, to standard output; with --json in base64."""
    from registry.ipfs.unixfs import cat as read

    source = app.blocks(sources)
    pieces = read(find(cid, source), source, start, end)
    if app.console.as_json:
        import base64

        data = b"".join(pieces)
        app.console.result({"size": len(data), "base64": base64.b64encode(data).decode()})
        return
    for piece in pieces:
        app.console.raw(piece)


@command("ls", group=ipfs, examples=[f"registry ipfs ls {ROOT}", f"registry ipfs ls {ROOT}/data --json"])
@click.argument("cid")
@source_option
def ls(app: App, cid: str, sources: tuple[str, ...]) -> None:
    """List a folder: names, kinds, bytes and CIDs."""
    from registry.cli.console import table_of
    from registry.ipfs.unixfs import ls as read

    source = app.blocks(sources)
    entries = read(find(cid, source), source)
    table = table_of("", "name", "kind", "bytes", "CID")
    table.columns[2].justify = "right"
    for entry in entries:
        shown = f"{entry.path} -> {entry.target}" if entry.target else entry.path
        table.add_row(shown, entry.kind, f"{entry.size:,}" if entry.kind == "file" else "", str(entry.cid))
    app.console.result(entries, table=table)


@command("verify", group=ipfs, examples=[f"registry ipfs verify {ROOT}", f"registry ipfs verify {ROOT} data/"])
@click.argument("cid")
@click.argument("path", required=False, type=click.Path())
@source_option
def verify(app: App, cid: str, path: str | None, sources: tuple[str, ...]) -> None:
    """Hash everything below a CID again; or, with PATH, a copy on the disk, by each profile that is known.

    Beside such a copy there may lie names that begin with a dot; they are told.
    """
    from registry.errors import Unverified
    from registry.ipfs.importer import compare
    from registry.ipfs.profiles import PROFILES
    from registry.ipfs.traverse import traverse
    from registry.ipfs.unixfs import content_size

    if path is not None:
        wanted, total = parse(cid)[0], content_size(path, hidden=True)
        with app.console.progress(unit="bytes") as update:
            for name, rules in PROFILES.items():
                try:
                    _, beside = compare(path, wanted, rules, progress=ticker(update, f"hashing by {name}", total))
                    break
                except Unverified:
                    continue
            else:
                raise Unverified(wanted, path, f"it hashes to something else by {', '.join(PROFILES)}")
        told = f", beside which lie {', '.join(beside)}" if beside else ""
        value = {"cid": wanted, "path": path, "profile": name, "left_out": beside}
        app.console.answer(f"{path} is {wanted} by {name}{told}", value)
        return
    source = app.blocks(sources)
    root = find(cid, source)
    blocks = size = 0
    with app.console.progress(unit="bytes") as update:
        tick = ticker(update, f"verifying {root}", size_of(root, source))
        for _, block in traverse(root, source):
            blocks += 1
            size += len(block or b"")
            tick(size)
    app.console.answer(
        f"{root} is whole: {blocks:,} blocks, {size:,} bytes", {"cid": root, "blocks": blocks, "size": size}
    )


# --- Archives ------------------------------------------------------------------------------------


@click.group("car", cls=Group)
def car() -> None:
    """Archives (CAR): content with all its blocks in one file, for moving and for backups."""


ipfs.add_command(car)


@command("export", group=car, examples=[f"registry ipfs car export {ROOT} data.car"])
@click.argument("cid")
@click.argument("file", type=OUTFILE)
@click.option("--rehearse", is_flag=True, help="Restore it into an empty store too, and read every byte from there.")
@source_option
def export(app: App, cid: str, file: str, rehearse: bool, sources: tuple[str, ...]) -> None:
    """Write all blocks below a CID to FILE, whole or not at all."""
    from registry.ipfs import recovery
    from registry.system import disk

    source = app.blocks(sources)
    root = find(cid, source)
    place = disk.place(file, f"{root}.car")
    total = size_of(root, source)
    with app.console.progress(unit="bytes") as update:

        def tick(what: str, done: int) -> None:
            update(what, done, max(done, total))

        if rehearse:
            app.console.result(recovery.rehearse(root, source, place, progress=tick))
            return
        done = recovery.back_up(root, source, place, progress=tick)
    app.console.answer(f"{place}: {done.blocks:,} blocks, {done.size:,} bytes", done)


@command("import", group=car, examples=["registry ipfs car import data.car"])
@click.argument("file", type=click.Path(path_type=Path))
def import_(app: App, file: Path) -> None:
    """Put the blocks of FILE into the store and pin its roots, each of which must be whole."""
    from registry.ipfs.recovery import restore

    total = file.stat().st_size if file.is_file() else 0
    with app.console.progress(unit="bytes") as update:
        found = restore(file, app.store(), progress=lambda what, done: update(what, done, max(done, total)))
    roots = " ".join(map(str, found.roots))
    app.console.answer(f"{roots}: {found.blocks:,} blocks, {found.size:,} bytes", found)
