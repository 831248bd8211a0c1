#!/usr/bin/env bash
# Runs a command with what it takes to compile for arm64: `tools/arm64.sh cargo build --target aarch64-unknown-linux-gnu`.
# rustup's server is not reached from everywhere, Debian is: its compiler and its standard library for arm64 are
# unpacked into .tools/arm64, not installed. Use a target folder of its own (CARGO_TARGET_DIR, target/arm64 if not
# set): what the two compilers make does not mix.
set -euo pipefail
cd "$(dirname "$0")/.."
folder=$PWD/.tools/arm64
packages=(rustc-web libstd-rust-web-dev libstd-rust-web-dev:arm64)

# A package list of our own: the machine's stays as it is, without a second architecture.
package_list() {
  mkdir -p "$folder"/apt/{lists/partial,cache/archives/partial,sources.d}
  cp /etc/apt/sources.list.d/debian.sources "$folder/apt/sources.d/"
  cat >"$folder/apt/apt.conf" <<EOF
APT::Architectures {"amd64";"arm64";};
APT::Sandbox::User "root";
Dir::State::Lists "$folder/apt/lists";
Dir::Cache "$folder/apt/cache";
Dir::Etc::SourceParts "$folder/apt/sources.d";
Dir::Etc::SourceList "/dev/null";
EOF
  export APT_CONFIG=$folder/apt/apt.conf
  apt-get update -qq
}

# The libraries that the compiler is linked with carry a version in their names.
libraries_of() {
  local depends
  depends=$(apt-cache depends "$1")
  grep -oEm1 "$2" <<<"$depends"
}

compiler() {
  [ -e "$folder/rustc" ] && return 0
  package_list
  local driver llvm
  driver=$(libraries_of libstd-rust-web-dev 'libstd-rust-web-[0-9.]+')
  llvm=$(libraries_of "$driver" 'libllvm[0-9.]+')
  mkdir -p "$folder/deb" "$folder/root"
  (cd "$folder/deb" && apt-get download -qq "${packages[@]}" "$driver" "$llvm")
  for package in "$folder"/deb/*.deb; do dpkg-deb -x "$package" "$folder/root"; done
  rm -r "$folder/deb" "$folder/apt"
  unset APT_CONFIG
  printf '#!/bin/sh\nLD_LIBRARY_PATH=%s exec %s "$@"\n' \
    "$folder/root/usr/lib/x86_64-linux-gnu" "$folder/root/usr/bin/rustc" >"$folder/rustc.new"
  chmod +x "$folder/rustc.new"
  mv "$folder/rustc.new" "$folder/rustc"
}

missing=()
for package in gcc-aarch64-linux-gnu libc6-dev-arm64-cross qemu-user; do
  dpkg -s "$package" >/dev/null 2>&1 || missing+=("$package")
done
if [ ${#missing[@]} -gt 0 ]; then
  apt-get update -qq
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}"
fi
compiler
export RUSTC=$folder/rustc CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-$PWD/target/arm64}
export CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_LINKER=aarch64-linux-gnu-gcc
export CC_aarch64_unknown_linux_gnu=aarch64-linux-gnu-gcc AR_aarch64_unknown_linux_gnu=aarch64-linux-gnu-ar
exec "$@"
