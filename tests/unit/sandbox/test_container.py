"""Tier 3: what an engine of containers is told, word for word; what is refused; and a run where an engine is there."""

from __future__ import annotations

import json
import stat
import subprocess
from pathlib import Path
from typing import Any

import pytest

from registry.errors import InputError, SandboxFailed, SandboxUnavailable
from registry.sandbox import Limits, Outcome, Spec, Tier, run
from registry.sandbox.check import check
from registry.sandbox.container import ContainerEngine, command, engine

DIGEST = "sha256:" + "ab" * 32
IMAGE = f"docker.io/library/python@{DIGEST}"
PODMAN = ContainerEngine("podman", "/usr/bin/podman", rootless=True)


def told(engine: ContainerEngine, spec: Spec, folder: Path) -> list[str]:
    return command(engine, spec, "run-1", {"/data/out": folder}, (1000, 1000))


def test_the_engine_is_told_no_network_no_rights_no_root_and_every_limit(tmp_path: Path) -> None:
    limits = Limits(memory=2**30, processes=8, output=5_000, scratch=4_000, files=10)
    data = tmp_path / "data"
    data.mkdir()
    spec = Spec(
        command=("/usr/bin/python3", "-c", "1"),
        mounts={"/data/in": data},
        image=IMAGE,
        limits=limits,
        variables={"A": "b"},
    )
    words = told(PODMAN, spec, tmp_path)
    assert words[:3] == ["/usr/bin/podman", "create", "--name=run-1"]
    assert words[-5:] == ['--entrypoint=["/usr/bin/python3"]', "--", IMAGE, "-c", "1"]
    assert {
        *("--network=none", "--read-only", "--cap-drop=ALL", "--security-opt=no-new-privileges", "--pull=never"),
        *("--userns=keep-id", "--user=1000:1000", "--memory=1073749824", "--memory-swap=1073749824"),
        *("--pids-limit=8", "--ulimit=fsize=5000:5000", "--http-proxy=false", "--env=A=b", "--env=https_proxy="),
        f"--mount=type=bind,source={data},target=/data/in,readonly",
        f"--mount=type=bind,source={tmp_path},target=/data/out",
    } <= set(words)
    assert not any(word.startswith(("--privileged", "--volume", "-v", "--device", "--env-host")) for word in words)


def test_files_are_counted_where_the_engine_can(tmp_path: Path) -> None:
    """Podman 4 refuses a mount with a word that it does not know, and made no container at all."""
    spec = Spec(command=("/x",), image=IMAGE, limits=Limits(files=10, scratch=4_000))
    common = "--tmpfs=/tmp:rw,nosuid,nodev,mode=1777,size=4000"
    assert common in told(PODMAN, spec, tmp_path)
    docker = ContainerEngine("docker", "/usr/bin/docker", rootless=True)
    assert f"{common},nr_inodes=12" in told(docker, spec, tmp_path)


@pytest.mark.parametrize(
    ("engine", "user"),
    [
        (ContainerEngine("docker", "/usr/bin/docker", rootless=True), "--user=0:0"),
        (ContainerEngine("docker", "/usr/bin/docker", rootless=False), "--user=1000:1000"),
        (ContainerEngine("podman", "/usr/bin/podman", rootless=False), "--user=1000:1000"),
    ],
)
def test_it_is_nobody_of_this_machine_whatever_the_engine(engine: ContainerEngine, user: str, tmp_path: Path) -> None:
    words = told(engine, Spec(command=("/x",), image=IMAGE), tmp_path)
    assert [word for word in words if word.startswith(("--user=", "--userns="))] == [user]
    counted = [word for word in words if word.startswith("--ulimit=nproc=")]
    assert counted == ([] if engine.rootless else ["--ulimit=nproc=64:64"]), "an account that others use is not counted"


@pytest.mark.parametrize(
    "image",
    ["python", "python:3.11", "python:latest", f"python:3.11@{DIGEST}", f"python@{DIGEST[:-1]}",
     f"--privileged@{DIGEST}", f"python@{DIGEST}\n", f"python @{DIGEST}", "", "@" + DIGEST],
)  # fmt: skip
def test_image_by_tag_refused(image: str) -> None:
    with pytest.raises(InputError, match="does not say which image by its digest"):
        Spec(command=("/x",), image=image)


@pytest.mark.parametrize("name", ["data,target=x", 'a"b', "a\nb"])
def test_a_folder_cannot_add_words_to_what_the_engine_is_told(name: str, tmp_path: Path) -> None:
    folder = tmp_path / name
    folder.mkdir()
    with pytest.raises(InputError, match="cannot be laid in a container"):
        told(PODMAN, Spec(command=("/x",), image=IMAGE, mounts={"/data/in": folder}), tmp_path)


def test_an_image_runs_in_no_other_tier() -> None:
    with pytest.raises(SandboxUnavailable, match="a run from an image is one in a container"):
        run(Spec(command=("/x",), image=IMAGE), tier=Tier.BUBBLEWRAP)
    with pytest.raises(SandboxUnavailable, match="a run from an image is one in a container"):
        run(Spec(command=("/x",), image=IMAGE, least=Tier.MACHINE))


