"""All that the clients of a run did and saw, with times of CLOCK_MONOTONIC, and what was done to the
cluster meanwhile. Threads add to it; a list's append needs no lock.

A record is known by its producer and its counter in a partition (rig.signed).
"""

import gzip
import json
import threading
from collections import namedtuple

# Sent at `began`, the first time; acknowledged at `ended` by broker `broker` (None: not known).
# librdkafka does not learn the offset of what it is told to have sent twice: None.
Ack = namedtuple("Ack", "producer partition counter offset began ended broker")

# One answer to a reader. `records` are (offset, (producer, counter), leader epoch); the name is None
# where no client of ours sent such a value, the epoch where the client does not tell. `role` is
# "leader", "follower" or None (not known); only a leader's high watermark counts.
Fetch = namedtuple("Fetch", "reader partition began ended broker role leader_epoch offset "
                            "high_watermark records")

# The high watermark as asked for on its own (ListOffsets).
End = namedtuple("End", "reader partition began ended broker leader_epoch high_watermark")

# A topic that was made or removed: `what` is "create" or "delete", `error` a code, or None without an
# answer. A name is used once.
Change = namedtuple("Change", "what topic began ended error")

# What was done to the cluster. `phase` is "begin", "end" (taken away) or "healed" (all is well again).
Fault = namedtuple("Fault", "at kind phase text")


class History:
    def __init__(self):
        self._lock = threading.Lock()
        self.sent = {}  # (producer, partition) -> [time of the first sending], by counter
        self.failed = {}  # (producer, partition) -> counters that certainly were not appended
        self.acks = []
        self.fetches = []
        self.ends = []
        self.faults = []
        self.changes = []
        self.topics = {}  # broker -> names of the topics it knows at the end
        self.findings = []  # violations seen as they happened: (invariant, sentence)
        self.leaders = []  # (time, partition, leader, leader epoch, ISR), at each change
        self.controllers = []  # (time, node), at each change
        self.retired = []  # (time, producer, why) of those that ended for good before the run did
        self.errors = {}  # error code -> how often a producer was answered with it

    def send(self, producer, partition, now):
        """The counter of a new record. One thread a producer and partition."""
        times = self.sent.get((producer, partition))
        if times is None:
            with self._lock:
                times = self.sent.setdefault((producer, partition), [])
        times.append(now)
        return len(times) - 1

    def fail(self, producer, partition, counter):
        with self._lock:
            self.failed.setdefault((producer, partition), set()).add(counter)

    def error(self, code):
        with self._lock:
            self.errors[code] = self.errors.get(code, 0) + 1

    def finding(self, invariant, sentence):
        with self._lock:
            if (invariant, sentence) not in self.findings:
                self.findings.append((invariant, sentence))

    def unanswered(self):
        """[(producer, partition, how many)] of records without an acknowledgement, but those of
        producers that ended."""
        acked = {}
        retired = {producer for _, producer, _ in self.retired}
        for ack in self.acks:
            key = (ack.producer, ack.partition)
            acked[key] = acked.get(key, 0) + 1
        return [(*key, len(times) - acked.get(key, 0)) for key, times in sorted(self.sent.items())
                if len(times) > acked.get(key, 0) and key[0] not in retired]

    def save(self, path, **about):
        """As gzipped JSON; the named tuples become lists in the order of their fields."""
        whole = {
            **about,
            "fields": {each.__name__: each._fields for each in (Ack, Fetch, End, Change,
                                                                Fault)},
            "sent": [[*key, [round(at, 4) for at in times]] for key, times in self.sent.items()],
            "failed": [[*key, sorted(counters)] for key, counters in self.failed.items()],
            "acks": self.acks, "fetches": self.fetches, "ends": self.ends, "faults": self.faults,
            "changes": self.changes,
            "topics": {node: sorted(names) for node, names in self.topics.items()},
            "findings": self.findings, "retired": self.retired,
            "leaders": self.leaders, "controllers": self.controllers,
            "errors": self.errors,
        }
        with gzip.open(path, "wt", compresslevel=1) as out:
            json.dump(whole, out)
