"""A few of the chaos runs, so that they stay alive; ``make chaos`` is the long hunt."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from chaos.plan import ACTS, FAULTS, Plan
from chaos.sabotage import NAMED

TESTS = Path(__file__).parents[1]


def test_a_seed_decides_all_that_goes_wrong_and_many_seeds_bring_every_kind() -> None:
    plans = [Plan.of(seed) for seed in range(1, 501)]
    assert plans == [Plan.of(seed) for seed in range(1, 501)]
    assert all(sorted(plan.acts) == sorted(ACTS) for plan in plans)
    assert {kind for plan in plans for kind in plan.kinds} == set(FAULTS)
    for what in ("kills", "reorgs", "fills", "outages", "twins", "gated", "new_keys"):
        assert sum(bool(getattr(plan, what)) for plan in plans) >= 10, what
    assert {reorg.fate for plan in plans for reorg in plan.reorgs} == {"returned", "some", "lost"}


def test_in_a_few_runs_nothing_is_lost_and_nothing_doubled() -> None:
    """The first theatre also shows its checker a spoilt world; what it does not see there is told, too."""
    command = [sys.executable, "-m", "chaos", "--runs", "4", "--seed", "381", "--workers", "2", "--json"]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(TESTS), str(TESTS.parent)])}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=300)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-6000:]
    told = json.loads(done.stdout)
    assert told["findings"] == {} and told["the checker misses"] == [] and NAMED
    counts = told["counts"]
    assert counts["runs"] == 4 and counts["acts"] >= 32 and counts["lives"] > counts["runs"]
    assert counts["reorg"] and counts["disk full"] and sum(counts.get(kind, 0) for kind in FAULTS) >= 10
