"""Publishing gated assets, and what their owners do with the keys: give shares to gateways, rotate, recover."""

from __future__ import annotations

import hashlib
import time
import warnings
from collections.abc import MutableMapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from os import PathLike, fspath
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from registry.assets.publishing import Draft, Packed, Publishing, listed
from registry.chain.fees import NOTHING
from registry.chain.recorder import Collector
from registry.content.unlocking import FRESH_POLL, FRESH_SECONDS, GatewayWarning, Unlocking, is_gated
from registry.did import DID
from registry.documents.ddo import Content, Encryption, KeyGateway
from registry.errors import GatewayError, InputError, RegistryError, TooFewShares
from registry.gated.identity import Identity, seal, unseal
from registry.gated.policy import Gated
from registry.ipfs.profiles import UNIXFS_V1_2025
from registry.ipfs.store import NullSink, keep, writing
from registry.ipfs.unixfs import content_size
from registry.results import Asset, Done, Published
from registry.types import Address, to_address

if TYPE_CHECKING:
    from registry.gated.keys import Job

__all__ = ["Entrusting"]


class Entrusting(Publishing, Unlocking):
    """The verbs of publishers, for content that is encrypted."""

    # --- Publishing ------------------------------------------------------------------------------

    def _admit(self, drafts: Sequence[Draft], owner: Address, again: bool) -> None:
        gated = [draft for draft in drafts if _is_sealed(draft)]
        if gated and owner != self.address:
            raise InputError(
                f"{gated[0].name!r} is gated and shall belong to {owner}, who does not sign.",
                hint="Publish it as yourself, and transfer it once the gateways have its key.",
            )
        if again:
            for draft in gated:
                self._job(*self._name_of(draft)).begin(None)

    def _deliver(self, drafts: Sequence[Draft], made: Sequence[Published]) -> None:
        for draft, published in zip(drafts, made, strict=True):
            if _is_sealed(draft):
                self._entrust(published.did, self._job(*self._name_of(draft)))

    def update(
        self,
        asset: DID | str | int,
        *,
        path: str | PathLike[str] | None = None,
        gated: Gated | None = None,
        hidden: bool = False,
        expected_version: int | None = None,
        dry_run: bool = False,
        **fields: Any,
    ) -> Done:
        """Publish a new version, see `Assets.update`; new content of a gated asset has a new key, which goes to the
        gateways afterwards. Interrupted and run again, it finishes what was begun, with the same key."""
        if path is not None and not dry_run:
            resumed = self._resumed(asset, path, gated, hidden, fields)
            if resumed is not None:
                return resumed
        done = super().update(
            asset,
            path=path,
            gated=gated,
            hidden=hidden,
            expected_version=expected_version,
            dry_run=dry_run,
            **fields,
        )
        if path is not None and done.tx is not None:
            found = self.get(asset)
            if is_gated(found):
                self._entrust(found.did, self._job("update", found.did, found.version - 1, _where(path)))
        return done

    def _resumed(
        self,
        asset: DID | str | int,
        path: str | PathLike[str],
        gated: Gated | None,
        hidden: bool,
        fields: dict[str, Any],
    ) -> Done | None:
        """Give the shares of an update that was stopped before it did; None if there is more to do, or was none."""
        found = self.get(asset)
        encryption = found.ddo.content.encryption if found.ddo.content else None
        job = self._job("update", found.did, found.version - 1, _where(path))
        if encryption is None or job.get("") != encryption.recipient or job.get(_ENTRUSTED):
            return None
        self._entrust(found.did, job)
        policy, version = gated or _policy(encryption), encryption.key_version
        packed = self._sealed_content(path, policy, version, job, hidden=hidden, dry_run=False)
        if found.ddo.with_changes(**fields, content=packed.content) != found.ddo:
            return None
        what = f"update {found.did} to version {found.version}"
        return Done(what, NOTHING, None, before=True, left_out=packed.left_out)

    def planned(self, draft: Draft, *, packed: Packed | None = None, dry_run: bool = False) -> Any:
        """See `Assets.planned`; raises `InputError` for a draft that is gated, since another will publish it."""
        if draft.gated is not None:
            raise InputError(
                f"{draft.name!r} is gated and shall belong to a team from the start.",
                hint="Publish it as yourself, and transfer it to the team once the gateways have its key.",
            )
        return super().planned(draft, packed=packed, dry_run=dry_run)

    def _first_content(self, draft: Draft, dry_run: bool) -> Packed:
        assert draft.path is not None
        if draft.gated is None:
            return super()._first_content(draft, dry_run)
        job = self._job(*self._name_of(draft))
        return self._sealed_content(draft.path, draft.gated, 1, job, hidden=draft.hidden, dry_run=dry_run)

    def _next_content(
        self, found: Asset, path: str | PathLike[str], gated: Gated | None, hidden: bool, dry_run: bool
    ) -> Packed:
        before = found.ddo.content.encryption if found.ddo.content else None
        gated = gated or (_policy(before) if before else None)
        if gated is None:
            return super()._next_content(found, path, gated, hidden, dry_run)
        job = self._job("update", found.did, found.version, _where(path))
        return self._sealed_content(path, gated, found.version + 1, job, hidden=hidden, dry_run=dry_run)

    def _sealed_content(
        self, path: str | PathLike[str], gated: Gated, version: int, job: Job, *, hidden: bool, dry_run: bool
    ) -> Packed:
        """Encrypt a folder or file, add it to the store and describe it. The key is kept before anything is."""
        from registry.gated.sealing import seal_tree

        if isinstance(self.signer, Collector):
            raise InputError(
                "What a team proposes cannot be gated: nobody has its key to give shares of before it is carried out.",
                hint="Publish it as yourself and transfer it to the team; an editor of the team's asset may update it.",
            )
        gateways = self._describe(gated.gateways)
        total = content_size(path, hidden=hidden)
        sink = NullSink() if dry_run else self.store
        # Who seals the same at the same moment, in another process, would make another key and another document.
        with nullcontext() if dry_run else job.alone(), writing(sink):
            recipient = job.get("")
            identity = self.keys.get(self.address, recipient) if recipient else None
            if identity is None:
                identity = Identity.generate()
                if not dry_run:
                    self.keys.put(self.address, identity)
                    job.begin(identity.recipient)
            committed, _ = self._split(identity, gated.threshold, gateways, {} if dry_run else job)
            encryption = Encryption(
                recipient=identity.recipient,
                key_version=version,
                threshold=gated.threshold,
                gateways=committed,
                hidden=gated.hide_names,
            )
            sealed = seal_tree(
                path,
                sink,
                identity,
                hide=gated.hide_names,
                hidden=hidden,
                progress=lambda done: self.progress(f"encrypting {path}", done, total),
                done=None if dry_run else job,
            )
            keep(sink, {sealed.cid: f"content of {path}"})
        content = Content(
            cid=sealed.cid,
            size=sealed.size,
            profile=UNIXFS_V1_2025.name,
            files=listed(sealed.files),
            encryption=encryption,
        )
        return Packed(content, sealed.left_out)

    # --- Shares ----------------------------------------------------------------------------------

    def reissue(
        self, asset: DID | str | int, gateways: Sequence[str] | None = None, *, threshold: int | None = None
    ) -> Asset:
        """Split the key of an asset's content anew among gateways (by default those that it has), and name them in its
        document. For the owner and editors.

        Shares from before fit no new ones; a gateway that is left out keeps one that is of no use without others like
        it. Raises `GatewayError` for one that does not answer, `TooFewShares` if too few took a share.
        """
        found = self.get(asset)
        key = self.unlock(found)
        content = found.ddo.content
        assert content is not None and content.encryption is not None
        before = content.encryption
        urls = [gateway.url for gateway in before.gateways] if gateways is None else list(gateways)
        named, needed = self._describe(urls), before.threshold if threshold is None else threshold
        job = self._job("reissue", found.did, key.recipient)
        with job.alone():
            committed, shares = self._split(key, needed, named, job)
            after = before.with_changes(gateways=committed, threshold=needed)
            self._deposit(found.did, after, shares)
            if after != before:
                self.update(found.did, content=content.with_changes(encryption=after), expected_version=found.version)
            job.begin(None)
        return self.get(asset)

    def _split(
        self, key: Identity, threshold: int, gateways: Sequence[KeyGateway], job: MutableMapping[str, Any]
    ) -> tuple[tuple[KeyGateway, ...], tuple[str, ...]]:
        """The gateways with what commits each to its share, and the shares: as an earlier run has split the key, or
        anew. They are noted as text that the key itself opens, so nothing is told to who has it not."""
        from registry.gated.shares import commitment, split

        if not gateways:
            return (), ()
        plan = [threshold, *(gateway.recipient for gateway in gateways)]
        noted = job.get(_SHARES)
        if noted and noted[0] == plan:
            shares = tuple(unseal(noted[1], key).splitlines())
        else:
            shares = split(key, threshold, len(gateways))
            job[_SHARES] = [plan, seal("\n".join(shares), key.recipient)]
        committed = [commitment(share, key.recipient, place) for place, share in enumerate(shares)]
        named = (gateway.with_changes(commitment=c) for gateway, c in zip(gateways, committed, strict=True))
        return tuple(named), shares

    def _describe(self, urls: Sequence[str]) -> tuple[KeyGateway, ...]:
        """Gateways as a document names them: each says who it is. Raises `GatewayError`."""
        from registry.gated.gateways import GatewayClient

        named = []
        for url in urls:
            client = GatewayClient(url, self.reach)
            try:
                about = client.about()
            finally:
                client.close()
            if (about.chain_id, about.registry) != (self.chain.chain_id, self.deployment.registry):
                raise GatewayError(
                    client.url,
                    f"it serves {about.registry} on chain {about.chain_id}",
                    hint=f"Choose one for {self.deployment.registry} on chain {self.chain.chain_id}.",
                )
            named.append(KeyGateway(url=client.url, recipient=about.age_recipient, signer=to_address(about.signer)))
        return tuple(named)

    def _entrust(self, did: DID, job: Job) -> None:
        """Give the shares of a new key to the gateways of its document, unless an earlier run did."""
        content = self.get(did).ddo.content
        encryption = content.encryption if content else None
        if encryption is None:
            return
        with job.alone():
            key = self.keys.get(self.address, encryption.recipient)
            if key is None or job.get(_ENTRUSTED) == encryption.recipient:
                return
            named, shares = self._split(key, encryption.threshold, encryption.gateways, job)
            if named != encryption.gateways and any(gateway.commitment for gateway in encryption.gateways):
                raise InputError(
                    f"The shares that the document of {did} commits to are not kept here any more.",
                    hint="Split the key anew: 'registry keys reissue'.",
                )
            self._deposit(did, encryption, shares)
            job[_ENTRUSTED] = encryption.recipient

    def _deposit(self, did: DID, encryption: Encryption, shares: Sequence[str]) -> None:
        from registry.gated.gateways import GatewayClient
        from registry.gated.protocol import Deposit
        from registry.gated.shares import read_share

        gateways = encryption.gateways
        if not gateways:
            return
        wallet = self.wallet("give shares of a key to gateways")

        def give(index: int) -> None:
            share = read_share(shares[index])
            assert share is not None
            client = GatewayClient(gateways[index].url, self.reach)
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

        from registry.gated.gateways import TOO_FRESH

        def attempt(index: int) -> str | None:
            until = time.monotonic() + FRESH_SECONDS
            while True:
                try:
                    do(index)
                    return None
                except RegistryError as error:
                    if getattr(error, "code", "") != TOO_FRESH or time.monotonic() > until:
                        return f"{gateways[index].url}: {getattr(error, 'reason', error.message)}"
                self.progress("waiting for blocks", 0, 0)
                time.sleep(FRESH_POLL)

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
                what=f"Of the {len(gateways)} key gateways of {did}, {len(done)} did {what}, and {needed} shall",
                hint="Try again when they answer: 'registry keys reissue' for shares.",
            )
        if failed:
            warnings.warn(f"Of {did}, these did not {what}: {'; '.join(failed)}.", GatewayWarning, stacklevel=3)
        return done

    # --- Recovery --------------------------------------------------------------------------------

    def export_key(self, asset: DID | str | int, path: str | PathLike[str], passphrase: str) -> Path:
        """Write the key of an asset's content to a file that the passphrase opens, here or with any age tool.

        Raises `InputError` for a file that is there already, and what `unlock` raises.
        """
        from registry.gated.keys import write_recovery

        place = Path(path)
        write_recovery(place, self.unlock(self.get(asset)), passphrase)
        return place

    def import_key(self, path: str | PathLike[str], passphrase: str) -> str:
        """Keep the key of a recovery file for this account; returns its recipient (``age1...``).

        Raises `InputError` and `WrongPassword`.
        """
        from registry.gated.keys import read_recovery

        key = read_recovery(Path(path), passphrase)
        self.keys.put(self.address, key)
        return key.recipient

    # --- Below the verbs -------------------------------------------------------------------------

    def _job(self, *parts: object) -> Job:
        """The record of what a publication of this account has sealed."""
        text = "\n".join(map(str, (self.chain.chain_id, self.deployment.registry, self.address, *parts)))
        return self.keys.jobs.job(hashlib.sha256(text.encode("utf-8")).hexdigest()[:32])

    def _name_of(self, draft: Draft) -> tuple[object, ...]:
        assert draft.path is not None and draft.gated is not None
        return ("publish", draft.name, _where(draft.path), draft.gated.hide_names)


_SHARES: Final = "/shares"
_ENTRUSTED: Final = "/entrusted"
"""Notes in a job, beside the paths of files, none of which begins with a slash."""


def _policy(encryption: Encryption) -> Gated:
    """How content is locked, as its document says."""
    urls = [gateway.url for gateway in encryption.gateways]
    return Gated(gateways=urls, threshold=encryption.threshold, hide_names=encryption.hidden)


def _is_sealed(draft: Draft) -> bool:
    """Whether the content of a draft is to be encrypted."""
    return draft.gated is not None and draft.path is not None


def _where(path: str | PathLike[str]) -> str:
    return str(Path(fspath(path)).resolve())
