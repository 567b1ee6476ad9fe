"""Locked environments: the wheels that were locked and no others, from content, with nothing of them run outside."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from integration.sandbox.wheels import make_sdist, make_wheel
from registry.errors import CannotReproduce, InvalidRecord, WrongEnvironment
from registry.ipfs.store import LocalStore, MemoryStore
from registry.ipfs.unixfs import add_file
from registry.sandbox import Spec, run
from registry.sandbox.runs.environment import environment
from registry.sandbox.runs.lock import Lock, fetch_wheels, make_lock, platform, python_version

GREETING = {"greeting.py": "def greet(): return 'good day'\n"}


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A package index: an empty folder."""
    folder = tmp_path / "index"
    folder.mkdir()
    monkeypatch.setenv("UV_NO_INDEX", "1")
    monkeypatch.setenv("UV_FIND_LINKS", str(folder))
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "cache"))
    yield folder


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore()


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


def out_of_reach(monkeypatch: pytest.MonkeyPatch) -> None:
    """No index, no cache, and a proxy that nobody answers at."""
    for name in ("UV_DEFAULT_INDEX", "HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    monkeypatch.delenv("UV_FIND_LINKS", raising=False)
    monkeypatch.delenv("UV_NO_INDEX", raising=False)
    monkeypatch.setenv("UV_CACHE_DIR", "/nowhere")


def say(built: Path, code: str) -> str:
    """Run a program in an environment, and return what it says."""
    python = (built / "bin" / "python").resolve()
    return run(Spec(command=("/env/bin/python", "-c", code), mounts={"/env": built}, python=python)).check().text()


def test_a_lock_names_each_wheel_by_its_hashes(index: Path, store: MemoryStore) -> None:
    make_wheel(index, "greeting", "1.0", GREETING)
    make_wheel(index, "greeting", "2.0", GREETING)
    lock = make_lock(["greeting<2"], store)
    assert [wheel.name for wheel in lock.wheels] == ["greeting-1.0-py3-none-any.whl"]
    assert (lock.python, lock.platform) == (python_version(), platform())
    assert Lock.from_bytes(lock.to_bytes()) == lock and store.has(lock.wheels[0].cid)


def test_index_down_offline_works(index: Path, store: MemoryStore, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_wheel(index, "greeting", "1.0", GREETING)
    lock = make_lock(["greeting"], store)
    out_of_reach(monkeypatch)
    built = environment(lock, store, home)
    assert say(built, "import greeting; print(greeting.greet())") == "good day\n"
    assert environment(lock, MemoryStore(), home) == built, "it is made once"


def test_changed_wheel_hash(index: Path, store: MemoryStore, home: Path) -> None:
    make_wheel(index, "greeting", "1.0", GREETING)
    wheel = make_lock(["greeting"], store).wheels[0]
    other = make_wheel(index, "greeting", "1.0", {"greeting.py": "def greet(): return 'your money'\n"})
    swapped = wheel.model_copy(update={"cid": add_file(other, store).cid, "size": other.stat().st_size})
    with pytest.raises(WrongEnvironment, match=r"greeting-1\.0-py3-none-any\.whl is not the one that was locked"):
        environment(Lock(python=python_version(), platform=platform(), wheels=(swapped,)), store, home)
    assert not list((home / "environments").glob("[0-9a-f]*[0-9a-f]")), "nothing is left"
    # An index that has another file under the same name is no help to who lacks the wheel.
    with pytest.raises(WrongEnvironment, match="the package index has no greeting"):
        fetch_wheels(Lock(python=python_version(), platform=platform(), wheels=(wheel,)), MemoryStore())


def test_sdist_instead_of_wheel(index: Path, store: MemoryStore, tmp_path: Path) -> None:
    """To build one is to run it."""
    mark = tmp_path / "was-run"
    make_sdist(index, "greeting", "1.0", mark)
    with pytest.raises(WrongEnvironment, match="greeting"):
        make_lock(["greeting"], store)
    assert not mark.exists()
    told = {"python": "3.11", "platform": platform(), "format": "asset-registry.lock/1"}
    wheel = {"name": "greeting-1.0.tar.gz", "size": 1, "sha256": "0" * 64, "cid": "bafkreia"}
    with pytest.raises(InvalidRecord, match="/wheels/0/name"):
        Lock.made({**told, "wheels": [wheel]})


def test_pth_file_runs_only_inside(index: Path, store: MemoryStore, home: Path, tmp_path: Path) -> None:
    mark = tmp_path / "was-run"
    # Runs at the start of each Python that has it, wherever that may write.
    line = f"import os; [open(p + '/was-run', 'w') for p in ({str(tmp_path)!r}, '/tmp') if os.access(p, os.W_OK)]\n"
    hook = "import os\nraise SystemExit('compiled and run')\n"
    make_wheel(index, "greeting", "1.0", {**GREETING, "greeting.pth": line, "sitecustomize.py": hook})
    lock = make_lock(["greeting"], store)
    before = set(os.listdir("/tmp"))
    built = environment(lock, store, home)
    assert not mark.exists() and "was-run" not in set(os.listdir("/tmp")) - before
    code = "import os; print(os.path.exists('/tmp/was-run'))"
    python = (built / "bin" / "python").resolve()
    outcome = run(Spec(command=("/env/bin/python", "-c", code), mounts={"/env": built}, python=python))
    assert "compiled and run" in outcome.text(), "its own start is its own affair"
    assert not mark.exists()


def test_lock_for_other_python(store: MemoryStore, home: Path) -> None:
    with pytest.raises(WrongEnvironment, match=r"it is for Python 3\.99, and there is none here"):
        environment(Lock(python="3.99", platform=platform(), wheels=()), store, home)
    with pytest.raises(WrongEnvironment, match=r"it is for plan9-mips, and this machine is linux-"):
        environment(Lock(python=python_version(), platform="plan9-mips", wheels=()), store, home)


def test_what_is_missing_is_all_told(index: Path, store: MemoryStore, home: Path) -> None:
    for name in ("greeting", "parting"):
        make_wheel(index, name, "1.0", GREETING)
    lock = make_lock(["greeting", "parting"], store)
    with pytest.raises(CannotReproduce, match=r"no greeting-1\.0.*no parting-1\.0"):
        environment(lock, MemoryStore(), home)


def test_a_wheel_that_unpacks_without_end_is_refused(
    index: Path, store: MemoryStore, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_wheel(index, "greeting", "1.0", {**GREETING, "zeros.py": "0" * 100_000})
    lock = make_lock(["greeting"], store)
    monkeypatch.setattr("registry.sandbox.runs.environment.MOST_UNPACKED", 50_000)
    with pytest.raises(WrongEnvironment, match="unpack to more than 50,000 bytes"):
        environment(lock, store, home)


def test_two_runs_that_start_together_make_it_once(index: Path, tmp_path: Path, home: Path) -> None:
    from concurrent.futures import ThreadPoolExecutor

    store = LocalStore(tmp_path / "blocks")
    make_wheel(index, "greeting", "1.0", GREETING)
    lock = make_lock(["greeting"], store)
    with ThreadPoolExecutor(2) as pool:
        made = list(pool.map(lambda _: environment(lock, store, home), range(2)))
    assert made[0] == made[1] and len(list((home / "environments").iterdir())) == 2, "and the file that was held"


def test_without_uv_the_way_to_it_is_told(monkeypatch: pytest.MonkeyPatch, store: MemoryStore) -> None:
    monkeypatch.setitem(__import__("sys").modules, "uv", None)
    monkeypatch.setattr("shutil.which", lambda *_, **__: None)
    with pytest.raises(WrongEnvironment, match=r"uv is not installed.*pip install 'asset-registry\[run\]'"):
        make_lock(["greeting"], store)
