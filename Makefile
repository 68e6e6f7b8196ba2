# People and CI use the same names. `make` alone lists them.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.PHONY: help demo test test-bluez test-bluez-short uml virtual-pi bench lint types check-imports sanitize fuzz wheels lock proto assets screenshots ext clean

# Everything that the project fetches or builds stays inside the clone.
export UV_CACHE_DIR := $(CURDIR)/.cache/uv
export UV_PYTHON_DOWNLOADS := never
export UV_LINK_MODE := hardlink
export PIP_CACHE_DIR := $(CURDIR)/.cache/pip
export PIP_DISABLE_PIP_VERSION_CHECK := 1
export npm_config_cache := $(CURDIR)/.cache/npm
export VIRTUAL_ENV := $(CURDIR)/.venv
export PATH := $(CURDIR)/.venv/bin:$(PATH)
# Without byte code on the disk every process compiles all that it imports anew: a second at each start.
unexport PYTHONHOME PYTHONPATH PYTHONDONTWRITEBYTECODE

PYTHON ?= python3
UV := .tools/bin/uv
UVPIP := $(UV) pip install --quiet --constraint requirements.lock
PY := .venv/bin/python
MEMBERS := contract cython_ext edge firmware_sim gateway demo
PACKAGES := vointi_contract vointi_signals vointi_codec vointi_edge vointi_sim vointi_gateway vointi_demo
PORT ?= 8080
SEED ?= 1
MINUTES ?= 10
# Tests that run side by side; whole chains and browsers always run one after the other.
WORKERS ?= auto
# A wait that ran out on a busy machine is tried once more, and listed; a wrong result never is.
PATIENCE := --reruns 1 --only-rerun 'Timeout' --only-rerun 'did not come in' --only-rerun 'not (happen )?within'

help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 18

demo: .stamps/run assets ## from nothing to a live chart (PORT=8080 SEED=1)
	@exec .venv/bin/vointi-demo --port "$(PORT)" --seed "$(SEED)" $(DEMO_ARGS)

test: .stamps/dev assets .stamps/system ## everything, with a real broker, radio and browser
	@$(MAKE) --no-print-directory -j2 --output-sync=target lint types check-imports sanitize
	@$(PY) -m pytest -n $(WORKERS) --no-loadscope-reorder $(PATIENCE) $(PYTEST_ARGS)

uml: .stamps/dev ## a User-Mode Linux with real BlueZ, from Debian's packages, into .cache/uml
	@bash hardware/uml/build.sh

test-bluez: .stamps/dev ## the edge on real BlueZ in virtual time; "not run: …" where that cannot be had
	@bash hardware/uml/test.sh $(PYTEST_ARGS)

test-bluez-short: .stamps/dev ## six scenes of it, one after another, as in CI
	@WORKERS=0 bash hardware/uml/test.sh -x -m "bluez and short" $(PYTEST_ARGS)

virtual-pi: .stamps/dev ## the edge on an emulated aarch64 machine, provisioned as a Pi is (minutes)
	@bash hardware/virtual_pi/run.sh $(BENCH_ARGS)

bench: .stamps/bench ## measure ours and the peers side by side; tables and figures in bench-out
	@$(PY) -m benchmarks $(BENCH_ARGS)

lint: .stamps/dev ## ruff: style and format
	@.venv/bin/ruff check . && .venv/bin/ruff format --check .

types: .stamps/dev ## mypy --strict
	@.venv/bin/mypy $(PACKAGES:%=-p %)

check-imports: .stamps/dev ## the arrows of ARCHITECTURE.md
	@.venv/bin/lint-imports --no-cache

sanitize: .stamps/dev ## fuzz what is compiled in a build with sanitizers (a minute the first time)
	@bash tools/sanitize.sh

screenshots: .stamps/dev assets .stamps/system ## docs/images/*.png from a running demo
	@$(PY) tools/screenshots.py

ext: .stamps/run ## compile the Cython extension again
	@cd cython_ext && ../$(PY) setup.py -q build_ext --inplace

assets: gateway/vointi_gateway/ui/static/vendor/.stamp ## browser libraries from npm

fuzz: .stamps/dev ## throw bytes at every decoder, guided by coverage (MINUTES=10)
	@$(UVPIP) --group fuzz
	@$(PY) tools/fuzz.py --minutes $(MINUTES)

wheels: .stamps/dev ## sdist and wheel of every member, into dist/
	@for m in $(MEMBERS); do $(UV) build --quiet --out-dir dist $$m || exit 1; rm -rf $$m/build/lib $$m/build/bdist.*; done; ls dist

lock: .tools/bin/uv ## resolve every dependency again into requirements.lock
	@$(UV) pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes --no-header --no-annotate \
	  --group dev --group bench --group fuzz $(MEMBERS:%=%/pyproject.toml) tools/requirements.in --all-extras \
	  --output-file requirements.lock
	@sed -i '/^-e /d' requirements.lock

proto: .stamps/dev ## generate the Protobuf module from contract/vointi_contract/frame.proto
	@cd contract && ../$(PY) -m grpc_tools.protoc -I. --python_out=. --pyi_out=. vointi_contract/frame.proto

clean: ## remove what was built and fetched (the data of the demo, too)
	@rm -rf .venv .tools .stamps .cache .demo node_modules dist build $(MEMBERS:%=%/build) bench-out

# ---- what the targets stand on -------------------------------------------------------------

.tools/bin/uv: requirements.lock tools/prerequisites.sh
	@bash tools/prerequisites.sh "$(PYTHON)"
	@echo "· fetching the installer"
	@$(PYTHON) -m venv .tools
	@sed -n '/^uv==/,/[^\\]$$/p' requirements.lock > .tools/uv.txt
	@.tools/bin/python -m pip install --quiet --require-hashes -r .tools/uv.txt
	@touch $@

.stamps/venv: .tools/bin/uv
	@mkdir -p .stamps
	@test -x $(PY) || $(UV) venv --quiet --python "$(PYTHON)" .venv
	@touch $@

.stamps/run: requirements.lock $(MEMBERS:%=%/pyproject.toml) cython_ext/setup.py $(wildcard cython_ext/vointi_*/*.pyx cython_ext/vointi_*/*.px? cython_ext/vointi_*/*.h) | .stamps/venv
	@echo "· installing what the demo needs (first run: a minute or two)"
	@$(UVPIP) setuptools cython numpy
	@echo "· compiling the signal core"
	@$(UVPIP) --no-build-isolation -e contract -e cython_ext -e 'edge[virtual-radio]' -e firmware_sim -e 'gateway[broker,influx]' -e demo
	@touch $@

.stamps/dev: .stamps/run pyproject.toml
	@echo "· installing what the tests need"
	@$(UVPIP) --group dev --group bench
	@touch $@

.stamps/bench: .stamps/dev
	@touch $@

.stamps/system: tools/system-packages.sh
	@bash tools/system-packages.sh
	@touch $@

gateway/vointi_gateway/ui/static/vendor/.stamp: package.json package-lock.json tools/assets.sh | .stamps/run
	@bash tools/assets.sh
	@touch $@
