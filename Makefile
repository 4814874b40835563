# Each target is a few commands that a person could type. The first run makes .venv; later runs start at once.
PYTHON ?= python3
BIN := .venv/bin
MUTANTS ?= 60
TOPICS ?= $(filter-out harness peers,$(basename $(notdir $(wildcard benchmarks/*.py))))
# The lessons' networks are small: a second thread gains nothing and, on busy cores, costs much.
export OMP_NUM_THREADS ?= 1

# As root JupyterLab wants to be told so; without a display it must not look for a browser.
IS_ROOT := $(filter 0,$(shell id -u))
HAS_DISPLAY := $(DISPLAY)$(WAYLAND_DISPLAY)$(filter Darwin,$(shell uname))
LAB_FLAGS := $(if $(IS_ROOT),--allow-root) $(if $(HAS_DISPLAY),,--no-browser)

.PHONY: help lab test lint lessons bench site repo test-browser test-colab mutation

help:
	@echo "make lab      open working copies of the notebooks in JupyterLab"
	@echo "make test     unit tests, and every notebook run and compared with its stored outputs"
	@echo "make lint     ruff, mypy, import-linter, and whether the generated parts are up to date"
	@echo "make lessons  re-run the notebooks in place; regenerate the README's table"
	@echo "make bench    our code beside the peers' (one topic: TOPICS=rope_2d)"
	@echo "make site     the notebooks as a web site, in docs/_build/html"
	@echo "make repo REPO=owner/name   move badges and setup cells to another repository"
	@echo "make mutation small changes of the code that decides results: do the tests notice? (ROOMS=records)"
	@echo "make test-browser, make test-colab   the lessons in a real browser; under Colab's versions"

lab: .venv/lab.done
	$(BIN)/python -m sjedu lab $(NOTEBOOK) $(LAB_FLAGS) $(LAB)

test: .venv/test.done
	$(BIN)/python -m pytest --nbval -n auto --maxprocesses 4 --dist loadfile --durations 10 -q $(ARGS)

lint: .venv/test.done
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m sjedu.course.notebooks --check
	$(BIN)/python -m sjedu claims --check

lessons: .venv/test.done
	$(BIN)/python -m sjedu.course.notebooks $(NOTEBOOKS)
	$(BIN)/python -m sjedu claims

bench: .venv/test.done
	for topic in $(TOPICS); do $(BIN)/python benchmarks/$$topic.py || exit 1; done

site: .venv/docs.done
	$(BIN)/python -m sphinx -q -W docs docs/_build/html
	@echo "open docs/_build/html/index.html"

# Wherever a link holds the address that pyproject.toml has now; `make lint` proves the generated parts.
repo: OLD = $(shell sed -n 's|^Repository = "https://github.com/\(.*\)"|\1|p' pyproject.toml)
repo:
	@test -n "$(REPO)" || { echo "usage: make repo REPO=owner/name" >&2; exit 2; }
	perl -pi -e 's{(github\.com|com/github|mybinder\.org/v2/gh)/\Q$(OLD)\E(?![\w-]|\.(?!git\b)\w)}{$$1/$(REPO)}g' \
		pyproject.toml *.md $(wildcard docs/*.md docs/*.py notebooks/*.ipynb)

mutation: .venv/mutation.done
	$(BIN)/python tests/mutation/run.py $(ROOMS) --mutants $(MUTANTS)

test-browser: .venv/test.done
	$(BIN)/python -m pytest -m browser -q -s tests/browser

test-colab: .venv-colab/done
	tests/colab/run .venv-colab

.venv/bin/python:
	@echo "Making .venv (about a minute; the largest download is torch)"
	$(PYTHON) -m venv .venv

.venv/lab.done: pyproject.toml constraints.txt | .venv/bin/python
	$(BIN)/python -m pip install -q -c constraints.txt -e ".[lab,data]"
	@touch $@

.venv/test.done: pyproject.toml constraints.txt | .venv/bin/python
	$(BIN)/python -m pip install -q -c constraints.txt -e ".[lab,data,test]"
	@touch $@

.venv/mutation.done: .venv/test.done
	$(BIN)/python -m pip install -q -c constraints.txt -e ".[mutation]"
	@touch $@

.venv/docs.done: pyproject.toml constraints.txt | .venv/bin/python
	$(BIN)/python -m pip install -q -c constraints.txt -e ".[docs]"
	@touch $@

.venv-colab/done: pyproject.toml tests/colab/constraints.txt
	$(PYTHON) -m venv --clear .venv-colab
	.venv-colab/bin/python -m pip install -q -r tests/colab/constraints.txt
	@touch $@
