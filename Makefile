# Two commands do everything on a machine with Python 3.11 and internet: `make run` and `make test`.

SHELL := /bin/bash
PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
ARGS ?=
# Processes that share the tests, file by file and in order: what imports TensorFlow comes last, as a process that has
# done so can start no node.
WORKERS ?= 2
export PIP_DISABLE_PIP_VERSION_CHECK := 1
export PIP_CONSTRAINT := $(CURDIR)/constraints.txt

.PHONY: help run test check soak bench containers clean

help:  ## what can be made
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

run: $(VENV)/.run  ## record, learn overnight, recognise; ARGS="--recordings DIR --exit" passes arguments
	@$(BIN)/muvr demo $(ARGS)

test: $(VENV)/.dev  ## all tests, those of whole processes and of a browser included
	$(BIN)/pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder $(ARGS)

check: $(VENV)/.dev  ## format, lint, types, import contracts, style
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/pytest -q tests/test_style.py

soak: $(VENV)/.dev  ## the long fault and load runs
	$(BIN)/pytest -m soak --timeout 3600 $(ARGS)

containers: $(VENV)/.dev  ## build the images and run them, with buildah and podman
	$(BIN)/pytest -m containers --timeout 3600 tests/containers $(ARGS)

bench: $(VENV)/.dev  ## the measurements of docs/performance.md
	$(BIN)/python -m benchmarks.ingest $(ARGS)

clean:  ## remove what was installed and cached here; data stays
	rm -rf $(VENV) build .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache *.egg-info

$(VENV)/.run: setup.cfg pyproject.toml constraints.txt
	@command -v $(PYTHON) >/dev/null || { echo "muvr needs Python 3.11: install it, or say where it is with PYTHON=/path/to/python3.11" >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "$(PYTHON) is older than Python 3.11" >&2; exit 1; }
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || { echo "$(PYTHON) lacks venv: install your system's python3-venv package" >&2; exit 1; }
	@echo "Setting up $(VENV) (once; about 400 MB are fetched)"
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/pip install --quiet --editable '.[batch,cassandra,marathon,training]' || { echo "the packages could not be installed: is there internet, and room on the disk?" >&2; exit 1; }
	@touch $@

$(VENV)/.dev: $(VENV)/.run
	@$(BIN)/pip install --quiet --editable '.[batch,cassandra,marathon,otel,training,dev]' || { echo "the packages could not be installed: is there internet, and room on the disk?" >&2; exit 1; }
	@touch $@
