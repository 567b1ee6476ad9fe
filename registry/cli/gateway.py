"""A key gateway: make one, run it, look after it."""

from __future__ import annotations

import os
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from registry.cli.command import OUTFILE, Group, Real, Whole, command

if TYPE_CHECKING:
    from registry.chain.addresses import Deployment
    from registry.chain.connection import Chain
    from registry.cli.app import App
    from registry.gateway.keys import KeyLock, Keys
    from registry.gateway.settings import Settings

folder_option = click.option(
    "--folder",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="DIR",
    help="Folder of the gateway; by default 'gateway' in the folder of --home.",
)
key_file_option = click.option(
    "--key-file",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Key file that the gateway's keys are under, instead of a passphrase. The passphrase is asked for, or taken "
    "from REGISTRY_GATEWAY_PASSPHRASE.",
)


@click.group("gateway", cls=Group)
def gateway() -> None:
    """Run a key gateway: it keeps a share of the keys of gated assets, and hands it to those with access on chain.

    It never sees the content, and with a threshold above one no whole key either. See docs/key-gateway.md.
    """


@command(
    "init",
    group=gateway,
    examples=["registry gateway init", "registry gateway init --key-file /run/secrets/gateway.key"],
)
@folder_option
@key_file_option
def init(app: App, folder: Path | None, key_file: Path | None) -> None:
    """Make the keys of a new gateway, under a passphrase or a key file (made if there is none)."""
    from registry.gateway.database import FILE, Database
    from registry.gateway.keys import FILE as KEYS
    from registry.gateway.keys import Keys, make_key_file
    from registry.home import make_home

    place = _folder(app, folder)
    chain, deployment = _registry(app)
    if key_file is not None and not key_file.exists():
        make_key_file(key_file)
    lock = _lock(key_file, new=True)
    make_home(app.home)
    place.mkdir(parents=True, exist_ok=True, mode=0o700)
    keys = Keys.make(place / KEYS, lock)
    database = Database(place / FILE)
    database.note("registry", f"eip155:{chain.chain_id}:{deployment.registry}")
    database.close()
    text = (
        f"A gateway in {place}\n  its key for shares   {keys.recipient}\n  its account          {keys.address}\n"
        "Send a little of the chain's coin to its account, to pay for handing in receipts of per-use licences. "
        "Run it with 'registry gateway serve', and back it up."
    )
    value = {
        "folder": str(place),
        "age_recipient": keys.recipient,
        "signer": keys.address,
        "registry": deployment.registry,
    }
    app.console.answer(text, value)


@command(
    "serve",
    group=gateway,
    examples=[
        "registry gateway serve",
        "registry gateway serve --host 0.0.0.0 --port 8443 --public-url https://keys.example.org --proxy 10.0.0.2",
    ],
)
@folder_option
@key_file_option
@click.option("--host", default="127.0.0.1", show_default=True, metavar="HOST", help="Address to listen on.")
@click.option("--port", type=Whole(0, 65535), default=8454, show_default=True, metavar="N", help="0: any.")
@click.option("--public-url", metavar="URL", help="Where clients reach it; sign-in messages name its host and port.")
@click.option(
    "--proxy", "proxies", multiple=True, metavar="ADDRESS", help="A reverse proxy whose X-Forwarded-For is believed."
)
@click.option(
    "--depth",
    type=Whole(0),
    metavar="N",
    help="Blocks below the head at which access must be there too: 5, on chains for tests 0.",
)
@click.option(
    "--depositor",
    "depositors",
    multiple=True,
    metavar="ADDRESS",
    help="Keep shares of this publisher only; repeatable.",
)
@click.option(
    "--page",
    "pages",
    multiple=True,
    metavar="ORIGIN",
    help="Let web pages of this origin ask and invite; repeatable.",
)
@click.option("--address-rate", type=Real(0.01), metavar="N", help="Requests a second of one address: 20.")
@click.option("--address-burst", type=Whole(1), metavar="N", help="Requests at once of one address: 100.")
@click.option("--account-rate", type=Real(0.01), metavar="N", help="Requests a second of one account: 5.")
@click.option("--account-burst", type=Whole(1), metavar="N", help="Requests at once of one account: 30.")
@click.option("--receipt-gas", type=Whole(0), metavar="N", help="Most gas to hand a receipt in: 150,000.")
@click.option("--account-gas", type=Whole(0), metavar="N", help="Gas for one account in 24 hours: 1,000,000.")
@click.option("--day-gas", type=Whole(0), metavar="N", help="Gas for all accounts in 24 hours: 10,000,000.")
def serve(
    app: App,
    folder: Path | None,
    key_file: Path | None,
    host: str,
    port: int,
    public_url: str | None,
    proxies: tuple[str, ...],
    **given: Any,
) -> None:
    """Serve until interrupted (Ctrl-C, SIGTERM); what is under way is finished first.

    It listens to this machine alone unless --host says otherwise, and then needs --public-url: put a reverse proxy with
    TLS before it.
    """
    from filelock import Timeout

    from registry.cli.listening import require_public_url, url_at
    from registry.errors import InputError
    from registry.gateway.backup import require_gateway
    from registry.home import private_lock

    try:
        from registry.gateway.gateway_server import GatewayServer
        from registry.gateway.service import GatewayService
        from registry.system.serving import listen
    except ModuleNotFoundError as error:
        raise InputError(
            f"The gateway needs {error.name}, which is not installed.",
            hint="Install it with: pip install 'asset-registry[server]'",
        ) from error

    place = _folder(app, folder)
    require_gateway(place)
    require_public_url(host, public_url, named_by="sign-in messages")
    chain, deployment = _registry(app)
    keys = _keys(place, key_file)
    try:
        alone = private_lock(place / "serving.lock", timeout=0)
        alone.acquire()
    except Timeout:
        raise InputError(f"The gateway in {place} is being served already.", hint="End that first.") from None
    sock = listen(host, port)
    url = public_url or url_at(host, sock)
    made = GatewayService(place, keys, chain, deployment, _settings(url, chain.chain_id, given))
    try:
        server = GatewayServer(made, sock, proxies=proxies)
        app.console.answer(f"Serving {place} at {url} (Ctrl-C to stop)", made.describe().to_dict() | {"url": url})
        sys.stdout.flush()
        server.run()
    finally:
        made.close()
        alone.release()


