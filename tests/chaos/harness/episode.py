"""One cluster from its founding to the verdict: faults one after the other, each healed before the
next; then everything is read, and the history checked. A long run is many of them."""

import os
import random
import shutil
import time
import traceback

from faults import KINDS, NEEDS, STALLS
from harness import checker
from harness.history import Fault
from harness.report import Page
from harness.world import World

FINALS = ("final-1", "final-2")
SECONDS, SECONDS_LONG = 180, 3600
# Beyond its time an episode plays what it owes for so long, on a machine that does much else.
OVERTIME_SECONDS = 40
POWER_LOSSES = 10  # of the whole cluster, in each episode
now = time.monotonic


class Schedule:
    """Kinds of faults without end. `owed` come first: any three seeds that follow one another owe all
    kinds together."""

    def __init__(self, seed, kinds, only):
        self._prng = random.Random(f"{seed}/schedule")
        self._kinds = list(kinds)
        self.owed = [] if only else [*self._kinds[seed % 3::3], *["power-all"] * POWER_LOSSES]
        self._prng.shuffle(self.owed)
        self._next = []

    def take(self):
        if self.owed:
            return self.owed.pop()
        if not self._next:
            self._next = self._prng.sample(self._kinds, len(self._kinds))
        return self._next.pop()


def run_all(tally, options):
    again = f"tests/chaos/run --broker {options.broker} --seed {options.seed}" + "".join(
        f" --only {kind}" for kind in options.only or ()) + (" --long" if options.long else "")
    print(f"# chaos: seed {options.seed}; again with: {again}", flush=True)
    page = Page(options.report, again)
    seconds = options.seconds or (SECONDS_LONG if options.long else SECONDS)
    deadline = now() + seconds
    number = 0
    while now() < deadline and not tally.failed:
        _run(tally, options, page, number, deadline)
        number += 1
    print(f"# chaos: {options.report}", flush=True)


def _run(tally, options, page, number, deadline):
    seed = options.seed + number
    title = f"chaos {seed}"
    try:
        with World(options.broker, options.client, seed) as world:
            found = []
            try:
                found = _play(tally, options, world, title, min(deadline, now() + SECONDS))
            finally:
                found = found or world.history.findings
                _keep(options, world, number, found)
                page.add(seed, world.history, found)
    except Exception:  # an episode that breaks is a failure
        tally.check(f"{title}: the episode runs to its end", False, traceback.format_exc())


def _play(tally, options, world, title, deadline):
    """What the checker found."""
    history, clients = world.history, world.clients
    offered = world.offered()
    kinds = options.only or [kind for kind in KINDS if NEEDS.get(kind, 0) in offered]
    schedule = Schedule(world.seed, kinds, options.only)
    began = now()
    clients.start()
    world.observer.start()
    world.kind = "the founding"
    world.settle()
    while (now() < deadline or schedule.owed and now() < deadline + OVERTIME_SECONDS
           and not options.seconds) and not history.findings and not clients.broken():
        _one(world, schedule.take(), began)
    found = _verdict(world)
    tally.check(f"{title}: clients work to the end", not clients.broken(), "\n".join(clients.broken()))
    tally.check(f"{title}: {len(history.acks)} acknowledged records over "
                f"{sum(each.phase == 'begin' for each in history.faults)} faults keep all promises",
                not found, "\n".join(f"{name} {what}" for name, what in found))
    if not found and not options.seconds:
        tally.check(f"{title}: there was time for all faults it owed", not schedule.owed,
                    f"not for {schedule.owed}")
    return found


def _verdict(world, patience=20):
    """Lets the clients finish, reads everything, and gives what the checker finds."""
    world.clients.stop_producers(patience)
    world.clients.stop_readers()
    world.observer.stop()
    for name in FINALS:
        problems = world.clients.read_whole(name, 2 * patience)
        for problem in problems:
            world.history.finding("I22", problem)
        if problems:
            break
    world.ask_for_topics()
    for problem in world.differences():
        world.history.finding("I18", problem)
    return checker.check(world.history, FINALS)


def run_planted(tally, options):
    """A mistake made on purpose must be found: here every sync lies (libeatmydata), and all brokers lose
    power at one instant."""
    try:
        with World(options.broker, options.client, options.seed, lying=True) as world:
            world.clients.start()
            world.observer.start()
            world.kind = "planted"
            world.settle()
            world.write_back()  # so that there is a cluster left whose records can be missing
            time.sleep(2)
            KINDS["power-all"](world)
            world.settle(5)
            found = {name for name, _ in _verdict(world, 3)}
        tally.check("chaos: with disks that lie about syncs, acknowledged records are found to be lost",
                    "I1" in found, f"found {sorted(found)}")
    except Exception:
        tally.check("chaos: the planted mistake is played to its end", False, traceback.format_exc())


def _one(world, kind, began):
    history = world.history
    world.kind = kind
    history.faults.append(Fault(now(), kind, "begin", ""))
    acks, retired = len(history.acks), len(history.retired)
    KINDS[kind](world)
    history.faults.append(Fault(now(), kind, "end", ""))
    took = world.settle()
    history.faults.append(Fault(now(), kind, "healed", ""))
    if kind not in STALLS:
        for at, producer, why in history.retired[retired:]:
            history.finding("I21", f"librdkafka's producer {producer} ended at {at:.3f}: {why}")
    told = [each.text for each in history.faults if each.phase == "note"][-1]
    print(f"# {now() - began:5.1f} s {kind}: {told}; well again after {took:.1f} s, "
          f"{len(history.acks) - acks} acknowledged", flush=True)
    world.hold(0.2, 0.8)


def _keep(options, world, number, found):
    base = os.path.splitext(options.report)[0] + (f"-{number}" if number else "")
    world.history.save(base + ".json.gz", seed=world.seed)
    if options.keep or found:
        for node, broker in world.cluster.brokers.items():
            shutil.copy(broker.log_path, f"{base}-broker-{node}.log")
