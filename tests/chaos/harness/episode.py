"""One cluster from its founding to the verdict: faults one after the other, each healed before the
next; then everything is read, and the history checked."""

import os
import random
import shutil
import time
import traceback

from faults import KINDS
from harness import checker
from harness.history import Fault
from harness.world import World

FINALS = ("final-1", "final-2")
SECONDS, SECONDS_LONG = 200, 3600
now = time.monotonic


def schedule(seed, only=None):
    """Kinds of faults without end. Any three seeds that follow one another begin with all of them."""
    prng = random.Random(f"{seed}/schedule")
    kinds = list(only or KINDS)
    share = kinds if only else kinds[seed % 3::3]
    while True:
        prng.shuffle(share)
        yield from share
        share = list(kinds)


def run_all(tally, options):
    seed = options.seed
    again = f"tests/chaos/run --broker {options.broker} --seed {seed}" + "".join(
        f" --only {kind}" for kind in options.only or ()) + (" --long" if options.long else "")
    print(f"# chaos: seed {seed}; again with: {again}", flush=True)
    seconds = options.seconds or (SECONDS_LONG if options.long else SECONDS)
    deadline = now() + seconds
    number = 0
    while now() < deadline and not tally.failed:
        _run(tally, options, seed, number, deadline)
        seed, number = seed + 1, number + 1


def _run(tally, options, seed, number, deadline):
    title = f"chaos {seed}"
    try:
        with World(options.broker, seed) as world:
            try:
                _play(tally, options, world, title, min(deadline, now() + SECONDS))
            finally:
                _keep(options, world, number)
    except Exception:  # an episode that breaks is a failure, and the next still runs
        tally.check(f"{title}: the episode runs to its end", False, traceback.format_exc())


def _play(tally, options, world, title, deadline):
    history, clients = world.history, world.clients
    began = now()
    clients.start()
    world.observer.start()
    world.kind = "the founding"
    world.settle()
    for kind in schedule(world.seed, options.only):
        if now() > deadline or history.findings or clients.broken():
            break
        _one(world, kind, began)
    if not history.findings:
        world.settle()
    clients.stop_producers(30)
    clients.stop_readers()
    world.observer.stop()
    for name in FINALS:
        for problem in clients.read_whole(name):
            history.finding("I22", problem)
    for problem in world.differences():
        history.finding("I18", problem)
    tally.check(f"{title}: clients work to the end", not clients.broken(), "\n".join(clients.broken()))
    found = checker.check(history, FINALS)
    tally.check(f"{title}: {len(history.acks)} acknowledged records over "
                f"{sum(each.phase == 'begin' for each in history.faults)} faults keep all promises",
                not found, "\n".join(f"{name} {what}" for name, what in found))


def _one(world, kind, began):
    history = world.history
    world.kind = kind
    history.faults.append(Fault(now(), kind, "begin", ""))
    acks = len(history.acks)
    KINDS[kind](world)
    history.faults.append(Fault(now(), kind, "end", ""))
    took = world.settle()
    history.faults.append(Fault(now(), kind, "healed", ""))
    told = [each.text for each in history.faults if each.phase == "note"][-1]
    print(f"# {now() - began:5.1f} s {kind}: {told}; well again after {took:.1f} s, "
          f"{len(history.acks) - acks} acknowledged", flush=True)
    world.hold(0.2, 0.8)


def _keep(options, world, number):
    base = os.path.splitext(options.report)[0] + (f"-{number}" if number else "")
    world.history.save(base + ".json.gz", seed=world.seed)
    if options.keep or world.history.findings:
        for node, broker in world.cluster.brokers.items():
            shutil.copy(broker.log_path, f"{base}-broker-{node}.log")
