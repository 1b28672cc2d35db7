"""A cluster whose brokers run this program or the one of the previous feature level, and change sides."""

import os
import shutil

from rig import api
from rig.cluster import Cluster
from rig.wire import Wire, until

SETTLE_SECONDS_MAX = 30
IN_SYNC = 3


class Mixed(Cluster):
    """`old` and `new` are programs; a broker is of the one that its path names."""

    def __init__(self, old, new):
        super().__init__(old)
        self.topics = []
        self.old, self.new = os.path.abspath(old), os.path.abspath(new)

    def program(self, node):
        return "new" if self[node].path == self.new else "old"

    def restart_with(self, node, program, held_at=None):
        """The other program goes on with what this one left.

        held_at   the feature level that it does not agree to go beyond; the old program has no such setting
        """
        broker = self[node]
        self.end(node)
        broker.path = self.new if program == "new" else self.old
        broker.settings = [each for each in broker.settings if not each.startswith("feature.level.max=")]
        if held_at is not None:
            broker.settings.append(f"feature.level.max={held_at}")
        self.start([node])
        self.await_in_sync()

    def restart(self, node):
        self.end(node)
        self.start([node])
        self.await_in_sync()

    def end(self, node):
        """In order, when nothing hangs on it."""
        def is_safe():
            try:
                return self.get(node, f"/v1/brokers/{node}/safe-to-stop")["safe"]
            except (OSError, ValueError, KeyError):  # the controller changes
                return False

        if not until(is_safe, SETTLE_SECONDS_MAX):
            raise TimeoutError(f"broker {node} is not safe to stop")
        status = self[node].stop()
        if status != 0:
            raise RuntimeError(f"broker {node} ended with {status}\n{self[node].log_tail()}")

    def create(self, topic, partitions):
        with Wire(self[1].port) as wire:
            error = api.create_topic(wire, topic, partitions, replicas=len(self.brokers))
        if error:
            raise RuntimeError(f"CreateTopics({topic}) answered {error}")
        self.topics.append(topic)
        self.await_in_sync()

    def await_in_sync(self):
        """As every broker sees every topic."""
        def everywhere():
            try:
                return all(self._is_in_sync(node) for node in self.brokers)
            except (OSError, AssertionError):
                return False

        if not until(everywhere, SETTLE_SECONDS_MAX):
            raise TimeoutError(f"not everything is in sync after {SETTLE_SECONDS_MAX} s")

    def _is_in_sync(self, node):
        with Wire(self[node].port) as wire:
            placed = [api.placement(wire, topic) for topic in self.topics]
        return all(each and all(len(one.isr) == IN_SYNC for one in each.values()) for each in placed)

    def level(self, node):
        """(finalised, highest of its program), as a broker of this program tells."""
        quorum = self.get(node, "/v1/quorum")
        return quorum["metadata_version"], quorum["metadata_version_max"]

    def is_at(self, level):
        """Whether all brokers of the new program have come to know this level as the finalised one."""
        mine = [node for node in self.brokers if self.program(node) == "new"]
        return bool(mine) and all(self.level(node)[0] == level for node in mine)

    def swap_directory(self, node, put_back=False):
        """An empty directory in place of a broker's, or what it had."""
        data, aside = self[node].data, self[node].data + ".aside"
        if put_back:
            shutil.rmtree(data)
            shutil.move(aside, data)
        else:
            shutil.move(data, aside)
