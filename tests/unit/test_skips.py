"""A test that skips where nobody has said that it may is a failure, and what is missing is named with what helps."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import skips

ROOT = Path(__file__).parents[2]

ODD = """
import pytest, skips
{head}
@pytest.mark.skipif(True, reason="no such thing here")
def test_marked() -> None: ...
def test_asks() -> None: pytest.skip("nobody is there")
def test_imports() -> None: pytest.importorskip("no_such_module")
def test_needs() -> None: skips.program("no-such-program", "nor-this", hint="Install it.")
@pytest.mark.xfail
def test_known() -> None: assert False
def test_good() -> None: ...
"""


def run(place: Path, text: str) -> str:
    """What pytest says of a file with these tests, with the hooks of this project."""
    file = place / "test_odd.py"
    file.write_text(text)
    command = [sys.executable, "-m", "pytest", "-p", "skips", "-p", "no:ape_test", "-p", "no:cacheprovider", "-ra"]
    path = {"PYTHONPATH": str(ROOT / "tests")}
    done = subprocess.run([*command, "-q", str(file)], env=os.environ | path, cwd=place, capture_output=True, text=True)
    assert done.returncode in (1, 2), done.stdout + done.stderr
    return done.stdout


def test_a_skip_that_nobody_listed_fails(tmp_path: Path) -> None:
    said = run(tmp_path, ODD.format(head=""))
    assert "3 failed, 1 passed, 1 xfailed, 1 error" in said
    for reason in ("no such thing here", "nobody is there", "could not import 'no_such_module'"):
        assert f"tests/skips.py does not list it: Skipped: {reason}" in said
    assert "There is no no-such-program on this machine. Install it." in said


def test_a_whole_file_that_skips_fails(tmp_path: Path) -> None:
    for head in ("pytest.importorskip('no_such_module')", "pytest.skip('elsewhere', allow_module_level=True)"):
        assert "tests/skips.py does not list it" in run(tmp_path, ODD.format(head=head))


def test_a_file_that_is_missing_is_told_with_its_target(tmp_path: Path) -> None:
    assert skips.built(tmp_path, target="x") == tmp_path
    with pytest.raises(pytest.fail.Exception, match=r"absent is missing\. Run: make \.build/compiled"):
        skips.built(tmp_path / "absent", target=".build/compiled")


def test_who_may_not_install_programs_is_told_the_line_that_does(tmp_path: Path) -> None:
    for name in ("bash", "id", "uname"):
        (tmp_path / name).symlink_to(shutil.which(name) or name)
    script = ROOT / "scripts" / "_toolchain" / "system.sh"
    done = subprocess.run(["bash", str(script)], env={"PATH": str(tmp_path)}, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "") and done.stderr.count("\n") == 1
    assert "Install them, on Debian as root: apt-get install -y --no-install-recommends chromium" in done.stderr


def test_what_may_be_skipped_is_there_and_gives_its_reason() -> None:
    for place, reason in (skips.ON_PURPOSE | skips.ELSEWHERE).items():
        files = [ROOT / place] if place.endswith(".py") else [*(ROOT / place).glob("*.py")]
        assert any(reason in file.read_text(encoding="utf-8") for file in files), place
