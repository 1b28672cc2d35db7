"""Many faults at a time, faster than anything can settle. None of them takes a disk's synced bytes away, so
whatever was acknowledged has to survive all of it."""

import os
import signal

from faults.disks import cut_power
from harness.world import CLIENT, NODES


class _Storm:
    def __init__(self, world):
        self._world, self._prng = world, world.prng
        self._paused = set()
        self._ending = set()  # processes that were asked to

    def _kill(self, node):
        self._resume(node)
        self._world.kill(node)

    def _end(self, node):
        self._resume(node)
        if self._world.cluster[node].alive():
            self._world.cluster[node].process.terminate()
            self._ending.add(self._world.cluster[node].process.pid)

    def _start(self, node):
        if not self._world.cluster[node].alive():
            self._world.kill(node)  # nothing of it is left before another one has its directory
            self._world.start(node)

    def _pause(self, node):
        if self._world.cluster[node].alive():
            os.kill(self._world.cluster[node].process.pid, signal.SIGSTOP)
            self._paused.add(node)

    def _resume(self, node):
        if node in self._paused:
            self._paused.discard(node)
            self._world.cluster[node].process.send_signal(signal.SIGCONT)

    def _cut(self, node):
        other = self._prng.choice([*self._world.others(node), *self._world.others(node), None])
        self._world.network.cut([f"b{node}"], [f"b{other}" if other else CLIENT])

    def _drop(self, node):
        other = self._prng.choice(self._world.others(node))
        self._world.network.drop((f"b{node}", f"b{other}"))

    def _heal(self, _):
        self._world.network.heal()

    def _reset(self, node):
        self._world.network.reset(f"b{node}", f"b{self._prng.choice(self._world.others(node))}")

    def _lose_power(self, node):
        self._resume(node)
        cut_power(self._world, [node], self._prng.choice(("cache", "names", "torn")))

    def blow(self, seconds):
        actions = [self._kill, self._start, self._start, self._start, self._start, self._pause,
                   self._resume, self._resume, self._cut, self._drop, self._heal, self._heal,
                   self._reset, self._lose_power, self._end]
        ends = self._world.now() + seconds
        while self._world.now() < ends:
            self._prng.choice(actions)(self._prng.choice(NODES))
            self._world.hold(*self._prng.choice(((0, 0.05), (0.05, 0.3), (0.3, 1.5))))

    def calm(self):
        self._heal(None)
        for node in NODES:
            self._resume(node)
            if self._world.cluster[node].process.pid in self._ending:
                self._world.cluster[node].stop(30)
            self._start(node)


def storm(world):
    seconds = world.prng.uniform(5, 12)
    world.note(f"for {seconds:.0f} s brokers are killed, stopped, paused and lose power, links are cut and "
               "connections reset, all at once")
    storm_ = _Storm(world)
    try:
        storm_.blow(seconds)
    finally:
        storm_.calm()


KINDS = {"storm": storm}
