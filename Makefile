# Two commands do all the set-up on a fresh machine: `make demo` and `make test`.
PYTHON ?= python3
BIN := .venv/bin
PIP := $(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt
WORKERS ?= 2

.PHONY: install demo test check truth bench lint clean

install: .venv/.installed

.venv/.dorec: pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(PIP) -e .
	touch $@

.venv/.installed: .venv/.dorec
	$(PIP) -e '.[dev,deep,oracles]'
	touch $@

demo: .venv/.dorec  ## simulate a shop, run the whole loop, print estimates beside the truth, write the report
	$(BIN)/dorec demo

test: install  ## every test and doctest, without the slow statistical lane
	$(BIN)/pytest -n $(WORKERS) --dist worksteal -m "not truth"

lint: install
	$(BIN)/ruff check src tests benchmarks
	$(BIN)/ruff format --check src tests benchmarks
	$(BIN)/mypy
	$(BIN)/lint-imports

check: lint test  ## what every commit passes

truth: install  ## the slow statistical lane: coverage, size and power at many repetitions
	$(BIN)/pytest -n $(WORKERS) -m truth tests

bench: install  ## each benchmark against its peer, in one run
	for file in benchmarks/bench_*.py; do echo "== $$file"; $(BIN)/python $$file || exit 1; done

clean:
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache demo-study
