# Everything installs what it needs into .venv by itself.

PYTHON ?= python3.11
BIN := .venv/bin

.PHONY: run demo test check simulate mistakes requirements

run: .venv/installed
	$(BIN)/python -m infrastructure run

demo: .venv/installed
	$(BIN)/python -m infrastructure.demo

test: .venv/installed
	$(BIN)/python -m pytest -n 2 --dist loadfile

check: .venv/installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

# make simulate SEEDS=500, or SEED=7 to play that one again.
SEEDS ?= 100
simulate: .venv/installed
	$(BIN)/python -m simulation $(if $(SEED),--seed $(SEED),--seeds $(SEEDS))

mistakes: .venv/installed
	$(BIN)/python -m simulation --mistakes

bench: .venv/installed
	$(BIN)/python -m bench

requirements: .venv/installed
	$(BIN)/python -m tests.requirements docs/requirements.md

.venv/installed: requirements.txt requirements-dev.txt
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-dev.txt
	touch $@
