"""The token by list: CSV to Merkle tree, proofs that anybody can host, claims, and what vests."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry import CID, Registry
from registry.chain import reverts
from registry.chain.connection import Chain
from registry.chain.dao_plan import found
from registry.chain.foundation import DAY, WHOLE, EntitlementList, Foundation
from registry.chain.journal import Journal
from registry.chain.local import DEPLOYER, deploy_local
from registry.chain.sender import Sender
from registry.chain.signers import dev_signer
from registry.documents.merkle import MerkleTree, leaf_of, root_from
from registry.errors import BlockNotFound, InputError, InvalidEntitlements, NotDeployed, WrongProof
from registry.governance.entitlements import Entitlement, Entitlements, read_csv, read_proofs
from registry.ipfs.store import MemoryStore

VECTORS = json.loads((Path(__file__).parents[2] / "data" / "merkle_vectors.json").read_text())

ANN, BOB, CLEO = (dev_signer(number).address for number in (5, 6, 7))
START = 1_767_225_600
LIST = Entitlements(
    (
        Entitlement(ANN, 1000 * WHOLE, START, 30 * DAY, 100 * DAY),
        Entitlement(BOB, 50 * WHOLE),
        Entitlement(BOB, 10 * WHOLE, START, 0, 10 * DAY),
    )
)


# --- The tree ------------------------------------------------------------------------------------


@pytest.mark.parametrize("tree", VECTORS["trees"], ids=lambda tree: f"{len(tree['values'])} leaves")
def test_the_tree_is_that_of_openzeppelins_library(tree: dict[str, list[str]]) -> None:
    leaves = [leaf_of(VECTORS["types"], [account, *map(int, numbers)]) for account, *numbers in tree["values"]]
    assert [f"0x{leaf.hex()}" for leaf in leaves] == tree["leaves"]
    made = MerkleTree(leaves)
    assert f"0x{made.root.hex()}" == tree["root"]
    for leaf, proof in zip(leaves, tree["proofs"], strict=True):
        assert [f"0x{step.hex()}" for step in made.proof(leaf)] == proof


@given(st.lists(st.binary(min_size=32, max_size=32), min_size=1, max_size=70, unique=True), st.randoms())
def test_every_proof_leads_to_the_root_in_any_order(leaves: list[bytes], chance: object) -> None:
    tree, mixed = MerkleTree(leaves), list(leaves)
    chance.shuffle(mixed)  # type: ignore[attr-defined]
    assert MerkleTree(mixed).root == tree.root
    for leaf in leaves:
        assert root_from(leaf, tree.proof(leaf)) == tree.root


def test_a_tree_has_leaves_each_once() -> None:
    for leaves in ([], [b"a" * 32] * 2):
        with pytest.raises(InputError):
            MerkleTree(leaves)
    with pytest.raises(InputError, match="no leaf"):
        MerkleTree([b"a" * 32]).proof(b"b" * 32)


# --- The list ------------------------------------------------------------------------------------


@pytest.fixture
def write(tmp_path: Path) -> Callable[[str], Path]:
    def write(text: str) -> Path:
        path = tmp_path / "list.csv"
        path.write_bytes(text.encode())
        return path

    return write


def test_a_table_is_read_as_it_is_written(write: Callable[[str], Path]) -> None:
    text = (
        f"\ufeffAccount, amount ,start,cliff,duration\r\n"
        f"{ANN},1_000,2026-01-01,30,100\r\n\r\n{BOB.lower()},50.0,,,\r\n{BOB},10,2026-01-01T01:00+01:00,,10\r\n"
    )
    found = read_csv(write(text))
    assert found == LIST and found.total == 1060 * WHOLE
    assert read_csv(write(f"amount,account\n5,{ANN}\n")).entries == (Entitlement(ANN, 5 * WHOLE),)


@pytest.mark.parametrize(
    ("row", "word"),
    [
        ("0x12,5,,,", "digits"),
        (f"{ANN[:-1]}{'0' if ANN[-1] != '0' else '1'},5,,,", "checksum"),
        (f"0x{'00' * 20},5,,,", "zero address"),
        (f"{ANN},,,,", "not a number"),
        (f"{ANN},0,,,", "the amount is 0"),
        (f"{ANN},-5,,,", "negative"),
        (f"{ANN},NaN,,,", "not a number of tokens"),
        (f"{ANN},1e400,,,", "not a number of tokens"),
        (f"{ANN},0.1234567890123456789,,,", "decimals"),
        (f"{ANN},5,2026-01-01,,", "without a duration"),
        (f"{ANN},5,,3,", "without a duration"),
        (f"{ANN},5,,,100", "without a start"),
        (f"{ANN},5,2026-01-01,,0", "0 days"),
        (f"{ANN},5,2026-01-01,101,100", "longer than the duration"),
        (f"{ANN},5,soon,,100", "not a date"),
        (f"{ANN},5,2026-01-01T00:00,,100", "zone"),
        (f"{ANN},5,1960-01-01,,100", "before 1970"),
        (f"{ANN},5,2026-01-01,,1.5", "whole days"),
        (f"{ANN},5,2026-01-01,,99999999", "whole days"),
        (f"{ANN},5", "2 values, not 5"),
        (f"{BOB},7,,,", "same as line 2"),
    ],
)
def test_every_wrong_line_is_named(write: Callable[[str], Path], row: str, word: str) -> None:
    with pytest.raises(InvalidEntitlements, match=word) as caught:
        read_csv(write(f"account,amount,start,cliff,duration\n{BOB},7,,,\n{row}\n{row},\n"))
    assert [fault.pointer for fault in caught.value.faults] == ["line 3", "line 4"]


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("", "empty"),
        ("account,amount\n", "empty"),
        ("account,sum\n", "no column 'sum'"),
        ("account\n", "'amount' is missing"),
        ("account,amount,amount\n", "twice"),
        (f'account,amount\n{ANN},"5\n', "not CSV"),
        (f"account,amount\n{ANN},79228162514\n{BOB},79228162514\n", "more than a token can have"),
    ],
)
def test_tables_that_are_no_lists_are_refused(write: Callable[[str], Path], text: str, word: str) -> None:
    with pytest.raises(InvalidEntitlements, match=word):
        read_csv(write(text))


def test_files_that_cannot_be_read_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidEntitlements, match="cannot be read"):
        read_csv(tmp_path / "none.csv")
    (tmp_path / "bytes.csv").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InvalidEntitlements, match="UTF-8"):
        read_csv(tmp_path / "bytes.csv")


def test_proofs_are_read_as_they_were_written_and_no_others() -> None:
    data = LIST.to_json()
    assert [proven.entitlement for proven in read_proofs(data, "file")] == list(LIST.entries)
    body = json.loads(data)
    more = json.loads(data)
    more["entitlements"][1]["amount"] = str(51 * WHOLE)
    cut = json.loads(data)
    cut["entitlements"][0]["proof"].pop()
    for bad in (
        b"{",
        b"[]",
        b"\xff",
        {**body, "format": "other"},
        {**body, "root": "0x"},
        more,
        cut,
        {**body, "entitlements": [{}]},
        {**body, "entitlements": 5},
    ):
        with pytest.raises(InvalidEntitlements):
            read_proofs(bad if isinstance(bad, bytes) else json.dumps(bad), "file")


# --- Claims --------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def _given() -> Registry:
    chain = Chain.in_process()
    base = deploy_local(chain)
    end = chain.block().timestamp // DAY * DAY + 60 * DAY
    foundation = Foundation({CLEO: 5000 * WHOLE}, treasury=WHOLE, listed=EntitlementList(LIST.root, LIST.total, end))
    made = found(chain, base, foundation).carry_out(Sender(chain, dev_signer(DEPLOYER)))
    return Registry(chain, made, signer=dev_signer(5), store=MemoryStore(), journal=Journal.in_memory())


@pytest.fixture
def ann(_given: Registry, rewound: Callable[[Registry], AbstractContextManager[Registry]]) -> Iterator[Registry]:
    """Ann, of whose tokens all vest, in a DAO that distributes by `LIST`."""
    with rewound(_given) as place:
        yield place


def test_a_list_is_hosted_by_anybody(ann: Registry, tmp_path: Path) -> None:
    cid = ann.governance.pin_entitlements(LIST)
    (tmp_path / "claims.json").write_bytes(LIST.to_json())
    proven = tuple(LIST.proven())
    for source in (cid, f"ipfs://{cid}", tmp_path / "claims.json", str(tmp_path / "claims.json")):
        assert ann.governance.entitlements(source) == proven
    assert [one.entitlement.account for one in ann.governance.entitlements(cid, account=BOB.lower())] == [BOB, BOB]
    with pytest.raises(BlockNotFound):
        ann.governance.entitlements(CID.raw(b"elsewhere"))
    with pytest.raises(InputError, match="cannot be read"):
        ann.governance.entitlements(tmp_path / "none.json")


def test_anybody_claims_for_others_and_each_once(ann: Registry) -> None:
    bob = ann.signed_by(dev_signer(6))
    claims = ann.governance.claims(LIST.proven(), account=BOB)
    assert [claim.claimed for claim in claims] == [False, False]
    assert [done.tx for done in ann.governance.claim(LIST.proven(), account=BOB, dry_run=True)] == [None, None]
    ann.governance.claim(LIST.proven(), account=BOB)
    assert bob.governance.voting_power().held == 50 * WHOLE
    paid, vests = bob.governance.claims(LIST.proven())
    assert (paid.receiver, paid.claimed, vests.claimed) == (BOB, True, True) and vests.receiver != BOB
    with pytest.raises(InputError, match="all of it was claimed"):
        ann.governance.claim(LIST.proven(), account=BOB)
    with pytest.raises(InputError, match="does not name it"):
        ann.governance.claim(LIST.proven(), account=CLEO)
    with pytest.raises(reverts.AlreadyClaimed):
        ann.chain.call(ann.governance.distributor.functions.claim(paid.entitlement.words, list(paid.proven.proof)))


def test_a_proof_of_another_list_is_refused_here_and_on_chain(ann: Registry) -> None:
    greedy = Entitlements((Entitlement(ANN, 10**6 * WHOLE), *LIST.entries[1:]))
    with pytest.raises(WrongProof, match="Take the list that was published") as caught:
        ann.governance.claim(greedy.proven())
    assert caught.value.expected == LIST.root
    (mine,) = (proven for proven in greedy.proven() if proven.entitlement.account == ANN)
    with pytest.raises(reverts.InvalidProof):
        ann.chain.call(ann.governance.distributor.functions.claim(mine.entitlement.words, list(mine.proof)))


def test_what_vests_votes_from_the_start_and_is_released_over_time(ann: Registry) -> None:
    (claim,) = ann.governance.claims(LIST.proven())
    with pytest.raises(NotDeployed):
        ann.governance.vesting(claim.receiver)
    ann.governance.claim(LIST.proven())
    vesting = ann.governance.vesting(claim.receiver)
    assert (vesting.owner, vesting.start, vesting.cliff) == (ANN, START, START + 30 * DAY)
    assert (vesting.end, vesting.locked, vesting.releasable, vesting.delegate) == (
        START + 100 * DAY,
        1000 * WHOLE,
        0,
        None,
    )
    ann.governance.delegate_vested(claim.receiver)
    assert ann.governance.voting_power().power == 1000 * WHOLE
    with pytest.raises(reverts.OwnableUnauthorizedAccount):
        ann.signed_by(dev_signer(6)).governance.delegate_vested(claim.receiver, BOB)
    with pytest.raises(InputError, match="Nothing is to be released"):
        ann.governance.release_vested(claim.receiver)
    ann.chain.advance(START + 50 * DAY - ann.chain.block().timestamp)
    ann.signed_by(dev_signer(6)).governance.release_vested(claim.receiver)
    vesting = ann.governance.vesting(claim.receiver)
    # A second or two of a hundred days have passed on the way.
    assert 500 * WHOLE <= vesting.released == ann.governance.voting_power().held < 501 * WHOLE
    assert vesting.released + vesting.releasable + vesting.locked == 1000 * WHOLE


def test_after_the_end_the_rest_is_the_treasurys(ann: Registry) -> None:
    with pytest.raises(reverts.ClaimsAreOpen):
        ann.governance.sweep()
    ann.chain.advance(61 * DAY)
    with pytest.raises(reverts.ClaimsAreOver):
        ann.governance.claim(LIST.proven())
    ann.governance.sweep()
    assert ann.governance.voting_power(ann.governance.dao.timelock).held == 1061 * WHOLE


def test_a_dao_without_a_distribution_has_nothing_to_claim(author: Registry) -> None:
    with pytest.raises(InputError, match="no distribution"):
        author.governance.claims(LIST.proven(), account=ANN)
