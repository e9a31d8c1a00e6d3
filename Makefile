# Every target first makes sure of Node 24 and the npm packages. `make help` says what there is.
.DEFAULT_GOAL := help
.PHONY: help demo test tools cluster kind run dev lint generate build image unit integration e2e sim mutants bench kill soak faults supply-chain clean
SHELL := /bin/bash

# The folder of Node 24, first on PATH for what follows.
node = bin=$$(test/env/bootstrap.sh) && export PATH="$$bin:$$PATH" &&

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: ## Retire a live build agent on a real API server, and watch (KEEP=1 leaves it running)
	@$(node) node test/env/tools.ts >/dev/null && KEEP=$(KEEP) node test/demo/demo.ts

test: ## The whole gate: types, lint, layers, unused code, generated files, all tests
	@$(node) node test/env/gate.ts

tools: ## Install what the tests need into the cache folder; the last line is that folder
	@$(node) node test/env/tools.ts --tests

cluster: ## A real control plane in the foreground, with CRDs and policies; prints its KUBECONFIG
	@$(node) node test/env/tools.ts >/dev/null && node test/env/cluster.ts

kind: ## Offboard in a kind cluster, built from this checkout; needs Docker, kind and kubectl (KIND_IMAGE=… KIND_CLUSTER=offboard)
	@config/kind/up.sh

run: ## The operator against $KUBECONFIG (more flags in ARGS)
	@$(node) exec node src/main.ts $(ARGS)

dev: ## The same, started anew at every change
	@$(node) exec node --watch src/main.ts $(ARGS)

lint: ## Types, lint, layers, unused code
	@$(node) npm run -s typecheck && npm run -s lint && npm run -s layers && npm run -s unused

generate: ## Write the API types, the references of API and CLI, and the chart's copies, from crds/, src/cli/ and config/
	@$(node) npm run -s generate

build: ## The operator as a file that needs nothing but Node, what it loads to probe, the CLI, and what is in each: dist/
	@$(node) npm run -s build

image: ## The operator as an image, the same one from the same commit; needs Docker (IMAGE=offboard:0.1.0; more flags in ARGS)
	docker build --build-arg SOURCE_DATE_EPOCH=$$(git log -1 --format=%ct) --build-arg REVISION=$$(git rev-parse HEAD) $(ARGS) --tag $(or $(IMAGE),offboard:$(shell sed -n 's/^appVersion: //p' charts/offboard/Chart.yaml)) .

unit: ## The unit and contract tests
	@$(node) npx vitest run --project unit

integration: ## The tests against a real API server
	@$(node) node test/env/tools.ts --tests >/dev/null && npx vitest run --project integration

e2e: ## The tests of the operator as its own process
	@$(node) node test/env/tools.ts --tests >/dev/null && npx vitest run --project e2e

sim: ## The operator on virtual time against systems that lie and break (RUNS=10000 SEED=1 JOBS=1 TIME_BUDGET=0 seconds; KEEP=0,3 plays one seed again)
	@$(node) node --min-semi-space-size=64 --max-semi-space-size=64 test/simulation/main.ts --runs $(or $(RUNS),10000) --seed $(or $(SEED),1) --time-budget $(or $(TIME_BUDGET),0) --jobs $(or $(JOBS),1) $(if $(KEEP),--keep $(KEEP))

mutants: ## Break the operator on purpose, in each way of test/simulation/mutants, and see that the simulation tells
	@$(node) node test/simulation/mutants/main.ts $(ARGS)

bench: ## Measure a thousand offboardings, and ten thousand identities at rest (N=1000 IDLE=10000 TOMBSTONES=0 VAULT=0 GOOGLE=0 LOCK=0 START=0; 0 leaves one out)
	@$(node) node test/env/tools.ts >/dev/null && N=$(N) IDLE=$(IDLE) TOMBSTONES=$(TOMBSTONES) VAULT=$(VAULT) GOOGLE=$(GOOGLE) LOCK=$(LOCK) START=$(START) PROFILE=$(PROFILE) node test/bench/bench.ts

kill: ## Kill the operator at 200 random moments among 50 offboardings, then judge all of it (KILLS=200 RUNS=50 SEED=…)
	@$(node) node test/env/tools.ts >/dev/null && KILLS=$(KILLS) RUNS=$(RUNS) SEED=$(SEED) node test/kill/kill.ts

soak: ## Churn and faults on a real API server; fails when something is not flat (MINUTES=20 RATE=0.67 a second RESTARTS=6 of the API server)
	@$(node) node test/env/tools.ts >/dev/null && MINUTES=$(MINUTES) RATE=$(RATE) RESTARTS=$(RESTARTS) PRELOAD='$(PRELOAD)' node test/soak/soak.ts

faults: ## Every fault on every dependency, on real servers, beside other ways to let go; writes docs/fault-matrix.md (ONLY= a part)
	@$(node) node test/env/tools.ts >/dev/null && ONLY='$(ONLY)' AT_ONCE=$(or $(AT_ONCE),20) FROM='$(FROM)' node test/faults/faults.ts

supply-chain: ## Whether each package is pinned, from where it should be, and signed by its registry (asks the network)
	@$(node) node test/env/supply-chain.ts

clean: ## Remove what was built in this checkout (the cache folder stays)
	rm -rf node_modules coverage dist
