# The verbs people remember. `make test` is what CI runs.
.PHONY: demo test check fix bench fuzz test-rust test-clients test-e2e cluster image setup

export PATH := $(CURDIR)/.tools/venv/bin:$(PATH)
PROGRAM := target/debug/strongroom

# Starts a real server on the embedded store, stores the article's secret and reads it back.
demo:
	@demo/run.sh

# Everything: style, dependencies, unit and integration tests, other people's clients, a real cluster.
test: setup check test-rust test-clients test-e2e

setup:
	@tools/setup.sh test

# Looks, changes nothing.
check: setup
	cargo fmt --all --check
	cargo clippy --locked --workspace --all-targets -- -D warnings
	cargo deny --offline check bans licenses sources

# Changes what can be changed by a program.
fix:
	cargo fmt --all
	cargo clippy --workspace --all-targets --fix --allow-dirty --allow-staged

test-rust:
	cargo test --locked --workspace

# Clients that others wrote, unmodified, against our server.
test-clients: setup
	cargo build --locked --package strongroom
	tests/clients/hvac/run.py $(PROGRAM)
	tests/clients/vault-rs/run.py $(PROGRAM)
	tests/clients/transit/run.py $(PROGRAM)
	tests/clients/oidc/run.py $(PROGRAM)
	tests/clients/openapi/run.py $(PROGRAM)

# Scenarios on a real Kubernetes; see e2e/README.md. `make test-e2e SCENARIOS=logins` runs some of them.
test-e2e:
	e2e/run $(SCENARIOS)

# A real Kubernetes on this machine with Strongroom on it, to play with.
cluster:
	@e2e/cluster/cluster strongroom

# The container image, without Docker: target/image/strongroom.tar.
image:
	deploy/image/build

# Ratios against a bare hyper server in the same run, and a server with many tokens; see bench/README.md.
bench:
	@tools/setup.sh bench
	@bench/run.sh
	@bench/scale.sh
	@bench/webhook.py target/release/strongroom

# A minute for each fuzz target.
fuzz:
	@fuzz/run.sh 60
