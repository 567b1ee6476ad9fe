"""What owners of gated assets do with the keys: give shares to gateways, split them anew, recover."""

from __future__ import annotations

import hashlib
import time
from collections.abc import MutableMapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from registry.assets.catalogue import Catalogue
from registry.assets.drafting import update_document
from registry.chain.node_line import SEEN_SECONDS
from registry.content.block_wait import BlockWait
from registry.content.unlocking import GatewayWarning, Unlocker, wallet_of
from registry.did import DID
from registry.documents.ddo import Encryption, KeyGateway
from registry.errors import GatewayError, InputError, RegistryError, TooFewShares
from registry.gated.identity import Identity, seal, unseal
from registry.results import Asset, AssetRef
from registry.session import Session
from registry.text.warned import warn_caller
from registry.types import to_address

if TYPE_CHECKING:
    from registry.gated.key_store import Job

__all__ = ["ENTRUSTED", "Entrusting", "Shares"]


_SHARES: Final = "/shares"
ENTRUSTED: Final = "/entrusted"
"""Notes in a job, beside the paths of files, none of which begins with a slash."""


class Shares:
    """Shares of the keys of an account's assets: made, kept for a run that goes on, and given to key gateways."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def job(self, *parts: object) -> Job:
        """The record of what a publication of this account has sealed."""
        text = "\n".join(
            map(str, (self._session.chain.chain_id, self._session.deployment.registry, self._session.address, *parts))
        )
        return self._session.keys.jobs.job(hashlib.sha256(text.encode("utf-8")).hexdigest()[:32])

    def describe(self, urls: Sequence[str]) -> tuple[KeyGateway, ...]:
        """Gateways as a document names them: each says who it is. Raises `GatewayError`."""
        from registry.gated.share_client import GatewayClient

        named = []
        for url in urls:
            client = GatewayClient(url, self._session.reach)
            try:
                about = client.about()
            finally:
                client.close()
            if (about.chain_id, about.registry) != (self._session.chain.chain_id, self._session.deployment.registry):
                raise GatewayError(
                    client.url,
                    f"it serves {about.registry} on chain {about.chain_id}",
                    hint=f"Choose one for {self._session.deployment.registry} on chain {self._session.chain.chain_id}.",
                )
            named.append(KeyGateway(url=client.url, recipient=about.age_recipient, signer=to_address(about.signer)))
        return tuple(named)

    def split(
        self, key: Identity, threshold: int, gateways: Sequence[KeyGateway], job: MutableMapping[str, Any]
    ) -> tuple[tuple[KeyGateway, ...], tuple[str, ...]]:
        """The gateways with what commits each to its share, and the shares: as an earlier run has split the key, or
        anew. They are noted as text that the key itself opens, so nothing is told to those without it."""
        from registry.gated.shares import commitment
        from registry.gated.shares import split as split_key

        if not gateways:
            return (), ()
        plan = [threshold, *(gateway.recipient for gateway in gateways)]
        noted = job.get(_SHARES)
        if noted and noted[0] == plan:
            shares = tuple(unseal(noted[1], key).splitlines())
        else:
            shares = split_key(key, threshold, len(gateways))
            job[_SHARES] = [plan, seal("\n".join(shares), key.recipient)]
        committed = [commitment(share, key.recipient, place) for place, share in enumerate(shares)]
        named = (gateway.with_changes(commitment=c) for gateway, c in zip(gateways, committed, strict=True))
        return tuple(named), shares

    def entrust(self, did: DID, job: Job) -> None:
        """Give the shares of a new key to the gateways of its document, unless an earlier run did.

        Raises `InputError` if the shares that the document commits to are not kept here, and `TooFewShares`.
        """
        content = Catalogue(self._session).get(did).ddo.content
        encryption = content.encryption if content else None
        if encryption is None:
            return
        with job.alone():
            key = self._session.keys.get(self._session.address, encryption.recipient)
            if key is None or job.get(ENTRUSTED) == encryption.recipient:
                return
            named, shares = self.split(key, encryption.threshold, encryption.gateways, job)
            if named != encryption.gateways and any(gateway.commitment for gateway in encryption.gateways):
                raise InputError(
                    f"The shares that the document of {did} commits to are not kept here any more.",
                    hint="Split the key anew: 'registry keys reissue'.",
                )
            self.deposit(did, encryption, shares)
            job[ENTRUSTED] = encryption.recipient

    def deposit(self, did: DID, encryption: Encryption, shares: Sequence[str]) -> None:
        """Give each gateway its share. Raises `TooFewShares` if too few took one."""
        from registry.gated.protocol import Deposit
        from registry.gated.share_client import GatewayClient
        from registry.gated.shares import read_share

        gateways = encryption.gateways
        if not gateways:
            return
        wallet = wallet_of(self._session, "give shares of a key to gateways")

        def give(index: int) -> None:
            share = read_share(shares[index])
            assert share is not None
            client = GatewayClient(gateways[index].url, self._session.reach)
            try:
                deposit = Deposit(
                    did=str(did),
                    version=encryption.key_version,
                    index=share.index,
                    threshold=encryption.threshold,
                    sealed=seal(shares[index], gateways[index].recipient),
                )
                client.deposit(deposit, wallet)
            finally:
                client.close()

        self.at_each(did, gateways, give, encryption.threshold, "give a share")

    def at_each(self, did: DID, gateways: Sequence[KeyGateway], do: Any, needed: int, what: str) -> tuple[str, ...]:
        """Do something at every gateway, at once; returns where it was done. Raises `TooFewShares` below `needed`."""
        from registry.gated.share_client import NO_ASSET, TOO_FRESH

        hints: list[str] = []

        def attempt(index: int) -> str | None:
            wait = BlockWait(self._session, gateways)
            known = time.monotonic() + SEEN_SECONDS
            while True:
                try:
                    do(index)
                    return None
                except RegistryError as error:
                    code = getattr(error, "code", "")
                    # An asset that was published just now is not on every gateway's node yet.
                    is_late = code == NO_ASSET and time.monotonic() < known
                    if not is_late and (code != TOO_FRESH or wait.is_over):
                        hints.append(wait.hint)
                        return f"{gateways[index].url}: {getattr(error, 'reason', error.message)}"
                wait.pause()

        with ThreadPoolExecutor(len(gateways), thread_name_prefix="gateway") as pool:
            causes = list(pool.map(attempt, range(len(gateways))))
        done = tuple(gateway.url for gateway, cause in zip(gateways, causes, strict=True) if cause is None)
        failed = [cause for cause in causes if cause is not None]
        if len(done) < needed:
            raise TooFewShares(
                str(did),
                len(done),
                needed,
                failed,
                what=f"Of the {len(gateways)} key gateways of {did}, {len(done)} did {what}, and {needed} are needed",
                hint=next(filter(None, hints), "Try again when they answer: 'registry keys reissue' for shares."),
            )
        if failed:
            warn_caller(f"Of {did}, these did not {what}: {'; '.join(failed)}.", GatewayWarning)
        return done


class Entrusting(Session):
    """The verbs of owners for the keys of content that is encrypted."""

    def reissue(self, asset: AssetRef, gateways: Sequence[str] | None = None, *, threshold: int | None = None) -> Asset:
        """Split the key of an asset's content anew among gateways (by default those that it has), and name them in its
        document. For the owner and editors.

        Shares from before fit no new ones; a gateway that is left out keeps one that is of no use without others like
        it. Raises `GatewayError` for one that does not answer, `TooFewShares` if too few took a share.
        """
        found, shares_of = Catalogue(self).get(asset), Shares(self)
        key = Unlocker(self).unlock(found)
        content = found.ddo.content
        assert content is not None and content.encryption is not None
        before = content.encryption
        urls = [gateway.url for gateway in before.gateways] if gateways is None else list(gateways)
        named, needed = shares_of.describe(urls), before.threshold if threshold is None else threshold
        job = shares_of.job("reissue", found.did, key.recipient)
        with job.alone():
            committed, shares = shares_of.split(key, needed, named, job)
            after = before.with_changes(gateways=committed, threshold=needed)
            shares_of.deposit(found.did, after, shares)
            if after != before:
                document = found.ddo.with_changes(content=content.with_changes(encryption=after))
                update_document(self, found, document, found.version, dry_run=False)
            job.begin(None)
        return Catalogue(self).get(found.did)

    def export_key(self, asset: AssetRef, path: str | PathLike[str], passphrase: str) -> Path:
        """Write the key of an asset's content to a file that the passphrase opens, here or with any age tool.

        Raises `InputError` for a file that is there already, and what `unlock` raises.
        """
        from registry.gated.key_store import write_recovery

        place = Path(path)
        write_recovery(place, Unlocker(self).unlock(Catalogue(self).get(asset)), passphrase)
        return place

    def import_key(self, path: str | PathLike[str], passphrase: str) -> str:
        """Keep the key of a recovery file for this account; returns its recipient (``age1...``).

        Raises `InputError` and `WrongPassword`.
        """
        from registry.gated.key_store import read_recovery

        key = read_recovery(Path(path), passphrase)
        self.keys.put(self.address, key)
        return key.recipient
