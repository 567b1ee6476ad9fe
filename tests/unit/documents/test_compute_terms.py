"""Terms of compute: nothing in them is a pattern, and what they do not name is outside of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry import CID, DDO, DID, DataBudget, ResultColumn, ResultFile, Terms
from registry.documents.comparing import compare_documents
from registry.errors import InvalidDDO

from .support import REGISTRY

MEAN, OTHER = CID.raw(b"mean.py"), CID.raw(b"copy.py")
HOST = "0x000000000000000000000000000000000000dEaD"
DATA = DID(1, REGISTRY, 7)


def table(**changes: Any) -> dict[str, Any]:
    columns = (
        ResultColumn(name="species", kind="choice", values=("Adelie", "Gentoo")),
        ResultColumn(name="mass", kind="number"),
        ResultColumn(name="n", kind="integer"),
    )
    made = {"path": "mean.csv", "bytes": 1000, "columns": columns, "rows": 3, "group": "n", "smallest": 10}
    return {**made, **changes}


def terms(**changes: Any) -> Terms:
    made = {"code": (MEAN,), "outputs": (table(),), "budget": {"runs": 5, "bytes": 5000}}
    return Terms(**{**made, **changes})


def offering(**changes: Any) -> DDO:
    compute = changes.pop("compute", None) or terms(data=DATA, hosts=(HOST,))
    return DDO(type="dataset", name="Penguins", license="CC0-1.0", compute=compute, **changes)


def pointers(make: Callable[[], object]) -> list[str]:
    with pytest.raises(InvalidDDO) as caught:
        make()
    return [fault.pointer for fault in caught.value.faults]


def test_terms_are_the_same_after_a_way_through_a_document() -> None:
    ddo = offering(compute=terms(data=DATA, hosts=(HOST,), params={"by": ["sex", 1.5, True, 1, None]}, review=True))
    read = DDO.from_bytes(ddo.to_bytes())
    assert read == ddo and read.compute == ddo.compute and hash(read) == hash(ddo)
    assert ddo.to_dict()["compute"]["outputs"][0]["smallest"] == 10


@pytest.mark.parametrize(
    ("changes", "where"),
    [
        ({"code": ()}, "/code"),
        ({"code": ("*",)}, "/code/0"),
        ({"code": "*"}, "/code"),
        ({"code": (MEAN, MEAN)}, "/code/1"),
        ({"outputs": ()}, "/outputs"),
        ({"outputs": (table(path="*.csv"),)}, "/outputs/0/path"),
        ({"outputs": (table(path="../mean.csv"),)}, "/outputs/0/path"),
        ({"outputs": (table(path="/mean.csv"),)}, "/outputs/0/path"),
        ({"outputs": (table(path="a\nb"),)}, "/outputs/0/path"),
        ({"outputs": (table(bytes=0),)}, "/outputs/0/bytes"),
        ({"outputs": (table(bytes=True),)}, "/outputs/0/bytes"),
        ({"outputs": (table(bytes=2**26 + 1),)}, "/outputs/0/bytes"),
        ({"outputs": (table(bytes=float("nan")),)}, "/outputs/0/bytes"),
        ({"outputs": (table(), table(path="MEAN.csv"))}, "/outputs/1/path"),
        ({"outputs": (table(path="a"), table(path="a/b"))}, "/outputs/0/path"),
        ({"outputs": (table(rows=None),)}, "/outputs/0/rows"),
        ({"outputs": (table(smallest=None),)}, "/outputs/0/smallest"),
        ({"outputs": (table(smallest=1),)}, "/outputs/0/smallest"),
        ({"outputs": (table(group="mass"),)}, "/outputs/0/group"),
        ({"outputs": (table(columns=(ResultColumn(name="n", kind="integer"),) * 2),)}, "/outputs/0/columns/1/name"),
        ({"outputs": (table(columns=({"name": "n", "kind": "choice"},)),)}, "/outputs/0/columns/0/values"),
        ({"outputs": (table(columns=({"name": "n", "kind": "text"},)),)}, "/outputs/0/columns/0/kind"),
        ({"use": "hour"}, "/use"),
        ({"log": 0}, "/log"),
        ({"log": 2**16 + 1}, "/log"),
        ({"log": 256, "release": "owner"}, "/log"),
        ({"log": 256, "code": (), "review": True}, "/log"),
        ({"log": 4001}, "/budget/bytes"),
        ({"params": {"by": "*"}}, "/params/by"),
        ({"params": {"by": []}}, "/params/by"),
        ({"params": {"by": [["sex"]]}}, "/params/by"),
        ({"params": {"by": [1, 1.0]}}, "/params/by"),
        ({"params": {"e/p": [float("inf")]}}, "/params/e~1p/0"),
        ({"params": {str(n): [n] for n in range(65)}}, "/params"),
        ({"budget": {"runs": 5, "bytes": 999}}, "/budget/bytes"),
        ({"budget": {"runs": 0, "bytes": 5000}}, "/budget/runs"),
        ({"budget": {"runs": 5, "bytes": float("inf")}}, "/budget/bytes"),
        ({"budget": {"runs": 5}}, "/budget/bytes"),
        ({"release": "all"}, "/release"),
        ({"tier": 0}, "/tier"),
        ({"tier": 5}, "/tier"),
        ({"seconds": 0}, "/seconds"),
        ({"seconds": 10.5}, "/seconds"),
        ({"memory": 1}, "/memory"),
        ({"hosts": ("anybody",)}, "/hosts/0"),
        ({"network": True}, "/network"),
    ],
)
def test_terms_that_leave_something_open_are_refused_at_their_pointer(changes: dict[str, Any], where: str) -> None:
    """wildcard_refused, and what is neither finite nor whole (nan_inf_epsilon)"""
    assert where in pointers(lambda: terms(**changes))


def test_a_document_of_an_offering_names_its_data_and_its_hosts_and_has_no_content() -> None:
    content = {"cid": MEAN, "size": 3, "profile": "unixfs-v1-2025"}
    assert pointers(lambda: offering(compute=terms())) == ["/compute/data", "/compute/hosts"]
    assert pointers(lambda: offering(content=content)) == ["/content"]


def test_content_that_is_kept_lists_no_file_since_a_guess_could_be_checked() -> None:
    kept = {"cid": MEAN, "size": 3, "profile": "unixfs-v1-2025", "kept": True}
    made = DDO(type="dataset", name="Ward", license="MIT", content=kept)
    assert DDO.from_bytes(made.to_bytes()) == made and made.to_dict()["content"]["kept"] is True
    with_files = {**kept, "files": [{"path": "a", "size": 3, "cid": MEAN}]}
    assert pointers(lambda: DDO(type="dataset", name="Ward", license="MIT", content=with_files)) == ["/content/files"]


def test_what_is_not_named_is_outside() -> None:
    found = terms(params={"by": ["sex"], "exact": [True]})
    assert not found.outside(MEAN, {"by": "sex", "exact": True}) and not found.outside(MEAN, {})
    assert [*found.outside(OTHER, {})] == [f"the code {OTHER} is not on its list"]
    assert [*found.outside(MEAN, {"row": 7})] == ["the parameter 'row' is not one of it"]
    assert [*found.outside(MEAN, {"exact": 1})] == ["the parameter 'exact' may not be '1'"]
    assert len(found.outside(MEAN, {"by": ["sex"]})) == 1  # a list is no value of a list


def test_a_change_of_terms_is_told_as_a_change_of_the_document() -> None:
    after = offering(compute=terms(data=DATA, hosts=(HOST,), code=(MEAN, OTHER)))
    assert [name for name, _, _ in compare_documents(offering(), after).fields] == ["compute"]


@given(st.sampled_from(sorted({name for name in ResultFile.model_fields} | {"else"})), st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=5,
))  # fmt: skip
def test_whatever_stands_in_a_rule_is_taken_whole_or_refused_with_a_pointer(field: str, value: Any) -> None:
    try:
        made = terms(outputs=(table(**{field: value}),))
    except InvalidDDO as error:
        assert error.faults
        return
    again = Terms(**made.to_dict())
    assert again == made and isinstance(again.budget, DataBudget)
