# Two commands matter to a newcomer: `make check` and `make test`.
# Everything else is listed by `make help`.

SHELL   = bash
PYTHON ?= python3
VENV   ?= .venv
BIN     = $(VENV)/bin
STAMP   = $(VENV)/.installed

.DEFAULT_GOAL := help
.PHONY: help check test coverage test-adapters variants replays queue-bugs survey lint format docs pages pages-site links prove mutants fuzz bench exhaustive soak kernels lock clean

help: ## show this list
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

$(STAMP): pyproject.toml constraints.txt
	@echo "Installing Tornproof, its libraries, and the tools of its tests and its site into $(VENV):"
	$(PYTHON) -m venv $(VENV)
	@set -o pipefail; PIP_CONSTRAINT=constraints.txt $(BIN)/pip install --disable-pip-version-check --progress-bar off \
	    --editable '.[dev,docs]' | sed -un -e 's/^Collecting \([A-Za-z0-9_.-]*\).*/  \1/p' \
	    -e 's/^Installing collected packages.*/installing all of these/p'
	@touch $@

check: $(STAMP) ## run the suite on the built-in reference, and its situations on a real disk behind its adapter
	@mkdir -p build
	@$(BIN)/tornproof check conversation scenarios queue-situations --budget 300 --reproducers .tornproof/adapter \
	    -- $(BIN)/python conformance/adapters/python > build/check-adapter.txt 2>&1 & adapter=$$!; \
	$(BIN)/tornproof check; code=$$?; \
	wait $$adapter || code=$$?; cat build/check-adapter.txt; exit $$code

test: $(STAMP) ## run the tests
	$(BIN)/pytest -n 3 --dist worksteal  # many tests wait for processes

coverage: $(STAMP) ## run the tests, slower, and report branch coverage of reference/ and models/
	$(BIN)/pytest -n 2 --cov --cov-report=term

test-adapters: $(STAMP) ## build the adapters in Rust, Go, C, Java and Node, and put them to the test
	$(BIN)/pytest -q tests/adapters

survey: $(STAMP) ## judge foreign software: make survey NAMES='raft-wal-*' (without NAMES: list it)
	$(BIN)/tornproof survey $(NAMES)
variants: $(STAMP) ## judge every right variant for a minute at each of five seeds: none is convicted
	$(BIN)/python -m tests.adapters.test_variants 60 5

NAMES ?=
replays: $(STAMP) ## replay every reproducer that the wrong implementations of the tests give (NAMES='adapter/ journal/no-'): each says FAILED
	$(BIN)/python -m tests.replays $(NAMES)

queue-bugs: $(STAMP) ## find published and other bugs of foreign job queues in versions that have them (NAMES='persist-queue poison')
	$(BIN)/python -m tests.queue_bugs $(NAMES)

lint: $(STAMP) ## ruff, its formatter, and mypy in strict mode
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: $(STAMP) ## let ruff put the code in order
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

docs: $(STAMP) ## build the specification and the reference into build/site
	$(BIN)/sphinx-build -W --keep-going -q -b html spec build/site
	@echo "open build/site/index.html"

pages: $(STAMP) ## reports in headless Chromium: axe, widths, unfolding
	PIP_CONSTRAINT=constraints.txt $(BIN)/pip install --quiet --disable-pip-version-check --editable '.[pages]'
	$(BIN)/pytest -q tests/pages

pages-site: docs ## every chapter of the site in headless Chromium: axe in both colour schemes, and the width of a phone
	PIP_CONSTRAINT=constraints.txt $(BIN)/pip install --quiet --disable-pip-version-check --editable '.[pages]'
	$(BIN)/pytest -q -n 0 tests/pages/whole_site.py

links: $(STAMP) ## ask for every link of the site, those to outside as well
	$(BIN)/sphinx-build -q -b linkcheck spec build/links

prove: $(STAMP) ## let CrossHair prove the contracts of tests/proofs, for two minutes at most
	$(BIN)/python -m tests.prove

MUTANTS ?= --share 1/100
mutants: $(STAMP) ## put small faults into reference/, a hundredth of all (MUTANTS=... for others), and see which the suite notices
	$(BIN)/python -m tests.mutants $(MUTANTS)

INPUTS ?= 10000
fuzz: $(STAMP) ## spoil every kind of file that a command reads, INPUTS=10000 times
	$(BIN)/python -m tests.fuzz $(INPUTS)

exhaustive: $(STAMP) ## every program of up to 5 operations, image, crash model and schedule; 1,008 traces in three ways
	$(BIN)/tornproof check --thorough
	$(BIN)/tornproof campaign --operations 5
	$(BIN)/tornproof check --operations 1 --fault-operations 2 --examples 2000
	$(BIN)/tornproof check drainer schedules --queue-events 3
	$(BIN)/python -m tests.models.three_ways

KERNEL ?= 6.12.117+deb12-cloud-amd64
kernels: $(STAMP) ## fetch a kernel (KERNEL=release) and name what the laboratory lacks; see kernels/README.md
	$(BIN)/python -m tornproof_kernels prepare --kernel $(KERNEL)

soak: $(STAMP) ## interrupt every instruction, 10,000 signals, failing calls, jumping clocks, readers, crowds, limits
	$(BIN)/python -m tests.soak

bench: $(STAMP) ## ratios, side by side in one run
	$(BIN)/python -m tests.bench

lock: ## pin what is installed now, for the same build in a year
	$(BIN)/pip freeze --exclude-editable | grep -v '^pip==' > constraints.txt

clean: ## remove the virtual environment and everything built
	rm -rf $(VENV) build dist .coverage .hypothesis .mypy_cache .pytest_cache .ruff_cache .tornproof
