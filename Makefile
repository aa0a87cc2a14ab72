# The project's front door. `make help` lists the verbs.
# Tests mostly wait for servers, so they run in four rows beside each other, one after the other in each row.

SWIFT ?= swift
TEST = $(SWIFT) test --skip-build --disable-xctest
SOURCES = Package.swift Sources Tests
# Whole clusters in two rows that take about as long.
ROW = IntegrationTests/(BadInput|BadObjects|BesideRealPatroni|ChangingOver|InKubernetes|InThePod|WhenTheAPIServerFails)
CLUSTERS = '--filter $(ROW)' '--filter IntegrationTests --skip $(ROW)'
STATIC = -c release --static-swift-stdlib --scratch-path .build-release -Xlinker -s

.PHONY: help charts image build build-tests release test unit integration coverage demo format lint conformance docs clean install-dependencies histories simulate test-kubernetes

help: ## list these verbs
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-22s%s\n", $$1, $$2}' $(MAKEFILE_LIST)

install-dependencies: ## install what is missing from Debian's packages (root or sudo)
	@scripts/install-dependencies

build: ## debug build of patroni and patronictl
	$(SWIFT) build --product patroni
	$(SWIFT) build --product patronictl

# Our own modules are compiled anew: after a change of a stored property an incremental optimised build was seen to link
# objects that disagreed about the layout, and health checks answered nonsense. Without its plan SwiftPM makes the folders
# again.
release: ## static, stripped binaries in dist/
	rm -rf .build-release/*/release/Patroni*.build .build-release/*/release/Modules/Patroni* .build-release/release.yaml
	$(SWIFT) build $(STATIC) --product patroni
	$(SWIFT) build $(STATIC) --product patronictl
	mkdir -p dist
	cp .build-release/release/patroni .build-release/release/patronictl dist/
	@ls -l dist

build-tests: ## debug build of everything
	$(SWIFT) build --build-tests

test: install-dependencies build-tests ## all tests: rules, rooms, real PostgreSQL and etcd, beside real Patroni
	scripts/side-by-side $(CLUSTERS) '--filter PatroniPostgresTests|PatroniDCSTests' \
	    '--skip IntegrationTests --skip PatroniPostgresTests --skip PatroniDCSTests'

# One thread runs a history; the debug builds of the tests look for overlapping accesses.
SIMULATOR = $(SWIFT) build -c release --static-swift-stdlib --product patroni-simulator --scratch-path .build-sim \
	-Xswiftc -enforce-exclusivity=unchecked
HISTORIES ?= 20000

histories: ## whole clusters in virtual time: a fixed budget of histories, and deliberate mistakes that must be noticed
	rm -rf .build-sim/*/release/Patroni*.build .build-sim/*/release/Modules/Patroni* .build-sim/release.yaml
	$(SIMULATOR)
	.build-sim/release/patroni-simulator run --once-failed --jobs 2
	.build-sim/release/patroni-simulator run --histories $(HISTORIES) --jobs 2
	.build-sim/release/patroni-simulator mutations

simulate: ## 500 histories that nobody has seen before, with what `make histories` has built (FIRST=seed repeats some)
	@first=$${FIRST:-$$(od -An -N4 -tu4 /dev/urandom | tr -d ' ')}; \
	    echo "to repeat these: make simulate FIRST=$$first"; \
	    .build-sim/release/patroni-simulator run --histories 500 --jobs 2 --from $$first

unit: build-tests ## the tests that need no server: core, configuration, house rules
	$(TEST) --filter 'TidyTests|PatroniCoreTests|PatroniConfigurationTests'

integration: install-dependencies build-tests ## the tests with whole clusters only
	scripts/side-by-side $(CLUSTERS)

test-kubernetes: build-tests ## contract and clusters on a real API server (needs KUBE_APISERVER, KUBERNETES_LAB, see docs/kubernetes.md)
	@scripts/test-kubernetes

coverage: ## line coverage of the decisions by the core's tests, file by file; fails below 95 %
	SWIFT="$(SWIFT)" scripts/coverage

demo: install-dependencies ## a cluster that loses its primary (DCS=etcd3: on etcd; ONCE=1: end after the show)
	@scripts/demo

format: ## rewrite the sources in the project's format
	$(SWIFT) format format -i -r $(SOURCES)

lint: ## format check, warnings are errors
	$(SWIFT) format lint --strict -r $(SOURCES)

IMAGE_BUILDER ?= podman
image: release ## the container image `patroni`, from dist/ (IMAGE_BUILDER=podman, buildah or docker)
	$(IMAGE_BUILDER) build -f deploy/image/Containerfile --target final-prebuilt -t patroni .

charts: ## render the Helm chart for the tests (needs helm, or pip install helm-python-sdk)
	scripts/render-charts

conformance: release ## upstream's acceptance suite against dist/ (needs CONFORMANCE, see docs/conformance.md)
	@scripts/conformance

docs: build-tests ## rewrite what is written from the code: settings, rules, conformance
	UPDATE_DOCS=1 $(TEST) --filter TidyTests.DocumentsTests
	scripts/conformance-table

clean: ## remove what was built
	rm -rf .build .build-release .build-coverage dist
