"""The ids of licences and exceptions that SPDX lists (version 3.27.0, without the deprecated).

The list grows every few months, so an id that is not in it is told and not refused.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Final

from registry.text.warned import warn_caller

__all__ = ["UnknownLicenceWarning", "spdx_ids", "warn_of_unknown"]

_LIST: Final = Path(__file__).with_name("spdx.txt")


class UnknownLicenceWarning(UserWarning):
    """An asset names a licence that SPDX does not list."""


@cache
def spdx_ids() -> Mapping[str, str]:
    """Each id by its small letters."""
    return {name.lower(): name for name in _LIST.read_text(encoding="ascii").split()}


def warn_of_unknown(reference: str) -> None:
    """Warn of what is in no list of SPDX, naming what is close; addresses and ``LicenseRef-...`` are one's own."""
    if "://" in reference:
        return
    for name in re.findall(r"[^\s()]+", reference):
        own = name in ("AND", "OR", "WITH") or name.startswith(("LicenseRef-", "DocumentRef-"))
        if own or spdx_ids().get(name.removesuffix("+").lower()) == name.removesuffix("+"):
            continue
        begun = sorted((one for one in sorted(spdx_ids(), reverse=True) if one.startswith(name.lower())), key=len)
        near = begun[:4] or difflib.get_close_matches(name.lower(), spdx_ids(), n=4, cutoff=0.4)
        told = ", ".join(spdx_ids()[one] for one in near)
        warn_caller(
            f"SPDX lists no licence {name!r}. Close to it: {told or 'none'}. One of your own is named by "
            "its address, or as LicenseRef-NAME.",
            UnknownLicenceWarning,
        )
