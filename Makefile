# Each target sets up .venv by itself; nothing is installed again until pyproject.toml or constraints.txt changes.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-warn-conflicts --constraint constraints.txt

.PHONY: help demo api train test lint docs bench ablations card figures clean
.DELETE_ON_ERROR:

help: ## show this list
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 10

demo: $(VENV)/installed-demo ## the Gradio demo on http://127.0.0.1:7860 (installs no torch)
	$(BIN)/thumbnet demo

api: $(VENV)/installed-api ## the Flask API on http://127.0.0.1:8000 (installs no torch)
	$(BIN)/thumbnet serve

train: $(VENV)/installed-dev ## train the CIFAR-10 model after its teachers, on a GPU (downloads the data unless THUMBNET_DATA has it)
	$(BIN)/thumbnet train --recipe cifar10-teacher --out runs/cifar10-teacher-0 --download
	$(BIN)/thumbnet train --recipe cifar10-teacher --out runs/cifar10-teacher-1 --set seed=1
	$(BIN)/thumbnet train --recipe cifar10

test: $(VENV)/installed-dev ## every test, with coverage
	$(BIN)/python -m pytest --numprocesses 2 --dist worksteal --cov --cov-fail-under=90

lint: $(VENV)/installed-dev .typecheck/thumbnet ## ruff, mypy --strict, hadolint, codespell and the style of the texts
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	MYPYPATH=.typecheck $(BIN)/mypy -p thumbnet
	$(BIN)/hadolint Dockerfile
	$(BIN)/codespell
	$(BIN)/python docs/prose.py

docs: $(VENV)/installed-docs ## the documentation site in site/, its links checked
	$(BIN)/python docs/site/build.py

bench: $(VENV)/installed-dev ## how fast the CIFAR-10 model answers, on two idle cores
	$(BIN)/python benchmarks/inference.py

ablations: $(VENV)/installed-dev ## train the classical networks by one recipe and compare them: some hours, goes on after a stop
	$(BIN)/python benchmarks/ablations.py

card: $(VENV)/installed-dev ## cards and figures in the texts, from the results of the shipped models
	$(BIN)/python docs/cards.py
	$(BIN)/python docs/figures.py

figures: $(VENV)/installed-dev ## the pictures, code and figures in the course, from its code and results
	for script in docs/course/day*/figures.py docs/explanation/figures.py; do $(BIN)/python $$script || exit 1; done
	$(BIN)/python docs/snippets.py
	$(BIN)/python docs/figures.py

clean: ## remove .venv and everything built
	rm -rf $(VENV) .typecheck build dist site screenshots

# Gradio comes without its dependencies, which are the extra `demo`: see pyproject.toml.
$(VENV)/installed-%: pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "Installing thumbnet[$*] into $(VENV) ..."
	$(INSTALL) --editable '.[$*]'
	$(if $(filter demo dev,$*),$(INSTALL) --no-deps gradio)
	@touch $@

# mypy cannot follow setuptools' mapping of folders to sub-packages, so it gets a package made of links.
.typecheck/thumbnet: $(wildcard src/thumbnet/*)
	mkdir -p $@
	for part in $(abspath $(wildcard src/thumbnet/*) api demo model); do ln -sfn $$part $@/; done
	@touch $@
