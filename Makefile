# `make start` sets everything up and runs the main job; `make test` sets everything up and passes the tests.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --disable-pip-version-check --quiet
# PyPI's torch for Linux is the one for CUDA: 3 GB to download, 5 GB on disk. The CPU's is 190 MB, 700 MB on disk, and comes
# from PyTorch's own index; where that does not answer, from wherever pip finds it. `make TORCH=cuda start` takes the other.
TORCH ?= cpu
CPU_INDEX := https://download.pytorch.org/whl/cpu
CPU_TORCH = @if [ "$(TORCH)" = cpu ] && [ "$$(uname -s)" = Linux ] && ! $(BIN)/python -m pip show --quiet torch 2>/dev/null; then \
	$(PIP) --no-deps --retries 0 --timeout 5 --index-url $(CPU_INDEX) "$$(grep '^torch==' requirements.txt)" 2>/dev/null || true; fi

.PHONY: start test install install-test lint bench clean

start: install
	$(BIN)/python -m tuner start

test: install-test
	$(BIN)/python -m pytest -n auto --maxprocesses 4 --dist loadfile

install: $(VENV)/.installed

install-test: $(VENV)/.installed-test

lint: install-test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo

# `make bench ARGS=--small` for a quick look, `make bench ARGS=peers` for one of them
bench: $(VENV)/.installed-bench
	$(BIN)/python -m benchmarks $(ARGS)

clean:
	rm -rf $(VENV) build *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis

$(VENV)/bin/python:
	$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or newer is needed; found " + sys.version.split()[0] + ". Try: make PYTHON=python3.12 $(MAKECMDGOALS)") if sys.version_info < (3, 11) else None'
	$(PYTHON) -m venv $(VENV)

$(VENV)/.installed: requirements.txt constraints.txt pyproject.toml | $(VENV)/bin/python
	$(CPU_TORCH)
	$(PIP) --editable . --constraint constraints.txt
	@touch $@

$(VENV)/.installed-test: requirements.txt constraints.txt pyproject.toml | $(VENV)/bin/python
	$(CPU_TORCH)
	$(PIP) --editable '.[test]' --constraint constraints.txt
	@touch $@ $(VENV)/.installed

$(VENV)/.installed-bench: requirements.txt constraints.txt pyproject.toml | $(VENV)/bin/python
	$(CPU_TORCH)
	$(PIP) --editable '.[bench]' --constraint constraints.txt
	@touch $@ $(VENV)/.installed
