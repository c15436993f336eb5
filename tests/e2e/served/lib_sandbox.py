"""The ground the tests of the served road stand on: mount, network and process namespaces of their
own, so that whatever a test leaves, or is killed with, goes away with it."""
import contextlib
import ctypes
import fcntl
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time

LIBC = ctypes.CDLL(None, use_errno=True)
CLONE_NEWNET, MS_BIND, MNT_DETACH = 0x40000000, 4096, 2
SKIPPED = 77
LONG = os.environ.get("VFM_LONG") == "1"  # the long form of what takes time


class Skip(Exception):
    """This machine cannot; the text says why."""


class Failed(Exception):
    """Something is not as it must be; the text says what."""


def enter():
    """Runs the script again in namespaces of its own; returns there, in a child of process 1, which
    does nothing but collect what is orphaned."""
    if os.geteuid() != 0:
        print("SKIP: needs root")
        sys.exit(SKIPPED)
    if "VFM_SANDBOX" not in os.environ:
        unshare = ["unshare", "--mount", "--net", "--pid", "--fork", "--kill-child", "--mount-proc",
                   "--propagation", "private"]
        if subprocess.run([*unshare, "true"], capture_output=True).returncode:
            print("SKIP: needs namespaces of its own")
            sys.exit(SKIPPED)
        os.environ["VFM_SANDBOX"] = "1"
        os.execvp("unshare", [*unshare, sys.executable, "-B", *sys.argv])
    test = os.fork()
    while test:
        pid, status = os.wait()
        if pid == test:
            sys.exit(os.waitstatus_to_exitcode(status) & 255)
    os.environ["PATH"] = os.pathsep.join(
        [os.environ.get("VFM_BIN", "."), os.environ["PATH"], "/usr/sbin", "/sbin"])
    run("mount -t tmpfs tmpfs /run")  # what a test leaves there is then its own
    os.mkdir("/run/netns")
    while os.statvfs("/sys/fs/bpf").f_files == 0 and out("stat -f -c %T /sys/fs/bpf") == "bpf_fs":
        run("umount /sys/fs/bpf")


def words_of(command):
    return command.split() if isinstance(command, str) else [str(word) for word in command]


def run(command, check=True, **options):
    """Runs a command, given as words or as one text without quotes; its CompletedProcess."""
    done = subprocess.run(words_of(command), capture_output=True, text=True, **options)
    if check and done.returncode:
        raise Failed(f"{command}: status {done.returncode}: {done.stderr}{done.stdout}")
    return done


def out(command):
    return run(command).stdout.strip()


def start(command, **options):
    """A process that runs beside the test."""
    return subprocess.Popen(words_of(command), **options)


def wait_for(what, condition, seconds=5.0, pause=0.01):
    """The first true value of `condition`; Failed after so many seconds."""
    end = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise Failed(f"{what}: not within {seconds} s")
        time.sleep(pause)


def same(what, actual, expected):
    if actual != expected:
        raise Failed(f"{what}: got {actual!r}, expected {expected!r}")


def contains(what, text, part):
    if part not in text:
        raise Failed(f"{what}: {text!r} has no {part!r}")


class Namespace:
    """A network namespace; `with` it the calling thread is inside: its sockets and the commands
    that it starts then belong there."""

    def __init__(self, name):
        self.name = name
        self.path = f"/run/netns/{name}"
        self.before = []
        maker = threading.Thread(target=self.make)
        maker.start()
        maker.join()
        self.fd = os.open(self.path, os.O_RDONLY | os.O_CLOEXEC)
        with self:
            for scope in "all", "default":
                self.sysctl(f"net/ipv6/conf/{scope}/disable_ipv6", 1)
                self.sysctl(f"net/ipv4/conf/{scope}/rp_filter", 1)

    def make(self):
        """In a thread of its own, as `ip netns add` does it."""
        with open(self.path, "w"):
            pass
        if LIBC.unshare(CLONE_NEWNET) or \
                LIBC.mount(b"/proc/thread-self/ns/net", self.path.encode(), b"none", MS_BIND, None):
            raise OSError(ctypes.get_errno(), "cannot make a network namespace")

    def __enter__(self):
        self.before.append(os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC))
        self.move_to(self.fd)
        return self

    def __exit__(self, *_):
        fd = self.before.pop()
        self.move_to(fd)
        os.close(fd)

    @staticmethod
    def move_to(fd):
        if LIBC.setns(fd, CLONE_NEWNET):
            raise OSError(ctypes.get_errno(), "setns")

    def run(self, command, **options):
        with self:
            return run(command, **options)

    def out(self, command):
        with self:
            return out(command)

    def batch(self, *commands):
        """Several commands of ip in one."""
        self.run("ip -batch -", input="\n".join(commands) + "\n")

    def start(self, command, **options):
        with self:
            return start(command, **options)

    def sysctl(self, name, value):
        """Which of them are seen at /proc/sys follows the calling thread."""
        with self, open(f"/proc/sys/{name}", "w") as file:
            file.write(str(value))

    def read(self, path):
        """A file under /proc/net."""
        with self, open(f"/proc/thread-self/net/{path}") as file:
            return file.read()

    def socket(self, *arguments):
        import socket
        with self:
            return socket.socket(*arguments)

    def delete(self):
        os.close(self.fd)
        LIBC.umount2(self.path.encode(), MNT_DETACH)
        os.unlink(self.path)


@contextlib.contextmanager
def workplace():
    """A directory and a bpffs under it."""
    path = tempfile.mkdtemp(prefix="vfm-served.", dir="/tmp")
    os.mkdir(f"{path}/bpf")
    try:
        if run(f"mount -t bpf bpf {path}/bpf", check=False).returncode:
            raise Skip("this machine has no bpffs")
        yield path
    finally:
        run(f"umount -l {path}/bpf", check=False)
        shutil.rmtree(path, ignore_errors=True)


def processes(name="vfm-xdp"):
    """Numbers of the processes of this name that are alive, in order."""
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        with contextlib.suppress(OSError):
            with open(f"/proc/{pid}/stat") as file:
                comm, _, rest = file.read().partition("(")[2].rpartition(")")
            if comm == name and rest.split()[0] not in "ZX":
                found.append(int(pid))
    return sorted(found)


def nonblocking(fd):
    fcntl.fcntl(fd, fcntl.F_SETFL, fcntl.fcntl(fd, fcntl.F_GETFL) | os.O_NONBLOCK)


def main(checks):
    """Runs the named checks, all or those that the command line names; one line each; exits with
    1 if one failed, 77 if all were skipped. `checks` are (name, function) pairs."""
    chosen = sys.argv[1:]
    unknown = [name for name in chosen if name not in dict(checks)]
    if unknown:
        sys.exit(f"no such check: {unknown}; there are {[name for name, _ in checks]}")
    enter()
    states = []
    for name, function in checks:
        if chosen and name not in chosen:
            continue
        begun = time.monotonic()
        try:
            note = function()
            state, text = "ok", f": {note}" if note else ""
        except Skip as reason:
            state, text = "SKIP", f": {reason}"
        except Exception as problem:  # the next check may still say something
            if not isinstance(problem, Failed):
                import traceback
                traceback.print_exc()
            state, text = "FAIL", f": {problem}"
        states.append(state)
        print(f"{state} {name} ({time.monotonic() - begun:.1f} s){text}", flush=True)
    sys.exit(1 if "FAIL" in states else SKIPPED if set(states) == {"SKIP"} else 0)
