"""Values and folders by their CIDs, changed into new ones, and names that lead to them. Needs no chain."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, BinaryIO, Final, cast

import click

from registry.cli.command import Group, Whole, command
from registry.cli.ipfs import ROOT, dns_option, known_profile, names_of, parse, profile_option, source_option

if TYPE_CHECKING:
    from collections.abc import Callable

    from registry.cli.app import App
    from registry.ipfs.mfs import FolderEdit

NEW: Final = "new"
"""The root of a folder that is yet empty."""

_CODECS: Final = ("dag-cbor", "dag-json")


@click.group("dag", cls=Group)
def dag() -> None:
    """Values as blocks: numbers, texts, lists, maps, and links to other blocks.

    They are written and read as DAG-JSON, in which {"/": "bafy..."} is a link.
    """


codec_option = click.option(
    "--codec", type=click.Choice(_CODECS), default="dag-cbor", show_default=True, help="How the block is encoded."
)


def read_input(file: str, most: int) -> bytes:
    """A file, or standard input for "-", of at most so many bytes. Raises `InputError`."""
    from registry.errors import LimitExceeded
    from registry.system.disk import load

    if file != "-":
        return load(file, most)
    data = sys.stdin.buffer.read(most + 1)
    if len(data) > most:
        raise LimitExceeded("The size of standard input in bytes", len(data), most)
    return data


@command("put", group=dag, examples=["registry ipfs dag put value.json", "registry ipfs dag put - --codec dag-json"])
@click.argument("file", type=click.Path(allow_dash=True))
@codec_option
def dag_put(app: App, file: str, codec: str) -> None:
    """Keep the value in FILE (DAG-JSON, - for standard input) as one block, and pin it with all that it links to."""
    from registry.errors import InputError
    from registry.ipfs.dag import decode
    from registry.ipfs.ipld import put_value
    from registry.ipfs.limits import LIMITS

    try:
        value = decode(read_input(file, LIMITS.block), "dag-json")
    except ValueError as error:
        raise InputError(f"{file!r} has no DAG-JSON: {getattr(error, 'message', error)}.") from None
    cid = put_value(value, app.store(), codec, pin=True)
    app.console.answer(str(cid), {"cid": cid, "codec": codec})


@command("get", group=dag, examples=[f"registry ipfs dag get {ROOT}/Links/0/Hash"])
@click.argument("cid")
@source_option
def dag_get(app: App, cid: str, sources: tuple[str, ...]) -> None:
    """Write the value at CID[/PATH] as DAG-JSON: by keys of maps, numbers of lists, names in folders, over links."""
    from registry.ipfs.dag import encode
    from registry.ipfs.ipld import get_value

    root, path = parse(cid)
    app.console.raw(encode(get_value(root, path, app.blocks(sources)), "dag-json") + b"\n")


@command("resolve", group=dag, examples=[f"registry ipfs dag resolve {ROOT}/train.csv"])
@click.argument("cid")
@source_option
def dag_resolve(app: App, cid: str, sources: tuple[str, ...]) -> None:
    """Say in which block CID[/PATH] ends, and what is left of the path within it."""
    from registry.ipfs.ipld import reach_path

    root, path = parse(cid)
    reached = reach_path(root, path, app.blocks(sources))
    rest = "/".join(reached.rest)
    app.console.answer(f"{reached.cid}{'/' if rest else ''}{rest}", {"cid": reached.cid, "rest": rest})


# --- Folders -------------------------------------------------------------------------------------


@click.group("files", cls=Group)
def files() -> None:
    """Change a folder that has a CID: each change gives a new root, and the old one stays as it is.

    A PLACE is ROOT/PATH, where ROOT is a CID or "new" for an empty folder. The new root is pinned.
    """


def edit(app: App, place: str, sources: tuple[str, ...], profile: str = "") -> tuple[FolderEdit, str]:
    """The folder that ROOT/PATH names, to be changed, and the path."""
    from registry.ipfs.mfs import FolderEdit
    from registry.ipfs.profiles import UNIXFS_V1_2025

    rules = known_profile(profile) if profile else UNIXFS_V1_2025
    root, path = (None, place.partition("/")[2]) if place.partition("/")[0] == NEW else parse(place)
    return FolderEdit(root, app.blocks(sources), rules), path


def changed(
    app: App, place: str, sources: tuple[str, ...], change: Callable[[FolderEdit, str], Any], profile: str = ""
) -> None:
    """Change a folder, pin what it became, and say it."""
    store = app.store()
    with store.writing():
        folder, path = edit(app, place, sources, profile)
        change(folder, path)
        store.pin(folder.root, name=path)
    app.console.answer(str(folder.root), {"root": folder.root, "path": path})


@command(
    "write",
    group=files,
    examples=[
        "registry ipfs files write new/train.csv train.csv",
        f"registry ipfs files write {ROOT}/notes.txt - --append",
    ],
)
@click.argument("place")
@click.argument("file", type=click.Path(allow_dash=True))
@click.option("--offset", type=Whole(), default=0, help="Write over the bytes from here on, and keep the others.")
@click.option("--append", is_flag=True, help="Write behind the end of what is there.")
@click.option("--parents", is_flag=True, help="Make the folders above.")
@profile_option
@source_option
def files_write(
    app: App, place: str, file: str, offset: int, append: bool, parents: bool, profile: str, sources: tuple[str, ...]
) -> None:
    """Write FILE (- for standard input) to PLACE, instead of what is there or, with --offset or --append, into it."""
    from contextlib import suppress

    from registry.errors import FileNotInAsset, InputError

    if append and offset:
        raise InputError("--append and --offset are two places.", hint="Keep one of them.")

    def write(folder: FolderEdit, path: str) -> None:
        at = offset
        if append:
            with suppress(FileNotInAsset):
                at = folder.stat(path).size
        with click.open_file(file, "rb") as stream:
            folder.write(path, cast("BinaryIO", stream), offset=at, parents=parents, truncate=not (append or offset))

    try:
        changed(app, place, sources, write, profile)
    except OSError as error:
        if error.filename is None:
            raise
        raise InputError(f"{file!r} cannot be read: {error.strerror}.") from None


@command(
    "mkdir",
    group=files,
    examples=["registry ipfs files mkdir new/data", f"registry ipfs files mkdir {ROOT}/a/b --parents"],
)
@click.argument("place")
@click.option("--parents", is_flag=True, help="Make the folders above; one that is there is well.")
@source_option
def files_mkdir(app: App, place: str, parents: bool, sources: tuple[str, ...]) -> None:
    """Make a folder at PLACE."""
    changed(app, place, sources, lambda folder, path: folder.mkdir(path, parents=parents))


@command("cp", group=files, examples=[f"registry ipfs files cp {ROOT}/data {ROOT}"])
@click.argument("place")
@click.argument("cid")
@click.option("--parents", is_flag=True, help="Make the folders above.")
@source_option
def files_cp(app: App, place: str, cid: str, parents: bool, sources: tuple[str, ...]) -> None:
    """Put what CID[/PATH] is at PLACE, where nothing may be yet."""
    from registry.cli.ipfs import find

    content = find(cid, app.blocks(sources))
    changed(app, place, sources, lambda folder, path: folder.copy(content, path, parents=parents))


@command("mv", group=files, examples=[f"registry ipfs files mv {ROOT}/old.csv archive/old.csv"])
@click.argument("place")
@click.argument("path")
@source_option
def files_mv(app: App, place: str, path: str, sources: tuple[str, ...]) -> None:
    """Move what is at PLACE to PATH of the same root, or into the folder that is there."""
    changed(app, place, sources, lambda folder, old: folder.move(old, path))


@command("rm", group=files, examples=[f"registry ipfs files rm {ROOT}/draft --recursive"])
@click.argument("place")
@click.option("--recursive", is_flag=True, help="A folder too, with all in it.")
@source_option
def files_rm(app: App, place: str, recursive: bool, sources: tuple[str, ...]) -> None:
    """Leave out what is at PLACE."""
    changed(app, place, sources, lambda folder, path: folder.remove(path, recursive=recursive))


@command("stat", group=files, examples=[f"registry ipfs files stat {ROOT}/train.csv"])
@click.argument("place")
@source_option
def files_stat(app: App, place: str, sources: tuple[str, ...]) -> None:
    """Say what is at PLACE: its kind, bytes and CID."""
    folder, path = edit(app, place, sources)
    found = folder.stat(path)
    size = f", {found.size:,} bytes" if found.kind == "file" else ""
    app.console.answer(f"{found.kind}{size}, {found.cid}", found)


@command("read", group=files, examples=[f"registry ipfs files read {ROOT}/train.csv --count 100"])
@click.argument("place")
@click.option("--offset", type=Whole(), default=0, help="First byte.")
@click.option("--count", type=Whole(), help="How many bytes; by default all that are left.")
@source_option
def files_read(app: App, place: str, offset: int, count: int | None, sources: tuple[str, ...]) -> None:
    """Write the file at PLACE, or a range of its bytes, to standard output; with --json in base64."""
    folder, path = edit(app, place, sources)
    pieces = folder.read(path, offset, None if count is None else offset + count)
    if app.console.as_json:
        from base64 import b64encode

        data = b"".join(pieces)
        app.console.result({"size": len(data), "base64": b64encode(data).decode()})
        return
    for piece in pieces:
        app.console.raw(piece)


# --- Names ---------------------------------------------------------------------------------------


@click.group("name", cls=Group)
def name() -> None:
    """Names whose content changes: keys (IPNS, k51...) and domains (DNSLink)."""


@command(
    "resolve",
    group=name,
    examples=[
        "registry ipfs name resolve k51qzi5uqu5dlvj2baxnqndepeb86cbk3ng7n3i46uzyxzyqj2xjonzllnv0v8 --source https://ipfs.example.com",
        "registry ipfs name resolve docs.example.com --dns https://resolver.example.com/dns-query",
    ],
)
@click.argument("name")
@dns_option
@source_option
def name_resolve(app: App, name: str, dns: str | None, sources: tuple[str, ...]) -> None:
    """Say which content NAME leads to now.

    Records of keys come from gateways (https://...) and routers (routing:https://...) among the sources. Each is
    checked: its signature, its end, and that no newer one was seen here before.
    """
    path = names_of(app, sources or app.sources, dns).resolve(name)
    app.console.answer(path, {"name": name, "path": path})
