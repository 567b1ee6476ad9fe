"""Licences as sources name them, by an id or an address, as SPDX has them; what is ambiguous is for the user to say."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from registry.documents.fields import is_licence_reference, is_web_address
from registry.documents.spdx import spdx_ids
from registry.errors import InputError, LicenceUnclear

__all__ = ["Named", "named"]

_OTHER_NAMES: Final = {
    "agpl-3.0": "AGPL-3.0-only",
    "gpl-2.0": "GPL-2.0-only",
    "gpl-3.0": "GPL-3.0-only",
    "lgpl-2.1": "LGPL-2.1-only",
    "lgpl-3.0": "LGPL-3.0-only",
    "odc-by": "ODC-By-1.0",
    "odbl": "ODbL-1.0",
    "pddl": "PDDL-1.0",
    "c-uda": "C-UDA-1.0",
    "lppl-1.3c": "LPPL-1.3c",
}
"""Where SPDX asks "only, or later?" and the Hub does not, the narrower is taken, and it is said."""

_AMBIGUOUS: Final = frozenset({"bsd", "gpl", "lgpl", "agpl", "gfdl", "cc", "other", "unknown"})

_NOT_SPDX: Final = (
    *("llama", "gemma", "openrail", "bigscience-", "bigcode-", "creativeml-", "deepfloyd-", "apple-", "intel-"),
    *("fair-noncommercial-", "h-research", "open-mdw", "grok", "tongyi-", "deepseek", "nvidia-", "mnpl"),
)
"""Beginnings of the Hub's ids of licences that are nobody's standard: each has conditions to be read first."""


_ADDRESSES: Final = (
    (r"creativecommons\.org/licenses/(by(?:-nc)?(?:-nd|-sa)?)/(\d\.\d)(?:/(?:deed|legalcode)[a-z.-]*)?", "cc-{}-{}"),
    (r"creativecommons\.org/publicdomain/zero/1\.0(?:/(?:deed|legalcode)[a-z.-]*)?", "cc0-1.0"),
    (r"(?:spdx\.org|opensource\.org|choosealicense\.com)/licen[sc]es?/([a-z0-9.+-]+?)(?:\.html|\.json|\.txt)?", "{}"),
    (r"apache\.org/licenses/license-2\.0(?:\.html|\.txt)?", "apache-2.0"),
    (r"opendatacommons\.org/licenses/(odbl|pddl)(?:/1[.-]0)?", "{}"),
    (r"opendatacommons\.org/licenses/by(?:/1[.-]0)?", "odc-by"),
)
"""Where the texts of licences are, and their ids."""


@dataclass(frozen=True, slots=True)
class Named:
    """A licence: its `reference` for the document, where its text is (`url`, "" if nobody says), and what was decided
    on the way, in words."""

    reference: str
    url: str = ""
    notes: tuple[str, ...] = ()


def named(
    source: str,
    ids: Sequence[str],
    *,
    link: str = "",
    given: str | None = None,
    missing: str | None = None,
    accept: bool = False,
) -> Named:
    """The licence of a source that names `ids`, or the one that the user has `given`; `missing` is given for those
    sources alone that name none, or one that may be several. With `accept` one that SPDX does not have is taken, as
    ``LicenseRef-...``.

    Raises `LicenceUnclear`, and `InputError` for a given one that is no reference to a licence."""
    if not ids or (len(ids) == 1 and ids[0].strip().lower() in _AMBIGUOUS):
        given = missing if given is None else given
    if given is not None:
        if not is_licence_reference(given):
            raise InputError(f"{given!r} is neither an SPDX licence expression nor a URL.")
        said = f", and its source says {', '.join(ids)}" if ids and [given.lower()] != [i.lower() for i in ids] else ""
        return Named(given, link, (f"the licence {given} is your word{said}",) if said or not ids else ())
    if len(ids) != 1:
        reason = f"it names several licences ({', '.join(ids)[:200]})" if ids else "it names no licence"
        raise LicenceUnclear(source, reason)
    name = _id_of(ids[0].strip())
    if name in spdx_ids():
        return Named(spdx_ids()[name])
    if name in _OTHER_NAMES:
        found = _OTHER_NAMES[name]
        narrowed = (f"its licence {name} is taken as {found}",) if found.endswith("-only") else ()
        return Named(found, "", narrowed)
    if is_web_address(ids[0]) and not _is_id(name):
        if not accept:
            raise LicenceUnclear(
                source,
                f"its licence is what is written at {ids[0]}",
                hint="Read it there, then add --accept-licence, or --license with another.",
            )
        return Named(ids[0], ids[0], (f"the licence is what is written at {ids[0]}, and you accepted it",))
    if name in _AMBIGUOUS or not _is_id(name):
        raise LicenceUnclear(source, f"its licence {ids[0][:100]!r} may be one of several")
    known = "is of those that have conditions of their own" if name.startswith(_NOT_SPDX) else "is not in SPDX"
    if not accept:
        raise LicenceUnclear(
            source,
            f"its licence {name!r} {known}",
            hint=f"Read it{f' at {link}' if link else ''}, then add --accept-licence, or --license with another.",
        )
    return Named(f"LicenseRef-{name}", link, (f"the licence {name!r} {known}, and you accepted it",))


def _id_of(text: str) -> str:
    """The id that an address stands for, in small letters; other texts as they are."""
    name = text.lower()
    plain = re.sub(r"\Ahttps?://(?:www\.)?|/+\Z", "", name) if "://" in name else ""
    for pattern, found in _ADDRESSES:
        if match := re.fullmatch(pattern, plain):
            return found.format(*match.groups())
    return name


def _is_id(name: str) -> bool:
    return 0 < len(name) <= 64 and all(c.isascii() and (c.isalnum() or c in ".-") for c in name)
