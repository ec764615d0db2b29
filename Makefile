# The commands of the README. Everything runs from .venv; nothing needs to be activated.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
DATA ?= demo
SIZE ?= small
BIN := .venv/bin
READY := .venv/.ready

.PHONY: help setup nightly up demo-drift test check deps schema bench clean

help:
	@echo "make nightly [DATA=demo|public|all]  run one night, end with a scoreboard"
	@echo "make up                              Airflow UI, prediction service and reports, until Ctrl-C"
	@echo "make demo-drift                      drift, alarm mail, retraining, promotion, recovery; ends with a picture"
	@echo "make test                            all tests        make check   the fast ones, types and borders"
	@echo "make bench [SIZE=full] [ONLY=NAME]   the benchmarks, small unless said, and one table of them"
	@echo "make deps schema                     write dvc.yaml's code deps and docs/params.schema.json anew"

setup: $(READY)

$(READY): requirements.txt pyproject.toml
	@sh pipelines/preflight.sh $(PYTHON)
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --requirement requirements.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	git update-index --skip-worktree dvc.lock
	@touch $@

nightly: setup
	@$(BIN)/nightshift night --data $(DATA)

up: setup
	@exec $(BIN)/nightshift up

demo-drift: setup
	@$(BIN)/python -m pipelines.night.demo

FAST := -n 2 --dist loadfile -m "not slow and not night and not service"

test: setup
	$(BIN)/python -m pytest tests $(FAST)
	$(BIN)/python -m pytest tests -n 2 --dist loadfile -m "slow or night or service"

check: setup
	$(BIN)/ruff check . && $(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache >/dev/null || $(BIN)/lint-imports --no-cache
	$(BIN)/python -m pytest tests $(FAST)

deps: setup
	$(BIN)/python tests/closure.py --write

schema: setup
	$(BIN)/nightshift schema > docs/params.schema.json

bench: setup
	@$(BIN)/python benchmarks/bench.py --size $(SIZE) $(if $(ONLY),--only $(ONLY))

clean:
	rm -rf .nightshift .dvc/cache .dvc/tmp
