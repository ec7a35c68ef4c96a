# Everything a developer does here. `make help` lists it.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
SERVES := $(VENV)/.serves
READY := $(VENV)/.ready
NPM := tests/pages/widget/node_modules/.ready
CODE := mockvault conformance tests

.DEFAULT_GOAL := help
.PHONY: help install run serve test format format-check lint types layers check coverage conformance proof mutants bench bench-journey bench-instructions bench-growth browser stores clean

help: ## List the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "%-20s %s\n", $$1, $$2}'

$(SERVES): pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e .
	touch $@

$(READY): $(SERVES)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[dev]'
	touch $@

install: $(READY) ## Make .venv with all that is needed

run: $(SERVES) ## Serve the mock on http://127.0.0.1:4010 (more flags: make run ARGS='--port 0')
	@exec $(BIN)/mockvault serve $(ARGS)

serve: run

$(NPM): tests/pages/widget/package-lock.json
	@if command -v npm >/dev/null && npm ci --prefix $(@D)/.. --ignore-scripts --no-audit --no-fund --loglevel=error; \
	then touch $@; else echo "npm or its packages cannot be had: browser tests that need them are skipped"; fi

browser: $(NPM) ## Install what the browser tests need: chromium (as root, by apt-get) and npm packages
	@command -v chromium >/dev/null || { test "$$(id -u)" = 0 && apt-get update -qq \
	&& DEBIAN_FRONTEND=noninteractive apt-get install -y -qq chromium >/dev/null; } \
	|| echo "chromium cannot be had: browser tests are skipped"

stores: ## Install what the tests of shared stores need: Redis and nginx (as root, by apt-get)
	@{ command -v redis-server || command -v valkey-server; } >/dev/null && command -v nginx >/dev/null \
	|| { test "$$(id -u)" = 0 && apt-get update -qq && DEBIAN_FRONTEND=noninteractive \
	apt-get install -y -qq --no-install-recommends redis-server nginx-light >/dev/null; } \
	|| echo "redis-server and nginx-light cannot be had: tests that need them are skipped"

test: $(READY) browser stores ## Run the tests
	$(BIN)/python -m pytest -n auto $(ARGS)

format: $(READY) ## Format the code
	$(BIN)/ruff format $(CODE)
	$(BIN)/ruff check --fix $(CODE)

format-check: $(READY) ## Tell whether the code is formatted
	$(BIN)/ruff format --check $(CODE)

lint: $(READY) ## Lint the code
	$(BIN)/ruff check $(CODE)

types: $(READY) ## Check the types, twice
	$(BIN)/mypy mockvault conformance
	$(BIN)/pyright

layers: $(READY) ## Check that imports point down
	$(BIN)/lint-imports

check: format-check lint types layers test ## Everything that CI checks

coverage: $(READY) ## Measure what the tests reach
	$(BIN)/coverage run -m pytest -p no:randomly
	$(BIN)/coverage combine && $(BIN)/coverage report

conformance: $(READY) ## Judge a running mock, or the deployment that URL names
	$(BIN)/conformance run $(or $(URL),http://127.0.0.1:4010) --app-id mock-app --api-key mock-api-key \
	--other-app-id other-app --other-api-key other-api-key $(ARGS)

proof: $(READY) ## Hold the tester to every planted bug, and to twenty seeds of every legal variant (an hour or two)
	MOCKVAULT_WHOLE=1 $(BIN)/python -m pytest -n auto tests/conformance/test_laws.py $(ARGS)

mutants: $(READY) ## Tell which planted bugs conformance finds (ARGS='--profile quick --seed 1')
	$(BIN)/python -m tests.broken.mutants $(or $(ARGS),--profile smoke --seed 1)

bench: $(READY) ## Measure speed beside peers, as ratios of one run
	$(BIN)/python -m tests.bench $(ARGS)

bench-journey: $(READY) ## Measure each step of a request's way, and write tests/bench/journey.md
	$(BIN)/python -m tests.bench.journey $(ARGS)

bench-instructions: $(READY) ## Count the instructions of five calls beside those that are kept
	$(BIN)/python -m tests.bench.instructions $(ARGS)

bench-growth: $(READY) ## Measure what operations cost as the world grows to a million consumers
	$(BIN)/python -m tests.bench.growth $(ARGS)

clean: ## Remove what was made here
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache dist build reports tests/pages/widget/node_modules
