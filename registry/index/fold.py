"""What each event means: one small function for each, from the rows that it is about to what they are after it.

A function is registered under the name of the event. It says which rows it needs, each by a table and the arguments
that make its key, and takes first them and then what it asks for by the names of `names_of`. It changes the rows and
returns nothing. It asks nobody and knows no database, so the same events give the same rows everywhere; an index can be
folded again from its events alone.

A row that is as `Table.fresh` makes it is not kept.
"""

# ruff: noqa: N803 - arguments bear the names of the ABI.

from __future__ import annotations

import inspect
import keyword
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from operator import itemgetter
from typing import Any, Final, TypeVar

from registry.errors import EventGap
from registry.index.events import IndexedEvent
from registry.index.plans import EventPlan, plan_of, plans
from registry.index.tables import BY_NAME, LARGEST, ZERO, Key, Row
from registry.types import ITEM, terms_of

PERIOD: Final = 30 * 86_400
"""Seconds for which fees are summed up; their weight is halved every six of these."""

COUNTED_SALES: Final = 3
"""Sales of one asset to one account whose fees count for its rank."""

MAX_UNITS: Final = {"taken": 2**32 - 1, "expires": 2**48 - 1, "uses": 2**64 - 1}
"""Where the counts of a grant stop, as they do on chain."""

HOLD, PERIODIC, USE, STREAM = 0, 1, 2, 3

UPHELD: Final = 2
"""The state of a case that was decided for who opened it."""

F = TypeVar("F", bound=Callable[..., None])
Keys = Callable[[Mapping[str, Any]], Iterable[Key]]


Facts = tuple[Any, ...]
"""What a rule may ask for of one event, in the order of `names_of`."""


@dataclass(frozen=True, slots=True)
class Rule:
    """The rule of some events, as it was registered: the rows that its function takes first, each by a table and the
    names that make its key or a function that makes any number of keys, and the arguments that it takes after them."""

    function: Callable[..., None]
    rows: tuple[tuple[str, tuple[str, ...] | Keys], ...]
    takes: tuple[str, ...]
    when: Callable[[Mapping[str, Any]], bool] | None


RULES: Final[dict[str, Rule]] = {}
"""By ``Contract.Event``."""


def on(
    *events: str, when: Callable[[Mapping[str, Any]], bool] | None = None, **rows: tuple[Any, ...]
) -> Callable[[F], F]:
    """Register the rule of some events.

    Each of `rows` is a table and then the names of the arguments that make the key, or one function from the arguments
    to any number of keys. `when` leaves out events that are not about this registry.
    """

    def register(function: F) -> F:
        needed: list[tuple[str, tuple[str, ...] | Keys]] = []
        for table, *key in rows.values():
            if len(key) == 1 and callable(key[0]):
                needed.append((table, key[0]))
                continue
            if len(key) != BY_NAME[table].keys:
                raise TypeError(f"{function.__name__}: the key of {table} is {BY_NAME[table].key}")
            needed.append((table, tuple(key)))
        parameters = tuple(inspect.signature(function).parameters)
        if parameters[: len(rows)] != tuple(rows):
            raise TypeError(f"{function.__name__} takes its rows first, in the order in which they are named")
        for event in events:
            RULES[event] = Rule(function, tuple(needed), parameters[len(rows) :], when)
        return function

    return register


class Bound:
    """The rule of one event with every name looked up: what is done a million times finds things by their places."""

    __slots__ = ("_names", "_rows", "_take", "_when", "function")

    def __init__(self, rule: Rule, names: tuple[str, ...]) -> None:
        def getter(wanted: Sequence[str]) -> Callable[[Facts], Facts]:
            places = tuple(names.index(name) for name in wanted)
            if len(places) > 1:
                return itemgetter(*places)
            return (lambda facts: (facts[places[0]],)) if places else (lambda _: ())

        self.function = rule.function
        self._names = names
        self._when = rule.when
        self._take = getter(rule.takes)
        self._rows: tuple[tuple[str, Callable[[Facts], Key] | None, Keys | None], ...] = tuple(
            (table, None, key) if callable(key) else (table, getter(key), None) for table, key in rule.rows
        )

    def is_ours(self, facts: Facts) -> bool:
        """Whether an event is about this registry, of those that a contract writes for anybody's."""
        return self._when is None or self._when(dict(zip(self._names, facts, strict=True)))

    def slots(self, facts: Facts) -> list[tuple[str, Key | list[Key]]]:
        """The rows that it needs, by table: one key, or a list of any number."""
        return [
            (table, one(facts) if one is not None else list(many(dict(zip(self._names, facts, strict=True)))))  # type: ignore[misc]
            for table, one, many in self._rows
        ]

    def arguments(self, facts: Facts) -> Facts:
        """What its function takes after the rows."""
        return self._take(facts)


