"""Runs with a record, and records run again: same, close or differs, and what is told when it cannot be tried."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from integration.sandbox.wheels import make_wheel
from registry.errors import AccessDenied, CannotReproduce, InputError, InvalidRecord, RunFailed
from registry.ipfs.cid import CID
from registry.ipfs.store import LocalStore
from registry.ipfs.unixfs import add_tree
from registry.sandbox.runs.lock import make_lock
from registry.sandbox.runs.record import RunRecord
from registry.sandbox.runs.reproducing import CANNOT, DIFFERS, SAME, Reproduction, read_record, reproduce
from registry.sandbox.runs.running import FoundAsset, Made, Workshop

EXAMPLES = Path(__file__).parents[3] / "examples"


@pytest.fixture
def workshop(tmp_path: Path) -> Workshop:
    """The author's."""
    return Workshop(LocalStore(tmp_path / "blocks"), tmp_path / "home")


@pytest.fixture
def folder(tmp_path: Path) -> Callable[[], Path]:
    """Folders for outputs, a new one each time."""
    numbers = iter(range(100))
    return lambda: tmp_path / "out" / str(next(numbers))


@pytest.fixture
def code(tmp_path: Path) -> Callable[..., Path]:
    """Write a folder of code: its program, and what its run.toml has beside the entry."""

    def write(program: str, rest: str = "") -> Path:
        place = tmp_path / "code"
        place.mkdir(exist_ok=True)
        (place / "main.py").write_text(textwrap.dedent(program))
        (place / "run.toml").write_text('entry = "main.py"\n' + textwrap.dedent(rest))
        return place

    return write


@pytest.fixture
def data(tmp_path: Path) -> Path:
    place = tmp_path / "numbers"
    place.mkdir()
    (place / "numbers.csv").write_text("x\n1\n2\n3.5\n")
    return place


SUM = """
    import csv, json, os, sys
    with open(os.environ["REGISTRY_INPUTS"] + "/numbers/numbers.csv") as file:
        total = sum(float(row["x"]) for row in csv.DictReader(file))
    params = json.load(open(os.environ["REGISTRY_PARAMS"]))
    print("adding", *sys.argv[1:])
    open("total.json", "w").write(json.dumps({"total": total * params.get("times", 1)}))
"""


@pytest.fixture
def made(workshop: Workshop, code: Callable[..., Path], data: Path, folder: Callable[[], Path]) -> Made:
    """A run of a small sum, whose inputs are kept."""
    return workshop.run(code(SUM), {"numbers": data}, outputs=folder(), params={"times": 2}, keep_inputs=True)


# --- Running -------------------------------------------------------------------------------------


def test_a_run_leaves_its_outputs_and_a_record_of_how(made: Made, workshop: Workshop, data: Path) -> None:
    assert json.loads((made.outputs / "total.json").read_text()) == {"total": 13}
    record = made.record
    assert RunRecord.from_bytes(record.to_bytes()) == record == read_record(record.cid, workshop)
    assert [(entry.name, entry.cid) for entry in record.inputs] == [("numbers", add_tree(data, workshop.store).cid)]
    assert record.params == {"times": 2} and [entry.path for entry in record.outputs] == ["total.json"]
    assert record.environment.variables["TZ"] == "UTC" and record.usage.tier == 2
    assert record.machine.processor and record.environment.libc.startswith("glibc")
    assert [finding.kind for finding in record.findings] == ["code"], "it is not published"


def test_arguments_params_and_logs(workshop: Workshop, code: Callable[..., Path], data: Path, folder: Any) -> None:
    logs: list[bytes] = []
    place = code(SUM, 'arguments = ["{inputs}/numbers", "--to", "{outputs}"]')
    made = workshop.run(place, {"numbers": data}, outputs=folder(), on_log=logs.append)
    assert b"".join(logs) == b"adding /data/in/numbers --to /data/out\n" == made.outcome.log
    again = workshop.run(place, {"numbers": data}, outputs=folder(), arguments=["now"])
    assert again.outcome.log == b"adding now\n" and again.record.code.arguments == ("now",)


def test_one_file_is_code_too(workshop: Workshop, tmp_path: Path, folder: Any) -> None:
    program = tmp_path / "hello.py"
    program.write_text("open('hello.txt', 'w').write('good day')")
    made = workshop.run(program, outputs=folder())
    assert (made.outputs / "hello.txt").read_text() == "good day"
    assert reproduce(made.record, workshop, outputs=folder()).word == "same"


def test_a_run_that_fails_is_not_recorded(workshop: Workshop, code: Callable[..., Path], folder: Any) -> None:
    with pytest.raises(RunFailed, match=r"ended with exit code 1.*ZeroDivisionError") as caught:
        workshop.run(code("1 / 0"), outputs=folder())
    assert "Traceback" in caught.value.log
    with pytest.raises(RunFailed, match="left nothing in its folder of outputs"):
        workshop.run(code("print('done')"), outputs=folder())


