# Everything happens in .venv, made from pyproject.toml by uv where it is on the PATH, by venv and pip otherwise.
PYTHON ?= python3
BIN := .venv/bin
READY := .venv/.ready

.PHONY: help demo test test-fast audit bench regrades lab lint format clean

help:  ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-10s %s\n", $$1, $$2}'

$(READY): pyproject.toml
	@echo "Setting up .venv: a few minutes the first time."
	@if command -v uv >/dev/null 2>&1; then \
	  test -x $(BIN)/python || uv venv --quiet --python $(PYTHON) .venv; \
	  uv pip install --quiet --python $(BIN)/python -e '.[test]'; \
	else \
	  test -x $(BIN)/pip || $(PYTHON) -m venv .venv; \
	  $(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[test]'; \
	fi
	@touch $@

demo: $(READY)  ## grade a demonstration class through nbgrader, and compare with what it was made to earn
	$(BIN)/course demo

test: $(READY)  ## lint, then run every test, notebooks included
	@$(MAKE) --no-print-directory lint
	@failed=0; \
	echo "What may run two at a time:"; $(BIN)/python -m pytest -n 2 --dist worksteal -m "not alone" || failed=1; \
	echo "What needs the machine to itself:"; $(BIN)/python -m pytest -m alone || failed=1; \
	exit $$failed

test-fast: $(READY)  ## all but the slow tests, a few minutes
	$(BIN)/python -m pytest -m "not slow"

audit: $(READY)  ## prove the checks right on every mutant and fifty fresh seeds; the card lands in build/audit.html
	@mkdir -p build
	$(BIN)/course audit --repeat 50 --json build/audit.json --html build/audit.html

bench: $(READY)  ## grade one class by stock nbgrader and by `course grade`, and compare times, memory and points
	$(BIN)/python -m benchmarks.grading

regrades: $(READY)  ## grade one class 200 times: every verdict must be the same
	$(BIN)/python -m benchmarks.regrades

lab: $(READY)  ## open JupyterLab in work/, your own copy of lessons and exercises
	$(BIN)/course workspace work
	$(BIN)/jupyter lab --notebook-dir=work

lint: $(READY)  ## ruff on code and notebooks
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

format: $(READY)  ## let ruff put code and notebooks in order
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean:  ## remove what was built (never work/)
	rm -rf build .pytest_cache .ruff_cache .hypothesis
