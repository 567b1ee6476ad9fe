"""Documents of assets as Ocean's, version 4."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import NoneType
from typing import Any

from registry.did import DID
from registry.documents.canonical import thaw
from registry.documents.ddo import DDO
from registry.documents.licence import Kind, Licence
from registry.documents.ocean_shapes import CONTEXT, OCEAN_VERSIONS, OURS, READERS, ocean_did, validate
from registry.errors import Fault, InputError, InvalidDDO
from registry.types import to_address


def is_export(ddo: DDO, doc: Mapping[str, Any]) -> bool:
    """Whether `doc` is what `ddo` exports to, so that nothing of it needs keeping."""
    if "services" not in doc:
        return False
    wanted = {**thaw(doc), "services": [item for item in thaw(doc["services"]) if not item["id"].startswith(OURS)]}
    did = wanted["metadata"]["additionalInformation"]["registry"].get("did")
    made = _export(
        ddo,
        did=did,
        chain_id=doc["chainId"],
        nft_address=doc["nftAddress"],
        version=doc["version"],
        created=None,
        updated=doc["metadata"]["updated"],
    )
    return made == wanted


# --- Export --------------------------------------------------------------------------------------


def to_ocean_v4(
    ddo: DDO,
    *,
    did: DID | None = None,
    chain_id: int | None = None,
    nft_address: str | None = None,
    version: str | None = None,
    created: str | None = None,
    updated: str | None = None,
    licences: Sequence[Licence] = (),
    datatokens: Sequence[str] = (),
    service_endpoint: str | None = None,
) -> dict[str, Any]:
    """Return `ddo` as an Ocean DDO v4.

    `chain_id` and `nft_address` decide Ocean's DID; left out, they are those of an earlier import, or of `did`.
    Note that Ocean gives each asset a contract of its own: assets of one registry share `nft_address`, and so
    would share Ocean's DID. `version` is by default that of the import, or 4.7.0; `updated` likewise, or
    ``created``, which Ocean demands: pass it for a document that has none. With `licences`, their `datatokens` (one
    address each) and the `service_endpoint` of a gateway, each hold and period licence becomes an access service with
    empty ``files``, because content is public by its CID here and not encrypted for a provider; licences by uses have
    no counterpart and are left out.

    Raises `InvalidDDO` when something does not fit Ocean's limits (its pointer leads into the Ocean document:
    a name has 4 to 512 characters, a description 10 to 7000), `InvalidAddress`, and `InputError`.
    """
    if len(licences) != len(datatokens) or (licences and service_endpoint is None):
        raise InputError(
            f"{len(licences)} licences came with {len(datatokens)} datatokens and endpoint {service_endpoint!r}.",
            hint="Pass one datatoken address for each licence, and service_endpoint=.",
        )
    if nft_address is not None:
        to_address(nft_address)
    doc = _export(
        ddo,
        did=None if did is None else str(did),
        chain_id=chain_id,
        nft_address=nft_address,
        version=version,
        created=created,
        updated=updated,
    )
    for number, (licence, datatoken) in enumerate(zip(licences, datatokens, strict=True)):
        if licence.kind is not Kind.USE:
            doc.setdefault("services", []).append(_service(number, licence, datatoken, service_endpoint or ""))
    validate(doc)
    return doc


def _export(
    ddo: DDO,
    *,
    did: str | None,
    chain_id: int | None,
    nft_address: str | None,
    version: str | None,
    created: str | None,
    updated: str | None,
) -> dict[str, Any]:
    kept = ddo.additional.get("ocean")
    if kept is not None and not _is_kept(kept):
        raise InvalidDDO([Fault("/additional/ocean", "is not what an import of an Ocean document leaves there")])
    doc: dict[str, Any] = thaw(kept) if kept is not None else {"metadata": {}, "services": []}
    home = None if did is None else DID.parse(did)
    chain = chain_id or doc.get("chainId") or (None if home is None else home.chain_id)
    nft = nft_address or doc.get("nftAddress") or (None if home is None else home.registry)
    if chain is None or nft is None:
        raise InputError("Ocean's DID needs a chain and a contract.", hint="Pass did=, or chain_id= and nft_address=.")
    doc["chainId"], doc["nftAddress"] = chain, nft
    doc["id"] = ocean_did(nft, chain)
    doc["version"] = version or doc.get("version") or OCEAN_VERSIONS[-1]
    doc.setdefault("@context", [CONTEXT])

    metadata = doc["metadata"]
    if ddo.created is None:
        if created is None and updated is None:
            raise InputError("The document has no date, and Ocean demands one.", hint="Pass created=.")
        ddo = ddo.with_changes(created=created or updated)
    everything = ddo.to_dict()
    _reword(metadata, ddo, everything)
    metadata["updated"] = updated or metadata.get("updated") or metadata["created"]
    extra = {key: value for key, value in everything.items() if key not in READERS and key != "version"}
    if ddo.type != metadata["type"]:
        extra["type"] = ddo.type
    additional = {key: value for key, value in extra.pop("additional", {}).items() if key != "ocean"}
    if additional:
        extra["additional"] = additional
    block: dict[str, Any] = {"document": extra} if extra or kept is None else {}
    if did is not None:
        block["did"] = did
    if block:
        if metadata.get("additionalInformation") == {}:
            block["information"] = True
        metadata["additionalInformation"] = {**(metadata.get("additionalInformation") or {}), "registry": block}
    return doc


def _is_kept(kept: object) -> bool:
    """Whether `kept` can be what an import left, as far as an export leans on it."""
    return (
        isinstance(kept, Mapping)
        and isinstance(kept.get("metadata"), Mapping)
        and isinstance(kept["metadata"].get("additionalInformation", {}), Mapping | NoneType)
        and isinstance(kept.get("services", ()), tuple | list)
    )


def _reword(metadata: dict[str, Any], ddo: DDO, everything: Mapping[str, Any]) -> None:
    """Let Ocean's fields say what the document says."""
    for key in READERS:
        now = getattr(ddo, key)
        # The wording of the import stays as long as it stands for the same value.
        if not _stands_for(metadata, key, now) and (key != "tags" or now):
            metadata[key] = everything.get(key, "")
    if metadata["type"] not in ("dataset", "algorithm"):
        metadata["type"] = "dataset"
    if not ddo.tags and not _stands_for(metadata, "tags", ()):
        metadata.pop("tags", None)


def _stands_for(metadata: Mapping[str, Any], key: str, value: object) -> bool:
    """Whether an Ocean field is there and is read as `value`."""
    if key not in metadata:
        return False
    try:
        return bool(READERS[key](metadata[key]) == value)
    except (AttributeError, TypeError, ValueError):
        return False  # somebody wrote it by hand; what is written now will be right


def _service(number: int, licence: Licence, datatoken: str, endpoint: str) -> dict[str, Any]:
    service: dict[str, Any] = {
        "id": f"{OURS}{number}",
        "type": "access",
        "files": "",
        "datatokenAddress": to_address(datatoken),
        "serviceEndpoint": endpoint,
        "timeout": licence.quantity if licence.kind is Kind.PERIOD else 0,
    }
    # Ocean wants at least 4 and 10 characters; shorter ones are left out, the document has them anyway.
    if len(licence.name) >= 4:
        service["name"] = licence.name
    if 10 <= len(licence.description) <= 7000:
        service["description"] = licence.description
    return service
