"""A number that two people could read differently is no number, wherever one is read."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import click
import pytest
from command_tree import parameters

from registry.cli.command import ASSET, Real, Whole
from registry.client import _number
from registry.documents.licence_spec import parse_licence
from registry.errors import InputError, InvalidAmount, InvalidEntitlements, InvalidLicence, InvalidNumber
from registry.governance.entitlements import read_csv, tokens
from registry.money import split_price
from registry.revenue.splits import weights
from registry.text.numbers import decimal, digits_or_text, moment, seconds, whole

TWO_MEANINGS = [
    *("0,5", "1,000", "1.000,5", "2,500.5"),  # a comma is a point elsewhere
    *("1_0", "1__000", "_1", "1_", "1_0000", "10_00"),  # slips of the hand
    *("050", "00", "00.5", "0x10", "0o17", "0b1", "0X1F"),  # other bases
    *(
        "1e3",
        "1E3",
        "1:30",
        "12:00",
        "2027-01-31",
        "true",
        "yes",
        "null",
        "~",
        ".5",
        "5.",
        "+5",
        "-5",
        "--5",
        "\u22125",
    ),
    *("\u0663", "\u00b2", "\uff15", "5\u200b", " 5", "5 ", "5\n", "", "nan", "inf", "12.5 USD", "9" * 200),
]
"""None of these is a number here."""

ANN = "0x90F79bf6EB2c4f870365E785982E1f101E93b906"


def refused(read: Callable[[str], object], *errors: type[Exception], but: tuple[str, ...] = ()) -> None:
    """`read` takes none of them; `but` are those that it may."""
    taken = []
    for text in set(TWO_MEANINGS) - set(but):
        try:
            taken.append((text, read(text)))
        except errors:
            continue
    assert not taken


SPACED = (" 5", "5 ", "5\n")
"""Spaces around a word or a cell are no part of it."""


def test_no_reader_takes_what_means_two_things(tmp_path: Path) -> None:
    refused(whole, InvalidNumber)
    refused(decimal, InvalidNumber)
    refused(lambda text: split_price(f"{text} USD"), InvalidAmount, but=SPACED)
    refused(lambda text: parse_licence(f"a: free, cap {text}"), InvalidLicence, but=SPACED)
    refused(lambda text: parse_licence(f"a: {text} days, free"), InvalidLicence, but=SPACED)
    refused(lambda text: parse_licence(f"a: {text} USD"), InvalidLicence, but=SPACED)
    refused(tokens, InvalidNumber)
    refused(lambda text: seconds(f"{text} days"), InvalidNumber)
    refused(lambda text: weights({ANN: f"{text}%"}), InputError, but=SPACED)
    refused(lambda text: _number("CHAIN_ID", text), InvalidNumber)


def test_no_list_takes_what_means_two_things(tmp_path: Path) -> None:
    path = tmp_path / "list.csv"

    def amount(text: str) -> object:
        path.write_text(f'account,amount\n{ANN},"{text}"\n')
        return read_csv(path)

    def duration(text: str) -> object:
        path.write_text(f'account,amount,start,cliff,duration\n{ANN},5,2026-01-01,,"{text}"\n')
        return read_csv(path)

    for read in (amount, duration):
        refused(read, InvalidEntitlements, but=SPACED)


def test_digits_are_a_number_and_words_are_words() -> None:
    assert [digits_or_text(text) for text in ("0", "17", "did:nft:x", "commercial", "1_0", "\u0663")] == [
        *(0, 17, "did:nft:x", "commercial", "1_0", "\u0663"),
    ]
    for text in ("007", "9" * 100):
        with pytest.raises(InvalidNumber):
            digits_or_text(text)


def test_numbers_that_mean_one_thing_are_read() -> None:
    assert [whole(text) for text in ("0", "7", "50", "1_000", "12_345_678", str(2**256 - 1))] == [
        *(0, 7, 50, 1000, 12_345_678, 2**256 - 1),
    ]
    assert [decimal(text) for text in ("0.5", "12.50", "1_000.25", "7")] == [
        *map(Decimal, ("0.5", "12.50", "1000.25", "7")),
    ]
    with pytest.raises(InvalidNumber, match="from 1 to 5"):
        whole("6", low=1, high=5)


def test_moments_say_their_zone_and_are_days_that_there_are() -> None:
    assert moment("2027-01-31") == moment("2027-01-31T00:00Z") == moment("2027-01-31 02:00:00+02:00") == 1_801_353_600
    for text in (
        *("2027-01-31T12:00", "2027-02-30", "31.01.2027", "01/02/2027", "2027-W05-1", "2027-1-31", "20270131", "1:30"),
        *(
            "2027-01-31T24:30Z",
            "2027-01-31T12:00+99:00",
            "2027-01-31x12:00Z",
            "2027-01-31T",
            "",
            "tomorrow",
            "0000-01-01",
        ),
    ):
        with pytest.raises(InvalidNumber):
            moment(text)


def test_spans_have_a_unit() -> None:
    assert [seconds(text) for text in ("1 day", "12 hours", "90 seconds", "1_000 weeks")] == [
        *(86_400, 43_200, 90, 604_800_000),
    ]
    for text in ("5", "5 fortnights", "days", "5  days", "5 days ", "1:30"):
        with pytest.raises(InvalidNumber):
            seconds(text)


# --- The command line --------------------------------------------------------------------------------


NUMBERS = [(where, parameter.type) for where, parameter in parameters() if isinstance(parameter.type, (Real, Whole))]


def test_every_number_of_the_command_line_is_read_here() -> None:
    other = (click.types.IntParamType, click.types.FloatParamType)
    loose = [
        where
        for where, parameter in parameters()
        if isinstance(parameter.type, other) and not isinstance(parameter.type, (Real, Whole))
    ]
    assert not loose and len(NUMBERS) > 40


KINDS = {"asset": ASSET, **{repr(kind): kind for _where, kind in NUMBERS}}


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_options_take_no_number_that_means_two_things(kind: click.ParamType) -> None:
    if kind is ASSET:
        with pytest.raises(InvalidNumber):
            kind.convert("007", None, None)
        return
    signed = isinstance(kind, Whole) and kind._signed
    refused(lambda text: kind.convert(text, None, None), click.BadParameter, but=("-5",) if signed else ())
    assert kind.convert("7", None, None) == 7
