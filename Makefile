# Everything starts here: `make help` lists it. Each target sets up what it needs by itself.

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
ARGS ?=
BASE ?=
PYTHONS ?= 3.11 3.12 3.13 3.14
# One more than there are processors: many tests wait for a server. A file's tests stay together, since they share servers.
JOBS ?= $(shell expr $$(nproc) + 1)

# The Debian packages of what real faults are done to.
LAB := prometheus:prometheus prometheus-alertmanager:prometheus-alertmanager \
	/usr/lib/postgresql/*/bin/initdb:postgresql

.DEFAULT_GOAL := help
.PHONY: help run test test-pythons deploy-test deploy-run shard-test cluster-test doctor-test backtest-test lint format bench curves generate docs docs-test image image-test faults fuzz tools pictures

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' Makefile

run: $(VENV)/.run ## Run a local OpenBao, the exporter and Prometheus (ARGS="--duration 30" ends by itself)
	@scripts/debian-packages --optional prometheus:prometheus
	@$(BIN)/vault-exporter demo $(ARGS)

test: $(VENV)/.dev ## Set up and run all tests (ARGS="-k name" chooses, JOBS=0 runs them in one process)
	@scripts/debian-packages $(LAB) amtool:prometheus-alertmanager /usr/sbin/logrotate:logrotate chromium:chromium \
		systemd-analyze:systemd
	@$(BIN)/python -m pytest --numprocesses $(JOBS) --dist loadfile $(ARGS)

test-pythons: ## Run all tests on each Python that we support (PYTHONS="3.12 3.14" chooses)
	@for version in $(PYTHONS); do \
		echo "== Python $$version"; \
		python=$$(scripts/find-python $$version) || exit 1; \
		$(MAKE) --no-print-directory test PYTHON=$$python VENV=$(VENV)/$$version || exit 1; \
	done

deploy-test: $(VENV)/.dev deploy-run ## Try the Helm chart with each Helm and each Kubernetes, and run what it renders
	@$(BIN)/python -m pytest $(ARGS) tests/deploy/test_helm.py tests/deploy/matrix_helm.py

shard-test: $(VENV)/.dev ## Share 2,000 targets out to four exporters; each target is scraped by exactly one
	@$(BIN)/python -m pytest $(ARGS) tests/targets/run_shards.py

cluster-test: $(VENV)/.cluster ## Replay logs in S3 on a Dask cluster; a worker that is killed changes nothing
	@$(BIN)/python -m pytest $(ARGS) tests/audit/replay/cluster.py

doctor-test: $(VENV)/.dev build/tools/victoria ## Try the doctor on each broken chain alone, with each Prometheus
	@scripts/debian-packages prometheus:prometheus prometheus-alertmanager:prometheus-alertmanager
	@$(BIN)/python -m pytest $(ARGS) tests/doctor/matrix_doctor.py

backtest-test: $(VENV)/.dev build/tools/trixie build/tools/sid ## Compare backtests with the ALERTS of each Prometheus after an hour of faults (SECONDS=60 is shorter)
	@scripts/debian-packages prometheus:prometheus
	@BACKTEST_SECONDS=$(or $(SECONDS),3600) $(BIN)/python -m pytest -o timeout=9000 -o faulthandler_timeout=9000 --numprocesses 3 -rP $(ARGS) tests/backtest/matrix_backtest.py

deploy-run: $(VENV)/.dev ## Run what the Helm chart renders, in front of a real cluster of three nodes
	@scripts/debian-packages $(LAB)
	@$(BIN)/python -m pytest $(ARGS) tests/deploy/run_helm.py

lint: $(VENV)/.dev ## Check style, types, the Dockerfile and the shell scripts
	@$(BIN)/ruff check
	@$(BIN)/ruff format --check
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-cache --no-logo
	@$(BIN)/hadolint Dockerfile

format: $(VENV)/.dev ## Format the code
	@$(BIN)/ruff check --fix-only --quiet
	@$(BIN)/ruff format

bench: $(VENV)/.cluster ## Measure speed, as ratios within one run
	@for bench in bench/*.py; do echo "== $$bench"; $(BIN)/python -m bench.$$(basename $$bench .py) $(ARGS) || exit 1; done

curves: $(VENV)/.dev ## Measure cost as work grows and draw docs/curves; on an idle machine (ARGS="targets files" chooses)
	@$(BIN)/python -m tools.curves $(ARGS)

generate: $(VENV)/.dev ## Write everything that is generated: docs of metrics and collectors, rules, dashboards
	@$(BIN)/vault-exporter metrics --format markdown > docs/metrics.md
	@$(BIN)/vault-exporter collectors --format markdown > docs/collectors.md
	@$(BIN)/python -m alerts.generate
	@$(BIN)/python -m dashboards.generate
	@$(BIN)/python -m deploy.helm.generate
	@$(BIN)/python -m deploy.compose.generate
	@$(BIN)/python -m alerts.decisions
	@$(BIN)/python -m pytest -q --update-golden tests/packaging/test_compatibility.py

docs: $(VENV)/.dev ## Build the documentation as a site in build/site; no link is broken
	@NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet

docs-test: $(VENV)/.dev ## Run every command of the documentation against a real server
	@scripts/debian-packages $(LAB) amtool:prometheus-alertmanager
	@$(BIN)/python -m pytest $(ARGS) tests/packaging/test_commands.py tests/packaging/commands.py

image: $(BASE) ## Build the container image (BASE=build/image/base.tar builds it where no registry can be reached)
	@scripts/build-image vault-exporter $(BASE)

image-test: $(VENV)/.dev image ## Build the image, run it without any rights, and print what it takes
	@$(BIN)/python -m pytest --capture=no $(ARGS) tests/packaging/image.py

build/image/base.tar:
	@scripts/debian-packages mmdebstrap:mmdebstrap
	@mkdir -p build/image
	@mmdebstrap --quiet --format=tar --variant=minbase --include=python3,python3-venv,python-is-python3,ca-certificates trixie $@.new
	@mv $@.new $@

faults: $(VENV)/.dev ## Try the alerts on real faults and write docs/fault-matrix.md (ARGS="sealed" tries some)
	@scripts/debian-packages $(LAB)
	@$(BIN)/python -m tests.faults $(ARGS)

tools: build/tools/trixie build/tools/sid ## Fetch newer Prometheus and Alertmanager into build/tools, for make test

build/tools/victoria:
	@echo "Fetching VictoriaMetrics of Debian bookworm ..."
	@scripts/newer-debian bookworm $@.new victoria-metrics
	@mv $@.new $@

build/tools/%:
	@echo "Fetching Prometheus and Alertmanager of Debian $* ..."
	@scripts/newer-debian $* $@.new prometheus promtool prometheus-alertmanager
	@mv $@.new $@

pictures: $(VENV)/.dev build/pictures/.npm ## Draw the dashboards with Grafana's libraries in Chromium and check them (ARGS="--scene empty")
	@scripts/debian-packages prometheus:prometheus chromium:chromium
	@cp -R tools/pictures/src tools/pictures/*.mjs build/pictures
	@cd build/pictures && node shapes.mjs ../../dashboards/json && node build.mjs
	@$(BIN)/python -m tools.pictures $(ARGS)

build/pictures/.npm: tools/pictures/package.json tools/pictures/package-lock.json
	@scripts/debian-packages node:nodejs npm:npm
	@echo "Fetching Grafana's libraries (500 MB) ..."
	@mkdir -p build/pictures && cp $^ build/pictures
	@cd build/pictures && npm ci --legacy-peer-deps --no-audit --no-fund --loglevel=error
	@touch $@

fuzz: $(VENV)/.dev ## Search for audit lines that are taken wrongly (ARGS="-max_total_time=900" ends after 15 minutes)
	@$(BIN)/pip install --quiet --group fuzz
	@$(BIN)/python -m tests.audit.fuzz $(ARGS)

$(VENV)/bin/pip:
	@PYTHON=$(PYTHON) scripts/create-venv $(VENV)

$(VENV)/.run: pyproject.toml $(VENV)/bin/pip
	@echo "Setting up $(VENV) ..."
	@$(BIN)/pip install --quiet --editable '.[demo]'
	@touch $@

$(VENV)/.dev: pyproject.toml $(VENV)/bin/pip
	@echo "Setting up $(VENV) for development ..."
	@$(BIN)/pip install --quiet --editable '.[demo,dashboards,plot]' --group test --group lint
	@touch $@ $(VENV)/.run

$(VENV)/.cluster: $(VENV)/.dev
	@echo "Setting up $(VENV) for a cluster ..."
	@$(BIN)/pip install --quiet --editable '.[cluster]' --group cluster-test
	@touch $@
