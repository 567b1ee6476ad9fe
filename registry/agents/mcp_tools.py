"""The tools of an agent: each asks the client one thing, and answers with strangers' words set apart."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable
from typing import Annotated, Any, Final, Literal, ParamSpec, TypeVar

from mcp.server.mcpserver import Context, Elicit, Resolve
from mcp.server.mcpserver.exceptions import ResourceError, ToolError
from pydantic import BaseModel, Field

from registry.agents import answers
from registry.agents.agent_desk import LARGEST, AgentDesk
from registry.client import Registry
from registry.documents.ddo import AssetType
from registry.documents.licence_spec import parse_licence
from registry.errors import InputError, RegistryError
from registry.results import Asset, Offer
from registry.text.numbers import digits_or_text

P = ParamSpec("P")
T = TypeVar("T")
Answer = dict[str, Any]
Asking = Context[Any, Any]

AssetName = Annotated[str, Field(description="DID or number", max_length=300)]
LicenceName = Annotated[str, Field(description="number or name; may be empty if one is open", max_length=300)]
Below = Annotated[str, Field(description="relative path in the user's folder", max_length=1_000)]
MostPaid = Annotated[str, Field(description="the most to pay, as '12.5 USD'", max_length=100)]


class Agreement(BaseModel):
    """What a person answers before something is sent."""

    agree: bool = Field(description="Send it?")


def told(tool: Callable[P, T]) -> Callable[P, T]:
    """The tool, whose errors are sentences for whoever called it: cleaned, since names of strangers are in them."""

    @functools.wraps(tool)
    def call(*args: P.args, **options: P.kwargs) -> T:
        try:
            return tool(*args, **options)
        except RegistryError as error:
            # Of a resource or of a tool: both kinds of failure are told as they are.
            raise ResourceError(answers.cleaned(f"{type(error).__name__}: {error}")) from error

    return call


def _desk(ctx: Asking) -> AgentDesk:
    desk: AgentDesk = ctx.request_context.lifespan_context
    return desk


def _offer(ctx: Asking, asset: str, licence: str) -> tuple[Asset, Offer]:
    """An asset, loaded once, and one of its licences."""
    registry = _desk(ctx).registry
    found = registry.get(digits_or_text(asset))
    return found, registry.offer(found, digits_or_text(licence) if licence else None)


# --- Looking -------------------------------------------------------------------------------------


@told
def search_assets(
    ctx: Asking,
    text: Annotated[str, Field(max_length=500)] = "",
    type: Literal["", "dataset", "model", "algorithm", "app", "notebook", "other"] = "",
    max_price: Annotated[str, Field(description="as '20 USD'", max_length=100)] = "",
    limit: Annotated[int, Field(ge=1, le=50)] = 10,
    after: Annotated[str, Field(description="'after' of the page before", max_length=2_048)] = "",
) -> Answer:
    """Find data sets, models and other assets by words, the best first."""
    registry = _desk(ctx).registry
    return answers.found(registry.search(text, type=type, max_price=max_price or None, limit=limit, after=after))


@told
def describe_asset(ctx: Asking, asset: AssetName) -> Answer:
    """An asset's document, owner, state and licences, checked against the chain."""
    return answers.described(_desk(ctx).registry.get(digits_or_text(asset)))


@told
def list_files(ctx: Asking, asset: AssetName) -> Answer:
    """The files of an asset: path and size in bytes."""
    return answers.listed(_desk(ctx).files(digits_or_text(asset)))


@told
def read_file(
    ctx: Asking,
    asset: AssetName,
    path: Annotated[str, Field(description="may be empty if there is one file", max_length=2_048)] = "",
    offset: Annotated[int, Field(ge=0)] = 0,
    size: Annotated[int, Field(ge=1, le=LARGEST)] = 16_384,
) -> Answer:
    """Bytes of a file, each block checked; without access the start of a public file as a sample."""
    name, data, total, sample = _desk(ctx).read(digits_or_text(asset), path, offset, size)
    return answers.piece(name, data, offset, total, sample=sample)


