"""What a command costs before it does anything: the CPU seconds of `registry show`, beside those of `import web3`.

Most of a short command is imports, and most of these are web3's, so that is the measure. CPU seconds of the user and
of the system together, of fresh processes that take turns, first and last by turns: what else the machine does adds to
neighbours alike. A ratio is the median of the ratios of neighbours, all else a median too.
"""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Any, Final

from rich.console import Console

from bench import rows
from bench.anvil import anvil
from registry.assets.drafting import Draft
from registry.chain.connection import Chain
from registry.chain.local import deploy_local
from registry.chain.signers import dev_signer
from registry.client import Registry

RESULTS: Final = Path(__file__).resolve().parent / "results" / "startup.json"
ROUNDS: Final = 15
WORDS: Final = {
    "import_web3_cpu_seconds": "import web3, CPU seconds",
    "show_cpu_seconds": "registry show 1, CPU seconds",
    "show_of_import_web3": "registry show 1, of import web3",
    "import_registry_cpu_seconds": "import registry, CPU seconds above a bare Python",
}
BARS: Final = {"show_of_import_web3": ("<=", 1.35), "import_registry_cpu_seconds": ("<=", 0.1)}


def measure() -> dict[str, Any]:
    """The medians of `ROUNDS` runs of each command, on a chain with one published asset."""
    with anvil() as w3, tempfile.TemporaryDirectory() as folder:
        url, home = str(w3.provider.endpoint_uri), Path(folder)
        author = Registry.connect(url, signer=dev_signer(0), deployment=deploy_local(Chain.connect(url)), home=home)
        author.publish_many([Draft(name="Measured", type="dataset", license="CC0-1.0")])
        record = author.deployment.save(home)
        # As an installed package is: its modules are compiled, and stay so.
        installed = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
        environment = {**installed, "REGISTRY_RPC": url, "REGISTRY_HOME": folder, "REGISTRY_DEPLOYMENT": str(record)}
        commands = {
            "bare": [sys.executable, "-c", "pass"],
            "registry": [sys.executable, "-c", "import registry"],
            "web3": [sys.executable, "-c", "import web3"],
            "show": [sys.executable, "-c", "from registry.cli import main; main()", "show", "1"],
        }
        spent: dict[str, list[float]] = {name: [] for name in commands}
        # The first of each may have to compile Python files.
        for turn in range(ROUNDS + 1):
            for name in commands if turn % 2 else reversed(commands):
                seconds = _cpu(commands[name], environment)
                if turn:
                    spent[name].append(seconds)
    middle = {name: median(seconds) for name, seconds in spent.items()}
    ratios = [show / web3 for show, web3 in zip(spent["show"], spent["web3"], strict=True)]
    results = {
        "import_web3_cpu_seconds": round(middle["web3"], 2),
        "show_cpu_seconds": round(middle["show"], 2),
        "show_of_import_web3": round(median(ratios), 2),
        "import_registry_cpu_seconds": round(middle["registry"] - middle["bare"], 3),
    }
    return {**results, "missed": [name for name, (_, bar) in BARS.items() if results[name] > bar]}


def show(console: Console, results: dict[str, Any]) -> None:
    """Print the figures."""
    console.print(rows.table("What a command costs before it does anything", results, WORDS, BARS))


def write(results: dict[str, Any]) -> None:
    """Write the results."""
    rows.write(results, RESULTS)


def _cpu(command: Sequence[str], environment: Mapping[str, str]) -> float:
    """CPU seconds of a process and its children, user and system."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, env=environment, stdout=subprocess.DEVNULL, check=True, timeout=120)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime


if __name__ == "__main__":
    sys.exit(rows.alone("start-up", measure, show, write))
