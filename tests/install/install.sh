#!/usr/bin/env bash
# Installs the build to a directory, moves that, and uses it as other people do: header alone, C and
# C++ programs through pkg-config and through CMake, shared and static. Usage: install.sh BUILD
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
build=$(cd "$1" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

fail() { echo "FAILED: $*" >&2; exit 1; }
strict=(-Wall -Wextra -Werror -pedantic-errors)

DESTDIR= cmake --install "$build" --prefix "$work/first" >"$work/install.log" || { cat "$work/install.log"; fail "cmake --install"; }
prefix=$work/moved
mv "$work/first" "$prefix"
pc=$(find "$prefix" -name vfm.pc)
[ -n "$pc" ] || fail "no vfm.pc"
libdir=$(cd "$(dirname "$pc")/.." && pwd)

echo "== tools and man pages"
for tool in vflispc vfm-asm vfm-dis vfm-test vfm-compile vfm-xdp; do
    "$prefix/bin/$tool" --version >/dev/null || fail "$tool --version"
    [ -s "$prefix/share/man/man1/$tool.1" ] || fail "no man page of $tool"
done

echo "== the header alone"
cc -std=c11 "${strict[@]}" -fsyntax-only -x c "$prefix/include/vfm.h"
c++ -std=c++20 "${strict[@]}" -fsyntax-only -x c++ "$prefix/include/vfm.h"

echo "== what the libraries show"
so=$libdir/libvfm.so
readelf -d "$so" | grep -q 'SONAME.*\[libvfm\.so\.[0-9]*\]' || fail "SONAME"
! readelf -d "$so" | grep -q TEXTREL || fail "the code is not position independent"
! readelf -d "$so" | grep -qE 'NEEDED.*(libbpf|libxdp|libpcap|boost|libprotobuf\.)' || fail "needs too much"
declared=$(cc -E -P "$prefix/include/vfm.h" | grep -oE '\bvf[ml]_[a-z0-9_]+ *\(' | tr -d ' (' | sort -u)
# shows LIBRARY NM-OPTION...: its global symbols are the functions of the header, all of them.
shows() {
    local shown
    shown=$(nm "${@:2}" --defined-only "$1" | awk 'NF == 3 { print $3 }' | sort -u)
    [ "$declared" = "$shown" ] || { diff <(echo "$declared") <(echo "$shown"); fail "$1 shows other names than vfm.h"; }
}
shows "$so" -D
shows "$libdir/libvfm.a" -g

echo "== programs"
cd "$work"
"$prefix/bin/vflispc" -e '(= proto 6)' -o tcp.bin
printf '\x86\x01\x16' >accept.bin
printf '\x05\x86\x01\x16' >underflow.bin
printf '.import price args=1\nLEN\nCALL 0\nRET\n' >price.vfm
"$prefix/bin/vfm-asm" price.vfm -o price.mod

printf '(define web 443)\n' >names.vfl
cat >policy.vfl <<'END'
(include "names.vfl")
(deftable seen :key (ip port))
(rules
  (when :name "web" (and (= tcp.dport web) (<= (flow-add! seen (ip.src tcp.dport) 1) 2)) pass)
  (default drop))
END

# ok NAME BINARY: the program's output is the expected one.
ok() {
    local expected=$here/programs/$1 arguments=()
    [ ! -f "$expected.arguments" ] || read -ra arguments <"$expected.arguments"
    "$2" "${arguments[@]}" >out 2>err || { cat out err; fail "$2 gives exit status $?"; }
    diff "$expected.expected" out || fail "$2 prints something else"
}

flags() { PKG_CONFIG_PATH=$libdir/pkgconfig pkg-config --print-errors "$@" vfm; }
# compile FLAGS-OF-PKG-CONFIG... SOURCE OUT
compile() {
    case $1 in
        *.cc) c++ -std=c++20 "${strict[@]}" "$1" -o "$2" "${@:3}" -pthread ;;
        *) cc -std=c11 "${strict[@]}" "$1" -o "$2" "${@:3}" ;;
    esac
}

# As the page says: by a run path, and the archive by its full name.
read -ra cflags <<<"$(flags --cflags)"
read -ra shared <<<"$(flags --libs) -Wl,-rpath,$(flags --variable=libdir)"
read -ra static <<<"$(flags --static --libs | sed s/-lvfm/-l:libvfm.a/)"
for source in "$here"/programs/*.c "$here"/programs/*.cc; do
    name=$(basename "${source%.*}")
    compile "$source" "$name" "${cflags[@]}" "${shared[@]}"
    ok "$name" "./$name"
    compile "$source" "$name.static" "${cflags[@]}" "${static[@]}"
    ok "$name" "./$name.static"
    ! readelf -d "$name.static" | grep -q 'libvfm' || fail "$name.static needs libvfm.so"
    c++ -std=c++20 "${strict[@]}" "${cflags[@]}" -fsyntax-only -x c++ "$source" || fail "$name as C++"
done

echo "== programs that it must not break"
"$prefix/bin/vflispc" -e '(< (count-by src-ip) 3)' -o counts.mod
compile "$here/hosts/reload.c" reload "${cflags[@]}" -pthread -ldl
./reload "$libdir/libvfm.so" counts.mod || fail "loading the library again"
protoc --cpp_out=. -I "$here/hosts" "$here/hosts/module.proto"
host() {
    compile "$here/hosts/$1.cc" "$1" "${cflags[@]}" "${@:2}" "${shared[@]}"
    "./$1" counts.mod || fail "$1"
    compile "$here/hosts/$1.cc" "$1.static" "${cflags[@]}" "${@:2}" "${static[@]}"
    "./$1.static" counts.mod || fail "$1, static"
}
host same_names
host own_schema -I. module.pb.cc -lprotobuf

echo "== the CMake package"
cmake -S "$here/project" -B cmake-build -DPROGRAMS="$here/programs" -DCMAKE_PREFIX_PATH="$prefix" \
    -DCMAKE_C_FLAGS="-std=c11 -Wall -Wextra -Werror" >cmake.log || { cat cmake.log; fail "find_package"; }
cmake --build cmake-build >cmake.log || { cat cmake.log; fail "building with the package"; }
for source in "$here"/programs/*.c; do
    name=$(basename "$source" .c)
    ok "$name" "./cmake-build/$name"
    ok "$name" "./cmake-build/${name}_static"
done
echo "installed copy: all good"
