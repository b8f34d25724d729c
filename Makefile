# Every target is a script in scripts/ that says what it does and how long it may take.
# Variables: CARGO_TARGET_DIR (compiled code, default target/), CCS_TOOLS_DIR (tools, default .tools/).

.DEFAULT_GOAL := help
.PHONY: help run build demo test chaos check audit bench fmt clean

help: ## Show this list
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 16

run: ## Install what is missing, build, serve on http://127.0.0.1:3000
	@scripts/run.sh serve

demo: ## The same with a scripted model: no account needed, nothing leaves the machine
	@scripts/run.sh demo

build: ## Build target/release/claude-code-server, one file with everything in it
	@scripts/build.sh release

test: ## All tests: SQLite, PostgreSQL, the real CLI, the browser
	@scripts/test.sh

chaos: ## Break things while agents work, and show what was lost: ROUNDS=8 SEED=0
	@scripts/chaos.sh $(or $(ROUNDS),8) $(or $(SEED),0)

check: ## Formatting, lints (native and WASM) and types, warnings as errors
	@scripts/check.sh

fmt: ## Format the code
	@cargo fmt --all

audit: ## Licences, sources and known vulnerabilities of the dependencies
	@scripts/audit.sh

bench: ## Measure throughput, latency, memory and size
	@scripts/bench.sh

clean: ## Remove what was built here; tools and data stay
	@rm -rf target end2end/test-results end2end/playwright-report
