#!/usr/bin/env bash
# Installs what VFM is built, tested and linted with, from Debian 12 packages only.
# Safe to run again: it asks apt only for what is missing. Needs root for that part.
#
#   scripts/setup.sh            what everything needs
#   scripts/setup.sh --run      what building and running the tools needs, no more
#   scripts/setup.sh --bench    everything, and the libraries that scripts/bench.sh compares VFM with
set -euo pipefail
cd "$(dirname "$0")/.."

what=all
[ $# -le 1 ] || set -- "$*"
case "${1-}" in
    "") ;;
    -h | --help) sed -n '2,/^set/{/^set/d;s/^# \{0,1\}//p}' scripts/setup.sh; exit 0 ;;
    --run) what=run ;;
    --bench) what=bench ;;
    *) echo "setup: error: what is '$1'? usage: scripts/setup.sh [--run|--bench]" >&2; exit 2 ;;
esac

packages=(
    # build; clang-19 and bpftool for the programs of bpf/
    g++ cmake ninja-build pkg-config protobuf-compiler libprotobuf-dev libfmt-dev
    libboost-program-options-dev nlohmann-json3-dev
    libbpf-dev libxdp-dev libelf-dev zlib1g-dev libzstd-dev libasmjit-dev
    libcapstone-dev
    clang-19 bpftool
    # run
    iproute2 python3 util-linux
)
if [ $what != run ]; then
    packages+=(
        libboost-test-dev libpcap-dev
        # lint, sanitizers, fuzzing, reading emitted objects
        clang-tidy-19 clang-format-19 llvm-19 libclang-rt-19-dev
        # testing: the outside programs that must accept what we emit
        iputils-ping xdp-tools ethtool tcpdump strace man-db iptables libnetfilter-queue-dev
        zstd wireshark-common
        # other kernels than this one, emulated
        qemu-system-x86 busybox-static cpio
    )
fi
# DPDK's engine without the two hundred packages of libdpdk-dev, of which only headers are needed;
# Boost's hash maps are newer than the Boost that everything else is built with.
unpacked=build/bench-headers
unpack=()
# fail2ban without its service, which would begin to guard this machine: a test starts it for itself.
if [ $what != run ] && [ ! -e build/fail2ban/usr/bin/fail2ban-server ]; then unpack+=(fail2ban); fi
if [ $what = bench ]; then
    packages+=(libabsl-dev libtsl-hopscotch-map-dev libbsd-dev)
    if ! pkg-config --exists libdpdk 2>/dev/null; then
        packages+=(librte-bpf23)
        [ -e $unpacked/usr/include/dpdk/rte_bpf.h ] || unpack+=(libdpdk-dev)
    fi
    [ -e /usr/include/boost/unordered/unordered_flat_map.hpp ] ||
        [ -e $unpacked/usr/include/boost/unordered/unordered_flat_map.hpp ] ||
        unpack+=(libboost1.81-dev)
fi

missing=()
for package in "${packages[@]}"; do
    status=$(dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null || true)
    [ "$status" = installed ] || missing+=("$package")
done

if [ ${#missing[@]} -eq 0 ] && [ ${#unpack[@]} -eq 0 ]; then
    echo "setup: every package is installed"
    exit 0
fi
if [ "$(id -u)" -ne 0 ]; then
    echo "setup: these Debian packages are missing and installing them needs root:" >&2
    echo "  apt-get install ${missing[*]} ${unpack[*]}" >&2
    exit 3
fi
echo "setup: installing ${missing[*]} ${unpack[*]}"
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq
if [ ${#missing[@]} -gt 0 ]; then
    apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
fi
for package in "${unpack[@]}"; do
    fetched=$(mktemp -d)
    (cd "$fetched" && apt-get -o APT::Sandbox::User=root download -qq "$package" >/dev/null)
    to=$unpacked
    [ "$package" != fail2ban ] || to=build/fail2ban
    mkdir -p $to
    dpkg -x "$fetched"/*.deb $to
    rm -rf "$fetched"
done
# Only headers are looked for there.
rm -rf $unpacked/usr/lib $unpacked/usr/share $unpacked/usr/bin
echo "setup: done"
