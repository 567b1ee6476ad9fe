"""Proposals that are written down in YAML, and every slip in them told with its line."""

from __future__ import annotations

import json
import os
from pathlib import Path
from unittest import mock

import pytest

from registry import CID, Licence, Registry
from registry.chain.call import Call
from registry.errors import InvalidDraft
from registry.governance.as_yaml import read
from registry.governance.drafts import read_body

EXAMPLE = Path(__file__).parents[3] / "examples" / "proposal.yaml"

ANN = "0x90F79bf6EB2c4f870365E785982E1f101E93b906"

WHOLE = f"""\
title: Spring cleaning
body: |
  # Why

  Because *spring* is here.
actions:
  - contract: AssetRegistry
    function: setFee
    arguments: {{feeBps: 50}}
  - contract: Standards
    function: adopt
    arguments: [metadata, 1, {CID.raw(b"schema")}]
  - contract: Curation
    function: nameCouncil
    arguments: {{council: "{ANN}", until: 2027-01-31T12:00Z}}
  - contract: Curation
    function: setBond(address,uint128)
    arguments: {{token: USD, amount: 12.5 USD}}
  - pay: 250 USD
    to: "{ANN}"
  - pay: 0.5 ETH
    to: "{ANN}"
  - contract: AssetRegistry
    function: setContractURI
    arguments: [{CID.raw(b"uri")}]
  - contract: RegistryAuthority
    function: setTargetFunctionRole
    arguments:
      target: Marketplace
      selectors: ["0x12345678"]
      roleId: 2
  - target: "{ANN}"
    value: 1
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "proposal.yaml"


def test_a_file_says_title_body_and_calls(author: Registry, file: Path) -> None:
    file.write_text(WHOLE)
    title, body, calls = read(file, author)
    dao, dollar = author.governance.dao, author.deployment.tokens["USD"]
    curation = author.chain.contract("Curation", dao.curation)
    standards = author.chain.contract("Standards", dao.standards)
    authority = author.chain.contract("RegistryAuthority", author.deployment.authority)
    asked = [
        (author.assets.functions.setFee(50), 0),
        (standards.functions.adopt(b"metadata".ljust(32, b"\0"), 1, CID.raw(b"schema").digest), 0),
        (curation.functions.nameCouncil(ANN, 1_801_396_800), 0),
        (curation.functions.setBond(dollar, 12_500_000), 0),
        (author.erc20(dollar).functions.transfer(ANN, 250_000_000), 0),
        None,
        (author.assets.functions.setContractURI(CID.raw(b"uri").digest), 0),
        (
            authority.functions.setTargetFunctionRole(author.deployment.marketplace, [bytes.fromhex("12345678")], 2),
            0,
        ),
        None,
    ]
    assert (title, body) == ("Spring cleaning", "# Why\n\nBecause *spring* is here.\n")
    for call, wanted in zip(calls, asked, strict=True):
        if wanted is not None:
            function, value = wanted
            assert (call.to, "0x" + call.data.hex(), call.value) == (
                function.address,
                function._encode_transaction_data(),
                value,
            )
    assert (calls[5].to, calls[5].data, calls[5].value) == (ANN, b"", 5 * 10**17)
    assert (calls[8].to, calls[8].data, calls[8].value) == (ANN, b"", 1)


def test_whatever_a_function_takes_can_be_written(author: Registry, file: Path) -> None:
    month = Licence.period("month", days=30, price="12.5 USD")
    did = author.publish(None, name="Penguins", type="dataset", license="CC0-1.0", licences=[month]).did
    file.write_text(f"""\
