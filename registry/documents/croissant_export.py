"""An asset as a Croissant document: the JSON-LD of MLCommons by which other tools find, load and check data."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from registry.did import DID
from registry.documents.ddo import DDO

__all__ = ["Column", "DescribedFile", "to_croissant"]

ColumnType = Literal["Text", "Integer", "Float", "Boolean", "Date", "DateTime"]

VERSION: Final = "http://mlcommons.org/croissant/1.0"

_OURS: Final = (
    *("citeAs", "column", "equivalentProperty", "extract", "field", "fileObject", "fileProperty", "fileSet", "format"),
    *("includes", "isLiveDataset", "jsonPath", "key", "md5", "parentField", "path", "recordSet", "references", "regex"),
    *("repeated", "replace", "samplingRate", "separator", "source", "subField", "transform"),
)
_CONTEXT: Final[Mapping[str, Any]] = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "cr": "http://mlcommons.org/croissant/",
    "dct": "http://purl.org/dc/terms/",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "sc": "https://schema.org/",
    "conformsTo": "dct:conformsTo",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "examples": {"@id": "cr:examples", "@type": "@json"},
    **{name: f"cr:{name}" for name in _OURS},
}
"""What the names of Croissant 1.0 stand for."""

_FORMATS: Final = {
    "application/vnd.apache.parquet": "application/x-parquet",
    "application/jsonl": "application/jsonlines",
}
"""Media types by the names that readers of Croissant know."""


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table: its `name`, the `type` of its values, and whether each value is a list of them."""

    name: str
    type: ColumnType
    repeated: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class DescribedFile:
    """A file as a document of others describes it: its `size` in bytes, `sha256` in hexadecimal, `url` relative or
    https, other addresses in `also`, and the `columns` of a table."""

    path: str
    size: int
    sha256: str
    url: str
    media_type: str = "application/octet-stream"
    also: tuple[str, ...] = ()
    columns: tuple[Column, ...] = ()


def to_croissant(ddo: DDO, files: Sequence[DescribedFile], *, did: DID, version: int) -> dict[str, Any]:
    """The document as Croissant 1.0; `version` counts the documents of the asset.

    A licence of SPDX becomes the address of its text, tables become record sets of their columns."""
    taken: set[str] = set()
    cited = ddo.additional.get("citation")
    said = ddo.additional.get("version")
    document: dict[str, Any] = {
        "@context": dict(_CONTEXT),
        "@type": "sc:Dataset",
        "conformsTo": VERSION,
        "name": ddo.name,
        "description": ddo.description,
        "identifier": str(did),
        "url": ddo.external_url,
        "license": _licence(ddo.license),
        "keywords": list(ddo.tags),
        "creator": {"@type": "sc:Organization", "name": ddo.author} if ddo.author else None,
        "datePublished": ddo.created,
        "version": said if isinstance(said, str) else f"{version}.0.0",
        "citeAs": cited if isinstance(cited, str) else f"{ddo.name}, {did}",
    }
    names = [_fresh(file.path, taken) for file in files]
    document["distribution"] = [_file_object(name, file) for name, file in zip(names, files, strict=True)]
    document["recordSet"] = [
        _record_set(name, file, taken) for name, file in zip(names, files, strict=True) if file.columns
    ]
    return {key: value for key, value in document.items() if value not in (None, "", [])}


def _licence(reference: str) -> str:
    plain = "://" in reference or " " in reference or reference.startswith("LicenseRef-")
    return reference if plain else f"https://spdx.org/licenses/{reference}.html"


def _file_object(name: str, file: DescribedFile) -> dict[str, Any]:
    told = {
        "@type": "cr:FileObject",
        "@id": name,
        "name": file.path.rpartition("/")[2],
        "contentUrl": file.url,
        "contentSize": f"{file.size} B",
        "encodingFormat": _FORMATS.get(file.media_type, file.media_type),
        "sha256": file.sha256,
        "sameAs": list(file.also),
    }
    return {key: value for key, value in told.items() if value}


def _record_set(name: str, file: DescribedFile, taken: set[str]) -> dict[str, Any]:
    own = _fresh(re.sub(r"(?<=[^/])\.[A-Za-z0-9]+\Z", "", name), taken)
    fields = []
    for column in file.columns:
        field: dict[str, Any] = {
            "@type": "cr:Field",
            "@id": _fresh(f"{own}/{column.name}", taken),
            "name": column.name,
            "dataType": f"sc:{column.type}",
            "source": {"fileObject": {"@id": name}, "extract": {"column": column.name}},
        }
        fields.append({**field, "repeated": True} if column.repeated else field)
    return {"@type": "cr:RecordSet", "@id": own, "name": own, "field": fields}


def _fresh(text: str, taken: set[str]) -> str:
    """A name within the document that is not taken and has no meaning in an address."""
    plain = re.sub(r"[^\w./-]+", "-", text).strip("/") or "file"
    name, number = plain, 1
    while name in taken:
        number += 1
        name = f"{plain}-{number}"
    taken.add(name)
    return name
