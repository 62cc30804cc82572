# `make help` lists what there is. Works in any folder, spaces in its path included.

SHELL := bash
PYTHON ?= python3
CORES ?= all
# the environment's programs first, as if it were activated
export PATH := $(CURDIR)/.venv/bin:$(PATH)
# Snakemake keeps a cache in the home folder and cannot start where that takes no files: then in this one
ifneq ($(shell cache="$${XDG_CACHE_HOME:-$$HOME/.cache}"; mkdir -p "$$cache" 2>/dev/null && test -w "$$cache" || echo refused),)
export XDG_CACHE_HOME := $(CURDIR)/.snakemake/cache
endif
INSTALLED := .venv/installed
SLOW := cluster interplay endtoend  # folders of tests/ that run programs for minutes

.PHONY: help run unit test check format lock bench share fetch verify mend interplay attack prune clean
.DEFAULT_GOAL := help

help: ## list these targets
	@grep -hE '^[a-z]+:.*## ' Makefile | awk -F ':.*## ' '{printf "make %-8s %s\n", $$1, $$2}'

run: $(INSTALLED) ## set up, run params.yaml on all cores, print the table, write and open the page of results
	@snakemake --cores $(CORES) || { python -m pipeline page; exit 1; }
	@cat results/table.md
	@python -m pipeline page --open

share: $(INSTALLED) ## push the branch and its results to the team (docs/team.md)
	@python -m pipeline share

fetch: $(INSTALLED) ## pull the team's branch and results
	@python -m pipeline fetch

verify: $(INSTALLED) ## run a recipe in a clone (RECIPE=quick), compare every output with what is recorded of it
	@python -m pipeline verify $(RECIPE)

mend: $(INSTALLED) ## repair what a kill -9 of dvc has left (snakemake, share and fetch do so, too)
	@python -m pipeline mend

prune: $(INSTALLED) ## show what lies where, drop what no commit needs (KEEP=branches, YES=1)
	@python -m pipeline prune $(if $(KEEP),--keep $(KEEP)) $(if $(YES),--yes)

interplay: $(INSTALLED) ## 200 random histories on both engines, against a model (about an hour)
	@INTERPLAY_EXAMPLES=200 pytest tests/interplay/test_state_machine.py

attack: $(INSTALLED) ## thousands of odd values, damaged files, arrays and places; prints what came of them
	@python -m tests.campaign

unit: $(INSTALLED) ## the tests that need no other program, no server, no root
	@pytest --numprocesses 2 --dist loadfile --no-loadscope-reorder $(SLOW:%=--ignore=tests/%)

test: $(INSTALLED) check ## checks, unit tests, and real runs of both engines (and a Slurm, SSH, a browser)
	@pytest --numprocesses 2 --dist loadfile --no-loadscope-reorder

check: $(INSTALLED) ## format, lint, types, every recipe
	@ruff format --check --quiet . || { echo "run: make format" >&2; exit 1; }
	@ruff check --quiet .
	@snakefmt --check Snakefile 2>/dev/null || { echo "Snakefile: run: make format" >&2; exit 1; }
	@tools/lint-snakefile
	@mypy
	@for recipe in params.yaml recipes/*.yaml; do python -m pipeline check --file $$recipe || exit 1; done

format: $(INSTALLED) ## put Python files and the Snakefile into shape
	@ruff format --quiet . && ruff check --fix --quiet . && snakefmt Snakefile 2>/dev/null

bench: $(INSTALLED) ## measure speed and memory; prints tables
	@python -m benchmarks.training
	@python -m benchmarks.sampling
	@python -m benchmarks.parzen
	@python -m benchmarks.engines
	@python -m benchmarks.devices
	@test -f data/normalized/mnist.safetensors || dvc repro --quiet normalize@mnist
	@python -m benchmarks.record --seeds 0 --scores 10

lock: ## renew constraints.txt, the exact versions of everything that is installed
	@tools/lock $(PYTHON)

clean: ## remove the environment, logs and reports; data and results stay
	@rm -rf .venv logs report.html .snakemake .pytest_cache .ruff_cache .mypy_cache

$(INSTALLED): requirements.txt requirements-dev.txt requirements-remotes.txt \
    requirements-slurm.txt requirements-onnx.txt requirements-parquet.txt requirements-tensorboard.txt constraints.txt
	@tools/prerequisites $(PYTHON)
	@test -x .venv/bin/python || $(PYTHON) -m venv .venv
	@echo "Installing into .venv (torch is large: some minutes on a slow line) ..."
	@.venv/bin/python -m pip install --quiet --disable-pip-version-check \
	    -r requirements.txt -r requirements-dev.txt -c constraints.txt
	@.venv/bin/python tools/plots-page
	@touch $@