title: All kinds
actions:
  - contract: AssetRegistry
    function: setPrice
    arguments: {{assetId: "{did}", licence: 0, price: 3 USD}}
  - contract: AssetRegistry
    function: addLicence
    arguments:
      assetId: 1
      terms: {{price: 2 USD, paymentToken: 1, kind: 1, amount: 30, cap: 0, limit: 0, minimum: 0, streams: "{ANN}"}}
  - contract: Directory
    function: setEntries
    arguments: [[{{name: "Curation", account: Curation}}]]
  - contract: RegistryGovernor
    function: setLateQuorumVoteExtension
    arguments: [2 days]
  - contract: RegistryAuthority
    address: "{ANN}"
    function: schedule
    arguments: {{target: Marketplace, data: "0x1234567801", when: 2027-01-31T12:00Z}}
  - contract: RegistryAuthority
    function: labelRole
    arguments: {{roleId: 7, label: readers}}
""")
    calls = read(file, author).calls
    dao, chain = author.governance.dao, author.chain
    directory = chain.contract("Directory", author.deployment.directory)
    governor = chain.contract("RegistryGovernor", dao.governor)
    authority, other = (chain.contract("RegistryAuthority", at) for at in (author.deployment.authority, ANN))
    dollar = author.amount("1 USD").token.index
    asked = [
        author.assets.functions.setPrice(1, 0, 3_000_000),
        author.assets.functions.addLicence(1, (2_000_000, dollar, 1, 30, 0, 0, 0, ANN)),
        directory.functions.setEntries([(b"Curation".ljust(32, b"\0"), dao.curation)]),
        governor.functions.setLateQuorumVoteExtension(2 * 86_400),
        other.functions.schedule(author.deployment.marketplace, bytes.fromhex("1234567801"), 1_801_396_800),
        authority.functions.labelRole(7, "readers"),
    ]
    assert dollar == 1
    assert [(call.to, "0x" + call.data.hex()) for call in calls] == [
        (function.address, function._encode_transaction_data()) for function in asked
    ]


def test_what_a_function_of_others_is_called_stands_beside_its_data(author: Registry, file: Path) -> None:
    file.write_text(f"title: T\nactions: [{{target: '{ANN}', data: '0x01020304', abi: 'stake(uint256)'}}]\n")
    (call,) = read(file, author).calls
    assert (call.to, call.data, call.abi) == (ANN, bytes.fromhex("01020304"), ("stake(uint256)",))


def test_the_body_may_stand_beside_it(author: Registry, file: Path) -> None:
    (file.parent / "why.md").write_text("# Why\n")
    file.write_text("title: T\nbody-file: why.md\nactions: [{pay: 1 USD, to: '" + ANN + "'}]\n")
    assert author.governance.read_draft(file).body == "# Why\n"


def test_the_example_can_be_proposed(author: Registry) -> None:
    author.publish(None, name="Penguins", type="dataset", license="CC0-1.0")
    author.fund("250 USD", account=author.governance.dao.timelock)
    author.actor.outbox("pay").send(Call(author.governance.dao.timelock, b"", 10**17))
    draft = author.governance.read_draft(EXAMPLE)
    author.governance.simulate(draft).require()
    assert [call.value for call in draft.calls] == [0, 0, 0, 0, 10**17]


def test_a_draft_of_a_file_is_pinned_with_its_calls_in_words_and_their_code(author: Registry, file: Path) -> None:
    file.write_text(WHOLE)
    draft = author.governance.read_draft(file)
    cid = author.governance.pin(draft)
    body = read_body(author.store.get(cid), cid, chain_id=draft.chain_id, governor=draft.governor)
    assert body.fits(draft.calls) and body.title == draft.title
    assert body.actions[0].code_hash == author.chain.code_hash(author.deployment.registry)
    assert body.actions[-1].code_hash == ""
    assert "setFee of AssetRegistry" in body.actions[0].words and "250 USD" in body.actions[4].words
    assert draft.description.endswith(f"\n\nipfs://{cid}\n\n#proposer={author.address.lower()}")


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ("", 1, "empty"),
        ("title: [", 1, "not YAML"),
        ("title: T\nactions:\n  - pay: 1 USD\n   to: x\n", 4, "not YAML"),
        ("- a\n- b\n", 1, "names and values"),
        ("title: T\n", 1, "no 'actions'"),
        ("actions: []\n", 1, "no 'title'"),
        ("title: T\nactions: []\n", 2, "0 actions"),
        ("title: T\nactions: later\n", 2, "a list"),
        ("title: T\ntitle: U\nactions: []\n", 2, "twice"),
        ("title: T\nwhy: because\nactions: []\n", 2, "'why'"),
        ("title: T\nbody: a\nbody-file: b\nactions: []\n", 3, "a body already"),
        ("title: T\nbody-file: missing.md\nactions: [{pay: 1 USD, to: Curation}]\n", 2, "cannot be read"),
        ("title: {a: b}\nactions: [{pay: 1 USD, to: Curation}]\n", 1, "a text"),
        ("title: T\nactions:\n  - send: 1\n", 3, "'send'"),
        ("title: T\nactions:\n  - value: 1\n", 3, "a 'contract', a 'target', or 'pay'"),
        ("title: T\nactions:\n  - pay: 1 USD\n", 3, "needs 'to'"),
        ("title: T\nactions:\n  - pay: 1 USD\n    to: Curation\n    data: 0x\n", 5, "does not go with"),
        ("title: T\nactions:\n  - pay: 1 GBP\n    to: Curation\n", 3, "GBP"),
        ("title: T\nactions:\n  - pay: 1 USD\n    to: 0x12\n", 4, "not an address"),
        ("title: T\nactions:\n  - contract: Bank\n    function: rob\n", 3, "no contract 'Bank'"),
        ("title: T\nactions:\n  - contract: Marketplace\n", 3, "needs a 'function'"),
        ("title: T\nactions:\n  - contract: Marketplace\n    function: rob\n", 4, "no function 'rob'"),
        ("title: T\nactions:\n  - contract: AssetRegistry\n    function: salesRules\n", 4, "no function 'salesRules'"),
        ("title: T\nactions:\n  - contract: AssetRegistry\n    function: setFee\n", 4, "takes 1 arguments, here are 0"),
        (
            "title: T\nactions:\n  - contract: AssetRegistry\n    function: setFee\n    arguments:\n      fee: 1\n",
            6,
            "no argument 'fee'",
        ),
        (
            "title: T\nactions:\n  - contract: AssetRegistry\n    function: setFee\n    arguments: [much]\n",
            5,
            "'much' is not a whole number",
        ),
        (
            "title: T\nactions:\n  - contract: AssetRegistry\n    function: setFee\n    arguments: [-1]\n",
            5,
            "negative",
        ),
        (
            "title: T\nactions:\n  - contract: Curation\n    function: nameCouncil\n"
            "    arguments: [Curation, 2027-01-31T12:00]\n",
            5,
            "which zone",
        ),
        (
            "title: T\nactions:\n  - contract: AssetRegistry\n    function: setDelisted\n    arguments: [1, perhaps]\n",
            5,
            "neither yes nor no",
        ),
        (
            "title: T\nactions:\n  - contract: AssetRegistry\n    function: setContractURI\n    arguments: ['0x12']\n",
            5,
            "not 32",
        ),
        (
            "title: T\nactions:\n  - contract: AssetRegistry\n    function: setFee\n"
            "    arguments:\n      feeBps: 1\n      feeBps: 2\n",
            7,
            "'feeBps' is there twice",
        ),
        (
            "title: T\nactions:\n  - contract: AssetRegistry\n    function: setDelisted\n    arguments: {assetId: 1}\n",
            5,
            "needs 'delisted'",
        ),
        (
            "title: T\nactions:\n  - contract: RegistryAuthority\n    function: schedule\n"
            "    arguments: [Curation, 12, 0]\n",
            5,
            "'12' is not 0x",
        ),
        (
            "title: T\nactions:\n  - contract: RegistryGovernor\n    function: relay\n"
            "    arguments: [Curation, 1 USD, 0x]\n",
            5,
            "does not count a payment token",
        ),
        ("title: T\nactions:\n  - target: Curation\n    data: 0x\n", 3, "not an address"),
        ("title: T\nactions:\n  - target: '" + ANN + "'\n    data: 0xzz\n", 4, "hexadecimal"),
        ("title: T\nactions:\n  - target: '" + ANN + "'\n    value: 1 USD\n", 4, "native coin"),
        ("title: T\nactions:\n  - target: '" + ANN + "'\n    value: -1\n", 4, "not a number of wei"),
        ("title: &a T\nbody: *a\nactions: []\n", 2, "aliases"),
    ],
)
def test_a_slip_is_told_with_its_line(author: Registry, file: Path, text: str, line: int, said: str) -> None:
    file.write_text(text)
    with pytest.raises(InvalidDraft) as refused:
        author.governance.read_draft(file)
    assert refused.value.line == line, refused.value
    assert said in str(refused.value) and str(file) in str(refused.value)


def test_a_file_that_is_not_there_or_no_text_is_refused(author: Registry, file: Path) -> None:
    with pytest.raises(InvalidDraft, match="cannot be read"):
        author.governance.read_draft(file)
    file.write_bytes(b"\xff\xfe\x00bad\x00")
    with pytest.raises(InvalidDraft, match="not YAML"):
        author.governance.read_draft(file)
    file.write_bytes(b"#" * (2**18 + 2))
    with pytest.raises(InvalidDraft, match="more than"):
        author.governance.read_draft(file)


def test_lines_within_lines_do_not_break_the_reader(author: Registry, file: Path) -> None:
    file.write_text("title: T\nactions: " + "[" * 5_000 + "]" * 5_000)
    with pytest.raises(InvalidDraft):
        author.governance.read_draft(file)


@pytest.mark.parametrize("beside", [False, True])
def test_a_file_says_the_same_with_the_line_ends_and_the_mark_of_windows(
    author: Registry, tmp_path: Path, beside: bool
) -> None:
    said = []
    for kind, end, mark in (("unix", "\n", ""), ("windows", "\r\n", "\ufeff")):
        folder = tmp_path / kind
        folder.mkdir()
        text = WHOLE
        if beside:
            body = "# Why\n\nBecause *spring* is here.\n"
            (folder / "why.md").write_bytes((mark + body.replace("\n", end)).encode())
            start, _, rest = text.partition("body: |")
            text = f"{start}body-file: why.md\nactions:{rest.partition('actions:')[2]}"
        (folder / "proposal.yaml").write_bytes((mark + text.replace("\n", end)).encode())
        said.append(read(folder / "proposal.yaml", author))
    assert said[0] == said[1] and "\r" not in said[1].body and said[1].body.startswith("# Why")


# --- What a stranger's file may not do ---------------------------------------------------------------


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    """A file of the reader's beside the folder of the draft."""
    path = tmp_path.parent / f"{tmp_path.name}-secret.txt"
    path.write_text("the reader's own")
    return path


