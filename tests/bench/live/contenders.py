"""Who takes the packets: nobody, the bare loop, iptables' queue, and VFM's road through user space. Each
runs on its host, on the CPU that receives."""
import json
import signal
import subprocess
import time

from host import CONSUMER, QUEUE, TAP, threads_of

PATIENCE = 10  # seconds to start and to end


class Contender:
    """A program that takes the packets of `host` between start() and stop()."""

    name = ""
    queue = False       # iptables sends it the packets
    says_ready = True

    def __init__(self, host, programs):
        self.host, self.programs, self.process = host, programs, None

    def command(self, filter, side):
        raise NotImplementedError

    def start(self, filter, side):
        self.process = subprocess.Popen(
            ["setpriv", "--pdeathsig", "KILL",
             *self.host.here.inside("taskset", "-c", str(self.host.cpu), "chrt", "-f", str(CONSUMER),
                                    *self.command(filter, side))],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        if self.says_ready and self.process.stdout.readline() != "ready\n":
            self.fail("did not start")
        self.wait_until_there()

    def wait_until_there(self):
        pass

    def fail(self, what):
        self.process.kill()
        raise RuntimeError(f"{self.name} {what}: {self.process.communicate()[1].strip()}")

    def threads(self):
        return threads_of(self.process.pid)

    def seen(self, side):
        """After stop(): how many packets of its side it has dealt with, or None to ask the host."""
        return self.result["seen"] if side == "drop" else None

    def stop(self, side):
        self.process.send_signal(signal.SIGINT)
        try:
            out, err = self.process.communicate(timeout=PATIENCE)
        except subprocess.TimeoutExpired:
            self.fail("did not end")
        if self.process.returncode:
            raise RuntimeError(f"{self.name} ended with {self.process.returncode}: {err.strip()}")
        self.result = self.read_result(out)

    def read_result(self, out):
        return json.loads(out)


class Plain(Contender):
    """The host's own stack, nothing in the way."""

    name = "plain"

    def start(self, filter, side):
        pass

    def threads(self):
        return []

    def seen(self, side):
        return None

    def stop(self, side):
        pass


class Loop(Contender):
    """The bare loop on libxdp."""

    name = "loop"

    def command(self, filter, side):
        return [f"{self.programs}/bench-live/live_loop", self.host.interface, *([TAP] if side == "pass" else [])]


class Queue(Contender):
    """iptables with NFQUEUE and a trivial program."""

    name = "nfqueue"
    queue = True

    def command(self, filter, side):
        return [f"{self.programs}/bench-live/live_queue", QUEUE, "drop" if side == "drop" else "accept"]


class Road(Contender):
    """vfm-xdp with the filter in user space."""

    name = "road"
    says_ready = False

    def command(self, filter, side):
        return [f"{self.programs}/bin/vfm-xdp", "run", self.host.interface, "-e", filter["lisp"],
                "--mode=userspace", "--json"]

    def wait_until_there(self):
        end = time.monotonic() + PATIENCE
        while not self.host.has_xdp():
            if self.process.poll() is not None or time.monotonic() > end:
                self.fail("did not start")
            time.sleep(0.02)
        time.sleep(0.2)

    def seen(self, side):
        return self.result["drop"] if side == "drop" else None

    def read_result(self, out):
        return json.loads(out)[0]
