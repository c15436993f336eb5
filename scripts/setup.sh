#!/usr/bin/env bash
# Installs everything VFM is built, tested and linted with, from Debian 12 packages only.
# Safe to run again: it asks apt only for what is missing. Needs root for that part.
set -euo pipefail

packages=(
    # build
    g++ cmake ninja-build pkg-config protobuf-compiler libprotobuf-dev libfmt-dev
    libboost-program-options-dev libboost-test-dev nlohmann-json3-dev
    libpcap-dev libbpf-dev libxdp-dev libelf-dev zlib1g-dev libasmjit-dev
    # lint, fuzzing, reading emitted objects
    clang-19 clang-tidy-19 clang-format-19 llvm-19 libclang-rt-19-dev
    # running and testing: the outside programs that must accept what we emit
    iproute2 iputils-ping bpftool xdp-tools ethtool tcpdump python3 util-linux man-db
)

missing=()
for package in "${packages[@]}"; do
    status=$(dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null || true)
    [ "$status" = installed ] || missing+=("$package")
done

if [ ${#missing[@]} -eq 0 ]; then
    echo "setup: every package is installed"
    exit 0
fi
if [ "$(id -u)" -ne 0 ]; then
    echo "setup: these Debian packages are missing and installing them needs root:" >&2
    echo "  apt-get install ${missing[*]}" >&2
    exit 3
fi
echo "setup: installing ${missing[*]}"
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq
apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
echo "setup: done"
