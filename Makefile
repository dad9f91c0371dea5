# Everything a newcomer runs: `make serve`, `make test`, `make train`, `make quantize`. `make help` lists it.

# The oldest that runs: pyenv also has the names of versions that are not in use.
PYTHON ?= $(shell for python in python3.11 python3.12 python3.13; do $$python -c "" 2>/dev/null && echo $$python && exit; done; echo python3)
SHELL := /bin/bash

NAME ?= photos
WORKDIR ?= runs/$(NAME)
BUDGET ?= 0.5

.PHONY: help protos sbom audit serve train quantize optimize test test-all fuzz soak test-browser screenshots check format lint types bench peers lock clean

help: ## list the commands
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1\t/' | expand -t 14

# TensorFlow has no wheels for Python 3.14; what is without it runs there too.
newest = $(if $(shell grep '^tensorflow' $<),13,99)

# One environment a purpose, made anew when its lock file changes.
.venv/%/.done: requirements/%.txt
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, $(newest)) and "Opsin needs Python 3.11 to 3.13, this is %d.%d: make PYTHON=..." % sys.version_info[:2])'
	@rm -rf .venv/$*
	@echo "Setting up .venv/$*, once; it takes minutes, and shows no progress"
	$(PYTHON) -m venv .venv/$*
	.venv/$*/bin/pip install --quiet --disable-pip-version-check --require-hashes --requirement $<
	@touch $@

# HEIF=1 adds what reads HEIC photos, REDIS=1 what counts requests with Redis, TRACING=1 what sends traces, GRPC=1 what speaks
# gRPC, OPENVINO=1 another runtime, which serves where it is faster, ONNX=1 what runs ONNX files.
heif = $(if $(filter 1,$(HEIF)),.venv/$(1)/.heif)
redis = $(if $(filter 1,$(REDIS)),.venv/$(1)/.redis)
tracing = $(if $(filter 1,$(TRACING)),.venv/$(1)/.tracing)
grpc = $(if $(filter 1,$(GRPC)),.venv/$(1)/.grpc)
openvino = $(if $(filter 1,$(OPENVINO)),.venv/$(1)/.openvino)
onnx = $(if $(filter 1,$(ONNX)),.venv/$(1)/.onnx)

.venv/%/.heif: requirements/heif.txt .venv/%/.done
	.venv/$*/bin/pip install --quiet --disable-pip-version-check --require-hashes --requirement $<
	@touch $@

.venv/%/.redis: requirements/redis.txt .venv/%/.done
	.venv/$*/bin/pip install --quiet --disable-pip-version-check --require-hashes --requirement $<
	@touch $@

.venv/%/.tracing: requirements/tracing.txt .venv/%/.done
	.venv/$*/bin/pip install --quiet --disable-pip-version-check --require-hashes --requirement $<
	@touch $@

.venv/%/.grpc: requirements/grpc.txt .venv/%/.done
	.venv/$*/bin/pip install --quiet --disable-pip-version-check --require-hashes --requirement $<
	@touch $@

.venv/%/.openvino: requirements/serve-openvino.txt .venv/%/.done
	.venv/$*/bin/pip install --quiet --disable-pip-version-check --require-hashes --requirement $<
	@touch $@

.venv/%/.onnx: requirements/serve-onnx.txt .venv/%/.done
	.venv/$*/bin/pip install --quiet --disable-pip-version-check --require-hashes --requirement $<
	@touch $@

serve: .venv/serve/.done $(call heif,serve) $(call redis,serve) $(call tracing,serve) $(call grpc,serve) $(call openvino,serve) $(call onnx,serve) ## serve a model at http://127.0.0.1:5000 (OPSIN_PORT, OPSIN_HOST, OPSIN_REPOSITORY, OPSIN_MODEL)
	@exec .venv/serve/bin/python -m server

# DRY_RUN=1 says what would be done, and how long it would take.
dry_run = $(if $(filter 1,$(DRY_RUN)),--dry-run)

train: .venv/train/.done $(call heif,train) ## train on your photos: make train DATA=photos.zip NAME=flowers (DRY_RUN=1: the plan)
	@test -n "$(DATA)" || { echo "make train needs DATA=<a folder or zip file of class folders, or an .npz file>" >&2; exit 2; }
	@exec .venv/train/bin/python -m training --data "$(DATA)" --workdir "$(WORKDIR)" --name "$(NAME)" \
	  $(if $(MINUTES),--minutes "$(MINUTES)") $(if $(INIT),--init "$(INIT)") $(if $(PRESET),--preset "$(PRESET)") $(dry_run) \
	  $(if $(SHOW_PHOTOS_AS),--show-photos-as "$(SHOW_PHOTOS_AS)")

quantize: .venv/train/.done ## make the trained model int8: make quantize NAME=flowers
	@exec .venv/train/bin/python -m optimize quantize --workdir "$(WORKDIR)"

optimize: .venv/train/.done ## remove channels and quantize: make optimize NAME=flowers BUDGET=0.5 (of the time of int8 alone)
	@exec .venv/train/bin/python -m optimize auto --workdir "$(WORKDIR)" --output "$(WORKDIR)-fast" --budget-latency "$(BUDGET)" $(if $(MINUTES),--minutes "$(MINUTES)") $(dry_run)

