"""To begin with: deploy, fund, and get going again."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from registry.cli.command import OUTFOLDER, Whole, account_option, command

if TYPE_CHECKING:
    from registry.chain.addresses import Deployment
    from registry.chain.connection import Chain
    from registry.chain.plan import StepPlan
    from registry.chain.sender import Sender
    from registry.cli.app import App

POCKET_MONEY: Final = 1_000_000
"""Play dollars for whoever deploys them."""


@command(
    "deploy",
    examples=[
        "registry deploy --dry-run",
        "registry deploy --local-dollar",
        "registry deploy --treasury 0xTREASURY --fee-bps 100 --payment-token 0xUSDC",
        "registry deploy --check",
    ],
)
@click.option("--treasury", metavar="ADDRESS", help="Account that receives the fee; by default the signer.")
@click.option(
    "--fee-bps", type=Whole(), default=100, show_default=True, help="Fee of each sale in basis points, 0 to 500."
)
@click.option("--payment-token", "payment_tokens", multiple=True, metavar="ADDRESS", help="ERC-20 to take; repeatable.")
@click.option("--local-dollar", is_flag=True, help="Make play money called USD and take it; on chains for tests only.")
@click.option("--folder", type=OUTFOLDER, default="deployments", show_default=True, help="Where to record it.")
@click.option("--check", is_flag=True, help="Only compare the recorded deployment with the chain.")
@click.option("--dry-run", is_flag=True, help="Show the plan and what it costs; send nothing.")
def deploy(
    app: App,
    treasury: str | None,
    fee_bps: int,
    payment_tokens: tuple[str, ...],
    local_dollar: bool,
    folder: str,
    check: bool,
    dry_run: bool,
) -> None:
    """Deploy the registry: show the plan, ask, carry it out, record and check it.

    Addresses are known beforehand, and a plan that was interrupted goes on where it stopped. The signer becomes the
    administrator. The record is <folder>/<chain>.json.
    """
    chain = app.chain()
    if check:
        _check(app, chain, Path(folder))
        return
    signer = app.require_signer("deploy")
    deploy_on(
        app,
        chain,
        sender_of(app, chain, signer),
        treasury=treasury,
        fee_bps=fee_bps,
        payment_tokens=payment_tokens,
        local_dollar=local_dollar,
        folder=Path(folder),
        dry_run=dry_run,
    )


def deploy_on(
    app: App,
    chain: Chain,
    sender: Sender,
    *,
    treasury: str | None = None,
    fee_bps: int = 100,
    payment_tokens: tuple[str, ...] = (),
    local_dollar: bool = False,
    folder: Path | None = None,
    dry_run: bool = False,
) -> Deployment | None:
    """Show the plan of a deployment, ask, carry it out and record it in `folder`.

    Returns None for a dry run. Raises `InputError` for play money on a chain that is not for tests, and what
    `registry.chain.deploy` raises.
    """
    from registry.chain.addresses import require_place
    from registry.chain.connection import TEST_CHAINS
    from registry.chain.deploy import plan
    from registry.chain.local import play_dollar
    from registry.errors import InputError

    if local_dollar and chain.chain_id not in TEST_CHAINS:
        raise InputError(
            f"Play money is not for chain {chain.chain_id}.",
            hint=f"It is for {' and '.join(map(str, sorted(TEST_CHAINS)))}; name real tokens with --payment-token.",
        )
    dollar = play_dollar(sender, dry_run=True) if local_dollar else None
    missing = dollar is not None and not chain.has_code(dollar)
    tokens = list(payment_tokens) if dollar is None or missing else [*payment_tokens, dollar]
    wanted = plan(chain, sender.address, treasury=treasury or sender.address, fee_bps=fee_bps, payment_tokens=tokens)
    record = None if folder is None else folder / f"{chain.chain_id}.json"
    if record is not None:
        require_place(record, chain.chain_id, wanted.registry)
    show_plan(app, wanted, dollar if missing else None, final=dry_run)
    if dry_run:
        return None
    if missing or not wanted.complete:
        app.agree(f"Deploy on chain {chain.chain_id} as {sender.address}?")
    if dollar is not None and missing:
        app.console.note("  making play money ...")
        play_dollar(sender)
        tokens.append(dollar)
        wanted = plan(
            chain, sender.address, treasury=treasury or sender.address, fee_bps=fee_bps, payment_tokens=tokens
        )
    made = carried_out(app, wanted, sender, "deploying")
    if dollar is not None and missing:
        units = POCKET_MONEY * 10**6
        sender.send(chain.contract("LocalDollar", dollar).functions.mint(sender.address, units))
        app.console.note(f"  {sender.address} has {POCKET_MONEY:,} play dollars; 'registry fund' makes more")
    _record(app, chain, made, record)
    return made


def _record(app: App, chain: Chain, made: Deployment, record: Path | None) -> None:
    """Show a deployment, and write it to the file `record`."""
    from registry.chain.addresses import Deployment

    facts = {
        "registry": made.registry,
        "marketplace": made.marketplace,
        "authority": made.authority,
        "treasury": f"{made.treasury}, {made.fee_bps / 100:g} % of each sale",
        "payment in": ", ".join(["ETH", *made.tokens]),
    }
    recorded = None
    if record is not None:
        known = Deployment.load(record).dao if record.exists() else None
        # Deployed once more after it was given to a DAO, it still is the DAO's.
        kept = known if known is not None and chain.has_code(known.governor) else None
        recorded = str(replace(made, dao=kept).write(record))
        facts["recorded in"] = recorded
    app.console.result({"deployment": made, "recorded": recorded}, facts=facts)


@command("fund", examples=['registry fund "1000 USD"', 'registry fund "50 USD" --account 0xBUYER'])
@click.argument("amount")
@account_option
def fund(app: App, amount: str, account: str | None) -> None:
    """Make play money, on chains for tests only."""
    from registry.chain.connection import TEST_CHAINS
    from registry.errors import InputError

    registry = app.registry(to="make play money")
    token = registry.amount(amount).token
    if registry.chain.chain_id not in TEST_CHAINS or token.address is None:
        raise InputError(
            f"{amount!r} cannot be made on chain {registry.chain.chain_id}.",
            hint="Only the play money of chains for tests can.",
        )
    held = registry.fund(amount, account=account)
    holder = account or registry.address
    app.console.result({"account": holder, "balance": held}, facts={"account": holder, "holds": str(held)})


@command("unstick", examples=["registry unstick"])
def unstick(app: App) -> None:
    """Replace the first waiting transaction of the signer by one that does nothing, so that later ones go on."""
    chain = app.chain()
    receipt = sender_of(app, chain, app.require_signer("replace a transaction")).unstick()
    if app.console.as_json:
        app.console.result({"replaced": receipt})
    else:
        app.console.say(f"Replaced by {receipt.tx_hash}." if receipt else "No transaction waits.")


def sender_of(app: App, chain: Chain, signer: object) -> Sender:
    """The sender of a signer, with the journal of this home."""
    from registry.chain.sender import Sender
    from registry.chain.signers import as_signer

    checked = as_signer(signer)
    assert checked is not None
    return Sender(chain, checked, app.journal())


def carried_out(app: App, wanted: StepPlan[Deployment], sender: Sender, what: str) -> Deployment:
    """Carry a plan out behind a progress bar."""
    todo = [step.key for step in wanted.steps if not step.done]
    with app.console.progress() as update:
        count = 0

        def told(step: object) -> None:
            nonlocal count
            update(what, count, len(todo))
            count += 1

        return wanted.carry_out(sender, told)


def show_plan(app: App, wanted: StepPlan[Deployment], dollar: str | None = None, *, final: bool) -> None:
    """Write the steps of a plan, as the result of the command if it is `final`."""
    from registry.cli.console import table_of

    rows = wanted.table()
    gas = wanted.gas
    if dollar is not None:
        what = "Create play money (USD) and allow payment in it"
        rows.insert(0, {"step": "0", "what": what, "address": dollar, "gas": "", "state": "to do"})
    table = table_of(f"Plan for chain {wanted.chain.chain_id}", "step", "what", "address", "gas, about", "state")
    table.columns[3].justify = "right"
    for row in rows:
        table.add_row(*row.values())
    if final:
        app.console.result({"steps": rows, "gas": gas}, table=table, facts={"gas left, about": f"{gas:,}"})
    elif not app.console.as_json:
        app.console.table(table)


def _check(app: App, chain: Chain, folder: Path) -> None:
    from registry.chain.addresses import find
    from registry.chain.deploy import plan, version
    from registry.chain.discovery import deployment_at
    from registry.errors import DeploymentError, NotDeployed

    chosen = app.settings.get("deployment")
    found = deployment_at(chain, chosen) if chosen else find(chain.chain_id, [folder, app.home / "deployments"])
    if found is None:
        raise NotDeployed(chain.chain_id, f"neither {folder} nor {app.home / 'deployments'} records it")
    if found.version != version():
        raise DeploymentError(
            f"The deployment was made with contracts {found.version}; this package ships {version()}.",
            hint="Check it with the package that made it, or deploy anew.",
        )
    if found.dao is not None:
        raise DeploymentError(
            f"The registry {found.registry} was given to a DAO, which may have changed its settings.",
            hint="'registry dao check' shows who holds which power.",
        )
    wanted = plan(chain, found.deployer, treasury=found.treasury, fee_bps=found.fee_bps, payment_tokens=found.tokens)
    problems = wanted.check()
    if problems:
        raise DeploymentError(
            f"The deployment is not as recorded: {'; '.join(problems)}.",
            hint="Check the network; 'registry deploy' does what is missing and nothing else.",
        )
    facts = {"registry": found.registry, "marketplace": found.marketplace, "state": "as planned"}
    app.console.result({"deployment": found, "problems": problems}, facts=facts)
