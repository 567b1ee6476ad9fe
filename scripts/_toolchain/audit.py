"""Run what finds faults without running the code: slither, solhint, bandit, and the advisories on what we depend on.

`make audit`. Exit code 1 if anything was found that nobody has explained. An advisory database that cannot be reached
has found nothing and cleared nothing: it is told as not checked, and does not count as passed.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
TOOLS = Path(sys.executable).parent
PASSED, FAILED, NOT_CHECKED = "passed", "FAILED", "NOT CHECKED"
PARSED = Path(".forge", "audit")


def run(*command: str | Path, deadline: float = 1800) -> subprocess.CompletedProcess[str]:
    """Run a tool at the root of the project; `TimeoutExpired` after `deadline` seconds."""
    environment = {**os.environ, "PATH": f"{TOOLS}{os.pathsep}{os.environ['PATH']}"}
    return subprocess.run(
        [str(part) for part in command], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=deadline
    )


def parse() -> None:
    """Leave what slither reads as forge would: the syntax trees. Forge makes code too, which slither does not read and
    which takes nearly all of the time. `RuntimeError` if the contracts do not compile.
    """
    shipped = [path.relative_to(ROOT) for path in sorted((ROOT / "contracts").rglob("*.sol"))]
    request = {
        "language": "Solidity",
        "sources": {
            str(path): {"content": (ROOT / path).read_text(encoding="utf-8")}
            for path in shipped
            if not {"mocks", ".cache"} & set(path.parts)
        },
        "settings": {
            "remappings": ["@openzeppelin/=node_modules/@openzeppelin/"],
            "evmVersion": "cancun",
            "outputSelection": {"*": {"": ["ast"], "*": ["abi", "userdoc", "devdoc", "evm.methodIdentifiers"]}},
        },
    }
    compiler = ["node", "scripts/_toolchain/mutants/compile.cjs"]
    done = subprocess.run(
        compiler, cwd=ROOT, input=json.dumps(request) + "\n", capture_output=True, text=True, check=True, timeout=1800
    )
    answer = json.loads(done.stdout)
    faults = [error["formattedMessage"] for error in answer.get("errors", ()) if error["severity"] == "error"]
    if faults:
        raise RuntimeError("\n".join(faults))
    for contract in (one for file in answer["contracts"].values() for one in file.values()):
        contract["evm"].update({kind: {"object": "", "sourceMap": ""} for kind in ("bytecode", "deployedBytecode")})
    version = json.loads((ROOT / "node_modules/solc/package.json").read_text())["version"]
    place = ROOT / PARSED / "build-info"
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir(parents=True)
    (place / "trees.json").write_text(json.dumps({"solcVersion": version, "input": request, "output": answer}))


def slither() -> tuple[str, str]:
    """All contracts that ship, and the play money; of medium and above."""
    parse()
    answer = ROOT / PARSED / "found.json"
    answer.unlink(missing_ok=True)
    done = run(
        *(TOOLS / "slither", ".", "--ignore-compile", "--foundry-out-directory", PARSED),
        *("--filter-paths", "node_modules", "--fail-none", "--json", answer),
        *("--exclude-informational", "--exclude-low", "--exclude-optimization"),
    )
    summary = re.search(r"analyzed \((\d+) contracts with (\d+) detectors\), (\d+) result", done.stderr)
    if summary is None or done.returncode != 0:
        return FAILED, done.stdout + done.stderr
    found = {_key(one): one for one in json.loads(answer.read_text())["results"].get("detectors", ())}
    known = yaml.safe_load((ROOT / "scripts/_toolchain/slither.yaml").read_text(encoding="utf-8"))
    explained = {(one["check"], one["in"], one["at"]): one["reason"] for one in known}
    open_ = [one["description"].strip() for key, one in found.items() if not explained.get(key)]
    gone = [f"slither.yaml explains what is not found any more: {key}" for key in explained if key not in found]
    ours = (path for path in (ROOT / "contracts").rglob("*.sol") if ".cache" not in path.parts)
    hidden = [path for path in ours if "slither-disable" in path.read_text()]
    bare = [f"{path.relative_to(ROOT)} hides a finding: explain it in slither.yaml" for path in hidden]
    if open_ or gone or bare:
        return FAILED, "\n".join([*open_, *gone, *bare])
    contracts, detectors, count = summary.groups()
    return PASSED, f"{contracts} contracts, {detectors} detectors; {count} findings, each explained"


def _key(finding: dict[str, Any]) -> tuple[str, str, str]:
    """The detector, the contract and function, and the first statement or variable of a finding."""
    functions = [one for one in finding["elements"] if one["type"] == "function"]
    first = next((one for one in finding["elements"] if one["type"] != "function"), finding["elements"][0])
    function = functions[0] if functions else first["type_specific_fields"].get("parent", first)
    fields = function["type_specific_fields"]
    return finding["check"], f"{fields['parent']['name']}.{fields.get('signature', function['name'])}", first["name"]


def solhint() -> tuple[str, str]:
    """Every contract, mocks included; warnings count."""
    done = run("node_modules/.bin/solhint", "--noPoster", "--max-warnings", "0", "contracts/**/*.sol")
    return (PASSED, "no warning") if done.returncode == 0 else (FAILED, done.stdout + done.stderr)


def bandit() -> tuple[str, str]:
    """The Python package, at every severity."""
    done = run(TOOLS / "bandit", "-q", "-c", "pyproject.toml", "-r", "registry", "-f", "json")
    try:
        report = json.loads(done.stdout)
    except json.JSONDecodeError:
        return FAILED, done.stdout + done.stderr
    found = Counter((one["test_id"], one["filename"]) for one in report["results"])
    known = yaml.safe_load((ROOT / "scripts/_toolchain/bandit.yaml").read_text(encoding="utf-8"))
    explained = {(one["check"], one["in"]): one["findings"] for one in known if one["reason"]}
    open_ = [
        f"{one['filename']}:{one['line_number']}: {one['test_id']} {one['issue_text']}"
        for one in report["results"]
        if found[key := (one["test_id"], one["filename"])] > explained.get(key, 0)
    ]
    gone = [f"bandit.yaml explains more than is found: {key}" for key in explained if found[key] < explained[key]]
    unread = [f"{one['filename']}: {one['reason']}" for one in report["errors"]]
    if open_ or gone or unread:
        return FAILED, "\n".join([*open_, *gone, *unread])
    totals = report["metrics"]["_totals"]
    count = found.total() + totals["skipped_tests"]
    return PASSED, f"{totals['loc']:,} lines; {count} findings, each explained"


def pip_audit() -> tuple[str, str]:
    """Every package that is pinned for Python, in the environment with ape and in the newest one."""
    verdicts = [_pip_audit(pins) for pins in ("constraints.txt", "constraints-newest.txt")]
    return next((verdict for verdict in verdicts if verdict[0] != PASSED), verdicts[0])


def _pip_audit(pins: str) -> tuple[str, str]:
    done = run(
        *(TOOLS / "pip-audit", "-r", pins, "--no-deps", "--disable-pip", "--timeout", "10"),
        *("--format", "json", "--progress-spinner", "off"),
    )
    try:
        packages = json.loads(done.stdout)["dependencies"]
    except (json.JSONDecodeError, KeyError):
        return NOT_CHECKED, (done.stderr.strip().splitlines() or ["no answer"])[-1]
    found = [
        f"{one['name']} {one['version']}: {fault['id']}, mended in {fault['fix_versions']}"
        for one in packages
        for fault in one.get("vulns", [])
    ]
    if found:
        return FAILED, "\n".join(found)
    unknown = sum("skip_reason" in one for one in packages)
    if unknown:
        return NOT_CHECKED, f"the advisories on {unknown} of {len(packages)} packages could not be had"
    return PASSED, f"{len(packages)} packages, no advisory"


def npm_audit() -> tuple[str, str]:
    """Every package of the toolchain of npm."""
    done = run("npm", "audit", "--package-lock-only", "--json")
    try:
        report = json.loads(done.stdout)
    except json.JSONDecodeError:
        report = {}
    if "vulnerabilities" not in report:
        return (
            NOT_CHECKED,
            f"the advisories could not be had: {str(report.get('message', 'no answer')).split(' - ')[0]}",
        )
    found = [f"{name}: {one['severity']}, {one['range']}" for name, one in report["vulnerabilities"].items()]
    if found:
        return FAILED, "\n".join(found)
    return PASSED, f"{report['metadata']['dependencies']['total']} packages, no advisory"


def main() -> int:
    """Run all, print a line for each and what it found."""
    checks: list[Callable[[], tuple[str, str]]] = [slither, solhint, bandit, pip_audit, npm_audit]
    ends = []
    for check in checks:
        try:
            end, said = check()
        except subprocess.TimeoutExpired as error:
            end, said = NOT_CHECKED if "audit" in check.__name__ else FAILED, f"no answer after {error.timeout:.0f} s"
        ends.append(end)
        said = f"\n{said}" if end == FAILED else said
        print(f"{check.__name__.replace('_', '-'):10} {end:12} {said}", flush=True)  # noqa: T201
    counts = ", ".join(f"{ends.count(end)} {end.lower()}" for end in (PASSED, FAILED, NOT_CHECKED))
    print(f"static analysis: {counts}")  # noqa: T201
    return int(FAILED in ends)


if __name__ == "__main__":
    raise SystemExit(main())