_LEDGERS: Final = ("RevenueSplitter", "LineageSplitter", "Streams", "ComputeEscrow")
"""The contracts where payments wait that could not be made."""

_BESIDE: Final = (
    "at_block",
    "at_log",
    "at_time",
    "address",
    "at_period",
    "home_asset",
    "home_licence",
    "home_registry",
    "subject",
    "terms_asset",
)


SUBJECT: Final = _BESIDE.index("subject") - len(_BESIDE)
"""Where `subject` stands among the facts, from the end."""


@lru_cache(maxsize=1_000)
def names_of(plan: EventPlan) -> tuple[str, ...]:
    """What a rule may ask for of an event: its arguments, where and when it was, and whose contract it is of.

    `home_asset` and `home_licence` are those of a datatoken or of an asset's splitter, `home_registry` the registry of
    this index, `at_period` the number of the `PERIOD` since 1970, `subject` the asset that it is about, `terms_asset`
    the asset whose terms hold for the one that it is about: an item's collection, or itself. A name that is a word of
    Python ends with a ``_``.
    """
    return (*(f"{name}_" if keyword.iskeyword(name) else name for name in plan.names), *_BESIDE)


def facts_of(event: IndexedEvent) -> Facts:
    """The values of `names_of` for one event."""
    subject = event.subject
    return (
        *event.values,
        event.block,
        event.log,
        event.time,
        event.address,
        event.time // PERIOD,
        event.asset,
        event.licence,
        event.registry,
        subject,
        terms_of(subject) if subject >= ITEM else subject,
    )


@lru_cache(maxsize=1_000)
def rule_of(key: str) -> Bound | None:
    """The rule of the event ``Contract.Event``, None for one that no row follows from."""
    rule = RULES.get(key)
    return None if rule is None else Bound(rule, names_of(plan_of(key)))


def _follows(what: str, found: int, before: int) -> None:
    if found != before + 1:
        raise EventGap(f"{what} {found} follows on {before}")


def _known(asset: Row) -> None:
    if not asset["owner"]:
        raise EventGap(f"asset {asset['id']} was never published")


# --- Assets --------------------------------------------------------------------------------------


def _is_ours(registry: str, own: str) -> str:
    """The registry of an asset as the tables have it: empty for this one."""
    return "" if registry == own else registry


@on("AssetRegistry.CollectionPublished", asset=("asset", "collection"))
def collection_published(asset: Row, root: bytes, size: int) -> None:
    """An asset lists items, `size` units in all, by the root of a Merkle tree."""
    asset.update(root=root, size=size)


@on("AssetRegistry.Transfer", asset=("asset", "tokenId"), whole=("asset", "terms_asset"))
def transferred(asset: Row, whole: Row, from_: str, to: str, at_block: int, at_time: int) -> None:
    """A publication, or a change of hands: that ends the payout, and roles of another epoch count no more.

    An item that is minted has the epoch that its collection has then.
    """
    if from_ == ZERO:
        asset.update(owner=to, first_block=at_block, first_time=at_time)
        if whole["id"] != asset["id"]:
            _known(whole)
            asset.update(collection=whole["id"], epoch=whole["epoch"])
        return
    _known(asset)
    asset.update(owner=to, payout="", epoch=asset["epoch"] + 1)


@on("AssetRegistry.MetadataPublished", asset=("asset", "assetId"), row=("version", "assetId", "version"))
def documented(asset: Row, row: Row, version: int, digest: bytes, publisher: str, at_block: int, at_time: int) -> None:
    """A document was set."""
    _known(asset)
    _follows(f"version of asset {asset['id']}", version, asset["version"])
    asset.update(version=version, digest=digest, changed_block=at_block, changed_time=at_time)
    if version == 1:
        asset["publisher"] = publisher
    row.update(digest=digest, block=at_block, time=at_time)


@on("AssetRegistry.StateChanged", asset=("asset", "assetId"))
def state_changed(asset: Row, state: int) -> None:
    """The owner suspended, resumed or retired it."""
    _known(asset)
    asset["state"] = state


