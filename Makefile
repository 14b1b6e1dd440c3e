# Everything installs what it needs into .venv by itself.

PYTHON ?= python3.11
BIN := .venv/bin

.PHONY: run demo rfq-demo test races check bench simulate mistakes explore explore-all explore-mistakes package deploy-local requirements drawing docs vendored

run: .venv/installed
	$(BIN)/python -m infrastructure run

demo: .venv/installed
	$(BIN)/python -m infrastructure.demo

rfq-demo: .venv/installed
	$(BIN)/python -m infrastructure.rfq_demo

test: .venv/installed
	$(BIN)/python -m pytest -n 2 --dist loadfile

# Calls that race for a registration, on the engine: so many rounds of each race.
ROUNDS ?= 500
races: .venv/installed
	RACE_ROUNDS=$(ROUNDS) $(BIN)/python -m pytest --quiet --capture=no tests/races/test_calls.py

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

# Every state that two banks can come to: make explore-all explores more, for tens of minutes.
explore: .venv/installed
	$(BIN)/python -m exploration

explore-all: .venv/installed
	$(BIN)/python -m exploration --all

explore-mistakes: .venv/installed
	$(BIN)/python -m exploration --mistakes

# What CloudFormation needs of every utility, in build/UTILITY; ARCHITECTURE=x86_64 for this machine.
ARCHITECTURE ?= arm64
package: .venv/installed
	$(BIN)/python -m infrastructure package --architecture $(ARCHITECTURE)
	$(BIN)/cfn-lint build/*/template.json

# The packaged enterprise on a local cloud, and the stories played against it: for a machine as this one is.
deploy-local: .venv/installed
	$(BIN)/python -m infrastructure package --architecture $(shell uname -m | sed s/aarch64/arm64/)
	$(BIN)/python -m infrastructure.deployment.rehearsal

bench: .venv/installed
	$(BIN)/python -m bench

requirements: .venv/installed
	$(BIN)/python -m tests.requirements docs/requirements.md

# The picture of the enterprise in docs/architecture.md.
drawing: .venv/installed
	$(BIN)/python -m infrastructure topology --svg > docs/assets/enterprise.svg

# docs/ as a site, in build/site; every link is checked.
docs: .venv/installed
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

# What browsers run and others have written is kept here as it was published, with its licence. Needs npm:
# raise a version, fetch, and look at the pages.
SWAGGER_UI := 5.35.0
MERMAID := 11.17.2
IFRAME_WORKER := 1.0.4
vendored:
	$(call fetch,swagger-ui-dist@$(SWAGGER_UI),chalicelib/entry/assets/swagger-ui,\
	  LICENSE NOTICE swagger-ui.css swagger-ui-bundle.js swagger-ui-bundle.js.LICENSE.txt)
	$(call fetch,@mermaid-js/tiny@$(MERMAID),docs/assets/mermaid,LICENSE dist/mermaid.tiny.js)
	$(call fetch,iframe-worker@$(IFRAME_WORKER),docs/assets/iframe-worker,LICENSE shim/index.js)

# A package and its version, the folder here, the files.
define fetch
rm -rf build/npm && mkdir -p build/npm $(2)
npm pack --silent --pack-destination build/npm $(1)
tar -xzf build/npm/*.tgz -C build/npm
install -m 644 $(addprefix build/npm/package/,$(3)) $(2)
endef

.venv/installed: requirements.txt requirements-dev.txt
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-dev.txt
	touch $@
