# Coxswain. `make` alone lists what there is.
SHELL := /bin/bash
.DEFAULT_GOAL := help

VERSION ?= v1.36.3+coxswain
K8S_VERSION := v1.36.3
DATA_DIR ?= /var/lib/coxswain
PACKAGES := gcc libc6-dev make pkg-config libseccomp-dev nftables iptables iproute2 ca-certificates

version_package := k8s.io/component-base/version
upstream_version := -X $(version_package).gitVersion=$(K8S_VERSION) -X $(version_package).gitMajor=1 -X $(version_package).gitMinor=36
upstream_ldflags := -s -w $(upstream_version)
ldflags := -s -w -X github.com/coxswain-k8s/coxswain/cluster/version.Version=$(VERSION) \
	-X github.com/containerd/containerd/v2/version.Version=v2.3.7 \
	$(upstream_version)
static := go build -ldflags '$(ldflags)'
containerd := github.com/containerd/containerd/v2/cmd
tools := build/tools

# All is compiled alike unless it says otherwise, so that tests and lint take what the build has compiled.
export GOFLAGS := -trimpath $(GOFLAGS)
export CGO_ENABLED := 0

##@ Use

.PHONY: run
run: build images ## Build everything and run a cluster in the foreground
	bin/coxswain server --data-dir $(DATA_DIR) --images build/images

.PHONY: build
build: bin/coxswain ## Build the server with the programs that it carries into bin/

.PHONY: images
images: build/images/guestbook.tar ## Assemble the images of the samples from Debian packages

.PHONY: clean
clean: ## Remove what was built
	rm -rf bin build

##@ Check

.PHONY: test
test: build images lint verify unit race e2e ## Run all checks and all tests

.PHONY: unit
unit: deps $(tools)/h2spec ## Run the tests of all packages
	H2SPEC=$(CURDIR)/$(tools)/h2spec go test ./apis/... ./apiserver/... ./cluster/... ./cmd/... ./config/... ./controllers/... ./kubelet/... ./network/... ./proxy/... ./scheduler/... ./hack/... ./test/bench/... ./test/envtest/... ./test/golden ./test/plugin

.PHONY: fuzz
fuzz: deps ## Fuzz each decoder for FUZZTIME (default a minute); what breaks one is kept in its testdata
	@grep -rn --include='*_test.go' '^func Fuzz' apis apiserver scheduler | sed -E 's|^(.*)/[^/]*:[0-9]+:func (Fuzz[A-Za-z]*).*|./\1 \2|' | while read -r package name; do \
		go test -run '^$$' -fuzz "^$$name$$" -fuzztime $${FUZZTIME:-1m} -fuzzminimizetime 100x $$package || exit 1; done

.PHONY: h2spec
h2spec: $(tools)/h2spec ## Compare how HTTP/2 is served with what h2spec knows of its specification
	H2SPEC=$(CURDIR)/$(tools)/h2spec go test -count=1 -v -run TestSpecification ./apiserver/h2

.PHONY: race
race: deps ## Run the tests of the concurrent packages with the race detector
	CGO_ENABLED=1 go test -race ./apiserver/storage/... ./apiserver/h2 ./apiserver/flowcontrol ./apiserver/inprocess ./apiserver/localcache ./scheduler ./scheduler/crew ./scheduler/queue ./scheduler/state ./kubelet/probe ./controllers/kit ./controllers/daemonset ./controllers/podcontrol ./controllers/service

.PHONY: e2e
e2e: build images ## Run the end-to-end tests on a real cluster (needs root)
	@if [ "$$(id -u)" != 0 ]; then echo "e2e: SKIPPED: the end-to-end tests start containers and need root"; else \
		set -o pipefail; go test -count=1 -parallel 6 -timeout 20m -v ./test/e2e/... | tee build/e2e.log || { hack/said build/e2e.log; exit 1; }; fi

.PHONY: lint
lint: $(tools)/golangci-lint ## Check style, budgets and import directions
	hack/verify-layout
	hack/verify-docs
	GOLANGCI_LINT_CACHE=$(CURDIR)/build/lint-cache $(tools)/golangci-lint run

.PHONY: verify
verify: ## Check that what is generated is up to date
	go run ./hack/openapi -verify

.PHONY: update
update: ## Generate anew what is generated
	go run ./hack/openapi

.PHONY: conformance
conformance: build ## Run upstream's conformance suite on a cluster of two nodes (FOCUS='regex' or SIG=sig-apps: a part of it)
	@cd test/conformance && go run . -root $(CURDIR) -focus "$$FOCUS" -sig "$$SIG"

.PHONY: conformance-ci
conformance-ci: build ## Run fast tests of the suite that have passed before, most of them near what changed last
	@if [ "$$(id -u)" != 0 ]; then echo "conformance-ci: SKIPPED: the nodes of a cluster need root"; else \
		cd test/conformance && go test ./... && go run . -root $(CURDIR) -ci; fi

