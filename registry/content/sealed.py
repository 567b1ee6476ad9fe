"""Content that is encrypted: packed with a key whose shares go to gateways, and read by those who get the key."""

from __future__ import annotations

import io
import os
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from os import PathLike, fspath
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from registry.assets.drafting import Draft, Packed, Stored, listed
from registry.content.atomic_folder import beside
from registry.content.entrusting import ENTRUSTED, Shares
from registry.content.plain import hash_files
from registry.content.unlocking import Unlocker, content_of
from registry.documents.ddo import Content, Encryption
from registry.errors import InputError, Unverified
from registry.gated.gated_content import GatedContent, public_files
from registry.gated.identity import Identity
from registry.gated.policy import Gated
from registry.gated.sealing import seal_tree
from registry.ipfs.profiles import UNIXFS_V1_2025
from registry.ipfs.reader import Reader
from registry.ipfs.store import NullSink, keep, writing
from registry.ipfs.unixfs import FileEntry, content_size
from registry.results import Asset, Published, Verification
from registry.session import Session
from registry.types import Address

if TYPE_CHECKING:
    from registry.gated.key_store import Job

_FILES: Final = 4
"""Files that are downloaded at once."""


class Sealed:
    """Content that is encrypted, for the account of a session."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._keys, self._shares = Unlocker(session), Shares(session)

    # --- Reading ---------------------------------------------------------------------------------

    def require_access(self, found: Asset) -> None:
        """Raise `AccessDenied`, see `Unlocker.require_access`."""
        self._keys.require_access(found)

    def files(self, found: Asset) -> tuple[FileEntry, ...]:
        """Its files; hidden names are of those with access."""
        content = content_of(found)
        if content.encryption is not None and content.encryption.hidden:
            return self._keys.opened(found).files()
        return public_files(content, Reader(self._session.store))

    def open(self, found: Asset, path: str) -> io.BufferedReader:
        """Open a file with the key; each block is hashed, and each chunk checked."""
        # A use is served when the file is closed: a reader that is killed opens it again for the same use.
        return self._keys.unserved(found).file(path).open(closed=lambda: self._keys.served(found))

    def download(self, found: Asset, target: str | PathLike[str]) -> tuple[FileEntry, ...]:
        """Write all content, decrypted; on an error or an interruption nothing is left behind.

        Raises what `Unlocker.unlock` raises, and `Unverified` for names that cannot be written here.
        """
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
                    self._session.progress(f"downloading {found.name}", done, total)

        # Before a use is spent: the target is free, and nobody else writes there.
        with (
            beside(Path(target), self._session.home) as staging,
            ThreadPoolExecutor(_FILES, thread_name_prefix="download") as pool,
        ):
            opened = self._keys.unserved(found)
            files = opened.files()
            total = sum(file.size for file in files)
            if os.name == "nt" and (odd := next((f.path for f in files if ":" in f.path), None)):
                raise Unverified(content_of(found).cid, Unverified.PUBLISHER, f"{odd!r} is no name on Windows")
            try:
                list(pool.map(write, files))
                for folder in opened.folders():
                    staging.joinpath(*folder.split("/")).mkdir(parents=True, exist_ok=True)
            except FileExistsError as error:
                raise Unverified(
                    content_of(found).cid,
                    Unverified.PUBLISHER,
                    f"two of its files have the same name here: {error.filename}",
                ) from None
            except BaseException:
                pool.shutdown(cancel_futures=True)
                raise
        self._keys.served(found)
        return files

    def verify(self, found: Asset, path: str | PathLike[str] | None) -> Verification:
        """Blocks against CIDs; and with the key, if it is here without asking anybody, each chunk against its tag."""
        content = content_of(found)
        if path is not None:
            return self._compare(found, Path(path))
        checked = self._hash_all(found)
        key = self._keys.at_hand(found)
        if key is None:
            return checked
        opened, done = GatedContent(content, key, self._session.store), 0
        total = sum(file.size for file in opened.files())
        for file in opened.files():
            plain = opened.file(file.path)
            for piece in plain.read(0, plain.size):
                done += len(piece)
                self._session.progress(f"opening {found.name}", done, total)
        return Verification(found.did, found.cid, content.cid, len(opened.files()), done)

    # --- Packing ---------------------------------------------------------------------------------

    def admit(self, draft: Draft, owner: Address, again: bool) -> None:
        """Refuse a draft for another owner, whose key would be with somebody else. With `again` a new key is made.

        Raises `InputError`.
        """
        if owner != self._session.address:
            raise InputError(
                f"{draft.name!r} is gated and would belong to {owner}, who does not sign.",
                hint="Publish it as yourself, and transfer it once the gateways have its key.",
            )
        if again:
            self._job_of(draft).begin(None)

    def pack(self, draft: Draft, dry_run: bool) -> Stored:
        """Encrypt what lies at the path of a draft, and add it to the store."""
        assert draft.path is not None and draft.gated is not None
        return self._pack(draft.path, draft.gated, 1, self._job_of(draft), hidden=draft.hidden, dry_run=dry_run)

    def deliver(self, draft: Draft, made: Published) -> None:
        """Give the shares of the key to the gateways."""
        self._shares.entrust(made.did, self._job_of(draft))

    def resumed(
        self, found: Asset, path: str | PathLike[str], gated: Gated | None, hidden: bool, fields: Mapping[str, Any]
    ) -> Packed | None:
        """Give the shares of an update that was stopped before it did; None if there is more to do, or was none."""
        encryption = found.ddo.content.encryption if found.ddo.content else None
        job = self._shares.job("update", found.did, found.version - 1, _where(path))
        if encryption is None or job.get("") != encryption.recipient or job.get(ENTRUSTED):
            return None
        self._shares.entrust(found.did, job)
        policy, version = gated or _policy(encryption), encryption.key_version
        packed = self._pack(path, policy, version, job, hidden=hidden, dry_run=False)
        return packed if found.ddo.with_changes(**fields, content=packed.content) == found.ddo else None

    def pack_next(
        self, found: Asset, path: str | PathLike[str], gated: Gated | None, hidden: bool, dry_run: bool
    ) -> Packed:
        """Encrypt what lies at a path with a new key, and add it to the store."""
        before = found.ddo.content.encryption if found.ddo.content else None
        policy = gated or (_policy(before) if before else None)
        assert policy is not None
        job = self._shares.job("update", found.did, found.version, _where(path))
        return self._pack(path, policy, found.version + 1, job, hidden=hidden, dry_run=dry_run)

    def deliver_next(self, found: Asset, path: str | PathLike[str]) -> None:
        """Give the shares of the new key to the gateways."""
        self._shares.entrust(found.did, self._shares.job("update", found.did, found.version, _where(path)))

    # --- Below -----------------------------------------------------------------------------------

    def _job_of(self, draft: Draft) -> Job:
        assert draft.path is not None and draft.gated is not None
        return self._shares.job("publish", draft.name, _where(draft.path), draft.gated.hide_names)

    def _pack(
        self, path: str | PathLike[str], gated: Gated, version: int, job: Job, *, hidden: bool, dry_run: bool
    ) -> Packed:
        """Encrypt a folder or file, add it to the store and describe it. The key is kept before anything is."""
        if self._session.actor.written is not None:
            raise InputError(
                "What a team proposes cannot be gated: nobody has its key to give shares of before it is carried out.",
                hint="Publish it as yourself and transfer it to the team; an editor of the team's asset may update it.",
            )
        gateways = self._shares.describe(gated.gateways)
        total = content_size(path, hidden=hidden)
        sink = NullSink() if dry_run else self._session.store
        # Who seals the same at the same moment, in another process, would make another key and another document.
        with nullcontext() if dry_run else job.alone(), writing(sink):
            recipient = job.get("")
            identity = self._session.keys.get(self._session.address, recipient) if recipient else None
            if identity is None:
                identity = Identity.generate()
                if not dry_run:
                    self._session.keys.put(self._session.address, identity)
                    job.begin(identity.recipient)
            committed, _ = self._shares.split(identity, gated.threshold, gateways, {} if dry_run else job)
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
                progress=lambda done: self._session.progress(f"encrypting {path}", done, total),
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

    def _hash_all(self, found: Asset) -> Verification:
        content = content_of(found)
        hashed = hash_files(self._session, found, content)
        there = {file.cid for file in hashed}
        for file in content.files:
            if file.cid not in there:
                raise Unverified(file.cid, "the document", f"its file {file.path!r} is not in the content")
        return Verification(found.did, found.cid, content.cid, len(content.files) or len(hashed), content.size)

    def _compare(self, found: Asset, folder: Path) -> Verification:
        """A plain copy on the disk against what the content opens to."""
        opened, done = self._keys.opened(found), 0
        files = opened.files()
        single = len(files) == 1 and folder.is_file()
        here = {p.relative_to(folder).as_posix() for p in folder.rglob("*") if not p.is_dir()} if not single else set()
        beside = sorted(here - {file.path for file in files})
        if extra := [path for path in beside if "/." not in f"/{path}"]:
            raise Unverified(content_of(found).cid, str(folder), f"it has {extra[0]!r}, which the asset does not have")
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
            self._session.progress(f"comparing {folder}", done, sum(file.size for file in files))
        left_out = tuple(str(folder / path) for path in beside)
        return Verification(found.did, found.cid, content_of(found).cid, len(files), done, left_out)


def _policy(encryption: Encryption) -> Gated:
    """How content is locked, as its document says."""
    urls = [gateway.url for gateway in encryption.gateways]
    return Gated(gateways=urls, threshold=encryption.threshold, hide_names=encryption.hidden)


def _where(path: str | PathLike[str]) -> str:
    return str(Path(fspath(path)).resolve())
