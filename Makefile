# Two commands do everything on a bare machine: `make demo` and `make test`.
VENV := .venv
PYTHON := $(VENV)/bin/python
BASE ?= python3

.PHONY: demo test check bench fuzz kill soak searches node plugin starter tower install parts clean

demo: install  ## Make a sample shop, index it, train, complete, measure
	$(VENV)/bin/etalage demo

test: install parts check  ## Lint, types, layers, then every test
	$(PYTHON) -m pytest

check: install
	$(VENV)/bin/ruff check .
	$(VENV)/bin/mypy
	$(VENV)/bin/lint-imports --no-logo 2>/dev/null || $(VENV)/bin/lint-imports

bench: install parts  ## Speed against named peers, into build/bench.json
	$(PYTHON) -m pytest tests/benchmarks --benchmark-only -q

fuzz: install  ## Send N requests (200,000) that a grammar and the OpenAPI document make; the same N sends the same
	ETALAGE_FUZZ=$(or $(N),200000) $(PYTHON) -m pytest tests/fuzz -q -s

kill: install parts  ## Kill index command, worker, Redis and node N times (1,000)
	ETALAGE_KILLS=$(or $(N),1000) $(PYTHON) -m pytest tests/integration/test_kill.py tests/integration/test_kill_node.py -q -s

soak: install  ## Complete prefixes at 70 % of peak for N minutes (30) while the completions are swapped every minute
	ETALAGE_SOAK=$(or $(N),30) $(PYTHON) -m pytest tests/integration/test_suggest_soak.py -q -s

searches: install  ## Search N times (200,000) through the ranking plugin and look at its node's memory
	ETALAGE_SEARCHES=$(or $(N),200000) $(PYTHON) -m pytest tests/integration/plugin/test_endurance.py -q -s

node: install $(if $(PLUGIN),plugin)  ## Assemble and start a local OpenSearch node; PLUGIN=1 with the ranking plugin
	$(VENV)/bin/etalage node start $(if $(PLUGIN),--plugin "$$(ls -t opensearch/plugin/target/etalage-ranking-*.zip | head -1)")

plugin: install  ## Build the node's ranking plugin and hold it to what Python computes (needs Maven and a JDK 21)
	mkdir -p build/golden
	$(PYTHON) -m etalage.demo.golden build/golden/requests.jsonl.gz
	$(PYTHON) -m etalage.demo.golden_text build/golden/texts.jsonl
	$(VENV)/bin/etalage plugin build --golden build/golden/requests.jsonl.gz --golden-text build/golden/texts.jsonl

starter: install  ## Train the packaged starter ranker anew
	$(PYTHON) -m etalage.demo.starter

tower: install  ## Train the sample shop's image tower anew
	$(PYTHON) -m etalage.demo.tower

install: $(VENV)/.installed

$(VENV)/.installed: pyproject.toml constraints.txt
	$(BASE) -c 'import sys; sys.exit("Python 3.11 or newer is needed") if sys.version_info < (3, 11) else None'
	$(BASE) -m venv $(VENV)
	$(PYTHON) -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[train,dev]'
	touch $@

parts:  # what the tests run against, from Debian packages
	@command -v redis-server >/dev/null || $(call debian,redis-server)
	@test -x /usr/sbin/rabbitmq-server || $(call debian,rabbitmq-server)
	@command -v curl >/dev/null || $(call debian,curl)
	@command -v npm >/dev/null || $(call debian,nodejs npm)
	@command -v chromedriver >/dev/null || $(call debian,chromium chromium-driver)

debian = { [ "$$(id -u)" = 0 ] && apt-get update -qq && \
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $(1) >/dev/null; } || \
  echo "not installed: $(1); tests that need it will say so"

clean:
	rm -rf $(VENV) build .etalage opensearch/plugin/target
