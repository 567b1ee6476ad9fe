"""Data that stay where they are and the offering of runs on them: two assets, made of one draft.

Whoever gives keys asks the chain who holds a licence, and no document changes that. So the data are an asset that sells
nothing at all, and what is sold is another one, which has no content.
"""

from __future__ import annotations

from dataclasses import replace

from registry.assets.drafting import Draft
from registry.documents.compute_terms import Terms
from registry.errors import InputError
from registry.types import Address

__all__ = ["offering_of", "raw_of"]


def raw_of(draft: Draft, terms: Terms) -> Draft:
    """The data of a draft: their content, and nothing that is sold. Raises `InputError` for terms of other data."""
    if terms.data is not None:
        raise InputError(
            f"The terms are of {terms.data}, and {str(draft.path)!r} would be another asset.",
            hint="Leave out the path to offer what is published, or the terms' data.",
        )
    return replace(
        draft,
        licences=(),
        payout=None,
        royalty_bps=None,
        parents=(),
        max_royalty_bps=None,
        kept=draft.gated is None,
    )


def offering_of(draft: Draft, terms: Terms, host: Address) -> Draft:
    """The offering of a draft, without its content; `host` runs the jobs unless the terms name others.

    Raises `InputError` for terms that name no data.
    """
    if terms.data is None:
        raise InputError(
            "The terms name no data, and there is no path to publish.",
            hint="Name a path, or the asset: Terms(data=...).",
        )
    fields = {name: value for name, value in draft.fields.items() if name not in ("made_by", "additional")}
    fields["compute"] = terms if terms.hosts else terms.with_changes(hosts=(host,))
    return replace(draft, path=None, gated=None, hidden=False, fields=fields)
