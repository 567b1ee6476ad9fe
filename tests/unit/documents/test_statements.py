"""What people sign about assets: one spelling, one name, and a signature that is good for nothing else."""

from __future__ import annotations

import json
from typing import Any

import pytest
from eth_account import Account
from eth_account.messages import encode_typed_data
from hypothesis import given, settings
from hypothesis import strategies as st

from registry.chain.signatures import typed_digest
from registry.documents.signed_statements import (
    MOST,
    AccessAnswer,
    AccessRequest,
    Comment,
    Fold,
    Like,
    SignedStatement,
    TalkStatement,
    Withdrawal,
    read_statement,
)
from registry.errors import InputError
from registry.index.conversation import signed_by_its_key

KEY = "0x" + "11" * 32
AUTHOR = Account.from_key(KEY).address.lower()
DID = f"did:nft:eip155:1337_erc721:0x{'ab' * 20}_7"
HASH = "0x" + "cd" * 32
ALL: list[TalkStatement] = [
    Comment(asset=DID, account=AUTHOR, time=5, version=1, text='Grüße "\\ \n\U0001f427'),
    Comment(asset=DID, account=AUTHOR, time=5, version=1, parent=HASH, text="An answer."),
    Like(asset=DID, account=AUTHOR, time=5),
    AccessRequest(asset=DID, account=AUTHOR, time=5, licence=255, use="To count penguins."),
    AccessAnswer(asset=DID, account=AUTHOR, time=5, request=HASH, outcome="declined", text="We cannot."),
    Withdrawal(asset=DID, account=AUTHOR, time=5, statement=HASH),
    Fold(asset=DID, account=AUTHOR, time=5, statement=HASH),
]


def signed(said: Any, key: str = KEY) -> SignedStatement:
    signature = Account.sign_message(encode_typed_data(full_message=said.message()), key).signature
    return SignedStatement(said=said, signature="0x" + bytes(signature).hex())


@pytest.mark.parametrize("said", ALL, ids=lambda one: one.primary)
def test_what_is_signed_comes_back_and_is_of_who_signed(said: TalkStatement) -> None:
    sent = signed(said).to_bytes()
    assert len(sent) <= MOST
    found = read_statement(sent)
    assert found.said == said and found.said.cid == said.cid and signed_by_its_key(found)
    assert not signed_by_its_key(signed(said, "0x" + "22" * 32)), "of somebody else"


@pytest.mark.parametrize("said", ALL, ids=lambda one: one.primary)
def test_a_signature_is_good_for_nothing_else(said: TalkStatement) -> None:
    """Every field is in what is signed: a change of any makes another digest and another name."""
    others = {
        "asset": [DID.replace("1337", "1"), DID.replace("ab", "ba"), DID[:-1] + "8"],
        "account": ["0x" + "66" * 20],
        "time": [6],
        "version": [2],
        "parent": ["0x" + "ee" * 32],
        "statement": ["0x" + "ee" * 32],
        "request": ["0x" + "ee" * 32],
        "text": ["Something else."],
        "use": ["Something else."],
        "licence": [3],
        "liked": [False],
        "folded": [False],
        "outcome": ["granted"],
    }
    named = set(type(said).model_fields) - {"kind"}
    for name in named:
        for value in others[name]:
            other = said.model_copy(update={name: value})
            assert typed_digest(other.message()) != typed_digest(said.message()), name
            assert other.cid != said.cid
            assert not signed_by_its_key(SignedStatement(said=other, signature=signed(said).signature))  # type: ignore[arg-type]


def test_no_two_kinds_are_signed_alike() -> None:
    alike = {typed_digest(one.message()) for one in ALL}
    assert len(alike) == len(ALL)


TEXT = st.text(st.characters(exclude_categories=("C", "Z", "M"), include_characters=" \n"), min_size=1, max_size=300)


@settings(deadline=None, max_examples=50)
@given(text=TEXT.filter(str.strip), time=st.integers(0, 2**53 - 1), version=st.integers(0, 2**53 - 1))
def test_any_comment_comes_back(text: str, time: int, version: int) -> None:
    try:
        said = Comment(asset=DID, account=AUTHOR, time=time, version=version, text=text)
    except ValueError as error:
        assert "nobody sees" in str(error)
        return
    sent = SignedStatement(said=said, signature="0x00").to_bytes()
    assert read_statement(sent).said == said


def test_the_longest_that_there_may_be_is_read() -> None:
    said = Comment(asset=DID, account=AUTHOR, time=5, version=1, text='"' * 9_999 + "x")
    sent = SignedStatement(said=said, signature="0x" + "ab" * 8_192).to_bytes()
    assert len(sent) <= MOST and read_statement(sent).said == said


def _changed(**fields: Any) -> bytes:
    told = json.loads(signed(ALL[0]).to_bytes())
    told["said"] |= fields
    return json.dumps(told, ensure_ascii=False, separators=(",", ":"), sort_keys=True).encode()


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"[]",
        b"{}",
        b"\xff",
        b"[" * 1_000,
        b"x" * (MOST + 1),
        _changed(text=""),
        _changed(text="   \n "),
        _changed(text="x" * 10_001),
        _changed(text="a\u202eb"),
        _changed(text="a\u200bb"),
        _changed(text="a\rb"),
        _changed(text="a\x00b"),
        _changed(text=5),
        _changed(version=-1),
        _changed(version=2**53),
        _changed(version=True),
        _changed(version="1"),
        _changed(time=1.5),
        _changed(account=AUTHOR.upper()),
        _changed(account="0x" + "ab" * 19),
        _changed(asset="did:nft:eip155:1337_erc721:0x12_7"),
        _changed(asset=DID + "\n"),
        _changed(parent="0x" + "CD" * 32),
        _changed(kind="decree"),
        _changed(more=1),
        signed(ALL[0]).to_bytes() + b" ",
        signed(ALL[0]).to_bytes().replace(b'"time":5', b'"time":5,"time":5'),
        signed(ALL[0]).to_bytes().replace(b'"0x', b'"0X'),
    ],
)
def test_what_is_no_statement_is_refused(data: bytes) -> None:
    with pytest.raises(InputError):
        read_statement(data)
