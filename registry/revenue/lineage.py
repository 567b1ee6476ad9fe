"""Families of assets: what an asset was made from, what was made from it, and who earned what by that."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from html import escape
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Final

from registry.assets.catalogue import Catalogue
from registry.did import DID
from registry.errors import ContentError, InvalidDDO
from registry.money import Amount
from registry.results import AssetRef, Done
from registry.session import Session, whole
from registry.system import disk
from registry.text.html import Shown

if TYPE_CHECKING:
    from rich.tree import Tree

    from registry.documents.ddo import DDO
    from registry.ipfs.cid import CID
    from registry.revenue.accounts import Account, Accounts

MAX_ROYALTY_BPS: Final = 3_000
"""The most that an asset can ask of its derivatives, in basis points, as in `Assets.sol`."""


@dataclass(frozen=True, slots=True)
class DerivativeTerms(Shown):
    """Whether others may publish assets derived from this one, and which share of their sales it asks for."""

    did: DID
    allowed: bool
    royalty_bps: int

    def __str__(self) -> str:
        if not self.allowed:
            return f"{self.did} allows no derivatives"
        return f"{self.did} allows derivatives for {bps(self.royalty_bps)} of their sales"


@dataclass(frozen=True, slots=True)
class Relative:
    """An asset of a family.

    ============ ======================================================================================
    parents      what it was made from, as it declared
    royalty_bps  of an ancestor: what each sale of the family's asset owes it, in basis points of the price;
                 of a descendant: what each of its sales owes the family's asset; 0 for the asset itself
    earned       the same in money so far, an amount a token: what was paid, parked, or waits to be distributed
    made_by      CID of the record of the run that made it, None if its document names none
    ============ ======================================================================================
    """

    did: DID
    name: str
    parents: tuple[DID, ...]
    royalty_bps: int
    earned: tuple[Amount, ...]
    made_by: CID | None = None

    @property
    def label(self) -> str:
        """Its name, with its number."""
        return f"{self.name} (asset {self.did.asset_id})"


@dataclass(frozen=True, slots=True)
class Family(Shown):
    """An asset, all that it was made from, and all that was made from it."""

    asset: Relative
    ancestors: tuple[Relative, ...]
    descendants: tuple[Relative, ...]

    @property
    def royalty_bps(self) -> int:
        """What each sale of the asset owes its ancestors together."""
        return sum(one.royalty_bps for one in self.ancestors)

    def in_words(self) -> str:
        """The family in sentences, one a line."""
        me = self.asset.label
        told = []
        if self.asset.made_by is not None:
            told.append(f"{me} was made by the run ipfs://{self.asset.made_by}.")
        for one in self.ancestors:
            told.append(f"Each sale of {me} owes {one.label} {bps(one.royalty_bps)}; so far it earned {_sums(one)}.")
        if not self.ancestors:
            told.append(f"{me} was made from nothing else here, and owes no royalties.")
        for one in self.descendants:
            told.append(f"Each sale of {one.label} owes {me} {bps(one.royalty_bps)}; so far it earned {_sums(one)}.")
        if not self.descendants:
            told.append(f"Nothing was made from {me} yet.")
        return "\n".join(told)

    def tree(self) -> Tree:
        """The family as a tree for terminals: what the asset was made from, and what was made from it."""
        from rich.markup import escape as plain
        from rich.tree import Tree

        root = Tree(f"[bold]{plain(self.asset.label)}[/bold]")
        up, down = self._parents(), self._children()
        known = {one.did: one for one in (*self.ancestors, *self.descendants)}

        def grow(branch: Tree, did: DID, edges: Mapping[DID, Sequence[DID]], seen: set[DID], verb: str) -> None:
            for other in edges.get(did, ()):
                one = known.get(other)
                if one is None:
                    continue
                words = f"{plain(one.label)}  [dim]{verb} {bps(one.royalty_bps)}, earned {plain(_sums(one))}[/dim]"
                leaf = branch.add(words if other not in seen else f"[dim]{plain(one.label)}, as above[/dim]")
                if other not in seen:
                    seen.add(other)
                    grow(leaf, other, edges, seen, verb)

        if self.ancestors:
            run = f" [dim]by the run ipfs://{self.asset.made_by}[/dim]" if self.asset.made_by else ""
            grow(root.add(f"[italic]made from[/italic]{run}"), self.asset.did, up, set(), "is owed")
        if self.descendants:
            grow(root.add("[italic]made into[/italic]"), self.asset.did, down, set(), "owes")
        return root

    def svg(self) -> str:
        """The family as a picture: ancestors above, the asset, descendants below; lines lead from parent to child."""
        return _draw(self)

    def to_svg(self, path: str | PathLike[str], *, overwrite: bool = False) -> Path:
        """Write the picture of `svg`.

        Raises `WouldOverwrite` for a file with other content, unless told to `overwrite`, and `InputError`.
        """
        return disk.put(path, f"family-{self.asset.did.asset_id}.svg", self.svg().encode(), overwrite=overwrite)

    def _parents(self) -> dict[DID, tuple[DID, ...]]:
        return {one.did: one.parents for one in (self.asset, *self.ancestors, *self.descendants)}

    def _children(self) -> dict[DID, list[DID]]:
        children: dict[DID, list[DID]] = {}
        for child, parents in self._parents().items():
            for parent in parents:
                children.setdefault(parent, []).append(child)
        return children


class Lineage(Session):
    """The verbs of derivation."""

    def family(self, asset: AssetRef) -> Family:
        """The family of an asset, from events: ancestors with what it owes them, descendants with what they owe it.

        Names come from the documents; where one cannot be read, the number stands in. Needs no signer. Raises
        `AssetNotFound`, `InvalidDID` and `WrongChain`.
        """
        from registry.revenue.accounts import Accounts  # with them come sums and statements, which few commands need

        did = self.did(asset)
        ledger = Accounts(self)
        ledger.payout(did)
        declared = ledger.families
        whole = did.collection or did  # what an item was made from, its collection declared
        mine = declared.get(whole.asset_id)
        children = [self.did(child) for child in ledger.descendants(did)]
        splits = [ledger.royalties(child) for child in ([whole] if mine else []) + children]
        accounts = {one.split.asset: one for one in ledger.accounts(splits, self.all_tokens).values()}

        def relative(one: DID, royalty_bps: int, debtor: DID | None, creditor: DID) -> Relative:
            ours = one.registry == self.deployment.registry
            found = declared.get((one.collection or one).asset_id) if ours else None
            ddo = self._document(one) if ours else None
            account = None if debtor is None else accounts[debtor]
            return Relative(
                did=one,
                # A family is of the chain; a document that is lost or bad must not hide it.
                name=ddo.name if ddo else "asset without a document" if ours else "asset of another registry",
                made_by=ddo.made_by if ddo else None,
                parents=found.parents if found else (),
                royalty_bps=royalty_bps,
                earned=self._earned(ledger, account, creditor) if account else (),
            )

        return Family(
            asset=relative(did, 0, None, did),
            ancestors=tuple(relative(one, royalty, whole, one) for one, royalty in (mine.ancestors if mine else ())),
            descendants=tuple(
                relative(child, declared[child.asset_id].royalty_of(did) or 0, child, did) for child in children
            ),
        )

    def derivative_terms(self, asset: AssetRef) -> DerivativeTerms:
        """What the asset asks of assets derived from it from now on. Raises `AssetNotFound`."""
        did = self.did(asset)
        allowed, royalty = self.read(did, self.assets.functions.assetInfo(did.asset_id))[10]
        return DerivativeTerms(did, bool(allowed), int(royalty))

    def set_derivative_terms(self, asset: AssetRef, royalty_bps: int | None, *, dry_run: bool = False) -> Done:
        """Let others derive from the asset for `royalty_bps` basis points (0 to 3,000) of their sales; None: no more.

        Assets that were derived before keep what they owe. For the owner. Raises `InputError` and `NotAssetOwner`.
        """
        did = self.did(asset)
        if royalty_bps is not None:
            whole(royalty_bps, "basis points", low=0, high=MAX_ROYALTY_BPS)
        call = self.assets.functions.setDerivativeTerms(did.asset_id, (royalty_bps is not None, royalty_bps or 0))
        what = "allow no derivatives" if royalty_bps is None else f"allow derivatives for {bps(royalty_bps)}"
        return self.act(f"{what} of {did}", call, dry_run=dry_run)

    # --- Below the verbs -------------------------------------------------------------------------

    def _document(self, did: DID) -> DDO | None:
        try:
            return Catalogue(self).get(did).ddo
        except (ContentError, InvalidDDO):
            return None

    def _earned(self, ledger: Accounts, account: Account, creditor: DID) -> tuple[Amount, ...]:
        from registry.revenue.statement import Flow

        earned = []
        place = next(i for i, payee in enumerate(account.split.payees) if payee.asset == creditor)
        for token in self.all_tokens:
            units = sum(
                line.amount.units
                for line in account.lines
                if line.asset == creditor and line.amount.token == token and line.flow is not Flow.CLAIM
            )
            units += account.book(token).due(ledger.arrived(account, token))[place]
            if units:
                earned.append(Amount(units, token))
        return tuple(earned)


def bps(value: int) -> str:
    """Basis points as a percentage."""
    from registry.revenue.splits import percent

    return percent(Fraction(value, 10_000))


def _sums(one: Relative) -> str:
    return " and ".join(map(str, one.earned)) or "nothing"


# --- The picture -----------------------------------------------------------------------------------

_WIDTH, _HEIGHT, _GAP, _LAYER = 220, 64, 28, 128
_LONGEST: Final = 26


def _draw(family: Family) -> str:
    layers = _layers(family)
    count = max(len(layer) for layer in layers)
    width = count * (_WIDTH + _GAP) + _GAP
    height = len(layers) * _LAYER + _GAP
    places: dict[DID, tuple[float, float]] = {}
    for row, layer in enumerate(layers):
        indent = (width - len(layer) * (_WIDTH + _GAP) + _GAP) / 2
        for column, one in enumerate(layer):
            places[one.did] = (indent + column * (_WIDTH + _GAP), _GAP + row * _LAYER)
    title = escape(f"The family of {family.asset.label}")
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" '
        'font-family="sans-serif" role="img">',
        f"<title>{title}</title>",
        '<rect width="100%" height="100%" fill="#ffffff"/>',
    ]
    for layer in layers:
        for one in layer:
            parts += [_line(places[parent], places[one.did]) for parent in one.parents if parent in places]
    for layer in layers:
        for one in layer:
            parts += _box(one, places[one.did], one is family.asset, one in family.ancestors)
    return "\n".join([*parts, "</svg>"]) + "\n"


def _layers(family: Family) -> list[list[Relative]]:
    """Put each asset one row below the lowest of its parents; ids grow with time, so parents come first."""
    everyone = sorted((family.asset, *family.ancestors, *family.descendants), key=lambda one: one.did.asset_id)
    depth: dict[DID, int] = {}
    for one in everyone:
        depth[one.did] = 1 + max((depth[parent] for parent in one.parents if parent in depth), default=-1)
    return [[one for one in everyone if depth[one.did] == row] for row in range(1 + max(depth.values()))]


def _line(above: tuple[float, float], below: tuple[float, float]) -> str:
    x1, y1 = above[0] + _WIDTH / 2, above[1] + _HEIGHT
    x2, y2 = below[0] + _WIDTH / 2, below[1]
    middle = (y1 + y2) / 2
    path = f"M{x1:g} {y1:g}C{x1:g} {middle:g} {x2:g} {middle:g} {x2:g} {y2:g}"
    return f'<path d="{path}" fill="none" stroke="#a0aec0" stroke-width="1.5"/>'


def _box(one: Relative, place: tuple[float, float], itself: bool, is_ancestor: bool) -> list[str]:
    x, y = place
    fill, edge = ("#ebf8ff", "#2b6cb0") if itself else ("#f7fafc", "#718096")
    name = one.name if len(one.name) <= _LONGEST else one.name[: _LONGEST - 1] + "…"
    lines = [f'<tspan font-weight="bold">{escape(name)}</tspan>', f"asset {one.did.asset_id}"]
    if not itself:
        verb = "is owed" if is_ancestor else "owes"
        lines[1] += f", {verb} {escape(bps(one.royalty_bps))}"
        lines.append(f"earned {escape(_sums(one))}" if one.earned else "earned nothing yet")
    texts = [
        f'<text x="{x + _WIDTH / 2:g}" y="{y + 18 + 18 * row:g}" text-anchor="middle" font-size="12" fill="#1a202c">'
        f"{line}</text>"
        for row, line in enumerate(lines)
    ]
    box = f'<rect x="{x:g}" y="{y:g}" width="{_WIDTH}" height="{_HEIGHT}" rx="8" fill="{fill}" stroke="{edge}"/>'
    return [f"<g><title>{escape(str(one.did))}</title>", box, *texts, "</g>"]
