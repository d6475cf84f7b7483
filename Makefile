# Everything happens in .venv, made from the lock: by uv where it is on the PATH, by venv and pip otherwise.
# Another Python, or one that is not called python3: make PYTHON=python3.12 lab
PYTHON ?=
# More for JupyterLab: make LAB=--no-browser lab
LAB ?=
BIN := .venv/bin
UV := $(or $(shell command -v uv),$(BIN)/uv)
COURSE := .venv/.course
TOOLS := .venv/.tools
EXPORT := --quiet --locked --no-emit-project --no-annotate --no-header
LOCK := pyproject.toml uv.lock requirements.txt requirements-dev.txt
STATIC := lint types contracts
PYTEST := $(BIN)/python -m pytest
TWO := -n 2 --dist worksteal
SLOWEST := --durations=25
# Where questions are judged in the tests' own processes, two at a time: one thread each, as in grading.
ONE_THREAD := OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 MKL_NUM_THREADS=1

.PHONY: help demo check test night unit chapters smoke questions together alone night-tests many-examples audit bench regrades lab update test-versions lint types contracts format browser clean

help:  ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-14s %s\n", $$1, $$2}'

$(COURSE): $(LOCK)
	@$(call install,requirements.txt,--extra gluon)
	@touch $@

$(TOOLS): $(LOCK)
	@$(call install,requirements-dev.txt,--all-extras)
	@touch $@ $(COURSE)

# $(call install,REQUIREMENTS,EXTRAS): exactly what is locked, by uv or by pip. What is there beyond it stays.
define install
echo "Setting up .venv: a few minutes and six gigabytes the first time."; \
if command -v uv >/dev/null 2>&1; then \
  uv sync --quiet --locked --inexact $(2) $(if $(PYTHON),--python $(PYTHON)); \
else \
  $(or $(PYTHON),python3) -c "$$FITTING" || exit 1; \
  test -x $(BIN)/pip || $(or $(PYTHON),python3) -m venv .venv || exit 1; \
  $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r $(1) || exit 1; \
  $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .; \
fi
endef

define FITTING
import platform, sys
version, machine = sys.version_info[:2], (platform.system(), platform.machine())
if not (3, 11) <= version < (3, 15):
    sys.exit("The course needs Python 3.11 to 3.14, and this is %d.%d: try make PYTHON=python3.12" % version)
if machine not in [("Linux", "x86_64"), ("Linux", "aarch64"), ("Darwin", "arm64")]:
    sys.exit("PyTorch has no current wheel for %s %s: docs/install.md says what to do instead" % machine)
endef
export FITTING

demo: $(COURSE)  ## grade a demonstration class through nbgrader, and compare with what it was made to earn
	$(BIN)/course demo

check: $(TOOLS)  ## the signal at every save: linters, types, contracts, quick tests, changed chapters, one small class
	@$(call each,$(STATIC) unit chapters smoke)

test: $(TOOLS)  ## all that `check` promises, then every test but those of the night: notebooks executed, attacks, faults
	@$(call each,$(STATIC) unit smoke questions together alone)

night: $(TOOLS)  ## what takes hours: every mutant, regrades, real data, many examples, the benchmark, other versions
	@$(call each,audit regrades night-tests many-examples bench test-versions)

# $(call each,PARTS): one after the other, all of them; the last line says which failed.
define each
failed=; \
for part in $(1); do $(MAKE) --no-print-directory $$part || failed="$$failed $$part"; done; \
test -z "$$failed" || { echo "Failed:$$failed (each is a target of its own)" >&2; exit 1; }
endef

# The parts of `check` and `test`; each can be run by itself. docs/testing.md says what they promise.
unit: $(TOOLS)
	$(PYTEST) $(TWO) tests/unit

chapters: $(TOOLS)
	$(ONE_THREAD) $(PYTEST) $(TWO) tests/solutions --changed

smoke: $(TOOLS)
	$(PYTEST) tests/smoke

questions: $(TOOLS)
	$(ONE_THREAD) $(PYTEST) $(TWO) $(SLOWEST) tests/solutions

together: $(TOOLS)
	$(PYTEST) $(TWO) $(SLOWEST) -m "not alone and not night" $(addprefix --ignore=tests/,unit smoke solutions)

alone: $(TOOLS)
	$(PYTEST) $(SLOWEST) -m "alone and not night"

night-tests: $(TOOLS)
	$(PYTEST) $(TWO) $(SLOWEST) -m "night and not alone"
	$(PYTEST) $(SLOWEST) -m "night and alone"

# The tests that draw their inputs, with forty times as many as by day.
many-examples: $(TOOLS)
	$(ONE_THREAD) HYPOTHESIS_PROFILE=night $(PYTEST) $(TWO) $(SLOWEST) -m "hypothesis and not alone"

audit: $(TOOLS)  ## prove the checks right on every mutant and the inputs of sixty students; the card lands in build/audit.html
	@mkdir -p build
	$(BIN)/course audit --repeat 60 --json build/audit.json --html build/audit.html

bench: $(TOOLS)  ## grade one class by stock nbgrader and by `course grade`, and compare times, memory and points
	$(BIN)/python -m benchmarks.grading

regrades: $(TOOLS)  ## grade one class 200 times: every verdict must be the same
	$(BIN)/python -m benchmarks.regrades

lab: $(COURSE)  ## open JupyterLab in work/, your own copy of lessons and exercises
	$(BIN)/course workspace work
	$(BIN)/jupyter lab --notebook-dir=work $(LAB) $(if $(filter 0,$(shell id -u)),--allow-root)

update: $(TOOLS)  ## renew the lock: the newest versions that pyproject.toml allows
	$(UV) lock --upgrade
	$(UV) export $(EXPORT) --extra gluon --output-file requirements.txt
	$(UV) export $(EXPORT) --all-extras --output-file requirements-dev.txt

test-versions: $(TOOLS)  ## questions and lessons on the lowest and on the newest versions that pyproject.toml allows
	$(BIN)/python -m tests.versions

lint: $(TOOLS)  ## ruff on code and notebooks
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(TOOLS)
	$(BIN)/mypy

contracts: $(TOOLS)
	$(BIN)/lint-imports --no-logo
	$(BIN)/deptry .

format: $(TOOLS)  ## let ruff put code and notebooks in order; write docs/api.md anew
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	$(BIN)/python docs/make_api.py

browser:  ## install Debian's Chromium, in which `make test` tries the learner's room
	@command -v chromium || { apt-get update && apt-get install --yes --no-install-recommends chromium; }

clean:  ## remove what was built (never work/)
	rm -rf build .pytest_cache .ruff_cache .mypy_cache .import_linter_cache .hypothesis
