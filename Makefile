# make up: set up and run everything. make help: the other targets.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.ONESHELL:

PYTHON ?= python3
HOST ?= 127.0.0.1
PORT ?= 8000
DATA ?=
TRIPOD_REQUIRE ?=
export TRIPOD_REQUIRE

VENV := .venv
BIN := $(VENV)/bin
SUITES := slow postgres nats browser ray gpu
DEFAULT_SUITE := not slow and not postgres and not nats and not browser and not ray and not gpu
comma := ,
EMPTY :=
SPACE := $(EMPTY) $(EMPTY)
REQUIRED = $(filter $(SUITES),$(subst $(comma), ,$(TRIPOD_REQUIRE)))

# On a terminal pip draws its own bars; elsewhere one line per package, and all of it on failure.
define INSTALL
echo "Installing into $(VENV) (the first time takes some minutes):"
pip=($(BIN)/python -m pip install --disable-pip-version-check --constraint constraints.txt $(1))
if [[ -t 1 ]]; then
  "$${pip[@]}"
else
  "$${pip[@]}" --progress-bar off 2>&1 \
    | tee $(VENV)/install.log \
    | sed -u -n -e 's/^Collecting \([A-Za-z0-9._-]*\).*/  \1/p' \
        -e 's/^Processing .*\/\([A-Za-z0-9_.]*\)-.*/  \1/p' \
        -e 's/^ *Downloading .*(\([0-9.]* MB\)).*/    \1/p' \
        -e 's/^Installing collected packages.*/  unpacking/p' \
    || { tail -n 25 $(VENV)/install.log >&2; exit 1; }
fi
endef

.PHONY: help
help: ## List the targets
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/\1|\2/p' $(MAKEFILE_LIST) \
	  | while IFS='|' read -r name does; do printf '  make %-8s%s\n' "$$name" "$$does"; done

.PHONY: up
up: $(VENV)/.installed ## Set up what is missing and serve everything (HOST=127.0.0.1 PORT=8000)
	@exec $(BIN)/tripod up --host "$(HOST)" --port "$(PORT)"

.PHONY: test
test: $(VENV)/.installed-dev ## Run the tests; TRIPOD_REQUIRE=slow,postgres,... adds these suites
	@if [[ ! -x /usr/bin/chromium ]]; then
	  if [[ $$(id -u) == 0 ]] && command -v apt-get > /dev/null; then
	    echo "Installing Chromium for the browser tests"
	    { apt-get update -qq && DEBIAN_FRONTEND=noninteractive \
	      apt-get install -y -qq --no-install-recommends chromium; } < /dev/null > $(VENV)/chromium.log 2>&1 \
	      || { tail -n 5 $(VENV)/chromium.log; echo "Chromium could not be installed."; } >&2
	  else
	    echo "The browser tests need Debian's Chromium: apt-get install chromium" >&2
	  fi
	fi
	@$(BIN)/python -m pytest -m "$(DEFAULT_SUITE)"
	@if [[ -n "$(REQUIRED)" ]]; then
	  $(BIN)/python -m pytest -m "$(subst $(SPACE), or ,$(strip $(REQUIRED)))"
	fi

.PHONY: check
check: $(VENV)/.installed-dev ## Format, lint, types and import contracts
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

.PHONY: bench
bench: $(VENV)/.installed-dev ## Every benchmark that needs no data set; with DATA=path those that do
ifeq ($(DATA),)
	@for program in encode support monitor recommend startup; do
	  [[ -f tests/benchmarks/$$program.py ]] || continue
	  echo "$$program:" >&2
	  $(BIN)/python -m tests.benchmarks.$$program
	done
else
	@$(BIN)/tripod bench encode --json --data "$(DATA)/banking77/test.csv"
	@$(BIN)/python -m tests.benchmarks.finetune --data "$(DATA)"
	@$(BIN)/tripod recommend evaluate --json --events "$(DATA)/movielens-100k/ratings.csv" \
	  --items "$(DATA)/movielens-100k/items.csv"
endif

.PHONY: format
format: $(VENV)/.installed-dev ## Format the code and mend what lint can mend
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

.PHONY: clean
clean: ## Remove what building and testing left (state under TRIPOD_HOME stays)
	@rm -rf $(VENV) build dist *.egg-info .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(VENV)/.made:
	@command -v "$(PYTHON)" > /dev/null || {
	  echo "error: no $(PYTHON) here; install Python 3.11 or later, or name it: make PYTHON=/path/to/python" >&2
	  exit 2
	}
	@"$(PYTHON)" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || {
	  echo "error: $$("$(PYTHON)" --version) is too old: Tripod needs Python 3.11 or later; name it: make PYTHON=/path/to/python" >&2
	  exit 2
	}
	@if ! "$(PYTHON)" -c 'import ensurepip, venv' 2> /dev/null; then
	  package=python$$("$(PYTHON)" -c 'import sys; print("%d.%d" % sys.version_info[:2])')-venv
	  if [[ $$(id -u) == 0 ]] && command -v apt-get > /dev/null; then
	    echo "Installing $$package"
	    apt-get update -qq < /dev/null
	    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq $$package < /dev/null > /dev/null
	  else
	    echo "error: this Python has no venv: apt-get install $$package" >&2
	    exit 2
	  fi
	fi
	@"$(PYTHON)" -m venv $(VENV)
	@touch $@

$(VENV)/.installed: pyproject.toml constraints.txt | $(VENV)/.made
	@$(call INSTALL,--editable .)
	@touch $@

$(VENV)/.installed-dev: pyproject.toml constraints.txt | $(VENV)/.made
	@$(call INSTALL,--editable .[dev])
	@touch $@ $(VENV)/.installed
