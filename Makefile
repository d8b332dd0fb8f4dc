# make demo   set up once, then train, dissect and report the main example
# make test   set up once, then lint, type-check, test, and try the built wheel outside the repository
# make bench  set up once, then time a training step beside the alternatives, and against its size
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.installed
BENCH  := .venv-bench
ARGS   ?=

.PHONY: help setup demo lint test wheel bench clean

help:
	@sed -n 's/^# //p' Makefile

setup: $(STAMP)

$(STAMP): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "neurornn needs Python 3.11 or newer; '$(PYTHON)' is $$($(PYTHON) --version). Try: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 1; }
	@$(BIN)/python -m pip --version > /dev/null 2>&1 || $(PYTHON) -m venv --clear $(VENV)
	@echo "Installing neurornn with every extra into $(VENV) (once; a few minutes on a slow line) ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e ".[dev,neurogym,nwb]"
	@touch $@

demo: $(STAMP)
	@$(BIN)/neurornn demo $(ARGS)

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

test: lint wheel
	$(BIN)/python -m pytest --numprocesses auto --maxprocesses 8 --dist loadfile --cov --cov-report=term:skip-covered --cov-fail-under=90 $(ARGS)

# The artefact users get: built, unpacked outside the repository, imported and run from there.
wheel: $(STAMP)
	@rm -rf build dist $(VENV)/wheel
	@$(BIN)/python -m build --wheel --outdir dist . > $(VENV)/build.log 2>&1 || { cat $(VENV)/build.log; exit 1; }
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --target $(VENV)/wheel dist/*.whl
	@cd / && PYTHONPATH=$(CURDIR)/$(VENV)/wheel $(CURDIR)/$(BIN)/python $(CURDIR)/.ci/wheel_smoke.py $(CURDIR)/$(VENV)/wheel
	@rm -rf build

# An environment of its own: jax and neuralrnn are no dependency of anything here. What a platform cannot install is
# tried again next time, and the table says "not installed" meanwhile.
bench: $(BENCH)/.installed
	@$(BENCH)/bin/python benchmarks/step.py $(ARGS)
	@$(BENCH)/bin/python benchmarks/scaling.py
	@$(BENCH)/bin/python benchmarks/parts.py
	@$(BENCH)/bin/python benchmarks/rules.py

$(BENCH)/.installed: pyproject.toml constraints.txt benchmarks/requirements.txt
	@$(BENCH)/bin/python -m pip --version > /dev/null 2>&1 || $(PYTHON) -m venv --clear $(BENCH)
	@echo "Installing neurornn and what it is timed against into $(BENCH) (once; a few minutes on a slow line) ..."
	@$(BENCH)/bin/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e .
	@if grep -v '^#' benchmarks/requirements.txt | \
	  xargs -n 1 $(BENCH)/bin/python -m pip install --quiet --disable-pip-version-check --no-deps; \
	then touch $@; else echo "Some alternatives could not be installed here; the table says which."; fi

clean:
	rm -rf build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis .coverage *.egg-info
