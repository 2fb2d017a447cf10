# What this checkout can do: `make` lists it.

PORT ?= 8000
STATE ?= normal
PYTHON ?= python3 python3.14 python3.13 python3.12 python3.11
ifneq ($(origin WEB_ROOT),undefined)
# An empty web root would be the folder that make runs in.
$(if $(strip $(WEB_ROOT)),,$(error WEB_ROOT is empty: give the folder of the images))
endif
# Given here or in the environment, the first three go before what the site's settings say.
export WEB_ROOT LOGS SITEURL PYTHON

# The sample: STATE is normal, or empty, many, hostile or big, to see the other pages worth designing.
SAMPLE_FILES := $(if $(filter normal,$(STATE)),output,.demo/$(STATE)/files)
SAMPLE_LOGS := $(if $(filter normal,$(STATE)),.demo/logs,.demo/$(STATE)/logs)
SAMPLE = .venv/bin/python tests/sample.py --state $(STATE) --web-root $(SAMPLE_FILES) --logs $(SAMPLE_LOGS)
# It never touches the real server's files, whatever the command line says.
demo preview: override WEB_ROOT := $(SAMPLE_FILES)
demo preview: override LOGS := $(SAMPLE_LOGS)/downloads-ssl-access.log*
demo preview: override SITEURL := http://127.0.0.1:$(PORT)
demo preview: export SAMPLE_SITE := yes

COUNTER = PYTHONPATH=plugins .venv/bin/python -m download_counter
PELICAN = .venv/bin/python scripts/publish.py
TEMPLATES = $(wildcard theme/templates plugins/download_counter/templates)
# The programs that tests run, by the names of their Debian packages.
TEST_PACKAGES = apache2 aria2 caddy chromium cron curl debootstrap default-jre-headless faketime gettext logrotate \
  nginx-light openssh-server strace wget

.PHONY: help install ingest publish doctor adopt demo preview card screenshots test debian lint bench mutants lives clean messages lock audit
# One after the other: what `make ingest publish` publishes is what it ingested.
.NOTPARALLEL:

help: ## list the targets and the variables (the default)
	@echo 'Usage: make [VARIABLE=value ...] TARGET ...'
	@echo
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  %-12s %s\n", $$1, $$2 }' Makefile
	@echo
	@echo 'Variables, here or in the environment:'
	@printf '  %-12s %s\n' WEB_ROOT "$${WEB_ROOT:-as in the settings}" LOGS "$${LOGS:-as in the settings}" \
	  SITEURL "$${SITEURL:-as in the settings}" PORT '$(PORT)' STATE '$(STATE)' PYTHON '$(PYTHON)'

# --- On the server ---

install: ## set up this checkout, at first and after each upgrade
	@scripts/set-up requirements.txt
	@PYTHONPATH=plugins .venv/bin/python -m download_counter.site.translations theme local
	@.venv/bin/python -m compileall -q plugins || true
	@if [ -t 1 ]; then echo 'This checkout is set up. Next: make doctor'; fi

adopt: ## make a start in local/ for your own name, texts, templates and colours; what is there stays
	@mkdir -p local
	@tar -cC deploy/adopt . | tar -xC local --skip-old-files
	@tar -c --exclude='*about*' content/pages | tar -xC local --skip-old-files
	@echo 'Yours to change: $(CURDIR)/local/. See it with: make preview'

ingest: ## count the downloads in LOGS into WEB_ROOT/.stats/
	@scripts/set-up --check requirements.txt
	@$(COUNTER)

publish: ## write the pages into WEB_ROOT (ingests first if the logs changed)
	@scripts/set-up --check requirements.txt
	@$(PELICAN)

# A failed ingest publishes nothing, under `make -k` as well.
ifneq ($(filter ingest,$(MAKECMDGOALS)),)
publish: ingest
endif

doctor: ## check this server's logs, web root and settings, and say what to fix
	@scripts/set-up --check requirements.txt
	@$(COUNTER) doctor

# --- At the desk ---

demo: ## make a sample web root in output/ with two weeks of logs, and do the whole job on them
	@scripts/set-up requirements.txt
	@$(SAMPLE)
	@$(COUNTER)
	@$(PELICAN)
	@echo 'Open $(SAMPLE_FILES)/index.html and $(SAMPLE_FILES)/.stats/index.html, or run: make preview'

preview: ## serve the sample on 127.0.0.1:PORT, and build again when theme, texts or settings change
	@scripts/set-up requirements.txt
	@[ -d $(SAMPLE_LOGS) ] && [ -d $(SAMPLE_FILES) ] || $(SAMPLE)
	@exec .venv/bin/python scripts/preview.py $(SAMPLE_FILES) $(PORT)

