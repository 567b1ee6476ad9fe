"""Using what was bought: who has access, opening files, consuming uses, and checking every byte."""

from __future__ import annotations

import io
import json
import secrets
from dataclasses import dataclass, replace
from os import PathLike
from typing import Any, Final

from registry import numbers
from registry.assets import Assets
from registry.canonical import parse_json
from registry.did import DID, split_asset_url
from registry.errors import AccessDenied, FileNotInAsset, InputError, Unverified
from registry.ipfs.cid import CID
from registry.ipfs.file import open_file
from registry.ipfs.importer import compare
from registry.ipfs.profiles import PROFILES
from registry.ipfs.unixfs import FileEntry, cat, content_size, export, resolve, walk
from registry.receipts import receipts_of
from registry.results import Asset, Done, Holding, Offer, Verification
from registry.session import whole
from registry.typed_data import typed_data
from registry.types import ZERO_ADDRESS, Address, to_address

RECEIPT_SECONDS: Final = 24 * 3600
"""How long a receipt is good for unless the holder says otherwise."""


@dataclass(frozen=True, slots=True)
class SignedReceipt:
    """A holder's signed word that `uses` may be consumed, to be handed to a service.

    `service` is the only account that may hand it in (the zero address for any); `ref` (32 bytes) says what for;
    `deadline` is in seconds since 1970. It works once.
    """

    did: DID
    licence: int
    account: Address
    uses: int
    service: Address
    ref: bytes
    nonce: int
    deadline: int
    signature: bytes

    def to_json(self) -> str:
        """The receipt as text, to be sent to the service."""
        return json.dumps(
            {
                "did": str(self.did),
                "licence": self.licence,
                "account": self.account,
                "uses": self.uses,
                "service": self.service,
                "ref": self.ref.hex(),
                "nonce": str(self.nonce),
                "deadline": self.deadline,
                "signature": self.signature.hex(),
            }
        )

    @classmethod
    def from_json(cls, text: str) -> SignedReceipt:
        """Read a receipt; raises `InputError` if it is malformed, `InvalidDID`, `InvalidAddress`."""
        data, faults = parse_json(text.encode("utf-8", "surrogatepass"))
        try:
            if faults:
                raise ValueError(str(faults[0]))
            receipt = cls(
                did=DID.parse(data["did"]),
                licence=data["licence"],
                account=to_address(data["account"]),
                uses=data["uses"],
                service=to_address(data["service"]),
                ref=bytes.fromhex(data["ref"]),
                nonce=numbers.whole(data["nonce"]),
                deadline=data["deadline"],
                signature=bytes.fromhex(data["signature"]),
            )
            receipt.check()
            return receipt
        except InputError:
            raise
        except (ValueError, TypeError, KeyError) as error:
            raise InputError(f"This is not a receipt: {error}.", hint="Ask the holder for a new one.") from error

    def check(self) -> None:
        """Raise `InputError` for a field that does not fit what the contract takes."""
        whole(self.licence, "a licence", low=0, high=2**8 - 1)
        whole(self.uses, "uses")
        whole(self.nonce, "a receipt", low=0, high=2**256 - 1)
        whole(self.deadline, "seconds", low=0, high=2**48 - 1)
        if len(self.ref) != 32:
            raise InputError(f"The reference of the receipt has {len(self.ref)} bytes.", hint="It has 32.")

    def message(self) -> dict[str, Any]:
        """The EIP-712 message that the holder signs."""
        return typed_data(
            "Receipt",
            _RECEIPT,
            dict(zip(_RECEIPT, self.values(), strict=True)),
            name="AI Asset Registry",
            version="1",
            chain_id=self.did.chain_id,
            contract=receipts_of(self.did.registry),
        )

    def values(self) -> tuple[Any, ...]:
        """The signed fields as the contract takes them."""
        return (
            self.did.asset_id,
            self.licence,
            self.account,
            self.uses,
            self.service,
            self.ref,
            self.nonce,
            self.deadline,
        )


