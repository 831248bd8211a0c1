#!/usr/bin/env bash
# Installs what the checks and tests need beyond Rust and Python, into .tools where that is possible.
# Does nothing the second time. `tools/setup.sh bench` adds the load generator.
set -euo pipefail
cd "$(dirname "$0")/.."

need_packages() {
  local missing=()
  for package in "$@"; do
    dpkg -s "$package" >/dev/null 2>&1 || missing+=("$package")
  done
  [ ${#missing[@]} -eq 0 ] && return 0
  local sudo=()
  [ "$(id -u)" = 0 ] || sudo=(sudo)
  "${sudo[@]}" apt-get update -qq
  DEBIAN_FRONTEND=noninteractive "${sudo[@]}" apt-get install -y -qq --no-install-recommends "${missing[@]}"
}

python_tools() {
  local wanted=.tools/venv/.requirements
  cmp -s tools/requirements.txt "$wanted" 2>/dev/null && return 0
  python3 -m venv .tools/venv
  .tools/venv/bin/pip install -q --disable-pip-version-check -r tools/requirements.txt
  cp tools/requirements.txt "$wanted"
}

case "${1:-test}" in
  test) need_packages python3-venv cmake gcc g++ openssl && python_tools ;;
  bench) need_packages wrk ;;
  *) echo "usage: tools/setup.sh [test|bench]" >&2; exit 2 ;;
esac
