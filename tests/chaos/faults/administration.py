"""What operators do, while clients are at work. A kind is played when the brokers offer its request."""

import contextlib

from harness.clients import PARTITIONS, TOPIC
from harness.world import NODES
from rig import api
from rig.wire import Wire


def _reassign(world, wanted):
    """The error of {partition: brokers}, asked of the controller; None without an answer."""
    broker = world.cluster[world.controller()]
    try:
        with Wire(broker.port, timeout=5, host=broker.host) as wire:
            return api.reassign(wire, TOPIC, wanted)
    except (OSError, AssertionError):
        return None


def _until_taken(world, wanted):
    for _ in range(50):
        if _reassign(world, wanted) == 0:
            return
        world.hold(0.1, 0.3)
    world.history.finding("I22", f"a reassignment to {wanted} is refused for ten seconds")


def reassign(world):
    """Each partition gives up a replica and gets it back; a broker may die in between."""
    prng = world.prng
    wanted = {p: prng.sample(NODES, 2) for p in range(PARTITIONS)}
    dies = prng.random() < 0.5
    world.note(f"partitions move to {wanted}, and back" + (", a broker dies meanwhile" if dies else ""))
    _until_taken(world, wanted)
    world.hold(0, 2)
    if dies:
        node = prng.choice(NODES)
        world.kill(node)
        world.hold(0, 1)
        world.start(node)
    _until_taken(world, {p: [*two, *set(NODES) - set(two)] for p, two in wanted.items()})


def elect(world):
    """Leaders go to the preferred replicas, again and again."""
    world.note("preferred leaders are elected, ten times")
    for _ in range(10):
        broker = world.cluster[world.controller()]
        with contextlib.suppress(OSError, AssertionError):
            with Wire(broker.port, timeout=5, host=broker.host) as wire:
                api.elect_preferred(wire, TOPIC, range(PARTITIONS))
        world.hold(0.1, 0.5)


KINDS = {"reassign": reassign, "elect": elect}
NEEDS = {"reassign": api.ALTER_REASSIGNMENTS, "elect": api.ELECT_LEADERS}