# Extended tests (docs/testing.md): none; changed, which are those whose files have changed; or all.
EXTENDED ?= none
PYTEST = .venv/dev/bin/python -m pytest -m 'not browser' --numprocesses auto --dist worksteal --durations 40 \
  $(if $(COV),--cov --cov-report term:skip-covered)

test: .venv/dev/.done .venv/clients/.done ## run the tests, in minutes; with COV=1 also say what they do not reach
	$(PYTEST) --extended $(EXTENDED)

test-all: .venv/dev/.done .venv/clients/.done .venv/spark/.done ## run the extended tests too, and record with which files they passed
	$(PYTEST) --extended all --record-extended

fuzz: .venv/dev/.done .venv/fuzz/.done ## send random requests and pictures: make fuzz EXAMPLES=100000 SECONDS=3600
	OPSIN_FUZZ_EXAMPLES=$(or $(EXAMPLES),5000) .venv/dev/bin/python -m pytest --timeout 0 -o faulthandler_timeout=0 --hypothesis-profile fuzz tests/e2e/test_fuzz_http.py \
	  tests/server/api tests/server/http tests/server/engine/test_registry_damage.py tests/models/pixels tests/models/store
	PYTHONPATH=.:tests .venv/fuzz/bin/python -m fuzz.preprocessing $(or $(SECONDS),120)
	PYTHONPATH=.:tests .venv/fuzz/bin/python -m fuzz.api $(or $(SECONDS),120)

soak: .venv/dev/.done ## serve good and bad traffic while versions are swapped and processes killed: make soak MINUTES=30
	@PYTHONPATH=.:tests exec .venv/dev/bin/python -m soak $(if $(MINUTES),--minutes "$(MINUTES)") $(if $(RATE),--rate "$(RATE)")

test-browser: .venv/dev/.done ## run the upload page in Chromium (Debian's chromium and chromium-driver)
	.venv/dev/bin/python -m pytest -m browser tests/browser

screenshots: .venv/dev/.done ## take the screenshots of docs/images anew, in Chromium
	@PYTHONPATH=.:tests exec .venv/dev/bin/python -m screenshots

check: format lint types test ## format, lint, strict types, tests

format: .venv/dev/.done
	.venv/dev/bin/ruff format --check .

lint: .venv/dev/.done
	.venv/dev/bin/ruff check .
	.venv/dev/bin/hadolint Dockerfile.cpu Dockerfile.gpu

types: .venv/dev/.done
	.venv/dev/bin/mypy

bench: .venv/serve/.done ## measure the server on this machine, which takes wrk: make bench BENCH="--quick"
	@.venv/serve/bin/python -m benchmarks.wrk
	@$(MAKE) --no-print-directory benchmarks/.cache/.done
	@exec .venv/serve/bin/python -m benchmarks.serving $(BENCH)

peers: .venv/serve/.done ## measure it beside FastAPI, MLServer, BentoML, LitServe and PyTriton: make peers PEERS="--only 1,16"
	@.venv/serve/bin/python -m benchmarks.wrk
	@$(MAKE) --no-print-directory benchmarks/.cache/.done
	@exec .venv/serve/bin/python -m benchmarks.peers $(PEERS)

# The model that it measures; training's environment makes it, once.
benchmarks/.cache/.done: benchmarks/resnet50.py benchmarks/random_model.py benchmarks/pictures.py | .venv/train/.done
	.venv/train/bin/python -m benchmarks.resnet50
	@touch $@

lock: .venv/dev/.done ## resolve requirements/*.in anew into the hash-locked requirements/*.txt
	for purpose in $(basename $(wildcard requirements/*.in benchmarks/peers/requirements/*.in)); do \
	  .venv/dev/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-strip-extras --no-header \
	    $$purpose.in --output-file $$purpose.txt || exit 1; \
	done

# What is installed somewhere, each with a lock file of its own.
PURPOSES = serve serve-openvino serve-onnx serve-gpu serve-onnx-gpu backbones heif redis parquet spark tracing grpc train onnx gpu

protos: .venv/dev/.done ## compile server/grpc/protos/*.proto, after a change there
	cd server/grpc/protos && ../../../.venv/dev/bin/python -m grpc_tools.protoc --proto_path=. --include_imports \
	  --descriptor_set_out=compiled.binpb $$(ls *.proto | sort)

sbom: ## write a software bill of materials for each purpose, as CycloneDX: sbom/serve.cdx.json
	@mkdir -p sbom
	@for purpose in $(PURPOSES); do $(PYTHON) deploy/sbom.py requirements/$$purpose.txt > sbom/$$purpose.cdx.json || exit 1; done
	@ls sbom

audit: .venv/audit/.done ## compare the locked packages with published vulnerabilities (asks pypi.org)
	@for purpose in $(PURPOSES); do \
	  echo "requirements/$$purpose.txt"; .venv/audit/bin/pip-audit --strict --disable-pip --require-hashes --requirement requirements/$$purpose.txt || exit 1; \
	done

clean: ## remove environments and caches, not runs or repositories
	rm -rf .venv .pytest_cache .mypy_cache .ruff_cache .hypothesis .coverage
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
