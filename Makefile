# Two commands: `make run` shows the district alive, `make test` proves it. `make help` lists the rest.
.PHONY: help run up down status clean-data build bench test lint

help: ## What can be asked
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-11s %s\n", $$1, $$2}' Makefile
	@echo "  Settings: DAVY_MQTT_PORT=18830 DAVY_PG_PORT=54330 DAVY_HTTP_PORT=8420 DAVY_LOCAL=./data DAVY_SIMULATE='--seed 1 --scenario ...'"
	@echo "            DAVY_HISTORY=35d (simulated past before the first start; none leaves it out)"

run: ## Install, build, start everything in front; Ctrl-C stops it
	@exec deploy/local/run.sh run

up: ## The same in the background; returns when Davy is ready
	@exec deploy/local/run.sh up

down: ## Stop what `make up` started, in reverse order
	@exec deploy/local/run.sh down

status: ## What runs, and whether Davy is ready
	@exec deploy/local/run.sh status

clean-data: ## Throw all local data away (refused while running)
	@exec deploy/local/run.sh clean-data

build: ## The release binary, target/release/davy
	cargo build --release -p ingest --bin davy --target-dir target

# Two builds: the tests' fault points, which the runner's crate brings along, must not get into the binary measured.
bench: ## What a whole Davy takes, measured beside what one would write first: DAVY_BENCH='--quick'
	cargo build --release -p davy-benches --bin davy-bench --target-dir target
	cargo build --release -p ingest --bin davy --target-dir target
	target/release/davy bench e2e $(DAVY_BENCH)

test: ## Everything that can be checked, ending with a table
	@exec tests/run.sh

lint: ## Format, clippy and documentation only
	@exec tests/run.sh lint
