"""Copies of assets with others: have pinning services keep them, see that they do, and rehearse their loss."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import cached_property
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING

from registry.assets.catalogue import Catalogue
from registry.errors import InputError
from registry.ipfs.sources import open_source
from registry.session import Session

if TYPE_CHECKING:
    from registry.ipfs.audit import Audit
    from registry.ipfs.cid import CID
    from registry.ipfs.pinning import PinningService
    from registry.ipfs.recovery import Rehearsal
    from registry.ipfs.replicas import PinReceipt, PinReceipts
    from registry.results import Asset, AssetRef


class Keeping(Session):
    """The verbs of those who keep assets available."""

    @cached_property
    def receipts(self) -> PinReceipts:
        """Who keeps what, by DID: at home, or in memory for a registry in this process."""
        from registry.ipfs.replicas import PinReceipts

        return PinReceipts(self.home / "pins" if self.home else None)

    def pin(
        self,
        asset: AssetRef,
        *,
        replicas: int = 1,
        services: Sequence[str | PinningService],
        origins: Sequence[str] = (),
        deadline: float = 600.0,
        poll: float = 1.0,
    ) -> tuple[PinReceipt, ...]:
        """Have at least `replicas` of the services keep the asset's document and content; returns their receipts.

        A service is named as `registry.ipfs.pinning.open_service` takes it, e.g. "pinata", with its token in the
        environment. It fetches the blocks from IPFS: from a node at one of `origins` (multiaddresses), or from whoever
        has them. `deadline` is how many seconds one may take. What is kept already is found and not asked for again.
        Of an asset that a run made, all that it takes to run it again is kept too: record, code, lock, wheels, outputs
        and the inputs that are no assets.

        Raises `TooFewReplicas`, `InputError` for fewer services than replicas, and what `get` raises.
        """
        from registry.ipfs.pinning import open_service
        from registry.ipfs.replicas import ReplicaPolicy

        found = Catalogue(self).get(asset)
        policy = ReplicaPolicy(
            replicas,
            [open_service(service) for service in services],
            receipts=self.receipts,
            deadline=deadline,
            poll=poll,
            progress=self.progress,
        )
        return tuple(
            receipt
            for root in (*_roots(found), *self._of_its_run(found))
            for receipt in policy.ensure(root, subject=str(found.did), name=found.name[:255], origins=origins)
        )

    def _of_its_run(self, asset: Asset) -> Iterator[CID]:
        """What the record of the run that made an asset names, each once. Raises the content errors."""
        if asset.ddo.made_by is None:
            return
        from registry.ipfs.store import fetch
        from registry.sandbox.runs.lock import Lock
        from registry.sandbox.runs.record import RunRecord

        record = RunRecord.from_bytes(fetch(asset.ddo.made_by, self.store))
        roots = [root for root, _ in record.roots()]
        if record.environment.lock is not None:
            roots += [wheel.cid for wheel in Lock.from_bytes(fetch(record.environment.lock, self.store)).wheels]
        yield from (root for root in dict.fromkeys(roots) if root not in _roots(asset))

    def audit(self, asset: AssetRef, *, share: float = 0.01, at_least: int = 16, seed: int | None = None) -> Audit:
        """Fetch random blocks of the asset back from each service that has a receipt for it, and hash them.

        `share` of the blocks but `at_least` so many are drawn; the result tells the probability to miss a loss. A
        service without a gateway, or whose receipt is of an earlier version, is named in it as unchecked.

        Raises `InputError` if there is no service to check, and what `get` raises.
        """
        from registry.ipfs.audit import audit

        found = Catalogue(self).get(asset)
        roots = _roots(found)
        held: dict[str, set[str]] = {}
        gateways: dict[str, str] = {}
        for receipt in self.receipts.of(str(found.did)):
            held.setdefault(receipt.service, set()).add(receipt.cid)
            gateways[receipt.service] = receipt.gateway
        now = {str(root) for root in roots}
        checked = {name: open_source(gateways[name]) for name in held if gateways[name] and now <= held[name]}
        if not checked:
            raise InputError(
                f"No service with a gateway has a receipt for {found.did} as it is now.",
                hint="Have it kept with 'registry ipfs pin add', naming the gateway of a service that is not known.",
            )
        done = audit(roots, self.store, checked, share=share, at_least=at_least, seed=seed, progress=self.progress)
        return replace(done, unchecked=tuple(name for name in held if name not in checked))

    def rehearse(self, asset: AssetRef, folder: str | PathLike[str]) -> tuple[Rehearsal, ...]:
        """The recovery drill: back the asset's document and content up to archives (CAR) in `folder`, restore each into
        an empty store, and read every byte from there. The archives stay, as a backup.

        Raises `InputError` for archives that exist already, the content errors, and what `get` raises.
        """
        from registry.ipfs.recovery import rehearse

        def tick(what: str, done: int) -> None:
            self.progress(what, done, max(done, total))

        found = Catalogue(self).get(asset)
        total = found.ddo.content.size if found.ddo.content else 0
        return tuple(rehearse(root, self.store, Path(folder) / f"{root}.car", progress=tick) for root in _roots(found))


def _roots(asset: Asset) -> list[CID]:
    return [asset.cid] + ([asset.ddo.content.cid] if asset.ddo.content else [])
