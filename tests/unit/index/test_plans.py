"""Events are read by plans, and give what eth_abi gives, for any values and for bytes that no contract writes."""

from __future__ import annotations

import os
import random
from typing import Any

import pytest
from eth_abi.abi import decode, encode

from registry.chain.artifacts import artifact, names
from registry.chain.logs import abi_type, topic_of
from registry.chain.safe import safe_part
from registry.errors import Undecodable
from registry.index.plans import SAFE_EVENTS, EventPlan, plan_for, plan_of, plans

ROUNDS = 10_000 if os.environ.get("DEEP") else 100
ABIS: dict[tuple[str, str], dict[str, Any]] = {
    (name, entry["name"]): entry for name in names() for entry in artifact(name).abi if entry["type"] == "event"
} | {
    ("Safe", entry["name"]): entry
    for entry in safe_part("singleton").abi
    if entry["type"] == "event" and entry["name"] in SAFE_EVENTS
}
PLANS = [plan for listed in plans().values() for plan in listed]


def value_of(entry: dict[str, Any], chance: random.Random) -> Any:
    """Any value of a parameter, its extremes as often as the rest."""
    kind = entry["type"]
    if kind.endswith("]"):
        inner = {**entry, "type": kind[: kind.rindex("[")]}
        return tuple(value_of(inner, chance) for _ in range(chance.randrange(4)))
    if kind == "tuple":
        return tuple(value_of(part, chance) for part in entry["components"])
    if kind == "address":
        return "0x" + chance.choice([bytes(20), b"\xff" * 20, chance.randbytes(20)]).hex()
    if kind == "bool":
        return chance.random() < 0.5
    if kind == "string":
        return chance.choice(["", "penguins", "ペンギン", "\0", "x" * 33])
    if kind == "bytes":
        return chance.randbytes(chance.randrange(70))
    if kind.startswith("bytes"):
        return chance.randbytes(int(kind[5:]))
    bits = int(kind.removeprefix("uint"))
    return chance.choice([0, 1, 2**bits - 1, chance.getrandbits(bits)])


def log_of(abi: dict[str, Any], values: list[Any]) -> tuple[list[str], str]:
    """Topics and data as a contract writes them."""
    topics, plain, kinds = ["0x" + topic_of(abi).hex()], [], []
    for entry, value in zip(abi["inputs"], values, strict=True):
        if entry["indexed"]:
            topics.append("0x" + encode([entry["type"]], [value]).hex())
        else:
            plain.append(value)
            kinds.append(abi_type(entry))
    return topics, "0x" + encode(kinds, plain).hex()


@pytest.mark.parametrize("plan", PLANS, ids=lambda plan: plan.key)
def test_a_plan_reads_what_eth_abi_reads(plan: EventPlan) -> None:
    chance, abi = random.Random(plan.key), ABIS[plan.contract, plan.name]
    for _ in range(ROUNDS):
        written = [value_of(entry, chance) for entry in abi["inputs"]]
        topics, data = log_of(abi, written)
        read = plan.arguments(plan.words(topics, data))
        indexed = iter(topics[1:])
        plain = iter(decode([abi_type(e) for e in abi["inputs"] if not e["indexed"]], bytes.fromhex(data[2:])))
        for entry in abi["inputs"]:
            if entry["indexed"]:
                (expected,) = decode([entry["type"]], bytes.fromhex(next(indexed)[2:]))
            else:
                expected = next(plain)
            assert read[entry["name"]] == expected
            assert type(read[entry["name"]]) is type(expected)


def test_every_event_has_a_plan_under_its_topic_and_its_name() -> None:
    assert len(PLANS) > 90
    for plan in PLANS:
        assert plan_for(plan.contract, plan.topic) is plan and plan_of(plan.key) is plan
    assert plan_for("Datatoken", "0x" + "00" * 32) is None


SALE = plan_of("Marketplace.Sale")
WORDS = bytes(31) + b"\7" + bytes(12) + b"\xbb" * 20 + bytes(5 * 32)


@pytest.mark.parametrize(
    ("topics", "data"),
    [
        (["0x"], "0x"),
        (["0x", "0x" + "00" * 32], "0x" + "00" * 160),
        (["0x", "0x" + "00" * 32, "0x" + "00" * 32], "0x" + "00" * 159),
        (["0x", "0x" + "00" * 32, "0x" + "00" * 32], "0x" + "00" * 192),
        (["0x", "0x" + "00" * 32, "0x" + "zz" * 32], "0x" + "00" * 160),
        (["0x", "0x" + "00" * 32, "0x" + "ff" * 32], "0x" + "00" * 160),
        (["0x", "0x" + "00" * 32, "0x" + "00" * 32], "00" * 160),
        (["0x", "0x" + "00" * 32, "0x" + "00" * 32], "0x" + "00 " * 160),
        (["0x", "0x" + "00" * 32, "0x" + "00" * 32], ""),
    ],
)
def test_a_log_that_no_marketplace_writes_is_refused(topics: list[str], data: str) -> None:
    with pytest.raises(Undecodable, match=r"Marketplace\.Sale"):
        SALE.decode(SALE.words(topics, data))


@pytest.mark.parametrize(
    ("key", "words"),
    [
        ("AssetRegistry.StateChanged", bytes(62) + b"\1\0"),
        ("AssetRegistry.LicenceIssued", bytes(4 * 32 + 31) + b"\2"),
        ("AssetRegistry.PayoutChanged", bytes(32) + b"\1" + bytes(31)),
        ("RegistryGovernor.ProposalCreated", b"\xff" * 320),
        ("Lineage.ParentsDeclared", bytes(64) + b"\xff" * 64),
        ("Lineage.ParentsDeclared", b""),
    ],
)
def test_values_outside_of_their_types_are_refused(key: str, words: bytes) -> None:
    with pytest.raises(Undecodable):
        plan_of(key).decode(words)


def test_a_reason_in_bytes_that_are_no_text_does_not_stop_who_reads_it() -> None:
    """Anybody who votes writes what they like there."""
    plan = plan_of("RegistryGovernor.VoteCast")
    data = encode(["uint256", "uint8", "uint256", "bytes"], [1, 1, 5, b"\xff\xfe because"])
    read = plan.arguments(plan.words([plan.topic, "0x" + "00" * 12 + "aa" * 20], "0x" + data.hex()))
    assert read["reason"] == "\ufffd\ufffd because"
