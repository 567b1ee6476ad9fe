# ruff: noqa: RUF001
"""People with other scripts, terminals, systems and habits: nothing fails, and nothing is taken for another."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import unicodedata
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import regex

from registry import DDO, Draft, Licence, Registry
from registry.calls.words import in_votes
from registry.chain.journal import Journal
from registry.chain.signers import KeySigner, as_signer
from registry.cli.command import _warn
from registry.cli.console import Console, table_of
from registry.cli.look import read_json, read_text
from registry.cli.manifest import read_drafts
from registry.cli.views import asset_facts, files_table, offers_table
from registry.documents.ddo import MAX_BYTES
from registry.errors import (
    DDOTooLarge,
    InputError,
    InvalidContent,
    InvalidDDO,
    InvalidEntitlements,
    InvalidLicence,
    NotFoundError,
)
from registry.gateway.keys import KeyLock, Keys, make_key_file
from registry.governance.ballot import Ballot
from registry.governance.entitlements import read_csv
from registry.governance.standing import Choice
from registry.home import home
from registry.ipfs.server import Server
from registry.ipfs.sources import default_gateway
from registry.ipfs.store import LocalStore, MemoryStore, ReadThrough
from registry.ipfs.trustless import TrustlessGateway
from registry.text.letters import unseen, visible

BOM = b"\xef\xbb\xbf"
ODD_NAMES = [
    "Пингвины Палмера",
    "帕尔默企鹅数据集",
    "Penguins \U0001f427\U0001f468\u200d\U0001f469\u200d\U0001f467",
    "Zo\u0308e \u2014 e\u0301tude",
    "Zöe \u2014 étude",
    "بيانات البطريق",
    'it\'s "quoted" & <b>bold</b> [red]red[/red] [/x]',
    "İstanbul ıspanak",
    "{curly} %s $(sh) `sh` ;--",
    "n" * 256,
]

# What a stranger may have written, whatever our own documents refuse.
STEERING = [
    "\x1b[2J\x1b[31mred",
    "\x9b31m",
    "a\rb",
    "\x07",
    "\u202egpj.exe",
    "\u2066x\u2069",
    "a\u2028b",
    "\udcff",
    "\x00",
]


# --- Names ---------------------------------------------------------------------------------------


def test_any_name_is_published_found_and_shown_as_it_is(
    author: Registry, reader: Registry, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    # What no system can hold in the name of a file, or Windows cannot.
    plain = str.maketrans('<>"/\\|*?', "--------")
    files = {name: tmp_path / str(n) / f"{name[:60].translate(plain).strip()}.csv" for n, name in enumerate(ODD_NAMES)}
    drafts = []
    for name, file in files.items():
        file.parent.mkdir()
        file.write_text(name, encoding="utf-8")
        licences = [Licence.free(name, description=name), Licence.uses("calls", uses=1, price="1 USD")]
        fields = {"author": name}
        drafts.append(
            Draft(name=name, type="dataset", license="MIT", path=file.parent, licences=licences, fields=fields)
        )
    console = Console()
    for done, (name, file) in zip(author.publish_many(drafts), files.items(), strict=True):
        found = reader.get(done.did)
        assert (found.name, found.ddo.author, found.licences[0].name) == (name, name, name)
        author.download(done.did, tmp_path / f"copy of {file.parent.name}")
        assert (tmp_path / f"copy of {file.parent.name}" / file.name).read_text(encoding="utf-8") == name
        console.result(found, facts=asset_facts(found), table=offers_table(found.name, found.licences))
        console.table(files_table(found.name, author.files(done.did)))
        shown = capsys.readouterr().out
        assert name in shown.replace("\n", "") and "1 USD" in shown


def test_two_spellings_of_a_name_are_two_names_and_neither_is_lost(author: Registry, tmp_path: Path) -> None:
    """NFC and NFD look the same. What was published is kept byte for byte, and a name is found by its own spelling."""
    both = [unicodedata.normalize(form, "étude.csv") for form in ("NFC", "NFD")]
    for number, name in enumerate(both):
        (tmp_path / name).write_text(str(number))
    if len(list(tmp_path.iterdir())) < 2:
        pytest.skip("this file system takes them for one")
    did = author.publish(tmp_path, name="Étude", type="dataset", license="MIT").did
    assert {file.path for file in author.files(did)} == set(both)
    assert [author.open(did, name).read() for name in both] == [b"0", b"1"]


@pytest.mark.parametrize("name", ["a\u202egpj.exe", "a\x1b[31m.csv", "con.txt", "x. ", "a\nb"], ids=ascii)
def test_a_file_name_that_shows_as_another_or_steers_is_not_published(
    author: Registry, tmp_path: Path, name: str
) -> None:
    (tmp_path / name).write_text("x")
    before = author.chain.block().number
    with pytest.raises(InvalidContent):
        author.publish(tmp_path, name="Odd", type="dataset", license="MIT")
    with pytest.raises(InvalidDDO):
        author.publish(None, name="a\u202egpj.exe\x1b[31m", type="dataset", license="MIT")
    assert author.chain.block().number == before


# --- Terminals -----------------------------------------------------------------------------------


@pytest.mark.parametrize("steering", STEERING, ids=ascii)
def test_a_terminal_obeys_nothing_that_a_stranger_wrote(steering: str, capsys: pytest.CaptureFixture[str]) -> None:
    console = Console()
    table = table_of(steering, "name")
    table.add_row(steering)
    console.table(table)
    console.say(steering)
    console.note(steering)
    console.facts({"name": steering})
    console.error(NotFoundError(steering, hint=steering))
    out, err = capsys.readouterr()
    assert visible(out) == out and visible(err) == err
    assert out.count(visible(steering)) == 4 and err.count(visible(steering)) == 3
    assert visible(steering).isprintable()


@pytest.mark.parametrize("name", ["[bold]", "[/x]", "[link=http://evil.example]x[/link]", "\\[x]", "[[x]]"])
def test_brackets_in_a_name_are_brackets(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    table = table_of(name, "name")
    table.add_row(name)
    Console().table(table)
    assert capsys.readouterr().out.count(name) == 2


# --- Letters that nobody sees --------------------------------------------------------------------

# As Unicode has them, of another maker than ours.
IGNORABLE = [chr(code) for code in range(0x110000) if regex.match(r"\p{Default_Ignorable_Code_Point}", chr(code))]

# Persian, Sinhala and Devanagari as they are spelled; a family, a heart, a keycap, a dark-skinned scientist, a pirate.
JOINED = ["می\u200cخواهم", "ශ්\u200dරී", "क्\u200dष", "\U0001f468\u200d\U0001f469\u200d\U0001f467", "\u2764\ufe0f"]
JOINED += ["1\ufe0f\u20e3", "\U0001f469\U0001f3ff\u200d\U0001f52c", "\U0001f3f4\u200d\u2620\ufe0f", "\u2194\ufe0f"]


@pytest.mark.parametrize("name", JOINED, ids=ascii)
def test_joiners_stay_where_they_shape_letters(author: Registry, tmp_path: Path, name: str) -> None:
    (tmp_path / f"{name}.csv").write_text(name)
    did = author.publish(tmp_path, name=name, type="dataset", license="MIT", tags=[name]).did
    assert author.get(did).name == name and author.files(did)[0].path == f"{name}.csv"
    assert visible(f"{name} \u00a0 \u3000") == f"{name} \u00a0 \u3000"


def test_no_letter_of_unicode_that_nobody_sees_stands_in_a_name_or_reaches_a_terminal() -> None:
    assert len(IGNORABLE) > 4000
    for letter in IGNORABLE:
        assert unseen(f"data{letter}set") == letter and unseen(letter) == letter, ascii(letter)
        assert visible(f"data{letter}set").isascii(), ascii(letter)
    assert [chr(code) for code in range(0xE000) if unseen(chr(code)) and chr(code) not in IGNORABLE] == [
        "\u2028",
        "\u2029",
    ]


@pytest.mark.parametrize(
    "letter", ["\u200b", "\u00ad", "\u3164", "\ufe0f", "\u200d", "\U000e0041", "\u061c"], ids=ascii
)
def test_a_name_with_a_letter_that_nobody_sees_is_refused_by_its_number(
    author: Registry, tmp_path: Path, letter: str
) -> None:
    (tmp_path / f"data{letter}.csv").write_text("x")
    number, odd = f"U\\+{ord(letter):04X}", f"data{letter}"
    with pytest.raises(InvalidContent, match=number):
        author.publish(tmp_path, name="Odd", type="dataset", license="MIT")
    reason = number if letter != "\u061c" else "text-direction"
    with pytest.raises(InvalidLicence, match=reason):
        Licence.free(odd)
    given: dict[str, Any] = {"name": "Odd", "type": "dataset", "license": "MIT"}
    for fields in ({"name": odd}, {"author": odd}, {"tags": ["x", odd]}):
        with pytest.raises(InvalidDDO, match=reason):
            author.publish(None, **{**given, **fields})
    listed = {"path": odd, "size": 0, "cid": "bafkreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyku"}
    content = {"cid": listed["cid"], "size": 0, "profile": "unixfs-v1-2025", "files": [listed]}
    with pytest.raises(InvalidDDO, match="/content/files/0/path"):
        DDO.from_dict({**given, "content": content})


def test_words_about_an_asset_may_have_soft_hyphens_and_breaks(author: Registry) -> None:
    words = "Donau\u00addampf\u00adschiff, ភាសា\u200bខ្មែរ, می\u200cخواهم, \U0001f468\u200d\U0001f467"
    did = author.publish(None, name="Odd", type="dataset", license="MIT", description=words).did
    assert author.get(did).ddo.description == words


def test_json_holds_no_letter_that_a_terminal_obeys_or_nobody_sees(capsys: pytest.CaptureFixture[str]) -> None:
    every = [chr(code) for code in range(0x110000) if unicodedata.category(chr(code)) in ("Cc", "Cf", "Cs")]
    value = {f"key {number}": f"a{letter}b" for number, letter in enumerate([*every, *IGNORABLE])}
    Console(as_json=True).result(value)
    written = capsys.readouterr().out
    assert json.loads(written) == value
    # Spaces and line breaks between values are its own; everything else can be seen.
    left = {char for char in written if char != "\n" and unicodedata.category(char)[0] == "C"}
    assert not left and not {char for char in written if char in IGNORABLE}


def test_a_warning_steers_no_terminal(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    _warn("a\x1b[31mb\u202e", UserWarning)
    assert capsys.readouterr().err == "Warning: a\\x1b[31mb\\u202e\n"
    monkeypatch.setattr(sys, "argv", ["registry", "--json", "show", "1"])
    _warn("a\x1b[31mb", UserWarning)
    assert json.loads(capsys.readouterr().err) == {"warning": "UserWarning", "message": "a\x1b[31mb"}


_SHOW = """
import sys
from registry.cli.console import Console, table_of
from registry.cli import command
import click

