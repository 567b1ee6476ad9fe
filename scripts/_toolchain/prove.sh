#!/usr/bin/env bash
# Proves the arithmetic of shares with halmos: every statement of tests/forge/ShareProofs.t.sol, for all values.
set -euo pipefail
cd "$(dirname "$0")/../.."
bin=.venv-prove/bin
forge build --ast tests/forge/ShareProofs.t.sol > .prove.log 2>&1 || { cat .prove.log; exit 1; }
prove() { "$bin/halmos" --forge-build-out .forge/out --loop 6 --solver-timeout-assertion 120s "$@"; }
integers=(--solver-command "$bin/python scripts/_toolchain/smt.py")

# Products and quotients on integers, the rest on bits.
prove --contract ShareLemmas --function testProve_ "${integers[@]}"
prove --match-contract 'ShareInduction|ShareTables' --function testProve_ --solver yices

# What is false must be refuted, by an example and not by a want of time.
prove --contract ShareRefutations --function refute_ "${integers[@]}" | tee .prove.log || true
refuted=$(grep -c '\[FAIL\]' .prove.log)
declared=$(grep -c 'function refute_' tests/forge/ShareProofs.t.sol)
[ "$refuted" = "$declared" ] || { echo "only $refuted of $declared false statements were refuted"; exit 1; }
echo "proven; and $refuted false statements were refuted, as they should be"
