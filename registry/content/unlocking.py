"""Reading gated assets: find access, sign in at key gateways, gather the key, open the files."""

from __future__ import annotations

import contextlib
import io
import os
import time
import warnings
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from hashlib import sha256
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Final

from registry.chain import reverts
from registry.content.opening import Opening
from registry.content.uses import SignedReceipt, Uses
from registry.documents.licence import Kind
from registry.errors import (
    AccessDenied,
    FileNotInAsset,
    InputError,
    InsufficientBalance,
    JournalError,
    RegistryError,
    SignerError,
    TooFewShares,
    Unverified,
)
from registry.gated.identity import Identity
from registry.gated.landing import beside
from registry.ipfs.unixfs import FileEntry
from registry.results import Asset, Holding, Verification
from registry.types import to_address

if TYPE_CHECKING:
    from registry.documents.ddo import Content, Encryption, KeyGateway
    from registry.gated.gateways import Gathered, Wallet
    from registry.gated.keys import Job
    from registry.gated.protocol import Receipt, Release, ReleaseRequest
    from registry.gated.reading import GatedContent
    from registry.ipfs.cid import CID

__all__ = ["GatewayWarning", "Unlocking"]

_FILES: Final = 4
"""Files that are downloaded at once."""

FRESH_SECONDS: Final = 180.0
"""How long to wait for what was done just now to be as deep in the chain as gateways want it."""

FRESH_POLL: Final = 3.0

LEAD_POLLS: Final = 5
"""How often a gateway may say that a use is on its way, and nothing of it is on the chain, before another is asked."""

_RECEIPT_SECONDS: Final = 3600
_RECEIPT_DEADLINE: Final = 90.0
"""Seconds for a release that a use is consumed for: its transaction must be in a block first."""


class GatewayWarning(UserWarning):
    """A key was had in spite of key gateways that failed or lied."""


