# The commands of this repository; `make` alone lists them. They need Rust, python3 and network to the package
# registries; what else is missing they get by themselves, and they never ask.

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.NOTPARALLEL:

COSTWARDEN := $(or $(CARGO_TARGET_DIR),target)/release/costwarden
# The static program of this machine's architecture, for the files of a release.
TRIPLE := $(shell uname -m)-unknown-linux-musl
STATIC := $(or $(CARGO_TARGET_DIR),target)/$(TRIPLE)/release/costwarden
FUZZ := $(or $(CARGO_TARGET_DIR),target)/release/fuzz

# The commit and the date of the last `make advisories`, for `costwarden --version --verbose`.
export COSTWARDEN_COMMIT ?= $(shell git rev-parse HEAD 2>/dev/null)
export COSTWARDEN_ADVISORIES ?= $(shell cat target/advisories 2>/dev/null)

# COSTWARDEN_TEST_ALL=1 makes tests fail that would pass over what is absent: a server, a compiler of another language.

# How long `make fuzz` goes on, and where its inputs begin.
SECONDS := 60
SEED := 1
SEEDS := 1
# The folder with the series of `make quality`, and with the scripts that inject, count and score incidents.
SETS := ../shared/quality

# Every cargo call selects the whole workspace: another selection would resolve other features and build the dependencies
# a second time. Everything but `make check` uses the release profile.
WORKSPACE := --release --workspace
DEV := $(or $(CARGO_TARGET_DIR),target)/debug/costwarden
CARGO_TEST := $(if $(shell command -v cargo-nextest),\
	cargo nextest run $(WORKSPACE) --no-fail-fast --config-file .ci/nextest.toml,\
	cargo test $(WORKSPACE) --lib --bins --tests --no-fail-fast)

.PHONY: help
help: ## list these commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: build
build: host plugins ## the host in target/release, the bundled detectors in plugins/dist

.PHONY: demo
demo: build ## build, then hide incidents in simulated bills and show which were found
	$(COSTWARDEN) demo

.PHONY: check
check: fmt plugins/dist/tutorial.wasm ## the inner loop, without servers: format, lints and unit tests in the dev profile
	cargo clippy --workspace --all-targets -- -D warnings
	$(if $(shell command -v cargo-nextest),cargo nextest run --workspace --lib --no-fail-fast,cargo test --workspace --lib --no-fail-fast)

.PHONY: test
test: fmt spelling licences unused clippy doc plugins suites fuzz doctests ## every check, against real servers

.PHONY: test-release
test-release: package browser release reproduce ## the slow checks of a release: package, reports in Chromium, two builds

.PHONY: simulate-year
simulate-year: plugins ## a year of operation with outages, by the hour: SEEDS="1 2"
	COSTWARDEN_TEST_YEAR_DAYS=365 COSTWARDEN_TEST_YEAR_SEEDS="$(SEEDS)" \
		tests/services.sh run -- cargo test $(WORKSPACE) --test servers -- --nocapture year::

.PHONY: simulate-days
simulate-days: plugins ## ten days of operation in one process for each seed: SEEDS="1 2" or SEEDS=1..=200
	SEEDS="$(SEEDS)" cargo test $(WORKSPACE) --lib -- --nocapture ten_days::

.PHONY: bench-jobs
bench-jobs: plugins ## time the daily and the hourly job on a real mongod
	tests/services.sh run -- cargo bench --profile release --workspace --bench jobs

.PHONY: bench-sandbox
bench-sandbox: build ## time the detectors in the sandbox against native ones, and an hourly run's start
	cargo bench --profile release --workspace --bench boundary --bench startup

.PHONY: compare-cost
compare-cost: host plugins ## time this program against the binary of another commit: BEFORE=FILE [STORES=DIR]
	COSTWARDEN_BEFORE=$(abspath $(BEFORE)) $(if $(STORES),COSTWARDEN_BEFORE_STORES=$(abspath $(STORES))) \
		cargo bench --profile release --workspace --bench cost