@click.command()
def cli():
    console = Console(as_json="--json" in sys.argv)
    table = table_of("Пингвины \U0001f427", "имя", "价格")
    table.add_row("帕尔默企鹅", "12,5 \u20ac")
    console.result({"name": "帕尔默企鹅"}, table=table, facts={"имя": "Zo\u0308e"})
    click.echo("étude \U0001f427")

sys.argv = sys.argv[:1]
command.run(cli)
"""


@pytest.mark.parametrize(
    "environment",
    [
        {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
        {"LC_ALL": "C.UTF-8"},
        {"LC_ALL": "tr_TR.UTF-8", "LANG": "tr_TR.UTF-8"},
        {"PYTHONIOENCODING": "ascii:strict"},
        {"PYTHONIOENCODING": "cp1252:strict"},
    ],
    ids=lambda environment: ",".join(f"{key}={value}" for key, value in environment.items()),
)
def test_a_terminal_that_lacks_a_letter_shows_its_number(environment: dict[str, str], tmp_path: Path) -> None:
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("LC_", "LANG", "PYTHON"))}
    script = tmp_path / "show.py"
    script.write_text(_SHOW, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, str(script)], env={**clean, **environment}, capture_output=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr.decode("utf-8", "replace")
    if "utf" in str(environment).lower().replace("pythonutf8", ""):
        assert "帕尔默企鹅" in done.stdout.decode("utf-8")
    else:
        assert b"\\u5e15" in done.stdout, "no letter is lost"


# --- Habits --------------------------------------------------------------------------------------


def test_a_decimal_comma_is_never_a_comma_of_thousands(tmp_path: Path, author: Registry) -> None:
    """In half of Europe 12,5 is twelve and a half; taken for 125 it would be paid out tenfold."""
    account = author.address
    for written in ('"12,5"', '"1.000,50"', '"1,00"', '"1,0000"'):
        file = tmp_path / "payees.csv"
        file.write_text(f"account,amount\n{account},{written}\n")
        with pytest.raises(InvalidEntitlements, match=r"line 2: .*comma means different things"):
            read_csv(file)
        with pytest.raises(InputError, match="comma"):
            author.amount(f"{written.strip(chr(34))} USD")
    file.write_text(f"account,amount\n{account},1_000_000.5\n")
    assert read_csv(file).total == 1_000_000_5 * 10**17


def test_votes_are_read_and_shown_to_the_last_unit(tmp_path: Path, author: Registry) -> None:
    """2**96 has a digit more than Decimal keeps by itself."""
    most = "79228162514.264337593543950335"
    file = tmp_path / "payees.csv"
    file.write_text(f"account,amount\n{author.address},{most}\n")
    assert read_csv(file).total == 2**96 - 1
    assert in_votes(2**96 - 1) == "79,228,162,514.264337593543950335"
    assert (in_votes(0), in_votes(10**18), in_votes(15 * 10**17)) == ("0", "1", "1.5")


# --- Windows -------------------------------------------------------------------------------------


def as_notepad_saves(text: str) -> bytes:
    return BOM + text.replace("\n", "\r\n").encode()


def test_lists_drafts_and_names_may_have_the_line_ends_and_the_mark_of_windows(tmp_path: Path) -> None:
    account = "0x" + "11" * 20
    payees = tmp_path / "payees.csv"
    payees.write_bytes(as_notepad_saves(f"account,amount,start,cliff,duration\n{account},1500.5,,,\n"))
    assert read_csv(payees).total == 15_005 * 10**17
    drafts = {
        "drafts.json": '[\n {"name": "Ä", "type": "dataset", "license": "MIT"}\n]\n',
        "drafts.jsonl": '{"name": "Ä", "type": "dataset", "license": "MIT"}\n\n',
        "drafts.toml": '[[asset]]\nname = "Ä"\ntype = "dataset"\nlicense = "MIT"\n',
    }
    for name, text in drafts.items():
        (tmp_path / name).write_bytes(as_notepad_saves(text))
        assert [draft.name for draft in read_drafts(tmp_path / name)] == ["Ä"], name
    names = tmp_path / "names.json"
    names.write_bytes(as_notepad_saves(f'{{\n "ann": "{account}"\n}}\n'))
    assert read_json(str(names)) == {"ann": account} and not read_text(str(names)).startswith("\ufeff")


def test_a_line_break_of_unicode_in_a_draft_breaks_no_line(tmp_path: Path) -> None:
    file = tmp_path / "drafts.jsonl"
    file.write_text('{"name": "x", "description": "a\u2028b", "type": "dataset", "license": "MIT"}\n', encoding="utf-8")
    assert len(read_drafts(file)) == 1


def test_a_key_file_is_opened_whatever_editor_saved_it(tmp_path: Path) -> None:
    from eth_account import Account

    key = b"\x11" * 32
    content = Account.encrypt(key, "correct horse", kdf="pbkdf2", iterations=2)
    file = tmp_path / "key.json"
    file.write_bytes(as_notepad_saves(json.dumps(content, indent=2)))
    assert KeySigner.from_keyfile(file, "correct horse").address == KeySigner(key).address


def test_the_key_file_of_a_gateway_is_read_too(tmp_path: Path) -> None:
    lock = tmp_path / "lock.key"
    make_key_file(lock)
    lock.write_bytes(as_notepad_saves(lock.read_text()))
    Keys.make(tmp_path / "keys.age", KeyLock(key_file=lock))
    lock.write_bytes(BOM + lock.read_bytes().split(b"\n")[-2] + b"\r\n")
    assert Keys.open(tmp_path / "keys.age", KeyLock(key_file=lock)).address


@pytest.mark.parametrize("around", ["{}\r", "{}\r\n", " {} ", '"{}"', "{}x", "'{}'"])
def test_a_key_from_a_file_of_settings_is_taken_or_refused_and_never_shown(around: str) -> None:
    """REGISTRY_KEY of an .env file with the line ends of Windows, or with quotes that nobody took off."""
    key = "0x" + "ab12" * 16
    written = around.format(key)
    if written.strip() == key:
        assert as_signer(written) is not None
        return
    with pytest.raises(InputError) as refused:
        as_signer(written)
    assert "ab12ab12" not in str(refused.value)


def test_a_ballot_survives_mail_and_is_still_only_one_file(tmp_path: Path) -> None:
    """Ballots and proposals have one form, so that one content has one CID; what is put around it is taken off."""
    voter = "0x" + "22" * 20
    ballot = Ballot(1, "0x" + "33" * 20, 7, voter, Choice.FOR, 0, b"\x01" * 65)  # type: ignore[arg-type]
    file = ballot.save(tmp_path / "ballot.json")
    clean = file.read_bytes()
    for mailed in (clean, as_notepad_saves(clean.decode()), clean.rstrip(b"\n"), BOM + clean):
        file.write_bytes(mailed)
        assert Ballot.load(file).cid == ballot.cid
    file.write_bytes(clean.replace(b",", b",\r\n", 1))
    with pytest.raises(Exception, match="one form"):
        Ballot.load(file)


@pytest.mark.parametrize("odd", [b"\xff\xfe{\x00}\x00", b"\xfe\xff\x00{\x00}", b"caf\xe9"])
def test_a_text_in_another_encoding_is_told_and_not_guessed(tmp_path: Path, odd: bytes) -> None:
    file = tmp_path / "names.json"
    file.write_bytes(odd)
    for read in (lambda: read_text(str(file)), lambda: read_drafts(file), lambda: read_csv(file)):
        with pytest.raises(InputError):
            read()


# --- No home -------------------------------------------------------------------------------------


def test_who_has_no_home_is_told_how_to_name_one(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """In a container an account may have neither HOME nor an entry among the users of the system."""
    import pwd

    def unknown(_uid: int) -> None:
        raise KeyError

    monkeypatch.setattr(pwd, "getpwuid", unknown)
    for name in ("HOME", "REGISTRY_HOME", "XDG_DATA_HOME", "IPFS_GATEWAY", "IPFS_PATH", "XDG_CONFIG_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match="REGISTRY_HOME"):
        home()
    assert default_gateway() is None
    assert list(tmp_path.iterdir()) == [], "no folder called ~"
    monkeypatch.setenv("REGISTRY_HOME", str(tmp_path / "mine"))
    assert home() == tmp_path / "mine"


# --- A document at the limit ---------------------------------------------------------------------


def filler(size: int) -> dict[str, object]:
    return {"additional": {"filler": "x" * size}}


@pytest.fixture
def to_the_limit() -> Callable[..., DDO]:
    """A document that is so many bytes over the limit of one block."""

    def make(name: str, over: int = 0) -> dict[str, object]:
        plain = DDO(name=name, type="dataset", license="MIT", **filler(0))  # type: ignore[arg-type]
        return filler(MAX_BYTES - len(plain.to_bytes()) + over)

    return make


def test_a_document_at_the_limit_takes_every_way_and_one_byte_more_takes_none(
    author: Registry,
    reader: Registry,
    to_the_limit: Callable[..., dict[str, object]],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    options = {"name": "Full", "type": "dataset", "license": "MIT"}
    done = author.publish(None, **options, **to_the_limit("Full"))  # type: ignore[call-overload]
    found = reader.get(done.did)
    assert len(found.ddo.to_bytes()) == MAX_BYTES
    assert reader.verify(done.did).document == done.cid
    assert reader.resolve(done.did)["id"] == str(done.did)
    Console().result(found, facts=asset_facts(found))
    assert "Full" in capsys.readouterr().out
    served = LocalStore(tmp_path / "served")
    served.put(done.cid, author.store.get(done.cid))
    with Server(served) as server:
        far = ReadThrough(MemoryStore(), [TrustlessGateway(server.url)])
        other = Registry(reader.chain, reader.deployment, store=far, journal=Journal.in_memory())
        assert other.get(done.did).ddo == found.ddo and far.has(done.cid)

    block = author.chain.block().number
    with pytest.raises(DDOTooLarge) as refused:
        author.publish(None, **options, **to_the_limit("Full", 1))  # type: ignore[call-overload]
    assert (refused.value.size, refused.value.limit) == (MAX_BYTES + 1, MAX_BYTES)
    with pytest.raises(DDOTooLarge):
        author.update(done.did, **to_the_limit("Full", 1))  # type: ignore[arg-type]
    with pytest.raises(DDOTooLarge):
        author.add_licence(done.did, Licence.free("one more"))
    assert author.chain.block().number == block
