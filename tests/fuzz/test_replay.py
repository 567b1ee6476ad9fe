"""Every parser on what it must take, on what once broke it, and on damaged copies, the same each time."""

from __future__ import annotations

import random

import pytest

from .targets import FOUND, TARGETS, inputs

COPIES = 300


@pytest.mark.parametrize("name", TARGETS)
def test_a_parser_takes_what_it_must(name: str) -> None:
    target = TARGETS[name]
    for data in target.seeds():
        assert target.check(data), data
        assert len(data) <= target.longest


@pytest.mark.parametrize("name", TARGETS)
def test_damaged_input_breaks_no_promise(name: str) -> None:
    drawn, whole = random.Random(name), inputs(name)
    for data in (b"", *whole):
        TARGETS[name].check(data)
    for _ in range(COPIES):
        TARGETS[name].check(damaged(drawn, drawn.choice(whole)))


def damaged(drawn: random.Random, data: bytes) -> bytes:
    """A copy with one to three bits flipped, bytes cut out, or bytes put in."""
    copy = bytearray(data)
    for _ in range(drawn.randint(1, 3)):
        place = drawn.randrange(len(copy) + 1)
        match drawn.randrange(3):
            case 0 if place < len(copy):
                copy[place] ^= 1 << drawn.randrange(8)
            case 1:
                del copy[place : place + drawn.randint(1, 8)]
            case _:
                copy[place:place] = drawn.randbytes(drawn.randint(1, 8))
    return bytes(copy)


def test_what_was_found_belongs_to_a_target() -> None:
    assert {folder.name for folder in FOUND.iterdir()} <= set(TARGETS)
