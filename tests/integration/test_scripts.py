"""``ape run ...`` on the three kinds of network: eth-tester, an anvil of ape's own, and one that runs already."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from skips import built

from registry import Registry
from registry.chain.connection import Chain
from registry.chain.local import deploy_local, found_local
from registry.chain.signers import dev_signer

from .cli_support import ADDRESSES, MODEL, ROOT
from .support import Anvil

APE = Path(sys.executable).parent / "ape"
THROW_AWAY = ("ethereum:local:test", "ethereum:local:foundry")


def ape(*words: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run ape in the project, with a home of the test's own."""
    built(APE, target=".venv/dev")
    path = [str(ROOT / ".bin"), str(APE.parent), os.environ["PATH"]]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("REGISTRY_")} | {
        "PATH": os.pathsep.join(path),
        "SOLCX_BINARY_PATH": str(ROOT / ".solcx"),
        "APE_DATA_FOLDER": str(ROOT / ".ape"),
        "REGISTRY_HOME": str(folder / "home"),
    }
    return subprocess.run(
        [str(APE), "run", *words],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        stdin=subprocess.DEVNULL,
        check=False,
    )


def value(ended: subprocess.CompletedProcess[str]) -> Any:
    """The JSON value of a script, alone on standard output."""
    assert ended.returncode == 0, ended.stderr
    return json.loads(ended.stdout)


@pytest.mark.parametrize("network", THROW_AWAY)
def test_buying_is_one_command_on_a_chain_that_starts_empty(network: str, tmp_path: Path) -> None:
    words = ("--network", network, "--account", "TEST::0", "--deploy", "1", "commercial", "--yes", "--json")
    bought = value(ape("buy", *words, folder=tmp_path))
    assert bought["price"]["total"] == "12.5 USD"
    assert bought["holding"]["active"] is True
    # Nothing of a chain that is gone stays behind.
    assert not (tmp_path / "home").exists()


def test_publishing_on_a_chain_that_starts_empty(tmp_path: Path) -> None:
    words = ("--name", "classifier", "--type", "model", "--license", "MIT", "--licence", "all: free")
    network = ("--network", THROW_AWAY[0], "--account", "TEST::0", "--deploy")
    made = value(ape("publish", *network, str(MODEL), *words, "--json", folder=tmp_path))
    assert str(made["did"]).endswith("_1")
    assert made["owner"] == ADDRESSES["author"]


def test_a_chain_that_has_just_started_has_no_registry(tmp_path: Path) -> None:
    ended = ape("show", "--network", THROW_AWAY[0], "1", folder=tmp_path)
    assert ended.returncode == 1
    assert "\nNotDeployed" in "\n" + ended.stderr
    assert "--deploy" in ended.stderr


def test_scripts_share_a_chain_that_goes_on_running(anvil: Anvil, tmp_path: Path) -> None:
    network = ("--network", f"ethereum:local:{anvil.url}")
    author = (*network, "--account", "TEST::0")
    buyer = (*network, "--account", "TEST::1")
    record = tmp_path / "deployments"
    deployed = value(
        ape("deploy", *author, "--local-dollar", "--folder", str(record), "--yes", "--json", folder=tmp_path)
    )
    assert Path(str(deployed["recorded"])) == record / "1337.json"
    here = ("--deployment", str(record / "1337.json"), "--json")
    made = value(
        ape(
            "publish",
            *author,
            str(MODEL),
            *("--name", "classifier", "--type", "model", "--license", "MIT"),
            *("--licence", "calls: 10 uses, 0.002 ETH", "--licence", "all: free"),
            *here,
            folder=tmp_path,
        )
    )
    did = str(made["did"])
    assert value(ape("show", *network, did, *here, folder=tmp_path))["name"] == "classifier"
    assert value(ape("buy", *buyer, did, "calls", "--yes", *here, folder=tmp_path))["holding"]["uses"] == 10
    assert value(ape("open", *buyer, did, "weights.json", *here, folder=tmp_path))["size"] == (
        (MODEL / "weights.json").stat().st_size
    )
    refused = ape("transfer", *buyer, did, ADDRESSES["stranger"], "--yes", *here, folder=tmp_path)
    assert refused.returncode == 1
    assert json.loads(refused.stderr)["error"] == "ERC721InsufficientApproval"


def test_a_decision_of_the_dao_by_scripts(anvil: Anvil, tmp_path: Path) -> None:
    chain = Chain.connect(anvil.url)
    founded = found_local(chain, deploy_local(chain), {ADDRESSES["author"]: 1_000}, guardian=ADDRESSES["buyer"])
    record, file = founded.save(tmp_path), tmp_path / "fee.yaml"
    author = Registry.on(chain, signer=dev_signer(0), deployment=founded, home=tmp_path / "other")
    author.governance.delegate()
    chain.advance(10)
    file.write_text("title: Fee\nactions: [{contract: AssetRegistry, function: setFee, arguments: [50]}]\n")
    network = ("--network", f"ethereum:local:{anvil.url}", "--account", "TEST::0", "--deployment", str(record))
    made = value(ape("propose", *network, str(file), "--yes", "--json", folder=tmp_path))
    for seconds, words in ((90_000, ("vote", "for", "--yes")), (600_000, ("queue",)), (200_000, ("execute",))):
        chain.advance(seconds)
        verb, *more = words
        assert value(ape(verb, *network, str(made["id"]), *more, "--json", folder=tmp_path))["tx"]
    assert author.sales_rules[1] == 50


def test_ape_lists_each_script_with_its_sentence(tmp_path: Path) -> None:
    listed = ape("--help", folder=tmp_path).stdout
    names = {path.stem for path in (ROOT / "scripts").glob("*.py") if not path.stem.startswith("_")}
    assert {line.split()[0] for line in listed.partition("Commands:")[2].splitlines() if line.strip()} == names
