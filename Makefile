# `make help` lists the targets. Nothing is installed outside .venv.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin

.DEFAULT_GOAL := help
.PHONY: help demo quickstart test test-all chaos check lint types layers docs pictures format lock schema benchmarks clean

help: ## print this list
	@grep -hE '^[a-z_-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | awk -F'\t' '{printf "  make %-12s %s\n", $$1, $$2}'

$(BIN)/python:
	@$(PYTHON) -c 'import sys; ok = (3, 11) <= sys.version_info[:2] <= (3, 13); sys.exit(0 if ok else f"foldgrid needs Python 3.11 to 3.13, found {sys.version.split()[0]}. Name another: make PYTHON=python3.12 ...")'
	$(PYTHON) -m venv $(VENV)

$(VENV)/.runtime: requirements.txt pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.txt
	@touch $@

$(VENV)/.development: requirements-dev.txt $(VENV)/.runtime
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-dev.txt
	@touch $@

demo: quickstart ## quickstart, then all 29 backbones x 5 folds, frozen: minutes on two cores
	$(BIN)/python launch.py --sweep all_backbones --budget probe
	@$(BIN)/foldgrid report runs/all_backbones > /dev/null
	@printf '\nreports   %s\n          %s\n' runs/quickstart/report.html runs/all_backbones/report.html

quickstart: $(VENV)/.runtime ## install, then three networks that have seen pictures: a minute on two cores
	$(BIN)/python launch.py --sweep quickstart
	@$(BIN)/foldgrid report runs/quickstart

# Without them each of the processes that tests start compiles all modules anew.
test test-all: export PYTHONDONTWRITEBYTECODE :=

WORKERS := -n auto --dist loadgroup --no-loadscope-reorder

test: $(VENV)/.development ## install, then run the tests: every law, some on representatives
	$(BIN)/python -m pytest $(WORKERS)

test-all: $(VENV)/.development ## all tests there are, kills and full disks among them: about an hour
	$(BIN)/python -m pytest $(WORKERS) -m ""

SEED ?= 0
SURVIVAL := tests/chaos $(patsubst %,tests/%.py, \
	launching/test_failing_fits launching/test_torn_files launching/test_launch_on_changed_ground \
	launching/test_status launching/test_sync tracking/test_outages tracking/test_chance \
	tracking/test_projection_after_kill contracts/test_executors records/test_run_lock) \
	tests/launching/test_sweep_end_to_end.py::test_a_signal_stops_and_the_next_launch_goes_on \
	tests/launching/test_sweep_end_to_end.py::test_a_signal_from_another_process_does
chaos: $(VENV)/.development ## break everything that can break, and show that nothing is lost (SEED=7 strikes elsewhere)
	CHAOS_SEED=$(SEED) $(BIN)/python -m pytest -m "" -p no:randomly $(SURVIVAL)

check: lint types layers docs test ## everything that CI checks

lint: $(VENV)/.development ## ruff: style and format
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/.development ## mypy --strict
	$(BIN)/mypy

layers: $(VENV)/.development ## import-linter: who may import whom
	$(BIN)/lint-imports

pictures: $(VENV)/.development ## make the documentation's two pictures anew from runs/quickstart, with a browser
	$(BIN)/python docs/pictures.py runs/quickstart

docs: export NO_MKDOCS_2_WARNING := 1
docs: $(VENV)/.development ## build the documentation into site/; index.html opens without a network
	$(BIN)/mkdocs build --strict

format: $(VENV)/.development ## rewrite the code in the house style
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

$(VENV)-benchmarks/.installed: benchmarks/requirements.txt requirements.txt
	$(PYTHON) -m venv $(VENV)-benchmarks
	$(VENV)-benchmarks/bin/python -m pip install --quiet --disable-pip-version-check -r benchmarks/requirements.txt
	@touch $@

benchmarks: $(VENV)-benchmarks/.installed ## measure against a bare loop, against Ray Tune + Lightning, the analysis, and the rules that stop trials
	$(VENV)-benchmarks/bin/python -m benchmarks.sweep_overhead
	$(VENV)-benchmarks/bin/python -m benchmarks.against_lightning --batches 2
	$(VENV)-benchmarks/bin/python -m benchmarks.against_lightning --all
	$(VENV)-benchmarks/bin/python -m benchmarks.step_cost
	$(VENV)-benchmarks/bin/python -m benchmarks.recipe_keys
	$(VENV)-benchmarks/bin/python -m benchmarks.start_up
	$(VENV)-benchmarks/bin/python -m benchmarks.analysis_scale
	$(VENV)-benchmarks/bin/python -m benchmarks.search_efficiency

schema: $(VENV)/.runtime ## write the JSON Schemas that editors check sweeps, spaces and recipes with
	$(BIN)/python -m foldgrid.specs.json_schema sweep > sweeps/sweep.schema.json
	$(BIN)/python -m foldgrid.specs.json_schema search_space > search_spaces/search_space.schema.json
	$(BIN)/python -m foldgrid.specs.json_schema recipe > recipes/recipe.schema.json

COMPILE := $(VENV)-lock/bin/uv pip compile pyproject.toml --extra demo --quiet --universal --python-version 3.11 --no-header --no-annotate --no-emit-index-url --no-emit-find-links

lock: ## resolve requirements.txt and requirements-dev.txt anew from pyproject.toml
	$(PYTHON) -m venv $(VENV)-lock
	$(VENV)-lock/bin/pip install --quiet uv
	$(COMPILE) --group dev --group docs -o $(VENV)-lock/all.txt > /dev/null
	printf '%s\n' '# Written by `make lock` from pyproject.toml. The package itself comes last.' > requirements.txt
	$(COMPILE) -c $(VENV)-lock/all.txt >> requirements.txt
	printf '%s\n' '-e .' >> requirements.txt
	printf '%s\n' '# Written by `make lock` from pyproject.toml: what the tests and checks need besides.' '-r requirements.txt' > requirements-dev.txt
	grep -vxF -f requirements.txt $(VENV)-lock/all.txt >> requirements-dev.txt
	rm -rf $(VENV)-lock

clean: ## remove the environment and the caches; runs/ stays
	rm -rf site $(VENV) $(VENV)-benchmarks .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
