"""Every error of every contract arrives as its own class."""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest
from eth_abi.abi import encode
from eth_utils.crypto import keccak
from hypothesis import example, given
from hypothesis import strategies as st

from registry.assets.catalogue import ROLES
from registry.chain import reverts
from registry.chain.artifacts import artifact, names
from registry.chain.revert_words import HINTS, NUMBERS, SENTENCES
from registry.compute.job_escrow import JobStatus
from registry.documents.licence import Kind
from registry.errors import ContractError, InputError, RegistryError, TransactionReverted
from registry.governance.curation import CaseState
from registry.governance.standards import StandardStatus
from registry.governance.standing import ProposalState
from registry.results import State

ROOT = Path(__file__).parents[3]
ERRORS = {
    f"{entry['name']}({','.join(field['type'] for field in entry['inputs'])})": entry
    for name in names()
    for entry in artifact(name).abi
    if entry["type"] == "error"
}
SAMPLES = {"address": "0x" + "ab" * 20, "string": "text", "bytes32": b"\x01" * 32, "bytes4": b"\x02" * 4}


@pytest.mark.parametrize("signature", sorted(ERRORS))
def test_an_error_arrives_with_its_class_values_and_a_sentence(signature: str) -> None:
    entry = ERRORS[signature]
    types = [field["type"] for field in entry["inputs"]]
    values = [SAMPLES.get(kind, 7) for kind in types]
    error = reverts.decode(keccak(text=signature)[:4] + encode(types, values))
    assert isinstance(error, getattr(reverts, entry["name"]))
    assert isinstance(error, ContractError)
    assert error.name == entry["name"]
    for field, value in zip(entry["inputs"], values, strict=True):
        # An attribute of every error goes before a parameter of its name.
        own = field["name"] in ("name", "values")
        seen = error.values[field["name"]] if own else getattr(error, field["name"])
        assert (seen.lower() if field["type"] == "address" else seen) == value
    assert error.name in str(error)
    # A sentence, not only the bare name.
    assert not str(error).startswith("The contract refused"), "the error has no sentence"


def test_a_number_that_stands_for_something_is_told_as_that() -> None:
    """As the package names it elsewhere; a number of one byte that stands for nothing has its reason here."""
    enums = {"kind": Kind, "from": State, "to": State, "current": ProposalState, "state": CaseState}
    enums |= {"status": StandardStatus}
    told: dict[str, dict[int, str]] = {
        name: {one.value: one.name.lower() for one in enum} for name, enum in enums.items()
    }
    told["role"] = {bit: name for name, bit in ROLES.items()}
    numbers = {
        (error.name, field)
        for error in reverts.declared().values()
        for field, kind in zip(error.fields, error.types, strict=True)
        if kind == "uint8"
    }
    several_roles_at_once, how_many_bits = ("UnknownRoles", "roles"), ("SafeCastOverflowedUintDowncast", "bits")
    assert numbers - set(NUMBERS) == {several_roles_at_once, how_many_bits}
    of_jobs = {("JobIs", "status"): {one.value: one.name.lower() for one in JobStatus}}
    assert {key: told[key[1]] for key in NUMBERS} | of_jobs == NUMBERS
    signature = "MissingAssetRole(uint256,address,uint8)"
    data = keccak(text=signature)[:4] + encode(["uint256", "address", "uint8"], [7, SAMPLES["address"], 2])
    assert "role=2 (seller)" in str(reverts.decode(data))


@pytest.mark.parametrize(
    ("name", "builtin"),
    [
        ("NotAssetOwner", PermissionError),
        ("MissingAssetRole", PermissionError),
        ("NotSeller", PermissionError),
        ("AccessManagedUnauthorized", PermissionError),
        ("AssetNotFound", LookupError),
        ("LicenceNotFound", LookupError),
        ("ERC721NonexistentToken", LookupError),
        ("ReceiptExpired", ValueError),
        ("ERC2612ExpiredSignature", ValueError),
        ("InvalidReceiptSignature", ValueError),
        ("TotalAboveMaximum", ValueError),
        ("NotGuardian", PermissionError),
        ("MayNotDeclare", PermissionError),
        ("GovernorOnlyExecutor", PermissionError),
        ("GovernorInsufficientProposerVotes", PermissionError),
        ("TimelockUnauthorizedCaller", PermissionError),
        ("GovernorNonexistentProposal", LookupError),
        ("ERC5805FutureLookup", ValueError),
        ("SettingOutOfBounds", ValueError),
        ("InvalidProof", ValueError),
        ("BondAboveMaximum", ValueError),
    ],
)
def test_an_error_is_also_the_builtin_that_python_expects(name: str, builtin: type[Exception]) -> None:
    assert issubclass(getattr(reverts, name), builtin)