@on("AssetRegistry.DelistedChanged", asset=("asset", "assetId"))
def delisted_changed(asset: Row, delisted: bool) -> None:
    """Curation stopped its sales, or lets them go on; of an item also before it is minted."""
    asset["delisted"] = int(delisted)


@on("AssetRegistry.PayoutChanged", asset=("asset", "assetId"))
def payout_changed(asset: Row, payout: str) -> None:
    """Its revenue goes elsewhere; to the owner for nobody."""
    _known(asset)
    asset["payout"] = "" if payout == ZERO else payout


@on("AssetRegistry.RolesChanged", role=("role", "assetId", "account"))
def roles_changed(role: Row, epoch: int, roles: int) -> None:
    """An account may do other things with it, within the epoch."""
    role.update(epoch=epoch if roles else 0, roles=roles)


@on("AssetRegistry.DerivativeTermsChanged", asset=("asset", "assetId"))
def derivative_terms_changed(asset: Row, allowed: bool, royaltyBps: int) -> None:
    """Others may derive from it, or no longer, at another royalty."""
    _known(asset)
    asset.update(derivable=int(allowed), asked_bps=royaltyBps)


# --- Licences ------------------------------------------------------------------------------------


@on("AssetRegistry.LicenceAdded", asset=("asset", "assetId"), row=("licence", "assetId", "licence"))
def licence_added(asset: Row, row: Row, licence: int, terms: tuple[Any, ...]) -> None:
    """A licence is on offer."""
    _known(asset)
    _follows(f"licence of asset {asset['id']}", licence, asset["licences"] - 1)
    asset["licences"] = licence + 1
    price, token, kind, amount, cap, limit, minimum, seller = terms
    row.update(price=price, token=token, kind=kind, amount=amount, cap=cap, limit_=limit, open=1, added=1)
    row.update(minimum=minimum, seller="" if seller == ZERO else seller)


@on("AssetRegistry.LicenceChanged", row=("licence", "assetId", "licence"))
def licence_changed(row: Row, price: int, open: bool) -> None:
    """It has another price of a unit, or was closed or opened."""
    row.update(price=price, open=int(open))


@on(
    "AssetRegistry.LicenceIssued",
    row=("licence", "terms_asset", "licence"),
    holding=("holding", "account", "assetId", "licence"),
)
def licence_issued(row: Row, holding: Row, units: int, asTokens: bool, at_time: int) -> None:
    """An account got units, as access or as datatokens. Raises `EventGap`."""
    if not row["added"]:
        raise EventGap(f"licence {row['number']} of asset {row['asset']} was never added")
    if row["cap"]:
        row["issued"] += units
    if row["limit_"] or not asTokens:
        _count(holding, "taken", units)
    if not asTokens:
        _give(holding, row, units, at_time)


@on(
    "AssetRegistry.TokensRedeemed",
    row=("licence", "terms_asset", "licence"),
    holding=("holding", "account", "assetId", "licence"),
)
def redeemed(row: Row, holding: Row, units: int, at_time: int) -> None:
    """Datatokens were burned for the access that they stand for."""
    _give(holding, row, units, at_time)


@on("Streams.Subscribed", "Streams.Extended", "Streams.Cancelled", holding=("holding", "account", "assetId", "licence"))
def streamed(holding: Row, end: int) -> None:
    """Access by the second lasts until then."""
    holding["expires"] = end


@on("AssetRegistry.UsesConsumed", holding=("holding", "account", "assetId", "licence"))
def consumed(holding: Row, uses: int) -> None:
    """Uses were spent. Raises `EventGap`."""
    if uses > holding["uses"]:
        raise EventGap(f"{holding['account']} spent {uses} of {holding['uses']} uses of asset {holding['asset']}")
    holding["uses"] -= uses


@on(
    "Datatoken.Transfer",
    holdings=(
        "holding",
        lambda v: [
            (one, v["home_asset"], v["home_licence"]) for one in dict.fromkeys((v["from_"], v["to"])) if one != ZERO
        ],
    ),
)
def tokens_moved(holdings: list[Row], from_: str, to: str, value: int) -> None:
    """Datatokens were made, moved or burned. Raises `EventGap`."""
    for holding in holdings:
        change = value * ((holding["account"] == to) - (holding["account"] == from_))
        if holding["tokens"] + change < 0:
            raise EventGap(f"{from_} moved datatokens of asset {holding['asset']} that it did not have")
        holding["tokens"] += change


