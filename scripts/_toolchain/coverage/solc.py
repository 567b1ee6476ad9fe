#!/usr/bin/env python3
"""A `solc` for coverage: compiles what it is given without optimising it, and keeps the answer.

Optimised code shares and drops instructions, so that its source map no longer tells which lines ran. The one step that
is left, moving variables to memory, is what lets some functions compile at all. Ape calls this in place of the
compiler; the code it gets is the code that is described in `compiled/`.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path

COMPILER = os.environ["COVERAGE_SOLC"]
ANSWERS = Path(os.environ["COVERAGE_FOLDER"]) / "compiled"
OFF = ("peephole", "inliner", "jumpdestRemover", "orderLiterals", "deduplicate", "cse", "constantOptimizer")
SETTINGS = {
    "viaIR": True,
    "metadata": {"appendCBOR": False},
    "optimizer": {
        "enabled": False,
        "details": dict.fromkeys(OFF, False)
        | {"yul": True, "yulDetails": {"stackAllocation": True, "optimizerSteps": "u"}},
    },
}

if "--standard-json" not in sys.argv:
    os.execv(COMPILER, [COMPILER, *sys.argv[1:]])

request = json.load(sys.stdin)
request["settings"] |= SETTINGS
for wanted in request["settings"]["outputSelection"].values():
    wanted["*"] = [*wanted.get("*", []), "evm.bytecode", "evm.deployedBytecode"]
text = json.dumps(request)
answer = subprocess.run([COMPILER, *sys.argv[1:]], input=text, stdout=subprocess.PIPE, text=True, check=True).stdout
ANSWERS.mkdir(parents=True, exist_ok=True)
(ANSWERS / f"{hashlib.sha256(text.encode()).hexdigest()[:16]}.json").write_text(answer, encoding="utf-8")
sys.stdout.write(answer)
