# make demo   see it work: needs Python 3.11+ and nothing else
# make test   everything that is checked: needs Node 20+ too, sets itself up
# make prep   format, lint, types: before a commit
# make deep   the long hunts: state machines, invariants, parsers
# make chaos  500 runs on a bad line, with full disks and kills: RUNS=, SEED=, WORKERS=
# make coverage  lines and branches of the contracts that the tests run
# make coverage-python   how much of the package the tests go through
# make audit  static analysis, and advisories on what we depend on
# make prove  shares, packing, CIDs and the cap of royalties, proven for all values
# make mutants  do the tests notice faults? hours; SHARE=1/30 takes a thirtieth of each file and operator
# make bench  gas and speed, beside the incumbent
# make release  build, check, install elsewhere, play the demo from what was built; publishes nothing

PYTHON ?= python3
BIN := .venv/bin
export SOLCX_BINARY_PATH := $(CURDIR)/.solcx
export APE_DATA_FOLDER := $(CURDIR)/.ape
export PATH := $(CURDIR)/.bin:$(CURDIR)/$(BIN):$(CURDIR)/node_modules/.bin:$(PATH)
export PIP_DISABLE_PIP_VERSION_CHECK := 1
CONTRACTS := $(shell find contracts -name '*.sol' -not -path '*/.cache/*')

.PHONY: demo test system unit functional invariants integration test-jsipfs deep chaos mutants prove audit coverage coverage-python bench release prep manifest clean

demo: .venv/demo
	registry demo

test: system unit invariants functional integration

# Chromium, bubblewrap, PostgreSQL: installed where that may be done, else named.
system:
	scripts/_toolchain/system.sh

unit: .venv/dev .venv-release/ready .build/compiled
	pytest tests/unit tests/invariant tests/fuzz -p no:ape_test -n 2 -q

functional: .venv/dev .build/compiled
	ape test tests/functional --network ethereum:local:foundry -n 2 -q
	ape test tests/functional --network ethereum:local:test -n 2 -q

invariants: node_modules/installed
	forge test

integration: system .venv/dev .build/compiled tests/peers/node_modules
	pytest tests/integration tests/chaos -p no:ape_test -q

# A second implementation of the RPC, of 290 MB: not part of the tests.
test-jsipfs: .venv/dev tests/jsipfs/node_modules
	pytest tests/integration/ipfs/test_jsipfs.py -p no:ape_test -q

DEEP_MINUTES := 20
FUZZ_MINUTES := 10

deep: .venv/dev .build/compiled $(if $(filter-out 0,$(FUZZ_MINUTES)),.venv-fuzz/ready)
	DEEP=1 pytest tests/unit/ipfs/test_vectors.py tests/integration/test_many_assets.py tests/integration/test_odd_chains.py -p no:ape_test -q
	python scripts/_toolchain/deep.py --walk $(DEEP_MINUTES) --fuzz $(FUZZ_MINUTES)

# All tests in one measure. Ape's tests run as pytest's, on the chain in this process.
coverage-python: .venv/dev .build/compiled tests/peers/node_modules .venv-release/ready
	rm -rf .coverage && mkdir .coverage
	coverage run -m pytest tests/unit tests/invariant tests/fuzz -p no:ape_test -n 2 -q
	coverage run -m pytest tests/functional --network ethereum:local:test -n 2 -q
	coverage run -m pytest tests/integration -p no:ape_test -q
	coverage combine -q
	coverage json -q -o .coverage/report.json
	python scripts/_toolchain/branches.py .coverage/report.json

RUNS ?= 500
SEED ?= 1
WORKERS ?= 1

chaos: .venv/dev node_modules/installed
	PYTHONPATH=tests python -m chaos --runs $(RUNS) --seed $(SEED) --workers $(WORKERS)

prove: .venv-prove/ready node_modules/installed
	scripts/_toolchain/prove.sh

coverage: .venv/dev node_modules/installed
	python scripts/_toolchain/coverage

audit: .venv-audit/ready node_modules/installed
	.venv-audit/bin/python scripts/_toolchain/audit.py

SHARE ?= 1
mutants: .venv-mutants/ready .venv/dev .build/compiled
	python scripts/_toolchain/mutants --share $(SHARE)

bench: .venv/dev .build/compiled bench/node_modules
	python -m bench

release: .venv-release/ready
	scripts/_toolchain/release.sh

prep: .venv/dev node_modules/installed
	forge fmt contracts
	solhint --noPoster --max-warnings 0 'contracts/**/*.sol'
	ruff format .
	ruff check --fix .
	mypy

# After a change of a contract: what the package ships must be what the contracts compile to.
manifest: .venv/dev .build/compiled
	ape run build_manifest

.venv/demo: pyproject.toml constraints.txt
	test -d .venv || $(PYTHON) -m venv .venv
	pip install -q -c constraints.txt -e '.[data,server]'
	touch $@

.venv/dev: pyproject.toml constraints.txt
	test -d .venv || $(PYTHON) -m venv .venv
	pip install -q -c constraints.txt -e '.[dev]'
	touch $@ .venv/demo

# Environments of their own: these tools pin what the package must not.
.venv-prove/ready .venv-audit/ready .venv-mutants/ready .venv-release/ready: .venv-%/ready: scripts/_toolchain/%.txt
	test -d .venv-$* || $(PYTHON) -m venv .venv-$*
	.venv-$*/bin/pip install -q -r $<
	touch $@

# Its own environment too: the fuzzer comes as a wheel for Linux on x86-64, and is left out elsewhere.
.venv-fuzz/ready: scripts/_toolchain/fuzz.txt pyproject.toml constraints.txt
	test -d .venv-fuzz || $(PYTHON) -m venv .venv-fuzz
	.venv-fuzz/bin/pip install -q --only-binary atheris -c constraints.txt -r $< || { \
		echo "atheris has wheels for Linux on x86-64 with Python 3.11 to 3.13 only; FUZZ_MINUTES=0 does without." >&2; exit 1; }
	touch $@

node_modules/installed: package.json scripts/_toolchain/link.sh
	npm install --no-audit --no-fund --loglevel=error
	scripts/_toolchain/link.sh
	touch $@

bench/node_modules tests/jsipfs/node_modules tests/peers/node_modules: %/node_modules: %/package.json
	cd $* && npm install --no-audit --no-fund --loglevel=error
	touch $@

# Ape's cache does not notice that an imported interface changed, so it never outlives a change.
.build/compiled: .venv/dev node_modules/installed ape-config.yaml $(CONTRACTS)
	rm -rf .build contracts/.cache
	ape compile > .compile.log 2>&1 || { cat .compile.log; exit 1; }
	touch $@

clean:
	rm -rf .venv .venv-prove .venv-audit .venv-fuzz .venv-mutants .venv-release dist
	rm -rf node_modules bench/node_modules tests/jsipfs/node_modules tests/peers/node_modules
	rm -rf .build .forge .ape .bin .solcx contracts/.cache .compile.log .prove.log .coverage-contracts .coverage .deep .mutants
