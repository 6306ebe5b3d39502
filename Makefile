# Muster. `make help` lists what there is.

.DEFAULT_GOAL := help
export CGO_ENABLED := 0

.PHONY: help build demo test test-long check bench fmt generate cover clean

help: ## list these targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

build: ## build bin/muster
	go build -trimpath -o bin/ ./cmd/muster

demo: ## show what Muster does, on a small organisation made up for it
	@go run ./cmd/muster demo

test: ## run every test, with the databases and directories that they need
	@scripts/test.sh

test-long: ## the same with many more random histories; about an hour
	@MUSTER_LONG=1 scripts/test.sh -timeout 120m

check: ## format, lint, laws, generated files, Windows build, known vulnerabilities
	@scripts/check.sh

bench: ## measure Muster against what its parts cost; SIZE=1m for the full size
	@mkdir -p bin
	@go test -c -o bin/bench.test ./internal/bench
	@MUSTER_BENCH=$(or $(SIZE),10k) bin/bench.test

fmt: ## format the Go source
	gofmt -s -w $(wildcard *.go cmd internal)

generate: ## write the generated files again
	go generate ./...

cover: ## run the tests and say how much of the code they reach
	@mkdir -p bin
	@scripts/test.sh -coverpkg ./... -coverprofile bin/cover.out
	go tool cover -func bin/cover.out | tail -1

clean: ## remove what was built
	rm -rf bin
