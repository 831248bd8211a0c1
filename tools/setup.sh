#!/usr/bin/env bash
# Installs what the checks and tests need beyond Rust and Python, into .tools where that is possible.
# Does nothing the second time. `tools/setup.sh bench` adds the load generator, `tools/setup.sh cluster` what the
# Kubernetes of e2e/cluster needs of Debian. tools/arm64.sh sees to itself.
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

# unpacked FOLDER PACKAGE...: Debian packages, unpacked and not installed: nothing of them starts as a service.
unpacked() {
  local folder=$1
  shift
  [ "$(cat "$folder/.packages" 2>/dev/null)" = "$*" ] && return 0
  rm -rf "$folder"
  mkdir -p "$folder/.deb"
  apt-get update -qq
  (cd "$folder/.deb" && apt-get download -qq "$@")
  for package in "$folder"/.deb/*.deb; do dpkg-deb -x "$package" "$folder"; done
  rm -r "$folder/.deb"
  echo "$*" >"$folder/.packages"
}

cluster_tools() {
  need_packages busybox-static iproute2 libseccomp2 nftables openssl procps python3 util-linux
  unpacked .tools/cluster/debian containerd containernetworking-plugins etcd-server runc
  unpacked .tools/cluster/registry docker-registry
}

case "${1:-test}" in
  test) need_packages python3-venv cmake gcc g++ openssl && python_tools ;;
  bench) need_packages wrk ;;
  cluster) cluster_tools ;;
  *) echo "usage: tools/setup.sh [test|bench|cluster]" >&2; exit 2 ;;
esac