def test_a_body_comes_from_the_folder_of_its_file_or_from_nowhere(
    author: Registry, file: Path, secret: Path, tmp_path: Path
) -> None:
    (tmp_path / "link.md").symlink_to(secret)
    (tmp_path / "out").symlink_to(secret.parent)
    (tmp_path / "loop").symlink_to("loop")
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "sub").mkdir()
    for name in (
        *(
            "/etc/passwd",
            f"../{secret.name}",
            "link.md",
            f"out/{secret.name}",
            f"sub/../../{secret.name}",
            "loop",
            "sub",
        ),
        *(str(secret), "pipe", "/dev/zero", "/dev/stdin", "none.md", "sub\0", "~/x", "."),
    ):
        file.write_text(f"title: T\nbody-file: {json.dumps(name)}\nactions: [{{pay: 1 USD, to: '{ANN}'}}]\n")
        with pytest.raises(InvalidDraft, match=r"cannot be read|not YAML") as caught:
            author.governance.read_draft(file)
        assert "own" not in str(caught.value)
    (tmp_path / "sub" / "why.md").write_text("fine")
    (tmp_path / "inside.md").symlink_to("sub/why.md")
    for name in ("sub/why.md", "./sub/../sub/why.md", "inside.md"):
        file.write_text(f"title: T\nbody-file: {name}\nactions: [{{pay: 1 USD, to: '{ANN}'}}]\n")
        assert author.governance.read_draft(file).body == "fine"
    (tmp_path / "sub" / "why.md").write_bytes(b"x" * (2**20 + 1))
    with pytest.raises(InvalidDraft, match="more than 1,048,576 bytes"):
        author.governance.read_draft(file)