card: ## draw the picture that other sites show beside a link to this one
	@scripts/set-up requirements.txt requirements-dev.txt
	@.venv/bin/python tests/screenshots.py --card

screenshots: ## take the pictures of the pages that the documentation shows
	@scripts/set-up requirements.txt requirements-dev.txt
	@.venv/bin/python tests/screenshots.py

test: ## run the tests
	@scripts/test-packages $(TEST_PACKAGES)
	@scripts/set-up requirements.txt requirements-dev.txt
	@.venv/bin/python -m pytest --numprocesses auto --maxprocesses 4 --dist loadfile

debian: ## try the installation on a fresh Debian 12 and 13 (root, network, some minutes)
	@scripts/test-packages debootstrap
	@scripts/set-up requirements.txt requirements-dev.txt
	@DEBIAN=yes .venv/bin/python -m pytest tests/debian

lint: ## check code, types, templates and translations
	@scripts/set-up requirements.txt requirements-dev.txt
	@status=0; \
	.venv/bin/python -m ruff check --quiet . || status=1; \
	.venv/bin/python -m ruff format --check . || status=1; \
	.venv/bin/python -m mypy --no-error-summary || status=1; \
	.venv/bin/python -m djlint --lint --check $(TEMPLATES) || status=1; \
	.venv/bin/python tests/check_translations.py || status=1; \
	exit $$status

bench: ## measure how fast logs are read
	@scripts/set-up requirements.txt requirements-dev.txt
	@PYTHONPATH=plugins:tests .venv/bin/python -m bench $(BENCH)

mutants: ## change the program in small ways, and see that a test fails each time (hours)
	@scripts/set-up requirements.txt requirements-mutants.txt
	@PYTHONPATH=tests .venv/bin/python -m mutants $(MUTANTS)

lives: ## let two thousand servers live at random, and look that no number is wrong
	@scripts/set-up requirements.txt requirements-dev.txt
	@PYTHONPATH=plugins:tests .venv/bin/python -m lives $(LIVES)

clean: ## remove what make made in this checkout: .venv, caches, output/, builds
	@root=$$(.venv/bin/python -c 'import runpy; print(runpy.run_path("pelicanconf.py")["OUTPUT_PATH"])' 2>/dev/null); \
	case "$$(realpath -m -- "$${root:-$${WEB_ROOT:-/}}")/" in "$$(realpath -m output)"/*) \
	  echo 'output/ holds WEB_ROOT: it is not removed, and nothing else either.' >&2; exit 1;; esac
	@rm -rf --one-file-system .venv .demo output build dist .coverage .coverage.* htmlcov \
	  .hypothesis .mypy_cache .nox .pytest_cache .ruff_cache
	@find plugins scripts tests theme pelicanconf.py \( -name __pycache__ -o -name '*.mo*' \) -prune -exec rm -rf {} +

# --- Translations ---

BABEL = .venv/bin/python -m babel.messages.frontend --quiet
messages: ## bring the templates' words into the translations, for a translator to fill in
	@scripts/set-up requirements.txt
	@$(BABEL) extract -F pyproject.toml --omit-header --no-location -o theme/translations/messages.pot .
	@for po in $(wildcard theme/translations/*/LC_MESSAGES/*.po local/translations/*/LC_MESSAGES/*.po); do \
	  $(BABEL) update --no-fuzzy-matching --ignore-obsolete --ignore-pot-creation-date \
	    -i theme/translations/messages.pot -o $$po -l $$(basename $$(dirname $$(dirname $$po))); done

# --- Dependencies ---

# One lock for every Python and processor, with the digest of every file, and no address to fetch from.
COMPILE = .venv/bin/python -m uv pip compile --quiet --no-config --upgrade --universal --python-version 3.11 --generate-hashes \
  --no-emit-index-url --no-strip-extras --custom-compile-command 'make lock' pyproject.toml

lock: ## renew the locked versions of what pyproject.toml asks for
	@scripts/set-up requirements.txt requirements-dev.txt
	@$(COMPILE) --group pyproject.toml:site -o requirements.txt
	@$(COMPILE) --constraint requirements.txt --extra cluster --extra places -o requirements-cluster.txt
	@$(COMPILE) --constraint requirements-cluster.txt --extra cluster --extra places \
	  --group pyproject.toml:site --group pyproject.toml:dev -o requirements-dev.txt
	@$(COMPILE) --constraint requirements-dev.txt --extra cluster --extra places \
	  --group pyproject.toml:site --group pyproject.toml:dev --group pyproject.toml:mutants -o requirements-mutants.txt

audit: ## name the locked versions with a known vulnerability
	@scripts/set-up requirements.txt requirements-dev.txt
	@.venv/bin/python -m pip_audit --strict --disable-pip --require-hashes -r requirements.txt -r requirements-dev.txt
