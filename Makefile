# Everything a newcomer needs: `make run` and `make test`. Each sets up what it uses, and only what changed.
SHELL := /bin/bash
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
UV_VERSION := 0.13.9
WORKERS ?= 2
COLUMNAR := meltano/singer-columnar
TAP := meltano/extract/tap-flext-sql
WMS_TAP := meltano/extract/tap-oracle-wms
TARGET := meltano/load/target-flext-sql
PLUGIN_VENV := .flext-test/plugins-venv
# What the fast tests write need not outlive the machine: in memory, where there are 2 GB of it, nothing waits for a disk.
MEMORY := $(shell df -Pk /dev/shm 2>/dev/null | awk 'NR == 2 && $$4 > 2000000 { print "/dev/shm" }')
FAST := not process and not postgres and not ldap and not oracle

.PHONY: help setup run test test-unit test-process test-plugins check format docs lock bench clean

help:  ## show this help
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "  make %-14s %s\n", $$1, $$2}'

$(VENV)/.locked: requirements.lock pyproject.toml Makefile
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "flext-pipelines needs Python 3.11 or later; this is $$($(PYTHON) --version). Name another: make PYTHON=python3.11 run"; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV) || \
	  { echo "No virtual environment could be made. On Debian: apt-get install python3-venv"; exit 1; }
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check uv==$(UV_VERSION)
	$(BIN)/uv pip sync --quiet --python $(BIN)/python --compile-bytecode requirements.lock
	$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --editable .
	@touch $@

# python-ldap has no wheels. A file of its own, so that whoever runs pipelines needs neither a compiler nor OpenLDAP.
$(VENV)/.ldap: requirements-ldap.lock $(VENV)/.locked
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --compile-bytecode --require-hashes -r requirements-ldap.lock || \
	  { echo "python-ldap could not be built: it needs a C compiler and the headers of Python, OpenLDAP and SASL."; \
	    echo "On Debian: apt-get install gcc python3-dev libldap-dev libsasl2-dev; then run make again."; exit 1; }
	@touch $@

setup: $(VENV)/.locked  ## make the virtual environment from the lock

run: setup  ## run the pipeline `wms` from the sample database to the warehouse
	@$(BIN)/flext plugins install all
	@$(BIN)/flext wms seed
	@$(BIN)/flext run wms

# atheris has wheels for few machines; elsewhere the file's markers leave it out, and its tests say so.
$(VENV)/.fuzz: requirements-fuzz.lock $(VENV)/.locked
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --compile-bytecode --require-hashes -r requirements-fuzz.lock
	@touch $@

test: test-unit test-process test-plugins  ## pass every test

test-unit: setup $(VENV)/.ldap  ## the fast tests
	$(if $(MEMORY),PYTEST_DEBUG_TEMPROOT=$(MEMORY) )$(BIN)/python -m pytest -n $(WORKERS) --dist worksteal -m "$(FAST)" tests

test-process: setup $(VENV)/.ldap $(VENV)/.fuzz  ## the tests that start real processes: Meltano, Dagster, plugins, servers
	@$(BIN)/flext plugins install all
	$(BIN)/python -m pytest -n $(WORKERS) --dist loadgroup -m "not ($(FAST))" tests

$(PLUGIN_VENV)/.locked: meltano/plugins-test.lock $(COLUMNAR)/pyproject.toml $(TAP)/pyproject.toml $(WMS_TAP)/pyproject.toml $(TARGET)/pyproject.toml | setup
	@$(BIN)/uv venv --quiet --clear --python $(BIN)/python $(PLUGIN_VENV)
	$(BIN)/uv pip sync --quiet --python $(PLUGIN_VENV)/bin/python --compile-bytecode meltano/plugins-test.lock
	$(BIN)/uv pip install --quiet --python $(PLUGIN_VENV)/bin/python --no-deps --editable $(COLUMNAR) --editable $(TAP) --editable $(WMS_TAP) --editable $(TARGET)
	@touch $@

test-plugins: $(PLUGIN_VENV)/.locked  ## the Singer plugins' own tests, in a venv of their own
	cd $(COLUMNAR) && $(CURDIR)/$(PLUGIN_VENV)/bin/python -m pytest -n $(WORKERS) tests
	cd $(TAP) && $(CURDIR)/$(PLUGIN_VENV)/bin/python -m pytest -n $(WORKERS) tests
	cd $(WMS_TAP) && $(CURDIR)/$(PLUGIN_VENV)/bin/python -m pytest -n $(WORKERS) tests
	cd $(TARGET) && $(CURDIR)/$(PLUGIN_VENV)/bin/python -m pytest -n $(WORKERS) tests

check: setup $(PLUGIN_VENV)/.locked  ## ruff, mypy --strict, documentation up to date
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/mypy --strict tests
	cd $(COLUMNAR) && $(CURDIR)/$(BIN)/mypy --strict --python-executable $(CURDIR)/$(PLUGIN_VENV)/bin/python singer_columnar
	cd $(TAP) && $(CURDIR)/$(BIN)/mypy --strict --python-executable $(CURDIR)/$(PLUGIN_VENV)/bin/python tap_flext_sql
	cd $(WMS_TAP) && $(CURDIR)/$(BIN)/mypy --strict --python-executable $(CURDIR)/$(PLUGIN_VENV)/bin/python tap_oracle_wms
	cd $(TARGET) && $(CURDIR)/$(BIN)/mypy --strict --python-executable $(CURDIR)/$(PLUGIN_VENV)/bin/python target_flext_sql
	$(BIN)/python docs/generate.py --check

format: setup  ## let ruff put things in order
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

docs: setup  ## write the generated reference pages anew
	$(BIN)/python docs/generate.py

lock: setup  ## resolve the dependencies anew
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --group dev pyproject.toml -o requirements.lock
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header -c requirements.lock --group ldap -o requirements-ldap.lock
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header -c requirements.lock --group fuzz -o requirements-fuzz.lock
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header \
	  -c $(TAP)/requirements.lock -c $(TARGET)/requirements.lock --no-emit-package singer-columnar --extra testing $(COLUMNAR)/pyproject.toml $(TAP)/pyproject.toml $(WMS_TAP)/pyproject.toml $(TARGET)/pyproject.toml -o meltano/plugins-test.lock

bench: setup $(VENV)/.ldap $(PLUGIN_VENV)/.locked  ## the benchmarks; see benchmarks/README.md
	$(BIN)/python -m benchmarks

clean:  ## remove what make made; the state in .flext stays
	rm -rf $(VENV) .flext-test .mypy_cache .ruff_cache .pytest_cache .hypothesis
