# `make` lists what there is. Every target installs what it needs.
#
# The suites are run by tests/src/bin/suites.rs, which prints a line for each, and `N passed, N
# failed` at the end; their output goes to $(CARGO_TARGET_DIR)/suites.

export CARGO_TARGET_DIR ?= target
# The toolchain is named, never fetched behind somebody's back.
export RUSTUP_AUTO_INSTALL = 0

TARGET := $(abspath $(CARGO_TARGET_DIR))
SUITES := cargo run --quiet --locked -p sovnet-tests --bin suites --
ONE := fmt tidy lint unit sim netns kube deb deny doc

.PHONY: help test test-full peers lab lab-enter mutants bench-failover bench-announce bench-quiet bench-kube build packages vm-test clean needs $(ONE)
.DEFAULT_GOAL := help

help:
	@echo "make test        every suite below, with a summary (needs root for netns, kube, deb and vm)"
	@echo "make fmt tidy lint unit sim netns kube deb deny doc"
	@echo "                 one suite alone"
	@echo "make sim SEEDS=1000000"
	@echo "                 so many random schedules on the simulated LAN, with a summary (FROM=N: from number N on)"
	@echo "make vm-test     the package in two Debian machines under QEMU (needs root)"
	@echo "make lab         two nodes, a router and a laptop on one machine: the guided tour (needs root)"
	@echo "make lab K8S=1   the same with a real Kubernetes and a Service"
	@echo "make peers       build that Kubernetes, and the benchmarks' MetalLB, once; the others do it"
	@echo "                 when they need it"
	@echo "make lab-enter NODE=laptop"
	@echo "                 a shell in a node of a lab that is up"
	@echo "make mutants     break the rules that matter on purpose; each must turn one named test red"
	@echo "make bench-failover RUNS=30"
	@echo "                 what a client loses when a node fails, beside keepalived and MetalLB"
	@echo "                 (needs root; BENCH='--peer sovnet --case drain' chooses)"
	@echo "make bench-announce RUNS=5"
	@echo "                 what announcing costs: answers, storms, memory, many addresses and nodes"
	@echo "make bench-quiet MINUTES=60"
	@echo "                 whether an address moves while all processors are busy"
	@echo "make bench-kube  Services, moving pods and a large cluster, beside MetalLB"
	@echo "make test-full   test, mutants, both labs, and kube with the oldest Kubernetes"
	@echo "make build       the programs as they ship, in $(CARGO_TARGET_DIR)/release"
	@echo "make packages    the Debian package, in $(CARGO_TARGET_DIR)/packages"
	@echo "make clean       remove what was built"

test: needs
	@$(SUITES)

$(ONE): needs
	@$(SUITES) $@

# So many random schedules instead of the share of `make test`, as fast as it goes, with a summary.
ifdef SEEDS
sim: export RUSTFLAGS = -C target-cpu=native
sim: SUITES = SOVNET_SIM_SEEDS=$(SEEDS) SOVNET_SIM_FROM=$(FROM) cargo test --locked --profile sim -p sovnet-core --lib \
	random_schedules_end_well -- --nocapture \#
endif

build: needs
	cargo build --locked --release -p sovnetd -p sovnetctl

# The real Kubernetes of the tests and the MetalLB of the benchmarks, kept outside the repository.
peers: needs
	@tests/scripts/peers
	@tests/scripts/peers metallb

packages: needs
	@cargo run --quiet --locked -p sovnet-tests --bin packages

vm-test: packages
	@$(SUITES) vm

# The lab runs what ships.
lab: build
	@SOVNETD=$(TARGET)/release/sovnetd SOVNETCTL=$(TARGET)/release/sovnetctl \
		cargo run --quiet --locked -p sovnet-tests --bin lab $(if $(K8S),-- tour --kubernetes)

lab-enter:
	@cargo run --quiet --locked -p sovnet-tests --bin lab -- enter $(NODE)

mutants: needs
	@cargo run --quiet --locked -p sovnet-tests --bin mutants -- "$(MUTANT)" "$(FROM)"

# A benchmark measures what ships, beside other programs; it prints a table and writes
# $(CARGO_TARGET_DIR)/bench/NAME.json. BENCH holds further arguments. MetalLB and the Kubernetes that
# it needs are built once.
bench-failover bench-announce bench-quiet bench-kube: bench-%: build
	@tests/scripts/needs keepalived
	@SOVNETD=$(TARGET)/release/sovnetd SOVNETCTL=$(TARGET)/release/sovnetctl \
		cargo run --quiet --locked -p sovnet-tests --bin bench -- $* $(BENCH_ARGUMENTS) $(BENCH)

bench-failover bench-announce bench-kube: BENCH_ARGUMENTS = $(if $(RUNS),--runs $(RUNS))
bench-quiet: BENCH_ARGUMENTS = $(if $(MINUTES),--minutes $(MINUTES))

test-full: test mutants
	@$(MAKE) --no-print-directory lab </dev/null
	@$(MAKE) --no-print-directory lab K8S=1 </dev/null
	@peers=$$(tests/scripts/peers oldest) && SOVNET_PEERS=$$peers $(MAKE) --no-print-directory kube

clean:
	cargo clean

needs:
	@tests/scripts/needs
