"""Jobs on data that stay where they are, for those who order them and those who run them."""

from __future__ import annotations

import re
import secrets
import time
from collections.abc import Mapping
from contextlib import ExitStack
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from registry.assets.catalogue import Catalogue
from registry.assets.rights import Rights
from registry.compute.experiments import Experiments
from registry.compute.job_desk import JobDesk
from registry.compute.job_document import MOST_SECONDS_OPEN, ComputeJob, JobOrder
from registry.compute.job_escrow import JobEscrow
from registry.compute.job_receipt import JobReceipt
from registry.compute.order_checks import LEFT, terms_of
from registry.compute.order_folder import OrderFolder
from registry.compute.ordered_job import OrderedJob, opened, verified
from registry.compute.run_engine import RunEngine
from registry.content.uses import sign_receipt
from registry.did import DID
from registry.documents.canonical import parse_json
from registry.documents.licence import Kind
from registry.errors import AccessDenied, InputError, JobRefused
from registry.gated.identity import Identity
from registry.ipfs.cid import CID
from registry.ipfs.unixfs import FileEntry
from registry.results import Asset, AssetRef, Offer
from registry.sandbox.runs.running import spool_of
from registry.session import whole

if TYPE_CHECKING:
    from registry.session import Session

__all__ = ["Computing"]

_CID: Final = re.compile(r"(ipfs://)?b[a-z2-7]{50,}")