class Access(Assets):
    """The verbs of consumers and of the services they use."""

    # --- Asking ----------------------------------------------------------------------------------

    def has_access(self, asset: DID | str | int, *, account: str | None = None) -> bool:
        """Whether an account (default: the signer) may open the asset now, as its owner or under any licence.

        Raises `AssetNotFound`.
        """
        did, holder = self.did(asset), to_address(account) if account else self.address
        if self.read(did, self.assets.functions.hasAccess(did.asset_id, holder)):
            return True
        return bool(self.read(did, self.assets.functions.assetInfo(did.asset_id))[0] == holder)

    def holding(
        self, asset: DID | str | int, licence: str | int | Offer | None = None, *, account: str | None = None
    ) -> Holding:
        """What an account (default: the signer) holds of one licence. Raises `LicenceNotFound`."""
        offer = self.offer(asset, licence)
        holder = to_address(account) if account else self.address
        call = self.assets.functions.accessOf(offer.did.asset_id, offer.number, holder)
        active, expires_at, uses, held, taken, tokens = self.read(offer.did, call)
        return Holding(
            did=offer.did,
            licence=offer.name,
            account=holder,
            kind=offer.kind,
            active=active,
            held=held,
            expires_at=expires_at,
            uses=uses,
            taken=taken,
            tokens=tokens,
        )

    def holdings(self, asset: DID | str | int, *, account: str | None = None) -> tuple[Holding, ...]:
        """What an account (default: the signer) holds of each licence of the asset."""
        did = self.did(asset)
        return tuple(self.holding(did, offer, account=account) for offer in self.licences(did))

    def require_access(self, found: Asset) -> None:
        """Raise `AccessDenied`, with what could be bought, if the signer may not open the asset now."""
        if self.has_access(found.did):
            return
        lapsed = [held for held in self.holdings(found.did) if held.taken or held.tokens]
        if lapsed:
            raise AccessDenied(
                str(found.did), self.address, f"under {lapsed[0].licence!r} it has {lapsed[0].in_words()}"
            )
        offers = [f"{offer.name!r} ({offer.in_words()})" for offer in found.licences if offer.open]
        raise AccessDenied(
            str(found.did),
            self.address,
            hint=f"Buy one of: {'; '.join(offers)}." if offers else "Nothing is on offer; ask its owner.",
        )

    # --- Reading ---------------------------------------------------------------------------------

    def files(self, asset: DID | str | int) -> tuple[FileEntry, ...]:
        """The files of the asset's content: path, bytes and CID. Needs no access, unless names are hidden."""
        return self.files_of(self.get(asset))

    def files_of(self, found: Asset) -> tuple[FileEntry, ...]:
        """`files` of an asset as it was found."""
        content = found.ddo.content
        if content is None:
            return ()
        if content.files:
            return tuple(FileEntry(file.path, file.size, file.cid) for file in content.files)
        entries = walk(content.cid, self.store)
        return tuple(FileEntry(e.path, e.size, e.cid) for e in entries if e.kind == "file")

    def open(self, asset: DID | str | int, path: str = "") -> io.BufferedReader:
        """Open a file of the asset for reading bytes; each block is hashed before a byte of it comes out.

        `asset` may be an ``asset://<did>/<path>`` URL; `path` may be left out if there is one file only. The result
        goes straight into ``pandas.read_csv`` and the like. Gated content is opened with its key, which the asset's key
        gateways give to those with access; other content is public on IPFS, and the check is the licence's word.

        Raises `AccessDenied`, `FileNotInAsset`, and the content errors (`BlockNotFound`, `Unverified`, ...).
        """
        if isinstance(asset, str) and asset.startswith("asset://"):
            asset, path = split_asset_url(asset)
        return self._open(self.get(asset), path)

    def _open(self, found: Asset, path: str) -> io.BufferedReader:
        self.require_access(found)
        return open_file(self._file(found, path), self.store, name=path or found.name)

    def download(self, asset: DID | str | int, target: str | PathLike[str]) -> tuple[FileEntry, ...]:
        """Write all content of the asset to `target`, which must not exist or be an empty folder.

        Every block is hashed; on an error or an interruption nothing is left behind. Raises what `open` raises, and
        `InputError` for a target that is taken.
        """
        return self._download(self.get(asset), target)

    def _download(self, found: Asset, target: str | PathLike[str]) -> tuple[FileEntry, ...]:
        self.require_access(found)
        content = found.ddo.content
        if content is None:
            raise FileNotInAsset("", [])
        return export(
            content.cid,
            self.store,
            target,
            progress=lambda done: self.progress(f"downloading {found.name}", done, content.size),
        )

    def verify(self, asset: DID | str | int, path: str | PathLike[str] | None = None) -> Verification:
        """Hash everything again: the document against the chain, and the content against the document.

        With `path`, a local copy is hashed instead of the stored blocks; names that begin with a dot may lie beside it,
        and are told. Raises `Unverified` for a changed byte, `BlockNotFound` for a missing one.
        """
        return self._verify(self.get(asset), path)

    def _verify(self, found: Asset, path: str | PathLike[str] | None) -> Verification:
        content = found.ddo.content
        if content is None:
            return Verification(found.did, found.cid, None, 0, 0)
        if path is not None:
            total = content_size(path)
            profile = PROFILES.get(content.profile)
            if profile is None:
                raise InputError(
                    f"The content of {found.did} was made by the rules {content.profile!r}, which are not known here.",
                    hint=f"Known are: {', '.join(PROFILES)}. Verify the stored blocks instead, without a path.",
                )
            here, beside = compare(
                path, content.cid, profile, progress=lambda done: self.progress(f"hashing {path}", done, total)
            )
            return Verification(found.did, found.cid, content.cid, here.files, here.size, beside)
        size = count = 0
        seen: dict[str, tuple[CID, int]] = {}
        for entry in walk(content.cid, self.store):
            if entry.kind != "file":
                continue
            count += 1
            before = size
            for piece in cat(entry.cid, self.store):
                size += len(piece)
                self.progress(f"verifying {found.name}", size, content.size)
            seen[entry.path] = entry.cid, size - before
        if size != content.size:
            raise Unverified(content.cid, "the document", f"it promises {content.size:,} bytes and there are {size:,}")
        for file in content.files:
            real = seen.get(file.path, seen.get("") if count == 1 else None)
            if real is None or real[0] != file.cid:
                raise Unverified(file.cid, "the document", f"its file {file.path!r} is not in the content")
            if real[1] != file.size:
                said = f"it says that {file.path!r} has {file.size:,} bytes and it has {real[1]:,}"
                raise Unverified(file.cid, "the document", said)
        return Verification(found.did, found.cid, content.cid, count, size)

    # --- Spending --------------------------------------------------------------------------------

    def redeem(
        self,
        asset: DID | str | int,
        licence: str | int | Offer | None = None,
        *,
        units: int = 1,
        account: str | None = None,
        dry_run: bool = False,
    ) -> Done:
        """Burn `units` of one's own datatokens for the access they stand for, of `account` (default: oneself)."""
        offer = self.offer(asset, licence)
        receiver = to_address(account) if account else self.address
        call = self.assets.functions.redeem(offer.did.asset_id, offer.number, whole(units, "units"), receiver)
        return self.act(f"redeem {units} x {offer.name!r} of {offer.did}", call, dry_run=dry_run)

    def consume(
        self,
        asset: DID | str | int,
        licence: str | int | Offer | None = None,
        *,
        uses: int = 1,
        ref: bytes = b"",
        dry_run: bool = False,
    ) -> Done:
        """Consume one's own uses; `ref` (up to 32 bytes) says what for."""
        offer = self.offer(asset, licence)
        call = self.assets.functions.consume(offer.did.asset_id, offer.number, whole(uses, "uses"), _ref(ref))
        return self.act(f"consume {uses} of {offer.name!r} of {offer.did}", call, dry_run=dry_run)

    def sign_receipt(
        self,
        asset: DID | str | int,
        licence: str | int | Offer | None = None,
        *,
        uses: int = 1,
        service: str | None = None,
        ref: bytes = b"",
        seconds: int = RECEIPT_SECONDS,
    ) -> SignedReceipt:
        """Sign, without a transaction, that `service` (None: anybody) may consume uses once within `seconds`."""
        offer = self.offer(asset, licence)
        deadline = self.chain.block().timestamp + whole(seconds, "seconds")
        unsigned = SignedReceipt(
            did=offer.did,
            licence=offer.number,
            account=self.address,
            uses=whole(uses, "uses"),
            service=to_address(service) if service else ZERO_ADDRESS,
            ref=_ref(ref),
            # A key of its own for each receipt, so that they can be handed in in any order.
            nonce=secrets.randbits(191) << 64,
            deadline=deadline,
            signature=b"",
        )
        signer = self.sender("sign a receipt").signer
        return replace(unsigned, signature=signer.sign_typed_data(unsigned.message()))

    def submit_receipt(self, receipt: SignedReceipt, *, dry_run: bool = False) -> Done:
        """Consume the uses that a holder signed for.

        Raises `ReceiptExpired`, `WrongService`, `InvalidReceiptSignature`, `NotEnoughUses`, and
        `InvalidAccountNonce` for one that was handed in before.
        """
        did = self.did(receipt.did)
        receipt.check()
        call = self.receipt_contract.functions.consumeWithReceipt(receipt.values(), receipt.signature)
        return self.act(f"consume {receipt.uses} uses of {did} for {receipt.account}", call, dry_run=dry_run)

    # --- Below the verbs -------------------------------------------------------------------------

    def _file(self, found: Asset, path: str) -> CID:
        """The CID of one file of the asset's content."""
        content = found.ddo.content
        if content is None:
            raise FileNotInAsset(path, [])
        wanted = path.strip("/")
        listed = {file.path: file.cid for file in content.files}
        if wanted in listed:
            return listed[wanted]
        if not wanted and len(listed) == 1:
            return next(iter(listed.values()))
        if listed:
            raise FileNotInAsset(path, list(listed))
        return resolve(content.cid, wanted, self.store)


_RECEIPT: Final = {
    "assetId": "uint256",
    "licence": "uint8",
    "account": "address",
    "uses": "uint32",
    "service": "address",
    "ref": "bytes32",
    "nonce": "uint256",
    "deadline": "uint48",
}
"""The fields that a holder signs, in the order of the contract's struct."""


def _ref(ref: bytes) -> bytes:
    if len(ref) > 32:
        raise InputError(f"A reference of {len(ref)} bytes is too long.", hint="It has 32 bytes at most: use a digest.")
    return ref.ljust(32, b"\0")