@pytest.mark.parametrize(
    ("rest", "message"),
    [
        ("[limits]\nspeed = 3", "'speed' is not a limit"),
        ('[outputs."x"]\ncompare = "nearly"', "Input should be 'exact'"),
        ('[outputs."x"]\ncompare = "close"', "rtol and atol belong to 'close', and it needs one of them"),
        ('[outputs."x"]\ncompare = "close"\nrtol = inf', "less than or equal to 1"),
        ('requirements = ["numpy"]', "has requirements and no lock of them.*registry sandbox lock"),
        ("entry = 2", "is not TOML"),
        ("colour = 1", "/colour: Extra inputs are not permitted"),
    ],
)
def test_a_run_file_that_is_wrong_is_told(
    workshop: Workshop, code: Callable[..., Path], folder: Any, rest: str, message: str
) -> None:
    with pytest.raises((InputError, InvalidRecord), match=message):
        workshop.run(code("pass", rest), outputs=folder())


def test_an_entry_outside_of_its_folder_is_refused(workshop: Workshop, code: Callable[..., Path], folder: Any) -> None:
    place = code("pass")
    for entry in ("../main.py", "/etc/passwd", "missing.py", "run.toml"):
        (place / "run.toml").write_text(f'entry = "{entry}"')
        with pytest.raises(InputError, match=r"is not in|is neither"):
            workshop.run(place, outputs=folder())


# --- What is told when it is recorded -------------------------------------------------------------


@pytest.mark.parametrize(
    ("program", "kind", "where"),
    [
        pytest.param("import time; now = time.time()", "clock", "main.py:2", id="clock_read"),
        pytest.param("from datetime import datetime as d; d.now()", "clock", "main.py:2", id="clock_read_by_a_class"),
        pytest.param("import random; random.random()", "randomness", "", id="random_unseeded_is_told"),
        pytest.param("import uuid; uuid.uuid4()", "randomness", "main.py:2", id="random_name"),
        pytest.param("import secrets; secrets.token_hex()", "randomness", "main.py:2", id="random_token"),
        pytest.param(
            "import urllib.request as r\ntry: r.urlopen('http://example.org/')\nexcept OSError: pass",
            "network",
            "main.py:3",
            id="network_needed_is_told",
        ),
    ],
)
def test_what_makes_a_run_irreproducible_is_told(
    workshop: Workshop, code: Callable[..., Path], folder: Any, program: str, kind: str, where: str
) -> None:
    record = workshop.run(code(f"open('x', 'w')\n{program}"), outputs=folder()).record
    assert (kind, where) in [(finding.kind, finding.where) for finding in record.findings]


def test_nothing_is_told_of_a_run_that_is_reproducible(
    workshop: Workshop, code: Callable[..., Path], folder: Any
) -> None:
    program = """
        import random, socket, tempfile, time, logging
        random.seed(7)
        started = time.perf_counter()
        logging.warning("time passes")
        with tempfile.TemporaryFile(): pass
        a, b = socket.socketpair()
        open("x", "w").write(str(random.random()))
    """
    made = workshop.run(code(program), outputs=folder())
    assert [finding.kind for finding in made.record.findings] == ["code"]
    assert reproduce(made.record, workshop, outputs=folder()).word == "same"


def test_an_input_that_is_not_pinned_is_told(
    workshop: Workshop, code: Callable[..., Path], data: Path, folder: Any
) -> None:
    record = workshop.run(code(SUM), {"numbers": data}, outputs=folder()).record
    told = [finding for finding in record.findings if finding.kind == "input"]
    assert [finding.where for finding in told] == ["numbers"]


# --- Running again -------------------------------------------------------------------------------


def test_three_reruns_are_the_same(made: Made, workshop: Workshop, folder: Any) -> None:
    for _ in range(3):
        again = reproduce(made.record, workshop, outputs=folder())
        assert (again.word, again.exit, again.notes) == ("same", SAME, ())


def rerun(workshop: Workshop, code: Any, folder: Any, program: str, rest: str) -> Reproduction:
    """Run a program whose results change each time, and run it again."""
    made = workshop.run(code(f"import os, random, json\nrandom.seed()\n{program}", rest), outputs=folder())
    return reproduce(made.record, workshop, outputs=folder())


CLOSE = 'compare = "close"\nrtol = 1e-3\natol = 1e-9'


