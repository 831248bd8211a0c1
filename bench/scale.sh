#!/usr/bin/env bash
# Builds what is measured and measures it: bench/scale.sh [--tokens N] [--burst N]; see bench/README.md.
set -euo pipefail
cd "$(dirname "$0")/.."
cargo build --locked --release --package strongroom --package strongroom-bench
exec bench/scale.py "$@"