.PHONY: bench
bench: build images ## Measure start, memory, latency and throughput on this machine
	go run ./test/bench

.PHONY: bench-scheduler
bench-scheduler: build peers ## Run the workloads of scheduler_perf on upstream and Coxswain in turn (DIVIDE=10 for a tenth of nodes and pods)
	go run ./test/bench/compare -only scheduler-perf -rounds 1 $(if $(DIVIDE),-divide $(DIVIDE))

.PHONY: bench-compare
bench-compare: build peers ## Measure upstream and Coxswain in turn and write docs/benchmarks.md (ONLY=list,... and QUICK=1 print a part)
	go run ./test/bench/compare $(if $(ONLY),-only $(ONLY)) $(if $(QUICK),-quick) $(if $(ROUNDS),-rounds $(ROUNDS))

.PHONY: differential
differential: build peers ## Send the same requests to upstream's API server and to ours, and write docs/differential.md
	go run ./test/differential -write docs/differential.md

.PHONY: verify-deps
verify-deps: ## Print what each dependency of the server adds to it
	hack/verify-deps

##@ Parts

.PHONY: deps
deps: build/.deps ## Install the Debian packages that building and testing need

build/.deps:
	@mkdir -p build
	@missing=$$(for p in $(PACKAGES); do dpkg -s $$p >/dev/null 2>&1 || echo $$p; done); \
	if [ -n "$$missing" ]; then \
		if [ "$$(id -u)" != 0 ]; then echo "Missing packages; as root: apt-get install $$missing" >&2; exit 1; fi; \
		apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends $$missing; \
	fi
	@touch $@

.PHONY: programs
programs: deps ## Build the programs that the server carries
	@mkdir -p build/programs
	$(static) -tags 'no_btrfs no_devmapper no_zfs no_aufs' -o build/programs/ ./cmd/containerd
	$(static) -o build/programs/ $(containerd)/containerd-shim-runc-v2
	$(static) -o build/programs/ ./cmd/coxswain-cni
	$(static) -o build/programs/ ./cmd/kubectl
	$(static) -o build/programs/ ./cmd/etcdctl
	CGO_ENABLED=1 go build -ldflags '$(ldflags) -extldflags -static' -tags 'seccomp netgo osusergo' -o build/programs/ github.com/opencontainers/runc
	gcc -Os -s -static -o build/programs/pause cmd/pause/pause.c
	go run ./hack/images -only pause -name pause -o build/programs config/images

bin/coxswain: programs FORCE
	@mkdir -p bin
	$(static) -o build/coxswain ./cmd/coxswain
	@if [ ! -f $@ ] || [ -n "$$(find build/coxswain build/programs -newer $@ -type f)" ]; then \
		go run ./hack/bundle -o $@ build/coxswain build/programs/*; fi
	@for name in kube-apiserver etcd kubectl kube-controller-manager kube-scheduler cloud-controller-manager; do ln -sf coxswain bin/$$name; done

build/images/guestbook.tar: $(shell find config/images hack/images -type f)
	go run ./hack/images -only redis,frontend,toolbox -name guestbook -o build/images config/images

.PHONY: peers
peers: ## Build upstream's control plane, to compare with
	@mkdir -p build/peers
	cd test/peers && go build -ldflags '$(upstream_ldflags)' -o $(CURDIR)/build/peers/ \
		k8s.io/kubernetes/cmd/kube-apiserver k8s.io/kubernetes/cmd/kube-controller-manager k8s.io/kubernetes/cmd/kube-scheduler
	$(static) -o build/peers/etcd go.etcd.io/etcd/server/v3

.PHONY: snapshot-compat
snapshot-compat: peers ## Restore a snapshot of upstream's etcd and compare every object (UPDATE=1 writes the test's values anew)
	COXSWAIN_PEERS=$(CURDIR)/build/peers go test -count=1 -v -run TestSnapshotOfUpstream ./cluster $(if $(UPDATE),-update)

# golangci-lint lives outside go.mod, because its dependencies must not move ours.
$(tools)/golangci-lint:
	GOBIN=$(CURDIR)/$(tools) go install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.12.2

$(tools)/h2spec:
	GOBIN=$(CURDIR)/$(tools) go install github.com/summerwind/h2spec/cmd/h2spec@v2.2.1+incompatible

.PHONY: FORCE
FORCE:

.PHONY: help
help: ## List the targets
	@awk 'BEGIN {FS = ":.*##"; printf "Usage: make TARGET\n"} /^[a-zA-Z0-9_-]+:.*##/ {printf "  %-14s %s\n", $$1, $$2} /^##@/ {printf "\n%s\n", substr($$0, 5)}' $(MAKEFILE_LIST)
