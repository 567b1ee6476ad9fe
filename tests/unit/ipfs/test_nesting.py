"""Depth is counted without recursion: brackets from a stranger must not end the process."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import libipld
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from registry.ipfs.nesting import cbor_too_deep, json_too_deep

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**40), 2**40) | st.text(max_size=5) | st.binary(max_size=30),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=12,
)


def depth(value: Any) -> int:
    """How deep containers with something in them are nested."""
    if isinstance(value, dict):
        value = list(value.values())
    return 1 + max(map(depth, value)) if isinstance(value, list) and value else 0


@settings(deadline=None)
@given(VALUES)
def test_cbor_is_as_deep_as_its_containers(value: Any) -> None:
    block = libipld.encode_dag_cbor(value)
    assert [cbor_too_deep(block, most) for most in range(8)] == [depth(value) > most for most in range(8)]


@settings(deadline=None)
@given(VALUES.filter(lambda value: not isinstance(value, bytes)))
def test_json_is_as_deep_as_its_brackets(value: Any) -> None:
    text = json.dumps(value, default=lambda data: '[{"' + data.hex()).encode()
    brackets = depth_with_empty(json.loads(text))
    assert [json_too_deep(text, most) is not None for most in range(8)] == [brackets > most for most in range(8)]


def depth_with_empty(value: Any) -> int:
    if isinstance(value, dict):
        value = list(value.values())
    return 1 + max(map(depth_with_empty, value), default=0) if isinstance(value, list) else 0


@settings(deadline=None)
@given(st.binary(max_size=60))
def test_bytes_of_any_kind_are_looked_at_to_their_end(data: bytes) -> None:
    cbor_too_deep(data, 3)
    json_too_deep(data, 3)


@pytest.mark.parametrize(
    "code",
    [
        "from registry.ipfs.dag import decode; decode(b'\\x81' * 1_000_000 + b'\\x01', 'dag-cbor')",
        "from registry.ipfs.dag import decode; decode(b'\\xd8\\x2a' * 1_000_000 + b'\\x01', 'dag-cbor')",
        "from registry.ipfs.dag import decode; decode(b'[' * 1_000_000, 'dag-json')",
        "from registry.ipfs.dag import decode; decode(b'{\"a\":' * 1_000_000, 'dag-json')",
    ],
)
def test_a_process_that_lets_python_recurse_far_survives_deep_content(code: str) -> None:
    loose = f"import sys; sys.setrecursionlimit(10_000_000)\ntry:\n {code}\nexcept ValueError as error: print(error)"
    done = subprocess.run([sys.executable, "-c", loose], capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stdout.split()[:3]) == (0, ["it", "is", "nested"]), done.stderr
