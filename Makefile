# The front door. Everything is built by Meson below build/.
.DEFAULT_GOAL := help
BUILD := build/main

.PHONY: help
help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' Makefile

.PHONY: build
build: ## Build the library and the programs (installs build dependencies)
	@tools/deps build
	@tools/build $(BUILD) -Dtests=false

.PHONY: test
test: ## Run all tests (installs build and test dependencies)
	@tools/deps build test
	@tools/build build/test -Dtests=true
	@tools/run-tests build/test
