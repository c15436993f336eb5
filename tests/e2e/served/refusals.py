#!/usr/bin/env python3
"""What cannot be served is refused with its reason and status 3, and leaves nothing: no file, no
program, no process. `refusals.py [CHECK...]`"""
import os
import resource
import socket
import struct

import lib_bpf
import lib_sandbox
import lib_serve
from failure import FILTER, arrives, on_world, reachable
from lib_sandbox import Failed, Skip, contains, run, same
from lib_serve import attach, detach, nothing_left, refused, vfm
from lib_world import feature, features

USERSPACE = "--mode=userspace"
AF_XDP, SOL_XDP, XDP_COPY = 44, 283, 2
XDP_RX_RING, XDP_UMEM_REG, XDP_UMEM_FILL_RING, XDP_UMEM_COMPLETION_RING = 2, 4, 5, 6


def no_interface():
    def check(w):
        with nothing_left(w):
            refused(w.server, "no such interface", "attach", "nowhere", "-e", "1", USERSPACE)
            refused(w.server, "no such interface", "run", "nowhere", "-e", "1", USERSPACE)
    return on_world(check)


def without(capabilities):
    """A command before vfm-xdp that takes these away."""
    dropped = ",".join(f"-{name}" for name in capabilities)
    return ["setpriv", f"--bounding-set={dropped}", f"--inh-caps={dropped}"]


def privileges():
    """AF_XDP sockets want CAP_NET_RAW: named, and no reason to fall back."""
    def check(w):
        with nothing_left(w), w.server:
            for command, name in ((without(["net_raw"]), "CAP_NET_RAW"),
                                  (without(["net_admin", "sys_admin"]), "CAP_NET_ADMIN")):
                done = run([*command, "vfm-xdp", "attach", "v0", "-e", "1", USERSPACE, "--bpffs",
                            lib_serve.BPFFS], check=False)
                same(f"status without {name}: {done.stderr}", done.returncode, 3)
                contains("message", done.stderr, name)
    return on_world(check)


class Held:
    """A queue that a socket of somebody else holds."""

    def __init__(self, w):
        import mmap
        self.area = mmap.mmap(-1, 1 << 20)
        import ctypes
        start = ctypes.addressof(ctypes.c_char.from_buffer(self.area))
        try:
            self.socket = w.server.socket(AF_XDP, socket.SOCK_RAW, 0)
        except OSError as problem:
            raise Skip(f"no AF_XDP sockets: {problem}")
        self.socket.setsockopt(SOL_XDP, XDP_UMEM_REG,
                               struct.pack("QQIII4x", start, 1 << 20, 4096, 0, 0))
        for ring in XDP_UMEM_FILL_RING, XDP_UMEM_COMPLETION_RING, XDP_RX_RING:
            self.socket.setsockopt(SOL_XDP, ring, struct.pack("I", 64))
        with w.server:
            index = socket.if_nametoindex("v0")
        address = struct.pack("HHIII", AF_XDP, XDP_COPY, index, 0, 0)
        if lib_sandbox.LIBC.bind(self.socket.fileno(), address, len(address)):
            raise Skip("cannot hold a queue")


def held_queue():
    def check(w):
        held = Held(w)
        with nothing_left(w):
            said = refused(w.server, "queue", "attach", "v0", "-e", "1", USERSPACE)
            contains("which queue", said, "0")
        held.socket.close()
        attach(w)
        detach(w)
    return on_world(check)


def limits():
    """Few descriptors, no locked memory, no address space: refused, or served all the same."""
    def check(w):
        for name, limit in (("RLIMIT_NOFILE", 12), ("RLIMIT_NOFILE", 20), ("RLIMIT_MEMLOCK", 0),
                            ("RLIMIT_AS", 60 << 20)):
            with nothing_left(w):
                done = vfm(w.server, "attach", "v0", "-e", "1", USERSPACE, status=None,
                           preexec_fn=lambda: resource.setrlimit(
                    getattr(resource, name), (limit, limit)))
                what = f"{name} {limit}: {done.stderr}"
                if done.returncode == 0:
                    same(what, reachable(w), True)
                    detach(w)
                elif done.returncode != 3 or "error" not in done.stderr:
                    raise Failed(f"{what}: status {done.returncode}")
    return on_world(check)


def memory():
    """Frames x queues count towards --max-memory."""
    def check(w):
        with nothing_left(w):
            refused(w.server, "memory", "attach", "v0", "-e", "1", USERSPACE, "--max-memory",
                    "100000")
    return on_world(check)


def foreign_program():
    def check(w):
        path = f"{lib_serve.BPFFS}/foreign"
        lib_bpf.pin(lib_bpf.passing_xdp(), path)
        for kind in "xdpdrv", "xdpgeneric":
            w.server.run(f"ip link set v0 {kind} pinned {path}")
            with nothing_left(w):
                refused(w.server, "program", "attach", "v0", "-e", "1", USERSPACE)
                refused(w.server, "program", "attach", "v0", "-e", "1", USERSPACE,
                        "--hook=tc-ingress")
            w.server.run(f"ip link set v0 {kind} off")
        os.unlink(path)
    return on_world(check)


def devices():
    """A tap and a dummy are served by the generic way, native is not to be had there; tun is no
    Ethernet; what lo carries has no addresses by which it could be given back. The kernel's own XDP
    runs on lo all the same."""
    def check(w):
        w.server.run("ip tuntap add t0 mode tap")
        w.server.run("ip tuntap add t1 mode tun")
        w.server.batch("link set t0 up", "link set t1 up")
        kinds = ["t0"]
        if w.server.run("ip link add d0 type dummy", check=False).returncode == 0:
            kinds.append("d0")
        with nothing_left(w):
            for name in kinds:
                if name != "t0":  # a tap may have XDP of its own
                    refused(w.server, "native", "attach", name, "-e", "1", USERSPACE,
                            "--hand-over=native")
                vfm(w.server, "attach", name, "-e", FILTER, USERSPACE)
                vfm(w.server, "detach", name)
            refused(w.server, "Ethernet", "attach", "t1", "-e", "1", USERSPACE)
            refused(w.server, "loopback", "attach", "lo", "-e", "1", USERSPACE)
            refused(w.server, "loopback", "run", "lo", "-e", "1")
            vfm(w.server, "attach", "lo", "-e", "1")
            vfm(w.server, "detach", "lo")
            # Who writes to such a tap may write several datagrams at once.
            if w.server.run("ip tuntap add t2 mode tap vnet_hdr", check=False).returncode == 0:
                w.server.run("ip link set t2 up")
                if feature(w.server, "t2", "tx-udp-segmentation"):
                    refused(w.server, "tx-udp-segmentation off", "attach", "t2", "-e", "1",
                            USERSPACE, "--hand-over=skb")
                vfm(w.server, "attach", "t2", "-e", "1", USERSPACE, "--hand-over=skb", "--force")
                vfm(w.server, "detach", "t2")
                w.server.run("ip link delete t2")
        if len(kinds) == 1:
            return "this kernel has no dummy"
    return on_world(check)


def generic_senders():
    """Generic hand-over: a peer that may send UDP in one piece, or tags beside the bytes, is named
    with the command that stops it."""
    def check(w):
        features(w.client, "v1", tx_udp_segmentation=True)
        with nothing_left(w):
            said = refused(w.server, "ethtool", "attach", "v0", "-e", "1", USERSPACE,
                           "--hand-over=skb")
            contains("the switch", said, "tx-udp-segmentation off")
        features(w.client, "v1", tx_udp_segmentation=False, txvlan=True)
        with nothing_left(w):
            said = refused(w.server, "vlan", "attach", "v0", "-e", "1", USERSPACE,
                           "--hand-over=skb")
            contains("the switch", said, "txvlan off")
            contains("the way round", said, "--force")
            warning = attach(w, "1", "--force", hand_over="skb").stderr
            contains("what is lost", warning, "warning: the other end of this veth pair sends VLAN")
            detach(w)
            # The driver tells native mode the tags.
            same("native mode", "warning" in attach(w, "1", hand_over="native").stderr, False)
            detach(w)
        features(w.client, "v1", txvlan=False, tx_vlan_stag_hw_insert=True)
        contains("the other switch",
                 refused(w.server, "vlan", "attach", "v0", "-e", "1", USERSPACE,
                         "--hand-over=skb"), "tx-vlan-stag-hw-insert off")
        # What joins datagrams here does as much.
        features(w.client, "v1", tx_vlan_stag_hw_insert=False)
        features(w.server, "v0", rx_udp_gro_forwarding=True)
        if feature(w.server, "v0", "rx-udp-gro-forwarding"):
            refused(w.server, "ethtool -K v0 rx-udp-gro-forwarding off", "attach", "v0", "-e", "1",
                    USERSPACE, "--hand-over=skb")
            features(w.server, "v0", rx_udp_gro_forwarding=False)
        features(w.client, "v1", txvlan=False, tx_vlan_stag_hw_insert=False)
        attach(w, "1", hand_over="skb")
        detach(w)
    return on_world(check)


def driver_refuses():
    """A driver that refuses native mode as it is set up: where generic mode would lose something it
    is said how that is mended, else generic mode it is."""
    def check(w):
        w.server.run("ethtool -L v0 rx 1")  # fewer than the peer sends by
        with nothing_left(w):
            said = refused(w.server, "native", "attach", "v0", "-e", "1", USERSPACE)
            for part in "txvlan off", "tx-udp-segmentation off":
                contains("why not in generic mode", said, part)
            contains("the hint", refused(w.server, "native", "attach", "v0", "-e", "1", USERSPACE,
                                         "--hand-over=native"), "--hand-over=skb")
        features(w.client, "v1", tx_udp_segmentation=False, txvlan=False,
                 tx_vlan_stag_hw_insert=False)
        said = vfm(w.server, "attach", "v0", "-e", FILTER, USERSPACE).stderr
        contains("the note", said, "no native XDP")
        same("works", (arrives(w), arrives(w, 9998)), (False, True))
        detach(w)
    return on_world(check)


def host_functions():
    """A filter that calls what a host registers is refused by the function's name."""
    def check(w):
        path = f"{os.path.dirname(lib_serve.BPFFS)}/calls.vfm"
        with open(path, "w") as file:
            file.write(".import price args=1\nLEN\nCALL 0\nRET\n")
        with nothing_left(w):
            contains("the place", refused(w.server, "price", "attach", "v0", path, USERSPACE),
                     "calls.vfm:3")
            refused(w.server, "price", "attach", "v0", path)
    return on_world(check)


def no_bpffs():
    """A container whose bpffs cannot be written, or that has none."""
    def check(w):
        folder = os.path.dirname(lib_serve.BPFFS)
        with nothing_left(w):
            run(f"mount -o remount,ro {lib_serve.BPFFS}")
            try:
                said = refused(w.server, "bpf", "attach", "v0", "-e", "1", USERSPACE)
                contains("what mends it", said, "--bpffs DIR")
            finally:
                run(f"mount -o remount,rw {lib_serve.BPFFS}")
            os.mkdir(f"{folder}/plain")
            with w.server:
                for text, options in (("BPF file system", f"{folder}/plain"),
                                      ("bpffs", f"{folder}/nowhere")):
                    done = run(["vfm-xdp", "attach", "v0", "-e", "1", USERSPACE, "--bpffs",
                                options], check=False)
                    same(f"{options}: {done.stderr}", done.returncode, 3)
                    contains("message", done.stderr, text)
    return on_world(check)


def full_run():
    """A full /run: refused with that reason, or nothing is needed there."""
    def check(w):
        run("mount -o remount,size=1m /run")
        filler = "/run/filler"
        try:
            with open(filler, "wb", buffering=0) as file:
                try:
                    while True:
                        file.write(bytes(4096))
                except OSError:
                    pass
            with nothing_left(w):
                done = vfm(w.server, "attach", "v0", "-e", FILTER, USERSPACE, status=None)
                if done.returncode == 0:
                    same("works with a full /run", (arrives(w), arrives(w, 9998)), (False, True))
                    vfm(w.server, "detach", "v0")
                else:
                    same(f"status: {done.stderr}", done.returncode, 3)
                    contains("message", done.stderr, "/run")
        finally:
            os.unlink(filler)
            run("mount -o remount,size=50% /run")
    return on_world(check)


CHECKS = (no_interface, privileges, held_queue, limits, memory, foreign_program, devices,
          generic_senders, driver_refuses, host_functions, no_bpffs, full_run)
if __name__ == "__main__":
    lib_sandbox.main([(check.__name__, check) for check in CHECKS])
