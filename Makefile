# The developer's commands; CI runs the same ones (.ci/run).
#   make demo    install what a user needs and run the whole job on scikit-learn's digits
#   make test    install what a developer needs and run every test
#   make check   lint, format, types, import floors, generated docs
#   make docs    write the generated pages anew;  make bench    speed (other benchmarks need tables or datasets)
#   make site    the documentation as a site, in build/site;  make package    wheel and source distribution, in dist
#   make notebooks  run the notebooks and write what comes out into them
#   make fitted  fit the predictor that is shipped, after a change of the seed or of what learns (minutes of a core)
#   make torture   mutated files, kills and full disks over everything that reads or writes (two hours of two cores)
#   make evaluation    predictions on datasets never seen: docs/evaluation, from the shipped experience (two hours of a core)
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
RUN ?= runs/demo
# Files of tests at a time; each takes up to 2 GB of memory.
BESIDE ?= 2

.DEFAULT_GOAL := help
.PHONY: help demo test check docs site package notebooks bench fitted torture evaluation clean

help:
	@sed -n 's/^#   //p' Makefile

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit("presage needs Python 3.11 or later; type: make PYTHON=python3.12 demo") if sys.version_info < (3, 11) else None'
	$(PYTHON) -m venv $(VENV)

# Each stamp is written only after its installation succeeded, so an interrupted one is taken up again.
$(VENV)/.user: pyproject.toml | $(BIN)/python
	@echo "Installing presage and PyTorch into $(VENV) (about 5 GB; minutes, once) ..."
	$(BIN)/python -m pip install --quiet --upgrade "pip>=25.1"
	@# setuptools warns, in twelve lines, of any editable installation that is not a whole folder on the path
	PYTHONWARNINGS="ignore:Editable installation" $(BIN)/python -m pip install --quiet --editable .
	@touch $@

$(VENV)/.developer: pyproject.toml $(VENV)/.user
	$(BIN)/python -m pip install --quiet --group dev
	@touch $@

demo: $(VENV)/.user
	$(BIN)/presage demo --run $(RUN)

test: $(VENV)/.developer
	$(BIN)/python -m pytest -n $(BESIDE) --dist loadfile

check: $(VENV)/.developer
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python docs/generate.py --check

docs: $(VENV)/.developer
	$(BIN)/python docs/generate.py

site: $(VENV)/.developer
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict --quiet

# setuptools packs what an earlier build left in build/.
package: $(VENV)/.developer
	rm -rf build dist
	$(BIN)/python -m build
	$(BIN)/python -m twine check --strict dist/*

notebooks: $(VENV)/.developer
	$(BIN)/python notebooks/execute.py

SPEED := encode predict predicted_study dcn_query

bench: $(VENV)/.developer
	@for name in $(SPEED); do echo "== $$name"; $(BIN)/python benchmarks/$$name.py || exit 1; done

fitted: $(VENV)/.developer
	$(BIN)/python benchmarks/fitted.py

# Finished parts are kept beside the database: interrupted, it goes on where it was.
$(VENV)/shipped.duckdb: $(wildcard database/seed/*) | $(VENV)/.developer
	rm -f $@
	$(BIN)/presage database info --database $@ > /dev/null

torture: $(VENV)/.developer
	$(BIN)/python -m tests.hostile.torture

evaluation: $(VENV)/shipped.duckdb
	$(BIN)/presage evaluate --folds 10 --database $< --out docs/evaluation > /dev/null
	$(BIN)/presage evaluate --database $< --families shipped --out docs/evaluation/families > /dev/null
	$(BIN)/python docs/generate.py

clean:
	rm -rf $(VENV) build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .import_linter_cache
