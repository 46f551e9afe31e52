PYTHON ?= python3
BIN := .venv/bin
WITH_SERVERS := $(BIN)/python -m scripts.with_servers
IN_DEMO := $(BIN)/python -m scripts.in_demo
# Settings that Django needs to start, for tools only.
TOOL_ENV := DEBUG=1 SECRET_KEY=only-for-tools
# Keep bytecode, whatever the shell says: a start of Django takes a third less, and the tests have many.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help demo test long-tests interleave model guards faults mail-faults seats screenshots messages lighthouse tap read-aloud lint lint-types lint-all-else fmt openapi refusals roles edge-pages bench rehearse audit audit-dependencies requirements ci clean

help: ## this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 20

demo: .venv/.stamp ## run everything on this machine: servers, sample data, web, worker, beat; DEBUG=1 to develop
	@$(BIN)/python -m scripts.demo

test: .venv/.stamp-dev ## run the tests; ARGS="-k seats" picks some
	@$(BIN)/python -m pytest $(ARGS)

long-tests: .venv/.stamp-dev ## run the tests that `make test` leaves out; four minutes
	@$(BIN)/python -m pytest -m long $(ARGS)

interleave: .venv/.stamp-dev ## run races in 44,000 orders; ARGS="--schedules 100" of each, "--seed 7" repeats
	@$(BIN)/python -m pytest \
		tests/concurrency/test_interleavings.py::test_every_order_has_an_allowed_ending \
		--schedules 1200 $(ARGS)

lint: .venv/.stamp-dev ## style, types, import rules, migrations, deployment checks, API drift
	@$(MAKE) --no-print-directory -j2 --output-sync=target lint-types lint-all-else

lint-types: .venv/.stamp-dev
	$(TOOL_ENV) $(BIN)/mypy .

lint-all-else: .venv/.stamp-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports
	$(WITH_SERVERS) scripts/check_django.sh

fmt: .venv/.stamp-dev ## format the code and fix what can be fixed
	$(BIN)/ruff check --fix-only .
	$(BIN)/ruff format .

refusals: .venv/.stamp-dev ## write docs/refusals.md anew
	$(TOOL_ENV) $(BIN)/python -m scripts.refusals

roles: .venv/.stamp-dev ## write docs/roles.md anew
	$(TOOL_ENV) $(BIN)/python -m scripts.roles

edge-pages: .venv/.stamp-dev ## write deploy/pages/ anew: what nginx sends without the application
	$(TOOL_ENV) $(BIN)/python -m scripts.edge_pages

openapi: .venv/.stamp-dev ## write docs/openapi.yaml anew
	$(TOOL_ENV) $(WITH_SERVERS) $(BIN)/python manage.py spectacular \
		--validate --fail-on-warn --file docs/openapi.yaml

bench: .venv/.stamp-dev ## measure under load, on servers as durable as in production
	@$(WITH_SERVERS) --durable $(BIN)/python -m benchmarks $(ARGS)

faults: .venv/.stamp-dev ## inject each fault once, under load, and check the result; ARGS="--rounds 300" for more
	@$(BIN)/python -m faults $(ARGS)

mail-faults: .venv/.stamp-dev ## kill the senders of messages in twenty rounds, with a mail server that misbehaves
	@$(BIN)/python -m faults.outbox $(ARGS)

seats: .venv/.stamp-dev ## keep pictures of the seats beside the table for ten minutes; ARGS="--seconds 60"
	@$(BIN)/python -m faults.seats $(ARGS)

rehearse: .venv/.stamp ## play an on-sale against the running demo; ARGS="--buyers 300"
	@$(IN_DEMO) sh -c 'exec $(BIN)/python manage.py rehearse --url "http://127.0.0.1:$$PORT" "$$@"' \
		rehearse $(ARGS)

audit: .venv/.stamp ## check that the running demo's money, seats and lines add up
	@$(IN_DEMO) $(BIN)/python manage.py audit $(ARGS)

screenshots: .venv/.stamp-dev ## take pictures of every state of every page into docs/screenshots; ten minutes
	@rm -f docs/screenshots/*.webp
	@$(BIN)/python -m pytest -q -m "" tests/browser/test_every_state.py --screenshots=docs/screenshots

messages: .venv/.stamp-dev ## take pictures of every mail, a PDF and a pass into docs/messages; two minutes
	@rm -f docs/messages/*.webp
	@$(BIN)/python -m pytest -q -n 0 tests/browser/test_every_message.py --screenshots=docs/messages

lighthouse: .venv/.stamp-dev ## score the running demo's pages through nginx, into docs/pages.md; needs npm and Chromium
	@$(IN_DEMO) $(BIN)/python -m scripts.lighthouse

tap: .venv/.stamp-dev ## time the tap on a seat of 20,000 in the running demo, into docs/pages.md; needs Chromium
	@$(IN_DEMO) $(BIN)/python -m scripts.measure_tap

read-aloud: .venv/.stamp-dev ## write into docs/pages.md what a screen reader finds in the running demo
	@$(IN_DEMO) $(BIN)/python -m scripts.read_aloud

model: .venv/.stamp-dev ## compare 2,000 random sales of 50 steps with the oracle in tests/model; eight minutes on two cores
	@rm -rf var/model; mkdir -p var/model
	MODEL_ROUNDS=20 MODEL_EXAMPLES=100 MODEL_STEPS=50 MODEL_REPORT=var/model \
		$(BIN)/python -m pytest -n 2 -q tests/model/test_sale_as_a_model.py
	@$(BIN)/python -m tests.model.report var/model

guards: .venv/.stamp-dev ## remove every guard in turn and check that a test fails; forty minutes
	@$(BIN)/python -m scripts.mutate_guards $(ARGS)

audit-dependencies: .venv/.stamp-dev ## check the dependencies for known vulnerabilities
	$(BIN)/pip-audit --strict --no-deps --disable-pip -r requirements.txt

COMPILE := uv pip compile --universal --python-version 3.11 -q --no-emit-index-url \
	--no-emit-find-links --custom-compile-command "make requirements"

requirements: ## pin the packages of requirements*.in; ARGS=--upgrade for newer versions
	@set -e; venv=$$(mktemp -d); trap 'rm -rf "$$venv"' EXIT; \
	$(PYTHON) -m venv "$$venv"; "$$venv/bin/pip" install -q --disable-pip-version-check uv; \
	"$$venv/bin/"$(COMPILE) requirements.in -o requirements.txt $(ARGS); \
	"$$venv/bin/"$(COMPILE) requirements-dev.in -c requirements.txt -o requirements-dev.txt $(ARGS)

# The faults mostly wait for something to recover: mypy runs beside them.
ci: .venv/.stamp-dev ## the checks before a merge
	@$(MAKE) --no-print-directory -j2 --output-sync=target lint-types lint-all-else faults
	@$(MAKE) --no-print-directory test

clean: ## remove all generated files, the demo's data too
	@$(PYTHON) -m scripts.reach --forget var/demo
	rm -rf .venv var staticfiles .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

.venv/.stamp: requirements.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "concertbook needs Python 3.11 or newer, $(PYTHON) is " + sys.version.split()[0] + ". Try: make PYTHON=python3.12 ...")'
	@$(PYTHON) -m venv .venv
	@$(BIN)/pip install --quiet --disable-pip-version-check -r requirements.txt
	@touch $@

.venv/.stamp-dev: requirements-dev.txt .venv/.stamp
	@$(BIN)/pip install --quiet --disable-pip-version-check -r requirements-dev.txt
	@touch $@