class Unlocking(Opening, Uses):
    """The verbs of consumers, for content that is encrypted."""

    # --- The key ---------------------------------------------------------------------------------

    def unlock(self, found: Asset) -> Identity:
        """The key of an asset's content, for the signer.

        Its owner has it where keys are kept (`Session.keys`). Others get it from the key gateways of the document: they
        sign in, and the gateways ask the chain. Under a licence of uses that takes one use, and the key is forgotten
        with this client; else it is kept. Gateways that failed or lied while others did not are named in a
        `GatewayWarning`.

        Raises `AccessDenied` with what could be bought, `TooFewShares` if too few gateways gave a right share,
        `SignerError` if the account does not sign, and `JournalError` if a use cannot be written down, before it is
        spent.
        """
        key = self._unlock(found)
        self._served(found)
        return key

    def _unlock(self, found: Asset) -> Identity:
        """`unlock`; a use that it spent stays written down until `_served`, so that who is stopped has lost nothing."""
        encryption = _encryption(found)
        key = self._spent.get(encryption.recipient)
        if key is not None:
            return key
        owner = found.owner == self.address
        unfinished = None if owner else self._unfinished_use(encryption)
        holding = None if owner or unfinished else self._holding(found)
        lasting = owner or (holding is not None and holding.kind is not Kind.USE)
        if lasting:
            key = self._had.get(encryption.recipient)
            key = key or self._kept(encryption.recipient, required=owner and not encryption.gateways)
        if key is None:
            key = self._gather(found, encryption, holding, owner, unfinished)
            if lasting:
                with contextlib.suppress(InputError, JournalError):  # it can be had again
                    self.keys.put(self.address, key)
        (self._had if lasting else self._spent)[encryption.recipient] = key
        return key

    def require_access(self, found: Asset) -> None:
        """Raise `AccessDenied`, with what could be bought, if the signer may not open the asset now.

        A key that a use was spent for, or that the owner shared, is access while this client lives; and so is a use
        that was spent by a client that was stopped before it had the key.
        """
        if is_gated(found):
            encryption = _encryption(found)
            if encryption.recipient in self._spent or self._unfinished_use(encryption):
                return
        super().require_access(found)

    def opened(self, found: Asset) -> GatedContent:
        """The content of a gated asset, opened. Raises what `unlock` raises."""
        opened = self._opened(found)
        self._served(found)
        return opened

    def _opened(self, found: Asset) -> GatedContent:
        from registry.gated.reading import GatedContent

        content = _content(found)
        if content.cid not in self._contents:
            self._contents[content.cid] = GatedContent(content, self._unlock(found), self.store)
        else:
            self.require_access(found)
        return self._contents[content.cid]

    def forget_keys(self) -> int:
        """Forget the keys that are kept for this account, those of its own assets too; returns how many."""
        for known in (self._spent, self._had, self._contents):
            known.clear()
        return self.keys.clear(self.address)

    # --- Reading ---------------------------------------------------------------------------------

    def files_of(self, found: Asset) -> tuple[FileEntry, ...]:
        """`files` of an asset as it was found; hidden names are of those with access."""
        from registry.gated.reading import public_files
        from registry.ipfs.reader import Reader

        content = found.ddo.content
        if content is None or content.encryption is None:
            return super().files_of(found)
        if content.encryption.hidden:
            return self.opened(found).files()
        return public_files(content, Reader(self.store))

    def _open(self, found: Asset, path: str) -> io.BufferedReader:
        if not is_gated(found):
            return super()._open(found, path)
        # A use is served when the file is closed: who is killed while reading opens it again for the same use.
        return self._opened(found).file(path).open(closed=lambda: self._served(found))

    def _download(self, found: Asset, target: str | PathLike[str]) -> tuple[FileEntry, ...]:
        if not is_gated(found):
            return super()._download(found, target)
        done = 0

        def write(file: FileEntry) -> None:
            nonlocal done
            place = staging.joinpath(*file.path.split("/"))
            place.parent.mkdir(parents=True, exist_ok=True)
            with place.open("xb") as out:
                plain = opened.file(file.path)
                for piece in plain.read(0, plain.size):
                    out.write(piece)
                    done += len(piece)
                    self.progress(f"downloading {found.name}", done, total)

        # Before a use is spent: the target is free, and nobody else writes there.
        with (
            beside(Path(target), self.home) as staging,
            ThreadPoolExecutor(_FILES, thread_name_prefix="download") as pool,
        ):
            opened = self._opened(found)
            files = opened.files()
            total = sum(file.size for file in files)
            if os.name == "nt" and (odd := next((f.path for f in files if ":" in f.path), None)):
                raise Unverified(_content(found).cid, "its publisher", f"{odd!r} is no name on Windows")
            try:
                list(pool.map(write, files))
                for folder in opened.folders():
                    staging.joinpath(*folder.split("/")).mkdir(parents=True, exist_ok=True)
            except FileExistsError as error:
                raise Unverified(
                    _content(found).cid, "its publisher", f"two of its files have the same name here: {error.filename}"
                ) from None
            except BaseException:
                pool.shutdown(cancel_futures=True)
                raise
        self._served(found)
        return files

    def _verify(self, found: Asset, path: str | PathLike[str] | None) -> Verification:
        """Blocks against CIDs; and with the key, if it is had without asking anybody, each chunk against its tag."""
        if not is_gated(found):
            return super()._verify(found, path)
        content = _content(found)
        if path is not None:
            return self._compare(found, Path(path))
        checked = self._hash_all(found)
        key = self._at_hand(found)
        if key is None:
            return checked
        from registry.gated.reading import GatedContent

        opened, done = GatedContent(content, key, self.store), 0
        for file in opened.files():
            plain = opened.file(file.path)
            for piece in plain.read(0, plain.size):
                done += len(piece)
                self.progress(f"opening {found.name}", done, content.size)
        return Verification(found.did, found.cid, content.cid, len(opened.files()), done)

    def _hash_all(self, found: Asset) -> Verification:
        from registry.ipfs.reader import Reader

        content, reader = _content(found), Reader(self.store)
        sizes: dict[CID, int] = {}
        count = size = 0
        for entry in reader.walk(content.cid):
            if entry.kind != "file":
                continue
            before = size
            for piece in reader.cat(reader.file(entry.cid), 0, None):
                size += len(piece)
                self.progress(f"verifying {found.name}", size, content.size)
            count += 1
            sizes[entry.cid] = size - before
        if size != content.size:
            raise Unverified(content.cid, "the document", f"it promises {content.size:,} bytes and there are {size:,}")
        for file in content.files:
            if file.cid not in sizes:
                raise Unverified(file.cid, "the document", f"its file {file.path!r} is not in the content")
        return Verification(found.did, found.cid, content.cid, len(content.files) or count, size)

    def _compare(self, found: Asset, folder: Path) -> Verification:
        """A plain copy on the disk against what the content opens to."""
        opened, done = self.opened(found), 0
        files = opened.files()
        single = len(files) == 1 and folder.is_file()
        here = {p.relative_to(folder).as_posix() for p in folder.rglob("*") if not p.is_dir()} if not single else set()
        beside = sorted(here - {file.path for file in files})
        if extra := [path for path in beside if "/." not in f"/{path}"]:
            raise Unverified(_content(found).cid, str(folder), f"it has {extra[0]!r}, which the asset has not")
        for file in files:
            place = folder if single else folder.joinpath(*file.path.split("/"))
            plain = opened.file(file.path)
            if not place.is_file():  # a pipe would be waited for
                raise Unverified(file.cid, str(place), "it cannot be read (there is no such file)")
            try:
                with place.open("rb") as copy:
                    same = all(copy.read(len(piece)) == piece for piece in plain.read(0, plain.size))
                    same = same and not copy.read(1)
            except OSError as error:
                raise Unverified(file.cid, str(place), f"it cannot be read ({error.strerror})") from error
            if not same:
                raise Unverified(file.cid, str(place), "it is not what the encrypted file opens to")
            done += plain.size
            self.progress(f"comparing {folder}", done, sum(file.size for file in files))
        left_out = tuple(str(folder / path) for path in beside)
        return Verification(found.did, found.cid, _content(found).cid, len(files), done, left_out)

    # --- Below the verbs -------------------------------------------------------------------------

    @cached_property
    def _spent(self) -> dict[str, Identity]:
        """Keys that a use was spent for, or an invitation gave, by their recipients: good while this client lives."""
        return {}

    @cached_property
    def _uses(self) -> dict[str, str]:
        """For keys that a use was spent for, and that have not served yet: what their shares were sealed to."""
        return {}

    @cached_property
    def _had(self) -> dict[str, Identity]:
        """Keys that were used, by their recipients: good while there is access."""
        return {}

    @cached_property
    def _contents(self) -> dict[CID, GatedContent]:
        """What is open, by its CID."""
        return {}

    def _holding(self, found: Asset) -> Holding | None:
        """What the signer has of the licence that opens the asset; one that takes a use only if there is no other."""
        if not found.licences:
            return None
        active = [held for held in self.holdings(found.did) if held.active]
        return min(active, key=lambda held: held.kind is Kind.USE, default=None)

    def _kept(self, recipient: str, *, required: bool) -> Identity | None:
        try:
            return self.keys.get(self.address, recipient)
        except (InputError, SignerError):
            if required:
                raise
            return None

    def _at_hand(self, found: Asset) -> Identity | None:
        """A key that can be used without asking anybody, by somebody who has access."""
        recipient = _encryption(found).recipient
        if recipient in self._spent or self.signer is None or not self.has_access(found.did):
            return self._spent.get(recipient)
        return self._had.get(recipient) or self._kept(recipient, required=False)

    def wallet(self, what: str) -> Wallet:
        """The signer as key gateways know it. Raises `NoSigner`, and `SignerError` for one that signs no messages."""
        from registry.chain.signers import sign_text
        from registry.gated.gateways import Wallet

        signer = self.sender(what).signer
        patience = float(getattr(signer, "patience", 0.0))
        return Wallet(self.address, self.chain.chain_id, lambda message: sign_text(signer, message), patience)

    def _use_job(self, encryption: Encryption) -> Job:
        """Where a use of the signer's is written down while its key is not had yet."""
        name = sha256(f"use {self.address} {encryption.recipient}".encode()).hexdigest()
        return self.keys.jobs.job(name)

    def _unfinished_use(self, encryption: Encryption) -> tuple[Identity, Receipt] | None:
        """The receipt of a use that was signed before its key was had, and the key that the shares will be sealed to.

        None if there is none, or if it was never handed in and its time is over.
        """
        from registry.gated.protocol import Receipt

        if self.signer is None:
            return None
        noted = self._use_job(encryption).get("")
        if not noted:
            return None
        fresh = self._kept(noted["recipient"], required=False)
        if fresh is None:
            return None
        receipt = Receipt.model_validate_json(noted["receipt"])
        good = self._is_spent(receipt) or receipt.deadline > self.chain.block().timestamp
        return (fresh, receipt) if good else None

    def _is_spent(self, receipt: Receipt) -> bool:
        """Whether somebody has handed a receipt in."""
        nonce = int(receipt.nonce)
        return int(self.chain.call(self.receipt_contract.functions.nonces(receipt.account, nonce >> 64))) != nonce

    def _use(self, found: Asset, encryption: Encryption, licence: int | None) -> tuple[Identity, Receipt]:
        """Sign a use away for a fresh key. Both are kept first: who is stopped then asks again with the same, and so
        does who asks at the same moment in another process."""
        from registry.gated.protocol import Receipt, release_ref

        with self._use_job(encryption).alone():
            if (begun := self._unfinished_use(encryption)) is not None:
                return begun
            fresh = Identity.generate()
            ref = release_ref(str(found.did), encryption.key_version, fresh.recipient)
            signed = self.sign_receipt(found.did, licence, ref=ref, seconds=_RECEIPT_SECONDS)
            with contextlib.suppress(InputError, SignerError):  # without a place for keys there is none for this one
                self.keys.put(self.address, fresh)
                self._use_job(encryption).begin({"recipient": fresh.recipient, "receipt": signed.to_json()})
            return fresh, Receipt.model_validate_json(signed.to_json())

    def _served(self, found: Asset) -> None:
        """Forget the use that was spent for what the account has now."""
        recipient = self._uses.pop(_encryption(found).recipient, None)
        if recipient is None:
            return
        job = self._use_job(_encryption(found))
        with contextlib.suppress(JournalError), job.alone():  # else it serves once more
            if (job.get("") or {}).get("recipient") == recipient:
                job.begin(None)
                self.keys.clear(self.address, recipient)

    def _gather(
        self,
        found: Asset,
        encryption: Encryption,
        holding: Holding | None,
        owner: bool,
        unfinished: tuple[Identity, Receipt] | None,
    ) -> Identity:
        from registry.gated.protocol import ReleaseRequest

        if holding is None and not owner and unfinished is None and not encryption.gateways:
            super().require_access(found)
        licence = self.offer(found.did, holding.licence).number if holding is not None else None
        if unfinished is None and holding is not None and holding.kind is Kind.USE:
            unfinished = self._use(found, encryption, licence)
        uses = unfinished is not None
        fresh, receipt = unfinished or (Identity.generate(), None)
        if receipt is not None:
            licence = receipt.licence
        request = ReleaseRequest(
            did=str(found.did),
            version=encryption.key_version,
            recipient=fresh.recipient,
            licence=licence,
            receipt=receipt,
        )
        gathered = self._ask(request, fresh, encryption, receipt)
        if gathered.found is None:
            raise self._without_key(found, encryption, gathered, holding is not None or owner or uses)
        if uses:
            self._uses[encryption.recipient] = fresh.recipient
        if gathered.causes:
            told = "; ".join(f"{url}: {cause}" for url, cause in gathered.causes.items())
            warnings.warn(f"The key of {found.did} was had in spite of {told}.", GatewayWarning, stacklevel=4)
        return gathered.found.identity

    def _ask(
        self, request: ReleaseRequest, fresh: Identity, encryption: Encryption, receipt: Receipt | None
    ) -> Gathered:
        """Ask the gateways until they make the key, for as long as what they wait for may yet come.

        A receipt is handed in by one of them, or if none pays for it by the signer; the others find it done.
        """
        from registry.gated.gateways import DEADLINE, HEDGE, gather

        deadline = DEADLINE if receipt is None else _RECEIPT_DEADLINE
        wallet, until = self.wallet("open a gated asset"), time.monotonic() + FRESH_SECONDS
        first, polls, lead = 0, 0, receipt is not None and not self._is_spent(receipt)
        while True:
            gathered = gather(
                request,
                fresh,
                encryption.gateways,
                encryption.threshold,
                encryption.recipient,
                wallet,
                _is_signed,
                self.reach,
                deadline=deadline,
                hedge=HEDGE if receipt is None else deadline,
                first=first,
                lead=lead,
            )
            if gathered.found is not None or time.monotonic() > until:
                return gathered
            if receipt is not None and lead and gathered.unpaid and not gathered.too_fresh:
                self._hand_in(receipt)
                lead, until = False, time.monotonic() + FRESH_SECONDS
                continue
            if not gathered.too_fresh:
                return gathered
            self.progress("waiting for blocks", 0, 0)
            time.sleep(FRESH_POLL)
            if receipt is not None and lead:
                lead, polls = not self._is_spent(receipt), polls + 1
                if lead and polls % LEAD_POLLS == 0:  # whatever the first one says, nothing comes of it
                    first = (first + 1) % len(encryption.gateways)

    def _hand_in(self, receipt: Receipt) -> None:
        """Consume the use that a receipt gives, since no gateway pays for it: at the cost of the signer, or of the
        first owner of a Safe who can pay. Raises `InsufficientBalance` and `SignerError`; the receipt stays noted."""
        signed = SignedReceipt.from_json(receipt.model_dump_json())
        payers = tuple(getattr(self.signer, "owners", ())) or (self.signer,)
        self.progress("handing the receipt in", 0, 0)
        for payer in payers:
            try:
                done = self.signed_by(payer).submit_receipt(signed)
            except reverts.InvalidAccountNonce:
                return  # somebody was faster
            except InsufficientBalance:
                if payer is payers[-1]:
                    raise
                continue
            told = f"No key gateway paid for consuming the use: {to_address(payer.address)} did ({done.cost})."
            warnings.warn(told, GatewayWarning, stacklevel=5)
            return

    def _without_key(self, found: Asset, encryption: Encryption, gathered: Gathered, has_access: bool) -> RegistryError:
        """The error for a key that could not be had."""
        if not has_access:
            try:
                super().require_access(found)
            except AccessDenied as error:
                return error
        hint = "" if encryption.gateways else "No key gateway serves it: ask its owner for the recovery file."
        causes = [f"{url}: {cause}" for url, cause in gathered.causes.items()] or ["there is no key gateway"]
        return TooFewShares(str(found.did), gathered.shares, encryption.threshold, causes, gathered.liars, hint=hint)


def is_gated(found: Asset) -> bool:
    """Whether the content of an asset is encrypted."""
    return found.ddo.content is not None and found.ddo.content.encryption is not None


def _content(found: Asset) -> Content:
    if found.ddo.content is None:
        raise FileNotInAsset("", [])
    return found.ddo.content


def _encryption(found: Asset) -> Encryption:
    encryption = _content(found).encryption
    if encryption is None:
        raise InputError(f"The content of {found.did} is not encrypted.", hint="Open it with registry.open.")
    return encryption


def _is_signed(gateway: KeyGateway, request: ReleaseRequest, release: Release) -> bool:
    """Whether the account that the document names for a gateway has signed its answer."""
    from registry.chain.signatures import recover, text_digest

    digest = text_digest(release.signed_text(request))
    return recover(digest, bytes.fromhex(release.signature.removeprefix("0x"))) == gateway.signer