NESTED = {
    "lists": "a: " + "[" * 6_000,
    "mappings": "a: " + "{" * 6_000,
    "both": "a: " + "[{a: " * 3_000,
    "blocks": "- " * 6_000,
    "questions": "? " * 6_000,
    "indented": "\n".join(f"{' ' * level}a:" for level in range(400)),
    "closed": "a: " + "[" * 100 + "]" * 100,
    "many": "a: [" + "[]," * 80_000 + "]",
    "aliases": "a: &a [x]\nb: &b [*a, *a]\n",
}


@pytest.mark.parametrize("name", NESTED)
def test_what_is_deep_or_grows_is_refused_before_it_is_built(author: Registry, file: Path, name: str) -> None:
    file.write_text(NESTED[name])
    with (
        mock.patch("yaml.compose") as built,
        pytest.raises(InvalidDraft, match=r"nested deeper|words and signs|aliases"),
    ):
        author.governance.read_draft(file)
    assert not built.called


def fee(text: str) -> str:
    return f"title: T\nactions:\n  - contract: AssetRegistry\n    function: setFee\n    arguments: {{feeBps: {text}}}\n"


@pytest.mark.parametrize(
    "text",
    [
        *(
            '"0,5"',
            "1_0",
            "050",
            "1e3",
            "0x10",
            "0o17",
            "1:30",
            "true",
            "yes",
            "12.5",
            "12.5 USD",
            "50 USD",
            "2027-01-31",
        ),
        *('"50 "', "-1", "+50", ".5", "~", "null", "2 days", "\u0665", "!!int 050", "!!float 5", "2027-01-31T12:00Z"),
    ],
)
def test_basis_points_are_a_plain_number(author: Registry, file: Path, text: str) -> None:
    file.write_text(fee(text))
    if text.startswith("!!float"):
        assert read(file, author).calls[0].data[-1:] == b"\x05", (
            "what is written counts, whatever YAML would make of it"
        )
        return
    with pytest.raises(InvalidDraft, match=r"line 5: .* is not a whole number"):
        read(file, author)