@told
def quote_licence(
    ctx: Asking,
    asset: AssetName,
    licence: LicenceName = "",
    units: Annotated[int, Field(ge=1)] = 1,
    time: Annotated[str, Field(description="of a subscription, as '30 days'", max_length=100)] = "",
) -> Answer:
    """What a licence costs now, who is paid, and what is left of the budget."""
    desk = _desk(ctx)
    registry = desk.registry
    _, offer = _offer(ctx, asset, licence)
    left = desk.budget.left() if desk.budget is not None else "nothing may be spent here"
    body: Answer = {"did": str(offer.did), "licence": answers.offered(offer), "left_today": left, "note": answers.NOTE}
    if time:
        return body | {"total": str(registry.streams.quote(offer.did, offer, time=time, account=_holder(desk)))}
    price = registry.quote(offer.did, offer, units=units)
    parts = {name: str(getattr(price, name)) for name in ("total", "fee", "royalty", "revenue", "payout")}
    return body | parts


@told
def my_access(
    ctx: Asking,
    asset: AssetName,
    account: Annotated[str, Field(description="by default the user's", max_length=100)] = "",
) -> Answer:
    """What an account holds of an asset's licences, and whether it may open it."""
    registry = _desk(ctx).registry
    name, holder = digits_or_text(asset), _account(registry, account)
    held = [
        {"holds": one.in_words(), "active": one.active, "publisher": answers.cleaned({"licence": one.licence})}
        for one in registry.holdings(name, account=holder)
    ]
    may = registry.has_access(name, account=holder)
    return {"may_open": may, "account": holder, "licences": held, "note": answers.NOTE}


def _account(registry: Registry, account: str) -> str:
    if not account and registry.signer is None:
        raise InputError("This server acts for no account.", hint="Name the account, as 0x and 40 digits.")
    return account or registry.address


@told
def verify_asset(ctx: Asking, asset: AssetName, folder: Below = "") -> Answer:
    """Hash an asset again, or the copy in a folder, against what the chain promises."""
    desk = _desk(ctx)
    checked = desk.registry.verify(digits_or_text(asset), desk.below(folder) if folder else None)
    return {"verified": True, "did": str(checked.did), "files": checked.files, "size": checked.size}


@told
def download_asset(ctx: Asking, asset: AssetName, folder: Below) -> Answer:
    """Write all files of an asset to a new folder. Needs access."""
    desk = _desk(ctx)
    found, place = desk.registry.get(digits_or_text(asset)), desk.below(folder)
    desk.spare_uses(found)
    place.parent.mkdir(parents=True, exist_ok=True)
    files = desk.registry.download(found.did, place)
    return {"did": str(found.did), "folder": folder, "files": len(files), "size": sum(file.size for file in files)}


# --- Asking a person -----------------------------------------------------------------------------


def _asked(ctx: Asking, question: str) -> Agreement | Elicit[Agreement]:
    if not _desk(ctx).asks:
        return Agreement(agree=True)
    able = ctx.client_capabilities
    if able is None or able.elicitation is None:
        raise ToolError(
            "This client cannot ask a person, so nothing is sent. Use one that can (elicitation), or start the server "
            "with --yes to agree beforehand to what the budget allows."
        )
    return Elicit(question, Agreement)


@told
def ask_to_buy(
    ctx: Asking, asset: str, licence: str, order: str, max_total: str, units: int
) -> Agreement | Elicit[Agreement]:
    """The question before a purchase, in words that change only with the offer."""
    found, offer = _offer(ctx, asset, licence)
    wanted = _desk(ctx).preview(offer, order, units, max_total)
    if wanted.before:
        return Agreement(agree=True)
    return _asked(
        ctx,
        f"Buy {units} x {answers.quoted(offer.name)} ({answers.cleaned(offer.in_words(), 200)}) of "
        f"{answers.quoted(found.name)}, "
        f"{offer.did}, for {wanted.price.total}, and at most {max_total}?",
    )


@told
def ask_to_subscribe(ctx: Asking, asset: str, licence: str, time: str, max_total: str) -> Agreement | Elicit[Agreement]:
    """The question before a subscription."""
    found, offer = _offer(ctx, asset, licence)
    total = _desk(ctx).ask_price(offer, time, max_total)
    return _asked(
        ctx,
        f"Subscribe for {answers.quoted(time)} to {answers.quoted(offer.name)} "
        f"({answers.cleaned(offer.in_words(), 200)}) of {answers.quoted(found.name)}, {offer.did}, for {total}, "
        f"and at most {max_total}?",
    )


@told
def ask_to_cancel(ctx: Asking, asset: str, licence: str) -> Agreement | Elicit[Agreement]:
    """The question before a subscription is ended."""
    _, offer = _offer(ctx, asset, licence)
    return _asked(ctx, f"End the subscription to {answers.quoted(offer.name)} of {offer.did}, for what it refunds?")