@pytest.mark.parametrize(
    ("program", "rest", "word", "why"),
    [
        ("open('x.bin', 'wb').write(os.urandom(9))", "", "differs", "byte 0"),
        ("open('x.json', 'w').write(json.dumps({'a': [1 + random.random() / 1e6]}))", CLOSE, "close", ""),
        ("open('x.json', 'w').write(json.dumps({'a': [random.random(), 1]}))", CLOSE, "differs", "/a/0"),
        ("open('x.json', 'w').write(json.dumps({'a': [0] * random.randint(1, 10**6)}))", CLOSE, "differs", "/a"),
        ("open('x.csv', 'w').write(f'n,p\\nxy,{100 + random.random() / 100}\\n')", CLOSE, "close", ""),
        ("open('x.csv', 'w').write(f'n,p\\nxy,{random.random()}\\n')", CLOSE, "differs", "row 2, p"),
        ("open('x.csv', 'w').write(f'n,p\\n{random.random():.20f}x,1\\n')", CLOSE, "differs", "row 2, n"),
        ("open('x.txt', 'w').write(f'loss is {2 + random.random() / 1e4:.9f} now')", CLOSE, "close", ""),
        (
            "open('x.txt', 'w').write(random.choice('abcdefghij') * random.randint(1, 10**5))",
            CLOSE,
            "differs",
            "line 1",
        ),
        ("open('x.pkl', 'wb').write(os.urandom(20) + b'\\xff')", CLOSE, "not comparable", ""),
    ],
)
def test_verdicts(workshop: Workshop, code: Any, folder: Any, program: str, rest: str, word: str, why: str) -> None:
    name = program.split("'")[1]
    again = rerun(workshop, code, folder, program, f'[outputs."{name}"]\n{rest}' if rest else "")
    (verdict,) = again.verdicts
    assert verdict.word == word and len(verdict.places) <= 10
    assert again.exit == {"close": SAME, "differs": DIFFERS, "not comparable": CANNOT}[word]
    assert not why or verdict.places[0][0] == why
    assert word != "close" or "rtol 0.001" in verdict.compared


def test_a_distribution_is_compared_as_one(workshop: Workshop, code: Any, folder: Any) -> None:
    program = "mean = {}\nopen('x.csv', 'w').write('a\\n' + '\\n'.join(str(random.gauss(mean)) for _ in range(500)))"
    rest = '[outputs."*.csv"]\ncompare = "statistical"'
    again = rerun(workshop, code, folder, program.format("0"), rest)
    assert again.word == "close" and "same distributions at level 0.001" in again.verdicts[0].why
    again = rerun(workshop, code, folder, program.format("random.randrange(1, 10**6)"), rest)
    assert again.word == "differs" and again.verdicts[0].places[0][0] == "a"


def test_output_extra(workshop: Workshop, code: Any, folder: Any) -> None:
    """And one that is missing."""
    again = rerun(workshop, code, folder, "open(f'x{random.random()}', 'w')", "")
    assert sorted(verdict.word for verdict in again.verdicts) == ["extra", "missing"] and again.exit == DIFFERS


def test_one_changed_input_byte_is_refused_before_it_runs(
    workshop: Workshop, code: Any, data: Path, folder: Any
) -> None:
    record = workshop.run(code(SUM), {"numbers": data}, outputs=folder()).record
    again = reproduce(record, workshop, outputs=folder(), on={"numbers": data})
    assert again.word == "same"
    (data / "numbers.csv").write_text("x\n1\n2\n3.6\n")
    logs: list[bytes] = []
    with pytest.raises(CannotReproduce, match="the input 'numbers' is another one"):
        reproduce(record, workshop, outputs=folder(), on={"numbers": data}, on_log=logs.append)
    assert not logs


def test_input_gone(workshop: Workshop, code: Any, data: Path, folder: Any) -> None:
    record = workshop.run(code(SUM), {"numbers": data}, outputs=folder()).record
    with pytest.raises(CannotReproduce, match="the input 'numbers' cannot be found") as caught:
        reproduce(record, workshop, outputs=folder())
    assert len(caught.value.missing) == 1