.PHONY: bench-volume
bench-volume: plugins ## time the rules over stores of up to a million series
	cargo bench --profile release --workspace --bench volume

.PHONY: quality
quality: build ## measure the bundled detectors into plugins/QUALITY.md, about 12 minutes: SETS=../shared/quality
	python3 plugins/quality/measure.py $(COSTWARDEN) $(SETS)

.PHONY: fuzz
fuzz: build ## damaged plugins, states and foreign data, the meter beside the engine's: SECONDS=60 SEED=1
	$(FUZZ) run --seconds $(SECONDS) --seed $(SEED)

.PHONY: static
static: ## the static program, for a release; zig and cargo-zigbuild come from PyPI
	.ci/static $(TRIPLE)

.PHONY: static-plugins
static-plugins: static
	COSTWARDEN=$(STATIC) plugins/build.sh

.PHONY: deb
deb: static-plugins ## a Debian package in target/debian
	COSTWARDEN=$(STATIC) config/deploy/deb/build.sh

.PHONY: release
release: static-plugins ## all files of a release in target/release-files: RELEASE_KEY=FILE signs the checksums
	.ci/release $(STATIC)

.PHONY: reproduce
reproduce: ## build the files of the release again in another folder, and compare the bytes
	.ci/reproduce

.PHONY: advisories
advisories: ## the advisory check of the dependencies; needs the network to the advisory database
	.ci/tool cargo-deny check advisories
	@# Without the tool, there was no check.
	if [ -n "$$(.ci/tool cargo-deny --version)" ]; then mkdir -p target && date -u +%F >target/advisories; fi

.PHONY: package
package: host static-plugins
	COSTWARDEN=$(STATIC) tests/package.sh \
		cargo test $(WORKSPACE) --features costwarden-tests/package --test servers package::

.PHONY: browser
browser: build ## open reports in Chromium: requests, charts, filters and accessibility; screenshots in target/browser
	tests/browser/check.sh $(COSTWARDEN) plugins/dist

.PHONY: bench-pages
bench-pages: browser ## measure the pages of reports in Chromium into BENCHMARKS.md
	python3 tests/browser/into_benchmarks.py target/browser/table.md BENCHMARKS.md

.PHONY: screenshots
screenshots: browser ## replace the screenshots of README.md and docs by those of the demo
	cp target/browser/screenshots/demo-en-light.png docs/images/report.png
	cp target/browser/screenshots/demo-en-light-trial.png docs/images/trial.png

.PHONY: clean-dist
clean-dist: ## remove the built detectors
	rm -rf plugins/dist target/test-plugins

.PHONY: host
host:
	cargo build $(WORKSPACE) --bins

.PHONY: plugins
plugins: host
	COSTWARDEN=$(COSTWARDEN) plugins/build.sh

# The unit tests of the sandbox load the bundled detectors.
plugins/dist/tutorial.wasm:
	cargo build --workspace --bin costwarden
	COSTWARDEN=$(DEV) plugins/build.sh

.PHONY: examples
examples: host ## build the example detectors in every language into target/examples
	COSTWARDEN=$(COSTWARDEN) plugins/examples/build.sh

.PHONY: fmt
fmt:
	cargo fmt --all --check

.PHONY: spelling
spelling:
	.ci/tool typos

.PHONY: licences
licences:
	.ci/tool cargo-deny check --hide-inclusion-graph licenses bans sources

.PHONY: unused
unused:
	.ci/tool cargo-machete host plugin-sdk plugins tests

.PHONY: clippy
clippy:
	cargo clippy $(WORKSPACE) --features costwarden-tests/package --all-targets -- -D warnings

.PHONY: doc
doc:
	RUSTDOCFLAGS='-D warnings' cargo doc $(WORKSPACE) --no-deps --document-private-items

.PHONY: suites
suites: plugins examples
	SEEDS=1..=200 tests/services.sh run -- $(strip $(CARGO_TEST))

.PHONY: doctests
doctests:
	cargo test $(WORKSPACE) --doc
