#!/usr/bin/env bash
# Builds the fuzz targets on the stable toolchain and runs each of them: fuzz/run.sh SECONDS [TARGET...]
# Starts from the seeds in corpus/, keeps what it finds in corpus-found/ (not in git), and fails on a
# crash, a hang or a lack of memory; the input is then in corpus-found/TARGET.crashes/.
set -euo pipefail
cd "$(dirname "$0")"

seconds=${1:?"usage: fuzz/run.sh SECONDS [TARGET...]"}
shift
targets=("$@")
if [ ${#targets[@]} -eq 0 ]; then
  for source in targets/*.rs; do targets+=("$(basename "$source" .rs)"); done
fi

# What `cargo fuzz --sanitizer none` passes. The triple keeps the flags away from build scripts.
triple=$(rustc -vV | sed -n 's/^host: //p')
export RUSTFLAGS="--cfg fuzzing -Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
-Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
-Cllvm-args=-sanitizer-coverage-trace-compares -Cllvm-args=-simplifycfg-branch-fold-threshold=0"
cargo build --quiet --release --target "$triple" --target-dir target

failed=()
for target in "${targets[@]}"; do
  found=corpus-found/$target
  mkdir -p "$found" "$found.crashes"
  log=$found.log
  if "target/$triple/release/$target" "$found" "corpus/$target" -max_total_time="$seconds" -timeout=10 \
    -rss_limit_mb=1024 -max_len=8192 -artifact_prefix="$found.crashes/" -print_final_stats=1 >"$log" 2>&1; then
    executed=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")
    edges=$(grep -o 'cov: [0-9]*' "$log" | tail -1 | cut -d' ' -f2)
    printf '%-14s %10s executions, %5s edges, no crash\n' "$target" "${executed:-?}" "${edges:-?}"
  else
    failed+=("$target")
    printf '%-14s FAILED; the last lines of fuzz/%s:\n' "$target" "$log"
    tail -25 "$log"
  fi
done
[ ${#failed[@]} -eq 0 ] || { echo "failed: ${failed[*]}"; exit 1; }
