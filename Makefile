# `make demo` and `make test` do all the set-up, in .venv, on a machine with Python 3.11+, git and make.

PYTHON ?= $(shell for python in python3 python3.14 python3.13 python3.12 python3.11; do \
	$$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$python && break; done)
BIN := .venv/bin

.PHONY: demo test browser torture bench bench-fleet truth lint format docs dist clean

# Only what the program itself needs: some seconds.
demo: .venv-demo/ready
	@.venv-demo/bin/ctxuse demo

# One process more than processors, four at most: many tests wait for something.
test: .venv/ready browser
	$(BIN)/pytest --numprocesses $$($(BIN)/python -c 'import os; print(min(4, (os.cpu_count() or 1) + 1))')

# The tests of pages need Chromium: where it can be installed it is, elsewhere they are skipped.
browser:
	@command -v chromium chromium-browser google-chrome >/dev/null || { \
		test "$$(id -u)" = 0 && command -v apt-get >/dev/null && \
		apt-get -q update >/dev/null && apt-get -qy install --no-install-recommends chromium >/dev/null; } || \
		echo "no Chromium: the tests of pages are skipped" >&2

# The long versions of the fault tests, some minutes; TORTURE=--scale=0.1 for less.
torture: .venv/ready
	PYTHONPATH=tests $(BIN)/python -m faults.torture $(TORTURE)

# Figures, as ratios within one run; BENCH="--events 100000 --repeat 3" for less.
bench: .venv/ready
	$(BIN)/pip install --quiet --disable-pip-version-check --requirement bench/requirements.txt
	$(BIN)/python bench/bench.py $(BENCH)

# A report over many workspaces; BENCH_FLEET="--growth 1000 --repeat 1" for less, "--collected 100000" for packs.
bench-fleet: .venv/ready
	$(BIN)/python bench/fleet.py $(BENCH_FLEET)

# Real clients against a scripted model on this machine: of HOST="codex", or all; TRUTH="--client-version latest" for
# the newest, TRUTH="--show 20" for what differs. docs/truth.md says what comes out.
truth: .venv/ready
	PYTHONPATH=bench $(BIN)/python -m truth $(HOST) $(TRUTH)

lint: .venv/ready
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: .venv/ready
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

docs: .venv/ready
	$(BIN)/python tools/make_command_reference.py
	$(BIN)/python tools/make_layers.py
	$(BIN)/python tools/make_readme.py

# The tests run against the installed wheel, from a directory without src/.
dist: .venv/ready
	rm -rf dist build/wheel-test
	$(BIN)/python -m build --outdir dist .
	$(PYTHON) -m venv build/wheel-test/venv
	build/wheel-test/venv/bin/pip install --quiet --disable-pip-version-check --requirement requirements-dev.txt dist/*.whl
	git ls-files -z -- ":!src" | \
		tar --null -T - -cf - | tar -xf - -C build/wheel-test
	cd build/wheel-test && venv/bin/pytest

clean:
	rm -rf .truth .venv .venv-demo build dist .mypy_cache .pytest_cache .ruff_cache .hypothesis

.venv-demo/ready: pyproject.toml $(shell find src examples -type f -name '*.*' ! -name '*.pyc')
	@test -n "$(PYTHON)" || { echo "ctxuse needs Python 3.11 or newer" >&2; exit 1; }
	@$(PYTHON) -m venv .venv-demo
	@.venv-demo/bin/pip install --quiet --disable-pip-version-check .
	@touch $@

.venv/ready: pyproject.toml requirements-dev.txt
	@test -n "$(PYTHON)" || { echo "ctxuse needs Python 3.11 or newer" >&2; exit 1; }
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check --requirement requirements-dev.txt --editable ".[fleet,html,web,zstd]"
	@touch $@
