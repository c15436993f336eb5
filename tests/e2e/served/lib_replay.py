"""Captures, what the interpreter says of one, and what a filter with real packets says."""
import json
import os
import struct
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from lib_sandbox import Failed, run, same
from lib_serve import only, stats_after, vfm_json


def write_capture(path, packets):
    with open(path, "wb") as file:
        file.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1))
        for packet in packets:
            file.write(struct.pack("<IIII", 1, 0, len(packet), len(packet)) + packet)


def read_capture(path):
    data, packets = Path(path).read_bytes()[24:], []
    while len(data) >= 16:
        size = struct.unpack_from("<I", data, 8)[0]
        packets.append(data[16:16 + size])
        data = data[16 + size:]
    return packets


def whole(frame):
    """Its bytes with the tag that the kernel has moved out of them."""
    if not frame.tag:
        return frame.data
    return frame.data[:12] + struct.pack("!HH", *frame.tag) + frame.data[12:]


def flows_of(rows):
    """Table, key as people write it and value of each, in order."""
    def shown(key):
        return ",".join(map(str, key)) if isinstance(key, list) else str(key)
    return sorted((row["table"], shown(row["key"]), row["value"]) for row in rows)


@dataclass
class Judgement:
    """What a filter made of packets."""
    accepted: list  # packets, in order; None where they cannot be seen
    numbers: dict  # accept, drop, errors
    flows: list
    rules: list


def interpreted(folder, filter_path, packets):
    """What the interpreter says."""
    accepted = f"{folder}/accepted.pcap"
    if os.path.exists(accepted):
        os.unlink(accepted)
    write_capture(f"{folder}/in.pcap", packets)
    done = run(["vfm-test", "--engine=interp", "--json", "--dump-rules",
                "--accepted", accepted, filter_path, f"{folder}/in.pcap"])
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    summary = next(row for row in rows if "engine" in row)
    # The JSON has the words of keys, the text what people write.
    text = run(["vfm-test", "--engine=interp", "--dump-flows", filter_path, f"{folder}/in.pcap"])
    lines = [line[len("flow "):].rsplit("  ", 2) for line in text.stdout.splitlines()
             if line.startswith("flow ")]
    flows = flows_of([{"table": table, "key": key, "value": int(value)}
                      for table, key, value in lines])
    numbers = {"accept": summary["accept"], "drop": summary["drop"], "errors": summary["errors"]}
    return Judgement(read_capture(accepted), numbers, flows,
                     [row for row in rows if "rules" in row])


def lived(world, count, flows=True):
    """What the only filter of the server says of itself once `count` packets have come; errors
    drop."""
    row = stats_after(world, count)
    errors = {kind: number for kind, number in row["errors"].items() if number}
    numbers = {"accept": row["pass"] + row["log"], "drop": row["drop"] - sum(errors.values()),
               "errors": errors}
    shown = vfm_json(world.server, "flows", "v0") if flows else []
    # vfm-test withholds nothing, and has no such number.
    rules = [{k: v for k, v in rule.items() if k != "would_drop"} for rule in row["rules"]]
    return Judgement(None, numbers, flows_of(shown), rules)


def arrived(watch, expected, seconds=3.0):
    """What arrives, as bytes with their tags; waits for as many as are expected, then for those
    that should not."""
    end = time.monotonic() + seconds
    while len(watch.drain()) < expected and time.monotonic() < end:
        time.sleep(0.002)
    time.sleep(0.01)
    return [whole(frame) for frame in watch.drain()]


def same_packets(what, got, expected):
    got, expected = Counter(got), Counter(expected)
    if got != expected:
        raise Failed(f"{what}: {sum((got - expected).values())} arrived that the interpreter drops, "
                     f"{sum((expected - got).values())} did not that it accepts: "
                     f"{[p.hex()[:200] for p in [*(got - expected), *(expected - got)]][:2]}")


def same_judgement(what, got, expected):
    """All but the packets themselves."""
    same(f"{what}: pass, drop and errors", got.numbers, expected.numbers)
    same(f"{what}: rules", got.rules, expected.rules)
    if got.flows != expected.flows:
        more, less = Counter(got.flows) - Counter(expected.flows), \
            Counter(expected.flows) - Counter(got.flows)
        raise Failed(f"{what}: flows: got {[*more][:5]}, expected {[*less][:5]}")


def those_that_arrive(world, packets):
    """Without any filter, as a set: the kernel itself drops some that are cut in the middle of a
    tag."""
    watch = world.watch(world.server, "v0", incoming_only=True)
    sender = world.sender(world.client, "v1")
    for first in range(0, len(packets), 50):
        for packet in packets[first:first + 50]:
            sender.send_one(packet)
        world.frames(f"burst {first}", watch)
    found = {whole(frame) for frame in watch.frames}
    world.tidy()
    kept = sum(packet in found for packet in packets)
    if kept < 0.9 * len(packets):
        raise Failed(f"only {kept} of {len(packets)} packets arrive without a filter")
    return found
