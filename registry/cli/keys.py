"""The keys of gated assets: who keeps shares, who may open one without buying, what is left when all else is lost."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from registry.cli.command import OUTFILE, Group, Real, Whole, asset_argument, command

if TYPE_CHECKING:
    from collections.abc import Callable

    from registry.cli.app import App
    from registry.gated.policy import Gated

RECOVERY_VARIABLE: Final = "REGISTRY_RECOVERY_PASSPHRASE"
"""Environment variable with the passphrase of a recovery file, for runs that nobody watches."""


def gated_options(function: Callable[..., None]) -> Callable[..., None]:
    """The options that say how content is locked; `gated_of` reads them."""
    for option in (
        click.option("--hide-names", is_flag=True, help="Encrypt the names and sizes of the files too."),
        click.option("--threshold", type=Whole(1, 16), help="Gateways that make the key together; by default 1."),
        click.option(
            "--gateway", "gateways", multiple=True, metavar="URL", help="Key gateway that gets a share; repeatable."
        ),
        click.option("--gated", is_flag=True, help="Encrypt the content: only those with access get its key."),
    ):
        function = option(function)
    return function


def gated_of(gated: bool, gateways: tuple[str, ...], threshold: int | None, hide_names: bool) -> Gated | None:
    """What the options say, None if content stays as it is. Raises `click.UsageError` for options that do not go
    together."""
    from registry.gated.policy import Gated

    if not (gated or gateways or threshold or hide_names):
        return None
    if not gateways and (threshold or 1) > 1:
        raise click.UsageError("--threshold needs as many --gateway at least.")
    return Gated(gateways=gateways, threshold=threshold or 1, hide_names=hide_names)


@click.group("keys", cls=Group)
def keys() -> None:
    """The keys of gated assets: give shares to gateways, keep a recovery file, forget what is kept.

    Keys are kept in the keyring of the system, or, if there is none or REGISTRY_KEYS=file, in a folder at home that a
    passphrase opens (asked for, or taken from REGISTRY_KEYS_PASSPHRASE).
    """


@command(
    "reissue",
    group=keys,
    examples=[
        "registry keys reissue 1",
        "registry keys reissue 1 --gateway https://a.example --gateway https://b.example --threshold 2",
    ],
)
@asset_argument
@click.option("--gateway", "gateways", multiple=True, metavar="URL", help="The gateways from now on; repeatable.")
@click.option("--threshold", type=Whole(1, 16), help="How many of them make the key together.")
def reissue(app: App, asset: int | str, gateways: tuple[str, ...], threshold: int | None) -> None:
    """Split the key of an asset anew and give the shares to its gateways, or to others that its document names then."""
    registry = app.registry(to="give shares of a key to gateways")
    with app.progress():
        found = registry.reissue(asset, gateways or None, threshold=threshold)
    assert found.ddo.content is not None and found.ddo.content.encryption is not None
    encryption = found.ddo.content.encryption
    facts = {"needed": f"{encryption.threshold} of {len(encryption.gateways)}"}
    facts |= {f"gateway {number}": gateway.url for number, gateway in enumerate(encryption.gateways, 1)}
    app.console.result(encryption.to_dict(), facts=facts)


@command("export", group=keys, examples=["registry keys export 1 penguins-recovery.age"])
@asset_argument
@click.argument("path", type=OUTFILE)
def export(app: App, asset: int | str, path: str) -> None:
    """Write the key of an asset to the recovery file PATH, under a passphrase (asked for, or taken from
    REGISTRY_RECOVERY_PASSPHRASE).

    Any age tool reads it: age -d PATH > key.txt; age -d -i key.txt penguins.csv.age.
    """
    from registry.system import disk

    registry = app.registry(to="export a key")
    wanted = disk.place(path, f"asset-{registry.did(asset).asset_id}-recovery.age")
    place = registry.export_key(asset, wanted, _passphrase(wanted, confirm=True))
    app.console.result({"path": str(place)}, facts={"recovery file": str(place)})


@command("import", group=keys, examples=["registry keys import penguins-recovery.age"])
@click.argument("path", type=click.Path(path_type=Path, dir_okay=False))
def import_(app: App, path: Path) -> None:
    """Keep the key of a recovery file for the signer's account."""
    registry = app.registry(to="know whose key it is to be")
    recipient = registry.import_key(path, _passphrase(path, confirm=False))
    app.console.result({"recipient": recipient}, facts={"key of": recipient})


@command("clear", group=keys, examples=["registry keys clear"])
def clear(app: App) -> None:
    """Forget the keys that are kept for the signer's account, those of its own assets too. Asks first."""
    registry = app.registry(to="know whose keys are meant")
    app.agree("Forget them? Those of your own assets cannot be recovered without gateways or a recovery file.")
    gone = registry.forget_keys()
    app.console.result({"forgotten": gone}, facts={"forgotten": str(gone)})


@command(
    "invite",
    examples=["registry invite 1 0xFRIEND --days 7", "registry invite 1 0xFRIEND --json > friend.json"],
)
@asset_argument
@click.argument("account")
@click.option("--days", type=Real(), default=7.0, show_default=True, help="For how long.")
@click.option(
    "--from", "start", metavar="MOMENT", help="From when, e.g. 2026-12-24 or 2026-12-24T18:00Z; by default now."
)
def invite(app: App, asset: int | str, account: str, days: float, start: str | None) -> None:
    """Let ACCOUNT open your gated asset for a time, without a sale: its gateways keep your signed invitation.

    What --json writes is what 'registry uninvite' takes to end one that has not started.
    """
    from registry.text.numbers import moment

    registry = app.registry(to="invite")
    with app.progress():
        invited = registry.invite(asset, account, days=days, start=None if start is None else moment(start))
    app.console.result(invited)


@command("uninvite", examples=["registry uninvite friend.json"])
@click.argument("path", type=click.Path(dir_okay=False, allow_dash=True))
def uninvite(app: App, path: str) -> None:
    """End the invitation that 'registry invite --json' wrote to PATH, if it has not started yet."""
    from registry.cli.look import read_json
    from registry.content.inviting import Invited
    from registry.did import DID
    from registry.errors import InputError
    from registry.types import to_address

    value: Any = read_json(path)
    try:
        invited = Invited(
            did=DID.parse(value["did"]),
            account=to_address(value["account"]),
            start=_whole(value["start"]),
            end=_whole(value["end"]),
            nonce=_whole(value["nonce"]),
            gateways=tuple(map(str, value["gateways"])),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(f"{path!r} is no invitation.", hint="Name what 'registry invite --json' wrote.") from error
    registry = app.registry(to="revoke an invitation")
    done = registry.revoke(invited)
    app.console.result({"id": invited.id, "revoked": done}, facts={"revoked at": ", ".join(done)})


def _whole(value: object) -> int:
    """A number as 'registry invite --json' writes it: what is too large for many readers of JSON is text."""
    from registry.text.numbers import whole

    if isinstance(value, bool) or not isinstance(value, int | str):
        raise TypeError(value)
    return value if isinstance(value, int) else whole(value)


def _passphrase(path: Path, *, confirm: bool) -> str:
    """The passphrase of a recovery file. Raises `InputError` if nobody can be asked."""
    from registry.errors import InputError

    given = os.environ.get(RECOVERY_VARIABLE)
    if given:
        return given
    if not sys.stdin.isatty():
        raise InputError(
            f"{str(path)!r} needs a passphrase, and standard input is no terminal.", hint=f"Set {RECOVERY_VARIABLE}."
        )
    answer: str = click.prompt(f"Passphrase of {path}", hide_input=True, confirmation_prompt=confirm, err=True)
    return answer
