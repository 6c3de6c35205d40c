# Thetaloom: every target prepares what it needs. `make help` lists them.
PYTHON ?= python3
VENV ?= .venv
# One more than the two cores of CI: many tests wait for a browser, a server or a clock.
WORKERS ?= 3
UV_VERSION := 0.13.8

BIN := $(VENV)/bin
UV := $(BIN)/uv
STAMP := $(VENV)/.installed
PEERS := .venv-peers
PEERS_LOCK := tools/peers/requirements.txt

.DEFAULT_GOAL := help
.PHONY: help env up demo test check coverage bench nightly certify docs pictures lock clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-9s %s\n", $$1, $$2 }' Makefile

env: $(STAMP) ## build .venv with the pinned dependencies

up: env ## start the web page, the engine and the paper broker; prints the link
	$(BIN)/thetaloom up

demo: env ## run one whole paper trade in the terminal
	$(BIN)/thetaloom demo

test: env ## run all tests
	$(BIN)/pytest -n $(WORKERS) --dist worksteal

check: env ## formatting, lint, types, layers, reference pages
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m tools.make_docs --check

# Compiled kernels are invisible to coverage, so the tests of maths run a second time without the compiler.
# Tests that hold a stopwatch are left out: coverage slows what they measure.
coverage: env ## branch coverage of domain, maths and engine; fails below 95 %
	rm -f .coverage
	$(BIN)/pytest -n $(WORKERS) --dist worksteal -m "not browser" --ignore=tests/docs --ignore=tests/architecture \
		--ignore=tests/store/test_speed.py -k "not fifty_thousand" --cov --cov-report=
	NUMBA_DISABLE_JIT=1 $(BIN)/pytest -n $(WORKERS) --dist worksteal -W ignore::RuntimeWarning tests/maths \
		--cov --cov-append --cov-report=
	$(BIN)/python -m tools.coverage_floor 95 domain maths engine

bench: env $(PEERS)/.installed ## measure the speed figures, beside other libraries in an environment of their own
	$(BIN)/thetaloom bench

nightly: env ## all seeds, races, kills, databases and lives at simulated brokers, too many for every run; fails where a law is broken
	$(BIN)/thetaloom simulate --seeds 10000
	$(BIN)/thetaloom bench --only races --all-races
	TESTS_ALL_KILLS=1 $(BIN)/pytest -n $(WORKERS) --dist worksteal tests/crash tests/engine/test_roll_kills.py
	TESTS_ALL_STORES=1 $(BIN)/pytest -n $(WORKERS) --dist worksteal tests/engine tests/brokers/test_broker_contract.py -m postgres
	TESTS_ALL_SEEDS=1 $(BIN)/pytest tests/engine/test_reconcile_elsewhere.py
	TESTS_ALL_BROKERS=1 $(BIN)/pytest tests/scenarios/test_simulated_brokers.py tests/scenarios/test_at_a_broker_in_process.py tests/scenarios/test_live_doors.py tests/scenarios/test_busts_at_brokers.py

certify: env ## run the broker contract on every broker, and write its table and the pages of the brokers anew
	for name in $$($(BIN)/python -c "import thetaloom.broker_parts as parts; print(*parts.SHIPPED_RIGS)"); do \
		$(BIN)/thetaloom broker certify $$name --record docs/brokers/results.json || exit 1; done
	$(BIN)/python -m tools.make_docs

docs: env ## write the generated reference pages anew
	$(BIN)/python -m tools.make_docs

pictures: env ## take the pictures of the tutorial anew
	rm -f docs/pictures/*.png
	TEST_PICTURES=docs/pictures $(BIN)/pytest tests/web/test_whole_trade.py -k pictures

lock: env ## resolve the dependencies anew into requirements.lock and the peers' own
	$(UV) pip compile --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header \
		--group dev --all-extras pyproject.toml -o requirements.lock
	$(UV) pip compile --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header \
		tools/peers/requirements.in -o $(PEERS_LOCK)

clean: ## remove both environments and all caches
	rm -rf $(VENV) $(PEERS) .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis .kernels .coverage build dist

$(STAMP): requirements.lock pyproject.toml | $(UV)
	$(UV) pip install --quiet --python $(BIN)/python --compile-bytecode --require-hashes -r requirements.lock
	$(UV) pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation -e .
	$(BIN)/python -m compileall -q src
	@touch $@

$(PEERS)/.installed: $(PEERS_LOCK) | $(UV)
	$(UV) venv --quiet --clear --python $(BIN)/python $(PEERS)
	$(UV) pip install --quiet --python $(PEERS)/bin/python --require-hashes -r $(PEERS_LOCK)
	@touch $@

$(UV):
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
		echo "Thetaloom needs Python 3.11 or newer; $(PYTHON) is $$($(PYTHON) --version 2>&1)." \
			"Name another: make PYTHON=python3.12"; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
		echo "$(PYTHON) has no venv module. On Debian and Ubuntu: apt-get install python3-venv"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check uv==$(UV_VERSION)
