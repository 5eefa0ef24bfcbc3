# The front door: everything is built by Meson below build/, and each target first installs what it
# needs (tools/deps).
.DEFAULT_GOAL := help
PREFIX := /usr/local
BUILD := build/main
TEST_BUILD := build/test
TEST_OPTIONS := -Dtests=true
SECONDS := 60
SEEDS := 25

.PHONY: help
help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' Makefile

.PHONY: run
run: build ## Start the daemon on loopback, with pages and a store in ./data (ARGS for it)
	@$(BUILD)/src/serve/sluice-serve $(or $(ARGS),--data data)

.PHONY: run-faults
run-faults: build ## Run the faults, faulty and fixed (ARGS for sluice lab run)
	@$(BUILD)/src/cli/sluice lab run $(or $(ARGS),--all --both --seconds 8)

.PHONY: build
build: ## Build the library and the programs
	@tools/deps build
	@tools/build $(BUILD) -Dtests=false

.PHONY: test
test: ## Run all tests (ARGS for meson test: --suite base)
	@tools/deps build test
	@tools/build $(TEST_BUILD) $(TEST_OPTIONS)
	@tools/run-tests $(TEST_BUILD) $(ARGS)

.PHONY: test-long
test-long: ## Tests with new seeds, longer rounds, valgrind (SEEDS=25)
	@tools/deps build test
	@tools/test-long $(SEEDS)

.PHONY: bench
bench: ## Run the benchmarks, append to bench/results (NAME=window, ARGS=--json)
	@tools/deps build test
	@tools/bench $(ARGS) $(NAME)

.PHONY: bench-net
bench-net: ## Measure the network layer beside nginx (SECONDS for each line)
	@tools/deps build test
	@tools/bench-net --seconds $(SECONDS)

.PHONY: bench-heap
bench-heap: ## What the heap profiler costs programs, beside other profilers (ARGS=--json)
	@tools/deps build test
	@tools/bench $(ARGS) heap
	@tools/heap-instructions build/bench/src/preload/libsluice-heap.so build/bench/bench/heavy >&2

.PHONY: bench-serve
bench-serve: ## What the daemon takes, keeps, holds and finds, beside VictoriaMetrics (ARGS=--json)
	@tools/deps build test
	@tools/bench $(ARGS) serve keep store store_words

.PHONY: bench-diagnosis
bench-diagnosis: ## How often verdicts are right, on the laboratory's cases (ARGS=--json)
	@tools/deps build test
	@tools/bench $(ARGS) diagnosis

.PHONY: fuzz
fuzz: ## Fuzz with sanitizers (FUZZ=target, SECONDS=60 for each)
	@tools/deps build test
	@tools/sanitized tools/fuzz --seconds $(SECONDS) $(FUZZ)

.PHONY: lint
lint: ## Check format, house rules, golden lists, scripts
	@tools/deps build test
	@tools/lint

.PHONY: golden
golden: ## Renew the golden lists: exported symbols, layouts
	@tools/symbols --write
	@tools/layouts --write

.PHONY: install
install: ## Install library, headers, programs (PREFIX=/usr/local, DESTDIR=)
	@tools/deps build
	@tools/build build/install --prefix='$(PREFIX)' --buildtype=release -Dtests=false
	@DESTDIR='$(DESTDIR)' meson install -C build/install --no-rebuild --quiet
	@[ -n '$(DESTDIR)' ] || [ "$$(id -u)" -ne 0 ] || ldconfig