def _give(holding: Row, licence: Row, units: int, time: int) -> None:
    """Add what units of a licence give; kinds that this version does not know give nothing that it could tell."""
    if licence["kind"] == HOLD:
        holding["held"] = 1
    elif licence["kind"] == PERIODIC:
        holding["expires"] = max(holding["expires"], time)
        _count(holding, "expires", licence["amount"] * units)
    elif licence["kind"] == USE:
        _count(holding, "uses", licence["amount"] * units)


def _count(holding: Row, column: str, units: int) -> None:
    holding[column] = min(holding[column] + units, MAX_UNITS[column])


# --- Money ---------------------------------------------------------------------------------------


@on(
    "Marketplace.Sale",
    asset=("asset", "terms_asset"),
    row=("sale", "at_block", "at_log"),
    bought=("buyer", "terms_asset", "buyer"),
    fees=("fee", "terms_asset", "token", "at_period"),
)
def sold(
    asset: Row,
    row: Row,
    bought: Row,
    fees: Row,
    assetId: int,
    licence: int,
    buyer: str,
    token: str,
    total: int,
    fee: int,
    royalty: int,
    at_time: int,
) -> None:
    """A licence was sold, all amounts in units of the token. What a fee says counts for a few sales to one account.

    The sale of an item counts for its collection. One of an asset that there is not is none: a seller that the DAO
    named may say so, and where a publication was left out, the access that was issued tells it.
    """
    if not asset["owner"]:
        return
    row.update(time=at_time, asset=assetId, licence=licence, buyer=buyer, token=token)
    row.update(total=total, fee=fee, royalty=royalty)
    asset["sales"] += 1
    asset["buyers"] += not bought["sales"]
    bought["sales"] += 1
    if bought["sales"] <= COUNTED_SALES:
        fees["units"] += fee


@on("AssetRegistry.PaymentTokenChanged", row=("payment", "index"))
def payment_token_changed(row: Row, token: str, allowed: bool) -> None:
    """Prices may be in a token, or no longer."""
    row.update(token=token, allowed=int(allowed))


def _setting(event: str, argument: str) -> None:
    """The last value of something that the DAO sets, under the name of its event."""

    def noted(rows: list[Row], value: Any) -> None:
        rows[0]["value"] = str(value)

    RULES[event] = Rule(noted, (("setting", lambda _: [(event,)]),), (argument,), None)


for _event, _argument in (
    ("AssetRegistry.PublicationsPaused", "until"),
    ("AssetRegistry.FeeChanged", "feeBps"),
    ("AssetRegistry.TreasuryChanged", "treasury"),
    ("AssetRegistry.SalesPaused", "until"),
    ("Curation.CouncilNamed", "council"),
    ("ComputeEscrow.CouncilNamed", "council"),
):
    _setting(_event, _argument)


# --- Families and splitters ----------------------------------------------------------------------


@on(
    "Lineage.ParentsDeclared",
    when=lambda v: v["registry"] == v["home_registry"],
    asset=("asset", "assetId"),
    rows=(
        "ancestor",
        lambda v: [
            (v["assetId"], _is_ours(registry, v["home_registry"]), one)
            for registry, one in dict.fromkeys((*v["parents"], *((r, a) for r, a, _ in v["ancestors"])))
            if one <= LARGEST
        ],
    ),
)
def parents_declared(
    asset: Row,
    rows: list[Row],
    parents: tuple[tuple[str, int], ...],
    ancestors: tuple[tuple[str, int, int], ...],
    home_registry: str,
) -> None:
    """What an asset was made from, and owes at each sale. The registry of a row is empty for this one; another may have
    assets whose numbers take 64 bits, and those are not listed."""
    direct = {(_is_ours(registry, home_registry), one) for registry, one in parents}
    owed = {(_is_ours(registry, home_registry), one): bps for registry, one, bps in ancestors}
    asset["owed_bps"] = sum(owed.values())
    for row in rows:
        key = row["registry"], row["parent"]
        row.update(direct=int(key in direct), bps=owed.get(key, 0))


@on(
    "Lineage.LineageSplitterCreated",
    when=lambda v: v["registry"] == v["home_registry"],
    row=("splitter", "splitter"),
)
def royalties_split(row: Row, assetId: int) -> None:
    """The splitter of an asset's royalties was made."""
    row["asset"] = assetId


