# What this checkout can do. `make` lists it; each target sets up what it needs on first use.

WEB_ROOT ?= /var/www/file-server
LOGS ?= /var/log/apache2/downloads-ssl-access.log*
SITEURL ?= https://downloads.linuxvillage.org
PORT ?= 8000
STATE ?= normal
PYTHON ?= python3 python3.14 python3.13 python3.12 python3.11
export WEB_ROOT LOGS SITEURL

# An empty web root would be the folder that make runs in.
$(if $(strip $(WEB_ROOT)),,$(error WEB_ROOT is empty: give the folder of the images))

# STATE of the sample: normal, or empty, many, hostile or big, to see the other pages worth designing.
SAMPLE_FILES := $(if $(filter normal,$(STATE)),output,.demo/$(STATE)/files)
SAMPLE_LOGS := $(if $(filter normal,$(STATE)),.demo/logs,.demo/$(STATE)/logs)
# The sample never touches the real server's files, whatever the command line says.
demo preview rebuild: override WEB_ROOT := $(SAMPLE_FILES)
demo preview rebuild: override LOGS := $(SAMPLE_LOGS)/downloads-ssl-access.log*
demo preview rebuild: override SITEURL := http://127.0.0.1:$(PORT)

INGEST = PYTHONPATH=plugins .venv/bin/python -m download_counter
PELICAN = .venv/bin/python -m pelican
SAMPLE = .venv/bin/python tests/sample.py --state $(STATE) --web-root $(SAMPLE_FILES) --logs $(SAMPLE_LOGS)
TEMPLATES = $(wildcard theme/templates plugins/download_counter/templates)
# The programs that tests run, by the names of their Debian packages.
TEST_PACKAGES = apache2 aria2 chromium cron curl default-jre-headless faketime gettext logrotate openssh-server strace wget

.PHONY: help ingest publish demo preview rebuild test lint bench clean doctor lock audit messages screenshots \
  run-venv dev-venv test-packages
# One after the other: what `make ingest publish` publishes is what it ingested.
.NOTPARALLEL:

help: ## list the targets and the variables (the default)
	@echo 'Usage: make [VARIABLE=value ...] TARGET ...'
	@echo
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  %-12s %s\n", $$1, $$2 }' Makefile
	@echo
	@echo 'Variables, here or in the environment, with their values now:'
	@printf '  %-12s %s\n' WEB_ROOT "$$WEB_ROOT" LOGS "$$LOGS" SITEURL "$$SITEURL" PORT '$(PORT)' STATE '$(STATE)' PYTHON '$(PYTHON)'

# --- On the server ---

ingest: run-venv ## count the downloads in LOGS into WEB_ROOT/.stats/
	@$(INGEST)

# Pelican writes its log to stdout and a closing line always. Its plain handler sends warnings and errors to stderr instead,
# so that cron mails when there is something to mend, and only then.
define build
if [ -t 1 ]; then $(PELICAN); else $(PELICAN) --log-handler plain >/dev/null; fi
endef

publish: run-venv ## write the pages into WEB_ROOT (ingests first if the logs changed)
	@$(build)

# A failed ingest publishes nothing, under `make -k` as well.
ifneq ($(filter ingest,$(MAKECMDGOALS)),)
publish: ingest
endif

doctor: run-venv ## check this server's logs, web root and settings, and say what to mend
	@$(INGEST) doctor

# --- At the desk ---

demo: run-venv ## make a sample web root in output/ with two weeks of logs, and do the whole job on them
	@$(SAMPLE)
	@$(INGEST)
	@$(build)
	@echo 'Open $(SAMPLE_FILES)/index.html and $(SAMPLE_FILES)/.stats/index.html, or run: make preview'

preview: run-venv ## serve the sample on 127.0.0.1:PORT and rebuild when theme, content or settings change
	@[ -d $(SAMPLE_LOGS) ] && [ -d $(SAMPLE_FILES) ] || $(SAMPLE)
	@$(build) || true
	@echo 'Pages: http://127.0.0.1:$(PORT)/ and http://127.0.0.1:$(PORT)/.stats/'
	@.venv/bin/python -m watchfiles --verbosity warning \
	  'make --no-print-directory --silent rebuild' theme content plugins pelicanconf.py & watcher=$$!; \
	  trap 'kill $$watcher; wait $$watcher' EXIT; trap 'exit 0' INT TERM; \
	  $(PELICAN) --listen --bind 127.0.0.1 --port $(PORT)

# Not Pelican's own --autoreload: a fresh process sees changed translations and plugin code too.
rebuild:
	@$(build)

screenshots: dev-venv ## take the pictures of the pages that the documentation shows
	@.venv/bin/python tests/screenshots.py

test: test-packages dev-venv ## run the tests
	@.venv/bin/python -m pytest

lint: dev-venv ## check code, types, templates and translations
	@status=0; \
	.venv/bin/python -m ruff check --quiet . || status=1; \
	.venv/bin/python -m ruff format --check . || status=1; \
	.venv/bin/python -m mypy --no-error-summary || status=1; \
	.venv/bin/python -m djlint --lint --check $(TEMPLATES) || status=1; \
	.venv/bin/python tests/check_translations.py || status=1; \
	exit $$status

bench: dev-venv ## measure how fast logs are read
	@PYTHONPATH=plugins:tests .venv/bin/python -m bench $(BENCH)