def test_where_no_engine_is_the_check_says_what_helps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("registry.sandbox.container.PROGRAMS", ())
    with pytest.raises(SandboxUnavailable, match="neither podman nor docker is installed"):
        run(Spec(command=("/x",), image=IMAGE))
    monkeypatch.setattr("registry.sandbox.check.probe", lambda tier: {})
    found = check()
    assert found.engine is None and "podman" in found.help
    assert found.untried[Tier.CONTAINER] == "neither podman nor docker is installed"


ACTS_LIKE_PODMAN = """#!/usr/bin/python3
import json, os, subprocess, sys
at, words = {at!r}, sys.argv[1:]
kept = os.path.join(at, "words.json")
with open(os.path.join(at, "asked"), "a") as log: log.write(words[0] + "\\n")
if words[0] == "info": print(json.dumps({{"host": {{"security": {{"rootless": True}}}}}}))
elif words[:2] == ["image", "inspect"]: print(os.environ.get("HOME") and open(os.path.join(at, "volumes")).read())
elif words[0] == "create": json.dump(words, open(kept, "w"))
elif words[:2] == ["container", "inspect"]: print('[{{"State": {{"OOMKilled": false}}}}]')
elif words[0] == "start":
    made = json.load(open(kept))
    out = next(w for w in made if w.endswith("target=/data/out")).split("source=")[1].split(",")[0]
    entry = json.loads(next(w for w in made if w.startswith("--entrypoint=")).split("=", 1)[1])
    after = made[made.index("--") + 2:]
    sys.exit(subprocess.run([*entry, *(w.replace("/data/out", out) for w in after)]).returncode)
"""


@pytest.fixture
def acting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A program that answers as podman does and contains nothing: it shows in which order we ask, and what we make of
    the answers."""
    program = tmp_path / "podman"
    program.write_text(ACTS_LIKE_PODMAN.format(at=str(tmp_path)))
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    (tmp_path / "volumes").write_text("null")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr("registry.sandbox.container.PROGRAMS", (str(program),))
    return tmp_path


def test_a_container_is_made_started_stopped_and_removed_and_its_outputs_are_taken(acting: Path) -> None:
    assert engine().rootless
    spec = Spec(command=("/bin/sh", "-c", "echo said; echo made > /data/out/x"), image=IMAGE, outputs=acting / "taken")
    outcome = run(spec)
    assert outcome.ok and outcome.tier is Tier.CONTAINER and outcome.text() == "said\n"
    assert (acting / "taken" / "x").read_text() == "made\n"
    asked = (acting / "asked").read_text().split()
    assert asked[-6:] == ["image", "create", "start", "stop", "container", "rm"]


def test_a_container_that_fails_or_never_ends_is_removed(acting: Path) -> None:
    failed = run(Spec(command=("/bin/sh", "-c", "exit 3"), image=IMAGE))
    assert (failed.ended, failed.exit) == ("failed", 3)
    endless = run(Spec(command=("/bin/sleep", "60"), image=IMAGE, limits=Limits(seconds=0.5)))
    assert endless.ended == "seconds" and (acting / "asked").read_text().split()[-1] == "rm"


def test_an_image_with_volumes_of_its_own_is_refused(acting: Path) -> None:
    (acting / "volumes").write_text(json.dumps({"/data": {}}))
    with pytest.raises(SandboxFailed, match="makes volumes, whose size nobody limits: /data"):
        run(Spec(command=("/x",), image=IMAGE))


def test_a_program_runs_in_a_container_where_an_engine_has_an_image(tmp_path: Path) -> None:
    try:
        found = engine()
    except SandboxUnavailable:
        pytest.skip("no engine of containers on this machine")
    listed = subprocess.run([found.program, "images", "--digests", "--format={{.Repository}}@{{.Digest}}"],
                            capture_output=True, text=True, check=True).stdout.split()  # fmt: skip
    images = [name for name in listed if "@sha256:" in name]
    if not images:
        pytest.skip("no engine of containers on this machine has an image")

    def ran(script: str, **more: Any) -> Outcome:
        limits = Limits(seconds=3, processes=8, scratch=2**20, memory=64 * 2**20)
        return run(Spec(command=("/bin/sh", "-c", script), image=images[0], limits=limits, **more))

    outcome = ran("echo made > /data/out/x; echo $0", outputs=tmp_path / "out")
    assert outcome.ok and (tmp_path / "out" / "x").read_text() == "made\n"
    assert ran("echo x > /etc/x").ended == "failed", "nothing of the image is written"
    assert ran("while :; do :; done").ended == "seconds"
    assert ran("n() { n | n; }; n").ended in ("failed", "seconds"), "no more processes than it may have"
    names = subprocess.run([found.program, "ps", "--all", "--format={{.Names}}"], capture_output=True, text=True).stdout
    assert "asset-registry-" not in names, "nothing is left of them"