@on("SplitterFactory.SplitterCreated", rows=("payee", lambda v: [(v["splitter"], who) for who, _ in v["shares"]]))
def shares_fixed(rows: list[Row], shares: tuple[tuple[str, int], ...]) -> None:
    """A splitter of people was made."""
    of = dict(shares)
    for row in rows:
        row["share"] = of[row["account"]]


@on(*(f"{kind}.Parked" for kind in _LEDGERS), row=("parked", "address", "token", "payee"))
def parked(row: Row, amount: int) -> None:
    """A payee could not be paid; so many units wait."""
    row["units"] += amount


@on(*(f"{kind}.Claimed" for kind in _LEDGERS), row=("parked", "address", "token", "payee"))
def claimed(row: Row, amount: int) -> None:
    """Units that waited were sent. Raises `EventGap`."""
    if amount > row["units"]:
        raise EventGap(f"{row['account']} claimed {amount} of {row['units']} that were parked")
    row["units"] -= amount


# --- Teams ---------------------------------------------------------------------------------------


@on(
    "TeamFactory.TeamCreated",
    team=("team", "safe"),
    members=("member", lambda v: [(v["safe"], one) for one in v["owners"]]),
)
def team_created(team: Row, members: list[Row], splitter: str, threshold: int, at_block: int) -> None:
    """People own together."""
    team.update(splitter=splitter, threshold=threshold)
    for member in members:
        member["since"] = at_block


@on("Safe.AddedOwner", member=("member", "address", "owner"))
def owner_added(member: Row, at_block: int) -> None:
    """Somebody came to a team."""
    member["since"] = at_block


@on("Safe.RemovedOwner", member=("member", "address", "owner"))
def owner_removed(member: Row) -> None:
    """Somebody left it."""
    member["since"] = 0


_NOBODY_DECIDES: Final = 2**31 - 1
"""More owners than a Safe can have."""


@on("Safe.ChangedThreshold", team=("team", "address"))
def threshold_changed(team: Row, threshold: int) -> None:
    """It takes more, or fewer, of them to decide. Code that a team has its Safe run may say any number."""
    team["threshold"] = min(threshold, _NOBODY_DECIDES)


# --- Curation and standards ----------------------------------------------------------------------


@on(
    "Curation.EndorsementChanged",
    asset=("asset", "assetId"),
    whole=("asset", "terms_asset"),
    row=("listing", "assetId"),
)
def endorsement_changed(asset: Row, whole: Row, row: Row, endorsed: bool, version: int, reason: bytes) -> None:
    """It is recommended, as its document and its owner are now; of an item that is not minted, its collection's."""
    said = (version, (asset if asset["owner"] else whole)["epoch"]) if endorsed else (0, 0)
    row.update(endorsed=int(endorsed), version=said[0], epoch=said[1], reason=reason if endorsed else b"")


@on("Curation.AssetDelisted", row=("listing", "assetId"))
def delisted(row: Row, until: int, reason: bytes) -> None:
    """It is not sold anew until then (in seconds since 1970), and why."""
    row.update(delisted_until=until, delisting=reason)


@on("Curation.AssetRelisted", row=("listing", "assetId"))
def relisted(row: Row) -> None:
    """It is sold again."""
    row.update(delisted_until=0, delisting=b"")


@on("Curation.CaseOpened", row=("curation_case", "caseId"))
def case_opened(row: Row, assetId: int, claimant: str, appeal: bool, reason: bytes, bondToken: str, bond: int) -> None:
    """Somebody flagged an asset, or its owner appealed."""
    row.update(asset=assetId, claimant=claimant, appeal=int(appeal), reason=reason, token=bondToken, bond=bond, state=1)


@on("Curation.CaseAnswered", row=("curation_case", "caseId"))
def case_answered(row: Row, answer: bytes) -> None:
    """The owner answered."""
    row["answer"] = answer


@on("Curation.CaseClosed", row=("curation_case", "caseId"))
def case_closed(row: Row, state: int) -> None:
    """It was decided, or lapsed."""
    row["state"] = state


@on("Standards.StandardProposed", row=("standard", "name", "version"))
def standard_proposed(row: Row, kind: int, digest: bytes, proposer: str) -> None:
    """A version of a standard was proposed."""
    row.update(kind=kind, digest=digest, proposer=proposer, status=1)


@on("Standards.StandardAdopted", row=("standard", "name", "version"))
def standard_adopted(row: Row) -> None:
    """The DAO adopted it."""
    row["status"] = 2


