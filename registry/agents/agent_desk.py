"""What the tools of an agent work with: a registry, a folder for files, and what may be spent."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from registry.agents.budget import DayBudget
from registry.content.unlocking import is_gated
from registry.documents.licence import Kind
from registry.errors import AccessDenied, FileNotInAsset, InputError, PriceChanged
from registry.ipfs.file import open_file
from registry.money import Amount

if TYPE_CHECKING:
    from registry.client import Registry
    from registry.ipfs.unixfs import FileEntry
    from registry.market.streams import Subscribed
    from registry.results import Asset, Offer, Published, Purchase

__all__ = ["AgentDesk"]

SAMPLE: Final = 4_096
"""Bytes from the start of a file that may be seen without access, where the content is public: as hubs show them."""

LARGEST: Final = 65_536
"""Bytes of a file in one answer."""


@dataclass(frozen=True, slots=True)
class AgentDesk:
    """A client, the folder below which files are written and read (None: there is none), the budget (None: nothing may
    be spent), and whether a person is asked before anything is sent."""

    registry: Registry
    root: Path | None = None
    budget: DayBudget | None = None
    asks: bool = True

    @property
    def funds(self) -> DayBudget:
        """The budget. Raises `InputError` without one."""
        if self.budget is None:
            raise InputError("Nothing may be spent here.", hint="Start the server with --budget.")
        return self.budget

    def below(self, path: str) -> Path:
        """A path below the root, behind all links. Raises `InputError` for any other, and without a root."""
        if self.root is None:
            raise InputError("There is no folder for files.", hint="Start the server with --root.")
        root = self.root.resolve()
        try:
            place = (root / path).resolve()
        except (OSError, ValueError, RuntimeError) as error:
            raise InputError(f"{path!r} is not a path: {error}.") from None
        if place == root or not place.is_relative_to(root):
            raise InputError(f"{path!r} does not lead below the folder for files.", hint="Name a path relative to it.")
        return place

    # --- Reading ---------------------------------------------------------------------------------

    def read(self, asset: int | str, path: str, offset: int, size: int) -> tuple[str, bytes, int, bool]:
        """The path of a file, at most `size` of its bytes from `offset` on, how many it has, and whether that is all
        that may be seen without access.

        Raises what `Registry.open` raises, `FileNotInAsset`, and `AccessDenied` where it would take a use.
        """
        registry = self.registry
        found = registry.get(asset)
        size = min(size, LARGEST)
        if is_gated(found) or (registry.signer is not None and registry.has_access(found.did)):
            self.spare_uses(found)
            with registry.open(found.did, path) as file:
                total = file.seek(0, 2)
                file.seek(min(offset, total))
                return path, file.read(size), total, False
        files = {file.path: file for file in registry.files(found.did)}
        entry = next(iter(files.values())) if not path and len(files) == 1 else files.get(path)
        if entry is None:
            raise FileNotInAsset(path, list(files))
        if offset >= SAMPLE:
            raise AccessDenied(str(found.did), self._who, f"only the first {SAMPLE:,} bytes are for everybody")
        with open_file(entry.cid, registry.store, name=path) as file:
            file.seek(min(offset, entry.size))
            return entry.path, file.read(min(size, SAMPLE - offset)), entry.size, entry.size > SAMPLE

    def files(self, asset: int | str) -> tuple[FileEntry, ...]:
        """The files of an asset. Raises what `Registry.files` raises, and `AccessDenied` where names take a use."""
        found = self.registry.get(asset)
        content = found.ddo.content
        if content is not None and content.encryption is not None and content.encryption.hidden:
            self.spare_uses(found)
        return self.registry.files(found.did)

    def spare_uses(self, found: Asset) -> None:
        """Refuse what would take a use of the account's: raises `AccessDenied` if it opens gated content by nothing
        else."""
        registry = self.registry
        if not is_gated(found) or registry.signer is None or found.owner == registry.address:
            return
        active = [held for held in registry.holdings(found.did) if held.active]
        if active and all(held.kind is Kind.USE for held in active):
            raise AccessDenied(
                str(found.did),
                registry.address,
                "opening it would take a use",
                hint="Agents spend no uses. Open it yourself: registry download.",
            )

    @property
    def _who(self) -> str:
        return self.registry.address if self.registry.signer is not None else "(none)"

    # --- Spending --------------------------------------------------------------------------------

    def ask_price(self, offer: Offer, time: str, max_total: str) -> Amount:
        """What a subscription costs. Raises `PriceChanged` and `BudgetExceeded` if it is too much."""
        total = self.registry.streams.quote(offer.did, offer, time=time)
        most = self._most(max_total, total)
        if total > most:
            raise PriceChanged(offer.name, str(total), str(most))
        self.funds.check(most)
        return total

    def preview(self, offer: Offer, order: str, units: int, max_total: str) -> Purchase:
        """What a purchase would be, or was. Raises what `Registry.buy` raises, and `BudgetExceeded`."""
        wanted = self.registry.buy(offer.did, offer, units=units, max_total=max_total, once=_named(order), dry_run=True)
        if not wanted.before:
            self.funds.check(self._most(max_total, wanted.price.total))
        if wanted.cost.short is not None:
            raise wanted.cost.short
        return wanted

    def buy(self, offer: Offer, order: str, units: int, max_total: str) -> Purchase:
        """Buy within the budget, once under the name of the order. Raises what `Registry.buy` raises, and
        `BudgetExceeded`."""
        wanted = self.preview(offer, order, units, max_total)
        if wanted.before:
            return wanted
        most = self._most(max_total, wanted.price.total)
        with self.funds.reserved(f"buy {wanted.licence!r} of {wanted.did}", most, wanted.cost) as spent:
            bought = self.registry.buy(offer.did, offer, units=units, max_total=max_total, once=_named(order))
            # What another server of this home has bought under that name meanwhile it has paid for, too.
            spent.tell(bought.price.total, *(() if bought.before else (bought.tx, bought.approval)))
        return bought

    def subscribe(self, offer: Offer, time: str, max_total: str) -> Subscribed:
        """Begin a stream within the budget. Raises what `Streams.subscribe` raises, and `BudgetExceeded`."""
        streams = self.registry.streams
        wanted = streams.subscribe(offer.did, offer, time=time, max_total=max_total, dry_run=True)
        if wanted.tx is not None:
            return wanted
        what = f"subscribe to {wanted.licence!r} of {wanted.did}"
        with self.funds.reserved(what, self._most(max_total, wanted.total), wanted.cost) as spent:
            made = streams.subscribe(offer.did, offer, time=time, max_total=max_total)
            spent.tell(made.total, made.tx, made.approval)
        return made

    def cancel(self, offer: Offer) -> Amount:
        """End a stream within the budget for fees, and return what comes back. Raises what `Streams.cancel` raises."""
        streams = self.registry.streams
        wanted, _ = streams.cancel(offer.did, offer, dry_run=True)
        with self.funds.reserved(wanted.what, None, wanted.cost) as spent:
            done, refund = streams.cancel(offer.did, offer)
            spent.tell(None, done.tx)
        return refund

    def publish(self, place: Path, **draft: Any) -> Published:
        """Publish a folder within the budget for fees. Raises what `Registry.publish` raises."""
        wanted = self.registry.publish(place, dry_run=True, **draft)
        with self.funds.reserved(f"publish {draft['name']!r}", None, wanted.cost) as spent:
            made: Published = self.registry.publish(place, **draft)
            spent.tell(None, made.tx)
        return made

    def _most(self, max_total: str, price: Amount) -> Amount:
        return self.registry.amount(max_total, token=price.token)


def _named(order: str) -> str:
    """The name of an order. Raises `InputError` for none, and for one that is too long."""
    if not order.strip() or len(order) > 100 or not order.isprintable():
        raise InputError(
            f"{order[:100]!r} is not a name for an order.",
            hint="Give each purchase a name of its own of 1 to 100 letters; under one name a thing is bought once.",
        )
    return order
