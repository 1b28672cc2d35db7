"""Clocks that jump: the time of day of one broker, under libfaketime; what measures durations goes on as
it did. The machine's own clock is left alone."""

import glob
import os

_LIBRARY = "/usr/lib/*/faketime/libfaketimeMT.so.1"


def _started_under(world, node):
    """Starts the broker with a clock of its own; the file that sets it."""
    place = os.path.join(world.home, f"clock-{node}")
    _set(place, 0)
    world.cluster[node].start(
        ["env", f"LD_PRELOAD={glob.glob(_LIBRARY)[0]}", f"FAKETIME_TIMESTAMP_FILE={place}",
         "FAKETIME_CACHE_DURATION=1", "FAKETIME_DONT_FAKE_MONOTONIC=1"], wait=False)
    return place


def _set(place, seconds):
    with open(place + ".new", "w") as file:
        file.write(f"{seconds:+}s\n")
    os.replace(place + ".new", place)


def clock_jumps(world):
    node = world.prng.choice((world.leader(), world.controller()))
    jumps = [world.prng.choice((-86_400, -3_600, -30, 30, 3_600, 86_400)) for _ in range(2)]
    world.note(f"the clock of broker {node} jumps to {jumps[0]:+} s, then to {jumps[1]:+} s, and back")
    world.cluster[node].stop(30)
    place = _started_under(world, node)
    world.settle()
    for seconds in (*jumps, 0):
        _set(place, seconds)
        world.hold(1.5, 3)
    world.kill(node)
    world.start(node)


KINDS = {"clock-jumps": clock_jumps}
