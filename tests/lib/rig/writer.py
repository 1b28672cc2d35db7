"""A producer and a reader of one partition that go wherever its leader is, and keep account."""

import contextlib
import time

from rig import api
from rig.batch import batch
from rig.wire import Wire

# Another try may succeed; none of these says that the records were refused for good.
RETRIABLE = {api.LEADER_NOT_AVAILABLE, api.NOT_LEADER, api.REQUEST_TIMED_OUT, api.UNKNOWN_TOPIC,
             api.NOT_ENOUGH_REPLICAS, api.NOT_ENOUGH_REPLICAS_AFTER_APPEND, api.STORAGE_ERROR}


class Follows:
    """Keeps a connection to the leader of a partition; looks for it anew after a failure."""

    def __init__(self, cluster, topic, partition=0, timeout=5):
        self.cluster = cluster
        self.topic = topic
        self.partition = partition
        self.timeout = timeout
        self.wire = None
        self.leader = None

    def close(self):
        if self.wire is not None:
            self.wire.close()
        self.wire = None

    def _connect(self):
        for broker in self.cluster.brokers.values():
            if not broker.alive():
                continue
            with contextlib.suppress(OSError, AssertionError):
                with Wire(broker.port, timeout=1) as any_broker:
                    placed = api.placement(any_broker, self.topic).get(self.partition)
                if placed is None or placed.leader not in self.cluster.brokers:
                    continue
                self.wire = Wire(self.cluster[placed.leader].port, timeout=self.timeout)
                self.leader = placed.leader
                return True
        return False

    def once(self, work):
        """What `work(wire)` gives at the leader; None when there is none, or the connection broke."""
        if self.wire is None and not self._connect():
            return None
        try:
            return work(self.wire)
        except (OSError, AssertionError):
            self.close()
            return None


class Writer(Follows):
    """An idempotent producer of small records, one batch at a time. `acked` holds every value that
    was acknowledged, with its offset; `errors` what was answered on the way."""

    def __init__(self, cluster, topic, partition=0, acks=-1, timeout=5):
        super().__init__(cluster, topic, partition, timeout)
        self.acks = acks
        self.acked = []
        self.errors = []
        self._sequence = 0
        self._producer = None

    def _identify(self, seconds):
        deadline = time.monotonic() + seconds
        while self._producer is None and time.monotonic() < deadline:
            got = self.once(api.init_producer_id)
            if got is not None and got[0] == 0:
                self._producer = got[1:]
            else:
                time.sleep(0.01)

    def write(self, values, seconds=20):
        """Sends them until they are acknowledged; the seconds that took. Raises TimeoutError."""
        began = time.monotonic()
        self._identify(seconds)
        if self._producer is None:
            raise TimeoutError("no producer id")
        records = batch(values, self._producer[0], self._producer[1], self._sequence)
        while time.monotonic() - began < seconds:
            got = self.once(lambda wire: api.produce(wire, self.topic, records, self.partition,
                                                     self.acks, timeout=3_000))
            if got is not None and got.error == 0:
                self._sequence += len(values)
                self.acked += [(got.offset + i, value) for i, value in enumerate(values)]
                return time.monotonic() - began
            if got is not None:
                self.errors.append(got.error)
                if got.error not in RETRIABLE:
                    raise AssertionError(f"produce was answered with {got.error}")
                self.close()
            time.sleep(0.005)
        raise TimeoutError(f"nothing acknowledged in {seconds} s; errors {self.errors[-5:]}")


def read_all(cluster, topic, partition=0, seconds=20):
    """[(offset, value)] of everything readable now."""
    reader = Follows(cluster, topic, partition)
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        end = reader.once(lambda wire: api.list_offset(wire, topic, -1, partition))
        if end is not None and end[0] == 0:
            break
        reader.close()
        time.sleep(0.01)
    else:
        raise TimeoutError(f"the end of {topic}-{partition} is not known after {seconds} s")
    found = []
    offset = 0
    while offset < end[1] and time.monotonic() < deadline:
        got = reader.once(lambda wire: api.fetch(wire, topic, offset, partition, wait_ms=100))
        if got is None or got.error != 0:
            reader.close()
            time.sleep(0.01)
            continue
        new = api.records_of(got.records or b"")
        found += [(at, value) for at, value in new if at >= offset]
        if new:
            offset = new[-1][0] + 1
    reader.close()
    if offset < end[1]:
        raise TimeoutError(f"{topic}-{partition} was read up to {offset} of {end[1]} in {seconds} s")
    return found


def lost(writer, found):
    """Acknowledged records that are not where they were acknowledged to be."""
    read = dict(found)
    return [(offset, value) for offset, value in writer.acked if read.get(offset) != value]


def doubled(found):
    """Values that were read twice; each is written once, however often it was sent."""
    seen, twice = set(), []
    for _, value in found:
        if value in seen:
            twice.append(value)
        seen.add(value)
    return twice
