# make demo   set up once, then train, dissect and report the main example
# make test   set up once, then lint, type-check, test, and try the built wheel outside the repository
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.installed
ARGS   ?=

.PHONY: help setup demo lint test wheel clean

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
	$(BIN)/python -m pytest --cov --cov-report=term:skip-covered --cov-fail-under=90 $(ARGS)

# The artefact users get: built, unpacked outside the repository, imported and run from there.
wheel: $(STAMP)
	@rm -rf build dist $(VENV)/wheel
	@$(BIN)/python -m build --wheel --outdir dist . > $(VENV)/build.log 2>&1 || { cat $(VENV)/build.log; exit 1; }
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --target $(VENV)/wheel dist/*.whl
	@cd / && PYTHONPATH=$(CURDIR)/$(VENV)/wheel $(CURDIR)/$(BIN)/python $(CURDIR)/.ci/wheel_smoke.py $(CURDIR)/$(VENV)/wheel
	@rm -rf build

clean:
	rm -rf build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis .coverage *.egg-info
