# make demo    set up .venv, then a tiny VLM learns 2048 from pixels: base, cold start, RL, evaluation
# make test    set up .venv, then lint, type checks and all tests
# make check   lint and type checks alone
#
# Where there is an NVIDIA GPU the GPU extra is installed, elsewhere the CPU one; without a vLLM for this machine the node
# falls back to transformers and says so.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
EXTRA := $(shell command -v nvidia-smi >/dev/null 2>&1 && echo gpu || echo cpu)
PIP := $(BIN)/python -m pip --disable-pip-version-check

.PHONY: demo test check setup clean

demo: setup
	$(BIN)/g1 train configs/nano/2048.toml

test: setup check
	$(BIN)/python -m pytest
	@echo "the rules once more, as plain Python instead of compiled"
	NUMBA_DISABLE_JIT=1 $(BIN)/python -m pytest tests/games tests/unit/test_rng.py tests/unit/test_compose.py

check: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

setup: $(VENV)/.ready

$(VENV)/.ready: pyproject.toml
	@# What an interrupted installation left behind is not to be built upon.
	@test -e $@ || rm -rf $(VENV)
	$(PYTHON) -m venv $(VENV)
	@echo "installing into $(VENV), a few minutes and 4 GB"
	@$(PIP) install --quiet --progress-bar off --editable '.[$(EXTRA),dev]' \
		|| { echo "vLLM does not install here: the node will use the transformers backend"; \
		     $(PIP) install --quiet --progress-bar off --editable '.[torch-cpu,dev]'; }
	@# vLLM's CPU build asks for audio and video decoders whose only builds need CUDA and fail at import; frames need neither.
	@$(BIN)/python -c "import torch, sys; sys.exit(torch.version.cuda is None)" \
		|| $(PIP) uninstall --quiet --yes torchaudio torchcodec 2>/dev/null
	@$(BIN)/python -c "from g1train.torchvision_shim import install; print(install())"
	@touch $@

clean:
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis
