#!/usr/bin/env bash
# Runs a command of this tree in another kernel: qemu, no KVM, an initramfs of busybox, the programs
# and what they are linked with.
#
#   guest.sh DIR 6.1|6.12 SECONDS PROGRAM LINE...
#
# Each LINE is arguments of PROGRAM. GUEST_FILES in the environment: folders that are taken along,
# to the same paths. The newest cloud kernel of that series that the mirror has is fetched into
# DIR, once. Prints what the lines print. Ends with 77 and a reason where this machine cannot do it,
# else with 0 if every line ended with 0.
set -euo pipefail

dir=$1 series=$2 patience=$3 program=$4
shift 4

skip() { echo "skipped: $*"; exit 77; }

for tool in qemu-system-x86_64 busybox cpio apt-get dpkg-deb; do
    command -v $tool >/dev/null || skip "no $tool here: scripts/setup.sh installs it"
done
[ "$(uname -m)" = x86_64 ] || skip "the kernels are for x86-64"

mkdir -p "$dir"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# An image that is there is taken: a test does not depend on what the mirror does later.
image=$dir/vmlinuz-$series
if [ ! -s "$image" ]; then
    package=$(apt-cache search --names-only "^linux-image-${series//./\\.}\.[0-9].*-cloud-amd64\$" |
        cut -d' ' -f1 | sort -V | tail -1)
    [ -n "$package" ] || skip "the package lists have no kernel $series"
    (cd "$work" && apt-get -o APT::Sandbox::User=root download -qq "$package" >/dev/null 2>&1) ||
        skip "the mirror does not give $package"
    dpkg-deb -x "$work"/*.deb "$work/kernel"
    cp "$work"/kernel/boot/vmlinuz-* "$work/image"
    mv "$work/image" "$image"
fi

root=$work/root
mkdir -p "$root"/{bin,proc,sys,dev,tmp}
cp "$(command -v busybox)" "$root/bin/busybox"
cp "$program" "$root/program"
strip -g "$root/program" 2>/dev/null || true
ldd "$program" | grep -o '/[^ ]*' | while read -r library; do
    mkdir -p "$root/$(dirname "$library")"
    cp -L "$library" "$root/$library"
done
for path in ${GUEST_FILES-}; do
    mkdir -p "$root/$(dirname "$path")"
    cp -rL "$path" "$root/$path"
done
{
    cat <<'INIT'
#!/bin/busybox sh
/bin/busybox mount -t proc none /proc
/bin/busybox mount -t sysfs none /sys
/bin/busybox mount -t devtmpfs none /dev
/bin/busybox ip link set lo up
INIT
    echo 'echo "guest: kernel $(/bin/busybox uname -r)"'
    for line in "$@"; do
        echo "echo '-- $line'"
        echo "/program $line || echo \"guest: FAILED \$?\""
    done
    echo 'echo "guest: done"'
    echo '/bin/busybox poweroff -f'
} >"$root/init"
chmod +x "$root/init"
(cd "$root" && find . | cpio -o -H newc --quiet | gzip -1) >"$work/initrd"

timeout "$patience" qemu-system-x86_64 -M q35 -accel tcg -cpu max -m 2048 -nographic -no-reboot \
    -kernel "$image" -initrd "$work/initrd" \
    -append "console=ttyS0 panic=-1 quiet mitigations=off reboot=t no_timer_check" </dev/null 2>&1 |
    tr -d '\r' >"$work/said" || true
# What the firmware and the kernel say before is of no interest.
sed -n 's/.*\(guest: kernel\)/\1/;/^guest: kernel/,$p' "$work/said"
grep -q 'guest: done' "$work/said" || { tail -20 "$work/said"; echo "the guest did not come to its end"; exit 1; }
! grep -q 'guest: FAILED' "$work/said"