@command("status", group=gateway, examples=["registry gateway status --json"])
@folder_option
@key_file_option
def status(app: App, folder: Path | None, key_file: Path | None) -> None:
    """What the gateway keeps, whether its files are whole, what its account has paid and has to pay with."""
    from registry.gateway.audit_log import AuditLog
    from registry.gateway.gas_budget import gas_of_day

    place = _folder(app, folder)
    database = _database(place)
    try:
        entries, head = AuditLog(database).verify()
        counts = {
            name: int(database.rows(f"SELECT COUNT(*) FROM {name}")[0][0])  # nosec B608 # the words below
            for name in ("shares", "invitations", "uses")
        }
        pending = int(database.rows("SELECT COUNT(*) FROM uses WHERE state != 'released'")[0][0])
        spent = gas_of_day(database)
        faults = database.faults()
        registry = database.fact("registry")
    finally:
        database.close()
    value: dict[str, Any] = {
        "folder": str(place),
        "registry": registry,
        **counts,
        "uses_not_released": pending,
        "gas_of_24_hours": spent,
        "audit_entries": entries,
        "audit_hash": head,
        "faults": faults,
    }
    if app.settings.get("rpc"):
        keys = _keys(place, key_file)
        value |= {
            "age_recipient": keys.recipient,
            "signer": keys.address,
            "signer_balance_wei": str(app.chain().balance(keys.address)),
        }
    facts = {name.replace("_", " "): str(shown) for name, shown in value.items() if shown != []}
    app.console.result(value, facts=facts)


@command("shares", group=gateway, examples=["registry gateway shares"])
@folder_option
def shares(app: App, folder: Path | None) -> None:
    """List the shares that it keeps; what they say stays sealed."""
    from registry.cli.console import table_of, when

    database = _database(_folder(app, folder))
    try:
        found = database.shares()
    finally:
        database.close()
    table = table_of("Shares", "asset", "version", "share", "of any", "depositor", "stored")
    for one in found:
        table.add_row(one.asset, str(one.version), str(one.index), str(one.threshold), one.depositor, when(one.stored))
    value = [{name: field for name, field in asdict(one).items() if name != "sealed"} for one in found]
    app.console.result(value, table=table)


@command(
    "audit", group=gateway, examples=["registry gateway audit --last 20", "registry gateway audit --known 5f0c..."]
)
@folder_option
@click.option("--last", type=Whole(1), metavar="N", help="Show that many entries; by default none.")
@click.option("--known", metavar="HASH", help="A hash that was noted before: it must still be there.")
def audit(app: App, folder: Path | None, last: int | None, known: str | None) -> None:
    """Check the chain of hashes of the audit log, and show its entries."""
    from registry.cli.console import when
    from registry.gateway.audit_log import AuditLog

    database = _database(_folder(app, folder))
    try:
        log = AuditLog(database)
        entries, head = log.verify(known=known)
        shown = list(log.entries(last=last)) if last else []
    finally:
        database.close()
    lines = [
        " ".join([when(one["at"]), *(f"{name}={part}" for name, part in one.items() if name not in ("at", "hash"))])
        for one in shown
    ]
    text = "\n".join([*lines, f"{entries:,} entries, whole; the last hash is {head}"])
    app.console.answer(text, {"entries": entries, "hash": head, "shown": shown})


