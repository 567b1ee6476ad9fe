"""The document of an asset (DDO): what it is, what it is made of, and under which licences.

It is the ERC-721 metadata at the same time (``name``, ``description``, ``image``, ``external_url``).
Stored as RFC 8785 canonical JSON in one raw block, it has one digest, and the registry keeps that
digest. The number of the asset is not in it: it is not known before publication, and the chain says it.

`DDO.from_bytes` takes back exactly what `DDO.to_bytes` writes. Everything else is refused, with all
faults at once, each under its JSON pointer.
"""

from __future__ import annotations

import hashlib
from collections.abc import Hashable, Mapping
from typing import Annotated, Any, ClassVar, Final, Literal, Self, get_args

from pydantic import Field, field_validator, model_validator

from registry.did import DID
from registry.documents.canonical import FrozenDict, canonical_bytes, json_faults, parse_json, printable
from registry.documents.compute_terms import Terms
from registry.documents.faults import differences, spelling_fault
from registry.documents.fields import (
    AddressField,
    Array,
    CIDField,
    Commitment,
    Description,
    DIDField,
    GatewayUrl,
    Home,
    Image,
    LicenceDescription,
    LicenceReference,
    LicenceTerms,
    Line,
    MediaType,
    Moment,
    ObjectField,
    Path,
    Profile,
    Recipient,
    Size,
    _FieldError,
    refuse_repeats,
)
from registry.documents.part import DocumentPart
from registry.errors import DDOTooLarge, Fault, InvalidDDO
from registry.ipfs.cid import CID
from registry.ipfs.hosts import host_of, is_loopback
from registry.types import Digest, to_address

MAX_BYTES: Final = 2**20
"""Largest DDO: one block that every IPFS node passes on."""

DDO_VERSION: Final = "1.0.0"
MAX_PARENTS: Final = 8

MAX_GATEWAYS: Final = 16
"""Of SLIP-39: a key is split among at most 16."""

AssetType = Literal["dataset", "model", "algorithm", "app", "notebook", "other"]
ASSET_TYPES: Final[tuple[str, ...]] = get_args(AssetType)


# --- Models --------------------------------------------------------------------------------------


class ContentFile(DocumentPart):
    """One file of the content: relative `path` with ``/``, `size` in bytes, its own `cid`, its media type."""

    path: Path
    size: Size
    cid: CIDField
    media_type: MediaType | None = None


class KeyGateway(DocumentPart):
    """Who keeps a share of the key: the base `url` of the service, its age `recipient` (shares are sealed to it) and
    the Ethereum account `signer` that signs its answers.

    `commitment` tells its share from a wrong one, and nothing else, see `registry.gated.shares`.
    """

    url: GatewayUrl
    recipient: Recipient
    signer: AddressField
    commitment: Commitment | None = None


class Encryption(DocumentPart):
    """How the content is encrypted, and who gives the key to those with access.

    `format` is the age file format; `recipient` the public key that every file is sealed to; `key_version` the version
    of the asset that the key was made for, under which gateways keep it. `threshold` of the `gateways` make the key;
    without gateways its owner alone has it. `hidden` says that names and sizes are in an encrypted manifest.
    """

    _always: ClassVar[frozenset[str]] = frozenset({"threshold"})

    format: Literal["age-encryption.org/v1"] = "age-encryption.org/v1"
    recipient: Recipient
    key_version: Annotated[int, Field(strict=True, ge=1, le=2**32 - 1)] = Field(
        validation_alias="keyVersion", serialization_alias="keyVersion"
    )
    threshold: Annotated[int, Field(strict=True, ge=1, le=MAX_GATEWAYS)] = 1
    gateways: Annotated[tuple[KeyGateway, ...], Array, Field(max_length=MAX_GATEWAYS)] = ()
    hidden: Annotated[bool, Field(strict=True)] = False

    @field_validator("gateways")
    @classmethod
    def _gateways_are_different(cls, gateways: tuple[KeyGateway, ...]) -> tuple[KeyGateway, ...]:
        for name in ("url", "recipient", "signer"):
            refuse_repeats([getattr(gateway, name) for gateway in gateways], suffix=f"/{name}")
        if any(gateway.commitment for gateway in gateways):
            missing = [place for place, gateway in enumerate(gateways) if gateway.commitment is None]
            if missing:
                raise _FieldError(Fault(f"/{at}/commitment", "is missing, and others have one") for at in missing)
            refuse_repeats([gateway.commitment for gateway in gateways], suffix="/commitment")
        # Whoever has a host has all that is asked there, so it counts once; on this machine all are for trying out.
        hosts = [host_of(gateway.url) for gateway in gateways]
        counted = [n if is_loopback(host) else host for n, host in enumerate(hosts)]
        refuse_repeats(counted, suffix="/url", fault="is on the same host as number")
        return gateways

    @model_validator(mode="after")
    def _threshold_can_be_met(self) -> Self:
        if self.threshold > max(len(self.gateways), 1):
            raise _FieldError(
                [Fault("/threshold", f"is {self.threshold}, more than the {len(self.gateways)} gateways")]
            )
        return self


