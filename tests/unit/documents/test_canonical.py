"""JSON of strangers: the bounds of what is read, at the bound."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from registry.documents import canonical
from registry.documents.canonical import json_faults

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9),
    lambda children: st.lists(children, max_size=9) | st.dictionaries(st.text("ab", max_size=3), children),
)


def how_many(value: Any) -> int:
    if isinstance(value, dict):
        return 1 + sum(map(how_many, value.values()))
    return 1 + sum(map(how_many, value)) if isinstance(value, list) else 1


@given(VALUES)
@example([[[0, 0], [0, 0]], [0, 0, 0]])
def test_a_document_may_have_so_many_values_and_not_one_more(value: Any) -> None:
    count = how_many(value)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(canonical, "MAX_VALUES", count)
        assert json_faults(value) == []
        for less in range(max(1, count - 3), count):
            patch.setattr(canonical, "MAX_VALUES", less)
            assert [fault.message for fault in json_faults(value)] == [f"has more than {less} values"]


def test_half_a_million_values_are_as_many_as_may_be() -> None:
    assert json_faults([0] * (2**19 - 1)) == []
    assert [fault.message for fault in json_faults([0] * 2**19)] == ["has more than 524,288 values"]
