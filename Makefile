# Thin: makes .venv with tox in it and calls tox. How each part is built and tested stands in tox.ini.

PYTHON ?= python3
VENV   := .venv
TOX    := $(VENV)/bin/tox
# Named after the interpreter, so that another PYTHON= makes the environment anew.
READY  := $(VENV)/ready-$(subst /,-,$(PYTHON))

.PHONY: help demo test platforms fuzz live faults coverage wheels bench gen gen-check lint format docs clean system-packages

help:  ## Print this
	@echo 'make TARGET [PYTHON=python3.12]'
	@sed -n 's/^\([a-z-]*\):[^#]*## /  \1\t/p' $(MAKEFILE_LIST) | expand -t 14

demo: $(READY)  ## See a real chronyd, the daemon and two clients (CHRONYD=/run/chrony/chronyd.sock: the machine's own)
	@$(TOX) run -e demo -- $(if $(CHRONYD),--chronyd-socket '$(CHRONYD)')

test: $(READY)  ## Run everything that must pass
	@.ci/system-packages '$(PYTHON)' test
	@$(TOX) run

platforms: $(READY)  ## Test the C library on other compilers, C libraries, processors and checkers; ask it every vector there
	@.ci/system-packages '$(PYTHON)' platforms
	@$(TOX) run -e platforms,conformance-platforms

fuzz: $(READY)  ## Fuzz the C library's reader for a minute (SECONDS=3600: an hour)
	@.ci/system-packages '$(PYTHON)' platforms
	@$(TOX) run -e fuzz -- $(or $(SECONDS),60)

live: $(READY)  ## All clients on a real chronyd and the daemon, then 10,000,000 reads each beside a busy writer
	@.ci/system-packages '$(PYTHON)' test
	@$(TOX) run -e live

faults: $(READY)  ## Kill the daemon 1,000 times while clients read, and let it turn 100,000 times
	@.ci/system-packages '$(PYTHON)' test
	@$(TOX) run -e faults

coverage: $(READY)  ## Show which lines of the Python client its tests run
	@$(TOX) run -e coverage

wheels: $(READY)  ## Build the Python client's sdist and wheel, and test the wheel with every Python that is here
	@$(TOX) run -e wheels

bench: $(READY)  ## Measure, as ratios to bare clock readings and to bare Python
	@$(TOX) run -e bench

gen: $(READY)  ## Write the generated files again, after a change of the spec
	@$(TOX) run -e gen

gen-check: $(READY)  ## Show which generated files are stale
	@$(TOX) run -e gen-check

lint: $(READY)  ## Check formatting, style and types
	@$(TOX) run -e lint

format: $(READY)  ## Format everything
	@$(TOX) run -e format

docs: $(READY)  ## Build the documentation in docs/_build
	@$(TOX) run -e docs

clean:  ## Remove everything that was built
	rm -rf $(VENV) .tox docs/_build
	find . -name __pycache__ -prune -exec rm -rf {} +

$(READY): | system-packages
	@echo '==> Making $(VENV) with tox'
	@'$(PYTHON)' -m venv --clear $(VENV)
	@$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check tox
	@touch $@

system-packages:
	@.ci/system-packages '$(PYTHON)'