class Content(DocumentPart):
    """What the asset is made of: `cid` of the folder or file, `size` in bytes of all its files together.

    `profile` names the rules by which the CID was made, e.g. ``unixfs-v1-2025`` (IPIP-499). `files` may list
    a part of the content only, so that a huge folder still fits. With `encryption`, `size` counts the encrypted files,
    and `files` has plain paths and sizes, and the CIDs of the encrypted files.

    With `kept` its owner keeps it: no block of it is handed out, not even encrypted, and no file is listed, since the
    CID of a small file tells whoever guesses its bytes that the guess is right.
    """

    cid: CIDField
    size: Size
    profile: Profile
    files: Annotated[tuple[ContentFile, ...], Array] = ()
    encryption: Encryption | None = None
    kept: Annotated[bool, Field(strict=True)] = False

    @field_validator("files")
    @classmethod
    def _paths_are_a_tree(cls, files: tuple[ContentFile, ...]) -> tuple[ContentFile, ...]:
        refuse_repeats([file.path for file in files], suffix="/path")
        paths = {file.path for file in files}
        faults = []
        for place, file in enumerate(files):
            segments = file.path.split("/")
            for cut in range(1, len(segments)):
                if "/".join(segments[:cut]) in paths:
                    faults.append(Fault(f"/{place}/path", "lies below a path that is a file"))
                    break
        if faults:
            raise _FieldError(faults)
        return files

    @model_validator(mode="after")
    def _size_holds_files(self) -> Self:
        listed = sum(file.size for file in self.files)
        if listed > self.size:
            raise _FieldError([Fault("/size", f"is {self.size}, less than the {listed} of the listed files")])
        if self.files and self.encryption is not None and self.encryption.hidden:
            raise _FieldError([Fault("/files", "lists names that the content hides")])
        if self.kept and (self.files or self.encryption is not None):
            what = "/files" if self.files else "/encryption"
            raise _FieldError([Fault(what, "is of content that its owner keeps")])
        return self


class LicenceText(DocumentPart):
    """The words of a licence; its numbers (price, period, caps) are on chain under its place in the list.

    `terms` is the legal text, or an ``ipfs://`` or ``https://`` reference to it.
    """

    name: Line
    description: LicenceDescription = ""
    terms: LicenceTerms = ""


