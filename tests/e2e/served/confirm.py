#!/usr/bin/env python3
"""attach --confirm of a filter that a process serves. `confirm.py [CHECK...]`"""
import os
import signal
import time

import lib_sandbox
import lib_serve
from lib_sandbox import Failed, Skip, processes, same, wait_for
from lib_serve import SERVED_BY, attach, detach, end_of, refused, vfm, vfm_json
from lib_world import Case, world


def on_served(check):
    if SERVED_BY != "userspace":
        raise Skip(f"served by {SERVED_BY}: this is about a filter in user space")
    with lib_sandbox.workplace() as folder, world(Case("native")) as w:
        lib_serve.BPFFS = f"{folder}/bpf"
        w.know_neighbours()
        check(w)


def pid_of(w):
    return vfm_json(w.server, "show", "v0")[0]["pid"]


def left(w):
    return [row["confirm_left"] for row in vfm_json(w.server, "list")]


def all_gone(begin, seconds, slack=30.0):
    """The filter's process and its guard end, not before the time, and leave nothing."""
    wait_for("the end of all processes", lambda: not processes(), seconds + slack)
    if time.monotonic() - begin < seconds:
        raise Failed(f"gone after {time.monotonic() - begin:.2f} s")
    same("left", os.path.exists(f"{lib_serve.BPFFS}/vfm-2"), False)


def in_time():
    """It goes at that time, not before; confirmed it stays."""
    def check(w):
        done = attach(w, "1", "--confirm", "600")
        if "is taken off again in 600 s" not in done.stderr or not 500 < left(w)[0] <= 600:
            raise Failed(f"note: {done.stderr}, left: {left(w)}")
        detach(w)
        begin = time.monotonic()
        attach(w, "1", "--confirm", "2")
        all_gone(begin, 2)
        attach(w, "1", "--confirm", "5")
        vfm(w.server, "confirm", "v0")
        time.sleep(5.5)
        same("confirmed", left(w), [None])
        same("processes", processes(), [pid_of(w)])
        refused(w.server, "no filter waits", "confirm", "v0")
        detach(w)
    on_served(check)


def killed():
    """The process is stopped or killed meanwhile: it goes all the same."""
    def check(w):
        for ending in signal.SIGSTOP, signal.SIGKILL:
            begin = time.monotonic()
            attach(w, "1", "--confirm", "4")
            os.kill(pid_of(w), ending)
            all_gone(begin, 4)
        # The guard is killed: who takes the lock does its work.
        attach(w, "1", "--confirm", "4")
        serving = pid_of(w)
        for pid in processes():
            if pid != serving:
                os.kill(pid, signal.SIGKILL)
        time.sleep(4.5)
        same("left", left(w), [0])
        attach(w, "1", "--name", "other")
        end_of(serving)
        same("swept", [row["name"] for row in vfm_json(w.server, "list")], ["other"])
        detach(w)
    on_served(check)


def in_front():
    """`run --confirm` ends at that time, and well."""
    def check(w):
        begin = time.monotonic()
        done = vfm(w.server, "run", "v0", "-e", "1", "--confirm", "1")
        if "is taken off again" not in done.stderr or not done.stdout:
            raise Failed(f"run: {done.stderr}{done.stdout}")
        all_gone(begin, 1)
    on_served(check)


if __name__ == "__main__":
    lib_sandbox.main([(check.__name__, check) for check in (in_time, killed, in_front)])