@command("backup", group=gateway, examples=["registry gateway backup gateway-2026-11-24.tar"])
@click.argument("target", type=OUTFILE)
@folder_option
def backup(app: App, target: str, folder: Path | None) -> None:
    """Write all of the gateway to a new file, also while it is serving. Its keys stay under their lock."""
    from datetime import UTC, datetime

    from registry.gateway.backup import backup as write
    from registry.system import disk

    place = disk.place(target, f"gateway-{datetime.now(UTC):%Y%m%dT%H%M%SZ}.tar")
    entries, head = write(_folder(app, folder), place)
    app.console.answer(
        f"{place}: whole, {entries:,} audit entries, the last hash is {head}",
        {"target": str(place), "audit_entries": entries, "audit_hash": head},
    )


@command("restore", group=gateway, examples=["registry gateway restore gateway-2026-11-24.tar --folder new-gateway"])
@click.argument("source", type=click.Path(path_type=Path, dir_okay=False))
@folder_option
def restore(app: App, source: Path, folder: Path | None) -> None:
    """Make the gateway of a backup anew, in a folder that holds none. End the old one first.

    Invitations that had not started when the backup was made are ended, since they may have been revoked since.
    """
    from registry.gateway.backup import restore as read

    place = _folder(app, folder)
    entries, head, ended = read(source, place)
    lines = [f"{place}: whole, {entries:,} audit entries, the last hash is {head}"]
    if ended:
        lines.append(f"{ended:,} invitations had not started and may have been revoked since: invite anew")
    app.console.answer(
        "\n".join(lines),
        {"folder": str(place), "audit_entries": entries, "audit_hash": head, "invitations_ended": ended},
    )


@command("rotate", group=gateway, examples=["registry gateway rotate"])
@folder_option
@key_file_option
def rotate(app: App, folder: Path | None, key_file: Path | None) -> None:
    """Take a new identity for shares and seal all of them to it. End 'serve' first; tell publishers the new key."""
    from filelock import Timeout

    from registry.errors import InputError
    from registry.gateway.backup import require_gateway
    from registry.gateway.rotation import rotate as change
    from registry.home import private_lock

    place = _folder(app, folder)
    require_gateway(place)
    try:
        with private_lock(place / "serving.lock", timeout=0):
            keys = _keys(place, key_file)
            count = change(place, keys)
    except Timeout:
        raise InputError(f"The gateway in {place} is being served.", hint="End that first.") from None
    app.console.answer(
        f"{count:,} shares are sealed to {keys.recipient}", {"age_recipient": keys.recipient, "shares": count}
    )


# --- Below the commands --------------------------------------------------------------------------


def _folder(app: App, folder: Path | None) -> Path:
    return folder or app.home / "gateway"


def _registry(app: App) -> tuple[Chain, Deployment]:

    registry = app.registry()
    # A request waits for it: what is deep enough is asked anew each time, so one confirmation will do.
    return registry.chain.again(timeout=10.0), registry.deployment


def _database(place: Path) -> Any:
    from registry.gateway.backup import require_gateway
    from registry.gateway.database import FILE, Database

    require_gateway(place)
    return Database(place / FILE)


def _keys(place: Path, key_file: Path | None) -> Keys:
    from registry.gateway.keys import FILE, Keys

    return Keys.open(place / FILE, _lock(key_file))


def _lock(key_file: Path | None, *, new: bool = False) -> KeyLock:
    from registry.errors import SignerError
    from registry.gateway.keys import PASSPHRASE_VARIABLE, KeyLock

    if key_file is not None:
        return KeyLock(key_file=key_file)
    passphrase = os.environ.get(PASSPHRASE_VARIABLE)
    if passphrase is None and not sys.stdin.isatty():
        raise SignerError(
            "The keys of the gateway are under a passphrase, and standard input is no terminal.",
            hint=f"Set {PASSPHRASE_VARIABLE}, or add --key-file.",
        )
    if passphrase is None:
        passphrase = click.prompt(
            "Passphrase of the gateway", hide_input=True, confirmation_prompt=new, err=True, type=str
        )
    return KeyLock(passphrase=passphrase)


def _settings(url: str, chain_id: int, given: dict[str, Any]) -> Settings:
    from registry.chain.connection import TEST_CHAINS
    from registry.gateway.settings import Settings
    from registry.types import to_address

    chosen = {name: value for name, value in given.items() if value is not None}
    chosen["depositors"] = frozenset(to_address(one) for one in given.get("depositors", ()))
    chosen["pages"] = frozenset(given.get("pages", ()))
    if chain_id in TEST_CHAINS:
        # Their clock may stand, and so may their head: many make blocks with transactions alone.
        chosen = {"depth": 0, **chosen, "head_age": None}
    return Settings(url, **chosen)