@given(st.binary(max_size=200))
@example(b"")
@example(bytes.fromhex("08c379a0"))
@example(bytes.fromhex("4e487b71") + b"\xff" * 32)
@example(bytes.fromhex("08c379a0") + b"\xff" * 64)
def test_no_data_whatever_breaks_the_decoder(data: bytes) -> None:
    assert isinstance(reverts.decode(data), RegistryError)
    assert type(reverts.decode("0x" + data.hex())) is type(reverts.decode(data))


@given(st.sampled_from(sorted(reverts.declared())), st.binary(max_size=100))
def test_a_known_selector_with_a_wrong_body_is_no_surprise(selector: bytes, body: bytes) -> None:
    assert isinstance(reverts.decode(selector + body), RegistryError)


@given(st.text())
def test_a_text_arrives_as_the_reason(text: str) -> None:
    data = bytes.fromhex("08c379a0") + encode(["string"], [text.encode("utf-8", "replace").decode()])
    error = reverts.decode(data)
    assert isinstance(error, TransactionReverted)
    assert error.reason == text.encode("utf-8", "replace").decode()


@pytest.mark.parametrize(
    ("code", "meaning"), [(0x01, "assertion"), (0x11, "overflow"), (0x12, "zero"), (0x32, "bounds"), (0x99, "unknown")]
)
def test_a_panic_is_explained(code: int, meaning: str) -> None:
    error = reverts.decode(bytes.fromhex("4e487b71") + code.to_bytes(32, "big"))
    assert isinstance(error, TransactionReverted)
    assert meaning in error.reason


def test_what_is_not_hexadecimal_is_no_reason() -> None:
    assert "no reason" in str(reverts.decode("0xzz"))


def test_unknown_names_are_attribute_errors() -> None:
    with pytest.raises(AttributeError):
        _ = reverts.NoSuchError
    error = reverts.decode(keccak(text="NoUnits()")[:4])
    with pytest.raises(AttributeError):
        _ = error.assetId  # type: ignore[attr-defined]
    assert "NotAssetOwner" in dir(reverts)


def test_the_decoder_survives_copying_of_its_errors() -> None:
    error = reverts.decode(keccak(text="AssetNotFound(uint256)")[:4] + (5).to_bytes(32, "big"))
    # Half-made objects are asked for attributes before they have any.
    blank = type(error).__new__(type(error))
    with pytest.raises(AttributeError):
        _ = blank.assetId
    assert pickle.dumps(error.values)  # type: ignore[attr-defined]


def test_an_unknown_contract_is_refused_with_the_known_names() -> None:
    with pytest.raises(InputError, match="AssetRegistry"):
        artifact("Nothing")
    assert "bytes" in repr(artifact("AssetRegistry"))


@pytest.mark.parametrize("error", sorted(reverts.declared().values(), key=lambda error: error.name))
def test_every_refusal_says_in_two_short_sentences_why_and_what_to_do(error: reverts.Declared) -> None:
    for sentence in (error.sentence, error.hint):
        assert sentence.endswith(".") and len(sentence) < 150 and "NOTE" not in sentence, error.name
        assert sentence.count(". ") == 0, f"{error.name}: one sentence"


def test_nothing_is_said_of_errors_that_there_are_not() -> None:
    names = {error.name for error in reverts.declared().values()}
    assert set(HINTS) == names
    assert set(SENTENCES) <= names
    sources = [path for path in (ROOT / "contracts").rglob("*.sol") if ".cache" not in path.parts]
    ours = "".join(path.read_text() for path in sources)
    for name in SENTENCES:
        assert f"error {name}(" not in ours, f"{name} has its words in the contract"


def test_no_two_errors_share_a_name() -> None:
    names = [error.name for error in reverts.declared().values()]
    assert len(names) == len(set(names))