lives: dev-venv ## let two thousand servers live at random, and look that no number is wrong
	@PYTHONPATH=plugins:tests .venv/bin/python -m lives $(LIVES)

clean: ## remove what make made in this checkout: .venv, caches, output/, builds
	@case "$$(realpath -m -- "$$WEB_ROOT")/" in "$$(realpath -m output)"/*) \
	  echo "output/ holds WEB_ROOT ($$WEB_ROOT): it is not removed, and nothing else either." >&2; exit 1;; esac
	@rm -rf --one-file-system .venv .demo output build dist .coverage .coverage.* htmlcov \
	  .hypothesis .mypy_cache .nox .pytest_cache .ruff_cache
	@find plugins tests theme pelicanconf.py \( -name __pycache__ -o -name '*.mo*' \) -prune -exec rm -rf {} +

# --- Translations ---

messages: run-venv ## bring the templates' messages into the translations, for a translator to fill in
	@.venv/bin/python -m babel.messages.frontend --quiet extract -F pyproject.toml --omit-header --no-location -o .venv/messages.pot .
	@for po in theme/translations/*/LC_MESSAGES/messages.po; do \
	  .venv/bin/python -m babel.messages.frontend --quiet update --no-fuzzy-matching --ignore-obsolete \
	    -i .venv/messages.pot -o $$po -l $$(basename $$(dirname $$(dirname $$po))); done

# --- Dependencies ---

# One lock for every Python and processor, with the digest of every file, and no address to fetch from.
compile = .venv/bin/python -m uv pip compile --quiet --no-config --upgrade --universal --python-version 3.11 --generate-hashes \
  --no-emit-index-url --no-strip-extras --custom-compile-command 'make lock' pyproject.toml

lock: dev-venv ## renew the locked versions of what pyproject.toml asks for
	@$(compile) --group pyproject.toml:site -o requirements.txt
	@$(compile) --constraint requirements.txt --extra cluster --extra places -o requirements-cluster.txt
	@$(compile) --constraint requirements-cluster.txt --extra cluster --extra places --group pyproject.toml:site --group pyproject.toml:dev \
	  -o requirements-dev.txt

audit: dev-venv ## name the locked versions with a known vulnerability
	@.venv/bin/python -m pip_audit --strict --disable-pip --require-hashes -r requirements.txt -r requirements-dev.txt

# $(call venv,LOCKS): the packages of the last of LOCKS, which has those of the others, are in .venv. A copy of the locks beside the packages tells: it is not there when
# .venv is half made or its Python has become another, and then .venv is made anew. Two makes at once take turns (flock).
define venv
holds() { cat $(1) | cmp -s - "$$stamp" || cat requirements.txt requirements-dev.txt | cmp -s - "$$stamp"; }; \
find_stamp() { stamp=$$(.venv/bin/python -Ic 'import sysconfig; print(sysconfig.get_path("purelib"))' 2>/dev/null)/locks.txt; }; \
find_stamp; holds && exit; \
exec 9<Makefile; if command -v flock >/dev/null; then flock 9; fi; \
find_stamp; holds && exit; \
if [ -t 1 ]; then echo 'Setting up .venv ...'; fi; \
if [ ! -e "$$stamp" ]; then \
  for python in $(PYTHON) ''; do \
    "$$python" -Ic 'import ensurepip, sys, venv; sys.exit(not (3, 11) <= sys.version_info < (3, 15))' 2>/dev/null && break; done; \
  if [ -z "$$python" ]; then \
    echo 'Python 3.11 to 3.14 with its venv module is missing (tried: $(PYTHON)):' \
      'install python3 and python3-venv, or name one with make PYTHON=...' >&2; exit 1; fi; \
  "$$python" -Im venv --clear .venv || exit; find_stamp; fi; \
.venv/bin/python -Im pip --quiet --quiet --disable-pip-version-check install --require-hashes \
  -r $(lastword $(1)) && \
  cat $(1) >"$$stamp"
endef

run-venv:
	@$(call venv,requirements.txt)

dev-venv:
	@$(call venv,requirements.txt requirements-dev.txt)

# Installed without starting a server: https://people.debian.org/~hmh/invokerc.d-policyrc.d-specification.txt
test-packages:
	@missing=$$(for package in $(TEST_PACKAGES); do \
	    [ "$$(dpkg-query -Wf '$${db:Status-Status}' $$package 2>/dev/null)" = installed ] || echo $$package; done); \
	if [ -z "$$missing" ]; then exit; fi; \
	if [ "$$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then \
	  echo "Not installed, so some tests will be skipped:" $$missing "(as root: apt-get install" $$missing")"; exit; fi; \
	echo "Installing" $$missing "..."; \
	if [ ! -e /usr/sbin/policy-rc.d ]; then \
	  printf '#!/bin/sh\nexit 101\n' >/usr/sbin/policy-rc.d; chmod +x /usr/sbin/policy-rc.d; trap 'rm /usr/sbin/policy-rc.d' EXIT; fi; \
	export DEBIAN_FRONTEND=noninteractive; \
	{ apt-get -qq update && apt-get -qq -o DPkg::Lock::Timeout=120 install --no-install-recommends $$missing; } </dev/null >/dev/null || \
	  { echo "apt-get failed: tests that need these are skipped, but not in CI." >&2; [ -z "$$CI" ]; }