def test_an_amount_is_in_the_token_that_it_is_asked_in(author: Registry, file: Path) -> None:
    asset = author.publish(
        None, name="M", type="model", license="MIT", licences=[Licence.hold("full", price="5 USD")]
    ).did.asset_id
    vote = author.governance.dao.token

    def action(contract: str, function: str, arguments: str) -> Call:
        file.write_text(
            f"title: T\nactions:\n  - contract: {contract}\n    function: {function}\n    arguments: {arguments}\n"
        )
        return read(file, author).calls[0]

    def units(call: Call) -> int:
        return int.from_bytes(call.data[-32:], "big")

    assert units(action("USD", "approve", f"['{ANN}', 12.5 USD]")) == 12_500_000
    assert units(action("AssetRegistry", "setPrice", f"[{asset}, 0, 7 USD]")) == 7_000_000
    assert units(action("RegistryGovernor", "setSpendingCap", "['0x" + "0" * 40 + "', 2 ETH]")) == 2 * 10**18
    for contract, function, arguments in (
        ("USD", "approve", f"['{ANN}', 1 ETH]"),
        ("AssetRegistry", "setPrice", f"[{asset}, 0, 7 ETH]"),
        ("Curation", "setBond", f"['{vote}', 12.5 USD]"),
        ("Curation", "setBond", "[USD, 1 ETH]"),
        ("RegistryGovernor", "setProposalThreshold", "[5 USD]"),
        ("AssetRegistry", "setRoles", f"[{asset}, '{ANN}', 7 USD]"),
    ):
        with pytest.raises(InvalidDraft, match="line 5"):
            action(contract, function, arguments)