@on("Standards.StandardDeprecated", row=("standard", "name", "version"))
def standard_deprecated(row: Row) -> None:
    """The DAO deprecated it."""
    row["status"] = 3


@on("Standards.ConformanceDeclared", row=("conformance", "assetId", "name"))
def conformance_declared(row: Row, version: int, assetVersion: int, declarer: str) -> None:
    """An asset conforms to a standard, as whoever answers for it says; version 0 takes that back."""
    row.update(number=version, version=assetVersion if version else 0, declarer=declarer if version else "")


# --- The DAO -------------------------------------------------------------------------------------


@on("RegistryGovernor.ProposalCreated", row=("proposal", "proposalId"))
def proposed(row: Row, proposer: str, voteStart: int, voteEnd: int, description: str, at_block: int) -> None:
    """Something is to be decided."""
    row.update(proposer=proposer, description=_clean(description), starts=voteStart, ends=voteEnd, block=at_block)


@on("RegistryGovernor.ProposalCanceled", row=("proposal", "proposalId"))
def cancelled(row: Row, at_time: int) -> None:
    """It was taken back, or stopped by the guardian."""
    row["cancelled"] = at_time


@on("RegistryGovernor.ProposalQueued", row=("proposal", "proposalId"))
def queued(row: Row, etaSeconds: int, at_time: int) -> None:
    """It passed, and waits for its time."""
    row.update(queued=at_time, eta=etaSeconds)


@on("RegistryGovernor.ProposalExecuted", row=("proposal", "proposalId"))
def executed(row: Row, at_time: int) -> None:
    """It was carried out."""
    row["executed"] = at_time


@on("RegistryGovernor.ProposalExtended", row=("proposal", "proposalId"))
def extended(row: Row, extendedDeadline: int) -> None:
    """A late quorum gave those who are against it more time."""
    row["ends"] = extendedDeadline


@on(
    "RegistryGovernor.VoteCast",
    "RegistryGovernor.VoteCastWithParams",
    row=("proposal", "proposalId"),
    vote=("vote", "proposalId", "voter"),
)
def voted(row: Row, vote: Row, support: int, weight: int, reason: str) -> None:
    """Somebody voted: 0 against, 1 for, 2 neither."""
    vote.update(support=support, weight=weight, reason=_clean(reason))
    column = ("against", "agreed", "abstained")[support] if support < 3 else "abstained"
    row[column] += weight


@on("RegistryToken.DelegateChanged", row=("delegate", "delegator"))
def delegated(row: Row, toDelegate: str) -> None:
    """Somebody votes for somebody."""
    row["to_account"] = "" if toDelegate == ZERO else toDelegate


@on("RegistryToken.DelegateVotesChanged", row=("delegate", "delegate"))
def votes_changed(row: Row, newVotes: int) -> None:
    """An account has more votes, or fewer."""
    row["votes"] = newVotes


@on(
    "RegistryToken.Transfer",
    rows=("delegate", lambda v: [(one,) for one in dict.fromkeys((v["from_"], v["to"])) if one != ZERO]),
)
def stake_moved(rows: list[Row], from_: str, to: str, value: int) -> None:
    """Tokens of the DAO were made, moved or burned. Raises `EventGap`."""
    for row in rows:
        change = value * ((row["account"] == to) - (row["account"] == from_))
        if row["balance"] + change < 0:
            raise EventGap(f"{from_} moved tokens of the DAO that it did not have")
        row["balance"] += change


def _clean(text: str) -> str:
    """PostgreSQL keeps no NUL in a text."""
    return text.replace("\0", "\ufffd")


TOLD: Final = frozenset(
    (
        *(f"{kind}.{name}" for kind in ("RevenueSplitter", "LineageSplitter") for name in ("Distributed", "ChunkPaid")),
        *("AssetRegistry.SellerChanged", "Streams.Settled", "Streams.CarriedOver"),
        *(f"ComputeEscrow.Job{what}" for what in ("Opened", "Accepted", "Delivered", "Disputed", "Decided", "Closed")),
    )
)
"""Events that are kept though no row follows from them."""


KEPT: Final = frozenset({*RULES, *TOLD})
"""All events that are kept, as ``Contract.Event``."""


def followed() -> dict[str, list[str]]:
    """The first topics of all events that are kept, by the kind of their contract."""
    return {
        kind: topics
        for kind, listed in plans().items()
        if (topics := [plan.topic for plan in listed if plan.key in KEPT])
    }
