"""Processes that die, stop and come back."""

import os
import signal


def _kill_one(world, node, what):
    world.note(f"kill -9 of broker {node}, {what}")
    world.kill(node)
    world.hold(0.3, 4)
    world.start(node)


def kill_leader(world):
    _kill_one(world, world.leader(), "a leader")


def kill_follower(world):
    _kill_one(world, world.follower(), "a follower")


def kill_controller(world):
    _kill_one(world, world.controller(), "the controller")


def kill_two(world):
    spared = world.prng.choice(world.alive())
    two = world.others(spared)
    world.note(f"kill -9 of brokers {two[0]} and {two[1]} at once")
    world.kill(*two)
    world.hold(0.3, 3)
    world.prng.shuffle(two)
    world.start(two[0])
    world.hold(0, 1)
    world.start(two[1])


def kill_all(world):
    nodes = world.alive()
    world.note("kill -9 of all brokers at once")
    world.kill(*nodes)
    world.prng.shuffle(nodes)
    for node in nodes:
        world.hold(0, 0.7)
        world.start(node)


def kill_again(world):
    """One dies, comes back, and dies again before it can have caught up; then its neighbour."""
    first = world.leader()
    second = world.prng.choice(world.others(first))
    world.note(f"kill -9 of broker {first}, of it again as it comes back, then of broker {second}")
    for _ in range(2):
        world.kill(first)
        world.hold(0, 0.5)
        world.start(first)
        world.hold(0.05, 0.5)
    world.kill(second)
    world.hold(0.1, 1)
    world.start(second)


def _pause(world, nodes, what):
    world.note(f"SIGSTOP of {what}")
    pids = [world.cluster[node].process.pid for node in nodes]
    try:
        for pid in pids:
            os.kill(pid, signal.SIGSTOP)
        # Shorter and longer than the session of a broker.
        world.hold(*world.prng.choice(((0.3, 0.9), (1.5, 6))))
    finally:
        for pid in pids:
            os.kill(pid, signal.SIGCONT)


def pause_leader(world):
    node = world.leader()
    _pause(world, [node], f"broker {node}, a leader")


def pause_follower(world):
    node = world.follower()
    _pause(world, [node], f"broker {node}, a follower")


def pause_controller(world):
    node = world.controller()
    _pause(world, [node], f"broker {node}, the controller")


def pause_all(world):
    _pause(world, world.alive(), "all brokers")


def rolling_restart(world):
    """As an upgrade does it: each is stopped, started, and waited for before the next."""
    world.note("SIGTERM of one broker after the other, each waited for")
    for node in world.prng.sample(world.alive(), 3):
        status = world.cluster[node].stop(30)
        if status != 0:
            world.history.finding("I22", f"broker {node} was asked to end, its exit status is {status}")
        world.start(node)
        world.settle()


KINDS = {
    "kill-leader": kill_leader,
    "kill-follower": kill_follower,
    "kill-controller": kill_controller,
    "kill-two": kill_two,
    "kill-all": kill_all,
    "kill-again": kill_again,
    "pause-leader": pause_leader,
    "pause-follower": pause_follower,
    "pause-controller": pause_controller,
    "pause-all": pause_all,
    "rolling-restart": rolling_restart,
}
