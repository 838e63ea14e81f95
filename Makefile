# Two commands matter to a newcomer: `make demo` and `make test`. Everything runs inside .venv.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
UV     := UV_PYTHON_DOWNLOADS=never $(BIN)/uv
# CPU=1: PyTorch without CUDA, where the package index at hand has it. An environment that was made so stays so.
CPU    ?= $(wildcard $(VENV)/cpu.lock)
LOCK   := $(if $(CPU),$(VENV)/cpu.lock,requirements.lock)
export NO_ALBUMENTATIONS_UPDATE := 1
unexport PYTHONDONTWRITEBYTECODE # each of the processes that tests start would compile PyTorch anew

NO_CPU := error: CPU=1: the package index at hand does not offer PyTorch and torchvision built without CUDA (PyPI has none \
for Linux; where PyTorch has its own index within reach: UV_TORCH_BACKEND=cpu make install CPU=1). No package was changed. \
make install takes the builds with CUDA, which compute on processors as well.

.PHONY: help install demo test test-all check bench lock clean
.DEFAULT_GOAL := help

help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 12

install: $(VENV)/.installed ## build .venv from requirements.lock (does nothing when it is up to date); CPU=1 without CUDA

$(BIN)/uv:
	@$(PYTHON) -c 'import sys; sys.exit("Inlay needs Python 3.11 to 3.13, this is " + sys.version.split()[0] + "; choose one with: make PYTHON=python3.11 ...") if not (3, 11) <= sys.version_info[:2] <= (3, 13) else None'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check uv==0.13.9

$(VENV)/cpu.lock: requirements.lock
	@mkdir -p $(VENV)
	@awk '/^[a-z]/ { skip = /^(torch|torchvision|triton|nvidia-.*|cuda-.*)==/; \
		if (/^torch(vision)?==/) print $$1 "+cpu ; sys_platform == \047linux\047\n" $$1 " ; sys_platform != \047linux\047" } \
		!skip' requirements.lock > $@

$(VENV)/.installed: $(BIN)/uv pyproject.toml $(LOCK)
	@$(UV) pip sync --quiet --python $(BIN)/python $(LOCK) || $(if $(CPU),{ rm -f $(LOCK); echo "$(NO_CPU)"; false; },false)
	$(UV) pip install --quiet --python $(BIN)/python --no-deps --editable .
	@touch $@

demo: install ## train on the photographs inside scikit-image and fill a hole (under 5 minutes on 2 cores)
	$(BIN)/inlay train experiment=demo

test: install ## the tests (under 8 minutes on 2 cores)
	$(BIN)/python -m pytest -q -n 2 --dist loadgroup -m "not slow"

test-all: install ## the slow tests too
	$(BIN)/python -m pytest -q -n 2 --dist loadgroup

check: install ## ruff and mypy
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

bench: install ## every benchmark, as JSON lines
	@for file in benchmarks/*.py; do $(BIN)/python $$file || exit 1; done

lock: $(BIN)/uv ## resolve pyproject.toml into requirements.lock (no index address is written)
	$(UV) pip compile --quiet pyproject.toml --all-extras --universal --python-version 3.11 --upgrade \
		--generate-hashes --no-header --no-emit-index-url --no-annotate --output-file requirements.lock

clean: ## remove what the tools and runs left behind (not .venv)
	rm -rf outputs .pytest_cache .mypy_cache .ruff_cache