@told
def ask_to_publish(
    ctx: Asking, path: str, name: str, type: str, license: str, licences: list[str]
) -> Agreement | Elicit[Agreement]:
    """The question before a folder of the user's becomes public."""
    place = _desk(ctx).below(path)
    offers = "; ".join(map(answers.quoted, licences)) or "none"
    return _asked(
        ctx,
        f"Publish {str(place)!r} as the {type} {answers.quoted(name)} under {answers.quoted(license)}, for everybody "
        f"to read, with these licences: {offers}? What is published cannot be taken back.",
    )


def _agreed(agreement: Agreement) -> None:
    if not agreement.agree:
        raise ToolError("The user declined. Nothing was sent.")


# --- Spending ------------------------------------------------------------------------------------


@told
def buy_licence(
    ctx: Asking,
    asset: AssetName,
    order: Annotated[str, Field(description="your own name for this purchase; under one it is made once")],
    max_total: MostPaid,
    agreement: Annotated[Agreement, Resolve(ask_to_buy)],
    licence: LicenceName = "",
    units: Annotated[int, Field(ge=1)] = 1,
) -> Answer:
    """Buy a licence within the day's budget, after the user agreed."""
    _agreed(agreement)
    desk = _desk(ctx)
    _, offer = _offer(ctx, asset, licence)
    bought = desk.buy(offer, order, units, max_total)
    return {
        "did": str(bought.did),
        "paid": str(bought.price.total),
        "before": bought.before,
        "holds": bought.holding.in_words(),
        "transaction": bought.tx.tx_hash if bought.tx else None,
        "left_today": desk.funds.left(),
    }


@told
def subscribe(
    ctx: Asking,
    asset: AssetName,
    time: Annotated[str, Field(description="as '30 days'", max_length=100)],
    max_total: MostPaid,
    agreement: Annotated[Agreement, Resolve(ask_to_subscribe)],
    licence: LicenceName = "",
) -> Answer:
    """Begin access by the second within the day's budget, after the user agreed."""
    _agreed(agreement)
    desk = _desk(ctx)
    _, offer = _offer(ctx, asset, licence)
    made = desk.subscribe(offer, time, max_total)
    return {"did": str(made.did), "paid": str(made.total), "seconds": made.seconds, "left_today": desk.funds.left()}


@told
def cancel_subscription(
    ctx: Asking,
    asset: AssetName,
    agreement: Annotated[Agreement, Resolve(ask_to_cancel)],
    licence: LicenceName = "",
) -> Answer:
    """End a subscription, after the user agreed; what is not used is refunded."""
    _agreed(agreement)
    desk = _desk(ctx)
    _, offer = _offer(ctx, asset, licence)
    return {"refunded": str(desk.cancel(offer)), "left_today": desk.funds.left()}


@told
def publish_asset(
    ctx: Asking,
    path: Below,
    name: Annotated[str, Field(max_length=256)],
    type: AssetType,
    license: Annotated[str, Field(description="SPDX, of the content")],
    agreement: Annotated[Agreement, Resolve(ask_to_publish)],
    description: str = "",
    tags: list[str] = [],  # noqa: B006 # the schema wants it; it is never changed
    licences: Annotated[list[str], Field(description="offers, as 'month: 30 days, 5 USD'")] = [],  # noqa: B006
) -> Answer:
    """Publish a folder or file of the user's, after the user agreed."""
    _agreed(agreement)
    desk = _desk(ctx)
    made = desk.publish(
        desk.below(path),
        name=name,
        type=type,
        license=license,
        licences=[parse_licence(text) for text in licences],
        description=description,
        tags=tuple(tags),
    )
    return {"did": str(made.did), "left_out": list(made.left_out[:100]), "left_today": desk.funds.left()}


def _holder(desk: AgentDesk) -> str | None:
    """The account whose price is asked for: nobody's own where nobody signs."""
    return None if desk.registry.signer is not None else desk.registry.deployment.registry


# --- Resources -----------------------------------------------------------------------------------


@told
def document_resource(ctx: Asking, did: str) -> str:
    """An asset's document and offers, as `describe_asset` tells them."""
    return json.dumps(describe_asset(ctx, did))


@told
def file_resource(ctx: Asking, did: str, path: str) -> str:
    """A file of an asset from its start, as `read_file` tells it."""
    return json.dumps(read_file(ctx, did, path, 0, LARGEST))


LOOKING: Final = (
    search_assets,
    describe_asset,
    list_files,
    read_file,
    quote_licence,
    my_access,
    verify_asset,
)
SPENDING: Final = (buy_licence, subscribe, cancel_subscription)