def test_wheel_gone(
    workshop: Workshop, code: Any, folder: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Everything that is missing is told at once, before an hour is spent."""
    index = tmp_path / "index"
    index.mkdir()
    make_wheel(index, "greeting", "1.0", {"greeting.py": "def greet(): return 'good day'\n"})
    monkeypatch.setenv("UV_NO_INDEX", "1")
    monkeypatch.setenv("UV_FIND_LINKS", str(index))
    place = code("import greeting; open('x', 'w').write(greeting.greet())", 'requirements = ["greeting"]')
    lock = make_lock(["greeting"], workshop.store)
    (place / "run.lock.json").write_bytes(lock.to_bytes())
    made = workshop.run(place, outputs=folder())
    assert (made.outputs / "x").read_text() == "good day"
    stranger = Workshop(LocalStore(tmp_path / "other"), tmp_path / "elsewhere")
    for root, _ in made.record.roots():
        stranger.store.put(root, workshop.store.get(root)) if root.codec == 0x55 else None
    with pytest.raises(CannotReproduce) as caught:
        reproduce(made.record, stranger, outputs=folder())
    told = " ".join(caught.value.missing)
    assert "there is no wheel greeting-1.0-py3-none-any.whl" in told and "the code cannot be found" in told
    assert reproduce(made.record, workshop, outputs=folder()).word == "same"


def test_gated_without_access(workshop: Workshop, code: Any, data: Path, folder: Any) -> None:
    did = "did:nft:eip155:1337_erc721:0x" + "12" * 20 + "_7"

    class Gate:
        """A registry with one gated asset."""

        shut = False

        def find(self, did: str, version: int | None = None) -> FoundAsset:
            return FoundAsset(did, 3, "numbers", CID.raw(b"sealed"), 100, gated=True)

        def download(self, found: FoundAsset, target: Path) -> None:
            if self.shut:
                raise AccessDenied(found.did, "0x" + "34" * 20, hint="Buy one of: 'seat'.")
            target.mkdir(parents=True)
            (target / "numbers.csv").write_bytes((data / "numbers.csv").read_bytes())

    gate = Gate()
    workshop.places = gate
    record = workshop.run(code(SUM), {"numbers": did}, outputs=folder()).record
    (entry,) = record.inputs
    assert (entry.did, entry.version) == (did, 3) and entry.cid == add_tree(data, workshop.store).cid
    assert record.parents == (did,)
    assert reproduce(record, workshop, outputs=folder()).word == "same"
    gate.shut = True
    with pytest.raises(CannotReproduce, match=r"the input 'numbers' needs access: .*Buy one of: 'seat'"):
        reproduce(record, workshop, outputs=folder())


def test_cpu_other(made: Made, workshop: Workshop, folder: Any) -> None:
    """It is told, and what was recorded for instructions that are not here is run with others."""
    machine = made.record.machine.model_copy(update={"processor": "Cray-1", "instructions": ("avx512f",)})
    variables = {**made.record.environment.variables, "OPENBLAS_CORETYPE": "SKYLAKEX"}
    environment = made.record.environment.model_copy(update={"variables": variables, "libc": "glibc 1.0"})
    other = made.record.model_copy(update={"machine": machine, "environment": environment})
    again = reproduce(other, workshop, outputs=folder())
    assert again.word == "same"
    notes = " ".join(again.notes)
    assert "the processor was Cray-1" in notes and "the C library was glibc 1.0" in notes
    if "avx512f" not in Path("/proc/cpuinfo").read_text():
        assert "this processor has no avx512f" in notes


def test_a_record_is_read_as_strictly_as_it_is_written(made: Made) -> None:
    data = made.record.to_bytes()
    for changed, message in (
        (data.replace(b'"times":2', b'"times":2.0'), "one form"),
        (data.replace(b"asset-registry.run/1", b"asset-registry.run/9"), "/format"),
        (data[:-1] + b',"x":1}', "/x: Extra inputs"),
        (data.replace(b'"total.json"', b'"total\\njson"'), "/outputs/0/path"),
        (b"{}", "/code: Field required"),
        (b"[" * 9000, "nested deeper"),
        (b'"' + b"x" * 2**20, "more than 1,048,576 bytes"),
    ):
        with pytest.raises(InvalidRecord, match=message):
            RunRecord.from_bytes(changed)


# --- The example ---------------------------------------------------------------------------------


def test_the_penguin_model_is_close_and_never_the_same_on_another_kernel(
    workshop: Workshop, folder: Any, tmp_path: Path
) -> None:
    made = workshop.run(
        EXAMPLES / "penguin_model", {"penguins": EXAMPLES / "penguins"}, outputs=folder(), keep_inputs=True
    )
    assert (made.outputs / "weights.json").read_bytes() == (EXAMPLES / "penguin_model" / "weights.json").read_bytes()
    assert made.record.machine.blas and "OpenBLAS" in made.record.machine.blas
    for _ in range(3):
        again = reproduce(made.record, workshop, outputs=folder())
        assert {verdict.word for verdict in again.verdicts} == {"same"}
    other = "NEOVERSEN1" if "asimd" in made.record.machine.instructions else "PRESCOTT"
    again = reproduce(made.record, workshop, outputs=folder(), variables={"OPENBLAS_CORETYPE": other})
    words = {verdict.path: verdict.word for verdict in again.verdicts}
    assert words == {"weights.json": "same", "scores.csv": "close"} and again.word == "close" and again.exit == SAME
    assert any("another kernel of linear algebra" in note for note in again.notes)