class Computing:
    """Jobs on data that stay where they are, as one account orders, runs, opens and checks them."""

    def __init__(self, registry: Session) -> None:
        self._registry = registry
        home = registry.home
        self.ordered: Final = OrderFolder(
            home / "orders" / registry.address.lower() if home and registry.signer else None
        )
        """What the account has ordered by `Registry.compute`."""

    # --- Who orders ------------------------------------------------------------------------------

    def order(
        self,
        code: AssetRef | CID | PathLike[str],
        on: AssetRef,
        *,
        params: Mapping[str, Any] | None = None,
        seed: int = 0,
        licence: str | int | Offer | None = None,
        host: str | None = None,
        days: int = 7,
        escrow: bool = False,
    ) -> JobOrder:
        """Sign an order: run `code` on the data of the offering `on`, at `host` (by default the first of its terms).

        `code` is an asset, a CID, or a path, whose content goes to the store. Where the account has no other access, a
        use of `licence` is signed with it, which the host takes when the result is there. The result will be sealed to
        a new key, which is kept with the others of the account. The order is good for `days`. With `escrow` no use is
        signed: the host answers it with an offer, which `escrow.open` pays for.

        Raises `JobRefused` for what the terms do not allow, `AccessDenied` without a licence, and `InputError` for an
        asset that offers no runs.
        """
        found = Catalogue(self._registry).get(on)
        terms, data = terms_of(found)
        lasts = whole(days, "days", high=MOST_SECONDS_OPEN // 86_400) * 86_400
        identity = Identity.generate()
        asked = {
            **self._data_of(data),
            "offering": str(found.did),
            "terms": str(found.cid),
            "code": str(self.code(code)),
            "params": dict(params or {}),
            "seed": seed,
            "consumer": self._registry.address,
            "recipient": identity.recipient,
            "host": host or terms.hosts[0],
            # An hour less, so that the clock of the host may be behind.
            "until": int(time.time()) + lasts - 3_600,
            "nonce": secrets.token_hex(16),
        }
        job = ComputeJob.made(asked)
        outside = terms.outside(job.code, job.params)
        if outside and not terms.review:
            raise JobRefused(job.id, outside)
        use = None if escrow else self._use(found, licence, job, lasts + terms.seconds + LEFT)
        signer = self._registry.actor.signing("order a job")
        self._registry.keys.put(self._registry.address, identity)
        signature = signer.sign_typed_data(job.message()).hex()
        return JobOrder(job=job, signature=signature, use=use, escrow=True if escrow else None)

    def open(self, result: bytes, receipt: bytes | JobReceipt, target: str | PathLike[str]) -> tuple[FileEntry, ...]:
        """Write the files of a sealed result to `target`, every byte as the receipt of its host says.

        Raises `ForgedReceipt`, `WrongKey`, `Unverified`.
        """
        return opened(self._registry, result, verified(self._registry, receipt), Path(target))

    def verify(self, receipt: bytes | JobReceipt) -> JobReceipt:
        """What a receipt says, once its host has signed every word of it and was named by the very terms that the job
        was under. Raises `ForgedReceipt`, and the content errors if the document cannot be fetched."""
        return verified(self._registry, receipt)

    def at(self, order: JobOrder | bytes | str, url: str | None = None) -> OrderedJob:
        """The job of an order at its host, to hand it in, wait for it, open its result and end it; at `url`, by default
        that of the terms. A text is how the name of a job begins that `Registry.compute` ordered. Nothing is asked yet.
        Raises `InputError` where there is no address, and `JobNotFound`."""
        if isinstance(order, str):
            kept = self.ordered.get(order)
            order, url = kept.order, url or kept.url
        read = order if isinstance(order, JobOrder) else JobOrder.from_bytes(order)
        if url is None:
            terms = Catalogue(self._registry).get(read.job.offering).ddo.compute
            url = terms.url if terms is not None else None
        if url is None:
            raise InputError(
                "The terms name no address of a host.", hint="Name it (url=, --url), or send the order as a file."
            )
        return OrderedJob(self._registry, read, url, self.ordered)

    @property
    def escrow(self) -> JobEscrow:
        """Jobs that are paid for when the result is there: what consumers, hosts and judges do with them."""
        return JobEscrow(self._registry)

    # --- Who runs --------------------------------------------------------------------------------

    def desk(
        self, data: Mapping[AssetRef, str | PathLike[str]] | None = None, *, engine: RunEngine | str = "local"
    ) -> JobDesk:
        """Where this account takes and runs jobs; `data` says where those lie that their owner keeps, and `engine` on
        which machines runs are executed: ``"dask"``, say. Raises `InputError` for an engine that there is not."""
        named = {str(self._registry.did(asset)): Path(path) for asset, path in (data or {}).items()}
        return JobDesk(self._registry, named, engine)

    # --- Below -----------------------------------------------------------------------------------

    def code(self, code: AssetRef | CID | PathLike[str]) -> CID:
        """The CID of code; what lies on this machine is stored, so that the host can fetch it."""
        if isinstance(code, CID):
            return code
        if isinstance(code, str) and _CID.fullmatch(code):
            return CID.parse(code.removeprefix("ipfs://"))  # the host may have it where this account has not
        if isinstance(code, Asset | DID | int):
            code = str(self._registry.did(code))
        with ExitStack() as stack:
            what = code if isinstance(code, str) else Path(code)
            return Experiments(self._registry).workshop.lay(what, spool_of(stack) / "code", stored=True).cid

    def _data_of(self, did: DID) -> dict[str, Any]:
        """What an order says of the data: the version of now. Raises `InputError`."""
        data = Catalogue(self._registry).get(did)
        if data.ddo.content is None:
            raise InputError(f"The data {did} have no content.", hint="Tell the owner of the offering.")
        return {"data": str(did), "dataVersion": data.version, "content": str(data.ddo.content.cid)}

    def _use(
        self, found: Asset, licence: str | int | Offer | None, job: ComputeJob, seconds: int
    ) -> Mapping[str, Any] | None:
        """A use that is signed for a job; None for whoever owns the offering or holds a licence of another kind.

        Raises `AccessDenied` where none is left.
        """
        held = Rights(self._registry).holdings(found)
        if found.owner == job.consumer or any(one.active and one.kind is not Kind.USE for one in held):
            return None
        pairs = zip(found.licences, held, strict=True)
        offer = next((offer for offer, one in pairs if one.kind is Kind.USE and one.uses), None)
        if licence is not None:
            offer = Catalogue(self._registry).offer(found, licence)
        if offer is None:
            names = [one.name for one in found.licences if one.open]
            hint = f"Buy one of: {', '.join(names)}." if names else "Nothing is on offer; ask its owner."
            raise AccessDenied(str(found.did), job.consumer, "it holds no licence for runs", hint=hint)
        signed = sign_receipt(self._registry, offer, service=job.host, ref=job.digest, seconds=seconds)
        use: Mapping[str, Any] = parse_json(signed.to_json().encode())[0]
        return use
