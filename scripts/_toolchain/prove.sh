#!/usr/bin/env bash
# Proves with halmos every statement of tests/forge/proofs, for all values: the arithmetic of shares and of time, what
# waits in a ledger, how jobs in escrow are divided, the packing of what is stored, the ids of items, the text of CIDs and the cap of royalties.
set -euo pipefail
cd "$(dirname "$0")/../.."
bin=.venv-prove/bin
proofs=tests/forge/proofs
# Nothing else is compiled, and what others compiled without syntax trees is not in the way.
export FOUNDRY_SRC=$proofs FOUNDRY_TEST=$proofs FOUNDRY_OUT=.forge/prove/out FOUNDRY_CACHE_PATH=.forge/prove/cache
forge build --ast > .prove.log 2>&1 || { cat .prove.log; exit 1; }
: > .prove.log
halmos() {
  "$bin/halmos" --forge-build-out "$FOUNDRY_OUT" --loop 64 --solver-timeout-assertion 600s "$@" 2>&1 \
    | grep -vE '[│╰╭├]|^(warning|note)\[|^ *$' | tee -a .prove.log
}
bits=(--match-contract 'Share(Induction|Tables)|StreamParts|(Cid|Escrow|Id|Ledger|Lineage|Packing)Proofs' --solver yices)
integers=(--solver-command "$bin/python scripts/_toolchain/smt.py")

# Products and quotients on integers, the rest on bits.
halmos --function testProve_ --match-contract '(Share|Stream)Lemmas' "${integers[@]}"
halmos --function testProve_ "${bits[@]}"

# What is false must be refuted, by an example and not by a want of time.
halmos --function refute_ --match-contract '(Share|Stream)Refutations' "${integers[@]}" || true
halmos --function refute_ "${bits[@]}" || true

# None may have been left out, as halmos does with what it cannot read.
count() { grep -ac "$1" .prove.log || true; }
declared() { cat $proofs/*.sol | grep -c "function $1"; }
proven=$(count 'PASS.*testProve_') refuted=$(count 'FAIL.*refute_') examples=$(count 'Counterexample')
echo "$proven of $(declared testProve_) statements proven; $refuted of $(declared refute_) false ones refuted"
[ "$proven" = "$(declared testProve_)" ] && [ "$refuted" = "$(declared refute_)" ] && [ "$examples" -ge "$refuted" ]
