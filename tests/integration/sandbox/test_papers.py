"""What journals want: a notebook as code, compared cell by cell; and a crate that their validator accepts.

The validator and the kernel are run as strangers' programs are, in locked environments: what they need is not
installed."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any, Final

import pytest

from registry.errors import InputError
from registry.ipfs.store import LocalStore
from registry.sandbox import Limits, Spec, run
from registry.sandbox.runs.environment import environment
from registry.sandbox.runs.lock import make_lock
from registry.sandbox.runs.reproducing import reproduce
from registry.sandbox.runs.rocrate import write_crate
from registry.sandbox.runs.running import Made, Workshop

VALIDATOR: Final = ("roc-validator==0.13.0", "rocrate==0.16.0")
KERNEL: Final = ("ipykernel==7.1.0", "nbclient==0.10.2")

VALIDATE: Final = '''
import io, sys, requests, requests_cache
from importlib.resources import files
from requests.adapters import BaseAdapter
from rocrate_validator import models, services
from urllib3 import HTTPResponse

class Context(BaseAdapter):
    """The one document that the validator asks the network for, from the package that has it."""
    def send(self, request, **_):
        answer = requests.Response()
        answer.status_code, answer.request, answer.url = 200, request, request.url
        answer.raw = HTTPResponse(io.BytesIO(files("rocrate").joinpath("data/ro-crate.jsonld").read_bytes()),
                                  status=200, headers={"Content-Type": "application/ld+json"}, preload_content=False)
        answer.headers["Content-Type"] = "application/ld+json"
        return answer
    def close(self): pass

session = requests_cache.CachedSession("/tmp/cache", expire_after=-1)
session.mount("https://w3id.org/", Context())
session.get("https://w3id.org/ro/crate/1.1/context")
result = services.validate(services.ValidationSettings(
    rocrate_uri="/data/in/crate", profile_identifier="process-run-crate-0.5", offline=True, cache_path="/tmp/cache",
    requirement_severity=models.Severity.REQUIRED))
for issue in result.get_issues():
    print(issue.check.identifier, issue.message)
sys.exit(result.has_issues())
'''


@pytest.fixture(scope="module")
def workshop(tmp_path_factory: pytest.TempPathFactory) -> Workshop:
    home = tmp_path_factory.mktemp("home")
    return Workshop(LocalStore(home / "blocks"), home)


@pytest.fixture(scope="module")
def made(workshop: Workshop, tmp_path_factory: pytest.TempPathFactory) -> Made:
    """A small run, with an input and parameters."""
    place = tmp_path_factory.mktemp("paper")
    (place / "data").mkdir()
    (place / "data" / "x.csv").write_text("x\n1\n")
    (place / "code").mkdir()
    (place / "code" / "main.py").write_text("open('y.csv', 'w').write('y\\n2\\n')")
    (place / "code" / "run.toml").write_text('entry = "main.py"')
    params = {"times": 2, "names": ["a", "b"]}
    return workshop.run(
        place / "code", {"data": place / "data"}, outputs=place / "out", params=params, keep_inputs=True
    )


def test_a_crate_of_a_run_validates(made: Made, workshop: Workshop, tmp_path: Path) -> None:
    crate = tmp_path / "crate"
    write_crate(made.record, workshop.store, crate, license="CC-BY-4.0", name="A run", author="Ann")
    crate.chmod(0o755)
    built = environment(make_lock(VALIDATOR, workshop.store), workshop.store, workshop.home)
    spec = Spec(
        command=("/env/bin/python", "-c", VALIDATE),
        mounts={"/env": built, "/data/in/crate": crate},
        python=(built / "bin" / "python").resolve(),
        variables={"HOME": "/tmp", "PYTHONPYCACHEPREFIX": "/env/pycache"},
        limits=Limits(seconds=300, memory=2 * 2**30),
    )
    assert run(spec).check().ok
    metadata = crate / "ro-crate-metadata.json"
    broken = json.loads(metadata.read_text())
    broken["@graph"] = [entry for entry in broken["@graph"] if entry["@id"] != "./"]
    metadata.write_text(json.dumps(broken))
    assert run(spec).ended == "failed", "it refuses what is none"


def test_a_crate_has_the_bytes_and_refuses_to_overwrite(made: Made, workshop: Workshop, tmp_path: Path) -> None:
    crate = tmp_path / "crate"
    write_crate(made.record, workshop.store, crate, license="CC-BY-4.0")
    assert (crate / "outputs" / "y.csv").read_text() == "y\n2\n"
    assert (crate / "run-record.json").read_bytes() == made.record.to_bytes()
    with pytest.raises(InputError, match="exists already"):
        write_crate(made.record, workshop.store, crate, license="CC-BY-4.0")
    with pytest.raises(InputError, match="under which licence"):
        write_crate(made.record, workshop.store, tmp_path / "other", license="")


def cell(source: str) -> dict[str, Any]:
    return {
        "cell_type": "code",
        "metadata": {},
        "source": source,
        "outputs": [],
        "execution_count": None,
        "id": source[:8],
    }


def test_a_notebook_is_code_and_compared_cell_by_cell(workshop: Workshop, tmp_path: Path) -> None:
    place = tmp_path / "book"
    place.mkdir()
    words = ["import random\nrandom.seed(1)", "print('seeded', random.random())", "1 + 1", "import time\ntime.time()"]
    book = {"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": [cell(source) for source in words]}
    for number, entry in enumerate(book["cells"]):  # type: ignore[arg-type]
        entry["id"] = f"cell{number}"
    (place / "study.ipynb").write_text(json.dumps(book))
    (place / "run.toml").write_text('entry = "study.ipynb"\n[limits]\nmemory = 2_147_483_648\nseconds = 300\n')
    (place / "run.lock.json").write_bytes(make_lock(KERNEL, workshop.store).to_bytes())
    done = workshop.run(place, outputs=tmp_path / "out")
    told = [(finding.kind, finding.where) for finding in done.record.findings]
    assert ("clock", "study.ipynb, cell 4:2") in told and "randomness" not in dict(told)
    shown = json.loads((tmp_path / "out" / "study.ipynb").read_text())["cells"]
    assert shown[1]["outputs"][0]["text"].startswith("seeded 0.13436424411240122")
    assert shown[2]["outputs"][0]["data"]["text/plain"] == "2"
    again = reproduce(done.record, workshop, outputs=tmp_path / "again")
    (verdict,) = again.verdicts
    assert verdict.word == "differs" and [place for place, *_ in verdict.places] == ["cell 4, output 1, line 1"]
    book["cells"] = book["cells"][:3]  # type: ignore[index]
    shutil.rmtree(tmp_path / "out")
    (place / "study.ipynb").write_text(json.dumps(book))
    done = workshop.run(place, outputs=tmp_path / "out")
    again = reproduce(done.record, workshop, outputs=tmp_path / "once-more")
    assert again.word == "same"