class DDO(DocumentPart):
    """The document of an asset. Frozen; equal documents have equal bytes.

    ========== =====================================================================================
    created    RFC 3339 in UTC with whole seconds, ``2026-11-23T17:00:00Z`` (see `utc_text`); left out by default, so
               that the same content gives the same document anywhere: the chain says when it was published
    license    the content's own licence: SPDX expression (``CC0-1.0``) or URL
    image      ``ipfs://<cid>...`` or ``https://...``
    content    None for an asset that is a service
    licences   offers of access; the place in this list is the licence's number on chain
    parents    assets that this one was built from, at most 8
    made_by    CID of the record of the run that made it (see `registry.sandbox.runs`)
    compute    for an offering of runs on data that stay where they are: its terms (see `Terms`); it has no content
    additional any JSON object: finite numbers, integers within +-(2**53-1)
    ========== =====================================================================================

    Raises `InvalidDDO`.
    """

    # Wallets and marketplaces look for a description, so it is there even when empty.
    _always: ClassVar[frozenset[str]] = frozenset({"version", "description"})

    version: Literal["1.0.0"] = DDO_VERSION
    type: AssetType
    name: Line
    description: Description = ""
    image: Image | None = None
    external_url: Home | None = None
    author: Line | None = None
    created: Moment | None = None
    license: LicenceReference
    tags: Annotated[tuple[Line, ...], Array, Field(max_length=64)] = ()
    content: Content | None = None
    licences: Annotated[tuple[LicenceText, ...], Array, Field(max_length=256)] = ()
    parents: Annotated[tuple[DIDField, ...], Array, Field(max_length=MAX_PARENTS)] = ()
    conforms_to: Annotated[tuple[CIDField, ...], Array, Field(max_length=16)] = Field(
        default=(), validation_alias="conformsTo", serialization_alias="conformsTo"
    )
    made_by: CIDField | None = Field(default=None, validation_alias="madeBy", serialization_alias="madeBy")
    compute: Terms | None = None
    additional: ObjectField = Field(default_factory=FrozenDict)

    @field_validator("tags", "parents", "conforms_to")
    @classmethod
    def _no_repeats(cls, values: tuple[Hashable, ...]) -> tuple[Hashable, ...]:
        refuse_repeats(values)
        return values

    @field_validator("licences")
    @classmethod
    def _names_are_unique(cls, licences: tuple[LicenceText, ...]) -> tuple[LicenceText, ...]:
        refuse_repeats([licence.name for licence in licences], suffix="/name")
        return licences

    @model_validator(mode="after")
    def _offerings_are_whole(self) -> Self:
        if self.compute is not None:
            faults = [Fault("/compute/data", "is missing")] if self.compute.data is None else []
            if not self.compute.hosts:
                faults.append(Fault("/compute/hosts", "names nobody"))
            if self.content is not None:
                faults.append(Fault("/content", "is of an offering, which has none"))
            if faults:
                raise _FieldError(faults)
        return self

    @classmethod
    def from_bytes(cls, data: bytes) -> DDO:
        """Read canonical bytes; the result writes the same bytes again.

        Raises `DDOTooLarge` over 1 MiB, and `InvalidDDO` with every fault found.
        """
        if not isinstance(data, bytes):
            raise InvalidDDO([Fault("", f"is {type(data).__name__}, not bytes")])
        if len(data) > MAX_BYTES:
            raise DDOTooLarge(len(data), MAX_BYTES)
        value, faults = parse_json(data)
        if value is None and faults:
            raise InvalidDDO(faults)
        ddo = cls._from_json(value, faults)
        if ddo.to_bytes() != data:
            raise InvalidDDO(differences(value, ddo.to_dict()) or [spelling_fault(data, ddo.to_bytes())])
        return ddo

    @classmethod
    def from_dict(cls, value: Mapping[str, Any]) -> DDO:
        """Read a parsed JSON object; unlike `from_bytes`, empty fields and missing defaults are fine."""
        return cls._from_json(value, json_faults(value))

    @classmethod
    def _from_json(cls, value: Any, faults: list[Fault]) -> DDO:
        if not isinstance(value, Mapping):
            raise InvalidDDO([*faults, Fault("", "is not a JSON object")])
        try:
            # Names that cannot be encoded are among the faults already, and would hide the rest from pydantic.
            ddo = cls(**{key: item for key, item in value.items() if isinstance(key, str) and printable(key) == key})
        except InvalidDDO as error:
            # The two lookers may find the same fault; the first names it.
            found = {fault.pointer for fault in faults}
            raise InvalidDDO([*faults, *(fault for fault in error.faults if fault.pointer not in found)]) from None
        if faults:
            raise InvalidDDO(faults)
        return ddo

    def to_bytes(self) -> bytes:
        """Return the canonical bytes (RFC 8785, UTF-8); raises `DDOTooLarge` over 1 MiB."""
        data = canonical_bytes(self.to_dict())
        if len(data) > MAX_BYTES:
            raise DDOTooLarge(len(data), MAX_BYTES)
        return data

    @property
    def digest(self) -> Digest:
        """sha2-256 of the canonical bytes, as the registry stores it."""
        return Digest(hashlib.sha256(self.to_bytes()).digest())

    @property
    def cid(self) -> CID:
        """CIDv1 (raw, sha2-256) of the canonical bytes."""
        return CID.raw(self.to_bytes())

    def did_document(self, did: DID, controller: str) -> dict[str, Any]:
        """Return the W3C DID Core document of the asset published as `did` and owned by account `controller`.

        The controller is named by did:pkh, which stands for a key and for a contract alike; the services
        lead to this document and to its content on IPFS. Raises `InvalidAddress`.
        """
        services = [{"id": f"{did}#ddo", "type": "AssetDocument", "serviceEndpoint": f"ipfs://{self.cid}"}]
        if self.content is not None:
            endpoint = f"ipfs://{self.content.cid}"
            services.append({"id": f"{did}#content", "type": "AssetContent", "serviceEndpoint": endpoint})
        if self.external_url is not None:
            services.append({"id": f"{did}#home", "type": "AssetHome", "serviceEndpoint": self.external_url})
        return {
            "@context": ["https://www.w3.org/ns/did/v1"],
            "id": str(did),
            "controller": f"did:pkh:eip155:{did.chain_id}:{to_address(controller)}",
            "service": services,
        }


def ddo_schema() -> dict[str, Any]:
    """Return the JSON Schema (2020-12) of the documents, for editors and for other languages.

    It says what a schema can say; the rules about names, URLs and repeats are checked by `DDO` alone.
    """
    schema = DDO.model_json_schema(by_alias=True)
    schema["required"] = sorted({*schema["required"], "version", "description"})
    schema["title"] = f"Asset document {DDO_VERSION}"
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}
