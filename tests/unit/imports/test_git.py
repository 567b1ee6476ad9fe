"""Imports from git: a commit, whole, without a line of it running."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from registry.errors import ImportFailed, InputError, SourceNotFound
from registry.imports.bringing import Imported
from registry.ipfs.unixfs import compute_cid

from .support import written

Take = Callable[..., Imported]
FILES = {"README.md": b"# Code\n\nA program.\n", "src/main.py": b"print(1)\n", "src/data.csv": b"1,2\r\n", "empty": b""}


def git(folder: Path, *words: str) -> str:
    person = {f"GIT_{who}_{what}": "x@example.org" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
    done = subprocess.run(
        ["git", "-c", "init.defaultBranch=main", "-C", str(folder), *words],
        env={**os.environ, **person, "GIT_CONFIG_GLOBAL": "/dev/null"},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.strip()


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    made = written(FILES, tmp_path / "repository")
    git(made, "init", "-q")
    git(made, "add", ".")
    git(made, "commit", "-qm", "first")
    git(made, "tag", "v1")
    (made / "src" / "main.py").write_text("print(2)\n")
    git(made, "commit", "-qam", "second")
    return made


def test_branch_tag_and_commit_of_git_are_the_folder(take: Take, repository: Path, tmp_path: Path) -> None:
    first = git(repository, "rev-parse", "v1")
    got = take(f"git:{repository}@v1", license="MIT", type="algorithm")
    assert got.added is not None and got.added.cid == compute_cid(written(FILES, tmp_path / "folder"))
    assert (got.origin.revision, got.type, got.unchecked) == (first, "algorithm", ())
    assert got.fields["name"] == "Code" and got.fields["description"] == "A program."
    assert take(f"git:{repository}@{first}", license="MIT").added == got.added
    newest = take(f"git:file://{repository}", license="MIT")
    assert newest.added is not None and newest.added.cid != got.added.cid
    assert newest.origin.revision == git(repository, "rev-parse", "HEAD")


def test_links_and_other_repositories_within_are_left_out(take: Take, repository: Path) -> None:
    (repository / "passwd").symlink_to("/etc/passwd")
    git(repository, "add", "passwd")
    git(repository, "update-index", "--add", "--cacheinfo", f"160000,{'1' * 40},inner")
    git(repository, "commit", "-qm", "links")
    got = take(f"git:{repository}", license="MIT")
    assert set(got.left_out) == {"passwd", "inner"}


def test_filters_and_hooks_of_a_repository_do_not_run(take: Take, repository: Path, tmp_path: Path) -> None:
    ran = tmp_path / "ran"
    (repository / ".gitattributes").write_text("* filter=evil text eol=crlf\n")
    git(repository, "config", "filter.evil.smudge", f"touch {ran}")
    git(repository, "config", "uploadpack.packObjectsHook", f"touch {ran}; cat")
    git(repository, "-c", "filter.evil.smudge=", "add", ".gitattributes")
    git(repository, "commit", "-qm", "attributes")
    ran.unlink(missing_ok=True)
    got = take(f"git:{repository}", license="MIT", include=("src/",))
    assert got.added is not None and not ran.exists()


def test_a_pointer_to_what_is_not_in_git_is_refused(take: Take, repository: Path) -> None:
    pointer = f"version https://git-lfs.github.com/spec/v1\noid sha256:{'a' * 64}\nsize 5000\n"
    (repository / "weights.bin").write_text(pointer)
    git(repository, "add", ".")
    git(repository, "commit", "-qm", "weights")
    with pytest.raises(ImportFailed, match=r"'weights\.bin' is a pointer of Git LFS"):
        take(f"git:{repository}", license="MIT")
    assert take(f"git:{repository}", license="MIT", include=("src/",)).added is not None


@pytest.mark.parametrize(
    "address",
    ["ext::sh -c 'touch /tmp/ran'", "--upload-pack=touch", "ftp://example.org/x", "https://me:word@example.org/x.git",
     "https://example.org/x.git@--help", "https://example.org/x.git@a..b", "nowhere"],
)  # fmt: skip
def test_an_address_that_is_none_is_refused_and_its_password_not_shown(address: str, take: Take) -> None:
    with pytest.raises(InputError) as caught:
        take(f"git:{address}", license="MIT")
    assert "word" not in str(caught.value).replace("password", "")


def test_what_is_not_there_is_not_found(take: Take, repository: Path, tmp_path: Path) -> None:
    for source in (f"git:{repository}@v9", f"git:{repository}@{'1' * 40}", f"git:file://{tmp_path}/none"):
        with pytest.raises(SourceNotFound):
            take(source, license="MIT")
