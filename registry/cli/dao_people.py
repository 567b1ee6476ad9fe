"""A DAO as its people see it: founding it, who holds which power, votes, and the brake."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from registry.cli.command import OUTFILE, OUTFOLDER, account_option, command, dry_run_option

if TYPE_CHECKING:
    from registry.cli.app import App


@command(
    "found",
    file="dao.yaml",
    examples=["registry dao found dao.yaml --dry-run", "registry dao found dao.yaml --proofs claims.json"],
)
@click.argument("settings", type=click.Path(path_type=Path))
@click.option("--proofs", type=OUTFILE, help="Write the list of the distribution with its proofs.")
@click.option("--folder", type=OUTFOLDER, help="Record it there too; the record that is in use is brought up to date.")
@dry_run_option
def found(app: App, settings: Path, proofs: str | None, folder: str | None, dry_run: bool) -> None:
    """Give the registry to a DAO: show the plan, ask, carry it out, record and check it.

    SETTINGS is a YAML file: allocations of the token, treasury, rules, bonds. The signer must be the deployer, and
    holds no power in the end. A plan that was interrupted goes on where it stopped.
    """
    from registry.chain.addresses import require_place
    from registry.chain.dao_plan import found as plan_of
    from registry.cli.start import carried_out, sender_of, show_plan
    from registry.governance.foundation_yaml import read_foundation
    from registry.system import disk

    registry = app.registry(to="found a DAO")
    foundation, listed = read_foundation(settings, registry.amount)
    wanted = plan_of(registry.chain, registry.deployment, foundation)
    wanted.prepare()
    chain_id = registry.chain.chain_id
    records = [] if folder is None else [Path(folder) / f"{chain_id}.json"]
    records += filter(None, [app.record(chain_id)])
    for record in records:
        require_place(record, chain_id, registry.deployment.registry)
    show_plan(app, wanted, final=dry_run)
    if dry_run:
        return
    if not wanted.complete:
        app.agree(
            f"Give the registry {registry.deployment.registry} to the DAO {wanted.governor}, and keep no power over it?"
        )
    made = carried_out(app, wanted, sender_of(app, registry.chain, registry.signer), "founding")
    recorded = [str(made.write(record)) for record in dict.fromkeys(map(Path.absolute, records))]
    assert made.dao is not None
    facts = {
        "governor": made.dao.governor,
        "token": made.dao.token,
        "treasury": made.dao.timelock,
        "recorded in": ", ".join(recorded),
    }
    if listed is not None and proofs is not None:
        facts["proofs in"] = str(disk.put(proofs, f"entitlements-{listed.root.hex()[:8]}.json", listed.to_json()))
    app.console.result({"deployment": made, "recorded": recorded[-1]}, facts=facts)


@command("check", examples=["registry dao check"])
def check(app: App) -> None:
    """Check that the contracts are those of this package, and that nobody but the DAO holds power over the registry.

    Needs nobody's word: code, roles, and what was ever granted are read from the chain.
    """
    from registry.errors import DeploymentError

    registry = app.registry()
    dao = registry.governance.dao
    problems = registry.governance.check()
    if problems:
        raise DeploymentError(
            f"The DAO is not as this package founds one: {'; '.join(problems)}.",
            hint="Look for the proposal that changed them; if there is none, the DAO does not rule this registry.",
        )
    facts = {
        "code": "as this package ships it",
        "administers": f"the timelock {dao.timelock}, for the governor {dao.governor} alone",
        "may pause": f"the brake {dao.brake}",
        "may delist": f"curation {dao.curation}",
        "may sell": f"the marketplace {registry.deployment.marketplace}, the streams {registry.deployment.streams}, "
        f"the escrow of jobs {registry.deployment.escrow}",
        "fees go to": f"{registry.sales_rules[0]}, changed by {dao.treasuries} among what the DAO approves",
        "the directory": "names these contracts and no others",
        "the deployer": f"{registry.deployment.deployer} holds nothing",
    }
    app.console.result({"dao": dao, "problems": problems}, facts=facts)


@command("power", examples=["registry dao power", "registry dao power --account 0xANN"])
@account_option
def power(app: App, account: str | None) -> None:
    """Show what an account holds of the token, to whom it delegates, and how many votes it casts."""
    from registry.calls.words import in_votes

    registry = app.registry(to=None if account else "know whose votes are meant (or --account)")
    found = registry.governance.voting_power(account)
    facts = {
        "account": found.account,
        "holds": in_votes(found.held),
        "delegates to": "itself" if found.delegate == found.account else found.delegate or "nobody",
        "casts": f"{in_votes(found.power)} votes",
    }
    if found.hint:
        facts["note"] = found.hint
    app.console.result({**_fields(found), "idle": found.idle, "hint": found.hint}, facts=facts)


@command("delegate", examples=["registry dao delegate", "registry dao delegate 0xANN"])
@click.argument("to", required=False)
@dry_run_option
def delegate(app: App, to: str | None, dry_run: bool) -> None:
    """Let an account cast the votes of what the signer holds; without TO the signer itself.

    Tokens that nobody is delegated count for nothing. They stay where they are, and can be delegated anew.
    """
    from registry.cli.views import show_done

    show_done(app, app.registry(to="delegate votes").governance.delegate(to, dry_run=dry_run))


@command(
    "brake",
    examples=[
        'registry dao brake --sales --for "3 days"',
        'registry dao brake --sales --publications --for "12 hours"',
    ],
)
@click.option("--sales", is_flag=True, help="Pause new sales.")
@click.option("--publications", is_flag=True, help="Pause new publications.")
@click.option("--for", "duration", required=True, metavar="SPAN", help='How long, to "7 days".')
@dry_run_option
def brake(app: App, sales: bool, publications: bool, duration: str, dry_run: bool) -> None:
    """Pause new sales or publications, or both: by the guardian, once.

    What people have they can use, transfer, redeem and claim meanwhile. The DAO makes the brake ready again.
    """
    from registry.cli.views import show_done
    from registry.text.numbers import seconds

    registry = app.registry(to="pull the brake")
    done = registry.governance.brake(seconds(duration), sales=sales, publications=publications, dry_run=dry_run)
    show_done(app, done)


@command("release", examples=["registry dao release", "registry dao release --sales-only"])
@click.option("--sales-only", is_flag=True, help="Let sales go on, and not publications.")
@click.option("--publications-only", is_flag=True, help="Let publications go on, and not sales.")
@dry_run_option
def release(app: App, sales_only: bool, publications_only: bool, dry_run: bool) -> None:
    """End the pause of sales and publications before its time: by the guardian, or the DAO."""
    from registry.cli.views import show_done

    show_done(
        app,
        app.registry(to="release the brake").governance.release(
            sales=not publications_only, publications=not sales_only, dry_run=dry_run
        ),
    )


def _fields(found: object) -> dict[str, object]:
    from registry.cli.console import plain

    fields: dict[str, object] = plain(found)
    return fields
