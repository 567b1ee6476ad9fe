"""Looking things up; nothing here sends anything, and most needs no signer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import click

from registry.cli.command import Whole, account_option, asset_argument, command, hidden_option, version_option

if TYPE_CHECKING:
    from registry.cli.app import App


@command("show", examples=["registry show 1", "registry show did:nft:eip155:1337_erc721:0x...1 --ddo > asset.json"])
@asset_argument
@version_option
@click.option("--ddo", is_flag=True, help="Write its document alone, as JSON.")
def show(app: App, asset: int | str, version: int | None, ddo: bool) -> None:
    """Show an asset: what the chain says, and its document, checked against the chain."""
    from registry.cli.views import asset_facts, asset_value, offers_table

    registry = app.registry()
    found = registry.get(asset, version=version)
    if ddo:
        app.console.document(found.ddo.to_dict())
        return
    table = offers_table(found.name, found.licences) if found.licences else None
    declared = registry.governance.conformances(found) if registry.deployment.dao else ()
    value = {**asset_value(found), "conformances": declared}
    app.console.result(value, facts=asset_facts(found, declared), table=table)


@command("licences", examples=["registry licences 1"])
@asset_argument
def licences(app: App, asset: int | str) -> None:
    """List the licences of an asset, with what they give and cost."""
    from registry.cli.views import offers_table

    found = app.registry().get(asset)
    app.console.result(found.licences, table=offers_table(found.name, found.licences))


@command("history", examples=["registry history 1"])
@asset_argument
def history(app: App, asset: int | str) -> None:
    """List the versions of an asset: when, by whom, how large, what changed, and the document."""
    from registry.cli.views import history_table

    versions = app.registry().history(asset)
    app.console.result(versions, table=history_table(f"asset {asset}", versions))


@command("diff", examples=["registry diff 1 2", "registry diff 1 2 3 --json", "registry diff 1 2 --tables"])
@asset_argument
@click.argument("before", type=Whole(1))
@click.argument("after", type=Whole(1), required=False)
@click.option(
    "--tables", is_flag=True, help="Also columns and rows of CSV, TSV and Parquet files that changed; takes access."
)
def diff(app: App, asset: int | str, before: int, after: int | None, tables: bool) -> None:
    """Show what differs between two versions of an asset: fields of the document, and files.

    AFTER is the version of now if it is left out.
    """
    from registry.cli.console import plain
    from registry.cli.views import changes_table

    registry = app.registry(to="open an asset" if tables else None)
    changes = registry.diff(asset, before, after)
    found = registry.diff_tables(asset, before, after) if tables else ()
    value = {**plain(changes), "tables": plain(found)} if tables else changes
    app.console.result(value, facts={"changed": changes.in_words()}, table=changes_table(changes))
    if not app.console.as_json:
        for one in found:
            app.console.say(str(one))


@command("resolve", examples=["registry resolve 1"])
@asset_argument
def resolve(app: App, asset: int | str) -> None:
    """Write the W3C DID document of an asset, as JSON."""
    app.console.document(app.registry().resolve(asset))


@command("files", examples=["registry files 1", "registry files 1@2"])
@asset_argument
@version_option
def files(app: App, asset: int | str, version: int | None) -> None:
    """List the files of an asset; needs no access, since the document is public."""
    from registry.cli.views import files_table

    registry = app.registry()
    of = registry.get(asset, version=version)
    found = registry.files(of)
    kinds = {file.path: file.media_type for file in (of.ddo.content.files if of.ddo.content else ())}
    value = [
        {"path": file.path, "size": file.size, "cid": file.cid, "media_type": kinds.get(file.path)} for file in found
    ]
    app.console.result(value, table=files_table(f"asset {asset}", found))
    if of.ddo.content is not None and of.ddo.content.encryption is not None and of.ddo.content.encryption.hidden:
        app.console.note("Its names are hidden: all of it is one encrypted container, whose CID stands at every file.")


@command("access", examples=["registry access 1", "registry access 1 --account 0xBUYER"])
@asset_argument
@account_option
def access(app: App, asset: int | str, account: str | None) -> None:
    """Show what an account holds of each licence of an asset, and whether it may open it now."""
    from registry.cli.views import holdings_table

    registry = app.registry(to=None if account else "know whose access is meant (or --account)")
    holder = account or registry.address
    allowed = registry.has_access(asset, account=holder)
    held = registry.holdings(asset, account=holder)
    value = {"account": holder, "has_access": allowed, "holdings": held}
    facts = {"may open it": "yes" if allowed else "no"}
    app.console.result(value, facts=facts, table=holdings_table(holder, held) if held else None)


@command("balance", examples=["registry balance", "registry balance USD --account 0xBUYER"])
@click.argument("token", required=False)
@account_option
def balance(app: App, token: str | None, account: str | None) -> None:
    """Show what an account holds of a payment token, or of all of them."""
    from registry.cli.console import table_of

    registry = app.registry(to=None if account else "know whose balance is meant (or --account)")
    holder = account or registry.address
    tokens = [token] if token else [known.address or known.symbol for known in registry.tokens]
    held = [registry.balance(wanted, account=holder) for wanted in tokens]
    table = table_of(f"What {holder} holds", "balance", "token")
    for amount in held:
        table.add_row(str(amount), amount.token.address or "the coin of the chain")
    app.console.result({"account": holder, "balances": held}, table=table)


@command("tokens", examples=["registry tokens"])
def tokens(app: App) -> None:
    """List the tokens that the registry takes payment in."""
    from registry.cli.console import table_of

    found = app.registry().tokens
    table = table_of("", "symbol", "decimals", "address")
    for token in found:
        table.add_row(token.symbol, str(token.decimals), token.address or "the coin of the chain")
    app.console.result(found, table=table)


@command("cid", examples=["registry cid data/", "registry cid data/train.csv --json"])
@click.argument("path", type=click.Path())
@hidden_option
def cid(app: App, path: str, hidden: bool) -> None:
    """Compute the CID of a file or folder, as publishing would; needs no chain."""
    from registry.ipfs.profiles import UNIXFS_V1_2025
    from registry.ipfs.store import NullSink
    from registry.ipfs.unixfs import add_tree, content_size

    size = content_size(path, hidden=hidden)
    with app.console.progress() as update:
        found = add_tree(path, NullSink(), progress=lambda done: update(f"hashing {path}", done, size), hidden=hidden)
    value = {"cid": found.cid, "size": size, "profile": UNIXFS_V1_2025.name, "left_out": found.left_out}
    app.console.answer(str(found.cid), value)


@command("explain", examples=["registry explain NotAssetOwner", "registry explain 0x5eba7576", "registry explain"])
@click.argument("name", required=False)
def explain(app: App, name: str | None) -> None:
    """Explain an error by its name or its four bytes, or list all; needs no chain."""
    from registry.cli.console import table_of
    from registry.cli.explain import all_errors
    from registry.errors import InputError

    known = all_errors()
    if name is None:
        table = table_of("", "error", "from", "meaning")
        for error in known:
            table.add_row(error.name, error.source, error.meaning)
        app.console.result(known, table=table)
        return
    # The data of a revert begins with the selector.
    selector = name.lower()[:10]
    found = [error for error in known if error.name.lower() == name.lower() or error.selector == selector]
    if not found:
        import difflib

        near = difflib.get_close_matches(name, [error.name for error in known], n=3, cutoff=0.6)
        raise InputError(
            f"No error is called {name!r}.",
            hint=f"Close to it: {', '.join(dict.fromkeys(near))}." if near else "'registry explain' lists all.",
        )
    if app.console.as_json:
        app.console.result(found)
        return
    for error in found:
        facts = {
            "error": error.name,
            "from": error.source,
            "selector": error.selector,
            "carries": ", ".join(error.values),
            "meaning": error.meaning,
            "way out": error.hint,
        }
        app.console.facts({key: text for key, text in facts.items() if text})


MAX_TEXT: Final = 2**26


def read_text(path: str) -> str:
    """Return the text of a file, or of standard input for ``-``; of 64 MiB at most. Raises `InputError`."""
    from registry.errors import InputError
    from registry.system import disk

    try:
        data = click.get_binary_stream("stdin").read(MAX_TEXT + 1) if path == "-" else disk.read(path, MAX_TEXT)
        if len(data) > MAX_TEXT:
            raise InputError(f"{path!r} has more than {MAX_TEXT:,} bytes.", hint="Name another file.")
        return data.decode("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise InputError(f"{path!r} cannot be read: {reason}.", hint="Name a text file, or -.") from error


def read_json(path: str) -> Any:
    """Return the value of a JSON file, or of standard input for ``-``. Raises `InputError`."""
    from registry.errors import InputError
    from registry.ipfs.nesting import load_json

    try:
        return load_json(read_text(path))
    except ValueError as error:
        raise InputError(f"{path!r} is not JSON: {error}.", hint="Mend it and try again.") from error
