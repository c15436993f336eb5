#!/usr/bin/env bash
# Endless fuzzing, and a crash turned into a case for the tools.
#
#   scripts/fuzz.sh TARGET [LIBFUZZER-OPTION...]   TARGET as in tests/fuzz; until stopped
#   scripts/fuzz.sh --case TARGET FILE             what a crash file is, and the command to see it
#
# The corpus grows in build-sanitize/corpus/TARGET and is kept from run to run.
set -euo pipefail
cd "$(dirname "$0")/.."
usage() { sed -n '2,7s/^# \{0,1\}//p' "$0" >&2; exit 2; }

# Writes FILE as something that the tools take, says how to look at it.
as_case() {
    local target=$1 file=$2 base=$2
    case "$target" in
        lisp) cp "$file" "$base.vfl"; echo "vflispc -d $base.vfl" ;;
        asm) cp "$file" "$base.vfm"; echo "vfm-asm $base.vfm -o $base.bin && vfm-dis $base.bin" ;;
        bytecode | module) cp "$file" "$base.bin"; echo "vfm-dis -a -x $base.bin" ;;
        pcap) cp "$file" "$base.pcap"; echo "vfm-test -v -e 1 $base.pcap" ;;
        pcapng | link | packed) echo "build-sanitize/bin/fuzz_$target $file" ;;
        diff)
            python3 - "$file" <<'SPLIT'
import struct, sys
data = open(sys.argv[1], "rb").read()
length = struct.unpack("<I", data[:4])[0]
code, packet = data[4:4 + length], data[4 + length:]
open(sys.argv[1] + ".bin", "wb").write(code)
head = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1)
record = struct.pack("<IIII", 1, 0, len(packet), len(packet)) + packet
open(sys.argv[1] + ".pcap", "wb").write(head + record * 2)
SPLIT
            echo "vfm-dis -a $base.bin; vfm-test -v --engine=all $base.bin $base.pcap" ;;
        *) usage ;;
    esac
}

case "${1-}" in
    --case) [ $# -eq 3 ] || usage; as_case "$2" "$3"; exit 0 ;;
    lisp | asm | bytecode | module | pcap | pcapng | link | packed | diff) target=$1; shift ;;
    *) usage ;;
esac

CC=clang-19 CXX=clang++-19 cmake -S . -B build-sanitize -G Ninja -DVFM_FUZZ=ON -DVFM_SANITIZE=ON \
    -DCMAKE_BUILD_TYPE=Debug >/dev/null
cmake --build build-sanitize --target fuzz_targets -- --quiet
python3 -B tests/fuzz/make_seeds.py . build-sanitize/bin build-sanitize/seeds
mkdir -p "build-sanitize/corpus/$target" "build-sanitize/crashes"
exec "build-sanitize/bin/fuzz_$target" -timeout=10 -rss_limit_mb=2048 -dict=build-sanitize/seeds/vfm.dict \
    -artifact_prefix="build-sanitize/crashes/$target-" "$@" "build-sanitize/corpus/$target" \
    "build-sanitize/seeds/$target"
